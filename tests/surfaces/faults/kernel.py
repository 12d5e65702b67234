"""A reader's kernel: cells are run one by one, it is interrupted, killed and restarted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty

from harm import environment
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

SECONDS = 60  # for one cell
NOW = "stop me now"


@dataclass
class Shown:
    """What a cell shows: the text of its outputs, and its error's name, words and traceback."""

    text: str = ""
    error: str = ""
    said: str = ""
    traceback: str = ""
    after: str = ""  # shown below the error


@dataclass
class Session:
    """A notebook's kernel in a folder."""

    manager: KernelManager
    client: BlockingKernelClient

    def cell(self, code: str) -> Shown:
        """Run a cell to its end; an interrupt reaches it when it prints NOW."""
        shown = Shown()

        def hear(message: dict) -> None:
            kind, content = message["msg_type"], message["content"]
            if kind == "error":
                shown.error, shown.said = content["ename"], content["evalue"]
                shown.traceback = "\n".join(content["traceback"])
            elif kind in ("display_data", "execute_result") or content.get("name") == "stdout":
                text = content.get("text") or content["data"]["text/plain"]
                if shown.error:
                    shown.after += text
                else:
                    shown.text += text
                if NOW in text:
                    self.manager.interrupt_kernel()

        self.client.execute_interactive(code, output_hook=hear, timeout=SECONDS, store_history=True)
        return shown

    def die(self, code: str) -> None:
        """Run a cell that kills its kernel, and start another one, as JupyterLab does."""
        self.client.execute(code)
        while self.manager.is_alive():
            try:
                self.client.get_iopub_msg(timeout=0.05)
            except Empty:
                continue
        self.restart()

    def restart(self) -> None:
        """Kernel ▸ Restart Kernel."""
        self.client.stop_channels()
        self.manager.restart_kernel(now=True)
        self.client = connected(self.manager)


def connected(manager: KernelManager) -> BlockingKernelClient:
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=SECONDS)
    return client


@contextmanager
def session(folder: Path) -> Iterator[Session]:
    """A fresh kernel in the folder; it ends with the block."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder), env=environment())
    opened = Session(manager, connected(manager))
    try:
        yield opened
    finally:
        opened.client.stop_channels()
        manager.shutdown_kernel(now=True)
