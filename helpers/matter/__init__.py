"""Cells, periodic images and crystals: the matter that the noise is put on and taken off."""

from helpers.matter.cells import (
    cartesian_to_fractional,
    cell_from_parameters,
    cell_parameters,
    check_cell,
    fractional_to_cartesian,
    volume,
    wrap,
)
from helpers.matter.crystals import Crystal, Crystals, crystal, pack, prototypes, unpack, variants
from helpers.matter.images import (
    minimum_distance,
    minimum_image,
    pair_distances,
    self_distance,
)
from helpers.matter.reduction import reduce_cell

__all__ = [
    "Crystal",
    "Crystals",
    "cartesian_to_fractional",
    "cell_from_parameters",
    "cell_parameters",
    "check_cell",
    "crystal",
    "fractional_to_cartesian",
    "minimum_distance",
    "minimum_image",
    "pack",
    "pair_distances",
    "prototypes",
    "reduce_cell",
    "self_distance",
    "unpack",
    "variants",
    "volume",
    "wrap",
]
