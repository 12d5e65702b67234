"""A real Chromium for the tests of the pages: what it asks for and complains about is kept."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pages import Scheme
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Response,
    Route,
    sync_playwright,
)

# The tools that build the book, as in tests/notebooks.
sys.path.insert(0, str(Path(__file__).parents[2] / "book" / "_tools"))

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass
class Visit:
    """One fresh browser window: its page, the outside addresses it asked for, its errors."""

    context: BrowserContext
    page: Page
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Let loopback and files pass, refuse and note the rest; note every error."""
        self.context.route("**/*", self._pass)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("response", self._receive)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _receive(self, response: Response) -> None:
        if response.status >= 400:
            self.errors.append(f"{response.status} for {response.url}")

    def _pass(self, route: Route) -> None:
        address = urlsplit(route.request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.hostname not in LOOPBACK:
            self.outside.append(route.request.url)
            route.abort()
        else:
            route.continue_()


def find_chromium(playwright: Playwright) -> str:
    """Where Chromium is: the system's, else Playwright's own."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    own = playwright.chromium.executable_path
    if Path(own).is_file():
        return own
    pytest.fail(
        "These tests need Chromium and found none. Install it (Debian: apt-get install chromium) "
        "or run: .venv/bin/playwright install chromium"
    )


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One headless Chromium for all tests of a worker."""
    with sync_playwright() as playwright:
        path = find_chromium(playwright)
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """`visit(width=1280, scheme="light", **options)`: a fresh, watched window of that kind."""
    opened: list[BrowserContext] = []

    def start(width: int = 1280, scheme: Scheme = "light", height: int = 900, **options) -> Visit:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, **options
        )
        opened.append(context)
        made = Visit(context, context.new_page())
        made.watch()
        return made

    yield start
    for context in opened:
        context.close()
