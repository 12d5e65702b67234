"""Crystals, padded batches, and the 21 structures of chapter 04."""

import ase.build
import numpy as np
import pytest
import torch

from helpers.matter import Crystal, Crystals, crystal, pack, prototypes, unpack, variants, volume

EYE = torch.eye(3)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_prototypes_are_those_of_ase():
    ideal = prototypes(torch.float64)
    ase_says = {
        "fcc Al": ase.build.bulk("Al", "fcc", a=4.05, cubic=True),
        "bcc Fe": ase.build.bulk("Fe", "bcc", a=2.87, cubic=True),
        "diamond C": ase.build.bulk("C", "diamond", a=3.57, cubic=True),
    }
    assert list(ideal) == list(ase_says)
    for name, atoms in ase_says.items():
        got = ideal[name]
        np.testing.assert_allclose(got.cell, atoms.cell.array, atol=1e-12)
        assert got.species.tolist() == atoms.numbers.tolist()
        ours = {tuple(row) for row in got.frac.tolist()}
        assert ours == {tuple(row) for row in atoms.get_scaled_positions().round(9).tolist()}
    assert {c.cell.dtype for c in prototypes().values()} == {torch.float32}


def test_the_21_structures():
    found, ideal = variants(generator(), torch.float64), list(prototypes(torch.float64).values())
    assert len(found) == 21
    for kind in range(3):
        first, *six = found[7 * kind : 7 * kind + 7]
        assert all(torch.equal(a, b) for a, b in zip(first, ideal[kind], strict=True))
        for i, thermal in enumerate(six[:3]):
            assert torch.equal(thermal.cell, first.cell)
            shift = thermal.frac - first.frac
            shift = shift - shift.round()
            assert 0 < shift.abs().max() < 5 * (0.02 + 0.01 * i)
        for strained in six[3:]:
            assert torch.equal(strained.frac, first.frac)
            stretch = strained.cell.diagonal() / first.cell.diagonal()
            assert ((stretch - 1).abs() <= 0.03).all() and len(set(stretch.tolist())) == 3
            assert torch.equal(strained.cell, torch.diag(strained.cell.diagonal()))
        assert all(torch.equal(c.species, first.species) for c in six)
    assert all(((c.frac >= 0) & (c.frac < 1)).all() for c in found)
    again, other = variants(generator(), torch.float64), variants(generator(1), torch.float64)
    assert all(torch.equal(a.frac, b.frac) for a, b in zip(found, again, strict=True))
    assert not torch.equal(found[1].frac, other[1].frac)


def test_noise_and_strain_have_the_stated_size():
    shifts, stretches = {0: [], 1: [], 2: []}, []
    ideal = list(prototypes(torch.float64).values())
    for seed in range(60):
        found = variants(generator(seed), torch.float64)
        for kind in range(3):
            for i in range(3):
                shift = found[7 * kind + 1 + i].frac - ideal[kind].frac
                shifts[i].append((shift - shift.round()).flatten())
                strained = found[7 * kind + 4 + i].cell.diagonal()
                stretches.append(strained / ideal[kind].cell.diagonal() - 1)
    for i, parts in shifts.items():
        noise = torch.cat(parts)
        sigma, error = 0.02 + 0.01 * i, (2 * len(noise)) ** -0.5
        assert abs(float(noise.std()) / sigma - 1) < 5 * error
        assert abs(float(noise.mean())) < 5 * sigma / len(noise) ** 0.5
    stretch = torch.cat(stretches)
    # Uniform on ±0.03: the standard deviation is 0.03/√3, the kurtosis 9/5.
    assert abs(float(stretch.std()) / (0.03 / 3**0.5) - 1) < 5 * (0.2 / len(stretch)) ** 0.5
    assert float(stretch.max()) > 0.029 and float(stretch.min()) < -0.029


def test_batches_are_padded_and_come_back():
    found = variants(generator())
    batch = pack(found)
    assert isinstance(batch, Crystals) and batch.cell.shape == (21, 3, 3)
    assert batch.frac.shape == (21, 8, 3) and batch.frac.dtype == torch.float32
    assert batch.species.dtype == torch.int64 and batch.mask.dtype == torch.bool
    # 7 structures of each: 4, 2 and 8 atoms. 98 of 168 places are filled.
    assert batch.mask.sum(1).tolist() == [4] * 7 + [2] * 7 + [8] * 7
    assert torch.equal(batch.species == 0, ~batch.mask) and (batch.frac[~batch.mask] == 0).all()
    for a, b in zip(found, unpack(batch), strict=True):
        assert isinstance(b, Crystal)
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_a_crystal_is_wrapped_and_typed():
    made = crystal((2 * torch.eye(3)).tolist(), [[-0.25, 1.0, 0.5]], [26])
    assert made.species.dtype == torch.int64 and made.cell.dtype == torch.float32
    torch.testing.assert_close(made.frac, torch.tensor([[0.75, 0.0, 0.5]]))
    assert volume(made.cell) == 8
    double = crystal(np.eye(3), np.zeros((1, 3)), np.array([118], dtype=np.uint8))
    assert double.frac.dtype == torch.float64 and double.species.tolist() == [118]


def test_bad_crystals_are_refused_in_words():
    frac, species = torch.rand(2, 3), torch.tensor([6, 6])
    with pytest.raises(ValueError, match=r"one crystal needs one cell of shape \(3, 3\)"):
        crystal(EYE.expand(2, 3, 3), frac, species)
    with pytest.raises(ValueError, match="the cell has zero volume"):
        crystal(torch.ones(3, 3), frac, species)
    with pytest.raises(ValueError, match="the cell is left-handed"):
        crystal(-EYE, frac, species)
    with pytest.raises(ValueError, match="the cell holds NaN"):
        crystal(EYE * torch.nan, frac, species)
    for bad in (frac[0], frac[:, :2], frac[:0]):
        with pytest.raises(ValueError, match=r"fractional coordinates need the shape \(N, 3\)"):
            crystal(EYE, bad, species)
    for bad in (frac * torch.nan, torch.zeros(2, 3, dtype=torch.int64)):
        with pytest.raises(ValueError, match="fractional coordinates must be finite"):
            crystal(EYE, bad, species)
    for bad in (species[:1], species.float(), species[:, None], torch.tensor([True, False])):
        with pytest.raises(ValueError, match="2 atoms need 2 whole atomic numbers"):
            crystal(EYE, frac, bad)
    for z in (0, -1, 119):
        with pytest.raises(ValueError, match="no element has one of the atomic numbers"):
            crystal(EYE, frac, torch.tensor([6, z]))
    with pytest.raises(ValueError, match="no crystals to pack"):
        pack([])
