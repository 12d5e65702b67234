"""One notation from first page to last: the chapters against the dictionary, and the reverse."""

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import render
from chapter import ROOT, chapters
from symbols import (
    INDICES,
    KNOWN,
    Symbol,
    at,
    dictionary,
    formulas,
    imported,
    names,
    symbols,
    unexplained,
)

NOTATION = (ROOT / "book" / "notation.md").read_text(encoding="utf-8")
ROWS = dictionary(NOTATION)
CHAPTERS = {chapter.number: chapter for chapter in chapters()}
USED = {
    number: {s for formula in formulas(chapter.text) for s in symbols(formula)}
    for number, chapter in CHAPTERS.items()
}
OWN = {symbol for row in ROWS for symbol in row.symbols}
CODE = {
    number: "\n".join(cell.code for cell in chapter.cells) for number, chapter in CHAPTERS.items()
}
#: Chapter 06 says of the other clock that it is not used there.
NAMES_IT = "The clock $u$ of chapter 05 is not used here."


@cache
def vocabulary(path: Path) -> set[str]:
    """What a module calls things."""
    return names(path.read_text(encoding="utf-8"))


@cache
def known(number: str) -> set[str]:
    """What a chapter's code calls things: its own names and those of the modules it imports."""
    return names(CODE[number]).union(*map(vocabulary, imported(CODE[number], ROOT)))


def uses(number: str, symbol: Symbol) -> bool:
    """Whether a chapter's formulas use a symbol; one without index also at any time or place."""
    said = USED[number] | {part for s in USED[number] - OWN for part in at(s)}
    return symbol in said


# --- chapters against the dictionary --------------------------------------------------------------
@pytest.mark.parametrize("number", CHAPTERS)
def test_every_symbol_of_a_chapter_is_explained_for_it(number):
    text = CHAPTERS[number].text.replace(NAMES_IT, "" if number == "06" else NAMES_IT)
    found = {s for formula in formulas(text) for s in symbols(formula)}
    missing = unexplained(found, number, ROWS)
    assert missing == [], f"book/notation.md has no row for these in chapter {number}"


@pytest.mark.parametrize("number", CHAPTERS)
def test_a_stray_symbol_and_a_leaking_one_are_noticed(number):
    leaks = OWN - {s for row in ROWS if number in row.chapters for s in row.symbols}
    strangers = {Symbol(r"\zeta"), Symbol(r"\omega"), Symbol("Q")}
    planted = r"Let $\zeta_t = \int \omega\,\mathrm{d}t^{Q}$ and $"
    planted += " ".join(f"{s.name}_{{{s.index}}}" if s.index else s.name for s in leaks) + "$ be."
    found = {s for formula in formulas(planted) for s in symbols(formula)}
    assert set(unexplained(found, number, ROWS)) == leaks | strangers


def test_code_keeps_the_clock():
    """`u` is the other clock, in code as in words; no time is called by a step's number."""
    for number, code in CODE.items():
        assert ("u" in names(code)) == (number == "05"), f"chapter {number} uses u"
        assert not {"timestep", "timesteps"} & names(code)
    assert {number for number in CODE if "alpha_bar" in names(CODE[number])} == {"03"}


# --- the dictionary against the chapters ----------------------------------------------------------
def test_the_dictionary_was_read():
    assert len(ROWS) > 80
    assert all(row.symbols and row.meaning for row in ROWS)
    tables = re.findall(r"^\|(?!---| symbol )", NOTATION, re.MULTILINE)
    assert len(tables) == len(ROWS), "a row of a table has another form"


def test_every_row_is_used_where_it_holds():
    for row in ROWS:
        for number in row.chapters:
            assert any(uses(number, symbol) for symbol in row.symbols), f"{row} in chapter {number}"
        for symbol in row.symbols:
            assert any(uses(number, symbol) for number in row.chapters), f"{symbol} of {row}"


def test_names_in_code_exist_in_the_chapters():
    for row in ROWS:
        found = set().union(*map(known, row.chapters))
        for snippet in row.code:
            missing = names(snippet) - found
            assert not missing, f"`{snippet}` is in no code of chapters {sorted(row.chapters)}"


def test_two_meanings_in_one_chapter_are_told_apart():
    for number in CHAPTERS:
        rows = [row for row in ROWS if number in row.chapters]
        for symbol, count in Counter(s for row in rows for s in row.symbols).items():
            same = [row.qualifier for row in rows if symbol in row.symbols]
            assert count == 1 or len(set(same)) == count, f"{symbol} in chapter {number}: {same}"


def test_the_dictionary_runs():
    (block,) = re.findall(r"```python\n(.*?)```", NOTATION, re.DOTALL)
    assert block.count("assert") >= 8
    exec(compile(block, "notation.md", "exec"), {})


# --- the reader of formulas -----------------------------------------------------------------------
def test_formulas_are_read_as_they_are_meant():
    def read(formula):
        return [tuple(symbol) for symbol in symbols(formula) if symbol.name not in KNOWN - INDICES]

    assert read(r"\mathrm{d}x = -\theta x\,\mathrm{d}t") == [
        ("x", ""), ("\\theta", ""), ("x", ""), ("t", "")
    ]  # fmt: skip
    assert read(r"\sigma^2_{t\mid s}") == [("\\sigma", "t|s")]
    assert at(Symbol("x", "t-1")) == [Symbol("x"), Symbol("t")]
    assert read(r"\bar\alpha_{t-1}^{a}") == [("\\bar \\alpha", "t-1"), ("a", "")]
    assert read(r"k_{\text{Kramers}} U''_{\min}") == [("k", ""), ("U", "\\min")]
    assert read(r"\underbrace{f(x)}_{\text{the push}} \hat x_0") == [
        ("f", ""), ("x", ""), ("\\hat", ""), ("x", "0")
    ]  # fmt: skip
    assert formulas("A $x$, `$y$`, $$z$$\n```python\n$w$\n```\n<!-- $v$ -->") == ["x", "z"]


def test_what_needs_no_row_is_little():
    assert INDICES == {"i", "j"}
    assert len(KNOWN) < 60
    assert not {s.name for row in ROWS for s in row.symbols} & KNOWN
    assert render.markdown_of(CHAPTERS["01"].text)  # the text is there to be read
