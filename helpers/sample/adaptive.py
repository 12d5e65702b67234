"""An ODE solver that chooses its own steps, from torchdiffeq, with the calls counted.

In a module of its own, so that only a chapter that asks for it has to install torchdiffeq.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torchdiffeq import odeint


class Solved(NamedTuple):
    """The state at the end, shaped like the start, and how often the field was called."""

    x: Tensor
    calls: int


@torch.no_grad()
def solve_adaptive(
    field: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    begin: float,
    end: float,
    tolerance: float = 1e-3,
    method: str = "dopri5",
) -> Solved:
    """x carried along dx/dt = field(x, t) from time `begin` to `end`, in either direction.

    The solver keeps its error of one step below tolerance · (1 + |x|), in the mean over the whole
    batch. t has no axes. Raises ValueError when the tolerance is not positive or the times agree.
    Source: Dormand and Prince, J. Comput. Appl. Math. 6, 19 (1980); torchdiffeq.
    """
    if not tolerance > 0 or begin == end:
        raise ValueError(
            f"tolerance = {tolerance}, from {begin} to {end}: need a positive tolerance and two "
            "times"
        )
    calls = 0

    def counted(t: Tensor, y: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return field(y, t)

    times = torch.tensor([begin, end], dtype=torch.float64, device=x.device)
    states = odeint(counted, x, times.to(x), rtol=tolerance, atol=tolerance, method=method)
    return Solved(states[-1], calls)
