"""What may not be in a finished notebook."""

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from chapter import ROOT
from nbformat import NotebookNode
from render import text_of

LARGEST = 1_500_000
IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
ALT = re.compile(r"""\balt=("[^"]*[^"\s][^"]*"|'[^']*[^'\s][^']*')""", re.IGNORECASE)
ADDRESS = re.compile(r"https?://(?!www\.w3\.org/)[^\s\"'<>)\\]+")
MACHINE = tuple(
    {str(ROOT), sys.prefix, sys.base_prefix, tempfile.gettempdir() + "/", str(Path.home()) + "/"}
)


def complaints(notebook: NotebookNode) -> list[str]:
    """Everything wrong with an executed notebook, in words; an empty list is a good one."""
    found = []
    if (size := len(text_of(notebook).encode())) > LARGEST:
        found.append(f"the notebook has {size / 1e6:.2f} MB; {LARGEST / 1e6} MB are allowed")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, start=1):
        if cell.execution_count != count:
            found.append(f"code cell {count} was not executed")
        found += [f"code cell {count}: {words}" for o in cell.outputs for words in output_faults(o)]
    return found


def output_faults(output: NotebookNode) -> Iterator[str]:
    """What is wrong with one output."""
    if output.output_type == "error":
        yield f"raised {output.ename}: {output.evalue}"
        return
    if output.output_type == "stream":
        if output.name == "stderr":
            yield f"wrote to the error stream: {output.text.strip()[:200]}"
        yield from text_faults(output.text)
        return
    for kind in output.data:
        if kind.startswith("image/"):
            yield f"a picture without words ({kind}): use show(figure, alt=…)"
        elif kind not in ("text/plain", "text/html", "text/markdown", "text/latex"):
            yield f"{kind} needs a running kernel or a script, which a reader's page lacks"
    html = as_text(output.data.get("text/html", ""))
    for image in IMAGE.findall(html):
        if not ALT.search(image):
            yield f"a picture without words for those who cannot see it: {image[:80]}"
    for text in (html, as_text(output.data.get("text/plain", ""))):
        yield from text_faults(text)


def text_faults(text: str) -> Iterator[str]:
    """Addresses and names of folders in an output's text."""
    for address in ADDRESS.findall(text):
        yield f"an output points outside: {address}"
    if folder := next((folder for folder in MACHINE if folder in text), None):
        yield f"an output names a folder of this machine: {folder}"


def as_text(value: str | list[str]) -> str:
    """Text that a notebook may hold as a list of lines."""
    return value if isinstance(value, str) else "".join(value)
