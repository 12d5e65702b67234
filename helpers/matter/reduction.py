"""Reduced cells: the same lattice, written with short and nearly orthogonal vectors.

Lenstra, Lenstra & Lovász, Math. Ann. 261, 515 (1982), for a batch of cells at once.
"""

import torch
from torch import Tensor

from helpers.matter.cells import check_cell

DELTA = 0.99  # what is built on the reduced cell in `images` needs more than 0.89
STEPS = 1000  # a reduction takes about ten


def reduce_cell(cell: Tensor) -> tuple[Tensor, Tensor]:
    """A reduced cell (..., 3, 3) of the same lattice and the integers (..., 3, 3), of determinant
    one, with reduced = integers @ cell.

    Lenstra–Lenstra–Lovász reduction of all cells at once. Raises ValueError for what is no cell.
    """
    start = check_cell(cell).detach().double()
    eye = torch.eye(3, dtype=torch.float64, device=cell.device)
    integers = eye.expand(start.shape).clone()  # whole numbers, exact up to 2⁵³
    for _ in range(STEPS):
        for i, j in ((1, 0), (2, 1), (2, 0)):  # shorten row i by whole multiples of row j
            mu, _ = gram_schmidt(integers @ start)
            integers[..., i, :] -= mu[..., i, j, None].round() * integers[..., j, :]
        mu, g2 = gram_schmidt(integers @ start)
        # Where two neighbours stand in the wrong order of length, exchange them: b and c first.
        done = torch.ones_like(g2[..., 0], dtype=torch.bool)
        for k in (2, 1):
            late = g2[..., k] < (DELTA - mu[..., k, k - 1] ** 2) * g2[..., k - 1]
            order = eye[[0, 2, 1] if k == 2 else [1, 0, 2]]
            integers = torch.where((late & done)[..., None, None], order @ integers, integers)
            done = done & ~late
        if bool(done.all()):
            break
    else:
        raise ValueError(f"the cell was not reduced in {STEPS} steps: its vectors are too unequal")
    sign = torch.linalg.det(integers).round()
    integers[..., 2, :] *= sign[..., None]  # keeps the cell right-handed
    return (integers @ cell.double()).to(cell.dtype), integers.to(torch.int64)


def gram_schmidt(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients μ (..., 3, 3), one on the diagonal, and squared lengths g² (..., 3)."""
    a, b, c = rows.unbind(-2)
    aa, ab, ac = ((a * v).sum(-1) for v in (a, b, c))
    m21, m31 = ab / aa, ac / aa
    b_ = b - m21[..., None] * a
    bb = (b_ * b_).sum(-1)
    m32 = (b_ * c).sum(-1) / bb
    c_ = c - m31[..., None] * a - m32[..., None] * b_
    zero, one = torch.zeros_like(aa), torch.ones_like(aa)
    mu = torch.stack([one, zero, zero, m21, one, zero, m31, m32, one], -1).unflatten(-1, (3, 3))
    return mu, torch.stack([aa, bb, (c_ * c_).sum(-1)], -1)
