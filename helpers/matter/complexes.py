"""Pairs of a made ligand and its made pocket, in a common frame: what chapter 08 learns from."""

from typing import NamedTuple

import torch
from torch import Tensor

from helpers.matter.graphs import Graphs, graph_mean, random_rotations, rotated, take_graphs
from helpers.matter.ligands import KINDS, ligands
from helpers.matter.pockets import pockets


class Complexes(NamedTuple):
    """B pairs: ligand and pocket, each a batch of B graphs with x in Å in one frame, and the SMILES
    of the ligands."""

    ligand: Graphs
    pocket: Graphs
    smiles: list[str]

    def take(self, rows: Tensor) -> "Complexes":
        """The pairs with these numbers (n,), in that order."""
        chosen = [self.smiles[k] for k in torch.as_tensor(rows).tolist()]
        return Complexes(take_graphs(self.ligand, rows), take_graphs(self.pocket, rows), chosen)


def complexes(n: int, seed: int = 0, kinds: int = KINDS) -> Complexes:
    """n made ligands, all different, in their made pockets, drawn from the seed.

    Each pair is turned at random, with the centroid of its pocket at the origin.
    Raises ValueError as `ligands` does.
    """
    ligand, smiles = ligands(n, seed, kinds)
    ligand, pocket = about_pocket(ligand, pockets(ligand, seed))
    return Complexes(ligand, pocket, smiles)


def about_pocket(ligand: Graphs, pocket: Graphs) -> tuple[Graphs, Graphs]:
    """The same pairs, each moved so that the centroid of its pocket is the origin."""
    centre = graph_mean(pocket.x, pocket.batch, pocket.n_graphs)
    return (
        ligand._replace(x=ligand.x - centre[ligand.batch]),
        pocket._replace(x=pocket.x - centre[pocket.batch]),
    )


def turned(data: Complexes, generator: torch.Generator | None = None) -> Complexes:
    """The same pairs, each turned about the origin by a rotation of its own."""
    rotations = random_rotations(data.ligand.n_graphs, generator)
    return data._replace(
        ligand=rotated(data.ligand, rotations), pocket=rotated(data.pocket, rotations)
    )
