"""The stored runs that chapter 06 shows: whole, and what the benchmark makes."""

import math

import pytest
import torch

from benchmarks import repa
from helpers.learn.repa import standardised
from helpers.matter import Crystals, stand_in


@pytest.fixture(scope="module")
def stored():
    return torch.load(repa.RESULTS, weights_only=True)


def of(stored, arm):
    return [r for r in stored if all(r[k] == v for k, v in arm._asdict().items())]


def test_every_arm_is_there_with_all_seeds_and_nothing_else(stored):
    arms = repa.arms()
    assert len(set(arms)) == len(arms)
    for arm in arms:
        runs = of(stored, arm)
        assert sorted(r["seed"] for r in runs) == list(repa.SEEDS), arm
        for run in runs:
            assert [c[0] for c in run["curve"]] == [*repa.LOOK, repa.STEPS]
            assert all(math.isfinite(v) and v > 0 for c in run["curve"] for v in c)
            assert 0 <= run["matched"] <= 1 and run["seconds"] > 0
            assert (run["encoding"] > 1) == ("CHGNet" in arm.teacher)
            assert len(run["cosine"]) == (0 if arm.teacher == "none" else 4)
    assert len(stored) == len(arms) * len(repa.SEEDS)
    assert repa.RESULTS.stat().st_size < 200_000


def test_the_first_updates_are_made_again(stored, monkeypatch):
    """The recipe of the stored runs, followed to the first look."""

    class Enough(Exception):
        pass

    data = repa.shaken_elements()
    seen = []

    def errors(flow, held):
        found = line_errors(flow, held)
        seen.append(float(found.mean()))
        raise Enough

    line_errors = repa.line_errors
    monkeypatch.setattr(repa, "line_errors", errors)
    arm = repa.Arm("elements", data="elements")
    with pytest.raises(Enough):
        repa.run(arm, 0, data, None, repa.STEPS)
    (run,) = [r for r in of(stored, arm) if r["seed"] == 0]
    assert seen[0] == pytest.approx(run["curve"][0][1], rel=1e-3)


def test_a_run_is_told_whole_and_the_table_shows_it(capsys, monkeypatch):
    crystals = repa.float32(stand_in(14, torch.Generator().manual_seed(0)).crystals)
    data = repa.Data(*(Crystals(*(c[rows] for c in crystals)) for rows in (slice(8), slice(8, 14))))
    teacher = repa.features(repa.ElementEncoder(16), data)
    other = repa.shuffled(teacher)
    assert sorted(map(float, other.training.sum((1, 2)))) == pytest.approx(
        sorted(map(float, teacher.training.sum((1, 2))))
    )
    assert not torch.equal(other.training, teacher.training)
    both = torch.cat([teacher.training, teacher.held])
    assert torch.allclose(both, standardised(both, crystals.mask), atol=1e-4)
    arm = repa.Arm("main", size=8, teacher="elements only")
    monkeypatch.setattr(repa, "LOOK", (1, 2))
    run = repa.run(arm, 0, data, teacher, 3)
    assert [c[0] for c in run["curve"]] == [1, 2, 3] and len(run["cosine"]) == 4
    monkeypatch.setattr(repa, "arms", lambda: [arm])
    repa.show([run])
    assert "elements only, all t" in capsys.readouterr().out
