"""Keeps the generated parts of the texts equal to their sources.

Generated are: the first cell of every chapter, the stubs and the solutions of its exercises
(from `solutions/`), and the address of the repository wherever it is written out.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from chapter import Chapter, PipelineError

BOOTSTRAP = """\
# Makes the course ready: it is fetched where it is missing, as in Colab, and then set up.
# A restarted kernel knows nothing: run this cell and all that stand above the one you want.
try:
    from helpers.course import setup
except ModuleNotFoundError:
    import importlib, os, subprocess, sys

    source = os.environ.get("COURSE_SOURCE", "git+REPOSITORY")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", source]
    if (run := subprocess.run(pip, capture_output=True, text=True)).returncode:
        words = f"The course could not be fetched from {source}. Is there a network? Connect"
        raise RuntimeError(f"{words} and run this cell again. pip said: {run.stderr}") from None
    importlib.invalidate_caches()
    from helpers.course import setup
setup("NUMBER")"""

SOLUTION = re.compile(r"^<!-- solution: (\w+) -->$")
MARKED = re.compile(r"<!-- (repository|colab) -->.*?<!-- /\1 -->", re.DOTALL)
ADDRESS = re.compile(r"((?:github\.com|/github|/gh)/)[\w.-]+/[\w-]+")


@dataclass(frozen=True)
class Sources:
    """Where the generated parts come from: two functions of a name, and the address."""

    stub: Callable[[str], str]
    solution: Callable[[str], str]
    repository: str


def course_sources(repository: str) -> Sources:
    """The sources of this course: its exercises."""
    from helpers.course.exercise import solution_source, stub_source

    return Sources(stub_source, solution_source, repository)


def bootstrap(number: str, repository: str) -> str:
    """The code of a chapter's first cell."""
    return BOOTSTRAP.replace("REPOSITORY", repository).replace("NUMBER", number)


def synced(chapter: Chapter, sources: Sources) -> str:
    """The chapter's text with its generated parts as they should be; same again when repeated.

    Raises PipelineError when the first cell is not tagged bootstrap, when a stub, its check or
    its solution is missing, or when a name is no exercise.
    """
    check_exercises(chapter)
    cells, lines = chapter.cells, chapter.text.splitlines()
    for cell in reversed(cells):  # from the end, so that the places before stay right
        if "bootstrap" in cell.tags:
            code = bootstrap(chapter.number, sources.repository)
        elif "stub" in cell.tags:
            code = sources.stub(cell.defines)
        else:
            continue
        blank = [] if not lines[cell.start - 1].strip() else [""]
        lines[cell.start : cell.end] = blank + code.splitlines()
    return with_address(with_solutions(lines, chapter, sources), sources.repository)


def check_exercises(chapter: Chapter) -> None:
    """Raises PipelineError unless every exercise has its stub, its check and its solution."""
    name, cells = chapter.path.name, chapter.cells
    if [("bootstrap" in cell.tags) for cell in cells] != [True] + [False] * (len(cells) - 1):
        raise PipelineError(f"{name}: the first code cell, and no other, has the tag bootstrap")
    for cell, following in zip(cells, [*cells[1:], None], strict=True):
        if "stub" not in cell.tags:
            continue
        if not cell.defines:
            raise PipelineError(f"{name}, line {cell.start + 1}: a stub needs a line 'def NAME('")
        call = f"{cell.defines} = check({cell.defines})"
        if following is None or call not in following.code:
            raise PipelineError(f"{name}: after the stub of {cell.defines} comes a cell `{call}`")
    stubs = chapter.stubs()
    found = [m.group(1) for line in chapter.text.splitlines() if (m := SOLUTION.match(line))]
    for stub in stubs:
        if found.count(stub) != 1:
            raise PipelineError(
                f"{name}: one line '<!-- solution: {stub} -->' is needed, "
                f"there are {found.count(stub)}"
            )
    if extra := sorted(set(found) - set(stubs)):
        raise PipelineError(f"{name}: a solution of {extra[0]}, which is no exercise here")


def with_solutions(lines: list[str], chapter: Chapter, sources: Sources) -> str:
    """The lines, each solution's block filled or, where there is none, put in."""
    out: list[str] = []
    at = 0
    while at < len(lines):
        out.append(lines[at])
        match = SOLUTION.match(lines[at])
        at += 1
        if not match:
            continue
        following = at
        while following < len(lines) and not lines[following].strip():
            following += 1
        if following < len(lines) and lines[following] == "```python":
            try:
                at = lines.index("```", following) + 1
            except ValueError:
                raise PipelineError(
                    f"{chapter.path.name}: the solution of {match.group(1)} is never closed"
                ) from None
        out += ["```python", *sources.solution(match.group(1)).splitlines(), "```"]
    return "\n".join(out) + "\n"


def with_address(text: str, repository: str) -> str:
    """The text with the repository's address written anew, where marks allow it to stand.

    Marked is what stands between the comments `repository` and `/repository` (or `colab`).
    """
    owner_and_name = repository.split("github.com/")[-1]
    return MARKED.sub(lambda marked: ADDRESS.sub(rf"\1{owner_and_name}", marked.group()), text)
