"""What needs a network, without one; run by `harm.without_network`."""

import ast
import io
import json
import os
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout

import torch
from chapter import chapters, repository
from sync import bootstrap

from helpers.course import budget, setup
from helpers.course.setup import install
from helpers.matter import load_perov5, stand_in
from helpers.matter.entries import fetch_entry
from helpers.matter.pdb import read_structure

#: What the cells use that stands further up in their chapters.
KNOWN = {
    "FULL": False,
    "budget": budget,
    "fetch_entry": fetch_entry,
    "load_perov5": load_perov5,
    "read_structure": read_structure,
    "stand_in": stand_in,
    "torch": torch,
}


class Unknown:
    """Has Python find no course, as in Colab before the first cell."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "helpers":
            raise ModuleNotFoundError(name)


def words(action) -> str:
    try:
        action()
    except RuntimeError as error:
        return str(error)
    return ""


def first_cell() -> str:
    """The first cell of a chapter where the course is not installed."""
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if "helpers" in name}
    sys.meta_path.insert(0, Unknown())
    try:
        return words(lambda: exec(bootstrap("01", repository()), {}))
    finally:
        del sys.meta_path[0]
        sys.modules.update(hidden)


def fetching(code: str) -> list[ast.stmt]:
    """The statements of a cell that fetch data; a function that does is called."""
    found: list[ast.stmt] = []
    for node in ast.parse(code).body:
        text = ast.unparse(node)
        if not isinstance(node, (ast.Try, ast.FunctionDef)):
            continue
        if "load_perov5(" in text or "fetch_entry(" in text:
            found.append(node)
            if isinstance(node, ast.FunctionDef):
                found += ast.parse(f"{node.name}()").body
    return found


def data() -> dict[str, dict[str, str]]:
    """What each chapter with data prints, and what it calls the data that it goes on with."""
    said = {}
    for chapter in chapters():
        for cell in chapter.cells:
            nodes = fetching(cell.code)
            if not nodes:
                continue
            names, out = dict(KNOWN), io.StringIO()
            with redirect_stdout(out), redirect_stderr(io.StringIO()):
                exec(compile(ast.Module(nodes, []), chapter.slug, "exec"), names)
            said[chapter.number] = {"printed": out.getvalue(), "where": names.get("WHERE", "")}
    return said


with tempfile.TemporaryDirectory() as empty:
    os.environ["COURSE_CACHE"] = empty
    report = {
        "first cell": first_cell(),
        "package": words(lambda: install(["celluloid-of-nobody>=0.2"])),
        "data": data(),
        "kept": os.listdir(empty),
    }
setup("01")  # what is installed needs no network
print(json.dumps(report))
