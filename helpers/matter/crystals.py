"""Crystals as tensors: one alone, a padded batch, the three prototypes and their 18 variants."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from helpers.matter.cells import check_cell, wrap

HEAVIEST = 118


class Crystal(NamedTuple):
    """One structure of N atoms: cell (3, 3) in Å, frac (N, 3) in [0, 1), species (N,) int64."""

    cell: Tensor
    frac: Tensor
    species: Tensor


class Crystals(NamedTuple):
    """B structures padded to N atoms: cell (B, 3, 3) in Å, frac (B, N, 3), species (B, N) with 0
    for padding, mask (B, N) True for atoms."""

    cell: Tensor
    frac: Tensor
    species: Tensor
    mask: Tensor


def crystal(
    cell: Tensor | Sequence, frac: Tensor | Sequence, species: Tensor | Sequence
) -> Crystal:
    """A Crystal of these rows of lattice vectors (3, 3) in Å, fractional coordinates (N, 3), which
    are wrapped, and atomic numbers (N,).

    Raises ValueError for wrong shapes, NaN, elements outside 1 … 118, and cells without volume or
    left-handed.
    """
    cell, frac = torch.as_tensor(cell), torch.as_tensor(frac)
    species = torch.as_tensor(species)
    if cell.shape != (3, 3):
        raise ValueError(f"one crystal needs one cell of shape (3, 3), got {tuple(cell.shape)}")
    check_cell(cell)
    if frac.ndim != 2 or frac.shape[-1] != 3 or len(frac) == 0:
        raise ValueError(f"fractional coordinates need the shape (N, 3), got {tuple(frac.shape)}")
    if not frac.is_floating_point() or not bool(frac.isfinite().all()):
        raise ValueError("fractional coordinates must be finite floating-point numbers")
    whole = not species.is_floating_point() and species.dtype != torch.bool
    if species.shape != frac.shape[:1] or not whole:
        raise ValueError(
            f"{len(frac)} atoms need {len(frac)} whole atomic numbers, "
            f"got {species.dtype} of shape {tuple(species.shape)}"
        )
    if not bool(((species >= 1) & (species <= HEAVIEST)).all()):
        raise ValueError(f"no element has one of the atomic numbers {species.tolist()}")
    return Crystal(cell, wrap(frac.to(cell.dtype)), species.to(torch.int64))


def pack(crystals: Sequence[Crystal]) -> Crystals:
    """One batch of all structures, padded to the largest; padding stands at 0 with species 0.

    Raises ValueError when there is nothing to pack.
    """
    if not crystals:
        raise ValueError("no crystals to pack: the list is empty")
    n = max(len(c.species) for c in crystals)
    first = crystals[0]
    frac = first.frac.new_zeros(len(crystals), n, 3)
    species = first.species.new_zeros(len(crystals), n)
    for k, c in enumerate(crystals):
        frac[k, : len(c.frac)], species[k, : len(c.frac)] = c.frac, c.species
    return Crystals(torch.stack([c.cell for c in crystals]), frac, species, species > 0)


def unpack(crystals: Crystals) -> list[Crystal]:
    """The structures of a batch, each without its padding."""
    return [Crystal(c, f[m], s[m]) for c, f, s, m in zip(*crystals, strict=True)]


def take(crystals: Crystals, index: Tensor) -> Crystals:
    """The structures at these positions of the batch, in this order."""
    return Crystals(*(x[index] for x in crystals))


def prototypes(dtype: torch.dtype = torch.float32) -> dict[str, Crystal]:
    """Conventional cells, by name: fcc Al of 4.05 Å, bcc Fe of 2.87 Å and diamond C of 3.57 Å,
    with 4, 2 and 8 atoms."""
    corner, face = [0.0, 0.0, 0.0], [[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]]
    fcc = torch.tensor([corner, *face], dtype=dtype)
    bcc = torch.tensor([corner, [0.5, 0.5, 0.5]], dtype=dtype)
    sites = {
        "fcc Al": (4.05, 13, fcc),
        "bcc Fe": (2.87, 26, bcc),
        "diamond C": (3.57, 6, torch.cat([fcc, fcc + 0.25])),
    }
    return {
        name: crystal(a * torch.eye(3, dtype=dtype), frac, torch.full((len(frac),), z))
        for name, (a, z, frac) in sites.items()
    }


def variants(
    generator: torch.Generator | None = None, dtype: torch.dtype = torch.float32
) -> list[Crystal]:
    """The 21 training structures of chapter 04: each prototype as it is, then three with normal
    noise of 0.02, 0.03 and 0.04 cells on the coordinates, then three stretched along each axis by
    up to ±3 %; all wrapped."""
    structures = []
    for ideal in prototypes(dtype).values():
        structures.append(ideal)
        for i in range(3):
            noise = torch.empty_like(ideal.frac).normal_(generator=generator)
            structures.append(ideal._replace(frac=wrap(ideal.frac + (0.02 + 0.01 * i) * noise)))
        for _ in range(3):
            stretch = torch.empty(3, dtype=dtype).uniform_(0.97, 1.03, generator=generator)
            structures.append(ideal._replace(cell=ideal.cell * stretch))
    return structures
