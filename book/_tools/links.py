"""`make links`: ask every outside address that the texts name whether it is there.

    python book/_tools/links.py [WORD]      only the addresses that hold WORD

Needs a network and other people's servers, so no test runs it. A server that refuses programs
(401, 403, 405, 429) exists: such addresses are listed, but they are no error.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from chapter import ROOT, repository

#: Words for readers, and code that fetches something.
TEXTS = ("*.md", "*.cff", "book/*.md", "book/*.bib", "helpers/**/*.py", "solutions/*.py")
#: Brackets belong to an address when they close what they opened, as in some DOIs.
ADDRESS = re.compile(r"https?://(?:\([^()\s]*\)|[^\s()<>\[\]{}\"'`|])+")
DOI = re.compile(r"^\s*doi\s*=\s*\{(.+?)\}", re.MULTILINE)
WARY = {401, 403, 405, 429}
SECONDS = 20


def addresses(text: str) -> list[str]:
    """The outside addresses of a text, DOIs of a bibliography among them, in order, each once."""
    found = [address.rstrip(".,;:!?…*") for address in ADDRESS.findall(text)]
    found = [address for address in found if not address.endswith("//")]  # "https://…" in words
    found += [f"https://doi.org/{doi}" for doi in DOI.findall(text)]
    return list(dict.fromkeys(found))


def named(root: Path) -> dict[str, list[Path]]:
    """Every outside address, with the files that name it; the course's own repository left out."""
    own, found = repository(), dict[str, list[Path]]()
    for path in (path for pattern in TEXTS for path in sorted(root.glob(pattern))):
        for address in addresses(path.read_text(encoding="utf-8")):
            if own not in address:
                found.setdefault(address, []).append(path.relative_to(root))
    return found


def answer(address: str) -> int | str:
    """The status that a server gives for an address, or in words why it gave none."""
    request = Request(address, headers={"User-Agent": "Mozilla/5.0 (link check of a course)"})
    try:
        with urlopen(request, timeout=SECONDS) as reply:
            return int(reply.status)
    except HTTPError as refusal:
        return refusal.code
    except (URLError, TimeoutError, ConnectionError) as problem:
        return str(getattr(problem, "reason", problem)) or type(problem).__name__


def verdicts(
    asked: Iterable[str], ask: Callable[[str], int | str] = answer
) -> Iterator[tuple[str, int | str, bool]]:
    """(address, answer, whether it is broken) for each address, eight at a time."""
    asked = list(asked)
    with ThreadPoolExecutor(8) as several:
        for address, said in zip(asked, several.map(ask, asked), strict=True):
            yield address, said, not (isinstance(said, int) and (said < 400 or said in WARY))


def main(arguments: list[str]) -> int:
    """Print what is broken or wary, and how many were asked; 1 when something is broken."""
    places = named(ROOT)
    asked = [address for address in places if not arguments or arguments[0] in address]
    broken = 0
    for address, said, is_broken in verdicts(asked):
        if is_broken or said in WARY:
            where = ", ".join(str(path) for path in places[address])
            print(f"{'broken' if is_broken else 'wary  '} {said}: {address} ({where})")
        broken += is_broken
    print(f"{len(asked)} addresses asked, {broken} broken")
    return int(broken > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
