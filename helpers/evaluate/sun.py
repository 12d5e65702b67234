"""Judging generated crystals: valid, unique, novel, stable, and of which space group.

Every share is to be read beside the same share of the training set and of random structures.
Source: MatterGen (Zeni et al. 2025), methods, whose matcher's tolerances these are; its hull and
its relaxation are DFT's, ours are not.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from helpers.evaluate.estimates import Estimate, mean_of
from helpers.evaluate.hull import Phase, above_hull
from helpers.evaluate.matching import Tolerances, valid
from helpers.evaluate.relax import Potential, relax
from helpers.matter import Crystal, Crystals, pair_distances, take, to_pymatgen, unpack, volume
from helpers.matter.symmetry import space_groups

#: Lengths, displacements and angles that may differ between equal structures (FACTS of MatterGen).
SAME = Tolerances(0.2, 0.3, 5.0)
SPACED = 0.7  # of the sum of two covalent radii: what atoms may come close to
FILLED = (0.1, 1.2)  # the volume of covalent spheres over that of the cell
STABLE = 0.1  # eV/atom above the hull


class Validity(NamedTuple):
    """Which structures (M,) pass: `sane` is the field's floor, 0.5 Å and a volume; `spaced` has no
    two atoms closer than 0.7 of their covalent radii; `filled` has a volume that its atoms could
    fill."""

    sane: Tensor
    spaced: Tensor
    filled: Tensor

    @property
    def all(self) -> Tensor:
        """Which pass all three."""
        return self.sane & self.spaced & self.filled


def validity(crystals: Crystals) -> Validity:
    """The three tests of each structure; what is not sane fails them all."""
    from ase.data import covalent_radii

    # Noise can leave a cell flat, inside out or not a number: then there is nothing to look at.
    cube = torch.eye(3).to(crystals.cell)
    length = crystals.cell.norm(dim=-1).prod(-1)
    whole = torch.linalg.det(crystals.cell) > 0.01 * length
    whole &= crystals.cell.isfinite().flatten(1).all(-1)
    crystals = crystals._replace(cell=torch.where(whole[:, None, None], crystals.cell, cube))
    sane = valid(crystals) & whole
    spaced, filled = torch.zeros_like(sane), torch.zeros_like(sane)
    rows = sane.nonzero().flatten()
    if len(rows):
        c = take(crystals, rows)
        r = torch.as_tensor(covalent_radii)[c.species] * c.mask
        apart = pair_distances(c.frac.double(), c.cell.double(), c.mask)
        spaced[rows] = (apart >= SPACED * (r[:, :, None] + r[:, None])).flatten(1).all(-1)
        share = 4 / 3 * torch.pi * (r**3).sum(-1) / volume(c.cell.double())
        filled[rows] = (share > FILLED[0]) & (share < FILLED[1])
    return Validity(sane, spaced, filled)


def random_crystals(like: Crystals, generator: torch.Generator | None = None) -> Crystals:
    """The control that knows nothing: cubes of the usual density, atoms anywhere, elements drawn
    from those of `like`; as many atoms as there."""
    n = like.mask.sum(-1).double()
    edge = (n / 0.05771451654) ** (1 / 3)
    cell = edge[:, None, None] * torch.eye(3, dtype=torch.float64)
    frac = torch.rand(like.frac.shape, generator=generator, dtype=torch.float64)
    pool = like.species[like.mask]
    drawn = pool[torch.randint(len(pool), like.species.shape, generator=generator)]
    return Crystals(cell, frac * like.mask[..., None], drawn * like.mask, like.mask)


def matcher_of(tolerances: Tolerances = SAME) -> Any:
    """pymatgen's StructureMatcher with these tolerances; it compares primitive cells scaled to
    equal volume."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    return StructureMatcher(**tolerances._asdict())


class Library:
    """Structures to compare with, by composition: only equal compositions are ever matched."""

    def __init__(self, crystals: Sequence[Crystal] = (), tolerances: Tolerances = SAME) -> None:
        self.matcher, self.by_formula = matcher_of(tolerances), dict[str, list[Any]]()
        for one in crystals:
            self.add(one)

    def add(self, one: Crystal) -> None:
        """Keep one more structure."""
        structure = to_pymatgen(one)
        self.by_formula.setdefault(_formula(one), []).append(structure)

    def has(self, one: Crystal) -> bool:
        """Whether a structure like this one is kept."""
        known = self.by_formula.get(_formula(one), [])
        structure = to_pymatgen(one) if known else None
        return any(self.matcher.fit(structure, other) for other in known)


def _formula(one: Crystal) -> str:
    counts = Counter(one.species.tolist())
    common = math.gcd(*counts.values())
    return " ".join(f"{z}:{k // common}" for z, k in sorted(counts.items()))


def unique(structures: Sequence[Crystal], tolerances: Tolerances = SAME) -> Tensor:
    """Which structures (M,) are not like an earlier one of the same list."""
    seen, found = Library((), tolerances), []
    for one in structures:
        found.append(not seen.has(one))
        if found[-1]:
            seen.add(one)
    return torch.tensor(found, dtype=torch.bool)


def novel(structures: Sequence[Crystal], known: Library) -> Tensor:
    """Which structures (M,) are not in the library."""
    return torch.tensor([not known.has(one) for one in structures], dtype=torch.bool)


class Sun(NamedTuple):
    """Shares of M structures; and for each structure what decided: energy above the hull (M,) in
    eV/atom, NaN for what was not asked, space groups (M,) and verdicts (M,)."""

    valid: Estimate
    unique: Estimate
    novel: Estimate
    stable: Estimate
    sun: Estimate
    above: Tensor
    groups: Tensor
    verdict: Tensor

    def __str__(self) -> str:
        names = ("valid", "unique", "novel", "stable", "sun")
        shares = (f"{name} {100 * getattr(self, name).value:.0f} %" for name in names)
        return ", ".join(shares)


def judge(
    crystals: Crystals,
    known: Library | None,
    phases: Sequence[Phase],
    potential: Potential,
    n_steps: int = 8,
) -> Sun:
    """Verdicts on M structures: valid; unique among the valid; novel beside `known`; stable, at
    most 0.1 eV/atom above the hull after n_steps of `relax`; and all of these at once.

    Every share is of all M. Only valid structures are relaxed and compared, and everything but
    validity is of the relaxed structure. known=None, for the training set itself, calls nothing
    novel. About 40 ms a structure and step.
    """
    fine = validity(crystals).all
    rows = fine.nonzero().flatten()
    flags = {name: torch.zeros_like(fine) for name in ("unique", "novel", "stable")}
    above = torch.full(fine.shape, float("nan"), dtype=torch.float64)
    groups = torch.zeros(fine.shape, dtype=torch.long)
    if len(rows):
        done = relax(take(crystals, rows), potential, n_steps)
        structures = unpack(done.crystals)
        flags["unique"][rows] = unique(structures)
        if known is not None:
            flags["novel"][rows] = novel(structures, known)
        above[rows] = above_hull(phases, done.crystals.species, done.energy)
        flags["stable"][rows] = above[rows] <= STABLE
        groups[rows] = space_groups(done.crystals)
    sun = flags["unique"] & flags["novel"] & flags["stable"]
    share = {name: mean_of(flag.double()) for name, flag in flags.items()}
    return Sun(
        mean_of(fine.double()), share["unique"], share["novel"], share["stable"],
        mean_of(sun.double()), above, groups, sun,
    )  # fmt: skip
