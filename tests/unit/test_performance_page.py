"""The performance page: what a run found stands in it, whole; and what writes it does not lie."""

import platform
import re
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import __main__ as command
from benchmarks import page, samplers
from benchmarks.machine import machine
from benchmarks.rows import Spread, extremes, number, quartiles, table
from benchmarks.topics import TOPICS, Topic
from benchmarks.turns import ratio_rows, seconds
from helpers.models import TimeMLP

sys.path.insert(0, str(Path(__file__).parents[2] / "book" / "_tools"))
import notebooks  # noqa: E402

TEXT = page.PAGE.read_text("utf-8")
STORED = page.load()


# ---- the page in the book


def test_the_tables_are_those_of_the_stored_run():
    assert page.filled(TEXT, page.blocks(STORED)) == TEXT, "run `python -m benchmarks --again`"


def test_the_chapters_table_is_that_of_the_notebooks():
    assert notebooks.times(page.ROOT) in TEXT, "run `make notebooks`"


def test_the_page_is_in_the_book():
    assert "book/performance" in (page.ROOT / "_toc.yml").read_text("utf-8")


def test_every_topic_is_there_with_its_peers():
    # What the page promises, by the words that only a table of that topic has.
    for name, words in {
        "simulate": ["the draws alone", "torchsde"],
        "scores": ["closed form", "gradient of the sum", "per-sample Jacobians"],
        "samplers": ["DDPM", "DDIM", "diffusers", "torchcfm"],
        "families": ["true draws", "NCSN", "DDPM", "DDIM", "flow matching", "OT flow"],
        "crystals": ["uniform", "direct", "torus"],
        "minimum_image": ["pair_distances", "ASE", "pymatgen"],
    }.items():
        block = page.blocks(STORED)[name]
        assert [word for word in words if word not in block] == [], name
        assert block in TEXT
    assert {topic.name for topic in TOPICS} == set(STORED["rows"])


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_numbers_stand_with_their_spread(topic):
    rows = STORED["rows"][topic.name]
    spreads = [cell for row in rows for cell in row.values() if isinstance(cell, Spread)]
    assert len(spreads) >= len(rows)
    assert all(low <= middle <= high for middle, low, high in spreads)
    # A run stands beside itself with 1 and no spread; whatever else was measured scatters.
    assert sum(low < high for _, low, high in spreads) >= len(rows) / 2


def test_machine_and_date_are_there_and_no_names():
    found = STORED["machine"]
    assert re.fullmatch(r"20\d\d-[01]\d-[0-3]\d", found["date"]) and found["date"] in TEXT
    for key in ("processor", "threads of torch", "Python", "packages"):
        assert found[key] and found[key] in TEXT
    for peer in ("torch ", "torchsde ", "diffusers ", "torchcfm ", "ase ", "pymatgen "):
        assert peer in found["packages"]
    assert found["threads of torch"] == "1"
    for folder in ("/home/", "/root/", "/tmp/", "/usr/", "C:\\"):
        assert folder not in TEXT


# ---- how numbers are written


def test_numbers_have_three_figures():
    assert [number(x) for x in (0.0, 0.004321, 0.0949, 0.096, 1.005, 9.994, 9.996)] == (
        ["0.00", "0.0043", "0.095", "0.10", "1.00", "9.99", "10.0"]
    )
    assert [number(x) for x in (12.34, 99.94, 99.96, 1234.5, -12.34)] == (
        ["12.3", "99.9", "100", "1234", "-12.3"]
    )


def test_spreads():
    values = [4.0, 1.0, 2.0, 3.0, 10.0]
    assert quartiles(values) == Spread(3.0, 2.0, 4.0)
    assert extremes(values) == Spread(3.0, 1.0, 10.0)
    assert str(extremes(values)) == "3.00 (1.00–10.0)"
    assert str(quartiles([2.0, 2.0])) == "2.00"  # nothing scatters, nothing in brackets


def test_a_table_lines_up():
    rows = [
        {"run": "ours", "n": "–", "ratio": Spread(1.0, 0.5, 2.0)},
        {"run": "another", "n": 20, "ratio": 12.0},
    ]
    assert table(rows).splitlines() == [
        "| run     |  n |            ratio |",
        "| ------- | -: | ---------------: |",
        "| ours    |  – | 1.00 (0.50–2.00) |",
        "| another | 20 |             12.0 |",
    ]


@pytest.mark.parametrize("rows", [[], [{"a": 1}, {"b": 1}]])
def test_a_table_needs_the_same_columns(rows):
    with pytest.raises(ValueError, match="the same columns in all of them"):
        table(rows)


# ---- how times are taken


def test_runs_take_turns_and_ratios_are_formed_within_a_round():
    clock, order = [0.0], []

    def run(name, *times):
        left = iter(times)

        def go():
            order.append(name)
            clock[0] += next(left)

        return go

    # The machine gets slower from round to round; only the ratio 2 is the same in all.
    runs = {"a": run("a", 9, 1, 10, 100), "b": run("b", 9, 2, 20, 200)}
    taken = seconds(runs, 3, lambda: clock[0])
    assert order == list("abababab")
    assert taken == {"a": [1, 10, 100], "b": [2, 20, 200]}  # the first round only warms up
    rows = ratio_rows(taken, "a", size=7)
    assert rows[1] == {"size": 7, "run": "b", "time / a": Spread(2.0, 2.0, 2.0), "ms": 20_000.0}


# ---- the command


def tiny(name="simulate", peers=(), rows=None):
    return Topic(name, lambda: rows or [{"run": "x", "ratio": Spread(1.5, 1.0, 2.0)}], peers)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A page and a store of this test's own, for one topic."""
    topics = (tiny(),)
    monkeypatch.setattr(page, "TOPICS", topics)
    monkeypatch.setattr(command, "TOPICS", topics)
    # torchcfm, which only `make benchmark` installs, has no version here.
    monkeypatch.setattr(command, "machine", lambda: {"date": "2026-01-02"})
    target = tmp_path / "page.md"
    target.write_text(
        "a\n<!-- rows: machine -->\nold\n<!-- /rows -->\nb\n<!-- rows: simulate -->\n"
        "<!-- /rows -->\nc\n"
    )
    monkeypatch.setattr(page, "ROOT", tmp_path)
    monkeypatch.setattr(page, "PAGE", target)
    monkeypatch.setattr(page, "STORED", tmp_path / "rows.json")
    return target


def test_a_whole_run_writes_the_page_and_again_writes_the_same(own):
    assert command.main([]) == 0
    written = own.read_text()
    assert "| 1.50 (1.00–2.00) |" in written and "2026-01-02" in written and "old" not in written
    own.write_text(written.replace("1.50", "1.40"))
    assert command.main(["--again"]) == 0
    assert own.read_text() == written


def test_a_part_prints_and_leaves_the_page(own, monkeypatch, capsys):
    before = own.read_text()
    monkeypatch.setattr(command, "TOPICS", (tiny(), tiny("scores")))
    assert command.main(["--only", "scores"]) == 0
    assert "scores, 0 CPU s\n| run |" in capsys.readouterr().out
    assert own.read_text() == before


def test_an_absent_peer_fails_in_words_before_anything_is_measured(own, monkeypatch, capsys):
    before = own.read_text()
    monkeypatch.setattr(command, "TOPICS", (tiny(), tiny("scores", ("no_such_package",))))
    assert command.main([]) == 1
    told = capsys.readouterr()
    assert told.out == "" and own.read_text() == before
    assert "scores: no_such_package is not installed here, so there is nothing to" in told.err


def test_each_table_has_one_place():
    place = "<!-- rows: a -->\n<!-- /rows -->\n"
    assert page.filled(place, {"a": "t\n"}) == "<!-- rows: a -->\nt\n<!-- /rows -->\n"
    for text in ("", place + place, place.replace(": a", ": b")):
        with pytest.raises(ValueError, match="the page has places for"):
            page.filled(text, {"a": "t\n"})


def test_the_machine_is_described_without_names(monkeypatch):
    monkeypatch.setattr("benchmarks.machine.version", lambda name: "1.0")
    monkeypatch.setattr(platform, "node", lambda: "a-host-of-mine")
    found = machine()
    assert all(found.values()) and "torchcfm 1.0" in found["packages"]
    assert "a-host-of-mine" not in str(found)


# ---- ours and diffusers' samplers do the same


@pytest.mark.parametrize("kind", ["DDPM", "DDIM"])
def test_both_samplers_make_the_same_points_from_the_same_seed(kind):
    torch.manual_seed(0)
    net = TimeMLP()
    mine, peer = samplers.ours(net, kind)(64, 1), samplers.theirs(net, kind)(64, 1)
    assert samplers.apart(mine, peer) < samplers.AGREE
    # The bound can fail: other noise is a different cloud.
    assert samplers.apart(samplers.ours(net, kind)(64, 2), peer) > 0.5


def test_samplers_are_compared_with_the_network_alone():
    rows = samplers.sampling(8, repeats=2)
    assert [row["run"] for row in rows] == ["DDPM, 50 steps, 8 points", "DDIM, 50 steps, 8 points"]
    assert all(row["ours / network"].middle > 1 < row["peer / network"].middle for row in rows)


def test_samplers_that_disagree_are_not_timed(monkeypatch):
    monkeypatch.setattr(samplers, "theirs", lambda net, kind: lambda n, seed: torch.randn(n, 2))
    with pytest.raises(RuntimeError, match="ours and diffusers' points differ by"):
        samplers.sampling(8, repeats=1)
