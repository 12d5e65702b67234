"""Clocks, lines, geodesics and couplings of flow matching against spelled-out twins."""

import itertools
import math

import pytest
import torch
from scipy.optimize import linear_sum_assignment

from helpers.evaluate import Ways, ways_of
from helpers.learn.couplings import cheapest_order, ot_pairs
from helpers.noise import (
    Bridge,
    Denoiser,
    GaussianMixture,
    Linear,
    Path,
    Torus,
    aligned,
    bridge,
    from_fm,
    without_translation,
)
from helpers.sample.adaptive import Solved, solve_adaptive

MIX = GaussianMixture(
    torch.tensor([[2.0, 0.5], [-1.0, 1.0], [0.3, -2.0]], dtype=torch.float64),
    torch.tensor([0.3, 0.5, 0.8]),
    torch.tensor([0.5, 0.3, 0.2]),
)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def marginal_velocity(x, u):
    """E[data − noise | x_u = x], spelled out mode by mode in the literature's clock."""
    above, below = torch.zeros_like(x), torch.zeros(len(x), 1, dtype=x.dtype)
    for m, s, w in zip(MIX.means, MIX.std, MIX.weights, strict=True):
        var = u**2 * s**2 + (1 - u) ** 2
        d = x - u * m
        p = w * torch.exp(-0.5 * (d**2).sum(-1, keepdim=True) / var) / var
        above = above + p * (m + (u * s**2 - (1 - u)) / var * d)
        below = below + p
    return above / below


@pytest.mark.parametrize("u", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_the_exact_denoiser_on_the_linear_path_is_minus_the_marginal_velocity(u):
    x = 2 * torch.randn(200, 2, generator=rng(), dtype=torch.float64)
    v = MIX.denoiser(Path(Linear()))(x, torch.tensor(1 - u, dtype=torch.float64)).v
    if 0 < u < 1:  # at the ends the conversion through x₀ or ε divides by zero
        assert torch.allclose(-v, marginal_velocity(x, u), atol=1e-9)
    turned = from_fm(lambda y, clock: marginal_velocity(y, float(clock)))
    here = turned(x, torch.tensor(1 - u, dtype=torch.float64))
    assert torch.allclose(here, -marginal_velocity(x, u), atol=1e-9)


def test_the_velocity_of_a_gaussian_has_the_published_values():
    # Data N(2, 0.5²), velocity at x = 1: closed form, worked out by hand.
    one = GaussianMixture(torch.tensor([[2.0]], dtype=torch.float64), 0.5)
    field = from_fm(lambda x, t: one.denoiser(Path(Linear()))(x, t).v)
    x = torch.ones(1, 1, dtype=torch.float64)
    for u, v in ((0.25, 1.41), (0.5, 2.0), (0.75, 2.15)):
        assert float(field(x, torch.tensor(u, dtype=torch.float64))) == pytest.approx(v, abs=5e-3)


def test_the_clock_turned_twice_is_the_clock():
    def field(x, u, cond=None):
        return x * u + (0 if cond is None else cond)

    x, u = torch.randn(5, 2, generator=rng()), torch.tensor(0.3)
    assert torch.allclose(from_fm(from_fm(field))(x, u), field(x, u))
    assert torch.allclose(from_fm(from_fm(field))(x, u, 2.0), field(x, u, 2.0))
    assert torch.allclose(from_fm(field)(x, u, 1.0), -(x * 0.7 + 1.0))


def test_a_bridge_is_the_linear_path_and_its_velocity_the_target():
    x0, x1 = torch.randn(2, 50, 3, generator=rng(1), dtype=torch.float64)
    t = torch.rand(50, generator=rng(2), dtype=torch.float64)
    here = bridge(x0, x1, t)
    assert isinstance(here, Bridge)
    assert torch.allclose(here.x, (1 - t[:, None]) * x0 + t[:, None] * x1)
    target = Denoiser(torch.nn.Identity(), Path(Linear()), "v").target(x0, x1, t)
    assert torch.allclose(here.v, target)


def test_a_bridge_on_the_torus_is_the_shortest_way_and_moves_with_its_velocity():
    torus = Torus()
    x0, x1 = torch.rand(2, 400, 4, 3, generator=rng(3), dtype=torch.float64)
    t = torch.rand(400, generator=rng(4), dtype=torch.float64) * 0.99
    here = bridge(x0, x1, t, torus)
    images = torch.stack([x1 - x0 + k for k in (-1, 0, 1)])
    nearest = images.abs().min(0).values
    assert torch.allclose(here.v.abs(), nearest)
    assert bool(((here.x >= 0) & (here.x < 1)).all())
    h = 1e-6
    numeric = torus.diff(here.x, bridge(x0, x1, t + h, torus).x) / h
    assert torch.allclose(numeric, here.v, atol=1e-6)
    end = bridge(x0, x1, torch.ones(400), torus).x
    assert float(torus.diff(end, x1).abs().max()) < 1e-12


def test_a_bridge_needs_pairs():
    with pytest.raises(ValueError, match=r"and noise of shape \(2, 3\): need pairs"):
        bridge(torch.zeros(3, 3), torch.zeros(2, 3), torch.tensor(0.5))


def test_without_translation_the_mean_over_real_atoms_is_zero():
    v = torch.randn(6, 5, 3, generator=rng(5), dtype=torch.float64)
    free = without_translation(v)
    assert float(free.mean(-2).abs().max()) < 1e-12
    assert torch.allclose(v - free, (v - free)[:, :1].expand_as(v))  # one vector for all atoms
    mask = torch.arange(5) < torch.tensor([[5], [3], [1], [2], [4], [5]])
    masked = without_translation(v, mask)
    assert float(masked.sum(-2).abs().max()) < 1e-12
    assert torch.allclose(masked[1, :3], v[1, :3] - v[1, :3].mean(0))
    assert float(masked[~mask].abs().max()) == 0
    with pytest.raises(ValueError, match="for velocities of shape"):
        without_translation(v, mask[:, :4])


def test_aligned_crystals_have_no_mean_displacement_and_a_translation_is_found():
    torus = Torus()
    x1 = torch.rand(200, 4, 3, generator=rng(6), dtype=torch.float64)
    moved = torus.shift(x1, torch.rand(200, 1, 3, generator=rng(7), dtype=torch.float64))
    found = aligned(moved, x1)
    assert float(torus.diff(found, x1).abs().max()) < 1e-9
    # The circular mean alone finds a pure translation.
    assert float(torus.diff(aligned(moved, x1, n_turns=0), x1).abs().max()) < 1e-9
    x0 = torch.rand(200, 4, 3, generator=rng(8), dtype=torch.float64)
    near = aligned(x0, x1, n_turns=30)
    assert float(torus.diff(near, x1).mean(-2).abs().max()) < 1e-9
    step = torus.diff(x0, near)
    assert float(torus.diff(step[:, :1], step).abs().max()) < 1e-9  # a rigid move
    rough = torus.diff(aligned(x0, x1, n_turns=0), x1).square().sum()
    fine = torus.diff(near, x1).square().sum()
    assert fine < rough < torus.diff(x0, x1).square().sum()


def test_aligned_leaves_padding_out():
    torus = Torus()
    x0, x1 = torch.rand(2, 30, 4, 3, generator=rng(9), dtype=torch.float64)
    mask = torch.arange(4) < torch.tensor([[3]]).expand(30, 1)
    with_padding = aligned(x0, x1, mask)
    alone = aligned(x0[:, :3], x1[:, :3])
    assert float(torus.diff(with_padding[:, :3], alone).abs().max()) < 1e-12
    assert float(with_padding[:, 3].abs().max()) == 0
    with pytest.raises(ValueError, match="for atoms of shape"):
        aligned(x0, x1, mask[:, :2])
    with pytest.raises(ValueError, match="n_turns = -1: need 0 or more"):
        aligned(x0, x1, n_turns=-1)


def test_the_cheapest_order_is_scipy_s_and_beats_brute_force():
    for n, seed in ((1, 0), (7, 1), (64, 2)):
        cost = torch.rand(n, n, generator=rng(seed), dtype=torch.float64)
        order = cheapest_order(cost)
        assert torch.equal(order.sort().values, torch.arange(n))
        theirs = linear_sum_assignment(cost.numpy())
        mine = float(cost[torch.arange(n), order].sum())
        assert mine == pytest.approx(float(cost.numpy()[theirs].sum()), rel=1e-9)
    cost = torch.rand(6, 6, generator=rng(3))
    best = min(
        float(cost[torch.arange(6), list(p)].sum()) for p in itertools.permutations(range(6))
    )
    assert float(cost[torch.arange(6), cheapest_order(cost)].sum()) == pytest.approx(best)
    with pytest.raises(ValueError, match=r"costs of shape \(2, 3\): need a square table"):
        cheapest_order(torch.zeros(2, 3))


def test_transport_pairs_recover_a_planted_order_and_are_sorted_on_a_line():
    x = 5 * torch.randn(64, 2, generator=rng(4))
    order = torch.randperm(64, generator=rng(5))
    x0, x1 = ot_pairs(x, (x + 0.01)[order])
    assert torch.equal(x0, x) and torch.allclose(x1, x + 0.01)
    x0, x1 = ot_pairs(*torch.randn(2, 50, 1, generator=rng(6)))
    assert torch.equal(x1[x0[:, 0].argsort(), 0], x1[:, 0].sort().values)


def test_transport_pairs_stay_in_their_block_and_keep_the_noise():
    x0, x1 = torch.randn(2, 150, 2, generator=rng(7))
    _, paired = ot_pairs(x0, x1, block=40)
    for i in range(0, 150, 40):
        here, there = x1[i : i + 40], paired[i : i + 40]
        assert torch.equal(here[here[:, 0].argsort()], there[there[:, 0].argsort()])
    _, whole = ot_pairs(x0, x1, block=150)
    costs = [float((x0 - y).square().sum()) for y in (x1, paired, whole)]
    assert costs[0] > costs[1] > costs[2]
    torus = Torus()
    a = torch.rand(20, 3, generator=rng(8))
    assert torch.allclose(
        ot_pairs(a, torus.shift(a, torch.tensor(0.999)).flip(0), torus)[1],
        torus.shift(a, torch.tensor(0.999)),
    )
    with pytest.raises(ValueError, match="block = 0: need pairs, and blocks of at least 1"):
        ot_pairs(x0, x1, block=0)


def test_the_adaptive_solver_follows_a_known_flow_both_ways_and_counts():
    x = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    seen = []

    def field(y, t):
        seen.append(float(t))
        return y * t

    there = solve_adaptive(field, x, 0.0, 1.0, 1e-8)
    assert isinstance(there, Solved) and there.calls == len(seen)
    assert torch.allclose(there.x, x * math.exp(0.5), rtol=1e-7)
    back = solve_adaptive(field, there.x, 1.0, 0.0, 1e-8)
    assert torch.allclose(back.x, x, rtol=1e-7)
    assert solve_adaptive(field, x, 0.0, 1.0, 1e-2).calls < there.calls
    assert solve_adaptive(field, x, 0.0, 1.0, 1e-4, method="bosh3").calls > 0
    with pytest.raises(ValueError, match=r"tolerance = 0, from 0\.0 to 1\.0: need a positive"):
        solve_adaptive(field, x, 0.0, 1.0, 0)


def test_straight_ways_have_length_one_and_no_bend():
    start, end = torch.randn(2, 100, 2, generator=rng(13))
    u = torch.linspace(0, 1, 11)[:, None, None]
    ways = ways_of((1 - u) * start + u * end)
    assert isinstance(ways, Ways)
    assert ways.length.value == pytest.approx(1) and ways.bend.value < 1e-9
    # The same line at an uneven pace: as long, but bent in time. ∫(2u − 1)² du = 1/3.
    uneven = ways_of((1 - u**2) * start + u**2 * end)
    assert uneven.length.value == pytest.approx(1) and uneven.bend.value == pytest.approx(
        1 / 3, rel=0.02
    )


def test_a_half_circle_is_as_long_as_it_is():
    angle = math.pi * torch.linspace(0, 1, 201)[:, None]
    radius = torch.tensor([1.0, 2.0])
    ways = ways_of(torch.stack([radius * angle.cos(), radius * angle.sin()], -1))
    assert ways.length.value == pytest.approx(math.pi / 2, rel=1e-4)
    assert ways.length.error < 1e-9  # both have the same ratio
    # |v|² = (πr)² at a steady pace, so the mean of |v − d|² is (πr)² − (2r)².
    assert ways.bend.value == pytest.approx(math.pi**2 / 4 - 1, rel=1e-3)


def test_the_error_of_a_ratio_is_the_scatter_of_repeats():
    def once(seed):
        g = rng(seed)
        bow = torch.rand(200, generator=g)
        ends = 1 + torch.rand(200, generator=g)
        x = torch.stack([torch.zeros(200), ends / 2, ends])
        y = torch.stack([torch.zeros(200), bow, torch.zeros(200)])
        return ways_of(torch.stack([x, y], -1)).length

    runs = [once(seed) for seed in range(200)]
    scatter = torch.tensor([run.value for run in runs]).std().item()
    typical = sum(run.error for run in runs) / len(runs)
    assert typical == pytest.approx(scatter, rel=5 / math.sqrt(2 * 200))


@pytest.mark.parametrize("shape", [(3, 2), (1, 5, 2), (4, 1, 2)])
def test_ways_need_times_points_and_motion(shape):
    with pytest.raises(ValueError, match=r"need \(T, n, D\), T and n at least 2"):
        ways_of(torch.zeros(shape))
    with pytest.raises(ValueError, match="no point moves: there are no ways to measure"):
        ways_of(torch.zeros(3, 5, 2))
