"""Noise without a centre of mass: 3(N − 1) dimensions, in every constant."""

import math

import pytest
import torch

from helpers.noise.zerocom import (
    centred_noise,
    dimensions,
    gaussian_kl,
    log_density,
    remove_mean,
)

INDEX = torch.tensor([0, 2, 0, 1, 2, 0, 2, 2])


def rng(seed):
    return torch.Generator().manual_seed(seed)


def test_every_cloud_is_centred_and_twice_is_once():
    x = torch.randn(8, 3, generator=rng(0), dtype=torch.float64)
    y = remove_mean(x, INDEX, 3)
    for k in range(3):
        assert y[INDEX == k].sum(0).abs().max() < 1e-12
    assert torch.allclose(remove_mean(y, INDEX, 3), y)
    assert torch.allclose(y[0] - y[2], x[0] - x[2])


def test_noise_keeps_three_times_one_less_than_the_number_of_points():
    n, size = 6000, 5
    index = torch.arange(n).repeat_interleave(size)
    z = centred_noise(torch.zeros(n * size, 3, dtype=torch.float64), index, n, rng(1))
    square = z.square().sum(1).reshape(n, size).sum(1)  # χ² with 12 degrees of freedom
    assert abs(float(square.mean()) - 12) < 5 * math.sqrt(24 / n)
    assert abs(float(square.var()) - 24) < 5 * 24 * math.sqrt(3 / n)
    assert dimensions(INDEX, 3).tolist() == [6, 0, 9]
    assert dimensions(INDEX, 3, centred=False).tolist() == [9, 3, 12]


def test_the_density_of_centred_clouds_is_that_in_a_basis_of_their_space():
    # An orthonormal basis of the centred clouds of 4 points, found by a singular value
    # decomposition: in it the law is an ordinary normal one.
    keep = torch.eye(4, dtype=torch.float64) - 0.25
    basis = torch.linalg.svd(keep).U[:, :3]
    x = centred_noise(torch.zeros(4, 3, dtype=torch.float64), torch.zeros(4).long(), 1, rng(2))
    inside = (basis.mT @ x).flatten()
    want = torch.distributions.Normal(0.0, 0.7).log_prob(inside).sum()
    got = log_density(x, torch.zeros(4).long(), 1, 0.7)
    assert torch.allclose(got, want[None])
    free = log_density(x, torch.zeros(4).long(), 1, torch.tensor([0.7]), centred=False)
    assert torch.allclose(free, torch.distributions.Normal(0.0, 0.7).log_prob(x).sum()[None])


def test_the_entropy_counts_the_directions():
    n = 4000
    index = torch.arange(n).repeat_interleave(4)
    z = centred_noise(torch.zeros(4 * n, 3, dtype=torch.float64), index, n, rng(3))
    entropy = -log_density(z, index, n)
    want = 4.5 * math.log(2 * math.pi * math.e)  # (3/2)(N − 1) log 2πe
    assert abs(float(entropy.mean()) - want) < 5 * math.sqrt(4.5 / n)


def test_the_divergence_of_two_normals_is_that_of_torch():
    mean = torch.tensor([0.3, -1.0, 0.5], dtype=torch.float64)
    p, q = torch.distributions.Normal(0.0, 1.3), torch.distributions.Normal(mean, 0.6)
    want = torch.distributions.kl_divergence(q, p).sum()
    got = gaussian_kl(mean.square().sum(), 0.6, 1.3, torch.tensor(3))
    assert torch.allclose(got, want)


def test_a_density_of_clouds_that_are_not_centred_is_refused():
    with pytest.raises(ValueError, match="the clouds are not centred: take their mean off first"):
        log_density(torch.ones(4, 3), torch.zeros(4).long(), 1)
