"""setup, device and budget: what a notebook's first cell relies on."""

import re
import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# The room exports functions of the same names as its modules.
budgets = import_module("helpers.course.budget")
devices = import_module("helpers.course.device")
setups = import_module("helpers.course.setup")
ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("COURSE_DEVICE", "COURSE_BUDGET"):
        monkeypatch.delenv(name, raising=False)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


# --- device -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "cuda, mps, expected", [(True, True, "cuda"), (False, True, "cpu"), (False, False, "cpu")]
)
def test_cuda_is_taken_where_there_is_one_and_mps_by_wish_only(monkeypatch, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert devices.device() == torch.device(expected)


def test_a_wish_overrules_the_choice(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    assert devices.device() == torch.device("cpu")
    monkeypatch.setenv("COURSE_DEVICE", " cuda:1 ")
    assert devices.device() == torch.device("cuda", 1)


def test_a_word_that_is_no_device(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "gpu")
    with pytest.raises(ValueError, match="COURSE_DEVICE is 'gpu', which is no device: use cpu"):
        devices.device()


def test_a_device_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setenv("COURSE_DEVICE", "cuda")
    with pytest.raises(ValueError, match="'cuda', but this machine only has: cpu"):
        devices.device()


# --- budget -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "wish, n, expected", [(None, 300, 300), ("0.1", 300, 30), ("0.001", 300, 1), ("1", 7, 7)]
)
def test_budget_scales_and_keeps_at_least_one(monkeypatch, wish, n, expected):
    if wish is not None:
        monkeypatch.setenv("COURSE_BUDGET", wish)
    assert budgets.budget(n) == expected


@pytest.mark.parametrize("wish", ["0", "2", "-1", "nan", "half"])
def test_budget_names_a_useless_share(monkeypatch, wish):
    monkeypatch.setenv("COURSE_BUDGET", wish)
    with pytest.raises(ValueError, match=f"COURSE_BUDGET is '{wish}': it must be a number above 0"):
        budgets.budget(10)


def test_budget_needs_something_to_scale():
    with pytest.raises(ValueError, match="needs at least 1, got 0"):
        budgets.budget(0)


# --- setup ------------------------------------------------------------------------------------
def test_setup_says_where_it_runs_in_one_line_and_again(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    plt.rcParams["axes.spines.top"] = True
    torch.set_num_threads(2)
    for _ in range(2):
        setups.setup("01")
        assert capsys.readouterr().out == "Noise to Crystals · chapter 01 · running on cpu\n"
        assert torch.get_num_threads() == 1
        assert plt.rcParams["axes.spines.top"] is False


def test_threads_are_the_readers_choice(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    setups.setup("01", threads=2)
    assert torch.get_num_threads() == 2
    with pytest.raises(ValueError, match="at least one thread, got threads=0"):
        setups.setup("01", threads=0)


def test_unknown_chapters_are_named():
    with pytest.raises(ValueError, match="there is no chapter '99'; the chapters are 01"):
        setups.setup("99")


def test_requirements_are_those_of_the_project():
    encoders = PROJECT["optional-dependencies"]["encoders"]
    assert sorted(setups.PACKAGES.values()) == sorted([*PROJECT["dependencies"], *encoders])


def test_every_chapter_needs_known_packages():
    for chapter, names in setups.NEEDS.items():
        assert set(names) <= set(setups.PACKAGES), chapter


def test_missing_finds_what_python_cannot_import():
    assert setups.missing(("torch", "no_such_package_here")) == ["no_such_package_here"]


def pip_that(monkeypatch, returncode=0, stderr="", act=lambda command: None):
    """Stands in for pip: records the command and what the constraint file held."""
    calls = []

    def run(command, **_):
        calls.append((command, Path(command[command.index("--constraint") + 1]).read_text()))
        act(command)
        return subprocess.CompletedProcess(command, returncode, "", stderr)

    monkeypatch.setattr(setups.subprocess, "run", run)
    return calls


def test_only_what_is_missing_is_installed_under_the_installed_versions(monkeypatch, capsys):
    found = setups.find_spec
    monkeypatch.setattr(
        setups, "find_spec", lambda name: None if name == "celluloid" else found(name)
    )
    calls = pip_that(monkeypatch)
    setups.setup("01")
    ((command, pins),) = calls
    assert command[-1] == "celluloid>=0.2" and command[0] == sys.executable
    assert f"torch=={setups.metadata.version('torch')}\n" in pins
    assert f"numpy=={setups.metadata.version('numpy')}\n" in pins


def test_nothing_missing_means_no_pip(monkeypatch):
    calls = pip_that(monkeypatch)
    setups.install([])
    assert calls == []


def test_no_network_is_said_in_words(monkeypatch):
    pip_that(monkeypatch, 1, "WARNING: retrying\nERROR: No matching distribution found")
    with pytest.raises(RuntimeError) as error:
        setups.install(["celluloid>=0.2"])
    words = str(error.value)
    assert "needs celluloid>=0.2" in words and "Is there a network?" in words
    assert "pip install 'celluloid>=0.2'" in words
    assert words.endswith("pip said: ERROR: No matching distribution found")


def test_a_silent_failure_of_pip_is_said_too(monkeypatch):
    pip_that(monkeypatch, 1)
    with pytest.raises(RuntimeError, match="pip said: nothing"):
        setups.install(["celluloid>=0.2"])


def test_a_replaced_torch_is_noticed(monkeypatch):
    real = setups.metadata.version
    done = []
    pip_that(monkeypatch, act=done.append)
    monkeypatch.setattr(
        setups.metadata,
        "version",
        lambda name: "9.9" if done and name == "torch" else real(name),
    )
    with pytest.raises(RuntimeError, match=r"replaced torch \S+ → 9.9. Restart the runtime"):
        setups.install(["celluloid>=0.2"])


def test_pip_itself_refuses_to_replace_numpy(tmp_path, monkeypatch):
    """Without a stand-in: a wheel that wants another numpy, from a folder, without network."""
    wheel = tmp_path / "greedy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("greedy.py", "")
        info = "greedy-1.0.dist-info"
        needs = "Metadata-Version: 2.1\nName: greedy\nVersion: 1.0\nRequires-Dist: numpy<1\n"
        archive.writestr(f"{info}/METADATA", needs)
        tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{info}/WHEEL", tags)
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "target"))
    before = setups.versions()
    with pytest.raises(RuntimeError, match="could not be installed"):
        setups.install([str(wheel)])
    assert setups.versions() == before and not (tmp_path / "target").exists()


# --- what pip installs --------------------------------------------------------------------------
def test_an_installed_course_is_complete():
    """Every folder with modules is a package, and every other file is declared package data."""
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = patterns["tool"]["setuptools"]["package-data"]
    for top in ("helpers", "solutions"):
        for path in (ROOT / top).rglob("*"):
            if path.is_dir() or "__pycache__" in path.parts:
                continue
            inside = path.relative_to(ROOT / top)
            if path.suffix == ".py":
                assert (path.parent / "__init__.py").exists(), f"{path.parent} has no __init__.py"
            endings = [re.sub(r"^\*\*/\*", "", pattern) for pattern in declared.get(top, [])]
            assert path.suffix == ".py" or path.suffix in endings, f"{inside}: not package data"


# --- in Colab ---------------------------------------------------------------------------------
def test_the_course_imports_without_what_setup_installs():
    """The first cell imports `setup` to have celluloid, which Colab lacks, installed."""
    code = "import sys; sys.modules['celluloid'] = None; from helpers.course import setup"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
