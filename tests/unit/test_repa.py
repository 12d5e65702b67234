"""Alignment: the loss, its window, the hook, and the flow that is trained with and without it."""

import pytest
import torch

from helpers.learn.repa import Projector, alignment, listen, standardised, window_weight
from helpers.matter import Crystals, pack, prototypes, take, variants
from helpers.models.aligned import FULL, SMALL, AlignedFlow, Recipe, train_aligned
from helpers.models.torus_flow import Lines, held_lines, line_errors, lines, place_atoms
from helpers.noise import Torus

TINY = Recipe(n_steps=4, batch=6, hidden=8, layers=2, largest=1, depth=1)


def crystals():
    return pack(variants(torch.Generator().manual_seed(0))[:14])  # four and two atoms


def test_alignment_is_the_mean_cosine_of_real_atoms_and_detaches_the_teacher():
    g = torch.Generator().manual_seed(1)
    a, b = (torch.randn(2, 3, 5, generator=g, dtype=torch.float64) for _ in range(2))
    a.requires_grad_(True), b.requires_grad_(True)
    mask = torch.tensor([[True, True, False], [True, False, False]])
    got = alignment(a, b, mask)
    for k in range(2):
        by_hand = [
            (a[k, i] @ b[k, i] / (a[k, i].norm() * b[k, i].norm())).item()
            for i in range(3)
            if mask[k, i]
        ]
        assert got[k].item() == pytest.approx(sum(by_hand) / len(by_hand))
    got.sum().backward()
    assert b.grad is None and a.grad is not None
    assert (a.grad[~mask] == 0).all()
    assert torch.allclose(alignment(10 * a, 0.1 * b, mask), got)
    assert torch.allclose(alignment(b, b, mask), torch.ones(2).double())
    with pytest.raises(
        ValueError, match=r"projected \(2, 3, 5\) and features \(2, 3, 4\): a cosine"
    ):
        alignment(a, b[..., :4], mask)


def test_a_window_has_mean_one_and_ends_where_it_says():
    t = (torch.arange(1000) + 0.5) / 1000
    for low, high in ((0.0, 1.0), (0.0, 0.5), (0.5, 1.0), (0.2, 0.3)):
        w = window_weight(t, low, high)
        assert float(w.mean()) == pytest.approx(1)
        assert ((w > 0) == ((t >= low) & (t < high))).all()
    assert window_weight(torch.ones(1)).item() == 1  # t = 1 belongs to the last window
    with pytest.raises(ValueError, match="a window from 0.6 to 0.5: need 0"):
        window_weight(t, 0.6, 0.5)


def test_standardised_features_have_unit_spread_over_the_real_atoms():
    g = torch.Generator().manual_seed(2)
    features = 3 + 2 * torch.randn(5, 4, 6, generator=g)
    features[..., 0] = 7.0  # a feature that never changes
    mask = torch.rand(5, 4, generator=g) > 0.3
    out = standardised(features, mask)
    atoms = out[mask]
    assert atoms.mean(0).abs().max() < 1e-5
    assert torch.allclose(atoms.std(0, correction=0), torch.tensor([0.0, 1, 1, 1, 1, 1]), atol=1e-5)
    assert (out[~mask] == 0).all()
    with pytest.raises(ValueError, match="1 atoms: a spread of features needs at least two"):
        standardised(features, torch.eye(5, 4).bool() & (torch.arange(5) == 0)[:, None])


def test_listening_changes_nothing_and_leaves_nothing_behind():
    layer = torch.nn.Linear(3, 3)
    x = torch.randn(2, 3)
    with listen(layer) as heard:
        y = layer(x)
    assert heard[0] is y and not layer._forward_hooks
    layer(x)
    assert len(heard) == 1
    with pytest.raises(KeyError), listen(layer):
        raise KeyError
    assert not layer._forward_hooks


def test_a_projector_leads_from_one_width_to_the_other():
    projector = Projector(8, 64, inner=16)
    assert projector(torch.randn(2, 5, 8)).shape == (2, 5, 64)
    assert sum(isinstance(m, torch.nn.Linear) for m in projector.modules()) == 3


def test_lines_lead_from_the_crystal_to_noise_without_common_motion():
    c = crystals()
    n = len(c.frac)
    start = lines(c, torch.zeros(n), torch.Generator().manual_seed(3))
    end = lines(c, torch.ones(n), torch.Generator().manual_seed(3))
    assert isinstance(start, Lines) and torch.equal(start.v, end.v)
    assert start.v.sum(1).abs().max() < 1e-5
    assert (start.v[~c.mask] == 0).all()
    torus = Torus()
    way = torus.diff(start.x, end.x)[c.mask]
    off = way - start.v[c.mask]
    assert (off - off.round()).abs().max() < 1e-5
    # At t = 0 it is the crystal, moved as a whole.
    moved = torus.diff(c.frac, start.x)
    rest = torus.diff(moved[:, :1], moved)[c.mask]
    assert rest.abs().max() < 1e-5
    # At t = 1 a single atom is anywhere: the first wave of its difference to another has no mean.
    many = Crystals(*(x[:1].expand(4000, *x.shape[1:]) for x in c))
    x = lines(many, torch.ones(4000), torch.Generator().manual_seed(4)).x
    wave = torch.cos(2 * torch.pi * (x[:, 0] - x[:, 1]))
    assert wave.mean(0).abs().max() < 5 / (2 * 4000) ** 0.5


def test_the_error_of_a_known_field():
    held = held_lines(crystals(), repeats=3)
    assert len(held.t) == 42
    again = held_lines(crystals(), repeats=3)
    assert torch.equal(held.x, again.x) and torch.equal(held.t, again.t)
    exact = line_errors(lambda x, t, c: held.v, held)
    assert exact.abs().max() == 0
    silent = line_errors(lambda x, t, c: torch.zeros_like(x), held)
    count = 3 * held.crystals.mask.sum(1)
    assert torch.allclose(silent, held.v.square().sum((1, 2)) / count / 0.25**2)


def test_the_exact_flow_places_the_atoms():
    """A field that points to the nearest copy of the right crystal, as if it knew the answer."""
    target = prototypes()["bcc Fe"]
    like = pack([target] * 20)
    torus = Torus()

    def exact(x, t, c):
        apart = torus.diff(x[:, :1], x[:, 1:])  # the second atom belongs at ½, ½, ½ of the first
        wrong = torus.diff(torch.full_like(apart, 0.5), apart)
        v = torch.cat([-wrong / 2, wrong / 2], 1)
        return v / t[:, None, None].clamp(min=1e-3)

    for rounds in (0, 2):
        made = place_atoms(exact, like, 20, rounds, generator=torch.Generator().manual_seed(5))
        off = torus.diff(torch.full((20, 3), 0.5), torus.diff(made.frac[:, 0], made.frac[:, 1]))
        assert off.abs().max() < 0.03
    with pytest.raises(ValueError, match="calls = 3: midpoint steps take two each"):
        place_atoms(exact, like, 3)


def test_both_gives_the_hidden_layer_at_the_asked_depth():
    torch.manual_seed(0)
    c = crystals()
    t = torch.rand(len(c.frac))
    for depth in (1, 2):
        flow = AlignedFlow(TINY._replace(depth=depth), 5)
        v, hidden = flow.both(c.frac, t, c)
        assert torch.equal(v, flow(c.frac, t, c))
        assert hidden.shape == (*c.mask.shape, 8) and hidden.requires_grad
        last = flow.net.features(c.frac, t, c)
        assert torch.allclose(hidden, last) == (depth == 2)
    with pytest.raises(ValueError, match="depth = 3: the network has layers 1 to 2"):
        AlignedFlow(TINY._replace(depth=3))


def test_one_seed_starts_alike_with_and_without_a_teacher():
    c = crystals()
    said = torch.randn(*c.mask.shape, 5, generator=torch.Generator().manual_seed(6))
    first = {}
    for name, features in (("none", None), ("teacher", said)):
        seen = {}

        def after(done, flow, seen=seen):
            seen.setdefault(done, [p.clone() for p in flow.net.parameters()])

        run = train_aligned(c, features, TINY, seed=3, after=after)
        first[name] = (seen[0], run)
        assert sorted(seen) == [0, 1, 2, 3]
    assert all(
        torch.equal(a, b) for a, b in zip(first["none"][0], first["teacher"][0], strict=True)
    )
    assert first["none"][1].losses[0] != first["teacher"][1].losses[0]
    # λ = 0 is no teacher, bit for bit.
    mute = train_aligned(c, said, TINY._replace(weight=0.0), seed=3).model.net
    plain = first["none"][1].model.net
    assert all(
        torch.equal(a, b) for a, b in zip(mute.parameters(), plain.parameters(), strict=True)
    )


def test_alignment_is_learned_and_outside_its_window_it_is_not():
    c = take(crystals(), torch.arange(7))
    g = torch.Generator().manual_seed(7)
    said = torch.nn.functional.one_hot(torch.arange(4), 6).float().expand(7, 4, 6).clone()
    said = said + 0.1 * torch.randn(7, 4, 6, generator=g)
    said[:] = torch.tensor([1.0, -2, 0.5, 0, 3, 1])  # one direction for all: easy to learn
    recipe = TINY._replace(n_steps=60, weight=5.0)
    found = {}
    for name, features in (("with", said), ("without", None)):
        flow = train_aligned(c, features, recipe, seed=0).model
        if features is None:
            flow = AlignedFlow(recipe, 6)
        some = lines(c, torch.rand(7, generator=g), g)
        _, hidden = flow.both(some.x, some.t, some.crystals)
        found[name] = float(alignment(flow.projector(hidden), said, c.mask).mean())
    assert found["with"] > 0.95 > found["without"]


def test_a_saved_run_goes_on_to_the_same_end(tmp_path):
    c = crystals()
    said = torch.randn(*c.mask.shape, 5, generator=torch.Generator().manual_seed(8))
    kept = str(tmp_path / "run.pt")
    whole = train_aligned(c, said, TINY, seed=1, checkpoint=kept)
    again = train_aligned(c, said, TINY, seed=1, checkpoint=kept)
    assert torch.equal(whole.losses, again.losses)
    large = FULL._replace(n_steps=1, batch=2, hidden=16)
    assert len(train_aligned(c, said, large).losses) == 1  # the full recipe's shape runs
    assert SMALL.depth <= SMALL.layers and FULL.n_steps > SMALL.n_steps


def test_features_of_other_crystals_are_refused():
    c = crystals()
    with pytest.raises(
        ValueError, match=r"features \(3, 4, 5\) for crystals \(14, 4\): need one row"
    ):
        train_aligned(c, torch.zeros(3, 4, 5), TINY)
