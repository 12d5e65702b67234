"""Perov-5: the table, its cache, the stand-in and the split. What needs the published file says so
where it is absent."""

import csv
import io
import os

import pytest
import torch
from pymatgen.core import Composition, Structure

from helpers.matter import (
    Perov5,
    by_coin,
    cache_folder,
    checksum,
    fetch,
    halfway,
    ideal_length,
    ideal_perovskite,
    load_perov5,
    minimum_distance,
    pair_distances,
    parse_perov5,
    perov5,
    split_off,
    stand_in,
)

HEAD = ",material_id,cif,formula,heat_all,heat_ref,dir_gap,ind_gap\n"
CIF = """# generated using pymatgen
data_CdCuN3
_symmetry_space_group_name_H-M   'P 1'
_cell_length_a   4.2
_cell_length_b   4.3
_cell_length_c   4.4
_cell_angle_alpha   90.00000000
_cell_angle_beta   95.00000000
_cell_angle_gamma   100.00000000
_symmetry_Int_Tables_number   1
_chemical_formula_structural   CdCuN3
_chemical_formula_sum   'Cd1 Cu1 N3'
_cell_volume   78.36342504
_cell_formula_units_Z   1
loop_
 _symmetry_equiv_pos_site_id
 _symmetry_equiv_pos_as_xyz
  1  'x, y, z'
loop_
 _atom_site_type_symbol
 _atom_site_label
 _atom_site_symmetry_multiplicity
 _atom_site_fract_x
 _atom_site_fract_y
 _atom_site_fract_z
 _atom_site_occupancy
  Cu  Cu0  1  0.00159044  0.00000000  -0.25000000  1
  Cd  Cd1  1  0.50071723  0.50000000  0.50000000  1
  N  N2  1  0.49959202  -0.00000000  0.50000000  1
  N  N3  1  0.49959202  0.50000000  -0.00000000  1
  N  N4  1  0.00071136  0.50000000  0.50000000  1
"""


def row(cif: str = CIF, number: str = "18517") -> str:
    return f'5168,{number},"{cif}",CuCdN3,2.76,2.71,0.5,0.25\n'


def published() -> bool:
    folder = os.environ.get("COURSE_DATA", "")
    names = ("perov_5_val.csv", "perov_5_val.csv.gz")
    return any(os.path.isfile(os.path.join(folder, name)) for name in names)


needs_data = pytest.mark.skipif(
    not published(), reason="needs perov_5_val.csv(.gz) in the folder that COURSE_DATA names"
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    return tmp_path


def sites(frac, species) -> list[tuple]:
    """Element and rounded place of every atom, in an order that does not depend on the file's."""
    places = (torch.as_tensor(frac).double() * 10_000).round() % 10_000
    return sorted((int(z), *x) for z, x in zip(species, places.tolist(), strict=True))


# --- the table --------------------------------------------------------------------------------
def test_a_row_is_read_as_pymatgen_reads_it():
    data = parse_perov5(HEAD + row())
    judge = Structure.from_str(CIF, fmt="cif")
    lengths, angles = judge.lattice.abc, judge.lattice.angles
    gram = data.cell[0] @ data.cell[0].mT
    torch.testing.assert_close(gram.diag().sqrt(), torch.tensor(lengths, dtype=torch.float64))
    torch.testing.assert_close(
        gram[0, 2] / (lengths[0] * lengths[2]),
        torch.tensor(angles[1], dtype=torch.float64).deg2rad().cos(),
    )
    assert sites(data.frac[0], data.species[0]) == sites(judge.frac_coords, judge.atomic_numbers)
    assert data.species[0].tolist() == [29, 48, 7, 7, 7]
    assert [float(column) for column in data[3:]] == [18517, 2.76, 2.71, 0.5, 0.25]
    assert data.cell.dtype == data.frac.dtype == torch.float64
    crystals = data.crystals
    assert crystals.mask.all() and torch.equal(crystals.frac, data.frac)


@pytest.mark.parametrize(
    "text, words",
    [
        ("a,b\n1,2\n", "the table lacks the columns material_id, cif, formula"),
        (HEAD + row() + row(CIF.replace("0.00159044", "x")), "row 2 of the table cannot be read"),
        (HEAD + row(CIF[: CIF.index("loop_")]), "row 1 of the table cannot be read"),
        (HEAD + row(CIF.replace("  Cu  Cu0", "  Qq  Cu0")), "row 1 of the table cannot be read"),
        (HEAD + row(number="many"), "row 1 of the table cannot be read"),
        (HEAD + row("nothing"), "row 1 of the table cannot be read"),
        (HEAD + row()[:-30], "row 1 of the table cannot be read"),
        (
            HEAD + row(CIF.replace("  N  N4  1  0.00071136  0.50000000  0.50000000  1\n", "")),
            "4 atoms, expected 5",
        ),
        (
            HEAD + row(CIF.replace("  1  'x, y, z'", "  1  'x, y, z'\n  2  '-x, y, z'")),
            "the CIF lists only some of the atoms",
        ),
    ],
)
def test_a_damaged_table_is_named(text, words):
    with pytest.raises(ValueError, match=words):
        parse_perov5(text)


def test_a_table_without_rows_and_an_atom_that_is_only_sometimes_there_are_named():
    with pytest.raises(ValueError, match="the table holds no structures"):
        parse_perov5(HEAD)
    with pytest.raises(
        ValueError, match="the CIF lists only some of the atoms, or some that are not"
    ):
        parse_perov5(HEAD + row(CIF[:-2] + "0.5\n"))


def test_an_unknown_split_is_named():
    with pytest.raises(ValueError, match="Perov-5 has train, val, test"):
        load_perov5("valid")


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A split of three rows in a local folder, known by its checksum."""
    content = (HEAD + row() + row(number="2") + row(number="3")).encode()
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "perov_5_val.csv").write_bytes(content)
    monkeypatch.setenv("COURSE_DATA", str(folder))

    def told(rows: int) -> None:
        remote = perov5.SPLITS["val"][0]._replace(checksum=checksum(content), size=None)
        monkeypatch.setitem(perov5.SPLITS, "val", (remote, rows))

    told(3)
    return told


def same(a: Perov5, b: Perov5) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_the_table_is_read_once(small, monkeypatch):
    first = load_perov5()
    (kept,) = cache_folder().glob("*.pt")
    monkeypatch.setattr(perov5, "parse_perov5", None)  # to read again would now fail
    assert same(load_perov5(), first) and first.material_id.tolist() == [18517, 2, 3]
    assert [path.name for path in cache_folder().glob("*.p*")] == [kept.name]


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_cache_is_made_anew(small, damage):
    first = load_perov5()
    (kept,) = cache_folder().glob("*.pt")
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert same(load_perov5(), first)
    assert same(Perov5(**torch.load(kept)), first)


def test_a_cache_of_something_else_is_made_anew(small):
    first = load_perov5()
    (kept,) = cache_folder().glob("*.pt")
    torch.save(first.take(torch.tensor([0]))._asdict(), kept)
    assert same(load_perov5(), first)


def test_another_content_has_another_cache(small, monkeypatch):
    load_perov5()
    data = (HEAD + row(number="9") * 3).encode()
    with open(os.path.join(os.environ["COURSE_DATA"], "perov_5_val.csv"), "wb") as file:
        file.write(data)
    remote = perov5.SPLITS["val"][0]._replace(checksum=checksum(data))
    monkeypatch.setitem(perov5.SPLITS, "val", (remote, 3))
    assert load_perov5().material_id.tolist() == [9, 9, 9]


def test_a_cache_that_cannot_be_written_is_said_and_does_no_harm(small, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="the tensors are not kept"):
        assert len(load_perov5().cell) == 3


def test_too_few_rows_are_named(small):
    small(4)
    with pytest.raises(ValueError, match="holds 3 structures, expected 4"):
        load_perov5()


# --- the published file -----------------------------------------------------------------------
@pytest.fixture(scope="module")
def validation(tmp_path_factory) -> Perov5:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return load_perov5("val")


@needs_data
def test_the_published_validation_split_is_read_as_pymatgen_reads_it(validation):
    data = validation
    assert data.cell.shape == (3787, 3, 3) and data.frac.shape == (3787, 5, 3)
    assert len(data.species.unique()) == 56 and len(data.material_id.unique()) == 3787
    text = fetch(perov5.SPLITS["val"][0]).decode()
    for k, line in enumerate(csv.DictReader(io.StringIO(text))):
        if k % 200:
            continue
        judge = Structure.from_str(line["cif"], fmt="cif")
        torch.testing.assert_close(data.cell[k], torch.tensor(judge.lattice.matrix.copy()))
        mine = sites(data.frac[k], data.species[k])
        assert mine == sites(judge.frac_coords, judge.atomic_numbers)
        assert Composition(line["formula"]) == judge.composition
        assert float(line["dir_gap"]) == float(data.dir_gap[k])


@needs_data
def test_every_published_cell_is_cubic_and_each_metal_takes_each_place(validation):
    data = validation
    a = data.cell[:, 0, 0]
    torch.testing.assert_close(data.cell, a[:, None, None] * torch.eye(3, dtype=a.dtype))
    error = ideal_length(data.species) - a
    assert abs(float(error.mean())) < 0.03 and 0.18 < float(error.std()) < 0.21
    metals = {int(z) for z in stand_in(10_000, torch.Generator().manual_seed(0)).species[:, 0]}
    assert set(data.species[:, 0].tolist()) == set(data.species[:, 1].tolist()) == metals


# --- without a file ---------------------------------------------------------------------------
def test_an_ideal_perovskite_has_its_distances():
    species = torch.tensor([[56, 22, 8, 8, 8]])
    cell, frac = ideal_perovskite(species)
    a = float(ideal_length(species))
    # Covalent radii (Cordero et al. 2008): Ba 2.15, Ti 1.60, O 0.66 Å.
    assert a == pytest.approx(1.85 + 0.15 * 2.15 + 0.70 * 1.60 + 1.50 * 0.66, abs=1e-12)
    d = pair_distances(frac, cell)[0]
    assert d[1, 2:].tolist() == pytest.approx([a / 2] * 3)  # B–X
    assert d[0, 2:].tolist() == pytest.approx([a / 2**0.5] * 3)  # A–X
    assert float(d[0, 1]) == pytest.approx(a * 3**0.5 / 2)  # A–B
    with pytest.raises(ValueError, match="need five elements, A B X X X"):
        ideal_length(torch.tensor([8, 8]))


def test_a_structure_halfway_is_as_far_from_one_order_as_from_the_other():
    species = torch.tensor([[56, 22, 8, 8, 8]])
    _, middle = halfway(species)
    _, one = ideal_perovskite(species)
    edges = one[0, 2:] + 0.5  # seen from A in the corner, BAX₃ has its X on the edges
    for faces, x in ((True, one[0, 2:]), (False, edges)):
        d = middle[0, 2:, None] - x[None]
        d = (d - d.round()).norm(dim=-1)
        # An X stands between two edges and one face; each face and each edge gets its own X.
        assert d.min(-1).values.tolist() == pytest.approx([0.25] * 3)
        assert (d < 0.26).sum(0).min() == 1 and ((d < 0.26).sum() == 3 or not faces)


def test_the_coin_falls_evenly_and_keeps_the_composition():
    species = torch.tensor([[8, 56, 7, 22, 8]]).expand(4000, 5)
    drawn = by_coin(species, torch.Generator().manual_seed(0))
    assert torch.equal(drawn.sort(-1).values, species.sort(-1).values)
    assert set(drawn[:, 0].tolist()) == set(drawn[:, 1].tolist()) == {22, 56}
    first = (drawn[:, 0] == 56).double().mean()
    assert abs(float(first) - 0.5) < 5 * 0.5 / 4000**0.5
    with pytest.raises(ValueError, match="two metals and three of N, O, F and S"):
        by_coin(torch.tensor([[8, 8, 8, 8, 22]]))


def test_the_stand_in_is_made_of_spaced_perovskites_and_repeats_by_its_seed():
    data = stand_in(500, torch.Generator().manual_seed(3))
    assert same_but_nan(data, stand_in(500, torch.Generator().manual_seed(3)))
    assert data.frac.shape == (500, 5, 3) and bool(((data.frac >= 0) & (data.frac < 1)).all())
    assert float(minimum_distance(data.frac, data.cell).min()) > 1.4
    _, ideal = ideal_perovskite(data.species)
    shift = (data.frac - ideal + 0.5) % 1 - 0.5
    assert float(shift.std()) == pytest.approx(0.01, rel=5 / (2 * 7500) ** 0.5)
    ratio = data.cell[:, 0, 0] / ideal_length(data.species)
    assert float(ratio.std()) == pytest.approx(0.02, rel=5 / 1000**0.5)
    assert data.heat_all.isnan().all() and len(data.material_id.unique()) == 500
    with pytest.raises(ValueError, match="need at least one structure"):
        stand_in(0)


def same_but_nan(a: Perov5, b: Perov5) -> bool:
    return all(torch.equal(x.nan_to_num(), y.nan_to_num()) for x, y in zip(a, b, strict=True))


def test_the_stand_in_has_each_composition_in_both_orders_before_any_repeats():
    whole = stand_in(52 * 52 * 7 + 5, torch.Generator().manual_seed(0))
    keys = {tuple(row) for row in whole.species.tolist()}
    assert len(keys) == 52 * 52 * 7 == 18_928  # the number of structures in Perov-5
    assert all((b, a, *x) in keys for a, b, *x in keys)


def test_the_split_has_no_structure_twice_and_repeats_by_its_seed():
    data = stand_in(100, torch.Generator().manual_seed(0))
    learn, held = split_off(data, 60, 30, seed=1)
    ids = torch.cat([learn.material_id, held.material_id])
    assert len(ids) == len(ids.unique()) == 90 and len(learn.cell) == 60
    again, _ = split_off(data, 60, 30, seed=1)
    other, _ = split_off(data, 60, 30, seed=2)
    assert torch.equal(again.material_id, learn.material_id)
    assert not torch.equal(other.material_id, learn.material_id)
    by_id = dict(zip(data.material_id.tolist(), data.cell[:, 0, 0].tolist(), strict=True))
    assert [by_id[k] for k in learn.material_id.tolist()] == learn.cell[:, 0, 0].tolist()
    for wrong in ((0, 30), (60, 0), (80, 30)):
        with pytest.raises(ValueError, match="need at least one each, and no more than there are"):
            split_off(data, *wrong)
