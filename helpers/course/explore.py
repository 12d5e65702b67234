"""A figure with sliders: drawn anew by a running kernel, chosen from stored frames on a page.

``explore(draw, alt="…", theta=[0.5, 1, 2], h=[0.01, 0.1])`` calls ``draw(theta=…, h=…)``, which
returns a matplotlib Figure. In a notebook the sliders are ipywidgets. While a notebook is executed
for the book (COURSE_STATIC=1) every combination is drawn once and stored with the page.
`draw` should seed its own random numbers: then a slider shows its own effect and nothing else.
"""

import itertools
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.figure import Figure

from helpers.show.figure import figure_html, require_alt, require_figure
from helpers.show.frames import compress, require_few
from helpers.show.raster import page_size, pixels
from helpers.show.scrubber import Control, frame_index, scrubber_html

Draw = Callable[..., Figure]
Alt = str | Callable[..., str]

#: Controls are named in code and read as symbols.
SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "eta": "η", "theta": "θ",
    "lambda_": "λ", "mu": "μ", "rho": "ρ", "sigma": "σ", "tau": "τ",
}  # fmt: skip

TOO_MUCH = "give fewer values for the page with static={name: [few values]}, or plot less"


def explore(
    draw: Draw,
    alt: Alt,
    *,
    start: Mapping[str, Any] | None = None,
    static: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    caption: str | None = None,
    **controls: Any,
) -> None:
    """Display the figure that `draw` returns, with one slider for each control.

    A control is a list of values, or ``(low, high, n)``: n values evenly spaced. `alt` says what
    the figure shows, as text or as a function of the same arguments. `start` sets values shown
    first (the middle of each list when left out), `static` shorter lists for the stored page,
    `labels` the words beside a slider (Greek names become letters).
    Raises ValueError for an empty control, an unknown name, an empty `alt`, or frames too many or
    too large for a page; TypeError when `draw` does not return a Figure.
    """
    start, static, labels = dict(start or {}), dict(static or {}), dict(labels or {})
    if not controls:
        raise ValueError(
            "explore() needs something to move: a list of values, such as theta=[1, 2]"
        )
    for name, given in (("start", start), ("static", static), ("labels", labels)):
        unknown = sorted(set(given) - set(controls))
        if unknown:
            raise ValueError(f"{name} names {unknown}, the controls are {sorted(controls)}")
    if not callable(alt):
        require_alt(alt)
    on_page = os.environ.get("COURSE_STATIC", "") not in ("", "0")
    values = {name: control_values(name, spec) for name, spec in controls.items()}
    if on_page:
        values |= {name: control_values(name, spec) for name, spec in static.items()}
    first = [_place(name, values[name], start) for name in values]
    shown = {name: labels.get(name, SYMBOLS.get(name, name)) for name in values}
    present = _on_page if on_page else _live
    present(draw, alt, values, shown, first, caption)


def control_values(name: str, spec: Any) -> list[Any]:
    """The values a control steps through; raises ValueError when there are none."""
    if isinstance(spec, tuple) and len(spec) == 3 and isinstance(spec[2], int) and spec[2] > 1:
        low, high, n = spec
        # Twelve digits: 0.3 and not 0.30000000000000004.
        return [float(f"{value:.12g}") for value in np.linspace(low, high, n)]
    if isinstance(spec, str) or not hasattr(spec, "__iter__"):
        raise ValueError(f"{name} must be a list of values or (low, high, n), got {spec!r}")
    values = [value.item() if isinstance(value, np.generic) else value for value in spec]
    if not values:
        raise ValueError(f"{name} has no values")
    return values


def value_text(value: Any) -> str:
    """A value as a reader sees it beside the slider."""
    if isinstance(value, bool):
        return "on" if value else "off"
    text = f"{value:g}" if isinstance(value, (int, float)) else str(value)
    return text.replace("-", "−") if isinstance(value, (int, float)) else text


def _place(name: str, values: Sequence[Any], start: Mapping[str, Any]) -> int:
    """Where a control stands at first."""
    if name not in start:
        return (len(values) - 1) // 2
    if start[name] not in values:
        raise ValueError(f"start has {name} = {start[name]!r}, the values are {list(values)}")
    return values.index(start[name])


def _describe(alt: Alt, chosen: Mapping[str, Any], shown: Mapping[str, str]) -> str:
    """The description of one frame; a fixed text gets the values added."""
    if callable(alt):
        return require_alt(alt(**chosen))
    words = ", ".join(f"{shown[name]} = {value_text(value)}" for name, value in chosen.items())
    return f"{require_alt(alt)} ({words})"


def _draw(draw: Draw, chosen: Mapping[str, Any]) -> Figure:
    return require_figure(draw(**chosen), "what draw() returns")


def _on_page(
    draw: Draw,
    alt: Alt,
    values: Mapping[str, Sequence[Any]],
    shown: Mapping[str, str],
    first: Sequence[int],
    caption: str | None,
) -> None:
    """Draw every combination and display the scrubber."""
    controls = [Control(shown[name], tuple(map(value_text, values[name]))) for name in values]
    combinations = [
        dict(zip(values, one, strict=True)) for one in itertools.product(*values.values())
    ]
    require_few(len(combinations), TOO_MUCH)
    pictures, sizes = [], set()
    for chosen in combinations:
        figure = _draw(draw, chosen)
        pictures.append(pixels(figure))
        sizes.add(page_size(figure))
        plt.close(figure)
    if len(sizes) > 1:
        raise ValueError(f"draw() must return figures of one size, got {sorted(sizes)} pixels")
    begin = frame_index(controls, first)
    alts = [_describe(alt, chosen, shown) for chosen in combinations]
    html = scrubber_html(
        compress(pictures, TOO_MUCH), alts, controls, sizes.pop(),
        start=begin, speaks=callable(alt), caption=caption,
    )  # fmt: skip
    display({"text/html": html, "text/plain": alts[begin]}, raw=True)


def _live(
    draw: Draw,
    alt: Alt,
    values: Mapping[str, Sequence[Any]],
    shown: Mapping[str, str],
    first: Sequence[int],
    caption: str | None,
) -> None:
    """Display ipywidgets that draw anew after each move."""
    import ipywidgets as widgets  # here: pages and tests without a kernel do without it

    longest = max(len(label) for label in shown.values())
    sliders = {
        name: widgets.SelectionSlider(
            options=[(value_text(value), place) for place, value in enumerate(values[name])],
            value=begin,
            description=shown[name],
            continuous_update=False,
            style={"description_width": f"{longest + 1}ch"},  # the tracks begin in one line
            layout={"width": "auto", "max_width": "600px"},
        )
        for name, begin in zip(values, first, strict=True)
    }
    screen = widgets.HTML()

    def redraw() -> None:
        chosen = {name: values[name][slider.value] for name, slider in sliders.items()}
        figure = _draw(draw, chosen)
        screen.value = figure_html(figure, _describe(alt, chosen, shown), caption, quick=True)
        plt.close(figure)

    def moved(_change: object) -> None:
        try:
            redraw()
        except (
            Exception
        ) as error:  # a callback has no cell to fail in: say it in the figure's place
            words = "".join(traceback.format_exception(error))
            screen.value = f'<pre role="alert">draw() stopped:\n{escape(words)}</pre>'

    redraw()
    for slider in sliders.values():
        slider.observe(moved, names="value")
    display(widgets.VBox([screen, *sliders.values()]))
