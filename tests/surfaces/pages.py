"""The built book as files: build it when stale, serve it, and read its pages without a browser."""

import functools
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urldefrag, urlsplit

import yaml
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "_build" / "html"
MODULES = ROOT / ".cache" / "npm" / "node_modules"
Scheme = Literal["light", "dark"]
#: Written by Sphinx itself beside the pages of the table of contents.
EXTRA = ("search", "genindex")


def toc(path: Path = ROOT / "_toc.yml") -> list[str]:
    """The pages of the table of contents, without suffix, the front page first."""
    contents = yaml.safe_load(path.read_text(encoding="utf-8"))
    chapters = [entry["file"] for part in contents["parts"] for entry in part["chapters"]]
    return [contents["root"], *chapters]


def sources() -> Iterator[Path]:
    """Every file that the pages are made of, except the vendored ones."""
    yield from (ROOT / name for name in ("_config.yml", "_toc.yml", "pyproject.toml"))
    yield from (ROOT / "notebooks").glob("*.ipynb")
    for path in (ROOT / "book").rglob("*"):
        if path.is_file() and not {"vendor", "__pycache__"} & set(path.parts):
            yield path


def is_stale() -> bool:
    """Whether a source is younger than the pages, or pages or scripts are missing."""
    built, axe = BOOK / ".built", MODULES / "axe-core" / "axe.min.js"
    if not (built.is_file() and axe.is_file()):
        return True
    return built.stat().st_mtime < max(path.stat().st_mtime for path in sources())


def run(*command: str) -> None:
    """Run a command in the repository's root; RuntimeError with its output when it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")


def build() -> Path:
    """The folder with the pages, built as `make book` does, but only when stale."""
    (ROOT / ".cache").mkdir(exist_ok=True)
    with FileLock(ROOT / ".cache" / "book.lock"):  # two workers may ask at once
        rebuild_if_stale()
    return BOOK


def rebuild_if_stale() -> None:
    if is_stale():
        jupyter_book = str(Path(sys.executable).parent / "jupyter-book")
        run(sys.executable, "book/_tools/vendor.py")
        run(jupyter_book, "build", ".", "--all", "-q", "-W", "-n", "--keep-going")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address under which a server on this machine hands out `folder`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Reading(HTMLParser):
    """What a page's source says: its ids, the addresses it names, its pictures' attributes."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.ids: Counter[str] = Counter()
        self.addresses: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids[str(given["id"])] += 1
        if tag == "img":
            self.pictures.append(given)
        self.addresses += [str(given[name]) for name in ("href", "src") if given.get(name)]


def broken(readings: Iterable[Reading], folder: Path) -> list[str]:
    """Every address that names no file under `folder`, or no place on its page."""
    by_path = {reading.path.resolve(): reading for reading in readings}
    problems = []
    for path, reading in by_path.items():
        for address in reading.addresses:
            target, anchor = urldefrag(address)
            if urlsplit(target).scheme:
                continue
            file = (path.parent / unquote(urlsplit(target).path)).resolve() if target else path
            known = by_path.get(file)
            if not file.is_file() or not file.is_relative_to(folder.resolve()):
                problems.append(f"{path.name}: {address} is no file")
            elif anchor and known and unquote(anchor) not in known.ids:
                problems.append(f"{path.name}: {address} is no place on that page")
    return problems
