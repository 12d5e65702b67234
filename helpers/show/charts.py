"""Charts that chapters share: fans of paths beside their histogram, panels of fans, error orders.

Each function returns an open matplotlib Figure, for ``show(fig, alt="…")``. Numbers may be
tensors on any device, arrays or lists.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from helpers.show.style import COLORS, new_figure


def numbers(values: Any) -> np.ndarray:
    """`values` as a float array; a tensor is taken off its device first."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    return np.asarray(values, dtype=float)


def paths_of(times: Any, states: Any) -> tuple[np.ndarray, np.ndarray]:
    """Times (n_times,) and states (n_times, n_paths) as arrays; a last axis of 1 is dropped.

    Raises ValueError when the shapes do not fit each other.
    """
    t, x = numbers(times), numbers(states)
    if x.ndim == 3 and x.shape[-1] == 1:
        x = x[..., 0]
    if t.ndim != 1 or x.ndim != 2 or len(t) != len(x):
        raise ValueError(
            f"need times (n_times,) and states (n_times, n_paths), got {t.shape} and {x.shape}"
        )
    return t, x


def draw_fan(
    ax: Axes, times: np.ndarray, states: np.ndarray, color: str, most: int, limits: Any
) -> None:
    """At most `most` paths as thin lines; the more there are, the paler each."""
    shown = states[:, :most]
    strength = float(np.clip(4 / shown.shape[1] ** 0.5, 0.35, 0.9))
    # A path far outside would hide all others; it is cut a little beyond the edge.
    if limits is not None:
        low, high = limits
        shown = np.clip(shown, low - (high - low), high + (high - low))
        ax.set_ylim(low, high)
    ax.plot(times, shown, "-", color=color, lw=0.9, alpha=strength)
    ax.set_xlim(times[0], times[-1])


def draw_histogram(ax: Axes, states: np.ndarray, edges: np.ndarray, color: str) -> None:
    """The density of `states`, lying on its side; walkers outside `edges` count, unseen."""
    counts, _ = np.histogram(states[np.isfinite(states)], edges)
    ax.stairs(
        counts / (states.size * np.diff(edges)),
        edges,
        orientation="horizontal",
        fill=True,
        color=color,
        alpha=0.55,
    )
    outside = 1 - counts.sum() / states.size
    if outside > 0.05:
        ax.text(
            0.5,
            0.96,
            f"{100 * outside:.0f} %\noutside",
            color=COLORS["exact"],
            ha="center",
            va="top",
            transform=ax.transAxes,
        )


def trajectories_with_histogram(
    times: Any,
    states: Any,
    density: Callable[[np.ndarray], Any] | None = None,
    *,
    envelope: Callable[[np.ndarray], Any] | None = None,
    color: str = COLORS["model"],
    paths: int = 60,
    bins: int = 30,
    limits: tuple[float, float] | None = None,
    highest: float | None = None,
    title: str = "",
    time_label: str = "time t (ps)",
    state_label: str = "position x (Å)",
    density_label: str = "density (1/Å)",
) -> Figure:
    """A fan of `paths` trajectories, and on the same axis the histogram of all last states.

    `times` (n_times,), `states` (n_times, n_paths). `density` gives the exact density on a grid of
    states, `envelope` the exact half-width at each time; both are drawn dark. `limits` fixes the
    range of states and `highest` that of the density, so that explorers keep still.
    Raises ValueError when the shapes do not fit each other.
    """
    t, x = paths_of(times, states)
    low, high = limits if limits is not None else (float(x.min()), float(x.max()))
    figure, (fan, side) = new_figure(1, 2, sharey=True, width_ratios=(2.7, 1))
    draw_fan(fan, t, x, color, paths, (low, high) if limits is not None else None)
    if envelope is not None:
        half = numbers(envelope(t))
        fan.plot(t, half, "-", t, -half, "-", color=COLORS["exact"], lw=2.2)
    draw_histogram(side, x[-1], np.linspace(low, high, bins + 1), color)
    if density is not None:
        grid = np.linspace(low, high, 300)
        side.plot(numbers(density(grid)), grid, "-", color=COLORS["exact"], lw=2.2)
    side.set_xlim(0, highest)
    side.locator_params(axis="x", nbins=2)
    for axis in "xy":
        fan.locator_params(axis=axis, steps=[1, 2, 5, 10])  # 2, 4, 6 and not 2.5, 5.0, 7.5
    side.grid(axis="y", visible=False)
    side.set_xlabel(density_label)
    side.tick_params(axis="y", length=0)
    fan.set(xlabel=time_label, ylabel=state_label)
    if title:
        figure.suptitle(title, x=0.02, ha="left", fontweight="bold", fontsize=15)
    return figure


def fan_panels(
    fans: Mapping[str, tuple[Any, Any]],
    *,
    columns: int = 1,
    bands: Mapping[str, float] | None = None,
    color: str = COLORS["model"],
    paths: int = 60,
    limits: tuple[float, float] | None = None,
    time_label: str = "time t (ps)",
    state_label: str = "x (Å)",
) -> Figure:
    """One panel for each title in `fans` (title → times, states), all on the same axes.

    `bands` gives, for a title, the half-width of a shaded exact band around zero.
    Raises ValueError when the shapes do not fit, or the panels do not fill `columns`.
    """
    if not fans or len(fans) % columns:
        raise ValueError(f"{len(fans)} panels do not fill {columns} columns")
    rows = len(fans) // columns
    figure, axes = new_figure(
        rows,
        columns,
        height=0.9 + (2.1 if columns > 2 else 1.9) * rows,
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for ax, (title, (times, states)) in zip(axes.flat, fans.items(), strict=True):
        t, x = paths_of(times, states)
        band = (bands or {}).get(title)
        if band:
            ax.axhspan(-band, band, color=COLORS["exact"], alpha=0.14, lw=0)
        draw_fan(ax, t, x, color, paths, limits)
        small = columns > 2
        ax.set_title(
            title.replace(", ", "\n") if small else title,
            fontsize=14,
            fontweight="normal" if small else "bold",
            pad=5,
        )
    figure.supxlabel(time_label, fontsize=14)
    figure.supylabel(state_label, fontsize=14)
    return figure


def error_orders(
    panels: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]],
    *,
    step_label: str = "step h (ps)",
    error_label: str = "error (Å)",
) -> Figure:
    """Errors against step sizes on logarithmic axes, one panel below the other.

    `panels` maps a title to curves, a curve's name to (step sizes, errors) or (step sizes,
    estimates with ``value`` and ``error``); bars are two standard errors.
    """
    figure, axes = new_figure(
        len(panels), 1, height=0.7 + 2.9 * len(panels), sharex=True, squeeze=False
    )
    dress = tuple(zip("os^D", ("model", "data", "drift", "exact"), strict=True))
    for ax, (title, curves) in zip(axes[:, 0], panels.items(), strict=True):
        for (name, (steps, errors)), (marker, role) in zip(curves.items(), dress, strict=False):
            values = numbers([getattr(error, "value", error) for error in errors])
            bars = 2 * numbers([getattr(error, "error", 0.0) for error in errors])
            ax.errorbar(
                numbers(steps), values, bars, fmt=marker + "-", color=COLORS[role], label=name
            )
        ax.set(xscale="log", yscale="log", ylabel=error_label, title=title)
        # The steps that were taken stand on the axis, not the powers of ten between them.
        taken = np.unique(np.concatenate([numbers(steps) for steps, _ in curves.values()]))
        ax.set_xticks(taken, [f"{step:.2g}" for step in taken])
        ax.set_xticks([], minor=True)
        ax.legend()
    axes[-1, 0].set_xlabel(step_label)
    return figure
