"""What a picture of a molecule shows: bonds, contacts, the side it is seen from, sites' looks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from matplotlib.colors import to_rgb

from helpers.show.charts import numbers

#: The look of a site: colour, opacity, radius in Å, letter. N–H donates, O accepts.
LOOKS = {
    "donor": (to_rgb("#2F6DB5"), 0.55, 0.80, "D"),
    "acceptor": (to_rgb("#D3202B"), 0.55, 0.80, "A"),
    "hydrophobic": (to_rgb("#BFA873"), 0.40, 0.95, ""),
}
SLACK = 0.3  # Å: as bonds are drawn in molecules, beyond the sum of the radii
CONTACT = 3.5  # Å: N and O nearer than this to a polar site are joined to it by a dotted line
GREY = np.array(to_rgb("#8A939C"))


def view_on(x: Any) -> tuple[float, float]:
    """The (turn, tilt) in degrees that shows the widest face of a molecule x (n, 3).

    The viewer looks along the direction in which its atoms spread least. For a film take it from
    the last frame. Raises ValueError for fewer than two atoms.
    """
    x = numbers(x)
    if len(x) < 2:
        raise ValueError(f"{len(x)} atoms look alike from everywhere: name a view")
    forward = np.linalg.svd(x - x.mean(0))[2][-1]
    forward = forward if forward[2] >= 0 else -forward
    turn = np.degrees(np.arctan2(forward[1], forward[0]))
    return float(turn), float(np.degrees(np.arcsin(np.clip(forward[2], -1, 1))))


def checked(x: Any, names: Sequence[str], known: Any, what: str) -> np.ndarray:
    """The positions as an array (n, 3). Raises ValueError for another shape, numbers that are not
    finite, or names that are unknown or not as many."""
    x = numbers(x).astype(float)
    if x.ndim != 2 or x.shape[1:] != (3,) or len(names) != len(x):
        raise ValueError(f"{what}: positions {x.shape} for {len(names)} names, need (n, 3)")
    if not np.isfinite(x).all():
        raise ValueError(f"{what}: nan or infinite positions cannot be drawn")
    strange = sorted(set(names) - set(known))
    if strange:
        raise ValueError(f"{what}: {', '.join(strange)} is no element and no kind of site")
    return x


def bonded(x: np.ndarray, symbols: Sequence[str]) -> np.ndarray:
    """The pairs i < j, (m, 2), closer than the sum of their covalent radii and 0.3 Å."""
    radius = covalent_radii[[atomic_numbers[s] for s in symbols]]
    d = np.linalg.norm(x[:, None] - x[None], axis=-1)
    return np.argwhere(np.triu(d < radius[:, None] + radius + SLACK, 1))


def contacts_of(
    x: np.ndarray, symbols: Sequence[str], sites: np.ndarray, kinds: Sequence[str]
) -> np.ndarray:
    """Which atom faces which site, (c, 2): O the donors, N the acceptors, within 3.5 Å."""
    wants = {"donor": "O", "acceptor": "N"}
    found = [
        (i, k)
        for k, kind in enumerate(kinds)
        for i, symbol in enumerate(symbols)
        if wants.get(kind) == symbol and np.linalg.norm(x[i] - sites[k]) <= CONTACT
    ]
    return np.array(found, dtype=int).reshape(-1, 2)


def sticks_between(
    ends: np.ndarray, pairs: np.ndarray, paint: np.ndarray, radius: float
) -> list[tuple[np.ndarray, np.ndarray, float, np.ndarray]]:
    """Two halves for each pair, in the colours of its ends."""
    rows = []
    for i, j in pairs:
        middle = (ends[i] + ends[j]) / 2
        rows += [(ends[k], middle, radius, 0.7 * paint[k] + 0.2) for k in (i, j)]
    return rows


def dots_between(
    start: np.ndarray, end: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray, float, np.ndarray]]:
    """A dotted line: short thin sticks."""
    cuts = np.linspace(0.12, 0.88, 10)
    points = start + cuts[:, None] * (end - start)
    return [(points[k], points[k + 1], 0.05, GREY) for k in range(0, 10, 2)]


def columns(rows: Sequence[tuple], n: int) -> list[np.ndarray]:
    """The n columns of a table as arrays, of the right shape for a raster also when empty."""
    if not rows:
        return [np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0), np.zeros((0, 3))][-n:]
    return [np.array(column, dtype=float) for column in zip(*rows, strict=True)]
