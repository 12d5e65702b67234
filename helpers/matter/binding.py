"""Pockets of real proteins: the residues that someone lists, or those near a ligand.

A residue belongs to a pocket when one of its heavy atoms is within the radius of one atom of the
ligand, as in DiffSBDD. A pocket is then all heavy atoms of its residues, or their Cα alone. Ions
and cofactors do not belong to it: `hetero_near` names them. `incomplete` names residues that lack
atoms.
"""

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from helpers.matter.pdb import Residue, Structure
from helpers.matter.sdf import read_sdf

#: The twenty residues and the four elements of proteins: places in the one-hot features.
RESIDUES = (
    "ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HIS", "ILE",
    "LEU", "LYS", "MET", "PHE", "PRO", "SER", "THR", "TRP", "TYR", "VAL",
)  # fmt: skip
ATOMS = ("C", "N", "O", "S")
#: What the commonest modified residues count as.
PARENTS = {"MSE": "MET", "SEP": "SER", "TPO": "THR", "PTR": "TYR", "CSO": "CYS", "HYP": "PRO"}
#: How many heavy atoms each residue has, in the order of RESIDUES.
HEAVY = (5, 11, 8, 8, 6, 9, 9, 4, 10, 8, 8, 9, 8, 11, 7, 6, 7, 14, 12, 7)
DETAILS = ("atoms", "ca")


class Pocket(NamedTuple):
    """n nodes of a pocket: x (n, 3) in Å, and for each its element, its atom's name, its residue's
    name and its residue's label ("A:246")."""

    x: Tensor
    elements: tuple[str, ...]
    atoms: tuple[str, ...]
    names: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def residues(self) -> tuple[str, ...]:
        """The labels of the residues in it, each once, in order."""
        return tuple(dict.fromkeys(self.labels))


def pocket_by_residues(
    structure: Structure, labels: Sequence[str], detail: str = "atoms"
) -> Pocket:
    """The pocket of these residues, ["A:85", "A:246B"]: chain, number and insertion code.

    Raises ValueError for an empty list, a label of another form, a residue that was not seen in
    the experiment or does not exist, and as `pocket_of` does.
    """
    if not labels:
        raise ValueError("an empty list of residues is no pocket: name them, such as A:85")
    by_label = {residue.label: residue for residue in structure.residues}
    for label in labels:
        if not re.fullmatch(r"\S+:-?\d+[A-Z]?", label):
            raise ValueError(f"{label!r}: a residue is asked for as chain:number, such as A:85")
        if label in structure.missing:
            raise ValueError(
                f"{structure.missing[label]} {label} is part of the protein but was not seen in "
                f"the experiment: {structure.name} has no coordinates for it"
            )
        if label not in by_label:
            raise ValueError(f"{structure.name} has no residue {label}; it has {spans(structure)}")
    return pocket_of([by_label[label] for label in dict.fromkeys(labels)], detail)


def pocket_by_ligand(
    structure: Structure, ligand: str, radius: float = 8.0, detail: str = "atoms"
) -> Pocket:
    """The pocket within `radius` Å of a hetero group of the same file, "CFF" or "A:330".

    Raises ValueError as `ligand_of`, `pocket_by_points` and `pocket_of` do.
    """
    return pocket_by_points(structure, ligand_of(structure, ligand).x, radius, detail)


def pocket_by_sdf(
    structure: Structure,
    source: str | os.PathLike[str] | bytes,
    radius: float = 8.0,
    detail: str = "atoms",
) -> Pocket:
    """The pocket within `radius` Å of the first molecule of an SDF, whose frame must be the same.

    Raises as `read_sdf`, `pocket_by_points` and `pocket_of` do.
    """
    x = read_sdf(source)[0].GetConformer().GetPositions()
    return pocket_by_points(structure, torch.as_tensor(x, dtype=torch.float32), radius, detail)


def pocket_by_points(
    structure: Structure, x: Tensor, radius: float = 8.0, detail: str = "atoms"
) -> Pocket:
    """The pocket of all residues with a heavy atom within `radius` Å of one of the points (n, 3).

    Raises ValueError when the radius is not positive or no residue is that near.
    """
    if not radius > 0:
        raise ValueError(f"radius = {radius}: how far a pocket reaches, in Å, must be positive")
    near = [float(torch.cdist(residue.x, x).min()) for residue in structure.residues]
    chosen = [r for r, d in zip(structure.residues, near, strict=True) if d <= radius]
    if not chosen:
        raise ValueError(
            f"no residue of {structure.name} is within {radius} Å: the nearest is "
            f"{min(near):.1f} Å away. Do protein and ligand stand in the same frame?"
        )
    return pocket_of(chosen, detail)


def ligand_of(structure: Structure, ligand: str) -> Residue:
    """The hetero group with this name, "CFF", or label, "A:330".

    Raises ValueError when there is none, or several of that name.
    """
    found = [group for group in structure.hetero if ligand in (group.name, group.label)]
    if not found:
        there = ", ".join(f"{group.name} {group.label}" for group in structure.hetero[:8]) or "none"
        more = ", …" if len(structure.hetero) > 8 else ""
        raise ValueError(f"{structure.name} has no hetero group {ligand}; there are: {there}{more}")
    if len(found) > 1:
        where = ", ".join(group.label for group in found)
        raise ValueError(f"{ligand} stands {len(found)} times in {structure.name}: choose {where}")
    return found[0]


def pocket_of(residues: Sequence[Residue], detail: str = "atoms") -> Pocket:
    """All heavy atoms ("atoms") or the Cα ("ca") of these residues, in order.

    Selenium of MSE counts as the sulfur of MET, other modified residues as what they were made of.
    Raises ValueError for another detail, a residue or an element that is unknown, and for a
    residue without Cα.
    """
    if detail not in DETAILS:
        raise ValueError(f"detail = {detail!r}: a pocket is given by {' or '.join(DETAILS)}")
    rows = []
    for residue in residues:
        name = PARENTS.get(residue.name, residue.name)
        if name not in RESIDUES:
            raise ValueError(f"{residue.name} {residue.label} is no known amino acid")
        if detail == "ca" and "CA" not in residue.atoms:
            raise ValueError(f"{residue.name} {residue.label} has no Cα in the file")
        for k, atom in enumerate(residue.atoms):
            element = {"SE": "S", "Se": "S"}.get(residue.elements[k], residue.elements[k])
            if detail == "ca" and atom != "CA":
                continue
            if element not in ATOMS:
                raise ValueError(
                    f"{atom} of {residue.name} {residue.label} is {element}; a pocket is made of "
                    f"{', '.join(ATOMS)}: leave this residue out"
                )
            rows.append((residue.x[k], element, atom, name, residue.label))
    x, *words = zip(*rows, strict=True)
    return Pocket(torch.stack(x), *words)


def hetero_near(structure: Structure, ligand: str, radius: float = 8.0) -> tuple[str, ...]:
    """The other hetero groups within `radius` Å of a ligand, "ZN A:91": a pocket leaves them out.

    Raises ValueError as `ligand_of` does.
    """
    own = ligand_of(structure, ligand)
    others = [group for group in structure.hetero if group is not own]
    near = [group for group in others if float(torch.cdist(group.x, own.x).min()) <= radius]
    return tuple(f"{group.name} {group.label}" for group in near)


def incomplete(pocket: Pocket) -> tuple[str, ...]:
    """The residues of a full-atom pocket with fewer heavy atoms than they should have."""
    counts: dict[tuple[str, str], int] = {}
    for pair in zip(pocket.names, pocket.labels, strict=True):
        counts[pair] = counts.get(pair, 0) + 1
    short = [p for p, count in counts.items() if count < HEAVY[RESIDUES.index(p[0])]]
    return tuple(f"{name} {label}" for name, label in short)


def spans(structure: Structure) -> str:
    """The chains with their first and last residue, in words: "A 7 to 305"."""
    chains: dict[str, list[int]] = {}
    for residue in structure.residues:
        chains.setdefault(residue.chain, []).append(residue.number)
    return ", ".join(f"{name} {min(n)} to {max(n)}" for name, n in chains.items())
