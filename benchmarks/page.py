"""The tables of book/performance.md, from the rows that a run has stored in performance.json.

The words of the page are written in the page. A table belongs between two marks there,
<!-- rows: NAME --> and <!-- /rows -->, one pair for each topic and one for the machine.
"""

import json
import re
from pathlib import Path
from typing import Any

from benchmarks.rows import Spread, table
from benchmarks.topics import TOPICS

ROOT = Path(__file__).parents[1]
STORED = Path(__file__).with_name("performance.json")
PAGE = ROOT / "book" / "performance.md"
MARKS = re.compile(r"(<!-- rows: (\w+) -->\n).*?(<!-- /rows -->)", re.DOTALL)


def save(measured: dict[str, Any]) -> None:
    """Keep what a run has found: "machine", and "rows" by topic."""
    STORED.write_text(json.dumps(measured, indent=1, ensure_ascii=False) + "\n", "utf-8")


def load() -> dict[str, Any]:
    """What `save` has kept, with its spreads."""
    measured = json.loads(STORED.read_text("utf-8"))
    for rows in measured["rows"].values():
        for row in rows:
            row.update((k, Spread(*v)) for k, v in row.items() if isinstance(v, list))
    return measured


def blocks(measured: dict[str, Any]) -> dict[str, str]:
    """What belongs between the marks of each name."""
    machine = [{"what": key, "this run": value} for key, value in measured["machine"].items()]
    found = {"machine": table(machine) + "\n"}
    for topic in TOPICS:
        note = f"*{topic.note}*\n\n" if topic.note else ""
        found[topic.name] = f"{note}{table(measured['rows'][topic.name])}\n"
    return found


def filled(text: str, found: dict[str, str]) -> str:
    """The page with its tables. ValueError unless each table has one place, and each place one."""
    places = [marks[2] for marks in MARKS.finditer(text)]
    if sorted(places) != sorted(found):
        raise ValueError(f"the page has places for {places}, the run has tables {list(found)}")
    return MARKS.sub(lambda marks: marks[1] + found[marks[2]] + marks[3], text)


def write(measured: dict[str, Any]) -> None:
    """Put the tables of a run into the page."""
    PAGE.write_text(filled(PAGE.read_text("utf-8"), blocks(measured)), "utf-8")
