"""The chapters as Colab opens them: the notebook alone, an empty folder, Colab's packages.

Chapter 01 is looked at closely; the others run to their end, with short trainings.

What stands in for Colab is in tests/surfaces/colab: its pins, a stub of its `google.colab`.
"""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from colab.environment import ROOT, Colab, Failed, course_url, disposable

CHAPTER = ROOT / "notebooks" / "01_integrators.ipynb"
WHOLE = 400  # seconds for the whole chapter; it takes about 45 on one quiet core
SHORT = 120
OTHERS = sorted(set((ROOT / "notebooks").glob("*.ipynb")) - {CHAPTER})
OTHER = 600  # seconds for another chapter with its trainings at a twentieth, packages included

# One worker for all of them: the session below is made once.
pytestmark = [pytest.mark.surface, pytest.mark.xdist_group("colab"), pytest.mark.timeout(900)]


def chapter(path: Path = CHAPTER) -> nbformat.NotebookNode:
    """The committed notebook without its outputs, as a reader starts it."""
    assert path.is_file(), f"{path} is missing: write it with 'make notebooks'"
    notebook = nbformat.read(path, as_version=4)
    for cell in code(notebook):
        cell.outputs, cell.execution_count = [], None
    return notebook


def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The code cells of a notebook."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(cell: nbformat.NotebookNode) -> str:
    """All that a cell's outputs say in plain text."""
    texts = [
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for output in cell.outputs
    ]
    return "\n".join(texts)


def short(*sources: str) -> nbformat.NotebookNode:
    """A notebook of these code cells."""
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in sources])


@dataclass(frozen=True)
class Session:
    """A Colab session in which the whole chapter has run."""

    colab: Colab
    url: str
    before: dict[str, str]
    after: dict[str, str]
    notebook: nbformat.NotebookNode
    files: list[str]

    @property
    def cells(self) -> list[nbformat.NotebookNode]:
        return code(self.notebook)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> Iterator[Colab]:
    """A Colab session in which nothing has run."""
    home = disposable()
    yield Colab(home, tmp_path_factory.mktemp("content"))
    shutil.rmtree(home.parent)


@pytest.fixture(scope="module")
def offline(fresh: Colab) -> Exception:
    """What the first cell says in a fresh session without network."""
    nbformat.write(short(code(chapter())[0].source), fresh.content / "offline.ipynb")
    with pytest.raises(Failed) as caught:
        fresh.run("offline.ipynb", SHORT, network=False)
    for leftover in fresh.content.iterdir():
        leftover.unlink()
    return caught.value


@pytest.fixture(scope="module")
def session(fresh: Colab, offline: Exception, tmp_path_factory) -> Session:
    """The chapter, alone in the folder, run from its first cell to its last."""
    url, before = course_url(tmp_path_factory.mktemp("clone")), fresh.packages()
    nbformat.write(chapter(), fresh.content / CHAPTER.name)
    notebook = fresh.run(CHAPTER.name, WHOLE, COURSE_SOURCE=url)
    files = sorted(path.name for path in fresh.content.iterdir())
    return Session(fresh, url, before, fresh.packages(), notebook, files)


def test_without_network_it_says_what_is_wrong_and_what_to_do(offline: Exception):
    said = str(offline)
    assert "The course could not be fetched from git+https://" in said
    assert "Is there a network?" in said
    assert "run this cell again" in said


def test_the_notebook_alone_runs_to_its_end(session: Session):
    assert [cell.execution_count for cell in session.cells] == list(
        range(1, len(session.cells) + 1)
    )
    outputs = [output for cell in session.cells for output in cell.outputs]
    assert [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"] == []
    assert "chapter 01" in printed(session.cells[0])


def test_it_is_the_environment_that_was_asked_for(session: Session):
    wanted = {"ipython": "7.34.0", "ipywidgets": "7.7.1", "ipykernel": "6.17.1"}
    assert {name: session.before[name] for name in wanted} == wanted
    assert {"celluloid", "noise-to-crystals"}.isdisjoint(session.before)
    seen = short(
        "import sys, helpers",
        "print('google.colab' in sys.modules, helpers.__file__)",
    )
    nbformat.write(seen, session.colab.content / "seen.ipynb")
    said = printed(code(session.colab.run("seen.ipynb", SHORT))[1])
    assert said.startswith("True ")
    # The course that ran is the installed one, not this working tree.
    assert str(session.colab.home) in said and f"{ROOT / 'helpers'}" not in said


def test_nothing_that_was_there_is_replaced(session: Session):
    kept = {name: session.after.get(name) for name in session.before}
    assert kept == session.before
    assert set(session.after) - set(session.before) == {"celluloid", "noise-to-crystals"}


def test_the_folder_holds_nothing_unexpected(session: Session):
    name = CHAPTER.name
    assert set(session.files) <= {name, f"out-{name}", ".course-progress.json"}


def test_unsolved_exercises_say_so(session: Session):
    checks = [cell for cell in session.cells if "= check(" in cell.source]
    assert len(checks) >= 6
    for cell in checks:
        name = cell.source.split(" ", 1)[0]
        said = printed(cell)
        assert said.startswith(f"○ {name}"), said
        assert "course's version is used" in said


def test_explore_makes_widgets_of_version_7(session: Session):
    kind = "application/vnd.jupyter.widget-view+json"
    (explorer,) = [
        c for c in session.cells if any(s.startswith("explore(") for s in c.source.splitlines())
    ]
    assert [kind in output.get("data", {}) for output in explorer.outputs] == [True]
    states = session.notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    models = {state["model_name"]: state for state in states.values()}
    assert "SelectionSliderModel" in models
    # ipywidgets 7 speaks version 1.5.0 of the protocol, ipywidgets 8 version 2.0.0.
    assert models["SelectionSliderModel"]["model_module_version"] == "1.5.0"
    pictures = [
        s["state"]["value"] for s in states.values() if "<img " in str(s["state"].get("value"))
    ]
    assert len(pictures) == 1 and 'alt="' in pictures[0]


def test_every_picture_has_alt_text(session: Session):
    html = [
        o.data["text/html"]
        for c in session.cells
        for o in c.outputs
        if "text/html" in o.get("data", {})
    ]
    tags = [tag for text in html for tag in text.split("<img ")[1:]]
    assert len(tags) > 5
    assert [tag[:80] for tag in tags if 'alt="' not in tag or 'alt=""' in tag] == []
    assert [o for c in session.cells for o in c.outputs if "image/png" in o.get("data", {})] == []


def test_the_first_cell_run_twice_is_harmless(session: Session):
    first = session.cells[0].source
    nbformat.write(short(first, first), session.colab.content / "twice.ipynb")
    started = time.monotonic()
    # The address leads nowhere: a second installation would fail.
    notebook = session.colab.run("twice.ipynb", SHORT, COURSE_SOURCE="git+file:///nowhere")
    assert time.monotonic() - started < SHORT / 2
    assert [printed(cell) for cell in code(notebook)] == [printed(session.cells[0])] * 2
    assert session.colab.packages() == session.after


def test_an_answer_is_judged_in_ipywidgets_7_too(session: Session):
    first = session.cells[0].source
    answers = short(
        first,
        "from helpers.course import check",
        "def euler_step(drift, x, t, h):\n    return x + h * drift(x, t)",
        "euler_step = check(euler_step)",
        "def euler_step(drift, x, t, h):\n    return x + drift(x, t)",
        "euler_step = check(euler_step)",
        "def euler_step(drift, x, t, h):\n    return x + h * undefined",
        "euler_step = check(euler_step)",
    )
    nbformat.write(answers, session.colab.content / "answers.ipynb")
    cells = code(session.colab.run("answers.ipynb", SHORT))
    assert printed(cells[3]).startswith("✓ euler_step")
    assert "misses the factor h" in printed(cells[5])
    # IPython 7 names a cell's file otherwise than IPython 9: the reader's own line is still found.
    assert "in line 2 of your cell" in printed(cells[7])
    assert "return x + h * undefined" in printed(cells[7])


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_every_other_chapter_runs_to_its_end(session: Session, path: Path):
    nbformat.write(chapter(path), session.colab.content / path.name)
    given = {k: os.environ[k] for k in ("COURSE_DATA",) if k in os.environ}
    notebook = session.colab.run(
        path.name, OTHER, COURSE_SOURCE=session.url, COURSE_BUDGET="0.05", **given
    )
    cells = code(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    errors = [o for c in cells for o in c.outputs if o.output_type == "error"]
    assert errors == [] and f"chapter {path.name[:2]}" in printed(cells[0])
    after = session.colab.packages()
    assert {name: after.get(name) for name in session.before} == session.before
