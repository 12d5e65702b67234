"""The multivariate normal: one mode, any shape."""

import math

import torch
from torch import Tensor

from helpers.noise.paths import Path


class Gaussian:
    """N(mean, cov) with mean (D,) and a symmetric positive definite cov (D, D).

    Units: mean in those of x, cov in their squares. Raises ValueError in words otherwise.
    """

    def __init__(self, mean: Tensor, cov: Tensor) -> None:
        if mean.ndim != 1 or cov.shape != (len(mean), len(mean)):
            raise ValueError(
                f"mean of shape {tuple(mean.shape)}, cov of shape {tuple(cov.shape)}: "
                "need (D,) and (D, D)"
            )
        root, failed = torch.linalg.cholesky_ex(cov)
        if int(failed) or not torch.allclose(cov, cov.mT):
            raise ValueError("cov must be symmetric with positive eigenvalues: it is not")
        self.mean, self.cov, self._root = mean, cov, root

    @classmethod
    def round(cls, std: float = 1.0, dim: int = 2) -> "Gaussian":
        """N(0, std² I) in `dim` dimensions."""
        return cls(torch.zeros(dim), std**2 * torch.eye(dim))

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n independent points, shape (n, D)."""
        z = torch.empty(n, len(self.mean)).to(self.mean).normal_(generator=generator)
        return self.mean + z @ self._root.mT

    def score(self, x: Tensor) -> Tensor:
        """∇ log p(x) = −cov⁻¹ (x − mean), shaped like x (..., D)."""
        precision = torch.cholesky_inverse(self._root).to(x)
        return -(x - self.mean.to(x)) @ precision

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) for x (..., D), shape (...)."""
        d = x - self.mean.to(x)
        volume = self._root.diagonal().log().sum() + 0.5 * len(self.mean) * math.log(2 * math.pi)
        return 0.5 * (d * self.score(x)).sum(-1) - volume.to(x)

    def smoothed(self, path: Path, t: Tensor | float) -> "Gaussian":
        """The law of x_t on a path in flat space: N(α mean, α² cov + σ² I)."""
        a, s = (scale.to(self.mean) for scale in path.at(t))
        return Gaussian(a * self.mean, a**2 * self.cov + s**2 * torch.eye(len(self.mean)).to(a))
