"""Structures by their PDB code: from COURSE_DATA, the cache, or the Protein Data Bank.

Unlike the data sets of chapter 04 an entry has no checksum to compare with: the Protein Data Bank
revises its files. What is checked is that the file is whole, before it is kept.
"""

import re

from helpers.matter.download import bring, cache_folder, find_local, read_local

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
    return bring(
        f"{site}/{code.upper()}.{kind}",
        cached,
        lambda content: "" if whole(content, kind) else "is truncated: its end is missing",
        source="The Protein Data Bank",
        hint="Large entries are there as cif only. ",
    )


def whole(content: bytes, kind: str) -> bool:
    """Whether the file has its last line: END of a PDB file, a # after a table of mmCIF."""
    last = content.rstrip().rsplit(b"\n", 1)[-1].strip()
    return last == (b"END" if kind == "pdb" else b"#")
