"""The score network: its symmetries, whatever its weights are, and how many numbers it holds."""

import math

import pytest
import torch

from helpers.matter import Crystals, crystal, pack
from helpers.models.bases import (
    Dense,
    Residual,
    ScaledSiLU,
    bessel,
    envelope,
    legendre,
    noise_features,
)
from helpers.models.conditions import chemical_system, drop, open_condition
from helpers.models.gemnet import PUBLISHED, SMALL, GemNet, Heads, fit_scales, parameters_by_module

TINY = SMALL._replace(atom=16, edge=16, triplet=8, bilinear=8, radial=8, cutoff=4.5)
T = torch.tensor([0.2, 0.7], dtype=torch.float64)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def network(**options):
    torch.manual_seed(0)
    size = options.pop("size", TINY)
    return GemNet(size, **options).double()


def state(dtype=torch.float64):
    g = seeded(1)
    rows = []
    for n in (4, 3):
        cell = 3.6 * torch.eye(3, dtype=dtype) + 0.4 * torch.randn(3, 3, generator=g, dtype=dtype)
        frac = torch.rand(n, 3, generator=g, dtype=dtype)
        rows.append(crystal(cell, frac, torch.randint(1, 90, (n,), generator=g)))
    c = pack(rows)
    species = c.species.clone()
    species[0, 1] = 101  # one masked atom
    return c._replace(species=species)


def say(net, c, t=T, cond=None):
    with torch.no_grad():
        return net(c, t, cond)


def close(a, b, atol=1e-9):
    return all(torch.allclose(x, y, atol=atol) for x, y in zip(a, b, strict=True))


@pytest.fixture(scope="module")
def net():
    found = network()
    fit_scales(found, state(), T)
    return found


@pytest.mark.parametrize("reflect", [False, True])
def test_turned_and_mirrored_crystals(net, reflect):
    c = state()
    turn = torch.linalg.qr(torch.randn(3, 3, generator=seeded(2), dtype=torch.float64))[0]
    turn = turn * torch.linalg.det(turn).sign() * (-1 if reflect else 1)
    # A mirrored cell is left-handed: two of its rows, and the coordinates with them, change places.
    swap = torch.eye(3, dtype=torch.float64)[[1, 0, 2] if reflect else [0, 1, 2]]
    here = say(net, c)
    turned = c._replace(cell=swap @ c.cell @ turn.T, frac=c.frac @ swap)
    if reflect:  # the cosines to the lattice vectors tell rows apart: compare without the change
        plain = network()
        plain.load_state_dict(net.state_dict())
        weight = plain.tilt[0].weight
        with torch.no_grad():
            weight[:, -3:] = 0
        here, there = say(plain, c), say(plain, turned)
    else:
        there = say(net, turned)
    assert close(there, Heads(here.cart @ turn.T, turn @ here.cell @ turn.T, here.logits))
    assert torch.allclose(here.cell, here.cell.mT)
    assert all(float(x.abs().max()) > 1e-4 for x in here)


def test_turning_the_atoms_without_the_cell_is_seen(net):
    c = state()
    wrong = c._replace(frac=c.frac[..., [1, 2, 0]])
    assert not close(say(net, c), say(net, wrong), atol=1e-4)


def test_renumbered_atoms(net):
    c = state()
    order = torch.tensor([2, 0, 3, 1])
    there = say(net, c._replace(frac=c.frac[:, order], species=c.species[:, order],
                                mask=c.mask[:, order]))  # fmt: skip
    here = say(net, c)
    live = c.mask[:, order]
    assert torch.allclose(there.cart, here.cart[:, order])
    assert torch.allclose(there.logits[live], here.logits[:, order][live])
    assert torch.allclose(there.cell, here.cell)


def test_moved_origin_and_other_images(net):
    c, here = state(), say(net, state())
    whole = torch.randint(-2, 3, c.frac.shape, generator=seeded(3))
    assert close(say(net, c._replace(frac=c.frac + whole)), here)
    assert close(say(net, c._replace(frac=c.frac + torch.rand(3, generator=seeded(4)))), here)
    assert float(here.cart[~c.mask].abs().max()) == 0


def test_a_supercell_says_the_same(net):
    c = state()
    one = Crystals(*(x[:1] for x in c))
    copies = torch.cartesian_prod(*[torch.arange(k, dtype=torch.float64) for k in (2, 1, 3)])
    size = torch.tensor([2.0, 1.0, 3.0], dtype=torch.float64)
    frac = ((one.frac[0][None] + copies[:, None]) / size).reshape(1, -1, 3)
    large = Crystals(
        one.cell * size[:, None], frac, one.species.repeat(1, 6), one.mask.repeat(1, 6)
    )
    here, there = say(net, one, T[:1]), say(net, large, T[:1])
    assert torch.allclose(there.cart, here.cart.repeat(1, 6, 1))
    assert torch.allclose(there.logits, here.logits.repeat(1, 6, 1))
    # Within the 1e-3 that keeps a lattice without edges finite.
    assert torch.allclose(there.cell, here.cell, atol=1e-3 * float(here.cell.abs().max()))


def test_nothing_jumps_at_the_cutoff(net):
    # Two atoms drift apart through the cutoff of 4.5 Å in a cell so large that it does not shrink.
    cell = 9.5 * torch.eye(3, dtype=torch.float64)[None]
    species, mask = torch.tensor([[6, 8, 26]]), torch.ones(1, 3, dtype=torch.bool)

    def at(d):
        x = torch.tensor([[[0.0, 0, 0], [d, 0, 0], [0, 2.0, 0]]], dtype=torch.float64) / 9.5
        return say(net, Crystals(cell, x, species, mask), T[:1])

    jump = [(a - b).abs().max() for a, b in zip(at(4.5 - 1e-6), at(4.5 + 1e-6), strict=True)]
    slope = [(a - b).abs().max() for a, b in zip(at(4.0 - 1e-6), at(4.0 + 1e-6), strict=True)]
    assert max(map(float, jump)) < 1e-9
    assert max(map(float, slope)) > 1e-9


def test_time_and_mask_are_heard(net):
    c = state()
    assert not close(say(net, c), say(net, c, T.flip(0)), atol=1e-4)
    deaf = network(time=False)
    assert close(say(deaf, c), say(deaf, c, T.flip(0)))
    assert not close(say(net, c), say(net, c._replace(species=c.species.clamp(max=90))), atol=1e-4)


def test_new_adapters_change_nothing_until_they_are_trained(net):
    c = state()
    adapted = network(conditions=("chemical_system", "space_group", "scalar"))
    missing = adapted.load_state_dict(net.state_dict(), strict=False)
    assert not missing.unexpected_keys
    cond = {
        "chemical_system": chemical_system(c.species).double(),
        "space_group": torch.tensor([221, 0]),
        "scalar": torch.tensor([0.3, float("nan")], dtype=torch.float64),
    }
    here = say(net, c)
    assert all(torch.equal(a, b) for a, b in zip(say(adapted, c, T, cond), here, strict=True))
    for name in cond:
        with torch.no_grad():
            adapted.adapters[name][0].mix.weight.normal_(generator=seeded(5))
        assert not close(say(adapted, c, T, {name: cond[name]}), here, atol=1e-4)
        nothing = open_condition(name, 2).to(cond[name])
        assert close(say(adapted, c, T, {name: nothing}), here)
    with pytest.raises(ValueError, match="this network was built for no condition, not for"):
        say(net, c, T, cond)
    with pytest.raises(ValueError, match="this course has chemical_system, space_group"):
        GemNet(TINY, conditions=("colour",))


def test_one_condition_is_kept_at_a_time():
    cond = {"space_group": torch.full((4000,), 221), "scalar": torch.ones(4000)}
    kept = drop(cond, 0.2, seeded(6))
    group, scalar = kept["space_group"] > 0, ~kept["scalar"].isnan()
    assert not bool((group & scalar).any())
    for share, expected in ((group, 0.4), (scalar, 0.4), (~(group | scalar), 0.2)):
        tolerance = 5 * math.sqrt(expected * (1 - expected) / 4000)
        assert abs(float(share.double().mean()) - expected) < tolerance
    alone = drop({"scalar": torch.ones(50)}, 0.0)["scalar"]
    assert torch.equal(alone, torch.ones(50)) and drop({}, 0.5) == {}
    hot = chemical_system(torch.tensor([[8, 26, 8, 101, 0]]))
    assert hot.nonzero()[:, 1].tolist() == [7, 25]
    with pytest.raises(ValueError, match="probability = 2: need 0 to 1"):
        drop(cond, 2)


def test_the_published_network_has_the_published_numbers():
    with torch.device("meta"):
        counts = parameters_by_module(GemNet(PUBLISHED))
    assert sum(counts.values()) - counts["element head"] == 44_510_230
    assert sum(counts.values()) == 44_562_043
    assert counts["atom embedding"] == 101 * 512
    assert counts["noise-level encoding"] == 0
    assert counts["interaction blocks"] == 4 * 5_423_104
    assert counts["output blocks"] == 5 * 3_687_424
    assert counts["lattice blocks"] == 5 * 532_992
    assert counts["element head"] == 51_813
    with torch.device("meta"):
        adapted = parameters_by_module(GemNet(PUBLISHED, conditions=("scalar",)))
    assert adapted["adapters"] == 4_198_400


def test_small_is_small():
    net = GemNet(SMALL)
    counts = parameters_by_module(net)
    assert sum(counts.values()) == sum(p.numel() for p in net.parameters()) < 200_000


def test_scales_keep_the_size_of_sums():
    net, c = network(), state()
    fit_scales(net, c, T)
    factors = [p for name, p in net.named_parameters() if name.endswith(".factor")]
    assert factors and all(not p.requires_grad and float(p) != 1 for p in factors)
    before = say(net, c)
    fit_scales(net, c, T)  # fitted again on the same batch: already right
    assert close(before, say(net, c), atol=1e-6)


def test_bases():
    x = torch.tensor([0.0, 0.5, 1.0, 1.5], dtype=torch.float64)
    y = envelope(x)
    assert y[0] == 1 and y[3] == 0 and abs(float(y[2])) < 1e-12 and 0 < float(y[1]) < 1
    edge = torch.tensor(1 - 1e-4, dtype=torch.float64)
    assert float(envelope(edge)) < 1e-8  # flat where it ends
    # Bessel functions are orthonormal in the sphere: ∫ j_k j_l r² dr = δ_kl.
    r = torch.linspace(1e-6, 5, 20_001, dtype=torch.float64)
    waves = bessel(r, 4, 5.0) * r[:, None]
    gram = torch.trapezoid(waves[:, :, None] * waves[:, None], r, dim=0)
    assert torch.allclose(gram, torch.eye(4, dtype=torch.float64), atol=1e-6)
    c = torch.linspace(-1, 1, 5, dtype=torch.float64)
    third = torch.stack([c**0, c, (3 * c**2 - 1) / 2, (5 * c**3 - 3 * c) / 2], -1)
    assert torch.allclose(legendre(c, 4), third)
    assert legendre(c, 1).shape == (5, 1)
    features = noise_features(torch.rand(7), 6)
    assert features.shape == (7, 6)
    assert torch.allclose(features[:, :3].square() + features[:, 3:].square(), torch.ones(7, 3))
    with pytest.raises(ValueError, match="n = 0: need at least one polynomial"):
        legendre(c, 0)
    with pytest.raises(ValueError, match="n = 5: sines and cosines come in pairs"):
        noise_features(torch.rand(3), 5)


def test_layers_keep_the_variance():
    torch.manual_seed(0)
    x = torch.randn(20_000, 32)
    for layer, low, high in ((ScaledSiLU(), 0.8, 1.1), (Dense(32, 32, False), 0.9, 1.1),
                             (Residual(32), 0.6, 1.2)):  # fmt: skip
        assert low < layer(x).square().mean().item() < high
