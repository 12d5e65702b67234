"""Where tensors live: on the graphics card when there is one."""

import os

import torch


def device() -> torch.device:
    """The device that this course computes on: cuda where there is one, else cpu; mps by wish only.

    The environment variable COURSE_DEVICE overrules the choice.
    Raises ValueError when COURSE_DEVICE is no device that torch knows or that this machine has.
    """
    wish = os.environ.get("COURSE_DEVICE", "").strip()
    if not wish:
        return torch.device(best())
    try:
        chosen = torch.device(wish)
    except RuntimeError:
        raise ValueError(
            f"COURSE_DEVICE is {wish!r}, which is no device: use cpu, cuda, cuda:0 or mps"
        ) from None
    if chosen.type not in available():
        raise ValueError(
            f"COURSE_DEVICE is {wish!r}, but this machine only has: {', '.join(available())}"
        )
    return chosen


def available() -> list[str]:
    """The kinds of device on this machine, the fastest first; the last one is always "cpu"."""
    kinds = []
    if torch.cuda.is_available():
        kinds.append("cuda")
    if torch.backends.mps.is_available():
        kinds.append("mps")
    return [*kinds, "cpu"]


def best() -> str:
    """The fastest kind of device on this machine, as a word."""
    return next(kind for kind in available() if kind != "mps")  # which has no float64
