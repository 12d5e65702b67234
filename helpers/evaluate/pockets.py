"""Does a ligand fit its pocket? Shares with errors, and what ligands do that know nothing of it."""

from typing import NamedTuple

import torch
from torch import Tensor

from helpers.evaluate.estimates import Estimate
from helpers.matter.graphs import Graphs, graph_mean, random_rotations, rotated, take_graphs
from helpers.matter.pockets import ACCEPTOR, DONOR, HYDROPHOBIC, clashes, facing


class Fit(NamedTuple):
    """Shares between 0 and 1 over a set of pairs, with standard errors; nan where there is nothing
    to count. To be read beside those of data, of `shuffled` and of `placed_at_random`."""

    donors: Estimate  # of the donor sites, those that face an acceptor
    acceptors: Estimate  # of the acceptor sites, those that face a donor
    hydrophobic: Estimate  # of the hydrophobic sites, those that face carbon or its like
    clashing: Estimate  # of the ligands' atoms, those too close to a site
    clear: Estimate  # of the ligands, those without any such atom


def fit_of(ligand: Graphs, pocket: Graphs) -> Fit:
    """How well each ligand of a batch fits the pocket of the same number, in one frame.

    Raises ValueError when there are not as many ligands as pockets.
    """
    n = ligand.n_graphs
    met, close = facing(ligand, pocket), clashes(ligand, pocket)
    kind = pocket.types
    donors, acceptors, hydrophobic = (
        share_of(met[kind == k], pocket.batch[kind == k], n) for k in (DONOR, ACCEPTOR, HYDROPHOBIC)
    )
    spoilt = torch.bincount(ligand.batch[close], minlength=n) > 0
    clear = share_of(~spoilt, torch.arange(n, device=spoilt.device), n)
    close_atoms = share_of(close, ligand.batch, n)
    return Fit(donors, acceptors, hydrophobic, close_atoms, clear)


def share_of(hit: Tensor, batch: Tensor, n: int) -> Estimate:
    """The share of True in hit (N,), whose error takes the n graphs, not the entries, as draws.

    A ratio of sums r = Σ h/Σ m over graphs has the influence (h − r m)/mean(m) (Cochran, Sampling
    Techniques, 1977, ch. 6). nan when there is nothing; its error is nan for one graph.
    """
    hits = torch.bincount(batch, weights=hit.double(), minlength=n)
    count = torch.bincount(batch, minlength=n).double()
    if not float(count.sum()):
        return Estimate(float("nan"), float("nan"))
    r = hits.sum() / count.sum()
    influence = (hits - r * count) / count.mean()
    return Estimate(float(r), float(influence.std() / n**0.5) if n > 1 else float("nan"))


def size_correlation(ligand_sizes: Tensor, pocket_sizes: Tensor) -> Estimate:
    """Pearson's correlation of the sizes (B,) of ligands and pockets, with its standard error.

    Raises ValueError for other shapes, fewer than three pairs, or sizes that are all equal.
    """
    a, b = ligand_sizes.double(), pocket_sizes.double()
    if a.ndim != 1 or a.shape != b.shape or len(a) < 3:
        raise ValueError(
            f"sizes of shapes {tuple(a.shape)} and {tuple(b.shape)}: need at least three pairs"
        )
    if bool((a == a[0]).all()) or bool((b == b[0]).all()):
        raise ValueError("all sizes are equal: there is nothing that could follow anything")
    u, v = ((x - x.mean()) / x.std(correction=0) for x in (a, b))
    r = (u * v).mean()
    influence = u * v - r * (u**2 + v**2) / 2
    return Estimate(float(r), float(influence.std() / len(a) ** 0.5))


def shuffled(ligand: Graphs, generator: torch.Generator | None = None) -> Graphs:
    """The same ligands where they are, each dealt to another's pocket: the first control.

    None keeps its own. Raises ValueError for a single one.
    """
    n = ligand.n_graphs
    if n < 2:
        raise ValueError(f"{n} ligands cannot be dealt to pockets of others: need two")
    # Around a circle in random order, everybody takes from the left.
    circle = torch.randperm(n, generator=generator)
    taken = torch.empty_like(circle)
    taken[circle] = circle.roll(1)
    return take_graphs(ligand, taken)


def placed_at_random(
    ligand: Graphs, pocket: Graphs, shift: float = 1.0, generator: torch.Generator | None = None
) -> Graphs:
    """Each ligand in its own pocket, turned at random, its centroid within about `shift` Å of the
    pocket's (a normal law): the second control, which knows the molecule and not the place.

    Raises ValueError when there are not as many ligands as pockets.
    """
    n = ligand.n_graphs
    if n != pocket.n_graphs:
        raise ValueError(f"{n} ligands cannot be placed in {pocket.n_graphs} pockets")
    own = graph_mean(ligand.x, ligand.batch, n)
    at_origin = ligand._replace(x=ligand.x - own[ligand.batch])
    turned = rotated(at_origin, random_rotations(n, generator))
    to = graph_mean(pocket.x, pocket.batch, n)
    to = to + shift * torch.randn(n, 3, generator=generator).to(to)
    return turned._replace(x=turned.x + to[ligand.batch])
