"""Judging ligands in pockets: against counting by hand, and against what chance must give."""

import math

import pytest
import torch

from helpers.evaluate.pockets import (
    fit_of,
    placed_at_random,
    share_of,
    shuffled,
    size_correlation,
)
from helpers.learn.sizes import SizeLaw
from helpers.matter.graphs import graph_mean, pack_graphs, take_graphs, unpack_graphs
from helpers.matter.pockets import pockets

G = torch.Generator


def chains(n=40, seed=0):
    """Ligands without chemistry: chains of 4 to 9 atoms of random elements, and their pockets."""
    g = G().manual_seed(seed)
    parts = []
    for _ in range(n):
        k = int(torch.randint(4, 10, (), generator=g))
        bend = torch.tensor([0.0, 0.9, 0.0]) * (torch.arange(k) % 2)[:, None]
        x = torch.arange(k)[:, None] * torch.tensor([1.2, 0.0, 0.0]) + bend
        parts.append((x - x.mean(0), torch.eye(6)[torch.randint(4, (k,), generator=g)]))
    ligand = pack_graphs(parts)
    return ligand, pockets(ligand, seed)


LIGAND, POCKET = chains()


def test_the_pairs_that_belong_together_fit_and_others_do_not():
    own = fit_of(LIGAND, POCKET)
    assert [e.value for e in own] == [1, 1, 1, 0, 1] and [e.error for e in own] == [0] * 5
    for other in (
        shuffled(LIGAND, G().manual_seed(0)),
        placed_at_random(LIGAND, POCKET, generator=G().manual_seed(0)),
    ):
        fit = fit_of(other, POCKET)
        assert max(fit.donors.value, fit.acceptors.value, fit.hydrophobic.value) < 0.5
        assert fit.clashing.value > 0.05 and fit.clear.value < 0.8
        assert all(0 < e.error < 0.15 for e in fit)


def test_shares_are_counted_per_site_and_per_atom():
    """One of two pairs is spoilt by moving its ligand away: all its sites are lost."""
    two = torch.tensor([0, 1])
    ligand, pocket = take_graphs(LIGAND, two), take_graphs(POCKET, two)
    away = ligand._replace(x=ligand.x + 50.0 * (ligand.batch == 1)[:, None])
    fit = fit_of(away, pocket)
    count = torch.stack(
        [torch.bincount(pocket.batch[pocket.types == k], minlength=2) for k in range(3)]
    )
    expected = (count[:, 0] / count.sum(1)).tolist()
    assert [e.value for e in fit[:3]] == pytest.approx(expected)
    assert fit.clashing.value == 0 and fit.clear.value == 1
    onto = ligand._replace(x=torch.where((ligand.batch == 1)[:, None], pocket.x[-1], ligand.x))
    fit = fit_of(onto, pocket)
    assert fit.clear.value == 0.5
    assert fit.clashing.value == pytest.approx(float(ligand.sizes[1] / ligand.sizes.sum()))


def test_the_error_of_a_share_is_its_spread_over_repeated_sets():
    """Graphs of different sizes, entries alike within each: the binomial error would be wrong."""
    g, shares, errors = G().manual_seed(1), [], []
    for _ in range(400):
        sizes = torch.randint(1, 9, (50,), generator=g)
        batch = torch.repeat_interleave(torch.arange(50), sizes)
        hit = (torch.rand(50, generator=g) < 0.3)[batch]
        value, error = share_of(hit, batch, 50)
        shares.append(value)
        errors.append(error)
    spread = float(torch.tensor(shares).std())
    assert torch.tensor(shares).mean() == pytest.approx(0.3, abs=5 * spread / 20)
    assert torch.tensor(errors).mean() == pytest.approx(spread, rel=0.15)
    binomial = (0.3 * 0.7 / (50 * 4.5)) ** 0.5
    assert spread > 1.5 * binomial
    assert math.isnan(share_of(torch.zeros(0).bool(), torch.zeros(0).long(), 3).value)


def test_the_correlation_of_sizes_is_pearsons_with_fishers_error():
    g = G().manual_seed(2)
    found = []
    for _ in range(300):
        a = torch.randn(80, generator=g, dtype=torch.float64)
        b = 0.6 * a + 0.8 * torch.randn(80, generator=g, dtype=torch.float64)
        found.append(size_correlation(a, b))
    assert found[-1].value == pytest.approx(float(torch.corrcoef(torch.stack([a, b]))[0, 1]))
    values = torch.tensor([e.value for e in found])
    theory = (1 - 0.36) / 80**0.5
    assert values.std() == pytest.approx(theory, rel=0.15)
    assert torch.tensor([e.error for e in found]).mean() == pytest.approx(theory, rel=0.1)


def test_nobody_keeps_the_own_pocket_and_everybody_is_dealt_once():
    marked = LIGAND._replace(h=LIGAND.batch[:, None].expand(-1, 6).float())
    for seed in range(10):
        given = [int(h[0, 0]) for _, h in unpack_graphs(shuffled(marked, G().manual_seed(seed)))]
        assert sorted(given) == list(range(40))
        assert all(owner != place for place, owner in enumerate(given))


def test_random_placement_keeps_the_molecule_and_its_neighbourhood():
    moved = placed_at_random(LIGAND, POCKET, shift=0.0, generator=G().manual_seed(3))
    centre = graph_mean(POCKET.x, POCKET.batch, 40)
    torch.testing.assert_close(graph_mean(moved.x, moved.batch, 40), centre, atol=1e-5, rtol=0)
    for (x, h), (y, k) in zip(unpack_graphs(LIGAND), unpack_graphs(moved), strict=True):
        torch.testing.assert_close(torch.cdist(x, x), torch.cdist(y, y), atol=1e-3, rtol=0)
        assert torch.equal(h, k)
    far = placed_at_random(LIGAND, POCKET, shift=2.0, generator=G().manual_seed(3))
    off = graph_mean(far.x, far.batch, 40) - centre
    assert off.std() == pytest.approx(2.0, abs=5 * 2 / 240**0.5)


def test_bad_sets_are_named():
    one = take_graphs(LIGAND, torch.tensor([0]))
    with pytest.raises(ValueError, match="1 ligands cannot be dealt to pockets of others"):
        shuffled(one)
    with pytest.raises(ValueError, match="1 ligands cannot be placed in 40 pockets"):
        placed_at_random(one, POCKET)
    with pytest.raises(ValueError, match="need at least three pairs"):
        size_correlation(torch.tensor([1, 2]), torch.tensor([1, 2]))
    with pytest.raises(ValueError, match="all sizes are equal"):
        size_correlation(torch.tensor([1, 2, 3]), torch.tensor([4, 4, 4]))


# --- learn/sizes.py -----------------------------------------------------------------------------
def test_the_size_law_is_the_table_of_counts():
    law = SizeLaw(torch.tensor([5, 5, 6, 7]), torch.tensor([8, 8, 8, 9]), floor=1e-9)
    assert law.ligand_sizes.tolist() == [5, 6, 7]
    expected = torch.tensor([[2 / 3, 1 / 3, 0], [0, 0, 1]]).double()
    torch.testing.assert_close(law.given(torch.tensor([8, 9])), expected, atol=1e-6, rtol=0)
    logs = law.log_prob(torch.tensor([5, 6, 8]), torch.tensor([8, 8, 9]))
    assert logs[:2].exp().tolist() == pytest.approx([2 / 3, 1 / 3]) and logs[2] == -torch.inf


def test_sizes_are_drawn_by_the_law_of_their_pocket():
    g = G().manual_seed(4)
    pocket = torch.randint(8, 20, (500,), generator=g)
    ligand = pocket - 3 + torch.randint(-1, 2, (500,), generator=g)
    law = SizeLaw(ligand, pocket)
    drawn = law.sample(torch.full((6000,), 12), g)
    chance = law.given(torch.tensor([12]))[0]
    found = torch.bincount(drawn - law.ligand_sizes[0], minlength=len(chance)) / 6000
    assert (found - chance).abs().max() < 5 * (0.25 / 6000) ** 0.5
    assert set(drawn.tolist()) >= {8, 9, 10} and law.table.sum(0).allclose(torch.ones(12).double())
    # The rare is possible, by `floor`, and the law follows the pocket.
    assert 0 < float(chance[-1]) < 1e-3
    assert size_correlation(law.sample(pocket, g), pocket).value > 0.95


def test_a_pocket_size_between_that_never_came_has_the_flat_law():
    law = SizeLaw(torch.tensor([5, 7]), torch.tensor([8, 10]))
    assert law.given(torch.tensor([9]))[0].tolist() == pytest.approx([1 / 3] * 3)


def test_bad_sizes_are_named():
    law = SizeLaw(torch.tensor([5, 6]), torch.tensor([8, 9]))
    with pytest.raises(ValueError, match=r"pockets of \[70\] sites: sizes from 8 to 9 were seen"):
        law.sample(torch.tensor([70]))
    with pytest.raises(ValueError, match="need one pocket for each ligand"):
        SizeLaw(torch.tensor([5]), torch.tensor([5, 6]))
    with pytest.raises(ValueError, match="sizes must be at least 1 and floor positive"):
        SizeLaw(torch.tensor([0]), torch.tensor([5]))
    with pytest.raises(ValueError, match="sizes must be at least 1 and floor positive"):
        SizeLaw(torch.tensor([1]), torch.tensor([5]), floor=0.0)
