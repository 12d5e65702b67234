"""environment.yml, pyproject.toml and constraints.txt say the same."""

import re
import sys
from pathlib import Path

import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = [
    line.split(";")[0].strip()
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


def requirement_name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match.group()).lower()


def test_environment_installs_the_course_itself_with_the_pins():
    parts = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = [part["pip"] for part in parts if isinstance(part, dict)]
    assert pip == ["-c constraints.txt", "-e .[lab,encoders]"]


def test_environment_python_is_one_the_project_allows():
    parts = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (python,) = [p for p in parts if isinstance(p, str) and p.startswith("python=")]
    lowest = tuple(map(int, PROJECT["requires-python"].removeprefix(">=").split(".")))
    assert tuple(map(int, python.removeprefix("python=").split("."))) >= lowest


def test_every_requirement_is_pinned():
    wanted = list(PROJECT["dependencies"])
    for extra in PROJECT["optional-dependencies"].values():
        wanted += extra
    pinned = {requirement_name(pin) for pin in PINS}
    missing = {requirement_name(r) for r in wanted} - pinned
    assert not missing, f"run `make pins`: no exact version of {sorted(missing)}"


def test_every_pin_is_exact():
    assert all("==" in pin for pin in PINS), [p for p in PINS if "==" not in p]


def test_the_two_versions_everything_hangs_on():
    assert "torch==2.13.0" in PINS
    (book,) = [p for p in PINS if requirement_name(p) == "jupyter-book"]
    assert book.split("==")[1].startswith("1.")
