"""`make notebooks`: from book/NN_slug.md to the executed notebooks/NN_slug.ipynb.

    python book/_tools/notebooks.py [--force] [--check] [01 02_langevin …]

Writes the generated parts of the texts (sync.py), executes the chapters whose text or code
changed since their notebook was made (fingerprint.py, execute.py), and writes the notebooks
(render.py). --force executes in any case; --check changes nothing and says what is out of date.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import audit
import execute
import render
from chapter import ROOT, Chapter, PipelineError, chapters, repository
from fingerprint import code_sha, text_sha
from sync import Sources, course_sources, synced, with_address

#: Texts, besides the chapters, that may carry the repository's address or the table of times.
ADDRESSED = ("*.md", "*.cff", "*.yml", "book/*.md")


def others(root: Path, address: str) -> Iterator[tuple[Path, str, str]]:
    """Each other text that may carry the address: its path, what it says, what it should say."""
    known = {chapter.path for chapter in chapters(root)}
    for pattern in ADDRESSED:
        for path in sorted(root.glob(pattern)):
            if path not in known:
                text = path.read_text("utf-8")
                yield path, text, with_times(with_address(text, address), root)


TIMES = re.compile(r"(<!-- times -->\n).*?(<!-- /times -->)", re.DOTALL)


def with_times(text: str, root: Path) -> str:
    """The text with the table of what each chapter's run took, where its marks stand."""
    return TIMES.sub(lambda marks: marks[1] + times(root) + marks[2], text)


def times(root: Path) -> str:
    """A table row for each notebook: exercises, time and memory of the run that made it."""
    rows = ["| chapter | exercises | time, one core | memory |", "|---|---|---|---|"]
    for chapter in chapters(root):
        if (notebook := render.previous(chapter)) is not None:
            time, memory = render.time_and_memory(render.measured_of(notebook))
            title = notebook.metadata["course"]["title"]
            rows.append(f"| {title} | {len(chapter.stubs())} | {time} | {memory} |")
    return "\n".join(rows) + "\n"


def shas(chapter: Chapter, root: Path) -> dict[str, str]:
    """The two fingerprints that the notebook carries."""
    return {"source_sha": text_sha(chapter, root), "code_sha": code_sha(chapter, root)}


def faults(root: Path, sources: Sources, names: list[str]) -> list[str]:
    """What is out of date, in words; an empty list when everything is as it should be."""
    found = []
    for path, text, wanted in others(root, sources.repository):
        if text != wanted:
            what = (
                "another repository's address"
                if text != with_address(text, sources.repository)
                else "another table of times"
            )
            found.append(f"{path.relative_to(root)} carries {what}")
    for chapter in selected(root, names):
        if synced(chapter, sources) != chapter.text:
            found.append(f"book/{chapter.path.name}: a stub, a solution or the first cell is old")
        old = render.previous(chapter)
        if old is None:
            found.append(f"notebooks/{chapter.notebook.name} has not been made yet")
        elif old.metadata["course"].get("source_sha") != text_sha(chapter, root):
            found.append(
                f"notebooks/{chapter.notebook.name} is older than its text or the code it uses"
            )
        elif current(chapter, old, root, sources) != chapter.notebook.read_text("utf-8"):
            found.append(f"notebooks/{chapter.notebook.name} is not what its text gives")
    slugs = {chapter.slug for chapter in chapters(root)}
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        if path.stem not in slugs:
            found.append(f"notebooks/{path.name} has no text in book/")
    return found


def current(chapter: Chapter, old: render.NotebookNode, root: Path, sources: Sources) -> str | None:
    """The notebook's file, made anew from the text and the outputs it holds already.

    None when the cells do not match any more.
    """
    outputs = render.outputs_of(old)
    if len(outputs) != len(chapter.cells):
        return None
    measured = render.measured_of(old)
    notebook = render.finished(chapter, outputs, measured, shas(chapter, root), sources.repository)
    return render.text_of(notebook)


def make(chapter: Chapter, root: Path, sources: Sources, force: bool) -> str:
    """Writes the chapter's text and notebook where they are out of date; what it did, in words."""
    text = synced(chapter, sources)
    if text != chapter.text:
        chapter.path.write_text(text, "utf-8")
        chapter = Chapter(chapter.path, text)
    wanted, old = shas(chapter, root), render.previous(chapter)
    if old is not None and not force:
        kept = current(chapter, old, root, sources)
        if kept == chapter.notebook.read_text("utf-8"):
            return "unchanged"
        if kept is not None and old.metadata["course"].get("code_sha") == wanted["code_sha"]:
            chapter.notebook.write_text(kept, "utf-8")
            return "only its words changed: not executed"
    notebook = render.plain_notebook(chapter)
    measured = execute.run(
        notebook,
        root,
        cell_seconds=chapter.limits.get("cell_seconds", execute.CELL_SECONDS),
        chapter_seconds=chapter.limits.get("chapter_seconds", execute.CHAPTER_SECONDS),
    )
    outputs = render.outputs_of(notebook)
    if old is not None:
        # The same outputs as before: then the numbers of the old run stay, and so does the file.
        before = render.measured_of(old)
        again = render.finished(chapter, outputs, before, wanted, sources.repository)
        if render.text_of(again) == chapter.notebook.read_text("utf-8"):
            return f"executed in {measured.cpu_seconds} s, the same as before"
    new = render.finished(chapter, outputs, measured, wanted, sources.repository)
    if found := audit.complaints(new):
        raise PipelineError("\n".join(found))
    chapter.notebook.parent.mkdir(exist_ok=True)
    chapter.notebook.write_text(render.text_of(new), "utf-8")
    return f"executed in {measured.cpu_seconds} s of CPU, {measured.peak_memory_mb} MB"


def selected(root: Path, names: list[str]) -> list[Chapter]:
    """The chapters of these names ("01" or "01_integrators"), or all; PipelineError for others."""
    known = chapters(root)
    for name in names:
        if not any(name in (chapter.number, chapter.slug) for chapter in known):
            raise PipelineError(
                f"there is no chapter {name!r}; there are: {', '.join(c.slug for c in known)}"
            )
    return [c for c in known if not names or c.number in names or c.slug in names]


def main(arguments: list[str], root: Path = ROOT, sources: Sources | None = None) -> int:
    """The command; 0 when all is well, 1 when something is out of date or failed."""
    parser = argparse.ArgumentParser(description="Write and execute the notebooks.")
    parser.add_argument("--force", action="store_true", help="execute unchanged chapters too")
    parser.add_argument("--check", action="store_true", help="only say what is out of date")
    parser.add_argument("names", nargs="*", help="chapters, such as 01; all when left out")
    options = parser.parse_args(arguments)
    sources = sources or course_sources(repository(root))
    try:
        if options.check:
            found = faults(root, sources, options.names)
            for words in found:
                print(f"{words}: run `make notebooks`")
            return 1 if found else 0
        for chapter in selected(root, options.names):
            try:
                print(f"{chapter.slug}: {make(chapter, root, sources, options.force)}", flush=True)
            except (PipelineError, ValueError) as error:
                raise PipelineError(f"book/{chapter.path.name}: {error}") from error
        for path, text, wanted in others(root, sources.repository):
            if text != wanted:
                path.write_text(wanted, "utf-8")
    except PipelineError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    # The course is the one beside this file, installed or not.
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
