"""Data files from the web: fetched once, checked every time, or read from a local copy.

Two environment variables, both optional: COURSE_DATA, a folder that holds the files already, as
they are or packed as .gz; and COURSE_CACHE, the folder where downloads are kept (by default that
of pooch for this system).
"""

import gzip
import hashlib
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tqdm.auto import tqdm

from helpers.disk import reason


class Remote(NamedTuple):
    """A file on the web: its name, where it stands, its size in bytes or None, its checksum.

    The checksum is "sha256:" or "git:" and hexadecimal digits. "git" is the name that git gives
    the content: SHA-1 of "blob", the size and the content.
    """

    name: str
    url: str
    size: int | None
    checksum: str


def checksum(content: bytes, kind: str = "sha256") -> str:
    """The checksum of the content as `Remote` writes it: "sha256:…" or "git:…".

    Raises ValueError for any other kind.
    """
    if kind == "sha256":
        return f"sha256:{hashlib.sha256(content).hexdigest()}"
    if kind == "git":
        head = f"blob {len(content)}\0".encode()
        return f"git:{hashlib.sha1(head + content, usedforsecurity=False).hexdigest()}"
    raise ValueError(f"checksum of the kind {kind!r}: there are sha256 and git")


def fetch(remote: Remote) -> bytes:
    """The content of the file, checked: from COURSE_DATA, else the cache, else the web.

    A download shows a progress bar (not with COURSE_STATIC=1) and reaches the cache only when it
    is whole. A cached file that has changed is fetched anew; a local copy is never touched.
    Raises FileNotFoundError when COURSE_DATA is no folder, ValueError when a file is truncated
    or altered, ConnectionError without network or when the server does not hand the file out,
    and OSError when the cache cannot be written: each says what to do.
    """
    local = find_local(remote.name)
    if local is not None:
        content = read_local(local)
        complaint = fault(content, remote)
        if complaint:
            raise ValueError(
                f"The local copy {local} {complaint}. Replace it by the file from {remote.url}"
            )
        return content
    cached = cache_folder() / remote.name
    if cached.is_file():
        content = cached.read_bytes()
        if not fault(content, remote):
            return content
    return download(remote, cached)


def cache_folder() -> Path:
    """Where downloads are kept: COURSE_CACHE, or pooch's folder for this system."""
    import pooch

    return Path(os.environ.get("COURSE_CACHE") or pooch.os_cache("noise-to-crystals"))


def find_local(name: str) -> Path | None:
    """The file `name` or `name`.gz in COURSE_DATA; None without the variable or the file.

    Raises FileNotFoundError when COURSE_DATA names no folder.
    """
    folder = os.environ.get("COURSE_DATA")
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise FileNotFoundError(
            f"COURSE_DATA = {folder}: there is no such folder. It should hold the data files; "
            "unset it to download them"
        )
    candidates = [Path(folder) / name, Path(folder) / f"{name}.gz"]
    return next((path for path in candidates if path.is_file()), None)


def read_local(path: Path) -> bytes:
    """The content of a file, unpacked when its name ends in .gz.

    Raises ValueError when the packed file is truncated or damaged.
    """
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path) as file:
            return file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"The local copy {path} is truncated or damaged and cannot be unpacked ({error}): "
            "copy it again"
        ) from error


def fault(content: bytes, remote: Remote) -> str:
    """What is wrong with the content, in words; empty when it has the right checksum."""
    found = checksum(content, remote.checksum.partition(":")[0])
    if found == remote.checksum:
        return ""
    what = "is altered"
    if remote.size is not None and len(content) < remote.size:
        what = f"is truncated: {len(content)} of {remote.size} bytes"
    return f"{what}; its checksum is {found}, expected {remote.checksum}"


def download(remote: Remote, target: Path) -> bytes:
    """Fetch the file from the web into `target` and return its content; see `fetch`."""
    return bring(remote.url, target, lambda content: fault(content, remote), remote.size)


def bring(
    url: str,
    target: Path,
    complaint: Callable[[bytes], str],
    size: int | None = None,
    source: str = "The server",
    hint: str = "",
) -> bytes:
    """The content at `url`, kept in `target` once it is whole; a progress bar counts its bytes.

    `complaint(content)` says in words what is wrong with the content, or nothing. Where `source`
    does not give the file, `hint` says why that may be. Raises the errors of `fetch`.
    """
    import pooch
    import requests

    name = target.name
    by_hand = (
        f"Without network, put {name} (or {name}.gz) from {url} into a folder and set the "
        "environment variable COURSE_DATA to that folder"
    )
    quiet = os.environ.get("COURSE_STATIC") == "1"
    pooch.get_logger().setLevel("WARNING")  # the bar says what is being fetched
    # A bar with a total of nothing counts as False, and pooch would not use it.
    bar: Any = tqdm(desc=name, total=size or 1, unit="B", unit_scale=True, disable=quiet)
    get = pooch.HTTPDownloader(progressbar=False if quiet else bar, timeout=30)

    def whole(address: str, file: str, _: object) -> None:
        """pooch moves the file into the cache only if this ends without an exception."""
        get(address, file, None)
        wrong = complaint(Path(file).read_bytes())
        if wrong:
            raise ValueError(f"{url} {wrong}. Nothing was kept. Try again. {by_hand}")

    # Beside the old file until it is whole: an interrupted download leaves nothing behind.
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        path = pooch.retrieve(url, None, fname=name, path=target.parent, downloader=whole)
        return Path(path).read_bytes()
    except requests.HTTPError as error:
        raise ConnectionError(
            f"{source} does not hand out {name}: {error}. {hint}{by_hand}"
        ) from error
    except (
        requests.exceptions.ChunkedEncodingError,
        requests.exceptions.ContentDecodingError,
    ) as error:
        raise ValueError(
            f"{url} arrived truncated, nothing was kept: {error}. Try again. {by_hand}"
        ) from error
    except requests.RequestException as error:
        raise ConnectionError(
            f"{name} could not be downloaded: is there a network? {by_hand}.\n({error})"
        ) from error
    except OSError as error:
        raise OSError(
            f"{name} cannot be kept in {target.parent}: {reason(error, target)}. Make room, or "
            "name another folder with the environment variable COURSE_CACHE"
        ) from error
    finally:
        bar.close()
