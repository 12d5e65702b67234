"""What was measured, and how sure that is: estimates with errors, distances with a floor."""

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
from helpers.evaluate.flow import Ways, ways_of
from helpers.evaluate.modes import Modes, count_modes, total_variation

__all__ = [
    "Contained",
    "Estimate",
    "Floor",
    "Modes",
    "Ways",
    "autocorrelation",
    "autocorrelation_time",
    "contain",
    "count_modes",
    "energy_distance",
    "excess_kurtosis_of",
    "fit_power_law",
    "floor",
    "kl_divergence",
    "mean_of",
    "sliced_w2",
    "std_of",
    "total_variation",
    "variance_of",
    "ways_of",
]
