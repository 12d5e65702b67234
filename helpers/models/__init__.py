"""Networks: from the small perceptron of the toy data on."""

from helpers.models.mlp import TimeMLP, time_features

__all__ = ["TimeMLP", "time_features"]
