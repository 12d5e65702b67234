"""What a network of edges and angles is made of: bases, dense layers, fixed encodings."""

import math

import torch
from torch import Tensor, nn


def envelope(x: Tensor, p: int = 6) -> Tensor:
    """1 at x = 0, 0 from x = 1 on, with two continuous derivatives there, shaped like x.

    Source: Gasteiger et al., DimeNet (2020), eq. 8.
    """
    a, b, c = (p + 1) * (p + 2) / 2, p * (p + 2), p * (p + 1) / 2
    inside = 1 - a * x**p + b * x ** (p + 1) - c * x ** (p + 2)
    return torch.where(x < 1, inside, torch.zeros_like(x))


def bessel(length: Tensor, n: int, cutoff: float) -> Tensor:
    """√(2/c) sin(kπ d/c)/d for k = 1 … n, shape (*length.shape, n): the waves of a particle in a
    sphere of radius c. Source: Gasteiger et al., DimeNet (2020), eq. 7."""
    k = torch.arange(1, n + 1).to(length)
    d = length[..., None]
    return math.sqrt(2 / cutoff) * torch.sin(k * math.pi * d / cutoff) / d


def legendre(cosine: Tensor, n: int) -> Tensor:
    """The first n Legendre polynomials of the cosine, shape (*cosine.shape, n): the part of the
    spherical harmonics that depends on an angle only. Raises ValueError when n < 1."""
    if n < 1:
        raise ValueError(f"n = {n}: need at least one polynomial")
    rows = [torch.ones_like(cosine), cosine]
    for k in range(1, n - 1):
        rows.append(((2 * k + 1) * cosine * rows[-1] - k * rows[-2]) / (k + 1))
    return torch.stack(rows[:n], -1)


def noise_features(t: Tensor, n: int, highest: float = 30.0) -> Tensor:
    """n/2 sines and n/2 cosines of t (B,), shape (B, n): a table without parameters.

    Frequencies run geometrically from 1 to `highest`. MatterGen's run from 1 down to 1e-4, so
    that most of its table hardly moves for t in [0, 1]. Raises ValueError when n is odd.
    """
    if n % 2:
        raise ValueError(f"n = {n}: sines and cosines come in pairs")
    phase = t[:, None] * torch.logspace(0, math.log10(highest), n // 2).to(t)
    return torch.cat([phase.sin(), phase.cos()], -1)


class ScaledSiLU(nn.Module):
    """SiLU over 0.6, so that a normal input leaves with a variance near 1."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.silu(x).mul_(1 / 0.6)


class Dense(nn.Module):
    """A linear layer without bias, followed by ScaledSiLU unless active=False.

    Its weights start orthogonal with entries of variance 1/n_in, which keeps the size of what
    passes. Source: Gasteiger et al., GemNet (2021), appendix.
    """

    def __init__(self, n_in: int, n_out: int, active: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(n_in, n_out, bias=False)
        self.activation = ScaledSiLU() if active else nn.Identity()
        with torch.no_grad():
            nn.init.orthogonal_(self.linear.weight)
            weight = self.linear.weight
            weight.mul_((weight.numel() / n_in) ** 0.5 / weight.norm())

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.linear(x))


class Residual(nn.Module):
    """(x + f(x))/√2 with two dense layers f: variance neither grows nor shrinks."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(Dense(width, width), Dense(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.layers(x)).mul_(1 / math.sqrt(2))


class Scale(nn.Module):
    """One fixed number that a sum is multiplied by; not trained, but set by `fit_scales`."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()), requires_grad=False)
        self.watching = False

    def forward(self, reference: Tensor, x: Tensor) -> Tensor:
        """x times the factor, which, while `watching`, becomes the one that gives x the root mean
        square of `reference`."""
        if self.watching:
            size = (x * self.factor).square().mean().sqrt().clamp(min=1e-6)
            self.factor.mul_(reference.square().mean().sqrt() / size)
        return x * self.factor


def stack(n_in: int, n_out: int, depth: int) -> nn.Sequential:
    """A dense layer and `depth` residual ones."""
    return nn.Sequential(Dense(n_in, n_out), *(Residual(n_out) for _ in range(depth)))
