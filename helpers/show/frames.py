"""Many pictures in little space: the frames of an explorer or an animation as WebP.

Line drawings are kept sharp with few colours and no loss; pictures with many colours are
compressed the way photographs are. One palette serves all frames, so that nothing flickers.
"""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

#: No more frames than this in one scrubber: a reader moves through a few dozen, and a page
#: has to be loaded before it can be read.
MOST_FRAMES = 150
#: Bytes that the frames of one scrubber may take together, as text in the page.
BUDGET = 560_000
#: Bytes that they should take: a chapter of 1.5 MB has room for two scrubbers and its figures.
AIM = 400_000
#: A palette may change the pixels by this much (root mean square, of 255).
PALETTE_ERROR = 6.0


class Rung(NamedTuple):
    """One way to store frames: `scale` of their sides, then few `colours` or a `quality`."""

    scale: float
    colours: int = 0
    quality: int = 0


#: What is tried, best first.
LADDER = (
    Rung(1.0, colours=64),
    Rung(1.0, quality=82),
    Rung(1.0, colours=16),
    Rung(1.0, quality=65),
    Rung(1.0, colours=10),
    Rung(0.8, colours=16),
    Rung(0.8, colours=12),
    Rung(0.65, colours=16),
    Rung(0.65, colours=12),
    Rung(0.8, quality=55),
    Rung(0.65, quality=50),
    Rung(0.65, quality=30),
)


def scaled(picture: Image.Image, scale: float) -> Image.Image:
    """`picture` with its sides times `scale`."""
    if scale == 1.0:
        return picture
    size = round(picture.width * scale), round(picture.height * scale)
    return picture.resize(size, Image.Resampling.HAMMING)


def common_palette(pictures: Sequence[Image.Image], colours: int) -> Image.Image:
    """The `colours` that serve all `pictures` best, as Pillow wants them."""
    step = 1 + len(pictures) * pictures[0].width * pictures[0].height // 60_000
    rows = np.concatenate([np.asarray(picture).reshape(-1, 3)[::step] for picture in pictures])
    palette = Image.fromarray(rows[None]).quantize(colours, Image.Quantize.MEDIANCUT, kmeans=4)
    shades = np.array(palette.getpalette()).reshape(-1, 3)
    # The mean of nearly white pixels is not white; the paper is.
    shades[shades.min(axis=1) > 244] = 255
    palette.putpalette(shades.ravel().tolist())
    return palette


def webp(picture: Image.Image, rung: Rung, palette: Image.Image | None) -> tuple[bytes, float]:
    """`picture` as WebP, and by how much a palette changed its pixels."""
    picture = scaled(picture, rung.scale)
    content, error = io.BytesIO(), 0.0
    if palette is None:
        picture.save(content, format="WEBP", quality=rung.quality, method=4)
    else:
        few = picture.quantize(palette=palette, dither=Image.Dither.NONE).convert("RGB")
        change = np.asarray(few, dtype=float) - np.asarray(picture, dtype=float)
        error = float(np.sqrt((change**2).mean()))
        few.save(content, format="WEBP", lossless=True, quality=100, method=4)
    return content.getvalue(), error


def text_size(contents: Sequence[bytes]) -> int:
    """Characters that `contents` take in a page: base64 writes three bytes as four."""
    return sum(4 * ((len(content) + 2) // 3) for content in contents)


def require_few(count: int, what_to_do: str) -> None:
    """Raise ValueError, with `what_to_do`, when `count` frames are more than a page can take."""
    if count > MOST_FRAMES:
        raise ValueError(f"{count} frames, and a page takes at most {MOST_FRAMES}: {what_to_do}")


def compress(pictures: Sequence[Image.Image], what_to_do: str) -> list[bytes]:
    """`pictures` as WebP files: the best way within AIM, else the smallest within BUDGET.

    Raises ValueError with the size reached and `what_to_do` when even the smallest does not fit.
    """
    few = pictures[:: max(1, len(pictures) // 6)]
    palettes = {n: common_palette(pictures, n) for n in {rung.colours for rung in LADDER} if n}
    contents: list[bytes] = []
    for rung in LADDER:
        # A few frames tell whether it is worth trying all.
        for some in (few, pictures):
            tried = [webp(picture, rung, palettes.get(rung.colours)) for picture in some]
            contents = [content for content, _ in tried]
            fits = text_size(contents) * len(pictures) <= AIM * len(some)
            if not fits or max(error for _, error in tried) > PALETTE_ERROR:
                break
        else:
            return contents
    contents = [webp(picture, LADDER[-1], None)[0] for picture in pictures]
    if text_size(contents) <= BUDGET:
        return contents
    raise ValueError(
        f"{len(pictures)} frames take {text_size(contents) / 1000:.0f} kB even at the lowest "
        f"quality, and a page takes {BUDGET / 1000:.0f} kB: {what_to_do}"
    )
