"""Messages on a graph of points in space, so that turning the points turns the answer.

Source: Satorras, Hoogeboom, Welling, E(n) equivariant graph neural networks (2021), eq. 3–6,
with the attention, the bounded steps and the fixed divisor of the sums of EDM and DiffSBDD.
"""

import torch
from torch import Tensor, nn

from helpers.matter.graphs import graph_mean, scatter_sum

REACH = 10.0  # Å, the farthest of the distance features


class Graph:
    """Who hears whom: messages run from `sender` (E,) to `receiver` (E,).

    `of` (M,) says to which of the n clouds a point belongs, `moves` (M,) which points may move.
    """

    def __init__(self, receiver: Tensor, sender: Tensor, of: Tensor, n: int, moves: Tensor) -> None:
        self.receiver, self.sender, self.of, self.n, self.moves = receiver, sender, of, n, moves


def distance_features(square: Tensor, n: int) -> Tensor:
    """d²/100 and n bumps of the distance from 0 to 10 Å, for d² (E,): (E, n + 1)."""
    d = (square + 1e-8).sqrt()
    centres = torch.linspace(0, REACH, n).to(d)
    width = REACH / n
    bumps = torch.exp(-0.5 * ((d[:, None] - centres) / width) ** 2)
    return torch.cat([square[:, None] / REACH**2, bumps], -1)


class Layer(nn.Module):
    """One round of messages: features change by what is heard, points move along differences.

    Linear layers of [h_i, h_j, edge] are written as a sum of three, two of which act on points
    and not on pairs.
    """

    def __init__(self, hidden: int, n_edge: int, attention: bool, outputs: int) -> None:
        super().__init__()
        self.here = nn.Linear(hidden, hidden)
        self.there = nn.Linear(hidden, hidden, bias=False)
        self.edge = nn.Linear(n_edge, hidden, bias=False)
        self.message = nn.Sequential(nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.attention = nn.Linear(hidden, 1) if attention else None
        last = nn.Linear(hidden, outputs, bias=False)
        nn.init.normal_(last.weight, std=1e-3)  # at first nothing moves
        self.gate = nn.Sequential(nn.Linear(hidden, hidden), nn.SiLU(), last)
        self.update = nn.Sequential(
            nn.Linear(2 * hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden)
        )

    def forward(self, h: Tensor, edge: Tensor, graph: Graph, per: float) -> tuple[Tensor, Tensor]:
        """New features (M, H) and what each pair says about moving (E, outputs)."""
        i, j = graph.receiver, graph.sender
        said = self.here(h).index_select(0, i) + self.there(h).index_select(0, j)
        m = self.message(said + self.edge(edge))  # (E, H)
        if self.attention is not None:
            m = m * torch.sigmoid(self.attention(m))
        heard = scatter_sum(m, i, len(h)) / per
        return h + self.update(torch.cat([h, heard], -1)), self.gate(m)


class EGNN(nn.Module):
    """net(x, h, graph): points (M, 3), features (M, F) to a displacement (M, 3) and features.

    The displacement turns with the points and does not change when all are moved; the features
    change with neither. With reflect=False a cross product about the centre of each cloud joins
    the displacement, and mirror images need no longer move as mirror images.
    `bound` limits what one pair may say (tanh), `per` divides sums over neighbours.
    """

    def __init__(
        self,
        features: int,
        out: int,
        hidden: int = 48,
        layers: int = 3,
        *,
        n_bumps: int = 16,
        attention: bool = True,
        bound: float = 15.0,
        per: float = 10.0,
        reflect: bool = True,
    ) -> None:
        super().__init__()
        self.first = nn.Linear(features, hidden)
        self.last = nn.Linear(hidden, out)
        self.layers = nn.ModuleList(
            Layer(hidden, n_bumps + 1, attention, 1 if reflect else 2) for _ in range(layers)
        )
        self.n_bumps, self.bound, self.per, self.reflect = n_bumps, bound, per, reflect

    def forward(self, x: Tensor, h: Tensor, graph: Graph) -> tuple[Tensor, Tensor]:
        start, h = x, self.first(h)
        i, j = graph.receiver, graph.sender
        for layer in self.layers:
            away = x.index_select(0, i) - x.index_select(0, j)  # (E, 3), from j to i
            square = away.square().sum(-1)
            h, said = layer(h, distance_features(square, self.n_bumps), graph, self.per)
            size = self.bound * torch.tanh(said / self.bound)
            way = away / ((square + 1e-8).sqrt() + 1)[:, None] * size[:, :1]
            if not self.reflect:
                own = x - graph_mean(x, graph.of, graph.n)[graph.of]
                cross = torch.cross(own[i], own[j], dim=-1)
                way = way + cross / (cross.norm(dim=-1, keepdim=True) + 1) * size[:, 1:]
            move = scatter_sum(way, i, len(x)) / self.per
            x = x + move * graph.moves[:, None].to(x)
        return x - start, self.last(h)


class LookAlike(nn.Module):
    """The same messages with the coordinates as plain numbers: it knows no symmetry.

    Pairs get the difference vector and points their absolute place; the displacement is read off
    the features. With the same `hidden` and `layers` it has about as many weights as `EGNN`.
    """

    def __init__(
        self,
        features: int,
        out: int,
        hidden: int = 48,
        layers: int = 3,
        *,
        n_bumps: int = 16,
        per: float = 10.0,
    ) -> None:
        super().__init__()
        self.first = nn.Linear(features + 3, hidden)
        self.layers = nn.ModuleList(Layer(hidden, n_bumps + 4, True, 1) for _ in range(layers))
        self.last = nn.Linear(hidden, out)
        self.place = nn.Linear(hidden, 3)
        self.n_bumps, self.per = n_bumps, per

    def forward(self, x: Tensor, h: Tensor, graph: Graph) -> tuple[Tensor, Tensor]:
        h = self.first(torch.cat([h, x], -1))
        away = x[graph.receiver] - x[graph.sender]
        edge = distance_features(away.square().sum(-1), self.n_bumps)
        edge = torch.cat([edge, away / 3], -1)
        total = torch.zeros_like(x)
        for layer in self.layers:
            h, said = layer(h, edge, graph, self.per)
            total = total + scatter_sum(said * away, graph.receiver, len(x)) / self.per
        return (total + self.place(h)) * graph.moves[:, None].to(x), self.last(h)
