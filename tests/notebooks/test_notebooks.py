"""Every notebook of the course, as it is committed: nothing is executed here."""

import re
import subprocess
import sys
from importlib import import_module

import audit
import pytest
import render
from chapter import ROOT, Chapter, chapters, repository
from fingerprint import outside
from nbformat import NotebookNode
from reading import (
    code_cells,
    figure_calls,
    output_html,
    proofs,
    unportable,
    unproved_numbers,
)
from sync import MARKED, bootstrap, course_sources

import notebooks

CHAPTERS = chapters()
SOURCES = course_sources(repository())
#: CPU seconds that a chapter may take.
ALLOWED_SECONDS = {"01": 90, "03": 240, "05": 300}
#: Come with what a chapter needs anyway: with matplotlib, and with every kernel.
COMES_ALONG = {"cycler", "IPython"}
#: Imported by a training that torchrun started, and by no notebook.
IN_MANY_PROCESSES = {"lightning_fabric"}

each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.slug)


def made(chapter: Chapter) -> NotebookNode:
    notebook = render.previous(chapter)
    assert notebook is not None, f"run `make notebooks`: {chapter.notebook} is not there"
    return notebook


def test_the_course_has_opened():
    assert [chapter.slug for chapter in CHAPTERS][:1] == ["01_integrators"]


# --- nothing has drifted ------------------------------------------------------------------------
def test_everything_is_up_to_date(capsys):
    assert notebooks.main(["--check"]) == 0, capsys.readouterr().out


@each_chapter
def test_text_and_notebook_hold_the_same_code(chapter):
    assert [cell.source for cell in code_cells(made(chapter))] == [
        cell.code for cell in chapter.cells
    ]


@each_chapter
def test_stubs_and_solutions_are_those_of_the_package(chapter):
    notebook = made(chapter)
    stubs = [c.source for c in code_cells(notebook) if "stub" in c.metadata.get("tags", [])]
    assert stubs == [SOURCES.stub(name) for name in chapter.stubs()] and stubs
    words = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    shown = re.findall(r"<!-- solution: (\w+) -->\n```python\n(.*?)\n```", words, re.DOTALL)
    assert dict(shown) == {name: SOURCES.solution(name) for name in chapter.stubs()}
    for name in chapter.stubs():
        before = words[: words.index(f"<!-- solution: {name} -->")]
        assert before.count("<details>") == before.count("</details>") + 1, f"{name} is not folded"


@each_chapter
def test_setup_installs_what_the_chapter_imports(chapter):
    """In step with the imports: nothing missing in Colab, nothing installed for nothing."""
    needs = import_module("helpers.course.setup").NEEDS
    used = outside(chapter, ROOT) - sys.stdlib_module_names - COMES_ALONG
    assert set(needs[chapter.number]) == used - IN_MANY_PROCESSES


def test_the_readme_counts_chapters_and_exercises():
    numbers = {8: "Eight"}[len(CHAPTERS)], sum(len(chapter.stubs()) for chapter in CHAPTERS)
    assert "{} chapters, {} exercises".format(*numbers) in (ROOT / "README.md").read_text("utf-8")


# --- outputs ------------------------------------------------------------------------------------
@each_chapter
def test_no_error_no_warning_no_machine_and_not_too_large(chapter):
    assert audit.complaints(made(chapter)) == []


@each_chapter
def test_every_figure_is_there_and_has_words(chapter):
    notebook, figures = made(chapter), 0
    for cell in code_cells(notebook):
        calls, html = figure_calls(cell.source), output_html(cell)
        images = audit.IMAGE.findall(html)
        assert bool(images) == bool(calls) and len(images) >= calls, cell.source
        assert all(audit.ALT.search(image) for image in images)
        figures += calls
    assert figures >= 1


@each_chapter
def test_the_page_says_what_the_run_took(chapter):
    notebook = made(chapter)
    measured = render.measured_of(notebook)
    words = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert sum(render.sentence(measured) in text for text in words) == 1
    assert sum(render.badge(chapter, SOURCES.repository) in text for text in words) == 1
    assert measured.cpu_seconds < ALLOWED_SECONDS.get(chapter.number, 300)
    assert 100 < measured.peak_memory_mb < 8000


# --- words --------------------------------------------------------------------------------------
@each_chapter
def test_every_number_in_the_prose_is_proved(chapter):
    missing = unproved_numbers(render.markdown_of(chapter.text), proofs(made(chapter)))
    report = "\n".join(f"  {number}: {paragraph}" for number, paragraph in missing)
    assert not missing, f"in no output tagged nbval-check-output and in no code:\n{report}"


@each_chapter
def test_the_prose_reads_alike_everywhere(chapter):
    assert list(unportable(render.markdown_of(chapter.text))) == []


# --- one place for the address --------------------------------------------------------------------
def test_the_repositorys_address_stands_where_it_may():
    """In pyproject.toml; elsewhere only where `make notebooks` writes it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    name = SOURCES.repository.split("github.com/")[-1]
    made_here = {chapter.notebook for chapter in CHAPTERS}
    searched = 0
    for path in (ROOT / entry for entry in listed if entry):
        if path in made_here or not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", errors="ignore")
        text = MARKED.sub("", text)
        if path in {chapter.path for chapter in CHAPTERS}:
            text = text.replace(bootstrap(path.stem[:2], SOURCES.repository), "")
        allowed = 1 if path == ROOT / "pyproject.toml" else 0
        assert text.count(name) == allowed, f"{path.relative_to(ROOT)} writes the address by hand"
        searched += 1
    assert searched > 20
