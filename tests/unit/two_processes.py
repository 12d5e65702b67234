"""What test_parallel.py runs in two processes: `torchrun --nproc-per-node=2 two_processes.py DIR`.

Each process writes what it ended with into the folder; the last training stops both.
"""

import os
import sys
from pathlib import Path

import torch
from torch import nn

from helpers.learn import train
from helpers.learn.parallel import join

UPDATES = 40


class Bent(nn.Module):
    """A line, a kink that only every other batch touches, and a weight that stays as it is."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.line, self.kink = nn.Linear(2, 1), nn.Linear(2, 1)
        self.fixed = nn.Parameter(torch.randn(1), requires_grad=False)


def loss_of(model, rank=0):
    """Even updates touch the kink in the first process, odd ones in the second."""
    calls = 0

    def loss(generator):
        nonlocal calls
        calls += 1
        x = torch.randn(8, 2, generator=generator)
        value = (model.line(x) - x.sum(-1, keepdim=True) + model.fixed).square().mean()
        touched = calls % 2 == 1 - rank
        return value + (model.kink(x) - 1).square().mean() if touched else value

    return loss


def spoilt(model, team, update):
    """The same loss, which is no number in the second process from that update on."""
    calls, loss = 0, loss_of(model, team.rank)

    def worse(generator):
        nonlocal calls
        calls += 1
        return loss(generator) * (float("nan") if team.rank == 1 and calls > update else 1.0)

    return worse


def ended(model, run):
    return {"weights": model.state_dict(), "averaged": run.model.state_dict(), "losses": run.losses}


def main(folder):
    torch.set_num_threads(1)
    os.environ["COURSE_STATIC"] = "1"
    team = join("cpu")
    assert team.size == 2 and team.first(lambda: team.rank) == 0
    model = Bent(seed=team.rank)  # different starts: the first process's counts
    whole = ended(model, train(model, loss_of(model, team.rank), UPDATES, lr=0.05))
    # Stopped in between, and started again with other weights: they come from the file.
    file, model, words = folder / "run.pt", Bent(seed=team.rank), ""
    try:
        train(model, spoilt(model, team, 25), UPDATES, lr=0.05, checkpoint=file, save_every=10)
    except FloatingPointError as error:
        words = str(error)
    kept = torch.load(file, weights_only=True)["done"]
    model = Bent(seed=5 + team.rank)
    loss = loss_of(model, team.rank)
    again = ended(model, train(model, loss, UPDATES, lr=0.05, checkpoint=file))
    torch.save(
        {"whole": whole, "again": again, "words": words, "kept": kept},
        folder / f"process-{team.rank}.pt",
    )
    model = Bent()
    train(model, spoilt(model, team, 3), UPDATES)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
