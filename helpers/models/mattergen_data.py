"""What the joint generator of chapter 07 is trained on, and what it is told about it."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from helpers.matter import Crystal, Crystals, Perov5, pack, unpack
from helpers.matter.symmetry import space_groups
from helpers.models.conditions import Condition, chemical_system


class TrainingSet(NamedTuple):
    """M crystals with symmetric cells in float32, how often each is drawn (M,), what is known of
    each, and the mean and spread in eV that `cond["scalar"]` was standardised with."""

    crystals: Crystals
    odds: Tensor
    cond: Condition
    mean: float
    std: float

    def sizes(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n numbers of atoms, drawn as often as the training set has them."""
        rows = torch.multinomial(self.odds, n, True, generator=generator)
        return self.crystals.mask.sum(-1)[rows]


def training_set(small: Sequence[Crystal], perov: Perov5) -> TrainingSet:
    """Small crystals and perovskites, half of all draws each; the scalar is the perovskites' heat
    of formation, `heat_all`, and left open for the others.

    Raises ValueError when there is none of one kind.
    """
    if not small or not len(perov.cell):
        raise ValueError(
            f"{len(small)} small crystals and {len(perov.cell)} perovskites: need both"
        )
    both = pack([*small, *unpack(perov.crystals)])
    both = both._replace(cell=both.cell.float(), frac=both.frac.float())
    n, m = len(small), len(perov.cell)
    odds = torch.cat([torch.full((n,), 0.5 / n), torch.full((m,), 0.5 / m)])
    mean, std = float(perov.heat_all.mean()), float(perov.heat_all.std())
    scalar = torch.full((n + m,), float("nan"))
    scalar[n:] = ((perov.heat_all - mean) / std).float()
    cond = {
        "chemical_system": chemical_system(both.species),
        "space_group": space_groups(both),
        "scalar": scalar,
    }
    return TrainingSet(both, odds, cond, mean, std)
