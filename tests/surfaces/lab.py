"""A real JupyterLab and what a reader does in it: open, run, edit a cell, move a slider.

Selectors are JupyterLab 4's. Nothing here waits for a time; every step waits for what a reader
would see, at most PATIENCE, because continuous integration has two busy cores.
"""

import contextlib
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

PATIENCE = 120_000  # ms
ERRORS = '[data-mime-type="application/vnd.jupyter.error"]'
STDERR = '[data-mime-type="application/vnd.jupyter.stderr"]'
OPTIONS = [
    "--no-browser",
    "--allow-root",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.port_retries=0",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
]


@dataclass(frozen=True)
class Server:
    """A running JupyterLab."""

    url: str
    token: str
    home: Path

    def api(self, path: str):
        """The answer of the server's own interface, for example to "api/kernels"."""
        request = urllib.request.Request(
            f"{self.url}/{path}", headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def variables(home: Path) -> dict[str, str]:
    """A reader's environment with settings of its own, so that this machine's play no part."""
    foreign = ("COURSE_", "JUPYTER", "IPYTHON", "PYTEST", "MPL")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    return {
        **kept,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "OMP_NUM_THREADS": "1",
    }


@contextlib.contextmanager
def serve(folder: Path, home: Path) -> Iterator[Server]:
    """JupyterLab of this environment on `folder`; ended, with its kernels, at the end."""
    home.mkdir(parents=True, exist_ok=True)
    port, token = free_port(), secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", *OPTIONS, f"--ServerApp.port={port}"]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"]
    with open(home / "server.log", "w") as log:
        process = subprocess.Popen(command, env=variables(home), stdout=log, stderr=log)
    server = Server(f"http://127.0.0.1:{port}", token, home)
    try:
        _await(server, process)
        yield server
    finally:
        process.terminate()  # the server ends its kernels before it goes
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(server: Server, process: subprocess.Popen, seconds: float = 120) -> None:
    """Return when the server answers; raise with its log when it does not."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            server.api("api/status")
            return
        time.sleep(0.2)
    log = (server.home / "server.log").read_text()[-3000:]
    raise AssertionError(f"JupyterLab did not answer within {seconds:.0f} s. Its log:\n{log}")


@dataclass(frozen=True)
class Notebook:
    """A notebook open in JupyterLab. Cells are counted from 0, code cells only."""

    page: Page

    @classmethod
    def open(cls, page: Page, server: Server, name: str) -> "Notebook":
        """The notebook `name` of the server's folder, with its kernel connected."""
        page.set_default_timeout(PATIENCE)
        page.goto(f"{server.url}/lab/tree/{name}?token={server.token}&reset")
        expect(page.locator("#jupyterlab-splash")).to_have_count(0, timeout=PATIENCE)
        notebook = cls(page)
        notebook.cell(0).wait_for()
        # The toolbar calls the kernel idle seconds before it is connected; the status bar does not.
        status = page.locator("#jp-main-statusbar")
        expect(status).to_contain_text("| Idle", timeout=PATIENCE)
        return notebook

    @property
    def root(self) -> Locator:
        """The notebook in front."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook")

    def cell(self, number: int) -> Locator:
        """A code cell."""
        return self.root.locator(".jp-CodeCell").nth(number)

    def output(self, number: int) -> Locator:
        """What stands below a code cell."""
        return self.cell(number).locator(".jp-OutputArea").first

    def prompts(self) -> list[str]:
        """The prompts of the code cells whose source shows, "[3]:"; a folded one has none."""
        found = self.root.locator(".jp-CodeCell .jp-InputArea-prompt").all_text_contents()
        return [text.strip() for text in found]

    def menu(self, name: str, item: str) -> None:
        """Click an item of the menu bar."""
        self.page.get_by_role("menuitem", name=name, exact=True).click()
        self.page.get_by_role("menuitem", name=item, exact=True).click()

    def wear(self, theme: str) -> None:
        """Choose "JupyterLab Light" or "JupyterLab Dark" in the menu."""
        self.page.get_by_role("menuitem", name="Settings", exact=True).click()
        # An item that opens a submenu carries no role.
        self.page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Theme$")).click()
        self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{theme}$")).click()
        light = str(theme.endswith("Light")).lower()
        expect(self.page.locator("body")).to_have_attribute(
            "data-jp-theme-light", light, timeout=PATIENCE
        )

    def narrow(self, width: int, height: int = 900) -> None:
        """Give the window another width; on a phone's, fold the list of files away."""
        self.page.set_viewport_size({"width": width, "height": height})
        files = self.page.locator("#jp-left-stack")
        if files.is_visible() == (width < 600):
            self.page.keyboard.press("ControlOrMeta+B")
        expect(files).to_be_visible(visible=width >= 600, timeout=PATIENCE)

    def run_all(self, seconds: float) -> None:
        """Run All Cells, and wait until every prompt is numbered.

        The stored numbers go first, with the stored outputs: a number then means a run.
        """
        self.menu("Edit", "Clear Outputs of All Cells")
        expect(self.cell(0).locator(".jp-InputArea-prompt")).to_have_text("[ ]:", timeout=PATIENCE)
        self.menu("Run", "Run All Cells")
        numbered = re.compile(r"\[\d+\]:")
        until = time.monotonic() + seconds
        while waiting := [text for text in self.prompts() if not numbered.fullmatch(text)]:
            assert time.monotonic() < until, f"cells unfinished after {seconds:.0f} s: {waiting}"
            self.page.wait_for_timeout(200)

    def write(self, number: int, source: str) -> None:
        """Replace the source of a code cell, as a reader does."""
        editor = self.cell(number).locator(".cm-content")
        editor.scroll_into_view_if_needed()
        editor.click()
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.insert_text(source)
        lines = source.split("\n")
        expect(self.cell(number).locator(".cm-line")).to_have_text(lines, timeout=PATIENCE)

    def run_cell(self, number: int, seconds: float = 60) -> None:
        """Run a code cell from the keyboard, and wait for its new number."""
        prompt = self.cell(number).locator(".jp-InputArea-prompt")
        before = prompt.text_content().strip()
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        expect(prompt).not_to_have_text(before, timeout=PATIENCE)
        expect(prompt).to_have_text(re.compile(r"^\s*\[\d+\]:\s*$"), timeout=seconds * 1000)


def fingerprint(picture: Locator) -> str:
    """A few characters that stand for what a picture shows; its source is too long for a report."""
    return picture.evaluate(
        """async (image) => {
            const bytes = new TextEncoder().encode(image.src);
            const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
            return [...digest.slice(0, 6)].map((b) => b.toString(16).padStart(2, '0')).join('');
        }"""
    )
