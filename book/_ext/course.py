"""What the pages know about the course: its repository, and the cost of running a chapter."""

import json
import re
import sys
from html import escape
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]


def repository(pyproject: Path = ROOT / "pyproject.toml") -> str:
    """The repository's address, from [project.urls] in `pyproject`; KeyError when it is missing."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    return str(project["urls"]["Repository"]).removesuffix("/").removesuffix(".git")


def set_repository(app: Sphinx, config: Config) -> None:
    """Point the launch, repository and issue buttons to the one address."""
    config.html_theme_options.update(
        repository_url=repository(),
        repository_branch="main",
        path_to_docs="",
        use_repository_button=True,
        use_issues_button=True,
        use_fullscreen_button=False,
    )


def cost(course: dict[str, Any]) -> str:
    """One line on what running a chapter costs, from the `course` metadata of its notebook."""
    seconds, memory = float(course["cpu_seconds"]), float(course["peak_memory_mb"])
    return f"Runs in {seconds:.0f} s of CPU time with {memory / 1000:.1f} GB of memory."


#: Prompts of a chapter, told apart by how their paragraph opens, for the style sheet.
KINDS = (
    (re.compile(r"<p>(?=<strong>Exercise \d)"), '<p class="course-exercise">'),
    (
        re.compile(r"<blockquote>(?=\s*(?:<div>\s*)?<p><strong>Question)"),
        '<blockquote class="course-question">',
    ),
)

#: Mark-up of the tools that tells screen readers something else than what is there.
MISNAMED = {
    '<summary aria-label="Toggle hidden content">': "<summary>",
    '<div role="list" class="citation-list">': '<div class="citation-list">',
}

#: A formula with the letters that touch it: a comma or a unit must not start the next line.
TOUCHING = re.compile(
    r"""([(\u201c\u2013-]*)(<span[ ]class="math[^"]*">\\\([^<]*\\\)</span>)([^\s<]{1,6}(?=[\s<]))"""
)


def polish(body: str) -> str:
    """`body` with the course's prompts marked by classes and formulas tied to what touches them."""
    for opening, marked in KINDS:
        body = opening.sub(marked, body)
    for said, better in MISNAMED.items():
        body = body.replace(said, better)
    return TOUCHING.sub(r'<span class="course-tied">\1\2\3</span>', body)


def finish_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Polish a page, and put the cost under the title of a chapter that does not say it."""
    body = polish(context.get("body") or "")
    stored = app.env.metadata.get(pagename, {}).get("course")
    if stored and "CPU" not in body.split("<h2>")[0]:
        course = json.loads(stored) if isinstance(stored, str) else stored
        line = f'<p class="course-measured">{escape(cost(course))}</p>'
        body = body.replace("</h1>", f"</h1>\n{line}", 1)
    context["body"] = body


def stamp(app: Sphinx, problem: Exception | None) -> None:
    """Leave a mark whose time says when the pages were last built (tests build stale ones)."""
    if problem is None:
        (Path(app.outdir) / ".built").touch()


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", set_repository)
    app.connect("html-page-context", finish_page, priority=800)
    app.connect("build-finished", stamp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
