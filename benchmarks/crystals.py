"""Crystals from noise: the direct way and the torus, beside uniform random positions.

    python -m benchmarks.crystals --first 3             everything, seeds 3–5
    python -m benchmarks.crystals --seeds 1 --fast      the longest predictor-corrector runs

21 training structures (fixed), 200 samples for each prototype on its seven lattices in turn.
Every number is a share in percent: no two atoms closer than 0.7 Å / than 0.8 nearest-neighbour
distances / within 0.2 (V/N)^⅓ of the prototype. The mean over seeds, with the worst behind it.
Recipes were chosen on seeds from 100 on, the range of σ and the updates on seeds 0–2: quote
seeds from 3 on. One thread, CPU seconds; prints a table, writes nothing.
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable

import torch
from pymatgen.analysis.structure_matcher import StructureMatcher

from helpers.evaluate.crystals import Quality, quality, random_positions
from helpers.learn.crystals import train_crystals, train_directly
from helpers.matter import (
    Crystal,
    Crystals,
    pack,
    prototypes,
    take,
    to_pymatgen,
    unpack,
    variants,
    wrap,
)
from helpers.models.crystals import CrystalNet
from helpers.models.direct import AtomMLP
from helpers.noise import VE, BetaTable, Denoiser, Path, grid
from helpers.noise.spaces import Torus
from helpers.sample import ancestral, denoise, langevin, reverse_euler, reverse_heun, sample, step

N = 200
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
        self.rows: dict[str, dict[str, list[Quality]]] = {}
        self.seconds: dict[str, list[float]] = {}

    def add(self, row: str, make: Callable[[Crystals], Crystals], like: dict) -> None:
        start = time.process_time()
        made = {name: make(c) for name, c in like.items()}
        self.seconds.setdefault(row, []).append(time.process_time() - start)
        for name, crystals in made.items():
            values = self.rows.setdefault(row, {}).setdefault(name, [])
            values.append(quality(crystals, prototypes()[name]))

    def show(self) -> None:
        print(f"{'':32}" + "".join(f"{name:>34}" for name in prototypes()) + f"{'CPU s':>9}")
        for row, by_name in self.rows.items():
            cells = []
            for values in by_name.values():
                triples = [tuple(100 * v for v in q) for q in values]
                mean = [sum(c) / len(c) for c in zip(*triples, strict=True)]
                worst = [min(c) for c in zip(*triples, strict=True)]
                pairs = zip(mean, worst, strict=True)
                cells.append(" ".join(f"{m:5.1f} ({w:3.0f})" for m, w in pairs))
            mean_seconds = sum(self.seconds[row]) / len(self.seconds[row])
            print(f"{row:32}" + "".join(f"{c:>34}" for c in cells) + f"{mean_seconds:9.1f}")


def lesson(like: dict[str, Crystals], generator: torch.Generator) -> None:
    """What the published settings of the matcher say of uniform random positions."""
    keep = StructureMatcher(ltol=0.3, stol=0.5, angle_tol=10, primitive_cell=False)
    tight = StructureMatcher(ltol=0.3, stol=0.2, angle_tol=10, primitive_cell=False)
    for name, c in like.items():
        ideal = to_pymatgen(prototypes()[name])
        noise = [to_pymatgen(s) for s in unpack(random_positions(c, generator))]
        shares = []
        for matcher in (keep, tight):
            found = [matcher.get_rms_dist(ideal, s) is not None for s in noise]
            shares.append(100 * sum(found) / len(found))
        print(f"uniform {name}: stol 0.5 accepts {shares[0]:.1f} %, stol 0.2 {shares[1]:.1f} %")


def torus_model(structures: list[Crystal], seed: int, n_steps: int) -> tuple[Denoiser, float]:
    """The trained denoiser and the CPU seconds that took."""
    torch.manual_seed(seed)
    trained = train_crystals(Denoiser(CrystalNet(), TORUS), structures, n_steps, seed=seed)
    assert isinstance(trained.model, Denoiser)
    return trained.model, trained.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--steps", type=int, default=2400, help="updates on the torus")
    parser.add_argument("--fast", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["COURSE_STATIC"] = "1"
    warnings.filterwarnings("ignore")
    structures = variants(torch.Generator().manual_seed(0))
    like, table = templates(structures), Table()
    table.add("training structures", lambda c: take(c, torch.arange(7)), like)
    seconds: dict[str, list[float]] = {"direct": [], "torus": []}
    for seed in range(options.first, options.first + options.seeds):
        g = torch.Generator().manual_seed(seed)
        if not options.fast:
            table.add("uniform positions", lambda c, g=g: random_positions(c, g), like)
            torch.manual_seed(seed)
            direct = Denoiser(AtomMLP(), DIRECT)
            seconds["direct"].append(train_directly(direct, structures, seed=seed).seconds)
            table.add("direct, 200 calls", lambda c, g=g, d=direct: directly(d, c, g), like)
        denoiser, spent = torus_model(structures, seed, options.steps)
        seconds["torus"].append(spent)
        for name, by_calls in SAMPLERS.items():
            for calls, draw in by_calls.items():
                if not options.fast or (calls >= 200 and name == "predictor-corrector"):
                    make = lambda c, g=g, draw=draw, m=denoiser: draw(m, c, g)  # noqa: E731
                    table.add(f"{name}, {calls} calls", make, like)
    for name, taken in seconds.items():
        if taken:
            print(f"training, {name}: " + ", ".join(f"{s:.1f}" for s in taken) + " CPU s")
    table.show()
    if not options.fast:
        lesson(like, torch.Generator().manual_seed(0))


if __name__ == "__main__":
    main()
