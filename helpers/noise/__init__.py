"""Where noise comes from: equations and the processes whose law is known."""

from helpers.noise.processes import BrownianMotion, OrnsteinUhlenbeck
from helpers.noise.sde import SDE

__all__ = ["SDE", "BrownianMotion", "OrnsteinUhlenbeck"]
