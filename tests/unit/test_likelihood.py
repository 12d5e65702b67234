"""The probability flow's density against the true one, and its divergence against Jacobians."""

import pytest
import torch

from helpers.noise import VE, VP, Cosine, GaussianMixture, Linear, Path, cross
from helpers.sample import divergence, log_likelihood, reverse_heun, sample


def law():
    means = torch.tensor([[-2.0, 0.5], [1.5, 1.0], [0.5, -2.0]], dtype=torch.float64)
    return GaussianMixture(means, 0.35, torch.tensor([5.0, 3.0, 2.0]))


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_divergence_is_the_trace_of_the_jacobian():
    def field(x, t):
        return torch.stack([x[:, 0] ** 2 * x[:, 1], t * x[:, 1].sin() + x[:, 0]], -1)

    x, t = draw(7, 2), torch.tensor(0.3, dtype=torch.float64)
    value, got = divergence(field, x, t)
    torch.testing.assert_close(value, field(x, t))
    torch.testing.assert_close(got, 2 * x[:, 0] * x[:, 1] + t * x[:, 1].cos())


@pytest.mark.parametrize("schedule", [VP(), Cosine(), Linear(), VE(0.02, 12.0)], ids=str)
def test_log_likelihood_is_the_true_log_density(schedule):
    path, x = Path(schedule), 1.5 * draw(20, 2)
    start, end = 0.01, 0.97
    times = torch.linspace(start, end, 150, dtype=torch.float64)
    got = log_likelihood(law().denoiser(path), x, times, law().smoothed(path, end).log_prob)
    truth = law().smoothed(path, start).log_prob(x)
    torch.testing.assert_close(got.log_prob, truth, atol=2e-3, rtol=1e-3)


def test_it_is_of_fourth_order():
    path, x = Path(Cosine()), draw(10, 2)
    truth = law().smoothed(path, 0.1).log_prob(x)
    errors = []
    for n in (20, 40, 80):
        times = torch.linspace(0.1, 0.9, n + 1, dtype=torch.float64)
        got = log_likelihood(law().denoiser(path), x, times, law().smoothed(path, 0.9).log_prob)
        errors.append(float((got.log_prob - truth).abs().max()))
    assert errors[1] / errors[2] > 11, errors


def test_the_latent_decodes_to_the_point():
    path = Path(Cosine())
    den = law().denoiser(path)
    x = law().sample(50, torch.Generator().manual_seed(0))
    times = torch.linspace(0.05, 0.98, 400, dtype=torch.float64)
    z = log_likelihood(den, x, times, lambda y: torch.zeros(len(y)).to(y)).latent
    torch.testing.assert_close(
        sample(reverse_heun(den, path), z, times.flip(0)), x, atol=5e-3, rtol=0
    )
    # … and the encoder of Heun's step with rising times finds the same latent.
    torch.testing.assert_close(sample(reverse_heun(den, path), x, times), z, atol=5e-3, rtol=0)


def test_it_takes_a_network():
    from helpers.models import TimeMLP
    from helpers.noise import Denoiser

    torch.manual_seed(0)
    den = Denoiser(TimeMLP(hidden=16), Path(Cosine()), "edm", 1.6)
    x = cross().sample(5, torch.Generator().manual_seed(0))
    got = log_likelihood(den, x, torch.linspace(0.01, 0.99, 5), lambda y: -y.square().sum(-1) / 2)
    assert got.log_prob.shape == (5,) and got.latent.shape == (5, 2)
    assert torch.isfinite(got.log_prob).all() and not got.log_prob.requires_grad


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: divergence(None, torch.zeros(3), None), r"need points \(B, D\)"),
        (lambda: log_likelihood(None, torch.zeros(3, 2), torch.tensor([1.0, 0.0]), None), "rise"),
        (lambda: log_likelihood(None, torch.zeros(3, 2), torch.tensor([1.0]), None), "rise"),
    ],
)
def test_bad_input_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()
