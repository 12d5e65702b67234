"""From a chapter's text and a run's outputs to the notebook that readers open.

Everything in the file is a function of these two: cell ids come from the cells, there are no
times of day, no versions of this machine, no state of widgets. So a second run gives the same file.
"""

import hashlib
import math
import re
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import jupytext
import nbformat
from chapter import HEADER, Chapter
from nbformat import NotebookNode

BRANCH = "main"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "pygments_lexer": "ipython3",
    },
}


@dataclass(frozen=True)
class Measured:
    """What a run took: CPU seconds, the peak of its memory in MB, and its slowest cell."""

    cpu_seconds: float
    peak_memory_mb: int
    slowest_cell: int
    slowest_cell_seconds: float


def plain_notebook(chapter: Chapter) -> NotebookNode:
    """The chapter as a notebook with stable ids and without outputs."""
    # The author's own options, such as longer time limits, stay with the text.
    read = jupytext.reads(chapter.text, fmt="md:myst")
    notebook = nbformat.v4.new_notebook(cells=read.cells, metadata=nbformat.from_dict(METADATA))
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        name = hashlib.sha256(f"{cell.cell_type}\0{cell.source}".encode()).hexdigest()[:10]
        seen[name] += 1
        cell.id = name if seen[name] == 1 else f"{name}-{seen[name]}"
        if "hide-input" in cell.metadata.get("tags", []):
            # Folded in JupyterLab and in Colab as in the book.
            cell.metadata["jupyter"] = {"source_hidden": True}
            cell.metadata["cellView"] = "form"
    return notebook


def finished(
    chapter: Chapter,
    outputs: list[list[NotebookNode]],
    measured: Measured,
    shas: dict[str, str],
    repository: str,
) -> NotebookNode:
    """The chapter as a notebook with the outputs of its code cells and the measured numbers."""
    notebook = plain_notebook(chapter)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, (cell, its_outputs) in enumerate(zip(code, outputs, strict=True), start=1):
        cell.execution_count = count
        cell.outputs = [numbered(output, count) for output in its_outputs]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("<!-- badge -->", badge(chapter, repository))
            cell.source = cell.source.replace("<!-- measured -->", sentence(measured))
    about = {"chapter": chapter.number, "title": chapter.title, **shas, **asdict(measured)}
    notebook.metadata["course"] = nbformat.from_dict(about)
    nbformat.validate(notebook)
    return notebook


def numbered(output: NotebookNode, count: int) -> NotebookNode:
    """A copy of the output that carries the cell's number where outputs carry one."""
    output = NotebookNode(output)
    if "execution_count" in output:
        output["execution_count"] = count
    return output


def badge(chapter: Chapter, repository: str) -> str:
    """The link that opens the notebook in Colab; words, so that no picture is fetched."""
    where = repository.split("github.com/")[-1]
    address = "https://colab.research.google.com/github"
    return f"[Open in Colab]({address}/{where}/blob/{BRANCH}/notebooks/{chapter.slug}.ipynb)"


def sentence(measured: Measured) -> str:
    """What the run took, in words."""
    time, memory = time_and_memory(measured)
    return (
        f"**Time and memory:** this notebook runs in about {time} on one core of a laptop-class "
        f"CPU and needs about {memory} of memory (measured while building)."
    )


def time_and_memory(measured: Measured) -> tuple[str, str]:
    """Both in words and rounded up, as another machine differs anyway: "50 s", "0.6 GB"."""
    tens = max(10, math.ceil(measured.cpu_seconds / 10) * 10)
    time = f"{tens} s" if tens <= 60 else f"{math.ceil(tens / 60)} minutes"
    return time, f"{math.ceil(measured.peak_memory_mb / 100) / 10:.1f} GB"


def text_of(notebook: NotebookNode) -> str:
    """The notebook as the text of its file."""
    return nbformat.writes(notebook) + "\n"


def previous(chapter: Chapter) -> NotebookNode | None:
    """The notebook that stands there now, or None where there is none that the pipeline wrote."""
    if not chapter.notebook.exists():
        return None
    notebook = nbformat.reads(chapter.notebook.read_text("utf-8"), as_version=4)
    return notebook if "course" in notebook.metadata else None


def outputs_of(notebook: NotebookNode) -> list[list[NotebookNode]]:
    """The outputs of the code cells, in order."""
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def measured_of(notebook: NotebookNode) -> Measured:
    """The numbers of the run that a finished notebook carries."""
    about: dict[str, Any] = notebook.metadata["course"]
    return Measured(**{name: about[name] for name in Measured.__dataclass_fields__})


def markdown_of(text: str) -> str:
    """The words of a chapter: its text without the header and without code cells."""
    text = HEADER.sub("", text)
    return re.sub(r"^(`{3,})\{code-cell\}.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
