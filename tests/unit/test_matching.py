"""Match rates: the matcher's tolerances, what counts as no match, and the baselines."""

import math

import pytest
import torch
from pymatgen.analysis.structure_matcher import StructureMatcher

from helpers.evaluate.baselines import nearest_prototype, random_structures
from helpers.evaluate.matching import (
    PUBLISHED,
    STRICT,
    Match,
    Tolerances,
    length_error,
    match_rate,
    valid,
)
from helpers.matter import (
    Crystal,
    Crystals,
    by_coin,
    halfway,
    ideal_perovskite,
    pack,
    prototypes,
    split_off,
    stand_in,
)


@pytest.fixture(scope="module")
def truth() -> Crystals:
    return stand_in(24, torch.Generator().manual_seed(0)).crystals


def ideal(species: torch.Tensor) -> Crystals:
    return Crystals(*ideal_perovskite(species), species, species > 0)


def test_the_tolerances_are_the_published_ones():
    assert PUBLISHED == Tolerances(ltol=0.3, stol=0.5, angle_tol=10.0)
    assert all(a < b for a, b in zip(STRICT, PUBLISHED, strict=True))
    StructureMatcher(**PUBLISHED._asdict())  # the names are pymatgen's


def test_a_structure_matches_itself_however_it_is_written(truth):
    order = torch.tensor([3, 1, 4, 0, 2])
    frac = (truth.frac + torch.tensor([0.3, 0.7, 0.1], dtype=truth.frac.dtype)) % 1
    moved = Crystals(1.3 * truth.cell, frac[:, order], truth.species[:, order], truth.mask)
    found = match_rate(moved, truth, STRICT)
    assert found.rate == (1.0, 0.0) and found.rmse.value < 1e-6
    assert found.distances.shape == (24,) and float(found.distances.max()) < 1e-6


def test_the_distance_is_the_displacement_in_units_of_the_cell_per_atom():
    species = torch.tensor([[56, 22, 8, 8, 8]] * 2)
    ideal_one = ideal(species)
    moved = ideal_one.frac.clone()
    moved[:, 1, 0] += 0.05  # B moves by 0.05 a: after centring, √(4/25) of that is the rms
    found = match_rate(ideal_one._replace(frac=moved), ideal_one, PUBLISHED)
    expected = 0.05 * math.sqrt(4 / 25) * 5 ** (1 / 3)
    assert found.distances.tolist() == pytest.approx([expected] * 2, rel=1e-6)
    assert found.rmse.value == pytest.approx(expected, rel=1e-6)


def test_only_matched_pairs_enter_the_mean_distance(truth):
    half = truth.frac.clone()
    half[::2] = torch.rand(half[::2].shape, generator=torch.Generator().manual_seed(0)).to(half)
    found = match_rate(truth._replace(frac=half), truth, STRICT)
    assert found.rate.value == 0.5 and found.rmse.value < 1e-6
    assert found.distances[::2].isnan().all() and not found.distances[1::2].isnan().any()
    assert str(found).startswith("match 50 ± 10 %, RMSE 0")


def test_the_published_settings_accept_what_lies_between_two_structures(truth):
    """The halfway structure is no perovskite, and matches ABX₃ and BAX₃ alike."""
    swapped = ideal(truth.species[:, [1, 0, 2, 3, 4]])
    between = Crystals(*halfway(truth.species), truth.species, truth.mask)
    lenient, strict = match_rate(between, truth), match_rate(between, truth, STRICT)
    assert lenient.rate.value > 0.9 and lenient.rmse.value > 0.25
    assert strict.rate.value == 0 and math.isnan(strict.rmse.value)
    apart = truth.species[:, 0] != truth.species[:, 1]
    keep = Crystals(*(column[apart] for column in swapped))
    assert match_rate(keep, Crystals(*(c[apart] for c in truth)), STRICT).rate.value == 0


def test_a_coin_for_the_metals_matches_half(truth):
    many = stand_in(40, torch.Generator().manual_seed(1)).crystals
    tossed = by_coin(many.species, torch.Generator().manual_seed(0))
    right = (tossed[:, 0] == many.species[:, 0]).double().mean()
    found = match_rate(ideal(tossed), many, STRICT)
    assert found.rate.value == pytest.approx(float(right), abs=1e-9)
    assert 0.2 < found.rate.value < 0.8


def test_structures_that_are_no_structures_do_not_match(truth):
    frac, cell = truth.frac.clone(), truth.cell.clone()
    frac[0, 1] = frac[0, 0] + 0.02
    frac[1, 2, 0] = float("nan")
    cell[2, 0, 0] = float("inf")
    cell[3] = 0
    cell[4] *= 1e-3
    broken = truth._replace(frac=frac, cell=cell)
    assert valid(broken).tolist() == [False] * 5 + [True] * 19
    assert match_rate(broken, truth).distances.isnan().tolist() == [True] * 5 + [False] * 19
    assert not valid(Crystals(*(column[:1] for column in broken))).any()


def test_an_image_of_the_atom_itself_can_be_too_near():
    thin = Crystal(torch.diag(torch.tensor([0.4, 9.0, 9.0])), torch.zeros(1, 3), torch.tensor([13]))
    assert not valid(pack([thin])).any()


def test_padding_does_not_count():
    batch = pack(list(prototypes().values()))
    assert valid(batch).all()
    assert match_rate(batch, batch, STRICT).rate.value == 1


@pytest.mark.parametrize(
    "rows, words", [(1, "need one for one, and at least two pairs"), (0, "need one for one")]
)
def test_pairs_must_be_pairs(truth, rows, words):
    with pytest.raises(ValueError, match=words):
        match_rate(Crystals(*(column[:rows] for column in truth)), truth)
    few = Crystals(*(column[:1] for column in truth))
    with pytest.raises(ValueError, match="at least two pairs"):
        match_rate(few, few)
    with pytest.raises(ValueError, match="true cells: need one for one"):
        length_error(few, truth)


def test_another_composition_is_named(truth):
    species = truth.species.clone()
    species[7, 0] = 1
    with pytest.raises(ValueError, match="pair 7 differs in its composition"):
        match_rate(truth._replace(species=species), truth)


def test_the_length_error_is_that_of_the_cube_root_of_the_volume(truth):
    stretch = torch.where(torch.arange(24) % 2 == 0, 1.04, 0.98).to(truth.cell)
    longer = truth._replace(cell=truth.cell * stretch[:, None, None])
    assert length_error(longer, truth).value == pytest.approx(0.03)


# --- baselines --------------------------------------------------------------------------------
def test_random_structures_are_uniform_in_cells_of_the_training_set(truth):
    training = stand_in(50, torch.Generator().manual_seed(5)).crystals
    drawn = random_structures(truth, training, torch.Generator().manual_seed(0))
    assert torch.equal(drawn.species, truth.species)
    assert set(drawn.cell[:, 0, 0].tolist()) <= set(training.cell[:, 0, 0].tolist())
    assert abs(float(drawn.frac.mean()) - 0.5) < 5 * 12**-0.5 / drawn.frac.numel() ** 0.5
    assert match_rate(drawn, truth, STRICT).rate.value < 0.1


def test_the_nearest_prototype_of_a_training_structure_is_itself(truth):
    order = torch.tensor([4, 2, 0, 3, 1])
    asked = truth._replace(species=truth.species[:, order], frac=torch.zeros_like(truth.frac))
    found = nearest_prototype(asked, truth)
    assert match_rate(found, truth, STRICT).rate.value == 1
    torch.testing.assert_close(found.cell, truth.cell)
    with pytest.raises(ValueError, match="needs structures with the same number of atoms"):
        nearest_prototype(
            pack([Crystal(c[:3], f[:4], s[:4]) for c, f, s, _ in zip(*truth, strict=True)]), truth
        )


def test_the_nearest_prototype_exchanges_the_most_alike_elements():
    training = ideal(torch.tensor([[56, 22, 8, 8, 8], [3, 79, 9, 8, 7]]))
    asked = ideal(torch.tensor([[40, 8, 8, 38, 8]]))  # Zr like Ti, Sr like Ba
    found = nearest_prototype(asked, training)
    wanted = ideal(torch.tensor([[38, 40, 8, 8, 8]]))
    both = [Crystals(*(torch.cat([c, c]) for c in x)) for x in (found, wanted)]
    assert match_rate(*both, STRICT).rate.value == 1
    # Covalent radii: Ba 2.15, Ti 1.60, O 0.66, Sr 1.95, Zr 1.75 Å.
    ratio = (1.95**3 + 1.75**3 + 3 * 0.66**3) / (2.15**3 + 1.60**3 + 3 * 0.66**3)
    assert float((found.cell[0] / training.cell[0]).diag()[0]) == pytest.approx(ratio ** (1 / 3))


def test_a_split_off_part_meets_its_baselines():
    learn, held = split_off(stand_in(300, torch.Generator().manual_seed(0)), 280, 20)
    found = match_rate(nearest_prototype(held.crystals, learn.crystals), held.crystals, STRICT)
    assert isinstance(found, Match) and 0.1 < found.rate.value < 0.95
