"""Two processes whose law is known in closed form: what every integrator is judged against."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from helpers.noise.sde import SDE

# A time or a state: a float gives a float back, a tensor a tensor.
Value = Any


@dataclass(frozen=True)
class BrownianMotion:
    """dX = σ dW: kicks and nothing that pulls back.

    Units: sigma is length/√time. Raises ValueError when sigma is negative.
    Source: Gardiner, Handbook of Stochastic Methods (2004), §3.8.1.
    """

    sigma: float = 1.0

    def __post_init__(self) -> None:
        _need_sigma(self.sigma)

    def sde(self) -> SDE:
        """The drift (zero) and diffusion (σ) as functions shaped like x."""
        return SDE(lambda x, t: torch.zeros_like(x), lambda x, t: torch.full_like(x, self.sigma))

    def mean(self, x0: Value, t: Value) -> Any:
        """E[X(t)] = x0: the walkers spread, but their centre stays. Float or tensor."""
        _need_time(t)
        return x0 + 0.0 * t

    def variance(self, t: Value, var0: float = 0.0) -> Any:
        """Var[X(t)] = var0 + σ²t: it grows like t, so the width grows like √t."""
        _need_time(t)
        return var0 + self.sigma**2 * t

    def density(self, x: Tensor, x0: Value, t: Value) -> Tensor:
        """p(x, t | x0), shaped like x, in 1/length: a Gaussian. Raises ValueError at t = 0."""
        return _gaussian(x, self.mean(x0, t), self.variance(t))

    def exact_step(self, x: Tensor, h: float, generator: torch.Generator | None = None) -> Tensor:
        """A draw of X(t+h) given X(t) = x, shaped like x; no error for any h ≥ 0."""
        return self.mean(x, h) + self.variance(h) ** 0.5 * _normal_like(x, generator)


@dataclass(frozen=True)
class OrnsteinUhlenbeck:
    """dX = −θX dt + σ dW: a spring that pulls back and kicks that push away.

    Units: theta is 1/time, sigma is length/√time. Raises ValueError when theta is not positive
    or sigma is negative. Source: Uhlenbeck and Ornstein, Phys. Rev. 36, 823 (1930); Gardiner
    (2004), §3.8.4.
    """

    theta: float = 1.0
    sigma: float = 1.0

    def __post_init__(self) -> None:
        _need_sigma(self.sigma)
        if not self.theta > 0 or math.isinf(self.theta):
            raise ValueError(
                f"theta = {self.theta}: the pull back must be positive and finite "
                "(for no pull at all take BrownianMotion)"
            )

    def sde(self) -> SDE:
        """The drift −θx and the diffusion σ as functions shaped like x."""
        return SDE(lambda x, t: -self.theta * x, lambda x, t: torch.full_like(x, self.sigma))

    def mean(self, x0: Value, t: Value) -> Any:
        """E[X(t)] = x0 e^(−θt). Float or tensor, like what was given."""
        _need_time(t)
        return x0 * _exp(-self.theta * t)

    def variance(self, t: Value, var0: float = 0.0) -> Any:
        """Var[X(t)] = σ²/2θ (1 − e^(−2θt)) + var0 e^(−2θt), with var0 the spread of the starts."""
        _need_time(t)
        left = _exp(-2 * self.theta * t)
        return self.stationary_variance * (1 - left) + var0 * left

    @property
    def stationary_variance(self) -> float:
        """σ²/2θ: the variance once the start is forgotten."""
        return self.sigma**2 / (2 * self.theta)

    def density(self, x: Tensor, x0: Value, t: Value) -> Tensor:
        """p(x, t | x0), shaped like x, in 1/length: a Gaussian, at t = inf the stationary one.

        Raises ValueError where the law has no width: at t = 0, or with σ = 0.
        """
        return _gaussian(x, self.mean(x0, t), self.variance(t))

    def autocorrelation(self, tau: Value) -> Any:
        """Corr[X(t), X(t+τ)] = e^(−θ|τ|) in the stationary state; 1/θ is the memory time."""
        return _exp(-self.theta * abs(tau))

    def euler_stationary_variance(self, h: float) -> float:
        """σ²/(2θ − θ²h): where Euler–Maruyama with step h settles instead of at σ²/2θ.

        From v = (1 − θh)² v + σ²h. Raises ValueError for h ≤ 0 and for h ≥ 2/θ, where
        |1 − θh| ≥ 1 and the chain settles nowhere.
        """
        if not 0 < h < 2 / self.theta:
            raise ValueError(
                f"h = {h:g}: Euler's chain settles only for 0 < h < 2/theta = {2 / self.theta:g}"
            )
        return self.sigma**2 / (2 * self.theta - self.theta**2 * h)

    def exact_step(self, x: Tensor, h: float, generator: torch.Generator | None = None) -> Tensor:
        """A draw of X(t+h) given X(t) = x, shaped like x; no error for any h ≥ 0.

        x e^(−θh) + √(σ²/2θ (1 − e^(−2θh))) z. Source: Gillespie, Phys. Rev. E 54, 2084 (1996).
        """
        _need_time(h)
        # expm1 keeps its digits where 1 − e^(−2θh) would lose them, at small θh.
        spread = math.sqrt(-self.stationary_variance * math.expm1(-2 * self.theta * h))
        return self.mean(x, h) + spread * _normal_like(x, generator)

    def exact_path(
        self, x0: Tensor, h: float, n_steps: int, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Increments (n_steps, *x0.shape) and the exact path (n_steps + 1, *x0.shape) they drive.

        A step needs two numbers that share the same noise, dW and ∫ e^(−θ(h−s)) dW(s). They are
        drawn together from their joint Gaussian, so an integrator fed with dW can be compared
        with the truth path by path. Raises ValueError when n_steps < 1 or h is not positive.
        Source: Gillespie, Phys. Rev. E 54, 2084 (1996).
        """
        if n_steps < 1 or not h > 0:
            raise ValueError(f"n_steps = {n_steps}, h = {h}: need at least one step and h > 0")
        c = self.theta * h
        decay = math.exp(-c)
        shared = -math.expm1(-c) / c  # the part of the integral that dW tells
        left = -math.expm1(-2 * c) / (2 * c) - shared**2
        if c < 1e-3:  # there the difference loses its digits; its series does not
            left = c**2 * (1 - c) / 12
        alone = math.sqrt(left * h)  # the part that dW does not tell
        dW = torch.empty(n_steps, *x0.shape, dtype=x0.dtype, device=x0.device)
        dW.normal_(0.0, math.sqrt(h), generator=generator)
        rest = alone * torch.empty_like(dW).normal_(generator=generator)
        path = torch.empty(n_steps + 1, *x0.shape, dtype=x0.dtype, device=x0.device)
        path[0] = x0
        for i in range(n_steps):
            path[i + 1] = decay * path[i] + self.sigma * (shared * dW[i] + rest[i])
        return dW, path


def _gaussian(x: Tensor, mean: Value, variance: Value) -> Tensor:
    if not bool(torch.as_tensor(variance > 0).all()):
        raise ValueError(f"variance = {variance}: a law without width has no density")
    norm = (2 * math.pi * variance) ** 0.5
    return torch.exp(-((x - mean) ** 2) / (2 * variance)) / norm


def _exp(x: Value) -> Any:
    return torch.exp(x) if isinstance(x, Tensor) else math.exp(x)


def _normal_like(x: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.empty_like(x).normal_(generator=generator)


def _need_sigma(sigma: float) -> None:
    if not sigma >= 0 or math.isinf(sigma):
        raise ValueError(f"sigma = {sigma}: the noise strength must be zero or more, and finite")


def _need_time(t: Value) -> None:
    if bool((t < 0).any() if isinstance(t, Tensor) else not t >= 0):
        raise ValueError("a negative time was given: these laws run forward from t = 0")
