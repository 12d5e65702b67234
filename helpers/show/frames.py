"""Many pictures in little space: the frames of an explorer or an animation as WebP."""

import io
from collections.abc import Sequence

from PIL import Image

#: No more frames than this in one scrubber: a reader moves through a few dozen, and a page
#: has to be loaded before it can be read.
MOST_FRAMES = 150
#: Bytes that the frames of one scrubber may take together, as text in the page.
BUDGET = 560_000
#: Bytes that they should take: a chapter of 1.5 MB has room for two scrubbers and its figures.
AIM = 400_000
#: What is tried, best first: sharpness of the pixels (1 = as drawn) and WebP quality.
LADDER = ((1.0, 82), (1.0, 68), (1.0, 50), (0.8, 55), (0.65, 60), (0.65, 45), (0.65, 30))


def webp(picture: Image.Image, scale: float, quality: int) -> bytes:
    """`picture`, its sides times `scale`, as WebP of `quality` 0–100."""
    if scale != 1.0:
        size = round(picture.width * scale), round(picture.height * scale)
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    content = io.BytesIO()
    picture.save(content, format="WEBP", quality=quality, method=4)
    return content.getvalue()


def text_size(contents: Sequence[bytes]) -> int:
    """Characters that `contents` take in a page: base64 writes three bytes as four."""
    return sum(4 * ((len(content) + 2) // 3) for content in contents)


def require_few(count: int, what_to_do: str) -> None:
    """Raise ValueError, with `what_to_do`, when `count` frames are more than a page can take."""
    if count > MOST_FRAMES:
        raise ValueError(f"{count} frames, and a page takes at most {MOST_FRAMES}: {what_to_do}")


def compress(pictures: Sequence[Image.Image], what_to_do: str) -> list[bytes]:
    """`pictures` as WebP files: the best quality within AIM, else the lowest within BUDGET.

    Raises ValueError with the size reached and `what_to_do` when even the lowest does not fit.
    """
    probes = pictures[:: max(1, len(pictures) // 6)]
    contents: list[bytes] = []
    for scale, quality in LADDER:
        # A few frames tell how large all will be; what they promise is then checked on all.
        probe = text_size([webp(picture, scale, quality) for picture in probes])
        if probe * len(pictures) > 1.05 * AIM * len(probes) and (scale, quality) != LADDER[-1]:
            continue
        contents = [webp(picture, scale, quality) for picture in pictures]
        if text_size(contents) <= AIM:
            return contents
    if text_size(contents) <= BUDGET:
        return contents
    raise ValueError(
        f"{len(pictures)} frames take {text_size(contents) / 1000:.0f} kB even at the lowest "
        f"quality, and a page takes {BUDGET / 1000:.0f} kB: {what_to_do}"
    )
