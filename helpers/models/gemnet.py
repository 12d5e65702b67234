"""A small but complete GemNet-T-style score network for crystals.

Atoms come in as elements (or the mask) and a fixed encoding of the noise level, joined once;
edges across periodic images carry messages, triplets of atoms bend them; heads on the edges give
a vector for each atom and a symmetric matrix for the lattice, and the atoms give element logits.
Source: Gasteiger et al., GemNet (2021); MatterGen (Zeni et al. 2025).
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from helpers.matter import Crystals
from helpers.models.bases import Dense, Scale, bessel, envelope, legendre, noise_features
from helpers.models.blocks import (
    Adapter,
    InteractionBlock,
    LatticeBlock,
    OutputBlock,
    Radial,
    Size,
)
from helpers.models.conditions import Condition, PropertyEmbedding, check_names
from helpers.models.neighbours import Edges, neighbours

SMALL = Size()
#: MatterGen's default network (its configuration files): 44 510 230 parameters and the head.
PUBLISHED = Size(
    512, 512, 64, 64, 16, 16, 128, 7, blocks=4, before=1, after=2, depth=3, head=3, cutoff=7.0,
    most=50, energy=True,
)  # fmt: skip


class Heads(NamedTuple):
    """What the network says of B crystals of N atoms: a vector for each atom that turns with the
    crystal, a symmetric matrix that turns from both sides, and logits whose last is the mask."""

    cart: Tensor  # (B, N, 3)
    cell: Tensor  # (B, 3, 3)
    logits: Tensor  # (B, N, classes + 1)


class GemNet(nn.Module):
    """net(state, t, cond=None) → Heads, for Crystals whose species may be classes + 1, the mask,
    and t (B,).

    With time=False it is not told the time. Each of the conditions has an embedding and an
    adapter in front of every block; a new one changes nothing until it is trained. Cells must be
    right-handed and have a volume. Raises ValueError for an unknown condition.
    """

    def __init__(
        self, size: Size = SMALL, *, time: bool = True, conditions: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.size, self.time = size, time
        self.element = nn.Embedding(size.classes + 1, size.atom)
        self.join = nn.Linear(2 * size.atom, size.atom)
        self.edge = Dense(2 * size.atom + size.radial, size.edge)
        self.tilt = nn.Sequential(
            nn.Linear(size.edge + 3, size.edge), nn.ReLU(), nn.Linear(size.edge, size.edge)
        )
        self.project = nn.ModuleList(Dense(size.radial, size.rbf, active=False) for _ in range(4))
        shape = (size.spherical, size.radial, size.cbf)
        self.angular = nn.Parameter(torch.randn(shape) / size.radial**0.5)
        self.blocks = nn.ModuleList(InteractionBlock(size) for _ in range(size.blocks))
        self.outputs = nn.ModuleList(OutputBlock(size) for _ in range(size.blocks + 1))
        self.lattice = nn.ModuleList(LatticeBlock(size) for _ in range(size.blocks + 1))
        self.head = nn.Linear(size.atom, size.classes + 1)
        names = check_names(conditions)
        self.properties = nn.ModuleDict({p: PropertyEmbedding(p, size.atom) for p in names})
        self.adapters = nn.ModuleDict(
            {p: nn.ModuleList(Adapter(size.atom) for _ in range(size.blocks)) for p in names}
        )

    def forward(self, state: Crystals, t: Tensor, cond: Condition | None = None) -> Heads:
        size, (n_crystals, n) = self.size, state.species.shape
        edges = neighbours(state.frac, state.cell, state.mask, size.cutoff, size.most)
        unit = edges.vector / edges.length[:, None]
        fade = envelope(edges.length / edges.reach[edges.structure])[:, None]
        radial = bessel(edges.length, size.radial, size.cutoff) * fade
        h = self._atoms(state, t)
        m = self.edge(torch.cat([h[edges.source], h[edges.target], radial], -1))
        m = self.tilt(torch.cat([m, self._tilts(unit, state.cell, edges)], -1))
        basis, angles = self._basis(radial), self._angles(unit, edges)
        along, stretch = self.outputs[0](m, basis), self.lattice[0](m, basis)
        asked = self._asked(cond, n_crystals, n)
        for k, block in enumerate(self.blocks):
            for name, (c, given) in asked.items():
                h = h + self._adapt(name, k, h, c, given)
            h, m = block(h, m, basis, angles, edges)
            along = along + self.outputs[k + 1](m, basis)
            stretch = stretch + self.lattice[k + 1](m, basis)
        cart = torch.zeros_like(state.frac).flatten(0, 1).index_add(0, edges.target, along * unit)
        outer = (stretch * unit)[:, :, None] * unit[:, None]  # (E, 3, 3)
        # Divided by the sum of the fading functions: the number of edges itself would jump.
        total = fade.new_zeros(n_crystals, 1).index_add(0, edges.structure, fade)
        cell = torch.zeros_like(state.cell).index_add(0, edges.structure, outer)
        logits = self.head(h).view(n_crystals, n, -1)
        return Heads(cart.view_as(state.frac), cell / (total[:, :, None] + 1e-3), logits)

    def _adapt(self, name: str, k: int, h: Tensor, c: Tensor, given: Tensor) -> Tensor:
        adapters = self.adapters[name]
        assert isinstance(adapters, nn.ModuleList)
        return adapters[k](h, c, given)

    def _atoms(self, state: Crystals, t: Tensor) -> Tensor:
        """(A, atom): element and noise level, joined by one linear layer."""
        token = (state.species - 1).clamp(min=0)  # padding has no edges: what stands there is idle
        level = noise_features(t.to(state.frac), self.size.atom)
        level = level if self.time else torch.zeros_like(level)
        level = level[:, None].expand(*token.shape, -1)
        return self.join(torch.cat([self.element(token), level], -1)).flatten(0, 1)

    def _tilts(self, unit: Tensor, cell: Tensor, edges: Edges) -> Tensor:
        """Cosines (E, 3) between an edge and the three lattice vectors: which way is the cell?"""
        axes = cell / cell.norm(dim=-1, keepdim=True)
        return (axes[edges.structure] @ unit[:, :, None]).squeeze(-1)

    def _basis(self, radial: Tensor) -> Radial:
        angular = torch.einsum("er,sri->esi", radial, self.angular)
        triplet, atom, out, lattice = (layer(radial) for layer in self.project)
        return Radial(triplet, angular, atom, out, lattice)

    def _angles(self, unit: Tensor, edges: Edges) -> Tensor:
        """(A, K, K, S): Legendre polynomials of the angle between two edges at an atom, zero for
        an edge with itself and for empty slots."""
        padded = torch.cat([unit, unit.new_zeros(1, 3)])[edges.slots]  # (A, K, 3)
        there = edges.slots >= 0
        pairs = there[:, :, None] & there[:, None]
        pairs &= ~torch.eye(there.shape[1], dtype=torch.bool, device=unit.device)
        return legendre(padded @ padded.mT, self.size.spherical) * pairs[..., None]

    def _asked(
        self, cond: Condition | None, n_crystals: int, n: int
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """Embedding and 'is given' of each property, handed from the crystals to their atoms."""
        found = {}
        for name, value in (cond or {}).items():
            if name not in self.properties:
                known = ", ".join(self.properties) or "no condition"
                raise ValueError(f"this network was built for {known}, not for {name}")
            c, given = self.properties[name](value)
            found[name] = (c.repeat_interleave(n, 0), given.repeat_interleave(n, 0))
        return found


GROUPS = {
    "element": "atom embedding",
    "join": "noise level joined to atoms",
    "edge": "edge embedding",
    "tilt": "edge embedding",
    "project": "projections of the bases",
    "angular": "projections of the bases",
    "blocks": "interaction blocks",
    "outputs": "output blocks",
    "lattice": "lattice blocks",
    "head": "element head",
    "properties": "property embeddings",
    "adapters": "adapters",
}


def parameters_by_module(net: GemNet) -> dict[str, int]:
    """How many numbers each part of the network holds, and "noise-level encoding", which has
    none. "scale factors" are fixed numbers, counted on their own."""
    counts: Counter[str] = Counter({"atom embedding": 0, "noise-level encoding": 0})
    for name, weight in net.named_parameters():
        fixed = name.endswith(".factor")
        counts["scale factors" if fixed else GROUPS[name.split(".")[0]]] += weight.numel()
    return dict(counts)


@torch.no_grad()
def fit_scales(model: nn.Module, state: Crystals, t: Tensor) -> None:
    """Set every fixed scale in a model(state, t), so that sums keep the size of what was summed,
    on one batch."""
    scales = [module for module in model.modules() if isinstance(module, Scale)]
    for scale in scales:
        scale.watching = True
    model(state, t)
    for scale in scales:
        scale.watching = False
