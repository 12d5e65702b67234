"""Networks: from the small perceptron of the toy data to messages between atoms."""

from helpers.models.crystals import CrystalNet, lattice_features, wave_vectors
from helpers.models.direct import AtomMLP
from helpers.models.mlp import TimeMLP, time_features

__all__ = [
    "AtomMLP",
    "CrystalNet",
    "TimeMLP",
    "lattice_features",
    "time_features",
    "wave_vectors",
]
