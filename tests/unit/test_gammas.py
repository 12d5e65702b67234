"""Schedules by γ = −log SNR: published values, their sign, and the steps between times."""

import math

import pytest
import torch

from helpers.noise import Cosine
from helpers.noise.gammas import (
    ENDS,
    LearnedGamma,
    Polynomial,
    between,
    gamma_table,
    posterior,
    scales,
    snr,
)


def test_published_values_of_polynomial_2():
    gamma = gamma_table(Polynomial(), 500)
    alpha2 = scales(gamma)[0] ** 2
    for t, want in ((0, 0.9995), (50, 0.9796), (100, 0.9212), (250, 0.5624), (400, 0.1300)):
        assert abs(float(alpha2[t]) - want) < 5e-5
    assert abs(float(alpha2[450]) - 0.0366) < 5e-5 and abs(float(alpha2[500]) - 5e-4) < 1e-8
    assert abs(float(scales(gamma)[1][0]) - 0.02236) < 1e-5


@pytest.mark.parametrize("precision, end", [(5e-4, 7.600), (1e-5, 11.513)])
def test_gamma_grows_and_the_signal_is_at_the_data(precision, end):
    gamma = gamma_table(Polynomial(precision=precision), 500)
    assert bool((gamma.diff() > 0).all())
    assert abs(float(gamma[0]) + end) < 1e-3 and abs(float(gamma[-1]) - end) < 1e-3
    assert float(snr(gamma)[0]) > 1 > float(snr(gamma)[-1])


def test_the_ends_and_the_ratio_there():
    assert abs(ENDS[0] + 7.6004) < 1e-4 and ENDS[1] == -ENDS[0]
    assert abs(float(snr(torch.tensor(ENDS[0]))) - 1999) < 0.01


def test_gamma_is_minus_the_log_snr_of_the_schedule():
    schedule = Polynomial()
    t = torch.linspace(0, 1, 11, dtype=torch.float64)
    assert torch.allclose(gamma_table(schedule, 10), -schedule.log_snr(t))


def test_the_derivatives_of_the_polynomial():
    schedule = Polynomial(power=3.0, precision=1e-3)
    t = torch.linspace(0.05, 0.95, 7, dtype=torch.float64, requires_grad=True)
    for value, slope in ((schedule.alpha, schedule.dalpha), (schedule.sigma, schedule.dsigma)):
        (auto,) = torch.autograd.grad(value(t).sum(), t)
        assert torch.allclose(auto, slope(t))
    assert torch.allclose(schedule.alpha2(t) + schedule.sigma(t) ** 2, torch.ones(7).double())


def test_a_cosine_needs_its_fall_limited():
    gamma = gamma_table(Polynomial(precision=1e-5), 20, least=0.5)
    ratio = (scales(gamma)[0] ** 2).diff() / scales(gamma)[0][:-1] ** 2
    assert float(ratio.min()) >= -0.5 - 1e-12
    with pytest.raises(ValueError, match="is finite only between 0 and 1; a precision keeps it"):
        gamma_table(Cosine(), 20)  # no noise at all at t = 0


def test_a_step_and_the_way_back_have_the_right_law():
    gamma = gamma_table(Polynomial(), 10)
    s, t = gamma[3], gamma[7]
    (a_s, s_s), (a_t, s_t) = scales(s), scales(t)
    a, var = between(s, t)
    assert torch.allclose(a, a_t / a_s) and torch.allclose(var, s_t**2 - a**2 * s_s**2)
    # Bayes in one dimension: the joint law of z_s and z_t for a known x is normal.
    x = 1.3
    gain = a * s_s**2 / s_t**2
    back, by, std = posterior(s, t)
    z = torch.tensor([-1.0, 0.2, 2.5], dtype=torch.float64)
    eps = (z - a_t * x) / s_t
    assert torch.allclose(back * z - by * eps, a_s * x + gain * (z - a_t * x))
    assert torch.allclose(std**2, s_s**2 - gain * a * s_s**2)


def test_the_claimed_mean_is_another_one():
    # (z − ε)/α_{t|s}, which some diagrams show, misses by far where there is much noise.
    gamma = gamma_table(Polynomial(), 500)
    back, by, _ = posterior(gamma[249], gamma[250])
    assert abs(float(by / back) - 1) > 0.9  # the factor of ε there is 0.01, not 1


def test_a_learned_gamma_grows_from_start_to_end_whatever_is_learned():
    torch.manual_seed(0)
    gamma = LearnedGamma(-7.6, 7.6)
    for weight in gamma.parameters():
        if weight is not gamma.ends:
            weight.data.normal_(std=3)
    value = gamma(torch.linspace(0, 1, 50))
    assert bool((value.diff() > 0).all())
    assert torch.allclose(value[[0, -1]], torch.tensor([-7.6, 7.6]), atol=1e-5)
    value.sum().backward()
    assert all(w.grad is not None and w.grad.isfinite().all() for w in gamma.parameters())


def test_bad_input_is_refused_in_words():
    with pytest.raises(ValueError, match="need 0 < precision < ½ and a positive power"):
        Polynomial(precision=0.0)
    with pytest.raises(ValueError, match="it must grow with t, for it is minus the logarithm"):
        LearnedGamma(7.6, -7.6)
    with pytest.raises(ValueError, match="n = 0: need at least one step"):
        gamma_table(Polynomial(), 0)
    with pytest.raises(ValueError, match="γ falls from s to t: need s ≤ t, more noise at t"):
        between(torch.tensor(1.0), torch.tensor(-1.0))
    assert math.isclose(float(scales(torch.tensor(0.0))[0]), math.sqrt(0.5), rel_tol=1e-6)
