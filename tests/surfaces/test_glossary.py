"""The glossary's links in the built pages: each term once a page, in the right places, readable."""

import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pages
import pytest
from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.utils import new_document
from pages import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))

import glossary  # noqa: E402

pytestmark = [pytest.mark.surface, pytest.mark.xdist_group("book")]

CHAPTERS = [page for page in pages.toc() if page.startswith("notebooks/")]
OTHERS = [page for page in pages.toc() if page not in {*CHAPTERS, *glossary.LISTS}]
TERMS = glossary.terms(glossary.SOURCE.read_text(encoding="utf-8"))
VOID = {"img", "br", "hr", "input", "link", "meta", "source", "wbr", "col"}


class Links(HTMLParser):
    """The glossary's links of a page, each with its words and the tags around it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[tuple[str, str]] = []
        self.found: list[dict[str, str]] = []
        self.within: list[set[str]] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and "course-term" in given.get("class", "").split():
            self.found.append({**given, "words": ""})
            self.within.append({name for pair in self.open for name in " ".join(pair).split()})
        if tag not in VOID:
            self.open.append((tag, given.get("class", "")))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open and "course-term" in self.open[-1][1].split():
            self.found[-1]["words"] += data


@pytest.fixture(scope="session")
def links() -> dict[str, Links]:
    book = pages.build()
    return {page: Links(book / f"{page}.html") for page in [*CHAPTERS, *OTHERS]}


# --- the built pages ----------------------------------------------------------------------------
def test_every_term_is_linked_from_a_chapter(links):
    linked = {link["href"].split("#")[1] for page in CHAPTERS for link in links[page].found}
    assert {term.anchor for term in TERMS} - linked == set()


@pytest.mark.parametrize("page", [*CHAPTERS, *OTHERS])
def test_a_term_is_linked_once_with_its_definition(page, links):
    by_anchor = {term.anchor: term for term in TERMS}
    seen = Counter(link["href"] for link in links[page].found)
    assert max(seen.values(), default=0) <= 1
    for link in links[page].found:
        term = by_anchor[link["href"].split("#")[1]]
        assert link["title"] == term.definition
        assert list(glossary.uses(link["words"], [term])), f"{link['words']} for {term.name}"


@pytest.mark.parametrize("page", [*CHAPTERS, *OTHERS])
def test_links_stand_in_prose_only(page, links):
    assert len(links[page].found) > (8 if page in CHAPTERS else 0)
    for link, within in zip(links[page].found, links[page].within, strict=True):
        places = {"h1", "h2", "h3", "h4", "code", "pre", "a", "summary", "figure", "cell", "math"}
        assert within & places == set(), f"{link['words']} in {within & places}"


def test_each_term_has_its_place_in_the_glossary(links):
    reading = pages.Reading(pages.BOOK / f"{glossary.PAGE}.html")
    assert [reading.ids[term.anchor] for term in TERMS] == [1] * len(TERMS)


# --- the entries --------------------------------------------------------------------------------
def test_entries_are_in_order_and_apart():
    names = [term.name.lower().replace("₂", "2").replace(".", "") for term in TERMS]
    assert names == sorted(names) and len(TERMS) > 70
    anchors = [term.anchor for term in TERMS]
    assert len(set(anchors)) == len(anchors)
    assert glossary.WORDS.keys() | glossary.ONLY.keys() <= {term.name for term in TERMS}


def test_titles_need_no_formulas():
    for term in TERMS:
        assert not set(term.definition) & set("\\{}$^_*"), f"{term.name}: {term.definition}"
        assert 10 < len(term.definition) < 220
    assert glossary.plain(r"Goes like $e^{-\Delta U/T}$.") == "Goes like exp(−ΔU/T)."


# --- finding them -------------------------------------------------------------------------------
def found(text: str) -> list[tuple[str, str]]:
    return [(text[start:end], term.name) for start, end, term in glossary.uses(text, TERMS)]


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("Ligands bind.", "Ligand"),
        ("the probability-flow ODE", "Probability flow"),
        ("many responsibilities", "Responsibility"),
        ("Milstein's step is not Milstein’s method", "Milstein's method"),
        ("annealed Langevin dynamics", "Annealed Langevin dynamics"),
    ],
)
def test_plurals_hyphens_and_capitals_are_seen(text, term):
    assert [name for _, name in found(text)] == [term]


@pytest.mark.parametrize(
    "text", ["a prioritised list", "score-based", "Mala and ncsn", "pocketed", "in order", "a cell"]
)
def test_other_words_are_left_alone(text):
    assert found(text) == []


def page_of(*parts: nodes.Node) -> nodes.document:
    document = new_document("a page", get_default_settings())
    document += nodes.section("", *parts, ids=["part"])
    return document


def linked(document: nodes.document, page: str) -> list[str]:
    builder = SimpleNamespace(format="html", get_relative_uri=lambda here, there: "g.html")
    glossary.link(SimpleNamespace(builder=builder), document, page)  # type: ignore[arg-type]
    return [reference.parent.astext() for reference in document.findall(nodes.reference)]


def test_what_is_open_goes_first_and_untouched_things_stay():
    def words(text):
        return nodes.paragraph("", "", nodes.Text(text))

    def parts():
        return (
            nodes.title("", "The torus"),
            nodes.paragraph("", "", nodes.literal("", "torus")),
            nodes.raw("", "<details><summary>The torus</summary>", format="html"),
            words("A folded torus."),
            nodes.raw("", "</details>", format="html"),
            nodes.container("", words("A printed torus."), classes=["cell"]),
        )

    assert linked(page_of(*parts(), words("An open torus, a torus.")), "notebooks/04_x") == [
        "An open torus, a torus."
    ]
    assert linked(page_of(*parts()), "notebooks/04_x") == ["A folded torus."]
    assert linked(page_of(words("A score.")), "notebooks/08_x") == []
    assert linked(page_of(words("A torus.")), glossary.PAGE) == []
