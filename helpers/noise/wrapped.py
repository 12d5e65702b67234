"""Noise on fractional coordinates whose size in Å does not grow with the cell.

σ(t) = σ_min (σ_max/σ_min)^t n^(−1/3) for n atoms, wrapped into the cell. A cell of n atoms has
edges like n^⅓, so n^(−1/3) of an edge is the same length in every crystal.
Source: MatterGen (Zeni et al. 2025), supplement, the coordinates' diffusion.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from helpers.noise.schedules import VE
from helpers.noise.spaces import Torus

TORUS = Torus()


def fractional_score(score: Tensor, cell: Tensor) -> Tensor:
    """The derivative with respect to fractional coordinates (..., N, 3) from that with respect to
    Cartesian ones (..., N, 3): cart = frac C, so ∂/∂frac = ∂/∂cart · Cᵀ."""
    return score @ cell.mT


def cartesian_score(score: Tensor, cell: Tensor) -> Tensor:
    """The other way round: ∂/∂cart = ∂/∂frac · C⁻ᵀ, both (..., N, 3)."""
    return score @ torch.linalg.inv(cell).mT


@dataclass(frozen=True)
class WrappedVE:
    """Wrapped variance-exploding noise of n^(−1/3) times sigma_min … sigma_max cells.

    Raises ValueError when 0 < sigma_min < sigma_max fails.
    """

    sigma_min: float = 0.01
    sigma_max: float = 5.0

    def __post_init__(self) -> None:
        VE(self.sigma_min, self.sigma_max)

    def sigma(self, t: Tensor, n: Tensor) -> Tensor:
        """The scale (B,) in cells at times t () or (B,), for n atoms (B,)."""
        return VE(self.sigma_min, self.sigma_max).sigma(t) * n.to(t) ** (-1 / 3)

    def perturb(
        self, frac0: Tensor, n: Tensor, t: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """x_t in [0, 1) and ε (B, N, 3), for coordinates (B, N, 3), n (B,) and t () or (B,).

        ε is −σ ∇ log p(x_t | x_0): the added noise while it is narrow, 0 once it covers the cell.
        """
        sigma = self.sigma(t, n).to(frac0)[:, None, None]
        x = TORUS.shift(frac0, sigma * TORUS.noise(frac0, generator))
        return x, -sigma * TORUS.kernel_score(x, frac0, sigma)

    def prior(self, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Uniform in the cell, shaped like `like` (B, N, 3): what wide noise has become."""
        return TORUS.prior(like, torch.ones(()), generator)

    def step(
        self,
        frac: Tensor,
        eps: Tensor,
        n: Tensor,
        t: Tensor,
        s: Tensor,
        generator: torch.Generator | None = None,
        mean_only: bool = False,
    ) -> Tensor:
        """One ancestral step from t to s < t: x_t → x_s (B, N, 3), with ε̂ (B, N, 3).

        x_s = x_t − ((σ_t² − σ_s²)/σ_t) ε̂ + (σ_s/σ_t) √(σ_t² − σ_s²) z, wrapped; mean_only leaves
        z out. Source: Song et al. (2021), appendix F.
        """
        high, low = (self.sigma(u, n).to(frac)[:, None, None] for u in (t, s))
        gap = high**2 - low**2
        move = -gap / high * eps
        if not mean_only:
            move = move + low / high * gap.sqrt() * TORUS.noise(frac, generator)
        return TORUS.shift(frac, move)
