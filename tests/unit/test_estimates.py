"""Estimates against known laws; their errors against the scatter of repeated runs."""

import math

import pytest
import torch

from helpers.evaluate import (
    Estimate,
    autocorrelation,
    autocorrelation_time,
    excess_kurtosis_of,
    fit_power_law,
    mean_of,
    std_of,
    variance_of,
)
from helpers.noise import OrnsteinUhlenbeck
from helpers.sample import simulate

F64 = torch.float64


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def product_of_normals(*shape, seed=0):
    return normal(*shape, seed=seed) * normal(*shape, seed=seed + 1_000)


@pytest.mark.parametrize(
    "value, error, text",
    [
        (0.49831, 0.0041, "0.498 ± 0.004"),
        (0.12345, 0.0012, "0.1235 ± 0.0012"),
        (2.0, 0.00354, "2.0000 ± 0.0035"),
        (2.0, 0.00356, "2.000 ± 0.004"),
        (1.2, 0.00996, "1.200 ± 0.010"),
        (1.2, 0.0095, "1.200 ± 0.010"),
        (5.0, 1.0, "5.0 ± 1.0"),
        (1234.5, 123.4, "1230 ± 120"),
        (1234.5, 456.0, "1200 ± 500"),
        (-0.0001, 0.01, "0.000 ± 0.010"),
        (-1.5, 0.2, "-1.50 ± 0.20"),
        (3.0, 0.0, "3 ± 0"),
        (3.0, math.nan, "3 ± nan"),
    ],
)
def test_estimate_prints_as_many_digits_as_its_error_allows(value, error, text):
    assert str(Estimate(value, error)) == f"{Estimate(value, error)}" == text


@pytest.mark.parametrize(
    "law, variance, kurtosis", [(normal, 1.0, 0.0), (product_of_normals, 1.0, 6.0)]
)
def test_estimates_of_known_laws(law, variance, kurtosis):
    x = 3.0 * law(200_000) + 1.0
    for estimate, expected in (
        (mean_of(x), 1.0),
        (variance_of(x), 9.0 * variance),
        (std_of(x), 3.0 * variance**0.5),
        (excess_kurtosis_of(x), kurtosis),
    ):
        assert abs(estimate.value - expected) < 5 * estimate.error, (str(estimate), expected)


def test_errors_have_their_closed_forms_for_a_normal_law():
    n = 1_000_000
    x = 2.0 * normal(n)
    for estimate, expected in (
        (mean_of(x), 2.0 / n**0.5),
        (variance_of(x), 4.0 * (2 / n) ** 0.5),
        (std_of(x), 2.0 / (2 * n) ** 0.5),
        (excess_kurtosis_of(x), (24 / n) ** 0.5),
    ):
        assert abs(estimate.error / expected - 1) < 0.05


@pytest.mark.parametrize("law", [normal, product_of_normals])
@pytest.mark.parametrize("of, allowed", [(mean_of, 0.1), (variance_of, 0.1), (std_of, 0.1)])
def test_errors_are_the_scatter_of_repeated_runs(law, of, allowed):
    # 1 000 runs: their scatter is known to 2.2 %, and heavy tails add a little to each error.
    estimates = torch.tensor([of(x) for x in law(1_000, 2_000)], dtype=F64)
    scatter, told = float(estimates[:, 0].std()), float(estimates[:, 1].mean())
    assert abs(told / scatter - 1) < allowed, (told, scatter)


def test_error_of_the_kurtosis_is_the_scatter_for_a_skewed_law():
    # Uniform squared: skewed, with bounded moments, so that the influence value is put to work.
    runs = torch.rand(1_000, 4_000, dtype=F64, generator=torch.Generator().manual_seed(1)) ** 2
    estimates = torch.tensor([excess_kurtosis_of(x) for x in runs], dtype=F64)
    assert abs(float(estimates[:, 1].mean() / estimates[:, 0].std()) - 1) < 0.1


def test_estimates_take_any_shape_and_precision():
    x = normal(10, 30).float()
    assert mean_of(x) == mean_of(x.flatten()) == mean_of(x.double())
    # Far from zero, single precision would lose the variance.
    assert abs(variance_of(torch.tensor([1e4, 1e4 + 1, 1e4 + 2])).value - 1.0) < 1e-6


def test_too_few_or_broken_samples_are_refused():
    for of, at_least in ((mean_of, 2), (variance_of, 2), (std_of, 2), (excess_kurtosis_of, 4)):
        few = torch.arange(at_least - 1.0)
        with pytest.raises(ValueError, match=f"samples were given: need at least {at_least}"):
            of(few)
        with pytest.raises(ValueError, match="some samples are not finite"):
            of(torch.tensor([0.0, 1.0, 2.0, 3.0, math.nan]))
    for of in (std_of, excess_kurtosis_of):
        with pytest.raises(ValueError, match="all samples are equal"):
            of(torch.full((10,), 2.0))


# ---- power laws


def test_power_law_is_exact_on_exact_points():
    x = torch.tensor([1.0, 2.0, 5.0, 10.0], dtype=F64)
    for y_error in (None, 0.1 * x):
        slope = fit_power_law(x, 3.0 * x**-0.5, y_error)
        assert abs(slope.value + 0.5) < 1e-12
    assert fit_power_law(x, 3.0 * x**-0.5).error < 1e-12
    assert fit_power_law([1, 10], [1, 100], [0.1, 10]).value == pytest.approx(2.0)


@pytest.mark.parametrize("with_errors", [True, False])
def test_power_law_errors_are_the_scatter_of_repeated_fits(with_errors):
    x = torch.logspace(0, 2, 8, dtype=F64)
    # Known errors may differ from point to point; without them all points scatter alike.
    relative = torch.linspace(0.02, 0.1, 8, dtype=F64) if with_errors else torch.full((8,), 0.05)
    truth = 2.0 * x**0.5
    slopes = []
    for noise in normal(2_000, 8, seed=2):
        y = truth * torch.exp(relative * noise)
        slopes.append(fit_power_law(x, y, relative * y if with_errors else None))
    values, errors = torch.tensor(slopes, dtype=F64).T
    assert abs(float(values.mean()) - 0.5) < 5 * float(values.std()) / 2_000**0.5
    assert abs(float((errors**2).mean().sqrt() / values.std()) - 1) < 0.1


def test_power_law_weighs_points_by_their_errors():
    x, y = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 2.0, 40.0])
    trusted = fit_power_law(x, y, torch.tensor([0.01, 0.02, 400.0]))
    assert abs(trusted.value - 1.0) < 0.01
    assert fit_power_law(x, y).value > 2.0


def test_power_law_refuses_what_it_cannot_fit():
    x = torch.tensor([1.0, 2.0, 3.0])
    for y, y_error in ((x[:2], None), (x, x[:2]), (x[None], None)):
        with pytest.raises(ValueError, match="need one axis of the same length"):
            fit_power_law(x, y, y_error)
    with pytest.raises(ValueError, match="2 points were given: a slope with an error needs 3"):
        fit_power_law(x[:2], x[:2])
    with pytest.raises(ValueError, match="1 points were given: a slope with an error needs 2"):
        fit_power_law(x[:1], x[:1], x[:1])
    for bad in (-x, 0 * x, x * math.nan):
        with pytest.raises(ValueError, match="must be positive: a power law is fitted on log"):
            fit_power_law(x, bad)
    with pytest.raises(ValueError, match="all x are equal"):
        fit_power_law(torch.ones(3), x)


def test_width_of_brownian_motion_grows_like_the_root_of_t():
    # The sentence "the variance grows like √t" is a common slip: the standard deviation does.
    generator = torch.Generator().manual_seed(3)
    t = torch.tensor([0.5, 1.0, 2.0, 4.0, 8.0], dtype=F64)
    ends = [time**0.5 * torch.randn(20_000, dtype=F64, generator=generator) for time in t]
    for of, expected in ((std_of, 0.5), (variance_of, 1.0)):
        values, errors = torch.tensor([of(x) for x in ends], dtype=F64).T
        slope = fit_power_law(t, values, errors)
        assert abs(slope.value - expected) < 5 * slope.error < 0.1


# ---- memory


def stationary_walkers(n_walkers=2_000, n_times=400, theta=0.5, h=0.1, seed=4):
    process = OrnsteinUhlenbeck(theta, 1.0)
    generator = torch.Generator().manual_seed(seed)
    x0 = process.euler_stationary_variance(h) ** 0.5 * normal(n_walkers, seed=seed)
    return simulate(process.sde(), x0, h, n_times, keep="all", generator=generator).states


def test_autocorrelation_of_eulers_chain():
    states, lags = stationary_walkers(), [0, 1, 10, 40]
    value, error = autocorrelation(states, lags)
    expected = torch.tensor([(1 - 0.05) ** lag for lag in lags], dtype=F64)
    assert value.shape == error.shape == (4,)
    assert float(value[0]) == pytest.approx(1.0) and float(error[0]) < 1e-12
    assert ((value - expected).abs() <= 5 * error + 1e-12).all()
    # Scale and origin do not matter.
    torch.testing.assert_close(autocorrelation(3 * states + 7, lags)[0], value)


def test_autocorrelation_errors_are_the_scatter_between_groups_of_walkers():
    groups = stationary_walkers(n_walkers=8_000, n_times=200).split(40, dim=1)
    value, error = zip(*(autocorrelation(group, [10]) for group in groups), strict=True)
    scatter, told = torch.cat(value).std(), torch.cat(error).mean()
    # 200 groups: their scatter is known to 5 %, five errors are a quarter.
    assert abs(float(told / scatter) - 1) < 0.25
    # The time where ρ crosses 1/e inherits its error from ρ there.
    times = torch.tensor([autocorrelation_time(group, 0.1) for group in groups], dtype=F64)
    assert abs(float(times[:, 1].mean() / times[:, 0].std()) - 1) < 0.25


def test_autocorrelation_time_is_one_over_theta():
    for theta, h in ((0.5, 0.1), (2.0, 0.02)):
        states = stationary_walkers(theta=theta, h=h)
        time = autocorrelation_time(states, h)
        # Euler's chain forgets by 1 − θh a step.
        assert abs(time.value + h / math.log(1 - theta * h)) < 5 * time.error
        assert time.error < 0.03 / theta
        assert abs(time.value - 1 / (2 * theta)) > 5 * time.error
    # Coarser storage than the memory: all of the fall lies between lags 0 and 1.
    rare = stationary_walkers(theta=2.0, h=0.02)[::40]
    time = autocorrelation_time(rare, 0.8)
    assert abs(time.value - 0.5) < 5 * time.error + 0.02


def test_autocorrelation_refuses_what_it_cannot_judge():
    for states in (torch.zeros(10), torch.zeros(10, 1), torch.zeros(10, 3, 2)):
        with pytest.raises(ValueError, match=r"need \(n_times, n_walkers\)"):
            autocorrelation(states, [1])
    for lag in (-1, 10):
        with pytest.raises(ValueError, match="each must be from 0 to 9 time steps"):
            autocorrelation(normal(10, 3), [0, lag])
    slow = stationary_walkers(n_walkers=100, n_times=20, theta=0.1)
    with pytest.raises(ValueError, match="still above 1/e after .* run longer"):
        autocorrelation_time(slow, 0.1)
