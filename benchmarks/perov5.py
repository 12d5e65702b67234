"""Crystal structure prediction on Perov-5: what a short training reaches, beside its baselines.

    python -m benchmarks.perov5                     the small recipe, seeds 0–2, one thread
    python -m benchmarks.perov5 --full              a GPU: the published splits and the large one
    python -m benchmarks.perov5 --stand-in          without the data, on made-up perovskites

The small run learns from 3 287 structures of the published *validation* split and is measured on
the other 500: not the published split. Match rates with the published tolerances and with strict
ones; V^⅓ is the mean relative error of the cell's length, which no match sees. Prints a table,
writes nothing but the checkpoint of --full. `benchmarks.full` says how several processes share it.
"""

import argparse
import os
import time

import torch

from benchmarks.full import add_full, announce, shortened
from helpers.evaluate.baselines import nearest_prototype, random_structures
from helpers.evaluate.matching import (
    PUBLISHED,
    STRICT,
    length_error,
    match_rate,
)
from helpers.learn.parallel import Alone, join
from helpers.matter import (
    Crystals,
    Perov5,
    by_coin,
    halfway,
    ideal_perovskite,
    load_perov5,
    split_off,
    stand_in,
)
from helpers.models.csp import (
    FULL,
    SMALL,
    Recipe,
    predict_structures,
    train_joint,
)

#: Match rate in %, RMSE: published splits, one sample for each composition (FACTS of the book).
LITERATURE = {
    "CDVAE": (45.31, 0.1138),
    "DiffCSP": (52.02, 0.0760),
    "FlowMM": (53.15, 0.0992),
}


def of_elements(species: torch.Tensor, made: tuple[torch.Tensor, torch.Tensor]) -> Crystals:
    return Crystals(*made, species, species > 0)


def baselines(truth: Crystals, training: Crystals, seed: int) -> dict[str, Crystals]:
    """What a match rate has to stand beside; none of it has been trained."""
    generator = torch.Generator().manual_seed(seed)
    tossed = by_coin(truth.species, generator)
    return {
        "random positions": random_structures(truth, training, generator),
        "nearest prototype": nearest_prototype(truth, training),
        "ideal, metals by coin": of_elements(tossed, ideal_perovskite(tossed)),
        "halfway structure": of_elements(tossed, halfway(tossed)),
    }


def shuffled(species: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The elements in random order: the file's order tells which metal is A."""
    order = torch.rand(species.shape, generator=generator).argsort(-1)
    return species.gather(-1, order)


def line(name: str, made: Crystals, truth: Crystals, seconds: str = "") -> None:
    made = Crystals(*(column.cpu() for column in made))
    published, strict = match_rate(made, truth, PUBLISHED), match_rate(made, truth, STRICT)
    print(
        f"{name:24s} {100 * published.rate.value:6.1f} {published.rmse.value:8.4f} "
        f"{100 * strict.rate.value:8.1f} {strict.rmse.value:8.4f} "
        f"{100 * length_error(made, truth).value:7.2f}  {seconds}",
        flush=True,
    )


def run(recipe: Recipe, training: Crystals, truth: Crystals, seed: int, team: Alone) -> None:
    """One training by all processes, judged by the first."""
    start = time.process_time()
    kept = f"perov5-{seed}.pt" if recipe is FULL else None
    trained = train_joint(training, recipe, seed=seed, device=team.device, checkpoint=kept)
    done = time.process_time()

    def judged() -> None:
        generator = torch.Generator(team.device).manual_seed(seed)
        species = shuffled(truth.species, torch.Generator().manual_seed(seed)).to(team.device)
        made = predict_structures(trained.model, species, generator=generator)[-1]
        spent = f"{done - start:.0f} s to train, {time.process_time() - done:.0f} s to sample"
        line(f"diffusion, seed {seed}", made, truth, spent)

    team.first(judged)


def data(asked: argparse.Namespace) -> tuple[Perov5, Perov5]:
    """What to learn from, and what is held out."""
    if asked.full and asked.updates is None:
        return load_perov5("train"), load_perov5("test")
    generator = torch.Generator().manual_seed(0)
    every = stand_in(3787, generator) if asked.stand_in else load_perov5("val")
    n_held = 500 if asked.updates is None else 8
    return split_off(every, len(every.cell) - n_held, n_held)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_full(parser)
    parser.add_argument("--stand-in", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["COURSE_STATIC"] = "1"
    team = join(None if asked.full else "cpu")
    recipe = shortened(FULL if asked.full else SMALL, asked.updates)
    training, held = team.first(lambda: data(asked))
    truth = held.crystals

    def beside() -> None:
        announce(recipe, team, asked.updates)
        print(f"{len(training.cell)} structures to learn from, {len(truth.cell)} held out")
        print(f"{'':24s} {'match %':>6} {'RMSE':>7} {'strict %':>9} {'RMSE':>7} {'V^⅓ %':>7}")
        for name, made in baselines(truth, training.crystals, 0).items():
            line(name, made, truth)

    team.first(beside)
    for seed in asked.seeds:
        run(recipe, training.crystals, truth, seed, team)
    if team.rank == 0:
        for name, (rate, rmse) in LITERATURE.items():
            print(f"{name + ' (published split)':24s} {rate:6.1f} {rmse:8.4f}")


if __name__ == "__main__":
    main()
