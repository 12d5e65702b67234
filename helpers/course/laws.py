"""What a judge tests of random numbers: fresh, independent, centred, normal."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from helpers.course.exercise import Slip
from helpers.course.judge import compare


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
