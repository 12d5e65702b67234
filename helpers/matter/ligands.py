"""A made world of small drug-like molecules: rings with one or two groups, drawn by a seed.

In this world the element of an atom says what it does: every N carries a hydrogen and donates it,
no O does and each accepts one. So a law that holds between a molecule and its pocket can be read
off atoms alone, before any bond is known. (In general N accepts too, as in pyridine, and O–H
donates.)
"""

from functools import cache

import torch
from rdkit import Chem
from rdkit.Chem.rdDistGeom import EmbedMolecule
from rdkit.Chem.rdForceFieldHelpers import MMFFOptimizeMolecule
from torch import Tensor

from helpers.matter.graphs import Graphs, pack_graphs, random_rotations, rotated

#: Ten element classes, in the order of the one-hot types; the made molecules use the first six.
ELEMENTS = ("C", "N", "O", "F", "S", "Cl", "Br", "P", "B", "I")
KINDS = 6

#: Rings with places for groups: {} is where one may go, or hydrogen.
RINGS = (
    "c1c{}cc{}cc1", "c1cc{}c{}cc1", "c1cc{}ccc1{}", "c1cc{}oc1{}", "c1c{}occ1{}", "c1cc{}[nH]c1{}",
    "c1c{}[nH]cc1{}", "c1cc{}sc1{}", "c1c{}scc1{}", "C1CC{}CC1{}", "C1CC{}CCC1{}", "C1OCC{}C1{}",
    "C1OCC{}CC1{}", "C1NCC{}C1{}", "C1NCC{}CC1{}", "C1COCC{}N1", "O=C1NCC{}C1{}", "O=C1OCC{}C1{}",
    "O=C1CC{}CCC1{}", "O=C1CNCC{}N1", "C1OC{}CO1", "C1SCC{}C1{}",
)  # fmt: skip
#: Groups of one to five heavy atoms, bound through their first atom.
GROUPS = (
    "C", "CC", "C(C)C", "F", "Cl", "N", "NC", "CN", "OC", "COC", "C=O", "C(C)=O", "C(N)=O",
    "C(=O)NC", "NC(C)=O", "C(=O)OC", "CC(N)=O", "C#C", "C=C", "SC", "C(F)F", "CCN", "OCC", "CF",
)  # fmt: skip
#: One carbon between an amine and another heteroatom falls apart in water.
UNSTABLE = Chem.MolFromSmarts("[CX4](-[#7,#8,#16])-[F,Cl,#7,#16]")


SMALLEST, LARGEST = 6, 13  # heavy atoms
COMBINATIONS = len(RINGS) * (len(GROUPS) + 1) ** 2


@cache
def ligand_smiles() -> tuple[str, ...]:
    """The canonical SMILES of all molecules of this world, sorted; takes a second or two."""
    return tuple(sorted({smiles for k in range(COMBINATIONS) if (smiles := written(k))}))


def written(number: int) -> str | None:
    """The canonical SMILES of this ring with these groups, combination 0 … COMBINATIONS − 1; None
    when it is too small, too large, or not in this world."""
    number, one = divmod(number, len(GROUPS) + 1)
    ring, two = divmod(number, len(GROUPS) + 1)
    names = ("", *GROUPS)
    groups = (f"({names[k]})" if k else "" for k in (one, two))
    mol = Chem.MolFromSmiles(RINGS[ring].format(*groups))
    fits = SMALLEST <= mol.GetNumAtoms() <= LARGEST and in_this_world(mol)
    return Chem.MolToSmiles(mol) if fits else None


def drawn(n: int, generator: torch.Generator | None = None) -> list[str]:
    """n different molecules of this world, drawn at random, as canonical SMILES.

    Raises ValueError when n is below 1 or more than there are.
    """
    found: dict[str, None] = {}  # a set that keeps its order
    order = torch.randperm(COMBINATIONS, generator=generator).tolist()
    while order and len(found) < n:
        smiles = written(order.pop())
        if smiles:
            found[smiles] = None
    if n < 1 or len(found) < n:
        raise ValueError(f"n = {n} molecules: need 1 to {len(ligand_smiles())}, all there are")
    return list(found)


def in_this_world(mol: Chem.Mol) -> bool:
    """Whether every N carries a hydrogen, no O does, and the molecule would keep."""
    polar = [atom for atom in mol.GetAtoms() if atom.GetSymbol() in ("N", "O")]
    roles = all((atom.GetTotalNumHs() > 0) == (atom.GetSymbol() == "N") for atom in polar)
    return roles and not mol.HasSubstructMatch(UNSTABLE)


def conformer(smiles: str, seed: int = 0) -> tuple[Tensor, Tensor]:
    """The heavy atoms of one conformer: x (n, 3) float32 in Å about its centroid, types (n,).

    ETKDG with this seed, then MMFF94; types are places in ELEMENTS.
    Raises ValueError for SMILES that RDKit cannot read or embed, and for other elements.
    """
    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise ValueError(f"{smiles!r} is no SMILES that RDKit reads")
    symbols = [atom.GetSymbol() for atom in mol.GetAtoms()]
    strange = sorted(set(symbols) - set(ELEMENTS))
    if strange:
        raise ValueError(f"{smiles}: {', '.join(strange)} is none of {', '.join(ELEMENTS)}")
    full = Chem.AddHs(mol)
    if EmbedMolecule(full, randomSeed=seed) < 0:
        raise ValueError(f"{smiles}: RDKit found no conformer with seed {seed}")
    MMFFOptimizeMolecule(full)
    x = full.GetConformer().GetPositions()[: len(symbols)]  # hydrogens stand behind
    types = torch.tensor([ELEMENTS.index(symbol) for symbol in symbols])
    return torch.as_tensor(x - x.mean(0), dtype=torch.float32), types


def ligands(n: int, seed: int = 0, kinds: int = KINDS) -> tuple[Graphs, list[str]]:
    """n different molecules of this world, each in one conformer, turned at random, and their
    SMILES: x about each centroid, h one-hot (N, kinds).

    Raises ValueError for kinds outside 6 … 10, and as `drawn` does.
    """
    if not KINDS <= kinds <= len(ELEMENTS):
        raise ValueError(f"kinds = {kinds}: need {KINDS} to {len(ELEMENTS)} element classes")
    generator = torch.Generator().manual_seed(seed)
    chosen = drawn(n, generator)
    shapes = [conformer(smiles, seed) for smiles in chosen]
    batch = pack_graphs([(x, torch.eye(kinds)[types]) for x, types in shapes])
    return rotated(batch, random_rotations(n, generator)), chosen
