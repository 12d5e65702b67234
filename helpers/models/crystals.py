"""The network of the crystals: messages between all pairs of atoms of a periodic cell."""

from itertools import product
from typing import Protocol

import torch
from torch import Tensor, nn

from helpers.matter import cell_to_vector
from helpers.models.mlp import time_features
from helpers.noise import without_translation


class Conditions(Protocol):
    """What the network is told besides positions and time; a `Crystals` has all of it."""

    @property
    def cell(self) -> Tensor: ...  # (B, 3, 3), rows are lattice vectors, Å

    @property
    def species(self) -> Tensor: ...  # (B, N), atomic numbers, 0 = padding

    @property
    def mask(self) -> Tensor: ...  # (B, N), True for real atoms


def wave_vectors(largest: int = 4) -> Tensor:
    """Integer vectors k with 0 < |k|² ≤ `largest`, one of each pair ±k, shape (K, 3).

    cos(2π k·d) and sin(2π k·d) do not change when d moves by whole numbers. Raises ValueError
    when largest < 1.
    """
    if largest < 1:
        raise ValueError(f"largest = {largest}: need 1 or more, or there is no wave at all")
    reach = range(-int(largest**0.5), int(largest**0.5) + 1)
    kept = [k for k in product(reach, repeat=3) if k > (0, 0, 0)]
    kept = [k for k in kept if sum(n * n for n in k) <= largest]
    return torch.tensor(sorted(kept, key=lambda k: (sum(n * n for n in k), k)))


class MessageLayer(nn.Module):
    """Every atom hears every atom of its cell, itself too, and changes its features by that.

    What is said is multiplied by waves of the difference: a product of a sender's features with
    cos or sin 2π k·(x_j − x_i) is a sum over atoms that no later layer could undo or redo.
    """

    def __init__(self, hidden: int, n_edge: int) -> None:
        super().__init__()
        self.here = nn.Linear(hidden, hidden)
        self.there = nn.Linear(hidden, hidden, bias=False)
        self.between = nn.Linear(n_edge, 2 * hidden, bias=False)
        self.message = nn.Sequential(nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.update = nn.Sequential(
            nn.Linear(2 * hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden)
        )

    def forward(self, h: Tensor, edge: Tensor, share: Tensor) -> Tensor:
        """h (B, N, H), edge (B, N, N, F), share (B, 1, N): each sender's weight in the mean."""
        add, times = self.between(edge).chunk(2, -1)  # (B, N, N, H) each, from j to i
        # A linear layer of [h_i, h_j, edge] is a sum of three: two of them act on N, not N².
        said = self.message(self.here(h)[:, :, None] + self.there(h)[:, None] + add) * times
        heard = (share[:, :, None] @ said).squeeze(-2)  # (B, N, H)
        return h + self.update(torch.cat([h, heard], -1))


class CrystalNet(nn.Module):
    """net(frac, t, cond): fractional coordinates (B, N, 3) and times (B,) to a field like frac.

    Atoms enter only through sines and cosines of fractional differences and the lattice only
    through C Cᵀ, so that the field does not change under a common shift, another choice of
    images or a rotation of the crystal, and atoms renumbered renumber it. Its sum over the real
    atoms is zero, as for every score of a law without an origin; padding gets zeros.
    `cond` holds cell, species and mask, such as a `Crystals`. With lattice_head=True, `both`
    also gives six numbers for the cell, the mean of what the atoms say.
    Source: the idea is DiffCSP's (Jiao et al. 2023), §4.3.
    """

    waves: Tensor

    def __init__(
        self,
        hidden: int = 64,
        layers: int = 3,
        largest: int = 3,
        n_times: int = 16,
        lattice_head: bool = False,
    ) -> None:
        super().__init__()
        self.n_times = n_times
        self.register_buffer("waves", wave_vectors(largest).float())
        n_edge = 2 * len(self.waves)
        self.element = nn.Embedding(119, hidden)
        self.around = nn.Linear(n_times + 6, hidden)
        self.first = nn.Linear(n_edge, hidden)
        self.layers = nn.ModuleList(MessageLayer(hidden, n_edge) for _ in range(layers))
        self.field = nn.Sequential(nn.SiLU(), nn.Linear(hidden, 3))
        self.lattice = nn.Linear(hidden, 6) if lattice_head else None

    def features(self, frac: Tensor, t: Tensor, cond: Conditions) -> Tensor:
        """What the atoms know after all messages, shape (B, N, hidden)."""
        share = cond.mask.to(frac)[:, None]
        share = share / share.sum(-1, keepdim=True)  # (B, 1, N)
        # k·(x_j − x_i) from k·x: K numbers an atom instead of three a pair.
        phase = 2 * torch.pi * (frac @ self.waves.to(frac).mT)  # (B, N, K)
        phase = phase[:, None] - phase[:, :, None]
        edge = torch.cat([phase.sin(), phase.cos()], -1)  # (B, N, N, 2K)
        context = torch.cat([time_features(t, self.n_times), cell_to_vector(cond.cell)], -1)
        h = self.element(cond.species) + self.around(context.to(frac))[:, None]
        h = h + self.first((share[:, :, None] @ edge).squeeze(-2))
        for layer in self.layers:
            h = layer(h, edge, share)
        return h

    def forward(self, frac: Tensor, t: Tensor, cond: Conditions) -> Tensor:
        return self._field(self.features(frac, t, cond), cond)

    def both(self, frac: Tensor, t: Tensor, cond: Conditions) -> tuple[Tensor, Tensor]:
        """The field (B, N, 3) and six numbers for the cell (B, 6).

        Raises ValueError when the network was made without lattice_head=True.
        """
        if self.lattice is None:
            raise ValueError(
                "this network says nothing of the cell: make it with lattice_head=True"
            )
        h = self.features(frac, t, cond)
        mask = cond.mask[..., None].to(h)
        return self._field(h, cond), self.lattice((h * mask).sum(1) / mask.sum(1))

    def _field(self, h: Tensor, cond: Conditions) -> Tensor:
        return without_translation(self.field(h), cond.mask)
