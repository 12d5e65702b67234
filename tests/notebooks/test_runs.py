"""Every notebook as readers meet it who slip and mend, or slip and go on.

That the untouched notebook runs, live and with the same checked outputs, is `make nbval`.
"""

import ast

import execute
import pytest
import render
from chapter import ROOT, Chapter, chapters
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from reading import code_cells, output_text

#: Shorter trainings, and explorers as a live kernel has them: one picture instead of all.
LIVE = {"COURSE_BUDGET": "0.05", "COURSE_STATIC": ""}

each_chapter = pytest.mark.parametrize("chapter", chapters(), ids=lambda chapter: chapter.slug)


def wrong(stub: str, body: str) -> str:
    """A reader's answer with the stub's signature and this body."""
    (function,) = ast.parse(stub).body
    assert isinstance(function, ast.FunctionDef)
    function.body = ast.parse(body).body
    return ast.unparse(function)


#: What goes wrong in a reader's cell, one after the other over the exercises of a chapter; each
#: kind is wrong for every exercise, whatever its signature.
SLIPS = (
    "raise ZeroDivisionError('a slip of the reader')",
    "return None",
    "return 'about seven'",
    "while True: pass",
)


def answered(chapter: Chapter, *rounds: dict[str, str]) -> tuple[NotebookNode, list[dict]]:
    """The notebook run to its end; a reader gives each round's answers at every exercise, one
    after the other, each with a check. And what the checks said, round by round."""
    notebook = render.plain_notebook(chapter)
    stubs = [c for c in code_cells(notebook) if "stub" in c.metadata.get("tags", [])]
    checks: list[dict] = [{} for _ in rounds]
    for name, stub in zip(chapter.stubs(), stubs, strict=True):
        at = notebook.cells.index(stub)
        check = next(k for k in range(at + 1, len(notebook.cells)) if is_code(notebook.cells[k]))
        answer = notebook.cells[check]
        assert f"= check({name})" in answer.source
        pairs = []
        for round_, said in zip(rounds, checks, strict=True):
            said[name] = new_code_cell(answer.source)
            pairs += [new_code_cell(round_[name]), said[name]]
        notebook.cells[at : check + 1] = [*pairs[:-1], *notebook.cells[at + 1 : check], pairs[-1]]
    execute.run(notebook, ROOT, environment=LIVE, cell_seconds=300, chapter_seconds=600)
    words = [
        {name: "\n".join(map(output_text, cell.outputs)) for name, cell in said.items()}
        for said in checks
    ]
    return notebook, words


def is_code(cell: NotebookNode) -> bool:
    return cell.cell_type == "code"


def checked_outputs(notebook: NotebookNode) -> list[str]:
    """What the cells print whose output nbval compares."""
    return [
        "".join(output_text(output) for output in cell.outputs)
        for cell in code_cells(notebook)
        if "nbval-check-output" in cell.metadata.get("tags", [])
    ]


def right_answers(chapter: Chapter) -> dict[str, str]:
    from helpers.course.exercise import solution_source

    return {name: solution_source(name) for name in chapter.stubs()}


def wrong_answers(chapter: Chapter) -> dict[str, str]:
    from helpers.course.exercise import stub_source

    return {
        name: wrong(stub_source(name), SLIPS[number % len(SLIPS)])
        for number, name in enumerate(chapter.stubs())
    }


@each_chapter
def test_wrong_then_right_reaches_the_end(chapter):
    """A reader slips at every exercise, mends it, and goes on with functions of her own."""
    notebook, (first, second) = answered(chapter, wrong_answers(chapter), right_answers(chapter))
    for said, sign in ((first, "✗"), (second, "✓")):
        assert said and {name: words[:1] for name, words in said.items()} == dict.fromkeys(
            said, sign
        )
    assert all(cell.execution_count for cell in code_cells(notebook))
    is_as_committed(chapter, notebook)


@pytest.mark.parametrize("chapter", chapters()[:2], ids=lambda chapter: chapter.slug)
def test_wrong_to_the_end(chapter):
    """Nothing is mended: the course's own functions stand in all the way."""
    notebook, (said,) = answered(chapter, wrong_answers(chapter))
    assert {name: words[:1] for name, words in said.items()} == dict.fromkeys(said, "✗")
    assert all(cell.execution_count for cell in code_cells(notebook))
    is_as_committed(chapter, notebook)


def is_as_committed(chapter: Chapter, notebook: NotebookNode) -> None:
    """Whether and how the exercises are solved changes no number further down."""
    if "budget(" not in "".join(cell.code for cell in chapter.cells):
        committed = render.previous(chapter)
        assert committed is not None and checked_outputs(notebook) == checked_outputs(committed)
