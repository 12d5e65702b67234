"""To ASE and pymatgen and back, and files that other programs open: CIF, extended XYZ, JSON.

ASE reads and writes the structures; it knows those formats better than this course does.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from helpers.disk import whole_file
from helpers.matter.crystals import Crystal, crystal

if TYPE_CHECKING:  # both take seconds to import: only who converts pays
    from ase import Atoms
    from pymatgen.core import Structure


def to_ase(structure: Crystal) -> "Atoms":
    """The same crystal as periodic ase.Atoms."""
    from ase import Atoms

    cell, frac, species = (v.detach().cpu().numpy() for v in structure)
    return Atoms(numbers=species, scaled_positions=frac, cell=cell, pbc=True)


def from_ase(atoms: "Atoms", dtype: torch.dtype = torch.float64) -> Crystal:
    """The Crystal of periodic ase.Atoms. Raises ValueError when a direction is not periodic, and
    for what `crystal` refuses."""
    if not atoms.pbc.all():
        raise ValueError(f"a crystal is periodic in three directions, these atoms in {atoms.pbc}")
    frac = torch.as_tensor(atoms.get_scaled_positions(wrap=False), dtype=dtype)
    return crystal(torch.as_tensor(atoms.cell.array, dtype=dtype), frac, atoms.numbers)


def to_pymatgen(structure: Crystal) -> "Structure":
    """The same crystal as a pymatgen Structure."""
    from pymatgen.core import Structure

    cell, frac, species = (v.detach().cpu() for v in structure)
    return Structure(cell.double().numpy(), species.tolist(), frac.double().numpy())


def from_pymatgen(structure: "Structure", dtype: torch.dtype = torch.float64) -> Crystal:
    """The Crystal of a pymatgen Structure. Raises ValueError for sites shared between elements,
    and for what `crystal` refuses."""
    if not structure.is_ordered:
        raise ValueError(f"{structure.formula} has sites shared between elements: none to choose")
    cell = torch.as_tensor(structure.lattice.matrix.copy(), dtype=dtype)
    return crystal(
        cell, torch.as_tensor(structure.frac_coords, dtype=dtype), structure.atomic_numbers
    )


def write_cif(path: str | Path, structure: Crystal) -> None:
    """A CIF of the structure in space group P 1. It keeps lengths and angles of the cell, not how
    the cell was turned in space."""
    with whole_file(path) as part:
        to_ase(structure).write(part, format="cif")


def read_cif(path: str | Path, dtype: torch.dtype = torch.float64) -> Crystal:
    """The first structure of a CIF, all symmetry copies included."""
    from ase.io import iread

    return from_ase(next(iread(path, index=0, format="cif")), dtype)


def write_extxyz(path: str | Path, structures: Crystal | Sequence[Crystal]) -> None:
    """An extended XYZ file of one structure, or of several as the frames of a trajectory."""
    from ase.io import write

    frames = [structures] if isinstance(structures, Crystal) else list(structures)
    if not frames:
        raise ValueError("no structures to write: the list is empty")
    with whole_file(path) as part:
        write(part, [to_ase(s) for s in frames], format="extxyz")


def read_extxyz(path: str | Path, dtype: torch.dtype = torch.float64) -> list[Crystal]:
    """All frames of an extended XYZ file."""
    from ase.io import iread

    return [from_ase(atoms, dtype) for atoms in iread(path, index=":", format="extxyz")]


def write_summary(path: str | Path, summary: Mapping[str, Any]) -> None:
    """The numbers of a run as JSON: nested mappings, lists, named tuples, tensors, plain values.

    Raises ValueError, naming the entry, for NaN, infinity and anything JSON has no place for.
    """
    text = json.dumps(_plain(summary, "summary"), indent=2, ensure_ascii=False)
    with whole_file(path) as part:
        part.write_text(text + "\n", encoding="utf-8")


def read_summary(path: str | Path) -> dict[str, Any]:
    """What `write_summary` wrote: tensors and tuples have become lists, named tuples mappings."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _plain(value: Any, name: str) -> Any:
    if isinstance(value, torch.Tensor):
        value = value.tolist()
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f"{name}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{name}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} is {value}: JSON has no such number")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise ValueError(f"{name} is of type {type(value).__name__}: JSON has no place for it")
