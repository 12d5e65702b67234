"""The glossary, linked from the first use of each term in the prose of each page.

A term is found by its own words (parts of "Donor, acceptor", without what stands in brackets),
in singular and plural, and by the other words of WORDS. Headings, code, formulas, links, outputs
and references stay as they are; a use in the open goes before one that is folded away. The link
carries the definition as its title.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

SOURCE = Path(__file__).resolve().parents[1] / "glossary.md"
PAGE = "book/glossary"
#: Pages that are lists of their own.
LISTS = {PAGE, "book/bibliography"}
ENTRY = re.compile(r"^(\S.*)\n: (.+)$", re.MULTILINE)

#: Words that prose uses for a term, where they differ from the term.
WORDS: dict[str, tuple[str, ...]] = {
    "Absorbing state": ("absorbing", "absorbed"),
    "Order of an integrator": ("strong order", "weak order"),
    "Pair distribution": ("radial distribution function",),
}
#: Terms whose word means other things elsewhere: how the pages begin on which it is linked.
ONLY: dict[str, tuple[str, ...]] = {
    "Collapse": ("06",),  # elsewhere samples and networks collapse
    "Drift": ("01", "02", "03", "04", "notation"),  # elsewhere things drift
    "Floor": ("01", "02", "03", "05", "welcome"),  # elsewhere a floor of sanity
    "Prototype": ("05", "06", "07"),  # chapter 04 also has the most similar of the training set
    "Predictor": ("04", "07", "errata", "teaching"),  # chapter 03 has a predictor of noise
    "Relaxation": ("06", "07", "08", "errata"),  # chapters 01 and 02 mean the motion
    "Score": ("01", "02", "03", "04", "05", "07", "notation"),  # a drug has a score, too
    "Teacher, encoder": ("06", "notation"),  # elsewhere a person, or an auto-encoder
}

#: Inside these nothing is linked.
UNTOUCHED = (
    nodes.title,
    nodes.literal,
    nodes.literal_block,
    nodes.math,
    nodes.math_block,
    nodes.reference,
    nodes.raw,
    nodes.comment,
    nodes.figure,
)
SIGNS: dict[str, str] = dict(
    sqrt="√", nabla="∇", Delta="Δ", mid="|", langle="⟨", rangle="⟩", times="×",
    alpha="α", beta="β", gamma="γ", varepsilon="ε", eta="η", mu="μ", pi="π",
    sigma="σ", theta="θ", log="log ", exp="exp ", cdot="·", approx="≈", propto="∝", to="→",
)  # fmt: skip
#: How the title of a link, which has no formulas, says those of the definitions.
PLAIN = (
    (r"e\^\{([^}]*)\}", r"exp(\1)"),
    (r"\\sqrt\{([^}]*)\}", r"√(\1)"),
    (r"\\mathrm\{?(\w)\}?", r"\1"),
    (r"\\bar\\alpha", "ᾱ"),
    (r"\\tfrac12", "½"),
    (r"_\{t-1\}", "ₜ₋₁"),
    (r"\\[,;]", " "),
    (r"\\(sqrt|nabla|Delta|langle) ?", lambda sign: SIGNS[sign[1]]),
    (r"\\([a-z]+)", lambda sign: SIGNS.get(sign[1], sign[0])),
    ("-", "−"),
    (r"\^2", "²"),
    ("_t", "ₜ"),
    ("_0", "₀"),
)


class Term(NamedTuple):
    """An entry of the glossary: its heading, the anchor of it, its definition, words for it."""

    name: str
    anchor: str
    definition: str
    words: tuple[str, ...]


def plain(definition: str) -> str:
    """A definition without mark-up, as the title of a link shows it."""

    def said(formula: re.Match[str]) -> str:
        text = formula[1]
        for found, better in PLAIN:
            text = re.sub(found, better, text)
        return text

    text = re.sub(r"\$([^$]+)\$", said, definition)
    return " ".join(text.split())


def anchor(name: str) -> str:
    """The anchor of a term on its page: stable as long as its first name is."""
    first = re.sub(r"\s*\(.*?\)", "", name.split(",")[0])
    return "term-" + re.sub(r"[^a-z0-9]+", "-", first.replace("₂", "2").lower()).strip("-")


def terms(glossary: str) -> list[Term]:
    """The entries of the glossary's text, in order."""
    found = []
    for name, definition in ENTRY.findall(glossary):
        own = (part.strip() for part in re.sub(r"\s*\(.*?\)", "", name).split(","))
        words = (*own, *WORDS.get(name, ()))
        found.append(Term(name, anchor(name), plain(definition), words))
    return found


def pattern(word: str) -> str:
    """A word or words in singular or plural, at the start of a sentence or not, hyphened or not."""
    start = word[0]
    if word[1:2].islower() or word[1:2] in ("", " "):
        start = f"[{start.upper()}{start.lower()}]"
    ending = r"(?:e?s)?" if word[-1].isalpha() and word[-1] != "s" else ""
    if word.endswith("y"):
        word, ending = word[:-1], "(?:y|ies)"
    rest = re.escape(word[1:]).replace(r"\ ", r"[\s-]").replace("'", "['’]")
    return rf"(?<![\w-]){start}{rest}{ending}(?![\w-])"


def uses(text: str, wanted: Iterable[Term]) -> Iterator[tuple[int, int, Term]]:
    """Where a text uses the wanted terms: (start, end, term), the longer words first."""
    pairs = [(word, term) for term in wanted for word in term.words]
    pairs.sort(key=lambda pair: -len(pair[0]))
    if not pairs:
        return
    either = re.compile("|".join(f"({pattern(word)})" for word, _ in pairs))
    for match in either.finditer(text):
        assert match.lastindex is not None
        yield match.start(), match.end(), pairs[match.lastindex - 1][1]


def prose(doctree: nodes.document) -> list[nodes.Text]:
    """The words of a page that may hold links: first the open ones, then what is folded away."""
    shown, hidden, folded = list[nodes.Text](), list[nodes.Text](), 0
    for node in doctree.findall():
        if isinstance(node, nodes.raw):
            folded += node.astext().count("<details") - node.astext().count("</details>")
        elif isinstance(node, nodes.Text) and not _untouched(node):
            (hidden if folded else shown).append(node)
    return shown + hidden


def _untouched(node: nodes.Node) -> bool:
    parent = node.parent
    while parent is not None:
        if isinstance(parent, UNTOUCHED) or "cell" in parent.get("classes", ()):
            return True
        if isinstance(parent, nodes.section) and "references" in parent["ids"]:
            return True
        parent = parent.parent
    return False


def link(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Link the first use of each term in a page's prose to the glossary."""
    address = app.builder.get_relative_uri(page, PAGE) if app.builder.format == "html" else ""
    every = terms(SOURCE.read_text(encoding="utf-8")) if page not in LISTS else []
    name = page.split("/")[-1]
    wanted = {term.name: term for term in every if name.startswith(ONLY.get(term.name, ("",)))}
    for text in prose(doctree):
        words, done, pieces = text.astext(), 0, list[nodes.Node]()
        for start, end, term in uses(words, wanted.values()):
            if wanted.pop(term.name, None) is None:
                continue
            made = nodes.reference("", words[start:end], internal=True, classes=["course-term"])
            made["refuri"], made["reftitle"] = f"{address}#{term.anchor}", term.definition
            pieces += [nodes.Text(words[done:start]), made]
            done = end
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(words[done:])])


def name_terms(app: Sphinx, doctree: nodes.document) -> None:
    """Give each entry of the glossary its anchor."""
    if app.env.docname == PAGE:
        for term in doctree.findall(nodes.term):
            term["ids"].append(anchor(term.astext()))


def outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """All pages when the glossary has changed: their links carry its words."""
    return sorted(env.found_docs) if PAGE in added | changed else []


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("doctree-read", name_terms)
    app.connect("doctree-resolved", link)
    app.connect("env-get-outdated", outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
