"""The exercises in a real notebook: a kernel runs every cell to the end, whatever they hold."""

import nbformat
import pytest
from nbclient import NotebookClient

STUB = "def euler_step(drift, x, t, h):\n    # TODO\n    "
CHECK = "euler_step = check(euler_step)"
CELLS = {
    "start": "import os, signal, sys, threading, torch\nfrom helpers.course import check, progress",
    "open": STUB + "raise NotImplementedError",
    "wrong": STUB + "return x + drift(x, t)",
    "crash": STUB + "return velocity(x)",
    "helper": "def velocity(x):\n\n    return y",
    "crash in a helper": STUB + "return velocity(x)",
    "leaves": STUB + "sys.exit()",
    "huge": STUB + "return torch.zeros(10**13)",
    "stopped": STUB + "threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
    "    while True: x = x + 0",
    "right": STUB + "return x + h * drift(x, t)",
    "progress": "progress()",
    "end": "print(torch.initial_seed(), euler_step(lambda x, t: x, torch.ones(1), 0, 0.5))",
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Text and HTML of every cell's outputs; the check of a stub stands at the stub's name."""
    folder = tmp_path_factory.mktemp("notebook")
    cells, names = [], []
    for name, source in CELLS.items():
        cells.append(nbformat.v4.new_code_cell(source))
        names.append(name)
        if source.startswith(STUB):
            cells.append(nbformat.v4.new_code_cell(CHECK))
            names.append(name)
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}})
    client.execute()
    found = {}
    for name, cell in zip(names, notebook.cells, strict=True):
        found[name] = [
            output.get("data", {"text/plain": output.get("text")}) for output in cell.outputs
        ]
    return found


@pytest.mark.parametrize(
    ("cell", "first_line"),
    [
        ("open", "○ euler_step: not written yet: the TODO above is yours."),
        (
            "wrong",
            "✗ euler_step: one step leads to 1.50, expected 1.10 (from x = 1, t = 0.5, h = 0.2): "
            "the increment misses the factor h?",
        ),
        ("crash", "✗ euler_step: your function stops with an error in line 3 of your cell."),
        (
            "crash in a helper",
            "✗ euler_step: your function stops with an error in line 3 of your cell.",
        ),
        (
            "leaves",
            "✗ euler_step: it wants to leave Python in line 3 of your cell: a function gives back "
            "a value with `return`.",
        ),
        (
            "huge",
            "✗ euler_step: it asks for 4e+04 GB of memory in line 3 of your cell; "
            "do the shapes multiply?",
        ),
        ("stopped", "✗ euler_step: you stopped the check in line 4 of your cell."),
        (
            "right",
            "✓ euler_step – verified: one step equals x + h · drift(x, t), for x of any shape; "
            "200 short steps of dx/dt = −x end at 1/e; from here on your own function is used.",
        ),
    ],
)
def test_the_report_is_one_output_with_text_and_html(outputs, cell, first_line):
    (data,) = outputs[cell]
    assert set(data) == {"text/plain", "text/html"}
    assert data["text/plain"].splitlines()[0] == first_line
    assert "euler_step" in data["text/html"]


def test_the_line_is_shown_as_the_reader_wrote_it(outputs):
    lines = outputs["crash"][0]["text/plain"].splitlines()
    assert lines[1:3] == ["    return velocity(x)", "    NameError: name 'velocity' is not defined"]
    lines = outputs["crash in a helper"][0]["text/plain"].splitlines()
    assert lines[1:3] == ["    return y", "    NameError: name 'y' is not defined"]


def test_the_notebook_ran_to_its_end_with_the_readers_function(outputs):
    assert outputs["progress"][0]["text/plain"].startswith("Progress: 1 of ")
    assert outputs["end"][0]["text/plain"].endswith("tensor([1.5000])\n")
