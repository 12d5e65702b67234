"""The three corruptions of a crystal against closed forms: elements, lattice, coordinates."""

import math

import pytest
import torch

from helpers.matter import cell_from_parameters
from helpers.noise import VE
from helpers.noise.absorbing import Absorbing, without_mask
from helpers.noise.lattice import LatticeVP, symmetric_cell, symmetric_noise
from helpers.noise.wrapped import WrappedVE, cartesian_score, fractional_score


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def num(x):
    return torch.tensor(x, dtype=torch.float64)


# --- elements


def test_steps_multiply_to_the_closed_form():
    process, product = Absorbing(3, 10), torch.eye(4, dtype=torch.float64)
    for step in range(1, 11):
        product = product @ process.transition(step)
        assert torch.allclose(product, process.cumulative(step), atol=1e-14)
    assert torch.allclose(product[:, process.mask], torch.ones(4, dtype=torch.float64))


def test_the_share_of_masks_is_the_time():
    process, n = Absorbing(5), 20_000
    x0 = torch.arange(n) % 5
    for t in (0.0, 0.3, 1.0):
        x = process.corrupt(x0, num(t), seeded(0))
        share = (x == process.mask).double().mean()
        assert abs(share - t) <= 5 * math.sqrt(t * (1 - t) / n)
        assert bool((x[x < 5] == x0[x < 5]).all())
        expected = process.marginal(x0[:1], num(t))[0]
        assert torch.allclose(expected.double(), process.cumulative(round(t * 1000))[0])


def test_the_posterior_is_bayes_theorem():
    process = Absorbing(3, 10)
    probs = num([[0.5, 0.3, 0.2]])
    high, low = 7, 4
    between = torch.eye(4, dtype=torch.float64)
    for step in range(low + 1, high + 1):
        between = between @ process.transition(step)
    for x_t in range(4):
        total = torch.zeros(4, dtype=torch.float64)
        for x0 in range(3) if x_t == 3 else [x_t]:
            joint = process.cumulative(low)[x0] * between[:, x_t]
            total += (1.0 if x_t < 3 else probs[0, x0]) * joint / joint.sum()
        found = process.posterior(torch.tensor([x_t]), probs, num(0.7), num(0.4))[0]
        assert torch.allclose(found, total, atol=1e-14)


def test_divergence_and_loss_are_those_of_the_posteriors():
    process, g = Absorbing(4, 20), seeded(1)
    logits = torch.randn(6, 5, generator=g, dtype=torch.float64)
    x0 = torch.tensor([0, 1, 2, 3, 0, 1])
    x_t = torch.tensor([4, 4, 2, 4, 0, 4])
    t, s = num(0.5), num(0.45)
    truth = torch.nn.functional.one_hot(x0, 4).double()
    p = process.posterior(x_t, truth, t, s)
    q = process.posterior(x_t, without_mask(logits).softmax(-1), t, s)
    kl = torch.where(p > 0, p * (p / q).log(), 0.0).sum(-1)
    assert torch.allclose(process.kl(logits, x0, x_t, t, s), kl, atol=1e-12)
    cost = torch.nn.functional.cross_entropy(logits[:, :4], x0, reduction="none")
    assert torch.allclose(process.cross_entropy(logits, x0), cost)
    whole = process.hybrid_loss(logits, x0, x_t, t, weight=0.01)
    assert torch.allclose(whole, 20 * kl + 0.01 * cost, atol=1e-10)
    # The mask's own logit changes nothing, and t = 0 stays finite.
    leaky = logits.clone()
    leaky[:, 4] = 50.0
    assert torch.equal(process.hybrid_loss(leaky, x0, x_t, t), whole)
    assert bool(process.hybrid_loss(logits, x0, x_t, num(0.0)).isfinite().all())


def test_reverse_steps_take_all_masks_off_and_keep_the_law():
    process, n, g = Absorbing(3), 20_000, seeded(2)
    probs = num([0.6, 0.3, 0.1])
    logits = torch.cat([probs.log(), num([9.0])]).expand(n, 4)
    x = torch.full((n,), process.mask)
    for t, s in ((1.0, 0.6), (0.6, 0.2), (0.2, 0.0)):
        x = process.step(x, logits, num(t), num(s), g)
        share = (x == process.mask).double().mean()
        assert abs(share - s) <= 5 * math.sqrt(max(s * (1 - s), 1e-30) / n)
    counts = torch.bincount(x, minlength=4).double() / n
    assert counts[3] == 0
    assert bool(((counts[:3] - probs).abs() <= 5 * (probs * (1 - probs) / n).sqrt()).all())


def test_absorbing_words():
    with pytest.raises(ValueError, match="classes = 0, n_steps = 5: need at least one"):
        Absorbing(0, 5)
    with pytest.raises(ValueError, match="step = 11: this process has the steps 1 to 10"):
        Absorbing(3, 10).absorb(11)


# --- lattice


def test_symmetric_noise_has_unit_entries_and_six_draws():
    z = symmetric_noise(torch.empty(40_000, 3, 3, dtype=torch.float64), seeded(3))
    assert torch.equal(z, z.mT)
    assert bool(((z.square().mean(0) - 1).abs() <= 5 * math.sqrt(2 / 40_000)).all())
    i, j = torch.triu_indices(3, 3)
    six = z[:, i, j]
    assert bool((torch.corrcoef(six.T) - torch.eye(6)).abs().max() <= 5 / math.sqrt(40_000))


def test_the_symmetric_cell_is_the_same_crystal():
    cell = cell_from_parameters(*num([[3.0, 4.0, 5.5, 75.0, 100.0, 112.0]]).unbind(-1))
    found = symmetric_cell(cell)
    assert torch.allclose(found, found.mT, atol=1e-12)
    assert torch.allclose(found @ found.mT, cell @ cell.mT)
    assert torch.allclose(torch.linalg.det(found), torch.linalg.det(cell))
    turn = torch.linalg.qr(torch.randn(3, 3, generator=seeded(4), dtype=torch.float64))[0]
    assert torch.allclose(symmetric_cell(cell @ turn), found)


def test_the_lattice_ends_at_a_cube_of_the_usual_density():
    noise, n = LatticeVP(), torch.tensor([1, 4, 8, 20])
    edges = noise.limit_mean(n)[:, 0, 0]
    # Published numbers: FACTS of MatterGen's supplement, recomputed.
    assert torch.allclose(edges, torch.tensor([2.59, 4.11, 5.18, 7.02]), atol=0.01)
    assert torch.allclose(noise.limit_std(n), torch.tensor([0.50, 0.79, 1.00, 1.36]), atol=0.005)
    assert float(noise.schedule.alpha(num(1.0))) == pytest.approx(0.00657, abs=1e-5)
    density = n / torch.linalg.det(noise.limit_mean(n))
    assert torch.allclose(density, torch.full((4,), noise.density))


def test_perturbed_cells_have_the_stated_law():
    noise, many = LatticeVP(), 20_000
    cell0 = (4.0 * torch.eye(3, dtype=torch.float64) + 0.3).expand(many, 3, 3)
    n, t = torch.full((many,), 5), torch.full((many,), 0.3, dtype=torch.float64)
    x, eps = noise.perturb(cell0, n, t, seeded(5))
    mean, std = noise.at(cell0, n, t)
    a = math.exp(-0.25 * 0.3**2 * 19.9 - 0.5 * 0.3 * 0.1)
    by_hand = a * cell0[0] + (1 - a) * (5 / 0.05771451654) ** (1 / 3) * torch.eye(3)
    assert torch.allclose(mean[0], by_hand.double(), atol=1e-5)
    assert float(std[0]) == pytest.approx(0.5 * 5 ** (1 / 3) * math.sqrt(1 - a**2), rel=1e-6)
    assert torch.allclose(x, mean + std[:, None, None] * eps)
    assert bool(((x.mean(0) - mean[0]).abs() <= 5 * std[0] / math.sqrt(many)).all())
    assert torch.allclose(noise.clean(x, eps, n, t), cell0, atol=1e-6)
    end = noise.prior(n, seeded(6)).double()
    assert float(end.var()) > 0
    assert bool(((end.std(0) / noise.limit_std(n)[0] - 1).abs() < 5 / math.sqrt(2 * many)).all())


def test_ancestral_steps_with_the_exact_answer_give_the_data_back():
    # Data N(m, v) in each entry: ε̂ is linear, and the exact chain ends with these moments.
    noise, many, g = LatticeVP(), 4000, seeded(7)
    n, v = torch.full((many,), 2), 0.04
    m = 3.1 * torch.eye(3, dtype=torch.float64) + 0.2
    x = noise.prior(n, g).double()
    times = torch.linspace(1, 1e-3, 200, dtype=torch.float64)
    for t, s in zip(times[:-1], times[1:], strict=True):
        mean, std = noise.at(m.expand(many, 3, 3), n, t)
        a = noise.schedule.alpha(t)
        eps = std[0] * (x - mean) / (std[0] ** 2 + a**2 * v)
        x = noise.step(x, eps, n, t, s, g)
    assert bool((x.mean(0) - m).abs().max() < 0.02)
    assert float(x.var(0).mean()) == pytest.approx(v, rel=0.1)
    t, s = times[100], times[101]
    ends = [noise.step(x, torch.zeros_like(x), n, t, s, mean_only=True) for _ in range(2)]
    assert torch.equal(*ends)


def test_lattice_words():
    with pytest.raises(ValueError, match="density = 0, spread = 0.5: both must be positive"):
        LatticeVP(density=0)


# --- coordinates


def test_the_noise_in_angstrom_does_not_grow_with_the_cell():
    noise, n = WrappedVE(), torch.tensor([1, 8, 27])
    edge = n.double() ** (1 / 3)
    for t in (0.0, 0.5, 1.0):
        sigma = noise.sigma(num(t), n)
        assert torch.allclose(sigma * edge, VE(0.01, 5.0).sigma(num(t)).expand(3))


def test_perturbed_coordinates_and_their_score():
    noise = WrappedVE(0.02, 0.4)
    frac = torch.rand(3, 4, 3, generator=seeded(8), dtype=torch.float64)
    n, t = torch.tensor([4, 3, 4]), num([0.1, 0.6, 1.0])
    x, eps = noise.perturb(frac, n, t, seeded(9))
    assert bool(((x >= 0) & (x < 1)).all())
    sigma = noise.sigma(t, n)[:, None, None]
    y = x.clone().requires_grad_()
    images = torch.arange(-60, 61, dtype=torch.float64)
    log_p = torch.logsumexp(
        -0.5 * ((y - frac)[..., None] + images).square() / sigma[..., None] ** 2, -1
    )
    score = torch.autograd.grad(log_p.sum(), y)[0]
    assert torch.allclose(eps, -sigma * score, atol=1e-9)
    wide = WrappedVE().perturb(frac, n, num(1.0), seeded(9))[1]
    assert float(wide.abs().max()) < 1e-6  # σ = 5 n^(-1/3) covers the cell: nothing to say


def test_ancestral_steps_on_the_torus_find_the_centre():
    # One atom at 0.97 with σ₀ = 0.05: straddles the seam. ε̂ of the exact wrapped law.
    noise, many, g = WrappedVE(0.005, 0.5), 4000, seeded(10)
    n = torch.ones(many)
    x = noise.prior(torch.empty(many, 1, 3, dtype=torch.float64), g)
    times = torch.linspace(1, 0, 120, dtype=torch.float64)
    from helpers.noise.spaces import Torus

    centre = torch.full_like(x, 0.97)
    for t, s in zip(times[:-1], times[1:], strict=True):
        sigma = noise.sigma(t, n)[0]
        total = (sigma**2 + 0.05**2).sqrt()
        eps = -sigma * Torus().kernel_score(x, centre, total)
        x = noise.step(x, eps, n, t, s, g)
    off = Torus().diff(centre, x)
    assert float(off.mean()) == pytest.approx(0.0, abs=5 * 0.05 / math.sqrt(3 * many))
    assert float(off.std()) == pytest.approx(0.05, rel=0.06)
    still = [
        noise.step(x, torch.zeros_like(x), n, times[3], times[4], mean_only=True) for _ in "ab"
    ]
    assert torch.equal(still[0], x) and torch.equal(*still)


def test_one_ancestral_step_is_the_posterior():
    # Given x_0: mean x_0 + (σ_s²/σ_t²)(x_t − x_0), variance σ_s² (1 − σ_s²/σ_t²).
    noise, many = WrappedVE(0.01, 0.2), 20_000
    n, (t, s) = torch.ones(many), num([0.6, 0.4])
    high, low = (float(noise.sigma(u, n[:1])) for u in (t, s))
    x_t = torch.full((many, 1, 3), 0.5 + 0.8 * high, dtype=torch.float64)
    eps = torch.full_like(x_t, 0.8)
    mean = 0.5 + 0.8 * low**2 / high
    assert torch.allclose(noise.step(x_t, eps, n, t, s, mean_only=True), num(mean))
    x_s = noise.step(x_t, eps, n, t, s, seeded(12))
    spread = low * math.sqrt(1 - low**2 / high**2)
    assert abs(float(x_s.mean()) - mean) < 5 * spread / math.sqrt(3 * many)
    assert abs(float(x_s.std()) / spread - 1) < 5 / math.sqrt(6 * many)
    # The lattice: a Gaussian bridge about the limit, by Bayes' theorem with a = α_t/α_s.
    cells, atoms = LatticeVP(), torch.full((many,), 3)
    schedule, limit = cells.schedule, cells.limit_mean(atoms).double()
    unit = float(cells.limit_std(atoms[:1]))
    clean = (limit + 0.3).contiguous()
    a_t, a_s = (float(schedule.alpha(u)) for u in (t, s))
    v_t, v_s = (unit**2 * float(schedule.sigma(u)) ** 2 for u in (t, s))
    a, b2 = a_t / a_s, v_t - (a_t / a_s) ** 2 * v_s
    y = 0.3 * a_t + 0.8 * math.sqrt(v_t)
    c_t, eps = limit + y, torch.full_like(limit, 0.8)
    precision = 1 / v_s + a**2 / b2
    middle = (0.3 * a_s / v_s + a * y / b2) / precision
    found = cells.step(c_t, eps, atoms, t, s, mean_only=True) - limit
    assert torch.allclose(found, torch.full_like(found, middle), atol=1e-5)
    drawn = cells.step(c_t, eps, atoms, t, s, seeded(13))
    assert abs(float(drawn.std(0).mean()) * math.sqrt(precision) - 1) < 5 / math.sqrt(2 * many)
    assert torch.allclose(cells.clean(c_t, eps, atoms, t), clean, atol=1e-5)


def test_cartesian_and_fractional_scores_are_chain_rules():
    cell = cell_from_parameters(*num([[3.0, 9.0, 5.5, 75.0, 100.0, 112.0]]).unbind(-1))
    frac = torch.rand(1, 4, 3, generator=seeded(11), dtype=torch.float64).requires_grad_()
    cart = (frac @ cell).detach().requires_grad_()
    by_cart = torch.autograd.grad(cart.sin().sum(), cart)[0]
    by_frac = torch.autograd.grad((frac @ cell).sin().sum(), frac)[0]
    assert torch.allclose(fractional_score(by_cart, cell), by_frac)
    assert torch.allclose(cartesian_score(by_frac, cell), by_cart)


def test_wrapped_words():
    with pytest.raises(ValueError, match="need 0 < sigma_min < sigma_max"):
        WrappedVE(0.5, 0.1)
