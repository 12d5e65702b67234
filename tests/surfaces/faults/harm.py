"""Worlds in which something is missing: a network, room on the disk, the right to write.

On Linux each is a name space of its own, which ends with its process and needs no rights. Where
that is not allowed, a closed port stands for the network, a limit on the size of files for the
disk, and the permission bits, or another user, for the folder.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
ROOM = 2_000_000  # bytes for everything that a drill writes on its small disk
NOBODY = 65534


def permitted(*flags: str) -> bool:
    """Whether this machine lets us make such a name space."""
    if not shutil.which("unshare"):
        return False
    return subprocess.run(["unshare", *flags, "true"], capture_output=True).returncode == 0


def environment() -> dict[str, str]:
    """The test's own, without the folders of data and what else would help."""
    known = {k: v for k, v in os.environ.items() if not k.startswith(("COURSE_", "PYTEST_"))}
    return known | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "book" / "_tools")]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "PIP_RETRIES": "0",
        "PIP_NO_CACHE_DIR": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }


def told(done: subprocess.CompletedProcess) -> dict:
    """What a drill reports: JSON in its last line."""
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def without_network(drill: str, folder: Path) -> dict:
    """What the drill reports where no address can be reached."""
    command, extra = [sys.executable, str(HERE / drill)], {}
    if permitted("-rn"):
        command = ["unshare", "-rn", *command]
    else:
        names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
        extra = dict.fromkeys(names, "http://127.0.0.1:9")  # a port that nobody listens on
    return told(run(command, folder, extra))


def on_a_small_disk(drill: str, folder: Path, **extra: str) -> dict:
    """What the drill reports in a folder of ROOM bytes; with NO_TMPFS it limits itself."""
    command = [sys.executable, str(HERE / drill)]
    if not permitted("-rm"):
        return told(run(command, folder, extra | {"NO_TMPFS": "1"}))
    mount = f'mount -t tmpfs -o size={ROOM} tmpfs "$0" && cd "$0" && exec "$@"'
    return told(run(["unshare", "-rm", "sh", "-c", mount, str(folder), *command], folder, extra))


def in_a_closed_folder(drill: str, folder: Path) -> dict:
    """What the drill reports in a folder that it may read and not write."""
    command = [sys.executable, str(HERE / drill)]
    if permitted("-rm"):
        mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd "$0" && exec "$@"'
        return told(run(["unshare", "-rm", "sh", "-c", mount, str(folder), *command], folder))
    folder.chmod(0o555)

    def someone_else() -> None:
        if os.geteuid() == 0:  # permission bits do not count for root
            os.setuid(NOBODY)

    return told(run(command, folder, {}, someone_else))


def run(
    command: list[str], folder: Path, extra: dict[str, str] | None = None, first=None
) -> subprocess.CompletedProcess:
    return subprocess.run(
        command,
        cwd=folder,
        env=environment() | (extra or {}),
        preexec_fn=first,
        capture_output=True,
        text=True,
        timeout=120,
    )
