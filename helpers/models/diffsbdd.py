"""The network of the pocket chapter: what it is told of ligand and pocket, and what it says.

Source: Schneuing et al., Structure-based drug design with equivariant diffusion models (2024);
Hoogeboom et al., EDM (2022).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from helpers.matter.graphs import Graphs, pairs
from helpers.models.egnn import EGNN, Graph, LookAlike
from helpers.models.mlp import time_features
from helpers.noise.gammas import Polynomial
from helpers.noise.schedules import Schedule


class Scales(NamedTuple):
    """What coordinates (Å) and one-hot features are divided by before noise is put on them."""

    x: float = 1.0
    h: float = 4.0


class PocketDenoiser(nn.Module):
    """eps(ligand, pocket, t): the noise in a noisy ligand and, in joint mode, in its pocket.

    ligand and pocket are `Graphs` in the model's units (`encode`), t (B,) times. In the
    conditional mode the pocket is clean and stays where it is; in the joint mode both move.
    Coordinate noise is the displacement of the network, feature noise is read off the features.
    """

    def __init__(
        self,
        kinds: int = 6,
        sites: int = 3,
        *,
        joint: bool = False,
        schedule: Schedule | None = None,
        hidden: int = 48,
        layers: int = 3,
        cutoff: float = 8.0,
        n_times: int = 8,
        reflect: bool = True,
        look_alike: bool = False,
        spread: tuple | None = None,
    ) -> None:
        super().__init__()
        self.kinds, self.sites, self.joint, self.cutoff = kinds, sites, joint, cutoff
        self.schedule = Polynomial() if schedule is None else schedule
        self.scales, self.n_times = Scales(), n_times
        self.spread = spread
        n_in, n_out = kinds + sites + 2 + n_times, kinds + sites
        self.net: nn.Module
        if look_alike:
            self.net = LookAlike(n_in, n_out, hidden, layers)
        else:
            self.net = EGNN(n_in, n_out, hidden, layers, reflect=reflect)

    def encode(self, clean: Graphs) -> Graphs:
        """Graphs in Å with one-hot features, in the model's units."""
        return clean._replace(x=clean.x / self.scales.x, h=clean.h / self.scales.h)

    def decode(self, state: Graphs) -> Graphs:
        """Graphs in Å; features become one-hot at their largest entry, no dice are thrown."""
        kind = nn.functional.one_hot(state.h.argmax(-1), state.h.shape[-1])
        return state._replace(x=state.x * self.scales.x, h=kind.to(state.x))

    def forward(
        self, ligand: Graphs, pocket: Graphs, t: Tensor, told: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """ε of the ligand (M, 3 + K) and of the pocket (Q, 3 + S), zeros in conditional mode.

        `told` (B,) says which ligands hear of their pocket at all; without it all do.
        """
        m, n = len(ligand.x), len(t)
        x = torch.cat([ligand.x, pocket.x]) * self.scales.x
        of = torch.cat([ligand.batch, pocket.batch])
        graph = self.graph(x, ligand.batch, pocket.batch, n, told)
        is_pocket = (torch.arange(len(x), device=x.device) >= m).to(x)[:, None]
        h = torch.block_diag(ligand.h, pocket.h)
        h = torch.cat([h, is_pocket, 1 - is_pocket, time_features(t, self.n_times)[of]], -1)
        move, out = self.net(x, h, graph)
        feature = out
        if self.spread:
            a, sg = self.schedule.alpha(t)[of, None], self.schedule.sigma(t)[of, None]
            sx, sh = self.spread
            tx, th = (a * a * sx * sx + sg * sg).sqrt(), (a * a * sh * sh + sg * sg).sqrt()
            move = (sg * x - sx * a * tx * move) / tx**2
            feature = (sg * h[:, : out.shape[1]] - sh * a * th * feature) / th**2
        else:
            feature = out - h[:, : out.shape[1]]
        return (
            torch.cat([move[:m], feature[:m, : self.kinds]], -1),
            torch.cat([move[m:], feature[m:, self.kinds :]], -1) * float(self.joint),
        )

    def graph(
        self, x: Tensor, ligand_of: Tensor, pocket_of: Tensor, n: int, told: Tensor | None
    ) -> Graph:
        """Who hears whom: ligand atoms hear their ligand and the pocket points within the cutoff.

        In the joint mode the pocket hears both as well.
        """
        m = len(ligand_of)
        i, j = pairs(ligand_of, ligand_of)
        k, p = pairs(ligand_of, pocket_of)
        keep = (x[k] - x[m + p]).square().sum(-1) < self.cutoff**2
        if told is not None:
            keep &= told[ligand_of[k]]
        k, p = k[keep], p[keep]
        receiver, sender = [i[i != j], k], [j[i != j], m + p]
        moves = torch.arange(len(x), device=x.device) < m
        if self.joint:
            a, b = pairs(pocket_of, pocket_of)
            near = (a != b) & ((x[m + a] - x[m + b]).square().sum(-1) < self.cutoff**2)
            receiver += [m + p, m + a[near]]
            sender += [k, m + b[near]]
            moves = torch.ones_like(moves)
        of = torch.cat([ligand_of, pocket_of])
        return Graph(torch.cat(receiver), torch.cat(sender), of, n, moves)


def noisy(
    clean: Graphs, t: Tensor, schedule: Schedule, generator: torch.Generator | None = None
) -> tuple[Graphs, Tensor]:
    """Graphs in the model's units with the noise of times t (B,), and that noise (M, 3 + K)."""
    eps = torch.empty(len(clean.x), 3 + clean.h.shape[1], device=clean.x.device)
    eps = eps.normal_(generator=generator)
    alpha, sigma = (part(t)[clean.batch, None] for part in (schedule.alpha, schedule.sigma))
    x, h = alpha * clean.x + sigma * eps[:, :3], alpha * clean.h + sigma * eps[:, 3:]
    return clean._replace(x=x, h=h), eps
