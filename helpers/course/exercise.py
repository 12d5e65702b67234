"""What an exercise is: the course's own version, a judge and hints, kept in one registry.

A module of `solutions` holds, for every exercise, the reference function and above its judge
`@exercise(reference, todo=..., hints=(...))`. The judge is a generator function: it is handed
the reader's version, yields in words what it has verified, and raises `Slip` at what is wrong.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Judge = Callable[[Any], Iterator[str]]


class Slip(Exception):
    """Says which slip it looks like; `{measured}` and `{expected}` in the message become numbers.

    Numbers are rounded alike, so that the two can be compared at a glance and the text is the
    same on every machine. Raises ValueError when a number is given and the message hides it.
    """

    def __init__(self, message: str, measured: object = None, expected: object = None) -> None:
        self.measured, self.expected = rounded(measured, expected)
        for mark, value in (("{measured}", self.measured), ("{expected}", self.expected)):
            if (value is None) == (mark in message):
                raise ValueError(
                    f"the slip {message!r} and its numbers do not fit: {mark} is "
                    + ("in the words without a value" if value is None else "not in the words")
                )
            message = message.replace(mark, str(value))
        super().__init__(message)


def rounded(measured: object, expected: object) -> tuple[str | None, str | None]:
    """The two values as text; two numbers get the same decimals, enough to tell them apart."""
    if not (isinstance(measured, (int, float)) and isinstance(expected, (int, float))):
        as_text = [None if v is None else str(v) for v in (measured, expected)]
        return as_text[0], as_text[1]
    size = float(f"{max(abs(measured), abs(expected)):.3g}")  # 0.99999 counts as 1
    if size >= 1e6:
        return f"{measured:.2e}", f"{expected:.2e}"
    decimals = 3 if size < 1 else max(0, 3 - len(str(int(size))))  # three digits, as a rule
    while True:
        texts = [f"{v:.{decimals}f}" for v in (measured, expected)]
        texts = [text if float(text) else text.lstrip("-") for text in texts]  # no "-0.00"
        if texts[0] != texts[1] or decimals >= 12:
            return texts[0], texts[1]
        decimals += 1


@dataclass(frozen=True)
class Exercise:
    """One exercise: its chapter, the course's version, the judge, the hints, the TODO line."""

    chapter: str
    reference: Callable[..., Any]
    judge: Judge
    hints: tuple[str, ...]
    todo: str

    @property
    def name(self) -> str:
        """The name under which the reader writes it, which is also the reference's."""
        return self.reference.__name__


_registry: dict[str, Exercise] = {}


def exercise(
    reference: Callable[..., Any], *, todo: str, hints: tuple[str, ...]
) -> Callable[[Judge], Judge]:
    """A decorator that files a judge, with its reference and hints, under the reference's name.

    The chapter is the constant CHAPTER of the reference's module, as in "01 Integrators".
    Raises ValueError when a docstring, a hint, the TODO line, the chapter or a `yield` in the
    judge is missing, and when another module already uses the name.
    """
    name = reference.__name__
    chapter = getattr(reference, "__globals__", {}).get("CHAPTER", "")
    for given, words in (
        (inspect.getdoc(reference), "a docstring with shapes and units in the reference"),
        (hints, "at least one hint"),
        (todo, "a line of words for TODO"),
        (chapter, 'CHAPTER = "NN Title" in the module of the reference'),
    ):
        if not given:
            raise ValueError(f"the exercise {name} lacks {words}")
    if isinstance(hints, str):
        raise ValueError(f"the hints of {name} must be a tuple of texts, got one text")

    def register(judge: Judge) -> Judge:
        if not inspect.isgeneratorfunction(judge):
            raise ValueError(f"the judge of {name} yields nothing: say in words what it verifies")
        known = _registry.get(name)
        if known is not None and known.reference.__module__ != reference.__module__:
            raise ValueError(
                f"two exercises are called {name}: one in {known.reference.__module__}, "
                f"one in {reference.__module__}"
            )
        _registry[name] = Exercise(chapter, reference, judge, hints, todo)
        return judge

    return register


def exercises() -> dict[str, Exercise]:
    """All exercises of the course by name, in the order of the chapters.

    A chapter whose solutions need a package that is not installed is left out; `left_out` tells.
    """
    import solutions

    left_out.clear()
    for module in pkgutil.iter_modules(solutions.__path__):
        try:
            importlib.import_module(f"solutions.{module.name}")
        except ModuleNotFoundError as error:
            left_out.append(f"solutions.{module.name} needs {error.name}")
    # sorted() keeps the order of the module inside a chapter.
    return dict(sorted(_registry.items(), key=lambda item: item[1].chapter))


left_out: list[str] = []


def find(name: str) -> Exercise:
    """The exercise of this name; raises ValueError that lists the names where there is none."""
    known = exercises()
    if name not in known:
        missing = "".join(f"; {words}, which is not installed" for words in left_out)
        raise ValueError(f'no exercise is called "{name}"; there are: {", ".join(known)}{missing}')
    return known[name]


def solution_source(name: str) -> str:
    """The source text of the course's version, without decorators and final newline."""
    source = textwrap.dedent(inspect.getsource(find(name).reference))
    function = _parsed(source)
    return "\n".join(source.splitlines()[function.lineno - 1 : function.end_lineno])


def stub_source(name: str) -> str:
    """The text of the reader's cell: signature, docstring, a TODO line, raise NotImplementedError.

    Without a final newline; the same text every time, so that the notebooks can be compared.
    """
    source = solution_source(name)
    head = source.splitlines()[: _parsed(source).body[0].end_lineno]
    todo = [f"    # TODO: {find(name).todo}", "    raise NotImplementedError"]
    return "\n".join(head + todo)


def _parsed(source: str) -> ast.FunctionDef:
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    return function
