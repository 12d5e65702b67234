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
from helpers.matter.download import Remote, cache_folder, checksum, fetch
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
from helpers.matter.lattices import radius_length, vector_to_cell
from helpers.matter.order import RDF, Shell, coordination, density, number_density, rdf, shells
from helpers.matter.perov5 import Perov5, load_perov5, parse_perov5
from helpers.matter.perovskites import (
    by_coin,
    halfway,
    ideal_length,
    ideal_perovskite,
    split_off,
    stand_in,
)
from helpers.matter.reduction import reduce_cell

__all__ = [
    "RDF",
    "Crystal",
    "Crystals",
    "Perov5",
    "Remote",
    "Shell",
    "by_coin",
    "cache_folder",
    "cartesian_to_fractional",
    "cell_from_parameters",
    "cell_parameters",
    "check_cell",
    "checksum",
    "coordination",
    "crystal",
    "density",
    "fetch",
    "fractional_to_cartesian",
    "from_ase",
    "from_pymatgen",
    "halfway",
    "ideal_length",
    "ideal_perovskite",
    "load_perov5",
    "minimum_distance",
    "minimum_image",
    "number_density",
    "pack",
    "pair_distances",
    "parse_perov5",
    "prototypes",
    "radius_length",
    "rdf",
    "read_cif",
    "read_extxyz",
    "read_summary",
    "reduce_cell",
    "self_distance",
    "shells",
    "split_off",
    "stand_in",
    "to_ase",
    "to_pymatgen",
    "unpack",
    "variants",
    "vector_to_cell",
    "volume",
    "wrap",
    "write_cif",
    "write_extxyz",
    "write_summary",
]
