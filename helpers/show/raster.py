"""From a matplotlib figure to the bytes of a picture, the same bytes on every run."""

import base64
import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from helpers.show.style import PAGE_DPI

#: Pixels drawn for one pixel of the page, so that pictures stay sharp on fine screens.
SHARPNESS = 1.6
#: A palette is used when it changes the pixels by less than this (root mean square, of 255).
PALETTE_ERROR = 2.5


def page_size(figure: Figure) -> tuple[int, int]:
    """Width and height in pixels at which a page shows `figure`, when there is room."""
    width, height = figure.get_size_inches()
    return round(width * PAGE_DPI), round(height * PAGE_DPI)


def pixels(figure: Figure, sharpness: float = SHARPNESS) -> Image.Image:
    """`figure` drawn on white, `sharpness` pixels for each pixel of the page."""
    drawn = io.BytesIO()
    # Raw pixels carry no date and no version, and skip one round of compression.
    figure.savefig(drawn, format="rgba", dpi=PAGE_DPI * sharpness, bbox_inches=None)
    width, height = (int(length * PAGE_DPI * sharpness) for length in figure.get_size_inches())
    picture = Image.frombytes("RGBA", (width, height), drawn.getvalue())
    paper = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(paper, picture).convert("RGB")


def quick_png(picture: Image.Image) -> bytes:
    """`picture` as PNG in a few milliseconds, for figures that a slider draws anew."""
    content = io.BytesIO()
    picture.save(content, format="PNG")
    return content.getvalue()


def png(picture: Image.Image) -> bytes:
    """`picture` as PNG, with a palette of 64 or 256 colours where the eye cannot tell."""
    exact = np.asarray(picture, dtype=float)
    candidate = picture
    for colours in (64, 256):
        few = picture.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        change = np.asarray(few.convert("RGB"), dtype=float) - exact
        if float(np.sqrt((change**2).mean())) <= PALETTE_ERROR:
            candidate = few
            break
    content = io.BytesIO()
    candidate.save(content, format="PNG", optimize=True)
    return content.getvalue()


def data_uri(content: bytes, kind: str) -> str:
    """`content` as an address that holds the picture itself; `kind` is "png" or "webp"."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
