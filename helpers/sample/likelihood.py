"""The probability flow read forwards: the density that a denoiser gives to a point."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

Field = Callable[[Tensor, Tensor], Tensor]


class Encoded(NamedTuple):
    """log p(x) by the change of variables, shape (B,), and where x lands at the noise end."""

    log_prob: Tensor
    latent: Tensor


def divergence(field: Field, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """field(x, t), shaped like x (B, D), and its exact divergence Σ ∂_i field_i, shape (B,).

    One backward pass for each of the D directions: meant for a few dimensions. The field at a
    point may depend on that point only. Raises ValueError for another shape of x.
    """
    if x.ndim != 2:
        raise ValueError(f"x of shape {tuple(x.shape)}: need points (B, D)")
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value = field(x, t)
        total = torch.zeros(len(x), dtype=x.dtype, device=x.device)
        for i in range(x.shape[1]):
            # The points do not see each other, so the sum's gradient is each point's own.
            (slope,) = torch.autograd.grad(value[:, i].sum(), x, retain_graph=True)
            total = total + slope[:, i]
    return value.detach(), total


@torch.no_grad()
def log_likelihood(
    denoiser: Callable[..., Any], x: Tensor, times: Tensor, log_prior: Callable[[Tensor], Tensor]
) -> Encoded:
    """log p(x) of points (B, D) at times[0] under the probability flow of `denoiser`.

    The flow dx/dt = v carries x along rising times to the noise end, where log_prior gives the
    density; on the way log p falls by the divergence of v. Fourth-order Runge–Kutta.
    Raises ValueError when the times do not rise.
    Source: Chen et al. (2018), eq. 8; Song et al. (2021), eq. 39.
    """
    if times.ndim != 1 or len(times) < 2 or not bool((times.diff() > 0).all()):
        raise ValueError("the times of a likelihood must rise, from data to noise: two or more")

    def field(y: Tensor, t: Tensor) -> Tensor:
        return denoiser(y, t).v

    gained = torch.zeros(len(x), dtype=x.dtype, device=x.device)
    for t, s in zip(times[:-1], times[1:], strict=True):
        h = s - t
        k1, d1 = divergence(field, x, t)
        k2, d2 = divergence(field, x + 0.5 * h * k1, t + 0.5 * h)
        k3, d3 = divergence(field, x + 0.5 * h * k2, t + 0.5 * h)
        k4, d4 = divergence(field, x + h * k3, s)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        gained = gained + h / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
    return Encoded(log_prior(x) + gained, x)
