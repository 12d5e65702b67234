"""Crystals from noise: the direct way and the torus, beside uniform random positions.

    python -m benchmarks.crystals --first 3             everything, seeds 3–5
    python -m benchmarks.crystals --seeds 1 --fast      the longest predictor-corrector runs

21 training structures (fixed), 200 samples for each prototype on its seven lattices in turn.
Every number is a share in percent: no two atoms closer than 0.7 Å / than 0.8 nearest-neighbour
distances / within 0.2 (V/N)^⅓ of the prototype. The median over seeds, the least and the most.
Recipes were chosen on seeds from 100 on, the range of σ and the updates on seeds 0–2: quote
seeds from 3 on. One thread, CPU seconds; prints a table, writes nothing.
"""

import argparse
import os
import time
from collections.abc import Callable
from statistics import median

import torch

from benchmarks.rows import Row, extremes, table
from helpers.evaluate.crystals import Quality, quality, random_positions
from helpers.learn.crystals import train_crystals, train_directly
from helpers.matter import (
    Crystal,
    Crystals,
    pack,
    prototypes,
    take,
    variants,
    wrap,
)
from helpers.models.crystals import CrystalNet
from helpers.models.direct import AtomMLP
from helpers.noise import VE, BetaTable, Denoiser, Path, grid
from helpers.noise.spaces import Torus
from helpers.sample import ancestral, denoise, langevin, reverse_euler, reverse_heun, sample, step

N = 200
SEEDS = range(3, 6)
DIRECT = Path(BetaTable.linear(200))
# σ from where x_t is uniform up to a common shift – the first wave of the difference of two atoms
# has the amplitude 2 exp(−4π² · 0.4²) < 0.4 % – down to the size of the thermal noise.
TORUS = Path(VE(0.05, 0.4), Torus())
Sampler = Callable[[Denoiser, Crystals, torch.Generator], Crystals]


def templates(structures: list[Crystal]) -> dict[str, Crystals]:
    """For each prototype the N cells to fill: those of its seven structures in turn."""
    sevens = zip(prototypes(), (structures[i : i + 7] for i in (0, 7, 14)), strict=True)
    return {name: take(pack(seven), torch.arange(N) % 7) for name, seven in sevens}


def directly(denoiser: Denoiser, like: Crystals, generator: torch.Generator) -> Crystals:
    """200 ancestral steps from a Gaussian, wrapped once, at the end."""
    path = denoiser.path
    advance = step(denoiser, ancestral(path, generator=generator), cond=like)
    x = sample(advance, path.prior(like.frac, generator), DIRECT.schedule.times())
    return like._replace(frac=wrap(x))


def on_torus(kind: str, levels: int, correctors: int, settle: int) -> Sampler:
    """`levels` steps from σ = 0.4 to 0.05 with `correctors` Langevin moves before each, then
    `settle` moves without noise, each to x̂₀, which end on the nearest peak of the law."""

    def draw(denoiser: Denoiser, like: Crystals, generator: torch.Generator) -> Crystals:
        path = denoiser.path
        correct = [langevin(path, 0.3, generator)] * correctors
        if kind == "heun":
            advance = reverse_heun(lambda x, t: denoiser(x, t, like), path)
        elif kind == "euler":
            advance = step(denoiser, reverse_euler(path), cond=like)
        else:
            advance = step(denoiser, *correct, ancestral(path, generator=generator), cond=like)
        times = grid(levels)
        x = sample(advance, path.prior(like.frac, generator), times)
        x = sample(step(denoiser, *[denoise(path)] * settle, cond=like), x, times[[-1, -1]])
        return like._replace(frac=x)

    return draw


SAMPLERS = {
    "ODE, Euler": {
        20: on_torus("euler", 18, 0, 2),
        50: on_torus("euler", 45, 0, 5),
        200: on_torus("euler", 190, 0, 10),
    },
    "ODE, Heun": {
        20: on_torus("heun", 9, 0, 2),
        50: on_torus("heun", 22, 0, 6),
        200: on_torus("heun", 95, 0, 10),
    },
    "predictor": {
        20: on_torus("ancestral", 18, 0, 2),
        50: on_torus("ancestral", 45, 0, 5),
        200: on_torus("ancestral", 190, 0, 10),
    },
    "predictor-corrector": {
        20: on_torus("ancestral", 6, 2, 2),
        50: on_torus("ancestral", 9, 4, 5),
        200: on_torus("ancestral", 19, 9, 10),
        400: on_torus("ancestral", 39, 9, 10),
    },
}


class Table:
    """Shares by row and prototype, and CPU seconds for each seed and row."""

    def __init__(self) -> None:
        self.qualities: dict[str, dict[str, list[Quality]]] = {}
        self.seconds: dict[str, list[float]] = {}
        self.training: dict[str, list[float]] = {}

    def add(
        self, row: str, make: Callable[[Crystals], Crystals], like: dict, training: float = 0.0
    ) -> None:
        """One seed's row: `training` is what its network took."""
        start = time.process_time()
        made = {name: make(c) for name, c in like.items()}
        self.seconds.setdefault(row, []).append(time.process_time() - start)
        self.training.setdefault(row, []).append(training)
        for name, crystals in made.items():
            values = self.qualities.setdefault(row, {}).setdefault(name, [])
            values.append(quality(crystals, prototypes()[name]))

    def rows(self) -> list[Row]:
        """A row for each way and prototype."""
        rows: list[Row] = []
        for way, by_name in self.qualities.items():
            for name, values in by_name.items():
                shares = zip(*values, strict=True)
                apart, spaced, matched = (extremes([100 * v for v in x]) for x in shares)
                rows.append(
                    {
                        "positions": way,
                        "prototype": name,
                        "> 0.7 Å, %": apart,
                        "spaced, %": spaced,
                        "matched, %": matched,
                        # Controls have no network, and cost nothing.
                        "CPU s to train": median(self.training[way]) or "–",
                        "to draw 600": median(self.seconds[way])
                        if any(self.training[way])
                        else "–",
                    }
                )
        return rows


def torus_model(structures: list[Crystal], seed: int, n_steps: int) -> tuple[Denoiser, float]:
    """The trained denoiser and the CPU seconds that took."""
    torch.manual_seed(seed)
    trained = train_crystals(Denoiser(CrystalNet(), TORUS), structures, n_steps, seed=seed)
    assert isinstance(trained.model, Denoiser)
    return trained.model, trained.seconds


def collect(seeds: range, n_steps: int, samplers: dict, controls: bool = True) -> Table:
    """The table of these samplers for all seeds; controls: uniform positions, the direct way."""
    structures = variants(torch.Generator().manual_seed(0))
    like, found = templates(structures), Table()
    found.add("training structures", lambda c: take(c, torch.arange(7)), like)
    for seed in seeds:
        g = torch.Generator().manual_seed(seed)
        if controls:
            found.add("uniform", lambda c, g=g: random_positions(c, g), like)
            torch.manual_seed(seed)
            direct = Denoiser(AtomMLP(), DIRECT)
            spent = train_directly(direct, structures, seed=seed).seconds
            make = lambda c, g=g, d=direct: directly(d, c, g)  # noqa: E731
            found.add("direct, 200 calls", make, like, spent)
        denoiser, spent = torus_model(structures, seed, n_steps)
        for name, by_calls in samplers.items():
            for calls, draw in by_calls.items():
                make = lambda c, g=g, draw=draw, m=denoiser: draw(m, c, g)  # noqa: E731
                found.add(f"{name}, {calls} calls", make, like, spent)
    return found


def measure(seeds: range = SEEDS, n_steps: int = 2400) -> list[Row]:
    """The rows of the performance page: controls, and two samplers on the torus."""
    names = ("predictor", "predictor-corrector")
    samplers = {f"torus, {name}": {200: SAMPLERS[name][200]} for name in names}
    return collect(seeds, n_steps, samplers).rows()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--steps", type=int, default=2400, help="updates on the torus")
    parser.add_argument("--fast", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["COURSE_STATIC"] = "1"
    longest = "predictor-corrector"
    fast = {longest: {n: draw for n, draw in SAMPLERS[longest].items() if n >= 200}}
    seeds = range(options.first, options.first + options.seeds)
    samplers = fast if options.fast else SAMPLERS
    print(table(collect(seeds, options.steps, samplers, not options.fast).rows()))


if __name__ == "__main__":
    main()
