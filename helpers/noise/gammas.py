"""Schedules as molecule models write them: by γ = −log SNR = log σ²/α², which *grows* with t.

α² = sigmoid(−γ) and σ² = sigmoid(γ), so α² + σ² = 1, SNR = e^(−γ), and γ = −log_snr of
`Schedule`. Low t has a *high* signal-to-noise ratio.
Source: Kingma et al., Variational Diffusion Models (2021); Hoogeboom et al., EDM (2022).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from helpers.noise.schedules import Schedule


@dataclass(frozen=True)
class Polynomial(Schedule):
    """α² = (1 − 2s)(1 − tᵖ)² + s: from α² = 1 − s at the data to α² = s at the noise.

    p = 2 with s = 5·10⁻⁴ is DiffSBDD's "polynomial_2", with s = 10⁻⁵ EDM's. Raises ValueError
    unless 0 < s < ½ and p > 0.
    """

    power: float = 2.0
    precision: float = 5e-4

    def __post_init__(self) -> None:
        if not (0 < self.precision < 0.5 and self.power > 0):
            raise ValueError(
                f"precision = {self.precision}, power = {self.power}: need 0 < precision < ½ and "
                "a positive power"
            )

    def alpha2(self, t: Tensor) -> Tensor:
        """α², the share of the power that is signal, shaped like t."""
        s = self.precision
        return (1 - 2 * s) * (1 - t**self.power) ** 2 + s

    def alpha(self, t: Tensor) -> Tensor:
        return self.alpha2(t).sqrt()

    def sigma(self, t: Tensor) -> Tensor:
        return (1 - self.alpha2(t)).sqrt()

    def dalpha(self, t: Tensor) -> Tensor:
        slope = -(1 - 2 * self.precision) * 2 * (1 - t**self.power)
        return slope * self.power * t ** (self.power - 1) / (2 * self.alpha(t))

    def dsigma(self, t: Tensor) -> Tensor:
        return -self.alpha(t) * self.dalpha(t) / self.sigma(t)


class LearnedGamma(nn.Module):
    """gamma(t), shaped like t: from γ₀ at t = 0 to γ₁ at t = 1, growing whatever is learned.

    All weights pass through a softplus, so they are positive; the ends are trained, too.
    Raises ValueError unless start < end: γ grows, the signal-to-noise ratio falls.
    Source: Kingma et al. (2021), appendix H.
    """

    def __init__(self, start: float = -7.6, end: float = 7.6, hidden: int = 16) -> None:
        super().__init__()
        if not start < end:
            raise ValueError(
                f"γ from {start} to {end}: it must grow with t, for it is minus the logarithm of "
                "the signal-to-noise ratio"
            )
        self.ends = nn.Parameter(torch.tensor([start, end]))
        self.straight = nn.Parameter(torch.zeros(()))
        self.rate = nn.Parameter(torch.linspace(0.0, 4.0, hidden))
        self.place = nn.Parameter(-torch.linspace(-2.0, 4.0, hidden))
        self.height = nn.Parameter(torch.full((hidden,), -3.0))

    def _rise(self, t: Tensor) -> Tensor:
        bent = torch.sigmoid(softplus(self.rate) * t[..., None] + self.place)
        return softplus(self.straight) * t + (softplus(self.height) * bent).sum(-1)

    def forward(self, t: Tensor) -> Tensor:
        low, high = self._rise(torch.zeros_like(t)), self._rise(torch.ones_like(t))
        share = (self._rise(t) - low) / (high - low)
        return self.ends[0] + (self.ends[1] - self.ends[0]) * share


def gamma_table(schedule: Schedule, n: int, least: float = 1e-3) -> Tensor:
    """γ at t = 0, 1/n, …, 1 as float64, (n + 1,); α² never falls to less than `least` of the last.

    Raises ValueError for n < 1, and when the schedule has no noise or no signal at an end.
    """
    if n < 1:
        raise ValueError(f"n = {n}: need at least one step")
    t = torch.arange(n + 1, dtype=torch.float64) / n
    a2 = schedule.alpha(t) ** 2
    a2 = a2 / (a2 + schedule.sigma(t) ** 2)
    ratio = torch.cat([a2[:1], a2[1:] / a2[:-1]]).clamp(min=least)
    a2 = ratio.cumprod(0)
    if not bool(((a2 > 0) & (a2 < 1)).all()):
        raise ValueError(
            f"α² runs from {float(a2[0]):g} to {float(a2[-1]):g}: γ = log σ²/α² is finite only "
            "between 0 and 1; a precision keeps it there"
        )
    return torch.log1p(-a2) - a2.log()


def snr(gamma: Tensor) -> Tensor:
    """Signal over noise in power, α²/σ² = e^(−γ), shaped like γ."""
    return torch.exp(-gamma)


def scales(gamma: Tensor) -> tuple[Tensor, Tensor]:
    """(α, σ) of γ, each shaped like γ."""
    return torch.sigmoid(-gamma).sqrt(), torch.sigmoid(gamma).sqrt()


def between(gamma_s: Tensor, gamma_t: Tensor) -> tuple[Tensor, Tensor]:
    """(α, σ²) of the step from s to a later t: x_t = α_{t|s} x_s + σ_{t|s} z.

    In γ they keep their digits: α_{t|s} = e^{½(ζ(γ_s) − ζ(γ_t))} with ζ the softplus.
    Raises ValueError when γ falls.
    """
    if bool((gamma_s > gamma_t).any()):
        raise ValueError("γ falls from s to t: need s ≤ t, more noise at t")
    change = softplus(gamma_s) - softplus(gamma_t)
    return torch.exp(0.5 * change), -torch.expm1(change)


def posterior(gamma_s: Tensor, gamma_t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(a, b, std) of the step back, x_s = a x_t − b ε + std z, for s before t.

    a = 1/α_{t|s}, b = σ²_{t|s}/(α_{t|s} σ_t), std = σ_{t|s} σ_s/σ_t.
    Source: Kingma et al. (2021), eq. 31 and 32.
    """
    a, var = between(gamma_s, gamma_t)
    sigma_s, sigma_t = scales(gamma_s)[1], scales(gamma_t)[1]
    return 1 / a, var / (a * sigma_t), var.sqrt() * sigma_s / sigma_t


#: γ at the two ends of DiffSBDD's schedule: ∓log(1/s − 1) for s = 5·10⁻⁴.
ENDS = (-math.log(1 / 5e-4 - 1), math.log(1 / 5e-4 - 1))
