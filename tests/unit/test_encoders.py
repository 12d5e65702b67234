"""Teachers behind one interface: shapes, symmetries, frozen weights, words when one is absent."""

import sys
import types
import warnings

import numpy as np
import pytest
import torch

from helpers.matter import Crystals, pack, prototypes, variants
from helpers.matter.elements import elements, shake
from helpers.models import encoders
from helpers.models.encoders import (
    ChgnetEncoder,
    ElementEncoder,
    EncoderUnavailable,
    load_chgnet,
    load_mace,
    one_thread,
    random_chgnet,
)


@pytest.fixture(scope="module")
def chgnet():
    return load_chgnet()


@pytest.fixture(scope="module")
def shaken():
    g = torch.Generator().manual_seed(0)
    ideal = next(e.crystal for e in elements(("diamond",)) if int(e.crystal.species[0]) == 14)
    return shake(ideal, 0.2, generator=g).crystal


def test_chgnet_gives_each_atom_a_row_and_padding_zeros(chgnet):
    batch = pack(list(prototypes().values()))
    said = chgnet.encode(batch)
    assert said.shape == (3, 8, 64) == (*batch.mask.shape, chgnet.width)
    assert said.dtype == torch.float32 and not said.requires_grad
    assert (said[~batch.mask] == 0).all() and (said[batch.mask].abs().sum(-1) > 0).all()


def test_what_a_crystal_gets_does_not_depend_on_its_batch(chgnet):
    crystals = variants(torch.Generator().manual_seed(1))[:5]
    alone = torch.cat([chgnet.encode(pack([c])) for c in crystals])
    for size in (2, 32):
        assert torch.allclose(
            ChgnetEncoder(chgnet.net, size).encode(pack(crystals)), alone, atol=1e-4
        )


@pytest.mark.parametrize("make", [load_chgnet, random_chgnet])
def test_features_know_no_origin_rotation_or_order(make, shaken):
    encoder = make()
    base = encoder.encode(pack([shaken]))[0]
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2)))
    turn = turn * torch.linalg.det(turn)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(3))
    scale = base.std()
    for crystal, want in (
        (shaken._replace(frac=(shaken.frac + 0.37) % 1), base),
        (shaken._replace(cell=shaken.cell @ turn), base),
        (shaken._replace(frac=shaken.frac[order]), base[order]),
    ):
        assert (encoder.encode(pack([crystal]))[0] - want).abs().max() < 1e-3 * scale
    moved = shaken._replace(frac=shaken.frac + torch.eye(8)[:, :1] * 0.03)
    assert (encoder.encode(pack([moved]))[0] - base).abs().max() > 1e-2 * scale


def test_teachers_are_frozen_and_say_the_same_twice(chgnet, shaken):
    assert not chgnet.net.training
    assert not any(p.requires_grad for p in chgnet.net.parameters())
    batch = pack([shaken])
    assert torch.equal(chgnet.encode(batch), chgnet.encode(batch))


def test_random_weights_have_the_same_architecture_and_their_own_seed(chgnet, shaken):
    state = torch.get_rng_state()
    one, two, other = random_chgnet(0), random_chgnet(0), random_chgnet(1)
    assert torch.equal(state, torch.get_rng_state())  # nobody else's numbers change
    count = sum(p.numel() for p in chgnet.net.parameters())
    assert sum(p.numel() for p in one.net.parameters()) == count == 412_525
    batch = pack([shaken])
    assert torch.equal(one.encode(batch), two.encode(batch))
    assert not torch.allclose(one.encode(batch), other.encode(batch))
    assert not torch.allclose(one.encode(batch), chgnet.encode(batch))


def test_only_composition_is_told_by_the_third():
    batch = pack(variants(torch.Generator().manual_seed(1)))
    said = ElementEncoder(16, seed=4).encode(batch)
    assert said.shape == (*batch.mask.shape, 16) and (said[~batch.mask] == 0).all()
    same = batch.species == 13
    assert (said[same] == said[same][0]).all()
    assert not torch.equal(said[same][0], said[batch.species == 6][0])


def test_one_thread_while_encoding_and_the_old_number_afterwards():
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_a_missing_package_is_said_in_words(monkeypatch):
    monkeypatch.setitem(sys.modules, "chgnet.model", None)
    monkeypatch.setattr(encoders, "MACE", "no_such_mace")
    for make in (load_chgnet, random_chgnet):
        with pytest.raises(EncoderUnavailable, match="CHGNet is not installed"):
            make()
    with pytest.raises(EncoderUnavailable, match="MACE is not installed .* pip install mace-torch"):
        load_mace()


class Calculator:
    """What MACE's ASE calculator offers, with features that can be foretold."""

    def __init__(self):
        self.models = [torch.nn.Linear(2, 2)]
        self.models[0].train()

    def get_descriptors(self, atoms, invariants_only=True):
        assert invariants_only and atoms.pbc.all()
        return np.stack([atoms.numbers, atoms.numbers**2, np.ones(len(atoms))], 1).astype("float32")


def fake_mace(monkeypatch, mace_mp):
    module = types.ModuleType("fake_mace")
    module.mace_mp = mace_mp
    monkeypatch.setitem(sys.modules, "fake_mace", module)
    monkeypatch.setattr(encoders, "MACE", "fake_mace")


def test_mace_comes_through_the_same_interface(monkeypatch):
    asked = {}

    def mace_mp(model, device, default_dtype):
        asked.update(model=model, device=device, default_dtype=default_dtype)
        print("Using model …")
        return Calculator()

    fake_mace(monkeypatch, mace_mp)
    encoder = load_mace("medium")
    assert asked == {"model": "medium", "device": "cpu", "default_dtype": "float32"}
    net = encoder.calculator.models[0]
    assert encoder.width == 3
    assert not net.training and not any(p.requires_grad for p in net.parameters())
    batch = pack(list(prototypes().values()))
    said = encoder.encode(batch)
    assert said.shape == (3, 8, 3) and (said[~batch.mask] == 0).all()
    assert (said[batch.mask][:, 1] == said[batch.mask][:, 0] ** 2).all()


@pytest.mark.parametrize("error", [RuntimeError("Model download failed"), OSError("no route")])
def test_without_weights_the_reader_is_told_what_to_do(monkeypatch, error):
    def mace_mp(model, device, default_dtype):
        raise error

    fake_mace(monkeypatch, mace_mp)
    with pytest.raises(EncoderUnavailable, match="the weights of MACE 'small' could not be had"):
        load_mace()


@pytest.mark.parametrize(
    "words, heard", [("invalid escape sequence '\\A'", False), ("something else", True)]
)
def test_the_import_silences_one_warning_and_no_other(monkeypatch, tmp_path, words, heard):
    """CHGNet brings a module with an invalid escape; on Python 3.12 that is a SyntaxWarning."""
    package = tmp_path / "chgnet"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "model.py").write_text(
        f"import warnings\nwarnings.warn({words!r}, SyntaxWarning)\nCHGNet = 'the class'\n"
    )
    for name in [n for n in sys.modules if n.split(".")[0] == "chgnet"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert encoders._chgnet() == "the class"
    assert any(words in str(w.message) for w in caught) == heard
    for name in ("chgnet.model", "chgnet"):
        monkeypatch.delitem(sys.modules, name)


def test_empty_cells_are_refused_by_the_teacher(chgnet):
    lonely = Crystals(
        20 * torch.eye(3)[None],
        torch.zeros(1, 1, 3),
        torch.full((1, 1), 14),
        torch.ones(1, 1, dtype=torch.bool),
    )
    with pytest.raises(ValueError, match="isolated"):
        chgnet.encode(lonely)
