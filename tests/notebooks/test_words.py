"""Spelling of what readers read: no known misspellings, British throughout, no word twice.

The lists of misspellings and of American forms are codespell's; ALLOWED are names and words that
they take for others.
"""

import ast
import re
from functools import cache
from pathlib import Path

import codespell_lib
import pytest
from chapter import ROOT
from reading import FENCE, FORMULA, prose

DATA = Path(codespell_lib.__file__).parent / "data"
TEXTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "book").glob("*.md"))]
CODE = [
    path
    for folder in ("helpers", "solutions", "book", "benchmarks", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.name != Path(__file__).name  # it quotes misspellings
]
WORD = re.compile(r"(?<![\w\\])[A-Za-z]+(?:['’][a-z]+)?(?![\w\\])")
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")

#: Right here, whatever codespell knows: neodymium and tellurium, optimal transport, serine,
#: compounds, a slip that a test plants, French.
ALLOWED = {"nd", "te", "ot", "ser", "alo", "noo", "sade", "mouvement"}
#: American forms that British science writes, too, or that are names.
BRITISH_TOO = {
    "biased",  # both doubled and not
    "color",  # what matplotlib calls it
    "colors",
    "licensed",  # the verb
    "math",  # the module
    "program",  # of a computer
    "sulfur",  # by IUPAC
}


@cache
def misspellings() -> dict[str, str]:
    """Wrong word → right words."""
    lines = (DATA / "dictionary.txt").read_text("utf-8").splitlines()
    return dict(line.split("->") for line in lines)


@cache
def american() -> dict[str, str]:
    """American form → British form, without those that are British as well."""
    lines = (DATA / "dictionary_en-GB_to_en-US.txt").read_text("utf-8").splitlines()
    pairs = [line.rstrip(",").split("->") for line in lines]
    forms = {us.strip(): gb for gb, all_us in pairs for us in all_us.split(",")}
    return {us: gb for us, gb in forms.items() if us not in {gb for gb, _ in pairs}}


def misspelt(text: str) -> list[str]:
    """The known misspellings of a text, with what was meant."""
    words = {word.lower() for word in WORD.findall(text)} - ALLOWED
    return sorted(f"{word}: {misspellings()[word]}" for word in words & misspellings().keys())


def foreign(text: str) -> list[str]:
    """The American forms of a text, with the British ones."""
    words = {word.lower() for word in WORD.findall(text)} - BRITISH_TOO
    return sorted(f"{word}: {american()[word]}" for word in words & american().keys())


def own(markdown: str) -> str:
    """The prose without the titles of papers, which are spelt as they were printed."""
    titles = (ROOT / "book" / "references.bib").read_text(encoding="utf-8").lower()
    words = prose(markdown).split("## References")[0]
    return re.sub(
        r"(?<!\*)\*([^*]+)\*(?!\*)", lambda m: "" if m[1].lower() in titles else m[1], words
    )


def said_twice(markdown: str) -> list[str]:
    """Words that stand twice in a row in the prose."""
    words = prose(FORMULA.sub(" § ", markdown))
    return re.findall(r"\b((?!that\b|had\b)[A-Za-z]{2,})[ \n]+\1\b", words)


def comments(code: str) -> str:
    """Docstrings and comments of some Python."""
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, DOCUMENTED)]
    said = [ast.get_docstring(node) or "" for node in nodes]
    return "\n".join(said + re.findall(r"(?:^|\s)#:? (.*)$", code, re.MULTILINE))


DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_a_text_is_spelt_right(path):
    """Chapters whole, with their code: alternative texts and printed words are read, too."""
    text = path.read_text(encoding="utf-8")
    assert misspelt(text) == []
    assert said_twice(text) == []
    assert foreign(own(text)) == []


def test_code_and_its_words_are_spelt_right():
    assert len(CODE) > 150
    for path in CODE:
        code = path.read_text(encoding="utf-8")
        assert misspelt(code) == [], path
        assert foreign(comments(code)) == [], path


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_each_row_of_a_table_has_all_its_cells(path):
    """A bar that is meant as a letter and not escaped cuts a row off."""
    width = 0
    for line in FENCE.sub("", path.read_text(encoding="utf-8")).splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not cells or not width or cells == width, line
        width = cells


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_pictures_of_a_text_say_what_they_show(path):
    for words, address in PICTURE.findall(path.read_text(encoding="utf-8")):
        assert len(words.split()) > (2 if "badge" in address else 4), f"{address}: {words!r}"


def test_slips_are_noticed():
    assert misspelt("We recieve teh data") == ["recieve: receive", "teh: the"]
    assert foreign("The neighbor's color, centered; a program") == ["centered: centred"]
    assert said_twice("This is is wrong: that that is, $x$ x, `is is`.") == ["is"]
    assert foreign(comments('def f():\n    """Minimizes."""\n    color = 1  # to analyze')) == [
        "analyze: analyse",
        "minimizes: minimises",
    ]
