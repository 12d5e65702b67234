"""Cells: rows are lattice vectors, as in ASE and pymatgen; what is no cell is refused in words."""

import math

import pytest
import torch
from ase import Atoms
from ase.cell import Cell
from pymatgen.core import Lattice

from helpers.matter import (
    cartesian_to_fractional,
    cell_from_parameters,
    cell_parameters,
    check_cell,
    fractional_to_cartesian,
    volume,
    wrap,
)

# Neither symmetric nor standing along the axes: rows taken for columns change every answer.
CELL = torch.tensor([[2.0, 0.3, -0.1], [0.5, 3.0, 0.4], [-1.0, 0.7, 9.0]], dtype=torch.float64)


def draw(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def random_parameters(n, seed=0):
    """Lengths and angles of n cells that close."""
    found, values = [], draw(20 * n, 6, seed=seed)
    for row in values:
        try:
            cell_from_parameters(*(1 + 9 * row[:3]), *(40 + 100 * row[3:]))
        except ValueError:
            continue
        found.append(torch.cat([1 + 9 * row[:3], 40 + 100 * row[3:]]))
    assert len(found) >= n
    return torch.stack(found[:n])


def test_rows_are_the_lattice_vectors():
    corners = torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(fractional_to_cartesian(corners, CELL), CELL, rtol=0, atol=0)
    frac = draw(7, 3)
    ase = Atoms("H7", cell=CELL.numpy(), scaled_positions=frac.numpy(), pbc=True)
    cart = fractional_to_cartesian(frac, CELL)
    torch.testing.assert_close(cart, torch.as_tensor(ase.positions))
    lattice = Lattice(CELL.numpy())
    back = cartesian_to_fractional(cart, CELL)
    torch.testing.assert_close(back, torch.as_tensor(lattice.get_fractional_coords(cart.numpy())))


@pytest.mark.parametrize("dtype, atol", [(torch.float32, 1e-5), (torch.float64, 1e-13)])
def test_the_way_there_and_back_in_a_batch(dtype, atol):
    cells = cell_from_parameters(*random_parameters(20).T).to(dtype)
    frac = draw(20, 6, 3).to(dtype)
    cart = fractional_to_cartesian(frac, cells)
    assert cart.dtype == dtype and cart.shape == (20, 6, 3)
    by_hand = (frac[..., None] * cells[:, None]).sum(-2)  # Σᵢ fᵢ · vectorᵢ
    torch.testing.assert_close(cart, by_hand)
    back = cartesian_to_fractional(cart, cells)
    torch.testing.assert_close(back, frac, atol=atol, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_wrap_is_half_open(dtype):
    x = torch.tensor([-1e-9, -1e-18, 1.0, -3.0, 2.5, 0.999999999, -0.25, 0.0], dtype=dtype)
    y = wrap(x)
    assert y.dtype == dtype and ((y >= 0) & (y < 1)).all()
    torch.testing.assert_close(y[[2, 3, 4, 6]], torch.tensor([0, 0, 0.5, 0.75], dtype=dtype))
    # The trap that a plain remainder falls into.
    assert torch.remainder(torch.tensor(-1e-9), 1.0) == 1.0


def test_wrap_keeps_the_point_of_the_crystal():
    x = 10 * draw(100, 3) - 5
    moved = wrap(x) - x
    torch.testing.assert_close(moved, moved.round(), atol=1e-14, rtol=0)


def test_volume():
    a, b, c = CELL
    triple = torch.dot(a, torch.linalg.cross(b, c))
    torch.testing.assert_close(volume(CELL), triple)
    torch.testing.assert_close(volume(2 * CELL.expand(4, 3, 3)), (8 * triple).expand(4))
    torch.testing.assert_close(volume(-CELL), triple)  # positive, whatever the hand


def test_lengths_and_angles_agree_with_ase():
    cells = torch.randn(50, 3, 3, generator=torch.Generator().manual_seed(1)).double()
    for cell, ours in zip(cells, cell_parameters(cells), strict=True):
        ase = torch.as_tensor(Cell(cell.numpy()).cellpar())
        torch.testing.assert_close(ours, ase, atol=1e-10, rtol=1e-10)


def test_cells_from_parameters():
    parameters = random_parameters(50)
    cells = cell_from_parameters(*parameters.T)
    assert cells.shape == (50, 3, 3) and cells.dtype == torch.float64
    torch.testing.assert_close(cell_parameters(cells), parameters)
    assert (torch.linalg.det(cells) > 0).all() and check_cell(cells) is cells
    # a along x, b in the xy plane: ASE's orientation as well.
    ase = torch.stack([torch.as_tensor(Cell.fromcellpar(p.numpy()).array) for p in parameters])
    torch.testing.assert_close(cells, ase)


def test_plain_numbers_and_right_angles():
    cube = cell_from_parameters(2.0, 3.0, 4)
    assert cube.dtype == torch.float32 and torch.equal(cube, torch.diag(torch.tensor([2.0, 3, 4])))
    tilted = cell_from_parameters(1.0, 1.0, torch.tensor([1.0, 2.0]), gamma=120)
    assert tilted.shape == (2, 3, 3)
    torch.testing.assert_close(tilted[1, 1], torch.tensor([-0.5, math.sqrt(0.75), 0.0]))


def test_what_closes_no_cell_is_refused():
    with pytest.raises(ValueError, match="the lengths of a cell must be positive"):
        cell_from_parameters(1.0, -1.0, 1.0)
    with pytest.raises(ValueError, match="the lengths of a cell must be positive"):
        cell_from_parameters(1.0, math.nan, 1.0)
    for angles in ((30, 40, 90), (120, 120, 120), (0, 90, 90), (90, 180, 90), (math.nan, 90, 90)):
        with pytest.raises(ValueError, match="no cell has the angles α, β, γ"):
            cell_from_parameters(1.0, 1.0, 1.0, *angles)


def test_what_is_no_cell_is_refused_in_words():
    with pytest.raises(ValueError, match=r"a cell needs the shape \(\.\.\., 3, 3\).*\(3, 2\)"):
        check_cell(torch.eye(3)[:, :2])
    with pytest.raises(ValueError, match=r"one lattice vector a row, got list"):
        check_cell([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    with pytest.raises(ValueError, match="a cell needs floating-point numbers in Å"):
        check_cell(torch.eye(3, dtype=torch.int64))
    bad = torch.eye(3).repeat(2, 1, 1)
    bad[1, 0, 0] = math.nan
    with pytest.raises(ValueError, match="the cell holds NaN or infinity"):
        check_cell(bad)
    flat = torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 1, 0]])
    for cell in (flat, torch.zeros(3, 3), torch.stack([torch.eye(3), flat])):
        with pytest.raises(ValueError, match="the cell has zero volume"):
            check_cell(cell)
    with pytest.raises(ValueError, match="the cell is left-handed"):
        check_cell(torch.eye(3)[[1, 0, 2]])


def test_cells_of_any_size_pass():
    for size in (1e-12, 1.0, 1e12):
        check_cell(size * CELL)
    check_cell(torch.diag(torch.tensor([1.0, 1.0, 1e4])))
