"""Every chapter as JupyterLab opens it, nothing run: figures, words, widths, a slider that moves.

Chapter 01 is used as a reader uses it in test_lab.py; that the code of all chapters runs is
what tests/notebooks and the Colab session show.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import lab
import nbformat
import pytest
from playwright.sync_api import expect

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SCREENS = ROOT / "_build" / "screens"

pytestmark = [pytest.mark.surface, pytest.mark.xdist_group("stored"), pytest.mark.timeout(600)]

# A page may scroll sideways inside an output (a wide table), but no picture may be cut off.
CUT_OFF = """images => images.filter((image) => image.getBoundingClientRect().right
        > image.closest('.jp-OutputArea').getBoundingClientRect().right + 1)
    .map((image) => image.alt)"""


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[lab.Server]:
    folder, home = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("jupyter")
    copies = [str(shutil.copy(chapter, folder)) for chapter in CHAPTERS]
    trust = [sys.executable, "-m", "jupyter", "trust", *copies]
    subprocess.run(trust, env=lab.variables(home), check=True, timeout=120, capture_output=True)
    with lab.serve(folder, home) as running:
        yield running


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_stored_chapter_shows_speaks_and_moves(
    visit: Callable, server: lab.Server, chapter: Path
):
    cells = [c for c in nbformat.read(chapter, as_version=4).cells if c.cell_type == "code"]
    stored = [
        "".join(str(output.get("data", {}).get("text/html", "")) for output in cell.outputs)
        for cell in cells
    ]
    count = sum(html.count("<img ") for html in stored)
    assert count > 3
    window = visit()
    notebook = lab.Notebook.open(window.page, server, chapter.name)

    # JupyterLab draws cells far down the page when it finds the time.
    pictures = notebook.root.locator(".jp-OutputArea img")
    expect(pictures).to_have_count(count, timeout=lab.PATIENCE)
    silent = pictures.evaluate_all("images => images.filter((i) => !i.alt).length")
    assert silent == 0, f"{silent} pictures without alt text"

    place = next(n for n, html in enumerate(stored) if 'type="range"' in html)
    cell = notebook.cell(place)
    picture, slider = cell.locator("figure img").first, cell.locator("input[type=range]").first
    slider.press("Home")
    first = lab.fingerprint(picture)
    slider.press("End")
    expect(cell.locator("output").first).to_have_text(re.compile(r"\S"), timeout=20_000)
    assert lab.fingerprint(picture) != first

    SCREENS.mkdir(parents=True, exist_ok=True)
    for theme in ("Light", "Dark"):
        notebook.narrow(1280)
        notebook.wear(f"JupyterLab {theme}")
        for width in (1280, 390):
            notebook.narrow(width)
            assert pictures.evaluate_all(CUT_OFF) == [], f"cut off at {width} px"
            cell.scroll_into_view_if_needed()
            window.page.screenshot(path=SCREENS / f"lab-{chapter.stem}-{theme.lower()}-{width}.png")
    assert window.outside == []
    assert window.errors == []
