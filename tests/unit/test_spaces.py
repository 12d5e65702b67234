"""Spaces: the torus against a brute-force sum of images, and clouds that stay centred."""

import pytest
import torch

from helpers.noise import VE, Cosine, Euclidean, Path, Torus, ZeroMean


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_flat_space_adds_and_subtracts():
    x, u = draw(5, 3), draw(5, 3, seed=1)
    space = Euclidean()
    torch.testing.assert_close(space.shift(x, u), x + u)
    torch.testing.assert_close(space.diff(x, space.shift(x, u)), u)
    torch.testing.assert_close(space.kernel_score(x, u, torch.tensor(0.5)), (u - x) / 0.25)


def test_noise_follows_the_state_and_the_seed():
    x = torch.zeros(3, 2, dtype=torch.float64)
    a = Euclidean().noise(x, torch.Generator().manual_seed(3))
    b = Euclidean().noise(x, torch.Generator().manual_seed(3))
    assert a.dtype == torch.float64 and torch.equal(a, b)


def test_zero_mean_noise_has_three_directions_less():
    x = torch.zeros(20_000, 4, 3, dtype=torch.float64)
    z = ZeroMean().noise(x, torch.Generator().manual_seed(0))
    assert z.mean(-2).abs().max() < 1e-12
    # 3(N − 1) = 9 directions of variance 1; the standard error of the sum is √(2·9/n).
    assert abs(float(z.square().sum((-1, -2)).mean()) - 9) < 5 * (18 / 20_000) ** 0.5


def test_wrap_is_half_open_even_in_float32():
    x = torch.tensor([-1e-9, 1.0, -3.0, 2.5, 0.999999999])
    y = Torus().wrap(x)
    assert ((y >= 0) & (y < 1)).all()
    torch.testing.assert_close(y[3], torch.tensor(0.5))


def test_shift_and_diff_are_inverse_on_the_torus():
    x, y = draw(200, 3) % 1, draw(200, 3, seed=1) % 1
    torus = Torus()
    d = torus.diff(x, y)
    assert d.abs().max() <= 0.5
    back = torus.diff(torus.shift(x, d), y)
    torch.testing.assert_close(back, torch.zeros_like(back), atol=1e-12, rtol=0)


@pytest.mark.parametrize("sigma", [0.003, 0.02, 0.1, 0.39, 0.4, 0.41, 0.7, 1.5, 5.0])
def test_wrapped_normal_score_against_120_images(sigma):
    x = torch.linspace(0, 0.999, 50, dtype=torch.float64).requires_grad_()
    k = torch.arange(-60, 61, dtype=torch.float64)
    log_p = torch.logsumexp(-0.5 * ((x[:, None] - 0.37 + k) / sigma) ** 2, -1)
    (truth,) = torch.autograd.grad(log_p.sum(), x)
    centre, s = torch.full((50,), 0.37, dtype=torch.float64), torch.tensor(sigma).double()
    got = Torus().kernel_score(x.detach(), centre, s)
    torch.testing.assert_close(got, truth, rtol=1e-6, atol=1e-9)
    moved = Torus().kernel_score(x.detach() + 3, centre - 2, s)
    torch.testing.assert_close(moved, truth, rtol=1e-6, atol=1e-9)


def test_priors():
    like = torch.zeros(40_000, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    flat = Path(VE(0.1, 3.0)).prior(like, generator)
    assert abs(float(flat.var()) - 9) < 5 * 9 * (2 / 40_000) ** 0.5
    torus = Path(VE(0.1, 3.0), Torus()).prior(like, generator)
    assert 0 <= torus.min() and torus.max() < 1
    assert abs(float(torus.mean()) - 0.5) < 5 * (1 / 12 / 40_000) ** 0.5


def test_perturb_says_which_noise_it_added():
    x0, t = draw(6, 2), torch.rand(6, dtype=torch.float64)
    path = Path(Cosine())
    x, eps = path.perturb(x0, t, torch.Generator().manual_seed(1))
    a, s = torch.cos(torch.pi / 2 * t)[:, None], torch.sin(torch.pi / 2 * t)[:, None]
    torch.testing.assert_close(x, a * x0 + s * eps)
    assert abs(float(eps.mean())) < 1.5  # noise, not the data
    clean, _ = path.perturb(x0, torch.zeros((), dtype=torch.float64))
    torch.testing.assert_close(clean, x0)


def test_perturb_on_the_torus_returns_minus_sigma_times_the_kernel_s_score():
    path, x0 = Path(VE(0.05, 0.5), Torus()), torch.rand(50, 3, dtype=torch.float64)
    t = torch.full((50,), 0.9, dtype=torch.float64)
    x, eps = path.perturb(x0, t, torch.Generator().manual_seed(1))
    assert ((x >= 0) & (x < 1)).all()
    sigma = path.schedule.sigma(t)[:, None]
    torch.testing.assert_close(eps, -sigma * Torus().kernel_score(x, x0, sigma))
