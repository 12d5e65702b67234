"""What was measured, and how sure that is."""

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

__all__ = [
    "Estimate",
    "autocorrelation",
    "autocorrelation_time",
    "excess_kurtosis_of",
    "fit_power_law",
    "mean_of",
    "std_of",
    "variance_of",
]
