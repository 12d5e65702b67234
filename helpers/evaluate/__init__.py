"""Measuring: distances between clouds, their floor, and estimates with errors."""

from helpers.evaluate.distances import (
    Contained,
    Floor,
    contain,
    energy_distance,
    floor,
    sliced_w2,
    w2,
)
from helpers.evaluate.divergence import kl_divergence
from helpers.evaluate.modes import Modes, count_modes, total_variation

__all__ = [
    "Contained",
    "Floor",
    "Modes",
    "contain",
    "count_modes",
    "energy_distance",
    "floor",
    "kl_divergence",
    "sliced_w2",
    "total_variation",
    "w2",
]
