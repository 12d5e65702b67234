"""Networks: from the small perceptron of the toy data to messages between atoms."""

from helpers.models.crystals import CrystalNet, lattice_features, wave_vectors
from helpers.models.mlp import TimeMLP, time_features

__all__ = ["CrystalNet", "TimeMLP", "lattice_features", "time_features", "wave_vectors"]
