"""The parts of the pipeline one by one: generated text, fingerprints, the audit, the readers."""

import re
import subprocess
import sys

import audit
import nbformat
import pytest
import tiny
from chapter import Chapter, PipelineError, code_cells, repository
from fingerprint import code_sha, files, named, outside, text_sha
from reading import figure_calls, unportable, unproved_numbers
from sync import bootstrap, check_exercises, synced, with_address


# --- texts --------------------------------------------------------------------------------------
def test_synced_text_stays_the_same(tmp_path):
    chapter = tiny.course(tmp_path)
    text = synced(chapter, tiny.SOURCES)
    assert text != chapter.text
    assert synced(Chapter(chapter.path, text), tiny.SOURCES) == text


def test_everything_else_in_the_text_is_left_alone(tmp_path):
    chapter = tiny.course(tmp_path)
    generated = [
        *bootstrap("01", tiny.ADDRESS).splitlines(),
        *tiny.stub("double").splitlines(),
        *tiny.solution("double").splitlines(),
    ]
    left = [line for line in synced(chapter, tiny.SOURCES).splitlines() if line.strip()]
    kept = [line for line in left if line not in generated and line not in ("```python", "```")]
    before = [line for line in chapter.text.splitlines() if line.strip() and line != "```"]
    assert kept == [line for line in before if line != "def double(): ..."]


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("[bootstrap]", "[other]", "the first code cell, and no other, has the tag bootstrap"),
        ("def double(): ...", "x = 1", "a stub needs a line 'def NAME"),
        ("double = check(double)", "pass", "after the stub of double comes a cell `double = ch"),
        ("<!-- solution: double -->", "", "one line '<!-- solution: double -->' is needed"),
        (
            "<!-- solution: double -->",
            "<!-- solution: double -->\n\n<!-- solution: triple -->",
            "a solution of triple, which is no exercise here",
        ),
        (
            "<!-- solution: double -->\n\n</details>",
            "<!-- solution: double -->\n```python\n",
            "the solution of double is never closed",
        ),
        ("print(double(2))\n```\n", "print(double(2))\n", "this code cell is never closed"),
    ],
)
def test_a_chapter_that_lacks_something_is_told_what(tmp_path, old, new, words):
    assert old in tiny.TEXT
    text = tiny.TEXT.replace(old, new)
    if "```python" in new:  # and no fence after it that could close it
        text = text[: text.index(new) + len(new)]
    chapter = tiny.course(tmp_path, text)
    with pytest.raises(PipelineError, match=re.escape(words)):
        synced(chapter, tiny.SOURCES)


def test_a_complete_chapter_lacks_nothing(tmp_path):
    check_exercises(tiny.course(tmp_path))


def test_a_chapter_needs_a_heading(tmp_path):
    chapter = tiny.course(tmp_path, tiny.TEXT.replace("# 01", "01"))
    with pytest.raises(PipelineError, match="has no heading"):
        _ = chapter.title


def test_cells_are_read_as_jupytext_reads_them(tmp_path):
    import jupytext

    text = tiny.with_cell("\n\nx = '''\n:tags: [no]\n'''\n")
    read = [c for c in jupytext.reads(text, fmt="md:myst").cells if c.cell_type == "code"]
    ours = code_cells(text)
    assert [cell.code.strip() for cell in ours] == [cell.source.strip() for cell in read]
    assert [list(cell.tags) for cell in ours] == [c.metadata.get("tags", []) for c in read]


def test_only_marked_addresses_are_rewritten():
    text = (
        "github.com/a/b <!-- repository -->\ngit clone https://github.com/a/b.git\n"
        "https://colab.research.google.com/github/a/b/blob/main/x.ipynb gh/a/b /gh/a/b/HEAD\n"
        "<!-- /repository --> https://github.com/a/b"
    )
    new = with_address(text, "https://github.com/c-c/d-d")
    assert new.startswith("github.com/a/b <!--") and new.endswith("https://github.com/a/b")
    assert "git clone https://github.com/c-c/d-d.git\n" in new
    assert "/github/c-c/d-d/blob/main/x.ipynb gh/a/b /gh/c-c/d-d/HEAD\n" in new
    assert with_address(new, "https://github.com/c-c/d-d") == new


def test_the_address_comes_from_the_project(tmp_path):
    tiny.course(tmp_path)
    assert repository(tmp_path) == tiny.ADDRESS


# --- the first cell -------------------------------------------------------------------------------
CELL = bootstrap("01", tiny.ADDRESS)


def test_the_first_cell_is_short():
    assert len(CELL.splitlines()) <= 15
    assert max(map(len, CELL.splitlines())) < 110
    compile(CELL, "cell", "exec")


def test_where_the_course_is_installed_the_first_cell_only_sets_up(monkeypatch, capsys):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("nothing to install"))
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    for _ in range(2):
        exec(CELL, {})
        assert capsys.readouterr().out == "Noise to Crystals · chapter 01 · running on cpu\n"


@pytest.mark.parametrize("source", [None, "/somewhere/course"])
def test_where_it_is_missing_the_first_cell_fetches_it(monkeypatch, capsys, source):
    import helpers.course

    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    monkeypatch.delenv("COURSE_SOURCE", raising=False)
    if source:
        monkeypatch.setenv("COURSE_SOURCE", source)
    commands = []

    def install(command, **_):
        commands.append(command)
        monkeypatch.setitem(sys.modules, "helpers.course", helpers.course)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", install)
    monkeypatch.setitem(sys.modules, "helpers.course", None)  # an import now finds nothing
    exec(CELL, {})
    (command,) = commands
    assert command[0] == sys.executable and "--no-deps" in command
    assert command[-1] == (source or f"git+{tiny.ADDRESS}")
    assert "running on cpu" in capsys.readouterr().out


def test_without_a_network_the_first_cell_says_so(monkeypatch):
    """The real pip, and a place where nothing is."""
    monkeypatch.setenv("COURSE_SOURCE", "/no/such/course")
    monkeypatch.setitem(sys.modules, "helpers.course", None)
    with pytest.raises(RuntimeError) as error:
        exec(CELL, {})
    words = str(error.value)
    assert words.startswith("The course could not be fetched from /no/such/course. Is there a")
    assert "Connect and run this cell again. pip said:" in words and "ERROR" in words
    assert error.value.__suppress_context__


# --- fingerprints ---------------------------------------------------------------------------------
def test_what_a_chapter_reaches(tmp_path):
    chapter = tiny.course(tmp_path)
    assert synced(chapter, tiny.SOURCES)
    chapter = Chapter(chapter.path, synced(chapter, tiny.SOURCES))
    assert files(chapter, tmp_path) == [
        "helpers/__init__.py",
        "helpers/course/__init__.py",
        "helpers/course/look.css",
        "helpers/course/stage.py",
        "solutions/__init__.py",
        "solutions/tiny.py",
    ]
    cell = {"importlib", "os", "subprocess", "sys"}
    assert outside(chapter, tmp_path) == cell | {"json", "builtins"}


@pytest.mark.parametrize(
    "file, changes",
    [
        ("helpers/course/stage.py", True),
        ("helpers/course/look.css", True),
        ("helpers/__init__.py", True),
        ("solutions/tiny.py", True),
        ("helpers/other/__init__.py", False),
        ("helpers/other/look.css", False),
        ("solutions/more.py", False),
        ("README.md", False),
    ],
)
def test_the_fingerprint_follows_the_imports(tmp_path, file, changes):
    chapter = tiny.course(tmp_path)
    chapter = Chapter(chapter.path, synced(chapter, tiny.SOURCES))
    before = text_sha(chapter, tmp_path), code_sha(chapter, tmp_path)
    with open(tmp_path / file, "a") as out:
        out.write("# more\n")
    after = text_sha(chapter, tmp_path), code_sha(chapter, tmp_path)
    assert [a != b for a, b in zip(after, before, strict=True)] == [changes, changes]


@pytest.mark.parametrize(
    "old, new, code", [("Some words.", "Words.", False), ("double(2)", "double(3)", True)]
)
def test_the_fingerprint_follows_the_text(tmp_path, old, new, code):
    chapter = tiny.course(tmp_path)
    other = Chapter(chapter.path, chapter.text.replace(old, new))
    assert text_sha(other, tmp_path) != text_sha(chapter, tmp_path)
    assert (code_sha(other, tmp_path) != code_sha(chapter, tmp_path)) is code


def test_all_ways_to_import_are_seen():
    source = (
        "%pip install x\nimport a.b as c, d\nfrom e.f import g\nfrom . import h\n"
        "from ..i import j\ndef k():\n    from .l import m\n    !ls\n"
    )
    assert named(source, "p.q") == {
        *("a.b", "d", "e.f", "e.f.g", "p.q", "p.q.h", "p.i", "p.i.j", "p.q.l", "p.q.l.m")
    }


# --- the audit ------------------------------------------------------------------------------------
def executed(*outputs: dict) -> nbformat.NotebookNode:
    cell = nbformat.v4.new_code_cell("1", execution_count=1)
    cell.outputs = [nbformat.from_dict(output) for output in outputs]
    return nbformat.v4.new_notebook(cells=[cell])


def shown(**data: str) -> dict:
    bundle = {kind.replace("_", "/"): text for kind, text in data.items()}
    return {"output_type": "display_data", "data": bundle, "metadata": {}}


def test_a_good_notebook_has_no_complaints():
    figure = (
        '<img alt="a line" src="data:image/png;base64,xx"><svg xmlns="http://www.w3.org/2000/svg">'
    )
    said = {"output_type": "stream", "name": "stdout", "text": "1.0\n"}
    assert audit.complaints(executed(said, shown(text_plain="a", text_html=figure))) == []


@pytest.mark.parametrize(
    "output, words",
    [
        (shown(image_png="xx"), r"a picture without words \(image/png\)"),
        (shown(text_html='<img src="x">'), "a picture without words for those"),
        (shown(text_html='<img alt="" src="x">'), "a picture without words for those"),
        (shown(text_html="<img alt=' ' src='x'>"), "a picture without words for those"),
        (shown(text_html="see https://example.org/x"), "points outside: https://example.org/x"),
        (shown(text_plain=f"in {sys.prefix}/lib"), "names a folder of this machine"),
        (shown(text_html="x" * 1_500_001), r"has 1.50 MB; 1.5 MB are allowed"),
        (
            {"output_type": "stream", "name": "stderr", "text": "Warning!"},
            "wrote to the error stream: Warning!",
        ),
        (
            {"output_type": "error", "ename": "KeyError", "evalue": "3", "traceback": []},
            "raised KeyError: 3",
        ),
        (
            {
                "output_type": "display_data",
                "data": {"application/vnd.jupyter.widget-view+json": {}},
                "metadata": {},
            },
            "needs a running kernel",
        ),
    ],
)
def test_what_may_not_be_in_a_notebook(output, words):
    (complaint,) = audit.complaints(executed(output))
    assert re.search(words, complaint)


def test_a_cell_that_was_not_executed():
    notebook = executed()
    notebook.cells[0].execution_count = None
    assert audit.complaints(notebook) == ["code cell 1 was not executed"]


# --- the readers of the tests over all notebooks ------------------------------------------------
def test_numbers_without_proof_are_found_with_their_paragraph():
    text = (
        "The rate is 0.25.\nIt was 1.5, then −0.75 and 3.14 Å.\n\nVersion 1.2.3, $x = 9.9$, `8.8`, "
        "[a](b/7.7), $$6.6$$ arXiv:2011.13456\n\n```python\n5.5\n```\n\nHere 4.40 ± 0.25: "
        "$a = 2.2 \\approx -2.6$."
    )
    found = unproved_numbers(text, "a 0.25 1.50 -0.75\n4.4 31.14")
    assert [number for number, _ in found] == ["1.5", "3.14", "4.40", "2.6"]
    assert found[0][1].startswith("The rate is 0.25. It was 1.5")


def test_calls_with_words_for_a_figure_are_counted():
    code = "show(f, alt='x')\nexplore(d, alt=y, a=[1])\nmake(show(f, alt='z'))\nplot(1)"
    assert figure_calls(code) == 3


@pytest.mark.parametrize(
    "text, name",
    [
        ("see {ref}`here`", "a MyST role"),
        ("see {cite:p}`song`", "a MyST role"),
        (":::{note}\nx\n:::", "a MyST directive"),
        ("```{note}\nx\n```", "a MyST directive"),
        ("(here)=\n# A", "a MyST target"),
        ("% hidden", "a MyST comment"),
        ("see [below](#below)", "a link to a heading"),
        ("a note[^1]", "a footnote"),
        ("![words](x.png)", "a picture beside the notebook"),
        (r"so \(x\) is", "a formula in other marks"),
        ("<div>x</div>", "HTML beyond <details>"),
        ("<details>\n<summary>A</summary>\n**x**\n\n</details>", "no empty line after </summary>"),
        ("<details>\n<summary>A</summary>\n\nx\n</details>", "no empty line before </details>"),
    ],
)
def test_words_that_only_one_place_understands(text, name):
    assert any(found.startswith(name) for found in unportable(text)), list(unportable(text))


def test_plain_words_are_fine_everywhere():
    text = (
        "# A\n\nIt has *x* < 3, `{ref}` and `a <b>`, $x_{i}$, [a](https://example.org/#b) and\n\n"
        "| a | b |\n|---|---|\n\n<!-- solution: f -->\n```python\nx = {1: '<b>'}\n```\n\n"
        "<details>\n<summary>A</summary>\n\nx\n\n</details>\n"
    )
    assert list(unportable(text)) == []
