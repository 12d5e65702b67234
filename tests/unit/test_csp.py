"""Structure prediction: the lattice's six numbers, the joint loss, and a run in miniature."""

import math
from functools import partial

import pytest
import torch

from helpers.learn import EMA, train
from helpers.matter import (
    Crystals,
    cell_parameters,
    cell_to_vector,
    pack,
    prototypes,
    radius_length,
    stand_in,
    vector_to_cell,
    volume,
)
from helpers.models.crystals import CrystalNet
from helpers.models.csp import (
    FULL,
    SMALL,
    Recipe,
    joint_step,
    predict_structures,
    train_joint,
)
from helpers.models.joint import JointDenoiser, joint_loss

TINY = Recipe(hidden=16, layers=1, largest=1, n_steps=4, batch=8, lr=1e-3)


@pytest.fixture(scope="module")
def training() -> Crystals:
    return stand_in(40, torch.Generator().manual_seed(0)).crystals


@pytest.fixture
def joint(training) -> JointDenoiser:
    torch.manual_seed(0)
    return JointDenoiser(CrystalNet(16, 1, 1, lattice_head=True), training).double()


# --- six numbers ------------------------------------------------------------------------------
def test_six_numbers_and_back_keep_lengths_angles_and_volume():
    g = torch.Generator().manual_seed(0)
    cell = 4 * torch.eye(3, dtype=torch.float64) + torch.empty(50, 3, 3).double().normal_(
        generator=g
    )
    cell = cell[torch.linalg.det(cell) > 5]
    back = vector_to_cell(cell_to_vector(cell))
    torch.testing.assert_close(cell_parameters(back), cell_parameters(cell))
    torch.testing.assert_close(back, back.mT)


def test_any_six_numbers_are_a_cell_of_the_volume_that_the_trace_says():
    vector = torch.empty(100, 6).double().normal_(generator=torch.Generator().manual_seed(0))
    cell = vector_to_cell(vector)
    torch.testing.assert_close(torch.linalg.det(cell), vector[:, [0, 3, 5]].sum(-1).exp())
    torch.testing.assert_close(cell_to_vector(cell), vector)
    with pytest.raises(ValueError, match="a lattice has six numbers"):
        vector_to_cell(vector[:, :5])


def test_the_length_from_radii_counts_atoms_and_not_padding():
    # Covalent radii: Ba 2.15, Ti 1.60, O 0.66 Å.
    expected = (2.15**3 + 1.60**3 + 3 * 0.66**3) ** (1 / 3)
    species = torch.tensor([[56, 22, 8, 8, 8, 0, 0], [8, 8, 0, 8, 22, 56, 0]])
    assert radius_length(species).tolist() == pytest.approx([expected] * 2)
    with pytest.raises(ValueError, match="a structure without atoms has no length"):
        radius_length(torch.zeros(1, 3, dtype=torch.int64))


# --- the joint denoiser -----------------------------------------------------------------------
def test_a_state_and_its_crystals_are_the_same(joint, training):
    state = joint.encode(training)
    lengths = state["cell"][:, [0, 3, 5]]
    assert abs(float(state["cell"].mean())) < 1e-6
    assert float(lengths.square().mean()) == pytest.approx(1, rel=1e-6)
    back = joint.decode(state, training.species)
    torch.testing.assert_close(volume(back.cell), volume(training.cell))
    assert torch.equal(back.frac, training.frac) and torch.equal(back.species, training.species)


def test_the_prior_is_uniform_atoms_and_a_standard_normal_cell(joint):
    species = torch.tensor([[56, 22, 8, 8, 8]]).expand(2000, 5)
    state = joint.prior(species, torch.Generator().manual_seed(0))
    n = state["frac"].numel()
    assert abs(float(state["frac"].mean()) - 0.5) < 5 * 12**-0.5 / n**0.5
    assert float(state["cell"].std()) == pytest.approx(1, abs=5 / (2 * 12_000) ** 0.5)


def test_the_cell_is_read_as_the_mix_that_leaves_a_perfect_answer(joint, training, monkeypatch):
    """A network that says the target exactly gives back clean cells and the noise of the atoms."""
    clean = joint.encode(training)
    t = torch.full((len(training.cell),), 0.4, dtype=torch.float64)
    g = torch.Generator().manual_seed(0)
    x, eps = joint.torus.perturb(clean["frac"], t, g)
    y, noise = joint.flat.perturb(clean["cell"], t, g)
    a, s = math.cos(0.2 * math.pi), math.sin(0.2 * math.pi)
    torch.testing.assert_close(y, a * clean["cell"] + s * noise)
    monkeypatch.setattr(joint.net, "both", lambda *_: (eps, s * clean["cell"] - a * noise))
    p = joint({"frac": x, "cell": y}, t, training.species)
    torch.testing.assert_close(p["cell"].x0, clean["cell"])
    torch.testing.assert_close(p["frac"].eps, eps)


def test_the_loss_of_a_perfect_answer_is_zero_whatever_the_common_shift(
    joint, training, monkeypatch
):
    t = torch.linspace(0.05, 0.95, len(training.cell), dtype=torch.float64)
    clean = joint.encode(training)
    g = torch.Generator().manual_seed(3)
    _, eps = joint.torus.perturb(clean["frac"], t, g)
    _, noise = joint.flat.perturb(clean["cell"], t, g)
    a, s = torch.cos(math.pi / 2 * t)[:, None], torch.sin(math.pi / 2 * t)[:, None]
    right = (eps - eps.mean(1, keepdim=True), s * clean["cell"] - a * noise)

    def value(out):
        monkeypatch.setattr(joint.net, "both", lambda *_: out)
        return float(joint_loss(joint, training, t, torch.Generator().manual_seed(3)))

    assert value(right) < 1e-12
    assert value((right[0] + 0.5, right[1])) == pytest.approx(0.25)
    assert value((right[0], right[1] + 0.5)) == pytest.approx(0.3 * 0.25)


def test_padded_crystals_are_refused(joint):
    batch = pack([c._replace(cell=c.cell.double()) for c in prototypes().values()])
    with pytest.raises(ValueError, match="crystals of one size, without padding"):
        joint_loss(joint, batch, torch.rand(3))


def test_the_order_of_the_atoms_does_not_matter(joint, training):
    """The file lists A first; a model that used that would be told what it has to find."""
    state = joint.encode(training)
    order = torch.tensor([2, 4, 1, 0, 3])
    moved = {"frac": state["frac"][:, order], "cell": state["cell"]}
    t = torch.tensor(0.3, dtype=torch.float64)
    p, q = joint(state, t, training.species), joint(moved, t, training.species[:, order])
    torch.testing.assert_close(p["frac"].eps[:, order], q["frac"].eps)
    torch.testing.assert_close(p["cell"].x0, q["cell"].x0)


def test_one_step_corrects_the_atoms_alone_and_then_moves_both(joint, training):
    state = joint.prior(training.species, torch.Generator().manual_seed(0))
    t, s = torch.tensor([0.5, 0.4], dtype=torch.float64)
    seen = []
    joint.register_forward_hook(lambda _, args, __: seen.append((args[0], float(args[1]))))
    with torch.no_grad():
        moved = joint_step(joint, training.species, 2, 0.1, torch.Generator().manual_seed(0))(
            state, t, s
        )
    assert [time for _, time in seen] == [0.5] * 3
    assert all(torch.equal(x["cell"], state["cell"]) for x, _ in seen)
    assert not torch.equal(seen[1][0]["frac"], state["frac"])
    assert not torch.equal(moved["cell"], state["cell"])
    # A Langevin move of length √(2h) = 2 snr σ(½), σ(½) = √(0.02 · 0.5) = 0.1.
    first = seen[1][0]["frac"] - seen[0][0]["frac"]
    assert float((first - first.round()).std()) == pytest.approx(2 * 0.1 * 0.1, rel=0.15)


# --- runs -------------------------------------------------------------------------------------
def test_the_recipes_say_what_they_cost():
    assert SMALL.n_steps * SMALL.batch < 400_000 and FULL.hidden > SMALL.hidden


def test_a_run_repeats_and_goes_on_from_its_checkpoint(training, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_STATIC", "1")
    whole = train_joint(training, TINY, seed=1)
    file = tmp_path / "run.pt"
    updates, update = [], EMA.update

    def stopped(ema):
        if len(updates) == 2:
            raise KeyboardInterrupt
        updates.append(1)
        update(ema)

    with monkeypatch.context() as patch:  # the third update is interrupted; two were saved
        patch.setattr("helpers.models.csp.train", partial(train, save_every=2))
        patch.setattr(EMA, "update", stopped)
        with pytest.raises(KeyboardInterrupt):
            train_joint(training, TINY, seed=1, checkpoint=str(file))
    assert torch.load(file)["done"] == 2
    again = train_joint(training, TINY, seed=1, checkpoint=str(file))
    assert torch.equal(again.losses, whole.losses) and len(whole.losses) == 4
    for a, b in zip(again.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(a, b)
    other = train_joint(training, TINY, seed=2)
    assert not torch.equal(other.losses, whole.losses)


def test_a_prediction_has_the_asked_composition_and_every_time(training, monkeypatch):
    monkeypatch.setenv("COURSE_STATIC", "1")
    model = train_joint(training, TINY).model
    species = training.species[:6]
    way = predict_structures(model, species, 5, 1, generator=torch.Generator().manual_seed(0))
    again = predict_structures(model, species, 5, 1, generator=torch.Generator().manual_seed(0))
    assert len(way) == 7 and torch.equal(way[-1].frac, again[-1].frac)
    last = way[-1]
    assert torch.equal(last.species, species) and bool(last.mask.all())
    assert bool(((last.frac >= 0) & (last.frac < 1)).all()) and bool((volume(last.cell) > 0).all())
    with pytest.raises(ValueError, match="need at least one step from noise to data"):
        predict_structures(model, species, 0)


def test_a_short_training_learns_the_size_of_the_cell(training, monkeypatch):
    """Cells near 4 Å, one composition: after 150 updates so are the predictions."""
    monkeypatch.setenv("COURSE_STATIC", "1")
    cell = 4 * torch.eye(3).expand(len(training.cell), 3, 3)
    spread = 1 + 0.05 * torch.linspace(-1, 1, len(cell))[:, None, None]
    species = torch.tensor([[56, 22, 8, 8, 8]]).expand(len(cell), 5)
    alike = training._replace(cell=cell * spread, species=species, frac=training.frac.float())
    recipe = Recipe(16, 1, 1, n_steps=150, batch=32, lr=1e-2)
    trained = train_joint(alike, recipe)
    assert float(trained.losses[-30:].mean()) < 0.9 * float(trained.losses[:10].mean())
    g = torch.Generator().manual_seed(0)
    made = predict_structures(trained.model, species, 20, 0, generator=g)
    length = volume(made[-1].cell) ** (1 / 3)
    assert abs(float(length.mean()) - 4) < 0.05 and 0.05 < float(length.std()) < 0.25
    angles = cell_parameters(made[-1].cell)[:, 3:]
    assert float((angles - 90).abs().mean()) < 4
