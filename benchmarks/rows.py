"""What a measurement returns: rows of named cells, and their table for terminals and pages."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch


class Spread(NamedTuple):
    """A middle value with what it scatters between; prints "1.30 (1.25–1.41)"."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        if self.low == self.high:
            return number(self.middle)
        return f"{number(self.middle)} ({number(self.low)}–{number(self.high)})"


Cell = str | int | float | Spread
Row = dict[str, Cell]


def quartiles(values: Sequence[float]) -> Spread:
    """The median, and the range in which the middle half of the values lies."""
    cuts = torch.tensor([0.5, 0.25, 0.75], dtype=torch.float64)
    return Spread(*torch.tensor(values, dtype=torch.float64).quantile(cuts).tolist())


def extremes(values: Sequence[float]) -> Spread:
    """The median, the smallest and the largest: for values too few to have quartiles."""
    return quartiles(values)._replace(low=min(values), high=max(values))


def number(value: float) -> str:
    """Three figures, without digits that no repetition would give again."""
    if value and abs(value) < 0.095:
        return f"{value:.2g}"
    size = abs(value)
    return f"{value:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f}"


def words(cell: Cell) -> str:
    """A cell as it is printed."""
    return number(cell) if isinstance(cell, float) else str(cell)


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table whose columns also line up in a terminal.

    Raises ValueError without rows, and for a row with other columns than the first.
    """
    if not rows or any(list(row) != list(rows[0]) for row in rows):
        raise ValueError("a table needs rows, and the same columns in all of them")
    body = [[words(cell) for cell in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(rows[0], *body, strict=True)]
    # Names to the left, numbers to the right; a dash is a number that does not exist.
    columns = zip(*(row.values() for row in rows), strict=True)
    left = [all(isinstance(cell, str) for cell in set(column) - {"–"}) for column in columns]
    rule = [("-" * w if at else "-" * (w - 1) + ":") for w, at in zip(widths, left, strict=True)]
    lines = [list(rows[0]), rule, *body]
    return "\n".join("| " + " | ".join(_padded(line, widths, left)) + " |" for line in lines)


def _padded(line: Sequence[str], widths: Sequence[int], left: Sequence[bool]) -> Iterable[str]:
    for cell, width, at in zip(line, widths, left, strict=True):
        yield cell.ljust(width) if at else cell.rjust(width)
