"""The bibliography: complete, with DOIs, and one with the references of the chapters."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from chapter import ROOT, chapters
from pybtex.database import Entry, parse_file
from pybtex.richtext import Text

ENTRIES = parse_file(ROOT / "book" / "references.bib").entries
#: A registrant's number and a suffix without spaces; the form that doi.org resolves.
DOI = re.compile(r"10\.\d{4,9}/[-._;()/:A-Za-z0-9]+")
ARXIV = re.compile(r"\d{4}\.\d{4,5}")
#: Cited under the title of the original, of which the entry is a translation.
TRANSLATED = {"lemons1997": "Sur la théorie du mouvement brownien"}
LINK = re.compile(r"\]\((https?://[^)\s]+)\)")


def addresses(entry: Entry) -> set[str]:
    """The addresses under which a chapter may cite an entry."""
    fields = entry.fields
    known = {"https://doi.org/" + fields["doi"]} if "doi" in fields else set()
    known |= {"https://arxiv.org/abs/" + fields["eprint"]} if "eprint" in fields else set()
    return {address.lower() for address in known | {fields.get("url", "")}} - {""}


BY_ADDRESS = {address: key for key, entry in ENTRIES.items() for address in addresses(entry)}


def plain(latex: str) -> str:
    """Words as they are read: accents and dashes set, without mark-up, in small letters."""
    return str(Text.from_latex(latex.replace("*", ""))).replace("’", "'").lower()


def references(markdown: str) -> list[str]:
    """The items of a chapter's section on references."""
    (section,) = re.findall(r"^## References\n(.*?)(?=^## |\Z)", markdown, re.M | re.S)
    return re.findall(r"^- (.+(?:\n  .+)*)", section, re.MULTILINE)


def cited(item: str) -> set[str]:
    """The keys of the entries that an item links to."""
    found = {unquote(address).lower() for address in LINK.findall(item)}
    return {BY_ADDRESS[address] for address in found if address in BY_ADDRESS}


REFERENCES = [(c.number, item) for c in chapters() for item in references(c.text)]


@pytest.mark.parametrize("key", ENTRIES)
def test_an_entry_has_a_doi_or_says_why_not(key):
    fields = ENTRIES[key].fields
    assert fields.get("title") and re.fullmatch(r"(19|20)\d\d", fields["year"])
    if "doi" not in fields:
        assert fields.get("url", "").startswith("https://") and fields.get("note")
        return
    assert DOI.fullmatch(fields["doi"]), fields["doi"]
    if "eprint" in fields:
        assert ARXIV.fullmatch(fields["eprint"])
    if "arxiv" in fields["doi"].lower():
        assert fields["doi"] == f"10.48550/arXiv.{fields['eprint']}"


def test_no_entry_stands_twice():
    for field in ("doi", "eprint", "url", "title"):
        values = [e.fields[field].lower() for e in ENTRIES.values() if field in e.fields]
        assert sorted(set(values)) == sorted(values), field


@pytest.mark.parametrize(("number", "item"), REFERENCES, ids=lambda part: part[:40])
def test_a_reference_of_a_chapter_is_in_the_bibliography(number, item):
    keys = cited(item)
    assert len(keys) == 1, f"no entry of book/references.bib has the address of: {item}"
    entry = ENTRIES[keys.pop()]
    title = TRANSLATED.get(entry.key, entry.fields["title"]).split(":")[0]
    assert plain(title) in plain(item)
    for person in entry.persons.get("author", [])[:1]:
        assert plain(" ".join(person.last_names)) in plain(item)
    if "year" in entry.fields and re.search(r"\b(19|20)\d\d\b", LINK.sub("", item)):
        assert entry.fields["year"] in item, f"{entry.key}: {entry.fields['year']}"


def test_every_entry_is_cited():
    used = {key for _, item in REFERENCES for key in cited(item)}
    assert set(ENTRIES) == used


def test_the_page_lists_all_of_them():
    page = Path(ROOT / "book" / "bibliography.md").read_text(encoding="utf-8")
    assert "```{bibliography}\n:all:" in page
