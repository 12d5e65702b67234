"""Words below an error that is not about what the reader wrote: a kernel that was restarted, cells
run out of order, a full disk, a folder that cannot be written, a full memory.

Python's own message and traceback stay as they are. Works wherever IPython runs the cells.
"""

from __future__ import annotations

import difflib
import errno
import os
import re
from collections.abc import Collection
from typing import Any

from IPython import get_ipython
from IPython.display import display

from helpers.course import report

ABOVE = (
    "Run ▸ Run All Above Selected Cell (in Colab: Runtime ▸ Run before), and then this cell again"
)
KEEP = "The notebook itself may not be saved either: File ▸ Download keeps a copy of your answers."
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}


def give_advice() -> None:
    """From now on words stand below such errors in this session; harmless when called again."""
    shell = get_ipython()
    if shell is None:
        return
    known = shell.events.callbacks["post_run_cell"]
    # After an update of the course in the same session the function is another of the same name.
    if not any(getattr(f, "__qualname__", "") == _after_cell.__qualname__ for f in known):
        shell.events.register("post_run_cell", _after_cell)


def _after_cell(result: Any) -> None:
    """Show the advice for the error that a cell ended in, if there is any."""
    error = result.error_in_exec
    shell = get_ipython()
    if error is None or shell is None:
        return
    source = getattr(getattr(result, "info", None), "raw_cell", "") or ""
    words = advice(error, source, shell.user_ns)
    if words:
        body = report.heading("note", "What to do") + report.paragraph(words)
        display(report.Report("note", f"→ {words}", body))


def advice(error: BaseException, source: str, names: dict[str, Any]) -> str:
    """What to do about an error, in words; "" where Python's own message says it all.

    `source` is the cell's text and `names` what the session has defined.
    """
    if isinstance(error, NameError) and not isinstance(error, UnboundLocalError):
        # Only a name that a cell looked up: not one that a library lacks.
        return about_name(error.name or "", source, names) if _in_a_cell(error, names) else ""
    number = _number(error)
    if number in _FULL:
        return (
            "The disk is full. Make room, and run this cell again; what was saved before is "
            f"whole. {KEEP}"
        )
    if number in _CLOSED and not os.access(os.curdir, os.W_OK):
        return (
            "This folder cannot be written. Open a copy of the notebook in a folder of your own, "
            f"and run it there. {KEEP}"
        )
    if memory_is_full(error):
        return (
            "The memory is full. Ask for less at a time: a smaller batch, fewer samples, a "
            "smaller network. If it stays full, restart the kernel (Kernel ▸ Restart Kernel), "
            'which loses no text; set COURSE_DEVICE to "cpu" to do without the graphics card. '
            "A training with a checkpoint goes on from its last save."
        )
    return ""


def about_name(name: str, source: str, names: Collection[str]) -> str:
    """What to do about a name that the session does not know."""
    if re.search(rf"^\s*{re.escape(name)} = check\({re.escape(name)}\b", source, re.MULTILINE):
        return (
            f"`{name}` is your function, and its cell has not run yet: run the cell above that "
            f"begins with `def {name}`, and then this one. Nothing that you wrote is lost."
        )
    near = difflib.get_close_matches(name, [n for n in names if not n.startswith("_")], 1, 0.8)
    meant = f" Or did you mean `{near[0]}`?" if near else ""
    return (
        f"No cell that has run since the kernel was started defines `{name}`. If one further up "
        f"does: {ABOVE}. Nothing that you wrote is lost; the checks on the way find your solved "
        f"exercises solved.{meant}"
    )


def memory_is_full(error: BaseException) -> bool:
    """Whether the memory of the machine or of its graphics card did not suffice."""
    said = str(error).lower()  # torch's own class for it is a RuntimeError too
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and ("out of memory" in said or "can't allocate memory" in said)
        and "the memory is full" not in said  # a training has said so already
    )


def _in_a_cell(error: BaseException, names: dict[str, Any]) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals is names


def _number(error: BaseException | None) -> int | None:
    """The system's number of the error, or of the one that it was put into words from."""
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return error.errno
        error = error.__cause__
    return None
