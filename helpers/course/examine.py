"""Let a judge examine a reader's function and put whatever happens into words."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from typing import Any

from helpers.course import guard
from helpers.course.exercise import Exercise, Slip

MEMORY = 2**30  # bytes a reader's function may take while it is checked


@dataclass(frozen=True)
class Verdict:
    """The outcome of an examination: state "solved", "wrong" or "open", and words for it."""

    state: str
    words: str = ""
    verified: tuple[str, ...] = ()
    code: str = ""  # the reader's line and the error in it
    printed: str = ""


def examine(
    exercise: Exercise, function: Any, *, time_limit: float = 10.0, seed: int = 0
) -> Verdict:
    """The verdict on a function, with time, memory, output and random numbers under guard."""
    if function is exercise.reference:
        return Verdict(
            "open",
            "this is the course's own version, from an earlier check. Run the cell with your "
            "function again, then this one",
        )
    if not callable(function):
        return Verdict("wrong", f"this is of type {type(function).__name__}, not a function")
    arguments = _argument_trouble(exercise, function)
    if arguments:
        return Verdict("wrong", arguments)
    verified: list[str] = []

    def work() -> None:
        for fact in exercise.judge(function):
            verified.append(fact)

    printed = guard.Printed()
    try:
        with guard.same_state(seed), redirect_stdout(printed), redirect_stderr(printed):
            with guard.memory_limit(MEMORY):
                guard.within(time_limit, work)
    except BaseException as error:  # also an interrupt and exit(): the notebook must go on
        verdict = _verdict(error, function, time_limit)
    else:
        verdict = Verdict("solved")
    return replace(verdict, verified=tuple(verified), printed=printed.getvalue().strip())


def _argument_trouble(exercise: Exercise, function: Callable[..., Any]) -> str:
    """Words where the function cannot be called with the exercise's arguments, else ""."""
    needed = list(inspect.signature(exercise.reference).parameters)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some compiled functions tell nothing
        return ""
    try:
        signature.bind(*needed)
    except TypeError:
        return (
            f"it takes the arguments ({', '.join(signature.parameters)}), "
            f"needed are {len(needed)}: ({', '.join(needed)})"
        )
    return ""


def _verdict(error: BaseException, function: Any, time_limit: float) -> Verdict:
    """What an exception out of the judge means, in words."""
    if isinstance(error, Slip):
        return Verdict("wrong", str(error))
    line = guard.own_line(error, function)
    place = f" in line {line[0]} of your cell" if line else ""
    code = line[1] if line else ""
    text = _tidy(error)
    size = re.search(r"tried to allocate (\d+) bytes", str(error))
    if isinstance(error, guard.TimeLimit):
        words = f"still running after {time_limit:g} s, stopped{place}: "
        words += "a loop without an end, or one over all particles?"
    elif isinstance(error, KeyboardInterrupt):
        words = f"you stopped the check{place}"
    elif isinstance(error, SystemExit):
        words = f"it wants to leave Python{place}: a function gives back a value with `return`"
    elif isinstance(error, RecursionError):
        words = f"it calls itself without an end{place}"
    elif size:
        words = f"it asks for {int(size[1]) / 1e9:.3g} GB of memory{place}; do the shapes multiply?"
    elif "out of memory" in text:  # a graphics card's own refusal
        words = f"the graphics card has no memory left{place}; do the shapes multiply?"
    elif isinstance(error, MemoryError) or "bad_alloc" in text:
        words = f"it asks for more than {MEMORY / 2**30:g} GB of memory{place}; is a list growing?"
    elif isinstance(error, NotImplementedError) and (
        not error.args or code.startswith("raise NotImplementedError")
    ):
        return Verdict("open", "not written yet: the TODO above is yours")
    elif line or guard.code_of(function) is None:
        words = f"your function stops with an error{place}"
        code = f"{code}\n{type(error).__name__}: {text}".strip()
        if "must be Tensor, not" in text:
            words += "; t, h and parameters are plain numbers: math.sqrt(h) or h**0.5 takes them"
    else:
        words = "the check itself stumbled, which is not your mistake; please report it"
        code = f"{type(error).__name__}: {text}"
    return Verdict("wrong", words, code=code)


def _tidy(error: BaseException) -> str:
    """The error's first line without addresses, paths of inner functions and excess length."""
    text = (str(error).strip() or "no further words").splitlines()[0]
    text = re.sub(r"\w+\.<locals>\.", "", text)
    text = re.sub(r"0x[0-9a-fA-F]+", "0x…", text)
    return text if len(text) <= 300 else text[:299] + "…"
