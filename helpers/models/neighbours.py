"""Who is near whom in a batch of periodic crystals, images and an atom's own images included.

The list of an edge's way back and of the edges that end at each atom come with it: a network that
looks at angles needs both.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from helpers.matter import reduce_cell, volume

FURTHEST = 5  # images in each direction, as in MatterGen; only needles and plates reach it


class Edges(NamedTuple):
    """E directed edges of B crystals padded to N atoms; atom i of crystal b has number b N + i.

    Every edge has its opposite, and those that end at one atom stand together.
    """

    source: Tensor  # (E,) the neighbour's number
    target: Tensor  # (E,) the number of the atom that it is a neighbour of
    image: Tensor  # (E, 3) whole cells from the neighbour in [0, 1) to the image meant
    vector: Tensor  # (E, 3) in Å, from target to source
    length: Tensor  # (E,) in Å
    structure: Tensor  # (E,) which crystal
    back: Tensor  # (E,) the number of the opposite edge
    reach: Tensor  # (B,) the cutoff of each crystal in Å
    slots: Tensor  # (B N, K) the edges that end at each atom, −1 where there is none
    place: Tensor  # (E,) the column of an edge in its row of `slots`


def reach_of(cell: Tensor, mask: Tensor, cutoff: float, most: float | None) -> Tensor:
    """The cutoff (B,) in Å: `cutoff`, or the radius of the sphere that holds `most` atoms at the
    crystal's own density where that is less.

    A limit on the number of neighbours cuts through shells of equal distance, and which of them
    remain is then chance. A radius that follows the density has no such jump, and is the same in
    every supercell.
    """
    far = torch.full(cell.shape[:1], cutoff, dtype=cell.dtype, device=cell.device)
    if most is None:
        return far
    atom = volume(cell) / mask.sum(-1)  # Å³ of each atom
    return torch.minimum(far, (3 * most * atom / (4 * math.pi)) ** (1 / 3))


def neighbours(
    frac: Tensor, cell: Tensor, mask: Tensor, cutoff: float = 6.0, most: float | None = None
) -> Edges:
    """All pairs within the cutoff in Å, for frac (B, N, 3), cell (B, 3, 3) and mask (B, N).

    `most` bounds the mean number of neighbours by the density, see `reach_of`. Coordinates need
    not be wrapped. Raises ValueError when cutoff or most is not positive, and for what is no cell.
    """
    if not (cutoff > 0 and (most is None or most > 0)):
        raise ValueError(f"cutoff = {cutoff}, most = {most}: need lengths and numbers above 0")
    reach = reach_of(cell, mask, cutoff, most)
    reduced, whole = reduce_cell(cell)  # short vectors: few images are enough
    turn = whole.to(cell.dtype)
    f = torch.linalg.solve(turn, frac, left=False)  # coordinates in the reduced cell
    b, i, j = (mask[:, :, None] & mask[:, None]).nonzero(as_tuple=True)  # P pairs by target
    diff = f[b, j] - f[b, i]
    around = diff.round()
    spacing = 1 / torch.linalg.inv(reduced).norm(dim=-2)  # (B, 3) between lattice planes
    most_images = (reach[:, None] / spacing + 0.5).floor().clamp(max=FURTHEST).amax(0).tolist()
    ranges = [torch.arange(-m, m + 1, device=cell.device) for m in map(int, most_images)]
    shifts = torch.cartesian_prod(*ranges).to(cell)  # (S, 3), the negative of each from the end
    inside = ((diff - around)[:, None] @ reduced[b]).squeeze(1)  # (P, 3) in Å
    vectors = inside[:, None] + (shifts @ reduced)[b]  # (P, S, 3)
    near = vectors.square().sum(-1) < reach.square()[b, None]
    near[i == j, len(shifts) // 2] = False  # an atom is no neighbour of itself, its images are
    n = frac.shape[1]
    pair = torch.empty(len(frac), n, n, dtype=torch.long, device=cell.device)
    pair[b, i, j] = torch.arange(len(b), device=cell.device)
    opposite = pair[b, j, i]
    near &= near[opposite].flip(-1)  # rounding at the cutoff takes an edge both ways or none
    p, k = near.nonzero(as_tuple=True)
    number = torch.empty(near.shape, dtype=torch.long, device=cell.device)
    number[p, k] = torch.arange(len(p), device=cell.device)
    back = number[opposite].flip(-1)[p, k]
    vector = vectors[p, k]
    b, i, j = b[p], i[p], j[p]
    image = ((shifts[k] - around[p])[:, None] @ turn[b]).squeeze(1).round().long()
    target = b * n + i
    slots, place = _slots(target, frac.shape[0] * n)
    length = vector.norm(dim=-1).clamp(min=1e-6)
    return Edges(b * n + j, target, image, vector, length, b, back, reach, slots, place)


def _slots(target: Tensor, atoms: int) -> tuple[Tensor, Tensor]:
    """The edges of each atom (atoms, K), padded with −1, and the column of each edge (E,)."""
    count = torch.bincount(target, minlength=atoms)
    start = count.cumsum(0) - count
    place = torch.arange(len(target), device=target.device) - start[target]
    slots = torch.full((atoms, int(count.max())), -1, device=target.device)
    slots[target, place] = torch.arange(len(target), device=target.device)
    return slots, place
