"""Crystals of single elements as measured, and shaken copies of them."""

from typing import NamedTuple

import torch

from helpers.matter.cells import wrap
from helpers.matter.crystals import Crystal
from helpers.matter.files import from_ase

#: Nearest neighbours of each lattice; for hcp six are a little further than the other six.
COORDINATION = {"fcc": 12, "hcp": 12, "bcc": 8, "diamond": 4}


class Element(NamedTuple):
    """An element's crystal in the conventional cell, and its lattice: fcc, hcp, bcc or diamond."""

    crystal: Crystal
    lattice: str


class Shaken(NamedTuple):
    """A crystal out of equilibrium, the size of its displacements and its strain."""

    crystal: Crystal
    displacement: float  # root mean square over the atoms, Å
    strain: float  # relative change of all lengths


def elements(lattices: tuple[str, ...] = ("fcc", "hcp", "bcc", "diamond")) -> list[Element]:
    """The 62 elements that ASE knows as fcc (20), hcp (25), bcc (14) or diamond (3), by atomic
    number, with the measured lattice constants; cells of 4, 2, 2 and 8 atoms, in float32.

    Raises ValueError for a lattice without an entry.
    """
    unknown = sorted(set(lattices) - set(COORDINATION))
    if unknown:
        raise ValueError(f"no lattice {', '.join(unknown)}: there are {', '.join(COORDINATION)}")
    from ase.build import bulk
    from ase.data import chemical_symbols, reference_states

    found = []
    for number, state in enumerate(reference_states):
        lattice = str(state.get("symmetry")) if state else ""
        # Selenium and tellurium stand there as hcp with a basis that is not given.
        if state and lattice in lattices and "basis" not in state:
            atoms = bulk(chemical_symbols[number], cubic=lattice != "hcp")
            found.append(Element(from_ase(atoms, torch.float32), lattice))
    return found


def shake(
    structure: Crystal,
    displacement: float,
    strain: float = 0.0,
    generator: torch.Generator | None = None,
) -> Shaken:
    """The crystal with each atom moved at random, by `displacement` Å in the root mean square
    over the atoms exactly, and all lengths scaled by 1 + strain.

    A single atom, and the mean of several, does not move: that would be the same crystal. Raises
    ValueError for a negative displacement, a strain of −1 or less, and a single atom to be moved.
    """
    if displacement < 0 or strain <= -1:
        raise ValueError(f"displacement = {displacement} Å, strain = {strain}: need ≥ 0 and > −1")
    cell = structure.cell * (1 + strain)
    if displacement == 0:
        return Shaken(structure._replace(cell=cell), 0.0, strain)
    if len(structure.frac) < 2:
        raise ValueError("one atom in a cell has no displacement of its own")
    move = torch.empty_like(structure.frac).normal_(generator=generator)
    move = move - move.mean(0)
    move = displacement * move / move.square().sum(-1).mean().sqrt()  # Å
    frac = wrap(structure.frac + move @ torch.linalg.inv(cell))
    return Shaken(Crystal(cell, frac, structure.species), displacement, strain)
