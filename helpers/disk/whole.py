"""Files that appear whole or not at all, and words for a disk that is full or cannot be written."""

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A name beside `path` to write to, which becomes `path` only if all went well.

    Until then a file that stood at `path` stays as it was, and nothing half-written is left.
    Raises OSError, in words, when the disk is full or the folder cannot be written.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        kept = " What stood there is untouched." if path.exists() else ""
        raise OSError(
            f"{path} cannot be written: {reason(error, path)}.{kept} Make room, or name a file in "
            "another folder, and run this again"
        ) from error
    finally:
        with suppress(OSError):  # in a folder that cannot be written there is nothing to remove
            part.unlink()


def save_whole(state: Any, path: str | os.PathLike[str]) -> None:
    """Keep what torch.save takes in a file, which appears whole or not at all; see `whole_file`."""
    # Into memory first: from a full disk torch itself raises a RuntimeError about its archive,
    # with no word about the disk.
    content = io.BytesIO()
    torch.save(state, content)
    with whole_file(path) as part:
        part.write_bytes(content.getbuffer())


def reason(error: OSError, path: Path) -> str:
    """Why a file could not be written, and how much room there is: "No space left on device
    (0 MB are free there)"."""
    free = shutil.disk_usage(existing(path.parent)).free
    return f"{error.strerror or error} ({free / 1e6:.0f} MB are free there)"


def existing(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    return folder if folder.exists() else existing(folder.parent)
