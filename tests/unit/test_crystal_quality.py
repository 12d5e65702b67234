"""What counts as the right crystal: against pymatgen, and against errors planted on purpose."""

import math

import pytest
import torch
from pymatgen.analysis.structure_matcher import StructureMatcher

from helpers.evaluate import Quality, copies, displacement, quality, random_positions
from helpers.matter import Crystals, crystal, pack, prototypes, to_pymatgen, unpack, wrap

PROTOTYPES = prototypes(torch.float64)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def shaken(reference, n, std, seed=0):
    """Displaced by normal noise, shifted as a whole, renumbered."""
    g, c = seeded(seed), copies(reference, n)
    noise = std * torch.randn(c.frac.shape, generator=g, dtype=torch.float64)
    shift = torch.rand(n, 1, 3, generator=g, dtype=torch.float64)
    order = torch.randperm(c.frac.shape[1], generator=g)
    return c._replace(frac=wrap(c.frac + noise + shift)[:, order], species=c.species[:, order])


@pytest.mark.parametrize("name", PROTOTYPES)
def test_a_shifted_renumbered_copy_is_the_crystal_itself(name):
    reference = PROTOTYPES[name]
    assert displacement(shaken(reference, 5, 0.0), reference).max() < 1e-12
    assert quality(shaken(reference, 5, 0.0), reference) == Quality(1.0, 1.0, 1.0)


@pytest.mark.parametrize("name", PROTOTYPES)
def test_displacement_is_that_of_pymatgen(name):
    reference = PROTOTYPES[name]
    matcher = StructureMatcher(0.3, 1.0, 10, primitive_cell=False, scale=False)
    samples = shaken(reference, 6, 0.05, seed=1)
    there = [matcher.get_rms_dist(to_pymatgen(reference), to_pymatgen(s)) for s in unpack(samples)]
    theirs = torch.tensor([d[0] for d in there], dtype=torch.float64)
    torch.testing.assert_close(displacement(samples, reference), theirs, rtol=1e-8, atol=1e-8)


def test_one_atom_moved_by_a_known_length():
    """Moving one of N atoms by d leaves √((d² − d²/N)/N) after the best common shift."""
    reference = PROTOTYPES["fcc Al"]
    c = copies(reference, 1)
    frac = c.frac.clone()
    frac[0, 0, 0] += 0.02
    d, spacing = 0.02 * 4.05, (4.05**3 / 4) ** (1 / 3)
    expected = math.sqrt((d**2 - d**2 / 4) / 4) / spacing
    found = displacement(c._replace(frac=wrap(frac)), reference)
    torch.testing.assert_close(found, torch.tensor([expected], dtype=torch.float64))


def test_elements_must_sit_on_their_own_sites():
    cell = 4.0 * torch.eye(3, dtype=torch.float64)
    sites = torch.tensor([[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0]], dtype=torch.float64)
    reference = crystal(cell, sites, [11, 17, 17])
    turned = crystal(cell, sites[[1, 0, 2]], [11, 17, 17])  # the sodium sits elsewhere
    other = crystal(cell, sites, [11, 11, 17])
    smaller = crystal(cell, sites[:2], [11, 17])
    renumbered = crystal(cell, sites[[2, 0, 1]], [17, 11, 17])
    d = displacement(pack([reference, renumbered, turned, other, smaller]), reference)
    assert d[:2].max() < 1e-12 and 0.1 < d[2] < 10
    assert d[3:].isinf().all()
    assert displacement(pack([smaller]), reference).isinf().all()


def test_padding_may_stand_anywhere():
    reference = PROTOTYPES["bcc Fe"]
    c = copies(reference, 1)
    frac, species = torch.zeros(1, 4, 3, dtype=torch.float64), torch.zeros(1, 4, dtype=torch.int64)
    frac[:, [1, 3]], species[:, [1, 3]] = c.frac, c.species
    spread = Crystals(c.cell, frac, species, species > 0)
    assert displacement(spread, reference).item() < 1e-12
    assert quality(spread, reference) == Quality(1.0, 1.0, 1.0)


def test_each_share_can_say_no():
    reference = PROTOTYPES["diamond C"]
    c = copies(reference, 4)
    frac = c.frac.clone()
    frac[1, 1] = frac[1, 0] + 0.1  # 0.62 Å: an overlap
    frac[2, 1] = frac[2, 0] + torch.tensor([0.3, 0, 0])  # 1.07 Å: apart, but not spaced
    frac[3] = 0.6 * frac[3]  # squeezed together
    found = quality(c._replace(frac=frac), reference)
    assert found.apart == 0.75 and found.spaced == 0.25 and found.matched == 0.25
    assert quality(c._replace(frac=frac), reference, strict=5.0).matched == 1.0
    with pytest.raises(ValueError, match="largest displacement allowed must be positive"):
        quality(c, reference, strict=0.0)


def test_random_positions_keep_cells_and_elements_and_fail():
    g = seeded(3)
    for name, reference in PROTOTYPES.items():
        like = copies(reference, 300)
        noise = random_positions(like, g)
        assert torch.equal(noise.cell, like.cell) and torch.equal(noise.species, like.species)
        # Uniform: mean 1/2 and variance 1/12 of 300 × N × 3 numbers, five standard errors.
        x = noise.frac.flatten()
        assert abs(x.mean() - 0.5) < 5 / math.sqrt(12 * len(x))
        assert abs(x.var() - 1 / 12) < 5 / math.sqrt(180 * len(x))
        assert quality(noise, reference).matched < {"bcc Fe": 0.25}.get(name, 0.05)
    mixed = pack(list(PROTOTYPES.values()))
    assert (random_positions(mixed, g).frac[~mixed.mask] == 0).all()


def test_bad_number_of_copies():
    with pytest.raises(ValueError, match="need at least one copy"):
        copies(PROTOTYPES["fcc Al"], 0)
