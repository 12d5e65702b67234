"""Charts of points in the plane: clouds beside their modes, fields of arrows, quality curves.

Each function returns an open matplotlib Figure, for ``show(fig, alt="…")``. Numbers may be
tensors on any device, arrays or lists.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from helpers.show.charts import numbers
from helpers.show.style import COLORS, legend_below, new_figure


class Circles(NamedTuple):
    """Where the modes are, (K, 2), and the radius of the circle drawn around each."""

    centres: Any
    radius: float


def points_of(cloud: Any) -> np.ndarray:
    """A cloud as an array (n, 2); raises ValueError for any other shape."""
    x = numbers(cloud)
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(f"a cloud in the plane has shape (n, 2), got {x.shape}")
    return x


def draw_circles(ax: Axes, circles: Circles | None) -> None:
    """A thin dark circle around each mode."""
    if circles is None:
        return
    for centre in points_of(circles.centres):
        ax.add_patch(
            Circle(tuple(centre), circles.radius, fill=False, ec=COLORS["exact"], lw=1.0, zorder=3)
        )


def draw_cloud(ax: Axes, cloud: Any, color: str, limit: float, size: float = 5.0) -> None:
    """The points of a cloud inside ±limit; how many are outside stands in the corner."""
    x = points_of(cloud)
    inside = np.isfinite(x).all(1) & (np.abs(x) <= limit).all(1)
    # Pale where points are many, so that the dense middle of a mode stays readable.
    strength = float(np.clip(12 / max(1, len(x)) ** 0.5, 0.15, 0.8))
    ax.scatter(x[inside, 0], x[inside, 1], s=size, color=color, alpha=strength, lw=0, zorder=2)
    outside = len(x) - int(inside.sum())
    if outside > 0.002 * len(x):
        ax.text(
            0.97,
            0.03,
            f"{100 * outside / len(x):.1f} % outside",
            fontsize=11,
            ha="right",
            transform=ax.transAxes,
            color=COLORS["muted"],
        )


def square(ax: Axes, limit: float, ticks: Sequence[float] = (-2.5, 0, 2.5)) -> None:
    """Equal axes from −limit to limit, with few ticks."""
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    ax.set_xticks(ticks)
    ax.set_yticks(ticks)


def cloud_panels(
    clouds: Mapping[str, Any],
    circles: Circles | None = None,
    *,
    columns: int = 2,
    colors: Sequence[str] = (COLORS["data"],),
    limit: float = 4.0,
    most: int = 2500,
    unit: str = "Å",
) -> Figure:
    """One square panel for each title in `clouds`, with at most `most` points of (n, 2) each.

    `colors` are taken in turn. A share of points beyond ±limit is said in the panel.
    Raises ValueError when the panels do not fill `columns`, or a cloud is not (n, 2).
    """
    if not clouds or len(clouds) % columns:
        raise ValueError(f"{len(clouds)} panels do not fill {columns} columns")
    rows = len(clouds) // columns
    side = (5.0 if columns > 1 else 5.2) / columns
    figure, axes = new_figure(
        rows, columns, height=0.55 + (side + 0.33) * rows, sharex=True, sharey=True, squeeze=False
    )
    for i, (ax, (title, cloud)) in enumerate(zip(axes.flat, clouds.items(), strict=True)):
        draw_cloud(ax, points_of(cloud)[:most], colors[i % len(colors)], limit)
        draw_circles(ax, circles)
        square(ax, limit)
        ax.set_title(title, fontsize=13 if columns > 1 else 15, pad=5, fontweight="normal")
    figure.supxlabel(f"x₁ ({unit})", fontsize=14)
    figure.supylabel(f"x₂ ({unit})", fontsize=14)
    return figure


def field_panels(
    fields: Mapping[str, tuple[Any, Any]],
    circles: Circles | None = None,
    *,
    columns: int = 2,
    colors: Sequence[str] = (COLORS["exact"], COLORS["model"]),
    limit: float = 4.0,
    unit: str = "Å",
) -> Figure:
    """Arrows, one panel for each title in `fields` (title → places (n, 2), arrows (n, 2)).

    All panels of a row share one scale: its longest arrow spans one and a half gaps of the grid.
    Raises ValueError when the panels do not fill `columns`, or shapes are not (n, 2).
    """
    if not fields or len(fields) % columns:
        raise ValueError(f"{len(fields)} panels do not fill {columns} columns")
    rows = len(fields) // columns
    side = 5.0 / columns
    figure, axes = new_figure(
        rows, columns, height=0.55 + (side + 0.33) * rows, sharex=True, sharey=True, squeeze=False
    )
    titles = list(fields)
    for r in range(rows):
        row = titles[r * columns : (r + 1) * columns]
        drawn = [(points_of(fields[title][0]), points_of(fields[title][1])) for title in row]
        longest = max(float(np.quantile(np.hypot(*arrows.T), 0.98)) for _, arrows in drawn)
        gap = 2 * limit / max(2.0, len(drawn[0][0]) ** 0.5)
        for c, (title, (places, arrows)) in enumerate(zip(row, drawn, strict=True)):
            ax = axes[r, c]
            length = np.maximum(np.hypot(*arrows.T) / longest, 1e-12)[:, None]
            # Square roots of the lengths, cut at the longest: short arrows stay visible.
            shown = arrows / longest / length * np.minimum(length, 1.0) ** 0.5 * 1.5 * gap
            ax.quiver(
                *places.T,
                *shown.T,
                angles="xy",
                scale_units="xy",
                scale=1,
                color=colors[c % len(colors)],
                width=0.006,
                headwidth=3.6,
                headlength=4.2,
            )
            draw_circles(ax, circles)
            square(ax, limit)
            ax.set_title(title, fontsize=13, pad=5, fontweight="normal")
    figure.supxlabel(f"x₁ ({unit})", fontsize=14)
    figure.supylabel(f"x₂ ({unit})", fontsize=14)
    return figure


def quality_curves(
    curves: Mapping[str, tuple[Any, Any]],
    floor: tuple[float, float] = (0.5, 2.0),
    *,
    guides: Mapping[str, tuple[Any, Any]] | None = None,
    x_label: str = "network calls",
    y_label: str = "energy distance / floor",
    height: float = 4.6,
) -> Figure:
    """Ratios to the floor against costs on logarithmic axes: name → (costs, ratios).

    The band `floor` is where true draws lie. At most six curves, each with its own colour, marker
    and dash; `guides` are two more at most, thin and grey. Raises ValueError for other counts.
    """
    dress = tuple(
        zip(
            "os^Dvx",
            ("data", "model", "drift", "noise", "exact", "highlight"),
            ("-", "-", "--", "-.", ":", "-"),
            strict=True,
        )
    )
    if not 1 <= len(curves) <= len(dress):
        raise ValueError(f"{len(curves)} curves, need 1 to {len(dress)}")
    guides = dict(guides or {})
    if len(guides) > 2:
        raise ValueError(f"{len(guides)} guides, need 2 at most")
    figure, ax = new_figure(height=height)
    ax.axhspan(*floor, color=COLORS["grid"], alpha=0.7, lw=0, label="two true draws")
    ax.axhline(1.0, color=COLORS["muted"], lw=1.2)
    for (name, (costs, ratios)), dash in zip(guides.items(), (":", "--"), strict=False):
        ax.plot(numbers(costs), numbers(ratios), dash, color=COLORS["muted"], lw=1.6, label=name)
    for (name, (costs, ratios)), (marker, role, dash) in zip(curves.items(), dress, strict=False):
        ax.plot(
            numbers(costs), numbers(ratios), dash, marker=marker, color=COLORS[role], label=name
        )
    ax.set(xscale="log", yscale="log", xlabel=x_label, ylabel=y_label)
    taken = np.unique(np.concatenate([numbers(costs) for costs, _ in curves.values()]))
    # Ticks at the usual round numbers inside the range, so that labels do not collide.
    round_ones = np.array([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000])
    near = round_ones[(round_ones >= 0.9 * taken.min()) & (round_ones <= 1.1 * taken.max())]
    ax.set_xticks(near, [f"{n:g}" for n in near])
    ax.set_xticks([], minor=True)
    legend_below(figure)
    return figure
