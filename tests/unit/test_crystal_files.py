"""Files that ASE and pymatgen open: what they read is what was written."""

import json
import os

import ase.build
import ase.io
import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure

from benchmarks.minimum_image import random_cells
from helpers.matter import (
    Shell,
    cell_parameters,
    crystal,
    from_ase,
    from_pymatgen,
    pair_distances,
    prototypes,
    read_cif,
    read_extxyz,
    read_summary,
    to_ase,
    to_pymatgen,
    variants,
    write_cif,
    write_extxyz,
    write_summary,
)


@pytest.fixture
def triclinic():
    """Five unlike atoms in a skewed cell that stands askew in space."""
    generator = torch.Generator().manual_seed(0)
    cell = random_cells(1, 60, 120, generator)[0]
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))
    frac = torch.rand(5, 3, generator=generator, dtype=torch.float64)
    return crystal(cell @ (turn * torch.linalg.det(turn)), frac, [56, 22, 8, 8, 16])


def same(a, b, atol=1e-12):
    torch.testing.assert_close(a.cell, b.cell, atol=atol, rtol=0)
    shift = a.frac - b.frac
    torch.testing.assert_close(shift - shift.round(), torch.zeros_like(shift), atol=atol, rtol=0)
    assert torch.equal(a.species, b.species)


def test_there_and_back_through_ase_and_pymatgen(triclinic):
    atoms, structure = to_ase(triclinic), to_pymatgen(triclinic)
    cart = (triclinic.frac @ triclinic.cell).numpy()
    np.testing.assert_allclose(atoms.positions, cart, atol=1e-12)
    np.testing.assert_allclose(structure.cart_coords, cart, atol=1e-12)
    assert atoms.pbc.all() and atoms.get_chemical_symbols() == ["Ba", "Ti", "O", "O", "S"]
    assert [site.specie.Z for site in structure] == [56, 22, 8, 8, 16]
    same(from_ase(atoms), triclinic)
    same(from_pymatgen(structure), triclinic)
    single = from_ase(atoms, torch.float32)
    assert single.cell.dtype == single.frac.dtype == torch.float32
    assert from_pymatgen(structure, torch.float32).frac.dtype == torch.float32
    same(from_pymatgen(to_pymatgen(prototypes()["bcc Fe"]), torch.float32), prototypes()["bcc Fe"])


def test_a_cif_is_read_by_ase_and_pymatgen(triclinic, tmp_path):
    path = tmp_path / "made.cif"
    write_cif(path, triclinic)
    here = read_cif(path)
    by_ase, by_pymatgen = ase.io.read(path), Structure.from_file(path)
    for got in (here, from_ase(by_ase), from_pymatgen(by_pymatgen)):
        order = [got.species.tolist().index(z) for z in (56, 22, 16)]
        wanted = [0, 1, 4]
        torch.testing.assert_close(
            cell_parameters(got.cell), cell_parameters(triclinic.cell), atol=1e-5, rtol=0
        )
        ours = pair_distances(triclinic.frac, triclinic.cell)[wanted][:, wanted]
        theirs = pair_distances(got.frac, got.cell)[order][:, order]
        torch.testing.assert_close(theirs, ours, atol=1e-5, rtol=0)
    assert here.species.tolist() == [56, 22, 8, 8, 16]
    assert read_cif(path, torch.float32).cell.dtype == torch.float32
    assert os.listdir(tmp_path) == ["made.cif"]


def test_symmetry_in_a_cif_is_written_out(tmp_path):
    path = tmp_path / "salt.cif"
    sites = [[0, 0, 0], [0.5, 0.5, 0.5]]
    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], sites)
    salt.to(filename=str(path), symprec=0.01)
    got = read_cif(path)
    assert sorted(got.species.tolist()) == [11] * 4 + [17] * 4


def test_a_trajectory_in_extended_xyz(tmp_path):
    path, frames = tmp_path / "frames.xyz", variants(torch.Generator().manual_seed(0))
    write_extxyz(path, frames)
    for got in (read_extxyz(path), [from_ase(a) for a in ase.io.read(path, index=":")]):
        assert len(got) == 21
        for a, b in zip(got, frames, strict=True):
            double = crystal(b.cell.double(), b.frac.double(), b.species)
            same(a, double, atol=1e-6)
    write_extxyz(path, frames[3])
    (one,) = read_extxyz(path, torch.float32)
    same(one, frames[3], atol=1e-6)
    with pytest.raises(ValueError, match="no structures to write"):
        write_extxyz(path, [])


def test_nothing_half_written_stays(tmp_path, monkeypatch, triclinic):
    def torn(_, path, format):
        path.write_text("data_half")
        raise OSError("the disk is full")

    write_cif(tmp_path / "a.cif", triclinic)
    before = (tmp_path / "a.cif").read_text()
    monkeypatch.setattr("ase.Atoms.write", torn)
    with pytest.raises(OSError, match="the disk is full"):
        write_cif(tmp_path / "a.cif", triclinic)
    assert os.listdir(tmp_path) == ["a.cif"] and (tmp_path / "a.cif").read_text() == before


def test_a_summary_is_plain_json(tmp_path):
    path = tmp_path / "run.json"
    summary = {
        "valid": torch.tensor([0.5, 1.0]),
        "count": torch.tensor(3),
        "shell": Shell(2.864, 12.0),
        "names": ("fcc Al", "Eisen – α"),
        "nested": {1: [True, None, 2.5]},
    }
    write_summary(path, summary)
    wanted = {
        "valid": [0.5, 1.0],
        "count": 3,
        "shell": {"distance": 2.864, "neighbours": 12.0},
        "names": ["fcc Al", "Eisen – α"],
        "nested": {"1": [True, None, 2.5]},
    }
    assert read_summary(path) == wanted == json.loads(path.read_text(encoding="utf-8"))
    with pytest.raises(ValueError, match=r"summary\.a\[1\] is nan: JSON has no such number"):
        write_summary(path, {"a": [1.0, float("nan")]})
    with pytest.raises(ValueError, match=r"summary\.b is of type set: JSON has no place for it"):
        write_summary(path, {"b": {1, 2}})
    assert read_summary(path) == wanted and os.listdir(tmp_path) == ["run.json"]


def test_what_is_no_crystal_is_refused():
    with pytest.raises(ValueError, match="a crystal is periodic in three directions"):
        from_ase(ase.build.molecule("H2O"))
    left = ase.build.bulk("Al", cubic=True)
    left.set_cell(-left.cell.array)
    with pytest.raises(ValueError, match="the cell is left-handed"):
        from_ase(left)
    alloy = Structure(3 * np.eye(3), [{"Fe": 0.5, "Ni": 0.5}], [[0, 0, 0]])
    with pytest.raises(ValueError, match="has sites shared between elements"):
        from_pymatgen(alloy)
