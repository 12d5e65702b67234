"""How far is each generated crystal from its own truth, for cells of a few atoms."""

from itertools import permutations

import torch
from torch import Tensor

from helpers.matter import Crystals, minimum_image, volume

MOST = 5  # atoms: all numberings are tried


def displacements(crystals: Crystals, truth: Crystals, any_axes: bool = False) -> Tensor:
    """The distance of structure k from true structure k, (B,), in units of (V/N)^⅓ as in pymatgen.

    The root mean square of the shortest vectors that carry the atoms to sites of the same element,
    for the best numbering and a common shift; infinite where the elements differ. The cells must
    be alike: those of `truth` are used. Axes are compared as they stand; with any_axes=True, in
    cubic cells, the best of their six orders counts. Raises ValueError when the batches differ in
    shape, a cell has more than five atoms, or any_axes is asked of a cell that is not cubic.
    """
    if any_axes:
        eye = torch.eye(3, dtype=truth.cell.dtype, device=truth.cell.device)
        if not bool(((truth.cell - truth.cell[:, :1, :1] * eye).abs() < 1e-3).all()):
            raise ValueError("any_axes=True is for cubic cells, whose axes are all alike")
        axes = [crystals.frac[..., list(p)] for p in permutations(range(3))]
        found = [displacements(crystals._replace(frac=frac), truth) for frac in axes]
        return torch.stack(found).amin(0)
    b, n = truth.species.shape
    if crystals.species.shape != truth.species.shape:
        raise ValueError(
            f"{tuple(crystals.species.shape)} generated and {tuple(truth.species.shape)} true "
            "atoms: need one structure for one, padded alike"
        )
    if n > MOST:
        raise ValueError(f"{n} atoms in a cell: all numberings are tried, so {MOST} at most")
    cell = truth.cell.double()
    diff = truth.frac.double()[:, None] - crystals.frac.double()[:, :, None]  # atom i, site j
    starts = diff.flatten(1, 2)  # (B, N², 3): each pair once as the common shift
    vectors = minimum_image(diff[:, None] - starts[:, :, None, None], cell)  # (B, N², N, N, 3)
    differ = (crystals.species[:, :, None] != truth.species[:, None]).to(cell)
    padding = (~truth.mask[:, None] | ~crystals.mask[:, :, None]).to(cell)
    cost = vectors.square().sum(-1) * (1 - padding)[:, None] + 1e6 * differ[:, None]
    orders = torch.tensor(list(permutations(range(n))), device=cost.device)  # (P, N)
    sums = cost[:, :, torch.arange(n, device=cost.device), orders].sum(-1)  # (B, N², P)
    best = orders[sums.argmin(-1)]  # (B, N², N)
    index = best[..., None, None].expand(*best.shape, 1, 3)
    u = vectors.gather(3, index).squeeze(3)  # (B, N², N, 3)
    real = crystals.mask[:, None, :, None].to(u)
    count = real.sum(2).clamp(min=1)
    u = (u - (u * real).sum(2, keepdim=True) / count[:, :, None]) * real
    rms = (u.square().sum((-1, -2)) / count[..., 0]).sqrt()  # (B, N²)
    rms = rms.masked_fill(sums.amin(-1) >= 1e6, torch.inf)
    # A start of a padded atom is no common shift that an atom asks for.
    rms = rms.masked_fill(padding.flatten(1) > 0, torch.inf)
    return rms.amin(-1) / (volume(cell) / truth.mask.sum(-1)) ** (1 / 3)
