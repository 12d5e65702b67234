"""The terms of the variational bound against Monte Carlo, Lennard-Jones, and the adaptive clip."""

import math

import pytest
import torch
from torch.distributions import Normal

from helpers.learn.molecules import (
    AdaptiveClip,
    Bound,
    diffusion_term,
    kinds_term,
    lennard_jones,
    lj_energy,
    lj_weight,
    noise_error,
    noise_mse,
    places_term,
    prior_term,
)
from helpers.noise.gammas import Polynomial, gamma_table, posterior, scales
from helpers.noise.zerocom import centred_noise, dimensions, log_density

F64 = torch.float64


def rng(seed):
    return torch.Generator().manual_seed(seed)


def by_chance(values, want):
    error = float(values.std()) / len(values) ** 0.5
    assert error > 0 and abs(float(values.mean()) - float(want)) < 5 * error


GAMMA = gamma_table(Polynomial(), 20)


def test_the_prior_term_is_what_monte_carlo_finds():
    x = torch.tensor([1.2, -0.4, 3.0], dtype=F64)
    gamma = GAMMA[16]  # enough signal left that the term is not nothing
    a, s = scales(gamma)
    z = a * x + s * torch.randn(20_000, 3, generator=rng(0), dtype=F64)
    log_ratio = (Normal(a * x, s).log_prob(z) - Normal(0.0, 1.0).log_prob(z)).sum(1)
    by_chance(log_ratio, prior_term(x.square().sum(), gamma, torch.tensor(3)))


def test_the_prior_term_of_centred_clouds_counts_their_directions():
    n = 4000
    index = torch.arange(n).repeat_interleave(4)
    x = centred_noise(torch.zeros(4, 3, dtype=F64), torch.zeros(4).long(), 1, rng(1))
    a, s = scales(GAMMA[8])
    eps = centred_noise(torch.zeros(4 * n, 3, dtype=F64), index, n, rng(2))
    z = a * x.repeat(n, 1) + s * eps
    log_ratio = log_density(s * eps, index, n, s) - log_density(z, index, n)
    d = dimensions(torch.zeros(4).long(), 1)[0]
    assert int(d) == 9
    by_chance(log_ratio, prior_term(x.square().sum(), GAMMA[8], d))
    wrong = prior_term(x.square().sum(), GAMMA[8], torch.tensor(12))  # 3N
    assert abs(float(log_ratio.mean() - wrong)) > 20 * float(log_ratio.std()) / n**0.5


def test_a_diffusion_term_is_what_monte_carlo_finds():
    s, t = GAMMA[6], GAMMA[7]
    a, b, std = posterior(s, t)
    z, eps, guess = (torch.randn(5, generator=rng(k), dtype=F64) for k in (3, 4, 5))
    true, said = Normal(a * z - b * eps, std), Normal(a * z - b * guess, std)
    draws = true.mean + std * torch.randn(20_000, 5, generator=rng(6), dtype=F64)
    log_ratio = (true.log_prob(draws) - said.log_prob(draws)).sum(1)
    by_chance(log_ratio, diffusion_term((eps - guess).square().sum(), s, t))


def test_the_last_coordinates_are_a_normal_law_about_the_guess():
    gamma, unit = GAMMA[2], 2.5  # coordinates in multiples of 2.5 Å
    a, s = scales(gamma)
    x, eps, guess = (torch.randn(6, generator=rng(k), dtype=F64) for k in (7, 8, 9))
    z = a * x + s * eps
    law = Normal(unit * (z - s * guess) / a, unit * s / a)
    want = -law.log_prob(unit * x).sum()
    got = places_term((eps - guess).square().sum(), gamma, torch.tensor(6), unit)
    assert torch.allclose(got, want)


def test_the_last_kinds_are_the_shares_of_a_normal_law_between_a_half_and_one_and_a_half():
    gamma, unit = GAMMA[12], 4.0
    sigma = unit * scales(gamma)[1]
    z = torch.tensor([[0.2, -0.05, 0.1], [0.0, 0.3, 0.25]], dtype=F64)
    draws = unit * z[:, None] + sigma * torch.randn(2, 200_000, 3, generator=rng(10), dtype=F64)
    part = ((draws > 0.5) & (draws < 1.5)).double().mean(1)
    share = part / part.sum(1, keepdim=True)
    kind = torch.tensor([0, 2])
    got = torch.exp(-kinds_term(z, kind, gamma, unit))
    assert torch.allclose(got, share.gather(1, kind[:, None])[:, 0], atol=5e-3)
    sure = kinds_term(torch.tensor([[0.25, 0.0, 0.0]]), torch.tensor([0]), GAMMA[0], 4.0)
    assert float(sure) < 1e-6  # at the last noise a clean one-hot leaves no doubt


def test_the_bound_of_gaussian_data_closes_with_many_steps():
    # Data N(0, 0.5²) and the exact denoiser: the bound of ever finer steps is the entropy.
    std, x = 0.5, 0.5 * torch.randn(4000, generator=rng(11), dtype=F64)
    entropy = 0.5 * math.log(2 * math.pi * math.e * std**2)
    gaps = []
    for n in (10, 40, 160):
        gamma = gamma_table(Polynomial(precision=1e-2), n)
        a, s = scales(gamma)

        def error(i, draw, a=a, s=s):
            eps = torch.randn(4000, generator=rng(draw), dtype=F64)
            z = a[i] * x + s[i] * eps
            return (eps - s[i] * z / (a[i] ** 2 * std**2 + s[i] ** 2)) ** 2

        one = torch.tensor(1)
        steps = [diffusion_term(error(i, 100 + i), gamma[i - 1], gamma[i]) for i in range(1, n + 1)]
        bound = Bound(
            prior_term(x**2, gamma[-1], one),
            torch.stack(steps).sum(0),
            places_term(error(0, 99), gamma[0], one),
            torch.zeros(4000, dtype=F64),
        )
        gaps.append(float(bound.total.mean()) - entropy)
    assert gaps[0] > gaps[1] > gaps[2] > -0.05 and gaps[2] < 0.1 < gaps[0], gaps


def test_errors_are_summed_and_averaged_by_molecule():
    eps, batch = torch.zeros(5, 2), torch.tensor([0, 0, 0, 0, 1])
    out = torch.ones(5, 2) * torch.tensor([[1.0], [1], [1], [1], [3]])
    assert noise_error(eps, out, batch, 2).tolist() == [8.0, 18.0]
    assert float(noise_mse(eps, out, batch, 2)) == (1 + 9) / 2  # not 26/10: sizes do not count


def test_lennard_jones_has_its_least_at_r_min_and_a_ceiling():
    d = torch.linspace(0.8, 4, 400, dtype=F64, requires_grad=True)
    energy = lennard_jones(d, torch.tensor(1.5).double())
    assert (
        abs(float(d.detach()[energy.argmin()]) - 1.5) < 0.01
        and abs(float(energy.min().detach()) + 1) < 1e-3
    )
    assert float(energy.max().detach()) == 3.0
    (force,) = torch.autograd.grad(energy.sum(), d)
    assert bool((force[energy >= 3] == 0).all()) and bool((d[energy >= 3] < 1.26).all())
    assert float(lennard_jones(torch.tensor(0.0), torch.tensor(1.5))) == 3.0


def test_its_weight_is_largest_at_the_data():
    assert lj_weight(torch.tensor([0.0, 0.5, 1.0])).tolist() == pytest.approx([1e-3, 5e-4, 0.0])


def test_every_pair_of_a_molecule_counts_once():
    x = torch.tensor([[0.0, 0, 0], [1.5, 0, 0], [0, 1.5, 0], [0.1, 0, 0]])
    energy = lj_energy(x, torch.full((4,), 0.75), torch.tensor([0, 0, 0, 1]), 2)
    third = lennard_jones(torch.tensor(1.5 * 2**0.5), torch.tensor(1.5))
    assert torch.allclose(energy, torch.stack([-2 + third, torch.zeros(())]), atol=1e-5)


def test_the_clip_follows_the_norms_it_has_let_pass():
    clip, weight = AdaptiveClip(start=4.0, keep=3), torch.nn.Parameter(torch.zeros(1))
    assert clip.limit == 6.0
    for gradient, left in ((1.0, 1.0), (100.0, 1.5 * 2.5 + 2 * 1.5)):
        weight.grad = torch.tensor([gradient])
        assert clip([weight]) == gradient
        assert float(weight.grad) == pytest.approx(left, rel=1e-5)
    assert clip.norms == pytest.approx([4.0, 1.0, 6.75])  # the outlier is kept as the limit
    for _ in range(4):
        weight.grad = torch.tensor([0.5])
        clip([weight])
    assert clip.limit == pytest.approx(0.75)
    for bad in ({"start": 0.0}, {"keep": 1}):
        with pytest.raises(ValueError, match="need start > 0 and keep ≥ 2"):
            AdaptiveClip(**bad)
