"""Structures that no model made: what a match rate has to stand beside."""

import torch
from torch import Tensor

from helpers.matter import Crystals


def random_structures(
    truth: Crystals, training: Crystals, generator: torch.Generator | None = None
) -> Crystals:
    """For each true composition, atoms anywhere in the cell of a random training structure."""
    rows = torch.randint(len(training.cell), (len(truth.cell),), generator=generator)
    frac = torch.empty_like(truth.frac).uniform_(generator=generator)
    return truth._replace(cell=training.cell[rows].to(truth.cell), frac=frac)


def nearest_prototype(truth: Crystals, training: Crystals) -> Crystals:
    """For each true composition, the training structure of the most alike one, with the elements
    exchanged and the volume scaled by Σ r³ of the covalent radii.

    Elements are alike when their Mendeleev numbers are close (Pettifor 1984): both compositions
    are sorted by them, the differences are summed, and atom replaces atom in that order.
    Raises ValueError when the structures differ in their number of atoms.
    """
    from ase.data import covalent_radii

    if training.mask.shape[1] != truth.mask.shape[1] or not bool(
        training.mask.all() & truth.mask.all()
    ):
        raise ValueError("the nearest prototype needs structures with the same number of atoms")
    scale = _mendeleev()
    mine, places = scale[truth.species].sort(-1)  # (M, N)
    theirs, sites = scale[training.species].sort(-1)  # (T, N)
    nearest = torch.cdist(mine, theirs, p=1).argmin(-1)  # (M,)
    # Site number j in the order of the prototype goes to atom number j in the order of the truth.
    at = training.frac[nearest].gather(1, sites[nearest][..., None].expand(-1, -1, 3))
    frac = torch.empty_like(truth.frac).scatter(
        1, places[..., None].expand(-1, -1, 3), at.to(truth.frac)
    )
    radii = torch.as_tensor(covalent_radii).to(truth.cell)
    bulk, was = radii[truth.species] ** 3, radii[training.species[nearest]] ** 3
    stretch = (bulk.sum(-1) / was.sum(-1)) ** (1 / 3)
    cell = training.cell[nearest].to(truth.cell) * stretch[:, None, None]
    return truth._replace(cell=cell, frac=frac)


def _mendeleev() -> Tensor:
    """The Mendeleev number of each atomic number 0 … 118; 0 where there is none."""
    from pymatgen.core import Element

    numbers = [Element.from_Z(z).mendeleev_no or 0.0 for z in range(1, 104)]
    return torch.tensor([0.0, *numbers, *[0.0] * 15], dtype=torch.float64)
