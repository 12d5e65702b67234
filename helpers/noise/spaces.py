"""Where states live: how to move, to measure a displacement and to draw noise there.

A sampler written with these five functions runs in flat space, on point clouds without a centre
of mass, and on the torus of fractional coordinates.
"""

import torch
from torch import Tensor


class Space:
    """Flat space, and the defaults that the others change."""

    def shift(self, x: Tensor, u: Tensor) -> Tensor:
        """x moved by the displacement u, shaped like x."""
        return x + u

    def diff(self, x: Tensor, y: Tensor) -> Tensor:
        """The shortest displacement u with shift(x, u) = y, shaped like x."""
        return y - x

    def noise(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A standard normal displacement, shaped like x, in its dtype and on its device."""
        return torch.empty_like(x).normal_(generator=generator)

    def prior(self, x: Tensor, sigma: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw from the noise end, shaped like x: normal with standard deviation sigma."""
        return sigma * self.noise(x, generator)

    def kernel_score(self, x: Tensor, centre: Tensor, sigma: Tensor) -> Tensor:
        """∇ₓ log p(x | centre) for noise of scale sigma around the centre, shaped like x."""
        return self.diff(x, centre) / sigma**2


class Euclidean(Space):
    """Rⁿ: states of any shape."""


class ZeroMean(Space):
    """Point clouds (..., atoms, 3) whose centre of mass stays at the origin."""

    def noise(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Normal noise without its mean over the atoms: 3(N − 1) directions instead of 3N."""
        z = super().noise(x, generator)
        return z - z.mean(-2, keepdim=True)


class Torus(Space):
    """Fractional coordinates, Rⁿ/Zⁿ, stored in [0, 1)."""

    def wrap(self, x: Tensor) -> Tensor:
        """x moved by whole numbers into [0, 1), shaped like x."""
        x = x - x.floor()
        return torch.where(x < 1, x, torch.zeros_like(x))  # −1e-9 rounds to 1.0 in float32

    def shift(self, x: Tensor, u: Tensor) -> Tensor:
        return self.wrap(x + u)

    def diff(self, x: Tensor, y: Tensor) -> Tensor:
        d = y - x
        return d - d.round()

    def prior(self, x: Tensor, sigma: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Uniform on the torus: what a wide wrapped normal has become."""
        return torch.empty_like(x).uniform_(generator=generator)

    def kernel_score(self, x: Tensor, centre: Tensor, sigma: Tensor) -> Tensor:
        """The score of the wrapped normal: a sum over images where it is narrow, over waves
        where the images overlap. Both agree to rounding at the seam, sigma = 0.4."""
        d, sigma = torch.broadcast_tensors(self.diff(x, centre), torch.as_tensor(sigma).to(x))
        narrow, wide = sigma.clamp(max=0.4)[..., None], sigma.clamp(min=0.4)[..., None]
        k = torch.arange(-3, 4).to(x)
        weight = torch.softmax(-0.5 * ((d[..., None] + k) / narrow) ** 2, -1)
        images = (weight * (d[..., None] + k)).sum(-1) / narrow.squeeze(-1) ** 2
        m = torch.arange(1, 4).to(x)
        c = 2 * torch.exp(-2 * (torch.pi * m * wide) ** 2)
        phase = 2 * torch.pi * m * d[..., None]
        waves = (c * 2 * torch.pi * m * phase.sin()).sum(-1) / (1 + (c * phase.cos()).sum(-1))
        return torch.where(sigma < 0.4, images, waves)
