"""Order: shells, coordination, density and g(r), periodic images included."""

import ase.build
import numpy as np
import pytest
import torch
from ase.neighborlist import neighbor_list
from pymatgen.core import Structure

from benchmarks.minimum_image import random_cells
from helpers.matter import (
    RDF,
    Crystals,
    Shell,
    coordination,
    crystal,
    density,
    from_ase,
    number_density,
    pack,
    prototypes,
    rdf,
    shells,
    to_ase,
    unpack,
    variants,
)

IDEAL = prototypes(torch.float64)
NAMES = list(IDEAL)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def box(batch, n, cell, seed=0):
    """`batch` structures of n atoms spread evenly over one cell."""
    frac = torch.rand(batch, n, 3, generator=generator(seed), dtype=torch.float64)
    species = torch.full((batch, n), 6)
    return Crystals(cell.expand(batch, 3, 3), frac, species, species > 0)


@pytest.mark.parametrize(
    "name, known",
    [
        ("fcc Al", [(2.864, 12), (4.050, 6), (4.960, 24)]),
        ("bcc Fe", [(2.486, 8), (2.870, 6), (4.059, 12)]),
        ("diamond C", [(1.546, 4), (2.524, 12), (2.960, 12)]),
    ],
)
def test_shells(name, known):
    for dtype in (torch.float32, torch.float64):
        found = shells(prototypes(dtype)[name])
        assert all(isinstance(s, Shell) for s in found)
        assert [s.neighbours for s in found] == [count for _, count in known]
        # The table has three decimals: half of the last one, and 2.4855 on its edge.
        distances = [s.distance for s in found]
        assert distances == pytest.approx([d for d, _ in known], abs=6e-4)
    far = shells(IDEAL[name], 12)
    assert len(far) == 12 and far[:3] == shells(IDEAL[name])
    assert all(a.distance < b.distance for a, b in zip(far, far[1:], strict=False))


def test_shells_do_not_depend_on_the_choice_of_cell():
    primitive = from_ase(ase.build.bulk("Al", "fcc", a=4.05))
    assert len(primitive.frac) == 1
    for a, b in zip(shells(primitive, 6), shells(IDEAL["fcc Al"], 6), strict=True):
        assert a.neighbours == b.neighbours and a.distance == pytest.approx(b.distance)


def test_shells_count_the_mean_over_unlike_atoms():
    # CsCl with one corner atom more on an edge: neighbours differ from atom to atom.
    odd = crystal(4 * np.eye(3), np.array([[0, 0, 0], [0.25, 0, 0.0]]), [55, 17])
    first, second, *_ = shells(odd, 3)
    assert first == Shell(1.0, 1.0) and second == Shell(3.0, 1.0)
    with pytest.raises(ValueError, match="need at least one shell"):
        shells(odd, 0)


def test_shells_of_a_disordered_crystal():
    thermal = variants(generator(), torch.float64)[1]  # aluminium, displaced by 0.08 Å
    many = shells(thermal, 40, 0.02)
    # A shell that the search radius cuts would stand in the way of the longer list.
    assert all(shells(thermal, n, 0.02) == many[:n] for n in range(1, 40))
    with pytest.raises(ValueError, match="Å apart, not 100000: it is no lattice"):
        shells(thermal, 100_000)


def test_coordination_needs_its_cutoff():
    batch = pack([IDEAL[name] for name in NAMES])
    first = coordination(batch, 2.6)
    assert first.shape == (3, 8) and first.dtype == torch.int64
    assert first[1, :2].tolist() == [8, 8] and (first[~batch.mask] == 0).all()
    assert coordination(batch, 3.0)[1, :2].tolist() == [14, 14]
    assert coordination(batch, 3.4)[0, :4].tolist() == [12] * 4
    assert coordination(batch, 1.9)[2].tolist() == [4] * 8
    for bad in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="the radius must be a positive number of Å"):
            coordination(batch, bad)


def test_coordination_agrees_with_ase_far_beyond_the_cell():
    cells = random_cells(6, 40, 140, generator())
    cells[0] = torch.diag(torch.tensor([2.0, 8.0, 30.0]))  # a needle, then turned askew
    axes = torch.tensor([[1.0, 1, 1], [1, -1, 0], [1, 1, -2]], dtype=torch.float64)
    axes = axes / axes.norm(dim=-1, keepdim=True)
    cells = cells @ axes.T * axes.det()
    frac = torch.rand(6, 4, 3, generator=generator(1), dtype=torch.float64)
    batch = pack([crystal(c, f, [1, 2, 3, 4]) for c, f in zip(cells, frac, strict=True)])
    for cutoff in (2.1, 8.1):
        ours = coordination(batch, cutoff)
        for k, structure in enumerate(unpack(batch)):
            first = neighbor_list("i", to_ase(structure), cutoff)
            assert ours[k].tolist() == np.bincount(first, minlength=4).tolist()
            assert torch.equal(coordination(pack([structure]), cutoff)[0], ours[k])


def test_density():
    batch = pack([IDEAL[name] for name in NAMES])
    got = density(batch)
    torch.testing.assert_close(got, torch.tensor([2.698, 7.845, 3.507]).double(), atol=5e-4, rtol=0)
    n = torch.tensor([0.06021, 0.08460, 0.17583]).double()
    torch.testing.assert_close(number_density(batch), n, atol=5e-6, rtol=0)
    salt = crystal(4.12 * np.eye(3), np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), [55, 17])
    structure = Structure(salt.cell.numpy(), [55, 17], salt.frac.numpy())
    assert float(density(pack([salt]))) == pytest.approx(float(structure.density), rel=1e-4)


@pytest.mark.parametrize(
    "name, minimum, count", [(NAMES[0], 3.4, 12), (NAMES[1], 2.68, 8), (NAMES[2], 1.9, 4)]
)
def test_the_integral_of_g_to_its_first_minimum(name, minimum, count):
    batch = pack([IDEAL[name]])
    for dr in (0.02, 0.05):
        found = rdf(batch, 8.0, dr)
        rho, inside = float(number_density(batch)), found.r < minimum
        shell = 4 / 3 * torch.pi * ((found.r + dr / 2) ** 3 - (found.r - dr / 2) ** 3)
        assert float((found.g * shell * rho)[inside].sum()) == pytest.approx(count)
        assert float(found.neighbours[inside][-1]) == pytest.approx(count)
        # Peaks where the shells are, nothing below the first.
        peak = found.r[found.g > 0][0]
        assert float(peak) == pytest.approx(shells(IDEAL[name], 1)[0].distance, abs=dr / 2)


def test_g_is_one_where_atoms_are_spread_evenly_beyond_the_cell():
    # A skewed cell 5 Å wide, distances up to 12 Å.
    cell = random_cells(1, 60, 70, generator(3))[0] * 0.7
    batch, n = 60, 12
    found = rdf(box(batch, n, cell), 12.0, 0.5)
    assert isinstance(found, RDF) and len(found.r) == len(found.g) == 24
    torch.testing.assert_close(found.r, torch.arange(0.25, 12, 0.5).double())
    shell = 4 / 3 * torch.pi * ((found.r + 0.25) ** 3 - (found.r - 0.25) ** 3)
    # An atom of n sees its own images in fixed places: the others' share is (n − 1)/n.
    alone = rdf(box(1, 1, cell), 12.0, 0.5)
    mean = (n - 1) / n + alone.g / n
    rho = n / float(torch.linalg.det(cell))
    # Counts of independent pairs, each seen from both ends; images repeat within one cell.
    repeats = (shell / torch.linalg.det(cell)).clamp(min=1)
    count = batch * n * rho * shell / 2
    error = (repeats / count).sqrt()
    assert ((found.g - mean).abs() < 5 * error).all()
    assert abs(float(found.g[6:].mean()) - 1) < 0.05


def test_each_structure_of_a_batch_has_the_same_weight():
    found = [c for c in variants(generator(), torch.float64) if len(c.frac) in (2, 8)]
    together, alone = rdf(pack(found), 6.0, 0.1), [rdf(pack([c]), 6.0, 0.1) for c in found]
    torch.testing.assert_close(together.g, torch.stack([a.g for a in alone]).mean(0))
    neighbours = torch.stack([a.neighbours for a in alone]).mean(0)
    torch.testing.assert_close(together.neighbours, neighbours)


def test_blocks_do_not_change_the_answer(monkeypatch):
    batch = pack(variants(generator()))
    whole, first = rdf(batch, 7.0), coordination(batch, 7.0)
    monkeypatch.setattr("helpers.matter.order.MANY", 1)
    torch.testing.assert_close(rdf(batch, 7.0).g, whole.g)
    assert torch.equal(coordination(batch, 7.0), first) and whole.g.dtype == torch.float32


def test_bins_that_do_not_fit_are_refused():
    batch = pack([IDEAL["bcc Fe"]])
    for r_max, dr in ((5.0, 0.0), (5.0, -0.1), (0.1, 0.2), (5.0, float("nan"))):
        with pytest.raises(ValueError, match="need bins of 0 < dr <= r_max"):
            rdf(batch, r_max, dr)
    with pytest.raises(ValueError, match="the cell is left-handed"):
        rdf(batch._replace(cell=-batch.cell), 5.0)
