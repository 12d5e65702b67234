"""Positions, lattice and elements of a crystal noised and denoised together.

The state is a `Crystals` whose species may be MASKED. Nothing here has parameters: a predictor,
a Langevin corrector and their order are the same whatever the network has learned.
Source: MatterGen (Zeni et al. 2025); Song et al. (2021), algorithms 2 and 4.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from helpers.matter import Crystals
from helpers.noise.absorbing import Absorbing
from helpers.noise.lattice import LatticeVP, symmetric_noise
from helpers.noise.spaces import Torus
from helpers.noise.wrapped import WrappedVE

TORUS = Torus()
MASKED = 101  # one more than the last element that MatterGen's table knows


class JointPred(NamedTuple):
    """Noise in fractional coordinates (B, N, 3) and in the lattice (B, 3, 3), both −score × std,
    and logits (B, N, K + 1) of the elements, the last that of the mask."""

    frac: Tensor
    cell: Tensor
    logits: Tensor


Denoise = Callable[..., JointPred]  # (state, t (B,), cond) → JointPred


@dataclass(frozen=True)
class JointNoise:
    """The three corruptions, each on its own, at one time."""

    frac: WrappedVE = WrappedVE()
    cell: LatticeVP = LatticeVP()
    species: Absorbing = Absorbing()

    def corrupt(
        self, crystals: Crystals, t: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Crystals, Tensor, Tensor]:
        """The state at t () or (B,), and the noise of coordinates and lattice in it.

        Cells must be symmetric: see `symmetric_cell`.
        """
        live = crystals.mask[..., None]
        n = crystals.mask.sum(-1)
        frac, eps = self.frac.perturb(crystals.frac, n, t, generator)
        cell, eps_cell = self.cell.perturb(crystals.cell, n, t, generator)
        token = self.species.corrupt((crystals.species - 1).clamp(min=0), t, generator)
        species = torch.where(crystals.mask, token + 1, 0)
        return Crystals(cell, frac * live, species, crystals.mask), eps * live, eps_cell

    def prior(self, n: Tensor, generator: torch.Generator | None = None) -> Crystals:
        """States at t = 1 for numbers of atoms (B,): all masked, anywhere, in cubes of noise."""
        mask = torch.arange(int(n.max()), device=n.device) < n[:, None]
        cell = self.cell.prior(n, generator)
        frac = self.frac.prior(cell.new_empty(*mask.shape, 3), generator) * mask[..., None]
        return Crystals(cell, frac, mask * (self.species.mask + 1), mask)


def corrector_step_size(score: Tensor, noise: Tensor, snr: float) -> Tensor:
    """h = 2 (snr |z|/|s|)² from the mean norms over a batch (B, ...) of scores s and noises z,
    shape (). Source: Song et al. (2021), algorithm 4."""
    sizes = (x.flatten(1).norm(dim=-1).mean() for x in (noise, score))
    top, bottom = sizes
    return 2 * (snr * top / bottom.clamp(min=1e-12)) ** 2


def correct(
    noise: JointNoise,
    state: Crystals,
    pred: JointPred,
    t: Tensor,
    snr: tuple[float, float] = (0.4, 0.2),
    generator: torch.Generator | None = None,
) -> Crystals:
    """One Langevin move at time t of coordinates and lattice, x + h s + √(2h) z; the elements
    stay. The steps h follow `snr`, at most the variance σ² that the noise itself has."""
    n, live = state.mask.sum(-1), state.mask[..., None]
    sigma = noise.frac.sigma(t, n).to(state.frac)[:, None, None]
    z = TORUS.noise(state.frac, generator) * live
    h = corrector_step_size(-pred.frac / sigma, z, snr[0]).minimum(sigma**2)
    frac = TORUS.shift(state.frac, h * -pred.frac / sigma + (2 * h).sqrt() * z)
    std = noise.cell.at(state.cell, n, t)[1][:, None, None]
    z = symmetric_noise(state.cell, generator)
    h = corrector_step_size(-pred.cell / std, z, snr[1]).minimum(std**2)
    cell = state.cell - h * pred.cell / std + (2 * h).sqrt() * z
    return state._replace(frac=frac * live, cell=cell)


def predict(
    noise: JointNoise,
    state: Crystals,
    pred: JointPred,
    t: Tensor,
    s: Tensor,
    generator: torch.Generator | None = None,
    last: bool = False,
) -> Crystals:
    """One ancestral step of all three from t to s. The last one takes means: no fresh noise, the
    coordinates' rest of noise is taken off, and no mask stays (s should be 0)."""
    n, live = state.mask.sum(-1), state.mask[..., None]
    if last:
        sigma = noise.frac.sigma(t, n).to(state.frac)[:, None, None]
        frac = TORUS.shift(state.frac, -sigma * pred.frac)
    else:
        frac = noise.frac.step(state.frac, pred.frac, n, t, s, generator)
    cell = noise.cell.step(state.cell, pred.cell, n, t, s, generator, mean_only=last)
    token = noise.species.step((state.species - 1).clamp(min=0), pred.logits, t, s, generator)
    return Crystals(cell, frac * live, torch.where(state.mask, token + 1, 0), state.mask)


@torch.no_grad()
def predictor_corrector(
    denoise: Denoise,
    noise: JointNoise,
    state: Crystals,
    times: Tensor,
    *,
    corrections: int = 1,
    snr: tuple[float, float] = (0.4, 0.2),
    allowed: Tensor | None = None,
    cond: Any = None,
    generator: torch.Generator | None = None,
) -> Iterator[Crystals]:
    """The states at all times, which fall from 1 to 0, the start included.

    Each step corrects first, then predicts; the last prediction takes the mean. `allowed`
    (B, K) or (K,) says which elements may be chosen. (corrections + 1) network calls a step.
    Raises ValueError for corrections < 0, times that are not a falling row to 0, and a crystal
    that may have no element at all.
    """
    if corrections < 0:
        raise ValueError(f"corrections = {corrections}: need 0 or more moves before each step")
    falls = times.ndim == 1 and len(times) > 1 and bool((times.diff() < 0).all())
    if not (falls and float(times[-1]) == 0):
        raise ValueError("times must be a row of two or more that falls to 0")
    if allowed is not None and not bool(allowed.any(-1).all()):
        raise ValueError("a crystal without any allowed element cannot be made")

    def ask(x: Crystals, t: Tensor) -> JointPred:
        pred = denoise(x, t.to(x.frac).expand(len(x.frac)), cond)
        if allowed is None:
            return pred
        barred = ~allowed if allowed.ndim == 1 else ~allowed[:, None]
        barred = torch.cat([barred, torch.zeros_like(barred[..., :1])], -1)
        return pred._replace(logits=pred.logits.masked_fill(barred, -torch.inf))

    yield state
    for t, s in pairwise(times):
        for _ in range(corrections):
            state = correct(noise, state, ask(state, t), t, snr, generator)
        state = predict(noise, state, ask(state, t), t, s, generator, last=float(s) == 0)
        yield state


def guide_joint(denoise: Denoise, w: float) -> Denoise:
    """The denoiser with guidance: without + w (with − without) for all three outputs, so that
    w = 0 ignores the condition and w = 1 just uses it; two network calls but there.

    Source: Ho and Salimans (2022), whose weight is ours minus 1.
    """

    def guided(state: Crystals, t: Tensor, cond: Any) -> JointPred:
        if w == 0:
            return denoise(state, t, None)
        if w == 1:
            return denoise(state, t, cond)
        pairs = zip(denoise(state, t, None), denoise(state, t, cond), strict=True)
        return JointPred(*(u + w * (c - u) for u, c in pairs))

    return guided
