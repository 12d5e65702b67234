"""An environment like Google Colab's: its Python packages, its stub, an empty folder to work in.

Colab itself runs Python 3.12 or 3.13. Here it is the Python that runs the tests (3.11 where the
machine keeps a torch file for that one only); the packages a notebook meets have Colab's versions.
"""

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
import torch

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
NO_NETWORK = ("unshare", "--net")
# A dead address: for machines that do not let a test cut the network off (macOS, some containers).
DEAD = "http://127.0.0.1:9"


class Failed(AssertionError):
    """A command of the environment failed; the message holds its last words."""


def run(command: list[str], seconds: float, **options) -> str:
    """The standard output of a command; raises Failed with its last words, and when time is up."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        # A kernel lives in a session of its own and would outlast the process that started it.
        family = [*psutil.Process(process.pid).children(recursive=True), process]
        for member in family:
            member.kill()
        process.communicate()
        raise TimeoutError(f"no end after {seconds:.0f} s: {' '.join(command)}") from None
    if process.returncode:
        raise Failed(f"{' '.join(command)}\nended with {process.returncode}\n{(out + err)[-6000:]}")
    return out


def pristine() -> Path:
    """The folder of Colab's environment, built once for each set of pins and never changed."""
    version = importlib.metadata.version("torch").partition("+")[0]
    pins = (HERE / "requirements.txt").read_text() + (HERE / "overrides.txt").read_text()
    key = hashlib.sha256(f"{pins}{version}{sys.version}{sys.base_prefix}".encode()).hexdigest()
    home = ROOT / ".cache" / f"colab-{key[:12]}" / "pristine"
    if (home / "complete").exists():
        return home
    shutil.rmtree(home, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(home)], 300)
    # uv fills it in seconds, and the venv keeps the pip that the bootstrap cell calls.
    fill = [sys.executable, "-m", "uv", "pip", "install", "--python", str(home / "bin" / "python")]
    fill += ["--requirements", str(HERE / "requirements.txt"), f"torch=={version}"]
    fill += ["--override", str(HERE / "overrides.txt"), "--compile-bytecode"]
    search = {**os.environ, "UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", "")}
    if torch.version.cuda is None and sys.platform == "linux":
        plan = subprocess.run(
            [*fill, "--dry-run"], env=search, capture_output=True, text=True, timeout=300
        )
        if "nvidia" in plan.stderr:
            raise Failed(
                "The Colab environment would bring the CUDA build of torch (gigabytes), although "
                "this machine's own torch is the CPU build. Set PIP_FIND_LINKS to the folder that "
                f"holds the CPU file.\n{plan.stderr[-2000:]}"
            )
    run(fill, 900, env=search)
    (home / "complete").touch()
    return home


def disposable() -> Path:
    """A copy of the pristine environment to install into: hard links, so a second and no space.

    pip never writes into a file that is there, it removes and writes anew; the original stays.
    """
    home = pristine()
    copy = Path(tempfile.mkdtemp(prefix="run-", dir=home.parent)) / "venv"
    shutil.copytree(home, copy, symlinks=True, copy_function=os.link)
    for script in (copy / "bin").iterdir():  # their first lines name the original's Python
        if not script.is_symlink() and (text := script.read_bytes()).startswith(b"#!"):
            mode = script.stat().st_mode
            script.unlink()
            script.write_bytes(text.replace(bytes(home), bytes(copy)))
            script.chmod(mode)
    return copy


def course_url(folder: Path) -> str:
    """A git address of the course as it stands in this working tree, with what is not committed."""
    git = ["git", "-c", "safe.directory=*", "-c", "user.name=test", "-c", "user.email=test@test"]
    listed = run([*git, "-C", str(ROOT), "ls-files", "-z"], 60)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():  # a file may be deleted and the deletion not yet committed
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for step in (["init", "-q"], ["add", "--force", "."], ["commit", "-q", "-m", "working tree"]):
        run([*git, "-C", str(folder), *step], 60)
    return f"git+file://{folder}"


def can_cut_network() -> bool:
    """Whether this machine lets a test start a process that has no network at all."""
    if not shutil.which(NO_NETWORK[0]):
        return False
    return subprocess.run([*NO_NETWORK, "true"], capture_output=True, timeout=30).returncode == 0


@dataclass(frozen=True)
class Colab:
    """One Colab session: an environment and an empty folder /content."""

    home: Path
    content: Path

    @property
    def python(self) -> str:
        return str(self.home / "bin" / "python")

    def packages(self) -> dict[str, str]:
        """Every installed package with its version, as pip sees it."""
        listed = run([self.python, "-m", "pip", "list", "--format=json"], 120, env=self.variables())
        return {row["name"].lower(): row["version"] for row in json.loads(listed)}

    def variables(self, **more: str) -> dict[str, str]:
        """The environment variables of a session, without those of the tests' own Python."""
        foreign = ("COURSE_", "JUPYTER", "IPYTHON", "PYTHON", "PYTEST", "VIRTUAL_ENV", "MPL")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        profile = self.home.parent / "ipython" / "profile_default" / "startup"
        if not profile.exists():
            shutil.copytree(HERE / "startup", profile)
        return {
            **kept,
            "PATH": f"{self.home / 'bin'}{os.pathsep}{kept['PATH']}",
            "PYTHONPATH": str(HERE / "stub"),
            "IPYTHONDIR": str(profile.parents[1]),
            "JUPYTER_RUNTIME_DIR": str(self.home.parent / "runtime"),
            "COLAB_RELEASE_TAG": "release-colab-stub",
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "OMP_NUM_THREADS": "1",
            **more,
        }

    def run(self, name: str, seconds: float, *, network: bool = True, **variables: str):
        """The notebook `name` of /content, executed; raises Failed when a cell raised.

        `seconds` is the limit for the whole run. jupyter_client 7.4.9 now and then waits for ever
        on an idle kernel (seen once in five runs on a busy machine): then one more attempt.
        """
        command = [self.python, str(HERE / "run_notebook.py"), name, f"out-{name}", str(seconds)]
        env = self.variables(**variables)
        if not network and can_cut_network():
            command = [*NO_NETWORK, *command]
        elif not network:
            env.update(http_proxy=DEAD, https_proxy=DEAD, ALL_PROXY=DEAD, no_proxy="")
        for attempt in (1, 2):
            try:
                started = time.monotonic()
                run(command, seconds, cwd=self.content, env=env)
                print(f"{name}: {time.monotonic() - started:.1f} s (attempt {attempt})")
                break
            except TimeoutError:
                if attempt == 2:
                    raise
        return nbformat.read(self.content / f"out-{name}", as_version=4)
