"""On what machine, with which versions and when: without names of hosts, people or folders."""

import datetime
import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch

#: What is measured, and what it is compared with.
PACKAGES = ("torch", "numpy", "torchsde", "diffusers", "torchcfm", "POT", "ase", "pymatgen")


def processor() -> str:
    """The model of the CPU, from where the system says it."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def machine() -> dict[str, str]:
    """What a reader needs in order to place the numbers, as a table's rows."""
    cores = os.cpu_count()
    return {
        "date": datetime.date.today().isoformat(),
        "processor": f"{processor()}, {cores} cores, of which one is used",
        "system": f"{platform.system()}, {platform.machine()}",
        "threads of torch": str(torch.get_num_threads()),
        "Python": platform.python_version(),
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }
