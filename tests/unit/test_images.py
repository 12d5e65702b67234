"""Nearest images: against ASE, pymatgen and brute force, in cells where rounding and 27 fail."""

import itertools

import ase.geometry
import numpy as np
import pytest
import torch
from ase.geometry.minkowski_reduction import minkowski_reduce
from pymatgen.core import Lattice
from pymatgen.util.coord import pbc_shortest_vectors

from benchmarks import minimum_image as benchmark
from helpers.matter import (
    cell_from_parameters,
    fractional_to_cartesian,
    minimum_distance,
    minimum_image,
    pair_distances,
    prototypes,
    reduce_cell,
    reduction,
    self_distance,
    wrap,
)

SHIFTS = torch.tensor(list(itertools.product((-1, 0, 1), repeat=3)), dtype=torch.float64)
FCC = 2.025 * torch.tensor([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]], dtype=torch.float64)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(*shape, seed=0):
    return torch.rand(*shape, generator=generator(seed), dtype=torch.float64)


def rotations(n, seed=0):
    """n random rotations (n, 3, 3)."""
    q, _ = torch.linalg.qr(torch.randn(n, 3, 3, generator=generator(seed), dtype=torch.float64))
    return q * torch.linalg.det(q)[:, None, None]


def hard_cells(n=120, seed=0):
    """Triclinic cells with angles of 40 to 140 degrees; every third a needle or a plate; turned."""
    cells = benchmark.random_cells(n, 40, 140, generator(seed))
    cells[::6, 2] *= 12  # needles
    cells[3::6, :2] *= 8  # plates
    return cells @ rotations(n, seed)


def by_27(diff, cell):
    """What a common loop does: round, then try the 27 cells around."""
    near = diff - diff.round()
    return torch.stack([(near + s) @ cell for s in SHIFTS]).norm(dim=-1).amin(0)


def between(frac):
    return frac[..., None, :, :] - frac[..., :, None, :]  # (..., i, j) leads from i to j


@pytest.fixture(scope="module")
def hard():
    cells = hard_cells()
    return cells, draw(len(cells), 9, 3, seed=1)


def test_distances_agree_with_ase_and_pymatgen(hard):
    cells, frac = hard
    ours, vectors = pair_distances(frac, cells), minimum_image(between(frac), cells)
    apart = ~np.eye(9, dtype=bool)
    for cell, f, d, v in zip(cells.numpy(), frac.numpy(), ours.numpy(), vectors, strict=True):
        _, by_ase = ase.geometry.get_distances(f @ cell, cell=cell, pbc=True)
        _, squared = pbc_shortest_vectors(Lattice(cell), f, f, return_d2=True)
        assert np.abs(d - by_ase)[apart].max() < 1e-6
        assert np.abs(d - np.sqrt(squared))[apart].max() < 1e-6
        assert np.abs(v.norm(dim=-1).numpy() - by_ase).max() < 1e-6


def test_vectors_agree_with_ase(hard):
    cells, frac = hard
    for cell, f in zip(cells[:40], frac, strict=False):
        diff = f[1:] - f[0]
        by_ase, _ = ase.geometry.find_mic((diff @ cell).numpy(), cell.numpy())
        torch.testing.assert_close(minimum_image(diff, cell), torch.as_tensor(by_ase))


def test_rounding_and_27_images_fail_on_these_cells(hard):
    cells, frac = hard
    diff = between(frac).flatten(1, 2)
    truth = minimum_image(diff, cells).norm(dim=-1)
    rounded = ((diff - diff.round()) @ cells).norm(dim=-1)
    tried = by_27(diff, cells)
    assert (tried >= truth - 1e-9).all()
    wrong = lambda d: float((d > truth + 1e-6).double().mean())  # noqa: E731
    assert wrong(rounded) > wrong(tried) > 0.01


def test_primitive_fcc_by_hand():
    diff = torch.tensor([[0.45, 0.40, 0.40], [0.5, 0.5, 0.0]], dtype=torch.float64)
    rounded = ((diff - diff.round()) @ FCC).norm(dim=-1)
    torch.testing.assert_close(rounded[0], torch.tensor(2.924).double(), atol=5e-4, rtol=0)
    for dtype in (torch.float32, torch.float64):
        got = minimum_image(diff.to(dtype), FCC.to(dtype)).norm(dim=-1)
        assert got.dtype == dtype
        torch.testing.assert_close(got, torch.tensor([1.676, 1.432]).to(dtype), atol=5e-4, rtol=0)


def test_a_grid_over_the_cell_against_brute_force():
    # Every corner and face of the nearest regions, where ties are: ±4 cells hold the nearest.
    grid = torch.cartesian_prod(*[torch.linspace(0, 0.875, 8, dtype=torch.float64)] * 3)
    shifts = torch.cartesian_prod(*[torch.arange(-4.0, 5)] * 3).double()
    for angles in ((40, 60, 50), (60, 60, 60), (90, 90, 140), (75, 110, 130), (109.4712,) * 3):
        cell = cell_from_parameters(3.0, 3.5, 4.0, *(torch.tensor(a).double() for a in angles))
        brute = torch.cdist(grid @ cell, shifts @ cell).amin(1)
        torch.testing.assert_close(minimum_image(grid, cell).norm(dim=-1), brute)


def test_nearest_image_is_an_image(hard):
    cells, frac = hard
    diff = between(frac)
    moved = torch.linalg.solve(cells[:, None], minimum_image(diff, cells), left=False) - diff
    torch.testing.assert_close(moved, moved.round(), atol=1e-9, rtol=0)


def test_reduced_cells_span_the_same_lattice(hard):
    cells, _ = hard
    shear = torch.eye(3, dtype=torch.float64).repeat(40, 1, 1)
    shear[:, 1, 0], shear[:, 2, 0] = 60 * draw(40), -40 * draw(40, seed=1)
    shear[:, 2, 1] = 9 * draw(40, seed=2)
    cells = torch.cat([cells, shear @ cells[:40], FCC[None]])
    reduced, integers = reduce_cell(cells)
    assert integers.dtype == torch.int64
    torch.testing.assert_close(integers.double() @ cells, reduced, atol=1e-9, rtol=1e-12)
    ones = torch.ones(len(cells), dtype=torch.float64)
    torch.testing.assert_close(torch.linalg.det(integers.double()), ones)
    # Orthogonality defect of a reduced cell in three dimensions: at most (1/0.74)^1.5.
    defect = reduced.norm(dim=-1).prod(-1) / torch.linalg.det(reduced)
    assert defect.max() < 0.74**-1.5
    for k in (0, 7, 130, 160):  # one by one as in the batch
        torch.testing.assert_close(reduce_cell(cells[k])[0], reduced[k])


def test_own_image_is_the_shortest_lattice_vector(hard):
    cells, frac = hard
    shortest = [np.linalg.norm(minkowski_reduce(c)[0], axis=1).min() for c in cells.numpy()]
    truth = torch.tensor(shortest, dtype=torch.float64)
    torch.testing.assert_close(self_distance(cells), truth)
    own = pair_distances(frac, cells).diagonal(dim1=1, dim2=2)
    torch.testing.assert_close(own, truth[:, None].expand(-1, 9))


def test_own_image_by_brute_force_where_the_first_vector_is_not_the_shortest():
    # Sheared by hand: none of these vectors is the shortest, 1 Å.
    cell = torch.tensor([[1.0, 0, 0], [7.3, 1.1, 0], [3.4, 5.9, 1.2]], dtype=torch.float64)
    mixed = torch.tensor([[1.0, 1, 0], [0, 1, 1], [1, 1, 1]], dtype=torch.float64) @ cell
    n = torch.cartesian_prod(*[torch.arange(-12.0, 13)] * 3).double()
    length = (n @ mixed).norm(dim=-1)
    torch.testing.assert_close(self_distance(mixed), length[length > 0].min())


@pytest.mark.parametrize(
    "b, c",
    [
        ((0.01, 0.995, 0), (0.4, 0.4, 0.95)),  # the shortest vector is b,
        ((0.49, 0.87, 0), (0.01, 0.01, 0.87)),  # c,
        ((0.49, 0.87, 0), (0.49, 0.426, 0.76)),  # c − b,
        ((0.49, 0.87, 0), (0.49, -0.426, 0.76)),  # c + b − a
    ],
)
def test_own_image_where_the_reduced_cell_does_not_begin_with_it(b, c):
    rows = torch.tensor([(1, 0, 0), b, c], dtype=torch.float64)
    cell = rows @ rotations(1, seed=3)[0]
    torch.testing.assert_close(reduce_cell(cell)[0], cell)  # reduced as it stands
    n = torch.cartesian_prod(*[torch.arange(-4.0, 5)] * 3).double()
    length = (n @ cell).norm(dim=-1)
    shortest = length[length > 0].min()
    assert shortest < 0.996
    torch.testing.assert_close(self_distance(cell), shortest)


def test_one_atom_sees_itself():
    frac, cell = torch.zeros(1, 3), 0.3 * torch.eye(3)
    assert minimum_distance(frac, cell) == pytest.approx(0.3)
    assert pair_distances(frac, cell).shape == (1, 1)
    ideal = prototypes()["diamond C"]
    assert minimum_distance(ideal.frac, ideal.cell) == pytest.approx(3.57 * 3**0.5 / 4)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 9])
def test_every_pair_stands_in_its_place(n):
    cells, frac = hard_cells(6, seed=2), draw(6, n, 3, seed=3)
    d = pair_distances(frac, cells)
    vectors = minimum_image(between(frac), cells).norm(dim=-1)
    apart = ~torch.eye(n, dtype=torch.bool)
    torch.testing.assert_close(d[:, apart], vectors[:, apart])
    torch.testing.assert_close(d, d.mT)
    torch.testing.assert_close(minimum_distance(frac, cells), d.flatten(1).amin(1))


def test_more_axes_and_single_structures(hard):
    cells, frac = (v[:24] for v in hard)
    d = pair_distances(frac, cells)
    folded = pair_distances(frac.view(2, 3, 4, 9, 3), cells.view(2, 3, 4, 3, 3))
    assert folded.shape == (2, 3, 4, 9, 9) and torch.equal(folded.view(24, 9, 9), d)
    torch.testing.assert_close(pair_distances(frac[5], cells[5]), d[5])
    least = minimum_distance(frac.view(2, 12, 9, 3), cells.view(2, 12, 3, 3))
    torch.testing.assert_close(least.flatten(), d.flatten(1).amin(1))
    one = minimum_image(frac[3, 0], cells[3])
    assert one.shape == (3,)
    torch.testing.assert_close(one, minimum_image(frac[:4], cells[:4])[3, 0])


def test_padding_is_infinitely_far():
    cells, frac = hard_cells(3, seed=4), draw(3, 5, 3)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 0, 1, 1, 0], [0, 0, 0, 0, 0]]).bool()
    frac = torch.where(mask[..., None], frac, 0.0)  # padded atoms would sit on one another
    d = pair_distances(frac, cells, mask)
    both = mask[:, :, None] & mask[:, None]
    assert d[~both].isinf().all() and d[both].isfinite().all()
    kept = pair_distances(frac[1, mask[1]], cells[1])
    torch.testing.assert_close(d[1][both[1]].view(3, 3), kept)
    least = minimum_distance(frac, cells, mask)
    torch.testing.assert_close(least[:2], d[:2].flatten(1).amin(1))
    assert least[2].isinf()


def test_what_must_not_change_distances(hard):
    cells, frac = hard
    d = pair_distances(frac, cells)
    whole = torch.randint(-3, 4, frac.shape, generator=generator())
    torch.testing.assert_close(pair_distances(frac + whole, cells), d)
    torch.testing.assert_close(pair_distances(wrap(frac + 0.37), cells), d)
    torch.testing.assert_close(pair_distances(frac, cells @ rotations(1, seed=5)), d)
    order = torch.randperm(9, generator=generator())
    torch.testing.assert_close(pair_distances(frac[:, order], cells), d[:, order][:, :, order])


def test_single_precision_is_as_good_as_its_coordinates(hard):
    cells, frac = hard
    d, single = pair_distances(frac, cells), pair_distances(frac.float(), cells.float())
    assert single.dtype == torch.float32
    # Coordinates are known to 6e-8 of the longest vector; a few roundings more.
    allowed = 1e-6 * cells.norm(dim=-1).amax(-1)
    assert ((single - d).abs() <= allowed[:, None, None]).all()


def test_many_cells_are_treated_in_parts():
    n, parts = 64, 40
    cells, frac = hard_cells(parts, seed=6), draw(parts, n, 3, seed=7)
    whole = pair_distances(frac, cells)
    torch.testing.assert_close(pair_distances(frac[-1:], cells[-1:])[0], whole[-1])
    torch.testing.assert_close(pair_distances(frac[17], cells[17]), whole[17])


def test_gradients_pass_through_the_nearest_image():
    diff, cell = draw(6, 3, seed=8).requires_grad_(), FCC.clone().requires_grad_()
    vectors = minimum_image(diff, cell)
    vectors.norm(dim=-1).sum().backward()
    unit = (vectors / vectors.norm(dim=-1, keepdim=True)).detach()
    torch.testing.assert_close(diff.grad, unit @ FCC.T)
    images = torch.linalg.solve(FCC, vectors.detach(), left=False)
    torch.testing.assert_close(cell.grad, images.T @ unit)


def test_bad_input_is_refused_in_words(monkeypatch):
    frac, cell = torch.rand(4, 3), torch.eye(3)
    for call in (minimum_image, pair_distances, minimum_distance):
        with pytest.raises(ValueError, match="the cell is left-handed"):
            call(frac, -cell)
        with pytest.raises(ValueError, match=r"fractional coordinates of shape \(4, 2\)"):
            call(frac[:, :2], cell)
        with pytest.raises(ValueError, match=r"do not fit cells \(2, 3, 3\): need \(2, '...', 3\)"):
            call(frac, cell.expand(2, 3, 3))
    with pytest.raises(ValueError, match="the cell has zero volume"):
        self_distance(torch.ones(3, 3))
    with pytest.raises(ValueError, match="need one cell a structure"):
        pair_distances(frac[0], cell)
    with pytest.raises(ValueError, match=r"the mask needs the shape \(4,\) and type bool"):
        minimum_distance(frac, cell, torch.ones(3, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"the mask needs the shape \(4,\) and type bool"):
        pair_distances(frac, cell, torch.ones(4))
    with pytest.raises(ValueError, match=r"a cell needs the shape"):
        reduce_cell(torch.eye(2))
    monkeypatch.setattr(reduction, "STEPS", 0)
    with pytest.raises(ValueError, match="the cell was not reduced in 0 steps"):
        reduce_cell(cell)


def test_one_call_beats_the_loops_of_ase_and_pymatgen():
    cells = benchmark.random_cells(150, 70, 110, generator())
    frac = draw(150, 64, 3)
    lattices = [Lattice(c) for c in cells.numpy()]
    assert benchmark.disagreement(cells, frac, lattices) < 1e-6
    taken = benchmark.seconds(benchmark.contenders(cells, frac, lattices), repeats=3)
    ours = min(taken[benchmark.OURS])
    # Measured: about 35 and 2 to 3.5 times; CPU time, so that a busy machine changes little.
    assert benchmark.PART * min(taken["ASE, a loop"]) > 10 * ours
    assert min(taken["pymatgen, a loop"]) > ours
    assert "ASE, a loop" in benchmark.table(benchmark.ratio_rows(taken, benchmark.OURS))


def test_cartesian_and_fractional_ways_meet():
    # The nearest image of a Cartesian difference, through ASE's own helper, in one hexagonal cell.
    cell = cell_from_parameters(2.46, 2.46, torch.tensor(6.7).double(), gamma=120.0)
    frac = draw(5, 3, seed=9)
    cart = fractional_to_cartesian(frac, cell).numpy()
    vectors, lengths = ase.geometry.get_distances(cart, cell=cell.numpy(), pbc=True)
    torch.testing.assert_close(minimum_image(between(frac), cell), torch.as_tensor(vectors))
    apart = ~torch.eye(5, dtype=torch.bool)
    by_ase = torch.as_tensor(lengths)[apart]
    torch.testing.assert_close(pair_distances(frac, cell)[apart], by_ase)
