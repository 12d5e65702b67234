"""A picture with sliders that needs no kernel: all frames travel in the page.

The snippet is one ``<figure>``, complete in itself: no library, no request. Without JavaScript
(or where a viewer strips scripts) it is a still picture with a line that says what it shows.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import NamedTuple

from helpers.show.figure import picture
from helpers.show.raster import data_uri

#: Characters of one snippet, all included.
MOST_CHARACTERS = 600_000

HINT = "The sliders appear where JavaScript runs, and when you run the cell."


class Control(NamedTuple):
    """One slider: its label and the texts of the values it steps through."""

    label: str
    values: tuple[str, ...]


def asset(name: str) -> str:
    """The text of a file beside this module, without comment lines and indentation."""
    text = files("helpers.show").joinpath(name).read_text(encoding="utf-8")
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def script_json(value: object) -> str:
    """`value` as JSON that cannot end the ``<script>`` it stands in."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def frame_index(controls: Sequence[Control], positions: Sequence[int]) -> int:
    """Place in the list of frames of the given positions: the last control runs fastest."""
    index = 0
    for control, position in zip(controls, positions, strict=True):
        index = index * len(control.values) + position
    return index


def scrubber_html(
    frames: Sequence[bytes],
    alts: Sequence[str],
    controls: Sequence[Control],
    size: tuple[int, int],
    *,
    start: int = 0,
    fps: float | None = None,
    speaks: bool = False,
    caption: str | None = None,
) -> str:
    """The snippet: `frames` as WebP files, one for each combination of the controls' values.

    `frames` run with the last control fastest, `alts` describes each of them, `size` is width and
    height on the page in pixels, `start` the frame shown first. `fps` adds a play button;
    `speaks` reads the new description aloud after a move.
    Raises ValueError when the counts do not fit each other or the snippet is too large for a page.
    """
    count = math.prod(len(control.values) for control in controls)
    if not (len(frames) == len(alts) == count):
        raise ValueError(
            f"the controls have {count} combinations, got {len(frames)} frames "
            f"and {len(alts)} descriptions"
        )
    if not 0 <= start < count:
        raise ValueError(f"start is frame {start}, need 0 to {count - 1}")
    moving = [control for control in controls if len(control.values) > 1]
    fixed = [f"{c.label} = {c.values[0]}" for c in controls if len(c.values) == 1]
    sources = [data_uri(frame, "webp") for frame in frames]
    data = {
        "id": "",
        "group": "Move the figure",
        "shown": "Shown:",
        "controls": [control._asdict() for control in moving],
        "fixed": fixed,
        "alts": list(alts),
        "start": start,
        "fps": fps,
        "speaks": speaks,
        "frames": ["" if index == start else source for index, source in enumerate(sources)],
    }
    # The name comes from the content, so the same explorer gets the same name on every run.
    name = hashlib.sha256((sources[start] + script_json(data)).encode()).hexdigest()[:12]
    data["id"] = name
    words = [f"{control.label} = {value}" for control, value in _values_at(controls, start)]
    caption_html = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    html = (
        f'<figure class="course-figure course-scrubber" data-scrubber="{name}">'
        f"<style>{asset('scrubber.css')}</style>"
        f"{picture(sources[start], alts[start], size)}"
        f'<p class="scrub-note">'
        f'<span class="scrub-shown">Shown: {escape(", ".join(words))}.</span> '
        f'<span class="scrub-hint">{HINT}</span></p>{caption_html}'
        f"<script>{asset('scrubber.js')}({script_json(data)});</script></figure>"
    )
    if len(html) > MOST_CHARACTERS:
        raise ValueError(
            f"the snippet takes {len(html) / 1000:.0f} kB and a page takes "
            f"{MOST_CHARACTERS / 1000:.0f} kB: fewer frames or shorter descriptions"
        )
    return html


def _values_at(controls: Sequence[Control], index: int) -> list[tuple[Control, str]]:
    """The value of each control in frame `index`; undoes `frame_index`."""
    found = []
    for control in reversed(controls):
        index, position = divmod(index, len(control.values))
        found.append((control, control.values[position]))
    return found[::-1]
