"""Protein structures from PDB and mmCIF files, cleaned: what is kept, and what is said of the rest.

Kept are heavy atoms of one model. Of alternative locations the one with the highest occupancy
stands for the residue; of two residues on one place in the sequence likewise. Hydrogens and water
go. Amino acids of the chain, modified ones (MSE for MET) among them, are residues; everything else
is a hetero group. Residues that the experiment did not see are remembered by name.
"""

import gzip
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import gemmi
import torch
from torch import Tensor

#: Columns 31 to 54 of an atom in a PDB file: three numbers of eight characters.
PLACE = r"(?: *-?\d+\.\d+){3}"


class Residue(NamedTuple):
    """One residue or hetero group: where it stands in which chain, its name, and its heavy atoms:
    their names (n,), elements (n,) and places x (n, 3) in Å."""

    chain: str
    number: int
    insertion: str
    name: str
    atoms: tuple[str, ...]
    elements: tuple[str, ...]
    x: Tensor

    @property
    def label(self) -> str:
        """Chain, number and insertion code, "A:246" or "A:52B": how one is asked for."""
        return f"{self.chain}:{self.number}{self.insertion}"


class Structure(NamedTuple):
    """A cleaned file: its entry code, the amino acids in order, the hetero groups, and the names
    of residues that were not seen, by label."""

    name: str
    residues: tuple[Residue, ...]
    hetero: tuple[Residue, ...]
    missing: dict[str, str]


def read_structure(source: str | os.PathLike[str] | bytes, model: int = 1) -> Structure:
    """The structure in a PDB or mmCIF file, given by its path (.gz too) or as its content (bytes,
    or str with line breaks); of several models, as NMR gives them, the one with this number.

    A chain without a name is called "_".
    Raises FileNotFoundError when there is no such file, and ValueError when it is neither format,
    is damaged, or has no amino acid or no such model.
    """
    text = content_of(source)
    read = read_cif if re.match(r"\s*(#.*\s+)*data_", text) else read_pdb
    structure, missing = read(text)
    if not 1 <= model <= len(structure):
        raise ValueError(f"model {model}: {structure.name} has {len(structure)} of them, from 1")
    structure.remove_hydrogens()
    structure.remove_waters()
    residues: list[Residue] = []
    hetero: list[Residue] = []
    for chain in structure[model - 1]:
        for group in one_each(chain):
            in_chain = amino_acid(group) and not (group.het_flag == "H" and standard(group))
            (residues if in_chain else hetero).append(cleaned(chain.name.strip() or "_", group))
    if not residues:
        raise ValueError(f"{structure.name} has no amino acid: a protein is needed for a pocket")
    return Structure(structure.name, tuple(residues), tuple(hetero), missing)


def content_of(source: str | os.PathLike[str] | bytes) -> str:
    """The text of a file, of bytes, or of text itself; packed content is unpacked."""
    if isinstance(source, str) and "\n" in source:
        return source
    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    return content.decode("utf-8", errors="replace")


def read_pdb(text: str) -> tuple[gemmi.Structure, dict[str, str]]:
    """The PDB file as gemmi reads it, and what its REMARK 465 lists as missing.

    Raises ValueError when there is no atom in it, or one without a place, whose line it names.
    """
    for number, line in enumerate(text.splitlines(), 1):
        # gemmi takes what is no number for 0, which is a place like any other.
        if line.startswith(("ATOM  ", "HETATM")) and not re.fullmatch(PLACE, line[30:54]):
            raise ValueError(f"line {number} of this PDB file is damaged: {line[:54]!r}")
    try:
        structure = gemmi.read_pdb_string(text)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"this PDB file is damaged: {error}") from error
    if not len(structure) or not structure[0].count_atom_sites():
        raise ValueError("no atom was found: is this a PDB (ATOM records) or mmCIF file (data_…)?")
    structure.name = text[62:66].strip() if text.startswith("HEADER") else "the file"
    found = re.findall(
        r"^REMARK 465   [ \d]*([A-Z0-9]{1,3}) (\S) +(-?\d+)([A-Z]?) *$", text, re.MULTILINE
    )
    return structure, {f"{chain}:{number}{code}": name for name, chain, number, code in found}


def read_cif(text: str) -> tuple[gemmi.Structure, dict[str, str]]:
    """The mmCIF file as gemmi reads it, and the residues that it lists as not seen.

    Raises ValueError when it is damaged or has no atom.
    """
    try:
        block = gemmi.cif.read_string(text)[0]
        structure = gemmi.make_structure_from_block(block)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"this mmCIF file is damaged: {error}") from error
    if not len(structure) or not structure[0].count_atom_sites():
        raise ValueError("no atom was found in this mmCIF file: it lacks the _atom_site table")
    structure.name = structure.name.upper() or "the file"
    tags = ["auth_asym_id", "auth_seq_id", "PDB_ins_code", "auth_comp_id", "polymer_flag"]
    missing = {}
    for chain, number, code, name, _ in block.find("_pdbx_unobs_or_zero_occ_residues.", tags):
        missing[f"{chain}:{number}{'' if code in '?.' else code}"] = name
    return structure, missing


def one_each(chain: gemmi.Chain) -> Iterator[gemmi.Residue]:
    """The residues of a chain; where two share one place, the one with the highest occupancy."""
    places: dict[str, gemmi.Residue] = {}
    for residue in chain:
        if not len(residue):
            continue
        place = str(residue.seqid) + ("" if amino_acid(residue) else residue.name)
        if place not in places or occupancy(residue) > occupancy(places[place]):
            places[place] = residue
    yield from places.values()


def occupancy(residue: gemmi.Residue) -> float:
    """The mean occupancy of its atoms."""
    return sum(atom.occ for atom in residue) / len(residue)


def amino_acid(residue: gemmi.Residue) -> bool:
    """Whether it is one of the twenty, a modified or an unknown amino acid."""
    return gemmi.find_tabulated_residue(residue.name).is_amino_acid()


def standard(residue: gemmi.Residue) -> bool:
    """Whether it is one of the twenty; as a HETATM it is a ligand, not part of the chain."""
    return gemmi.find_tabulated_residue(residue.name).is_standard()


def cleaned(chain: str, residue: gemmi.Residue) -> Residue:
    """The residue with one location for each atom: all of the alternative that weighs most."""
    weight: dict[str, float] = {}
    for atom in residue:
        if atom.has_altloc():
            weight[atom.altloc] = weight.get(atom.altloc, 0.0) + atom.occ
    best = max(sorted(weight), key=lambda label: weight[label], default="")
    chosen: dict[str, gemmi.Atom] = {}
    for atom in residue:
        # An atom that the best alternative lacks is taken from the first that has it.
        if atom.name not in chosen or (atom.has_altloc() and atom.altloc == best):
            chosen[atom.name] = atom
    x = torch.tensor([atom.pos.tolist() for atom in chosen.values()])
    elements = tuple(atom.element.name for atom in chosen.values())
    code = residue.seqid.icode.strip()
    return Residue(chain, residue.seqid.num or 0, code, residue.name, tuple(chosen), elements, x)
