"""Counting modes: weights, widths and strays of clouds whose answer is known."""

import math

import pytest
import torch

from helpers.evaluate import count_modes, total_variation
from helpers.noise import GaussianMixture, cross


def test_a_true_draw_has_the_true_weights_and_width():
    law, n = cross(), 40_000
    modes = count_modes(law.sample(n, torch.Generator().manual_seed(0)), law.means, 0.25)
    assert (modes.weights - 0.2).abs().max() < 5 * (0.16 / n) ** 0.5
    assert abs(modes.width / 0.25 - 1) < 5 / (4 * n) ** 0.5 + 2e-3
    assert 0 < modes.stray < 1e-3  # e^(−8) = 3.4e-4


def test_uneven_weights_and_another_width():
    weights = torch.tensor([0.5, 0.1, 0.1, 0.1, 0.2])
    law, n = GaussianMixture(cross().means, 0.2, weights), 40_000
    modes = count_modes(law.sample(n, torch.Generator().manual_seed(0)), law.means, 0.25)
    assert (modes.weights - weights).abs().max() < 5 * (0.25 / n) ** 0.5
    assert abs(modes.width / 0.2 - 1) < 5 / (4 * n) ** 0.5 + 2e-3


def test_strays_count_for_the_nearest_mode_but_not_for_the_width():
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
    x = torch.tensor([[0.1, 0.0], [-0.1, 0.0], [10.0, 0.2], [10.0, -0.2], [6.0, 0.0]])
    modes = count_modes(x, centres, 0.25)
    assert modes.weights.tolist() == [0.4, 0.6]
    assert modes.stray == pytest.approx(0.2)
    assert modes.width == pytest.approx(((2 * 0.01 + 2 * 0.04) / 4) ** 0.5)
    assert count_modes(x, centres, 0.25, beyond=100.0).stray == 0


def test_a_cloud_without_modes_is_a_result_not_an_error():
    modes = count_modes(torch.full((3, 2), 50.0), cross().means, 0.25)
    assert modes.stray == 1 and math.isnan(modes.width) and float(modes.weights.sum()) == 1


def test_width_is_taken_about_the_mode_s_own_mean():
    x = torch.tensor([[0.5, 0.5], [0.7, 0.5]])
    assert count_modes(x, torch.zeros(1, 2), 0.25).width == pytest.approx(0.1)


def test_total_variation():
    p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.2, 0.5, 0.3])
    assert total_variation(p, q) == pytest.approx(0.3)
    assert total_variation(p, p) == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: count_modes(torch.zeros(3), cross().means, 0.25), "need"),
        (lambda: count_modes(torch.zeros(3, 3), cross().means, 0.25), r"points \(3, 3\)"),
        (lambda: count_modes(torch.zeros(3, 2), cross().means, 0.0), "positive width"),
        (lambda: total_variation(torch.ones(1), torch.ones(2) / 2), "need the same"),
        (lambda: total_variation(torch.ones(2), torch.ones(2) / 2), "weights sum to 2"),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()
