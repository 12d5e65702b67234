"""Linear probes against a brute-force oracle, their scores, and retrieval."""

import math

import pytest
import torch

from helpers.evaluate.probes import (
    Probe,
    accuracy,
    fit_probe,
    most_frequent,
    one_hot,
    r_squared,
    retrieval,
)


def data(n=50, f=4, k=2, seed=0):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, f, generator=g, dtype=torch.float64) * torch.logspace(-1, 1, f) + 3
    y = x @ torch.randn(f, k, generator=g, dtype=torch.float64) - 5
    return x, y + 0.1 * torch.randn(n, k, generator=g, dtype=torch.float64)


def test_a_probe_is_the_minimum_of_its_objective():
    """Least squares with extra rows √penalty and a free bias, on standardised features."""
    x, y = data()
    z = (x - x.mean(0)) / x.std(0, correction=0)
    for penalty in (1e-3, 1.0, 300.0):
        rows = torch.cat(
            [torch.cat([z, torch.ones(50, 1).double()], 1), torch.zeros(4, 5).double()]
        )
        rows[50:, :4] = math.sqrt(penalty) * torch.eye(4)
        best = torch.linalg.lstsq(rows, torch.cat([y, torch.zeros(4, 2).double()])).solution
        probe = fit_probe(x, y, penalty)
        assert isinstance(probe, Probe)
        assert torch.allclose(probe.weight, best[:4]) and torch.allclose(probe.bias, best[4])
        assert torch.allclose(probe(x), z @ best[:4] + best[4])


def test_limits_of_the_penalty_and_units_of_the_features():
    x, y = data()
    assert torch.allclose(fit_probe(x, y, 1e12)(x), y.mean(0).expand_as(y), atol=1e-6)
    line = x @ torch.ones(4, 1).double() + 2
    assert torch.allclose(fit_probe(x, line, 1e-9)(x), line, atol=1e-6)
    scaled = x * torch.tensor([1.0, 100.0, 0.01, 5.0])
    assert torch.allclose(fit_probe(scaled, y)(scaled), fit_probe(x, y)(x))


def test_a_constant_feature_says_nothing_and_breaks_nothing():
    x, y = data()
    with_constant = torch.cat([x, torch.full((50, 1), 7.0).double()], 1)
    assert torch.allclose(fit_probe(with_constant, y)(with_constant), fit_probe(x, y)(x))


def test_scores_of_known_answers():
    said = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    assert accuracy(said, torch.tensor([0, 1, 1, 1])) == 0.75
    assert most_frequent(torch.tensor([0, 1, 1]), torch.tensor([1, 0, 1, 1])) == 0.75
    assert one_hot(torch.tensor([2, 0]), 4).tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]
    assert one_hot(torch.tensor([1, 0])).dtype == torch.float64
    y = torch.tensor([[1.0], [2.0], [3.0]])
    assert r_squared(y, y) == 1 and r_squared(torch.full((3, 1), 2.0), y) == 0
    assert r_squared(-y + 4, y) == -3


def test_retrieval_of_known_answers():
    library = torch.eye(4) * torch.tensor([1.0, 10.0, 0.1, 3.0])
    assert retrieval(library, library) == 1
    assert retrieval(library.roll(1, 0), library) == 0
    query = library.clone()
    query[0] = torch.tensor([0.1, 5.0, 0.0, 0.0])
    assert retrieval(query, library) == 0.75
    assert retrieval(query, library, torch.tensor([7, 7, 8, 9])) == 1


def test_bad_input_is_refused_in_words():
    x, y = data()
    with pytest.raises(
        ValueError, match=r"features of shape \(50, 4\) and targets of shape \(49, 2\)"
    ):
        fit_probe(x, y[:-1])
    with pytest.raises(ValueError, match="penalty = 0: it must be positive"):
        fit_probe(x, y, 0)
    with pytest.raises(ValueError, match="the target is constant: there is nothing to explain"):
        r_squared(y, torch.ones(50, 2))
    with pytest.raises(
        ValueError, match=r"queries \(50, 4\) and library \(49, 4\): need one for one"
    ):
        retrieval(x, x[:-1])
