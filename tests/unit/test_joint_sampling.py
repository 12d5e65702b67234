"""Predictor, corrector and guidance of the joint generator, with denoisers that know the answer."""

import math

import pytest
import torch
from torch.nn import functional

from helpers.matter import Crystals, crystal, pack
from helpers.noise.lattice import LatticeVP, symmetric_cell
from helpers.noise.spaces import Torus
from helpers.noise.wrapped import WrappedVE
from helpers.sample.joint import (
    MASKED,
    JointNoise,
    JointPred,
    correct,
    corrector_step_size,
    guide_joint,
    predict,
    predictor_corrector,
)

NOISE = JointNoise(WrappedVE(0.02, 1.0))


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def truth():
    g = seeded(0)
    rows = []
    for n in (3, 2):
        cell = symmetric_cell(4 * torch.eye(3) + 0.4 * torch.randn(3, 3, generator=g))
        rows.append(crystal(cell, torch.rand(n, 3, generator=g), torch.randint(1, 90, (n,))))
    return pack(rows)


def knowing(clean, noise=NOISE):
    """The denoiser of a data set of one crystal."""

    def denoise(state, t, cond=None):
        n = state.mask.sum(-1)
        sigma = noise.frac.sigma(t, n)[:, None, None]
        frac = -sigma * Torus().kernel_score(state.frac, clean.frac, sigma)
        mean, std = noise.cell.at(clean.cell, n, t)
        logits = 50.0 * functional.one_hot((clean.species - 1).clamp(min=0), 101)
        return JointPred(frac, (state.cell - mean) / std[:, None, None], logits)

    return denoise


def times(n):
    return torch.linspace(1, 0, n + 1, dtype=torch.float64)


@pytest.mark.parametrize("corrections", [0, 1])
def test_who_knows_the_crystal_gets_it(corrections):
    clean = truth()
    start = NOISE.prior(clean.mask.sum(-1), seeded(1))
    assert bool((start.species[clean.mask] == MASKED).all())
    way = list(
        predictor_corrector(
            knowing(clean), NOISE, start, times(60), corrections=corrections, generator=seeded(2)
        )
    )
    assert len(way) == 61
    end = way[-1]
    assert torch.equal(end.species, clean.species) and torch.equal(end.mask, clean.mask)
    off = Torus().diff(end.frac, clean.frac) * clean.mask[..., None]
    assert float(off.abs().max()) < 1e-4
    assert float((end.cell - clean.cell).abs().max()) < 1e-3
    assert float(end.frac[~clean.mask].abs().max()) == 0


def test_corrupted_states():
    clean = truth()
    t = torch.tensor([0.3, 0.9])
    state, eps, eps_cell = NOISE.corrupt(clean, t, seeded(3))
    exact = knowing(clean)(state, t)
    live = clean.mask[..., None]
    assert torch.allclose(exact.frac * live, eps, atol=1e-4)
    assert torch.allclose(exact.cell, eps_cell, atol=1e-4)
    changed = (state.species != clean.species) & clean.mask
    assert bool((state.species[changed] == MASKED).all())
    assert bool((state.species[~clean.mask] == 0).all())


def test_the_corrector_touches_no_element_and_comes_first():
    clean, order = truth(), []
    state = NOISE.corrupt(clean, torch.tensor(0.6), seeded(4))[0]
    pred = knowing(clean)(state, torch.full((2,), 0.6))
    moved = correct(NOISE, state, pred, torch.tensor(0.6), generator=seeded(5))
    assert torch.equal(moved.species, state.species)
    assert not torch.equal(moved.frac, state.frac) and not torch.equal(moved.cell, state.cell)
    assert torch.allclose(moved.cell, moved.cell.mT, atol=1e-5)

    def listening(x, t, cond=None):
        order.append((round(float(t[0]), 6), int((x.species == MASKED).sum())))
        return knowing(clean)(x, t)

    start = NOISE.prior(clean.mask.sum(-1), seeded(6))
    list(predictor_corrector(listening, NOISE, start, times(4), corrections=2, generator=seeded(7)))
    assert [t for t, _ in order] == [1.0] * 3 + [0.75] * 3 + [0.5] * 3 + [0.25] * 3
    masks = [k for _, k in order]
    assert all(len(set(masks[i : i + 3])) == 1 for i in range(0, 12, 3))


def test_the_step_size_is_the_formula():
    g = seeded(8)
    score, noise = torch.randn(6, 4, 3, generator=g), torch.randn(6, 4, 3, generator=g)
    top = sum(math.sqrt(float(x.square().sum())) for x in noise) / 6
    bottom = sum(math.sqrt(float(x.square().sum())) for x in score) / 6
    found = corrector_step_size(score, noise, 0.4)
    assert float(found) == pytest.approx(2 * (0.4 * top / bottom) ** 2, rel=1e-5)
    assert float(corrector_step_size(2 * score, noise, 0.4)) == pytest.approx(float(found) / 4)
    # Where the score vanishes the move is bounded by the noise that there is.
    clean = truth()
    state = NOISE.corrupt(clean, torch.tensor(0.5), seeded(9))[0]
    nothing = JointPred(torch.zeros_like(state.frac), torch.zeros_like(state.cell), torch.ones(1))
    moved = correct(NOISE, state, nothing, torch.tensor(0.5), generator=seeded(10))
    std = NOISE.cell.at(state.cell, clean.mask.sum(-1), torch.tensor(0.5))[1]
    assert float(((moved.cell - state.cell) / std[:, None, None]).abs().max()) < 5 * math.sqrt(2)


def test_the_corrector_keeps_the_law_of_the_lattice():
    # Data: one cell. At fixed t the state's law is normal; many small moves must leave it so.
    many, t = 1000, torch.tensor(0.5, dtype=torch.float64)
    base = truth()
    clean = Crystals(*(x[:1].expand(many, *x.shape[1:]) for x in base))
    state = NOISE.corrupt(clean, t, seeded(11))[0]
    state = state._replace(cell=state.cell + 0.5)  # away from it
    g, denoise = seeded(12), knowing(clean)
    for _ in range(40):
        state = correct(NOISE, state, denoise(state, t.expand(many)), t, (0.3, 0.3), g)
    mean, std = NOISE.cell.at(clean.cell, clean.mask.sum(-1), t)
    z = (state.cell - mean) / std[:, None, None]
    assert float(z.mean(0).abs().max()) < 5 / math.sqrt(many)
    # The chain's own step widens the law by 1/(1 − h/2): h = 2 · 0.3² here, 5 % in the spread.
    assert torch.allclose(z.std(0), torch.full((3, 3), 1.05), atol=5 / math.sqrt(2 * many))


def test_the_last_step_takes_means():
    clean = truth()
    t, zero = torch.tensor(0.02, dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    state = NOISE.corrupt(clean, t, seeded(13))[0]
    pred = knowing(clean)(state, t.expand(2))
    one, two = (predict(NOISE, state, pred, t, zero, seeded(k), last=True) for k in (1, 2))
    assert torch.equal(one.frac, two.frac) and torch.equal(one.cell, two.cell)
    noisy = predict(NOISE, state, pred, t, zero, seeded(1))
    assert not torch.equal(noisy.frac, one.frac)


def test_guidance_limits():
    clean = truth()
    calls = []

    def denoise(state, t, cond):
        calls.append(cond)
        return JointPred(*(x + (0.0 if cond is None else cond) for x in knowing(clean)(state, t)))

    state = NOISE.prior(clean.mask.sum(-1), seeded(14))
    t = torch.full((2,), 0.7)
    without, within = denoise(state, t, None), denoise(state, t, 2.0)
    calls.clear()
    for w, expected in ((0.0, without), (1.0, within)):
        said = guide_joint(denoise, w)(state, t, 2.0)
        assert all(torch.equal(a, b) for a, b in zip(said, expected, strict=True))
    assert calls == [None, 2.0]  # one call at each limit
    far = guide_joint(denoise, 3.0)(state, t, 2.0)
    for a, u, c in zip(far, without, within, strict=True):
        assert torch.allclose(a, u + 3 * (c - u))


def test_only_allowed_elements_are_chosen():
    clean = truth()
    allowed = torch.zeros(2, 100, dtype=torch.bool)
    allowed[0, [7, 25]] = True
    allowed[1, 11] = True

    def unsure(state, t, cond=None):
        return knowing(clean)(state, t)._replace(logits=torch.zeros(2, 3, 101))

    start = NOISE.prior(clean.mask.sum(-1), seeded(15))
    way = predictor_corrector(unsure, NOISE, start, times(8), allowed=allowed, generator=seeded(16))
    *_, end = way
    assert set(end.species[0].tolist()) <= {8, 26} and set(end.species[1].tolist()) == {12, 0}


def test_words():
    clean = truth()
    start = NOISE.prior(clean.mask.sum(-1))
    with pytest.raises(ValueError, match="corrections = -1: need 0 or more moves"):
        next(predictor_corrector(knowing(clean), NOISE, start, times(3), corrections=-1))
    with pytest.raises(ValueError, match="times must be a row of two or more that falls to 0"):
        next(predictor_corrector(knowing(clean), NOISE, start, times(3).flip(0)))
    with pytest.raises(ValueError, match="a crystal without any allowed element cannot be made"):
        nobody = torch.zeros(100, dtype=torch.bool)
        next(predictor_corrector(knowing(clean), NOISE, start, times(3), allowed=nobody))
    assert LatticeVP() == JointNoise().cell
