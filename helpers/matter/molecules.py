"""From points to molecules and back: bonds by distance, sanitised by RDKit, relaxed by UFF."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from rdkit import Chem, rdBase
from rdkit.Chem import rdForceFieldHelpers, rdMolAlign
from torch import Tensor

from helpers.matter.bonds import bonds_of, orders_of
from helpers.matter.graphs import Graphs, unpack_graphs
from helpers.matter.ligands import ELEMENTS

#: From atoms x (n, 3) and their symbols to a molecule that is not yet sanitised.
Bonder = Callable[[Tensor, Sequence[str]], Chem.Mol]
OXO = {"S": 1.58, "P": 1.58, "N": 1.30}  # Å: a single O this near to S, P or N is bound as in SO₂


class Relaxed(NamedTuple):
    """A molecule after relaxation, by how many kcal/mol its energy fell (with hydrogens), and the
    root mean square displacement of its heavy atoms in Å, best superposition."""

    mol: Chem.Mol
    drop: float
    rmsd: float


def connect(x: Tensor, symbols: Sequence[str]) -> Chem.Mol:
    """The molecule of these atoms (n, 3) with bonds and orders, one conformer, not yet sanitised.

    Raises ValueError as `bonds_of` does.
    """
    bonds = bonds_of(x, symbols)
    mol = Chem.RWMol()
    for symbol in symbols:
        mol.AddAtom(Chem.Atom(symbol))
    kinds = (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE)
    for (i, j, _), order in zip(bonds, orders_of(bonds, symbols), strict=True):
        mol.AddBond(i, j, kinds[order - 1])
    oxo(mol, {(i, j): d for i, j, d in bonds})
    mol.AddConformer(Chem.Conformer(len(symbols)))
    mol.GetConformer().SetPositions(np.ascontiguousarray(x.detach().cpu().double().numpy()))
    return mol.GetMol()


def oxo(mol: Chem.RWMol, length: dict[tuple[int, int], float]) -> None:
    """Double bonds from S and P to single O atoms nearby, and nitro groups with their charges."""
    for atom in mol.GetAtoms():
        symbol, degree = atom.GetSymbol(), atom.GetDegree()
        if symbol not in OXO or degree < 3:
            continue
        i, ends = atom.GetIdx(), []
        for other in atom.GetNeighbors():
            j = other.GetIdx()
            if (other.GetSymbol(), other.GetDegree()) == ("O", 1):
                ends.append((length[min(i, j), max(i, j)], j))
        ends = sorted(end for end in ends if end[0] < OXO[symbol])
        if symbol == "N":  # nitro: one double bond and one charged O
            if degree == 3 and len(ends) == 2:
                atom.SetFormalCharge(1)
                mol.GetAtomWithIdx(ends[1][1]).SetFormalCharge(-1)
                ends = ends[:1]
            else:
                ends = []
        for _, j in ends[: {"S": 2, "P": 1, "N": 1}[symbol]]:
            mol.GetBondBetweenAtoms(i, j).SetBondType(Chem.BondType.DOUBLE)


def sanitise(mol: Chem.Mol) -> Chem.Mol | None:
    """A copy that has passed RDKit's checks of valence, rings and aromaticity, or None."""
    clean = Chem.Mol(mol)
    with rdBase.BlockLogs():
        failed = Chem.SanitizeMol(clean, catchErrors=True)
    return None if failed else clean


def molecule(
    x: Tensor, types: Tensor, elements: Sequence[str] = ELEMENTS, bonder: Bonder = connect
) -> Chem.Mol | None:
    """The sanitised molecule of atoms x (n, 3) in Å with types (n,), places in `elements`; None
    when a valence is exceeded. It may be in several pieces.

    `bonder` finds the bonds: `connect`, or `connect_by_babel` of babel.py. Raises as it does.
    """
    return sanitise(bonder(x, [elements[k] for k in types.tolist()]))


def molecules(
    batch: Graphs, elements: Sequence[str] = ELEMENTS, bonder: Bonder = connect
) -> list[Chem.Mol | None]:
    """`molecule` of each graph of a batch whose h is one-hot, or nearly: the largest counts."""
    return [molecule(x, h.argmax(-1), elements, bonder) for x, h in unpack_graphs(batch)]


def largest_fragment(mol: Chem.Mol) -> Chem.Mol:
    """The connected piece with most heavy atoms; the first of several."""
    return max(Chem.GetMolFrags(mol, asMols=True), key=lambda piece: piece.GetNumHeavyAtoms())


def relax(mol: Chem.Mol, steps: int = 200) -> Relaxed:
    """The molecule after at most `steps` steps downhill in the force field UFF, on its own.

    Hydrogens are put on for it and taken off again.
    Raises ValueError for a molecule without a conformer or without UFF parameters.
    """
    if not mol.GetNumConformers():
        raise ValueError("a molecule without a conformer cannot be relaxed: it has no positions")
    full = Chem.AddHs(mol, addCoords=True)
    with rdBase.BlockLogs():
        known = rdForceFieldHelpers.UFFHasAllMoleculeParams(full)
    if not known:
        raise ValueError(f"UFF has no parameters for some atom of {Chem.MolToSmiles(mol)}")
    field = rdForceFieldHelpers.UFFGetMoleculeForceField(full)
    before = field.CalcEnergy()
    field.Minimize(maxIts=steps)
    after = Chem.RemoveHs(full)
    pairing = list(enumerate(range(mol.GetNumAtoms())))
    rmsd = rdMolAlign.AlignMol(Chem.Mol(mol), after, atomMap=pairing)
    return Relaxed(after, before - field.CalcEnergy(), rmsd)


def from_mol(mol: Chem.Mol, elements: Sequence[str] = ELEMENTS) -> tuple[Tensor, Tensor]:
    """The heavy atoms: x (n, 3) float32 in Å and types (n,), places in `elements`.

    Raises ValueError without a conformer, or for an element that is not among them.
    """
    if not mol.GetNumConformers():
        raise ValueError("a molecule without a conformer has no positions: embed it first")
    heavy = [atom for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1]
    strange = sorted({atom.GetSymbol() for atom in heavy} - set(elements))
    if strange:
        raise ValueError(f"{', '.join(strange)} is none of {', '.join(elements)}")
    x = mol.GetConformer().GetPositions()[[atom.GetIdx() for atom in heavy]]
    types = [elements.index(atom.GetSymbol()) for atom in heavy]
    return torch.as_tensor(x, dtype=torch.float32), torch.tensor(types, dtype=torch.int64)
