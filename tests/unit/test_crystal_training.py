"""The losses and the two recipes of the crystals."""

import math

import pytest
import torch

from helpers.learn.crystals import (
    crystal_loss,
    masked_mse,
    train_crystals,
    train_directly,
    turn_axes,
)
from helpers.matter import Crystals, pack, pair_distances, prototypes, take, variants, wrap
from helpers.models.crystals import CrystalNet
from helpers.models.direct import AtomMLP
from helpers.noise import VE, BetaTable, Denoiser, Path
from helpers.noise.spaces import Torus

TORUS = Path(VE(0.01, 0.5), Torus())
MIDDLE = Path(VE(0.05, 0.25), Torus())


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_masked_mse_does_not_know_of_padding():
    out, target = torch.zeros(2, 3, 3), torch.ones(2, 3, 3)
    mask = torch.tensor([[True, False, False], [True, True, False]])
    target[0, 0] = 2.0
    target[~mask] = 100.0
    assert masked_mse(out, target, mask).item() == pytest.approx((4 + 1 + 1) / 3)
    with pytest.raises(ValueError, match="the mask has no atom"):
        masked_mse(out, target, torch.zeros_like(mask))


def test_zero_prediction_costs_what_the_shift_leaves():
    """Where the noise is narrow ε is standard normal, so centring leaves 1 − 1/N of its square."""
    data = pack([prototypes()["bcc Fe"]] * 4000)
    denoiser = Denoiser(lambda x, t, cond: torch.zeros_like(x), TORUS)
    value = crystal_loss(denoiser, data, torch.full((4000,), 0.3), seeded(0)).item()
    # N = 2: 12 000 independent squares of variance 1/2 each: five standard errors.
    assert abs(value - 0.5) < 5 * 0.5 * math.sqrt(2 / 12_000)


def test_the_exact_score_minimises_the_loss_and_the_full_noise_agrees():
    """bcc with one atom held: taking the mean off ε must not move the minimum.

    Two atoms, x₁ − x₂ = ½ + noise of std σ√2 on the torus: the score of the pair is known.
    """
    data = pack([prototypes(torch.float64)["bcc Fe"]] * 20_000)
    t = torch.full((20_000,), 0.7, dtype=torch.float64)
    sigma = TORUS.schedule.sigma(t[:1])

    def exact(scale):
        def net(x, t, cond):
            d = x[:, 0] - x[:, 1] - 0.5
            s = Torus().kernel_score(d, torch.zeros_like(d), math.sqrt(2) * sigma)
            return -scale * sigma * torch.stack([s, -s], 1)

        return Denoiser(net, TORUS)

    values = [crystal_loss(exact(c), data, t, seeded(1)).item() for c in (0.9, 1.0, 1.1)]
    assert values[1] < values[0] and values[1] < values[2]


def test_the_loss_is_for_eps_only():
    denoiser = Denoiser(CrystalNet(8, 1), TORUS, "x0")
    with pytest.raises(ValueError, match='this loss is for a denoiser of kind "eps"'):
        crystal_loss(denoiser, pack([prototypes()["bcc Fe"]]), torch.tensor([0.5]))


def test_turning_axes_leaves_every_distance():
    g = seeded(2)
    cell = 4 * torch.eye(3, dtype=torch.float64) + torch.rand(200, 3, 3, generator=g).double()
    frac = torch.rand(200, 4, 3, generator=g, dtype=torch.float64)
    species = torch.ones(200, 4, dtype=torch.int64)
    c = Crystals(cell, frac, species, species > 0)
    turned = turn_axes(c, g)
    mirror = torch.linalg.det(turned.cell) < 0
    right = torch.where(mirror[:, None, None], -1.0, 1.0)  # −C has the same lattice
    before, after = (
        pair_distances(c.frac, c.cell),
        pair_distances(wrap(turned.frac * right), turned.cell * right),
    )
    torch.testing.assert_close(after, before)
    # All 48 ways come, about equally often: 200 draws miss more than 5 with a chance below 1e-3.
    ways = {tuple(w.flatten().round().int().tolist()) for w in turned.cell @ cell.inverse()}
    assert 43 <= len(ways) <= 48
    assert all(sorted(map(abs, w)) == [0] * 6 + [1] * 3 for w in ways)


def test_take_is_indexing():
    data = pack(variants(seeded(0)))
    some = take(data, torch.tensor([20, 0]))
    assert torch.equal(some.frac[1], data.frac[0]) and some.mask.sum().item() == 8 + 4


def torus(n_steps):
    torch.manual_seed(0)
    denoiser = Denoiser(CrystalNet(8, 1), MIDDLE)
    return train_crystals(denoiser, variants(seeded(0)), n_steps, batch=4, lr=2e-2)


def direct(epochs):
    torch.manual_seed(0)
    denoiser = Denoiser(AtomMLP(width=32, blocks=1), Path(BetaTable.linear(200)))
    return train_directly(denoiser, variants(seeded(0)), epochs)


@pytest.mark.parametrize(("recipe", "n", "per"), [(torus, 80, 1), (direct, 30, 5)])
def test_a_recipe_lowers_its_loss_and_repeats_exactly(recipe, n, per):
    losses = recipe(n).losses
    assert len(losses) == n * per
    assert losses[-20:].mean() < 0.95 * losses[:20].mean()
    again = recipe(3).losses  # the rate of the torus depends on the length, but not at once
    assert torch.equal(again[:1], losses[:1]) and torch.equal(again, recipe(3).losses)


def test_the_direct_network_has_the_stated_size_and_sees_one_atom():
    net = AtomMLP()
    assert sum(p.numel() for p in net.parameters()) == 199_043
    x, t = torch.rand(2, 5, 3, generator=seeded(4)), torch.tensor([0.2, 0.9])
    y, other = net(x, t), x.clone()
    other[:, 1:] = 0.3  # the neighbours move, and atom 0 does not hear of it
    torch.testing.assert_close(net(other, t)[:, 0], y[:, 0])
    torch.testing.assert_close(net(x, t, cond="anything"), y)
    assert (net(x, t.flip(0)) - y).abs().max() > 1e-3
