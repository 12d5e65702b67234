"""One step of an ODE or SDE, and the Brownian paths that make two step sizes comparable.

An SDE step takes its kick dW from outside, so that a coarse and a fine run can share one path.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from helpers.noise import SDE

Field = Callable[[Tensor, Tensor], Tensor]
SDEStep = Callable[[SDE, Tensor, Tensor, float, Tensor], Tensor]


def euler(drift: Field, x: Tensor, t: Tensor, h: float) -> Tensor:
    """x(t+h) of dx/dt = drift(x, t) by one slope, shaped like x; global order 1 (Euler 1768)."""
    return x + h * drift(x, t)


def heun_ode(drift: Field, x: Tensor, t: Tensor, h: float) -> Tensor:
    """x(t+h) by the mean of the slopes at both ends, shaped like x; global order 2 (Heun 1900)."""
    start = drift(x, t)
    end = drift(x + h * start, t + h)
    return x + 0.5 * h * (start + end)


def euler_maruyama(sde: SDE, x: Tensor, t: Tensor, h: float, dW: Tensor) -> Tensor:
    """X(t+h) driven by the increment dW ~ N(0, h), shaped like x.

    Strong order ½ (1 when the diffusion does not depend on x), weak order 1.
    Source: Maruyama, Rend. Circ. Mat. Palermo 4, 48 (1955).
    """
    drift, diffusion = sde
    return x + drift(x, t) * h + diffusion(x, t) * dW


def milstein(sde: SDE, x: Tensor, t: Tensor, h: float, dW: Tensor) -> Tensor:
    """X(t+h) with Milstein's correction ½ g g′ (dW² − h), shaped like x; strong order 1.

    g′ comes from automatic differentiation; each entry of g may depend on its own entry of x
    only. Source: Milstein, Theory Probab. Appl. 19, 557 (1975).
    """
    drift, diffusion = sde
    with torch.enable_grad():
        point = x.detach().clone().requires_grad_()
        g = diffusion(point, t)
        # A diffusion that does not look at x has no slope, and nothing to differentiate.
        slope = torch.autograd.grad(g.sum(), point)[0] if g.requires_grad else torch.zeros_like(x)
    g = g.detach()
    return x + drift(x, t) * h + g * dW + 0.5 * g * slope * (dW**2 - h)


def heun(sde: SDE, x: Tensor, t: Tensor, h: float, dW: Tensor) -> Tensor:
    """X(t+h) with the drift averaged over both ends, shaped like x.

    Only for a diffusion that does not depend on x: strong order 1, weak order 2 in the drift,
    and smaller errors than Euler–Maruyama. Source: Kloeden and Platen (1992), §15.5.
    """
    drift, diffusion = sde
    start = drift(x, t)
    kick = diffusion(x, t) * dW
    end = drift(x + h * start + kick, t + h)
    return x + 0.5 * h * (start + end) + kick


def brownian_increments(
    n_steps: int, like: Tensor, h: float, generator: torch.Generator | None = None
) -> Tensor:
    """Independent N(0, h) increments, shape (n_steps, *like.shape), dtype and device of `like`.

    Raises ValueError when n_steps < 1 or h is not positive.
    """
    if n_steps < 1 or not h > 0:
        raise ValueError(f"n_steps = {n_steps}, h = {h}: need at least one step and a positive h")
    kicks = torch.empty(n_steps, *like.shape, dtype=like.dtype, device=like.device)
    return kicks.normal_(0.0, h**0.5, generator=generator)


def coarsen(dW: Tensor, k: int) -> Tensor:
    """The same Brownian path seen at every k-th time: shape (len(dW) / k, *rest).

    Raises ValueError when k does not divide the number of increments.
    """
    if k < 1 or len(dW) % k:
        raise ValueError(f"{len(dW)} increments cannot be joined in groups of {k}: k must divide")
    return dW.reshape(len(dW) // k, k, *dW.shape[1:]).sum(1)


def drive(method: SDEStep, sde: SDE, x0: Tensor, h: float, dW: Tensor) -> Tensor:
    """The path that `method` takes along given increments, shape (len(dW) + 1, *x0.shape).

    Raises ValueError when the increments are not shaped like x0 at each step.
    """
    if dW.shape[1:] != x0.shape:
        raise ValueError(
            f"increments of shape {tuple(dW.shape)} cannot drive a state of shape "
            f"{tuple(x0.shape)}: need (n_steps, *x0.shape)"
        )
    path = torch.empty(len(dW) + 1, *x0.shape, dtype=x0.dtype, device=x0.device)
    path[0] = x0
    times = torch.arange(len(dW), dtype=x0.dtype, device=x0.device) * h
    for i, (t, kick) in enumerate(zip(times, dW, strict=True)):
        path[i + 1] = method(sde, path[i], t, h, kick)
    return path
