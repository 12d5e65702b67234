"""Losses: their minimum is the exact denoiser, and their kinds differ by known weights."""

import pytest
import torch
from torch import nn

from helpers.learn import denoising_loss, dsm_loss, stratified_times
from helpers.noise import KINDS, VE, VP, Cosine, Denoiser, GaussianMixture, Linear, Path

each = pytest.mark.parametrize(
    "schedule", [VP(), VE(0.05, 8.0), Cosine(), Linear()], ids=lambda s: type(s).__name__
)
N = 60_000


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def law():
    means = torch.tensor([[-2.0, 0.5], [1.5, 1.0]], dtype=torch.float64)
    return GaussianMixture(means, 0.35)


def exact_denoiser(schedule, kind, factor=1.0):
    """A denoiser whose network says factor times the exact answer, read in plain words."""
    path = Path(schedule)

    def net(x, t):
        a, s = path.at(t[:, None])
        p = law().denoiser(path)(x, t)
        if kind == "edm":
            return factor * (s / 1.5 * p.x0 - a * 1.5 * p.eps) / (a**2 * 2.25 + s**2).sqrt()
        return factor * getattr(p, kind)

    return Denoiser(net, path, kind, None if kind != "edm" else 1.5)


class Unscaled(Denoiser):
    """The same, without dividing the input: the exact network wants x itself."""

    def output(self, x, t, cond=None):
        return self.net(x, t)


@each
@pytest.mark.parametrize("kind", KINDS)
def test_the_exact_denoiser_is_the_minimum(schedule, kind):
    x0 = law().sample(N, seeded(0))
    t = stratified_times(N, 0.05, 0.95, seeded(1)).double()
    losses = []
    for factor in (1.0, 0.9, 1.1):
        den = exact_denoiser(schedule, kind, factor)
        den = Unscaled(den.net, den.path, kind, den.data_std)
        losses.append(float(denoising_loss(den, x0, t, generator=seeded(2))))
    assert losses[0] < losses[1] and losses[0] < losses[2], losses


@each
def test_score_matching_weighted_by_the_variance_is_the_noise_loss(schedule):
    x0 = law().sample(500, seeded(0))
    t = stratified_times(500, 0.05, 0.95, seeded(1)).double()
    eps = exact_denoiser(schedule, "eps", 0.7)
    score = Denoiser(lambda x, t: -eps.net(x, t) / schedule.sigma(t)[:, None], eps.path, "score")
    truth = denoising_loss(eps, x0, t, generator=seeded(2))
    weight = schedule.sigma(t) ** 2
    torch.testing.assert_close(denoising_loss(score, x0, t, weight, generator=seeded(2)), truth)
    for den in (eps, score):
        torch.testing.assert_close(dsm_loss(den, x0, t, generator=seeded(2)), truth)


def test_the_loss_of_saying_zero_is_the_size_of_the_target():
    x0 = torch.randn(N, 2, generator=seeded(0), dtype=torch.float64)
    t = stratified_times(N, 0.0, 1.0, seeded(1)).double()
    for kind in ("eps", "edm", "x0"):  # unit noise, unit data, unit target
        den = Denoiser(lambda x, t: torch.zeros_like(x), Path(Cosine()), kind, 1.0)
        loss = float(denoising_loss(den, x0, t, generator=seeded(2)))
        assert abs(loss - 1) < 5 * (1 / N) ** 0.5


def test_weight_and_condition_reach_the_network():
    x0, t = torch.randn(6, 2, generator=seeded(0)), torch.full((6,), 0.5)
    den = Denoiser(lambda x, t, cond=None: x * 0 + (0 if cond is None else 100), Path(VP()))
    plain = denoising_loss(den, x0, t, generator=seeded(1))
    double = denoising_loss(den, x0, t, torch.full((6,), 2.0), generator=seeded(1))
    torch.testing.assert_close(double, 2 * plain)
    assert denoising_loss(den, x0, t, cond=torch.ones(6), generator=seeded(1)) > 5000


def test_gradients_reach_the_weights():
    net = nn.Linear(2, 2)
    den = Denoiser(lambda x, t: net(x), Path(VP()))
    denoising_loss(den, torch.randn(6, 2), torch.rand(6)).backward()
    assert net.weight.grad.abs().sum() > 0


def test_stratified_times_fill_every_cell_once_in_random_order():
    t = stratified_times(64, 0.2, 0.6, seeded(0))
    cell = ((t - 0.2) / 0.4 * 64).floor().long()
    assert torch.equal(cell.sort().values, torch.arange(64))
    assert not torch.equal(cell, torch.arange(64))
    assert torch.equal(t, stratified_times(64, 0.2, 0.6, seeded(0)))
    # Within its cell a time is uniform: mean ½ and variance 1/12.
    u = torch.cat([stratified_times(64, generator=seeded(i)).sort().values for i in range(200)])
    u = u * 64 - torch.arange(64).repeat(200)
    assert abs(float(u.mean()) - 0.5) < 5 / (12 * len(u)) ** 0.5
    assert abs(float(u.var()) - 1 / 12) < 5 * (1 / 180 / len(u)) ** 0.5


@pytest.mark.parametrize("arguments", [(0,), (4, 0.5, 0.5), (4, -0.1, 1.0), (4, 0.0, 1.1)])
def test_bad_times_are_refused_in_words(arguments):
    with pytest.raises(ValueError, match="0 ≤ t_min < t_max ≤ 1"):
        stratified_times(*arguments)
