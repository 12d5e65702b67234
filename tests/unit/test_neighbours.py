"""Neighbours across periodic images against ASE's own list, and their bookkeeping."""

import math

import pytest
import torch
from ase.neighborlist import neighbor_list

from helpers.matter import Crystals, cell_from_parameters, crystal, pack, prototypes, to_ase, unpack
from helpers.models.neighbours import neighbours, reach_of

PARAMETERS = [
    (4.0, 4.0, 4.0, 90, 90, 90),
    (2.9, 2.9, 2.9, 60, 60, 60),
    (2.5, 2.5, 8.8, 90, 90, 120),
    (3.0, 4.5, 9.0, 75, 100, 130),
    (2.2, 3.0, 12.0, 90, 90, 40),
]


def batch():
    g = torch.Generator().manual_seed(0)
    cells = cell_from_parameters(*torch.tensor(PARAMETERS, dtype=torch.float64).unbind(-1))
    rows = []
    for k, cell in enumerate(cells):
        frac = torch.rand(1 + k, 3, generator=g, dtype=torch.float64)
        rows.append(crystal(cell, frac, torch.arange(1, 2 + k)))
    return pack(rows)


def keys(i, j, shift):
    return sorted((int(a), int(b), *map(int, s)) for a, b, s in zip(i, j, shift, strict=True))


def test_the_same_pairs_and_vectors_as_ase():
    c = batch()
    e = neighbours(c.frac, c.cell, c.mask, 5.0)
    n = c.frac.shape[1]
    for k, one in enumerate(unpack(c)):
        i, j, shift = neighbor_list("ijS", to_ase(one), 5.0)
        here = e.structure == k
        found = keys(e.target[here] - k * n, e.source[here] - k * n, e.image[here])
        assert found == keys(i, j, shift)
    whole = c.frac.flatten(0, 1)[e.source] + e.image - c.frac.flatten(0, 1)[e.target]
    vector = (whole[:, None] @ c.cell[e.structure]).squeeze(1)
    assert torch.allclose(e.vector, vector, atol=1e-10)
    assert torch.allclose(e.length, vector.norm(dim=-1))


def test_coordinates_outside_the_cell_and_other_cells_of_the_lattice_change_nothing():
    c = batch()
    far = c.frac + torch.randint(-3, 4, c.frac.shape, generator=torch.Generator().manual_seed(1))
    shear = torch.tensor([[1.0, 0, 0], [2, 1, 0], [-1, 3, 1]], dtype=torch.float64)
    sheared = torch.linalg.solve(shear, c.frac, left=False)
    lengths = neighbours(c.frac, c.cell, c.mask, 5.0).length.sort().values
    for frac, cell in ((far, c.cell), (sheared, shear @ c.cell)):
        other = neighbours(frac, cell, c.mask, 5.0).length.sort().values
        assert torch.allclose(lengths, other)


def test_ways_back_and_slots():
    c = batch()
    e = neighbours(c.frac, c.cell, c.mask, 5.0)
    assert torch.equal(e.source[e.back], e.target) and torch.equal(e.image[e.back], -e.image)
    assert torch.equal(e.vector[e.back], -e.vector)
    assert torch.equal(e.slots[e.target, e.place], torch.arange(len(e.target)))
    assert int((e.slots >= 0).sum()) == len(e.target)
    padding = ~c.mask.flatten()
    assert bool((e.slots[padding] == -1).all())


def test_one_atom_has_its_own_images():
    iron = prototypes(torch.float64)["bcc Fe"]
    one = Crystals(
        iron.cell[None], iron.frac[None, :1], torch.tensor([[26]]), torch.tensor([[True]])
    )
    e = neighbours(one.frac, one.cell, one.mask, 2.9)
    assert len(e.length) == 6
    assert torch.allclose(e.length, torch.full((6,), 2.87, dtype=torch.float64))


def test_the_radius_shrinks_with_the_density():
    c = batch()
    plain = reach_of(c.cell, c.mask, 5.0, None)
    assert torch.equal(plain, torch.full((5,), 5.0, dtype=torch.float64))
    capped = reach_of(c.cell, c.mask, 5.0, 10)
    atom = torch.linalg.det(c.cell) / c.mask.sum(-1)
    full = 4 / 3 * math.pi * capped**3 / atom
    assert bool(((full - 10).abs() < 1e-9).logical_or(capped == 5.0).all())
    assert bool((capped < 5.0).any())
    e = neighbours(c.frac, c.cell, c.mask, 5.0, 10)
    assert torch.equal(e.reach, capped)
    assert bool((e.length < capped[e.structure]).all())


def test_words():
    c = batch()
    with pytest.raises(ValueError, match="cutoff = 0, most = None: need lengths and numbers"):
        neighbours(c.frac, c.cell, c.mask, 0)
