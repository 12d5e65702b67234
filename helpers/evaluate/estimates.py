"""A number measured from random samples, and how far off it may be by chance.

All errors are standard errors: one standard deviation of the estimate over repeated runs. They
come from influence values, the change each sample makes to the estimate to first order; their
standard deviation over √n is the error. Source: Wasserman, All of Nonparametric Statistics
(2006), §2.3.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Estimate(NamedTuple):
    """A value with its standard error, in the same unit; prints as "0.498 ± 0.004".

    Printing rounds both by the rule of the Particle Data Group (Review of Particle Physics,
    introduction §5.3): two digits of an error that begins with 10 to 35, one of a larger one.
    """

    value: float
    error: float

    def __str__(self) -> str:
        if not (math.isfinite(self.error) and self.error > 0):
            return f"{self.value:g} ± {self.error:g}"
        error = self.error
        power = math.floor(math.log10(error))
        if round(error / 10.0**power, 2) >= 9.5:
            power += 1
            error = 10.0**power
        decimals = (1 if round(error / 10.0**power, 2) < 3.55 else 0) - power
        # round() also clears digits left of the point; adding 0.0 turns −0.0 into 0.0.
        value, error = round(self.value, decimals) + 0.0, round(error, decimals)
        return f"{value:.{max(decimals, 0)}f} ± {error:.{max(decimals, 0)}f}"


def mean_of(x: Tensor) -> Estimate:
    """The mean of all entries of x, which must be independent draws, with error s/√n.

    Raises ValueError for fewer than two entries or entries that are not finite.
    """
    x = _samples(x, 2)
    return _estimate(x.mean(), x - x.mean())


def variance_of(x: Tensor) -> Estimate:
    """The unbiased variance of all entries of x, with its error from the fourth moment.

    The error is √((m₄ − m₂²)/n), which is m₂√(2/n) for a normal law. Raises ValueError for
    fewer than two entries or entries that are not finite.
    """
    x = _samples(x, 2)
    square = (x - x.mean()) ** 2
    return _estimate(x.var(), square - square.mean())


def std_of(x: Tensor) -> Estimate:
    """The standard deviation of all entries of x; its error is that of the variance over 2s.

    Raises ValueError for fewer than two entries, entries that are not finite, or all equal.
    """
    variance = variance_of(_spread(x))
    root = math.sqrt(variance.value)
    return Estimate(root, variance.error / (2 * root))


def excess_kurtosis_of(x: Tensor) -> Estimate:
    """m₄/m₂² − 3 over all entries of x: 0 for a normal law, 6 for a product of two normals.

    So one Euler–Maruyama step from a common start tells noise drawn once (0) from noise drawn
    twice (6), where mean and variance cannot. The error is √(24/n) for a normal law. Raises
    ValueError for fewer than four entries, entries that are not finite, or all equal.
    """
    x = _samples(_spread(x), 4)
    z = (x - x.mean()) / x.std(correction=0)
    kurtosis, skewness = (z**4).mean(), (z**3).mean()
    influence = z**4 - kurtosis - 4 * skewness * z - 2 * kurtosis * (z**2 - 1)
    return _estimate(kurtosis - 3, influence)


def fit_power_law(x: Tensor, y: Tensor, y_error: Tensor | None = None) -> Estimate:
    """The exponent p in y ∝ xᵖ: the slope of log y against log x, by weighted least squares.

    x, y and y_error are positive, of shape (n,). With y_error each point counts by its own error
    (y_error/y on the logarithm), and the slope's error follows from those, so the points must be
    independent. Without it all count alike and the error comes from the scatter about the line.
    Raises ValueError for other shapes or signs, for all x equal, and for too few points (two
    with y_error, three without). Source: Press et al., Numerical Recipes (2007), §15.2.
    """
    x, y = torch.as_tensor(x).double(), torch.as_tensor(y).double()
    error = torch.ones_like(y) if y_error is None else torch.as_tensor(y_error).double()
    if x.ndim != 1 or y.shape != x.shape or error.shape != x.shape:
        raise ValueError(
            f"shapes {tuple(x.shape)}, {tuple(y.shape)}, {tuple(error.shape)} were given: "
            "x, y and y_error need one axis of the same length"
        )
    needed = 3 if y_error is None else 2
    if len(x) < needed:
        raise ValueError(f"{len(x)} points were given: a slope with an error needs {needed}")
    if not bool(((x > 0) & (y > 0) & (error > 0)).all()):
        raise ValueError("x, y and y_error must be positive: a power law is fitted on logarithms")
    u, v = x.log(), y.log()
    weight = torch.ones_like(v) if y_error is None else (y / error) ** 2
    u = u - (weight * u).sum() / weight.sum()
    v = v - (weight * v).sum() / weight.sum()
    lever = (weight * u**2).sum()
    if not float(lever) > 0:
        raise ValueError("all x are equal: a slope needs at least two different x")
    slope = (weight * u * v).sum() / lever
    per_weight = 1.0 if y_error is not None else ((v - slope * u) ** 2).sum() / (len(x) - 2)
    return Estimate(float(slope), float((per_weight / lever) ** 0.5))


def autocorrelation(states: Tensor, lags: list[int]) -> tuple[Tensor, Tensor]:
    """Corr[x(t), x(t + lag)] in a stationary state, and its standard error, each (n_lags,).

    states has shape (n_times, n_walkers) at equal time steps; lags count those steps. Walkers
    must be independent: the error comes from their differences, so correlation in time does
    not spoil it. Raises ValueError for another shape, fewer than two walkers, or a lag that is
    negative or not shorter than the run.
    """
    if states.ndim != 2 or states.shape[1] < 2:
        raise ValueError(
            f"states of shape {tuple(states.shape)} were given: need (n_times, n_walkers) "
            "with at least two walkers"
        )
    if not all(0 <= lag < len(states) for lag in lags):
        raise ValueError(f"lags {lags}: each must be from 0 to {len(states) - 1} time steps")
    x = states.double()
    x = x - x.mean()
    values, errors = [], []
    for lag in lags:
        early, late = x[: len(x) - lag], x[lag:]
        product = (early * late).mean(0)  # (n_walkers,)
        power = 0.5 * (early**2 + late**2).mean(0)
        rho = product.mean() / power.mean()
        values.append(rho)
        errors.append(((product - rho * power) / power.mean()).std() / x.shape[1] ** 0.5)
    return torch.stack(values), torch.stack(errors)


def autocorrelation_time(states: Tensor, h: float) -> Estimate:
    """The time after which the autocorrelation has fallen to 1/e; 1/θ for Ornstein–Uhlenbeck.

    states has shape (n_times, n_walkers), stationary, at times h apart; the answer has the unit
    of h. Between two lags log ρ is taken as a straight line, exact for an exponential. Raises
    ValueError as `autocorrelation` does, and when ρ stays above 1/e for half the run.
    """
    target = math.exp(-1)
    low, high = 0, 1
    while float(autocorrelation(states, [high])[0]) > target:
        low, high = high, 2 * high
        if high > len(states) // 2:
            raise ValueError(
                f"the autocorrelation is still above 1/e after {low} of {len(states)} kept times: "
                "run longer, so that each walker forgets several times"
            )
    while high - low > 1:
        middle = (low + high) // 2
        if float(autocorrelation(states, [middle])[0]) > target:
            low = middle
        else:
            high = middle
    (rho_low, rho_high), errors = autocorrelation(states, [low, high])
    # Past zero there is no logarithm; the clamp only matters for lags far coarser than the decay.
    fall = (torch.log(rho_low) - torch.log(rho_high.clamp_min(1e-3))) / h
    time = low * h + float((torch.log(rho_low) + 1) / fall)
    return Estimate(time, float(errors[1] / target / fall))


def _samples(x: Tensor, at_least: int) -> Tensor:
    x = torch.as_tensor(x).detach().double().flatten()
    if len(x) < at_least:
        raise ValueError(f"{len(x)} samples were given: need at least {at_least} for an error")
    if not bool(torch.isfinite(x).all()):
        raise ValueError("some samples are not finite: an estimate needs numbers only")
    return x


def _spread(x: Tensor) -> Tensor:
    x = torch.as_tensor(x)
    if x.numel() > 1 and bool((x == x.flatten()[0]).all()):
        raise ValueError("all samples are equal: there is no spread to measure")
    return x


def _estimate(value: Tensor, influence: Tensor) -> Estimate:
    return Estimate(float(value), float(influence.std() / len(influence) ** 0.5))
