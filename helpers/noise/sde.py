"""What a stochastic differential equation is here: a pair of functions, drift and diffusion."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

Coefficient = Callable[[Tensor, Tensor], Tensor]


class SDE(NamedTuple):
    """dX = drift(X, t) dt + diffusion(X, t) dW, Itô, with noise that is independent per entry.

    Both functions take a state `x` of any shape and a time `t` (a tensor without axes) and
    return a tensor shaped like `x`. Units: if x is a length and t a time, drift is length/time
    and diffusion is length/√time. A plain pair `(drift, diffusion)` works wherever an SDE does.
    Source: Kloeden and Platen, Numerical Solution of Stochastic Differential Equations (1992),
    ch. 4.
    """

    drift: Coefficient
    diffusion: Coefficient
