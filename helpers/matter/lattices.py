"""Six numbers for a lattice, and a first guess of its size from the elements alone."""

import torch
from torch import Tensor


def cell_to_vector(cell: Tensor) -> Tensor:
    """The six entries of log √(C Cᵀ) for cells (..., 3, 3) in Å: shape (..., 6).

    A rotation of the crystal multiplies C from the right and drops out of C Cᵀ; the logarithm
    makes a stretch by 3 % the same number for every cell. Order: 11, 12, 13, 22, 23, 33.
    """
    w, q = torch.linalg.eigh(cell @ cell.mT)
    root = (q * (0.5 * w.log())[..., None, :]) @ q.mT
    i, j = torch.triu_indices(3, 3)
    return root[..., i, j]


def vector_to_cell(vector: Tensor) -> Tensor:
    """The symmetric cell (..., 3, 3) in Å whose logarithm has these six entries (..., 6): what
    `cell_to_vector` leaves of a cell, which is all but how it is turned in space.

    Any six numbers make a right-handed cell, of volume exp(11 + 22 + 33): what a diffusion model
    needs. Order of the entries: 11, 12, 13, 22, 23, 33. Every cell is a rotation of such a one.
    Raises ValueError for another shape.
    """
    if vector.shape[-1:] != (6,):
        raise ValueError(f"vector of shape {tuple(vector.shape)}: a lattice has six numbers")
    i, j = torch.triu_indices(3, 3, device=vector.device)
    matrix = vector.new_zeros(*vector.shape[:-1], 3, 3)
    matrix[..., i, j] = vector
    matrix[..., j, i] = vector
    return torch.linalg.matrix_exp(matrix)


def radius_length(species: Tensor) -> Tensor:
    """(Σ r³)^⅓ in Å over the covalent radii of a structure's elements (..., N): the edge of a cube
    that grows as the cell does. Padding, 0, counts nothing. Raises ValueError when there is no
    atom."""
    from ase.data import covalent_radii  # ASE takes a second to import

    radii = torch.as_tensor(covalent_radii, device=species.device)[species]
    cubes = (radii**3 * (species > 0)).sum(-1)
    if not bool((cubes > 0).all()):
        raise ValueError("a structure without atoms has no length")
    return cubes ** (1 / 3)
