"""Where noise comes from: equations, processes whose law is known, and paths from data to noise."""

from helpers.noise.doublewell import DoubleWell
from helpers.noise.flows import Bridge, aligned, bridge, from_fm, without_translation
from helpers.noise.gaussian import Gaussian
from helpers.noise.mixtures import GaussianMixture, cross, ring, scattered
from helpers.noise.paths import Path
from helpers.noise.predictions import KINDS, Denoiser, Pred, guide, marginal_std, mix, read
from helpers.noise.processes import BrownianMotion, OrnsteinUhlenbeck
from helpers.noise.schedules import VE, VP, Cosine, Linear, Schedule
from helpers.noise.sde import SDE
from helpers.noise.spaces import Euclidean, Space, Torus, ZeroMean
from helpers.noise.tables import BetaTable, grid, noise_grid

__all__ = [
    "KINDS",
    "SDE",
    "VE",
    "VP",
    "BetaTable",
    "Bridge",
    "BrownianMotion",
    "Cosine",
    "Denoiser",
    "DoubleWell",
    "Euclidean",
    "Gaussian",
    "GaussianMixture",
    "Linear",
    "OrnsteinUhlenbeck",
    "Path",
    "Pred",
    "Schedule",
    "Space",
    "Torus",
    "ZeroMean",
    "aligned",
    "bridge",
    "cross",
    "from_fm",
    "grid",
    "guide",
    "marginal_std",
    "mix",
    "noise_grid",
    "read",
    "ring",
    "scattered",
    "without_translation",
]
