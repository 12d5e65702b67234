"""Distributions of which everything is known: the truth of plots and tests.

A Gaussian mixture stays one under x_t = α x₀ + σ ε, so its density, score and best denoiser are
closed forms at every t.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from helpers.noise.paths import Path, pad
from helpers.noise.predictions import Pred, read


class GaussianMixture:
    """Σ_k w_k N(μ_k, s_k² I): round modes at `means` (K, D) with widths `std`, one or K of them.

    `weights` (K,) are positive and need not sum to 1; without them all modes weigh the same.
    Units: means and std in those of x. Raises ValueError in words for wrong shapes and signs.
    """

    def __init__(
        self,
        means: Tensor,
        std: float | Tensor,
        weights: Tensor | None = None,
    ) -> None:
        if means.ndim != 2 or not means.is_floating_point():
            raise ValueError(
                f"means of shape {tuple(means.shape)} and dtype {means.dtype}: need floating "
                "(K, D), one row for each mode"
            )
        self.means = means
        self.std = torch.as_tensor(std).to(means).expand(len(means))
        weights = torch.ones(len(means)) if weights is None else weights
        if weights.shape != (len(means),) or not bool((weights > 0).all()):
            raise ValueError(f"weights {weights.tolist()}: need {len(means)} positive numbers")
        if not bool((self.std > 0).all()):
            raise ValueError(f"std = {std}: the width of a mode must be positive")
        self.weights = weights.to(means) / weights.sum().to(means)
        # What the score needs at every call.
        self._even = bool((self.std == self.std[0]).all())  # equal widths need fewer terms
        self._precision = self.std**-2
        self._pull = means * self._precision[:, None]
        self._offset = self.weights.log() - 0.5 * (self._pull * means).sum(-1)
        self._offset = self._offset + 0.5 * means.shape[1] * self._precision.log()

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n independent points, shape (n, D)."""
        k = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        z = torch.empty(n, self.means.shape[1]).to(self.means).normal_(generator=generator)
        return self.means[k] + self.std[k, None] * z

    def _log_joint(self, x: Tensor, a: Tensor | float = 1.0, var: Tensor | None = None) -> Tensor:
        """log w_k N(x; a μ_k, var_k), shape (..., K)."""
        var = self.std.to(x) ** 2 if var is None else var
        means = self.means.to(x) * (a.to(x)[..., None] if isinstance(a, Tensor) else a)
        d2 = (x[..., None, :] - means).square().sum(-1)
        volume = self.weights.to(x).log() - 0.5 * x.shape[-1] * torch.log(2 * math.pi * var)
        return volume - 0.5 * d2 / var

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) for x (..., D), shape (...); finite however far away x lies."""
        return self._log_joint(x).logsumexp(-1)

    def _shares(self, x: Tensor) -> Tensor:
        """p(mode | x) for points (N, D), with the modes first, shape (K, N).

        log w_k N(x; μ_k, s_k²) multiplied out, without what all modes share. With the modes
        first, the softmax runs along the long axis: ten times as fast as along the short one.
        """
        precision = self._precision.to(x)
        logits = torch.addmm(self._offset.to(x)[:, None], self._pull.to(x), x.T)
        if not self._even:
            logits = logits - 0.5 * precision[:, None] * x.square().sum(-1)
        return logits.softmax(0)

    def responsibilities(self, x: Tensor) -> Tensor:
        """p(mode | x) for x (..., D), shape (..., K); the rows sum to 1."""
        return self._shares(x.reshape(-1, x.shape[-1])).T.reshape(*x.shape[:-1], -1)

    def score(self, x: Tensor) -> Tensor:
        """∇ log p(x) = Σ_k p(k | x) (μ_k − x)/s_k², shaped like x (..., D).

        Stable far away: the responsibilities are a softmax of log densities.
        """
        flat = x.reshape(-1, x.shape[-1])
        r = self._shares(flat)
        precision = self._precision.to(x)
        stiffness = precision[0] if self._even else (precision @ r)[:, None]
        return (r.T @ self._pull.to(x) - stiffness * flat).reshape(x.shape)

    def smoothed(self, path: Path, t: Tensor | float) -> "GaussianMixture":
        """The law of x_t on a path in flat space: means α μ_k, widths √(α² s_k² + σ²)."""
        a, s = path.at(t)
        std = ((a.to(self.means) * self.std) ** 2 + s.to(self.means) ** 2).sqrt()
        return GaussianMixture(a.to(self.means) * self.means, std, self.weights)

    def denoiser(self, path: Path) -> Callable[..., Pred]:
        """The exact prediction (x, t) → Pred for t () or (B,): the oracle of the tests.

        E[x₀ | x_t] = Σ_k p(k | x_t) (μ_k + g_k (x_t − α μ_k)),  g_k = α s_k²/(α² s_k² + σ²).
        """

        def exact(x: Tensor, t: Tensor, cond: Any = None) -> Pred:
            a, s = path.at(pad(t, x))
            inside = self.std.to(x) ** 2
            var = a**2 * inside + s**2  # (K,) or (B, K)
            r = self._log_joint(x, a, var).softmax(-1)
            gain = a * inside / var  # how far x_t speaks for its own mode
            centre = (r * (1 - a * gain)) @ self.means.to(x)
            return read(centre + (r * gain).sum(-1, keepdim=True) * x, x, t, path.schedule, "x0")

        return exact

    def mean(self) -> Tensor:
        """E[x], shape (D,)."""
        return self.weights @ self.means

    def data_std(self) -> float:
        """The root of the mean variance of a coordinate: the data's one scale."""
        centred = (self.means - self.mean()).square().sum(-1) / self.means.shape[1]
        return float((self.weights @ (centred + self.std**2)).sqrt())


def cross(arm: float = 2.5, std: float = 0.25) -> GaussianMixture:
    """Five equal modes at (±arm, 0), (0, ±arm) and (0, 0): the data set of chapter 03."""
    means = torch.tensor([[arm, 0.0], [-arm, 0.0], [0.0, arm], [0.0, -arm], [0.0, 0.0]])
    return GaussianMixture(means, std)


def ring(n_modes: int = 5, std: float = 0.75, radius: float = 7.5) -> GaussianMixture:
    """n equal modes evenly spaced on a circle, the first at (radius, 0)."""
    angle = 2 * math.pi * torch.arange(n_modes) / n_modes
    return GaussianMixture(radius * torch.stack([angle.cos(), angle.sin()], -1), std)


def scattered(
    n_modes: int = 5,
    std: float = 0.75,
    scale: float = 15.0,
    generator: torch.Generator | None = None,
) -> GaussianMixture:
    """n equal modes, uniform in a square of side `scale` around the origin."""
    return GaussianMixture(scale * (torch.rand(n_modes, 2, generator=generator) - 0.5), std)
