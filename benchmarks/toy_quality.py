"""NCSN, DDPM and DDIM on the five-mode cross: quality against calls, beside the floor.

    python -m benchmarks.toy_quality              the recipes and the common settings, seeds 0–4
    python -m benchmarks.toy_quality --ablation   what each ingredient is worth
    python -m benchmarks.toy_quality --curve      quality against network calls and training
    python -m benchmarks.toy_quality --full       width, length and seeds of the chapter's FULL

Every number is a median over seeds, with the worst behind it; energy distance and sliced W₂ of
10 000 samples are in units of their floor, the median between pairs of true draws. Recipes were
chosen on seeds from 100 on, never on those reported. One thread; prints tables, writes nothing.
torchrun shares each training among processes on the CPU, as `benchmarks.full` says.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import torch
from torch import Tensor, nn

from benchmarks.full import add_full, announce, let_first_speak
from helpers.evaluate import (
    contain,
    count_modes,
    energy_distance,
    floor,
    sliced_w2,
    total_variation,
)
from helpers.learn import Trained, denoising_loss, stratified_times, train
from helpers.learn.parallel import join
from helpers.models import TimeMLP
from helpers.noise import (
    VE,
    BetaTable,
    Cosine,
    Denoiser,
    Path,
    cross,
    grid,
    noise_grid,
)
from helpers.sample import (
    ancestral,
    ddim,
    denoise,
    edm_heun,
    langevin,
    multistep,
    reverse_heun,
    sample,
    step,
)

LAW = cross()
N = 10_000


@dataclass(frozen=True)
class Recipe:
    """How one network is trained."""

    path: Path
    kind: str = "edm"
    data_std: float | None = 1.6  # None: inputs as they are
    gain: float = 4.0
    lr: float = 1e-2
    n_steps: int = 1500
    batch: int = 512
    stratified: bool = True
    steady: bool = False  # the learning rate stays, and no average is taken
    hidden: int = 96
    n_features: int = 32
    first_layer: float = 1.0  # factor on the first layer's weights of x before training

    def denoiser(self) -> Denoiser:
        net = TimeMLP(hidden=self.hidden, gain=self.gain, n_features=self.n_features)
        with torch.no_grad():
            first = net.body[0]
            assert isinstance(first, nn.Linear)
            first.weight[:, :2] *= self.first_layer
        return Denoiser(net, self.path, self.kind, self.data_std)

    def times(self, generator: torch.Generator) -> Tensor:
        schedule = self.path.schedule
        if isinstance(schedule, BetaTable):
            i = torch.randint(schedule.n_steps, (self.batch,), generator=generator)
            return (i + 1) / schedule.n_steps
        if self.stratified:
            return stratified_times(self.batch, generator=generator)
        return torch.rand(self.batch, generator=generator)

    def train(self, seed: int) -> Trained:
        torch.manual_seed(seed)
        denoiser = self.denoiser()

        def loss(generator: torch.Generator) -> Tensor:
            t = self.times(generator)
            # Score matching is weighted by σ², as in NCSN.
            weight = self.path.schedule.sigma(t) ** 2 if self.kind == "score" else None
            x0 = LAW.sample(self.batch, generator)
            return denoising_loss(denoiser, x0, t, weight, generator=generator)

        if self.steady:
            return train(
                denoiser,
                loss,
                self.n_steps,
                lr=self.lr,
                warmup=0.0,
                decay=0.0,
                seed=seed,
                fall=False,
            )
        return train(denoiser, loss, self.n_steps, lr=self.lr, seed=seed)


# The settings that circulate, and ours. All networks: three hidden layers of 96.
COMMON = Recipe(
    Path(BetaTable.linear(50, 1e-4, 0.035)),
    "eps",
    None,
    gain=1.0,
    lr=1e-3,
    n_steps=900,
    batch=384,
    stratified=False,
    steady=True,
)
COMMON_NCSN = replace(COMMON, path=Path(VE(0.07, 1.0)), kind="score")
NCSN = Recipe(Path(VE(0.01, 12.8)))
DDPM = Recipe(Path(Cosine()))


def full(recipe: Recipe, updates: int | None) -> Recipe:
    """The chapter's FULL; the settings that circulate stay what they are."""
    if recipe.steady:
        return recipe
    return replace(recipe, hidden=256, n_steps=10_000 if updates is None else updates)


# A sampler makes points from a denoiser and a generator.
Sampler = Callable[[Denoiser, torch.Generator], Tensor]


def start(den: Denoiser, generator: torch.Generator) -> Tensor:
    return den.path.prior(torch.empty(N, 2), generator)


def run_annealed(n_levels: int, n_moves: int, snr: float, lowest: float, end: bool) -> Sampler:
    """Langevin at geometric levels from the top of the path down, and at the end x̂₀ or nothing."""

    def run(den: Denoiser, generator: torch.Generator) -> Tensor:
        schedule = den.path.schedule
        top = float(schedule.ratio(torch.ones((), dtype=torch.float64)))
        u = torch.linspace(0, 1, n_levels, dtype=torch.float64)
        times = schedule.time_of(top * (lowest / top) ** u)
        times = torch.cat([times, times[-1:]])  # each level is a step that stays where it is
        moves = [langevin(den.path, snr, generator)] * n_moves
        x = sample(step(den, *moves), start(den, generator), times)
        return sample(step(den, denoise(den.path)), x, times[-2:]) if end else x

    return run


def run_ddpm(n: int, widen: float = 0.5) -> Sampler:
    return lambda den, g: sample(
        step(den, ancestral(den.path, widen, g)), start(den, g), _times(den, n)
    )


def run_ddim(n: int) -> Sampler:
    return lambda den, g: sample(step(den, ddim(den.path)), start(den, g), _times(den, n))


def run_multistep(n: int, eta: float) -> Sampler:
    return lambda den, g: sample(multistep(den, den.path, eta, g), start(den, g), _times(den, n))


def run_heun(n: int) -> Sampler:
    return lambda den, g: sample(edm_heun(den, den.path), start(den, g), _times(den, n))


def run_flow(n: int) -> Sampler:
    return lambda den, g: sample(reverse_heun(den, den.path), start(den, g), _times(den, n))


def _times(den: Denoiser, n: int) -> Tensor:
    if isinstance(den.path.schedule, VE):
        return noise_grid(den.path.schedule, n, den.path.schedule.sigma_max, 0.05)
    return grid(n)


def from_unit_noise(n: int, eta: float) -> Sampler:
    """As the common settings do: from N(0, I), wherever the noising ended."""

    def run(den: Denoiser, g: torch.Generator) -> Tensor:
        update = ddim(den.path) if eta == 0 else ancestral(den.path, 0.0, g)
        return sample(step(den, update), torch.randn(N, 2, generator=g), grid(n))

    return run


ROWS: list[tuple[str, Recipe, int, Sampler]] = [
    ("common NCSN, Langevin", COMMON_NCSN, 360, run_annealed(6, 60, 0.12, 0.07, False)),
    ("common DDPM", COMMON, 50, from_unit_noise(50, 1.0)),
    ("common DDIM", COMMON, 50, from_unit_noise(50, 0.0)),
    ("common DDIM", COMMON, 10, from_unit_noise(10, 0.0)),
    ("NCSN, annealed Langevin", NCSN, 361, run_annealed(24, 15, 0.3, 0.05, True)),
    ("NCSN, EDM Heun", NCSN, 36, run_heun(18)),
    ("NCSN, EDM Heun", NCSN, 20, run_heun(10)),
    ("DDPM, ancestral", DDPM, 200, run_ddpm(200)),
    ("DDPM, ancestral", DDPM, 50, run_ddpm(50)),
    ("DDPM, ancestral", DDPM, 20, run_ddpm(20)),
    ("DDPM, multistep SDE", DDPM, 20, run_multistep(20, 1.0)),
    ("DDIM", DDPM, 100, run_ddim(100)),
    ("DDIM", DDPM, 50, run_ddim(50)),
    ("DDIM", DDPM, 20, run_ddim(20)),
    ("probability flow, Heun", DDPM, 49, run_flow(25)),
    ("DDIM, multistep", DDPM, 20, run_multistep(20, 0.0)),
    ("DDIM", DDPM, 10, run_ddim(10)),
    ("DDIM, multistep", DDPM, 10, run_multistep(10, 0.0)),
]


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


HEAD = (
    f"{'':28s} {'calls':>5} {'E/floor':>8} {'worst':>7} {'sW2/fl':>7} {'TV':>6} {'width':>6} "
    f"{'stray%':>7} {'train':>6} {'sample':>6}"
)


def line(name: str, calls: int, scores: list[Score], fit: float, draw: float) -> str:
    energy = [s.energy for s in scores]
    return (
        f"{name:28s} {calls:5d} {median(energy):8.2f} {max(energy):7.2f} "
        f"{median(s.sliced for s in scores):7.2f} {median(s.tv for s in scores):6.3f} "
        f"{median(s.width for s in scores):6.3f} {median(s.stray for s in scores):7.2f} "
        f"{fit:6.2f} {draw:6.2f}"
    )


def drawn(sampler: Sampler, den: Denoiser, seed: int) -> tuple[Tensor, float]:
    begin = time.process_time()
    x = sampler(den, torch.Generator().manual_seed(seed))
    return x, time.process_time() - begin


def main_table(judge: Judge, seeds: range, change: Callable[[Recipe], Recipe]) -> None:
    recipes = list(dict.fromkeys(recipe for _, recipe, _, _ in ROWS))
    trained = {(r, seed): change(r).train(seed) for r in recipes for seed in seeds}
    if join("cpu").rank > 0:
        return  # the first process judges
    print(HEAD)
    for name, recipe, calls, sampler in ROWS:
        scores, spent = [], []
        for seed in seeds:
            x, seconds = drawn(sampler, trained[recipe, seed].model, seed)
            scores.append(judge(x, seed))
            spent.append(seconds)
        fit = median(trained[recipe, seed].seconds for seed in seeds)
        print(line(name, calls, scores, fit, median(spent)), flush=True)


def excess(den: Denoiser) -> float:
    """How far the network is from the exact prediction, as a share of what there is to learn.

    Mean squared error of the unit-variance target against the exact one, over the variance of
    the exact one, for noise over signal between 0.1 and 3.
    """
    g = torch.Generator().manual_seed(77)
    path, n = den.path, 20_000
    low, high = path.schedule.time_of(torch.tensor([0.1, 3.0])).tolist()
    t = stratified_times(n, low, high, g)
    x, _ = path.perturb(LAW.sample(n, g), t, g)
    unit = Denoiser(nn.Identity(), path, "edm", 1.6)
    exact, learnt = LAW.denoiser(path)(x, t), den(x, t)
    best = unit.target(exact.x0, exact.eps, t)
    error = (unit.target(learnt.x0, learnt.eps, t) - best).square().mean()
    return float(error / best.square().mean())


def ablation(judge: Judge, seeds: range) -> None:
    """DDPM, 50 ancestral steps from t = 0.96: at t = 1, ε says nothing about x₀."""
    base = replace(DDPM, lr=1e-2)
    cases: list[tuple[str, Recipe]] = []
    for kind in ("eps", "v", "edm"):
        for gain in (1.0, 4.0):
            for lr in (1e-3, 1e-2):
                name = f"{kind:5s} gain {gain:.0f}  lr {lr:g}"
                cases.append((name, replace(base, kind=kind, gain=gain, lr=lr)))
    plain = replace(base, gain=1.0)
    cases += [
        ("edm, 4 time features", replace(plain, n_features=4)),
        ("edm, first layer × 4", replace(plain, first_layer=4.0)),
        ("edm, 4 × as long", replace(plain, n_steps=6000)),
        ("edm gain 2", replace(base, gain=2.0)),
        ("edm gain 8", replace(base, gain=8.0)),
        ("edm gain 16", replace(base, gain=16.0)),
        ("eps gain 4, steady lr", replace(base, kind="eps", steady=True)),
        ("edm gain 4, steady lr", replace(base, steady=True)),
        ("edm gain 4, not stratified", replace(base, stratified=False)),
        ("x0 gain 4", replace(base, kind="x0")),
    ]
    print(
        f"{'':28s} {'E/floor':>8} {'worst':>8} {'stray%':>7} {'TV':>6} {'excess%':>8} {'train':>6}"
    )
    for name, recipe in cases:
        scores, off, spent = [], [], []
        for seed in seeds:
            run = recipe.train(seed)
            assert isinstance(run.model, Denoiser)
            sampler: Sampler = partial(_late_ddpm, 50)
            scores.append(judge(drawn(sampler, run.model, seed)[0], seed))
            with torch.no_grad():
                off.append(100 * excess(run.model))
            spent.append(run.seconds)
        energy = [s.energy for s in scores]
        print(
            f"{name:28s} {median(energy):8.2f} {max(energy):8.2f} "
            f"{median(s.stray for s in scores):7.2f} {median(s.tv for s in scores):6.3f} "
            f"{median(off):8.2f} {median(spent):6.2f}",
            flush=True,
        )


def _late_ddpm(n: int, den: Denoiser, g: torch.Generator) -> Tensor:
    return sample(step(den, ancestral(den.path, 0.5, g)), start(den, g), grid(n, 0.96))


def curve(judge: Judge, seeds: range) -> None:
    """Energy distance over the floor against network calls, and against training."""
    ncsn = [NCSN.train(seed).model for seed in seeds]
    ddpm = [DDPM.train(seed).model for seed in seeds]
    families: list[tuple[str, list, Callable[[int], Sampler]]] = [
        ("NCSN, EDM Heun", ncsn, lambda n: run_heun(n // 2)),
        ("DDPM", ddpm, run_ddpm),
        ("DDIM", ddpm, run_ddim),
        ("multistep", ddpm, lambda n: run_multistep(n, 0.0)),
        ("multistep SDE", ddpm, lambda n: run_multistep(n, 1.0)),
    ]
    calls = [6, 10, 20, 50, 100, 250]
    print(f"{'calls':28s} " + " ".join(f"{n:8d}" for n in calls))
    for name, models, make in families:
        row = []
        for n in calls:
            runs = zip(models, seeds, strict=True)
            row.append(median(judge(drawn(make(n), m, s)[0], s).energy for m, s in runs))
        print(f"{name:28s} " + " ".join(f"{e:8.2f}" for e in row), flush=True)
    steps = [125, 250, 500, 1000, 2000]
    print(f"{'updates of 512':28s} " + " ".join(f"{n:8d}" for n in steps))
    for name, recipe, sampler in (
        ("NCSN, EDM Heun, 36 calls", NCSN, run_heun(18)),
        ("DDPM, 50 calls", DDPM, run_ddpm(50)),
        ("DDIM, 100 calls", DDPM, run_ddim(100)),
    ):
        row = []
        for n in steps:
            runs = [(replace(recipe, n_steps=n).train(s).model, s) for s in seeds]
            row.append(median(judge(drawn(sampler, m, s)[0], s).energy for m, s in runs))
        print(f"{name:28s} " + " ".join(f"{e:8.2f}" for e in row), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--curve", action="store_true")
    add_full(parser)
    parser.add_argument("--seeds", type=int, help="5, or 20 with --full")
    parser.add_argument("--first-seed", type=int, default=0, help="tune from 100 on")
    parser.add_argument("--pairs", type=int, default=40, help="pairs of true draws for the floor")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["COURSE_STATIC"] = "1"  # no progress bars between the rows
    team = join("cpu")
    let_first_speak(team)
    if arguments.full:
        announce(full(DDPM, arguments.updates), team, arguments.updates)
    judge = Judge(arguments.pairs)
    print(f"floor of {N} points: energy {judge.energy:.2e}, sliced W2 {judge.sliced:.4f}")
    n_seeds = arguments.seeds or (20 if arguments.full else 5)
    seeds = range(arguments.first_seed, arguments.first_seed + n_seeds)
    if arguments.ablation:
        ablation(judge, seeds)
    elif arguments.curve:
        curve(judge, seeds)
    else:
        larger = partial(full, updates=arguments.updates)
        main_table(judge, seeds, larger if arguments.full else lambda recipe: recipe)


if __name__ == "__main__":
    main()
