"""The joint generator: its preconditioning, losses, training, adapters, sampling and files."""

import pytest
import torch

from helpers.matter import Crystals, crystal, pack, stand_in
from helpers.models.conditions import chemical_system
from helpers.models.gemnet import SMALL, GemNet
from helpers.models.mattergen import (
    SMALL_NOISE,
    MatterGen,
    generate,
    joint_losses,
    sound_cell,
    trajectory_of,
)
from helpers.models.mattergen_data import training_set
from helpers.models.mattergen_training import ADAPT, FAST, FULL, Recipe, train_mattergen
from helpers.models.mattergen_weights import WEIGHTS, Kept, load_mattergen, save_mattergen
from helpers.noise.lattice import symmetric_cell
from helpers.noise.spaces import Torus

TINY = SMALL._replace(atom=16, edge=16, triplet=8, bilinear=8, radial=6, spherical=3, cutoff=4.0)
QUICK = Recipe(TINY, n_steps=2, batch=4)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def data():
    g, small = seeded(0), []
    for n in (1, 2, 4):
        cell = symmetric_cell(3.5 * torch.eye(3) + 0.3 * torch.randn(3, 3, generator=g))
        small.append(crystal(cell, torch.rand(n, 3, generator=g), torch.full((n,), 13)))
    perov = stand_in(12, g)
    heats = torch.linspace(0, 3, 12, dtype=torch.float64)
    return training_set(small, perov._replace(heat_all=heats))


def model(**options):
    torch.manual_seed(0)
    return MatterGen(GemNet(TINY, **options))


def test_the_training_set_is_what_it_says(data):
    assert data.crystals.species.shape == (15, 5)
    assert data.crystals.cell.dtype == torch.float32
    assert float(data.odds[:3].sum()) == pytest.approx(0.5)
    assert bool(data.cond["scalar"][:3].isnan().all())
    assert float(data.cond["scalar"][3:].mean()) == pytest.approx(0, abs=1e-6)
    heat = data.cond["scalar"][3:] * data.std + data.mean
    assert torch.allclose(heat, torch.linspace(0, 3, 12), atol=1e-5)
    assert torch.equal(data.cond["chemical_system"], chemical_system(data.crystals.species))
    assert bool((data.cond["space_group"] >= 1).all())
    sizes = data.sizes(200, seeded(1))
    assert set(sizes.tolist()) == {1, 2, 4, 5}
    with pytest.raises(ValueError, match="0 small crystals and 2 perovskites: need both"):
        training_set([], stand_in(2))


def test_a_silent_network_already_knows_the_noise_end():
    # With M = 0 the lattice's answer is σ (C − mean)/std: at t = 1 this is the noise itself.
    m = model()
    for block in m.net.lattice:
        torch.nn.init.zeros_(block.out.linear.weight)
    n = torch.tensor([4, 2])
    state = m.noise.prior(n, seeded(2))
    with torch.no_grad():
        said = m(state, torch.ones(2))
    std = m.noise.cell.limit_std(n)[:, None, None]
    eps = (state.cell - m.noise.cell.limit_mean(n)) / std
    assert torch.allclose(said.cell, eps, atol=1e-3)
    live = state.mask[..., None]
    assert float((said.frac * live).sum(1).abs().max()) < 1e-5  # no common shift
    assert float((said.frac * ~live).abs().max()) == 0


def test_a_turned_inside_out_cell_is_made_sound():
    limit = SMALL_NOISE.cell.limit_mean(torch.tensor([4, 4]))
    cell = torch.stack([torch.diag(torch.tensor([4.0, -1.0, 3.0])), 4.0 * torch.eye(3)])
    found = sound_cell(cell, limit)
    assert torch.allclose(found[1], cell[1])
    assert float(torch.linalg.eigvalsh(found[0])[0]) == pytest.approx(0.35 * float(limit[0, 0, 0]))
    with torch.no_grad():
        state = SMALL_NOISE.prior(torch.tensor([4, 4]), seeded(3))._replace(cell=cell)
        assert all(bool(x.isfinite().all()) for x in model()(state, torch.ones(2)))


def test_losses_see_only_real_atoms(data):
    c = Crystals(*(x[:4] for x in data.crystals))
    t = torch.tensor([0.2, 0.4, 0.6, 0.8])
    with torch.no_grad():
        here = joint_losses(model(), c, t, generator=seeded(4))
        wide = Crystals(
            c.cell,
            torch.nn.functional.pad(c.frac, (0, 0, 0, 2)),
            torch.nn.functional.pad(c.species, (0, 2)),
            torch.nn.functional.pad(c.mask, (0, 2)),
        )
        there = joint_losses(model(), wide, t, generator=seeded(4))
    assert all(bool(x.isfinite()) for x in (*here, *there))
    # Padding draws other noise, so the values differ; a count of padding would shrink them.
    assert float(there.frac) > 0.5 * float(here.frac)
    zeros = (wide.frac[~wide.mask] == 0).all()
    assert bool(zeros)


def test_training_repeats_resumes_and_adapts(data, tmp_path):
    first = train_mattergen(data.crystals, QUICK, odds=data.odds)
    file = str(tmp_path / "run.pt")
    again = train_mattergen(data.crystals, QUICK, odds=data.odds, checkpoint=file)
    resumed = train_mattergen(data.crystals, QUICK, odds=data.odds, checkpoint=file)
    for other in (again, resumed):
        assert torch.equal(first.losses, other.losses) and bool(first.losses.isfinite().all())
    adapted = train_mattergen(
        data.crystals, QUICK, odds=data.odds, cond=data.cond, base=first.model
    )
    system = adapted.model.net.properties["chemical_system"].linear.weight
    rows = first.model.net.head.weight[:100]
    assert torch.allclose(system, rows.T / rows.std(), atol=0.05)  # as `start_from_head` set it
    base = first.model.state_dict()
    for name, weight in adapted.model.state_dict().items():
        if name in base:
            assert torch.equal(weight, base[name]), name
    mixes = [w for n, w in adapted.model.named_parameters() if n.endswith("mix.weight")]
    assert any(bool((w != 0).any()) for w in mixes)


def test_a_denoiser_learns_one_crystal():
    cell = 4.2 * torch.eye(3)
    one = crystal(cell, torch.tensor([[0.0, 0, 0], [0.5, 0.5, 0.5]]), [55, 17])
    recipe = QUICK._replace(n_steps=50, batch=8, lr=8e-3, size=TINY._replace(most=12))
    trained = train_mattergen(pack([one]), recipe)
    assert float(trained.losses[-10:].mean()) < 0.5 * float(trained.losses[:5].mean())
    made = generate(trained.model, [2] * 12, 20, generator=seeded(5))
    found = {tuple(sorted(row)) for row in made.species.tolist()}
    assert (17, 55) in found
    off = Torus().diff(made.frac[:, 0], made.frac[:, 1]).abs()
    assert float(off.mean()) > 0.3  # uniform would be 0.25, the crystal is 0.5


def test_generation_is_repeatable_and_conditioned(data):
    m = model(conditions=("space_group", "scalar"))
    with torch.no_grad():
        m.net.adapters["space_group"][0].mix.weight.normal_(generator=seeded(6))
    n = torch.tensor([5, 2])
    one, two = (generate(m, n, 3, generator=seeded(7)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    cond = {"space_group": torch.tensor([221, 225])}
    ways = [generate(m, n, 3, cond=cond, w=w, generator=seeded(7)) for w in (0.0, 1.0, 2.0)]
    assert torch.equal(ways[0].cell, one.cell)
    assert not torch.equal(ways[1].cell, one.cell) and not torch.equal(ways[1].cell, ways[2].cell)
    states = list(trajectory_of(m, n, 3, corrections=0, generator=seeded(8)))
    assert len(states) == 4 and bool((states[-1].species <= 100).all())
    with pytest.raises(ValueError, match="n_steps = 0: need at least one step"):
        generate(m, n, 0)


def test_weights_are_kept_in_half_precision(tmp_path):
    m = model(conditions=("scalar",), time=False)
    save_mattergen(tmp_path / "m.pt", Kept(m, 1.5, 0.7, "a test"))
    kept = load_mattergen(tmp_path / "m.pt")
    assert kept[1:] == (1.5, 0.7, "a test") and kept.model.noise == m.noise
    state = m.noise.prior(torch.tensor([3, 3]), seeded(9))
    with torch.no_grad():
        pairs = zip(m(state, torch.ones(2)), kept.model(state, torch.ones(2)), strict=True)
        assert all(torch.allclose(a, b, atol=0.02) for a, b in pairs)
    damaged = torch.load(tmp_path / "m.pt")
    damaged["weights"].popitem()
    torch.save(damaged, tmp_path / "m.pt")
    with pytest.raises(ValueError, match="does not fit the network it describes"):
        load_mattergen(tmp_path / "m.pt")


def test_recipes():
    assert FAST.n_steps <= 2500 and ADAPT.n_steps <= FAST.n_steps < FULL.n_steps
    assert WEIGHTS.name == "mattergen.pt"
