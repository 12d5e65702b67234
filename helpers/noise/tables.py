"""Schedules given by a table, and the times at which a sampler stops."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from helpers.noise.schedules import Schedule


@dataclass(frozen=True)
class BetaTable(Schedule):
    """DDPM's own words: a list β₁ … β_T, with ᾱ_i = Π (1 − β_j) = α² at t = i/T.

    Between the table's times β(t) is constant, so that the schedule is a VP schedule for every
    t and equals the table at its times. `times()` are the table's times.
    Raises ValueError when a β is not between 0 and 1. Source: Ho, Jain, Abbeel (2020), §2.
    """

    betas: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.betas or not all(0 < beta < 1 for beta in self.betas):
            raise ValueError("every β of the table must lie between 0 and 1, and there must be one")

    @classmethod
    def linear(cls, n_steps: int, first: float = 1e-4, last: float = 0.02) -> "BetaTable":
        """β evenly spaced from `first` to `last` (Ho et al.: 1000 steps, 1e-4 to 0.02)."""
        return cls(tuple(torch.linspace(first, last, n_steps, dtype=torch.float64).tolist()))

    @property
    def n_steps(self) -> int:
        return len(self.betas)

    def times(self) -> Tensor:
        """1, (T − 1)/T, …, 1/T, 0 in float64, shape (T + 1,)."""
        return torch.arange(self.n_steps, -1, -1, dtype=torch.float64) / self.n_steps

    @cached_property
    def _rates(self) -> Tensor:
        return -self.n_steps * torch.log1p(-torch.tensor(self.betas, dtype=torch.float64))

    @cached_property
    def _ends(self) -> Tensor:  # −log ᾱ at the times 0, 1/T, …, 1
        zero = torch.zeros(1, dtype=torch.float64)
        return torch.cat([zero, (self._rates / self.n_steps).cumsum(0)])

    def _cell(self, t: Tensor) -> Tensor:
        # The cell that ends at t; 1e-9 keeps t = i/T in its own cell whatever the rounding.
        return ((t * self.n_steps - 1e-9 * self.n_steps).ceil().long() - 1).clamp(
            0, self.n_steps - 1
        )

    def beta(self, t: Tensor) -> Tensor:
        """The drift rate β(t) per unit of time, constant in each of the table's cells."""
        return self._rates.to(t)[self._cell(t)]

    def _spent(self, t: Tensor) -> Tensor:  # −log ᾱ
        cell = self._cell(t)
        return self._ends.to(t)[cell] + (t - cell.to(t) / self.n_steps) * self._rates.to(t)[cell]

    def alpha(self, t: Tensor) -> Tensor:
        return torch.exp(-0.5 * self._spent(t))

    def sigma(self, t: Tensor) -> Tensor:
        return (-torch.expm1(-self._spent(t))).clamp(min=0).sqrt()

    def dalpha(self, t: Tensor) -> Tensor:
        return -0.5 * self.beta(t) * self.alpha(t)

    def dsigma(self, t: Tensor) -> Tensor:
        return 0.5 * self.beta(t) * self.alpha(t) ** 2 / self.sigma(t)


def grid(n_steps: int, t_max: float = 1.0, t_min: float = 0.0, rho: float = 1.0) -> Tensor:
    """Falling float64 times from t_max to t_min, shape (n_steps + 1,); rho > 1 crowds the data.

    Raises ValueError when n_steps < 1, or 0 ≤ t_min < t_max ≤ 1 fails, or rho is not positive.
    """
    if n_steps < 1 or not 0 <= t_min < t_max <= 1 or not rho > 0:
        raise ValueError(
            f"n_steps = {n_steps}, t_min = {t_min}, t_max = {t_max}, rho = {rho}: need at least "
            "one step, 0 ≤ t_min < t_max ≤ 1 and rho > 0"
        )
    return _between(n_steps, t_max, t_min, rho)


def noise_grid(
    schedule: Schedule, n_steps: int, largest: float, smallest: float, rho: float = 7.0
) -> Tensor:
    """Falling times whose noise over signal runs from `largest` to `smallest`, then t = 0.

    Shape (n_steps + 1,), float64: the ratios are ((1 − u) largest^(1/ρ) + u smallest^(1/ρ))^ρ,
    n_steps of them, and the last step goes to the data end. The same σ/α means the same task for
    the network on any schedule. Source: Karras et al. (2022), eq. 5, with their ρ = 7.
    Raises ValueError when n_steps < 2, or 0 < smallest < largest fails, or rho is not positive.
    """
    if n_steps < 2 or not 0 < smallest < largest or not rho > 0:
        raise ValueError(
            f"n_steps = {n_steps}, largest = {largest}, smallest = {smallest}, rho = {rho}: need "
            "at least two steps, 0 < smallest < largest and rho > 0"
        )
    times = schedule.time_of(_between(n_steps - 1, largest, smallest, rho))
    return torch.cat([times, torch.zeros(1, dtype=torch.float64)])


def _between(n_steps: int, first: float, last: float, rho: float) -> Tensor:
    u = torch.linspace(0, 1, n_steps + 1, dtype=torch.float64)
    values = (first ** (1 / rho) + u * (last ** (1 / rho) - first ** (1 / rho))) ** rho
    values[0], values[-1] = first, last  # no rounding at the ends
    return values
