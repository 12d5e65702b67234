"""Perov-5: 18 928 computed perovskites of five atoms, as a table of CIF texts on the web.

Source: Castelli et al. (2012), doi 10.1039/C2EE22341D, in the layout and the random split of Xie
et al., "Crystal Diffusion Variational Autoencoder" (2022). Two metals A and B out of 52, three
anions out of O, N, S and F in seven combinations; each metal takes each place, so every
composition of two metals occurs twice, as ABX₃ and as BAX₃. All cells are cubic.
"""

import csv
import io
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from helpers.disk import save_whole
from helpers.matter.cells import cell_from_parameters, wrap
from helpers.matter.crystals import Crystals
from helpers.matter.download import Remote, cache_folder, checksum, fetch

_AT = (
    "https://raw.githubusercontent.com/txie-93/cdvae/"
    "f857f598d6f6cca5dc1ea0582d228f12dcc2c2ea/data/perov_5"
)
#: The published files, at a fixed revision, and how many structures each holds.
SPLITS = {
    "train": (
        Remote(
            "perov_5_train.csv",
            f"{_AT}/train.csv",
            None,
            "git:0769074b5d51d293b765c4371b8f55c468c9c9f2",
        ),
        11_356,
    ),
    "val": (
        Remote(
            "perov_5_val.csv",
            f"{_AT}/val.csv",
            3_673_814,
            "sha256:326f401219901270374b71e2faff63df3a29a99fd26f469993b9f476b693daf2",
        ),
        3_787,
    ),
    "test": (
        Remote(
            "perov_5_test.csv",
            f"{_AT}/test.csv",
            3_671_842,
            "sha256:a85878c685037f0a578257f6d4fcdde00e968dbab73c5f1e90ecef65218513f6",
        ),
        3_785,
    ),
}
NUMBERS = ("heat_all", "heat_ref", "dir_gap", "ind_gap")
COLUMNS = ("material_id", "cif", "formula", *NUMBERS)


class Perov5(NamedTuple):
    """M structures of five atoms: cell (M, 3, 3) in Å, frac (M, 5, 3), species (M, 5),
    material_id (M,), the heats of formation heat_all and heat_ref (M,) in eV and the band gaps
    dir_gap and ind_gap (M,) in eV."""

    cell: Tensor
    frac: Tensor
    species: Tensor
    material_id: Tensor
    heat_all: Tensor
    heat_ref: Tensor
    dir_gap: Tensor
    ind_gap: Tensor

    @property
    def crystals(self) -> Crystals:
        """The structures alone, as a batch without padding."""
        return Crystals(self.cell, self.frac, self.species, self.species > 0)

    def take(self, rows: Tensor) -> "Perov5":
        """The structures of these row numbers (n,), in that order."""
        return Perov5(*(column[rows] for column in self))


def load_perov5(split: str = "val") -> Perov5:
    """The structures of a published split, "train", "val" or "test", in the file's order.

    The file comes through `fetch`, with its errors. It is read once; after that the tensors stand
    in a file of the cache that is named after the checksum, and is made anew when damaged.
    Raises ValueError for an unknown split or a file that does not hold what it should.
    """
    if split not in SPLITS:
        raise ValueError(f"split = {split!r}: Perov-5 has {', '.join(SPLITS)}")
    remote, rows = SPLITS[split]
    content = fetch(remote)
    name = f"{Path(remote.name).stem}-{checksum(content)[7:23]}.pt"
    kept = read_cache(cache_folder() / name, rows)
    if kept is not None:
        return kept
    data = parse_perov5(content.decode())
    if len(data.cell) != rows:
        raise ValueError(f"{remote.name} holds {len(data.cell)} structures, expected {rows}")
    write_cache(data, cache_folder() / name)
    return data


def parse_perov5(text: str) -> Perov5:
    """The structures of a table in the published layout, one row each with its CIF as a field.

    Raises ValueError when a column is missing, and names the row that cannot be read.
    """
    table = csv.DictReader(io.StringIO(text))
    lacking = [name for name in COLUMNS if name not in (table.fieldnames or ())]
    if lacking:
        raise ValueError(
            f"the table lacks the columns {', '.join(lacking)}; it needs {', '.join(COLUMNS)}"
        )
    parameters, frac, species, ids, numbers = [], [], [], [], []
    for i, row in enumerate(table):
        try:
            cell, places, elements = read_sites(row["cif"])
            ids.append(int(row["material_id"]))
            numbers.append([float(row[name]) for name in NUMBERS])
        except Exception as error:  # damaged text makes a reader fail in any way
            raise ValueError(
                f"row {i + 1} of the table cannot be read, the file may be damaged: "
                f"{type(error).__name__}: {error}"
            ) from error
        parameters.append(cell)
        frac.append(places)
        species.append(elements)
    if not ids:
        raise ValueError("the table holds no structures")
    values = torch.tensor(numbers, dtype=torch.float64).unbind(-1)
    return Perov5(
        cell_from_parameters(*torch.tensor(parameters, dtype=torch.float64).unbind(-1)),
        wrap(torch.from_numpy(np.array(frac))),
        torch.tensor(species),
        torch.tensor(ids),
        *values,
    )


def read_sites(text: str) -> tuple[list[float], np.ndarray, list[int]]:
    """a, b, c, α, β, γ, fractional coordinates (5, 3) and atomic numbers of a CIF that lists all
    five atoms. Raises ValueError for another number of atoms, symmetry or partial occupation."""
    from ase.data import atomic_numbers
    from ase.io.cif import parse_cif

    block: Any = next(iter(parse_cif(io.StringIO(text), reader="ase")))
    elements = [atomic_numbers[symbol] for symbol in block.get_symbols()]
    if len(elements) != 5:
        raise ValueError(f"{len(elements)} atoms, expected 5")
    if len(block["_symmetry_equiv_pos_as_xyz"]) != 1 or set(block["_atom_site_occupancy"]) != {1}:
        raise ValueError("the CIF lists only some of the atoms, or some that are not always there")
    frac = np.array([block[f"_atom_site_fract_{axis}"] for axis in "xyz"], dtype=float).T
    cell = [float(v) for v in block.get_cellpar()]
    return cell, frac, elements


def read_cache(path: Path, rows: int) -> Perov5 | None:
    """What `write_cache` left there, or None when it is absent, damaged or of another kind."""
    try:
        columns = torch.load(path, weights_only=True)
        data = Perov5(**columns)
        return data if all(len(column) == rows for column in data) else None
    except Exception:  # a damaged file can fail in any way; it is only a copy and is made anew
        return None


def write_cache(data: Perov5, path: Path) -> None:
    """Keep the tensors in a file, which appears whole or not at all; warns when it cannot."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_whole(data._asdict(), path)
    except OSError as error:
        warnings.warn(
            f"the tensors are not kept, so the table will be read again next time: {error}",
            stacklevel=3,
        )
