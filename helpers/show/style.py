"""The look of every figure in the course: one set of colours with meanings, one set of sizes.

The colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/), chosen so that readers with
any of the common kinds of colour blindness tell them apart. A colour has a meaning and keeps it
through all chapters. Sizes are set for the narrowest page: a figure is six inches wide, and on a
phone, where it has 340 of 390 pixels, its 14-point letters are 11 pixels tall.
"""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.figure import Figure

#: What each colour stands for.
COLORS: dict[str, str] = {
    "data": "#0072B2",  # samples, trajectories, whatever was observed
    "model": "#D55E00",  # what a model or a method gives: a fit, an estimate, a measurement
    "exact": "#1F2933",  # closed forms and other things known to be true
    "drift": "#009E73",  # the deterministic part of a motion
    "noise": "#CC79A7",  # the random part
    "highlight": "#E69F00",  # one thing to look at; an area rather than a thin line
    "pale": "#9CCBE8",  # a light area under something else
    "grid": "#DDE2E6",
    "muted": "#5B6670",  # words and guides that stand back
}

#: Width of a figure in inches, and how many pixels of the page an inch takes.
WIDTH = 6.0
PAGE_DPI = 100

#: The settings handed to matplotlib.
STYLE: dict[str, Any] = {
    "figure.figsize": (WIDTH, 3.8),
    "figure.dpi": PAGE_DPI,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.08,
    "savefig.bbox": "standard",
    # The font that comes with matplotlib: the same letters on every machine.
    "font.family": "DejaVu Sans",
    "mathtext.fontset": "dejavusans",
    "font.size": 14,
    "axes.titlesize": 15,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelsize": 14,
    "axes.labelcolor": COLORS["exact"],
    "axes.edgecolor": COLORS["muted"],
    "axes.linewidth": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    # Lines that a legend tells apart get a marker or a dash as well: colour is never alone.
    "axes.prop_cycle": cycler(
        color=[COLORS[name] for name in ("data", "model", "drift", "noise", "exact")]
    ),
    # 0.05 and 0.1 on logarithmic axes; powers of ten only from 1000 and below 0.001.
    "axes.formatter.min_exponent": 3,
    "grid.color": COLORS["grid"],
    "grid.linewidth": 0.9,
    "xtick.labelsize": 14,
    "ytick.labelsize": 14,
    "xtick.color": COLORS["muted"],
    "ytick.color": COLORS["muted"],
    "xtick.labelcolor": COLORS["exact"],
    "ytick.labelcolor": COLORS["exact"],
    "legend.fontsize": 14,
    "legend.frameon": True,
    "legend.framealpha": 0.9,
    "legend.edgecolor": "none",
    "lines.linewidth": 2.2,
    "lines.markersize": 7,
    "errorbar.capsize": 3,
    "image.cmap": "cividis",
}


def use() -> None:
    """Make the course's style the one that matplotlib draws with from now on."""
    plt.style.use(STYLE)


def new_figure(
    rows: int = 1,
    columns: int = 1,
    *,
    height: float | None = None,
    width: float = WIDTH,
    **subplots: Any,
) -> tuple[Figure, Any]:
    """A figure in the course's style and its axes: one Axes, or an array of them.

    Panels are best stacked (``rows``): side by side they become too small on a phone.
    `height` in inches, 3.8 for one row and 2.9 for each of several when left out; `subplots`
    goes to matplotlib's ``subplots``.
    Raises ValueError when `rows` or `columns` is not positive.
    """
    if rows < 1 or columns < 1:
        raise ValueError(f"a figure needs at least one row and one column, got {rows} × {columns}")
    use()
    if height is None:
        height = 3.8 if rows == 1 else 2.9 * rows
    figure, axes = plt.subplots(rows, columns, figsize=(width, height), **subplots)
    if isinstance(axes, np.ndarray):
        figure.align_ylabels()
    return figure, axes


def legend_below(figure: Figure, columns: int = 2) -> None:
    """One legend for all axes of `figure`, under them, where it hides no data."""
    entries: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=columns)
