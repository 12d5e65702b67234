"""A small training that something happens to: `run(act)` calls act(n) at its n-th update."""

import torch
from torch import nn

from helpers.learn import Trained, train

STEPS, EVERY = 60, 20


def run(act=lambda n: None, checkpoint="run.pt", width: int = 8) -> Trained:
    torch.manual_seed(0)
    model = nn.Linear(width, width)
    calls = 0

    def loss(generator: torch.Generator) -> torch.Tensor:
        nonlocal calls
        calls += 1
        act(calls)
        x = torch.randn(8, width, generator=generator)
        return (model(x) - x.roll(1, -1)).square().mean()

    return train(model, loss, STEPS, checkpoint=checkpoint, save_every=EVERY)


def same(one: Trained, other: Trained) -> bool:
    """Whether two trainings came to the same end, bit for bit."""
    weights = zip(one.model.parameters(), other.model.parameters(), strict=True)
    return torch.equal(one.losses, other.losses) and all(torch.equal(a, b) for a, b in weights)
