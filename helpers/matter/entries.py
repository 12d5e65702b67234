"""Structures by their PDB code: from COURSE_DATA, the cache, or the Protein Data Bank.

Unlike the data sets of chapter 04 an entry has no checksum to compare with: the Protein Data Bank
revises its files. What is checked is that the file is whole, before it is kept.
"""

import os
import re
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from helpers.matter.download import cache_folder, find_local, read_local
from helpers.matter.whole import reason

SITE = "https://files.rcsb.org/download"


def fetch_entry(code: str, kind: str = "pdb", site: str = SITE) -> bytes:
    """The file of a PDB code such as "3rfm", as "pdb" or "cif": from COURSE_DATA, else the cache,
    else the web; in the cache it is named 3rfm.pdb.

    Raises ValueError for what is no code or kind and for a file that is not whole,
    FileNotFoundError when COURSE_DATA is no folder, ConnectionError without network or such an
    entry, and OSError when the cache cannot be written: each says what to do.
    """
    if not re.fullmatch(r"[0-9][A-Za-z0-9]{3}", code):
        raise ValueError(f"{code!r} is no PDB code: a digit and three letters or digits, as 3rfm")
    if kind not in ("pdb", "cif"):
        raise ValueError(f"kind = {kind!r}: an entry is there as pdb or cif")
    name = f"{code.lower()}.{kind}"
    local = find_local(name)
    if local is not None:
        content = read_local(local)
        if not whole(content, kind):
            raise ValueError(f"The local copy {local} is truncated: its end is missing")
        return content
    cached = cache_folder() / name
    if cached.is_file() and whole(cached.read_bytes(), kind):
        return cached.read_bytes()
    return download_entry(f"{site}/{code.upper()}.{kind}", cached, kind)


def whole(content: bytes, kind: str) -> bool:
    """Whether the file has its last line: END of a PDB file, a # after a table of mmCIF."""
    last = content.rstrip().rsplit(b"\n", 1)[-1].strip()
    return last == (b"END" if kind == "pdb" else b"#")


def download_entry(url: str, target: Path, kind: str) -> bytes:
    """Fetch the file from the web into `target` and return its content; see `fetch_entry`."""
    import pooch
    import requests

    by_hand = (
        f"Without network, put {target.name} (or {target.name}.gz) from {url} into a folder and "
        "set the environment variable COURSE_DATA to that folder"
    )
    quiet = os.environ.get("COURSE_STATIC") == "1"
    pooch.get_logger().setLevel("WARNING")
    bar: Any = tqdm(desc=target.name, total=1, unit="B", unit_scale=True, disable=quiet)
    get = pooch.HTTPDownloader(progressbar=False if quiet else bar, timeout=30)

    def checked(address: str, file: str, _: object) -> None:
        """pooch moves the file into the cache only if this ends without an exception."""
        get(address, file, None)
        if not whole(Path(file).read_bytes(), kind):
            raise ValueError(f"{url} arrived truncated, nothing was kept. Try again. {by_hand}")

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        path = pooch.retrieve(url, None, fname=target.name, path=target.parent, downloader=checked)
        return Path(path).read_bytes()
    except requests.HTTPError as error:
        raise ConnectionError(
            f"The Protein Data Bank does not hand out {target.name}: {error}. Large entries are "
            f"there as cif only. {by_hand}"
        ) from error
    except requests.RequestException as error:
        raise ConnectionError(
            f"{target.name} could not be downloaded: is there a network? {by_hand}.\n({error})"
        ) from error
    except OSError as error:
        raise OSError(
            f"{target.name} cannot be kept in {target.parent}: {reason(error, target)}. "
            "Make room, or name another folder with the environment variable COURSE_CACHE"
        ) from error
    finally:
        bar.close()
