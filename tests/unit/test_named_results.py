"""What the rooms hand back has names, and two families share one interface each."""

import pytest
import torch

from helpers.evaluate import Contained, Floor, Modes, contain, count_modes, energy_distance, floor
from helpers.noise import (
    VE,
    VP,
    BetaTable,
    Cosine,
    Euclidean,
    Gaussian,
    GaussianMixture,
    Linear,
    Path,
    Schedule,
    Space,
    Torus,
    ZeroMean,
    cross,
    mix,
)
from helpers.sample import Encoded, Move, log_likelihood, mala


def test_every_schedule_and_space_keeps_the_interface():
    assert all(isinstance(s, Schedule) for s in (VP(), VE(), Cosine(), Linear()))
    assert isinstance(BetaTable.linear(10), Schedule)
    assert all(isinstance(s, Space) for s in (Euclidean(), Torus(), ZeroMean()))


def test_measurements_come_back_under_names():
    law = cross()
    x = law.sample(500, torch.Generator().manual_seed(0))
    assert isinstance(contain(x, 10.0), Contained)
    assert isinstance(count_modes(x, law.means, 0.25), Modes)
    assert isinstance(floor(lambda g: law.sample(100, g), energy_distance, 3), Floor)


def test_samplers_come_back_under_names():
    move = mala(lambda x: 0.5 * x[..., 0] ** 2, lambda x: -x, torch.zeros(4, 1), 0.1)
    assert isinstance(move, Move) and move.accepted.shape == (4,)
    law, path = GaussianMixture(torch.zeros(1, 2), 1.0), Path(Cosine())
    times = torch.linspace(0.001, 0.9, 6, dtype=torch.float64)
    got = log_likelihood(law.denoiser(path), torch.zeros(3, 2), times, law.log_prob)
    assert isinstance(got, Encoded) and got.log_prob.shape == (3,)


def test_bad_laws_and_tables_are_refused_in_words():
    with pytest.raises(ValueError, match="cov must be symmetric with positive eigenvalues"):
        Gaussian(torch.zeros(2), -torch.eye(2))
    with pytest.raises(ValueError, match='kind "edm" scales by the data'):
        mix("edm", VP(), torch.tensor(0.5))
    for betas in ((), (0.5, 1.0)):
        with pytest.raises(ValueError, match="every β of the table must lie between 0 and 1"):
            BetaTable(betas)
    with pytest.raises(ValueError, match="the times of a likelihood must rise"):
        log_likelihood(None, torch.zeros(1, 2), torch.tensor([1.0, 0.0]), None)
