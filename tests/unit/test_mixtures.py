"""Exact laws against automatic differentiation, quadrature and draws."""

import math

import pytest
import torch

from helpers.noise import (
    VE,
    VP,
    BetaTable,
    Cosine,
    Gaussian,
    GaussianMixture,
    Linear,
    Path,
    cross,
    ring,
    scattered,
)

SCHEDULES = [VP(), VE(0.02, 12.0), Cosine(), Linear(), BetaTable.linear(20, 0.01, 0.4)]
each = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
T04 = torch.tensor(0.42, dtype=torch.float64)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def uneven():
    means = torch.tensor([[-2.0, 0.5], [1.5, 1.0], [0.5, -2.0]], dtype=torch.float64)
    std = torch.tensor([0.35, 0.6, 0.2], dtype=torch.float64)
    return GaussianMixture(means, std, torch.tensor([5.0, 3.0, 2.0]))


def correlated():
    cov = torch.tensor([[1.0, 0.6], [0.6, 0.8]], dtype=torch.float64)
    return Gaussian(torch.tensor([0.5, -1.0], dtype=torch.float64), cov)


LAWS = [uneven(), correlated()]
both = pytest.mark.parametrize("law", LAWS, ids=["mixture", "gaussian"])


@both
def test_the_density_integrates_to_one(law):
    line = torch.linspace(-6, 6, 601, dtype=torch.float64)
    x = torch.cartesian_prod(line, line)
    assert float(law.log_prob(x).exp().sum()) * 0.02**2 == pytest.approx(1, abs=1e-6)


def test_log_density_against_torch_distributions():
    law, x = uneven(), draw(50, 2)
    part = torch.distributions.Independent(
        torch.distributions.Normal(law.means, law.std[:, None].expand(3, 2)), 1
    )
    choice = torch.distributions.Categorical(torch.tensor([0.5, 0.3, 0.2]).double())
    truth = torch.distributions.MixtureSameFamily(choice, part).log_prob(x)
    torch.testing.assert_close(law.log_prob(x), truth, rtol=1e-6, atol=1e-6)
    one = correlated()
    truth = torch.distributions.MultivariateNormal(one.mean, one.cov).log_prob(x)
    torch.testing.assert_close(one.log_prob(x), truth)


@both
def test_score_is_the_gradient_of_the_log_density(law):
    x = (2 * draw(64, 2)).requires_grad_()
    (truth,) = torch.autograd.grad(law.log_prob(x).sum(), x)
    torch.testing.assert_close(law.score(x.detach()), truth)
    # Any leading axes.
    folded = law.score(x.detach().reshape(4, 16, 2))
    torch.testing.assert_close(folded, truth.reshape(4, 16, 2))


def test_score_is_finite_and_right_far_away_where_every_density_underflows():
    law = cross()
    x = torch.tensor([[1e4, 3.0], [-200.0, 150.0], [0.0, 1e3]])
    assert (law.log_prob(x).exp() == 0).all() and torch.isfinite(law.log_prob(x)).all()
    nearest = law.means[torch.cdist(x, law.means).argmin(-1)]
    torch.testing.assert_close(law.score(x), (nearest - x) / 0.25**2, rtol=1e-4, atol=0)


def test_draws_have_the_weights_means_and_widths_of_the_law():
    law, n = uneven(), 60_000
    x = law.sample(n, torch.Generator().manual_seed(0))
    k = law.responsibilities(x).argmax(-1)
    for i, w in enumerate([0.5, 0.3, 0.2]):
        inside = x[k == i]
        # 5 standard errors, and 0.2 % for points on the wrong side of a border.
        assert abs(len(inside) / n - w) < 5 * (w * (1 - w) / n) ** 0.5 + 2e-3
        assert (inside.mean(0) - law.means[i]).abs().max() < 5 * 0.6 / (n * w) ** 0.5 + 5e-3
        assert abs(float(inside.var(0).mean() ** 0.5) / float(law.std[i]) - 1) < 0.02
    torch.testing.assert_close(law.mean(), torch.tensor([-0.45, 0.15]).double(), atol=1e-6, rtol=0)
    spread = x.var(0).mean() ** 0.5
    assert abs(float(spread) / law.data_std() - 1) < 5 / n**0.5
    y = correlated().sample(n, torch.Generator().manual_seed(0))
    assert (torch.cov(y.T) - correlated().cov).abs().max() < 5 * (2 / n) ** 0.5


def test_same_seed_same_draw():
    a, b = (cross().sample(5, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(a, b)


@each
@both
def test_smoothed_law_is_that_of_perturbed_draws(law, schedule):
    path, n = Path(schedule), 40_000
    generator = torch.Generator().manual_seed(1)
    x, _ = path.perturb(law.sample(n, generator), T04, generator)
    smooth = law.smoothed(path, T04)
    # Mean log density of the draws, against the entropy from draws of the smoothed law itself.
    a, b = smooth.log_prob(x), smooth.log_prob(smooth.sample(n, generator))
    assert abs(float(a.mean() - b.mean())) < 5 * float(a.var() + b.var()) ** 0.5 / n**0.5
    c = smooth.sample(n, generator)
    tolerance = 5 * (2 * float(c.var(0).max()) / n) ** 0.5
    assert (x.mean(0) - c.mean(0)).abs().max() < tolerance


@each
def test_exact_prediction_is_consistent_with_the_density(schedule):
    law, path = uneven(), Path(schedule)
    x = (2 * draw(64, 2)).requires_grad_()
    (score,) = torch.autograd.grad(law.smoothed(path, T04).log_prob(x).sum(), x)
    p = law.denoiser(path)(x.detach(), T04)
    torch.testing.assert_close(p.score, score)
    a, s = path.at(T04)
    torch.testing.assert_close(p.x0, (x.detach() + s**2 * score) / a)  # Tweedie
    torch.testing.assert_close(p.eps, -s * score)
    f, g2 = schedule.f(T04), schedule.g2(T04)
    torch.testing.assert_close(p.v, f * x.detach() - 0.5 * g2 * score)


def test_exact_prediction_at_one_time_for_each_point():
    law, path = uneven(), Path(Cosine())
    x, t = draw(6, 2), torch.rand(6, generator=torch.Generator().manual_seed(0)).double()
    together = law.denoiser(path)(x, t)
    for i in range(6):
        alone = law.denoiser(path)(x[i : i + 1], t[i])
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a[i : i + 1], b)


@each
def test_velocity_solves_the_continuity_equation(schedule):
    # ∂ log p/∂t + v·∇ log p + div v = 0 at random points: one line that sees most sign errors.
    law, path, x = uneven(), Path(schedule), 2 * draw(16, 2)

    def log_p(t):
        a, s = schedule.alpha(t), schedule.sigma(t)
        var = (a * law.std) ** 2 + s**2
        d2 = (x[:, None] - a * law.means).square().sum(-1)
        joint = law.weights.log() - 0.5 * d2 / var - torch.log(2 * math.pi * var)
        return joint.logsumexp(-1)

    change = torch.func.jvp(log_p, (T04,), (torch.ones_like(T04),))[1]
    denoiser = law.denoiser(path)
    p = denoiser(x, T04)
    jacobian = torch.stack(
        [torch.autograd.functional.jacobian(lambda y: denoiser(y[None], T04).v[0], y) for y in x]
    )
    total = change + (p.v * p.score).sum(-1) + jacobian.diagonal(dim1=1, dim2=2).sum(-1)
    torch.testing.assert_close(total, torch.zeros_like(total), atol=1e-9, rtol=0)


def test_exact_x0_is_the_mean_of_what_could_have_been():
    # E[x₀ | x_t] by averaging many draws with their likelihood: no formula of the mixture.
    law, path, n = uneven(), Path(VP()), 400_000
    x0 = law.sample(n, torch.Generator().manual_seed(0))
    a, s = path.at(T04)
    for x in (torch.tensor([-0.5, 0.2]).double(), torch.tensor([0.3, -0.6]).double()):
        w = torch.softmax(-0.5 * ((x - a * x0) ** 2).sum(-1) / s**2, 0)
        guess = w @ x0
        error = ((w**2)[:, None] * (x0 - guess) ** 2).sum(0).sqrt()
        got = law.denoiser(path)(x[None], T04).x0[0]
        assert ((got - guess).abs() < 5 * error).all()


def test_data_sets_of_the_chapters():
    assert cross().means.tolist() == [[2.5, 0], [-2.5, 0], [0, 2.5], [0, -2.5], [0, 0]]
    assert cross().data_std() == pytest.approx(2.5625**0.5)
    round_ = ring(5, 0.75, 7.5)
    torch.testing.assert_close(round_.means.norm(dim=-1), torch.full((5,), 7.5))
    torch.testing.assert_close(round_.means.sum(0), torch.zeros(2), atol=1e-5, rtol=0)
    assert round_.means[0].tolist() == [7.5, 0.0]
    random = scattered(5, 0.75, 15.0, torch.Generator().manual_seed(0))
    assert random.means.abs().max() <= 7.5 and random.means.std() > 2
    assert torch.equal(random.means, scattered(generator=torch.Generator().manual_seed(0)).means)
    assert Gaussian.round(2.0, 3).cov.tolist() == (4 * torch.eye(3)).tolist()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GaussianMixture(torch.zeros(3), 1.0), r"\(K, D\)"),
        (lambda: GaussianMixture(torch.zeros(3, 2, dtype=torch.int64), 1.0), "floating"),
        (lambda: GaussianMixture(torch.zeros(3, 2), 0.0), "must be positive"),
        (lambda: GaussianMixture(torch.zeros(3, 2), 1.0, torch.ones(2)), "3 positive numbers"),
        (lambda: GaussianMixture(torch.zeros(1, 2), 1.0, torch.zeros(1)), "1 positive numbers"),
        (lambda: Gaussian(torch.zeros(2), torch.eye(3)), r"need \(D,\) and \(D, D\)"),
        (lambda: Gaussian(torch.zeros(2), -torch.eye(2)), "positive eigenvalues"),
        (
            lambda: Gaussian(torch.zeros(2), torch.tensor([[1.0, 0.5], [0.0, 1.0]])),
            "symmetric",
        ),
    ],
)
def test_bad_input_is_refused_in_words(make, words):
    with pytest.raises(ValueError, match=words):
        make()
