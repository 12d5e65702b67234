"""Each erratum points to the place of the course that shows it."""

import re

import pytest
from chapter import ROOT, chapters
from headings import sections

ERRATA = (ROOT / "book" / "errata.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in ERRATA.splitlines()
    if re.match(r"\| (?!often said)", line)
]
PLACES = {chapter.slug: sections(chapter.text) for chapter in chapters()}
LINK = re.compile(r"\[([^\]]+)\]\(\.\./notebooks/(\w+)\.ipynb#([^)]+)\)")


def wrong(place: str) -> list[str]:
    """What is wrong with the words and links of a "shown in" cell."""
    links = LINK.findall(place)
    number = re.match(r"chapter (\d\d), ", place)
    problems = [] if links and number else ["no chapter, or no link to a section"]
    for words, slug, anchor in links:
        said = words if " " in words else f"section {words}"  # "sections [2](…) and [10](…)"
        if number and not slug.startswith(number[1]):
            problems.append(f"{words} leads to {slug}")
        elif said not in PLACES.get(slug, {}).get(anchor, set()):
            problems.append(f"{said} is not in #{anchor} of {slug}")
    unlinked = re.findall(r"(?:section|exercise) \d+", LINK.sub("", place))
    return problems + [f"{words} is no link" for words in unlinked]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_an_erratum_leads_to_its_place(row):
    claim, right, place = row
    assert len(claim.split()) > 2 and len(right.split()) > 4
    assert wrong(place) == []


def test_errata_stand_in_the_order_of_the_chapters_and_once():
    numbers = [re.match(r"chapter (\d\d)", row[2])[1] for row in ROWS]  # type: ignore[index]
    assert numbers == sorted(numbers) and set(numbers) == {slug[:2] for slug in PLACES}
    assert len({row[0] for row in ROWS}) == len(ROWS) > 70


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("chapter 01: somewhere", "no link"),
        ("chapter 01, [section 3](../notebooks/01_integrators.ipynb#3--only-noise)", "is not in"),
        ("chapter 01, [section 3](../notebooks/01_integrators.ipynb#5--play)", "is not in"),
        ("chapter 02, [section 5](../notebooks/01_integrators.ipynb#5--play)", "leads to"),
        (
            "chapter 01, [section 5](../notebooks/01_integrators.ipynb#5--play), exercise 1",
            "no link",
        ),
    ],
)
def test_a_wrong_place_is_noticed(place, words):
    assert any(words in problem for problem in wrong(place))
