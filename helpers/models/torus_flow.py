"""A flow on the torus: the positions of a crystal's atoms, its cell and elements given.

The clock is the course's: t = 0 is the crystal, t = 1 has every atom anywhere, and between them
lies the shortest way, as in chapter 05.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from helpers.learn import stratified_times
from helpers.matter import Crystals
from helpers.noise import Torus, aligned, without_translation

TORUS = Torus()
SPEED = 0.25  # the network's unit of velocity, in cells


class Lines(NamedTuple):
    """Crystals with a time each, a place on the way to noise, and the velocity dx/dt there."""

    crystals: Crystals
    t: Tensor  # (B,)
    x: Tensor  # (B, N, 3)
    v: Tensor  # (B, N, 3), less its mean over the atoms


def lines(crystals: Crystals, t: Tensor, generator: torch.Generator | None = None) -> Lines:
    """One line for each crystal, from a random origin to atoms anywhere, at times t (B,)."""
    origin = crystals.frac.new_empty(len(t), 1, 3).uniform_(generator=generator)
    noise = torch.empty_like(crystals.frac).uniform_(generator=generator)
    x0 = aligned(TORUS.shift(crystals.frac, origin), noise, crystals.mask)
    v = without_translation(TORUS.diff(x0, noise), crystals.mask)
    return Lines(crystals, t, TORUS.shift(x0, t[:, None, None].to(v) * v), v)


def held_lines(crystals: Crystals, repeats: int = 4, seed: int = 99) -> Lines:
    """`repeats` lines for each crystal at times that fill [0, 1] evenly: the same for everyone."""
    generator = torch.Generator().manual_seed(seed)
    many = Crystals(*(torch.cat([column.cpu()] * repeats) for column in crystals))
    t = stratified_times(len(many.frac), generator=generator)
    made = lines(many, t, generator)
    device = crystals.frac.device
    return Lines(Crystals(*(c.to(device) for c in many)), *(x.to(device) for x in made[1:]))


@torch.no_grad()
def line_errors(flow: nn.Module, held: Lines) -> Tensor:
    """The squared error of the velocity on each line, (B,), per coordinate in units of SPEED²."""
    real = held.crystals.mask[..., None].to(held.v)
    off = (flow(held.x, held.t, held.crystals) - held.v).square() * real
    return off.sum((1, 2)) / (3 * real.sum((1, 2))) / SPEED**2


def flow_back(flow: nn.Module, crystals: Crystals, start: float, calls: int) -> Crystals:
    """The crystals carried from time `start` to 0 by calls/2 midpoint steps."""
    x, h = crystals.frac, 2 * start / calls
    for i in range(calls // 2):
        t = torch.full((len(x),), start - i * h).to(x)
        middle = TORUS.shift(x, -0.5 * h * flow(x, t, crystals))
        x = TORUS.shift(x, -h * flow(middle, t - 0.5 * h, crystals))
    return crystals._replace(frac=x * crystals.mask[..., None])


@torch.no_grad()
def place_atoms(
    flow: nn.Module,
    crystals: Crystals,
    calls: int = 10,
    rounds: int = 0,
    back: float = 0.5,
    generator: torch.Generator | None = None,
) -> Crystals:
    """The same cells and elements with the atoms where the flow carries them from anywhere.

    Midpoint steps from t = 1 to 0, `calls` network calls. Then `rounds` times: fresh noise, along
    a new line to time `back`, and down again with four calls, which lets atoms that met on one
    site choose anew. Raises ValueError for fewer than two calls or an odd number.
    """
    if calls < 2 or calls % 2:
        raise ValueError(f"calls = {calls}: midpoint steps take two each, so an even number")
    frac = torch.empty_like(crystals.frac).uniform_(generator=generator)
    crystals = flow_back(flow, crystals._replace(frac=frac), 1.0, calls)
    for _ in range(rounds):
        t = torch.full((len(frac),), back).to(frac)
        crystals = crystals._replace(frac=lines(crystals, t, generator).x)
        crystals = flow_back(flow, crystals, back, 4)
    return crystals
