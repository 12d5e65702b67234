"""Small crystals that ASE and pymatgen carry: how many, how large, and in which cells."""

import pytest
import torch

from helpers.matter import crystal, minimum_distance, pack, prototypes, volume
from helpers.matter.library import Named, aflow, canonical, small_crystals
from helpers.matter.symmetry import space_groups


@pytest.fixture(scope="module")
def library():
    return small_crystals()


def test_what_there_is(library):
    assert len(library) == 277 and small_crystals() == library
    assert sum(one.name.endswith("DFT comparison") for one in library) > 60
    assert all(isinstance(one, Named) for one in library)
    kinds = [len(set(one.crystal.species.tolist())) for one in library]
    assert max(kinds) == 2 and min(kinds) == 1
    assert max(len(one.crystal.species) for one in library) == 8
    names = [one.name for one in library]
    assert "Al, fcc" in names and "ClNa, Halite, Rock Salt" in names


def test_cells_are_symmetric_and_atoms_apart(library):
    for name, one in library:
        assert torch.allclose(one.cell, one.cell.mT, atol=1e-9), name
        assert float(torch.linalg.eigvalsh(one.cell)[0]) > 0, name
        assert float(minimum_distance(one.frac, one.cell)) > 0.7, name


def test_known_groups_and_volumes(library):
    by_name = {one.name: one.crystal for one in library}
    picked = [by_name[name] for name in ("Al, fcc", "Fe, bcc", "C, diamond",
                                         "ClNa, Halite, Rock Salt")]  # fmt: skip
    assert space_groups(pack(picked)).tolist() == [225, 229, 227, 225]
    assert [len(one.species) for one in picked] == [1, 1, 2, 2]
    assert float(volume(by_name["Al, fcc"].cell)) == pytest.approx(4.05**3 / 4)


def test_canonical_cells():
    iron = prototypes(torch.float64)["bcc Fe"]
    one = canonical(iron)
    assert len(one.species) == 1
    assert float(volume(one.cell)) == pytest.approx(2.87**3 / 2)
    shear = torch.tensor([[1.0, 0, 0], [1, 1, 0], [0, -2, 1]], dtype=torch.float64)
    other = crystal(shear @ iron.cell, torch.linalg.solve(shear, iron.frac, left=False), [26, 26])
    assert torch.allclose(canonical(other).cell, one.cell, atol=1e-6)
    twice = iron._replace(frac=torch.zeros(2, 3, dtype=torch.float64))
    with pytest.raises(ValueError, match="spglib finds no primitive cell"):
        canonical(twice)


def test_a_pymatgen_without_the_file_is_named(monkeypatch, tmp_path):
    class Nowhere:
        submodule_search_locations = [str(tmp_path)]

    monkeypatch.setattr("importlib.util.find_spec", lambda name: Nowhere)
    with pytest.raises(ValueError, match="this pymatgen carries no AFLOW prototypes"):
        aflow()
