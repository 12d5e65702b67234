"""Space groups of crystals, by spglib."""

import warnings
from typing import Any

import torch
from torch import Tensor

from helpers.matter.crystals import Crystals, unpack


def space_groups(crystals: Crystals, symprec: float = 0.1) -> Tensor:
    """The numbers 1 … 230 of the space groups (M,) within `symprec` Å, by spglib; 0 for none."""
    import spglib

    found = []
    for cell, frac, species in unpack(crystals):
        given: Any = (cell.double().numpy(), frac.double().numpy(), species.tolist())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = spglib.get_symmetry_dataset(given, symprec=symprec)
        found.append(0 if data is None else int(data.number))
    return torch.tensor(found)
