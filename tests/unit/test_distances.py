"""Distances of clouds against brute force, scipy and known values."""

import math

import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import energy_distance as scipy_energy

from helpers.evaluate import contain, energy_distance, floor, kl_divergence, sliced_w2
from helpers.evaluate.transport import w2
from helpers.noise import Gaussian, cross


def cloud(n, d=2, seed=0, shift=0.0):
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(seed))
    return x + shift


@pytest.mark.parametrize(("n", "m", "d"), [(300, 417, 2), (129, 128, 3), (5, 1, 1), (256, 256, 2)])
def test_energy_distance_by_brute_force(n, m, d):
    x, y = cloud(n, d).double(), cloud(m, d, seed=1, shift=0.3).double()

    def mean(a, b):
        return (a[:, None] - b).norm(dim=-1).mean()

    truth = float(2 * mean(x, y) - mean(x, x) - mean(y, y))
    assert energy_distance(x, y) == pytest.approx(truth, rel=1e-9)
    assert energy_distance(x.float(), y.float()) == pytest.approx(truth, rel=1e-4)


def test_energy_distance_on_a_line_is_scipy_s_squared():
    x, y = cloud(300, 1), cloud(200, 1, seed=1, shift=0.5)
    theirs = scipy_energy(x[:, 0].numpy(), y[:, 0].numpy()) ** 2
    assert energy_distance(x, y) == pytest.approx(theirs, rel=1e-4)


def test_energy_distance_is_zero_for_itself_and_symmetric():
    x, y = cloud(500), cloud(400, seed=1)
    assert energy_distance(x, x.clone()) == pytest.approx(0, abs=1e-6)
    assert energy_distance(x, y) == pytest.approx(energy_distance(y, x), rel=1e-6)


def test_sliced_w2_of_a_shifted_cloud_is_known():
    # Every projection moves by the shift's component: the mean square is |shift|²/2.
    x = cloud(500)
    y = x + torch.tensor([0.6, -0.8])
    assert sliced_w2(x, y) == pytest.approx(math.sqrt(0.5), rel=1e-5)
    assert sliced_w2(x, x) == 0
    wide = cloud(2000, 5)
    assert sliced_w2(wide, wide + 1, 2000) == pytest.approx(1, rel=0.05)


def test_sliced_w2_of_clouds_of_different_size():
    x = cloud(600)
    assert sliced_w2(x, x.repeat(2, 1)) == pytest.approx(0, abs=1e-6)
    assert sliced_w2(x.repeat(3, 1) + 1, x) == pytest.approx(1, rel=1e-5)


def test_w2_against_the_assignment_problem():
    x, y = cloud(60), cloud(60, seed=1, shift=0.5)
    cost = torch.cdist(x.double(), y.double()).square().numpy()
    truth = math.sqrt(cost[linear_sum_assignment(cost)].mean())
    assert w2(x, y) == pytest.approx(truth, rel=1e-6)
    assert w2(x, x) == pytest.approx(0, abs=1e-4)
    assert w2(x, x + 1) == pytest.approx(math.sqrt(2), rel=1e-5)


def test_all_of_them_see_a_wrong_law_above_the_floor():
    law = cross()
    draw = lambda g: law.sample(1000, g)  # noqa: E731
    wrong = cross(std=0.9).sample(1000, torch.Generator().manual_seed(99))
    truth = law.sample(1000, torch.Generator().manual_seed(98))
    for metric in (energy_distance, sliced_w2):
        low = floor(draw, metric, n_pairs=8)
        assert metric(wrong, truth) > low.high, metric.__name__


def test_floor_is_repeatable_and_ordered():
    law = cross()
    a, b = (floor(lambda g: law.sample(200, g), energy_distance, 9) for _ in range(2))
    assert a == b and 0 < a.low < a.median < a.high
    exact = floor(lambda g: torch.rand(1, 1, generator=g), lambda x, y: float((x - y).abs()), 400)
    # |U − V| has median 1 − √½ and quartiles 1 − √¾, ½.
    assert exact.median == pytest.approx(1 - 0.5**0.5, abs=0.06)
    assert exact.low == pytest.approx(1 - 0.75**0.5, abs=0.05)
    assert exact.high == pytest.approx(0.5, abs=0.08)


def test_one_run_away_point_is_counted_and_pulled_back():
    x = cloud(100)
    bad = x.clone()
    bad[0], bad[1], bad[2] = 1e11, math.nan, torch.tensor([-math.inf, 0.0])
    held = contain(bad, 10.0)
    assert held.runaway == pytest.approx(0.03)
    assert torch.equal(held.x[3:], x[3:])
    torch.testing.assert_close(held.x[:3].norm(dim=-1), torch.full((3,), 10.0))
    assert energy_distance(held.x, x) < 1 < energy_distance(bad[:1].repeat(2, 1), x)
    assert contain(x, 10.0).runaway == 0


def test_kl_of_two_normals_is_known():
    p, q = Gaussian.round(1.0), Gaussian(torch.tensor([0.5, 0.0]), 4 * torch.eye(2))
    truth = 0.5 * (2 * 0.25 - 2 + 0.25 / 4 + 2 * math.log(4))
    assert kl_divergence(p.log_prob, q.log_prob, 8.0) == pytest.approx(truth, rel=1e-5)
    assert kl_divergence(p.log_prob, p.log_prob, 8.0) == 0


NAN = torch.full((3, 2), math.nan)
ONE = Gaussian.round().log_prob


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: energy_distance(cloud(3), cloud(3, 3)), r"need \(n, D\) and \(m, D\)"),
        (lambda: energy_distance(cloud(3), NAN), r"see contain\(x, radius\)"),
        (lambda: sliced_w2(NAN, cloud(3)), "not finite"),
        (lambda: sliced_w2(cloud(3)[0], cloud(3)), "need"),
        (lambda: sliced_w2(cloud(3), cloud(3), 0), "n_directions = 0"),
        (lambda: w2(NAN, cloud(3)), "not finite"),
        (lambda: floor(cloud, energy_distance, 0), "at least one pair"),
        (lambda: contain(cloud(3), 0.0), "radius = 0.0"),
        (lambda: kl_divergence(ONE, ONE, 1.0), "holds 0.4"),
        (lambda: kl_divergence(ONE, ONE, 1e3, 10), "take a larger radius or more cells"),
        (lambda: kl_divergence(ONE, ONE, -1.0), "radius = -1.0"),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()
