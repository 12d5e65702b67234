"""Flow matching's words for a path: the other clock, lines and geodesics with their velocity.

The literature on flow matching runs its clock from noise to data. It is written u = 1 − t here,
and turning a clock around turns velocities around, too.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from helpers.noise.paths import pad
from helpers.noise.spaces import Euclidean, Space, Torus

Field = Callable[..., Tensor]
FLAT = Euclidean()


def from_fm(field: Field) -> Field:
    """A velocity (x, u) → dx/du of the clock u = 1 − t, as (x, t) → dx/dt of the course's clock.

    Used twice it gives back the field that it was given, so it also leads the other way.
    """

    def turned(x: Tensor, t: Tensor, cond: Any = None) -> Tensor:
        return -field(x, 1 - t) if cond is None else -field(x, 1 - t, cond)

    return turned


class Bridge(NamedTuple):
    """A point on the way from data to noise and its velocity dx/dt, both shaped like the data."""

    x: Tensor
    v: Tensor


def bridge(x0: Tensor, x1: Tensor, t: Tensor, space: Space = FLAT) -> Bridge:
    """Where the shortest line from data x0 to noise x1 is at time t () or (B,), and how fast.

    On a torus that line is the geodesic, so no coordinate moves by more than half a cell.
    Raises ValueError when x0 and x1 have different shapes.
    Source: Liu et al. (2023); Chen and Lipman (2024) for curved spaces.
    """
    if x0.shape != x1.shape:
        raise ValueError(
            f"data of shape {tuple(x0.shape)} and noise of shape {tuple(x1.shape)}: need pairs"
        )
    v = space.diff(x0, x1)
    return Bridge(space.shift(x0, pad(t, x0) * v), v)


def without_translation(v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Velocities (..., N, 3) less the mean over their atoms: nothing moves as a whole.

    A crystal moved as a whole is the same crystal, so no network can know that part of its
    velocity. `mask` (..., N) is false at padding, which gets the velocity zero.
    Raises ValueError when the mask does not fit. Source: Miller et al. (2024), FlowMM.
    """
    if mask is None:
        return v - v.mean(-2, keepdim=True)
    if mask.shape != v.shape[:-1]:
        raise ValueError(
            f"mask of shape {tuple(mask.shape)} for velocities of shape {tuple(v.shape)}: need "
            f"{tuple(v.shape[:-1])}"
        )
    inside = mask[..., None].to(v)
    mean = (inside * v).sum(-2, keepdim=True) / inside.sum(-2, keepdim=True).clamp(min=1)
    return inside * (v - mean)


def aligned(x0: Tensor, x1: Tensor, mask: Tensor | None = None, n_turns: int = 8) -> Tensor:
    """Crystals x0 (..., N, 3) in fractional coordinates, moved as a whole towards x1, in [0, 1).

    The translation makes the mean of the shortest displacements from x0 to x1 zero. It starts
    from the circular mean of the differences, and then follows the mean displacement, n_turns
    times; a displacement that changes its image on the way ends at a neighbouring minimum.
    Raises ValueError when the mask does not fit, or n_turns is negative.
    """
    if n_turns < 0:
        raise ValueError(f"n_turns = {n_turns}: need 0 or more")
    torus = Torus()
    keep = torch.ones_like(x0[..., 0]) if mask is None else mask.to(x0)
    if keep.shape != x0.shape[:-1]:
        raise ValueError(
            f"mask of shape {tuple(keep.shape)} for atoms of shape {tuple(x0.shape)}: need "
            f"{tuple(x0.shape[:-1])}"
        )
    keep = keep[..., None]
    count = keep.sum(-2, keepdim=True).clamp(min=1)
    angle = 2 * torch.pi * (x1 - x0)
    sine, cosine = ((keep * part).sum(-2, keepdim=True) for part in (angle.sin(), angle.cos()))
    x0 = torus.shift(x0, torch.atan2(sine, cosine) / (2 * torch.pi))
    for _ in range(n_turns):
        x0 = torus.shift(x0, (keep * torus.diff(x0, x1)).sum(-2, keepdim=True) / count)
    return torch.where(keep > 0, x0, torch.zeros_like(x0))
