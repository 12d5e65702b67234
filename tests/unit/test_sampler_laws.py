"""Samplers as a whole, with the exact score: their law against the truth as steps grow.

With normal data every step is an affine map plus noise, so the law of a whole run follows from
its mean and variance step by step: no draws, no chance.
"""

import math

import pytest
import torch

from helpers.evaluate import kl_divergence
from helpers.noise import (
    KINDS,
    VE,
    VP,
    BetaTable,
    Cosine,
    Denoiser,
    Euclidean,
    Gaussian,
    GaussianMixture,
    Linear,
    Path,
    cross,
    grid,
    noise_grid,
)
from helpers.sample import (
    ancestral,
    ddim,
    denoise,
    edm_heun,
    langevin,
    multistep,
    reverse_euler,
    reverse_heun,
    sample,
    step,
)

SCHEDULES = [VP(), Cosine(), Linear(), VE(0.01, 20.0)]
each = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
MEAN, STD = 1.5, 0.6


def data():
    return GaussianMixture(torch.tensor([[MEAN]], dtype=torch.float64), STD)


class Known(Euclidean):
    """Flat space whose noise is a tensor we know."""

    def __init__(self, z):
        self.z = z

    def noise(self, x, generator=None):
        return self.z


# Three rows tell all of an affine step: from 0 and from 1 without noise, from 0 with noise 1.
PROBE = torch.tensor([[0.0], [1.0], [0.0]], dtype=torch.float64)
KICKS = torch.tensor([[0.0], [0.0], [1.0]], dtype=torch.float64)


def push(advance, t, s, mean, var):
    shift, slope, kick = advance(PROBE, t, s)[:, 0].tolist()
    slope, kick = slope - shift, kick - shift
    return shift + slope * mean, slope**2 * var + kick**2


def law_of_run(schedule, make, times):
    """Mean and variance of a run of make(denoiser, path), from the true law at its first time."""
    path = Path(schedule, Known(KICKS))
    start = data().smoothed(path, times[0])
    mean, var = float(start.means), float(start.std) ** 2
    advance = make(data().denoiser(path), path)
    for t, s in zip(times[:-1], times[1:], strict=True):
        mean, var = push(advance, t, s, mean, var)
    return mean, var


def one(update):
    return lambda den, path: step(den, update(path))


SAMPLERS = {
    "ddim": (one(ddim), 1),
    "ddim eta 1/2": (one(lambda p: ddim(p, 0.5)), 1),
    "ancestral": (one(ancestral), 1),
    "ancestral midway": (one(lambda p: ancestral(p, 0.5)), 1),
    "ancestral beta": (one(lambda p: ancestral(p, 1.0)), 1),
    "flow, Euler": (one(reverse_euler), 1),
    "reverse SDE": (one(lambda p: reverse_euler(p, 1.0)), 1),
    "churn 1/2": (one(lambda p: reverse_euler(p, 0.5)), 1),
    "flow, Heun": (reverse_heun, 2),
    "EDM Heun": (edm_heun, 2),
}


@each
@pytest.mark.parametrize("name", SAMPLERS)
def test_law_approaches_the_truth_at_its_order(schedule, name):
    make, order = SAMPLERS[name]
    end = data().smoothed(Path(schedule), 0.02)
    errors = []
    for n in (100, 200, 400):
        mean, var = law_of_run(schedule, make, grid(n, 0.95, 0.02))
        off = abs(mean - float(end.means)) / STD, abs(var / float(end.std) ** 2 - 1)
        errors.append(max(off))
    assert errors[-1] < (0.07 if order == 1 else 1e-3), errors
    fall = math.log2(errors[0] / errors[-1]) / 2
    assert fall > order - 0.15, (errors, fall)


@each
def test_multistep_is_of_second_order_on_a_grid_even_in_log_snr(schedule):
    path, x1 = Path(schedule), torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
    first, last = (data().smoothed(path, t) for t in (0.95, 0.05))
    truth = last.means + last.std / first.std * (x1 - first.means)
    errors = []
    for n in (40, 80, 160):
        u = torch.linspace(0, 1, n + 1, dtype=torch.float64)
        ends = [float(schedule.ratio(torch.tensor(t).double()).log()) for t in (0.95, 0.05)]
        times = schedule.time_of(torch.exp(ends[0] + u * (ends[1] - ends[0])))
        y = sample(multistep(data().denoiser(path), path), x1, times)
        errors.append(float((y - truth).abs().max()))
    assert math.log2(errors[0] / errors[-1]) / 2 > 1.8, errors


@each
def test_corrector_keeps_the_law_and_mends_a_wrong_one(schedule):
    # At one time: the chain settles at the true variance, up to its own step's known bias.
    t = torch.tensor(0.5, dtype=torch.float64)
    path = Path(schedule)
    truth = data().smoothed(path, t)
    h = 2 * (0.1 * float(path.at(t)[1])) ** 2
    bias = 1 / (1 - h / (2 * float(truth.std) ** 2))
    advance = step(data().denoiser(path), langevin(Path(schedule, Known(KICKS)), 0.1))
    mean, var = float(truth.means) + 1.0, 0.0
    shift, slope, kick = advance(PROBE, t, t)[:, 0].tolist()
    for _ in range(5000):
        mean = shift + (slope - shift) * mean
        var = (slope - shift) ** 2 * var + (kick - shift) ** 2
    assert mean == pytest.approx(float(truth.means), abs=1e-6)
    assert var == pytest.approx(float(truth.std) ** 2 * bias, rel=1e-6)


def five():
    law = cross()
    return GaussianMixture(law.means.double(), 0.25)


def judge(x, law, n):
    """Weights of the five modes and the width within, against 5 standard errors."""
    nearest = torch.cdist(x, law.means).argmin(-1)
    share = torch.bincount(nearest, minlength=5).double() / n
    width = torch.stack([x[nearest == k].std(0).square().mean() for k in range(5)]).mean().sqrt()
    return float((share - 0.2).abs().max()), float(width)


@pytest.mark.parametrize(
    "name", ["ddpm", "ddpm midway", "ddim", "sde", "heun", "edm", "edm churn", "2m", "2m sde"]
)
def test_whole_runs_give_the_five_modes_their_weights_and_widths(name):
    law, n = five(), 4000
    path = Path(VE(0.01, 40.0) if name.startswith("edm") else Cosine())
    den, generator = law.denoiser(path), torch.Generator().manual_seed(7)
    steps = {
        "ddpm": lambda: step(den, ancestral(path, 0.0, generator)),
        "ddpm midway": lambda: step(den, ancestral(path, 0.5, generator)),
        "ddim": lambda: step(den, ddim(path)),
        "sde": lambda: step(den, reverse_euler(path, 1.0, generator)),
        "heun": lambda: reverse_heun(den, path),
        "edm": lambda: edm_heun(den, path),
        "edm churn": lambda: edm_heun(den, path, 0.1, generator),
        "2m": lambda: multistep(den, path),
        "2m sde": lambda: multistep(den, path, 1.0, generator),
    }
    x1 = path.prior(torch.empty(n, 2, dtype=torch.float64), generator)
    if name == "sde":
        times = grid(400, 0.999, 1e-3)
    elif name in ("edm", "edm churn"):
        times = noise_grid(path.schedule, 40, 40.0, 0.02)
    elif name.startswith("2m"):
        times = noise_grid(path.schedule, 60, 100.0, 0.02)
    else:
        times = grid(400)
    off, width = judge(sample(steps[name](), x1, times), law, n)
    assert off < 5 * (0.2 * 0.8 / n) ** 0.5, off
    assert abs(width / 0.25 - 1) < 5 / (4 * n) ** 0.5 + 0.01, width


def test_annealing_finds_the_modes_where_plain_langevin_does_not():
    law, n = five(), 3000
    path = Path(VE(0.05, 10.0))
    den, generator = law.denoiser(path), torch.Generator().manual_seed(3)
    # All walkers start on the right: at one low noise level they stay there.
    start = torch.tensor([2.5, 0.0]) + torch.zeros(n, 2, dtype=torch.float64)
    plain = step(den, *[langevin(path, 0.2, generator)] * 10)
    stuck = sample(plain, start, torch.full((41,), 0.0, dtype=torch.float64))
    assert float((stuck[:, 0] > 1.25).double().mean()) == 1
    annealed = step(den, *[langevin(path, 0.2, generator)] * 20)
    x = sample(annealed, start + path.prior(start, generator), grid(40))
    x = sample(step(den, denoise(path)), x, torch.zeros(2, dtype=torch.float64))
    off, width = judge(x, law, n)
    assert off < 5 * (0.2 * 0.8 / n) ** 0.5 + 0.01, off
    assert abs(width / 0.25 - 1) < 0.04, width


def in_its_own_words(kind, law, path):
    """A denoiser whose network is exact and speaks `kind`; its inputs come scaled to unit size."""

    def net(x, t):
        a, s = path.at(t[:, None])
        total = (a**2 * 2.56 + s**2).sqrt()
        p = law.denoiser(path)(x * total, t)
        if kind == "edm":  # (x̂₀ − c_skip x_t)/c_out, as in Karras et al.
            return (p.x0 - a * 2.56 / total * x) * total / (s * 1.6)
        return getattr(p, kind)

    return Denoiser(net, path, kind, 1.6)


@pytest.mark.parametrize("name", ["ddim", "ddpm"])
def test_all_kinds_of_prediction_give_the_same_samples(name):
    law, path, runs = five(), Path(Cosine()), []
    x1 = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for kind in KINDS:
        generator = torch.Generator().manual_seed(1)
        update = ddim(path) if name == "ddim" else ancestral(path, 0.0, generator)
        den = in_its_own_words(kind, law, path)
        runs.append(sample(step(den, update), x1, grid(30, 0.99, 0.0)))
    for run in runs[1:]:
        torch.testing.assert_close(run, runs[0], rtol=1e-8, atol=1e-8)


def test_ddim_with_eta_one_and_ddpm_walk_the_same_way():
    law, path = five(), Path(Cosine())
    x1 = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    a, b = (
        sample(step(law.denoiser(path), make(torch.Generator().manual_seed(1))), x1, grid(50))
        for make in (lambda g: ddim(path, 1.0, g), lambda g: ancestral(path, 0.0, g))
    )
    torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("schedule", "reached"),
    [
        (VP(), True),
        (Cosine(), True),
        (Linear(), True),
        (VE(0.01, 12.8), True),
        (BetaTable.linear(1000), True),
        (BetaTable.linear(50, 2e-3, 0.4), True),
        # The two common mistakes: the start of the sampler is not the end of the noising.
        (BetaTable.linear(50, 1e-4, 0.035), False),
        (VE(0.01, 1.0), False),
    ],
    ids=str,
)
def test_a_schedule_ends_at_its_prior_or_is_caught(schedule, reached):
    path, law = Path(schedule), five()
    end = law.smoothed(path, 1.0)
    sigma = float(path.at(1.0)[1]) if isinstance(schedule, VE) else 1.0
    prior = Gaussian(torch.zeros(2).double(), sigma**2 * torch.eye(2).double())
    kl = kl_divergence(end.log_prob, prior.log_prob, 8 * max(sigma, 1.0))
    assert (kl < 1e-3) == reached, kl
    if not reached:  # known numbers of the common table, and of σ = 1
        assert kl > 0.15


def test_starting_from_the_true_terminal_law_mends_the_common_table():
    # Exact score, 50 steps, β to 0.035: the centre gets a third from N(0, I), its fifth from x_T.
    law, n, path = five(), 20_000, Path(BetaTable.linear(50, 1e-4, 0.035))
    generator = torch.Generator().manual_seed(0)
    wrong = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    right = law.smoothed(path, 1.0).sample(n, generator)
    centre = []
    for x1 in (wrong, right):
        x = sample(
            step(law.denoiser(path), ancestral(path, 0.0, generator)), x1, path.schedule.times()
        )
        centre.append(float((x.norm(dim=-1) < 1.25).double().mean()))
    assert abs(centre[0] - 0.312) < 0.02 and abs(centre[1] - 0.2) < 5 * (0.16 / n) ** 0.5 + 0.01
