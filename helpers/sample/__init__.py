"""How states move: single steps, Brownian paths, and the loop that runs them."""

from helpers.sample.sde import (
    brownian_increments,
    coarsen,
    drive,
    euler,
    euler_maruyama,
    heun,
    heun_ode,
    milstein,
)
from helpers.sample.simulate import Trajectory, simulate

__all__ = [
    "Trajectory",
    "brownian_increments",
    "coarsen",
    "drive",
    "euler",
    "euler_maruyama",
    "heun",
    "heun_ode",
    "milstein",
    "simulate",
]
