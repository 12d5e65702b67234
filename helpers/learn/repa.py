"""Representation alignment: pull a hidden layer of one network towards another's features.

The other network is frozen and sees the clean data; the one that learns sees the noisy point. A
projector, thrown away after training, translates between the two.
Source: Yu et al., Representation alignment for generation (ICLR 2025).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Projector(nn.Module):
    """From `hidden` numbers to the encoder's `width`: three linear layers with SiLU between."""

    def __init__(self, hidden: int, width: int, inner: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(hidden, inner),
            nn.SiLU(),
            nn.Linear(inner, inner),
            nn.SiLU(),
            nn.Linear(inner, width),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., hidden) to (..., width)."""
        return self.layers(hidden)


@contextmanager
def listen(layer: nn.Module) -> Iterator[list[Tensor]]:
    """Within the block, a list to which every output of the layer is appended: its hidden states,
    with their gradient. The layer itself is not changed, and nothing is left behind."""
    heard: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _, __, out: heard.append(out))
    try:
        yield heard
    finally:
        handle.remove()


def standardised(features: Tensor, mask: Tensor) -> Tensor:
    """Features (B, N, F) with mean 0 and standard deviation 1 in each channel over the real atoms.

    Raw features share a large common part, and the cosine of any two of them is far from zero;
    without it, a cosine speaks of what tells atoms apart. Padding becomes zero. Raises ValueError
    for fewer than two atoms.
    """
    atoms = features[mask]
    if len(atoms) < 2:
        raise ValueError(f"{len(atoms)} atoms: a spread of features needs at least two")
    spread = atoms.std(0, correction=0)
    scaled = (features - atoms.mean(0)) / torch.where(spread > 0, spread, torch.ones_like(spread))
    return scaled * mask[..., None]


def alignment(projected: Tensor, features: Tensor, mask: Tensor) -> Tensor:
    """The mean cosine over the real atoms of each structure, (B,): 1 where all point the same way.

    projected and features (B, N, F), mask (B, N). No gradient reaches the features. Raises
    ValueError when the shapes differ: a projector must bring the widths together.
    """
    if projected.shape != features.shape:
        raise ValueError(
            f"projected {tuple(projected.shape)} and features {tuple(features.shape)}: a cosine "
            "needs one width; let the projector end at the encoder's"
        )
    cosine = nn.functional.cosine_similarity(projected, features.detach(), dim=-1)
    real = mask.to(cosine)
    return (cosine * real).sum(-1) / real.sum(-1).clamp(min=1)


def window_weight(t: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
    """1/(high − low) for low ≤ t < high and 0 elsewhere, shaped like t.

    Its mean over uniform times is 1, so that windows of different width align equally hard. Raises
    ValueError unless 0 ≤ low < high ≤ 1.
    """
    if not 0 <= low < high <= 1:
        raise ValueError(f"a window from {low} to {high}: need 0 ≤ low < high ≤ 1")
    inside = (t >= low) & ((t < high) | (high == 1))
    return inside.to(t) / (high - low)
