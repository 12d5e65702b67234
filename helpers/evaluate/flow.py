"""How long and how bent the ways of a flow are."""

from typing import NamedTuple

from torch import Tensor

from helpers.evaluate.estimates import Estimate


class Ways(NamedTuple):
    """Of the ways from noise to data, with their errors.

    length: the ways' lengths over the distances between their ends; 1 for straight ways.
    bend:   the mean of |velocity − (end − start)|² over the mean of |end − start|²; zero only
            for straight ways at a steady pace.
    """

    length: Estimate
    bend: Estimate


def ways_of(states: Tensor) -> Ways:
    """How straight the ways (T, n, D) are that n points take in T − 1 equal steps of unit time.

    Raises ValueError for any other shape, for fewer than two points, and when none moves.
    Source: Liu et al. (2023), eq. 6, for the bend (there: straightness), here without a unit.
    """
    if states.ndim != 3 or len(states) < 2 or states.shape[1] < 2:
        raise ValueError(f"ways of shape {tuple(states.shape)}: need (T, n, D), T and n at least 2")
    states = states.double()
    moves = states.diff(dim=0)  # (T - 1, n, D)
    whole = states[-1] - states[0]
    if not bool((whole != 0).any()):
        raise ValueError("no point moves: there are no ways to measure")
    velocity = moves * len(moves)
    bend = (velocity - whole).square().sum(-1).mean(0)
    length = moves.norm(dim=-1).sum(0)
    return Ways(_ratio(length, whole.norm(dim=-1)), _ratio(bend, whole.square().sum(-1)))


def _ratio(above: Tensor, below: Tensor) -> Estimate:
    """The ratio of two means over the same points, with its error to first order."""
    ratio = float(above.mean() / below.mean())
    influence = (above - ratio * below) / below.mean()
    return Estimate(ratio, float(influence.std()) / len(above) ** 0.5)
