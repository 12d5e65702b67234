"""The training loop: repeatable, resumable, silent when asked, and it learns."""

import math

import pytest
import torch
from torch import nn

from helpers.learn import EMA, denoising_loss, stratified_times, train, warmup_cosine
from helpers.models import TimeMLP
from helpers.noise import Cosine, Denoiser, GaussianMixture, Path


def line(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(1, 1)


def loss_of(model):
    def loss(generator):
        x = torch.randn(32, 1, generator=generator)
        return (model(x) - 3 * x - 1).square().mean()

    return loss


def test_it_learns_a_line_and_averages_it():
    model = line()
    run = train(model, loss_of(model), 300, lr=0.05)
    assert run.losses.shape == (300,) and run.losses[-20:].mean() < 1e-3 < run.losses[0]
    assert float(run.model.weight) == pytest.approx(3, abs=0.05)
    assert run.model is not model and not run.model.weight.requires_grad
    assert not run.model.training and not model.training and run.seconds > 0


def test_same_seed_same_run_and_other_seed_another():
    runs = []
    for seed in (0, 0, 1):
        model = line()
        runs.append(train(model, loss_of(model), 30, seed=seed).losses)
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])


def test_the_caller_s_random_numbers_are_left_alone():
    model = line()
    before = torch.random.get_rng_state()
    train(model, loss_of(model), 3)
    assert torch.equal(before, torch.random.get_rng_state())


def test_an_interrupted_run_goes_on_to_the_same_end(tmp_path):
    whole = line()
    truth = train(whole, loss_of(whole), 60, lr=0.02, save_every=20)
    file = tmp_path / "run.pt"

    class Stop(KeyboardInterrupt):
        pass

    model, calls = line(), 0

    def interrupted(generator):
        nonlocal calls
        calls += 1
        if calls == 48:
            raise Stop
        return loss_of(model)(generator)

    with pytest.raises(Stop):
        train(model, interrupted, 60, lr=0.02, checkpoint=file, save_every=20)
    again = line(seed=5)  # other weights: they come from the file
    resumed = train(again, loss_of(again), 60, lr=0.02, checkpoint=file, save_every=20)
    assert torch.equal(resumed.losses, truth.losses)
    assert torch.equal(resumed.model.weight, truth.model.weight)
    assert torch.equal(again.weight, whole.weight)
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]
    # A finished run is not run again.
    done = train(line(7), lambda generator: 1 / 0, 60, lr=0.02, checkpoint=file)
    assert torch.equal(done.model.weight, truth.model.weight)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    model = line()
    train(model, loss_of(model), 5, checkpoint=tmp_path / "run.pt")
    with pytest.raises(ValueError, match="holds another run"):
        train(model, loss_of(model), 6, checkpoint=tmp_path / "run.pt")


def test_the_bar_is_silent_in_stored_outputs(capsys, monkeypatch):
    model = line()
    monkeypatch.setenv("COURSE_STATIC", "1")
    train(model, loss_of(model), 5)
    assert capsys.readouterr() == ("", "")
    monkeypatch.delenv("COURSE_STATIC")
    train(model, loss_of(model), 5)
    assert "/5" in capsys.readouterr().err


def test_gradients_are_clipped():
    # With plain numbers: Adam hides the size of a step, its second moment does not.
    model = line()
    seen = []
    model.weight.register_hook(lambda grad: seen.append(float(grad)))
    train(model, lambda generator: 1e6 * model.weight.sum(), 1, clip=1.0)
    assert seen == [1e6] and float(model.weight.grad) == pytest.approx(1.0, rel=1e-4)


def test_learning_rate_ramps_up_and_falls_to_zero():
    shares = [warmup_cosine(i, 100, 0.1) for i in range(101)]
    assert shares[0] == pytest.approx(0.1) and shares[9] == shares[10] == 1
    assert shares[55] == pytest.approx(0.5) and shares[100] == pytest.approx(0, abs=1e-12)
    assert all(a >= b for a, b in zip(shares[9:], shares[10:], strict=False))
    assert warmup_cosine(0, 1, 0.0) == 1
    assert [warmup_cosine(i, 100, 0.1, fall=False) for i in (4, 10, 99)] == [0.5, 1, 1]


def test_average_of_steady_weights_is_known():
    # Weights jump from 0 to 1 and stay: after n updates the average is 1 − Π decay_i.
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    ema = EMA(model, 0.9)
    nn.init.ones_(model.weight)
    left = 1.0
    for i in range(200):
        ema.update()
        left *= min(0.9, (1 + i) / (10 + i))
        assert float(ema.model.weight) == pytest.approx(1 - left, abs=1e-6)
    follow = EMA(model, 0.0)
    nn.init.constant_(model.weight, 2.0)
    follow.update()
    assert float(follow.model.weight) == 2


def test_average_copies_buffers():
    model = nn.BatchNorm1d(1)
    ema = EMA(model, 0.9)
    model.running_mean.fill_(5.0)
    ema.update()
    assert float(ema.model.running_mean) == 5


def test_a_small_denoiser_comes_near_the_irreducible_loss():
    law = GaussianMixture(torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), 0.3)
    torch.manual_seed(0)
    path = Path(Cosine())
    den = Denoiser(TimeMLP(hidden=48, gain=4.0), path, "edm", law.data_std())

    def loss(generator):
        t = stratified_times(256, generator=generator)
        return denoising_loss(den, law.sample(256, generator), t, generator=generator)

    run = train(den, loss, 400, lr=1e-2)
    # The exact prediction's own loss on fresh points, in the same words.
    g = torch.Generator().manual_seed(9)
    t, x0 = stratified_times(20_000, generator=g), law.sample(20_000, g)
    x, eps = path.perturb(x0, t, g)
    p = law.denoiser(path)(x, t)
    target, best = den.target(x0, eps, t), den.target(p.x0, p.eps, t)
    floor = float((best - target).square().mean())
    got = float((run.model.output(x, t) - target).square().mean())
    zero = float(target.square().mean())
    assert floor < got < floor + 0.06 * (zero - floor), (floor, got, zero)


def test_bad_input_is_refused_in_words():
    model = line()
    with pytest.raises(ValueError, match="at least one update"):
        train(model, loss_of(model), 0)
    with pytest.raises(ValueError, match="need 0 ≤ decay < 1"):
        EMA(model, 1.0)
    with pytest.raises(FloatingPointError, match="nan at update 0"):
        train(model, lambda generator: math.nan * model.weight.sum(), 3)
