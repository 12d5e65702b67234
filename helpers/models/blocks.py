"""The blocks of a GemNet-T-style network: triplets, atom update, outputs, adapters.

h (A, atom) are features of atoms, m (E, edge) of directed edges. Everything that reaches an atom
was multiplied by a radial function that vanishes at the cutoff, so nothing jumps there.
Source: Gasteiger et al., GemNet (2021), figure 3, in the form MatterGen uses it.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from helpers.models.bases import Dense, Residual, Scale, stack
from helpers.models.neighbours import Edges

HALF = 1 / math.sqrt(2)


class Size(NamedTuple):
    """How wide and deep the network is; lengths in Å."""

    atom: int = 64  # features of an atom
    edge: int = 32  # features of an edge
    triplet: int = 16  # of an edge while triplets are made
    bilinear: int = 16  # of what comes out of a triplet
    rbf: int = 8  # radial functions after projection
    cbf: int = 8  # angular functions after projection
    radial: int = 12  # radial functions
    spherical: int = 4  # Legendre polynomials
    blocks: int = 2
    before: int = 1  # residual layers before the skip
    after: int = 1  # and after it
    concat: int = 1  # after an edge has heard from its atoms
    depth: int = 1  # residual layers in the updates of atoms
    head: int = 0  # and in the outputs of edges
    cutoff: float = 6.0
    most: float | None = 16  # neighbours, in the mean; see `reach_of`
    classes: int = 100  # elements; the mask is one more
    energy: bool = False  # an energy output that nothing uses, as in the published network


class Radial(NamedTuple):
    """The radial functions (E, ·) of every edge, projected once and shared by all blocks."""

    triplet: Tensor  # (E, rbf)
    angular: Tensor  # (E, spherical, cbf)
    atom: Tensor  # (E, rbf)
    out: Tensor  # (E, rbf)
    lattice: Tensor  # (E, rbf)


class TripletInteraction(nn.Module):
    """What edge c→a hears from all edges b→a and the angle between them, (E, edge).

    Down-projection, a bilinear form of edge and angle, up-projections for the edge and for the
    way back.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.dense_ba = Dense(size.edge, size.edge)
        self.radial = Dense(size.rbf, size.edge, active=False)
        self.down = Dense(size.edge, size.triplet)
        shape = (size.triplet, size.cbf, size.bilinear)
        scale = 1 / math.sqrt(size.triplet * size.cbf)
        self.bilinear = nn.Parameter(torch.randn(shape) * scale)
        self.up = Dense(size.bilinear, size.edge)
        self.up_back = Dense(size.bilinear, size.edge)
        self.scale_rbf, self.scale_sum = Scale(), Scale()

    def forward(self, m: Tensor, basis: Radial, angles: Tensor, edges: Edges) -> Tensor:
        """`angles` (A, K, K, S): Legendre polynomials between the edges at each atom."""
        x = self.dense_ba(m)
        x = self.down(self.scale_rbf(x, x * self.radial(basis.triplet)))
        padded = torch.cat([x, x.new_zeros(1, x.shape[1])])[edges.slots]  # (A, K, triplet)
        heard = torch.einsum("apqs,aqc->apsc", angles, padded)[edges.target, edges.place]
        heard = torch.einsum("esc,esi->eic", heard, basis.angular)  # (E, cbf, triplet)
        found = heard.flatten(1) @ self.bilinear.transpose(0, 1).flatten(0, 1)
        found = self.scale_sum(x, found)
        return (self.up(found) + self.up_back(found)[edges.back]) * HALF


class AtomUpdate(nn.Module):
    """What each atom hears from its edges, (A, atom)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.radial = Dense(size.rbf, size.edge, active=False)
        self.layers = stack(size.edge, size.atom, size.depth)
        self.scale_sum = Scale()

    def forward(self, h: Tensor, m: Tensor, radial: Tensor, edges: Edges) -> Tensor:
        said = m * self.radial(radial)
        heard = said.new_zeros(len(h), said.shape[1]).index_add_(0, edges.target, said)
        return self.layers(self.scale_sum(m, heard))


class InteractionBlock(nn.Module):
    """Edges hear triplets, atoms hear edges, edges hear atoms."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.dense = Dense(size.edge, size.edge)
        self.triplets = TripletInteraction(size)
        self.before = nn.Sequential(*(Residual(size.edge) for _ in range(size.before)))
        self.after = nn.Sequential(*(Residual(size.edge) for _ in range(size.after)))
        self.update = AtomUpdate(size)
        self.concat = Dense(2 * size.atom + size.edge, size.edge)
        self.last = nn.Sequential(*(Residual(size.edge) for _ in range(size.concat)))

    def forward(
        self, h: Tensor, m: Tensor, basis: Radial, angles: Tensor, edges: Edges
    ) -> tuple[Tensor, Tensor]:
        x = (self.dense(m) + self.triplets(m, basis, angles, edges)) * HALF
        m = self.after((m + self.before(x)) * HALF)
        h = (h + self.update(h, m, basis.atom, edges)) * HALF
        said = self.concat(torch.cat([h[edges.source], h[edges.target], m], -1))
        return h, (m + self.last(said)) * HALF


class OutputBlock(nn.Module):
    """One number for each edge, (E, 1): how far along the edge its atom should go."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.layers = stack(size.edge, size.edge, size.head)
        self.radial = Dense(size.rbf, size.edge, active=False)
        self.out = Dense(size.edge, 1, active=False)
        self.scale_rbf = Scale()
        # The published network also sums an energy here, which MatterGen does not use.
        self.energy = AtomUpdate(size) if size.energy else None
        self.energy_out = Dense(size.atom, 1, active=False) if size.energy else None

    def forward(self, m: Tensor, basis: Radial) -> Tensor:
        x = self.layers(m)
        return self.out(self.scale_rbf(x, x * self.radial(basis.out)))


class LatticeBlock(nn.Module):
    """One number for each edge, (E, 1): how much the lattice should stretch along it."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.layers = Residual(size.edge)
        self.radial = Dense(size.rbf, size.edge, active=False)
        self.out = Dense(size.edge, 1, active=False)

    def forward(self, m: Tensor, basis: Radial) -> Tensor:
        return self.out(self.layers(m) * self.radial(basis.lattice))


class Adapter(nn.Module):
    """What a property adds to the atoms, (A, atom): nothing before it is trained.

    Its last layer starts at zero, so that a network with new adapters is the network without.
    Source: MatterGen (Zeni et al. 2025), methods: fine-tuning.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, width))
        self.mix = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.mix.weight)

    def forward(self, h: Tensor, c: Tensor, given: Tensor) -> Tensor:
        """h (A, atom), the property's embedding c (A, atom), and where it is given (A, 1)."""
        return given * self.mix(self.layers(torch.cat([h, c], -1)))
