"""Training in several processes: equal copies, mean gradients, one file, one end; and alone."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from two_processes import UPDATES, Bent, loss_of

from benchmarks import perov5
from benchmarks.full import announce, let_first_speak
from helpers.learn import EMA, train, warmup_cosine
from helpers.learn.parallel import STRIDE, Alone, join

SCRIPT = Path(__file__).with_name("two_processes.py")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The folder that two processes wrote to, what each kept there, and how they ended."""
    folder = tmp_path_factory.mktemp("two")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*torchrun, SCRIPT, folder],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=SCRIPT.parents[2],
    )
    files = [folder / f"process-{rank}.pt" for rank in (0, 1)]
    assert all(file.exists() for file in files), done.stderr
    return folder, [torch.load(file, weights_only=True) for file in files], done


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def test_both_end_with_the_same_weights_and_say_the_same(two):
    _, (first, second), _ = two
    assert same(first, second)


def test_an_update_follows_the_mean_of_both_streams(two):
    _, (first, _), _ = two
    streams = [torch.Generator().manual_seed(STRIDE * rank) for rank in (0, 1)]
    model = Bent()
    first_loss, second_loss = loss_of(model, 0), loss_of(model, 1)

    def both(_):
        return (first_loss(streams[0]) + second_loss(streams[1])) / 2

    run = train(model, both, UPDATES, lr=0.05)
    # Sums in another order differ by a rounding, 2⁻²⁴ of a gradient; Adam divides by its size, and
    # 40 updates of 0.05 at most add up to 40 · 0.05 · 2⁻²⁴ ≈ 1e-7 if nothing grows. Gradients
    # near zero are rounded relative to the terms they are the difference of: a hundred times that.
    for ours, theirs in (
        (model.state_dict(), first["whole"]["weights"]),
        (run.model.state_dict(), first["whole"]["averaged"]),
    ):
        for name, value in ours.items():
            torch.testing.assert_close(value, theirs[name], rtol=0, atol=1e-5)
    torch.testing.assert_close(run.losses, first["whole"]["losses"], rtol=1e-4, atol=1e-5)
    # Either stream alone ends elsewhere.
    for rank in (0, 1):
        alone = Bent()
        train(alone, loss_of(alone, rank), UPDATES, lr=0.05, seed=STRIDE * rank)
        assert (alone.line.weight - model.line.weight).abs().max() > 1e-3


def test_a_run_that_was_stopped_goes_on_to_the_same_end(two):
    _, results, _ = two
    for result in results:
        assert result["kept"] == 20
        assert same(result["again"], result["whole"])


def test_no_number_in_one_process_stops_both_in_words(two):
    _, results, done = two
    assert [r["words"] for r in results] == ["the loss is nan at update 25: try a lower lr"] * 2
    assert done.returncode != 0
    assert "FloatingPointError: the loss is nan at update 3" in done.stderr


def test_only_the_first_process_writes(two):
    folder, _, _ = two
    assert {p.name for p in folder.iterdir()} == {"run.pt", "process-0.pt", "process-1.pt"}


def test_a_file_of_two_processes_is_refused_by_one(two):
    folder, _, _ = two
    model = Bent()
    with pytest.raises(ValueError, match=r"saved by 2 process\(es\), and now there are 1"):
        train(model, loss_of(model), UPDATES, lr=0.05, checkpoint=folder / "run.pt")


def test_one_process_trains_as_ever_and_needs_no_fabric(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)  # an import would fail
    monkeypatch.setenv("WORLD_SIZE", "8")  # a cluster sets that for programs of any kind
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    model = Bent()
    run = train(model, loss_of(model), 30, lr=0.05)
    # The loop, written out.
    plain = Bent()
    one, generator = loss_of(plain), torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(plain.parameters(), lr=0.05, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda i: warmup_cosine(i, 30))
    ema, losses = EMA(plain, 0.99), []
    for _ in range(30):
        value = one(generator)
        optimiser.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        ema.update()
        losses.append(value.detach())
    assert same(dict(model.state_dict()), dict(plain.state_dict()))
    assert same(dict(run.model.state_dict()), dict(ema.model.state_dict()))
    assert torch.equal(run.losses, torch.stack(losses))
    assert type(join()) is Alone and join("cpu").first(lambda: 3) == 3


def test_several_processes_without_fabric_are_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "here")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ModuleNotFoundError, match="needs Lightning Fabric"):
        train(Bent(), lambda generator: 1 / 0, 3)


def test_a_model_on_another_process_s_gpu_is_refused(monkeypatch):
    team = Alone(torch.device("cuda:1"))
    team.rank, team.size = 1, 2
    monkeypatch.setattr("helpers.learn.parallel._together", lambda kind: team)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "here")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert join("cuda") is team and join("cuda:1") is team
    with pytest.raises(ValueError, match="process 1 of 2 trains on cuda:1: make it on join"):
        join("cuda:0")


def test_a_trial_of_a_full_run_says_so_and_leaves_no_file(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("COURSE_STATIC", "1")  # the command sets it: put it back afterwards
    monkeypatch.chdir(tmp_path)
    # The real network, its shortest training; sampling it is another test's.
    monkeypatch.setattr(
        perov5, "predict_structures", lambda net, species, generator: [held(species)]
    )
    monkeypatch.setattr(sys, "argv", "perov5 --full --updates 1 --stand-in --seeds 0".split())
    perov5.main()
    said = capsys.readouterr().out
    assert "1 updates of 8 examples" in said and "its numbers mean nothing" in said
    assert "diffusion, seed 0" in said and not list(tmp_path.iterdir())


def held(species):
    """The ideal structure of each composition, in place of a sample."""
    return perov5.of_elements(species, perov5.ideal_perovskite(species))


def test_others_than_the_first_are_silent(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # put back afterwards
    team = Alone(torch.device("cpu"))
    team.size = 2
    announce(perov5.FULL, team, None)
    let_first_speak(team)
    print("the first")
    team.rank = 1
    let_first_speak(team)
    print("the second")
    said = capsys.readouterr().out
    assert said == "60000 updates of 2 × 512 examples, on cpu\nthe first\n"
