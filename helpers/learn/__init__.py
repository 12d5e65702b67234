"""Training: one loop, and what it minimises."""

from helpers.learn.losses import denoising_loss, dsm_loss, stratified_times
from helpers.learn.train import EMA, Trained, train, warmup_cosine

__all__ = [
    "EMA",
    "Trained",
    "denoising_loss",
    "dsm_loss",
    "stratified_times",
    "train",
    "warmup_cosine",
]
