"""A joint generator of crystals: the network, the three corruptions, its losses and its sampler."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from helpers.matter import Crystals
from helpers.models.conditions import Condition
from helpers.models.gemnet import GemNet
from helpers.noise.flows import without_translation
from helpers.noise.lattice import LatticeVP
from helpers.noise.paths import pad
from helpers.noise.wrapped import WrappedVE, fractional_score
from helpers.sample.joint import JointNoise, JointPred, guide_joint, predictor_corrector

#: The published corruptions but for the coordinates' range: from 1 n^(−1/3) on, these small cells
#: are covered, and below 0.02 there is nothing to tell from the width of the last step.
SMALL_NOISE = JointNoise(WrappedVE(0.02, 1.0), LatticeVP())

EARLY = 0.1  # below this time an element counts no more than at it


class MatterGen(nn.Module):
    """model(state, t, cond=None) → JointPred, for states as in `sample.joint` and t (B,).

    The coordinates' noise is the atoms' vector as a fractional score, without the part that is
    the same for all atoms, which no crystal tells. The lattice's is α M + σ (C − mean)/std: the
    network's M is then asked for what the state does not already show (v-prediction).
    """

    def __init__(self, net: GemNet, noise: JointNoise = SMALL_NOISE) -> None:
        super().__init__()
        self.net, self.noise = net, noise

    def forward(self, state: Crystals, t: Tensor, cond: Condition | None = None) -> JointPred:
        n = state.mask.sum(-1)
        limit = self.noise.cell.limit_mean(n).to(state.cell)
        std = self.noise.cell.limit_std(n).to(state.cell)[:, None, None]
        sound = state._replace(cell=sound_cell(state.cell, limit))
        said = self.net(sound, t, cond)
        unit = sound.cell / torch.linalg.det(sound.cell)[:, None, None] ** (1 / 3)
        frac = without_translation(fractional_score(said.cart, unit), state.mask)
        a, s = (f(t).to(std)[:, None, None] for f in _scales(self.noise.cell))
        return JointPred(frac, a * said.cell + s * (state.cell - limit) / std, said.logits)


def _scales(noise: LatticeVP) -> tuple:
    return noise.schedule.alpha, noise.schedule.sigma


def sound_cell(cell: Tensor, limit: Tensor, least: float = 0.35) -> Tensor:
    """Symmetric cells (B, 3, 3) with no eigenvalue below `least` times the limit's edge: noise can
    make a cell flat or turn it inside out, and no atom has neighbours in there."""
    w, q = torch.linalg.eigh(cell)
    w = torch.maximum(w, least * limit[:, 0, :1])
    return (q * w[:, None, :]) @ q.mT


class Losses(NamedTuple):
    """Mean squared errors of the two noises, and nats an atom of the elements."""

    frac: Tensor
    cell: Tensor
    species: Tensor


def joint_losses(
    model: MatterGen,
    crystals: Crystals,
    t: Tensor,
    cond: Condition | None = None,
    generator: torch.Generator | None = None,
) -> Losses:
    """The three losses of clean crystals at times t (B,), averaged over real atoms or cells."""
    state, eps, eps_cell = model.noise.corrupt(crystals, t, generator)
    said = model(state, t, cond)
    live = crystals.mask
    eps = without_translation(eps, live)
    frac = (said.frac - eps).square()[live].mean()
    cell = (said.cell - eps_cell).square().mean()
    x0, x_t = ((x.species - 1).clamp(min=0) for x in (crystals, state))
    # The bound weighs a masked atom by 1/t: a few would drown the rest of the batch.
    species = model.noise.species.hybrid_loss(said.logits, x0, x_t, t)
    species = (species * pad(t / t.clamp(min=EARLY), species))[live].mean()
    return Losses(frac, cell, species)


def generate(
    model: MatterGen,
    n_atoms: Tensor | Sequence[int],
    n_steps: int = 50,
    *,
    corrections: int = 1,
    snr: tuple[float, float] = (0.4, 0.2),
    cond: Condition | None = None,
    w: float = 1.0,
    allowed: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Crystals:
    """One crystal for each number of atoms (B,): `trajectory_of` without the way."""
    for state in trajectory_of(
        model, n_atoms, n_steps, corrections=corrections, snr=snr, cond=cond, w=w,
        allowed=allowed, generator=generator,
    ):  # fmt: skip
        found = state
    return found


def trajectory_of(
    model: MatterGen,
    n_atoms: Tensor | Sequence[int],
    n_steps: int = 50,
    *,
    corrections: int = 1,
    snr: tuple[float, float] = (0.4, 0.2),
    cond: Condition | None = None,
    w: float = 1.0,
    allowed: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[Crystals]:
    """The n_steps + 1 states from noise to crystals, with guidance weight w for `cond`.

    n_steps (corrections + 1) network calls, twice that when w is neither 0 nor 1. Raises
    ValueError when n_steps < 1, and what `predictor_corrector` raises.
    """
    if n_steps < 1:
        raise ValueError(f"n_steps = {n_steps}: need at least one step from noise to data")
    device = next(model.parameters()).device
    n = torch.as_tensor(n_atoms, device=device)
    times = torch.linspace(1, 0, n_steps + 1, dtype=torch.float64, device=device)
    start = model.noise.prior(n, generator)
    return predictor_corrector(
        guide_joint(model, 0.0 if cond is None else w), model.noise, start, times,
        corrections=corrections, snr=snr, allowed=allowed, cond=cond, generator=generator,
    )  # fmt: skip
