"""From noise to data: updates joined to a step, a step folded over times."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from helpers.noise.paths import Path
from helpers.noise.predictions import Pred
from helpers.sample.updates import Update

Step = Callable[[Any, Tensor, Tensor], Any]
Predict = Callable[..., Any]


def step(denoiser: Predict, *updates: Update, cond: Any = None) -> Step:
    """step(x, t, s): the updates in order, each with a fresh prediction at time t.

    Predictor–corrector sampling is two updates in a row. Raises ValueError without an update.
    """
    if not updates:
        raise ValueError("no update was given: a step needs at least one, such as ddim(path)")

    def advance(x: Any, t: Tensor, s: Tensor) -> Any:
        for update in updates:
            x = update(x, denoiser(x, t) if cond is None else denoiser(x, t, cond), t, s)
        return x

    return advance


def reverse_heun(denoiser: Predict, path: Path) -> Step:
    """A step of the probability-flow ODE dx/dt = v by the mean of both slopes; order 2.

    Two predictions a step, one on a step that ends at σ = 0, where it takes x̂₀. Works in both
    directions: rising times encode data as noise.
    """

    def advance(x: Tensor, t: Tensor, s: Tensor) -> Tensor:
        here: Pred = denoiser(x, t)
        a_t, s_t = path.at(t)
        if float(path.schedule.sigma(s)) == 0:
            return path.space.shift(x, (1 - a_t) * here.x0 - s_t * here.eps)
        there: Pred = denoiser(path.space.shift(x, (s - t) * here.v), s)
        return path.space.shift(x, 0.5 * (s - t) * (here.v + there.v))

    return advance


def edm_heun(
    denoiser: Predict,
    path: Path,
    churn: float = 0.0,
    generator: torch.Generator | None = None,
) -> Step:
    """Karras et al.'s step: Heun in r = σ/α, where d(x/α)/dr = ε̂, on any path in flat space.

    The first slope alone would be DDIM. With churn the step first goes back up to the noise
    ratio (1 + churn) r by adding noise (at most to t = 1). Two predictions a step, one on a step
    that starts at α = 0 or ends at σ = 0. Raises ValueError when churn is negative.
    Source: Karras et al. (2022), algorithms 1 and 2.
    """
    if churn < 0:
        raise ValueError(f"churn = {churn}: need 0 (no noise) or more")
    schedule = path.schedule

    def advance(x: Tensor, t: Tensor, s: Tensor) -> Tensor:
        if churn > 0 and float(s) > 0:
            x, t = _raise_noise(x, t)
        (a_t, s_t), (a_s, s_s) = path.at(t), path.at(s)
        here: Pred = denoiser(x, t)
        guess = a_s * here.x0 + s_s * here.eps
        if float(s_s) == 0 or float(a_t) < 1e-8 or float(a_s) < 1e-8:
            return guess
        there: Pred = denoiser(guess, s)
        scale = a_s / a_t
        return scale * x + 0.5 * (s_s - scale * s_t) * (here.eps + there.eps)

    def _raise_noise(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        one = torch.ones_like(t)
        higher = torch.minimum((1 + churn) * schedule.ratio(t), schedule.ratio(one))
        up = schedule.time_of(higher)
        (a_t, s_t), (a_u, s_u) = path.at(t), path.at(up)
        added = (s_u**2 - (a_u / a_t * s_t) ** 2).clamp(min=0).sqrt()
        return a_u / a_t * x + added * path.space.noise(x, generator), up

    return advance


@torch.no_grad()
def trajectory(advance: Step, x: Any, times: Tensor) -> Iterator[Any]:
    """x at every time of the grid, the start included:  *way, x0 = trajectory(...).

    No gradients are kept. Raises ValueError when the times are not a row of two or more.
    """
    if times.ndim != 1 or len(times) < 2:
        raise ValueError(f"times of shape {tuple(times.shape)}: need a row of two or more")
    yield x
    for t, s in pairwise(times):
        x = advance(x, t, s)
        yield x


def sample(advance: Step, x: Any, times: Tensor) -> Any:
    """x at the last time of the grid."""
    for state in trajectory(advance, x, times):
        x = state
    return x
