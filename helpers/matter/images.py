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
            start, line = torch.addcmul(f1, self.m31, z), torch.addcmul(f2, self.m32, z)
            height2, close = self.c * z * z, line - line.round()
            for y in (close, close - close.sign()):  # the two nearest lines
                x = torch.addcmul(start, self.m21, y)
                x = x - x.round()
                yield torch.addcmul(torch.addcmul(height2, self.b * y, y), x, x), x, y, z


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

    In a reduced cell its height in planes and in lines is at most one (g₁² < 4g₃², g₁² < 4g₂²
    and a tilt of at most ½), so five directions hold it. Raises ValueError for what is no cell.
    """
    lattice = _lattice(check_cell(cell), 1)
    up = torch.tensor([[0, 1], [1, -1], [1, 0], [1, 1]]).to(cell)
    f3, f2 = up.unbind(-1)  # (4,) each, broadcast over cells
    z = f3.expand(*cell.shape[:-2], 4)
    y = f2 + lattice.m32 * z
    x = lattice.m21 * y + lattice.m31 * z
    x = x - x.round()
    length2 = x * x + lattice.b * y * y + lattice.c * z * z
    shortest = length2.amin(-1).clamp(max=1.0)  # the first reduced vector itself has length 1
    return (shortest * lattice.scale.squeeze(-1)).sqrt()


def _pairs(frac: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Distances (B, P) between different atoms of B structures, and the atoms i < j of each."""
    n = frac.shape[-2]
    lattice = _lattice(cell, 1)
    f = wrap(wrap(frac) @ lattice.back).transpose(-1, -2)  # (B, 3, N)
    i, j = torch.triu_indices(n, n, 1, device=frac.device)
    found = frac.new_empty(len(frac), len(i))
    many = max(1, CHUNK.get(frac.device.type, 1 << 23) // max(1, len(i)))
    for lo in range(0, len(frac), many):
        part = slice(lo, lo + many)
        diff = f[part][..., j] - f[part][..., i]  # (b, 3, P)
        images = lattice.rows(part).nearest(*diff.unbind(-2))
        best, *_ = next(images)
        for length2, *_ in images:
            torch.minimum(best, length2, out=best)
        torch.mul(best, lattice.scale[part], out=found[part]).sqrt_()
    return found, i, j


@torch.no_grad()
def pair_distances(frac: Tensor, cell: Tensor, mask: Tensor | None = None) -> Tensor:
    """Shortest distances (..., N, N) in Å between the atoms `frac` (..., N, 3) in cells
    (..., 3, 3) and all periodic images of one another.

    The diagonal is the distance of an atom to its own nearest image; rows and columns of padding
    (mask False) are infinite. No gradients: use `minimum_image` for those. Raises ValueError for
    what is no cell and for shapes that do not fit.
    """
    flat, cells, live = _flat(frac, cell, mask)
    found, i, j = _pairs(flat, cells)
    n = frac.shape[-2]
    out = frac.new_empty(len(flat), n, n)
    out[:, i, j] = found
    out[:, j, i] = found
    out.diagonal(dim1=1, dim2=2).copy_(self_distance(cells)[:, None])
    if mask is not None:
        out.masked_fill_(~(live[:, :, None] & live[:, None, :]), torch.inf)
    return out.view(*frac.shape[:-1], n)


@torch.no_grad()
def minimum_distance(frac: Tensor, cell: Tensor, mask: Tensor | None = None) -> Tensor:
    """The smallest entry (...,) in Å of `pair_distances`: one atom alone has its own image, a
    structure of padding only has none (infinity). Raises the same."""
    flat, cells, live = _flat(frac, cell, mask)
    found, i, j = _pairs(flat, cells)
    own = torch.where(live, self_distance(cells)[:, None], torch.inf)
    found = torch.where(live[:, i] & live[:, j], found, torch.inf)
    return torch.cat([own, found], -1).amin(-1).view(frac.shape[:-2])


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
