"""The double well against automatic differentiation, known rates and a walk."""

import math

import pytest
import torch

from helpers.noise import DoubleWell
from helpers.sample import overdamped_langevin

WELL = DoubleWell()


def test_it_is_the_energy_of_the_chapter():
    x = torch.tensor([[0.0, 0.0], [1.0, 1.0], [-1.2, 0.5]], dtype=torch.float64)
    truth = [0.25 * (p[0] ** 2 - 1.5) ** 2 + 0.7 * p[1] ** 2 for p in x.tolist()]
    torch.testing.assert_close(WELL.energy(x), torch.tensor(truth, dtype=torch.float64))
    assert pytest.approx(1.224745, abs=1e-6) == WELL.minimum
    assert pytest.approx(0.5625) == WELL.barrier


def test_force_is_minus_the_gradient():
    x = torch.randn(3, 20, 2, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    (slope,) = torch.autograd.grad(WELL.energy(x).sum(), x)
    torch.testing.assert_close(WELL.force(x.detach()), -slope)


@pytest.mark.parametrize("temperature", [0.03, 0.12, 0.5, 1.0])
def test_density_integrates_to_one(temperature):
    line = torch.linspace(-6, 6, 1201, dtype=torch.float64)
    x = torch.cartesian_prod(line, line)
    total = float(WELL.density(x, temperature).sum()) * 0.01**2
    assert total == pytest.approx(1, abs=1e-8)
    across = WELL.density(x, temperature).reshape(1201, 1201).sum(1) * 0.01
    torch.testing.assert_close(across, WELL.density_x(line, temperature), atol=1e-8, rtol=1e-8)
    second = float((WELL.density_x(line, temperature) * line**2).sum()) * 0.01
    assert second == pytest.approx(WELL.moment_x(2, temperature), rel=1e-8)
    assert WELL.moment_x(1, temperature) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("temperature", "kramers", "exact"),
    [
        (0.05, 4.39e-6, 4.23e-6),
        (0.08, 2.98e-4, 2.80e-4),
        (0.12, 3.11e-3, 2.83e-3),
        (0.20, 2.03e-2, 1.83e-2),
        (0.40, 8.27e-2, 8.35e-2),
    ],
)
def test_rates(temperature, kramers, exact):
    assert WELL.kramers_rate(temperature) == pytest.approx(kramers, rel=3e-3)
    assert WELL.escape_rate(temperature) == pytest.approx(exact, rel=3e-3)


def test_kramers_is_the_limit_of_the_exact_rate():
    ratio = [WELL.escape_rate(t) / WELL.kramers_rate(t) for t in (0.12, 0.06, 0.04)]
    assert ratio[0] < ratio[1] < ratio[2] < 1 and ratio[2] > 0.96


def test_a_walk_leaves_the_well_at_the_exact_rate():
    # Share on the right after time t from the left: ½ (1 − e^(−2kt)), with a short delay.
    n, h, temperature, t = 4000, 0.02, 0.30, 8.0
    generator = torch.Generator().manual_seed(0)
    x = torch.zeros(n, 2, dtype=torch.float64)
    x[:, 0] = -WELL.minimum
    for _ in range(round(t / h)):
        x = overdamped_langevin(WELL.force, x, h, temperature, generator)
    share = float((x[:, 0] > 0).double().mean())
    truth = 0.5 * (1 - math.exp(-2 * WELL.escape_rate(temperature) * t))
    # 5 standard errors, and 0.02 for the step and the time to settle in the well.
    assert abs(share - truth) < 5 * (truth * (1 - truth) / n) ** 0.5 + 0.02


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: DoubleWell(a=0.0), "both must be positive"),
        (lambda: WELL.density(torch.zeros(1, 2), 0.0), "temperature = 0.0"),
        (lambda: WELL.density_x(torch.zeros(1), -1.0), "temperature = -1.0"),
        (lambda: WELL.moment_x(2, math.inf), "temperature = inf"),
        (lambda: WELL.kramers_rate(0.0), "positive and finite"),
        (lambda: WELL.escape_rate(0.0), "positive and finite"),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()
