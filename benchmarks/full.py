"""What the long trainings share: `--full`, in one process or several, and a trial of it.

    python -m benchmarks.perov5 --full                                one process
    torchrun --nproc-per-node=4 -m benchmarks.perov5 --full           four: a GPU each, or the CPU
    python -m benchmarks.perov5 --full --updates 3                    does it start here?

In N processes each update sees N times the recipe's batch. A trial has the recipe's network and
optimiser, but three updates of eight examples, say, on little data: its numbers mean nothing, and
no file is written.
"""

import argparse
import os
import sys
from typing import Any

from helpers.learn.parallel import Alone

TRIAL_BATCH = 8


def add_full(parser: argparse.ArgumentParser) -> None:
    """The options `--full` and `--updates`."""
    parser.add_argument("--full", action="store_true", help="the large recipe, for GPUs")
    parser.add_argument("--updates", type=int, help="with --full: a trial with so few updates")


def shortened(recipe: Any, updates: int | None) -> Any:
    """The recipe, or that of a trial."""
    if updates is None:
        return recipe
    return recipe._replace(n_steps=updates, batch=TRIAL_BATCH)


def announce(recipe: Any, team: Alone, updates: int | None) -> None:
    """Print how long and how wide the training is, and where it runs."""
    examples = f"{team.size} × {recipe.batch}" if team.size > 1 else f"{recipe.batch}"
    print(f"{recipe.n_steps} updates of {examples} examples, on {team.device.type}", flush=True)
    if updates is not None:
        print("a trial: its numbers mean nothing, and no file is written", flush=True)


def let_first_speak(team: Alone) -> None:
    """Only the first process prints from here on."""
    if team.rank > 0:
        sys.stdout = open(os.devnull, "w")  # for the rest of the process
