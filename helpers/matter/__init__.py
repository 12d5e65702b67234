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
from helpers.matter.files import (
    from_ase,
    from_pymatgen,
    read_cif,
    read_extxyz,
    read_summary,
    to_ase,
    to_pymatgen,
    write_cif,
    write_extxyz,
    write_summary,
)
from helpers.matter.images import (
    minimum_distance,
    minimum_image,
    pair_distances,
    self_distance,
)
from helpers.matter.order import RDF, Shell, coordination, density, number_density, rdf, shells
from helpers.matter.reduction import reduce_cell

__all__ = [
    "RDF",
    "Crystal",
    "Crystals",
    "Shell",
    "cartesian_to_fractional",
    "cell_from_parameters",
    "cell_parameters",
    "check_cell",
    "coordination",
    "crystal",
    "density",
    "fractional_to_cartesian",
    "from_ase",
    "from_pymatgen",
    "minimum_distance",
    "minimum_image",
    "number_density",
    "pack",
    "pair_distances",
    "prototypes",
    "rdf",
    "read_cif",
    "read_extxyz",
    "read_summary",
    "reduce_cell",
    "self_distance",
    "shells",
    "to_ase",
    "to_pymatgen",
    "unpack",
    "variants",
    "volume",
    "wrap",
    "write_cif",
    "write_extxyz",
    "write_summary",
]
