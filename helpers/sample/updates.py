"""Samplers as updates: pure functions (x, prediction, t, s) → x at s ≤ t.

An update takes the prediction, not the network, so that one call can serve several updates and
each can be tested without a network. `path.space.shift` moves x, so all of them run on a torus.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from helpers.noise.paths import Path
from helpers.noise.predictions import Pred

Update = Callable[[Any, Any, Tensor, Tensor], Any]


def ddim(path: Path, eta: float = 0.0, generator: torch.Generator | None = None) -> Update:
    """DDIM's step: eta = 0 draws nothing, eta = 1 has the law of DDPM's ancestral step.

    x_s = α_s x̂₀ + √(σ_s² − η²σ̃²) ε̂ + η σ̃ z, with σ̃² the posterior variance.
    Raises ValueError when eta is not between 0 and 1. Source: Song, Meng, Ermon (2020), eq. 12.
    """
    if not 0 <= eta <= 1:
        raise ValueError(f"eta = {eta}: need 0 (no new noise) to 1 (DDPM's noise)")

    def update(x: Tensor, p: Pred, t: Tensor, s: Tensor) -> Tensor:
        (a_t, s_t), (a_s, s_s) = path.at(t), path.at(s)
        fresh = eta**2 * (1 - (a_t * s_s / (a_s * s_t)) ** 2)  # share of σ_s² drawn anew
        move = (a_s - a_t) * p.x0 + (s_s * (1 - fresh).sqrt() - s_t) * p.eps
        if eta > 0:
            move = move + s_s * fresh.sqrt() * path.space.noise(x, generator)
        return path.space.shift(x, move)

    return update


def ancestral(path: Path, widen: float = 0.0, generator: torch.Generator | None = None) -> Update:
    """DDPM's step: a draw from q(x_s | x_t, x̂₀), with no noise on the step that reaches σ = 0.

    The variance is posterior^(1−w) β^w: w = `widen` = 0 is right if x̂₀ were known exactly, w = 1
    if the data were N(0, I), and between them lies what a real data set needs.
    Raises ValueError when widen is not between 0 and 1.
    Source: Ho et al. (2020), eq. 7 and §3.2; Nichol and Dhariwal (2021), eq. 15.
    """
    if not 0 <= widen <= 1:
        raise ValueError(f"widen = {widen}: need 0 (posterior variance) to 1 (β)")

    def update(x: Tensor, p: Pred, t: Tensor, s: Tensor) -> Tensor:
        (a_t, s_t), (a_s, s_s) = path.at(t), path.at(s)
        keep = a_t * s_s**2 / (a_s * s_t)  # ε̂ that stays: σ_s² α_t/(α_s σ_t)
        move = (a_s - a_t) * p.x0 + (keep - s_t) * p.eps
        if float(s_s) > 0:
            beta = s_t**2 - (a_t * s_s / a_s) ** 2  # Var[x_t | x_s]
            posterior = beta * (s_s / s_t) ** 2
            std = (posterior ** (1 - widen) * beta**widen).sqrt()
            move = move + std * path.space.noise(x, generator)
        return path.space.shift(x, move)

    return update


def reverse_euler(
    path: Path, churn: float = 0.0, generator: torch.Generator | None = None
) -> Update:
    """An Euler step back in time: churn = 0 is the probability-flow ODE, churn = 1 the reverse SDE.

    dx = (v − ½ c² g² ∇log p) dt + c g dw for every c ≥ 0 has the same marginals.
    Raises ValueError when churn is negative. Source: Song et al. (2021); Karras et al. (2022),
    eq. 6.
    """
    if churn < 0:
        raise ValueError(f"churn = {churn}: need 0 (no noise) or more")

    def update(x: Tensor, p: Pred, t: Tensor, s: Tensor) -> Tensor:
        move = (s - t) * p.v
        if churn > 0:
            g2 = path.schedule.g2(t)
            move = move + (t - s) * 0.5 * churn**2 * g2 * p.score
            move = move + churn * (g2 * (t - s)).sqrt() * path.space.noise(x, generator)
        return path.space.shift(x, move)

    return update


def langevin(path: Path, snr: float = 0.1, generator: torch.Generator | None = None) -> Update:
    """A Langevin move at fixed t, x + h ∇log p + √(2h) z with h = 2 (snr σ_t)².

    A corrector: it mends x_t without moving in t. One of NCSN's moves at its level, too (there
    h is called α/2). Raises ValueError when snr is not positive.
    Source: Song and Ermon (2019), algorithm 1; Song et al. (2021), algorithm 4.
    """
    if not snr > 0:
        raise ValueError(f"snr = {snr}: the size of a move must be positive")

    def update(x: Tensor, p: Pred, t: Tensor, s: Tensor) -> Tensor:
        h = 2 * (snr * path.schedule.sigma(t)) ** 2
        move = h * p.score + (2 * h).sqrt() * path.space.noise(x, generator)
        return path.space.shift(x, move)

    return update


def denoise(path: Path) -> Update:
    """x̂₀ itself, whatever s is: the noise-free end that NCSN's last level lacks.

    Source: Jolicoeur-Martineau et al. (2021).
    """

    def update(x: Tensor, p: Pred, t: Tensor, s: Tensor) -> Tensor:
        a_t, s_t = path.at(t)
        return path.space.shift(x, (1 - a_t) * p.x0 - s_t * p.eps)

    return update


def fields(**updates: Update) -> Update:
    """One update for each named field of a dict-valued state; the other fields stay."""

    def update(x: dict, p: dict, t: Tensor, s: Tensor) -> dict:
        return {k: updates[k](x[k], p[k], t, s) if k in updates else x[k] for k in x}

    return update
