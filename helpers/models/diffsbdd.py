"""The network of the pocket chapter: what it is told of ligand and pocket, and what it says.

Source: Schneuing et al., Structure-based drug design with equivariant diffusion models (2024);
Hoogeboom et al., EDM (2022). What is ours: the network's words are scaled by the known spread of
the data before they count as noise (Karras et al. 2022), which saves most of a short training.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from helpers.matter.graphs import Graphs, graph_mean, pairs
from helpers.models.egnn import EGNN, Graph, LookAlike
from helpers.models.mlp import time_features
from helpers.noise import Schedule, read
from helpers.noise.gammas import Polynomial


class Scales(NamedTuple):
    """What coordinates (Å) and one-hot features are divided by before noise is put on them."""

    x: float = 1.0
    h: float = 4.0


class Spread(NamedTuple):
    """Standard deviations of one clean number, in the model's units, in the made world."""

    ligand: float = 1.6
    pocket: float = 3.2
    h: float = 0.1


class PocketDenoiser(nn.Module):
    """eps(ligand, pocket, t): the noise in a noisy ligand and, in joint mode, in its pocket.

    ligand and pocket are `Graphs` in the model's units (`encode`), t (B,) times. In the
    conditional mode the pocket is clean and stays where it is, its centroid at the origin; in
    the joint mode both are noisy and the centroid of both together is the origin.
    What the network says of the coordinates is a displacement, of the features a feature.
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
    ) -> None:
        super().__init__()
        self.kinds, self.sites, self.joint, self.cutoff = kinds, sites, joint, cutoff
        self.schedule = Polynomial() if schedule is None else schedule
        self.scales, self.spread, self.n_times = Scales(), Spread(), n_times
        n_in, n_out = kinds + sites + 2 + n_times, kinds + sites
        self.net: nn.Module
        if look_alike:
            self.net = LookAlike(n_in, n_out, hidden, layers)
        else:
            self.net = EGNN(n_in, n_out, hidden, layers, reflect=reflect)

    def encode(self, ligand: Graphs, pocket: Graphs) -> tuple[Graphs, Graphs]:
        """Both in the model's units, with the origin of its mode."""
        n = ligand.n_graphs
        x, of = pocket.x, pocket.batch
        if self.joint:
            x, of = torch.cat([ligand.x, x]), torch.cat([ligand.batch, of])
        centre = graph_mean(x, of, n)
        scaled = [
            part._replace(x=(part.x - centre[part.batch]) / self.scales.x, h=part.h / self.scales.h)
            for part in (ligand, pocket)
        ]
        return scaled[0], scaled[1]

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
        m, of = len(ligand.x), torch.cat([ligand.batch, pocket.batch])
        x = torch.cat([ligand.x, pocket.x]) * self.scales.x
        graph = self.graph(x, ligand.batch, pocket.batch, len(t), told)
        is_pocket = (torch.arange(len(x), device=x.device) >= m).to(x)[:, None]
        h = torch.block_diag(ligand.h, pocket.h)
        h = torch.cat([h, is_pocket, 1 - is_pocket, time_features(t, self.n_times)[of]], -1)
        move, out = self.net(x, h, graph)
        in_ligand = self._noise(ligand, move[:m], out[:m, : self.kinds], t, self.spread.ligand)
        if not self.joint:
            return in_ligand, torch.zeros(len(pocket.x), 3 + self.sites).to(x)
        in_pocket = self._noise(pocket, move[m:], out[m:, self.kinds :], t, self.spread.pocket)
        return in_ligand, in_pocket

    def _noise(self, part: Graphs, move: Tensor, out: Tensor, t: Tensor, spread: float) -> Tensor:
        """What the network says, as noise: kind "edm" of `helpers.noise.predictions`."""
        at, schedule = t[part.batch], self.schedule
        x = read(move, part.x, at, schedule, "edm", spread).eps
        return torch.cat([x, read(out, part.h, at, schedule, "edm", self.spread.h).eps], -1)

    def graph(
        self, x: Tensor, ligand_of: Tensor, pocket_of: Tensor, n: int, told: Tensor | None = None
    ) -> Graph:
        """Who hears whom: ligand atoms hear their ligand and the pocket points within the cutoff.

        In the joint mode the pocket hears both as well, and moves.
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
