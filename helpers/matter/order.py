"""How a crystal is built, in numbers: neighbours through periodic images, g(r), density."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from helpers.matter.cells import volume, wrap
from helpers.matter.crystals import Crystal, Crystals, pack
from helpers.matter.reduction import reduce_cell

GRAM_PER_CM3 = 1.66053906892  # of one atomic mass unit in one Å³ (CODATA 2022)
MANY = 1 << 22  # distances held at once
FAR = 12  # times the distance between atoms: some 7000 neighbours


class RDF(NamedTuple):
    """The pair distribution over bins: r (bins,) their middles in Å; g (bins,), 1 where atoms are
    spread evenly; neighbours (bins,), the mean number of atoms up to the end of each bin."""

    r: Tensor
    g: Tensor
    neighbours: Tensor


class Shell(NamedTuple):
    """A distance in Å and how many neighbours stand there, the mean over the atoms."""

    distance: float
    neighbours: float


def _distances(crystals: Crystals, r_max: float) -> Iterator[Tensor]:
    """Blocks (M, B, N, N) of the distances from each atom to the images of every other and of
    itself; together they hold every one up to r_max. Infinite for padding and an atom to itself.
    """
    if not 0 < r_max < float("inf"):
        raise ValueError(f"the radius must be a positive number of Å, got {r_max}")
    cell, integers = reduce_cell(crystals.cell)
    back = torch.linalg.inv(integers.double()).round().to(cell.dtype)
    frac = wrap(crystals.frac @ back)
    diff = frac[:, None] - frac[:, :, None]
    diff = (diff - diff.round()) @ cell[:, None]  # (B, N, N, 3)
    apart = ~torch.eye(frac.shape[1], dtype=torch.bool, device=cell.device)
    both = crystals.mask[:, :, None] & crystals.mask[:, None, :]
    # |fᵢ + nᵢ| ≤ r/hᵢ with the plane spacing hᵢ, and |fᵢ| ≤ ½ after rounding.
    spacing = 1 / torch.linalg.inv(cell).norm(dim=-2)  # (B, 3)
    most = (r_max / spacing + 0.5).amax(0).floor().int().tolist()
    whole = torch.cartesian_prod(*(torch.arange(-m, m + 1) for m in most)).to(cell)
    for block in whole.split(max(1, MANY // max(1, both.numel()))):
        shift = torch.einsum("mi,bij->mbj", block, cell)
        found = (diff + shift[:, :, None, None]).norm(dim=-1)
        home = (block == 0).all(-1)[:, None, None, None]
        yield found.masked_fill(~(both & (apart | ~home)), torch.inf)


@torch.no_grad()
def rdf(crystals: Crystals, r_max: float, dr: float = 0.05) -> RDF:
    """Pair distribution g(r) up to r_max in bins of about dr (both in Å), with all periodic images:
    neighbours in each bin over those that the mean density puts there, ρ · 4π(r₊³ − r₋³)/3.

    r_max may be larger than the cell. Each structure has the same weight. Raises ValueError for
    bins that do not fit.
    """
    if not 0 < dr <= r_max:
        raise ValueError(f"need bins of 0 < dr <= r_max, got dr = {dr}, r_max = {r_max}")
    bins, batch = round(r_max / dr), len(crystals.cell)
    counts = crystals.cell.new_zeros(batch * bins, dtype=torch.float64)
    row = torch.arange(batch, device=counts.device)[:, None, None]
    for found in _distances(crystals, r_max):
        near = found < r_max
        bin_ = (found.double() * (bins / r_max)).clamp(max=bins - 1).long()
        counts += (bin_ + bins * row)[near].bincount(minlength=batch * bins)
    atoms = crystals.mask.sum(-1).double()[:, None]
    per_atom = counts.view(batch, bins) / atoms
    edges = torch.linspace(0, r_max, bins + 1, dtype=torch.float64, device=counts.device)
    shell = 4 / 3 * torch.pi * edges.pow(3).diff()
    g = per_atom / (number_density(crystals).double()[:, None] * shell)
    found_in = (((edges[1:] + edges[:-1]) / 2), g.mean(0), per_atom.cumsum(-1).mean(0))
    return RDF(*(v.to(crystals.cell.dtype) for v in found_in))


@torch.no_grad()
def coordination(crystals: Crystals, cutoff: float) -> Tensor:
    """Neighbours (B, N) of each atom within `cutoff` Å, periodic images counted; 0 for padding.

    The cutoff is part of the answer: bcc iron has 8 within 2.6 Å and 14 within 3.0 Å. Raises
    ValueError for a cutoff that is not positive.
    """
    total = torch.zeros_like(crystals.species)
    for found in _distances(crystals, cutoff):
        total += (found <= cutoff).sum((0, 3))
    return total


@torch.no_grad()
def shells(crystal: Crystal, n: int = 3, tolerance: float = 0.01) -> list[Shell]:
    """The first n shells of neighbours; distances closer than `tolerance` Å make one shell.

    Raises ValueError when n is not positive, and when the crystal is too disordered for n shells.
    """
    if n < 1:
        raise ValueError(f"need at least one shell, got n = {n}")
    batch, found = pack([crystal]), list[Tensor]()
    spacing = float(volume(crystal.cell) / len(crystal.frac)) ** (1 / 3)
    radius = 2 * spacing
    while len(found) < n:
        if radius > FAR * spacing:
            raise ValueError(
                f"{len(found)} shells stand {tolerance} Å apart, not {n}: it is no lattice"
            )
        blocks = [block.flatten() for block in _distances(batch, radius)]
        near = torch.cat(blocks).double().sort().values
        near = near[near <= radius]
        gaps = (near.diff() > tolerance).nonzero().flatten() + 1
        groups = near.tensor_split(gaps.cpu())
        # A shell at the rim may go on behind it.
        found = [s for s in groups if len(s) and float(s[-1]) < radius - tolerance]
        radius *= 1.3
    return [Shell(float(s.mean()), len(s) / len(crystal.frac)) for s in found[:n]]


def number_density(crystals: Crystals) -> Tensor:
    """Atoms per Å³, (B,)."""
    return crystals.mask.sum(-1) / volume(crystals.cell)


def density(crystals: Crystals) -> Tensor:
    """Mass density (B,) in g/cm³, with the standard atomic masses that ASE lists."""
    from ase.data import atomic_masses  # ASE takes a second to import

    masses = torch.as_tensor(atomic_masses).to(crystals.cell)
    total = (masses[crystals.species] * crystals.mask).sum(-1)
    return GRAM_PER_CM3 * total / volume(crystals.cell)
