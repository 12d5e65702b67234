"""The loop that runs a step many times and keeps as much of the way as was asked for."""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

Keep = Literal["last", "all"] | int


class Trajectory(NamedTuple):
    """Kept times, shape (n_kept,), and states, shape (n_kept, *x0.shape), on x0's device."""

    times: Tensor
    states: Tensor

    @property
    def last(self) -> Tensor:
        """The final state, shaped like x0."""
        return self.states[-1]


def simulate(
    field: Any,
    x0: Tensor,
    h: float,
    n_steps: int,
    *,
    step: Callable[[Any, Tensor, Tensor, float], Tensor] | None = None,
    keep: Keep = "last",
    t0: float = 0.0,
    generator: torch.Generator | None = None,
) -> Trajectory:
    """The states of `field` after n_steps of size h from x0, in x0's dtype and on its device.

    Without `step`, `field` is an SDE (or a plain pair) and each step is Euler–Maruyama's,
    x + drift h + diffusion √h z, with z drawn from `generator` (default: torch's own).
    With `step`, each step is x ← step(field, x, t, h), where `field` is whatever that function
    takes. Functions get a copy of the state, so one that works in place harms nothing.
    `t` is a tensor without axes: t0, t0 + h, …

    keep="last" keeps the final state only (states have shape (1, *x0.shape)), "all" keeps
    n_steps + 1 states, and a whole number k keeps steps 0, k, 2k, … and always the final one,
    also when k does not divide n_steps.

    Raises TypeError or ValueError in words for a wrong x0, h, n_steps, keep or generator, for a
    coefficient or step that returns something not shaped like x, and ValueError when the run
    ends in numbers that are not finite.
    Source: Maruyama, Rend. Circ. Mat. Palermo 4, 48 (1955).
    """
    _need_start(x0, generator)
    _need_steps(h, n_steps)
    kept = _kept_steps(keep, n_steps)
    if step is None:
        advance = _euler_maruyama(field, float(h), generator)
    elif generator is None:
        advance = _readers_step(step, field, float(h))
    else:
        raise ValueError("generator and step were both given: a step draws its own noise")

    clock = t0 + h * torch.arange(n_steps + 1, dtype=torch.float64)
    times = clock.to(x0.dtype).to(x0.device)
    kept_times = times[kept]  # a copy: functions may write into the times they are handed
    states = _storage((len(kept), *x0.shape), x0)
    # Two spare states take turns for the steps that are not kept.
    spare = torch.empty(2, *x0.shape, dtype=x0.dtype, device=x0.device)
    row = 0
    x = x0.detach()
    if kept[0] == 0:
        states[0] = x
        row = 1
    for i in range(n_steps):
        if kept[row] == i + 1:
            out = states[row]
            row += 1
        else:
            out = spare[i % 2]
        advance(x, times[i], out)
        x = out
    if not bool(torch.isfinite(x).all()):
        finite = torch.isfinite(states).reshape(len(kept), -1).all(1)
        where = kept[int((~finite).nonzero()[0])]
        raise ValueError(
            f"blew up: not finite at step {where} (the first kept state that is not). "
            f"Is h = {h:g} too long? For a drift −θx it must stay below 2/θ"
        )
    return Trajectory(kept_times, states)


def _storage(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Memory for the kept states, not filled."""
    if like.device.type != "cpu":
        return torch.empty(shape, dtype=like.dtype, device=like.device)
    # NumPy asks Linux for huge pages, torch does not: filling 40 MB then costs a third.
    raw = np.empty(math.prod(shape) * like.element_size(), dtype=np.uint8)
    return torch.from_numpy(raw).view(like.dtype).view(shape)


def _euler_maruyama(
    field: Any, h: float, generator: torch.Generator | None
) -> Callable[[Tensor, Tensor, Tensor], None]:
    """A function that writes one Euler–Maruyama step from x into `out`."""
    if not (isinstance(field, tuple) and len(field) == 2 and all(map(callable, field))):
        raise TypeError(
            f"a {type(field).__name__} was given as field: without step= it must be an SDE, "
            "a pair (drift, diffusion) of functions of (x, t)"
        )
    drift, diffusion = field
    root_h = math.sqrt(h)
    copies = True

    def advance(x: Tensor, t: Tensor, out: Tensor) -> None:
        # Copies for the functions cost a tenth of the run, so they stop after the first step
        # unless one was written into. (Under inference mode torch does not count writes.)
        nonlocal copies
        a, b = (x.clone(), x.clone()) if copies else (x, x)
        written = 0 if copies else x._version
        f = _like(x, drift(a, t), "drift")
        g = _like(x, diffusion(b, t), "diffusion")
        if not copies and x._version != written:
            raise ValueError("drift or diffusion changed x in place: let it return a new tensor")
        copies = copies and (a.is_inference() or a._version + b._version > 0)
        # The noise is drawn where the new state will stand: x + g √h z, then + f h.
        out.normal_(generator=generator)
        torch.addcmul(x, g, out, value=root_h, out=out)
        out.add_(f, alpha=h)

    return advance


def _readers_step(
    step: Callable[[Any, Tensor, Tensor, float], Tensor], field: Any, h: float
) -> Callable[[Tensor, Tensor, Tensor], None]:
    def advance(x: Tensor, t: Tensor, out: Tensor) -> None:
        out.copy_(_like(x, step(field, x.clone(), t, h), "step"))

    return advance


def _like(x: Tensor, value: Any, name: str) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{name} returned {type(value).__name__}: need a torch tensor shaped like x"
        )
    if value.shape != x.shape:
        raise ValueError(
            f"{name} returned shape {tuple(value.shape)}: need the shape of x, {tuple(x.shape)}"
        )
    return value.detach() if value.requires_grad else value


def _need_start(x0: Any, generator: torch.Generator | None) -> None:
    if not isinstance(x0, Tensor):
        raise TypeError(f"x0 is a {type(x0).__name__}: need a torch tensor of starting points")
    if not x0.is_floating_point():
        raise TypeError(f"x0 has dtype {x0.dtype}: whole numbers cannot move, take x0.float()")
    if generator is not None and generator.device.type != x0.device.type:
        raise ValueError(
            f"generator lives on {generator.device.type}, x0 on {x0.device.type}: "
            "make it with torch.Generator(device=x0.device)"
        )
    if not bool(torch.isfinite(x0).all()):
        raise ValueError("x0 holds numbers that are not finite: every start must be a number")


def _need_steps(h: Any, n_steps: Any) -> None:
    if not 0 < h < math.inf:
        raise ValueError(f"h = {h}: the step must be a positive, finite time")
    if not isinstance(n_steps, int) or isinstance(n_steps, bool):
        raise TypeError(f"n_steps is a {type(n_steps).__name__}: need a whole number of steps")
    if n_steps < 1:
        raise ValueError(f"n_steps = {n_steps}: need at least one step")


def _kept_steps(keep: Any, n_steps: int) -> list[int]:
    if keep == "last":
        return [n_steps]
    if keep == "all":
        keep = 1
    if not isinstance(keep, int) or isinstance(keep, bool) or keep < 1:
        raise ValueError(f"keep = {keep!r}: need 'last', 'all' or a whole number k ≥ 1")
    steps = list(range(0, n_steps + 1, keep))
    return steps if steps[-1] == n_steps else [*steps, n_steps]
