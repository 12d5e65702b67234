"""`make notebooks` on a course of one tiny chapter."""

import shutil
import sys
import time

import execute
import nbformat
import psutil
import pytest
import render
import tiny
from chapter import chapters
from execute import CHAPTER_SECONDS
from reading import code_cells, output_text

import notebooks


def make(root, *arguments) -> int:
    return notebooks.main(list(arguments), root, tiny.SOURCES)


def made(root) -> nbformat.NotebookNode:
    return nbformat.read(root / "notebooks" / "01_tiny.ipynb", as_version=4)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The course after a first `make notebooks`; tests copy it or leave it as it is."""
    root = tmp_path_factory.mktemp("course")
    tiny.course(root)
    assert make(root) == 0
    return root


@pytest.fixture
def own(built, tmp_path):
    """A copy of the built course that a test may change."""
    return shutil.copytree(built, tmp_path / "course")


@pytest.fixture
def no_kernel(monkeypatch):
    """Fails the test when something is executed."""

    def refuse(*_, **__):
        raise AssertionError("nothing should have been executed")

    monkeypatch.setattr(execute, "run", refuse)


# --- what comes out -----------------------------------------------------------------------------
def test_a_text_becomes_an_executed_notebook(built):
    notebook = made(built)
    nbformat.validate(notebook)
    code = code_cells(notebook)
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4]
    assert [output_text(o) for cell in code for o in cell.outputs] == ["chapter 01\n", "4\n"]
    assert code[1].source == tiny.stub("double")
    words = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert f"<!-- solution: double -->\n```python\n{tiny.solution('double')}\n```" in words
    colab = "https://colab.research.google.com/github/someone/some-course/blob/main"
    assert f"[Open in Colab]({colab}/notebooks/01_tiny.ipynb)" in words
    assert "runs in about 10 s on one core" in words and "<!-- measured -->" not in words
    assert "git+https://github.com/someone/some-course" in code[0].source
    assert code[3].metadata.jupyter.source_hidden is True and code[3].metadata.cellView == "form"
    assert code[3].metadata.tags == ["hide-input", "nbval-check-output"]


def test_the_table_of_times_is_that_of_the_runs(own, capsys):
    notes = own / "book" / "notes.md"
    time, memory = render.time_and_memory(render.measured_of(made(own)))
    row = f"| 01 · Tiny | 1 | {time} | {memory} |"
    assert f"|---|---|---|---|\n{row}\n<!-- /times -->\n" in notes.read_text()
    notes.write_text(notes.read_text().replace(memory, "9.9 GB"))
    assert make(own, "--check") == 1
    assert "book/notes.md carries another table of times: run" in capsys.readouterr().out
    assert make(own) == 0 and row in notes.read_text()


def test_the_notebook_says_where_it_comes_from_and_nothing_of_the_machine(built):
    metadata = made(built).metadata
    assert metadata.course.chapter == "01" and metadata.course.title == "01 · Tiny"
    assert set(metadata) == {"course", "kernelspec", "language_info"}
    assert "version" not in metadata.language_info
    text = (built / "notebooks" / "01_tiny.ipynb").read_text()
    assert sys.version.split()[0] not in text and str(built) not in text
    assert all(set(cell.metadata) <= {"tags", "jupyter", "cellView"} for cell in made(built).cells)


def test_the_address_is_written_where_marks_allow_it(built):
    assert tiny.ADDRESS + ".git" in (built / "README.md").read_text()


def test_everything_is_up_to_date_afterwards(built, capsys, no_kernel):
    assert make(built, "--check") == 0 and capsys.readouterr().out == ""
    assert make(built) == 0 and capsys.readouterr().out == "01_tiny: unchanged\n"


def test_executed_again_it_gives_the_same_file(own):
    path = own / "notebooks" / "01_tiny.ipynb"
    before = path.read_bytes()
    assert make(own, "--force", "01") == 0
    assert path.read_bytes() == before
    # Also from nothing: only what was measured may differ.
    path.unlink()
    assert make(own) == 0
    again = render.finished(
        *(chapters(own)),
        render.outputs_of(made(own)),
        render.measured_of(nbformat.reads(before.decode(), as_version=4)),
        {name: made(own).metadata.course[name] for name in ("source_sha", "code_sha")},
        tiny.ADDRESS,
    )
    assert render.text_of(again).encode() == before


def test_equal_cells_have_different_ids(tmp_path):
    chapter = tiny.course(tmp_path, tiny.with_cell("pass") + "\n```{code-cell} ipython3\npass\n```")
    ids = [cell.id for cell in render.plain_notebook(chapter).cells]
    assert len(set(ids)) == len(ids)
    assert ids == [cell.id for cell in render.plain_notebook(chapter).cells]


# --- what is out of date --------------------------------------------------------------------------
def test_words_alone_are_not_executed(own, capsys, no_kernel):
    text = own / "book" / "01_tiny.md"
    text.write_text(text.read_text().replace("Some words.", "Other words."))
    assert make(own, "--check") == 1
    assert "01_tiny.ipynb is older than its text" in capsys.readouterr().out
    assert make(own) == 0
    assert "only its words changed" in capsys.readouterr().out
    assert "Other words." in (own / "notebooks" / "01_tiny.ipynb").read_text()
    assert make(own, "--check") == 0


@pytest.mark.parametrize(
    "file, old, new, complaint",
    [
        ("book/01_tiny.md", "TODO: twice x", "TODO: thrice", "a stub, a solution or the first"),
        ("book/01_tiny.md", "return 2 * x", "return 3 * x", "a stub, a solution or the first"),
        ("book/01_tiny.md", 'setup("01")', 'setup("02")', "a stub, a solution or the first"),
        ("README.md", "someone", "another", "README.md carries another repository's address"),
        ("helpers/course/stage.py", "2 * x", "3 * x", "older than its text or the code it uses"),
        ("notebooks/01_tiny.ipynb", "Some words", "Words", "is not what its text gives"),
        ("notebooks/01_tiny.ipynb", "# TODO: twice x", "# done", "is not what its text gives"),
    ],
)
def test_drift_is_said_in_words(own, capsys, file, old, new, complaint):
    path = own / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert make(own, "--check") == 1
    out = capsys.readouterr().out
    assert complaint in out and "run `make notebooks`" in out


def test_a_changed_module_executes_and_the_text_is_mended(own, capsys):
    stage = own / "helpers" / "course" / "stage.py"
    stage.write_text(stage.read_text().replace("2 * x", "3 * x"))
    text = own / "book" / "01_tiny.md"
    text.write_text(text.read_text().replace("return 2 * x", "return 7 * x"))
    assert make(own) == 0
    assert "executed in" in capsys.readouterr().out
    assert "return 7" not in text.read_text()
    assert output_text(code_cells(made(own))[3].outputs[0]) == "6\n"
    assert make(own, "--check") == 0


def test_notebooks_without_text_and_texts_without_notebook(own, capsys):
    path = own / "notebooks" / "01_tiny.ipynb"
    path.rename(path.with_name("09_lost.ipynb"))
    assert make(own, "--check") == 1
    out = capsys.readouterr().out
    assert "01_tiny.ipynb has not been made yet" in out
    assert "09_lost.ipynb has no text in book/" in out


def test_a_chapter_that_is_not_there(built, capsys):
    assert make(built, "07") == 1
    assert "there is no chapter '07'; there are: 01_tiny" in capsys.readouterr().err


# --- what goes wrong ----------------------------------------------------------------------------
def failure(root, capsys, code, header="") -> str:
    tiny.course(root, tiny.with_cell(code, header))
    assert make(root) == 1
    assert not (root / "notebooks").exists()
    return capsys.readouterr().err


def kernels() -> list[str]:
    """Kernels that this process started and that still run."""
    lines = [" ".join(child.cmdline()) for child in psutil.Process().children(recursive=True)]
    return [line for line in lines if "ipykernel" in line]


def test_a_cell_that_raises_is_named_with_its_line(tmp_path, capsys):
    words = failure(tmp_path, capsys, "x = 1\ndef f():\n    return x / 0\n\nf()")
    assert "book/01_tiny.md: code cell 5, its line 3, raises ZeroDivisionError: division" in words
    assert words.rstrip().endswith("return x / 0")


def test_a_cell_that_is_no_python(tmp_path, capsys):
    assert "book/01_tiny.md: this is no Python" in failure(tmp_path, capsys, "x = = 1")


def test_a_cell_takes_too_long(tmp_path, capsys):
    words = failure(tmp_path, capsys, "while True: pass", "course:\n  cell_seconds: 2\n")
    assert "code cell 5 ('while True: pass' …) took longer than 2 s" in words
    assert kernels() == []


def test_a_chapter_takes_too_long(tmp_path, capsys):
    start = time.monotonic()
    sleep = "import time\ntime.sleep(90)"
    words = failure(tmp_path, capsys, sleep, "course:\n  chapter_seconds: 8\n")
    assert "took longer than 8 s, and was stopped in code cell" in words
    assert time.monotonic() - start < 60 < CHAPTER_SECONDS
    assert kernels() == []


def test_a_kernel_that_dies(tmp_path, capsys):
    words = failure(
        tmp_path, capsys, "import os, sys\nprint('bye', file=sys.__stderr__)\nos._exit(3)"
    )
    assert "code cell 5 ('import os, sys' …) ended the kernel; it said:" in words
    assert "bye" in words


def test_a_warning_stops_the_build(tmp_path, capsys):
    words = failure(tmp_path, capsys, "import warnings\nwarnings.warn('old habits')")
    assert "code cell 5: wrote to the error stream" in words and "old habits" in words


def test_unknown_limits_are_named(tmp_path, capsys):
    words = failure(tmp_path, capsys, "pass", "course:\n  patience: 3\n")
    assert "'course:' in the header holds patience: 3; it takes seconds for cell_seconds" in words


# --- what is measured, and where it runs ----------------------------------------------------------
def test_time_and_memory_are_those_of_the_kernel(tmp_path):
    busy = (
        "import time\nuntil = time.process_time() + 2\n"
        "while time.process_time() < until: pass\n"
        "block = bytearray(b'x') * 300_000_000\ndel block"
    )
    tiny.course(tmp_path, tiny.with_cell(busy))
    assert make(tmp_path) == 0
    measured = render.measured_of(made(tmp_path))
    assert measured.slowest_cell == 5
    # CPU seconds, but a busy machine's caches make the 2 asked for somewhat more.
    assert 2 <= measured.slowest_cell_seconds < 6
    assert measured.slowest_cell_seconds < measured.cpu_seconds < 20
    assert 300 < measured.peak_memory_mb < 500


@pytest.mark.parametrize(
    "seconds, memory, words",
    [(3.2, 120, "10 s|0.2 GB"), (41.0, 600, "50 s|0.6 GB"), (500, 1501, "9 minutes|1.6 GB")],
)
def test_the_sentence_rounds_up(seconds, memory, words):
    sentence = render.sentence(render.Measured(seconds, memory, 1, 1.0))
    time_words, memory_words = words.split("|")
    assert f"about {time_words} on" in sentence and f"about {memory_words} of" in sentence


def test_the_kernel_is_alone_in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    monkeypatch.setenv("COURSE_STATIC", "")
    # Where data files lie is no wish but a fact of the machine: it is handed on.
    monkeypatch.setenv("COURSE_DATA", "somewhere")
    code = (
        "import os\nprint(os.listdir(), sorted(n for n in os.environ if n[:6] == 'COURSE'),\n"
        "      os.environ['COURSE_STATIC'], os.environ['OMP_NUM_THREADS'])"
    )
    tiny.course(tmp_path, tiny.with_cell(code))
    assert make(tmp_path) == 0
    said = output_text(code_cells(made(tmp_path))[4].outputs[0])
    assert said == "[] ['COURSE_DATA', 'COURSE_DEVICE', 'COURSE_STATIC'] 1 1\n"
