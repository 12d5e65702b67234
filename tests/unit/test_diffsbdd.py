"""The pocket networks: symmetry with a pocket, what they may hear, losses, weights, samplers."""

import pytest
import torch

from helpers.learn.molecules import noise_mse
from helpers.matter.complexes import complexes
from helpers.matter.graphs import Graphs, graph_mean, pack_graphs, random_rotations, take_graphs
from helpers.models.diffsbdd import PocketDenoiser
from helpers.models.pocket_editing import grow, improve
from helpers.models.pocket_sampling import draw, draw_jointly, told
from helpers.models.pocket_training import (
    CONDITIONAL,
    FULL,
    JOINT,
    RADII,
    WEIGHTS,
    Recipe,
    noisy,
    pocket_loss,
    train_pocket,
    trained,
)


def rng(seed):
    return torch.Generator().manual_seed(seed)


def made(seed, n=3):
    """Ligands of 4 to 6 atoms and pockets of 7 sites about them, at random places."""
    g, ligand, pocket = rng(seed), [], []
    for k in range(n):
        m = 4 + k % 3
        ligand.append(
            (
                1.5 * torch.randn(m, 3, generator=g),
                torch.eye(6)[torch.randint(6, (m,), generator=g)],
            )
        )
        way = torch.nn.functional.normalize(torch.randn(7, 3, generator=g), dim=1)
        pocket.append((4 * way, torch.eye(3)[torch.randint(3, (7,), generator=g)]))
    return pack_graphs(ligand), pack_graphs(pocket)


LIGAND, POCKET = made(0)
T = torch.tensor([0.2, 0.5, 0.9])


def network(joint=False, **more):
    torch.manual_seed(1)
    net = PocketDenoiser(joint=joint, hidden=16, layers=2, **more)
    for layer in net.net.layers:
        torch.nn.init.normal_(layer.gate[-1].weight, std=0.3)
    return net


def move(part, turn, shift):
    return part._replace(x=part.x @ turn.mT + shift)


@pytest.mark.parametrize("joint", [False, True])
def test_turning_ligand_and_pocket_turns_the_noise(joint):
    net, turn = network(joint), random_rotations(1, rng(2))[0]
    ligand, pocket = net.encode(LIGAND, POCKET)
    zero = torch.zeros(3)
    a, b = net(ligand, pocket, T)
    c, d = net(move(ligand, turn, zero), move(pocket, turn, zero), T)
    assert torch.allclose(a[:, :3] @ turn.mT, c[:, :3], atol=1e-4)
    assert torch.allclose(a[:, 3:], c[:, 3:], atol=1e-4)
    assert torch.allclose(b[:, :3] @ turn.mT, d[:, :3], atol=1e-4)
    size = b.detach().abs().max()
    assert size > 0.1 if joint else size == 0


def test_encoding_puts_the_origin_where_its_mode_wants_it():
    for joint in (False, True):
        net = network(joint)
        ligand, pocket = net.encode(LIGAND, POCKET._replace(x=POCKET.x + 9))
        both = torch.cat([ligand.x, pocket.x]), torch.cat([ligand.batch, pocket.batch])
        x, of = both if joint else (pocket.x, pocket.batch)
        assert graph_mean(x, of, 3).abs().max() < 1e-5
        assert float(ligand.h.max()) == 0.25
    back = net.decode(ligand)
    assert torch.equal(back.h, LIGAND.h)


def test_a_ligand_hears_its_own_pocket_within_the_cutoff_and_only_if_told():
    net = network(cutoff=5.0)
    ligand, pocket = net.encode(LIGAND, POCKET)
    x = torch.cat([ligand.x, pocket.x])
    graph = net.graph(x, ligand.batch, pocket.batch, 3)
    m = len(ligand.x)
    of = torch.cat([ligand.batch, pocket.batch])
    assert bool((of[graph.receiver] == of[graph.sender]).all())
    assert bool((graph.receiver < m).all()) and not bool((graph.receiver == graph.sender).any())
    apart = (x[graph.receiver] - x[graph.sender]).norm(dim=1)[graph.sender >= m]
    assert 0 < len(apart) and float(apart.max()) < 5
    told_one = torch.tensor([True, False, True])
    a, _ = net(ligand, pocket, T, told_one)
    b, _ = net(ligand, pocket._replace(h=pocket.h.roll(1, 1)), T, told_one)
    changed = (a - b).abs().amax(1) > 1e-6
    assert bool((changed == told_one[ligand.batch]).all())


def test_joint_noise_has_no_common_shift_and_conditional_noise_has():
    for joint in (False, True):
        net = network(joint)
        ligand, pocket = net.encode(LIGAND, POCKET)
        (z, eps), (z_pocket, eps_pocket) = noisy(ligand, pocket, T, net, rng(3))
        a = net.schedule.alpha(T)[ligand.batch, None]
        s = net.schedule.sigma(T)[ligand.batch, None]
        assert torch.allclose(z.x, a * ligand.x + s * eps[:, :3], atol=1e-6)
        both = torch.cat([eps[:, :3], eps_pocket[:, :3]])
        mean = graph_mean(both, torch.cat([ligand.batch, pocket.batch]), 3).abs().max()
        if joint:
            assert mean < 1e-6 and not torch.equal(z_pocket.x, pocket.x)
        else:
            assert mean > 0.05 and torch.equal(z_pocket.x, pocket.x)


def test_the_loss_is_the_mean_squared_error_of_the_noise():
    net = network()
    got = pocket_loss(net, LIGAND, POCKET, T, rng(4))
    ligand, pocket = net.encode(LIGAND, POCKET)
    (z, eps), _ = noisy(ligand, pocket, T, net, rng(4))
    assert torch.allclose(got, noise_mse(eps, net(z, pocket, T)[0], z.batch, 3))
    more = pocket_loss(net, LIGAND, POCKET, T, rng(4), lj=0.1)
    at_noise = torch.ones(3)
    assert float(more.detach()) != float(got.detach()) and len(RADII) == net.kinds
    a, b = (pocket_loss(net, LIGAND, POCKET, at_noise, rng(4), lj=w) for w in (0.0, 0.1))
    assert torch.allclose(a, b)  # the help of physics is gone at t = 1
    assert float(pocket_loss(network(True), LIGAND, POCKET, T, rng(4)).detach()) > 0


def test_a_short_training_learns_repeats_itself_and_goes_on(tmp_path):
    ligand, pocket = made(5, 12)
    short = Recipe(12, batch=6, hidden=16, layers=2)
    runs = [train_pocket(network(), ligand, pocket, short) for _ in range(2)]
    assert torch.equal(runs[0].losses, runs[1].losses)
    file = tmp_path / "run.pt"
    train_pocket(network(), ligand, pocket, short, resume=file)
    again = train_pocket(network(), ligand, pocket, short, resume=file)
    assert torch.equal(again.losses, runs[0].losses)
    longer = train_pocket(network(), ligand, pocket, short._replace(n_steps=40), turn=False)
    assert longer.losses[-15:].mean() < longer.losses[:5].mean()


@pytest.mark.parametrize("name, recipe", [("conditional", CONDITIONAL), ("joint", JOINT)])
def test_the_committed_weights_belong_to_the_recipe(name, recipe):
    file = WEIGHTS / f"diffsbdd_{name}.pt"
    assert file.stat().st_size < 1_000_000
    net = trained(name)
    fresh = PocketDenoiser(joint=net.joint, hidden=recipe.hidden, layers=recipe.layers)
    assert fresh.state_dict().keys() == net.state_dict().keys()
    assert all(bool(value.isfinite().all()) for value in net.state_dict().values())
    # On pairs of the made world the trained weights answer far better than fresh ones.
    data, t = complexes(8, seed=5), torch.full((8,), 0.2)
    with torch.no_grad():
        losses = [float(pocket_loss(n, data.ligand, data.pocket, t, rng(6))) for n in (net, fresh)]
    assert losses[0] < 0.9 * losses[1], losses
    first = train_pocket(fresh, LIGAND, POCKET, recipe._replace(n_steps=2, batch=4))
    assert bool(first.losses.isfinite().all())


def test_the_full_recipe_is_larger_and_runs_at_a_tiny_scale():
    assert FULL.n_steps > 10 * CONDITIONAL.n_steps and FULL.hidden > CONDITIONAL.hidden
    tiny = FULL._replace(n_steps=2, batch=2, hidden=8, layers=1)
    net = PocketDenoiser(hidden=tiny.hidden, layers=tiny.layers)
    assert bool(train_pocket(net, LIGAND, POCKET, tiny).losses.isfinite().all())


def test_other_weights_are_asked_for_in_words():
    with pytest.raises(ValueError, match='there are "conditional" and "joint"'):
        trained("unconditional")


def test_drawing_is_equivariant_in_law_and_lands_in_the_pocket():
    net, sizes = network(), torch.tensor([5, 6, 7])
    made_here = draw(net, POCKET, sizes, rng(7), n_steps=5, keep=1)
    far = torch.tensor([50.0, -20, 10])
    moved = draw(net, POCKET._replace(x=POCKET.x + far), sizes, rng(7), n_steps=5)
    assert torch.allclose(made_here.ligand.x + far, moved.ligand.x, atol=1e-2)
    assert made_here.ligand.sizes.tolist() == [5, 6, 7] and len(made_here.frames) == 6
    assert torch.equal(made_here.ligand.h.sum(1), torch.ones(18))
    again = draw(net, POCKET, sizes, rng(7), n_steps=5)
    assert torch.equal(made_here.ligand.x, again.ligand.x)


def test_alone_means_that_the_pocket_changes_nothing():
    net, sizes = network(), torch.tensor([5, 6, 7])
    a = draw(net, POCKET, sizes, rng(8), n_steps=4, known=False).ligand
    b = draw(net, POCKET._replace(h=POCKET.h.roll(1, 1)), sizes, rng(8), n_steps=4, known=False)
    assert torch.equal(a.x, b.ligand.x)
    middle = graph_mean(POCKET.x, POCKET.batch, 3)
    assert torch.allclose(graph_mean(a.x, a.batch, 3), middle, atol=1e-4)
    state = Graphs(torch.zeros(18, 3), torch.zeros(18, 6), a.batch)
    ask = told(net, state.batch, net.encode(a, POCKET)[1], known=False)
    eps = ask(torch.randn(18, 9, generator=rng(9)), torch.tensor(0.5))
    assert graph_mean(eps[:, :3], state.batch, 3).abs().max() < 1e-5


def test_the_joint_network_draws_for_a_given_pocket():
    net, sizes = network(True), torch.tensor([4, 5, 6])
    drawn = draw_jointly(net, POCKET, sizes, rng(10), n_steps=4, resample=2)
    assert drawn.ligand.sizes.tolist() == [4, 5, 6] and drawn.frames == []
    assert bool(drawn.ligand.x.isfinite().all())


def test_a_fragment_stays_exactly_where_it_is():
    fragment = take_graphs(LIGAND, torch.tensor([0, 0, 0]))
    grown = grow(network(), POCKET, fragment, torch.tensor([2, 1, 3]), rng(11), n_steps=4).ligand
    assert grown.sizes.tolist() == [6, 5, 7]
    for k in range(3):
        mine, old = take_graphs(grown, torch.tensor([k])), take_graphs(fragment, torch.tensor([k]))
        assert torch.allclose(mine.x[:4], old.x, atol=1e-5) and torch.equal(mine.h[:4], old.h)


def test_evolution_never_loses_its_best():
    def score(ligand):
        value = -graph_mean(ligand.x.square().sum(1), ligand.batch, ligand.n_graphs)
        return torch.where(torch.arange(len(value)) % 5 == 4, torch.nan, value)

    one = torch.tensor([0])
    best, scores = improve(
        network(), take_graphs(POCKET, one), take_graphs(LIGAND, one), score, rng(12),
        t=0.5, population=5, survive=2, generations=3, n_steps=6,
    )  # fmt: skip
    assert best.n_graphs == 2 and scores.shape == (4, 2)
    assert bool((scores[:, 0].diff() >= 0).all()) and float(scores[-1, 0]) > float(scores[0, 0])
    with pytest.raises(ValueError, match="one of each is improved"):
        improve(network(), POCKET, LIGAND, score)
