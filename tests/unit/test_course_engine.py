"""The exercise engine: whatever a reader's function does, words come back, never an exception."""

import _thread
import functools
import json
import random
import resource
import signal
import sys
import threading
import time
import types

import numpy as np
import pytest
import torch

import helpers.course
from helpers.course import check, guard, hint, progress
from helpers.course.check import CheckFailed
from helpers.course.examine import Verdict, examine
from helpers.course.exercise import Slip, exercise, exercises, find, rounded, stub_source
from helpers.course.judge import compare, pair, tensor_like, trials, untouched
from helpers.course.laws import noise_law
from helpers.course.report import Report, marked, nested_hints
from solutions import integrators

# "check" and "progress" are names of a function and of its module; these are the modules.
check_module = sys.modules["helpers.course.check"]
progress_module = sys.modules["helpers.course.progress"]
exercise_module = sys.modules["helpers.course.exercise"]


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    """An empty folder, a session that has checked nothing, and no switches set."""
    monkeypatch.chdir(tmp_path)
    for switch in ("COURSE_STATIC", "COURSE_STRICT", "COURSE_DEVICE"):
        monkeypatch.delenv(switch, raising=False)
    monkeypatch.setattr(progress_module, "_session", {})
    monkeypatch.setattr(progress_module, "_told", set())
    monkeypatch.setattr(check_module, "_hints_given", {})


@pytest.fixture
def shown(monkeypatch):
    """The reports that `check` has displayed."""
    reports: list[Report] = []
    monkeypatch.setattr(check_module, "display", reports.append)
    return reports


def good(drift, x, t, h):
    return x + h * drift(x, t)


# ------------------------------------------------------- what a reader's function may do


def nothing(drift, x, t, h):
    pass


def a_float(drift, x, t, h):
    return 0.5


def an_integer_tensor(drift, x, t, h):
    return x.long()


def a_truth_value(drift, x, t, h):
    return x > 0


def a_complex_tensor(drift, x, t, h):
    return x + 0j


def numpy_array(drift, x, t, h):
    return x.numpy()


def numpy_number(drift, x, t, h):
    return np.float64(0.5)


def a_tuple(drift, x, t, h):
    return x, t


def a_text(drift, x, t, h):
    return "x"


def a_function(drift, x, t, h):
    return drift


def dots(drift, x, t, h):
    return ...


def a_class(drift, x, t, h):
    return NotImplemented


def other_shape(drift, x, t, h):
    return x[0]


def nan(drift, x, t, h):
    return x * float("nan")


def infinity(drift, x, t, h):
    return x / 0


def crash(drift, x, t, h):
    undefined = x + missing_name  # noqa: F821
    return undefined


def crash_in_a_list(drift, x, t, h):
    return [1, 2][5]


def crash_without_words(drift, x, t, h):
    raise ValueError


def shapes_do_not_fit(drift, x, t, h):
    return x + torch.ones(7)


def loop(drift, x, t, h):
    while True:
        x = x + 0


def stubborn_loop(drift, x, t, h):
    while True:
        try:
            x = x + 0
        except Exception:
            pass


def sleep(drift, x, t, h):
    time.sleep(60)


def huge_tensor(drift, x, t, h):
    return torch.zeros(1000, 1000, 1000, 1000)


def huge_array(drift, x, t, h):
    return np.zeros((3000, 1000, 1000))


def growing_list(drift, x, t, h):
    numbers = [x]
    while True:
        numbers += numbers


def interrupted(drift, x, t, h):
    raise KeyboardInterrupt


def leaves(drift, x, t, h):
    sys.exit(3)


def recursion(drift, x, t, h):
    return recursion(drift, x, t, h)


def generator_exit(drift, x, t, h):
    raise GeneratorExit


def todo_with_words(drift, x, t, h):
    raise NotImplementedError("later")


def three_arguments(drift, x, h):
    return x


def five_arguments(drift, x, t, h, more):
    return x


def patience(function):
    """Seconds until a function is stopped: few where it must be, else many, the machine is busy."""
    return 0.3 if function in (loop, stubborn_loop, sleep) else 30.0


TOO_LONG = "still running after 0.3 s, stopped in line"
WORDS = {
    nothing: "it returned nothing: is the `return` missing?",
    a_float: "it returned one number (float); needed is a tensor of shape (3, 2), like x",
    an_integer_tensor: "it returned numbers of the type int64, needed are floats",
    a_truth_value: "it returned numbers of the type bool, needed are floats",
    a_complex_tensor: "it returned numbers of the type complex64, needed are floats",
    numpy_array: "it returned a NumPy array; needed is a tensor",
    numpy_number: "it returned one number (float64)",
    a_tuple: "it returned a tuple of 2; needed is a tensor of shape (3, 2)",
    a_text: "it returned something of type str; needed is a tensor",
    a_function: "it returned something of type function; needed is a tensor",
    dots: "it returned something of type ellipsis",
    a_class: "it returned something of type NotImplementedType",
    other_shape: "it returned the shape (2,), expected (3, 2), like x",
    nan: "it returned nan or infinity in 6 of 6 places",
    infinity: "it returned nan or infinity in 6 of 6 places",
    crash: "NameError: name 'missing_name' is not defined",
    crash_in_a_list: "IndexError: list index out of range",
    crash_without_words: "ValueError: no further words",
    shapes_do_not_fit: "must match the size of tensor b",
    loop: TOO_LONG,
    stubborn_loop: TOO_LONG,
    sleep: TOO_LONG,
    huge_tensor: "it asks for 4e+03 GB of memory in line",
    huge_array: "it asks for more than 1 GB of memory in line",
    growing_list: "it asks for more than 1 GB of memory in line",
    interrupted: "you stopped the check in line",
    leaves: "it wants to leave Python in line",
    recursion: "it calls itself without an end in line",
    generator_exit: "GeneratorExit: no further words",
    todo_with_words: "not written yet: the TODO above is yours",
    three_arguments: "it takes the arguments (drift, x, h), needed are 4: (drift, x, t, h)",
    five_arguments: "it takes the arguments (drift, x, t, h, more), needed are 4",
}
if sys.version_info < (3, 11):
    # Python 3.10 hears no signal, nor Ctrl-C, in a loop whose whole body is a `try`.
    del WORDS[stubborn_loop]


@pytest.mark.parametrize("function", WORDS, ids=lambda function: function.__name__)
def test_check_never_raises_and_says_what_happened(function, shown):
    returned = check(function, "euler_step", time_limit=patience(function))
    assert returned is integrators.euler_step
    (report,) = shown
    assert WORDS[function] in report.text
    assert "Until then the course's version is used" in report.text
    assert 'Hint: run hint("euler_step")' in report.text


def test_the_same_words_are_raised_in_strict_mode(shown, monkeypatch):
    for function, words in WORDS.items():
        monkeypatch.delenv("COURSE_STRICT", raising=False)
        check(function, "euler_step", time_limit=patience(function))
        monkeypatch.setenv("COURSE_STRICT", "1")
        with pytest.raises(CheckFailed) as caught:
            check(function, "euler_step", time_limit=patience(function))
        assert words in str(caught.value)
        # Where a loop is stopped differs from run to run, all else is the same.
        if function not in (loop, stubborn_loop, growing_list):
            assert str(caught.value) == shown[-1].text


def test_strict_mode_lets_a_right_function_pass(shown, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    assert check(good, "euler_step") is good
    monkeypatch.setenv("COURSE_STRICT", "0")
    check(nothing, "euler_step")
    assert [report.state for report in shown] == ["solved", "wrong"]


def test_the_readers_own_line_is_shown_with_its_number(shown):
    check(crash, "euler_step")
    number = crash.__code__.co_firstlineno + 1
    assert f"✗ euler_step: your function stops with an error in line {number}" in shown[0].text
    assert "    undefined = x + missing_name" in shown[0].text


def test_the_line_of_a_helper_that_the_reader_wrote_counts_too():
    cell = {"torch": torch}
    text = "def velocity(x):\n    return x + undefined\n"
    exec(compile(text, "/tmp/ipykernel_7/1.py", "exec"), cell)

    def mine(drift, x, t, h):
        return cell["velocity"](x)

    assert " in line 2 of your cell" in examine(find("euler_step"), mine).words


def test_right_is_said_with_what_was_verified_and_gives_the_readers_function(shown):
    assert check(good, "euler_step") is good
    assert shown[0].text == (
        "✓ euler_step – verified: one step equals x + h · drift(x, t), for x of any shape; "
        "200 short steps of dx/dt = −x end at 1/e; from here on your own function is used."
    )


def test_what_is_right_so_far_is_said():
    verdict = examine(find("heun_step"), good)
    assert verdict.verified == ()
    half = examine(find("euler_maruyama_step"), no_kick)
    assert half.verified == ("without noise it is Euler's step",)


def no_kick(sde, x, t, h):
    return x + h * sde[0](x, t)


def test_without_a_notebook_the_text_is_printed(capsys):
    check(good, "euler_step")
    assert capsys.readouterr().out.startswith("✓ euler_step – verified: ")


def test_a_name_that_is_no_exercise_lists_the_names(shown):
    for thing in (lambda x: x, 5, None, "euler", functools.partial(good, 1), Report):
        assert check(thing) is thing
        assert f"there are: {', '.join(exercises())}" in shown[-1].text
    assert 'no exercise is called "<lambda>"' in shown[0].text
    assert 'no exercise is called "int"' in shown[1].text
    assert 'no exercise is called "NoneType"' in shown[2].text


def test_an_unknown_name_raises_in_strict_mode(monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    with pytest.raises(CheckFailed, match='no exercise is called "<lambda>"'):
        check(lambda x: x)


def test_a_thing_that_is_no_function_gets_words(shown):
    assert check(5, "euler_step") is integrators.euler_step
    assert "this is of type int, not a function" in shown[0].text


def test_the_courses_own_version_is_not_taken_for_the_readers(shown):
    returned = check(stub(), "euler_step")
    assert check(returned) is integrators.euler_step
    assert "this is the course's own version, from an earlier check" in shown[1].text
    assert progress_module.states() == ({}, "")


def stub():
    cell: dict = {}
    exec(stub_source("euler_step"), cell)
    return cell["euler_step"]


def test_other_kinds_of_callables_pass(shown):
    class Step:
        def __call__(self, drift, x, t, h):
            return good(drift, x, t, h)

    wrapped = torch.no_grad()(good)
    for thing in (Step(), functools.partial(good), wrapped):
        assert check(thing, "euler_step") is thing
    assert {report.state for report in shown} == {"solved"}


def test_a_crash_in_an_object_or_a_compiled_function_is_put_in_words():
    class Step:
        def __call__(self, drift, x, t, h):
            return x + oops  # noqa: F821

    assert "oops" in examine(find("euler_step"), Step()).code
    assert "TypeError" in examine(find("euler_step"), torch.add).code


def test_what_the_function_prints_is_kept_and_shortened(shown, capfd):
    def talks(drift, x, t, h):
        print("x =", x.shape)
        print("warning", file=sys.stderr)
        return x + h * drift(x, t)

    def floods(drift, x, t, h):
        print("y" * 10**6)
        return x + h * drift(x, t)

    assert check(talks, "euler_step") is talks
    assert "Your function printed, first lines:\nx = torch.Size([3, 2])\nwarning" in shown[0].text
    check(floods, "euler_step")
    assert len(shown[1].text) < 3000
    assert capfd.readouterr() == ("", "")


def test_a_mistake_in_the_check_itself_is_not_blamed_on_the_reader():
    other_file: dict = {}
    exec(compile("def judge(step):\n    yield 1 / 0\n", "judges.py", "exec"), other_file)
    judge = other_file["judge"]
    entry = exercise_module.Exercise("01 X", integrators.euler_step, judge, ("h",), "t")
    verdict = examine(entry, good)
    assert "the check itself stumbled, which is not your mistake" in verdict.words
    assert verdict.code == "ZeroDivisionError: division by zero"


# ----------------------------------------------------------------------------- the guards


def states():
    return (
        random.getstate(),
        tuple(np.random.get_state()[1]),
        tuple(torch.get_rng_state().tolist()),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
    )


def test_random_numbers_after_a_check_do_not_depend_on_the_answer(shown):
    def meddles(drift, x, t, h):
        torch.manual_seed(1)
        np.random.seed(1)
        random.seed(1)
        torch.randn(100)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        return x + h * drift(x, t)

    torch.manual_seed(5)
    before = states()
    for function in (stub(), good, nothing, crash, meddles, loop, huge_tensor):
        check(function, "euler_step", time_limit=patience(function))
        assert states() == before, function.__name__
    assert shown[4].state == "solved"


def test_limits_are_put_back(shown):
    before = resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGALRM)
    for function in (good, loop, growing_list):
        check(function, "euler_step", time_limit=patience(function))
        assert (resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGALRM)) == before


def test_somebody_elses_alarm_still_comes():
    rang = threading.Event()
    old = signal.signal(signal.SIGALRM, lambda *_: rang.set())
    outer = signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(guard.TimeLimit):
            guard.within(0.1, lambda: time.sleep(60))
        assert not rang.is_set()
        assert rang.wait(5)
    finally:
        signal.signal(signal.SIGALRM, old)
        signal.setitimer(signal.ITIMER_REAL, *outer)


def test_within_gives_the_value_and_passes_errors_on():
    assert guard.within(1.0, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        guard.within(1.0, lambda: 1 / 0)


def in_a_thread(work):
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join(20)
    return found[0]


def test_an_endless_loop_is_stopped_in_another_thread_too():
    verdict = in_a_thread(lambda: examine(find("euler_step"), loop, time_limit=0.3))
    assert TOO_LONG in verdict.words
    assert in_a_thread(lambda: examine(find("euler_step"), good)).state == "solved"


def test_an_endless_loop_is_stopped_where_there_is_no_alarm(monkeypatch):
    monkeypatch.setattr(guard, "signal", types.SimpleNamespace())  # as on Windows
    assert TOO_LONG in examine(find("euler_step"), loop, time_limit=0.3).words
    assert examine(find("euler_step"), good).state == "solved"
    assert examine(find("euler_step"), interrupted).words.startswith("you stopped the check")


def test_an_interrupt_from_outside_is_put_in_words():
    def loses_patience(drift, x, t, h):
        threading.Timer(0.2, _thread.interrupt_main).start()
        loop(drift, x, t, h)

    words = examine(find("euler_step"), loses_patience, time_limit=30).words
    assert words.startswith("you stopped the check in line")


def test_memory_below_the_limit_is_granted_and_above_refused():
    with guard.memory_limit(2**30):
        assert torch.empty(2**26).numel() == 2**26
        with pytest.raises(MemoryError):
            bytearray(2**31)
        with pytest.raises(RuntimeError, match="tried to allocate 4294967296 bytes"):
            torch.empty(2**30)
    assert torch.empty(2**29).numel() == 2**29


def test_without_a_way_to_limit_memory_the_check_still_works(monkeypatch):
    monkeypatch.setattr(guard, "resource", None)
    assert examine(find("euler_step"), good).state == "solved"


# ------------------------------------------------------------------------------ the judge


def test_compare_names_the_first_slip_that_fits():
    slips = {"too large?": [2.0, 4.0], "too small?": [0.5, 1.0]}
    compare("it is", [1.0, 2.0], [1.0, 2.0], slips)
    with pytest.raises(Slip, match=r"it is 0.50, expected 1.00: too small\?"):
        compare("it is", [0.5, 1.0], [1.0, 2.0], slips)
    with pytest.raises(Slip, match=r"it is 3.00, expected 2.00 \(b\)$"):
        compare("it is", [1.0, 3.0], [1.0, 2.0], slips, where=["a", "b"])


def test_compare_uses_its_tolerances():
    compare("it is", 1.04, 1.0, rtol=0.05)
    compare("it is", 0.04, 0.0, atol=0.05)
    with pytest.raises(Slip):
        compare("it is", 1.06, 1.0, rtol=0.05)
    with pytest.raises(Slip):
        compare("it is", -0.06, 0.0, atol=0.05)


@pytest.mark.parametrize(
    ("measured", "expected", "texts"),
    [
        (0.01, 0.1, ("0.010", "0.100")),
        (9.1, 3.0, ("9.10", "3.00")),
        (0.9999999, 0.0, ("1.00", "0.00")),
        (-1e-9, 1.0, ("0.00", "1.00")),
        (123.4, 120.0, ("123", "120")),
        (1.0001, 1.0, ("1.0001", "1.0000")),
        (3e8, 1.0, ("3.00e+08", "1.00e+00")),
        ((2,), (3, 2), ("(2,)", "(3, 2)")),
        (None, None, (None, None)),
        (1.0, 1.0, ("1.000000000000", "1.000000000000")),
    ],
)
def test_two_numbers_are_rounded_alike_and_told_apart(measured, expected, texts):
    assert rounded(measured, expected) == texts


def test_a_slip_and_its_numbers_must_fit():
    with pytest.raises(ValueError, match="in the words without a value"):
        Slip("it is {measured}")
    with pytest.raises(ValueError, match="not in the words"):
        Slip("it is wrong", 1.0, 2.0)


def test_what_is_no_pair_is_refused():
    def f(x, t):
        return x

    assert pair([f, f]) == (f, f)
    for value, words in (
        (None, "returned nothing"),
        (f, "returned a function; needed is a pair"),
        ((f, f, f), "returned a tuple of 3; needed is a pair"),
        ((f, 1.0), "the diffusion is a float; needed is a function"),
    ):
        with pytest.raises(Slip, match=words):
            pair(value)


def test_a_tensor_on_another_device_is_refused():
    with pytest.raises(Slip, match="returned a tensor on cpu, x is on meta: zeros_like"):
        tensor_like(torch.zeros(3), torch.empty(3, device="meta"))


def test_a_function_that_writes_into_x_is_refused():
    untouched(lambda x, t: x * 2, torch.ones(2), 0.0)
    with pytest.raises(Slip, match="it changes x itself, to 2.00 from 1.00"):
        untouched(lambda x, t: x.mul_(2), torch.ones(2), 0.0)


def test_trials_add_the_device_that_the_course_runs_on(monkeypatch):
    x = torch.ones(2)
    assert len(trials(x, x)) == 2
    monkeypatch.setattr("helpers.course.judge.device", lambda: torch.device("meta"))
    assert [t.device.type for t in trials(x, x)] == ["cpu", "cpu", "meta"]


@pytest.mark.parametrize("seed", range(20))
def test_the_law_of_the_noise_is_accepted_and_a_planted_error_is_not(seed):
    torch.manual_seed(seed)
    x = torch.zeros(10_000, 2, dtype=torch.float64)
    noise_law(lambda: 3 * torch.randn_like(x))
    for draw, words in (
        (lambda: 0 * x, "there is no kick"),
        (lambda: x + torch.randn(1), "all particles get the same kick"),
        (lambda: x + torch.randn(10_000, 1), "one number for all dimensions"),
        (lambda: torch.randn_like(x) + 0.1, "the kick has mean"),
        (lambda: torch.randn_like(x) * torch.randn_like(x), "drawn twice"),
        (lambda: torch.rand_like(x) - 0.5, "uniform numbers"),
        (lambda: torch.randn_like(x).sign(), "coin flips"),
        (lambda: torch.randn_like(x) ** 3, "the kick has kurtosis"),
    ):
        with pytest.raises(Slip, match=words):
            noise_law(draw)


# --------------------------------------------------------------------------- the registry


def reference(x):
    """Documented."""
    return x


def judged(f):
    yield "it"


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setattr(exercise_module, "_registry", {})
    monkeypatch.setitem(globals(), "CHAPTER", "99 Tests")


def test_an_exercise_is_filed_under_its_name(registry):
    assert exercise(reference, todo="t", hints=("h",))(judged) is judged
    entry = exercise_module._registry["reference"]
    assert (entry.name, entry.chapter, entry.hints) == ("reference", "99 Tests", ("h",))
    exercise(reference, todo="t", hints=("other",))(judged)  # the module is loaded again
    assert exercise_module._registry["reference"].hints == ("other",)


def test_what_an_exercise_lacks_is_said(registry, monkeypatch):
    def bare(x):
        return x

    for words, build in (
        ("lacks a docstring", lambda: exercise(bare, todo="t", hints=("h",))),
        ("lacks at least one hint", lambda: exercise(reference, todo="t", hints=())),
        ("must be a tuple of texts", lambda: exercise(reference, todo="t", hints="h")),  # type: ignore[arg-type]
        ("lacks a line of words for TODO", lambda: exercise(reference, todo="", hints=("h",))),
        ("yields nothing", lambda: exercise(reference, todo="t", hints=("h",))(lambda f: None)),  # type: ignore
    ):
        with pytest.raises(ValueError, match=words):
            build()
    monkeypatch.delitem(globals(), "CHAPTER")
    with pytest.raises(ValueError, match='lacks CHAPTER = "NN Title"'):
        exercise(reference, todo="t", hints=("h",))


def test_one_name_cannot_serve_two_chapters(registry):
    exercise(reference, todo="t", hints=("h",))(judged)
    source = 'CHAPTER = "98 Other"\ndef reference(x):\n    "Documented."\n'
    other: dict = {"__name__": "elsewhere"}
    exec(source, other)
    with pytest.raises(ValueError, match="two exercises are called reference"):
        exercise(other["reference"], todo="t", hints=("h",))(judged)


def test_an_unknown_exercise_is_named_with_all_that_exist():
    with pytest.raises(ValueError, match='no exercise is called "euler"; there are: euler_step, '):
        find("euler")


def test_a_chapter_whose_packages_are_missing_does_not_stop_the_others(monkeypatch):
    def refuse(name):
        raise ModuleNotFoundError("No module", name="ase")

    monkeypatch.setattr(exercise_module.importlib, "import_module", refuse)
    assert "euler_step" in exercises()
    with pytest.raises(ValueError, match="solutions.integrators needs ase, which is not installed"):
        find("unknown")


def test_every_chapter_can_be_loaded_here():
    exercises()
    assert exercise_module.left_out == []


# ------------------------------------------------------------------------------- the hints


def test_hints_come_one_at_a_time():
    hints = find("euler_step").hints
    for number, text in enumerate(hints, 1):
        assert repr(hint("euler_step")) == f"euler_step, hint {number} of {len(hints)}: {text}"
    assert "that was the last hint" in repr(hint("euler_step"))
    assert "hint 1 of" in repr(hint(integrators.euler_step))
    assert "hint 1 of" in repr(hint("heun_step"))
    assert 'no exercise is called "euler"' in repr(hint("euler"))


def test_each_hint_is_folded_inside_the_one_before():
    page = nested_hints(["a", "b `c`"])
    assert page.count("<details") == 2 and page.endswith("</details></details>")
    assert page.index("Hint 1 of 2") < page.index(">A<") < page.index("Hint 2 of 2")
    assert ">c</code>" in page


# ---------------------------------------------------------------------------- the progress


def saved():
    return json.loads(open(".course-progress.json", encoding="utf-8").read())["exercises"]


def test_progress_is_kept_in_a_file_and_solved_stays_solved(shown, monkeypatch):
    assert repr(progress()).startswith(f"Progress: 0 of {len(exercises())} exercises solved")
    check(nothing, "heun_step")
    check(stub(), "euler_step")
    assert saved() == {"heun_step": "wrong"}
    check(good, "euler_step")
    assert saved() == {"euler_step": "solved", "heun_step": "wrong"}
    monkeypatch.setattr(progress_module, "_session", {})  # the notebook is opened again
    check(nothing, "euler_step")
    assert saved()["euler_step"] == "solved"
    text = repr(progress())
    assert "Progress: 1 of" in text and "01 Integrators (1 of" in text
    assert "  euler_step               ✓ solved" in text
    assert "  heun_step                ✗ tried, not right yet" in text
    assert "  exact_ou_step            ○ open" in text


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"exercises": 5}', '{"exercises": {"euler_step": "perfect"}}', "\xff"],
)
def test_a_damaged_file_is_put_aside_and_said(content, shown, tmp_path):
    file = tmp_path / ".course-progress.json"
    file.write_bytes(content.encode("latin-1"))
    check(good, "euler_step")
    assert "The progress file could not be read" in shown[0].text
    assert "kept as .course-progress.json.damaged" in shown[0].text
    assert (tmp_path / ".course-progress.json.damaged").read_bytes() == content.encode("latin-1")
    assert saved() == {"euler_step": "solved"}
    check(nothing, "heun_step")
    assert "progress file" not in shown[1].text


def test_progress_itself_says_that_the_file_is_damaged(tmp_path):
    (tmp_path / ".course-progress.json").write_text("{")
    assert "The progress file could not be read" in repr(progress())


def refuse(*_, **__):
    raise PermissionError("read-only")


def test_in_a_folder_that_cannot_be_written_progress_is_kept_in_memory(
    shown, monkeypatch, tmp_path
):
    monkeypatch.setattr(progress_module.tempfile, "mkstemp", refuse)
    check(good, "euler_step")
    check(nothing, "heun_step")
    assert "This folder cannot be written: progress is kept until" in shown[0].text
    assert "cannot be written" not in shown[1].text  # once is enough
    assert "Progress: 1 of" in repr(progress())
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(shown, monkeypatch, tmp_path):
    (tmp_path / ".course-progress.json").write_text("{")
    monkeypatch.setattr(progress_module.os, "replace", refuse)
    check(good, "euler_step")
    assert "This folder cannot be written" in shown[0].text
    assert [path.name for path in tmp_path.iterdir()] == [".course-progress.json"]
    assert "cannot be read (it is no progress file) and is left alone" in repr(progress())


def test_a_folder_in_the_files_place_is_put_aside(shown, tmp_path):
    (tmp_path / ".course-progress.json").mkdir()
    check(good, "euler_step")
    assert saved() == {"euler_step": "solved"}


def test_a_folder_that_is_gone_does_no_harm(shown, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert check(good, "euler_step") is good
    assert "progress is kept until the notebook is closed" in shown[0].text


def test_the_pipeline_writes_no_progress_file(shown, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_STATIC", "1")
    check(good, "euler_step")
    assert list(tmp_path.iterdir()) == []
    assert "Progress: 1 of" in repr(progress())


def test_two_notebooks_at_once_never_spoil_the_file(tmp_path):
    """Two writers and a reader at the same time: every reading is a whole, valid file."""
    progress_module.record("euler_step", "wrong")
    stop, broken = threading.Event(), []

    def write(name):
        for _ in range(150):
            progress_module._record(name, "solved")

    def read():
        while not stop.is_set():
            try:
                saved()
            except ValueError as error:
                broken.append(error)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(n,)) for n in ("heun_step", "exact_ou_step")]
    reader.start()
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert not broken
    assert saved() == {"euler_step": "wrong", "heun_step": "solved", "exact_ou_step": "solved"}
    assert [path.name for path in tmp_path.iterdir()] == [".course-progress.json"]


# ------------------------------------------------------------------------------ the report


def test_a_report_has_text_and_html_without_scripts(shown):
    check(crash, "euler_step")
    bundle = shown[0]._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    page = bundle["text/html"]
    for piece in ("not right yet", "NameError: name &#x27;missing_name&#x27;", "Hint 1 of 3"):
        assert piece in page
    assert "<script" not in page and "onclick" not in page and "http" not in page
    assert page.count("<details") == page.count("</details>") == 3
    assert page.count("<div") == page.count("</div>")


def test_html_in_a_readers_code_is_harmless():
    assert marked("a < b & `<script>`").startswith("a &lt; b &amp; <code")
    assert "<script>" not in marked("`<script>`")

    def nasty(drift, x, t, h):
        raise ValueError("<img src=x onerror=alert(1)> at 0x7f00deadbeef")

    verdict = examine(find("euler_step"), nasty)
    assert "at 0x…" in verdict.code
    assert len(verdict.code) < 400
    report = check_module._report(find("euler_step"), verdict, "")
    assert "<img" not in report._repr_mimebundle_()["text/html"]


def test_a_long_error_is_shortened_and_judges_paths_are_hidden():
    def long(drift, x, t, h):
        raise ValueError("y" * 1000)

    assert len(examine(find("euler_step"), long).code) < 400

    def without_t(drift, x, t, h):
        return drift(x)

    assert "affine_drift() missing 1 required" in examine(find("euler_step"), without_t).code
    assert "<locals>" not in examine(find("heun_step"), without_t).code


def test_the_text_is_the_same_every_time(shown):
    def kick_too_small(sde, x, t, h):
        return x + h * sde[0](x, t) + sde[1](x, t) * h * torch.randn_like(x)

    for seed in (1, 2):
        torch.manual_seed(seed)
        check(kick_too_small, "euler_maruyama_step")
    assert shown[0].text == shown[1].text
    assert shown[0].text.splitlines()[0] == (
        "✗ euler_maruyama_step: the kick has standard deviation 0.010, expected 0.100 "
        "(diffusion = 1, h = 0.01): √h, not h?"
    )


def test_the_course_offers_its_seven_names():
    names = {"setup", "device", "check", "hint", "progress", "explore", "budget"}
    assert set(helpers.course.__all__) == names
    assert all(callable(getattr(helpers.course, name)) for name in names)
    assert Verdict("solved") == Verdict("solved")
