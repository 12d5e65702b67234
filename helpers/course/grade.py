"""Grade a folder of notebooks: one row of a CSV table for each exercise, nothing trained.

    python -m helpers.course.grade FOLDER                     prints a summary
    python -m helpers.course.grade FOLDER --csv grades.csv    learner, chapter, exercise, state, …
    python -m helpers.course.grade FOLDER --nbgrader all.csv  a row per notebook, nbgrader's columns

A notebook directly in FOLDER belongs to the learner of its file name; one deeper belongs to the
folder just below FOLDER, as in nbgrader's submitted/<learner>/<assignment>/. Stored outputs are
not believed: each function is taken out of the notebook and examined anew, in a process of its
own. The code is the learners'; grade it where you would also run it.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from helpers.course.exercise import exercises
from helpers.disk import whole_file

SECONDS = 300  # for all exercises of one notebook
POINTS = {"solved": 1, "wrong": 0, "open": 0}
NBGRADER = (
    "assignment duedate timestamp student_id last_name first_name email raw_score "
    "late_submission_penalty score max_score"
).split()


@dataclass(frozen=True)
class Grade:
    """One exercise of one learner: state is "solved", "wrong" or "open"; words say why."""

    learner: str
    notebook: str
    chapter: str
    exercise: str
    state: str
    words: str = ""

    @property
    def points(self) -> int:
        return POINTS[self.state]


def notebooks(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every notebook below the folder with its learner, in the order of the names.

    Raises ValueError when the folder is missing or holds no notebook.
    """
    found = [
        path
        for path in sorted(folder.rglob("*.ipynb"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not found:
        raise ValueError(f"no notebook in {folder}: give the folder that holds your learners' work")
    for path in found:
        inside = path.relative_to(folder).parts
        yield (inside[0] if len(inside) > 1 else path.stem), path


def grade(learner: str, path: Path, seconds: float = SECONDS) -> list[Grade]:
    """The grades of one notebook, all exercises of its chapter.

    A notebook that cannot be read, or is of no chapter, gives one row that says so. One whose
    code ends or outlasts its process gives a row for each exercise, wrong, with the reason.
    """
    try:
        number = json.loads(path.read_text(encoding="utf-8"))["metadata"]["course"]["chapter"]
    except (ValueError, KeyError, TypeError) as error:
        words = f"not a notebook of this course ({type(error).__name__}: {error})"
        return [Grade(learner, path.name, "?", "?", "wrong", words)]
    mine = {n: e for n, e in exercises().items() if e.chapter.startswith(number)}
    states: dict[str, tuple[str, str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "helpers.course.grade_one", str(path.resolve()), *mine]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=seconds
            )
            words = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            words = "" if done.returncode == 0 else f"its code ended Python: {words}"
        except subprocess.TimeoutExpired:
            words = f"its code ran longer than {seconds:g} s"
        if not words:
            states = json.loads(done.stdout.splitlines()[-1])
    return [
        Grade(learner, path.name, e.chapter, name, *(states.get(name) or ("wrong", words)))
        for name, e in mine.items()
    ]


def write_csv(grades: list[Grade], file: TextIO) -> None:
    """A row for each exercise: learner, notebook, chapter, exercise, state, points, words."""
    table = csv.DictWriter(file, [*Grade.__dataclass_fields__, "points"])
    table.writeheader()
    table.writerows({**asdict(grade), "points": grade.points} for grade in grades)


def write_nbgrader(grades: list[Grade], file: TextIO) -> None:
    """A row for each learner and notebook with the columns of `nbgrader export`, points summed."""
    together: dict[tuple[str, str], list[Grade]] = {}
    for one in grades:
        together.setdefault((one.learner, Path(one.notebook).stem), []).append(one)
    table = csv.DictWriter(file, NBGRADER, restval="")
    table.writeheader()
    for (learner, notebook), rows in together.items():
        got = sum(row.points for row in rows)
        table.writerow(
            {
                "assignment": notebook,
                "student_id": learner,
                "raw_score": got,
                "late_submission_penalty": 0,
                "score": got,
                "max_score": len(rows),
            }
        )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m helpers.course.grade", description=__doc__.splitlines()[0]
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--csv", type=Path, help="write a row for each exercise")
    parser.add_argument("--nbgrader", type=Path, help="write a row for each notebook")
    parser.add_argument("--jobs", type=int, default=1, help="notebooks at a time")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for one notebook")
    asked = parser.parse_args(arguments)
    tables = [(write_csv, asked.csv), (write_nbgrader, asked.nbgrader)]
    try:
        todo = list(notebooks(asked.folder))
        for _, path in tables:  # before the work, not after an hour of it
            if path and not os.access(path.absolute().parent, os.W_OK):
                raise ValueError(f"{path} cannot be written: name a file in a folder of your own")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    grades: list[Grade] = []
    with ThreadPoolExecutor(asked.jobs) as pool:  # threads that wait for processes
        graded = pool.map(lambda one: grade(one[0], one[1], asked.seconds), todo)
        for (learner, path), rows in zip(todo, graded, strict=True):
            grades += rows
            show_row(learner, path, rows)
    status = 0
    for write, path in tables:
        if not path:
            continue
        try:
            with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
                write(grades, file)
        except OSError as error:
            # An hour of grading is not thrown away: a person can copy the rows from here.
            print(f"{error}. These would have been its rows:", file=sys.stderr)
            write(grades, sys.stdout)
            status = 3
    return status


def show_row(learner: str, path: Path, rows: list[Grade]) -> None:
    signs = "".join({"solved": "✓", "wrong": "✗", "open": "○"}[row.state] for row in rows)
    got = sum(row.points for row in rows)
    print(f"{learner:24s} {path.stem:24s} {signs}  {got}/{len(rows)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
