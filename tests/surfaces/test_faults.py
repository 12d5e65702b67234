"""The fault drill: what a reader, a trainer and a teacher meet when something around them fails.

For each fault there are words that say what to do, and nothing that was there is lost.
"""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "faults")]

import harm  # noqa: E402
import kernel  # noqa: E402
from chapter import chapters  # noqa: E402
from kernel import NOW, Session, Shown  # noqa: E402

pytestmark = [pytest.mark.surface, pytest.mark.xdist_group("faults"), pytest.mark.timeout(600)]
LEARNER = "anna.ipynb"


# --- no network -----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    return harm.without_network("no_network.py", tmp_path_factory.mktemp("offline"))


def test_without_network_the_first_cell_says_what_to_do(offline):
    words = offline["first cell"]
    assert "could not be fetched from git+https" in words and "pip said" in words
    assert "Is there a network? Connect and run this cell again" in words
    assert "needs celluloid-of-nobody>=0.2, which could not be installed" in offline["package"]
    assert "Is there a network?" in offline["package"] and "pip said: ERROR" in offline["package"]


def test_without_network_every_chapter_names_the_way_to_its_data_and_goes_on(offline):
    with_data = {
        c.number for c in chapters() if "load_perov5(" in c.text or "fetch_entry(" in c.text
    }
    assert set(offline["data"]) == with_data >= {"04", "08"}
    for number, said in offline["data"].items():
        assert "is there a network?" in said["printed"], number
        assert "set the environment variable COURSE_DATA to that folder" in said["printed"], number
        assert "MADE-UP" in said["where"] or "made pocket stands in" in said["printed"], number
    assert offline["kept"] == []


# --- a full disk ----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def full(tmp_path_factory):
    source = tmp_path_factory.mktemp("source")
    (source / "table.csv").write_bytes(b"0123456789" * 5000)
    (source / "class").mkdir()
    (source / "class" / LEARNER).write_text("{}")
    folder = tmp_path_factory.mktemp("small")
    return harm.on_a_small_disk("full_disk.py", folder, SOURCE=str(source))


def says_the_way_on(words: str, name: str) -> bool:
    full = "No space left" in words or "File too large" in words
    parts = (f"{name} cannot be", "MB are free there", "Make room", "another f")
    return full and all(part in words for part in parts)


def test_a_training_on_a_full_disk_keeps_its_last_checkpoint_and_goes_on_from_there(full):
    training = full["training"]
    assert says_the_way_on(training["words"], "run.pt")
    assert training["saved"] == 40 and training["left"] == [] and training["same end"]


def test_a_full_disk_costs_no_file_that_was_there(full):
    files = full["files"]
    for name, words in files["words"].items():
        assert says_the_way_on(words, name) and "What stood there is untouched" in words
    assert len(files["old"]) == 7 and set(files["old"].values()) == {"old"}
    assert files["left"] == [] and set(files["again"].values()) == {""}


def test_a_full_disk_leaves_no_half_download(full):
    assert says_the_way_on(full["download"]["words"], "table.csv")
    assert "COURSE_CACHE" in full["download"]["words"]
    assert full["download"]["kept"] == [] and full["download"]["again"]


def test_a_full_disk_costs_no_solved_exercise(full):
    progress = full["progress"]
    assert "cannot be written: progress is kept" in progress["words"] and progress["later"] == ""
    assert progress["kept"] == {"euler_step": "solved", "heun_step": "solved"}


def test_a_full_disk_costs_no_hour_of_grading(full):
    grading = full["grading"]
    assert grading["status"] == 3 and grading["old"] == "old"
    assert says_the_way_on(grading["words"], "grades.csv")
    assert "learner,notebook,chapter" in grading["rows"] and f"anna,{LEARNER}" in grading["rows"]


# --- a folder that may only be read ---------------------------------------------------------------
@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("closed")
    (folder / "class").mkdir()
    (folder / "class" / LEARNER).write_text("{}")
    yield harm.in_a_closed_folder("closed_folder.py", folder)
    folder.chmod(0o755)


def test_in_a_closed_folder_files_say_where_they_may_go(closed):
    for name, words in closed["files"].items():
        assert f"{name} cannot be" in words and "MB are free there" in words
        assert "Read-only" in words or "Permission denied" in words
        assert "name another folder" in words or "name a file in another folder" in words
    assert closed["folder"] == ["class"] and closed["goes on without a file"]


def test_in_a_closed_folder_grading_refuses_before_the_work(closed):
    assert closed["grading"]["status"] == 2 and closed["grading"]["rows"] == ""
    assert "grades.csv cannot be written: name a file in a folder" in closed["grading"]["words"]


def test_in_a_closed_folder_solved_exercises_are_known_and_a_cell_says_what_to_do(closed):
    words, *more = closed["exercises"]["words"]
    assert "This folder cannot be written" in words and more == [""]  # said once
    assert closed["exercises"]["known"] == {"euler_step": "solved", "heun_step": "solved"}
    assert "Open a copy of the notebook in a folder of your own" in closed["a_cell"]


# --- a kernel -------------------------------------------------------------------------------------
SETUP = "from helpers.course import setup\nsetup('01')"
TRAINING = f"""\
import os, signal, sys, time, torch
sys.path.insert(0, {str(HERE / "faults")!r})
from training import run, same
whole = run(checkpoint=None)
def stop(n):
    if n == 47:
        print({NOW[:4]!r} + {NOW[4:]!r}, flush=True)
        time.sleep(60)
def kill(n):
    if n == 33:
        os.kill(os.getpid(), signal.SIGKILL)
def full(n):
    if n == 47:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
"""
STUB = "def euler_step(drift, x, t, h):\n    "
RIGHT = STUB + "return x + h * drift(x, t)"
SLOW = STUB + (
    "import os, signal, threading\n"
    "    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
    "    while True: pass"
)
CHECK = "euler_step = check(euler_step)"
READY = SETUP + "\nfrom helpers.course import check, progress"


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    with kernel.session(tmp_path_factory.mktemp("reader")) as opened:
        yield opened


@pytest.fixture
def fresh(reader: Session) -> Session:
    """The reader's kernel with nothing defined, as after a restart with the first cell run."""
    assert reader.cell("%reset -f").error == ""
    assert reader.cell(READY).error == ""
    return reader


def in_words(shown: Shown, error: str, *words: str) -> bool:
    """Python's own traceback is there, and these words are below it."""
    own = shown.error == error and error in shown.traceback and "Traceback" in shown.traceback
    return own and all(word in shown.after for word in words)


ABOVE = ("Run All Above Selected Cell", "Runtime ▸ Run before", "Nothing that you wrote is lost")


def test_a_killed_kernel_costs_no_training_and_no_solved_exercise(reader):
    for code in (READY, RIGHT):
        assert reader.cell(code).error == ""
    assert reader.cell(CHECK).text.startswith("✓ euler_step")
    assert reader.cell(TRAINING).error == ""
    reader.die("run(kill)")
    # Nothing of the course has run: Python's own words, and the first cell's comment, are all.
    shown = reader.cell(CHECK)
    assert (shown.error, shown.after) == ("NameError", "")
    assert all("A restarted kernel knows nothing" in c.cells[0].code for c in chapters())
    assert "Progress: 1 of " in reader.cell(READY + "\nprogress()").text
    shown = reader.cell("whole")
    assert in_words(shown, "NameError", "defines `whole`", *ABOVE)
    shown = reader.cell(TRAINING + "print(torch.load('run.pt')['done'], same(run(), whole))")
    assert shown.error == "" and shown.text.endswith("20 True\n")  # after a bar


def test_a_chapter_gone_on_with_in_its_middle_says_to_run_what_stands_above(fresh):
    cells = [cell.code for cell in chapters()[0].cells if "stub" not in cell.tags]
    for code in (cells[len(cells) // 2], cells[-2]):
        shown = fresh.cell(code)
        assert in_words(shown, "NameError", "since the kernel was started", *ABOVE), code


def test_cells_run_out_of_order_or_twice(fresh):
    assert in_words(fresh.cell(CHECK), "NameError", "run the cell above", "`def euler_step`")
    for code in (RIGHT, RIGHT):
        assert fresh.cell(code).error == ""
    for _ in range(2):
        assert fresh.cell(CHECK).text.startswith("✓ euler_step")
    assert fresh.cell(STUB + "raise NotImplementedError").error == ""
    assert fresh.cell(CHECK).text.startswith("○ euler_step: not written yet")
    assert "course's own version, from an earlier check" in fresh.cell(CHECK).text
    assert fresh.cell("trajectory = 1").error == ""
    shown = fresh.cell("trajectori")
    assert in_words(shown, "NameError", "did you mean `trajectory`?", *ABOVE)
    # The words come once, also when the first cell is run again, and only where they help.
    assert fresh.cell(SETUP).error == "" and fresh.cell("nowhere").after.count("→") == 1
    assert fresh.cell("[].nowhere").after == fresh.cell("import nowhere").after == ""


def test_an_interrupted_check_leaves_the_engine_usable(fresh):
    assert fresh.cell(SLOW).error == ""
    assert "you stopped the check in line 4 of your cell" in fresh.cell(CHECK).text
    assert fresh.cell(RIGHT).error == "" and fresh.cell(CHECK).text.startswith("✓ euler_step")


def test_an_interrupted_training_says_what_is_saved_and_goes_on_to_the_same_end(fresh):
    assert fresh.cell("import os; os.path.exists('run.pt') and os.remove('run.pt')").error == ""
    assert fresh.cell(TRAINING).error == ""
    shown = fresh.cell("run(stop)")
    assert shown.error == "KeyboardInterrupt" and "training.py" in shown.traceback
    assert shown.said.startswith("the training was stopped. 40 updates are safe in run.pt")
    shown = fresh.cell("run(stop, checkpoint=None)")
    assert "Nothing of it is saved: it begins anew when run again" in shown.said
    assert "checkpoint=" in shown.said
    assert fresh.cell("same(run(), whole)").text.endswith("True")


def test_a_full_graphics_card_says_what_to_lower_and_what_is_saved(fresh):
    assert fresh.cell("import os; os.path.exists('run.pt') and os.remove('run.pt')").error == ""
    assert fresh.cell(TRAINING).error == ""
    shown = fresh.cell("run(full)")
    assert shown.error == "OutOfMemoryError" and shown.after == ""  # all is said already
    for words in ("40 updates are safe in run.pt", "make the batch smaller", "restart the kernel"):
        assert words in shown.said
    assert "Tried to allocate 20.00 GiB" in shown.said
    assert fresh.cell("same(run(), whole)").text.endswith("True")
    sampler = "from helpers.sample import simulate\n" + (
        "simulate((lambda x, t: full(47), lambda x, t: x), torch.zeros(3), 0.1, 5)"
    )
    shown = fresh.cell(sampler)
    assert in_words(shown, "OutOfMemoryError", "a smaller batch, fewer samples", "COURSE_DEVICE")
    # Of the machine's own memory: four hundred terabytes.
    assert in_words(fresh.cell("torch.zeros(10**14)"), "RuntimeError", "The memory is full")
    assert fresh.cell(STUB + "raise torch.cuda.OutOfMemoryError('out of memory')").error == ""
    assert "the graphics card has no memory left in line 2 of your cell" in fresh.cell(CHECK).text
