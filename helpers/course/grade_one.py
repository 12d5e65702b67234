"""Examine the exercises of one notebook in this process; `helpers.course.grade` starts it.

    python -m helpers.course.grade_one NOTEBOOK NAME …     prints {"NAME": [state, words], …}

Taken from the notebook, cell by cell: imports, definitions, and constants written as literals.
Everything else – trainings, figures – is left out, so that a chapter takes seconds. Where the
reader checks a function, it is examined; as in the notebook, a function that is not right is
then replaced by the course's own, so that one slip costs one exercise.
"""

import ast
import json
import linecache
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from helpers.course.examine import examine
from helpers.course.exercise import find

Namespace = dict[str, Any]


def examined(cells: Iterable[str], names: list[str]) -> dict[str, tuple[str, str]]:
    """State and words of each exercise, for the sources of the code cells in their order."""
    space: Namespace = {"__name__": "__main__"}
    trouble: dict[str, str] = {}  # why a name is not defined, although a cell writes it
    states: dict[str, tuple[str, str]] = {}
    for number, source in enumerate(cells, start=1):
        for name in take(source, f"<code cell {number}>", space, trouble):
            # A second check of what the first has replaced says nothing new.
            if name in names and space.get(name) is not find(name).reference:
                states[name] = verdict(name, space, trouble)
    for name in names:
        if name not in states:  # the cell with its check is gone
            states[name] = verdict(name, space, trouble)
    return states


def take(source: str, title: str, space: Namespace, trouble: dict[str, str]) -> list[str]:
    """Runs what the cell defines; the names that it checks, as in `f = check(f)`."""
    source = TransformerManager().transform_cell(source)
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        for name in re.findall(r"^\s*def (\w+)", source, flags=re.MULTILINE):
            space.pop(name, None)
            trouble[name] = f"line {error.lineno} of its cell is not Python: {error.msg}"
        return []
    linecache.cache[title] = (len(source), None, source.splitlines(keepends=True), title)
    for node in tree.body:
        if not _defines(node):
            continue
        try:
            exec(compile(ast.Module([node], []), title, "exec"), space)
        except Exception as error:
            # Often a function beside the exercises that needs a trained network. Where it is
            # an exercise, its verdict tells.
            if isinstance(node, ast.FunctionDef):
                space.pop(node.name, None)
                trouble[node.name] = f"its cell stops: {type(error).__name__}: {error}"
    return [
        node.args[0].id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "check"
        and node.args
        and isinstance(node.args[0], ast.Name)
    ]


def _defines(node: ast.stmt) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)):
        return True
    if not isinstance(node, ast.Assign):
        return False
    try:
        ast.literal_eval(node.value)
    except (ValueError, TypeError):
        return False
    return True


def verdict(name: str, space: Namespace, trouble: dict[str, str]) -> tuple[str, str]:
    """State and words for the function of this name, which gives way to the course's if wrong."""
    exercise = find(name)
    if name in space:
        found = examine(exercise, space[name])
        state, words = found.state, "; ".join(found.verified) or found.words
        if state != "solved":
            words = found.words + (f" ({found.code})" if found.code else "")
    elif name in trouble:
        state, words = "wrong", trouble[name]
    else:
        state, words = "open", "no function of this name"
    if state != "solved":
        space[name] = exercise.reference
    return state, words


def main(arguments: list[str]) -> None:
    path, *names = arguments
    cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    states = examined(sources, names)
    print("\n" + json.dumps(states))


if __name__ == "__main__":
    main(sys.argv[1:])
