"""Crystals of single elements, and how they are shaken."""

import pytest
import torch

from helpers.matter import crystal, minimum_image, pair_distances
from helpers.matter.elements import COORDINATION, Element, Shaken, elements, shake


def test_there_are_62_elements_with_the_right_number_of_neighbours():
    found = elements()
    assert len(found) == 62 and all(isinstance(e, Element) for e in found)
    count = {name: sum(e.lattice == name for e in found) for name in COORDINATION}
    assert count == {"fcc": 20, "hcp": 25, "bcc": 14, "diamond": 3}
    atoms = {e.lattice: len(e.crystal.species) for e in found}
    assert atoms == {"fcc": 4, "hcp": 2, "bcc": 2, "diamond": 8}
    for e in found:
        assert (e.crystal.species == e.crystal.species[0]).all()
    # Neighbours of the first atom within 1.2 of the nearest, counted in a block of cells.
    block = torch.cartesian_prod(*[torch.arange(-2, 3)] * 3)
    for e in found:
        diff = e.crystal.frac[None] + block[:, None] - e.crystal.frac[0]
        r = (diff @ e.crystal.cell).norm(dim=-1).flatten()
        r = r[r > 1e-3]
        limit = 1.1 if e.lattice == "bcc" else 1.2
        assert int((r < limit * r.min()).sum()) == COORDINATION[e.lattice] or e.lattice == "hcp"


def test_lattices_can_be_chosen_and_unknown_ones_are_named():
    assert {e.lattice for e in elements(("bcc", "diamond"))} == {"bcc", "diamond"}
    with pytest.raises(ValueError, match="no lattice sc: there are fcc, hcp, bcc, diamond"):
        elements(("fcc", "sc"))


def test_a_shake_has_the_size_it_says():
    ideal = elements(("diamond",))[0].crystal
    g = torch.Generator().manual_seed(1)
    made = shake(ideal, 0.25, -0.03, g)
    assert isinstance(made, Shaken) and made.displacement == 0.25 and made.strain == -0.03
    assert torch.allclose(made.crystal.cell, 0.97 * ideal.cell)
    away = minimum_image(
        (made.crystal.frac - ideal.frac)[None].double(), made.crystal.cell[None].double()
    )[0]
    assert float(away.square().sum(-1).mean().sqrt()) == pytest.approx(0.25, rel=1e-4)
    assert away.mean(0).abs().max() < 1e-6
    assert bool(((made.crystal.frac >= 0) & (made.crystal.frac < 1)).all())


def test_without_displacement_only_the_lengths_change():
    ideal = elements(("fcc",))[0].crystal
    made = shake(ideal, 0.0, 0.02).crystal
    assert torch.equal(made.frac, ideal.frac)
    near = [pair_distances(c.frac, c.cell).min() for c in (ideal, made)]
    assert float(near[1] / near[0]) == pytest.approx(1.02, rel=1e-5)


def test_impossible_shakes_are_refused():
    ideal = elements(("bcc",))[0].crystal
    with pytest.raises(ValueError, match="displacement = -0.1 Å, strain = 0.0: need"):
        shake(ideal, -0.1)
    with pytest.raises(ValueError, match="displacement = 0.1 Å, strain = -1: need"):
        shake(ideal, 0.1, -1)
    one = crystal(3 * torch.eye(3), torch.zeros(1, 3), torch.tensor([26]))
    with pytest.raises(ValueError, match="one atom in a cell has no displacement of its own"):
        shake(one, 0.1)
