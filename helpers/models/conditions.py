"""What a crystal is asked to be: chemical system, space group, a number; each may be left open."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from helpers.models.bases import noise_features

#: Name and shape of one crystal's entry. Left open is: no element, group 0, NaN.
CONDITIONS = {"chemical_system": (100,), "space_group": (), "scalar": ()}
Condition = dict[str, Tensor]


def check_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names themselves. Raises ValueError for one that is not among CONDITIONS."""
    wrong = [name for name in names if name not in CONDITIONS]
    if wrong:
        raise ValueError(f"conditions {wrong}: this course has {', '.join(CONDITIONS)}")
    return tuple(names)


def chemical_system(species: Tensor) -> Tensor:
    """Which of the elements 1 … 100 occur, (B, 100) of zeros and ones, for species (B, N)."""
    hot = torch.nn.functional.one_hot(species.clamp(max=101), 102).amax(-2)
    return hot[..., 1:101].float()


def open_condition(name: str, n: int) -> Tensor:
    """The entry (n, ...) that asks for nothing."""
    fill = {"chemical_system": 0.0, "space_group": 0, "scalar": float("nan")}[name]
    return torch.full((n, *CONDITIONS[name]), fill)


def drop(
    cond: Condition, probability: float, generator: torch.Generator | None = None
) -> Condition:
    """One of each crystal's properties, drawn with equal odds; with this probability, none.

    So the network learns each property alone, and what it does without. Raises ValueError when it
    is no probability.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"probability = {probability}: need 0 to 1")
    if not cond:
        return {}
    first = next(iter(cond.values()))
    u = torch.empty(len(first), device=first.device).uniform_(generator=generator)
    share = (1 - probability) / len(cond)
    found = {}
    for k, (name, value) in enumerate(cond.items()):
        keep = (u >= probability + k * share) & (u < probability + (k + 1) * share)
        nothing = open_condition(name, len(value)).to(value)
        found[name] = torch.where(keep.view(-1, *[1] * (value.ndim - 1)), value, nothing)
    return found


class PropertyEmbedding(nn.Module):
    """A property of B crystals as features (B, width), and where it is given, (B, 1)."""

    def __init__(self, name: str, width: int) -> None:
        super().__init__()
        (self.name,) = check_names([name])
        self.table = nn.Embedding(231, width) if name == "space_group" else None
        n_in = {"chemical_system": 100, "scalar": 16}.get(name)
        self.linear = None if n_in is None else nn.Linear(n_in, width)

    def forward(self, value: Tensor) -> tuple[Tensor, Tensor]:
        if self.table is not None:
            return self.table(value.long()), (value > 0)[:, None].to(self.table.weight)
        assert self.linear is not None
        if self.name == "scalar":
            given = ~value.isnan()[:, None]
            x = noise_features(value.nan_to_num(), 16, 8.0)
        else:
            given, x = value.any(-1, keepdim=True), value
        weight = self.linear.weight
        return self.linear(x.to(weight)), given.to(weight)
