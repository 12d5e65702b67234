"""Where wrong and different-but-right versions of the exercises are collected.

A chapter's file in this folder, `variants_<chapter>.py`, defines functions under the exercise's
own name and files each with one of the two decorators.
"""

import importlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Variant:
    """A version of an exercise, what is special about it, and what the check must say."""

    label: str
    function: Callable
    says: str = ""

    @property
    def name(self) -> str:
        return self.function.__name__


WRONG: dict[str, list[Variant]] = defaultdict(list)
RIGHT: dict[str, list[Variant]] = defaultdict(list)


def wrong(label, *, says):
    """File a wrong version; `says` is a piece of the message that must catch it."""

    def file(function):
        WRONG[function.__name__].append(Variant(label, function, says))
        return function

    return file


def right(label):
    """File a version that is right and written differently from the course's own."""

    def file(function):
        RIGHT[function.__name__].append(Variant(label, function))
        return function

    return file


def collect():
    """Import every chapter's file, once."""
    for path in sorted(Path(__file__).parent.glob("variants_*.py")):
        importlib.import_module(path.stem)
    return WRONG, RIGHT
