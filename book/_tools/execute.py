"""Runs a notebook in a kernel of its own, in an empty folder, with one thread and time limits."""

import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
from chapter import PipelineError
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from render import Measured

CELL_SECONDS = 60
CHAPTER_SECONDS = 600
ENVIRONMENT = {
    "COURSE_STATIC": "1",
    "COURSE_DEVICE": "cpu",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "TQDM_DISABLE": "1",  # a progress bar's speed differs from run to run
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
#: What may say where data files lie; all other wishes of the caller's stay outside.
DATA = ("COURSE_DATA", "COURSE_CACHE")
COLORS = re.compile(r"\x1b\[[0-9;]*m")
OWN_LINE = re.compile(r"(?:Cell )?In\s?\[\d+\], (?:line (\d+)|in <cell line: (\d+)>)")


class OwnPython(AsyncKernelManager):
    """Starts the Python that runs this, whatever kernels are registered on the machine."""

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


class Watch(NotebookClient):
    """A client that reads, cell by cell, what the kernel's process has used."""

    def __init__(self, notebook: NotebookNode, folder: str, cell_seconds: float) -> None:
        super().__init__(
            notebook,
            timeout=cell_seconds,
            kernel_manager_class=OwnPython,
            resources={"metadata": {"path": folder}},
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,
            shutdown_kernel="immediate",
            on_cell_start=self.starts,
            on_cell_executed=self.ends,
        )
        self.before = self.cpu = self.slowest_seconds = 0.0
        self.memory = self.slowest = self.counted = 0

    def process(self) -> psutil.Process:
        """The kernel's process."""
        assert self.km and isinstance(self.km.provisioner, LocalProvisioner)
        return psutil.Process(self.km.provisioner.pid)

    def read(self) -> None:
        """Take down the CPU seconds and the peak of memory so far."""
        process = self.process()
        times = process.cpu_times()
        self.cpu = times.user + times.system + times.children_user + times.children_system
        # Linux keeps the peak since the process began; elsewhere, the most seen between cells.
        status = Path(f"/proc/{process.pid}/status")
        if status.exists():
            kilobytes = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
            assert kilobytes, "Linux says the peak of memory in kB"
            self.memory = int(kilobytes.group(1)) * 1024
        else:
            self.memory = max(self.memory, process.memory_info().rss)

    def starts(self, cell: NotebookNode, cell_index: int) -> None:
        """Before a cell: what was used until now is not its."""
        if cell.cell_type == "code":
            self.read()
            self.before = self.cpu

    def ends(self, cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
        """After a cell: what it took."""
        self.counted += 1
        self.read()
        if self.cpu - self.before > self.slowest_seconds:
            self.slowest, self.slowest_seconds = self.counted, self.cpu - self.before

    def measured(self) -> Measured:
        """What the whole run took, start of the kernel included."""
        megabytes = round(self.memory / 1e6)
        return Measured(round(self.cpu, 1), megabytes, self.slowest, round(self.slowest_seconds, 1))


def run(
    notebook: NotebookNode,
    root: Path,
    *,
    environment: Mapping[str, str] = {},
    cell_seconds: float = CELL_SECONDS,
    chapter_seconds: float = CHAPTER_SECONDS,
) -> Measured:
    """Executes the notebook in place, with the course that stands in `root`; what it took.

    Raises PipelineError, with the line of source, when a cell raises, and when a cell or the
    whole takes longer than allowed or the kernel dies.
    """
    return asyncio.run(
        _run(notebook, root, {**ENVIRONMENT, **environment}, cell_seconds, chapter_seconds)
    )


async def _run(
    notebook: NotebookNode,
    root: Path,
    environment: dict[str, str],
    cell_seconds: float,
    chapter_seconds: float,
) -> Measured:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        Path(folder, "work").mkdir()
        env = {n: v for n, v in os.environ.items() if not n.startswith("COURSE_") or n in DATA}
        env |= {"PYTHONPATH": str(root), "IPYTHONDIR": f"{folder}/ipython", **environment}
        client = Watch(notebook, f"{folder}/work", cell_seconds)
        began = time.monotonic()
        try:
            running = client.async_execute(env=env, stderr=log)
            await asyncio.wait_for(running, timeout=chapter_seconds)
        except CellExecutionError:
            raise PipelineError(where(notebook)) from None
        except CellTimeoutError:
            words = f"took longer than {cell_seconds:g} s"
            raise PipelineError(f"{place(notebook, client.counted)} {words}") from None
        except (asyncio.TimeoutError, DeadKernelError):
            # A run that is stopped from outside looks to the client like a kernel that died.
            if time.monotonic() - began >= chapter_seconds:
                words = f"the chapter took longer than {chapter_seconds:g} s, and was stopped in"
                raise PipelineError(f"{words} {place(notebook, client.counted)}") from None
            log.seek(0)
            last = log.read().decode(errors="replace").strip()[-500:]
            words = f"{place(notebook, client.counted)} ended the kernel"
            raise PipelineError(f"{words}; it said: {last or 'nothing'}") from None
        return client.measured()


def place(notebook: NotebookNode, index: int) -> str:
    """A code cell in words: its number, and its first line of code."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    lines = [line for line in code[index].source.splitlines() if line.strip()]
    return f"code cell {index + 1} ({lines[0].strip()!r} …)"


def where(notebook: NotebookNode) -> str:
    """The cell that raised, the line that did, and the error in words."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for index, cell in enumerate(code):
        for output in cell.outputs:
            if output.output_type == "error":
                lines = cell.source.splitlines()
                frames = OWN_LINE.findall(COLORS.sub("", "\n".join(output.traceback)))
                number = int(next(filter(None, frames[-1]))) if frames else 1
                line = lines[min(number, len(lines)) - 1].strip()
                error = f"{output.ename}: {COLORS.sub('', output.evalue)}"
                return f"code cell {index + 1}, its line {number}, raises {error}\n    {line}"
    raise AssertionError("nothing raised in this notebook")
