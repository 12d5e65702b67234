"""Noise on the lattice: towards a cube of the usual density, whatever the number of atoms.

A cell is a symmetric matrix here, so that how it is turned in space takes no part. For n atoms

    C_t = α(t) C_0 + (1 − α(t)) (n/ρ)^⅓ 1 + σ(t) · ½ n^⅓ Z,      α² + σ² = 1,

with symmetric Z: the end has the mean density ρ, and noise that grows with the cell.
Source: MatterGen (Zeni et al. 2025), supplement, the lattice's diffusion.
"""

from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor

from helpers.noise.paths import pad
from helpers.noise.schedules import VP


def symmetric_noise(like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Normal symmetric matrices shaped like (..., 3, 3): six draws each, every entry of
    variance 1."""
    z = torch.empty_like(like).normal_(generator=generator)
    upper = z.triu(1)
    return upper + upper.mT + torch.diag_embed(z.diagonal(dim1=-2, dim2=-1))


def symmetric_cell(cell: Tensor) -> Tensor:
    """The symmetric cell √(C Cᵀ) (..., 3, 3): the same crystal, turned so that the matrix of its
    rows is symmetric. Fractional coordinates stay. Source: the polar decomposition."""
    w, q = torch.linalg.eigh(cell @ cell.mT)
    return (q * w.clamp(min=0).sqrt()[..., None, :]) @ q.mT


@dataclass(frozen=True)
class LatticeVP:
    """The path above: `density` ρ in atoms/Å³, `spread` the ½ in Å, β from beta_min to beta_max.

    Raises ValueError when density or spread is not positive, and what `VP` raises.
    """

    density: float = 0.05771451654
    spread: float = 0.5
    beta_min: float = 0.1
    beta_max: float = 20.0

    def __post_init__(self) -> None:
        if not (self.density > 0 and self.spread > 0 and isfinite(self.spread / self.density)):
            raise ValueError(
                f"density = {self.density}, spread = {self.spread}: both must be positive"
            )
        VP(self.beta_min, self.beta_max)

    @property
    def schedule(self) -> VP:
        """α and σ as functions of t."""
        return VP(self.beta_min, self.beta_max)

    def limit_mean(self, n: Tensor) -> Tensor:
        """The cube (B, 3, 3) in Å that n atoms (B,) end at."""
        edge = (n.to(torch.get_default_dtype()) / self.density) ** (1 / 3)
        return edge[:, None, None] * torch.eye(3, device=n.device, dtype=edge.dtype)

    def limit_std(self, n: Tensor) -> Tensor:
        """The standard deviation (B,) in Å of every entry at the end, for n atoms (B,)."""
        return self.spread * n.to(torch.get_default_dtype()) ** (1 / 3)

    def at(self, cell0: Tensor, n: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (B, 3, 3) and standard deviation (B,), in Å, of the cell at t () or (B,)."""
        a = pad(self.schedule.alpha(t), cell0)
        sigma = self.schedule.sigma(t).to(cell0) * self.limit_std(n).to(cell0)
        return a * cell0 + (1 - a) * self.limit_mean(n).to(cell0), sigma

    def perturb(
        self, cell0: Tensor, n: Tensor, t: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """C_t and the symmetric ε (B, 3, 3) in it, for symmetric cells (B, 3, 3) of n atoms (B,).

        ε is −std · ∇ log p(C_t | C_0), of which the network is to say the mean.
        """
        mean, std = self.at(cell0, n, t)
        eps = symmetric_noise(cell0, generator)
        return mean + std[:, None, None] * eps, eps

    def prior(self, n: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Cells (B, 3, 3) at the noise end, t = 1, for n atoms (B,)."""
        mean = self.limit_mean(n)
        return mean + self.limit_std(n)[:, None, None] * symmetric_noise(mean, generator)

    def clean(self, cell: Tensor, eps: Tensor, n: Tensor, t: Tensor) -> Tensor:
        """The cell Ĉ_0 (B, 3, 3) that ε̂ stands for."""
        a, (_, std) = pad(self.schedule.alpha(t), cell), self.at(cell, n, t)
        return (cell - (1 - a) * self.limit_mean(n).to(cell) - std[:, None, None] * eps) / a

    def step(
        self,
        cell: Tensor,
        eps: Tensor,
        n: Tensor,
        t: Tensor,
        s: Tensor,
        generator: torch.Generator | None = None,
        mean_only: bool = False,
    ) -> Tensor:
        """One ancestral step from t () to s < t: C_t → C_s (B, 3, 3), with ε̂ (B, 3, 3).

        x_s = x_t/a − (b²/(a σ_t)) ε̂ + b (σ_s/σ_t) z about the limit, a = α_t/α_s and
        b² = σ_t² − a² σ_s²; mean_only leaves z out. Source: Ho et al. (2020), eq. 7 and 11.
        """
        schedule, limit = self.schedule, self.limit_mean(n).to(cell)
        unit = self.limit_std(n).to(cell)[:, None, None]
        a = schedule.alpha(t) / schedule.alpha(s)
        s_t, s_s = schedule.sigma(t), schedule.sigma(s)
        b2 = s_t**2 - (a * s_s) ** 2
        x = (cell - limit - unit * (b2 / s_t).to(cell) * eps) / a.to(cell)
        if not mean_only:
            std = (b2.sqrt() * s_s / s_t).to(cell)
            x = x + unit * std * symmetric_noise(cell, generator)
        return limit + x
