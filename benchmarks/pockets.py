"""Made ligands in made pockets: what making and judging costs, and what chance alone reaches.

    python -m benchmarks.pockets --pairs 200 --seeds 3

Shares in percent with standard errors, per seed: sites faced, atoms that clash, ligands without a
clash; for the data, for ligands dealt to other pockets, and for ligands placed at random in their
own. Then CPU milliseconds a piece. One thread; prints tables, writes nothing.
"""

import argparse
import time
from collections.abc import Callable

import torch

from helpers.evaluate.molecules import judge
from helpers.evaluate.pockets import fit_of, placed_at_random, shuffled, size_correlation
from helpers.matter.complexes import Complexes, complexes
from helpers.matter.ligands import ligands
from helpers.matter.molecules import molecules, relax
from helpers.matter.pockets import pockets


def fits(data: Complexes, seed: int) -> None:
    """Print how data and the two controls fit."""
    generator = torch.Generator().manual_seed(seed)
    rows = {
        "data": data.ligand,
        "shuffled": shuffled(data.ligand, generator),
        "at random": placed_at_random(data.ligand, data.pocket, generator=generator),
    }
    for name, ligand in rows.items():
        fit = fit_of(ligand, data.pocket)
        shares = "  ".join(f"{100 * e.value:5.1f} ± {100 * e.error:3.1f}" for e in fit)
        print(f"{seed:4}  {name:10} {shares}")


def clock(name: str, n: int, work: Callable[[], object]) -> None:
    """Print the CPU milliseconds that `work` takes for each of n pieces."""
    start = time.process_time()
    work()
    print(f"{name:32} {1000 * (time.process_time() - start) / n:8.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    n = options.pairs
    print("seed             donor        acceptor     hydrophobic  clashing     clear")
    for seed in range(options.seeds):
        data = complexes(n, seed)
        fits(data, seed)
        sizes = size_correlation(data.ligand.sizes, data.pocket.sizes)
        scores = judge(molecules(data.ligand), data.smiles[: n // 2])
        drug = f"QED {scores.qed}, SA {scores.sa}, logP {scores.logp}, Lipinski {scores.lipinski}"
        print(f"      sizes {sizes}; {drug}, diversity {scores.diversity:.3f}")
    clock("one conformer", n, lambda: ligands(n, 99))
    ligand, smiles = ligands(n, 100)
    clock("one pocket", n, lambda: pockets(ligand, 100))
    clock("one molecule from points", n, lambda: molecules(ligand))
    mols = [mol for mol in molecules(ligand) if mol is not None]
    clock("its scores", n, lambda: judge(mols, smiles))
    clock("its relaxation", len(mols), lambda: [relax(mol) for mol in mols])


if __name__ == "__main__":
    main()
