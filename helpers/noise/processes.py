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
        # expm1 keeps its digits where 1 − e^(−2θh) would lose them, at small θh.
        spread = math.sqrt(-self.stationary_variance * math.expm1(-2 * self.theta * h))
        return self.mean(x, h) + spread * _normal_like(x, generator)


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
