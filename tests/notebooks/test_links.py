"""Links of the texts: inner ones lead somewhere, outer ones are well formed.

Whether the outer ones answer, `make links` asks; whether the built pages hold together, the tests
of the book look up.
"""

import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import links
import pytest
from chapter import ROOT, chapters
from headings import DEPTH, anchors, headings
from reading import FENCE, NOT_PROSE

CHAPTERS = {chapter.path for chapter in chapters()}
TEXTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "book").glob("*.md"))]
INNER = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")


def targets(markdown: str) -> list[str]:
    """The inner addresses that a text links to; code and comments left out."""
    for pattern in NOT_PROSE[:3]:
        markdown = pattern.sub(" ", markdown)
    return [target for target in INNER.findall(markdown)]


def astray(markdown: str, folder: Path) -> list[str]:
    """The inner links of a text, read in `folder`, that lead to no file or to no heading."""
    wrong = []
    own = {anchor for depth, _, anchor in headings(markdown) if depth <= DEPTH}
    for target in targets(markdown):
        name, anchor = urldefrag(target)
        path = (folder / unquote(name)).resolve()
        if name and not (path.is_file() and path.is_relative_to(ROOT)):
            wrong.append(f"{target}: no such file")
        elif anchor and unquote(anchor) not in (anchors(path) if name else own):
            wrong.append(f"{target}: no such heading")
    return wrong


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_inner_links_lead_somewhere(path):
    folder = ROOT / "notebooks" if path in CHAPTERS else path.parent  # where its text is read
    assert astray(path.read_text(encoding="utf-8"), folder) == []


def test_a_link_astray_is_noticed():
    text = "## Here\n[a](#here) [b](#there) [c](x.md) [d](book/errata.md#no) `[e](y.md)`"
    assert astray(text, ROOT) == [
        "#there: no such heading",
        "x.md: no such file",
        "book/errata.md#no: no such heading",
    ]
    lost = "[f](../notebooks/01_integrators.ipynb#5--play) [g](../notebooks/01_integrators.ipynb#5)"
    assert astray(lost, ROOT / "book") == [
        "../notebooks/01_integrators.ipynb#5: no such heading",
    ]


def test_headings_of_a_page_differ():
    for path in TEXTS:
        names = [words for depth, words, _ in headings(path.read_text("utf-8")) if depth <= 2]
        assert len(names) == len(set(names)), path.name


# --- outside ------------------------------------------------------------------------------------
def malformed(address: str) -> list[str]:
    """What is wrong with the form of an outside address."""
    parts = urlsplit(address)
    wrong = [] if parts.scheme == "https" else ["not https"]
    if not re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", parts.hostname or ""):
        wrong.append("no host")
    if re.search(r"[^\w\-./~%?=&#:;,+()@!*]", address):
        wrong.append("a letter that must be written as %…")
    if parts.hostname == "arxiv.org" and not re.fullmatch(r"/abs/\d{4}\.\d{4,5}", parts.path):
        wrong.append("not the page of a paper")
    if parts.hostname == "doi.org" and not re.match(r"/10\.\d{4,9}/\S", parts.path):
        wrong.append("no DOI")
    return wrong


def test_outside_addresses_are_well_formed():
    named = links.named(ROOT)
    assert len(named) > 60
    wrong = {address: malformed(address) for address in named if malformed(address)}
    assert wrong == {}
    for path in TEXTS:  # brackets and dots do not hide one from the search
        text = FENCE.sub("", path.read_text("utf-8"))
        linked = re.findall(r"\]\((https?://[^\s]*?)\)(?=[^)\w]|$)", text, re.MULTILINE)
        assert set(linked) <= set(links.addresses(text)), path.name


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://example.org/", "https"),
        ("https://localhost/x", "host"),
        ("https://doi.org/10.1103 Phys", "%"),
        ("https://arxiv.org/pdf/2006.11239", "paper"),
        ("https://doi.org/PhysRev.36.823", "DOI"),
    ],
)
def test_a_malformed_address_is_noticed(address, words):
    assert any(words in problem for problem in malformed(address))


def test_addresses_are_found_as_they_are_meant():
    text = """See <https://a.org/b>, [c](https://c.org/d(80)e-2). And https://f.org.
      doi = {10.1016/S0031(40)90098-2},"""
    assert links.addresses(text) == [
        "https://a.org/b",
        "https://c.org/d(80)e-2",
        "https://f.org",
        "https://doi.org/10.1016/S0031(40)90098-2",
    ]


class Server(BaseHTTPRequestHandler):
    """Answers with the status that the path names."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_make_links_tells_broken_from_wary():
    server = HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_port}"
    asked = [f"{here}/200", f"{here}/404", f"{here}/403", "http://127.0.0.1:1/"]
    said = list(links.verdicts(asked))
    server.shutdown()
    assert [(answer, broken) for _, answer, broken in said[:3]] == [
        (200, False),
        (404, True),
        (403, False),
    ]
    assert said[3][2] and "refused" in str(said[3][1])
