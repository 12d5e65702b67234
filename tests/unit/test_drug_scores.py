"""Judging molecules: shares counted by hand, scores of known drugs, the logP that must not pass."""

import math

import pytest
from rdkit import Chem, RDConfig
from rdkit.Chem import Crippen

from helpers.evaluate import molecules as room
from helpers.evaluate.molecules import (
    diversity,
    drug_scores,
    judge,
    lipinski,
    mean,
    name_of,
    read,
    sascorer,
    share,
)

CAFFEINE, ASPIRIN = "Cn1c(=O)c2c(ncn2C)n(C)c1=O", "CC(=O)Oc1ccccc1C(=O)O"


def mols(*smiles):
    return [Chem.MolFromSmiles(text) if text else None for text in smiles]


def test_each_share_is_of_those_that_passed_the_one_before():
    made = mols("CCO", "OCC", "CCN", "C.C", None)
    found = judge(made, ["NCC"])
    assert found.valid.value == 0.8
    assert found.connected.value == 0.75  # C.C is in two pieces
    assert found.unique == pytest.approx(2 / 3)  # ethanol twice
    assert found.novel.value == 0.5  # ethylamine is known, however it is written
    assert found.valid.error == pytest.approx((0.8 * 0.2 / 5) ** 0.5)
    logs = [Crippen.MolLogP(mol) for mol in made[:3]]
    assert found.logp.value == pytest.approx(sum(logs) / 3) and found.lipinski.value == 5


def test_mirror_images_are_one_molecule():
    left, right = mols("C[C@H](N)C=O", "C[C@@H](N)C=O")
    assert name_of(left) == name_of(right)
    assert judge([left, right], ["C[C@H](N)C=O"])[2:4] == (0.5, (0.0, 0.0))


def test_nothing_left_is_nan_and_not_a_crash():
    found = judge([None, None])
    assert found.valid.value == 0 and math.isnan(found.connected.value) and math.isnan(found.unique)
    assert math.isnan(found.qed.value) and math.isnan(found.diversity)
    one = judge(mols("CCO"))
    assert one.unique == 1 and one.novel.value == 1 and math.isnan(one.qed.error)
    assert share([]).value != share([]).value and mean([2.0]).value == 2.0


def test_scores_of_caffeine_and_aspirin():
    # What RDKit gives for two drugs: QED, logP by Crippen, SA on its scale from 1 to 10.
    caffeine, aspirin = (drug_scores(mol) for mol in mols(CAFFEINE, ASPIRIN))
    assert caffeine.qed == pytest.approx(0.538, abs=0.005)
    assert aspirin.qed == pytest.approx(0.550, abs=0.005)
    assert aspirin.logp == pytest.approx(1.31, abs=0.01)
    assert 10 - 9 * aspirin.sa == pytest.approx(1.58, abs=0.05)
    assert caffeine.lipinski == aspirin.lipinski == 5
    # Strychnine is harder to make than aspirin.
    hard = drug_scores(read("O=C1CC2OCC=C3CN4CCC56C4CC3C2C6N1c1ccccc15"))
    assert hard.sa < aspirin.sa - 0.2


@pytest.mark.parametrize(
    "smiles, rules",
    [
        ("CCCCCCCCCCc1ccc(CC)cc1", 4),  # logP 7 and nothing else: the rule must be lost
        ("OCC(O)C(O)C(O)C(O)C(O)CO", 3),  # too polar: logP below −2, and seven donors
        ("CCCCCCCCCCCCCCCC", 3),  # logP and rotatable bonds
        (CAFFEINE, 5),
    ],
)
def test_each_rule_of_lipinski_can_be_lost(smiles, rules):
    mol = read(smiles)
    assert lipinski(mol) == rules


def test_a_molecule_of_logp_seven_loses_the_rule_of_logp():
    mol = read("CCC(C)(C)c1ccc(C(C)(C)CC)c(C(C)(C)CC)c1")
    assert 5 < Crippen.MolLogP(mol) < 8 and lipinski(mol) == 4


def test_diversity_is_zero_for_copies_and_near_one_for_strangers():
    assert diversity(mols("CCO", "CCO", "OCC")) == 0
    assert diversity(mols("c1ccccc1", "FC(F)F")) == 1
    pair = diversity(mols(CAFFEINE, ASPIRIN))
    three = diversity(mols(CAFFEINE, CAFFEINE, ASPIRIN))
    assert three == pytest.approx(2 * pair / 3)
    assert math.isnan(diversity(mols("C")))


def test_bad_sets_are_named(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="there is no molecule to judge"):
        judge([])
    with pytest.raises(ValueError, match="'C1C' among the known molecules is no SMILES"):
        judge(mols("C"), ["C1C"])
    assert sascorer() is sascorer()
    monkeypatch.setattr(RDConfig, "RDContribDir", str(tmp_path))
    with pytest.raises(ImportError, match="comes without its Contrib folder"):
        room.sascorer.__wrapped__()
