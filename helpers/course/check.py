"""`check` judges a reader's function and never stops the notebook; `hint` helps one step on."""

from __future__ import annotations

import os
from typing import Any

from IPython.display import display

from helpers.course import report
from helpers.course.examine import Verdict, examine
from helpers.course.exercise import Exercise, find
from helpers.course.progress import record


class CheckFailed(AssertionError):
    """Raised instead of a friendly report in strict mode (COURSE_STRICT=1), with its words."""


def check(function: Any, name: str | None = None, *, time_limit: float = 10.0) -> Any:
    """Your function if it is right, else the course's version; shows which, and why.

    `name` says which exercise it is where the function has another name. Nothing that the
    function does raises an exception here, except in strict mode (COURSE_STRICT=1), where
    CheckFailed carries the report's words.
    """
    name = name or str(getattr(function, "__name__", type(function).__name__))
    try:
        exercise = find(name)
    except ValueError as error:
        words = f'{error}. A function of another name: check(f, "name").'
        body = report.heading("wrong", "check: which exercise?") + report.paragraph(words)
        _show(report.Report("wrong", f"✗ check: {words}", body), strict=True)
        return function
    verdict = examine(exercise, function, time_limit=time_limit)
    trouble = "" if verdict.state == "open" else record(name, verdict.state)
    _show(_report(exercise, verdict, trouble), strict=verdict.state != "solved")
    return function if verdict.state == "solved" else exercise.reference


def hint(exercise: Any) -> report.Report:
    """The next hint for an exercise, given by its name or its function; one more at each call."""
    name = exercise if isinstance(exercise, str) else getattr(exercise, "__name__", str(exercise))
    try:
        hints = find(name).hints
    except ValueError as error:
        return report.Report("note", f"hint: {error}", report.heading("note", f"hint: {error}"))
    number = _hints_given.get(name, 0)
    if number == len(hints):
        title = f"{name}: that was the last hint; the solution is folded below the exercise."
        _hints_given[name] = 0
        return report.Report("note", title, report.heading("note", title))
    _hints_given[name] = number + 1
    title = f"{name}, hint {number + 1} of {len(hints)}"
    body = report.heading("note", title) + report.paragraph(hints[number])
    return report.Report("note", f"{title}: {hints[number]}", body)


_hints_given: dict[str, int] = {}


_TITLES = {"solved": "right. Verified:", "wrong": "not right yet", "open": "open"}


def _report(exercise: Exercise, verdict: Verdict, trouble: str) -> report.Report:
    """The verdict as a card: what was found, what is used from here on, hints."""
    name, state, facts = exercise.name, verdict.state, verdict.verified
    body = report.heading(state, f"{name}: {_TITLES[state]}")
    if state == "solved":
        own = "from here on your own function is used"
        text = f"✓ {name} – verified: {'; '.join([*facts, own])}."
        body += report.bullets(facts) + report.paragraph(own.capitalize() + ".")
    else:
        words = verdict.words if verdict.words.endswith("?") else verdict.words + "."
        code = [f"    {part}" for part in verdict.code.splitlines()]
        right = f"Right so far: {'; '.join(facts)}." if facts else ""
        fallback = "Until then the course's version is used, so that the notebook runs on."
        ask = f'Hint: run hint("{name}")'
        lines = [f"{report.SIGNS[state]} {name}: {words}", *code, right, fallback, ask]
        text = "\n".join(line for line in lines if line)
        body += report.paragraph(words) + (report.block(verdict.code) if verdict.code else "")
        body += report.paragraph(right) if right else ""
        body += report.paragraph(fallback) + report.nested_hints(exercise.hints)
    if verdict.printed:
        title = "Your function printed, first lines:"
        shown = "\n".join(verdict.printed.splitlines()[:5])
        text += f"\n{title}\n{shown}"
        body += report.paragraph(title) + report.block(shown)
    if trouble:
        text += f"\n{trouble}"
        body += report.paragraph(trouble)
    return report.Report(state, text, body)


def _show(shown: report.Report, *, strict: bool) -> None:
    """Display a report; in strict mode raise CheckFailed with its words where `strict`."""
    if strict and os.environ.get("COURSE_STRICT", "") not in ("", "0"):
        raise CheckFailed(shown.text)
    display(shown)
