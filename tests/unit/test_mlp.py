"""The small network: its size, its features, its gain."""

import math

import pytest
import torch

from helpers.models import TimeMLP, time_features


def test_size_is_that_of_the_chapter():
    net = TimeMLP()
    linear = [m for m in net.body if isinstance(m, torch.nn.Linear)]
    assert [m.out_features for m in linear] == [96, 96, 96, 2]
    assert sum(p.numel() for p in net.parameters()) == 34 * 96 + 96 + 2 * (96**2 + 96) + 96 * 2 + 2


def test_output_is_shaped_like_the_points_and_depends_on_both():
    torch.manual_seed(0)
    net = TimeMLP(dim=3, hidden=16, depth=2)
    x, t = torch.randn(5, 3), torch.rand(5)
    y = net(x, t)
    assert y.shape == (5, 3)
    assert not torch.allclose(y, net(x + 0.1, t)) and not torch.allclose(y, net(x, t / 2))


def test_gain_multiplies_the_input_and_nothing_else():
    torch.manual_seed(0)
    one = TimeMLP(hidden=16)
    eight = TimeMLP(hidden=16, gain=8.0)
    eight.load_state_dict(one.state_dict())
    x, t = torch.randn(5, 2), torch.rand(5)
    torch.testing.assert_close(eight(x, t), one(8 * x, t))


def test_time_features_are_sines_and_cosines_at_geometric_frequencies():
    t = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64)
    f = time_features(t, 6, highest=100.0)
    assert f.shape == (3, 6) and f.dtype == torch.float64
    for i, w in enumerate((1.0, 10.0, 100.0)):
        truth = [(math.sin(w * s), math.cos(w * s)) for s in t.tolist()]
        torch.testing.assert_close(
            f[:, [i, i + 3]], torch.tensor(truth, dtype=torch.float64), rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize("n", [2, 7])
def test_bad_number_of_features(n):
    with pytest.raises(ValueError, match="even number of features"):
        time_features(torch.zeros(1), n)
