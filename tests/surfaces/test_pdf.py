"""The book on paper: one chapter through `make pdf`, read back."""

import os
import subprocess
import sys
from pathlib import Path

import pdf
import pytest
from pypdf import PdfReader
from pypdf.generic import Destination

from helpers.course.exercise import solution_source

ROOT = Path(__file__).parents[2]
PAGE = "01_integrators"

pytestmark = [pytest.mark.surface, pytest.mark.xdist_group("pdf"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    """The built book under a root of its own."""
    root = tmp_path_factory.mktemp("course")
    (root / "_build").mkdir()
    (root / "_build" / "html").symlink_to(ROOT / "_build" / "html")
    (root / "_toc.yml").write_text((ROOT / "_toc.yml").read_text())
    return root


def make(root: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The tool in a process of its own: a worker whose browser is open cannot start another."""
    code = (
        f"import pdf, pathlib; raise SystemExit(pdf.main([{PAGE!r}], pathlib.Path({str(root)!r})))"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "book" / "_tools",
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=500,
    )


@pytest.fixture(scope="module")
def printed(course: Path) -> PdfReader:
    done = make(course)
    assert done.returncode == 0, done.stderr
    return PdfReader(course / "_build" / "pdf" / f"{PAGE}.pdf")


def titles(outline) -> list[str]:
    flat = []
    for item in outline:
        flat += titles(item) if isinstance(item, list) else [item.title]
    return flat


def page_of(printed: PdfReader, title: str) -> int:
    """Where the bookmark of the highest level with this title leads."""
    found = [i for i in printed.outline if not isinstance(i, list) and i.title == title]
    number = printed.get_destination_page_number(found[0])
    assert number is not None
    return number


def test_the_solutions_come_last(printed: PdfReader):
    start = page_of(printed, "Solutions")
    assert 15 < start < len(printed.pages) < 60
    line = solution_source("euler_step").splitlines()[-1].strip()
    assert line == "return x + h * drift(x, t)"
    assert line in printed.pages[start].extract_text()
    exercise = next(
        text
        for page in printed.pages[1:start]
        if "def euler_step(" in (text := page.extract_text())
    )
    assert "raise NotImplementedError" in exercise and line not in exercise
    assert "Solution: at the end of the book" in exercise


def test_formulas_are_set_and_pictures_are_there(printed: PdfReader):
    text = "".join(page.extract_text() for page in printed.pages[1:3])
    assert "stochastic differential equation" in text
    assert "\\(" not in text and "\\[" not in text and "\\frac" not in text
    pictures = [len(page["/Resources"].get("/XObject", {})) for page in printed.pages]
    assert sum(pictures) > 5


def test_it_has_bookmarks_and_links_that_lead_inside(printed: PdfReader):
    found = titles(printed.outline)
    assert found[0].startswith("01 · Integrators") and "Solutions" in found and len(found) > 8
    named: dict[str, Destination] = printed.named_destinations
    assert any("--solution-" in name for name in named)
    assert any("--exercise-" in name for name in named)


def test_the_order_is_that_of_the_book():
    pages = pdf.pages(ROOT)
    assert pages[0] == "book/welcome" and pages[1] == f"notebooks/{PAGE}"
    assert pdf.chosen(ROOT, []) == pages and pdf.chosen(ROOT, [PAGE]) == pages[1:2]


def test_what_is_missing_is_named(tmp_path, capsys):
    (tmp_path / "_toc.yml").write_text((ROOT / "_toc.yml").read_text())
    assert pdf.main(["99_nothing"], tmp_path) == 1
    assert "no page '99_nothing'; there are: book/welcome" in capsys.readouterr().err
    assert pdf.main([PAGE], tmp_path) == 1
    assert "01_integrators.html is not built yet: run `make book`" in capsys.readouterr().err


def test_it_needs_a_browser(course: Path, tmp_path: Path):
    done = make(course, PATH=str(tmp_path), PLAYWRIGHT_BROWSERS_PATH=str(tmp_path))
    assert done.returncode == 1
    assert "no Chromium to print with: run `make browser`" in done.stderr
