"""What a picture of a crystal shows: atoms, images, pairs, and the look of each element."""

from itertools import product
from typing import Any, NamedTuple

import numpy as np
from ase.data import chemical_symbols, covalent_radii
from ase.data.colors import jmol_colors
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv, to_rgb

from helpers.show.charts import numbers

#: How far outside the cell an image is drawn, as a share of a lattice vector. It fades out.
MARGIN = 0.12
#: Jmol's colours are made for black: the very light and the very plain ones get a tone of ours.
TONES = {6: "#4F565E", 13: "#9FB4C7", 26: "#CF7238", 8: "#D3202B", 1: "#E8E8E8"}


class Atoms(NamedTuple):
    """What is drawn: Cartesian places (n, 3), atomic numbers (n,), how solid (n,), and which atom
    of the cell each is an image of (n,)."""

    cart: np.ndarray
    species: np.ndarray
    solid: np.ndarray
    source: np.ndarray


def checked(cell: Any, frac: Any, species: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The three as arrays (3, 3), (N, 3), (N,), padding (element 0) left out.

    Raises ValueError for other shapes, numbers that are not finite, and unknown elements.
    """
    cell, frac, species = numbers(cell), numbers(frac), numbers(species).astype(int)
    if (
        cell.shape != (3, 3)
        or frac.ndim != 2
        or frac.shape[1:] != (3,)
        or len(species) != len(frac)
    ):
        raise ValueError(
            f"to draw a crystal: cell (3, 3), frac (N, 3) and species (N,), got {cell.shape}, "
            f"{frac.shape} and {species.shape}"
        )
    if not (np.isfinite(cell).all() and np.isfinite(frac).all()):
        raise ValueError("a crystal with nan or infinite numbers cannot be drawn")
    if species.min(initial=0) < 0 or species.max(initial=0) >= len(chemical_symbols):
        raise ValueError(
            f"no element has one of the atomic numbers {sorted(set(species.tolist()))}"
        )
    return cell, frac[species > 0], species[species > 0]


def with_images(
    cell: np.ndarray, frac: np.ndarray, species: np.ndarray, margin: float = MARGIN
) -> Atoms:
    """The atoms of the cell and their images on its faces and up to `margin` outside.

    An image on a face is as solid as the atom itself; further outside it fades to nothing.
    """
    inside = frac - np.floor(frac)
    kept = []
    for shift in product((0, -1, 1), repeat=3):
        f = inside + np.array(shift)
        outside = np.maximum(0, np.maximum(-f, f - 1)).max(1)
        # The first 2 % are solid: an atom that shakes about a corner keeps all eight images.
        solid = np.clip((margin - outside) / max(margin - 0.02, 1e-9), 0, 1)
        kept += [(f[k], species[k], solid[k], k) for k in np.flatnonzero(solid > 0.02)]
    f, z, solid, source = (np.array(column) for column in zip(*kept, strict=True))
    return Atoms(f @ cell, z, solid, source)


def colours_of(species: np.ndarray) -> np.ndarray:
    """(n, 3): the colour of each element: Jmol's, calmed down for white paper."""
    full = [TONES.get(z, jmol_colors[z]) for z in species.tolist()]
    hue = rgb_to_hsv(np.array([to_rgb(colour) for colour in full]).reshape(-1, 3))
    return hsv_to_rgb(hue * [1.0, 0.7, 0.92])


def radii_of(species: np.ndarray, longest: float) -> np.ndarray:
    """(n,): balls that fill a cell alike whatever its size; larger elements are a little larger."""
    return 0.115 * longest * np.sqrt(covalent_radii[species] / 1.3)


def pairs_within(atoms: Atoms, reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs i < j of drawn atoms nearer than `reach`, and their distances."""
    d = np.linalg.norm(atoms.cart[:, None] - atoms.cart[None], axis=-1)
    i, j = np.nonzero(np.triu((d < reach) & (d > 1e-6), 1))
    return i, j, d[i, j]


def bond_length(cell: np.ndarray, frac: np.ndarray) -> float:
    """1.15 times the median distance to the nearest neighbour: the first shell, in Å."""
    n = np.array(list(product((-1, 0, 1), repeat=3)))
    diff = frac[:, None] - frac[None]
    d = np.linalg.norm(((diff - np.round(diff))[:, :, None] + n) @ cell, axis=-1)
    d[d < 1e-6] = np.inf
    return 1.15 * float(np.median(d.min((1, 2))))
