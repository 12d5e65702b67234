"""A chapter's text, `book/NN_slug.md`, and the code cells that stand in it.

The text is a MyST notebook (jupytext). The line scanner here finds the fenced code cells with
their places, so that the pipeline can rewrite one cell and leave every other character alone.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
HEADER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
LIMITS = ("cell_seconds", "chapter_seconds")
NAME = re.compile(r"(\d\d)_[a-z0-9_]+")
OPENING = re.compile(r"(`{3,})\{code-cell\}")
DEFINITION = re.compile(r"^def (\w+)\(", re.MULTILINE)


class PipelineError(Exception):
    """What is wrong with a chapter, in words for the person who writes it."""


@dataclass(frozen=True)
class Cell:
    """A code cell of the text: its tags, its code, and the lines [start, end) the code fills."""

    tags: tuple[str, ...]
    code: str
    start: int
    end: int

    @property
    def defines(self) -> str:
        """The name of the first function that the cell defines, or an empty text."""
        match = DEFINITION.search(self.code)
        return match.group(1) if match else ""


@dataclass(frozen=True)
class Chapter:
    """One text of the book: its path and what stands in it."""

    path: Path
    text: str

    @property
    def slug(self) -> str:
        """The name that the text and its notebook share, "01_integrators"."""
        return self.path.stem

    @property
    def number(self) -> str:
        """The two digits that the name begins with."""
        return self.slug[:2]

    @property
    def title(self) -> str:
        """The words of the first heading; raises PipelineError when there is none."""
        match = re.search(r"^# (.+)$", self.text, re.MULTILINE)
        if not match:
            raise PipelineError(f"{self.path.name} has no heading '# …', so it has no title")
        return match.group(1).strip()

    @property
    def notebook(self) -> Path:
        """Where the executed notebook belongs."""
        return self.path.parents[1] / "notebooks" / f"{self.slug}.ipynb"

    @property
    def cells(self) -> list[Cell]:
        """The code cells, in order."""
        return code_cells(self.text, self.path.name)

    @property
    def limits(self) -> dict[str, float]:
        """The chapter's own time limits, where its header has them under `course:`.

        Raises PipelineError for anything else that stands there.
        """
        header = HEADER.match(self.text)
        limits = (yaml.safe_load(header.group(1)) if header else {}).get("course", {})
        for name, seconds in limits.items():
            if name not in LIMITS or not isinstance(seconds, (int, float)):
                raise PipelineError(
                    f"{self.path.name}: 'course:' in the header holds {name}: {seconds!r}; "
                    f"it takes seconds for {' and '.join(LIMITS)}"
                )
        return limits

    def stubs(self) -> list[str]:
        """The names of the exercises in it, in order."""
        return [cell.defines for cell in self.cells if "stub" in cell.tags]


def code_cells(text: str, name: str = "the text") -> list[Cell]:
    """The fenced code cells of a MyST text; raises PipelineError for one that never ends."""
    lines = text.splitlines()
    cells, at = [], 0
    while at < len(lines):
        opening = OPENING.match(lines[at])
        at += 1
        if not opening:
            continue
        first = at
        while at < len(lines) and lines[at].rstrip() != opening.group(1):
            at += 1
        if at == len(lines):
            raise PipelineError(f"{name}, line {first}: this code cell is never closed")
        start = first + header_length(lines[first:at])
        options = "\n".join(line for line in lines[first:start] if line != "---")
        # The short form of an option, ":tags: [stub]", is the long one with a colon before it.
        options = re.sub(r"^:(?=\w+:)", "", options, flags=re.MULTILINE)
        tags = (yaml.safe_load(options) or {}).get("tags", [])
        cells.append(Cell(tuple(tags), "\n".join(lines[start:at]), start, at))
        at += 1
    return cells


def header_length(lines: list[str]) -> int:
    """How many lines of a cell are options, with the blank line that ends them."""
    length = 0
    if lines and lines[0] == "---":
        length = lines.index("---", 1) + 1
    else:
        while length < len(lines) and lines[length].startswith(":"):
            length += 1
    while length < len(lines) and not lines[length].strip():
        length += 1
    return length


def chapters(root: Path = ROOT) -> list[Chapter]:
    """All chapters of the book, in order."""
    paths = sorted((root / "book").glob("*.md"))
    return [Chapter(p, p.read_text("utf-8")) for p in paths if NAME.fullmatch(p.stem)]


def repository(root: Path = ROOT) -> str:
    """The address of the repository, from the one place where it stands."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return project["urls"]["Repository"].rstrip("/")
