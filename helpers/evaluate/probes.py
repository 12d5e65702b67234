"""What do features know? A linear map is fitted to read something off, and judged on new atoms.

A linear probe has no skill of its own: what it reads was laid out in the features already. Every
score stands beside that of a guess without features.
Source: Alain and Bengio, Understanding intermediate layers using linear classifier probes (2016).
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Probe(NamedTuple):
    """A linear map: features (n, F) to (x − mean)/std · weight + bias."""

    mean: Tensor  # (F,)
    std: Tensor  # (F,)
    weight: Tensor  # (F, K)
    bias: Tensor  # (K,)

    def __call__(self, features: Tensor) -> Tensor:
        """What is read off, (n, K)."""
        z = (features.double() - self.mean) / self.std
        return z @ self.weight + self.bias


def fit_probe(features: Tensor, target: Tensor, penalty: float = 1.0) -> Probe:
    """Ridge regression of targets (n, K) on features (n, F), in closed form.

    Features are standardised first; the weights W make |z W − (y − ȳ)|² + penalty · |W|² smallest,
    W = (zᵀz + penalty)⁻¹ zᵀ(y − ȳ), and the bias is the mean target, so that an infinite penalty
    answers the mean. Raises ValueError when shapes do not fit or the penalty is not positive.
    Source: Hoerl and Kennard (1970).
    """
    if features.ndim != 2 or target.ndim != 2 or len(features) != len(target) or not len(target):
        raise ValueError(
            f"features of shape {tuple(features.shape)} and targets of shape "
            f"{tuple(target.shape)}: need (n, F) and (n, K), one row for each atom"
        )
    if not penalty > 0:
        raise ValueError(f"penalty = {penalty}: it must be positive, or the weights are not unique")
    x, y = features.double(), target.double()
    mean, std = x.mean(0), x.std(0, correction=0)
    std = torch.where(std > 1e-6 * std.max(), std, torch.ones_like(std))  # a constant says nothing
    z, bias = (x - mean) / std, y.mean(0)
    square = z.mT @ z + penalty * torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
    return Probe(mean, std, torch.linalg.solve(square, z.mT @ (y - bias)), bias)


def one_hot(labels: Tensor, n_classes: int | None = None) -> Tensor:
    """Labels (n,) from 0 on as rows (n, K) of zeros with a one."""
    return torch.nn.functional.one_hot(labels, -1 if n_classes is None else n_classes).double()


def accuracy(said: Tensor, labels: Tensor) -> float:
    """The share of rows (n, K) whose largest entry is the label's."""
    return float((said.argmax(-1) == labels).double().mean())


def most_frequent(train: Tensor, test: Tensor) -> float:
    """The accuracy on test labels of always answering the commonest training label: chance."""
    return float((test == train.mode().values).double().mean())


def r_squared(said: Tensor, target: Tensor) -> float:
    """1 − mean squared error over the variance of the target: 0 for its mean, 1 if exact, negative
    where the guess is worse than the mean. Raises ValueError when the target is constant."""
    spread = (target.double() - target.double().mean(0)).square().sum()
    if not spread > 0:
        raise ValueError("the target is constant: there is nothing to explain")
    return float(1 - (said.double() - target.double()).square().sum() / spread)


def retrieval(query: Tensor, library: Tensor, owner: Tensor | None = None) -> float:
    """How often a query's nearest row of the library, by cosine, is its own: row i, or any row
    whose `owner` (n,) is that of row i. By chance: 1/n, or the share of rows with that owner.

    Raises ValueError when query and library differ in shape.
    """
    if query.shape != library.shape:
        raise ValueError(
            f"queries {tuple(query.shape)} and library {tuple(library.shape)}: need one for one"
        )
    unit = torch.nn.functional.normalize
    found = (unit(query.double(), dim=-1) @ unit(library.double(), dim=-1).mT).argmax(-1)
    own = torch.arange(len(query), device=query.device) if owner is None else owner
    return float((own[found] == own).double().mean())
