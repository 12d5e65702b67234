"""The closed forms, against the equations they solve and against draws of the exact step."""

import math

import pytest
import torch

from helpers.evaluate import autocorrelation, autocorrelation_time, mean_of, variance_of
from helpers.noise import SDE, BrownianMotion, OrnsteinUhlenbeck

F64 = torch.float64


def near(estimate, expected, allowed=5.0):
    """Within five standard errors."""
    return abs(estimate.value - expected) < allowed * estimate.error


def starts(n, value=0.0):
    return torch.full((n,), value, dtype=F64)


@pytest.mark.parametrize("theta, sigma", [(0.25, 0.5), (2.0, 1.0), (10.0, 3.0)])
def test_ou_moments_solve_their_equations(theta, sigma):
    # m' = −θm and v' = −2θv + σ², by differentiation: no simulation involved.
    process = OrnsteinUhlenbeck(theta, sigma)
    t = torch.linspace(0.0, 4.0, 9, dtype=F64, requires_grad=True)
    m, v = process.mean(1.7, t), process.variance(t, var0=0.3)
    (m_slope,) = torch.autograd.grad(m.sum(), t)
    (v_slope,) = torch.autograd.grad(v.sum(), t)
    torch.testing.assert_close(m_slope, -theta * m)
    torch.testing.assert_close(v_slope, -2 * theta * v + sigma**2)
    assert process.mean(1.7, 0.0) == 1.7 and process.variance(0.0, var0=0.3) == 0.3
    # The limit is where the slope is zero.
    assert math.isclose(2 * theta * process.stationary_variance, sigma**2)
    assert math.isclose(process.variance(1e3), process.stationary_variance)


def test_floats_give_floats_and_tensors_tensors():
    ou, walk = OrnsteinUhlenbeck(0.5, 1.0), BrownianMotion(2.0)
    for process in (ou, walk):
        assert isinstance(process.variance(1.0), float)
        assert isinstance(process.mean(1.0, 1.0), float)
        assert process.variance(torch.ones(3)).shape == (3,)
        assert process.mean(torch.ones(2), 1.0).shape == (2,)
    assert walk.variance(3.0, var0=1.0) == 13.0
    assert walk.mean(-2.0, 5.0) == -2.0


def test_sde_gives_drift_and_diffusion_like_x():
    x, t = torch.randn(4, 3, dtype=F64), torch.tensor(0.3)
    sde = OrnsteinUhlenbeck(0.5, 2.0).sde()
    assert isinstance(sde, SDE)
    drift, diffusion = sde
    torch.testing.assert_close(drift(x, t), -0.5 * x)
    torch.testing.assert_close(diffusion(x, t), torch.full((4, 3), 2.0, dtype=F64))
    drift, diffusion = BrownianMotion(2.0).sde()
    assert drift(x, t).shape == x.shape and not drift(x, t).any()
    torch.testing.assert_close(diffusion(x, t), torch.full((4, 3), 2.0, dtype=F64))


@pytest.mark.parametrize("h", [1e-3, 0.3, 5.0])
@pytest.mark.parametrize(
    "process", [OrnsteinUhlenbeck(0.8, 1.5), BrownianMotion(1.5)], ids=["ou", "brownian"]
)
def test_exact_step_has_the_law_of_the_process(process, h):
    generator = torch.Generator().manual_seed(1)
    x = process.exact_step(starts(200_000, 2.0), h, generator)
    assert near(mean_of(x), process.mean(2.0, h))
    assert near(variance_of(x), process.variance(h))


def test_exact_steps_compose():
    # Ten steps of 0.1 must be as good as one of 1.0: there is no error in h.
    process = OrnsteinUhlenbeck(1.3, 0.9)
    generator = torch.Generator().manual_seed(2)
    x = starts(100_000, -1.0)
    for _ in range(10):
        x = process.exact_step(x, 0.1, generator)
    assert near(mean_of(x), process.mean(-1.0, 1.0))
    assert near(variance_of(x), process.variance(1.0))


def test_autocorrelation_is_that_of_a_stationary_run():
    process, h = OrnsteinUhlenbeck(0.5, 1.0), 0.2
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(4_000, dtype=F64, generator=generator) * process.stationary_variance**0.5
    states = [x]
    for _ in range(100):
        states.append(process.exact_step(states[-1], h, generator))
    lags = [0, 1, 5, 20]
    measured, error = autocorrelation(torch.stack(states), lags)
    expected = process.autocorrelation(torch.tensor(lags, dtype=F64) * h)
    assert ((measured - expected).abs() <= 5 * error + 1e-12).all()
    assert process.autocorrelation(-0.4) == process.autocorrelation(0.4) == math.exp(-0.2)
    assert near(autocorrelation_time(torch.stack(states), h), 1 / process.theta)


def test_euler_stationary_variance_is_the_fixed_point_of_the_chain():
    process = OrnsteinUhlenbeck(2.0, 1.5)
    for h in (1e-3, 0.1, 0.5, 0.9):
        v = process.euler_stationary_variance(h)
        assert math.isclose(v, (1 - 2.0 * h) ** 2 * v + 1.5**2 * h)
    # Bias (θh/2)/(1 − θh/2): 5.26 %, 33.3 % and 100 % at θh = 0.1, 0.5 and 1.
    unit = OrnsteinUhlenbeck(1.0, 2.0**0.5)
    for h, expected in ((0.1, 1.0526), (0.5, 1.3333), (1.0, 2.0)):
        assert abs(unit.euler_stationary_variance(h) - expected) < 1e-4


@pytest.mark.parametrize("h", [0.0, -0.1, 4.0, 5.0, math.nan])
def test_euler_stationary_variance_refuses_steps_that_never_settle(h):
    with pytest.raises(ValueError, match="Euler's chain settles only for 0 < h < 2/theta = 4"):
        OrnsteinUhlenbeck(0.5, 1.0).euler_stationary_variance(h)


@pytest.mark.parametrize("theta", [0.0, -1.0, math.inf, math.nan])
def test_theta_must_pull_back(theta):
    with pytest.raises(ValueError, match="the pull back must be positive and finite"):
        OrnsteinUhlenbeck(theta, 1.0)


@pytest.mark.parametrize("sigma", [-1.0, math.inf, math.nan])
@pytest.mark.parametrize("make", [BrownianMotion, lambda sigma: OrnsteinUhlenbeck(1.0, sigma)])
def test_sigma_must_not_be_negative(make, sigma):
    with pytest.raises(ValueError, match="noise strength must be zero or more"):
        make(sigma)


def test_time_must_not_run_backwards():
    for process in (BrownianMotion(), OrnsteinUhlenbeck()):
        for law in (lambda t, p=process: p.mean(1.0, t), process.variance):
            for t in (-1.0, math.nan, torch.tensor([0.5, -0.5])):
                with pytest.raises(ValueError, match="a negative time was given"):
                    law(t)
        with pytest.raises(ValueError, match="a negative time was given"):
            process.exact_step(starts(2), -0.1)


def test_without_noise_ou_is_plain_relaxation():
    process = OrnsteinUhlenbeck(0.7, 0.0)
    x = process.exact_step(starts(3, 2.0), 1.5)
    torch.testing.assert_close(x, starts(3, 2.0 * math.exp(-0.7 * 1.5)))


@pytest.mark.parametrize("theta", [1e-9, 1e-4, 0.98, 1.02, 400.0])
def test_exact_path_keeps_its_digits_at_any_step(theta):
    # What dW leaves open of the integral over a step: its variance is h f(θh) with
    # f(c) = (1 − e^(−2c))/2c − ((1 − e^(−c))/c)², here by quadrature of (e^(−c(1−s)) − mean)².
    h, process = 1e-3, OrnsteinUhlenbeck(theta, 1.0)
    dW, path = process.exact_path(starts(100_000), h, 1, torch.Generator().manual_seed(4))
    c = theta * h
    s = (torch.arange(1_000, dtype=F64) + 0.5) / 1_000
    # expm1 in place of exp shifts the weight by a constant, which the variance does not see.
    weight = torch.expm1(-c * (1 - s))
    expected = h * float(weight.var(correction=0))
    rest = (path[1] - dW[0]) - dW[0] * float(weight.mean())
    variance = variance_of(rest)
    assert abs(variance.value - expected) < 5 * variance.error + 1e-3 * expected
