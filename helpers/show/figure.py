"""A still figure with its description, on every page that shows the notebook."""

from html import escape

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure

from helpers.show.raster import data_uri, page_size, pixels, png, quick_png

#: Figures are drawn on white paper; the rim keeps them a card on dark pages.
PICTURE_STYLE = (
    "max-width:100%;height:auto;background:#fff;border-radius:6px;padding:4px;box-sizing:border-box"
)


def require_alt(alt: object) -> str:
    """`alt` without spaces at its ends; raises in words where there is nothing to read out."""
    if not isinstance(alt, str):
        raise TypeError(f"alt must be a text that says what the figure shows, got {alt!r}")
    if not alt.strip():
        raise ValueError(
            "alt is empty: write one or two sentences for readers who cannot see the figure"
        )
    return " ".join(alt.split())


def require_figure(figure: object, giver: str) -> Figure:
    """`figure` itself; raises TypeError naming `giver` when it is no matplotlib Figure."""
    if not isinstance(figure, Figure):
        raise TypeError(f"{giver} must be a matplotlib Figure, got {type(figure).__name__}")
    return figure


def picture(source: str, alt: str, size: tuple[int, int]) -> str:
    """An ``<img>``, never larger than `size` (width, height in pixels) and never too wide."""
    width, height = size
    return (
        f'<img src="{source}" alt="{escape(alt)}" width="{width}" height="{height}" '
        f'style="{PICTURE_STYLE}">'
    )


def figure_html(
    figure: Figure, alt: str, caption: str | None = None, *, quick: bool = False
) -> str:
    """``<figure>`` with `figure` as PNG inside, stored small or made `quick`; it is left open."""
    content = (quick_png if quick else png)(pixels(figure))
    image = picture(data_uri(content, "png"), require_alt(alt), page_size(figure))
    words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure class="course-figure" style="margin:0.5em 0">{image}{words}</figure>'


def show(figure: Figure, alt: str, caption: str | None = None) -> None:
    """Display `figure` and close it; `alt` says in words what it shows.

    Notebooks and pages show the picture, a terminal prints `alt`.
    Raises ValueError when `alt` is empty, TypeError when `figure` is no matplotlib Figure.
    """
    html = figure_html(require_figure(figure, "what show() is given"), alt, caption)
    plt.close(figure)
    display({"text/html": html, "text/plain": require_alt(alt)}, raw=True)
