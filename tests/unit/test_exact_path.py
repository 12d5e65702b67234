"""The exact Ornstein–Uhlenbeck path and the Brownian increments that drive it; densities."""

import math

import pytest
import torch

from helpers.noise import BrownianMotion, OrnsteinUhlenbeck
from helpers.sample import drive, euler_maruyama

OU = OrnsteinUhlenbeck(theta=0.7, sigma=1.3)
N = 200_000


def draw(h=0.8, n_steps=1, x0=2.0):
    generator = torch.Generator().manual_seed(0)
    start = torch.full((N,), x0, dtype=torch.float64)
    return OU.exact_path(start, h, n_steps, generator)


def test_increments_are_brownian():
    dW, _ = draw(h=0.8)
    assert abs(dW.mean()) < 5 * math.sqrt(0.8 / N)
    assert abs(dW.var() - 0.8) < 5 * 0.8 * math.sqrt(2 / N)


def test_path_has_the_exact_law_and_the_shared_noise():
    h = 0.8
    dW, path = draw(h)
    mean, variance = OU.mean(2.0, h), OU.variance(h)
    assert abs(path[1].mean() - mean) < 5 * math.sqrt(variance / N)
    assert abs(path[1].var() - variance) < 5 * variance * math.sqrt(2 / N)
    # Cov[x(h), dW] = σ ∫ e^(−θ(h−s)) ds, worked out by hand
    covariance = ((path[1] - mean) * dW[0]).mean()
    expected = 1.3 * (1 - math.exp(-0.7 * h)) / 0.7
    assert abs(covariance - expected) < 5 * math.sqrt(2 * variance * h / N)
    # planted error: σ h instead, as if the kick came at the end of the step
    assert abs(covariance - 1.3 * h) > 5 * math.sqrt(2 * variance * h / N)


def test_a_fine_integrator_follows_the_exact_path():
    start = torch.full((2000,), 2.0, dtype=torch.float64)
    gaps = []
    for n_steps in (100, 200):
        dW, path = OU.exact_path(start, 1 / n_steps, n_steps, torch.Generator().manual_seed(1))
        gaps.append(
            (drive(euler_maruyama, OU.sde(), start, 1 / n_steps, dW)[-1] - path[-1]).abs().mean()
        )
    assert gaps[0] < 0.02
    assert 1.6 < gaps[0] / gaps[1] < 2.5  # strong order 1: additive noise


def test_exact_path_refuses_no_steps():
    with pytest.raises(ValueError, match="at least one step"):
        OU.exact_path(torch.zeros(3), 0.1, 0)


@pytest.mark.parametrize("process", [OU, BrownianMotion(1.3)], ids=["OU", "Brownian"])
def test_density_integrates_to_one_with_the_right_moments(process):
    x = torch.linspace(-30, 30, 20001, dtype=torch.float64)
    p = process.density(x, x0=2.0, t=1.5)
    assert torch.trapezoid(p, x) == pytest.approx(1, abs=1e-9)
    assert torch.trapezoid(p * x, x) == pytest.approx(process.mean(2.0, 1.5), abs=1e-9)
    spread = torch.trapezoid(p * (x - process.mean(2.0, 1.5)) ** 2, x)
    assert spread == pytest.approx(process.variance(1.5), abs=1e-9)


def test_density_at_infinity_is_stationary():
    x = torch.linspace(-3, 3, 7, dtype=torch.float64)
    law = torch.distributions.Normal(0.0, OU.stationary_variance**0.5)
    torch.testing.assert_close(OU.density(x, 2.0, math.inf), law.log_prob(x).exp())


def test_density_without_width_is_refused():
    with pytest.raises(ValueError, match="no density"):
        OU.density(torch.zeros(2), 1.0, 0.0)
