"""The teacher's table: what learners of every kind get for every exercise."""

import csv
import json
import sys
from pathlib import Path

import nbformat
import pytest

from helpers.course import grade as grades
from helpers.course.exercise import exercises, solution_source, stub_source
from helpers.course.grade_one import examined

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))

each_chapter = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def sources(path: Path) -> list[str]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


def names(path: Path) -> list[str]:
    return [n for n, e in exercises().items() if e.chapter.startswith(path.name[:2])]


def answer(cells: list[str], answers: dict[str, str]) -> list[str]:
    """The cells with these texts in place of the stubs."""
    stubs = {stub_source(name): text for name, text in answers.items()}
    assert set(stubs) <= set(cells)
    return [stubs.get(cell, cell) for cell in cells]


def save(path: Path, cells: list[str], chapter: str = "01") -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    notebook.metadata["course"] = {"chapter": chapter}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


@each_chapter
def test_untouched_solved_and_wrong_notebooks_are_told_apart(path):
    cells, mine = sources(path), names(path)
    assert {s for s, _ in examined(cells, mine).values()} == {"open"}
    solved = examined(answer(cells, {n: solution_source(n) for n in mine}), mine)
    assert {n: s for n, (s, _) in solved.items() if s != "solved"} == {}
    none = {n: stub_source(n).replace("raise NotImplementedError", "return None") for n in mine}
    assert {s for s, _ in examined(answer(cells, none), mine).values()} == {"wrong"}


def test_one_slip_costs_one_exercise():
    cells, mine = sources(NOTEBOOKS[0]), names(NOTEBOOKS[0])
    answers = {name: solution_source(name) for name in mine}
    answers["euler_step"] = "def euler_step(drift, x, t, h):\n    return x + drift(x, t)"
    states = examined(answer(cells, answers), mine)
    assert states["euler_step"][0] == "wrong" and "misses the factor h" in states["euler_step"][1]
    assert {s for n, (s, _) in states.items() if n != "euler_step"} == {"solved"}


def test_the_last_word_before_a_check_counts():
    good = solution_source("euler_step")
    bad = good.replace("return", "return 2 *")
    check = "euler_step = check(euler_step)"
    later = examined([bad, check, good, check], ["euler_step"])
    assert later["euler_step"][0] == "solved"
    broken_on_purpose = examined([good, check, bad], ["euler_step"])
    assert broken_on_purpose["euler_step"][0] == "solved"
    checked_twice = examined([bad, check, check], ["euler_step"])
    assert checked_twice["euler_step"][0] == "wrong"
    never_checked = examined([good], ["euler_step"])
    assert never_checked["euler_step"][0] == "solved"


def test_own_helpers_constants_and_magics_are_known_and_trainings_left_out():
    cells = [
        "%matplotlib inline\nfrom math import sqrt",
        "HALF = 0.5",
        "def scaled(h):\n    return 2 * HALF * h",
        "raise SystemExit('a training that must not run')",
        "def euler_step(drift, x, t, h):\n    return x + scaled(h) * drift(x, t)",
        "euler_step = check(euler_step)",
    ]
    assert examined(cells, ["euler_step"])["euler_step"][0] == "solved"


@pytest.mark.parametrize(
    "cell, words",
    [
        ("def euler_step(drift, x, t, h)\n    return x", "line 1 of its cell is not Python"),
        ("def euler_step(drift, x, t, h=net):\n    return x", "its cell stops: NameError"),
    ],
)
def test_a_cell_that_does_not_run_is_wrong_and_says_why(cell, words):
    state, said = examined([cell, "euler_step = check(euler_step)"], ["euler_step"])["euler_step"]
    assert state == "wrong" and words in said


def test_an_exercise_that_was_deleted_is_open():
    assert examined(["x = 1"], ["euler_step"])["euler_step"] == (
        "open",
        "no function of this name",
    )


def test_a_folder_becomes_a_table(tmp_path, capsys):
    mine = names(NOTEBOOKS[0])
    good = solution_source("euler_step")
    save(tmp_path / "ada" / "01_integrators" / "01.ipynb", [good, "check(euler_step)"])
    save(tmp_path / "bo.ipynb", ["import os", "def f(x=os._exit(3)):\n    pass", good])
    save(tmp_path / "cy.ipynb", [good.replace("h *", "")], chapter="01")
    (tmp_path / "di.ipynb").write_text("not a notebook")
    save(tmp_path / ".ipynb_checkpoints" / "cy.ipynb", [])
    table, short = tmp_path / "grades.csv", tmp_path / "short.csv"
    asked = [str(tmp_path), "--csv", str(table), "--nbgrader", str(short), "--jobs", "2"]
    assert grades.main(asked) == 0
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    assert [row["learner"] for row in rows] == [
        *["ada"] * len(mine),
        *["bo"] * len(mine),
        *["cy"] * len(mine),
        "di",
    ]
    first = {row["learner"]: row for row in rows if row["exercise"] in ("euler_step", "?")}
    assert (first["ada"]["state"], first["ada"]["points"]) == ("solved", "1")
    assert first["ada"]["chapter"] == "01 Integrators"
    assert first["bo"]["state"] == "wrong" and "ended Python" in first["bo"]["words"]
    assert first["cy"]["state"] == "wrong"
    assert "not a notebook of this course" in first["di"]["words"]
    rest = {row["state"] for row in rows if row["learner"] == "ada"} - {"solved"}
    assert rest == {"open"}
    sums = {row["student_id"]: row for row in csv.DictReader(short.open(encoding="utf-8"))}
    assert sums["ada"]["score"] == "1" and sums["ada"]["max_score"] == str(len(mine))
    assert list(sums["ada"]) == grades.NBGRADER
    assert "ada" in capsys.readouterr().out


def test_a_notebook_without_an_end_is_stopped_in_words(tmp_path):
    save(tmp_path / "ed.ipynb", ["def f(x=[0 for _ in iter(int, 1)]):\n    pass"])
    rows = grades.grade("ed", tmp_path / "ed.ipynb", seconds=8)
    assert {row.state for row in rows} == {"wrong"}
    assert all(row.words == "its code ran longer than 8 s" for row in rows)


def test_an_empty_folder_is_named(tmp_path, capsys):
    assert grades.main([str(tmp_path)]) == 2
    assert "no notebook in" in capsys.readouterr().err
    with pytest.raises(ValueError, match="give the folder that holds your learners' work"):
        list(grades.notebooks(tmp_path))


def test_one_notebook_alone_prints_json(tmp_path):
    import subprocess

    save(tmp_path / "a.ipynb", [solution_source("euler_step")])
    command = [sys.executable, "-m", "helpers.course.grade_one", str(tmp_path / "a.ipynb")]
    done = subprocess.run([*command, "euler_step"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1])["euler_step"][0] == "solved"
