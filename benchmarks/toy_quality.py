"""NCSN, DDPM and DDIM on the five-mode cross: quality against calls, beside the floor.

    python -m benchmarks.toy_quality              the recipes and the common settings, seeds 0–4
    python -m benchmarks.toy_quality --ablation   what each ingredient is worth
    python -m benchmarks.toy_quality --curve      quality against network calls and training
    python -m benchmarks.toy_quality --full       width, length and seeds of the chapter's FULL

What the numbers are is said in five_modes.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from statistics import median

import torch
from torch import Tensor, nn

from benchmarks.five_modes import LAW, Judge, Sampler, Tables, judged, main, start
from benchmarks.rows import Row
from benchmarks.toy_recipes import (
    COMMON,
    COMMON_NCSN,
    DDPM,
    NCSN,
    Recipe,
    enlarged,
    from_unit_noise,
    run_annealed,
    run_ddim,
    run_ddpm,
    run_flow,
    run_heun,
    run_multistep,
)
from helpers.learn import stratified_times
from helpers.learn.parallel import join
from helpers.noise import Denoiser, grid
from helpers.sample import ancestral, sample, step

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


def compared(
    judge: Judge, seeds: range, change: Callable[[Recipe], Recipe] = lambda recipe: recipe
) -> Iterator[list[Row]]:
    """Every recipe, changed or not, with its samplers."""
    recipes = list(dict.fromkeys(recipe for _, recipe, _, _ in ROWS))
    trained = {recipe: [change(recipe).train(seed) for seed in seeds] for recipe in recipes}
    if join("cpu").rank > 0:
        return  # the first process judges
    rows: list[Row] = []
    for name, recipe, calls, sampler in ROWS:
        runs = trained[recipe]
        found = judged(judge, sampler, [run.model for run in runs], seeds)
        rows.append(
            {
                "": name,
                "calls": calls,
                "E / floor (worst)": found.energy,
                "sW₂ / floor": found.of("sliced"),
                "TV": found.of("tv"),
                "width": found.of("width"),
                "stray %": found.of("stray"),
                "CPU s, training": median(run.seconds for run in runs),
                "CPU s, sampling": median(found.seconds),
            }
        )
    yield rows


def at_full(updates: int | None) -> tuple[Recipe, Tables]:
    """The same comparison with the chapter's FULL, or a trial of it."""
    larger = partial(enlarged, updates=updates)
    return larger(DDPM), partial(compared, change=larger)


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


def ablation(judge: Judge, seeds: range) -> Iterator[list[Row]]:
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
    rows: list[Row] = []
    for name, recipe in cases:
        runs = [recipe.train(seed) for seed in seeds]
        models: list = [run.model for run in runs]
        found = judged(judge, late_ddpm, models, seeds)
        with torch.no_grad():
            off = median(100 * excess(model) for model in models)
        rows.append(
            {
                "": name,
                "E / floor (worst)": found.energy,
                "stray %": found.of("stray"),
                "TV": found.of("tv"),
                "excess %": off,
                "CPU s, training": median(run.seconds for run in runs),
            }
        )
    yield rows


def late_ddpm(den: Denoiser, g: torch.Generator) -> Tensor:
    """50 ancestral steps that begin a little after the noise end."""
    return sample(step(den, ancestral(den.path, 0.5, g)), start(den, g), grid(50, 0.96))


def curve(judge: Judge, seeds: range) -> Iterator[list[Row]]:
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
    rows: list[Row] = []
    for name, models, make in families:
        row: Row = {"calls": name}
        for n in (6, 10, 20, 50, 100, 250):
            row[str(n)] = judged(judge, make(n), models, seeds).energy
        rows.append(row)
    yield rows
    rows = []
    for name, recipe, sampler in (
        ("NCSN, EDM Heun, 36 calls", NCSN, run_heun(18)),
        ("DDPM, 50 calls", DDPM, run_ddpm(50)),
        ("DDIM, 100 calls", DDPM, run_ddim(100)),
    ):
        row = {"updates of 512": name}
        for n in (125, 250, 500, 1000, 2000):
            models = [replace(recipe, n_steps=n).train(seed).model for seed in seeds]
            row[str(n)] = judged(judge, sampler, models, seeds).energy
        rows.append(row)
    yield rows


if __name__ == "__main__":
    main(__doc__, compared, at_full, 20, ablation=ablation, curve=curve)
