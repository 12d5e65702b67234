"""Molecules in three dimensions: a ligand in its pocket, alone, or growing step by step.

Imported by name (`from helpers.show.molecules import …`): it needs ASE for colours and radii.
Numbers may be tensors, arrays or lists; lengths in Å. A pocket is drawn as sites, large pale balls
with a letter where they are polar, or, when its nodes are named by elements, as pale sticks.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.show.atoms import colours_of
from helpers.show.cells import CLASH, rotation
from helpers.show.charts import numbers
from helpers.show.spheres import Balls, Sticks, draw_scene
from helpers.show.sticks import (
    LOOKS,
    bonded,
    checked,
    columns,
    contacts_of,
    dots_between,
    sticks_between,
    view_on,
)
from helpers.show.style import new_figure

VIEW = (-62.0, 17.0)


class Drawn(NamedTuple):
    """What a picture of a pair holds, as the viewer sees it (right, up, towards her), in Å: atoms
    and sites (…, 3), bonds (m, 2), contacts (c, 2) of atom and site."""

    atoms: np.ndarray
    sites: np.ndarray
    bonds: np.ndarray
    contacts: np.ndarray


def draw_complex(
    ax: Axes,
    x: Any,
    symbols: Sequence[str],
    pocket: Any = (),
    kinds: Sequence[str] = (),
    *,
    clash: Any = None,
    view: tuple[float, float] = VIEW,
    span: float | None = None,
    pixels: int = 480,
) -> Drawn:
    """Draw a ligand x (n, 3) with elements (n,) in its pocket (p, 3) with kinds (p,) into `ax`.

    kinds are "donor", "acceptor", "hydrophobic", or elements. Atoms where clash (n,) is true are
    magenta. The window is `span` Å wide about the centroid of the pocket (of the ligand when there
    is none), so that the frames of a film do not jump; when left out, the pocket fills it.
    Raises ValueError for shapes and names that do not fit, nan, and a span that is not positive.
    """
    atoms = checked(x, symbols, atomic_numbers, "the ligand")
    nodes = checked(numbers(pocket).reshape(-1, 3), kinds, {*LOOKS, *atomic_numbers}, "the pocket")
    frame = nodes if len(nodes) else atoms
    look, middle = rotation(view), frame.mean(0)
    seen, around = (atoms - middle) @ look, (nodes - middle) @ look
    half = np.abs((frame - middle) @ look)[:, :2].max() + 1.1 if span is None else span / 2
    if not half > 0:
        raise ValueError(f"span = {span}: the width of the picture in Å must be positive")
    paint = colours_of(np.array([atomic_numbers[s] for s in symbols]))
    if clash is not None:
        paint[numbers(clash).astype(bool)] = CLASH
    size = 0.36 * np.sqrt(covalent_radii[[atomic_numbers[s] for s in symbols]] / 0.76)
    drawn = Drawn(seen, around, bonded(seen, symbols), contacts_of(seen, symbols, around, kinds))
    rows = sticks_between(seen, drawn.bonds, paint, 0.13)
    for i, k in drawn.contacts:
        rows += dots_between(seen[i], around[k])
    balls = [(seen[i], size[i], paint[i], 1.0) for i in range(len(seen))]
    real = [k for k, kind in enumerate(kinds) if kind not in LOOKS]
    if real:  # a real pocket: thin pale sticks
        names = [kinds[k] for k in real]
        pale = 0.5 * colours_of(np.array([atomic_numbers[s] for s in names])) + 0.42
        rows += sticks_between(around[real], bonded(around[real], names), pale, 0.07)
        balls += [(around[k], 0.14, pale[n], 1.0) for n, k in enumerate(real)]
    for k, kind in enumerate(kinds):
        if kind in LOOKS:
            colour, opacity, radius, letter = LOOKS[kind]
            balls.append((around[k], radius, np.array(colour), opacity))
            right, up = around[k][:2]
            ax.text(
                right, up, letter, fontsize=12, fontweight="bold", ha="center",
                va="center", color=0.55 * np.array(colour), zorder=5, clip_on=True,
            )  # fmt: skip
    window = (-half, half, -half, half)
    draw_scene(ax, Balls(*columns(balls, 4)), Sticks(*columns(rows, 4)), window, pixels)
    return drawn


def complex_panels(
    pairs: Mapping[str, Sequence[Any]],
    *,
    across: int = 2,
    view: tuple[float, float] | None = None,
    span: float | None = None,
    pixels: int = 400,
) -> Figure:
    """One panel for each title → (x, symbols, pocket, kinds), drawn by `draw_complex`; each from
    the side of its ligand that shows most, unless a view is named.

    Raises ValueError when the panels do not fill rows of `across`.
    """
    if not pairs or len(pairs) % across:
        raise ValueError(f"{len(pairs)} pairs do not fill {across} columns")
    rows, width = len(pairs) // across, 5.0
    figure, axes = new_figure(
        rows, across, width=width, height=width / across * 1.1 * rows, squeeze=False
    )
    for ax, (title, pair) in zip(axes.flat, pairs.items(), strict=True):
        side = view_on(pair[0]) if view is None else view
        draw_complex(ax, *pair, view=side, span=span, pixels=pixels)
        ax.set_title(title, fontsize=14, loc="center", fontweight="normal", pad=4)
    return figure


def complex_figure(
    x: Any,
    symbols: Sequence[str],
    pocket: Any,
    kinds: Sequence[str],
    title: str = "",
    *,
    clash: Any = None,
    view: tuple[float, float] = VIEW,
    span: float | None = None,
    pixels: int = 420,
) -> Figure:
    """One frame of a film, 4 inches square: `draw_complex` with a title. With the same pocket,
    view and span all frames show the same window."""
    figure, ax = new_figure(width=4.0, height=4.3)
    draw_complex(ax, x, symbols, pocket, kinds, clash=clash, view=view, span=span, pixels=pixels)
    ax.set_title(title, fontsize=14, loc="center", fontweight="normal", pad=4)
    return figure
