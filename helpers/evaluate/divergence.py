"""The difference of two densities that can be written down."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

LogDensity = Callable[[Tensor], Tensor]


def kl_divergence(p: LogDensity, q: LogDensity, radius: float, n: int = 400) -> float:
    """KL(p‖q) = ∫ p log p/q in nats of two log densities in the plane, by quadrature.

    Midpoints of n × n cells of the square [−radius, radius]², which must hold practically all of
    p; cells must be narrow beside its modes. Raises ValueError when the square holds less than
    99.99 % of p or the cells are too wide to tell (the integral of p is not 1).
    """
    if n < 2 or not 0 < radius < math.inf:
        raise ValueError(f"n = {n}, radius = {radius}: need two cells or more, a positive radius")
    side = 2 * radius / n
    line = (torch.arange(n, dtype=torch.float64) + 0.5) * side - radius
    x = torch.cartesian_prod(line, line)  # (n², 2)
    log_p, log_q = p(x), q(x)
    mass = log_p.exp() * side**2
    if abs(float(mass.sum()) - 1) > 1e-4:
        raise ValueError(
            f"the square of radius {radius} holds {float(mass.sum()):.5f} of p: need all of it, "
            "take a larger radius or more cells"
        )
    # Where p is 0 to rounding nothing is lost, whatever q is there.
    return float(torch.where(mass > 0, mass * (log_p - log_q), 0.0).sum())
