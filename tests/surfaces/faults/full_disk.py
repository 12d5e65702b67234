"""Everything that the course writes, on a disk that fills up; run by `harm.on_a_small_disk`."""

import io
import json
import os
import resource
import threading
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import torch
from rdkit import Chem
from said import words
from training import run, same

from helpers.course import grade
from helpers.course.progress import FILE, record
from helpers.disk import save_whole
from helpers.evaluate.hull import load_hull, save_hull
from helpers.matter import (
    Remote,
    checksum,
    fetch,
    prototypes,
    write_cif,
    write_extxyz,
    write_summary,
)
from helpers.matter.sdf import write_sdf
from helpers.models.mattergen_weights import load_mattergen, save_mattergen

FILLER = Path("filler")
SOURCE = Path(os.environ["SOURCE"])  # on another disk: a download and a learner's notebook
HARD = resource.getrlimit(resource.RLIMIT_FSIZE)[1]


def fill() -> None:
    """Leave no byte of room; where the disk is the machine's own, no file may grow instead."""
    if os.environ.get("NO_TMPFS"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, HARD))
        return
    with FILLER.open("wb", buffering=0) as file:
        size = 65536
        while size:
            try:
                file.write(b"0" * size)
            except OSError:
                size //= 2


def make_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (HARD, HARD))
    FILLER.unlink(missing_ok=True)


def left_beside() -> list[str]:
    return sorted(path.name for path in Path().glob("*.part"))


def training() -> dict:
    """The disk fills up between the second save and the third."""
    said = words(lambda: run(lambda n: fill() if n == 45 else None))
    saved = torch.load("run.pt", weights_only=True)["done"]
    left = left_beside()
    make_room()
    return {
        "words": said,
        "saved": saved,
        "left": left,
        "same end": same(run(), run(checkpoint=None)),
    }


def files() -> dict:
    """Files over files of the same name: what stood there stays."""
    crystal, mol = next(iter(prototypes().values())), Chem.MolFromSmiles("CCO")
    mattergen, hull = load_mattergen(), load_hull()
    writers = {
        "weights.pt": lambda path: save_mattergen(path, mattergen),
        "results.pt": lambda path: save_whole(torch.zeros(9), path),
        "hull.json": lambda path: save_hull(hull, Path(path)),
        "run.cif": lambda path: write_cif(path, crystal),
        "run.xyz": lambda path: write_extxyz(path, crystal),
        "run.json": lambda path: write_summary(path, {"number": 0.5}),
        "run.sdf": lambda path: write_sdf(path, [mol]),
    }
    for name in writers:
        Path(name).write_text("old")
    fill()
    said = {name: words(partial(write, name)) for name, write in writers.items()}
    old = {name: Path(name).read_text(errors="replace") for name in writers}
    left = left_beside()
    make_room()
    again = {name: words(partial(write, name)) for name, write in writers.items()}
    return {"words": said, "old": old, "left": left, "again": again}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def download() -> dict:
    """A file from a server on this machine into the cache."""
    content = (SOURCE / "table.csv").read_bytes()
    os.environ["COURSE_CACHE"] = "cache"
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=SOURCE)) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/table.csv"
        remote = Remote("table.csv", url, len(content), checksum(content))
        Path("cache").mkdir()
        fill()
        said = words(lambda: fetch(remote))
        kept = sorted(path.name for path in Path("cache").iterdir())
        make_room()
        again = fetch(remote) == content
        server.shutdown()
    return {"words": said, "kept": kept, "again": again}


def progress() -> dict:
    """A reader's exercises: kept in memory while the disk is full, and written afterwards."""
    fill()
    said = record("euler_step", "solved")
    make_room()
    later = record("heun_step", "solved")
    return {"words": said, "later": later, "kept": json.loads(Path(FILE).read_text())["exercises"]}


def grading() -> dict:
    """A teacher's table over an older one."""
    Path("grades.csv").write_text("old")
    fill()
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = grade.main([str(SOURCE / "class"), "--csv", "grades.csv"])
    old = Path("grades.csv").read_text()
    make_room()
    return {"status": status, "rows": out.getvalue(), "words": err.getvalue(), "old": old}


print(json.dumps({f.__name__: f() for f in (training, files, download, progress, grading)}))
