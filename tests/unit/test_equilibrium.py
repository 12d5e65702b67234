"""Langevin at a fixed temperature: the known bias of a step, and Metropolis' cure."""

import math

import pytest
import torch

from helpers.noise import DoubleWell, Gaussian, cross
from helpers.sample import (
    langevin_sde,
    mala,
    metropolis_log_ratio,
    overdamped_langevin,
    simulate,
)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_one_step_has_the_law_it_says():
    n, h, temperature = 100_000, 0.03, 0.5
    x = torch.full((n, 2), 0.7, dtype=torch.float64)
    y = overdamped_langevin(lambda x: -2 * x, x, h, temperature, seeded(0))
    std = (2 * temperature * h) ** 0.5
    assert (y.mean(0) - (0.7 - h * 1.4)).abs().max() < 5 * std / n**0.5
    assert (y.std(0) / std - 1).abs().max() < 5 / (2 * n) ** 0.5


def test_unadjusted_chain_settles_at_the_biased_variance():
    # x ← (1 − h) x + √(2h) z has variance 1/(1 − h/2) exactly.
    h, n = 0.4, 40_000
    x = torch.randn(n, 1, generator=seeded(0), dtype=torch.float64)
    generator = seeded(1)
    for _ in range(60):
        x = overdamped_langevin(lambda x: -x, x, h, generator=generator)
    truth = 1 / (1 - h / 2)
    assert abs(float(x.var()) - truth) < 5 * truth * (2 / n) ** 0.5


def test_mala_has_no_bias_at_the_same_step():
    h, n, generator = 0.4, 40_000, seeded(1)
    x = torch.randn(n, 1, generator=seeded(0), dtype=torch.float64)
    accepted = 0.0
    for _ in range(60):
        x, moved = mala(lambda x: 0.5 * x[..., 0] ** 2, lambda x: -x, x, h, generator=generator)
        accepted += float(moved.double().mean()) / 60
    assert abs(float(x.var()) - 1) < 5 * (2 / n) ** 0.5
    assert 0.5 < accepted < 0.99


def test_mala_samples_the_double_well():
    well, temperature, n, generator = DoubleWell(), 0.3, 20_000, seeded(2)
    # Not too far out: where the force times h overshoots, every proposal is refused.
    x = 0.5 * torch.randn(n, 2, generator=seeded(0), dtype=torch.float64)
    h, plain = 0.15, x.clone()
    for _ in range(150):
        x = mala(well.energy, well.force, x, h, temperature, generator).x
        plain = overdamped_langevin(well.force, plain, h, temperature, generator)
    truth = [well.moment_x(power, temperature) for power in (2, 4)]
    fourth, eighth = truth[1], well.moment_x(8, temperature)
    errors = [(fourth - truth[0] ** 2) / n, (eighth - fourth**2) / n]
    for power, value, variance in zip((2, 4), truth, errors, strict=True):
        assert abs(float((x[:, 0] ** power).mean()) - value) < 5 * variance**0.5
    off = [abs(float(chain[:, 1].var()) / (temperature / well.k) - 1) for chain in (x, plain)]
    tolerance = 5 * (2 / n) ** 0.5
    # The unadjusted chain at the same step fails: its variance is 1/(1 − kh/2) times too large.
    assert off[0] < tolerance and off[1] > 1.9 * tolerance


def test_log_ratio_is_that_of_the_normal_proposals():
    well, h, temperature = DoubleWell(), 0.1, 0.4
    x, y = torch.randn(2, 30, 2, generator=seeded(0), dtype=torch.float64)

    def log_q(to, frm):
        centre = frm + h * well.force(frm)
        normal = torch.distributions.Normal(centre, math.sqrt(2 * temperature * h))
        return normal.log_prob(to).sum(-1)

    truth = -well.energy(y) / temperature + log_q(x, y)
    truth = truth - (-well.energy(x) / temperature + log_q(y, x))
    got = metropolis_log_ratio(well.energy, well.force, x, y, h, temperature)
    torch.testing.assert_close(got, truth)
    back = metropolis_log_ratio(well.energy, well.force, y, x, h, temperature)
    torch.testing.assert_close(back, -got)


def test_refused_walkers_stay():
    x = torch.zeros(500, 1, dtype=torch.float64)
    move = mala(lambda x: 50 * x[..., 0] ** 2, lambda x: -100 * x, x, 0.05, generator=seeded(0))
    assert move.accepted.dtype == torch.bool and 0 < move.accepted.double().mean() < 1
    assert (move.x[~move.accepted] == 0).all() and (move.x[move.accepted] != 0).all()


@pytest.mark.parametrize("sigma", [0.6, 1.7])
def test_langevin_sde_keeps_its_density_for_every_sigma(sigma):
    law = Gaussian(torch.zeros(2).double(), torch.tensor([[1.0, 0.4], [0.4, 0.5]]).double())
    n, h = 20_000, 0.02 / sigma**2
    x = simulate(
        langevin_sde(law.score, sigma), law.sample(n, seeded(0)), h, 200, generator=seeded(1)
    )
    # 5 standard errors and the chain's bias, h σ²/8 times a stiffness of 3.
    assert (torch.cov(x.last.T) - law.cov).abs().max() < 5 * (2 / n) ** 0.5 + 0.01


def test_langevin_sde_moves_at_the_pace_of_sigma():
    # From a point, with the score −x: the mean falls as e^(−σ²t/2).
    x0 = torch.full((20_000, 1), 3.0, dtype=torch.float64)
    x = simulate(langevin_sde(lambda x: -x, 2.0), x0, 0.001, 250, generator=seeded(1))
    assert abs(float(x.last.mean()) - 3 * math.exp(-0.5)) < 5 / 20_000**0.5 + 2e-3


def test_langevin_does_not_mix_between_far_modes():
    # What chapter 02 shows: the weights stay those of the start.
    law, n = cross(), 500
    start = law.means[0] + 0.25 * torch.randn(n, 2, generator=seeded(0))
    x = simulate(langevin_sde(law.score, 0.6), start, 0.01, 500, generator=seeded(1))
    assert (x.last[:, 0] > 1.25).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: overdamped_langevin(torch.neg, torch.zeros(1), 0.0), "h = 0.0"),
        (lambda: overdamped_langevin(torch.neg, torch.zeros(1), 0.1, -1.0), "temperature = -1.0"),
        (
            lambda: mala(torch.square, torch.neg, torch.zeros(1, 1), 0.1, 0.0),
            "both must be positive",
        ),
        (
            lambda: metropolis_log_ratio(
                torch.square, torch.neg, torch.zeros(1, 1), torch.zeros(1, 1), -0.1
            ),
            "h = -0.1",
        ),
        (lambda: langevin_sde(torch.neg, 0.0), "sigma = 0.0"),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()
