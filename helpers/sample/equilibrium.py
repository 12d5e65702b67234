"""Walking in a fixed landscape: Langevin steps, with and without Metropolis' correction.

Temperature is in units of energy (k_B = 1), the mobility is 1: dx = −∇U dt + √(2T) dW.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from helpers.noise.sde import SDE

Function = Callable[[Tensor], Tensor]


def overdamped_langevin(
    force: Function,
    x: Tensor,
    h: float,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """x + h force(x) + √(2Th) z, shaped like x: one step of the unadjusted chain.

    Its law settles a little off e^(−U/T), by an amount of order h. With a score as force and
    temperature 1 it is Langevin sampling. Raises ValueError for a step or temperature below 0.
    Source: Ermak and McCammon (1978).
    """
    _need(h, temperature)
    z = torch.empty_like(x).normal_(generator=generator)
    return x + h * force(x) + math.sqrt(2 * temperature * h) * z


class Move(NamedTuple):
    """Where the walkers are after a Metropolis step, and which of them moved, shape (...)."""

    x: Tensor
    accepted: Tensor


def mala(
    energy: Function,
    force: Function,
    x: Tensor,
    h: float,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
) -> Move:
    """A Langevin proposal accepted with probability min(1, π(y) q(x|y) / π(x) q(y|x)).

    Leaves e^(−U/T) exactly as it is for any h, at the price of refused moves. `energy` maps
    (..., D) to (...), `force` is −∇ energy. Raises ValueError for a step or temperature below 0.
    Source: Roberts and Tweedie, Bernoulli 2, 341 (1996).
    """
    y = overdamped_langevin(force, x, h, temperature, generator)
    log_ratio = metropolis_log_ratio(energy, force, x, y, h, temperature)
    u = torch.empty_like(log_ratio).uniform_(generator=generator)
    accepted = u.log() < log_ratio
    return Move(torch.where(accepted[..., None], y, x), accepted)


def metropolis_log_ratio(
    energy: Function, force: Function, x: Tensor, y: Tensor, h: float, temperature: float = 1.0
) -> Tensor:
    """log π(y) q(x|y) − log π(x) q(y|x) for the Langevin proposal x → y, shape (...).

    The proposal is not symmetric, so its two directions do not cancel.
    Raises ValueError for a step or temperature below 0.
    """
    _need(h, temperature)
    there = (y - x - h * force(x)).square().sum(-1)
    back = (x - y - h * force(y)).square().sum(-1)
    return (energy(x) - energy(y)) / temperature + (there - back) / (4 * temperature * h)


def langevin_sde(score: Function, sigma: float = 1.0) -> SDE:
    """dX = ½σ² ∇log p(X) dt + σ dW, whose equilibrium is p for every σ: σ is a clock.

    Raises ValueError when sigma is not positive.
    """
    if not 0 < sigma < math.inf:
        raise ValueError(f"sigma = {sigma}: the noise strength must be positive and finite")
    return SDE(lambda x, t: 0.5 * sigma**2 * score(x), lambda x, t: torch.full_like(x, sigma))


def _need(h: float, temperature: float) -> None:
    if not (0 < h < math.inf and 0 < temperature < math.inf):
        raise ValueError(f"h = {h}, temperature = {temperature}: both must be positive and finite")
