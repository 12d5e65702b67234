"""The network of the crystals keeps their symmetries, whatever its weights are."""

import math

import pytest
import torch

from helpers.learn import denoising_loss
from helpers.matter import Crystals, cell_to_vector, prototypes
from helpers.models.crystals import CrystalNet, wave_vectors
from helpers.noise import VE, Denoiser, Path
from helpers.noise.spaces import Torus

B, N = 3, 5


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def batch(dtype=torch.float64):
    g = seeded(1)
    cell = 4 * torch.eye(3, dtype=dtype) + torch.rand(B, 3, 3, generator=g, dtype=dtype)
    frac = torch.rand(B, N, 3, generator=g, dtype=dtype)
    species = torch.randint(1, 90, (B, N), generator=g)
    species[1, 3:] = 0  # one smaller structure
    return Crystals(cell, frac, species, species > 0)


def network(**options):
    torch.manual_seed(0)
    return CrystalNet(hidden=16, layers=2, lattice_head=True, **options).double()


T = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)


def both(net, c, t=T):
    with torch.no_grad():
        return net.both(c.frac, t, c)


def close(a, b):
    for x, y in zip(a, b, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-9, atol=1e-9)


def test_atoms_renumbered_renumber_the_field_and_leave_the_cell():
    net, c = network(), batch()
    order = torch.tensor([4, 2, 0, 1, 3])
    moved = Crystals(c.cell, c.frac[:, order], c.species[:, order], c.mask[:, order])
    field, cell = both(net, c)
    close(both(net, moved), (field[:, order], cell))
    assert field[0].std() > 1e-3 and cell.std() > 1e-3  # there is something to compare


def test_a_common_shift_and_other_images_change_nothing():
    net, c = network(), batch()
    shift = torch.rand(B, 1, 3, generator=seeded(2), dtype=torch.float64)
    whole = torch.randint(-3, 4, (B, N, 3), generator=seeded(3))
    close(both(net, c._replace(frac=c.frac + shift + whole)), both(net, c))


def test_one_atom_moved_does_change_it():
    net, c = network(), batch()
    other = c.frac.clone()
    other[:, 0, 0] += 0.1
    assert (both(net, c._replace(frac=other))[0] - both(net, c)[0]).abs().max() > 1e-4


def test_a_rotation_of_the_crystal_changes_nothing_and_a_stretch_does():
    net, c = network(), batch()
    turn = torch.linalg.qr(torch.randn(3, 3, generator=seeded(4), dtype=torch.float64))[0]
    close(both(net, c._replace(cell=c.cell @ turn)), both(net, c))
    stretched = c._replace(cell=c.cell * torch.tensor([1.1, 1, 1], dtype=torch.float64))
    assert (both(net, stretched)[0] - both(net, c)[0]).abs().max() > 1e-4


def test_padding_changes_nothing_and_gets_nothing():
    net, c = network(), batch()
    g = seeded(5)
    junk = torch.rand(B, 2, 3, generator=g, dtype=torch.float64)
    none = torch.zeros(B, 2, dtype=torch.int64)
    padded = Crystals(
        c.cell, torch.cat([c.frac, junk], 1), torch.cat([c.species, none], 1),
        torch.cat([c.mask, none.bool()], 1),
    )  # fmt: skip
    field, cell = both(net, c)
    more, same = both(net, padded)
    close((more[:, :N], same), (field, cell))
    assert (more[~padded.mask] == 0).all()
    moved = padded._replace(frac=torch.where(padded.mask[..., None], padded.frac, 0.77))
    close(both(net, moved), (more, same))


def test_the_field_has_no_net_shift():
    net, c = network(), batch()
    field, _ = both(net, c)
    torch.testing.assert_close(field.sum(1), torch.zeros(B, 3, dtype=torch.float64))


def test_one_atom_alone_has_nowhere_to_go():
    net, c = network(), batch()
    one = Crystals(c.cell, c.frac[:, :1], c.species[:, :1], c.mask[:, :1])
    field, cell = both(net, one)
    assert (field == 0).all() and cell.isfinite().all()


def test_time_elements_and_the_order_of_time_matter():
    net, c = network(), batch()
    field = both(net, c)[0]
    assert (both(net, c, T.flip(0))[0] - field).abs().max() > 1e-4
    assert (
        both(net, c._replace(species=c.species % 90 + c.mask.long()))[0] - field
    ).abs().max() > (1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_and_gradients(dtype):
    net, c = network().to(dtype), batch(dtype)
    frac = c.frac.clone().requires_grad_()
    field, cell = net.both(frac, T, c)
    assert field.dtype == cell.dtype == dtype
    (field.square().sum() + cell.square().sum()).backward()
    gradients = [frac.grad, *(p.grad for p in net.parameters())]
    assert all(g is not None and g.isfinite().all() and g.abs().max() > 0 for g in gradients)


def test_it_is_the_net_of_a_denoiser_on_the_torus():
    c = batch(torch.float32)
    denoiser = Denoiser(network().float(), Path(VE(0.01, 0.5), Torus()))
    t = T.float()
    value = denoising_loss(denoiser, c.frac, t, cond=c, generator=seeded(6))
    assert value.isfinite() and denoiser(c.frac, t[0], c).score.shape == c.frac.shape


def test_without_its_head_it_does_not_speak_of_the_cell():
    net, c = CrystalNet(hidden=8, layers=1).double(), batch()
    assert net(c.frac, T, c).shape == (B, N, 3)
    with pytest.raises(ValueError, match="says nothing of the cell"):
        net.both(c.frac, T, c)


def test_the_six_numbers_of_known_cells():
    """log √(C Cᵀ) of a diagonal cell is the logarithm of its edges; its trace is log volume."""
    edges = torch.tensor([2.0, 3.0, 5.0], dtype=torch.float64)
    expected = torch.tensor([math.log(2), 0, 0, math.log(3), 0, math.log(5)], dtype=torch.float64)
    torch.testing.assert_close(cell_to_vector(torch.diag(edges)), expected)
    cell = batch().cell
    f = cell_to_vector(cell)
    trace = f[:, 0] + f[:, 3] + f[:, 5]
    torch.testing.assert_close(trace, torch.linalg.det(cell).abs().log())
    cubic = torch.stack([c.cell for c in prototypes(torch.float64).values()])
    assert cell_to_vector(cubic)[:, [1, 2, 4]].abs().max() < 1e-12


def test_wave_vectors_are_half_of_the_shells():
    k = wave_vectors(3)
    assert len(k) == (6 + 12 + 8) // 2
    assert len(wave_vectors(4)) == (6 + 12 + 8 + 6) // 2
    both_signs = {tuple(v) for v in torch.cat([k, -k]).tolist()}
    assert len(both_signs) == 2 * len(k)
    assert {sum(n * n for n in v) for v in both_signs} == {1, 2, 3}
    with pytest.raises(ValueError, match="there is no wave at all"):
        wave_vectors(0)
