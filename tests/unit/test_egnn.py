"""The equivariant network: turned, mirrored, moved, renumbered – and who fails which of these."""

import pytest
import torch

from helpers.matter.graphs import batch_index, pairs, random_rotations
from helpers.models.egnn import EGNN, Graph, LookAlike, distance_features

SIZES = torch.tensor([5, 7])
OF = batch_index(SIZES)


def rng(seed):
    return torch.Generator().manual_seed(seed)


def whole_graph(of=OF, moves=None):
    i, j = pairs(of, of)
    moves = torch.ones(len(of), dtype=torch.bool) if moves is None else moves
    return Graph(i[i != j], j[i != j], of, int(of[-1]) + 1, moves)


def louder(net, scale=0.3):
    """Weights of the gates made large, so that points really move."""
    for layer in net.layers:
        torch.nn.init.normal_(layer.gate[-1].weight, std=scale, generator=rng(9))
    return net.double()


def points():
    return torch.randn(12, 3, generator=rng(1)).double(), torch.randn(
        12, 4, generator=rng(2)
    ).double()


def make(kind, **more):
    torch.manual_seed(3)
    net = LookAlike if kind == "look-alike" else EGNN
    if kind == "not mirrored":
        more = {"reflect": False}
    return louder(net(4, 4, 16, 2, **more))


R = random_rotations(1, rng(4), torch.float64)[0]
MOVES = {
    "turned": lambda x: x @ R.mT,
    "mirrored": lambda x: x * torch.tensor([-1.0, 1, 1]).double(),
}


def changes(kind, name):
    """How far the displacement is from moving along, and how much the features change."""
    net, graph = make(kind), whole_graph()
    x, h = points()
    move = MOVES[name]
    (a, fa), (b, fb) = net(x, h, graph), net(move(x), h, graph)
    return (move(a) - b).abs().max().item(), (fa - fb).abs().max().item()


@pytest.mark.parametrize("name", MOVES)
def test_the_displacement_turns_and_mirrors_along(name):
    assert max(changes("EGNN", name)) < 1e-9
    assert float(make("EGNN")(*points(), whole_graph())[0].abs().max()) > 1e-2


def test_a_cross_product_gives_up_mirror_images_and_nothing_else():
    assert max(changes("not mirrored", "turned")) < 1e-9
    assert changes("not mirrored", "mirrored")[0] > 1e-3


def test_the_look_alike_has_the_same_size_and_no_symmetry():
    for name in MOVES:
        assert changes("look-alike", name)[0] > 1e-3
    count = [sum(p.numel() for p in net(23, 9, 48, 3).parameters()) for net in (EGNN, LookAlike)]
    assert abs(count[0] / count[1] - 1) < 0.02


@pytest.mark.parametrize(
    "kind, same", [("EGNN", True), ("not mirrored", True), ("look-alike", False)]
)
def test_moving_the_points_changes_nothing(kind, same):
    net, graph = make(kind), whole_graph()
    x, h = points()
    (a, fa), (b, fb) = net(x, h, graph), net(x + torch.tensor([3.0, -1, 7]), h, graph)
    off = max(float((a - b).abs().max()), float((fa - fb).abs().max()))
    assert off < 1e-9 if same else off > 1e-3


def test_renumbered_points_renumber_the_answer():
    net, (x, h) = make("EGNN"), points()
    order = torch.cat(
        [torch.randperm(5, generator=rng(5)), 5 + torch.randperm(7, generator=rng(6))]
    )
    a, fa = net(x, h, whole_graph())
    b, fb = net(x[order], h[order], whole_graph())
    assert torch.allclose(a[order], b) and torch.allclose(fa[order], fb)


def test_molecules_of_one_batch_do_not_hear_each_other():
    net, (x, h) = make("EGNN", attention=False), points()
    a, _ = net(x, h, whole_graph())
    b, _ = net(x[:5], h[:5], whole_graph(OF[:5]))
    assert torch.allclose(a[:5], b)


def test_points_that_may_not_move_stay():
    moves = torch.arange(12) % 2 == 0
    a, _ = make("EGNN")(*points(), whole_graph(moves=moves))
    assert float(a[~moves].abs().max()) == 0 < float(a[moves].abs().min())


def test_distances_tell_apart_and_stay_finite_where_points_meet():
    d = torch.tensor([0.0, 1.4, 1.5], requires_grad=True)
    f = distance_features(d**2, 16)
    assert f.shape == (3, 17) and float((f[1] - f[2]).abs().max()) > 0.05
    f.sum().backward()
    assert bool(d.grad.isfinite().all())
