"""Bonds and their orders from positions alone.

Two atoms are bonded when they are closer than the sum of their covalent radii and 0.3 Å. Which
bonds are double cannot be read off one by one: in a benzene ring all six are alike. A Kekulé
structure is a matching, in which no atom has two double bonds; taken is the one whose bonds are
shortest in all. Hydrogens fill what is left. Two double bonds at one atom (O=C=O) are not found,
except at S.
"""

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

#: Covalent radii in Å (Cordero et al., Dalton Trans. 2832, 2008).
RADIUS = {
    "C": 0.76, "N": 0.71, "O": 0.66, "F": 0.57, "S": 1.05,
    "Cl": 1.02, "Br": 1.20, "P": 1.07, "B": 0.84, "I": 1.39,
}  # fmt: skip
SLACK = 0.3  # Å beyond the sum of the radii
VALENCE = {"C": 4, "N": 3, "O": 2, "F": 1, "S": 2, "Cl": 1, "Br": 1, "P": 3, "B": 3, "I": 1}
#: Å: a bond between two atoms with valences left may be double when it is shorter than this …
DOUBLE = {"CC": 1.46, "CN": 1.375, "CO": 1.38, "CS": 1.68, "NN": 1.36, "NO": 1.28}
#: … and a double one is triple when shorter than this.
TRIPLE = {"CC": 1.26, "CN": 1.21}


def bonds_of(x: Tensor, symbols: Sequence[str]) -> list[tuple[int, int, float]]:
    """The bonds i < j of atoms x (n, 3) with these elements, each with its length in Å.

    Raises ValueError when an element is unknown or the numbers do not fit.
    """
    if x.ndim != 2 or x.shape[1] != 3 or len(x) != len(symbols):
        raise ValueError(f"positions {tuple(x.shape)} for {len(symbols)} elements: need (n, 3)")
    unknown = sorted(set(symbols) - set(VALENCE))
    if unknown:
        raise ValueError(
            f"no bond lengths for {', '.join(unknown)}: there are {', '.join(VALENCE)}"
        )
    radius = torch.tensor([RADIUS[symbol] for symbol in symbols]).to(x)
    d = torch.cdist(x, x)
    near = torch.triu(d < radius[:, None] + radius + SLACK, 1)
    return [(i, j, float(d[i, j])) for i, j in near.nonzero().tolist()]


def orders_of(bonds: Sequence[tuple[int, int, float]], symbols: Sequence[str]) -> list[int]:
    """The order of each bond, 1, 2 or 3: the heaviest matching of those that may be double."""
    free = [VALENCE[symbol] for symbol in symbols]
    for i, j, _ in bonds:
        free[i] -= 1
        free[j] -= 1
    gain = {}
    for k, (i, j, d) in enumerate(bonds):
        limit = DOUBLE.get("".join(sorted((symbols[i], symbols[j]))), 0.0)
        if min(free[i], free[j]) > 0 and d < limit:
            gain[k] = limit - d
    orders = [1] * len(bonds)
    for k in matching({k: bonds[k][:2] for k in gain}, gain):
        i, j, d = bonds[k]
        triple = TRIPLE.get("".join(sorted((symbols[i], symbols[j]))), 0.0)
        orders[k] = 3 if d < triple and min(free[i], free[j]) > 1 else 2
    return orders


def matching(edges: dict[int, tuple[int, int]], gain: dict[int, float]) -> list[int]:
    """The edges of the heaviest set in which no two share an end; all gains are positive.

    Exact, by search with memory, one connected piece after the other: fast where atoms have few
    neighbours.
    """

    def meet(a: int, b: int) -> bool:
        return not set(edges[a]).isdisjoint(edges[b])

    @cache
    def best(left: frozenset[int]) -> tuple[float, tuple[int, ...]]:
        if not left:
            return 0.0, ()
        first, found = min(left), []
        # A heaviest set holds this edge or one that touches it: else it could take it in.
        for k in sorted(k for k in left if meet(first, k)):
            weight, rest = best(frozenset(other for other in left if not meet(k, other)))
            found.append((weight + gain[k], (k, *rest)))
        return max(found)

    chosen: list[int] = []
    todo = set(edges)
    while todo:
        piece: set[int] = set()
        grown = {min(todo)}
        while grown != piece:
            piece, grown = grown, {k for k in todo if any(meet(k, other) for other in grown)}
        todo -= piece
        chosen += best(frozenset(piece))[1]
    return sorted(chosen)
