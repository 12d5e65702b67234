"""One prediction in four ways: targets written out by hand, and what follows from them."""

import math

import pytest
import torch
from torch import nn

from helpers.noise import (
    KINDS,
    VE,
    VP,
    BetaTable,
    Cosine,
    Denoiser,
    GaussianMixture,
    Linear,
    Path,
    guide,
    marginal_std,
    mix,
    read,
)

SCHEDULES = [VP(), VE(0.02, 12.0), Cosine(), Linear(), BetaTable.linear(20, 0.01, 0.4)]
T = torch.linspace(0.05, 0.95, 19, dtype=torch.float64)
each = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def noisy(schedule):
    x0, eps, t = draw(19, 4), draw(19, 4, seed=1), T[:, None]
    return x0, eps, schedule.alpha(t) * x0 + schedule.sigma(t) * eps, t


@each
def test_reading_inverts_every_target_spelled_out(schedule):
    x0, eps, x, t = noisy(schedule)
    a, s = schedule.alpha(t), schedule.sigma(t)
    total = (a**2 * 1.7**2 + s**2).sqrt()
    skip = a * 1.7**2 / total**2  # EDM: x0 = c_skip x + c_out F, for a signal scale α
    targets = {
        "eps": eps,
        "x0": x0,
        "score": (a * x0 - x) / s**2,
        "v": schedule.dalpha(t) * x0 + schedule.dsigma(t) * eps,
        "edm": (x0 - skip * x) / (s * 1.7 / total),
    }
    assert set(targets) == set(KINDS)
    for kind, out in targets.items():
        p = read(out, x, T, schedule, kind, data_std=1.7)
        torch.testing.assert_close(p.x0, x0, msg=kind)
        torch.testing.assert_close(p.eps, eps, msg=kind)
        torch.testing.assert_close(p.score, -eps / s, msg=kind)
        torch.testing.assert_close(p.v, targets["v"], msg=kind)


def test_on_a_variance_exploding_path_it_is_karras_et_al_table_1():
    # Their D = c_skip x + c_out F(c_in x), written with σ alone.
    sigma_d, ve = 0.5, VE(0.002, 80.0)
    sigma = ve.sigma(T)[:, None]
    x, out = draw(19, 4), draw(19, 4, seed=1)
    p = read(out, x, T, ve, "edm", sigma_d)
    karras = sigma_d**2 / (sigma**2 + sigma_d**2) * x
    karras = karras + sigma * sigma_d / (sigma**2 + sigma_d**2).sqrt() * out
    torch.testing.assert_close(p.x0, karras)
    torch.testing.assert_close(
        1 / marginal_std(ve, T, sigma_d), 1 / (sigma[:, 0] ** 2 + sigma_d**2).sqrt()
    )


@each
def test_the_edm_target_has_unit_size_and_says_nothing_that_x_t_says(schedule):
    c0, c1 = mix("edm", schedule, T, 1.7)
    torch.testing.assert_close((c0 * 1.7) ** 2 + c1**2, torch.ones_like(T))
    covariance = c0 * schedule.alpha(T) * 1.7**2 + c1 * schedule.sigma(T)
    torch.testing.assert_close(covariance, torch.zeros_like(T))


def test_v_is_that_of_salimans_and_ho_times_half_pi_on_a_quarter_circle():
    x0, eps, x, t = noisy(Cosine())
    v = math.pi / 2 * (torch.cos(math.pi / 2 * t) * eps - torch.sin(math.pi / 2 * t) * x0)
    torch.testing.assert_close(read(eps, x, T, Cosine(), "eps").v, v)
    # … and the unit-variance target of unit data is minus theirs.
    c0, c1 = mix("edm", Cosine(), T, 1.0)
    torch.testing.assert_close(c0, torch.sin(math.pi / 2 * T))
    torch.testing.assert_close(c1, -torch.cos(math.pi / 2 * T))


def test_on_straight_lines_v_is_noise_minus_data():
    x0, eps, x, t = noisy(Linear())
    torch.testing.assert_close(read(x0, x, T, Linear(), "x0").v, eps - x0)


class Remember(nn.Module):
    """A network that keeps what it was shown and answers 0."""

    def forward(self, x, t, cond=None):
        self.x, self.t, self.cond = x, t, cond
        return torch.zeros_like(x)


def test_a_scaled_denoiser_shows_inputs_of_unit_size():
    path, net = Path(VE(0.02, 12.0)), Remember()
    x = draw(5000, 2)
    for t in (0.0, 0.5, 1.0):
        sigma = float(path.at(t)[1])
        big = (1.6**2 + sigma**2) ** 0.5 * x
        Denoiser(net, path, "edm", 1.6)(big.float(), torch.tensor(t, dtype=torch.float64))
        torch.testing.assert_close(net.x, x.float())
        assert net.t.shape == (5000,) and net.t.dtype == torch.float32 and net.cond is None
    Denoiser(net, path)(x, torch.rand(5000, dtype=torch.float64), cond="label")
    assert net.x is x and net.cond == "label"


def test_a_denoiser_s_prediction_is_float32_for_float32_whatever_the_clock():
    p = Denoiser(Remember(), Path(VP()), "v")(torch.ones(3, 2), torch.tensor(0.3).double())
    assert all(part.dtype == torch.float32 for part in p)


def test_target_is_what_reading_inverts():
    x0, eps, x, _ = noisy(Cosine())
    for kind in KINDS:
        denoiser = Denoiser(Remember(), Path(Cosine()), kind, 1.7)
        p = read(denoiser.target(x0, eps, T), x, T, Cosine(), kind, 1.7)
        torch.testing.assert_close(p.x0, x0)


def two_laws():
    everything = GaussianMixture(draw(3, 2, seed=2), 0.5)
    one = GaussianMixture(everything.means[:1], 0.5)
    path = Path(VP())
    exact = {None: everything.denoiser(path), 1: one.denoiser(path)}
    return everything, one, path, lambda x, t, cond=None: exact[cond](x, t)


def test_guidance_limits_linearity_and_consistency():
    _, _, path, denoiser = two_laws()
    x, t = draw(8, 2), torch.tensor(0.3, dtype=torch.float64)
    without, within = denoiser(x, t, None), denoiser(x, t, 1)
    for w, truth in ((0.0, without), (1.0, within)):
        for a, b in zip(guide(denoiser, w)(x, t, 1), truth, strict=True):
            torch.testing.assert_close(a, b)
    p = guide(denoiser, 2.5)(x, t, 1)
    torch.testing.assert_close(p.x0, without.x0 + 2.5 * (within.x0 - without.x0))
    again = read(p.eps, x, t, path.schedule, "eps")
    for a, b in zip(p, again, strict=True):
        torch.testing.assert_close(a, b)


def test_guided_score_is_the_gradient_of_a_sharpened_density():
    everything, one, path, denoiser = two_laws()
    x, t = draw(8, 2).requires_grad_(), 0.3
    smooth, smooth_one = everything.smoothed(path, t), one.smoothed(path, t)
    log_p = -1.5 * smooth.log_prob(x) + 2.5 * smooth_one.log_prob(x)
    (truth,) = torch.autograd.grad(log_p.sum(), x)
    got = guide(denoiser, 2.5)(x.detach(), torch.tensor(t, dtype=torch.float64), 1).score
    torch.testing.assert_close(got, truth)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: mix("epsilon", VP(), T), "kind = 'epsilon': need one of eps, x0"),
        (lambda: mix("edm", VP(), T), "data_std must be given"),
        (lambda: Denoiser(Remember(), Path(VP()), "noise"), "kind = 'noise'"),
        (lambda: Denoiser(Remember(), Path(VP()), "edm"), "data_std must be given"),
        (lambda: Denoiser(Remember(), Path(VP()), "v", 0.0), "must be positive"),
    ],
)
def test_bad_input_is_refused_in_words(make, words):
    with pytest.raises(ValueError, match=words):
        make()
