"""Tools for judges: call a reader's function safely, compare numbers, name the slip.

A judge compares with closed forms and laws, never with the output of the course's version.
"""

from __future__ import annotations

import math
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


def noise_law(draw: Callable[[], Tensor]) -> None:
    """Raise Slip unless `draw()` gives fresh, independent, centred normal numbers of any scale.

    `draw` returns only the random part, shape (particles, dimensions), thousands of particles.
    Tolerances are five standard errors of the sample at hand.
    """
    kick = draw()
    n = kick.shape[0]
    if not kick.abs().max() > 1e-9:
        raise Slip("there is no kick: every particle moves without noise")
    if (kick - kick[0]).abs().max() < 1e-9:
        raise Slip(
            "all particles get the same kick (correlation {measured}, expected {expected}): "
            "draw one number for each, randn_like(x)",
            1.0,
            0.0,
        )
    compare(
        "the kicks of two dimensions have correlation",
        correlation(kick[:, 0], kick[:, 1]),
        0.0,
        {"one number for all dimensions? draw one for each, randn_like(x)": 1.0},
        atol=5 / math.sqrt(n),
    )
    compare(
        "the kicks of two calls have correlation",
        correlation(kick, draw()),
        0.0,
        {"the random numbers are the same every time; is a seed set inside?": 1.0},
        atol=5 / math.sqrt(kick.numel()),
    )
    scale = float(kick.std())
    compare(
        "the kick has mean",
        float(kick.mean()),
        0.0,
        {"rand instead of randn?": math.sqrt(3) * scale},
        atol=5 * scale / math.sqrt(kick.numel()),
    )
    # The kurtosis (mean fourth power over squared variance) tells the law apart: 3 if normal.
    found = kurtosis(kick)
    why = ""
    for name, low, high in (
        ("the noise is drawn twice? a product of two normal numbers has kurtosis 9", 6, math.inf),
        ("uniform numbers instead of normal ones? their kurtosis is 1.8", 1.5, 2.1),
        ("coin flips instead of normal numbers? their kurtosis is 1", 0, 1.2),
    ):
        if low <= found < high:
            why = ": " + name
    if abs(found - 3) > 5 * math.sqrt(24 / kick.numel()):
        raise Slip("the kick has kurtosis {measured}, expected {expected}" + why, found, 3.0)


def kurtosis(values: Tensor) -> float:
    """Mean fourth power over the squared variance of all numbers: 3 for normal ones."""
    centred = values - values.mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2)


def correlation(a: Tensor, b: Tensor) -> float:
    """Pearson's correlation of all numbers of two tensors of one shape, 0 if one is constant."""
    a, b = (a - a.mean()).flatten(), (b - b.mean()).flatten()
    scale = float(a.norm() * b.norm())
    return float(a @ b) / scale if scale else 0.0
