"""SDF files: molecules with their positions and bonds, in the format that every viewer opens."""

import io
import os
from collections.abc import Sequence
from pathlib import Path

from rdkit import Chem, rdBase

from helpers.disk import whole_file


def write_sdf(path: str | os.PathLike[str], mols: Sequence[Chem.Mol]) -> Path:
    """Write the molecules, each with its SMILES as title, one after the other; gives the path.

    Raises ValueError for None, a molecule that did not pass, among them.
    """
    if any(mol is None for mol in mols):
        raise ValueError("None is no molecule: leave out those that did not pass")
    # Into memory first: RDKit's own files say nothing when the disk is full.
    text = io.StringIO()
    with Chem.SDWriter(text) as writer:
        for mol in mols:
            named = Chem.Mol(mol)
            named.SetProp("_Name", Chem.MolToSmiles(mol))
            writer.write(named)
    with whole_file(path) as part:
        part.write_text(text.getvalue(), encoding="utf-8")
    return Path(path)


def read_sdf(source: str | os.PathLike[str] | bytes) -> list[Chem.Mol]:
    """The molecules of an SDF file, given by its path, or as its content (bytes, or str with line
    breaks); hydrogens are left out.

    Raises FileNotFoundError when there is no such file, and ValueError that names the entry that
    cannot be read.
    """
    if isinstance(source, bytes):
        content = source.decode()
    else:
        text = isinstance(source, str) and "\n" in source
        content = str(source) if text else Path(source).read_text(encoding="utf-8")
    supplier = Chem.SDMolSupplier()
    with rdBase.BlockLogs():
        supplier.SetData(content, removeHs=True)
        found = list(supplier)
    bad = [k for k, mol in enumerate(found, 1) if mol is None]
    if bad or not found:
        number = bad[0] if bad else 1
        raise ValueError(
            f"entry {number} of the SDF cannot be read: the header, an atom or a bond is damaged, "
            "or a valence is not possible"
        )
    return found
