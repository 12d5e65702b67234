"""The generator and the hull that come with the course: they load, fit, and know something."""

import torch

from benchmarks.mattergen import counts, heat_of, make, targets
from helpers.evaluate.hull import HULL, above_hull, load_hull
from helpers.evaluate.sun import random_crystals, validity
from helpers.matter import stand_in
from helpers.matter.library import small_crystals
from helpers.models.conditions import CONDITIONS
from helpers.models.gemnet import SMALL, parameters_by_module
from helpers.models.mattergen import generate
from helpers.models.mattergen_data import training_set
from helpers.models.mattergen_training import ADAPT, FAST
from helpers.models.mattergen_weights import WEIGHTS, load_mattergen


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def few():
    small = [one.crystal for one in small_crystals()[::40]]
    perov = stand_in(10, seeded(0))
    return training_set(small, perov._replace(heat_all=torch.linspace(0, 2, 10).double()))


def test_the_weights_belong_to_the_recipe():
    kept = load_mattergen()
    assert kept.model.net.size == FAST.size == SMALL
    assert set(kept.model.net.properties) == set(CONDITIONS)
    assert WEIGHTS.stat().st_size < 1_000_000
    assert 1.0 < kept.mean < 2.0 and 0.5 < kept.std < 1.0  # eV, of 3787 perovskites
    assert sum(parameters_by_module(kept.model.net).values()) < 300_000
    mixes = [w for n, w in kept.model.named_parameters() if n.endswith("mix.weight")]
    assert mixes and all(bool((w != 0).any()) for w in mixes)


def test_it_makes_better_crystals_than_chance():
    model, n = load_mattergen().model, torch.tensor([5] * 16)
    made = generate(model, n, 20, generator=seeded(200))
    chance = validity(random_crystals(made, seeded(201))).all.double().mean()
    assert float(validity(made).all.double().mean()) > float(chance) + 0.2


def test_the_first_updates_of_the_recipe():
    data = few()
    tiny = FAST._replace(n_steps=2, batch=4)
    kept = make(data, 0, tiny, ADAPT._replace(n_steps=2, batch=4))
    assert kept.mean == data.mean and kept.note == "seed 0, 2 + 2 updates of 4"
    asked = targets(data, 3, seeded(1))
    assert asked["space_group"]["space_group"].tolist() == [221] * 3
    assert bool((asked["chemical_system"]["chemical_system"].sum(-1) >= 3).all())
    assert counts(data.crystals.species).shape == (len(data.odds), 102)
    assert heat_of(data, data.crystals).shape == data.odds.shape


def test_the_hull_has_its_own_phases_at_or_above_it():
    phases = load_hull(HULL)
    assert len(phases) > 150
    species = torch.tensor([[13, 0], [11, 17], [26, 0]])
    known = {str(sorted(p.shares.items())): p.energy for p in phases}
    energy = torch.tensor([known[str([(13, 1.0)])], known[str([(11, 0.5), (17, 0.5)])], -8.0])
    above = above_hull(phases, species, energy.double())
    assert abs(float(above[0])) < 1e-6
    assert -1e-6 < float(above[1]) < 0.05
    assert float(above[2]) > 0  # iron is at about −8.2 eV
