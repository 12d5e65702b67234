"""Point clouds of different sizes in one long list, and noise without a centre of mass.

The points of all clouds stand below one another, (M, …), and `index` (M,) says to which of the
n clouds each belongs (`helpers.matter.graphs`). Nothing is padded.

A law that does not care where the origin lies cannot be normalised in R³ᴺ. It lives on the clouds
whose points sum to zero, a space of 3(N − 1) dimensions, and every constant counts those.
Source: Köhler et al. (2020); Hoogeboom et al., EDM (2022), §3.1.
"""

import math

import torch
from torch import Tensor

from helpers.matter.graphs import graph_mean, scatter_sum


def remove_mean(x: Tensor, index: Tensor, n: int) -> Tensor:
    """The points (M, 3) moved so that each of the n clouds has its centre at the origin."""
    return x - graph_mean(x, index, n)[index]


def centred_noise(
    like: Tensor, index: Tensor, n: int, generator: torch.Generator | None = None
) -> Tensor:
    """Standard normal noise like (M, 3) in the space of centred clouds: 3(N − 1) directions."""
    return remove_mean(torch.empty_like(like).normal_(generator=generator), index, n)


def dimensions(index: Tensor, n: int, centred: bool = True) -> Tensor:
    """How many numbers each cloud is free in, (n,): 3(N − 1), or 3N when not centred."""
    return 3 * (torch.bincount(index, minlength=n) - int(centred))


def log_density(
    x: Tensor, index: Tensor, n: int, sigma: float | Tensor = 1.0, centred: bool = True
) -> Tensor:
    """log N(x; 0, σ²) of each cloud, (n,), in the space of centred clouds or in all of R³ᴺ.

    σ is a number or (n,). With centred=True the points must be centred already.
    Raises ValueError when they are not.
    """
    if centred and float(graph_mean(x, index, n).abs().max()) > 1e-3 * float(1 + x.abs().max()):
        raise ValueError("the clouds are not centred: take their mean off first, remove_mean")
    d = dimensions(index, n, centred).to(x)
    log_sigma = torch.as_tensor(sigma).to(x).log()
    square = scatter_sum(x.square().sum(-1), index, n) / torch.exp(2 * log_sigma)
    return -0.5 * square - d * (log_sigma + 0.5 * math.log(2 * math.pi))


def gaussian_kl(
    square: Tensor, sigma_q: Tensor | float, sigma_p: Tensor | float, d: Tensor
) -> Tensor:
    """KL(N(μ_q, σ_q²) ‖ N(μ_p, σ_p²)) in nats, in d dimensions, with `square` = |μ_q − μ_p|²."""
    ratio = torch.as_tensor(sigma_q / sigma_p).to(square)
    d = d.to(square)
    far = square / torch.as_tensor(sigma_p).to(square) ** 2
    return 0.5 * (d * (ratio**2 - 1) + far) - d * ratio.log()
