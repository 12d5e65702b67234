"""Crystals in three dimensions: the cell with its edges, atoms, bonds and periodic images.

Imported by name (`from helpers.show.cells import …`): it needs ASE for colours and radii, which
only the chapters about crystals ask for. Numbers may be tensors, arrays or lists; lengths in Å.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from helpers.show.atoms import (
    MARGIN,
    Atoms,
    bond_length,
    checked,
    colours_of,
    pairs_within,
    radii_of,
    with_images,
)
from helpers.show.spheres import Balls, Sticks, draw_scene
from helpers.show.style import COLORS, new_figure

#: From where the cell is seen: turned about the vertical c axis, then tilted, in degrees.
VIEW = (-62.0, 17.0)
EDGE = np.array(to_rgb("#4A5560"))
CLASH = np.array(to_rgb("#C2185B"))  # like no common element


def rotation(view: tuple[float, float]) -> np.ndarray:
    """(3, 3): Cartesian rows times this are what the viewer sees, (right, up, towards her)."""
    turn, tilt = np.radians(view)
    c, s = np.cos(turn), np.sin(turn)
    forward = np.array([np.cos(tilt) * c, np.cos(tilt) * s, np.sin(tilt)])
    right = np.array([-s, c, 0.0])
    return np.stack([right, np.cross(forward, right), forward], -1)


def scene(
    cell: np.ndarray,
    atoms: Atoms,
    view: tuple[float, float],
    bond: float,
    clash: float,
) -> tuple[Balls, Sticks, np.ndarray]:
    """Balls, sticks and the eight corners of the cell as the viewer sees them."""
    look = rotation(view)
    middle = cell.sum(0) / 2
    seen = (atoms.cart - middle) @ look
    corners = (np.array(list(product((0, 1), repeat=3))) @ cell - middle) @ look
    longest = float(np.linalg.norm(cell, axis=1).max())
    edges = [(i, j) for i in range(8) for j in range(i) if bin(i ^ j).count("1") == 1]
    thin = 0.0065 * longest
    start, end = [corners[i] for i, _ in edges], [corners[j] for _, j in edges]
    radius, colour = [thin] * 12, [EDGE] * 12
    paint = colours_of(atoms.species)
    for i, j, d in zip(*pairs_within(atoms, max(bond, clash)), strict=True):
        close = d < clash
        if min(atoms.solid[i], atoms.solid[j]) < 0.6 and not close:
            continue
        half = (seen[i] + seen[j]) / 2
        if close:
            paint[[i, j]] = 0.2 * paint[[i, j]] + 0.8 * CLASH
        for one in (i, j):  # each half in the colour of its atom
            start.append(seen[one])
            end.append(half)
            radius.append((0.030 if close else 0.018) * longest)
            colour.append(CLASH if close else 0.55 * paint[one] + 0.35)
    balls = Balls(seen, radii_of(atoms.species, longest), paint, atoms.solid)
    return balls, Sticks(*(np.array(part) for part in (start, end, radius, colour))), corners


def letter_places(corners: np.ndarray, longest: float) -> dict[str, np.ndarray]:
    """Where a, b and c stand: beside the middle of a parallel edge on the rim of the picture."""
    places = {}
    for name, bit in zip("abc", (4, 2, 1), strict=True):
        middles = [(corners[i] + corners[i | bit])[:2] / 2 for i in range(8) if not i & bit]
        # Far from the centre, and rather below and to the left than above and to the right.
        best = max(middles, key=lambda m: np.linalg.norm(m) - 0.2 * (m[1] + 0.5 * m[0]))
        places[name] = best * (1 + 0.09 * longest / np.linalg.norm(best))
    return places


def draw_crystal(
    ax: Axes,
    cell: Any,
    frac: Any,
    species: Any,
    *,
    view: tuple[float, float] = VIEW,
    bond: float | None = None,
    clash: float = 0.0,
    margin: float = MARGIN,
    letters: bool = True,
    pixels: int = 480,
) -> Atoms:
    """Draw one crystal into `ax`, and return what was drawn, images included.

    cell (3, 3), rows in Å; frac (N, 3); species (N,), padding 0 is left out. Bonds up to `bond`
    Å (when left out: the first shell; 0: none); atoms nearer than `clash` Å to one another are
    magenta. `letters` names the edges a, b, c; `view` is (turn, tilt) in degrees.
    Raises ValueError for shapes that do not fit, nan, and unknown elements.
    """
    box, places, kinds = checked(cell, frac, species)
    atoms = with_images(box, places, kinds, margin)
    reach = bond_length(box, places) if bond is None else bond
    balls, sticks, corners = scene(box, atoms, view, reach, clash)
    longest = float(np.linalg.norm(box, axis=1).max())
    # The window depends on the cell alone, so that frames of a film do not jump.
    rim = 0.2 * longest
    low, high = corners.min(0) - rim, corners.max(0) + rim
    window = (low[0], high[0], low[1], high[1])
    draw_scene(ax, balls, sticks, window, pixels)
    if letters:
        for name, (x, y) in letter_places(corners, longest).items():
            ax.text(
                x, y, name, fontsize=14, fontstyle="italic", ha="center", va="center",
                color=COLORS["exact"], zorder=5,
            )  # fmt: skip
    return atoms


def crystal_panels(
    crystals: Mapping[str, Sequence[Any]],
    *,
    columns: int = 2,
    clash: float = 0.0,
    view: tuple[float, float] = VIEW,
    pixels: int = 400,
) -> Figure:
    """One panel for each title → (cell, frac, species); four make a square of 2 × 2.

    Raises ValueError when the panels do not fill `columns`.
    """
    if not crystals or len(crystals) % columns:
        raise ValueError(f"{len(crystals)} crystals do not fill {columns} columns")
    rows = len(crystals) // columns
    width = 5.0
    figure, axes = new_figure(
        rows, columns, width=width, height=width / columns * 1.1 * rows, squeeze=False
    )
    for ax, (title, (cell, frac, species, *_)) in zip(axes.flat, crystals.items(), strict=True):
        draw_crystal(ax, cell, frac, species, clash=clash, view=view, pixels=pixels)
        ax.set_title(title, fontsize=14, loc="center", fontweight="normal", pad=4)
    return figure
