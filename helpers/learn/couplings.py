"""Which noise belongs to which data: couplings by optimal transport, solved by POT.

In a module of its own, so that only a chapter that asks for it has to install POT.
"""

import numpy as np
import ot
import torch
from torch import Tensor

from helpers.noise.spaces import Euclidean, Space

FLAT = Euclidean()


def cheapest_order(cost: Tensor) -> Tensor:
    """The permutation p (n,) that makes Σ_i cost[i, p_i] smallest, for costs (n, n).

    Raises ValueError when the costs are not square.
    Source: Flamary et al., POT, JMLR 22, 78 (2021).
    """
    if cost.ndim != 2 or cost.shape[0] != cost.shape[1]:
        raise ValueError(f"costs of shape {tuple(cost.shape)}: need a square table (n, n)")
    even = np.full(len(cost), 1 / len(cost))
    table = cost.detach().cpu().double().numpy()
    # Neither the even marginals nor the dual potentials need POT's time.
    plan = ot.emd(even, even, table, check_marginals=False, center_dual=False)
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
    whole = len(x0) // block * block
    order = []
    # The costs of all whole blocks at once, then those of the rest: a table each costs more.
    for start, end, size in ((0, whole, block), (whole, len(x0), len(x0) - whole)):
        if end == start:
            continue
        a, b = (x[start:end].unflatten(0, (-1, size)) for x in (x0, x1))
        away = space.diff(a[:, :, None], b[:, None])
        tables = away.flatten(3).square().sum(-1).double().cpu()
        for k, cost in enumerate(tables):
            order.append(start + k * size + cheapest_order(cost))
    return x0, x1[torch.cat(order).to(x1.device)]
