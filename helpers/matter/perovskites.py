"""Perovskites without a file: the ideal ABX₃ structure, a self-made stand-in for Perov-5 that
needs no data, and the course's own split of what there is."""

import torch
from torch import Tensor

from helpers.matter.cells import wrap
from helpers.matter.perov5 import Perov5

#: Fractional coordinates (5, 3) of A at the corner, B in the centre and X on the three faces.
SITES = ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0), (0.0, 0.5, 0.5))
METALS = (
    "Li Be B Na Mg Al Si K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Rb Sr Y Zr Nb Mo Ru Rh Pd Ag "
    "Cd In Sn Sb Te Cs Ba La Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi"
).split()
ANIONS = ("OOO", "NNN", "NNO", "NOO", "SOO", "FOO", "FNO")


def ideal_length(species: Tensor) -> Tensor:
    """An estimate of the cubic lattice constant (...,) in Å for elements (..., 5): A, B, X, X, X.

    1.85 + 0.15 r_A + 0.70 r_B + 1.50 r̄_X with the covalent radii in Å: a straight line through
    the published structures, which it meets within 0.2 Å (one standard deviation). Raises
    ValueError for another shape.
    """
    if species.shape[-1:] != (5,):
        raise ValueError(f"species of shape {tuple(species.shape)}: need five elements, A B X X X")
    from ase.data import covalent_radii  # ASE takes a second to import

    r = torch.as_tensor(covalent_radii)[species.cpu()].to(species.device)
    return 1.85 + 0.15 * r[..., 0] + 0.70 * r[..., 1] + 1.50 * r[..., 2:].mean(-1)


def ideal_perovskite(species: Tensor) -> tuple[Tensor, Tensor]:
    """Ideal cubic perovskites of the elements (M, 5), A, B, X, X, X: cell (M, 3, 3) in Å with the
    length of `ideal_length`, and frac (M, 5, 3)."""
    length = ideal_length(species)
    eye = torch.eye(3, dtype=torch.float64, device=species.device)
    frac = torch.tensor(SITES, dtype=torch.float64, device=species.device)
    return length[:, None, None] * eye, frac.expand(len(species), 5, 3).clone()


def by_coin(species: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """The elements (M, 5) of perovskites, in any order, as A, B, X, X, X; which metal is A is
    drawn with equal odds, as the composition does not say. Raises ValueError when one has not two
    metals."""
    anion = torch.isin(species, torch.tensor([7, 8, 9, 16], device=species.device))
    if not bool((anion.sum(-1) == 3).all()):
        raise ValueError("a perovskite needs two metals and three of N, O, F and S")
    key = torch.rand(species.shape, generator=generator).to(species.device) + anion
    return species.gather(-1, key.argsort(-1))


def halfway(species: Tensor) -> tuple[Tensor, Tensor]:
    """A structure between ABX₃ and BAX₃, for elements (M, 5), A, B, X, X, X: cell and frac.

    Each X stands midway between a face centre and an edge. No crystal looks like that; but it is
    near enough to both for a tolerant matcher.
    """
    cell, frac = ideal_perovskite(species)
    sites = ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, 0.25, 0.0), (0.25, 0.0, 0.5), (0.0, 0.5, 0.25))
    return cell, torch.tensor(sites).to(frac).expand_as(frac).clone()


def stand_in(n: int, generator: torch.Generator | None = None) -> Perov5:
    """n made-up perovskites in the form of Perov-5, for when the data cannot be had.

    Elements as there, ideal positions with normal displacements of 0.01 cells, lengths off the
    rule by 2 %. Heats and gaps are NaN: these are not computed structures. Every choice of A, B
    and anions comes once before any comes twice. Raises ValueError when n < 1.
    """
    if n < 1:
        raise ValueError(f"n = {n}: need at least one structure")
    from ase.data import atomic_numbers

    metals = torch.tensor([atomic_numbers[name] for name in METALS])
    anions = torch.tensor([[atomic_numbers[x] for x in three] for three in ANIONS])
    one_each = len(metals) ** 2 * len(anions)
    rounds = -(-n // one_each)
    order = torch.cat([torch.randperm(one_each, generator=generator) for _ in range(rounds)])[:n]
    a, rest = order // (len(metals) * len(anions)), order % (len(metals) * len(anions))
    b, x = rest // len(anions), rest % len(anions)
    species = torch.cat([metals[a, None], metals[b, None], anions[x]], -1)  # (n, 5)
    cell, frac = ideal_perovskite(species)
    stretch = 1 + 0.02 * torch.empty(n, 1, 1, dtype=frac.dtype).normal_(generator=generator)
    frac = wrap(frac + 0.01 * torch.empty_like(frac).normal_(generator=generator))
    nothing = torch.full((n,), float("nan"), dtype=torch.float64)
    return Perov5(cell * stretch, frac, species, order, *(nothing.clone() for _ in range(4)))


def split_off(data: Perov5, n_train: int, n_test: int, seed: int = 0) -> tuple[Perov5, Perov5]:
    """Two parts without a common structure, drawn at random: n_train to learn and n_test held out.

    The same seed gives the same parts. Not the published split: numbers measured on it may stand
    beside published ones, not among them. As there, a composition of the held-out part may occur
    in the training part with A and B exchanged. Raises ValueError when there are too few.
    """
    if n_train < 1 or n_test < 1 or n_train + n_test > len(data.cell):
        raise ValueError(
            f"n_train = {n_train} and n_test = {n_test} of {len(data.cell)} structures: need at "
            "least one each, and no more than there are"
        )
    order = torch.randperm(len(data.cell), generator=torch.Generator().manual_seed(seed))
    return data.take(order[:n_train]), data.take(order[n_train : n_train + n_test])
