"""What the first cell of a chapter calls: install what is missing, and set the stage.

Environment variables that the course listens to, all of them optional:

=============  =================================================================================
COURSE_SOURCE  where the first cell of a notebook installs the course from: anything that pip
               takes (a folder, a wheel, git+https://…); by default the public repository
COURSE_DEVICE  cpu, cuda, cuda:1 or mps instead of the automatic choice
COURSE_BUDGET  a number above 0 and at most 1 that shortens every training by that factor
COURSE_STRICT  1: a check raises where a reader's answer is wrong or missing (for teachers)
COURSE_DATA    a folder that holds data files already, as they are or packed as .gz, under the
               names of `helpers.matter`, such as perov_5_val.csv: then nothing is downloaded
COURSE_CACHE   the folder where downloads are kept instead of the system's own place for caches
COURSE_STATIC  1: explorers and animations become pictures that move without a kernel; set while
               the committed notebooks are executed
=============  =================================================================================
"""

import importlib
import subprocess
import sys
import tempfile
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import torch

from helpers.course.advice import give_advice
from helpers.course.device import device
from helpers.show import style

#: What pip calls each package, as in pyproject.toml (a test compares), under the name that
#: Python imports it by.
PACKAGES: dict[str, str] = {
    "torch": "torch>=2.4",
    "numpy": "numpy>=1.26",
    "matplotlib": "matplotlib>=3.8",
    "seaborn": "seaborn>=0.13",
    "celluloid": "celluloid>=0.2",
    "tqdm": "tqdm>=4.65",
    "ipywidgets": "ipywidgets>=7.7",
    "PIL": "pillow>=10",
    "ot": "POT>=0.9.3",
    "ase": "ase>=3.22",
    "pymatgen": "pymatgen>=2024.8.9",
    "spglib": "spglib>=2.3",
    "pooch": "pooch>=1.7",
    "requests": "requests>=2.28",
    "scipy": "scipy>=1.11",
    "torchdiffeq": "torchdiffeq>=0.2.3",
    "chgnet": "chgnet>=0.4",
    "rdkit": "rdkit>=2024.3.1",
    "gemmi": "gemmi>=0.6.5",
    "openbabel": "openbabel-wheel>=3.1.1.20",
}

_ALWAYS = ("torch", "numpy", "matplotlib", "celluloid", "ipywidgets", "PIL")
_MATTER = ("ase", "pymatgen", "pooch", "requests", "scipy")
_MOLECULES = ("rdkit", "openbabel", "gemmi")

#: What each chapter imports, itself or through the helpers (a test compares).
NEEDS: dict[str, tuple[str, ...]] = {
    "01": _ALWAYS,
    "02": (*_ALWAYS, "seaborn"),
    "03": (*_ALWAYS, "tqdm", "ot"),
    "04": (*_ALWAYS, "tqdm", *_MATTER, "spglib"),
    "05": (*_ALWAYS, "tqdm", *_MATTER, "ot", "torchdiffeq"),
    "06": (*_ALWAYS, "tqdm", *_MATTER, "chgnet"),
    "07": (*_ALWAYS, "tqdm", *_MATTER, "spglib", "chgnet"),
    "08": (*_ALWAYS, "tqdm", "ase", "pymatgen", "pooch", "requests", *_MOLECULES),
}

#: What an installation must never replace: in Colab these fit the machine and each other.
KEPT = (
    "torch",
    "numpy",
    "scipy",
    "pandas",
    "matplotlib",
    "pillow",
    "ipython",
    "ipykernel",
    "ipywidgets",
)


def setup(chapter: str, *, threads: int = 1) -> None:
    """Ready the session for a chapter ("01"), and print one line that says where it runs.

    Installs what the chapter needs and this Python lacks, without touching torch or numpy; sets
    the style of figures; on the CPU, has torch use `threads` threads, because the course's small
    tensors are slower on several; from now on words stand below errors such as a full disk
    (`helpers.course.advice`). Harmless when called again.
    Raises ValueError for an unknown chapter or a `threads` below 1, RuntimeError when something
    missing cannot be installed.
    """
    if chapter not in NEEDS:
        raise ValueError(f"there is no chapter {chapter!r}; the chapters are {', '.join(NEEDS)}")
    if threads < 1:
        raise ValueError(f"torch needs at least one thread, got threads={threads}")
    where = device()
    install([PACKAGES[name] for name in missing(NEEDS[chapter])])
    style.use()
    give_advice()
    if where.type == "cpu":
        torch.set_num_threads(threads)
    print(f"Noise to Crystals · chapter {chapter} · running on {where}")


def missing(names: tuple[str, ...]) -> list[str]:
    """Those of the import names that this Python cannot import."""
    return [name for name in names if find_spec(name) is None]


def install(requirements: list[str]) -> None:
    """pip installs the requirements beside what is there; every version in KEPT stays as it is.

    Raises RuntimeError, in words, when pip fails or when a kept version changed after all.
    """
    if not requirements:
        return
    before = versions()
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder) / "constraints.txt"
        pins.write_text("".join(f"{name}=={version}\n" for name, version in before.items()))
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", str(pins)]
        done = subprocess.run([*command, *requirements], capture_output=True, text=True)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()
        # The last line may be a hint about pip itself; what failed stands after ERROR.
        said = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1])
        raise RuntimeError(
            f"This chapter needs {', '.join(requirements)}, which could not be installed. "
            "Is there a network? Connect and run this cell again, or install it by hand with: "
            f"pip install {' '.join(repr(r) for r in requirements)}. pip said: {said}"
        )
    importlib.invalidate_caches()
    after = versions()
    changed = [f"{n} {v} → {after.get(n)}" for n, v in before.items() if after.get(n) != v]
    if changed:
        raise RuntimeError(
            f"Installing {', '.join(requirements)} replaced {', '.join(changed)}. Restart the "
            "runtime, and start from a fresh one if something then misbehaves."
        )


def versions() -> dict[str, str]:
    """The installed version of each package in KEPT that is installed."""
    found = {}
    for name in KEPT:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
