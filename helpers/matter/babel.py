"""Bonds as Open Babel sees them: a second opinion beside `connect` of molecules.py.

Open Babel bonds atoms nearer than the sum of their radii and 0.45 Å, and reads orders off angles,
rings and lengths. It is what DiffSBDD's evaluation uses. It handles charges and elements that our
short table leaves out.
"""

from collections.abc import Sequence

import numpy as np
from openbabel import openbabel
from rdkit import Chem
from torch import Tensor

# Its warnings about single molecules would fill a page; what it could not do shows in the result.
openbabel.obErrorLog.SetOutputLevel(openbabel.obError)


def connect_by_babel(x: Tensor, symbols: Sequence[str]) -> Chem.Mol:
    """The molecule of these atoms (n, 3) in Å with Open Babel's bonds and orders, one conformer,
    not yet sanitised: in place of `connect`.

    Raises ValueError when the numbers do not fit or a symbol is no element.
    """
    if x.ndim != 2 or x.shape[1] != 3 or len(x) != len(symbols):
        raise ValueError(f"positions {tuple(x.shape)} for {len(symbols)} elements: need (n, 3)")
    places = np.ascontiguousarray(x.detach().cpu().double().numpy())
    babel, mol = openbabel.OBMol(), Chem.RWMol()
    babel.BeginModify()
    for symbol, place in zip(symbols, places, strict=True):
        number = openbabel.GetAtomicNum(symbol)
        if not number:
            raise ValueError(f"{symbol!r} is no element")
        atom = babel.NewAtom()
        atom.SetAtomicNum(number)
        atom.SetVector(*place.tolist())
        mol.AddAtom(Chem.Atom(number))
    babel.EndModify()
    babel.ConnectTheDots()
    babel.PerceiveBondOrders()
    for bond in openbabel.OBMolBondIter(babel):
        ends = (bond.GetBeginAtomIdx() - 1, bond.GetEndAtomIdx() - 1)  # it counts from 1
        mol.AddBond(*ends, Chem.BondType.values[bond.GetBondOrder()])
    for atom in openbabel.OBMolAtomIter(babel):
        mol.GetAtomWithIdx(atom.GetIdx() - 1).SetFormalCharge(atom.GetFormalCharge())
    mol.AddConformer(Chem.Conformer(len(symbols)))
    mol.GetConformer().SetPositions(places)
    return mol.GetMol()
