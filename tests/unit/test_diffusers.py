"""Step for step against diffusers' schedulers: the same arithmetic, to float32 rounding."""

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler

from helpers.noise import BetaTable, Path, read
from helpers.sample import ancestral, ddim

N = 50
TABLE = BetaTable.linear(N, 1e-3, 0.3)
COMMON = dict(
    num_train_timesteps=N,
    beta_start=1e-3,
    beta_end=0.3,
    beta_schedule="linear",
    clip_sample=False,
)
KINDS = [("epsilon", "eps"), ("sample", "x0")]
by_kind = pytest.mark.parametrize(("theirs", "ours"), KINDS)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def network(x, i):
    """Something smooth and not trivial, of the same form for both sides."""
    return torch.sin(1.3 * x) + 0.01 * float(i)


def at(i):
    return torch.tensor((i + 1) / N, dtype=torch.float64)  # their step i is our t = (i + 1)/T


@by_kind
@pytest.mark.parametrize(("variance", "widen"), [("fixed_small", 0.0), ("fixed_large", 1.0)])
def test_ddpm(theirs, ours, variance, widen):
    scheduler = DDPMScheduler(**COMMON, prediction_type=theirs, variance_type=variance)
    update = ancestral(Path(TABLE), widen, seeded(0))
    x = y = torch.randn(64, 2, generator=seeded(1))
    other = seeded(0)
    for i in reversed(range(N)):
        out = network(x, i)
        x = scheduler.step(out, i, x, generator=other).prev_sample
        mine = update(y, read(network(y, i), y, at(i), TABLE, ours), at(i), at(i - 1))
        # One step from the same state agrees to rounding; errors do not add up unseen.
        torch.testing.assert_close(mine, x, rtol=2e-5, atol=2e-5)
        y = x


@by_kind
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("stride", [1, 5])
def test_ddim(theirs, ours, eta, stride):
    scheduler = DDIMScheduler(**COMMON, prediction_type=theirs, set_alpha_to_one=True)
    scheduler.set_timesteps(N // stride)
    update = ddim(Path(TABLE), eta, seeded(0))
    x = y = torch.randn(64, 2, generator=seeded(1))
    other = seeded(0)
    for i in scheduler.timesteps.tolist():
        # At the last step of a stride their previous step lies before the table: clean data.
        s = at(i - stride) if i - stride >= 0 else torch.zeros((), dtype=torch.float64)
        x = scheduler.step(network(x, i), i, x, eta=eta, generator=other).prev_sample
        mine = update(y, read(network(y, i), y, at(i), TABLE, ours), at(i), s)
        torch.testing.assert_close(mine, x, rtol=2e-5, atol=2e-5)
        y = x


def test_the_tables_agree():
    scheduler = DDPMScheduler(**COMMON)
    t = TABLE.times()[:-1].flip(0)
    torch.testing.assert_close(
        TABLE.alpha(t).float() ** 2, scheduler.alphas_cumprod, rtol=2e-6, atol=0
    )


def test_adding_noise_agrees():
    scheduler = DDPMScheduler(**COMMON)
    x0 = torch.randn(N, 2, generator=seeded(0))
    i = torch.arange(N)
    x, eps = Path(TABLE).perturb(x0, (i + 1) / N, seeded(2))
    torch.testing.assert_close(x, scheduler.add_noise(x0, eps, i), rtol=1e-5, atol=1e-5)
