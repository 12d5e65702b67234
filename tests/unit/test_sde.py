"""Single steps: orders of convergence, Brownian increments, and how a path is shared."""

import math

import pytest
import torch
from scipy import stats

from helpers.evaluate import fit_power_law, mean_of, variance_of
from helpers.noise import SDE, OrnsteinUhlenbeck
from helpers.sample import (
    brownian_increments,
    coarsen,
    drive,
    euler,
    euler_maruyama,
    heun,
    heun_ode,
    milstein,
    simulate,
)

F64 = torch.float64
MU, SIGMA = 0.5, 0.8  # geometric Brownian motion: dX = μX dt + σX dW, noise that depends on x
GBM = SDE(lambda x, t: MU * x, lambda x, t: SIGMA * x)
# A drift that is not linear and a noise that does not depend on x.
ADDITIVE = SDE(lambda x, t: torch.sin(x) - x, lambda x, t: torch.full_like(x, 0.7))


def increments(n_steps, n_walkers, total=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return brownian_increments(
        n_steps, torch.zeros(n_walkers, dtype=F64), total / n_steps, generator
    )


def strong_errors(method, sde, x0, dW, exact, groups):
    """E|X_h(1) − X(1)| on shared paths, with standard errors, for steps `groups` times longer."""
    estimates = [
        mean_of((drive(method, sde, x0, k / len(dW), coarsen(dW, k))[-1] - exact).abs())
        for k in groups
    ]
    return torch.tensor(estimates, dtype=F64).T  # (2, n_groups): values, errors


def order(method, sde, x0, dW, exact, groups=(8, 16, 32, 64)):
    values, errors = strong_errors(method, sde, x0, dW, exact, groups)
    return fit_power_law(torch.tensor(groups, dtype=F64), values, errors)


@pytest.mark.parametrize("seed", [0, 1])
def test_strong_orders_with_noise_that_depends_on_x(seed):
    # Against the solution on the same path, X = exp((μ − σ²/2) t + σW). The allowance beside
    # five standard errors is for the next term of the error, still seen at these steps.
    dW, x0 = increments(1024, 3_000, seed=seed), torch.ones(3_000, dtype=F64)
    exact = torch.exp(MU - SIGMA**2 / 2 + SIGMA * dW.sum(0))
    half, whole = (order(m, GBM, x0, dW, exact) for m in (euler_maruyama, milstein))
    assert abs(half.value - 0.5) < 5 * half.error + 0.03, str(half)
    assert abs(whole.value - 1.0) < 5 * whole.error + 0.03, str(whole)
    # The two orders are told apart, not merely both tolerated.
    assert whole.value - half.value > 5 * math.hypot(half.error, whole.error)


def test_strong_orders_with_additive_noise():
    # Euler–Maruyama gains half an order, since Milstein's correction is zero; Heun errs less.
    dW, x0 = increments(2048, 2_000, seed=3), torch.linspace(-2, 2, 2_000, dtype=F64)
    fine = drive(milstein, ADDITIVE, x0, 1 / 2048, dW)[-1]
    groups = (16, 32, 64, 128)
    plain = strong_errors(euler_maruyama, ADDITIVE, x0, dW, fine, groups)
    better = strong_errors(heun, ADDITIVE, x0, dW, fine, groups)
    for values, errors in (plain, better):
        slope = fit_power_law(torch.tensor(groups), values, errors)
        # The reference itself errs by 1/16 of the smallest step's error.
        assert abs(slope.value - 1.0) < 5 * slope.error + 0.07, str(slope)
    assert (better[0] + 5 * better[1] < plain[0]).all()


def test_ou_against_the_exact_solution_on_the_same_path():
    # X(1) = e^(−θ) x0 + σ ∫ e^(−θ(1−s)) dW(s); the integral by midpoints on a path 64 times finer.
    process, n = OrnsteinUhlenbeck(1.5, 0.9), 2048
    dW, x0 = increments(n, 1_000, seed=4), torch.ones(1_000, dtype=F64)
    middle = (torch.arange(n, dtype=F64) + 0.5) / n
    exact = process.mean(x0, 1.0) + 0.9 * (torch.exp(-1.5 * (1 - middle))[:, None] * dW).sum(0)
    slope = order(euler_maruyama, process.sde(), x0, dW, exact, (32, 64, 128, 256))
    assert abs(slope.value - 1.0) < 5 * slope.error + 0.05, str(slope)


def test_weak_order_of_euler_maruyama_is_one_without_any_sampling():
    # E[x_n] = (1 + μh)ⁿ exactly, so the error of the mean needs no draws.
    n_steps = torch.tensor([16, 32, 64, 128, 256])
    error = (math.exp(MU) - (1 + MU / n_steps.double()) ** n_steps).abs()
    slope = fit_power_law(1 / n_steps.double(), error)
    assert abs(slope.value - 1.0) < 0.02 and slope.error < 0.01
    # … and the step does have that mean.
    x0 = torch.ones(400_000)
    generator = torch.Generator().manual_seed(5)
    got = mean_of(simulate(GBM, x0, 0.25, 4, generator=generator).last)
    assert abs(got.value - (1 + MU / 4) ** 4) < 5 * got.error
    # The exact mean is 24 errors away: this test can tell.
    assert abs(got.value - math.exp(MU)) > 5 * got.error


@pytest.mark.parametrize("step, expected", [(euler, 1.0), (heun_ode, 2.0)])
def test_orders_of_the_ode_steps(step, expected):
    # x' = −x cos t has x = x0 e^(−sin t): time enters, so a step that forgets t fails too.
    x0 = torch.tensor([1.0, -2.0], dtype=F64)
    n_steps = [32, 64, 128, 256]
    errors = []
    for n in n_steps:
        run = simulate(lambda x, t: -x * torch.cos(t), x0, 2.0 / n, n, step=step)
        errors.append(float((run.last - x0 * math.exp(-math.sin(2.0))).abs().max()))
    slope = fit_power_law(1 / torch.tensor(n_steps), torch.tensor(errors))
    assert abs(slope.value - expected) < 0.06, str(slope)


def test_without_noise_the_sde_steps_are_the_ode_steps():
    drift = OrnsteinUhlenbeck(0.8, 0.0).sde().drift
    quiet = SDE(drift, lambda x, t: torch.zeros_like(x))
    x, t, dW = torch.randn(5, dtype=F64), torch.tensor(0.0), torch.randn(5, dtype=F64)
    for method in (euler_maruyama, milstein):
        assert torch.equal(method(quiet, x, t, 0.1, dW), euler(drift, x, t, 0.1))
    torch.testing.assert_close(heun(quiet, x, t, 0.1, dW), heun_ode(drift, x, t, 0.1))


def test_milstein_corrects_by_half_g_times_slope():
    x, t, dW, h = torch.tensor([2.0], dtype=F64), torch.tensor(0.0), torch.tensor([0.3]), 0.04
    got = milstein(GBM, x, t, h, dW) - euler_maruyama(GBM, x, t, h, dW)
    torch.testing.assert_close(got, 0.5 * (SIGMA * x) * SIGMA * (dW**2 - h))


def test_a_plain_pair_is_an_sde_too():
    x, t, dW = torch.randn(5), torch.tensor(0.0), torch.randn(5)
    for method in (euler_maruyama, milstein, heun):
        assert torch.equal(method(tuple(GBM), x, t, 0.1, dW), method(GBM, x, t, 0.1, dW))


def test_brownian_increments_are_independent_normal_and_of_variance_h():
    h = 0.02
    dW = brownian_increments(400, torch.zeros(500), h, torch.Generator().manual_seed(6))
    assert dW.shape == (400, 500) and dW.dtype == torch.float32
    variance = variance_of(dW)
    assert abs(variance.value - h) < 5 * variance.error
    p = stats.kstest(dW.flatten().numpy() / h**0.5, "norm").pvalue
    assert p > 1e-5
    # Neighbours in time and across walkers: products average to zero.
    for product in (dW[1:] * dW[:-1], dW[:, 1:] * dW[:, :-1]):
        mean = mean_of(product)
        assert abs(mean.value) < 5 * mean.error
    # Path length: at time 8 the variance is 8.
    ends = variance_of(increments(400, 20_000, total=8.0, seed=7).sum(0))
    assert abs(ends.value - 8.0) < 5 * ends.error


def test_brownian_bridge_between_two_ends():
    # Given W(1), the midpoint has mean W(1)/2 and variance 1/4, whatever W(1) is.
    half = increments(2, 100_000, seed=8)
    end = half.sum(0)
    rest = half[0] - end / 2
    variance, covariance = variance_of(rest), mean_of(rest * end)
    assert abs(variance.value - 0.25) < 5 * variance.error
    assert abs(covariance.value) < 5 * covariance.error


def test_coarsen_keeps_the_path():
    dW = increments(64, 7, total=2.0)
    torch.testing.assert_close(coarsen(dW, 8).cumsum(0), dW.cumsum(0)[7::8])
    assert torch.equal(coarsen(dW, 1), dW)


@pytest.mark.parametrize("k", [0, -2, 5, 128])
def test_coarsen_refuses_groups_that_do_not_divide(k):
    with pytest.raises(ValueError, match="cannot be joined in groups"):
        coarsen(increments(64, 2), k)


@pytest.mark.parametrize("n_steps, h", [(0, 0.1), (-1, 0.1), (3, 0.0), (3, -0.1), (3, math.nan)])
def test_brownian_increments_need_steps_and_time(n_steps, h):
    with pytest.raises(ValueError, match="need at least one step and a positive h"):
        brownian_increments(n_steps, torch.zeros(2), h)


def test_drive_follows_the_increments_and_keeps_every_state():
    dW, x0 = increments(10, 3, seed=9), torch.ones(3, dtype=F64)
    path = drive(euler_maruyama, SDE(lambda x, t: 0 * x, lambda x, t: 0 * x + 2), x0, 0.1, dW)
    torch.testing.assert_close(path[1:], x0 + 2 * dW.cumsum(0))
    assert torch.equal(path[0], x0)
    # Each method is told the time at the start of its step.
    seen = []
    drive(lambda sde, x, t, h, dw: seen.append(float(t)) or x, GBM, x0, 0.1, dW)
    torch.testing.assert_close(torch.tensor(seen), torch.arange(10) * 0.1)


def test_drive_refuses_increments_of_another_shape():
    with pytest.raises(ValueError, match="cannot drive a state of shape"):
        drive(euler_maruyama, GBM, torch.ones(4), 0.1, torch.zeros(10, 3))
