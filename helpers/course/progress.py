"""What a reader has solved, kept in a small file beside the notebook."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path

from helpers.course import exercise
from helpers.course.report import SIGNS, Report, heading, paragraph, table

FILE = ".course-progress.json"
_WORDS = {"solved": "solved", "wrong": "tried, not right yet", "open": "open"}
# What this session has seen. It is written again each time, so that two notebooks that save in
# the same moment lose nothing for longer than one check.
_session: dict[str, str] = {}
_told: set[str] = set()


def record(name: str, state: str) -> str:
    """Note the state of an exercise; returns words of trouble with the file, each once, else "".

    Solved stays solved. The pipeline (COURSE_STATIC) writes no file.
    """
    words = _record(name, state)
    if words in _told:
        return ""
    _told.add(words)
    return words


def _record(name: str, state: str) -> str:
    known, trouble = _load()
    _session[name] = _better(_session.get(name), state)
    if os.environ.get("COURSE_STATIC"):
        return ""
    together = known | {n: _better(known.get(n), s) for n, s in _session.items()}
    text = json.dumps({"version": 1, "exercises": together}, indent=1, sort_keys=True) + "\n"
    scratch = None
    try:
        # A whole new file takes the old one's place in one go: nobody reads half of it.
        handle, scratch = tempfile.mkstemp(prefix=FILE, dir=Path.cwd())
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(scratch, FILE)
    except OSError:
        if scratch:
            with contextlib.suppress(OSError):
                os.unlink(scratch)
        return "This folder cannot be written: progress is kept until the notebook is closed."
    return trouble


def states() -> tuple[dict[str, str], str]:
    """State of every exercise ever checked here, "solved" or "wrong", and words of trouble."""
    known, trouble = _load()
    return known | {n: _better(known.get(n), s) for n, s in _session.items()}, trouble


def _better(old: str | None, new: str) -> str:
    order = ("open", "wrong", "solved")
    return max(old or "open", new, key=order.index)


def _load() -> tuple[dict[str, str], str]:
    """What the file says; a damaged file is put aside, named in words, and started anew."""
    if os.environ.get("COURSE_STATIC"):
        return {}, ""
    try:
        text = Path(FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}, ""
    except (OSError, UnicodeDecodeError) as error:
        return _aside(type(error).__name__)
    try:
        known = json.loads(text)["exercises"]
        if any(state not in _WORDS for state in known.values()):
            raise ValueError("a state without a name")
    except (ValueError, KeyError, TypeError, AttributeError):
        return _aside("it is no progress file")
    return dict(known), ""


def _aside(reason: str) -> tuple[dict[str, str], str]:
    kept = FILE + ".damaged"
    try:
        os.replace(FILE, kept)
    except OSError:
        return {}, f"The progress file cannot be read ({reason}) and is left alone."
    return (
        {},
        f"The progress file could not be read ({reason}). It is kept as {kept}; a new one begins.",
    )


def progress() -> Report:
    """A table of the exercises by chapter: solved, tried or open."""
    known, trouble = states()
    chapters: dict[str, list[tuple[str, str]]] = {}
    for name, entry in exercise.exercises().items():
        chapters.setdefault(entry.chapter, []).append((name, known.get(name, "open")))
    every = [state for rows in chapters.values() for _, state in rows]
    title = f"Progress: {every.count('solved')} of {len(every)} exercises solved"
    lines, groups = [title], {}
    for chapter, entries in chapters.items():
        done = sum(state == "solved" for _, state in entries)
        words = [(name, f"{SIGNS[state]} {_WORDS[state]}") for name, state in entries]
        heads = f"{chapter} ({done} of {len(entries)})"
        lines += [heads, *(f"  {name:<24} {text}" for name, text in words)]
        groups[heads] = [(f"`{name}`", text) for name, text in words]
    body = heading("note", title) + table(groups)
    if trouble:
        lines.append(trouble)
        body += paragraph(trouble)
    return Report("note", "\n".join(lines), body)
