"""Tools for judges: call a reader's function safely, compare numbers, name the slip.

A judge compares with closed forms and laws, never with the output of the course's version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from helpers.course.device import device
from helpers.course.exercise import Slip


def call(function: Callable[..., Any], *args: Any) -> Any:
    """What the function returns for fresh copies of the tensors, so that it may work in place."""
    return function(*(arg.clone() if isinstance(arg, Tensor) else arg for arg in args))


def returned(function: Callable[..., Any], *args: Any, like: Tensor, what: str = "it") -> Tensor:
    """The float64 tensor, shaped like `like`, that the function returns for copies of `args`.

    Raises Slip, in words, for everything else that can come back; `what` names what returned it.
    """
    return tensor_like(call(function, *args), like, what)


def tensor_like(value: Any, like: Tensor, what: str = "it") -> Tensor:
    """`value` as float64; raises Slip where it is no finite float tensor shaped like `like`."""
    needed = f"needed is a tensor of shape {tuple(like.shape)}, like x"
    if value is None:
        raise Slip(f"{what} returned nothing: is the `return` missing?")
    if isinstance(value, (bool, int, float, complex, np.generic)):
        raise Slip(f"{what} returned one number ({type(value).__name__}); {needed}")
    if isinstance(value, np.ndarray):
        raise Slip(f"{what} returned a NumPy array; {needed}: keep to torch functions")
    if isinstance(value, (tuple, list)):
        raise Slip(f"{what} returned a {type(value).__name__} of {len(value)}; {needed}")
    if not isinstance(value, Tensor):
        raise Slip(f"{what} returned something of type {type(value).__name__}; {needed}")
    if value.shape != like.shape:
        raise Slip(
            f"{what} returned the shape {{measured}}, expected {{expected}}, like x",
            tuple(value.shape),
            tuple(like.shape),
        )
    if value.device.type != like.device.type:
        raise Slip(
            f"{what} returned a tensor on {value.device.type}, x is on {like.device.type}: "
            "zeros_like(x), full_like(x, ...) and device=x.device follow x"
        )
    if not value.is_floating_point():
        name = str(value.dtype).removeprefix("torch.")
        raise Slip(f"{what} returned numbers of the type {name}, needed are floats, like x")
    bad = int((~torch.isfinite(value)).sum())
    if bad:
        raise Slip(f"{what} returned nan or infinity in {bad} of {value.numel()} places")
    return value.detach().cpu().double()


def untouched(function: Callable[..., Any], x: Tensor, *args: Any, what: str = "it") -> None:
    """Raise Slip when the function, called as (x, *args), writes into x."""
    given = x.clone()
    function(given, *args)
    moved = (given != x).flatten().nonzero()
    if len(moved):
        raise Slip(
            f"{what} changes x itself, to {{measured}} from {{expected}}: let it return a new "
            "tensor",
            float(given.flatten()[moved[0]]),
            float(x.flatten()[moved[0]]),
        )


def trials(*inputs: Tensor) -> list[Tensor]:
    """The inputs, and where the course runs on a GPU the first one also there."""
    place = device()
    return [*inputs] if place.type == "cpu" else [*inputs, inputs[0].to(place)]


def compare(
    what: str,
    measured: Any,
    expected: Any,
    slips: Mapping[str, Any] | None = None,
    *,
    where: Sequence[str] = (),
    rtol: float = 1e-4,
    atol: float = 1e-6,
) -> None:
    """Pass where `measured` equals `expected`; else raise Slip, with the slip's name if known.

    `slips` maps words to the value that this slip would give; the first that fits is named.
    Values may be numbers, lists or tensors of one size; the first number that is off is quoted,
    with its entry of `where`, which says for what inputs it was measured.
    """
    got, want = _flat(measured), _flat(expected)

    def off(value: Any) -> Tensor:
        value = _flat(value)
        return (got - value).abs() > atol + rtol * value.abs()

    wrong = off(want)
    if not wrong.any():
        return
    names = (why for why, value in (slips or {}).items() if not off(value).any())
    why = next(names, "")
    first = int(wrong.nonzero()[0])
    place = f" ({where[first]})" if where else ""
    raise Slip(
        f"{what} {{measured}}, expected {{expected}}{place}" + (f": {why}" if why else ""),
        float(got[first]),
        float(want[first]),
    )


def _flat(value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        value = torch.tensor(value, dtype=torch.float64)
    return value.detach().cpu().double().flatten()


def pair(value: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Drift and diffusion out of an SDE or a plain pair; raises Slip for anything else."""
    if value is None:
        raise Slip("it returned nothing: is the `return` missing?")
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        given = type(value).__name__
        size = f" of {len(value)}" if isinstance(value, (tuple, list)) else ""
        raise Slip(f"it returned a {given}{size}; needed is a pair, SDE(drift, diffusion)")
    for name, part in zip(("drift", "diffusion"), value, strict=True):
        if not callable(part):
            given = type(part).__name__
            raise Slip(f"the {name} is a {given}; needed is a function (x, t) -> tensor like x")
    return value[0], value[1]
