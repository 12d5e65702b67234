"""Is a generated crystal possible, and is it the right one? Numbers that noise does not pass."""

from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from helpers.matter import Crystal, Crystals, minimum_distance, minimum_image, volume

OVERLAP = 0.7  # Å: shorter than every bond there is, H–H with 0.74 Å
NEAR = 0.8  # of the prototype's nearest-neighbour distance
MATCHED = 0.2  # root mean square displacement in units of (V/N)^⅓


class Quality(NamedTuple):
    """Shares of a batch between 0 and 1; each is to be read beside that of `random_positions`."""

    apart: float  # no two atoms closer than 0.7 Å
    spaced: float  # none closer than 0.8 of the prototype's nearest neighbours
    matched: float  # root mean square displacement from the prototype ≤ 0.2 (V/N)^⅓


def random_positions(like: Crystals, generator: torch.Generator | None = None) -> Crystals:
    """The same cells and elements with every atom anywhere: the control that knows nothing."""
    frac = torch.empty_like(like.frac).uniform_(generator=generator)
    return like._replace(frac=frac * like.mask[..., None])


def copies(structure: Crystal, n: int) -> Crystals:
    """n times the same structure as one batch. Raises ValueError when n < 1."""
    if n < 1:
        raise ValueError(f"n = {n}: need at least one copy")
    cell, frac, species = (x.expand(n, *x.shape) for x in structure)
    return Crystals(cell, frac, species, species > 0)


def displacement(crystals: Crystals, reference: Crystal) -> Tensor:
    """How far each structure is from the reference, (B,), in units of (V/N)^⅓ as in pymatgen.

    The root mean square of the shortest vectors that carry the atoms to sites of the same element,
    for the best numbering of the atoms and a common shift; infinite for another composition.
    Axes are compared as they stand: another choice of cell counts as another structure.
    Every pair (atom, site) is tried as the start; then the numbering is the best assignment and
    the shift the mean of its vectors.
    """
    far = torch.full((len(crystals.frac),), torch.inf, dtype=torch.float64)
    n = len(reference.species)
    same = crystals.mask.sum(-1) == n
    sorted_species = crystals.species.sort(-1, descending=True).values[:, :n]
    if sorted_species.shape[1] == n:
        same &= (sorted_species == reference.species.sort(descending=True).values).all(-1)
    if not bool(same.any()):
        return far
    # Real atoms first, so that padding may stand anywhere.
    order = crystals.mask[same].long().sort(dim=-1, descending=True, stable=True).indices[:, :n]
    cell = crystals.cell[same].double()
    frac = crystals.frac[same].double().gather(1, order[..., None].expand(-1, -1, 3))
    species = crystals.species[same].gather(1, order)
    sites = reference.frac.double()
    diff = sites - frac[:, :, None]  # (B, N, N, 3): from atom i to site j
    starts = diff.flatten(1, 2)  # (B, N², 3)
    vectors = minimum_image(diff[:, None] - starts[:, :, None, None], cell)  # (B, N², N, N, 3)
    wrong = species[:, :, None] != reference.species
    cost = vectors.square().sum(-1).masked_fill(wrong[:, None], 1e6)
    pick = np.stack([linear_sum_assignment(c)[1] for c in cost.flatten(0, 1).numpy()])
    chosen = torch.as_tensor(pick).view(*cost.shape[:3], 1, 1).expand(-1, -1, -1, -1, 3)
    u = vectors.gather(3, chosen).squeeze(3)  # (B, N², N, 3)
    u = u - u.mean(-2, keepdim=True)
    rms = u.square().sum(-1).mean(-1).sqrt().amin(-1)
    far[same] = rms / (volume(cell) / n) ** (1 / 3)
    return far


def quality(crystals: Crystals, reference: Crystal, strict: float = MATCHED) -> Quality:
    """How many of the structures have no overlap, are well spaced, and are the reference.

    Raises ValueError when strict is not positive.
    """
    if not strict > 0:
        raise ValueError(f"strict = {strict}: the largest displacement allowed must be positive")
    closest = minimum_distance(crystals.frac, crystals.cell, crystals.mask).double()
    own = minimum_distance(reference.frac, reference.cell).double()
    good = (closest >= OVERLAP, closest >= NEAR * own, displacement(crystals, reference) <= strict)
    return Quality(*(float(g.double().mean()) for g in good))
