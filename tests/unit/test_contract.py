"""Every public name of the numeric rooms is used by a test, and every `raise` has its own words
checked by one. A new name or a new error therefore comes with a test, or this one fails.
"""

import ast
import importlib
from difflib import SequenceMatcher
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ["matter", "noise", "sample", "evaluate"]
# A match= pattern belongs to a message when it stands in it, or when they share this many
# characters in a row: enough not to confuse two messages, few enough for a number in between.
SHARED = 15


def trees(folder: Path) -> list[ast.Module]:
    return [ast.parse(p.read_text(encoding="utf-8")) for p in sorted(folder.rglob("*.py"))]


def words(node: ast.AST) -> str:
    """The literal text of a string or f-string, with … for each part that is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(words(part) for part in node.values)
    return "…"


def messages(tree: ast.Module) -> list[str]:
    """The text of every exception raised; a bare re-raise carries its own."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            args = node.exc.args if isinstance(node.exc, ast.Call) else []
            found.append(words(args[0]) if args else "")
    return found


def patterns(tree: ast.Module) -> list[str]:
    """The text of every `match=`, without the backslashes of its regular expression."""
    return [
        words(node.value).replace("\\", "")
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "match"
    ]


def used(tree: ast.Module) -> set[str]:
    """Names that are read somewhere: an import alone does not count."""
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} | {
        n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)
    }


def belongs(pattern: str, message: str) -> bool:
    matcher = SequenceMatcher(None, pattern, message, autojunk=False)
    return matcher.find_longest_match().size >= (min(SHARED, len(pattern)) or SHARED)


TESTS = trees(ROOT / "tests" / "unit")


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_has_a_test(room):
    module = importlib.import_module(f"helpers.{room}")
    names = set(module.__all__)
    assert names and all(getattr(module, name).__doc__ for name in names)
    assert names - set().union(*map(used, TESTS)) == set()


@pytest.mark.parametrize("room", ROOMS)
def test_every_raise_has_its_words_tested(room):
    tested = [pattern for tree in TESTS for pattern in patterns(tree)]
    raised = [text for tree in trees(ROOT / "helpers" / room) for text in messages(tree)]
    assert [text for text in raised if not any(belongs(p, text) for p in tested)] == []


def test_the_contract_sees_what_is_missing():
    tree = ast.parse("raise ValueError(f'h = {h}: the step must be positive')\nraise KeyError")
    assert messages(tree) == ["h = …: the step must be positive", ""]
    good = patterns(ast.parse(r"pytest.raises(ValueError, match=r'h = 0\.1: the step must be')"))
    assert good == ["h = 0.1: the step must be"]
    assert belongs(good[0], messages(tree)[0])
    assert not belongs("the step is too long", messages(tree)[0])
    assert not belongs(good[0], "")
    assert used(ast.parse("from helpers.sample import heun\neuler(1)")) == {"euler"}
