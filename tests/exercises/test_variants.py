"""Every exercise: wrong versions are caught by name, right ones pass, nothing is missing."""

import re
from functools import cache
from pathlib import Path

import pytest
import torch
from variants import collect

from helpers.course.examine import examine
from helpers.course.exercise import exercises, find, solution_source, stub_source
from helpers.noise import SDE

ROOT = Path(__file__).parents[2]
WRONG, RIGHT = collect()
NAMES = list(exercises())


def label(variant):
    return f"{variant.name}-{variant.label}"


@cache
def verdict_on(variant):
    return examine(find(variant.name), variant.function)


@pytest.mark.parametrize("variant", [v for vs in WRONG.values() for v in vs], ids=label)
def test_a_wrong_version_is_caught_with_its_own_words(variant):
    verdict = verdict_on(variant)
    said = f"{verdict.words} | {verdict.code}"
    assert verdict.state == "wrong", f"passed, but it is wrong: {variant.label}"
    assert variant.says in said, f"the check said: {said}"


@pytest.mark.parametrize("name", NAMES)
def test_no_two_wrong_versions_get_the_same_words(name):
    said = {}
    for variant in WRONG[name]:
        verdict = verdict_on(variant)
        # The numbers differ anyway; the words without them must tell two slips apart.
        words = re.sub(r"-?\d+\.\d+|\(from [^)]*\)", "#", f"{verdict.words} | {verdict.code}")
        said.setdefault(words, []).append(variant.label)
    twins = {words: labels for words, labels in said.items() if len(labels) > 1}
    # A slip may have two spellings; then their label begins alike.
    unlike = {w: ls for w, ls in twins.items() if len({x.split(":")[0] for x in ls}) > 1}
    assert not unlike


@pytest.mark.parametrize("variant", [v for vs in WRONG.values() for v in vs], ids=label)
def test_where_a_number_is_wrong_measured_and_expected_are_given(variant):
    words = verdict_on(variant).words
    if re.search(r"leads to|is -?\d|deviation|kurtosis|correlation|scatter", words):
        pair = r"(-?\d+\.\d+)(, expected | from )(-?\d+\.\d+)"
        found = re.search(pair, words)
        assert found, f"no pair of numbers in: {words}"
        assert found[1] != found[3]


@pytest.mark.parametrize("variant", [v for vs in RIGHT.values() for v in vs], ids=label)
def test_a_version_that_is_right_but_different_passes(variant):
    for seed in (0, 1, 2):
        verdict = examine(find(variant.name), variant.function, seed=seed)
        assert verdict.state == "solved", verdict.words


def typed_in(text, name):
    """The function that a reader gets who types `text` into the cell of exercise `name`."""
    cell: dict = {}
    exec("import math\nimport torch\n", cell)
    cell["SDE"] = SDE
    exec(text, cell)
    return cell[name]


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_typed_in_passes_for_20_seeds(name):
    function = typed_in(solution_source(name), name)
    for seed in range(20):
        verdict = examine(find(name), function, seed=seed)
        assert verdict.state == "solved", f"seed {seed}: {verdict.words}"
        assert verdict.verified and not verdict.printed


@pytest.mark.parametrize("name", NAMES)
def test_the_global_seed_does_not_matter(name):
    function = typed_in(solution_source(name), name)
    facts = set()
    for seed in range(20):
        torch.manual_seed(seed)
        facts.add(examine(find(name), function))
    assert len(facts) == 1 and facts.pop().state == "solved"


@pytest.mark.parametrize("name", NAMES)
def test_the_stub_is_recognised_as_not_written_yet(name):
    verdict = examine(find(name), typed_in(stub_source(name), name))
    assert (verdict.state, verdict.words) == ("open", "not written yet: the TODO above is yours")


@pytest.mark.parametrize("name", NAMES)
def test_a_stub_without_its_raise_returned_nothing(name):
    text = stub_source(name).replace("    raise NotImplementedError", "    pass")
    verdict = examine(find(name), typed_in(text, name))
    assert verdict.state == "wrong"
    assert verdict.words == "it returned nothing: is the `return` missing?"


@pytest.mark.parametrize("name", NAMES)
def test_stub_and_solution_agree_up_to_the_docstring(name):
    stub, solution = stub_source(name), solution_source(name)
    head = stub[: stub.index("    # TODO: ")]
    assert solution.startswith(head) and head.rstrip().endswith('"""')
    assert stub.endswith("\n    raise NotImplementedError")
    assert stub == stub_source(name) and solution == solution_source(name)
    assert all(len(line) <= 100 for line in (stub + "\n" + solution).splitlines())


def cells(text):
    """Source texts of the code cells of a MyST notebook, without their tags."""
    found = re.findall(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [re.sub(r"^(:[^\n]*\n)+", "", source).strip() for source in found]


def missing_of(name, book, wrong, right):
    """What an exercise lacks to be complete, in words."""
    lacks = []
    sources = [cells(text) for text in book]
    flat = [source for page in sources for source in page]
    stubs = [i for i, source in enumerate(flat) if re.match(rf"def {name}\(", source)]
    if not stubs:
        lacks.append(f"a stub: a code-cell in book/*.md that begins with `def {name}(`")
    elif f"{name} = check({name})" not in "".join(flat[stubs[0] + 1 : stubs[0] + 2]):
        lacks.append(f"`{name} = check({name})` in the code-cell after its stub")
    if not any(f"<!-- solution: {name} -->" in text for text in book):
        lacks.append(f"a place for the solution in book/*.md: <!-- solution: {name} -->")
    if len(wrong) < 5:
        lacks.append(f"{5 - len(wrong)} more wrong versions in tests/exercises/variants_*.py")
    if not right:
        lacks.append("a right version written differently in tests/exercises/variants_*.py")
    return lacks


@pytest.mark.parametrize("name", NAMES)
def test_the_exercise_is_complete(name):
    book = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "book").glob("*.md"))]
    lacks = missing_of(name, book, WRONG[name], RIGHT[name])
    assert not lacks, f"the exercise {name} still needs: " + "; ".join(lacks)


def test_what_is_missing_is_said_exactly():
    page = "```{code-cell} ipython3\n:tags: [stub]\ndef thing(x): ...\n```\n"
    asked = "```{code-cell} ipython3\nthing = check(thing)\n```\n"
    place = "<!-- solution: thing -->\n"
    assert missing_of("thing", [page + asked + place], [1] * 5, [1]) == []
    assert (
        "a code-cell in book/*.md that begins with `def thing(`"
        in missing_of("thing", [], [], [])[0]
    )
    assert "`thing = check(thing)`" in missing_of("thing", [page + place], [1] * 5, [1])[0]
    assert "<!-- solution: thing -->" in missing_of("thing", [page + asked], [1] * 5, [1])[0]
    assert "2 more wrong versions" in missing_of("thing", [page + asked + place], [1] * 3, [1])[0]
    assert "right version" in missing_of("thing", [page + asked + place], [1] * 5, [])[0]


def test_no_variant_is_filed_under_a_name_that_is_no_exercise():
    assert not (set(WRONG) | set(RIGHT)) - set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_chapter_that_an_exercise_names_exists(name):
    number = find(name).chapter.split()[0]
    assert list((ROOT / "book").glob(f"{number}_*.md")), find(name).chapter
