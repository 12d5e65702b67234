"""What the measurements on the five-mode cross share: the law, its judge, and the command line.

Every number is a median over seeds, with the worst behind it; energy distance and sliced W₂ of
10 000 samples are in units of their floor, the median between pairs of true draws. Recipes were
chosen on seeds from 100 on, never on those reported. One thread; prints tables, writes nothing.
With `--full` torchrun shares each training among processes on the CPU, as full.py says.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.full import add_full, announce, let_first_speak
from benchmarks.rows import Row, table
from helpers.evaluate import (
    contain,
    count_modes,
    energy_distance,
    floor,
    sliced_w2,
    total_variation,
)
from helpers.learn.parallel import join
from helpers.noise import Denoiser, cross

LAW = cross()
N = 10_000

# A sampler makes N points from a denoiser and a generator.
Sampler = Callable[[Denoiser, torch.Generator], Tensor]


def start(den: Denoiser, generator: torch.Generator) -> Tensor:
    """N points at the noise end."""
    return den.path.prior(torch.empty(N, 2), generator)


@dataclass(frozen=True)
class Score:
    """One cloud judged; energy and sliced W₂ are in units of the floor."""

    energy: float
    sliced: float
    tv: float
    width: float
    stray: float


class Judge:
    """The floors, and a fresh true draw for each seed."""

    def __init__(self, n_pairs: int) -> None:
        def draw(g: torch.Generator) -> Tensor:
            return LAW.sample(N, g)

        self.energy = floor(draw, energy_distance, n_pairs).median
        self.sliced = floor(draw, sliced_w2, n_pairs).median

    def __call__(self, x: Tensor, seed: int) -> Score:
        truth = LAW.sample(N, torch.Generator().manual_seed(10_000 + seed))
        x = contain(x, 12.0).x
        modes = count_modes(x, LAW.means, 0.25)
        return Score(
            energy_distance(x, truth) / self.energy,
            sliced_w2(x, truth) / self.sliced,
            total_variation(modes.weights, LAW.weights.double()),
            modes.width,
            100 * modes.stray,
        )


class Judged(NamedTuple):
    """One sampler on one network for each seed: the scores, and CPU seconds of sampling."""

    scores: list[Score]
    seconds: list[float]

    @property
    def energy(self) -> str:
        """The energy distance over the floor: median, and worst in brackets."""
        values = [score.energy for score in self.scores]
        return f"{median(values):.2f} ({max(values):.2f})"

    def of(self, name: str) -> float:
        """The median over seeds of one of the numbers of a Score."""
        return median(getattr(score, name) for score in self.scores)


def judged(judge: Judge, sampler: Sampler, models: Sequence, seeds: Iterable[int]) -> Judged:
    """What the sampler makes of each seed's network, from that seed's noise."""
    found = Judged([], [])
    for model, seed in zip(models, seeds, strict=True):
        begin = time.process_time()
        x = sampler(model, torch.Generator().manual_seed(seed))
        found.seconds.append(time.process_time() - begin)
        found.scores.append(judge(x, seed))
    return found


# What a command line can ask for: tables, each made from a judge and the seeds.
Tables = Callable[[Judge, range], Iterable[list[Row]]]
# For the updates of a trial, or None: the largest recipe, and the tables made with it.
Full = Callable[[int | None], tuple[Any, Tables]]


def main(doc: str, tables: Tables, full: Full, full_seeds: int, **others: Tables) -> None:
    """The command line: `tables` without a flag, `full`, and others under flags of their names.

    Recipes are tuned on seeds from 100 on, whatever seed is asked for.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    for name in others:
        parser.add_argument(f"--{name}", dest="chosen", action="store_const", const=name)
    add_full(parser)
    parser.add_argument("--seeds", type=int, help=f"5, or {full_seeds} with --full")
    parser.add_argument("--first-seed", type=int, default=0, help="tune from 100 on")
    parser.add_argument("--pairs", type=int, default=40, help="pairs of true draws for the floor")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["COURSE_STATIC"] = "1"  # no progress bars between the rows
    team = join("cpu")
    let_first_speak(team)
    if asked.full:
        recipe, tables = full(asked.updates)
        announce(recipe, team, asked.updates)
    judge = Judge(asked.pairs)
    print(f"floor of {N} points: energy {judge.energy:.2e}, sliced W2 {judge.sliced:.4f}")
    first = max(asked.first_seed, 100) if asked.chosen == "tune" else asked.first_seed
    n_seeds = asked.seeds or (full_seeds if asked.full else 5)
    chosen = others[asked.chosen] if asked.chosen else tables
    for rows in chosen(judge, range(first, first + n_seeds)):
        print("\n" + table(rows), flush=True)
