"""Networks: from the small perceptron of the toy data to messages between atoms."""

from helpers.models.crystals import CrystalNet, lattice_features, wave_vectors
from helpers.models.csp import (
    FULL,
    SMALL,
    Recipe,
    joint_step,
    predict_structures,
    train_joint,
)
from helpers.models.direct import AtomMLP
from helpers.models.joint import JointDenoiser, joint_loss
from helpers.models.mlp import TimeMLP, time_features

__all__ = [
    "FULL",
    "SMALL",
    "AtomMLP",
    "CrystalNet",
    "JointDenoiser",
    "Recipe",
    "TimeMLP",
    "joint_loss",
    "joint_step",
    "lattice_features",
    "predict_structures",
    "time_features",
    "train_joint",
    "wave_vectors",
]
