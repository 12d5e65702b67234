"""Let a reader's function run without harm: it may loop, allocate, print, seed or crash.

Time: an alarm signal on the main thread of Unix, elsewhere an interrupt sent by a watching
thread. Both stop Python code, not a single long call into compiled code; nor, in Python 3.10, a
loop whose whole body is a `try`, where Python itself hears nothing. Memory: on Linux the address
space may grow by a limited amount while a check runs (not beside CUDA, which reserves address
space by the terabyte; there torch's own refusal must do). State: the random generators, the
default dtype and the gradient mode are put back, so that a check never changes later cells.
"""

from __future__ import annotations

import _thread
import contextlib
import ctypes
import inspect
import io
import linecache
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import CodeType, ModuleType
from typing import Any, TypeVar

import numpy as np
import torch

resource: ModuleType | None
try:
    import resource
except ImportError:  # Windows has no such module, and so no memory limit
    resource = None

T = TypeVar("T")


class TimeLimit(BaseException):
    """Stops a reader's function; no `except Exception` in it can swallow this one."""


def within(seconds: float, work: Callable[[], T]) -> T:
    """What `work()` returns; raises TimeLimit when it takes longer than `seconds`."""
    armed = True

    def expire(*_: object) -> None:
        if armed:
            raise TimeLimit

    main = threading.current_thread() is threading.main_thread()
    if not (main and hasattr(signal, "setitimer")):
        return _watched(seconds, work, main)
    handler = signal.signal(signal.SIGALRM, expire)
    # Once a second again, should the reader's code swallow the first one by a bare `except:`.
    outer, outer_every = signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    started = time.monotonic()
    try:
        return work()
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if outer:  # somebody else's alarm, for example a test runner's
            left = outer - (time.monotonic() - started)
            signal.setitimer(signal.ITIMER_REAL, max(left, 1e-3), outer_every)


def _watched(seconds: float, work: Callable[[], T], main: bool) -> T:
    """`within` where no alarm signal can come: a thread watches and interrupts this one."""
    caller, done, late = threading.get_ident(), threading.Event(), threading.Event()
    lock = threading.Lock()

    def watch() -> None:
        if done.wait(seconds):
            return
        with lock:
            if done.is_set():
                return
            late.set()
            if main:
                _thread.interrupt_main()
            else:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(caller), ctypes.py_object(TimeLimit)
                )

    threading.Thread(target=watch, daemon=True).start()
    try:
        result = work()
        with lock:
            done.set()
        return result
    except KeyboardInterrupt as error:
        if late.is_set():
            raise TimeLimit().with_traceback(error.__traceback__) from None
        raise
    finally:
        done.set()


@contextlib.contextmanager
def memory_limit(extra: int) -> Iterator[None]:
    """Inside, the process may take at most `extra` bytes more; then MemoryError.

    Only on Linux without CUDA; elsewhere there is no limit.
    """
    if resource is None or not sys.platform.startswith("linux") or torch.cuda.is_available():
        yield
        return
    with open("/proc/self/statm") as statm:
        size = int(statm.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    tighter = [limit for limit in (soft, hard, size + extra) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(tighter), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextlib.contextmanager
def same_state(seed: int) -> Iterator[None]:
    """Inside, all random generators start from `seed`; afterwards everything is as before."""
    cuda = torch.cuda.is_available()
    before = (
        random.getstate(),
        np.random.get_state(),
        torch.get_rng_state(),
        torch.cuda.get_rng_state_all() if cuda else [],
    )
    dtype, gradients = torch.get_default_dtype(), torch.is_grad_enabled()
    random.seed(seed)
    np.random.seed(seed)
    torch.random.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])
        if cuda:
            torch.cuda.set_rng_state_all(before[3])
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(gradients)


class Printed(io.StringIO):
    """Takes what a reader's function prints, and keeps the first 2000 characters of it."""

    def write(self, text: str) -> int:
        super().write(text[: max(0, 2000 - self.tell())])
        return len(text)


def own_line(error: BaseException, function: Any) -> tuple[int, str] | None:
    """Number and text of the reader's line in which the error arose; None if it was not theirs."""
    code = code_of(function)
    found = None
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        # A helper that the reader wrote in another cell counts as theirs too.
        if (code and name == code.co_filename) or "ipykernel_" in name or "ipython-input" in name:
            found = trace.tb_lineno, linecache.getline(name, trace.tb_lineno).strip()
        trace = trace.tb_next
    return found


def code_of(function: Any) -> CodeType | None:
    """The code object behind a function, a partial or an object with __call__, if there is one."""
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function)
    if not hasattr(function, "__code__") and not isinstance(function, type):
        function = type(function).__call__
    return getattr(function, "__code__", None)
