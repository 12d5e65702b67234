"""The distance of each crystal from its own truth, against the one-reference measure."""

import pytest
import torch

from helpers.evaluate.crystals import displacement, random_positions
from helpers.evaluate.pairs import displacements
from helpers.matter import Crystals, pack, stand_in, take, unpack, wrap


def perovskites(n=12, seed=0):
    crystals = stand_in(n, torch.Generator().manual_seed(seed)).crystals
    return crystals


def test_it_agrees_with_the_measure_of_one_reference():
    truth = perovskites()
    g = torch.Generator().manual_seed(1)
    near = truth._replace(frac=wrap(truth.frac + 0.08 * torch.randn(truth.frac.shape, generator=g)))
    for made in (near, random_positions(truth, g)):
        got = displacements(made, truth)
        for k, structure in enumerate(unpack(truth)):
            one = displacement(take(made, torch.tensor([k])), structure)[0]
            assert float(got[k]) == pytest.approx(float(one), rel=1e-9)


def test_origin_numbering_and_padding_do_not_matter():
    truth = perovskites()
    g = torch.Generator().manual_seed(2)
    order = torch.tensor([2, 0, 4, 1, 3])
    made = Crystals(
        truth.cell,
        wrap(truth.frac + torch.rand(12, 1, 3, generator=g))[:, order],
        truth.species[:, order],
        truth.mask,
    )
    assert displacements(made, truth).max() < 1e-7
    two = pack(
        [
            c._replace(frac=c.frac[:n], species=c.species[:n])
            for c, n in zip(unpack(truth)[:2], (5, 3), strict=True)
        ]
    )
    moved = two._replace(frac=wrap(two.frac + 0.3) * two.mask[..., None])
    assert displacements(moved, two).max() < 1e-7
    other = two.frac + torch.tensor([0.0, 0.1, 0.0])[:, None].repeat(2, 1)[:5] * 0
    assert displacements(two._replace(frac=other), two).max() < 1e-7


def test_other_elements_are_infinitely_far():
    truth = perovskites(3)
    species = truth.species.clone()
    species[0, 0] = 99
    away = displacements(truth._replace(species=species), truth)
    assert torch.isinf(away[0]) and away[1:].max() < 1e-7


def test_axes_of_a_cubic_cell_may_be_renamed():
    truth = perovskites()
    turned = truth._replace(frac=truth.frac[..., [1, 2, 0]])
    assert displacements(turned, truth, any_axes=True).max() < 1e-7
    with pytest.raises(ValueError, match="any_axes=True is for cubic cells"):
        displacements(truth, truth._replace(cell=truth.cell * torch.tensor([1.0, 1, 2])), True)


def test_what_cannot_be_compared_is_refused():
    truth = perovskites(3)
    with pytest.raises(ValueError, match=r"\(2, 5\) generated and \(3, 5\) true atoms: need one"):
        displacements(take(truth, torch.arange(2)), truth)
    wide = Crystals(
        torch.eye(3)[None], torch.zeros(1, 6, 3), torch.ones(1, 6).long(), torch.ones(1, 6).bool()
    )
    with pytest.raises(
        ValueError, match="6 atoms in a cell: all numberings are tried, so 5 at most"
    ):
        displacements(wide, wide)
