"""Small crystals that field libraries carry: elements and binary compounds, no download needed.

ASE holds 71 elements of the DFT comparison (Lejaeghere et al. 2016) and the usual structure and
lattice constant of each element; pymatgen holds the AFLOW prototypes (Mehl et al. 2017). Each is
cut down to its primitive cell, Niggli-reduced, and turned so that the cell is symmetric.
"""

import gzip
import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import spglib
import torch

from helpers.matter.cells import wrap
from helpers.matter.crystals import Crystal, crystal

LARGEST = 8  # atoms in a primitive cell
CHAINS = (34, 52)  # Se and Te, which ASE calls hcp and cannot build
HEAVIEST = 94  # plutonium: as far as the pretrained energies of this course reach


class Named(NamedTuple):
    """A crystal and where it is from."""

    name: str
    crystal: Crystal


def canonical(structure: Crystal, symprec: float = 1e-3) -> Crystal:
    """The same crystal in its Niggli-reduced primitive cell, which is symmetric (float64).

    Raises ValueError when spglib finds no symmetry at all, which means a damaged structure.
    """
    cell, frac, species = (x.detach().cpu().double().numpy() for x in structure)
    given: Any = (cell, frac, species.astype(int))
    found = spglib.find_primitive(given, symprec=symprec)
    if found is None:
        raise ValueError("spglib finds no primitive cell: atoms coincide or the cell is flat")
    lattice, positions, numbers = (np.asarray(x) for x in found)
    niggli = spglib.niggli_reduce(lattice)
    reduced = lattice if niggli is None else np.asarray(niggli)
    if np.linalg.det(reduced) < 0:
        reduced = -reduced
    positions = positions @ lattice @ np.linalg.inv(reduced)
    rows = torch.from_numpy(reduced)
    w, q = torch.linalg.eigh(rows @ rows.mT)
    square = (q * w.sqrt()) @ q.mT
    return crystal(square, wrap(torch.from_numpy(positions)), torch.from_numpy(numbers).long())


def elemental() -> list[Named]:
    """Elemental crystals of up to 8 atoms: the DFT comparison's, then each element's usual
    structure with its measured lattice constants."""
    from ase.build import bulk
    from ase.collections import dcdft
    from ase.data import chemical_symbols, reference_states

    from helpers.matter.files import from_ase

    found = []
    for symbol in dcdft.names:
        atoms = dcdft[symbol]
        if len(atoms) <= 2 * LARGEST:
            found.append(Named(f"{symbol}, DFT comparison", canonical(from_ase(atoms))))
    simple = {"fcc", "bcc", "hcp", "diamond", "sc"}
    for z, state in enumerate(reference_states):
        if state is not None and state["symmetry"] in simple and z not in CHAINS:
            atoms = bulk(chemical_symbols[z])
            found.append(Named(f"{chemical_symbols[z]}, {state['symmetry']}",
                               canonical(from_ase(atoms))))  # fmt: skip
    return [one for one in found if _fits(one.crystal)]


def aflow() -> list[Named]:
    """The AFLOW prototypes of one or two elements and up to 8 atoms, as pymatgen carries them.

    Raises ValueError when the installed pymatgen has no such file.
    """
    found = []
    for entry in json.loads(gzip.decompress(_prototypes().read_bytes())):
        sites = entry["snl"]["sites"]
        symbols = [site["species"][0]["element"] for site in sites]
        if len(sites) > LARGEST or len(set(symbols)) > 2:
            continue
        cell = torch.tensor(entry["snl"]["lattice"]["matrix"], dtype=torch.float64)
        if torch.linalg.det(cell) < 0:
            cell = -cell
        frac = torch.tensor([site["abc"] for site in sites], dtype=torch.float64)
        one = canonical(crystal(cell, frac, _numbers(symbols)))
        tags = entry["tags"]
        title = tags["mineral"] or tags["strukturbericht"]
        found.append(Named(f"{''.join(sorted(set(symbols)))}, {title}", one))
    return [one for one in found if _fits(one.crystal)]


@cache
def _all() -> tuple[Named, ...]:
    return (*elemental(), *aflow())


def small_crystals() -> list[Named]:
    """All of `elemental` and `aflow`: 277 crystals of one or two elements; read once, about two
    seconds."""
    return list(_all())


def _fits(one: Crystal) -> bool:
    return len(one.species) <= LARGEST and int(one.species.max()) <= HEAVIEST


def _numbers(symbols: list[str]) -> torch.Tensor:
    from ase.data import atomic_numbers

    return torch.tensor([atomic_numbers[symbol] for symbol in symbols])


def _prototypes() -> Path:
    package = importlib.util.find_spec("pymatgen.analysis")
    for folder in (package.submodule_search_locations or []) if package else []:
        for place in ("prototypes/aflow_prototypes.json.gz", "aflow_prototypes.json.gz"):
            if (Path(folder) / place).is_file():
                return Path(folder) / place
    raise ValueError("this pymatgen carries no AFLOW prototypes: install the version of the course")
