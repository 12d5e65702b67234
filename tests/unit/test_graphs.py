"""Graph batches: against loops over the graphs, one by one."""

import pytest
import torch

from helpers.matter.graphs import (
    Graphs,
    batch_index,
    graph_mean,
    graphs,
    pack_graphs,
    pairs,
    random_rotations,
    rotated,
    scatter_sum,
    take_graphs,
    unpack_graphs,
)

G = torch.Generator().manual_seed(0)
PARTS = [
    (torch.randn(n, 3, generator=G), torch.eye(4)[torch.randint(4, (n,), generator=G)])
    for n in (3, 1, 5, 2)
]
BATCH = pack_graphs(PARTS)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_packing_and_unpacking_give_the_graphs_back():
    assert BATCH.x.shape == (11, 3) and BATCH.n_graphs == 4
    assert BATCH.sizes.tolist() == [3, 1, 5, 2]
    assert all(same(a, b) for a, b in zip(unpack_graphs(BATCH), PARTS, strict=True))
    assert torch.equal(BATCH.types, torch.cat([h.argmax(-1) for _, h in PARTS]))


def test_graphs_are_taken_by_number_in_any_order_and_more_than_once():
    taken = take_graphs(BATCH, torch.tensor([2, 0, 2]))
    expected = pack_graphs([PARTS[2], PARTS[0], PARTS[2]])
    assert same(taken, expected)
    with pytest.raises(IndexError, match="out of a batch of 4"):
        take_graphs(BATCH, torch.tensor([4]))


def test_sums_and_means_over_graphs_are_those_of_a_loop():
    values = torch.randn(11, 2, 3, generator=G, dtype=torch.float64)
    rows = [values[BATCH.batch == k] for k in range(5)]
    loop = torch.stack([row.sum(0) for row in rows])
    torch.testing.assert_close(scatter_sum(values, BATCH.batch, 5), loop)
    means = torch.stack([row.sum(0) / max(len(row), 1) for row in rows])
    torch.testing.assert_close(graph_mean(values, BATCH.batch, 5), means)
    shuffled = torch.randperm(11, generator=G)  # a sum does not care about the order
    torch.testing.assert_close(
        scatter_sum(values[shuffled], BATCH.batch[shuffled], 5), loop, rtol=1e-12, atol=1e-12
    )


def test_pairs_are_all_pairs_of_one_graph_in_order():
    other = batch_index(torch.tensor([2, 4, 1, 3]))
    i, j = pairs(BATCH.batch, other)
    expected = [(a, b) for a in range(11) for b in range(10) if BATCH.batch[a] == other[b]]
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == expected
    # A graph without nodes on one side has no pairs.
    i, j = pairs(torch.tensor([0, 0]), torch.tensor([1]))
    assert len(i) == len(j) == 0
    assert len(pairs(torch.zeros(0, dtype=torch.int64), other)[0]) == 0


def test_rotations_are_proper_and_uniform():
    turns = random_rotations(4000, torch.Generator().manual_seed(1), torch.float64)
    torch.testing.assert_close(turns @ turns.mT, torch.eye(3).double().expand_as(turns))
    assert torch.allclose(torch.linalg.det(turns), torch.ones(4000).double())
    # Uniform: every entry has mean 0 and variance 1/3, and the trace has mean 0 and variance 1.
    assert turns.mean(0).abs().max() < 5 * (1 / 3 / 4000) ** 0.5
    trace = turns.diagonal(dim1=-2, dim2=-1).sum(-1)
    assert abs(trace.mean()) < 5 / 4000**0.5 and abs(trace.var() - 1) < 5 * (2 / 4000) ** 0.5


def test_each_graph_turns_by_its_own_rotation():
    turns = random_rotations(4, torch.Generator().manual_seed(2))
    for turn, (x, _), (moved, _) in zip(
        turns, PARTS, unpack_graphs(rotated(BATCH, turns)), strict=True
    ):
        torch.testing.assert_close(moved, x @ turn.T)


@pytest.mark.parametrize(
    "x, h, batch, words",
    [
        (torch.zeros(2, 2), torch.zeros(2, 1), torch.zeros(2).long(), "a batch of graphs is x"),
        (torch.zeros(2, 3), torch.zeros(3, 1), torch.zeros(2).long(), "2 positions, 3 features"),
        (torch.full((1, 3), torch.nan), torch.zeros(1, 1), torch.zeros(1).long(), "finite"),
        (torch.zeros(2, 3), torch.zeros(2, 1), torch.tensor([0, 2]), "without a gap"),
        (torch.zeros(2, 3), torch.zeros(2, 1), torch.tensor([1, 1]), "without a gap"),
        (torch.zeros(2, 3), torch.zeros(2, 1), torch.tensor([0.0, 1.0]), "must be int64 and count"),
    ],
)
def test_bad_batches_are_named(x, h, batch, words):
    with pytest.raises(ValueError, match=words):
        graphs(x, h, batch)


def test_bad_parts_are_named():
    with pytest.raises(ValueError, match="positions of nodes must be finite"):
        graphs(torch.zeros(1, 3).long(), torch.zeros(1, 1), torch.zeros(1).long())
    with pytest.raises(ValueError, match="a batch needs at least one graph"):
        pack_graphs([])
    with pytest.raises(ValueError, match="a batch needs at least one graph"):
        pack_graphs([(torch.zeros(0, 3), torch.zeros(0, 2))])
    with pytest.raises(ValueError, match="features of different widths"):
        pack_graphs([PARTS[0], (torch.zeros(1, 3), torch.zeros(1, 5))])
    with pytest.raises(ValueError, match="each graph needs at least one node"):
        batch_index(torch.tensor([1, 0]))
    assert Graphs(torch.zeros(0, 3), torch.zeros(0, 2), torch.zeros(0).long()).n_graphs == 0
