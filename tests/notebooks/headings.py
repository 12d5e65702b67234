"""Headings of the book's pages and the anchors that links reach them by."""

import re
from pathlib import Path

from myst_parser.mdit_to_docutils.base import default_slugify
from reading import FENCE

#: _config.yml: myst_heading_anchors.
DEPTH = 3


def headings(markdown: str) -> list[tuple[int, str, str]]:
    """(depth, words, anchor) of each heading of a page, in order."""
    found, seen = list[tuple[int, str, str]](), dict[str, int]()
    for marks, words in re.findall(r"^(#{1,6}) (.+?) *$", FENCE.sub("", markdown), re.MULTILINE):
        anchor = default_slugify(words)
        count = seen.get(anchor, 0)
        seen[anchor] = count + 1
        found.append((len(marks), words, f"{anchor}-{count}" if count else anchor))
    return found


def anchors(page: Path) -> set[str]:
    """The anchors of a page: of a chapter's text, where the path is its notebook."""
    if page.suffix == ".ipynb":
        page = page.parents[1] / "book" / f"{page.stem}.md"
    return {a for depth, _, a in headings(page.read_text("utf-8")) if depth <= DEPTH}


def sections(markdown: str) -> dict[str, set[str]]:
    """What stands below each heading of depth 2: its anchor, and "section 3", "exercise 4", …"""
    parts = re.split(r"^(?=## )", FENCE.sub("", markdown), flags=re.MULTILINE)[1:]
    opened = [heading for heading in headings(markdown) if heading[0] == 2]
    found = dict[str, set[str]]()
    for (_, words, anchor), part in zip(opened, parts, strict=True):
        number = re.match(r"(\d+) ·", words)
        found[anchor] = {f"exercise {n}" for n in re.findall(r"^\*\*Exercise (\d+)", part, re.M)}
        found[anchor] |= {f"section {number[1]}"} if number else set()
    return found
