"""Training: one loop, what it minimises, and the recipes of the crystals."""

from helpers.learn.crystals import (
    crystal_loss,
    masked_mse,
    take,
    train_crystals,
    train_directly,
    turn_axes,
)
from helpers.learn.losses import denoising_loss, dsm_loss, stratified_times
from helpers.learn.train import EMA, Trained, train, warmup_cosine

__all__ = [
    "EMA",
    "Trained",
    "crystal_loss",
    "denoising_loss",
    "dsm_loss",
    "masked_mse",
    "stratified_times",
    "take",
    "train",
    "train_crystals",
    "train_directly",
    "turn_axes",
    "warmup_cosine",
]
