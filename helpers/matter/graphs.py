"""Molecules of different sizes in one batch without padding: all atoms in one list, and for each
the number of its molecule.

A padded batch of one ligand with 5 atoms and one with 13 holds 26 places; this one holds 18.
Every sum over a molecule becomes a `scatter_sum`, and no mask can be forgotten.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Graphs(NamedTuple):
    """B graphs with N nodes together: x (N, 3) in Å, h (N, K) what each node is (one-hot or other
    features), batch (N,) int64 the graph of each node, 0 … B − 1 in this order."""

    x: Tensor
    h: Tensor
    batch: Tensor

    @property
    def n_graphs(self) -> int:
        """B, the number of graphs."""
        return int(self.batch[-1]) + 1 if len(self.batch) else 0

    @property
    def sizes(self) -> Tensor:
        """How many nodes each graph has, (B,) int64."""
        return torch.bincount(self.batch, minlength=self.n_graphs)

    @property
    def types(self) -> Tensor:
        """The place of the largest feature of each node, (N,) int64: one-hot read back."""
        return self.h.argmax(-1)


def graphs(x: Tensor, h: Tensor, batch: Tensor) -> Graphs:
    """Graphs of these tensors, checked at the door.

    Raises ValueError for shapes that do not fit, a batch index that is not 0 … B − 1 in order
    with at least one node each, and positions that are not finite.
    """
    if x.ndim != 2 or x.shape[-1] != 3 or h.ndim != 2 or batch.ndim != 1:
        raise ValueError(
            "a batch of graphs is x (N, 3), h (N, K) and batch (N,), got "
            f"{tuple(x.shape)}, {tuple(h.shape)} and {tuple(batch.shape)}"
        )
    if not len(x) == len(h) == len(batch):
        raise ValueError(f"{len(x)} positions, {len(h)} features, {len(batch)} batch numbers")
    if not x.is_floating_point() or not bool(x.isfinite().all()):
        raise ValueError("positions of nodes must be finite floating-point numbers")
    steps = batch.diff()
    in_order = len(batch) == 0 or (batch[0] == 0 and bool(((steps == 0) | (steps == 1)).all()))
    if batch.dtype != torch.int64 or not in_order:
        raise ValueError("batch must be int64 and count the graphs 0, 0, …, 1, 1, … without a gap")
    return Graphs(x, h, batch)


def pack_graphs(parts: Sequence[tuple[Tensor, Tensor]]) -> Graphs:
    """One batch of these graphs (x (n, 3), h (n, K)), one after the other.

    Raises ValueError when there are none, one is empty, or shapes do not fit together.
    """
    if not parts or any(len(x) == 0 for x, _ in parts):
        raise ValueError("a batch needs at least one graph, and each at least one node")
    widths = sorted({tuple(h.shape[1:]) for _, h in parts})
    if len(widths) > 1:
        raise ValueError(f"features of different widths {widths} do not go into one batch")
    sizes = torch.tensor([len(x) for x, _ in parts])
    x, h = (torch.cat([part[k] for part in parts]) for k in (0, 1))
    return graphs(x, h, batch_index(sizes).to(x.device))


def unpack_graphs(batch: Graphs) -> list[tuple[Tensor, Tensor]]:
    """The graphs of a batch, one by one, as (x (n, 3), h (n, K))."""
    sizes = batch.sizes.tolist()
    return list(zip(batch.x.split(sizes), batch.h.split(sizes), strict=True))


def take_graphs(batch: Graphs, rows: Tensor) -> Graphs:
    """The graphs with these numbers (n,), in that order and as often as they are named.

    Raises IndexError for a number that no graph has.
    """
    rows = torch.as_tensor(rows, device=batch.x.device)
    if bool(((rows < 0) | (rows >= batch.n_graphs)).any()):
        raise IndexError(f"graphs {rows.tolist()} out of a batch of {batch.n_graphs}")
    sizes = batch.sizes
    begin = sizes.cumsum(0) - sizes
    index = batch_index(sizes[rows])  # which of the rows each node of the answer belongs to
    first = sizes[rows].cumsum(0) - sizes[rows]
    node = begin[rows][index] + torch.arange(len(index), device=index.device) - first[index]
    return Graphs(batch.x[node], batch.h[node], index)


def batch_index(sizes: Tensor) -> Tensor:
    """The graph of each node, (sum of sizes,): [2, 3] → [0, 0, 1, 1, 1].

    Raises ValueError when a graph has no node.
    """
    sizes = torch.as_tensor(sizes)
    if bool((sizes < 1).any()):
        raise ValueError(f"sizes {sizes.tolist()}: each graph needs at least one node")
    return torch.repeat_interleave(torch.arange(len(sizes), device=sizes.device), sizes)


def scatter_sum(values: Tensor, index: Tensor, n: int) -> Tensor:
    """Row k of the answer (n, …) is the sum of the rows of values (N, …) whose index (N,) is k."""
    return values.new_zeros(n, *values.shape[1:]).index_add_(0, index, values)


def graph_mean(values: Tensor, batch: Tensor, n: int) -> Tensor:
    """The mean of values (N, …) over the nodes of each of the n graphs, (n, …)."""
    count = torch.bincount(batch, minlength=n).clamp(min=1).to(values)
    return scatter_sum(values, batch, n) / count.view(-1, *[1] * (values.ndim - 1))


def pairs(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """All pairs (i, j), each (E,), of a node i of `first` and a node j of `second` in one graph.

    Both are batch numbers in order. The pairs are sorted by i, then by j; pairs(batch, batch)
    holds each node with itself too.
    """
    n = max((int(b[-1]) + 1 for b in (first, second) if len(b)), default=0)
    sizes = torch.bincount(second, minlength=n)
    begin = sizes.cumsum(0) - sizes
    partners = sizes[first]  # how many nodes of `second` each i meets
    i = torch.repeat_interleave(torch.arange(len(first), device=first.device), partners)
    place = torch.arange(len(i), device=first.device) - (partners.cumsum(0) - partners)[i]
    return i, begin[first[i]] + place


def random_rotations(
    n: int, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float32
) -> Tensor:
    """n rotations (n, 3, 3), uniform over all rotations, none of them a reflection.

    The orthogonal factor of a Gaussian matrix, with signs that make it unique (Mezzadri, Notices
    of the AMS 54, 592, 2007).
    """
    q, r = torch.linalg.qr(torch.randn(n, 3, 3, generator=generator, dtype=torch.float64))
    q = q * r.diagonal(dim1=-2, dim2=-1).sign()[:, None]
    return (q * torch.linalg.det(q)[:, None, None]).to(dtype)


def rotated(batch: Graphs, rotations: Tensor) -> Graphs:
    """Each graph turned about the origin by its own rotation (B, 3, 3): x → R x."""
    turn = rotations.to(batch.x)[batch.batch]
    return batch._replace(x=torch.einsum("nij,nj->ni", turn, batch.x))
