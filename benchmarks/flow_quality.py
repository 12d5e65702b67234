"""Flow matching on the cross of chapter 03: quality beside the floor, and its price.

    python -m benchmarks.flow_quality             5 seeds: free pairs, OT pairs, reflow, DDIM
    python -m benchmarks.flow_quality --tune      the choices behind the OT recipe
    python -m benchmarks.flow_quality --full      length and seeds of the chapter's FULL

What the numbers are is said in five_modes.py; torchcfm's loop stands beside ours in samplers.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import torch
from torch import Tensor

from benchmarks.five_modes import LAW, Judge, Sampler, Tables, judged, main, start
from benchmarks.rows import Row, extremes
from benchmarks.toy_recipes import DDPM, run_ddim
from helpers.learn import Trained, stratified_times, train
from helpers.learn.couplings import ot_pairs
from helpers.learn.parallel import join
from helpers.models import TimeMLP
from helpers.noise import Denoiser, Linear, Path, bridge, grid
from helpers.sample import reverse_euler, sample, step

LINE = Path(Linear())
Pairs = Callable[[int, torch.Generator], tuple[Tensor, Tensor]]


def free_pairs(n: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
    return LAW.sample(n, g), torch.empty(n, 2).normal_(generator=g)


def own_pairs(run: Trained, seed: int, n: int = 30_000) -> Pairs:
    """Ends of a trained network's ways, for a reflow."""
    noise = torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))
    data = midpoint(run.model, noise, 80)

    def pairs(n: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
        pick = torch.randint(len(noise), (n,), generator=g)
        return data[pick], noise[pick]

    return pairs


@dataclass(frozen=True)
class Recipe:
    """How one wind is trained; block 0 leaves the pairs free."""

    block: int = 0
    n_steps: int = 1900
    batch: int = 512
    lr: float = 1e-2
    gain: float = 4.0

    def train(self, seed: int, pairs: Pairs = free_pairs) -> Trained:
        torch.manual_seed(seed)
        model = Denoiser(TimeMLP(gain=self.gain), LINE, "v", LAW.data_std())

        def loss(g: torch.Generator) -> Tensor:
            x0, x1 = pairs(self.batch, g)
            if self.block:
                x0, x1 = ot_pairs(x0, x1, block=self.block)
            t = stratified_times(self.batch, generator=g)
            x, v = bridge(x0, x1, t)
            return (model.output(x, t) - v).square().mean()

        return train(model, loss, self.n_steps, lr=self.lr, seed=seed)


FREE = Recipe()
NEAR = Recipe(block=64)


@torch.no_grad()
def midpoint(den: Callable, x: Tensor, calls: int, p: float = 1.0) -> Tensor:
    """x carried to the data by calls/2 steps; with p > 1 the first ones are short."""

    def advance(x: Tensor, t: Tensor, s: Tensor) -> Tensor:
        half = x + 0.5 * (s - t) * den(x, t).v
        return x + (s - t) * den(half, 0.5 * (s + t)).v

    rising = 1 - grid(calls // 2)  # from 0 to 1
    return sample(advance, x, 1 - rising**p)


def run_euler(calls: int) -> Sampler:
    return lambda den, g: sample(step(den, reverse_euler(den.path)), start(den, g), grid(calls))


def run_midpoint(calls: int) -> Sampler:
    return lambda den, g: midpoint(den, start(den, g), calls)


def run_early_midpoint(calls: int) -> Sampler:
    """The first steps are short: there the wind of OT pairs turns most."""
    return lambda den, g: midpoint(den, start(den, g), calls, 1.75)


def compared(judge: Judge, seeds: range, updates: int | None = None) -> Iterator[list[Row]]:
    """Every coupling with its samplers, then what the trainings cost."""
    free, near, ddpm = FREE, NEAR, DDPM
    if updates is not None:
        free, near = (replace(recipe, n_steps=updates) for recipe in (FREE, NEAR))
        ddpm = replace(DDPM, n_steps=updates)
    trained = {
        "free pairs": [free.train(s) for s in seeds],
        "OT pairs": [near.train(s) for s in seeds],
        "DDPM (chapter 03)": [ddpm.train(s) for s in seeds],
    }
    trained["reflow"] = [
        free.train(s, own_pairs(run, s))
        for s, run in zip(seeds, trained["free pairs"], strict=True)
    ]
    if join("cpu").rank > 0:
        return  # the first process judges
    rows: list[Row] = []
    for name, method, make in (
        ("free pairs", "Euler", run_euler),
        ("free pairs", "midpoint", run_midpoint),
        ("OT pairs", "Euler", run_euler),
        ("OT pairs", "midpoint", run_midpoint),
        ("OT pairs", "midpoint, short first", run_early_midpoint),
        ("reflow", "Euler", run_euler),
        ("reflow", "midpoint", run_midpoint),
        ("DDPM (chapter 03)", "DDIM", run_ddim),
    ):
        models = [run.model for run in trained[name]]
        row: Row = {"E / floor (worst), calls:": f"{name}, {method}"}
        for calls in (2, 4, 10, 20, 50, 100):
            row[str(calls)] = judged(judge, make(calls), models, seeds).energy
        rows.append(row)
    yield rows
    yield [
        {"": name, "CPU s of training, pairing included": extremes([run.seconds for run in runs])}
        for name, runs in trained.items()
    ]


def at_full(updates: int | None) -> tuple[Recipe, Tables]:
    """The same comparison at the length of the chapter's FULL, or a trial of it."""
    n_steps = 20_000 if updates is None else updates
    return replace(FREE, n_steps=n_steps), partial(compared, updates=n_steps)


def tune(judge: Judge, seeds: range) -> Iterator[list[Row]]:
    """Midpoint with short first steps for variants of the OT recipe."""
    cases = {
        "OT, block 32": Recipe(32),
        "OT, block 64": NEAR,
        "OT, block 128": Recipe(128),
        "OT, block 64, 1500 updates": Recipe(64, 1500),
        "OT, block 64, gain 6": Recipe(64, gain=6.0),
        "OT, block 64, rate 0.02": Recipe(64, lr=2e-2),
    }
    rows: list[Row] = []
    for name, recipe in cases.items():
        runs = [recipe.train(s) for s in seeds]
        row: Row = {"E / floor (worst), calls:": name}
        for calls in (4, 10, 50):
            sampler = run_early_midpoint(calls)
            row[str(calls)] = judged(judge, sampler, [run.model for run in runs], seeds).energy
        rows.append({**row, "CPU s": median(run.seconds for run in runs)})
    yield rows


if __name__ == "__main__":
    main(__doc__, compared, at_full, 10, tune=tune)
