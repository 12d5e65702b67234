"""What was measured, and how sure that is: estimates with errors, distances with a floor."""

from helpers.evaluate.baselines import nearest_prototype, random_structures
from helpers.evaluate.crystals import Quality, copies, displacement, quality, random_positions
from helpers.evaluate.distances import (
    Contained,
    Floor,
    contain,
    energy_distance,
    floor,
    sliced_w2,
)
from helpers.evaluate.divergence import kl_divergence
from helpers.evaluate.estimates import (
    Estimate,
    autocorrelation,
    autocorrelation_time,
    excess_kurtosis_of,
    fit_power_law,
    mean_of,
    std_of,
    variance_of,
)
from helpers.evaluate.matching import (
    PUBLISHED,
    STRICT,
    Match,
    Tolerances,
    length_error,
    match_rate,
    valid,
)
from helpers.evaluate.modes import Modes, count_modes, total_variation

__all__ = [
    "PUBLISHED",
    "STRICT",
    "Contained",
    "Estimate",
    "Floor",
    "Match",
    "Modes",
    "Quality",
    "Tolerances",
    "autocorrelation",
    "autocorrelation_time",
    "contain",
    "copies",
    "count_modes",
    "displacement",
    "energy_distance",
    "excess_kurtosis_of",
    "fit_power_law",
    "floor",
    "kl_divergence",
    "length_error",
    "match_rate",
    "mean_of",
    "nearest_prototype",
    "quality",
    "random_positions",
    "random_structures",
    "sliced_w2",
    "std_of",
    "total_variation",
    "valid",
    "variance_of",
]
