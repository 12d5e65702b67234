"""Unit cells: rows of `cell` (..., 3, 3) are the lattice vectors in Å, so cart = frac @ cell.

The same convention as ASE and pymatgen. Fractional coordinates live in the half-open cell [0, 1).
"""

import torch
from torch import Tensor

FLAT = 1e-6  # a volume below this share of |a||b||c| is rounding, not a volume


def check_cell(cell: Tensor) -> Tensor:
    """The cell itself, once it has been seen to be one: (..., 3, 3), finite, with a positive
    volume and right-handed vectors. Raises ValueError in words otherwise."""
    if not torch.is_tensor(cell) or cell.shape[-2:] != (3, 3):
        shape = tuple(cell.shape) if torch.is_tensor(cell) else type(cell).__name__
        raise ValueError(
            f"a cell needs the shape (..., 3, 3), one lattice vector a row, got {shape}"
        )
    if not cell.is_floating_point():
        raise ValueError(f"a cell needs floating-point numbers in Å, got {cell.dtype}")
    if not bool(cell.isfinite().all()):
        raise ValueError("the cell holds NaN or infinity")
    # Unit vectors first: tiny and huge cells then neither underflow nor overflow.
    length = cell.detach().double().norm(dim=-1, keepdim=True)
    shape_volume = torch.linalg.det(cell.detach().double() / length.clamp(min=1e-300))
    if bool((shape_volume.abs() < FLAT).any()):
        raise ValueError("the cell has zero volume: its lattice vectors lie in one plane")
    if bool((shape_volume < 0).any()):
        raise ValueError("the cell is left-handed (negative determinant): swap two of its vectors")
    return cell


def wrap(frac: Tensor) -> Tensor:
    """Fractional coordinates moved by whole cells into [0, 1), shaped like `frac`.

    `frac % 1` is not enough: in float32 a coordinate of −1e-9 becomes exactly 1.0.
    """
    inside = frac - frac.floor()
    return torch.where(inside < 1, inside, torch.zeros_like(inside))


def fractional_to_cartesian(frac: Tensor, cell: Tensor) -> Tensor:
    """Cartesian coordinates (..., N, 3) in Å of fractional ones: each row is Σᵢ fᵢ · vectorᵢ."""
    return frac @ cell


def cartesian_to_fractional(cart: Tensor, cell: Tensor) -> Tensor:
    """Fractional coordinates (..., N, 3), not wrapped, of Cartesian ones in Å."""
    return torch.linalg.solve(cell, cart, left=False)


def volume(cell: Tensor) -> Tensor:
    """Volume (...,) of the cell in Å³, always positive."""
    return torch.linalg.det(cell).abs()


def cell_parameters(cell: Tensor) -> Tensor:
    """(..., 6): the lengths a, b, c in Å and the angles α, β, γ in degrees (α between b and c)."""
    following, after = cell.roll(-1, -2), cell.roll(-2, -2)  # rows b, c, a and c, a, b
    # arctan of sine over cosine is accurate also near 0° and 180°, where arccos is not.
    sine = torch.linalg.cross(following, after).norm(dim=-1)
    angles = torch.atan2(sine, (following * after).sum(-1)).rad2deg()
    return torch.cat([cell.norm(dim=-1), angles], -1)


def cell_from_parameters(
    a: float | Tensor,
    b: float | Tensor,
    c: float | Tensor,
    alpha: float | Tensor = 90.0,
    beta: float | Tensor = 90.0,
    gamma: float | Tensor = 90.0,
) -> Tensor:
    """Right-handed cell (..., 3, 3) with these lengths in Å and angles in degrees; a along x, b in
    the xy plane. Tensors broadcast. Raises ValueError for lengths or angles that close no cell."""
    given = (a, b, c, alpha, beta, gamma)
    dtypes = [v.dtype for v in given if torch.is_tensor(v) and v.is_floating_point()]
    dtype = dtypes[0] if dtypes else torch.get_default_dtype()
    values = torch.broadcast_tensors(*(torch.as_tensor(v, dtype=torch.float64) for v in given))
    lengths, angles = torch.stack(values[:3], -1), torch.stack(values[3:], -1)
    if not bool((lengths > 0).all() & lengths.isfinite().all()):
        raise ValueError(f"the lengths of a cell must be positive, got a, b, c = {a}, {b}, {c}")
    # A right angle has the cosine 0, not 6e-17.
    cosines = torch.where(angles == 90, 0.0, angles.deg2rad().cos())
    ca, cb, cg = cosines.unbind(-1)
    sg = (1 - cg**2).sqrt()
    across = (ca - cb * cg) / sg
    height2 = 1 - cb**2 - across**2
    if not bool(((angles > 0) & (angles < 180)).all() & (height2 > FLAT**2).all()):
        raise ValueError(f"no cell has the angles α, β, γ = {alpha}, {beta}, {gamma} degrees")
    zero = torch.zeros_like(ca)
    rows = [
        torch.stack([torch.ones_like(ca), zero, zero], -1),
        torch.stack([cg, sg, zero], -1),
        torch.stack([cb, across, height2.sqrt()], -1),
    ]
    return (torch.stack(rows, -2) * lengths[..., None]).to(dtype)
