"""Reads chapters and notebooks for the tests: prose, numbers, figures."""

import ast
import re
from collections.abc import Iterator

from audit import as_text
from nbformat import NotebookNode

#: A decimal number on its own: not a part of a version, a DOI or a longer number.
DECIMAL = re.compile(r"(?<![\d.])\d+\.\d+(?!\.?\d)")
FENCE = re.compile(r"^(`{3,}).*?^\1 *$", re.DOTALL | re.MULTILINE)
FORMULA = re.compile(r"\$\$.*?\$\$|(?<![\\$])\$(?!\$)[^$]+\$", re.DOTALL)
#: A formula sets up a problem with numbers of its own; only a result in it is a claim.
RESULT = re.compile(r"\\approx[\s{+−-]*(\d+\.\d+)")
#: What in a text is not prose: comments, formulas, code, addresses, identifiers of papers.
NOT_PROSE = (
    re.compile(r"<!--.*?-->", re.DOTALL),
    FENCE,
    re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL),
    re.compile(r"(?<=\])\([^)\s]*\)"),
    re.compile(r"<?https?://\S+"),
    re.compile(r"(?i)\b(?:arxiv|doi):\s*\S+"),
)


def prose(markdown: str) -> str:
    """What a reader reads as words: code, comments, addresses and formulas left out.

    Of a formula, the decimal numbers after \\approx stay.
    """
    for pattern in NOT_PROSE:
        markdown = pattern.sub(" ", markdown)
    return FORMULA.sub(lambda formula: " ".join(RESULT.findall(formula.group())), markdown)


def unproved_numbers(markdown: str, proofs: str) -> list[tuple[str, str]]:
    """Each decimal number of the prose that does not stand in `proofs`, with its paragraph."""
    known = set(DECIMAL.findall(proofs))
    return [
        (number, " ".join(paragraph.split()))
        for paragraph in re.split(r"\n\s*\n", prose(markdown))
        for number in DECIMAL.findall(paragraph)
        if number not in known
    ]


def proofs(notebook: NotebookNode) -> str:
    """Where a number in the prose may come from: outputs that nbval checks, and code."""
    parts = []
    for cell in code_cells(notebook):
        parts.append(cell.source)
        if "nbval-check-output" in cell.metadata.get("tags", []):
            parts += [output_text(output) for output in cell.outputs]
    return "\n".join(parts)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def output_text(output: NotebookNode) -> str:
    """What an output says in plain text."""
    if output.output_type == "stream":
        return output.text
    return as_text(output.get("data", {}).get("text/plain", ""))


def output_html(cell: NotebookNode) -> str:
    """What a cell shows as HTML."""
    return "".join(as_text(o.get("data", {}).get("text/html", "")) for o in cell.outputs)


def figure_calls(code: str) -> int:
    """How many calls in the code make a figure: those that hand over `alt`."""
    return sum(
        any(keyword.arg == "alt" for keyword in node.keywords)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call)
    )


#: What only some of the four places understand, and what it is called.
UNPORTABLE = {
    r"\{[a-z][\w:+.-]*\}`": "a MyST role",
    r"^:{3,}": "a MyST directive",
    r"^`{3,}\{": "a MyST directive",
    r"^\([\w:-]+\)=\s*$": "a MyST target",
    r"^%": "a MyST comment",
    r"\{\{": "a MyST substitution",
    r"\]\(#": "a link to a heading, whose name differs from place to place",
    r"\[\^": "a footnote, which Colab does not know",
    r"!\[": "a picture beside the notebook, which Colab does not have",
    r"\\\(|\\\[": "a formula in other marks than $ and $$",
    r"<(?!/?(?:details|summary|br|sub|sup)\b|!--)/?[a-zA-Z][^>]*>": "HTML beyond <details>",
    r"</summary>[^\n]*\n(?=[^\n]*\S)": "no empty line after </summary>",
    r"\S[^\n]*\n</details>": "no empty line before </details>",
}


def unportable(markdown: str) -> Iterator[str]:
    """What in a chapter's words does not read alike in JupyterLab, Colab, GitHub and the book."""
    words = re.sub(r"^```python$.*?^```$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    words = re.sub(r"(?<!`)`[^`\n]+`(?!`)", "``", words)  # leaves a role's braces
    for pattern, name in UNPORTABLE.items():
        for match in re.finditer(pattern, words, re.MULTILINE):
            line = words.count("\n", 0, match.start())
            yield f"{name}: {words.splitlines()[line].strip()[:100]!r}"
