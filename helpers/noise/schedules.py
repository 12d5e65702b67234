"""How much signal and how much noise: x_t = α(t) x₀ + σ(t) ε, with t = 0 data and t = 1 noise.

Drift and diffusion of the forward SDE follow from α and σ, so a schedule is those two functions
and their derivatives. Times are tensors; a tensor without axes may stay float64 beside a float32
state, because torch does not promote the state for it. DDPM's ᾱ is α² here.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import isfinite, log, pi

import torch
from torch import Tensor


class Schedule(ABC):
    """α, σ and their derivatives as functions of t; everything else follows from them."""

    @abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """The signal scale, shaped like t."""

    @abstractmethod
    def sigma(self, t: Tensor) -> Tensor:
        """The noise scale, shaped like t."""

    @abstractmethod
    def dalpha(self, t: Tensor) -> Tensor:
        """dα/dt, shaped like t."""

    @abstractmethod
    def dsigma(self, t: Tensor) -> Tensor:
        """dσ/dt, shaped like t."""

    def ratio(self, t: Tensor) -> Tensor:
        """Noise over signal, σ/α: grows with t, and does not depend on how x is scaled."""
        return self.sigma(t) / self.alpha(t)

    def log_snr(self, t: Tensor) -> Tensor:
        """λ = log α²/σ²: falls from data to noise."""
        return 2 * (self.alpha(t).log() - self.sigma(t).log())

    def f(self, t: Tensor) -> Tensor:
        """The drift rate: dx = f(t) x dt + √g2(t) dW has exactly these marginals."""
        return self.dalpha(t) / self.alpha(t)

    def g2(self, t: Tensor) -> Tensor:
        """The squared diffusion, 2σ(σ′ − fσ) (Kingma et al. 2021; Karras et al. 2022)."""
        return 2 * self.sigma(t) * (self.dsigma(t) - self.f(t) * self.sigma(t))

    def time_of(self, ratio: Tensor) -> Tensor:
        """The float64 time at which noise over signal is `ratio`, by bisection on [0, 1].

        Raises ValueError when the schedule does not reach that ratio.
        """
        ratio = torch.as_tensor(ratio, dtype=torch.float64)
        low, high = torch.zeros_like(ratio), torch.ones_like(ratio)
        start, end = self.ratio(low), self.ratio(high)
        if bool(((ratio < start * (1 - 1e-12)) | (ratio > end * (1 + 1e-12))).any()):
            raise ValueError(
                f"noise over signal runs from {float(start.min()):.3g} to {float(end.max()):.3g} "
                f"on this schedule: it never is {ratio.tolist()}"
            )
        for _ in range(60):  # halves the interval each time: below rounding after 53
            middle = (low + high) / 2
            below = self.ratio(middle) < ratio
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        # Where the ratio is an end of the range, that end exactly (σ = 0 means the data).
        middle = torch.where(ratio <= start, torch.zeros_like(low), (low + high) / 2)
        return torch.where(ratio >= end, torch.ones_like(low), middle)


@dataclass(frozen=True)
class VP(Schedule):
    """Variance preserving, α² + σ² = 1, with β(t) linear in t (Ho et al. 2020; Song et al. 2021).

    β is a rate per unit of time. Raises ValueError when 0 ≤ beta_min ≤ beta_max fails.
    """

    beta_min: float = 0.1
    beta_max: float = 20.0

    def __post_init__(self) -> None:
        if not (0 <= self.beta_min <= self.beta_max and isfinite(self.beta_max)):
            raise ValueError(
                f"beta_min = {self.beta_min}, beta_max = {self.beta_max}: "
                "need 0 ≤ beta_min ≤ beta_max"
            )

    def beta(self, t: Tensor) -> Tensor:
        return self.beta_min + t * (self.beta_max - self.beta_min)

    def log_alpha(self, t: Tensor) -> Tensor:
        return -0.25 * t**2 * (self.beta_max - self.beta_min) - 0.5 * t * self.beta_min

    def alpha(self, t: Tensor) -> Tensor:
        return self.log_alpha(t).exp()

    def sigma(self, t: Tensor) -> Tensor:
        return (-torch.expm1(2 * self.log_alpha(t))).sqrt()  # keeps its digits near t = 0

    def dalpha(self, t: Tensor) -> Tensor:
        return -0.5 * self.beta(t) * self.alpha(t)

    def dsigma(self, t: Tensor) -> Tensor:
        return 0.5 * self.beta(t) * self.alpha(t) ** 2 / self.sigma(t)


@dataclass(frozen=True)
class Cosine(Schedule):
    """Variance preserving, a quarter circle from data to noise (Nichol and Dhariwal 2021)."""

    def alpha(self, t: Tensor) -> Tensor:
        return torch.cos(pi / 2 * t)

    def sigma(self, t: Tensor) -> Tensor:
        return torch.sin(pi / 2 * t)

    def dalpha(self, t: Tensor) -> Tensor:
        return -pi / 2 * self.sigma(t)

    def dsigma(self, t: Tensor) -> Tensor:
        return pi / 2 * self.alpha(t)


@dataclass(frozen=True)
class VE(Schedule):
    """Variance exploding: the signal stays, the noise grows geometrically (Song and Ermon 2019).

    σ has the units of the data. Raises ValueError when 0 < sigma_min < sigma_max fails.
    """

    sigma_min: float = 0.01
    sigma_max: float = 10.0

    def __post_init__(self) -> None:
        if not (0 < self.sigma_min < self.sigma_max and isfinite(self.sigma_max)):
            raise ValueError(
                f"sigma_min = {self.sigma_min}, sigma_max = {self.sigma_max}: "
                "need 0 < sigma_min < sigma_max"
            )

    def alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        return self.sigma_min * torch.exp(t * log(self.sigma_max / self.sigma_min))

    def dalpha(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def dsigma(self, t: Tensor) -> Tensor:
        return log(self.sigma_max / self.sigma_min) * self.sigma(t)


@dataclass(frozen=True)
class Linear(Schedule):
    """Straight lines between data and noise (flow matching, rectified flow)."""

    def alpha(self, t: Tensor) -> Tensor:
        return 1 - t

    def sigma(self, t: Tensor) -> Tensor:
        return t

    def dalpha(self, t: Tensor) -> Tensor:
        return -torch.ones_like(t)

    def dsigma(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)
