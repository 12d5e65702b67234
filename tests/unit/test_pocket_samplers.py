"""Samplers of the pocket chapter with exact denoisers of Gaussians: laws, not looks."""

import math

import pytest
import torch

from helpers.noise.gammas import Polynomial, gamma_table, scales
from helpers.sample.pocket import (
    back_step,
    centre,
    centred,
    clean,
    denoise_from,
    forth_step,
    normal,
    partly_noised,
    survivors,
    write_known,
)

SCHEDULE = Polynomial()
MEAN, STD, N = torch.tensor([1.0, -2.0, 0.5, 0.25]), 0.5, 4000


def rng(seed):
    return torch.Generator().manual_seed(seed)


def exact(z, t):
    """The noise in z when the data are N(MEAN, STD²)."""
    a, s = SCHEDULE.alpha(t), SCHEDULE.sigma(t)
    return s * (z - a * MEAN) / (a**2 * STD**2 + s**2)


def correlated(rho):
    """The noise when columns 0 and 1 of the data are N(0, 1) with correlation rho."""

    def predict(z, t):
        a, s = SCHEDULE.alpha(t), SCHEDULE.sigma(t)
        cov = torch.tensor([[1.0, rho], [rho, 1.0]])
        return s * z @ torch.linalg.inv(a**2 * cov + s**2 * torch.eye(2))

    return predict


def test_an_exact_denoiser_gives_back_its_law():
    noise = normal(rng(0))
    z = noise(torch.empty(N, 4))
    way = denoise_from(z, exact, SCHEDULE, noise, n_steps=100, keep=20)
    assert (way.end.mean(0) - MEAN).abs().max() < 5 * STD / math.sqrt(N) + 0.01
    assert (way.end.std(0) / STD - 1).abs().max() < 5 / math.sqrt(2 * N) + 0.02
    assert way.times == [1.0, 0.8, 0.6, 0.4, 0.2, 0.0] and len(way.states) == 6


def test_a_step_forth_after_a_step_back_keeps_the_law():
    gamma = gamma_table(SCHEDULE, 10)
    a, s = scales(gamma[6])
    z = a * (MEAN + STD * torch.randn(N, 4, generator=rng(1))) + s * torch.randn(
        N, 4, generator=rng(2)
    )
    noise = normal(rng(3))
    before = back_step(z, exact(z, torch.tensor(0.6)), gamma[5], gamma[6], noise(z))
    again = forth_step(before, gamma[5], gamma[6], noise(z))
    assert (again.mean(0) - z.mean(0)).abs().max() < 10 / math.sqrt(N)
    assert (again.std(0) / z.std(0) - 1).abs().max() < 10 / math.sqrt(2 * N)


def test_the_clean_state_inverts_the_noise():
    gamma = gamma_table(SCHEDULE, 10)[4]
    a, s = scales(gamma)
    x, eps = torch.randn(5, 4, generator=rng(4)), torch.randn(5, 4, generator=rng(5))
    assert torch.allclose(clean(a * x + s * eps, eps, gamma), x, atol=1e-5)


@pytest.mark.parametrize("resample, slope", [(1, None), (8, 0.8)])
def test_a_known_row_pulls_the_others_only_after_resampling(resample, slope):
    # Two correlated numbers as two columns of known and new: known rows are written into a
    # state whose rows are pairs, by a mend of our own.
    noise = normal(rng(6))
    known = torch.randn(N, generator=rng(7))

    def mend(z, gamma):
        a, s = scales(gamma)
        return torch.stack([a * known + s * noise(z)[:, 0], z[:, 1]], 1)

    z = noise(torch.empty(N, 2))
    end = denoise_from(
        z, correlated(0.8), SCHEDULE, noise, n_steps=50, resample=resample, mend=mend
    ).end
    found = float((known * end[:, 1]).mean())
    if slope:
        assert abs(found - slope) < 0.06
    else:
        assert found < 0.74  # replacement alone does not reach the conditional law


def test_known_rows_are_written_at_the_noise_of_their_time():
    known = torch.arange(12.0).reshape(3, 4)
    which = torch.tensor([True, False, True])
    z, gamma = torch.randn(3, 4, generator=rng(8)), gamma_table(SCHEDULE, 10)[5]
    a, s = scales(gamma)
    got = write_known(known, which, normal(rng(9)))(z, gamma)
    noise = torch.empty(3, 4).normal_(generator=rng(9))
    assert torch.equal(got[1], z[1])
    assert torch.allclose(got[which], (a * known + s * noise)[which].float())


def test_in_a_cloud_known_rows_come_where_they_replace():
    clouds = torch.tensor([0, 0, 0, 1, 1])
    which = torch.tensor([True, True, False, True, False])
    known = torch.randn(5, 4, generator=rng(10))
    z = torch.randn(5, 4, generator=rng(11))
    gamma = gamma_table(SCHEDULE, 10)[0]

    def none(like):
        return torch.zeros_like(like)

    got = write_known(known, which, none, clouds)(z, gamma)
    a = scales(gamma)[0]
    assert torch.allclose(got[0, :3] - got[1, :3], (a * (known[0] - known[1])[:3]).float())
    assert torch.allclose(got[[0, 1], :3].mean(0) - got[2, :3], (z[[0, 1]].mean(0) - z[2])[:3])
    for k in (0, 1):
        assert got[clouds == k, :3].sum(0).abs().max() < 1e-5
    assert torch.allclose(got[which, 3], (a * known[which, 3]).float())


def test_centred_noise_leaves_features_alone():
    batch = torch.arange(500).repeat_interleave(2)
    z = centred(batch, 500, rng(12))(torch.empty(1000, 5))
    assert z[:, :3].reshape(500, 2, 3).sum(1).abs().max() < 1e-5
    assert abs(float(z[:, 3:].var()) - 1) < 5 * math.sqrt(2 / 2000)
    assert abs(float(z[:, :3].var()) - 0.5) < 5 * 0.5 * math.sqrt(2 / 1500)
    assert torch.equal(centre(z, batch, 500)[:, 3:], z[:, 3:])


def test_a_little_noise_keeps_most_of_a_state():
    x = torch.randn(N, 2, generator=rng(13))
    z = partly_noised(x, 0.3, SCHEDULE, normal(rng(14)))
    a = float(SCHEDULE.alpha(torch.tensor(0.3)))
    assert abs(float((x * z).mean()) - a) < 5 / math.sqrt(N)
    way = denoise_from(
        z, correlated(0.0), SCHEDULE, normal(rng(15)), n_steps=20, t_start=0.3, keep=1
    )
    assert way.times[0] == pytest.approx(0.3) and len(way.states) == 7


def test_the_best_survive_and_nan_is_never_best():
    scores = torch.tensor([1.0, float("nan"), 5.0, 3.0])
    assert survivors(scores, 2, 5).tolist() == [2, 3, 2, 3, 2]
    assert 1 not in survivors(scores, 3, 3).tolist()


def test_bad_input_is_refused_in_words():
    z, noise = torch.zeros(2, 4), normal()
    for bad in ({"n_steps": 0}, {"resample": 0}, {"t_start": 0.0}):
        with pytest.raises(ValueError, match="need at least one step, at least one pass and 0 < t"):
            denoise_from(z, exact, SCHEDULE, noise, **bad)
    with pytest.raises(ValueError, match="need one yes or no for each row, and at least one yes"):
        write_known(z, torch.zeros(2, dtype=torch.bool), noise)
    with pytest.raises(ValueError, match="need a time above 0"):
        partly_noised(z, 0.0, SCHEDULE, noise)
    with pytest.raises(ValueError, match="keep at least one and at most all"):
        survivors(torch.ones(3), 4, 4)
