"""Reads formulas, code and the dictionary of symbols, for the tests of the notation."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import NamedTuple

from reading import FORMULA, NOT_PROSE

TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\S")
LETTER = re.compile(r"\\[a-zA-Z]+|[^\W\d_]")
#: Their argument is a word, in which nothing is a symbol.
WORDS = {r"\text", r"\operatorname", r"\mathrm"}
#: They sit on a letter and make another symbol of it. A hat does not: it has a row of its own.
DRESS = {r"\bar", r"\mathcal", r"\mathbb", r"\mathsf", r"\tilde"}
#: How formulas are set: nothing of this stands for a thing.
LAYOUT = set(
    r"\frac \tfrac \left \right \big \Big \bigl \bigr \quad \qquad \textstyle \underbrace".split()
)
#: Mathematics that every reader has met: functions, relations, numbers, calculus.
MATHEMATICS = set(
    r"""\sqrt \exp \log \ln \sin \cos \min \max \bmod \sum \prod \int \infty \pi e
    \nabla \partial \cdot \times \pm \le \ge \gg \approx \sim \propto \in \mid \langle \rangle
    \to \leftarrow \Rightarrow \Longrightarrow \dots""".split()
)
#: Dummy indices of a sum, an atom, a level: bound where they stand.
INDICES = {"i", "j"}
KNOWN = LAYOUT | MATHEMATICS | INDICES


class Symbol(NamedTuple):
    """A letter as it is set, with its dress (`\\bar \\alpha`), and its index (`t`, `t|s`, ``)."""

    name: str
    index: str = ""


class Row(NamedTuple):
    """A row of the dictionary: its symbols, what tells them apart, chapters, meaning, code."""

    symbols: tuple[Symbol, ...]
    qualifier: str
    chapters: frozenset[str]
    meaning: str
    code: tuple[str, ...]


# --- formulas -----------------------------------------------------------------------------------
def formulas(markdown: str) -> list[str]:
    """The formulas of a text, in order, without their dollars; those in code left out."""
    for pattern in NOT_PROSE[:3]:
        markdown = pattern.sub(" ", markdown)
    return [formula.strip("$") for formula in FORMULA.findall(markdown)]


def argument(tokens: list[str], start: int) -> tuple[list[str], int]:
    """What a command at `start` - 1 is applied to, without braces, and where the rest begins."""
    if tokens[start] in WORDS | DRESS:
        end = argument(tokens, start + 1)[1]
        return tokens[start:end], end
    if tokens[start] != "{":
        return [tokens[start]], start + 1
    depth, end = 1, start + 1
    while depth:
        depth += {"{": 1, "}": -1}.get(tokens[end], 0)
        end += 1
    return tokens[start + 1 : end - 1], end


def symbols(formula: str | list[str]) -> Iterator[Symbol]:
    """Every letter of a formula with its index, and those of its exponent after it."""
    tokens = TOKEN.findall(formula) if isinstance(formula, str) else formula
    here = 0
    while here < len(tokens):
        token = tokens[here]
        here += 1
        if token in WORDS:
            _, here = argument(tokens, here)
            continue
        if not LETTER.fullmatch(token):
            continue
        name, index, exponent = token, "", list[str]()
        if token in DRESS:
            inner, here = argument(tokens, here)
            name = f"{token} {spelled(inner)}"
        while here < len(tokens) and tokens[here] in "_^'":
            mark = tokens[here]
            if mark == "'":
                here += 1
                continue
            script, here = argument(tokens, here + 1)
            if WORDS & set(script):
                continue
            if mark == "_":
                index = spelled(script)
            else:
                exponent += script
        yield Symbol(name, index)
        yield from symbols(exponent)


def spelled(tokens: list[str]) -> str:
    """Tokens as one text, the same for every way to set them."""
    bar = ["|" if token == r"\mid" else token for token in tokens]
    return "".join(f"{t} " if len(t) > 1 and LETTER.fullmatch(t) else t for t in bar).strip()


# --- the dictionary -----------------------------------------------------------------------------
def span(words: str) -> frozenset[str]:
    """The chapters that "01–03, 05" names."""
    found = set()
    for part in words.split(","):
        ends = [int(end) for end in part.strip().split("–")]
        found |= {f"{number:02d}" for number in range(ends[0], ends[-1] + 1)}
    return frozenset(found)


def dictionary(notation: str) -> list[Row]:
    """The rows of the tables whose second column names chapters, in order."""
    rows = []
    for line in notation.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) != 4 or not re.fullmatch(r"[\d–, ]+", cells[1]):
            continue
        found = FORMULA.findall(cells[0])
        qualifier = FORMULA.sub("", cells[0]).strip(" ,;")
        leading = tuple(next(symbols(formula.strip("$"))) for formula in found)
        code = tuple(re.findall(r"`([^`]+)`", cells[3]))
        rows.append(Row(leading, qualifier, span(cells[1]), cells[2], code))
    return rows


def unexplained(used: set[Symbol], chapter: str, rows: list[Row]) -> list[Symbol]:
    """The symbols of a chapter that no row explains there.

    A symbol whose index has a row somewhere needs that row here, too. Another index says "at",
    as in x_t: then x and t are looked up, each for itself.
    """
    everywhere = {symbol for row in rows for symbol in row.symbols}
    here = {symbol for row in rows if chapter in row.chapters for symbol in row.symbols}
    apart = {part for symbol in used for part in ([symbol] if symbol in everywhere else at(symbol))}
    return sorted(s for s in apart if s.name not in KNOWN and s not in here)


def at(symbol: Symbol) -> list[Symbol]:
    """A symbol without its index, and what its index is made of."""
    return [Symbol(symbol.name), *symbols(symbol.index)]


# --- code ---------------------------------------------------------------------------------------
def names(code: str | CodeType) -> set[str]:
    """Every identifier of some Python: variables, arguments, attributes, functions, keywords."""
    if isinstance(code, str):
        code = compile(code, "<names>", "exec")
    found = {code.co_name, *code.co_names, *code.co_varnames, *code.co_cellvars}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= names(constant)
        elif isinstance(constant, tuple):  # the names of keyword arguments
            found |= {name for name in constant if isinstance(name, str)}
    return {name for name in found if name.isidentifier()}


def imported(code: str, root: Path) -> list[Path]:
    """The files of the course's own packages that some Python imports by name."""
    modules = {
        module
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom) and node.module
        for module in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
    }
    own = [root.joinpath(*module.split(".")) for module in sorted(modules)]
    files = [path.with_suffix(".py") for path in own if path.with_suffix(".py").is_file()]
    return files + [file for path in own if path.is_dir() for file in sorted(path.glob("*.py"))]
