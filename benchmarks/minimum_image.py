"""Nearest images against ASE and pymatgen: `python -m benchmarks.minimum_image`.

All distances inside each of 1 000 triclinic cells of 64 atoms: one batched call here, a loop over
the cells there. One thread, CPU time, taken in turns within one process; what counts is the ratio.
ASE is timed on every tenth cell. Before anything is timed, all three must agree to 1e-6 Å.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from benchmarks.rows import Row, table
from benchmarks.turns import ratio_rows, seconds
from helpers.matter import cell_from_parameters, minimum_distance, pair_distances

OURS = "pair_distances, float64"
PART = 10  # ASE does one cell out of this many


def random_cells(n: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """n cells (n, 3, 3) with sides of 4 to 12 Å and angles between low and high degrees."""
    found: list[Tensor] = []
    while len(found) < n:
        a, b, c, *angles = torch.rand(6, generator=generator, dtype=torch.float64)
        try:
            cell = cell_from_parameters(
                *(4 + 8 * v for v in (a, b, c)), *(low + (high - low) * v for v in angles)
            )
        except ValueError:  # these three angles close no cell
            continue
        found.append(cell)
    return torch.stack(found)


def by_ase(cells: np.ndarray, frac: np.ndarray) -> list[np.ndarray]:
    """ASE's distance matrix of each cell, in a loop."""
    from ase.geometry import get_distances

    return [get_distances(f @ c, cell=c, pbc=True)[1] for c, f in zip(cells, frac, strict=True)]


def by_pymatgen(lattices: list, frac: np.ndarray) -> list[np.ndarray]:
    """pymatgen's squared distances of each cell, in a loop over its compiled routine."""
    from pymatgen.util.coord import pbc_shortest_vectors

    return [
        pbc_shortest_vectors(lat, f, f, return_d2=True)[1]
        for lat, f in zip(lattices, frac, strict=True)
    ]


def disagreement(cells: Tensor, frac: Tensor, lattices: list) -> float:
    """The largest difference in Å between the three, apart from an atom and its own images."""
    apart = ~np.eye(frac.shape[1], dtype=bool)
    ours = pair_distances(frac, cells).numpy()[:, apart]
    pymatgen = np.sqrt(by_pymatgen(lattices, frac.numpy()))[:, apart]
    ase = np.stack(by_ase(cells[::PART].numpy(), frac[::PART].numpy()))[:, apart]
    return max(float(np.abs(ours - pymatgen).max()), float(np.abs(ours[::PART] - ase).max()))


def contenders(cells: Tensor, frac: Tensor, lattices: list) -> dict[str, Callable[[], object]]:
    """The runs to compare; each is one call without arguments."""
    single = (frac.float(), cells.float())
    return {
        OURS: partial(pair_distances, frac, cells),
        "pair_distances, float32": partial(pair_distances, *single),
        "minimum_distance, float64": partial(minimum_distance, frac, cells),
        "pymatgen, a loop": partial(by_pymatgen, lattices, frac.numpy()),
        "ASE, a loop": partial(by_ase, cells[::PART].numpy(), frac[::PART].numpy()),
    }


def measure(n_cells: int = 1_000, n_atoms: int = 64, repeats: int = 5) -> list[Row]:
    """The rows for ordinary and for skewed cells; RuntimeError where the three disagree."""
    from pymatgen.core import Lattice

    rows: list[Row] = []
    generator = torch.Generator().manual_seed(0)
    for low, high in ((70, 110), (40, 140)):
        cells = random_cells(n_cells, low, high, generator)
        frac = torch.rand(n_cells, n_atoms, 3, generator=generator, dtype=torch.float64)
        lattices = [Lattice(c) for c in cells.numpy()]
        worst = disagreement(cells, frac, lattices)
        if worst > 1e-6:
            raise RuntimeError(f"the three disagree by {worst:.2g} Å: nothing to time")
        taken = seconds(contenders(cells, frac, lattices), repeats)
        taken["ASE, a loop"] = [PART * t for t in taken["ASE, a loop"]]
        rows += ratio_rows(taken, OURS, angles=f"{low}–{high}°")
    return rows


def main() -> None:
    """Print the table, for ordinary and for skewed cells."""
    torch.set_num_threads(1)
    print(table(measure()))


if __name__ == "__main__":
    main()
