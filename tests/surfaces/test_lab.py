"""Chapter 01 in the real JupyterLab, used as a reader uses it: run, move, answer, look.

The tests share one server and one open notebook, because running the chapter takes most of the
time; each brings the notebook into the state that it asks about.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lab
import nbformat
import pytest
from playwright.sync_api import Browser, expect

ROOT = Path(__file__).parents[2]
CHAPTER = ROOT / "notebooks" / "01_integrators.ipynb"
SCREENS = ROOT / "_build" / "screens"
RUN_ALL = 400  # seconds; the chapter takes about 45 on one quiet core

# One worker for all of them: the fixtures below are made once.
pytestmark = [pytest.mark.surface, pytest.mark.xdist_group("lab"), pytest.mark.timeout(900)]

STUB, CHECK = "def euler_step(", "euler_step = check(euler_step)"
EXPLORER = "explore("
RIGHT = """def euler_step(drift, x, t, h):
    return x + h * drift(x, t)"""
FORGETS_H = """def euler_step(drift, x, t, h):
    return x + drift(x, t)"""
ENDLESS = """def euler_step(drift, x, t, h):
    while True:
        t = t + h"""


class Reader:
    """The open notebook, and the numbers of the code cells that the tests speak of."""

    def __init__(self, notebook: lab.Notebook, server: lab.Server, outside: list, errors: list):
        self.notebook, self.server, self.page = notebook, server, notebook.page
        self.outside, self.errors = outside, errors
        cells = [c for c in nbformat.read(CHAPTER, as_version=4).cells if c.cell_type == "code"]
        self.sources = [cell.source for cell in cells]
        self.outputs = [output for cell in cells for output in cell.outputs]

    def number(self, start: str) -> int:
        """The place of the one code cell with a line that starts like this."""
        found = [
            place
            for place, source in enumerate(self.sources)
            if any(line.startswith(start) for line in source.splitlines())
        ]
        assert len(found) == 1, f"{len(found)} cells have a line that starts with {start!r}"
        return found[0]

    def pictures(self) -> list[str | None]:
        """The alt text of every picture in an output of the page, None where there is none."""
        return self.notebook.root.locator(".jp-OutputArea img").evaluate_all(
            "images => images.map((image) => image.getAttribute('alt'))"
        )

    def answer(self, source: str) -> str:
        """What the check says to this answer."""
        stub, check = self.number(STUB), self.number(CHECK)
        self.notebook.write(stub, source)
        self.notebook.run_cell(stub)
        self.notebook.run_cell(check)
        return self.notebook.output(check).inner_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[lab.Server]:
    assert CHAPTER.is_file(), f"{CHAPTER} is missing: write it with 'make notebooks'"
    folder, home = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("jupyter")
    copy = shutil.copy(CHAPTER, folder)
    # As `make lab` does: JupyterLab then shows the stored figures with their scripts.
    trust = [sys.executable, "-m", "jupyter", "trust", str(copy)]
    subprocess.run(trust, env=lab.variables(home), check=True, timeout=120, capture_output=True)
    with lab.serve(folder, home) as running:
        yield running


def window(chromium: Browser, width: int, height: int = 900):
    """A fresh page, and the lists that fill with what it asks outside and what it complains of."""
    context = chromium.new_context(viewport={"width": width, "height": height})
    page, outside, errors = context.new_page(), [], []

    def refuse(route):
        outside.append(route.request.url)
        route.abort()

    context.route(lambda url: not url.startswith(("http://127.0.0.1", "data:", "blob:")), refuse)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    return page, outside, errors


@pytest.fixture(scope="module")
def opened(chromium: Browser, server: lab.Server) -> Iterator[Reader]:
    """The notebook as a reader finds it: nothing has run."""
    page, outside, errors = window(chromium, 1280)
    yield Reader(lab.Notebook.open(page, server, CHAPTER.name), server, outside, errors)
    page.context.close()


@pytest.fixture(scope="module")
def ran(opened: Reader) -> Reader:
    """The same after Run All Cells, unsolved."""
    opened.notebook.run_all(RUN_ALL)
    return opened


def test_stored_figures_speak_and_move_before_anything_runs(opened: Reader):
    stored = [str(output.get("data", {}).get("text/html", "")) for output in opened.outputs]
    alts = opened.pictures()
    assert len(alts) == sum(html.count("<img ") for html in stored) > 5
    assert all(alts), f"pictures without alt text: {alts}"
    cell = opened.notebook.cell(opened.number(EXPLORER))
    picture, slider = cell.locator("figure img"), cell.locator("input[type=range]").first
    shown, words = lab.fingerprint(picture), picture.get_attribute("alt")
    slider.press("ArrowRight")
    expect(picture).not_to_have_attribute("alt", words, timeout=20_000)
    assert lab.fingerprint(picture) != shown


def test_every_cell_runs(ran: Reader):
    outputs = ran.notebook.root.locator(".jp-OutputArea")
    assert outputs.locator(lab.ERRORS).all_inner_texts() == []
    assert outputs.locator(lab.STDERR).all_inner_texts() == []
    assert ran.notebook.prompts()[-1] == f"[{len(ran.sources)}]:"  # also the folded cells ran
    assert ran.notebook.output(ran.number("progress()")).inner_text().strip()
    assert ran.outside == []
    assert ran.errors == []


def test_every_picture_has_alt_text(ran: Reader):
    alts = ran.pictures()
    figures = [html for output in ran.outputs if "<img " in (html := str(output.get("data", {})))]
    assert len(alts) >= len(figures) > 5
    assert all(alts), f"pictures without alt text: {alts}"


def test_a_slider_moves_the_picture(ran: Reader):
    cell = ran.notebook.cell(ran.number(EXPLORER))
    picture = cell.locator(".jp-OutputArea img")
    handle = cell.locator(".widget-slider .noUi-handle, .widget-inline-hbox .noUi-handle").first
    shown, words = lab.fingerprint(picture), picture.get_attribute("alt")
    handle.focus()
    ran.page.keyboard.press("ArrowRight")
    expect(picture).not_to_have_attribute("alt", words, timeout=lab.PATIENCE)
    assert lab.fingerprint(picture) != shown
    ran.page.keyboard.press("ArrowLeft")
    expect(picture).to_have_attribute("alt", words, timeout=lab.PATIENCE)
    assert lab.fingerprint(picture) == shown


def test_a_wrong_answer_is_told_its_slip(ran: Reader):
    said = ran.answer(FORGETS_H)
    assert said.startswith("✗ euler_step"), said
    assert "misses the factor h" in said
    assert "1.50" in said and "1.10" in said  # measured, expected


def test_an_endless_loop_is_stopped_in_words_and_the_kernel_lives(ran: Reader):
    before = ran.server.api("api/kernels")
    said = ran.answer(ENDLESS)
    assert said.startswith("✗ euler_step"), said
    assert "till running after 10 s" in said and "loop without an end" in said
    after = ran.server.api("api/kernels")
    assert [kernel["id"] for kernel in after] == [kernel["id"] for kernel in before]
    assert ran.answer(RIGHT).startswith("✓ euler_step")


def test_a_right_answer_is_verified_used_and_counted(ran: Reader):
    said = ran.answer(RIGHT)
    assert said.startswith("✓ euler_step"), said
    assert "your own function is used" in said
    place = ran.number("progress()")
    ran.notebook.run_cell(place)
    assert "✓" in ran.notebook.output(place).inner_text()
    assert ran.notebook.root.locator(lab.ERRORS).count() == 0


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_outputs_fit_both_themes_and_a_phone(ran: Reader, theme: str):
    answers = {"wrong": FORGETS_H, "right": RIGHT}
    SCREENS.mkdir(parents=True, exist_ok=True)
    for width in (1280, 390):
        ran.notebook.narrow(1280)
        ran.notebook.wear(f"JupyterLab {theme}")
        ran.notebook.narrow(width)
        wide = ran.notebook.root.locator(".jp-OutputArea-output img").evaluate_all(
            """images => images.filter((image) => image.getBoundingClientRect().right
                    > image.closest('.jp-OutputArea').getBoundingClientRect().right + 1)
               .map((image) => image.alt)"""
        )
        assert wide == [], f"wider than the place for outputs, {width} px"
        name = f"{theme.lower()}-{width}"
        for what, answer in answers.items():
            ran.answer(answer)
            picture(ran, CHECK, f"{what}-{name}")
        picture(ran, EXPLORER, f"explore-{name}")


def picture(reader: Reader, start: str, name: str) -> None:
    """Keep the window as a reader sees it with this output in view, for people to look at."""
    reader.notebook.output(reader.number(start)).scroll_into_view_if_needed()
    reader.page.screenshot(path=SCREENS / f"lab-{name}.png")
