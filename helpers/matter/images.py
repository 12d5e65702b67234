"""The shortest vector between two atoms of a periodic crystal, right in any cell.

Rounding fractional differences is exact in orthogonal cells only, and trying the 27 images around
it still fails in skewed ones. Here the lattice is reduced first (Lenstra, Lenstra & Lovász 1982).
Then four images are enough:

Write a vector along the Gram–Schmidt directions of the reduced rows, whose lengths are g₁, g₂, g₃.
Choosing n₃ puts it on a plane of the lattice, n₂ on a line of that plane, and n₁ is then found by
rounding (Babai 1986). With c₃ in [−½, ½] the height above the nearest plane in units of g₃,
rounding all the way leaves a squared length ≤ c₃²g₃² + (g₁² + g₂²)/4. Every plane but the two
nearest is at least (1 + |c₃|)g₃ away, which is longer whenever g₁² + g₂² ≤ 4g₃². The reduction
guarantees gᵢ² ≤ gᵢ₊₁²/0.74, so g₁² + g₂² ≤ 3.18g₃². In a plane the same argument leaves the two
nearest lines, as g₁² ≤ 4g₂². Two planes × two lines: four images, each with its n₁ rounded.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from helpers.matter.cells import check_cell, wrap
from helpers.matter.reduction import gram_schmidt, reduce_cell

CHUNK = {"cpu": 1 << 15}  # pairs treated at once: their scratch space stays in the cache


class _Lattice(NamedTuple):
    """What the search needs of each cell; all but the first two broadcast over more axes."""

    reduced: Tensor
    back: Tensor  # coordinates in the reduced cell = frac @ back
    m21: Tensor
    m31: Tensor
    m32: Tensor
    scale: Tensor  # |a|²; the next two are |b*|² and |c*|² over it
    b: Tensor
    c: Tensor

    def rows(self, part: slice) -> "_Lattice":
        return _Lattice(*(v[part] for v in self))

    def nearest(self, f1: Tensor, f2: Tensor, f3: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """The four images: squared length over |a|², and the coordinates along a, b*, c*."""
        near = f3 - f3.round()
        for z in (near, near - near.sign()):  # the two nearest planes
            start, close = torch.addcmul(f1, self.m31, z), torch.addcmul(f2, self.m32, z)
            close.sub_(close.round())
            height2 = (z * z).mul_(self.c)
            for y in (close, close - close.sign()):  # the two nearest lines
                x = torch.addcmul(start, self.m21, y)
                x.sub_(x.round())
                yield (y * y).mul_(self.b).add_(height2).addcmul_(x, x), x, y, z


def _lattice(cell: Tensor, extra: int) -> _Lattice:
    """The reduced lattice of each cell, its numbers with `extra` more axes of one."""
    reduced, integers = reduce_cell(cell)
    back = torch.linalg.inv(integers.double()).round().to(cell.dtype)
    mu, g2 = gram_schmidt(integers.double() @ cell.detach().double())
    m21, m31, m32 = mu[..., 1, 0], mu[..., 2, 0], mu[..., 2, 1]
    a, b, c = g2.unbind(-1)
    numbers = (m21, m31 - m21 * m32, m32, a, b / a, c / a)
    return _Lattice(reduced, back, *(v.to(cell.dtype)[(..., *[None] * extra)] for v in numbers))


def _spread(diff: Tensor, cell: Tensor) -> int:
    """How many axes `diff` has between those of the cells and its last."""
    lead = cell.shape[:-2]
    if diff.shape[-1:] != (3,) or diff.shape[: len(lead)] != lead or not diff.is_floating_point():
        raise ValueError(
            f"fractional coordinates of shape {tuple(diff.shape)} and type {diff.dtype} do not "
            f"fit cells {tuple(cell.shape)}: need {(*lead, '...', 3)} and floating-point numbers"
        )
    return diff.ndim - 1 - len(lead)


def minimum_image(diff: Tensor, cell: Tensor) -> Tensor:
    """The shortest Cartesian vector in Å, (*B, ..., 3), among the periodic images of fractional
    differences `diff` (*B, ..., 3) in cells (*B, 3, 3), for any cell; differentiable.

    Raises ValueError for what is no cell and for shapes that do not fit.
    """
    extra = _spread(diff, check_cell(cell))
    lattice = _lattice(cell, extra)
    # (*B, M, 3) in the reduced cell. Rounding first keeps the digits of far images.
    f = (diff - diff.round().detach()).reshape(*cell.shape[:-2], -1, 3) @ lattice.back
    with torch.no_grad():
        images = lattice.nearest(*f.view(diff.shape).unbind(-1))
        best, *kept = next(images)
        for length2, *coordinates in images:
            shorter = length2 < best
            best = torch.where(shorter, length2, best)
            kept = [torch.where(shorter, a, b) for a, b in zip(coordinates, kept, strict=True)]
        x, y, z = kept
        chosen = [x - lattice.m21 * y - lattice.m31 * z, y - lattice.m32 * z, z]
        whole = (torch.stack(chosen, -1).view(f.shape) - f).round()
    return ((f + whole) @ lattice.reduced).view(diff.shape)


def self_distance(cell: Tensor) -> Tensor:
    """The shortest lattice vector (...,) in Å: how far an atom is from its own nearest image.

    Raises ValueError for what is no cell.
    """
    return _own(_lattice(check_cell(cell), 1)).squeeze(-1)


def _own(lattice: _Lattice) -> Tensor:
    """The same with the axes of `lattice`. A vector shorter than a lies at most one plane and one
    line away (g₁² < 4g₃², g₁² < 4g₂², a tilt ≤ ½): five directions, of which a itself has length 1.
    """
    z, up = torch.tensor([[0.0, 1, 1, 1], [1, -1, 0, 1]]).to(lattice.reduced)
    y = torch.addcmul(up, lattice.m32, z)
    x = lattice.m21 * y + lattice.m31 * z
    x = x - x.round()
    shortest = (x * x + lattice.b * y * y + lattice.c * z * z).amin(-1, keepdim=True)
    return (shortest.clamp(max=1.0) * lattice.scale).sqrt()


def _ring(frac: Tensor, cell: Tensor) -> Tensor:
    """Distances (B, 1 + N//2, N) in Å from atom i to the one s steps on around a ring of all N:
    every pair is there, nothing is gathered, and step 0 is the atom's own nearest image."""
    n, half = frac.shape[-2], frac.shape[-2] // 2
    lattice = _lattice(cell, 2)
    f = wrap(wrap(frac) @ lattice.back).transpose(-1, -2)  # (B, 3, N)
    twice = torch.cat([f, f[..., :half]], -1).contiguous()
    found = frac.new_empty(len(frac), 1 + half, n)
    found[:, :1] = _own(lattice)
    many = max(1, CHUNK.get(frac.device.type, 1 << 23) // max(1, half * n))
    for lo in range(0, len(frac) if half else 0, many):
        part = slice(lo, lo + many)
        diff = twice[part, :, 1:].unfold(-1, n, 1) - f[part, :, None]  # (b, 3, N//2, N)
        images = lattice.rows(part).nearest(*diff.unbind(1))
        best, *_ = next(images)
        for length2, *_ in images:
            torch.minimum(best, length2, out=best)
        torch.mul(best, lattice.scale[part], out=found[part, 1:]).sqrt_()
    return found


@torch.no_grad()
def pair_distances(frac: Tensor, cell: Tensor, mask: Tensor | None = None) -> Tensor:
    """Shortest distances (..., N, N) in Å between the atoms `frac` (..., N, 3) in cells
    (..., 3, 3) and all periodic images of one another.

    The diagonal is the distance of an atom to its own nearest image; rows and columns of padding
    (mask False) are infinite. No gradients: use `minimum_image` for those. Raises ValueError for
    what is no cell and for shapes that do not fit.
    """
    flat, cells, live = _flat(frac, cell, mask)
    n = frac.shape[-2]
    i = torch.arange(n, device=frac.device)
    steps = (i - i[:, None]) % n  # from the atom of a row to that of a column
    ahead = steps <= n // 2  # otherwise the ring has this pair the other way round
    place = torch.where(ahead, steps * n + i[:, None], (n - steps) * n + i)
    out = _ring(flat, cells).flatten(1).gather(1, place.flatten().expand(len(flat), -1))
    out = out.view(-1, n, n)
    if mask is not None:
        out.masked_fill_(~(live[:, :, None] & live[:, None, :]), torch.inf)
    return out.view(*frac.shape[:-1], n)


@torch.no_grad()
def minimum_distance(frac: Tensor, cell: Tensor, mask: Tensor | None = None) -> Tensor:
    """The smallest entry (...,) in Å of `pair_distances`: one atom alone has its own image, a
    structure of padding only has none (infinity). Raises the same."""
    flat, cells, live = _flat(frac, cell, mask)
    n, found = frac.shape[-2], _ring(flat, cells)
    if mask is not None:
        twice = torch.cat([live, live[:, : n // 2]], -1)
        found.masked_fill_(~(twice.unfold(-1, n, 1) & live[:, None]), torch.inf)
    return found.flatten(1).amin(-1).view(frac.shape[:-2])


def _flat(frac: Tensor, cell: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """(B, N, 3), (B, 3, 3) and (B, N): one batch axis, and a mask in any case."""
    if _spread(frac, check_cell(cell)) != 1:
        raise ValueError(
            f"need one cell a structure: frac {tuple(frac.shape)}, cell {tuple(cell.shape)}"
        )
    if mask is None:
        mask = torch.ones(frac.shape[:-1], dtype=torch.bool, device=frac.device)
    if mask.shape != frac.shape[:-1] or mask.dtype != torch.bool:
        raise ValueError(
            f"the mask needs the shape {tuple(frac.shape[:-1])} and type bool, "
            f"got {tuple(mask.shape)} and {mask.dtype}"
        )
    n = frac.shape[-2]
    return frac.reshape(-1, n, 3), cell.reshape(-1, 3, 3), mask.reshape(-1, n)
