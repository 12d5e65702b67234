"""Is a generated molecule possible, new and drug-like? Shares and scores, beside those of data.

Definitions of Schneuing et al., Nature Computational Science 4, 899 (2024), each share among those
that passed the one before: valid, connected, unique, novel. Needs RDKit.
"""

import importlib.util
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import torch
from rdkit import Chem, DataStructs, RDConfig
from rdkit.Chem import QED, rdFingerprintGenerator, rdMolDescriptors

from helpers.evaluate.estimates import Estimate, mean_of


class DrugScores(NamedTuple):
    """QED and synthetic accessibility (10 − SA)/9, both from 0 to 1, 1 the best; logP by Crippen;
    how many of five rules of Lipinski hold."""

    qed: float
    sa: float
    logp: float
    lipinski: int


class Judgement(NamedTuple):
    """Shares of a set and means over those that are valid and connected, with standard errors; nan
    where nothing is left to judge."""

    valid: Estimate  # RDKit sanitises it
    connected: Estimate  # one piece, of the valid
    unique: float  # different, of the connected
    novel: Estimate  # not among the known ones, of the unique
    diversity: float  # mean of 1 − Tanimoto similarity over pairs of the connected
    qed: Estimate
    sa: Estimate
    logp: Estimate
    lipinski: Estimate


def judge(mols: Sequence[Chem.Mol | None], known: Sequence[str] = ()) -> Judgement:
    """How a set of molecules does, None for those that failed; `known` are SMILES seen in training.

    The hand of a centre does not count: mirror images are the same molecule here.
    Raises ValueError for an empty set, and for known SMILES that cannot be read.
    """
    if not mols:
        raise ValueError(
            "there is no molecule to judge: a list is needed, None for those that failed"
        )
    valid = [mol for mol in mols if mol is not None]
    whole = [mol for mol in valid if len(Chem.GetMolFrags(mol)) == 1]
    names = sorted({name_of(mol) for mol in whole})
    seen = {name_of(read(smiles)) for smiles in known}
    scores = [drug_scores(mol) for mol in whole]
    means = (mean([float(one[k]) for one in scores]) for k in range(4))
    return Judgement(
        share([mol is not None for mol in mols]),
        share([len(Chem.GetMolFrags(mol)) == 1 for mol in valid]),
        len(names) / len(whole) if whole else math.nan,
        share([name not in seen for name in names]),
        diversity(whole),
        *means,
    )


def drug_scores(mol: Chem.Mol) -> DrugScores:
    """The four scores of one sanitised molecule.

    Sources: Bickerton et al., Nature Chemistry 4, 90 (2012) for QED; Ertl and Schuffenhauer,
    Journal of Cheminformatics 1, 8 (2009) for SA.
    """
    sa = (10 - sascorer().calculateScore(mol)) / 9
    return DrugScores(QED.qed(mol), sa, log_p(mol), lipinski(mol))


def lipinski(mol: Chem.Mol) -> int:
    """How many of five rules hold: mass below 500, at most 5 donors, at most 10 acceptors, logP
    from −2 to 5, at most 10 rotatable bonds."""
    rules = (
        rdMolDescriptors.CalcExactMolWt(mol) < 500,
        rdMolDescriptors.CalcNumLipinskiHBD(mol) <= 5,
        rdMolDescriptors.CalcNumLipinskiHBA(mol) <= 10,
        -2 <= log_p(mol) <= 5,
        rdMolDescriptors.CalcNumRotatableBonds(mol) <= 10,
    )
    return sum(rules)


def log_p(mol: Chem.Mol) -> float:
    """The logarithm of the partition between octanol and water, by the atoms' contributions:
    Wildman and Crippen, J. Chem. Inf. Comput. Sci. 39, 868 (1999)."""
    return rdMolDescriptors.CalcCrippenDescriptors(mol)[0]


def diversity(mols: Sequence[Chem.Mol]) -> float:
    """The mean over all pairs of 1 − Tanimoto similarity of Morgan fingerprints (radius 2, 2048
    bits): 0 when all are alike; nan for fewer than two."""
    maker = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    prints = [maker.GetFingerprint(mol) for mol in mols]
    alike: list[float] = []
    for k in range(1, len(prints)):
        alike += DataStructs.BulkTanimotoSimilarity(prints[k], prints[:k])
    return 1 - sum(alike) / len(alike) if alike else math.nan


def name_of(mol: Chem.Mol) -> str:
    """The canonical SMILES without stereochemistry: what counts as one molecule here."""
    return Chem.MolToSmiles(mol, isomericSmiles=False)


def read(smiles: str) -> Chem.Mol:
    """The molecule of a SMILES text. Raises ValueError when RDKit cannot read it."""
    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise ValueError(f"{smiles!r} among the known molecules is no SMILES that RDKit reads")
    return mol


def share(passed: Sequence[bool]) -> Estimate:
    """The share of True with its standard error √(p(1 − p)/n); nan of nothing."""
    if not passed:
        return Estimate(math.nan, math.nan)
    p = sum(passed) / len(passed)
    return Estimate(p, math.sqrt(p * (1 - p) / len(passed)))


def mean(values: Sequence[float]) -> Estimate:
    """The mean with its standard error; nan as the error of fewer than two."""
    if len(values) < 2:
        return Estimate(values[0] if values else math.nan, math.nan)
    return mean_of(torch.tensor(values))


@cache
def sascorer() -> ModuleType:
    """RDKit's synthetic accessibility score, which comes beside the package, not in it.

    Raises ImportError, in words, where an installation of RDKit lacks it.
    """
    path = Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py"
    if not path.is_file():
        raise ImportError(f"this RDKit comes without its Contrib folder: there is no {path}")
    spec = importlib.util.spec_from_file_location("sascorer", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
