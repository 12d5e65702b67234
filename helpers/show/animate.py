"""An animation with a play button and a slider, the same in a notebook and on a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.animation import AbstractMovieWriter, Animation
from matplotlib.figure import Figure
from PIL import Image

from helpers.show.figure import require_alt
from helpers.show.frames import compress, require_few
from helpers.show.raster import page_size, pixels
from helpers.show.scrubber import Control, scrubber_html

if TYPE_CHECKING:  # celluloid is not asked for before setup() could install it
    from celluloid import Camera

LESS = "take fewer snapshots, or plot less in each"


class FrameCollector(AbstractMovieWriter):
    """Takes the frames that matplotlib would write to a film, as pictures in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[Image.Image] = []

    def setup(self, fig: Figure, outfile: Any = None, dpi: float | None = None) -> None:
        """Remember the figure; nothing is written anywhere."""
        self.fig = fig

    def grab_frame(self, **savefig_kwargs: Any) -> None:
        """Add the figure as it stands now."""
        self.pictures.append(pixels(self.fig))

    def finish(self) -> None:
        """Nothing to close."""


def film(movie: Camera | Animation) -> tuple[Figure, list[Image.Image]]:
    """The figure of `movie` and a picture of each of its frames."""
    from celluloid import Camera

    if isinstance(movie, Camera):
        # celluloid keeps its figure and its snapshots to itself until it makes the animation.
        if not movie._photos:
            raise ValueError("the camera took no picture: call camera.snap() after each drawing")
        movie = movie.animate()
    if not isinstance(movie, Animation):
        raise TypeError(
            "animate() needs a celluloid Camera or a matplotlib Animation, "
            f"got {type(movie).__name__}"
        )
    collector = FrameCollector()
    movie.save("unused", writer=collector)
    return collector.fig, collector.pictures


def animate(
    movie: Camera | Animation,
    alt: str | Callable[[int], str],
    *,
    fps: float = 10,
    name: str = "frame",
    values: Sequence[Any] | None = None,
    start: int = 0,
    caption: str | None = None,
) -> None:
    """Display `movie` as pictures with a slider and a play button, and close its figure.

    `movie` is a celluloid Camera or a matplotlib Animation; `alt` says what is seen, as text or as
    a function of the frame's number. `values` (one for each frame, such as times) and `name` stand
    beside the slider; `start` is the frame shown first and printed, −1 the last.
    Raises ValueError when `alt` is empty, when frames are none, too many or too large for a page,
    or when `values` does not fit; TypeError when `movie` is something else.
    """
    if not callable(alt):
        require_alt(alt)
    if not fps > 0:
        raise ValueError(f"fps must be positive, got {fps}")
    figure, pictures = film(movie)
    size = page_size(figure)
    plt.close(figure)
    count = len(pictures)
    require_few(count, LESS)
    if values is None:
        values = range(1, count + 1)
    if len(values) != count:
        raise ValueError(f"{count} frames need {count} values, got {len(values)}")
    if not -count <= start < count:
        raise ValueError(f"start is frame {start}, need {-count} to {count - 1}")
    texts = tuple(value if isinstance(value, str) else f"{value:g}" for value in values)
    alts = [
        require_alt(alt(index)) if callable(alt) else f"{require_alt(alt)} ({name} = {text})"
        for index, text in enumerate(texts)
    ]
    html = scrubber_html(
        compress(pictures, LESS),
        alts,
        [Control(name, texts)],
        size,
        start=start % count,
        fps=fps,
        speaks=callable(alt),
        caption=caption,
    )
    display({"text/html": html, "text/plain": alts[start]}, raw=True)
