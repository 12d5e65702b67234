"""Every notebook as readers of three kinds meet it: all solved, all wrong, half of it broken.

That the untouched notebook runs, live and with the same checked outputs, is `make nbval`.
"""

import ast

import execute
import pytest
import render
from chapter import ROOT, Chapter, chapters
from nbformat import NotebookNode
from reading import code_cells, output_text

#: Shorter trainings, and explorers as a live kernel has them: one picture instead of all.
LIVE = {"COURSE_BUDGET": "0.1", "COURSE_STATIC": ""}

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


def answered(chapter: Chapter, answers: dict[str, str]) -> tuple[NotebookNode, dict[str, str]]:
    """The notebook run to its end with these answers in the stubs, and what each check said."""
    notebook = render.plain_notebook(chapter)
    cells = code_cells(notebook)
    stubs = {name: cells.index(cell) for name, cell in stub_cells(notebook, chapter).items()}
    assert set(stubs) == set(answers)
    for name, index in stubs.items():
        cells[index].source = answers[name]
    execute.run(notebook, ROOT, environment=LIVE, cell_seconds=300, chapter_seconds=600)
    return notebook, {
        name: "\n".join(output_text(output) for output in cells[index + 1].outputs)
        for name, index in stubs.items()
    }


def stub_cells(notebook: NotebookNode, chapter: Chapter) -> dict[str, NotebookNode]:
    """The cell of each exercise."""
    cells = [c for c in code_cells(notebook) if "stub" in c.metadata.get("tags", [])]
    return dict(zip(chapter.stubs(), cells, strict=True))


def checked_outputs(notebook: NotebookNode) -> list[str]:
    """What the cells print whose output nbval compares."""
    return [
        "".join(output_text(output) for output in cell.outputs)
        for cell in code_cells(notebook)
        if "nbval-check-output" in cell.metadata.get("tags", [])
    ]


@each_chapter
@pytest.mark.parametrize("kind", ["solved", "wrong"])
def test_run_all_reaches_the_end(chapter, kind):
    from helpers.course.exercise import solution_source, stub_source

    if kind == "solved":
        sign, answers = "✓", {name: solution_source(name) for name in chapter.stubs()}
    else:
        sign, answers = (
            "✗",
            {
                name: wrong(stub_source(name), SLIPS[number % len(SLIPS)])
                for number, name in enumerate(chapter.stubs())
            },
        )
    notebook, said = answered(chapter, answers)
    assert said and {name: words[:1] for name, words in said.items()} == dict.fromkeys(said, sign)
    assert all(cell.execution_count for cell in code_cells(notebook))
    # Whether and how the exercises are solved changes no number further down.
    if "budget(" not in "".join(cell.code for cell in chapter.cells):
        committed = render.previous(chapter)
        assert committed is not None and checked_outputs(notebook) == checked_outputs(committed)
