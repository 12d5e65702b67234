"""What is minimised for molecules: ε-MSE, the variational bound in its terms, a Lennard-Jones help.

γ = −log SNR throughout (`helpers.noise.gammas`), squared errors |ε − ε̂|² are summed over the
numbers of one molecule. Source: Kingma et al. (2021); Hoogeboom et al., EDM (2022), §3;
Schneuing et al. (2024).
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from helpers.matter.graphs import pairs, scatter_sum
from helpers.noise.gammas import scales
from helpers.noise.zerocom import gaussian_kl


class Bound(NamedTuple):
    """−log p ≤ prior + diffusion + places + kinds, each (B,) in nats."""

    prior: Tensor  # what is left of the molecule at t = 1
    diffusion: Tensor  # the steps in between
    places: Tensor  # coordinates from the last noise
    kinds: Tensor  # atom types from the last noise

    @property
    def total(self) -> Tensor:
        """The bound itself, (B,)."""
        return self.prior + self.diffusion + self.places + self.kinds


def prior_term(square: Tensor, gamma: Tensor, d: Tensor) -> Tensor:
    """KL(q(z₁ | x) ‖ N(0, I)) for a clean state of squared length `square` (B,) in d dimensions."""
    alpha, sigma = scales(gamma)
    return gaussian_kl(alpha**2 * square, sigma, 1.0, d)


def diffusion_term(error: Tensor, gamma_s: Tensor, gamma_t: Tensor) -> Tensor:
    """KL(q(z_s | z_t, x) ‖ p(z_s | z_t)) = ½ (e^(γ_t − γ_s) − 1) |ε − ε̂|², s before t."""
    return 0.5 * torch.expm1(gamma_t - gamma_s) * error


def places_term(error: Tensor, gamma: Tensor, d: Tensor, unit: float = 1.0) -> Tensor:
    """−log N(x; x̂, (σ₀/α₀)²) in d dimensions, for an |ε − ε̂|² at the last noise.

    x is in multiples of `unit` (Å); the density is per Å^d.
    """
    return 0.5 * error + d.to(error) * (0.5 * math.log(2 * math.pi) + 0.5 * gamma + math.log(unit))


def kinds_term(z: Tensor, kind: Tensor, gamma: Tensor, unit: float = 4.0) -> Tensor:
    """−log of the share of each atom's own type (M,), for features z (M, K) at the last noise.

    The share of a type is a Gaussian's part between ½ and 1½ around its feature, in units in
    which a one-hot is 0 or 1; the shares are then made to sum to one.
    """
    sigma = unit * scales(gamma)[1]
    normal = torch.distributions.Normal(0.0, 1.0)
    off = unit * z.double() - 1
    part = normal.cdf((off + 0.5) / sigma) - normal.cdf((off - 0.5) / sigma)
    log_share = torch.log(part + 1e-10).log_softmax(-1)
    return -log_share.gather(-1, kind[:, None]).squeeze(-1)


def noise_error(eps: Tensor, out: Tensor, batch: Tensor, n: int) -> Tensor:
    """|ε − ε̂|² of each molecule, (B,)."""
    return scatter_sum((eps - out).square().sum(-1), batch, n)


def noise_mse(eps: Tensor, out: Tensor, batch: Tensor, n: int) -> Tensor:
    """The mean over molecules of the mean squared error of their noise: large ones count alike."""
    count = torch.bincount(batch, minlength=n).to(eps) * eps.shape[-1]
    return (noise_error(eps, out, batch, n) / count).mean()


# --- Lennard-Jones ---------------------------------------------------------------------------


def lennard_jones(distance: Tensor, r_min: Tensor, ceiling: float = 3.0) -> Tensor:
    """(r_min/d)¹² − 2 (r_min/d)⁶, never more than `ceiling`: −1 at d = r_min, shaped like d.

    Above the ceiling it is flat, and two atoms on top of each other feel no force at all.
    """
    sixth = (r_min / distance.clamp(min=1e-2)) ** 6
    return (sixth**2 - 2 * sixth).clamp(max=ceiling)


def lj_weight(t: Tensor, largest: float = 1e-3) -> Tensor:
    """The weight of the Lennard-Jones term: `largest` at the data, t = 0, and zero at the noise."""
    return largest * (1 - t)


def lj_energy(x: Tensor, r_min: Tensor, batch: Tensor, n: int, ceiling: float = 3.0) -> Tensor:
    """The energy of each molecule, (B,), every pair of its atoms counted once.

    x (M, 3) in Å, r_min (M,) the share of each atom in the best distance of a pair, Å.
    """
    i, j = pairs(batch, batch)
    i, j = i[i < j], j[i < j]
    away = (x[i] - x[j]).square().sum(-1)
    energy = lennard_jones((away + 1e-8).sqrt(), r_min[i] + r_min[j], ceiling)
    return scatter_sum(energy, batch[i], n)


# --- gradients -------------------------------------------------------------------------------


class AdaptiveClip:
    """Clips gradients to 1.5 × mean + 2 × standard deviation of the last norms it has let pass.

    `keep` norms are remembered, beginning with `start` alone. A norm above the limit is
    remembered as the limit, so that one outlier does not open the door for the next.
    Raises ValueError unless keep ≥ 2 and start > 0.
    """

    def __init__(self, start: float = 3000.0, keep: int = 50) -> None:
        if keep < 2 or not start > 0:
            raise ValueError(f"start = {start}, keep = {keep}: need start > 0 and keep ≥ 2")
        self.norms, self.keep = [start], keep

    @property
    def limit(self) -> float:
        """What the next gradient is clipped to."""
        norms = torch.tensor(self.norms[-self.keep :], dtype=torch.float64)
        return float(1.5 * norms.mean() + 2 * norms.std(correction=0))

    def __call__(self, weights: Iterable[nn.Parameter]) -> float:
        """Clip the gradients in place; the norm they had."""
        limit = self.limit
        norm = float(nn.utils.clip_grad_norm_(list(weights), limit))
        self.norms = [*self.norms, min(norm, limit)][-self.keep :]
        return norm
