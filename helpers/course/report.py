"""What `check`, `hint` and `progress` show: one object with plain text and HTML.

The HTML needs no scripts and takes the page's own text colour, so that it reads in light and
dark; a sign and words carry the meaning, colour only repeats it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SIGNS = {"solved": "✓", "wrong": "✗", "open": "○", "note": "→"}
# Okabe-Ito's bluish green, vermilion, blue and grey as (r, g, b).
_COLOURS = {
    "solved": "0,158,115",
    "wrong": "213,94,0",
    "open": "86,140,200",
    "note": "128,128,128",
}


@dataclass(frozen=True)
class Report:
    """A card: text/plain is `text`, text/html is `body` in a frame of the state's colour."""

    state: str
    text: str
    body: str

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        rgb = _COLOURS[self.state]
        card = (
            f'<div class="course-report course-{self.state}" style="color:inherit;'
            f"border-left:0.3em solid rgb({rgb});background:rgba({rgb},0.1);"
            'padding:0.6em 1em;margin:0.3em 0;line-height:1.5;overflow-wrap:anywhere">'
            f"{self.body}</div>"
        )
        return {"text/plain": self.text, "text/html": card}


def heading(state: str, title: str) -> str:
    """The first line of a card: sign and title, the sign hidden from screen readers."""
    sign = f'<span aria-hidden="true">{SIGNS[state]}</span>'
    return f"<div><strong>{sign} {marked(title)}</strong></div>"


def paragraph(text: str) -> str:
    """The text as an HTML paragraph, which begins with a capital letter."""
    return f'<p style="margin:0.4em 0 0">{marked(text[:1].upper() + text[1:])}</p>'


def bullets(texts: Sequence[str]) -> str:
    """The texts as an HTML list."""
    items = "".join(f"<li>{marked(text)}</li>" for text in texts)
    return f'<ul style="margin:0.4em 0 0;padding-left:1.4em">{items}</ul>'


def block(text: str) -> str:
    """Lines of code or output as an HTML block; long ones wrap, for narrow pages."""
    return (
        '<pre style="margin:0.4em 0 0;padding:0.3em 0.6em;color:inherit;white-space:pre-wrap;'
        f'background:rgba(128,128,128,0.15);overflow-wrap:anywhere">{html.escape(text)}</pre>'
    )


def table(groups: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """Rows of two columns under the title of each group."""
    left, rows = 'style="text-align:left;padding:0.1em 1em 0.1em 0"', ""
    for title, entries in groups.items():
        rows += f'<tr><th {left} scope="rowgroup" colspan="2">{marked(title)}</th></tr>'
        for first, second in entries:
            rows += f"<tr><td {left}>{marked(first)}</td><td {left}>{marked(second)}</td></tr>"
    style = "margin:0.4em 0 0;color:inherit;font-size:inherit;border:0"
    return f'<table style="{style}">{rows}</table>'


def nested_hints(hints: Sequence[str]) -> str:
    """The hints folded away, each inside the one before, so that one opens at a time."""
    inner = ""
    for number in range(len(hints), 0, -1):
        inner = (
            '<details style="margin:0.4em 0 0"><summary style="cursor:pointer">'
            f"Hint {number} of {len(hints)}</summary>"
            f"{paragraph(hints[number - 1])}{inner}</details>"
        )
    return inner


def marked(text: str) -> str:
    """The text with HTML's own signs made harmless and `code` between backticks set as code."""
    style = "color:inherit;background:rgba(128,128,128,0.15);padding:0 0.2em"
    code = f'<code style="{style}">\\1</code>'
    return re.sub(r"`([^`]+)`", code, html.escape(text, quote=False))
