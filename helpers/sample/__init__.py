"""How states move: single steps, Brownian paths, and the loop that runs them."""

from helpers.sample.equilibrium import (
    Move,
    langevin_sde,
    mala,
    metropolis_log_ratio,
    overdamped_langevin,
)
from helpers.sample.likelihood import Encoded, divergence, log_likelihood
from helpers.sample.multistep import multistep
from helpers.sample.reverse import edm_heun, reverse_heun, sample, step, trajectory
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
from helpers.sample.updates import ancestral, ddim, denoise, fields, langevin, reverse_euler

__all__ = [
    "Encoded",
    "Move",
    "Trajectory",
    "ancestral",
    "brownian_increments",
    "coarsen",
    "ddim",
    "denoise",
    "divergence",
    "drive",
    "edm_heun",
    "euler",
    "euler_maruyama",
    "fields",
    "heun",
    "heun_ode",
    "langevin",
    "langevin_sde",
    "log_likelihood",
    "mala",
    "metropolis_log_ratio",
    "milstein",
    "multistep",
    "overdamped_langevin",
    "reverse_euler",
    "reverse_heun",
    "sample",
    "simulate",
    "step",
    "trajectory",
]
