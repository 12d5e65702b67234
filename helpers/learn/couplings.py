"""Which noise belongs to which data: couplings by optimal transport, solved by POT.

In a module of its own, so that only a chapter that asks for it has to install POT.
"""

import numpy as np
import ot
import torch
from torch import Tensor

from helpers.noise.flows import aligned
from helpers.noise.spaces import Euclidean, Space, Torus

FLAT = Euclidean()


def cheapest_order(cost: Tensor) -> Tensor:
    """The permutation p (n,) that makes Σ_i cost[i, p_i] smallest, for costs (n, n).

    Raises ValueError when the costs are not square.
    Source: Flamary et al., POT, JMLR 22, 78 (2021).
    """
    if cost.ndim != 2 or cost.shape[0] != cost.shape[1]:
        raise ValueError(f"costs of shape {tuple(cost.shape)}: need a square table (n, n)")
    even = np.full(len(cost), 1 / len(cost))
    plan = ot.emd(even, even, cost.detach().cpu().double().numpy(), check_marginals=False)
    return torch.from_numpy(plan.argmax(1)).to(cost.device)


def ot_pairs(x0: Tensor, x1: Tensor, space: Space = FLAT, block: int = 64) -> tuple[Tensor, Tensor]:
    """Data x0 (B, ...) and noise x1 in a new order: the sum of squared distances is smallest.

    The order is sought within blocks of `block` neighbours, since its cost grows like the third
    power of their number, and small blocks serve nearly as well. Each noise is used once, so its
    law stays what it was. Raises ValueError when shapes differ or block is below 1.
    Source: Pooladian et al. (2023); Tong et al. (2024).
    """
    if x0.shape != x1.shape or block < 1:
        raise ValueError(
            f"data of shape {tuple(x0.shape)}, noise of shape {tuple(x1.shape)}, block = {block}: "
            "need pairs, and blocks of at least 1"
        )
    order = []
    for i in range(0, len(x0), block):
        away = space.diff(x0[i : i + block, None], x1[None, i : i + block])
        order.append(i + cheapest_order(away.flatten(2).square().sum(-1)))
    return x0, x1[torch.cat(order)]


def matched_atoms(
    x0: Tensor, x1: Tensor, species: Tensor, mask: Tensor | None = None, n_rounds: int = 3
) -> tuple[Tensor, Tensor]:
    """Crystals x0 (B, N, 3) moved as a whole, and noise x1 with atoms of one element reordered.

    Fractional coordinates. Both make the shortest displacements from x0 to x1 small: reordering and
    moving take turns, n_rounds times. `species` (B, N) says which
    atoms may change places; `mask` (B, N) is false at padding, which stays in place.
    Raises ValueError when shapes do not fit or n_rounds is below 1.
    """
    if x0.shape != x1.shape or species.shape != x0.shape[:-1] or n_rounds < 1:
        raise ValueError(
            f"crystals {tuple(x0.shape)}, noise {tuple(x1.shape)}, species "
            f"{tuple(species.shape)}, n_rounds = {n_rounds}: need (B, N, 3) twice, (B, N) and at "
            "least one round"
        )
    torus = Torus()
    kinds = species if mask is None else torch.where(mask, species, -1)
    apart = kinds[:, :, None] != kinds[:, None, :]
    for _ in range(n_rounds):
        cost = torus.diff(x0[:, :, None], x1[:, None]).square().sum(-1)  # (B, N, N)
        cost = cost + 1e3 * apart  # no distance reaches this: elements keep to themselves
        order = torch.stack([cheapest_order(table) for table in cost])
        if mask is not None:  # padding all lies at one place: keep its order
            here = torch.arange(x0.shape[1], device=x0.device).expand_as(order)
            order = torch.where(mask, order, here)
        x1 = x1.gather(1, order[..., None].expand_as(x1))
        x0 = aligned(x0, x1, mask)
    return x0, x1
