"""Judging crystals: tests that say no, a relaxation that goes downhill, a hull by hand."""

import math

import pytest
import torch
from ase.calculators.emt import EMT

from helpers.evaluate.hull import HULL, Phase, above_hull, load_hull, save_hull, shares_of
from helpers.evaluate.relax import Forces, relax, relax_each
from helpers.evaluate.sun import (
    Library,
    Sun,
    judge,
    novel,
    random_crystals,
    unique,
    validity,
)
from helpers.matter import crystal, pack, prototypes, to_ase, unpack, volume
from helpers.matter.symmetry import space_groups


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def emt(crystals):
    """ASE's toy potential for fcc metals in the form of `Potential`."""
    energy, force, stress = [], torch.zeros(crystals.frac.shape, dtype=torch.float64), []
    for k, one in enumerate(unpack(crystals)):
        atoms = to_ase(one)
        atoms.calc = EMT()
        energy.append(atoms.get_potential_energy() / len(atoms))
        force[k, : len(atoms)] = torch.as_tensor(atoms.get_forces())
        stress.append(torch.as_tensor(atoms.get_stress(voigt=False)))
    return Forces(torch.tensor(energy), force, torch.stack(stress))


def aluminium(a=4.05, shift=0.0):
    ideal = prototypes(torch.float64)["fcc Al"]
    frac = ideal.frac + shift * torch.randn(ideal.frac.shape, generator=seeded(0)).double()
    return crystal(ideal.cell * a / 4.05, frac, ideal.species)


def test_validity_says_no():
    good = list(prototypes(torch.float64).values())
    close = aluminium()._replace(frac=torch.full((4, 3), 0.1).double())
    tight, thin = aluminium(2.3), aluminium(12.0)
    inside_out = aluminium()._replace(cell=-aluminium().cell)
    nothing = aluminium()._replace(cell=aluminium().cell * float("nan"))
    found = validity(pack([*good, close, tight, thin, inside_out, nothing]))
    assert found.sane.tolist() == [True] * 3 + [False, True, True, False, False]
    assert found.spaced.tolist() == [True] * 3 + [False, False, True, False, False]
    assert found.filled.tolist() == [True] * 3 + [False] * 5
    assert found.all.tolist() == [True] * 3 + [False] * 5


def test_the_random_control_keeps_numbers_and_elements():
    like = pack([*prototypes(torch.float64).values()] * 20)
    noise = random_crystals(like, seeded(1))
    assert torch.equal(noise.mask, like.mask)
    assert set(noise.species.unique().tolist()) == {0, 6, 13, 26}
    density = like.mask.sum(-1) / volume(noise.cell)
    assert torch.allclose(density, torch.full((60,), 0.05771451654).double())
    assert float(validity(noise).all.double().mean()) < 0.7


def test_equal_structures_are_found():
    al, c, fe = aluminium(), *list(prototypes(torch.float64).values())[2:], prototypes()["bcc Fe"]
    moved = al._replace(frac=(al.frac + 0.3) % 1)
    one = crystal(0.5 * 4.05 * (1 - torch.eye(3).double()), torch.zeros(1, 3).double(), [13])
    structures = [al, c, moved, fe, one]
    assert unique(structures).tolist() == [True, True, False, True, False]
    assert novel(structures, Library([c])).tolist() == [True, False, True, True, True]
    assert space_groups(pack(structures)).tolist() == [225, 227, 225, 229, 225]


def test_relaxation_goes_downhill_to_the_known_lattice():
    # EMT's aluminium is at 3.99 Å.
    start = pack([aluminium(4.3, 0.02), aluminium(3.8, 0.02)])
    found = relax(start, emt, 25)
    edges = (volume(found.crystals.cell)) ** (1 / 3)
    assert torch.allclose(edges, torch.full((2,), 3.99).double(), atol=0.01)
    assert bool((found.energy < found.before - 0.01).all())
    assert bool((found.force < 0.05).all())
    assert bool((found.moved > 0.02).all())
    still = relax(start, emt, 0)
    assert torch.equal(still.energy, still.before)
    assert torch.equal(still.crystals.cell, start.cell)
    mixed = relax_each([aluminium(4.3), prototypes(torch.float64)["diamond C"]], emt, 2)
    assert mixed.crystals.mask.sum(-1).tolist() == [4, 8]
    with pytest.raises(ValueError, match="n_steps = -1, limit = 0.15: need 0 or more"):
        relax(start, emt, -1)


def test_the_hull_by_hand():
    phases = [Phase({13: 1.0}, -3.0), Phase({8: 1.0}, -4.0), Phase({13: 0.5, 8: 0.5}, -6.0)]
    species = torch.tensor([[13, 8, 0, 0], [13, 13, 13, 8], [8, 8, 8, 8], [26, 8, 0, 0]])
    energy = torch.tensor([-5.5, -5.0, -4.2, -5.0], dtype=torch.float64)
    found = above_hull(phases, species, energy)
    # At Al3O: half of it is AlO at −6.0, half is Al at −3.0.
    assert torch.allclose(found[:3], torch.tensor([0.5, -0.5, -0.2]).double(), atol=1e-9)
    assert math.isnan(float(found[3]))  # no phase of iron
    assert shares_of([13, 13, 8, 0]) == {13: 2 / 3, 8: 1 / 3}


def test_a_hull_is_kept(tmp_path):
    phases = [Phase({13: 0.5, 8: 0.5}, -6.12345, "made up")]
    save_hull(phases, tmp_path / "hull.json")
    (found,) = load_hull(tmp_path / "hull.json")
    assert found == Phase({13: 0.5, 8: 0.5}, -6.1235, "made up")


def test_all_verdicts_at_once():
    good, other = aluminium(4.0), prototypes(torch.float64)["diamond C"]
    close = aluminium()._replace(frac=torch.full((4, 3), 0.1).double())
    made = pack([good, aluminium(4.1), other, close])
    phases = [Phase({13: 1.0}, float(emt(pack([aluminium(3.99)])).energy))]
    found = judge(made, Library([other]), phases, emt, 3)
    assert isinstance(found, Sun)
    shares = [getattr(found, x).value for x in ("valid", "unique", "novel", "stable", "sun")]
    assert shares == [0.75, 0.5, 0.5, 0.5, 0.25]
    assert found.verdict.tolist() == [True, False, False, False]
    assert found.groups.tolist() == [225, 225, 227, 0]
    assert str(found) == "valid 75 %, unique 50 %, novel 50 %, stable 50 %, sun 25 %"
    known = judge(made, None, phases, emt, 0)
    assert known.novel.value == known.sun.value == 0
    assert HULL.name == "chgnet_hull.json"
