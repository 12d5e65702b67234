"""Quality over the floor of each family on the five-mode cross: `python -m benchmarks.families`.

The recipes of chapters 03 and 05 with few seeds; toy_quality.py and flow_quality.py say more.
"""

import os
from statistics import median

import torch
from torch import Tensor

from benchmarks.five_modes import LAW, Judge, N, Sampler, judged
from benchmarks.flow_quality import FREE, NEAR, run_early_midpoint, run_midpoint
from benchmarks.rows import Row, extremes, table
from benchmarks.toy_recipes import DDPM, NCSN, run_annealed, run_ddim, run_ddpm, run_heun
from helpers.noise import Denoiser

SEEDS = range(3)
# Family, how it is trained, its sampler, network calls.
ROWS: list[tuple[str, str, str, Sampler, int]] = [
    ("NCSN", "NCSN", "annealed Langevin", run_annealed(24, 15, 0.3, 0.05, True), 361),
    ("NCSN", "NCSN", "Heun in σ/α", run_heun(18), 36),
    ("DDPM", "DDPM", "ancestral", run_ddpm(200), 200),
    ("DDPM", "DDPM", "ancestral", run_ddpm(50), 50),
    ("DDIM", "DDPM", "DDIM", run_ddim(50), 50),
    ("DDIM", "DDPM", "DDIM", run_ddim(10), 10),
    ("flow matching", "free", "midpoint", run_midpoint(50), 50),
    ("flow matching", "free", "midpoint", run_midpoint(10), 10),
    ("OT flow", "OT", "midpoint, short first", run_early_midpoint(50), 50),
    ("OT flow", "OT", "midpoint, short first", run_early_midpoint(10), 10),
]


def truth(_: Denoiser | None, generator: torch.Generator) -> Tensor:
    """Fresh draws of the law itself: what a perfect sampler would score."""
    return LAW.sample(N, generator)


def measure(seeds: range = SEEDS, n_pairs: int = 40, n_true: int = 20) -> list[Row]:
    """A row for each sampler; the spread is that between seeds, each with its own training.

    The energy distance of perfect points scatters widely, so there are many of these.
    """
    judge = Judge(n_pairs)
    recipes = {"NCSN": NCSN, "DDPM": DDPM, "free": FREE, "OT": NEAR}
    trained = {name: [r.train(seed) for seed in seeds] for name, r in recipes.items()}

    def row(family: str, sampler: str, calls: int, draw: Sampler, models: dict) -> Row:
        found = judged(judge, draw, list(models.values()), models)
        energy = extremes([score.energy for score in found.scores])
        return {"family": family, "sampler": sampler, "calls": calls, "energy / floor": energy}

    perfect = row(f"true draws, {n_true} of them", "–", 0, truth, dict.fromkeys(range(n_true)))
    rows: list[Row] = [{**perfect, "CPU s to train": "–"}]
    for family, recipe, sampler, draw, calls in ROWS:
        runs = trained[recipe]
        models = {seed: run.model for seed, run in zip(seeds, runs, strict=True)}
        found = row(family, sampler, calls, draw, models)
        rows.append({**found, "CPU s to train": median(run.seconds for run in runs)})
    return rows


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    os.environ["COURSE_STATIC"] = "1"  # no progress bars
    print(table(measure()))


if __name__ == "__main__":
    main()
