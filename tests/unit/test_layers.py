"""Imports in the package run one way: a room uses only the rooms below it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ["disk", "matter", "noise", "sample", "learn", "models", "evaluate", "show", "course"]
# The two top rooms see less than everything below: pictures and exercises do not compute.
NARROW = {"show": {"evaluate"}, "course": {"show", "disk"}}
# A library stands on its own feet: nothing outside the package that is part of this project.
OUTSIDE = {"solutions", "tests", "benchmarks", "book"}


def allowed(room: str) -> set[str]:
    return {room} | NARROW.get(room, set(ROOMS[: ROOMS.index(room)]))


def imported(source: str, package: str) -> set[str]:
    """All modules a source text imports, also inside functions, with relative names resolved."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            up = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join(([*up] if node.level else []) + ([node.module] if node.module else []))
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def forbidden(source: str, room: str) -> set[str]:
    """What a module of `room` imports and must not."""
    wrong = set()
    for name in imported(source, f"helpers.{room}"):
        parts = name.split(".")
        if parts[0] == "helpers" and parts[1] not in allowed(room):
            wrong.add(name)
        # Only `course` may reach the answers, which live beside the package.
        if parts[0] in OUTSIDE and room != "course":
            wrong.add(name)
    return wrong


def modules() -> list[Path]:
    return sorted((ROOT / "helpers").glob("*/**/*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT / "helpers")))
def test_a_room_imports_only_rooms_below_it(path):
    room = path.relative_to(ROOT / "helpers").parts[0]
    assert room in ROOMS, f"{room} is no room of the plan: add it to ROOMS at its height"
    assert forbidden(path.read_text(encoding="utf-8"), room) == set()


def test_the_rule_is_looking_at_something():
    rooms = {path.relative_to(ROOT / "helpers").parts[0] for path in modules()}
    assert {"noise", "sample", "evaluate"} <= rooms


@pytest.mark.parametrize(
    "source, room",
    [
        ("import helpers.sample", "noise"),
        ("from helpers import show", "evaluate"),
        ("from helpers.evaluate.estimates import mean_of", "sample"),
        ("def f():\n    from helpers.course import check", "show"),
        ("from ..sample import simulate", "noise"),
        ("from helpers.noise import SDE", "show"),
        ("from helpers.evaluate import mean_of", "course"),
        ("from solutions import integrators", "sample"),
    ],
)
def test_planted_imports_are_seen(source, room):
    assert forbidden(source, room)


@pytest.mark.parametrize(
    "source, room",
    [
        ("from helpers.noise import SDE", "sample"),
        ("from . import sde\nfrom .sde import SDE", "noise"),
        ("import torch, math\nfrom helpers.sample.sde import heun", "evaluate"),
        ("from helpers.show import figure", "course"),
    ],
)
def test_imports_that_are_fine_pass(source, room):
    assert not forbidden(source, room)
