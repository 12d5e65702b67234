"""What a training says when it is interrupted or the memory is full: what is saved, and the way on.

The words stand in the exception itself, so that every front end shows them below the traceback.
"""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


def says_what_is_saved(training: Callable[P, R]) -> Callable[P, R]:
    """A decorator of a training that takes `checkpoint`: an interrupt and a full memory are raised
    again, of the same kind, with words about what is saved and how to go on."""

    @functools.wraps(training)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return training(*args, **kwargs)
        except (KeyboardInterrupt, MemoryError, RuntimeError) as error:
            stopped = isinstance(error, KeyboardInterrupt)
            if not (stopped or memory_is_full(error)):
                raise
            file = kwargs.get("checkpoint")
            saved = what_is_saved(file if isinstance(file, str | os.PathLike) else None)
            if stopped:
                words = f"the training was stopped. {saved}"
            else:
                words = (
                    f"the memory is full. {saved} Before that, make the batch smaller (or the "
                    "network), and restart the kernel if the memory stays full; COURSE_DEVICE=cpu "
                    f"computes without the graphics card. In detail: {error}"
                )
            raise type(error)(words) from error

    return told


def memory_is_full(error: BaseException) -> bool:
    """Whether the memory of the machine or of its graphics card did not suffice."""
    said = str(error).lower()  # torch has a class of its own for CUDA only
    known = (MemoryError, torch.cuda.OutOfMemoryError)
    return isinstance(error, known) or "out of memory" in said or "can't allocate memory" in said


def what_is_saved(checkpoint: str | os.PathLike[str] | None) -> str:
    """What the checkpoint of a training holds, in words, and how to go on from there."""
    if checkpoint is None:
        return (
            "Nothing of it is saved: it begins anew when run again. "
            'train(..., checkpoint="run.pt") saves it on the way.'
        )
    if not Path(checkpoint).exists():
        return f"{checkpoint} was not written yet: it begins anew when run again."
    done = torch.load(checkpoint, weights_only=True, map_location="cpu")["done"]
    return f"{done} updates are safe in {checkpoint}: run again, and it goes on from there."
