"""Ways to a ligand: with a known pocket, with a known fragment, alone, and from another ligand.

A state z (M, 3 + K) has coordinates in its first three columns and features in the others.
`predict(z, t)` says its noise, t () in [0, 1]. Source: Schneuing et al. (2024), DiffSBDD;
Lugmayr et al., RePaint (2022), for the resampling.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from helpers.matter.graphs import graph_mean
from helpers.noise.gammas import between, gamma_table, posterior, scales
from helpers.noise.schedules import Schedule
from helpers.noise.zerocom import remove_mean

Predict = Callable[[Tensor, Tensor], Tensor]
Noise = Callable[[Tensor], Tensor]
Move = Callable[[Tensor, Tensor], Tensor]


class Way(NamedTuple):
    """The end, the clean state (M, 3 + K), and the states and times that were kept."""

    end: Tensor
    states: list[Tensor]
    times: list[float]


def back_step(z: Tensor, eps: Tensor, gamma_s: Tensor, gamma_t: Tensor, noise: Tensor) -> Tensor:
    """z_s from z_t, the predicted noise and fresh noise: the posterior of z_s given z_t and x̂."""
    a, b, std = posterior(gamma_s, gamma_t)
    return a * z - b * eps + std * noise


def forth_step(z: Tensor, gamma_s: Tensor, gamma_t: Tensor, noise: Tensor) -> Tensor:
    """z_t from z_s for a later t: what RePaint goes back up with."""
    a, var = between(gamma_s, gamma_t)
    return a * z + var.sqrt() * noise


def clean(z: Tensor, eps: Tensor, gamma: Tensor) -> Tensor:
    """x̂ = (z − σ ε̂)/α."""
    alpha, sigma = scales(gamma)
    return (z - sigma * eps) / alpha


def normal(generator: torch.Generator | None = None) -> Noise:
    """Standard normal noise like its argument: for ligands in a pocket that stays."""
    return lambda z: torch.empty_like(z).normal_(generator=generator)


def centred(batch: Tensor, n: int, generator: torch.Generator | None = None) -> Noise:
    """The same with centred coordinates: for clouds whose origin means nothing."""

    def draw(z: Tensor) -> Tensor:
        return centre(torch.empty_like(z).normal_(generator=generator), batch, n)

    return draw


def centre(z: Tensor, batch: Tensor, n: int) -> Tensor:
    """z with the mean of its coordinates taken off in each cloud; features stay."""
    return torch.cat([remove_mean(z[:, :3], batch, n), z[:, 3:]], -1)


@torch.no_grad()
def denoise_from(
    z: Tensor,
    predict: Predict,
    schedule: Schedule,
    noise: Noise,
    *,
    n_steps: int = 100,
    t_start: float = 1.0,
    resample: int = 1,
    mend: Move | None = None,
    keep: int = 0,
) -> Way:
    """From z at t_start to the data in steps of 1/n_steps; `keep` > 0 keeps every so many states.

    `mend(z, γ_s)` corrects each new state, such as by writing known rows into it. With
    resample > 1 each step is undone with fresh noise and done again, so that known and new parts
    can agree. Raises ValueError unless n_steps ≥ 1, resample ≥ 1 and 0 < t_start ≤ 1.
    """
    if n_steps < 1 or resample < 1 or not 0 < t_start <= 1:
        raise ValueError(
            f"n_steps = {n_steps}, resample = {resample}, t_start = {t_start}: need at least one "
            "step, at least one pass and 0 < t_start ≤ 1"
        )
    gammas = gamma_table(schedule, n_steps)
    first = max(1, round(t_start * n_steps))
    states, times = ([z], [first / n_steps]) if keep else ([], [])
    for i in range(first, 0, -1):
        t = torch.tensor(i / n_steps)
        for k in range(resample):
            eps = predict(z, t)
            z = back_step(z, eps, gammas[i - 1], gammas[i], noise(z))
            if mend is not None:
                z = mend(z, gammas[i - 1])
            if k < resample - 1:
                z = forth_step(z, gammas[i - 1], gammas[i], noise(z))
        if keep and (i - 1) % keep == 0:
            states.append(z)
            times.append((i - 1) / n_steps)
    end = clean(z, predict(z, torch.tensor(0.0)), gammas[0])
    return Way(end, states, times)


def write_known(known: Tensor, which: Tensor, noise: Noise, clouds: Tensor | None = None) -> Move:
    """A `mend` that puts the known rows into z, with the noise that z has.

    known (M, 3 + K) is clean and read only where `which` (M,) is True. Where the origin means
    nothing, `clouds` (M,) names each row's cloud, and the known rows are first moved onto the
    mean of those they replace. Raises ValueError when a shape does not fit or no row is known.
    """
    if which.shape != known.shape[:1] or not bool(which.any()):
        raise ValueError(
            f"known rows {tuple(which.shape)} of a state {tuple(known.shape)}: need one yes or no "
            "for each row, and at least one yes"
        )

    def mend(z: Tensor, gamma: Tensor) -> Tensor:
        alpha, sigma = scales(gamma)
        fixed = alpha * known + sigma * noise(z)
        if clouds is not None:
            n = int(clouds.max()) + 1
            index = clouds[which]
            shift = graph_mean((z - fixed)[which][:, :3], index, n)[clouds]
            fixed = torch.cat([fixed[:, :3] + shift, fixed[:, 3:]], -1)
        z = torch.where(which[:, None], fixed, z)
        return z if clouds is None else centre(z, clouds, n)

    return mend


def partly_noised(z: Tensor, t: float, schedule: Schedule, noise: Noise) -> Tensor:
    """A clean state taken up to time t: the start of an optimisation by noise and denoise.

    Raises ValueError unless 0 < t ≤ 1.
    """
    if not 0 < t <= 1:
        raise ValueError(f"t = {t}: need a time above 0 (no change at all) and up to 1 (forget)")
    time = torch.tensor(t, dtype=torch.float64)
    return schedule.alpha(time) * z + schedule.sigma(time) * noise(z)


def survivors(scores: Tensor, k: int, n: int) -> Tensor:
    """The rows of the k best scores (higher is better), repeated in turn to n rows, (n,).

    Raises ValueError unless 1 ≤ k ≤ number of scores.
    """
    if not 1 <= k <= len(scores):
        raise ValueError(f"k = {k} of {len(scores)}: keep at least one and at most all")
    best = scores.nan_to_num(nan=-torch.inf).argsort(descending=True, stable=True)[:k]
    return best[torch.arange(n, device=best.device) % k]
