"""Does a borrowed representation help? Torus flows with and without a teacher, seed by seed.

    python -m benchmarks.repa                  what is not stored yet
    python -m benchmarks.repa --again          everything, about half an hour on one core
    python -m benchmarks.repa --full           a GPU: the large recipe on the published splits
    python -m benchmarks.repa --show           print the tables of the stored runs

Positions of held-out structures are predicted for given cells and elements. The runs differ in
the teacher, in the times at which the hidden layer is aligned, in λ, in depth, and in the number
of training structures; the networks of one seed start alike and see the same batches. Perov-5 is
split by `split_off(seed=1)` from the published validation set: not the published split. CPU
seconds of the encoder stand apart, because the features of clean data are made once.
The results go to helpers/weights/repa_runs.pt, which chapter 06 shows; settings were chosen with
seed 100 and another split. `benchmarks.full` says how several processes share --full.
"""

import argparse
import os
import time
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.full import add_full, announce, shortened
from helpers.disk import save_whole
from helpers.evaluate.crystals import MATCHED
from helpers.evaluate.pairs import displacements
from helpers.learn.parallel import join
from helpers.learn.repa import alignment, standardised
from helpers.matter import Crystal, Crystals, load_perov5, pack, split_off, take
from helpers.matter.elements import elements, shake
from helpers.models.aligned import FULL, AlignedFlow, Recipe, train_aligned
from helpers.models.encoders import ElementEncoder, Encoder, load_chgnet, random_chgnet
from helpers.models.torus_flow import Lines, held_lines, line_errors, place_atoms

RESULTS = Path(__file__).parents[1] / "helpers" / "weights" / "repa_runs.pt"
SEEDS = (0, 1, 2)
STEPS = 800
LOOK = (25, 50, 100, 150, 200, 300, 400, 600)
BINS = ((0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0))
WINDOWS = {"all t": (0.0, 1.0), "near data": (0.0, 0.5), "near noise": (0.5, 1.0)}
TEACHERS = ("CHGNet", "random CHGNet", "elements only", "CHGNet, shuffled")


class Arm(NamedTuple):
    """One way to train: the data set, how much of it, the teacher, and how it is listened to."""

    group: str
    data: str = "Perov-5"
    size: int = 400
    teacher: str = "none"
    window: str = "all t"
    weight: float = 0.5
    depth: int = 2


def arms() -> list[Arm]:
    """All ways, without repetition."""
    made = [Arm("main")]
    made += [Arm("main", teacher="CHGNet", window=w) for w in WINDOWS]
    made += [Arm("main", teacher=teacher) for teacher in TEACHERS[1:]]
    made += [Arm("weight", teacher="CHGNet", window=w, weight=2.0) for w in WINDOWS]
    made += [Arm("elements", data="elements")]
    made += [Arm("elements", "elements", teacher="CHGNet", window=w) for w in WINDOWS]
    made += [Arm("elements", "elements", teacher="random CHGNet")]
    made += [Arm("size", size=size, teacher=w) for size in (100, 1600) for w in ("none", "CHGNet")]
    made += [Arm("depth", teacher="CHGNet", depth=depth) for depth in (1, 3)]
    return made


class Data(NamedTuple):
    training: Crystals
    held: Crystals


def float32(crystals: Crystals) -> Crystals:
    return crystals._replace(cell=crystals.cell.float(), frac=crystals.frac.float())


def perovskites(size: int = 1600, n_held: int = 300) -> Data:
    training, held = split_off(load_perov5("val"), size, n_held, seed=1)
    return Data(float32(training.crystals), float32(held.crystals))


def shaken_elements(size: int = 400, n_held: int = 200, seed: int = 1) -> Data:
    """Elements as fcc, hcp and bcc, noble gases left out, each atom moved by 0 to 0.3 Å and all
    lengths strained by up to 4 %."""
    generator = torch.Generator().manual_seed(seed)
    noble = (10, 18, 36, 54)
    kept = [e for e in elements(("fcc", "hcp", "bcc")) if int(e.crystal.species[0]) not in noble]
    made: list[Crystal] = []
    for k in range(size + n_held):
        u, s = torch.rand(2, generator=generator).tolist()
        ideal = kept[k % len(kept)].crystal
        made.append(shake(ideal, 0.3 * u, 0.08 * (s - 0.5), generator).crystal)
    every = pack(made)
    order = torch.randperm(len(made), generator=generator)
    return Data(take(every, order[:size]), take(every, order[size:]))


class Features(NamedTuple):
    """What a teacher says of the training set and of the held-out one, and the seconds it took."""

    training: Tensor
    held: Tensor
    seconds: float  # for the training set


def features(encoder: Encoder, data: Data) -> Features:
    start = time.process_time()
    training = encoder.encode(data.training)
    spent = time.process_time() - start
    both = torch.cat([training, encoder.encode(data.held)])
    mask = torch.cat([data.training.mask, data.held.mask])
    scaled = standardised(both, mask)  # one scale for both
    return Features(scaled[: len(training)], scaled[len(training) :], spent)


def shuffled(features: Features) -> Features:
    """Every structure gets another one's features: a teacher whose answers are out of order."""
    generator = torch.Generator().manual_seed(7)
    first = torch.randperm(len(features.training), generator=generator)
    second = torch.randperm(len(features.held), generator=generator)
    return Features(features.training[first], features.held[second], features.seconds)


@torch.no_grad()
def held_cosine(flow: AlignedFlow, held: Lines, target: Tensor) -> list[float]:
    """The mean cosine with the teacher at held-out lines, in four bins of t."""
    _, hidden = flow.both(held.x, held.t, held.crystals)
    cosine = alignment(flow.projector(hidden), target, held.crystals.mask)
    return [float(cosine[(held.t >= a) & (held.t < b)].mean()) for a, b in BINS]


def run(arm: Arm, seed: int, data: Data, teacher: Features | None, steps: int) -> dict[str, Any]:
    """One training, judged on the way and at the end."""
    training = take(data.training, torch.arange(arm.size))
    said = None if teacher is None else teacher.training[: arm.size]
    recipe = Recipe(steps, depth=arm.depth, weight=arm.weight, window=WINDOWS[arm.window])
    held = held_lines(data.held, repeats=2)
    curve: list[list[float]] = []
    looking = 0.0

    def errors(flow: torch.nn.Module) -> list[float]:
        found = line_errors(flow, held)
        bins = [float(found[(held.t >= a) & (held.t < b)].mean()) for a, b in BINS]
        return [float(found.mean()), *bins]

    def after(done: int, flow: AlignedFlow) -> None:
        nonlocal looking
        if done in LOOK:
            start = time.process_time()
            curve.append([done, *errors(flow)])
            looking += time.process_time() - start

    trained = train_aligned(training, said, recipe, seed=seed, after=after)
    flow = trained.model
    assert isinstance(flow, AlignedFlow)
    curve.append([steps, *errors(flow)])
    generator = torch.Generator().manual_seed(seed)
    made = place_atoms(flow, data.held, rounds=10, generator=generator)
    away = displacements(made, data.held, any_axes=arm.data == "Perov-5")
    cosine = [] if teacher is None else held_cosine(flow, held, torch.cat([teacher.held] * 2))
    return {
        **arm._asdict(),
        "seed": seed,
        "curve": curve,
        "seconds": trained.seconds - looking,
        "encoding": 0.0 if teacher is None else teacher.seconds * arm.size / len(teacher.training),
        "matched": float((away <= MATCHED).double().mean()),
        "cosine": cosine,
    }


def row(runs: list[dict[str, Any]]) -> str:
    """Mean and standard error over seeds: final error, at 100 updates, by time, and the match."""

    def told(values: list[float], digits: int) -> str:
        x = torch.tensor(values, dtype=torch.float64)
        spread = float(x.std() / len(x) ** 0.5) if len(x) > 1 else float("nan")
        return f"{float(x.mean()):.{digits}f} ± {spread:.{digits}f}"

    early = [next((c[1] for c in r["curve"] if c[0] == 100), float("nan")) for r in runs]
    bins = [sum(r["curve"][-1][2 + k] for r in runs) / len(runs) for k in range(4)]
    cosine = [sum(r["cosine"][k] for r in runs) / len(runs) for k in range(len(runs[0]["cosine"]))]
    return (
        f"{told(early, 4)}   {told([r['curve'][-1][1] for r in runs], 4)}   "
        f"{' '.join(f'{b:.3f}' for b in bins)}   {told([100 * r['matched'] for r in runs], 1)}   "
        f"{sum(r['seconds'] for r in runs) / len(runs):5.1f} + {runs[0]['encoding']:4.1f} s   "
        f"{' '.join(f'{c:.2f}' for c in cosine)}"
    )


def show(results: list[dict[str, Any]]) -> None:
    """The stored runs as a table, a line for each way to train."""
    print("error at 100 updates, at the end, there by time (data … noise), match %, CPU s, cosine")
    for arm in arms():
        mine = [r for r in results if all(r[k] == v for k, v in arm._asdict().items())]
        if mine:
            name = f"{arm.group:9s} {arm.data} {arm.size:4d} {arm.teacher}, {arm.window}"
            print(f"{name:55s} λ {arm.weight:3.1f} depth {arm.depth}   {row(mine)}")


def teachers(data: Data, names: set[str]) -> dict[str, Features | None]:
    made: dict[str, Features | None] = {"none": None}
    if names & {"CHGNet", "CHGNet, shuffled"}:
        made["CHGNet"] = features(load_chgnet(), data)
        made["CHGNet, shuffled"] = shuffled(made["CHGNet"])
    if "random CHGNet" in names:
        made["random CHGNet"] = features(random_chgnet(), data)
    if "elements only" in names:
        made["elements only"] = features(ElementEncoder(), data)
    return made


def full(updates: int | None) -> None:
    """The large recipe on the published training split, with the test split held out; with
    `updates` a trial on a few structures of the validation split."""
    team, recipe = join(), shortened(FULL, updates)

    def ready() -> tuple[Data, Features]:
        announce(recipe, team, updates)
        if updates is not None:
            data = perovskites(32, 8)
        else:
            splits = (load_perov5(split).crystals for split in ("train", "test"))
            data = Data(*(float32(split) for split in splits))
        said = features(load_chgnet(team.device), data)
        print(f"encoder: {said.seconds:.0f} s", flush=True)
        return data, said

    data, said = team.first(ready)
    data = Data(*(Crystals(*(c.to(team.device) for c in part)) for part in data))
    for name, target in (("none", None), ("CHGNet", said.training.to(team.device))):
        for seed in SEEDS:
            kept = f"repa-{name}-{seed}.pt" if updates is None else None
            start = time.monotonic()
            trained = train_aligned(data.training, target, recipe, seed=seed, checkpoint=kept)
            spent = time.monotonic() - start
            error = team.first(
                lambda flow=trained.model: float(line_errors(flow, held_lines(data.held, 1)).mean())
            )
            if team.rank == 0:
                print(f"{name} {seed}: error {error:.4f}, {spent:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="one group: main, weight, depth, size, elements")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--again", action="store_true", help="also what is stored already")
    add_full(parser)
    parser.add_argument("--show", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["COURSE_STATIC"] = "1"
    if asked.full:
        return full(asked.updates)
    results = torch.load(RESULTS, weights_only=True) if RESULTS.exists() else []
    if asked.show:
        return show(results)
    data = {"Perov-5": cache(perovskites), "elements": cache(shaken_elements)}
    teacher = cache(lambda name, who: teachers(data[name](), {who})[who])
    for arm in arms():
        stored = [r for r in results if all(r[k] == v for k, v in arm._asdict().items())]
        if asked.only not in (None, arm.group) or (stored and not asked.again):
            continue
        said = teacher(arm.data, arm.teacher)
        found = [run(arm, seed, data[arm.data](), said, asked.steps) for seed in SEEDS]
        results = [r for r in results if r not in stored] + found
        print(arm, "\n   ", row(found), flush=True)
        RESULTS.parent.mkdir(exist_ok=True)
        save_whole(results, RESULTS)
    show(results)


if __name__ == "__main__":
    main()
