"""Chapter 02: what readers write, wrong and right."""

# A reader may define one name again and again; so does this file.
# ruff: noqa: F811

import math

import numpy as np
import torch
from variants import right, wrong

from helpers.noise import SDE

# ------------------------------------------------------------------------ double_well_force


def xy(fx, fy):
    return torch.stack([fx, fy], -1)


@wrong("gradient for force", says="(-0.500, -2.800), expected (0.500, 2.800): that is the gradient")
def double_well_force(x):
    return xy(x[..., 0] * (x[..., 0] ** 2 - 1.5), 1.4 * x[..., 1])


@wrong("inner derivative x", says="the x component of the force is 0.250, expected 0.500")
def double_well_force(x):
    return xy(-0.5 * x[..., 0] * (x[..., 0] ** 2 - 1.5), -1.4 * x[..., 1])


@wrong("inner derivative lost", says="the inner derivative 2x is missing")
def double_well_force(x):
    return xy(-0.5 * (x[..., 0] ** 2 - 1.5), -1.4 * x[..., 1])


@wrong("twice", says="twice too much")
def double_well_force(x):
    return xy(-2 * x[..., 0] * (x[..., 0] ** 2 - 1.5), -1.4 * x[..., 1])


@wrong("no quarter", says="the factor ¼ of the quartic is missing")
def double_well_force(x):
    return xy(-4 * x[..., 0] * (x[..., 0] ** 2 - 1.5), -1.4 * x[..., 1])


@wrong("one quarter too many", says="a quarter of it")
def double_well_force(x):
    return xy(-0.25 * x[..., 0] * (x[..., 0] ** 2 - 1.5), -1.4 * x[..., 1])


@wrong("bracket lost", says="the −1.5 in the bracket is lost")
def double_well_force(x):
    return xy(-(x[..., 0] ** 3), -1.4 * x[..., 1])


@wrong("still squared", says="the bracket is still squared")
def double_well_force(x):
    return xy(-x[..., 0] * (x[..., 0] ** 2 - 1.5) ** 2, -1.4 * x[..., 1])


@wrong("y without its 2", says="the derivative of y² is 2y: the factor 2 is missing")
def double_well_force(x):
    return xy(-x[..., 0] * (x[..., 0] ** 2 - 1.5), -0.7 * x[..., 1])


@wrong("y sign", says="the y component of the force is -2.80, expected 2.80")
def double_well_force(x):
    return xy(-x[..., 0] * (x[..., 0] ** 2 - 1.5), 1.4 * x[..., 1])


@wrong("no y", says="there is no force along y?")
def double_well_force(x):
    return xy(-x[..., 0] * (x[..., 0] ** 2 - 1.5), torch.zeros_like(x[..., 1]))


@wrong("places exchanged", says="x and y have changed places")
def double_well_force(x):
    return xy(-1.4 * x[..., 1], -x[..., 0] * (x[..., 0] ** 2 - 1.5))


@wrong("stacked in front", says="it returned the shape (2, 4), expected (4, 2), like x")
def double_well_force(x):
    return torch.stack([-x[..., 0] * (x[..., 0] ** 2 - 1.5), -1.4 * x[..., 1]])


@wrong("writes into x", says="the force changes x itself")
def double_well_force(x):
    x[..., 0] = -x[..., 0] * (x[..., 0] ** 2 - 1.5)
    x[..., 1] = -1.4 * x[..., 1]
    return x


@wrong("other well", says="the x component of the force is 0.000, expected 0.500 (x = 1, y = -2)")
def double_well_force(x):
    return xy(-x[..., 0] * (x[..., 0] ** 2 - 1), -1.4 * x[..., 1])


@right("autograd")
def double_well_force(x):
    x = x.detach().clone().requires_grad_()
    u = (x[..., 0] ** 2 - 1.5) ** 2 / 4 + 0.7 * x[..., 1] ** 2
    return -torch.autograd.grad(u.sum(), x)[0]


@right("multiplied out, written into a new tensor")
def double_well_force(x):
    force = torch.empty_like(x)
    force[..., 0] = 1.5 * x[..., 0] - x[..., 0] ** 3
    force[..., 1] = -2 * 0.7 * x[..., 1]
    return force


@right("float64, unbind")
def double_well_force(x):
    a, b = x.double().unbind(-1)
    return torch.stack((a * (1.5 - a * a), -1.4 * b), -1)


# ----------------------------------------------------------------- overdamped_langevin_step


@wrong("T for √T", says="T for √T?")
def overdamped_langevin_step(force, x, T, h):
    return x + h * force(x) + T * math.sqrt(2 * h) * torch.randn_like(x)


@wrong("no 2", says="√(Th): the 2 under the root is missing?")
def overdamped_langevin_step(force, x, T, h):
    return x + h * force(x) + math.sqrt(T * h) * torch.randn_like(x)


@wrong("h for √h", says="h for √h?")
def overdamped_langevin_step(force, x, T, h):
    return x + h * force(x) + h * math.sqrt(2 * T) * torch.randn_like(x)


@wrong("kick without h", says="the factor √h is missing?")
def overdamped_langevin_step(force, x, T, h):
    return x + h * force(x) + math.sqrt(2 * T) * torch.randn_like(x)


@wrong("variance for standard deviation", says="the square root is missing? This is the variance")
def overdamped_langevin_step(force, x, T, h):
    return x + h * force(x) + 2 * T * h * torch.randn_like(x)


@wrong("2 outside the root", says="2√(Th): the 2 belongs under the root")
def overdamped_langevin_step(force, x, T, h):
    return x + h * force(x) + 2 * math.sqrt(T * h) * torch.randn_like(x)


@wrong("force without h", says="the mean move is 20.0, expected 0.2")
def overdamped_langevin_step(force, x, T, h):
    return x + force(x) + math.sqrt(2 * T * h) * torch.randn_like(x)


@wrong("uphill", says="the sign: this walks uphill")
def overdamped_langevin_step(force, x, T, h):
    return x - h * force(x) + math.sqrt(2 * T * h) * torch.randn_like(x)


@wrong("score for force", says="the force is divided by T? That would be the score")
def overdamped_langevin_step(force, x, T, h):
    return x + h * force(x) / max(T, 1e-9) + math.sqrt(2 * T * h) * torch.randn_like(x)


@wrong("force times T", says="the force is multiplied by T?")
def overdamped_langevin_step(force, x, T, h):
    return x + T * h * force(x) + math.sqrt(2 * T * h) * torch.randn_like(x)


@wrong("√h on the force", says="√h on the force? It takes h")
def overdamped_langevin_step(force, x, T, h):
    return x + math.sqrt(h) * (force(x) + math.sqrt(2 * T) * torch.randn_like(x))


@wrong("move only", says="only the move is returned; the old x is missing?")
def overdamped_langevin_step(force, x, T, h):
    return h * force(x) + math.sqrt(2 * T * h) * torch.randn_like(x)


@wrong("force at the new point", says="the force is taken at the new point")
def overdamped_langevin_step(force, x, T, h):
    return x + h * force(x + h * force(x)) + math.sqrt(2 * T * h) * torch.randn_like(x)


@wrong("one kick for all", says="all particles get the same kick")
def overdamped_langevin_step(force, x, T, h):
    return x + h * force(x) + math.sqrt(2 * T * h) * torch.randn(1)


@wrong("rand", says="rand instead of randn?")
def overdamped_langevin_step(force, x, T, h):
    return x + h * force(x) + math.sqrt(2 * T * h) * torch.rand_like(x)


@wrong("no temperature", says="the temperature is missing?")
def overdamped_langevin_step(force, x, T, h):
    return x + h * force(x) + (T > 0) * math.sqrt(2 * h) * torch.randn_like(x)


@wrong("no noise", says="there is no kick")
def overdamped_langevin_step(force, x, T, h):
    return x + h * force(x)


@wrong("h under the root alone", says="√2·T·h: the root goes over all three")
def overdamped_langevin_step(force, x, T, h):
    return x + h * force(x) + math.sqrt(2) * T * h * torch.randn_like(x)


@wrong("root of a float by torch", says="sqrt(): argument 'input'")
def overdamped_langevin_step(force, x, T, h):
    return x + h * force(x) + torch.sqrt(2 * T * h) * torch.randn_like(x)


@right("torch.normal")
def overdamped_langevin_step(force, x, T, h):
    return torch.normal(x + h * force(x), (2 * T * h) ** 0.5)


@right("in place")
def overdamped_langevin_step(force, x, T, h):
    f = force(x)
    x += h * f
    x.add_(torch.randn(x.shape), alpha=(2 * T * h) ** 0.5)
    return x


@right("Euler–Maruyama with σ = √(2T)")
def overdamped_langevin_step(force, x, T, h):
    sigma = (2 * T) ** 0.5
    dW = torch.empty_like(x).normal_() * h**0.5
    return x + force(x) * h + sigma * dW


# ------------------------------------------------------------------------ metropolis_accept


def ways(force, x, y, h):
    return (y - x - h * force(x)).square().sum(-1), (x - y - h * force(y)).square().sum(-1)


@wrong("asymmetry forgotten", says="the proposal's asymmetry is forgotten")
def metropolis_accept(energy, force, x, y, T, h):
    return torch.exp((energy(x) - energy(y)) / T).clamp(max=1)


@wrong("upside down", says="the whole ratio is upside down")
def metropolis_accept(energy, force, x, y, T, h):
    there, back = ways(force, x, y, h)
    return torch.exp((energy(y) - energy(x)) / T + (back - there) / (4 * T * h)).clamp(max=1)


@wrong("energies exchanged", says="the energies are exchanged: going down must help")
def metropolis_accept(energy, force, x, y, T, h):
    there, back = ways(force, x, y, h)
    return torch.exp((energy(y) - energy(x)) / T + (there - back) / (4 * T * h)).clamp(max=1)


@wrong("proposals exchanged", says="the proposals are exchanged")
def metropolis_accept(energy, force, x, y, T, h):
    there, back = ways(force, x, y, h)
    return torch.exp((energy(x) - energy(y)) / T + (back - there) / (4 * T * h)).clamp(max=1)


@wrong("min missing", says="the min(1, …) is missing")
def metropolis_accept(energy, force, x, y, T, h):
    there, back = ways(force, x, y, h)
    return torch.exp((energy(x) - energy(y)) / T + (there - back) / (4 * T * h))


@wrong("max for min", says="max(1, …) for min(1, …)?")
def metropolis_accept(energy, force, x, y, T, h):
    there, back = ways(force, x, y, h)
    return torch.exp((energy(x) - energy(y)) / T + (there - back) / (4 * T * h)).clamp(min=1)


@wrong("logarithm", says="that is the logarithm")
def metropolis_accept(energy, force, x, y, T, h):
    there, back = ways(force, x, y, h)
    return ((energy(x) - energy(y)) / T + (there - back) / (4 * T * h)).clamp(max=0)


@wrong("force at x both ways", says="the way back uses the force at x; it starts at y")
def metropolis_accept(energy, force, x, y, T, h):
    there = (y - x - h * force(x)).square().sum(-1)
    back = (x - y - h * force(x)).square().sum(-1)
    return torch.exp((energy(x) - energy(y)) / T + (there - back) / (4 * T * h)).clamp(max=1)


@wrong("2Th", says="2Th for 4Th")
def metropolis_accept(energy, force, x, y, T, h):
    there, back = ways(force, x, y, h)
    return torch.exp((energy(x) - energy(y)) / T + (there - back) / (2 * T * h)).clamp(max=1)


@wrong("4h", says="the T is missing under the squares")
def metropolis_accept(energy, force, x, y, T, h):
    there, back = ways(force, x, y, h)
    return torch.exp((energy(x) - energy(y)) / T + (there - back) / (4 * h)).clamp(max=1)


@wrong("energy without T", says="the energy difference is not divided by T")
def metropolis_accept(energy, force, x, y, T, h):
    there, back = ways(force, x, y, h)
    return torch.exp(energy(x) - energy(y) + (there - back) / (4 * T * h)).clamp(max=1)


@wrong("no energies", says="the energies are missing")
def metropolis_accept(energy, force, x, y, T, h):
    there, back = ways(force, x, y, h)
    return torch.exp((there - back) / (4 * T * h)).clamp(max=1)


@wrong("aims without h", says="h is missing: the step aims at x + h · force(x)")
def metropolis_accept(energy, force, x, y, T, h):
    there, back = ways(force, x, y, 1.0)
    return torch.exp((energy(x) - energy(y)) / T + (there - back) / (4 * T * h)).clamp(max=1)


@wrong("aims uphill", says="the step aims at x + h · force(x), with a plus")
def metropolis_accept(energy, force, x, y, T, h):
    there, back = ways(force, x, y, -h)
    return torch.exp((energy(x) - energy(y)) / T + (there - back) / (4 * T * h)).clamp(max=1)


@wrong("dimension by dimension", says="it returned the shape (5, 2), expected (5,), one number")
def metropolis_accept(energy, force, x, y, T, h):
    there = (y - x - h * force(x)) ** 2
    back = (x - y - h * force(y)) ** 2
    ratio = (energy(x) - energy(y))[:, None] / T + (there - back) / (4 * T * h)
    return torch.exp(ratio).clamp(max=1)


@wrong("yes or no", says="it returned numbers of the type bool")
def metropolis_accept(energy, force, x, y, T, h):
    there, back = ways(force, x, y, h)
    log_ratio = (energy(x) - energy(y)) / T + (there - back) / (4 * T * h)
    return torch.rand(len(x)).log() < log_ratio


@wrong("always", says="every move is accepted")
def metropolis_accept(energy, force, x, y, T, h):
    return torch.ones(len(x))


@wrong("product of exponentials", says="multiply after taking logarithms")
def metropolis_accept(energy, force, x, y, T, h):
    there, back = ways(force, x, y, h)
    boltzmann = torch.exp((energy(x) - energy(y)) / T)
    proposal = torch.exp(-back / (4 * T * h)) / torch.exp(-there / (4 * T * h))
    return torch.clamp(boltzmann * proposal, max=1)


@right("torch.minimum, normal laws by torch")
def metropolis_accept(energy, force, x, y, T, h):
    def log_q(end, start):
        aim = start + h * force(start)
        return torch.distributions.Normal(aim, (2 * T * h) ** 0.5).log_prob(end).sum(-1)

    log_ratio = -energy(y) / T + log_q(x, y) + energy(x) / T - log_q(y, x)
    return torch.minimum(torch.ones_like(log_ratio), log_ratio.exp())


@right("float64, min of the logarithm first")
def metropolis_accept(energy, force, x, y, T, h):
    x, y = x.double(), y.double()
    there, back = ways(force, x, y, h)
    return (-(energy(y) - energy(x)) / T - (back - there) / 4 / T / h).clamp(max=0).exp()


# ------------------------------------------------------------------- gaussian_mixture_score


def apart_and_squares(x, means):
    apart = means - x[:, None, :]
    return apart, apart.square().sum(-1)


@wrong("responsibilities missing", says="the responsibilities are missing")
def gaussian_mixture_score(x, means, std, weights):
    apart, _ = apart_and_squares(x, means)
    return (weights[:, None] * apart).sum(1) / std**2


@wrong("sign", says="the sign: a score points towards the mode")
def gaussian_mixture_score(x, means, std, weights):
    apart, d2 = apart_and_squares(x, means)
    share = (weights.log() - d2 / (2 * std**2)).softmax(-1)
    return -(share[..., None] * apart).sum(1) / std**2


@wrong("σ for σ²", says="σ for σ²: the pull is (mean − x) / σ²")
def gaussian_mixture_score(x, means, std, weights):
    apart, d2 = apart_and_squares(x, means)
    share = (weights.log() - d2 / (2 * std**2)).softmax(-1)
    return (share[..., None] * apart).sum(1) / std


@wrong("no σ²", says="the division by σ² is missing")
def gaussian_mixture_score(x, means, std, weights):
    apart, d2 = apart_and_squares(x, means)
    share = (weights.log() - d2 / (2 * std**2)).softmax(-1)
    return (share[..., None] * apart).sum(1)


@wrong("weights ignored", says="the weights of the modes are ignored")
def gaussian_mixture_score(x, means, std, weights):
    apart, d2 = apart_and_squares(x, means)
    share = (-d2 / (2 * std**2)).softmax(-1)
    return (share[..., None] * apart).sum(1) / std**2


@wrong("sum of pulls", says="all pulls are added")
def gaussian_mixture_score(x, means, std, weights):
    apart, _ = apart_and_squares(x, means)
    return apart.sum(1) / std**2


@wrong("mean of pulls", says="the pulls are averaged alike")
def gaussian_mixture_score(x, means, std, weights):
    apart, _ = apart_and_squares(x, means)
    return apart.mean(1) / std**2


@wrong("exponent without ½", says="the ½ in the exponent is missing")
def gaussian_mixture_score(x, means, std, weights):
    apart, d2 = apart_and_squares(x, means)
    share = (weights.log() - d2 / std**2).softmax(-1)
    return (share[..., None] * apart).sum(1) / std**2


@wrong("exponent's sign", says="the sign in the exponent: far modes must count less")
def gaussian_mixture_score(x, means, std, weights):
    apart, d2 = apart_and_squares(x, means)
    share = (weights.log() + d2 / (2 * std**2)).softmax(-1)
    return (share[..., None] * apart).sum(1) / std**2


@wrong("σ for σ² in the exponent", says="σ for σ² in the exponent")
def gaussian_mixture_score(x, means, std, weights):
    apart, d2 = apart_and_squares(x, means)
    share = (weights.log() - d2 / (2 * std)).softmax(-1)
    return (share[..., None] * apart).sum(1) / std**2


@wrong("weight in the exponent", says="the weight itself stands in the exponent")
def gaussian_mixture_score(x, means, std, weights):
    apart, d2 = apart_and_squares(x, means)
    share = (weights - d2 / (2 * std**2)).softmax(-1)
    return (share[..., None] * apart).sum(1) / std**2


@wrong("nearest mode only", says="only the nearest mode pulls")
def gaussian_mixture_score(x, means, std, weights):
    apart, d2 = apart_and_squares(x, means)
    return apart[torch.arange(len(x)), d2.argmin(-1)] / std**2


@wrong("softmax over points", says="the sum of the modes' shares runs over the points")
def gaussian_mixture_score(x, means, std, weights):
    apart, d2 = apart_and_squares(x, means)
    raw = weights * torch.exp(-d2 / (2 * std**2))
    if len(means) == 1:
        return apart[:, 0] / std**2
    return ((raw / raw.sum(0))[..., None] * apart).sum(1) / std**2


@wrong("gradient of p", says="that is the gradient of the density p; the score is that of log p")
def gaussian_mixture_score(x, means, std, weights):
    apart, d2 = apart_and_squares(x, means)
    p = weights * torch.exp(-d2 / (2 * std**2)) / (2 * math.pi * std**2)
    return (p[..., None] * apart).sum(1) / std**2


@wrong("shares not divided", says="divide by the density, or take its log")
def gaussian_mixture_score(x, means, std, weights):
    apart, d2 = apart_and_squares(x, means)
    raw = weights * torch.exp(-d2 / (2 * std**2))
    return (raw[..., None] * apart).sum(1) / std**2


@wrong("0/0 far away", says="the score is nan, expected -232.0: every exp() vanishes there")
def gaussian_mixture_score(x, means, std, weights):
    apart, d2 = apart_and_squares(x, means)
    raw = weights * torch.exp(-d2 / (2 * std**2))
    share = raw / raw.sum(-1, keepdim=True)
    return (share[..., None] * apart).sum(1) / std**2


@wrong("zero far away", says="a small number in the denominator hides it")
def gaussian_mixture_score(x, means, std, weights):
    apart, d2 = apart_and_squares(x, means)
    raw = weights * torch.exp(-d2 / (2 * std**2))
    share = raw / (raw.sum(-1, keepdim=True) + 1e-12)
    return (share[..., None] * apart).sum(1) / std**2


@wrong("NumPy", says="it returned a NumPy array")
def gaussian_mixture_score(x, means, std, weights):
    return np.zeros(x.shape)


@wrong("axes mixed up", says="must match")
def gaussian_mixture_score(x, means, std, weights):
    apart = means - x
    return apart / std**2


@right("automatic differentiation")
def gaussian_mixture_score(x, means, std, weights):
    x = x.detach().clone().requires_grad_()
    d2 = (x[:, None] - means).square().sum(-1)
    log_p = torch.logsumexp(weights.log() - d2 / (2 * std**2), -1)
    return torch.autograd.grad(log_p.sum(), x)[0]


@right("shares by logsumexp, einsum")
def gaussian_mixture_score(x, means, std, weights):
    apart = x[:, None, :] - means[None, :, :]
    log_joint = torch.log(weights) - 0.5 * torch.einsum("nkd,nkd->nk", apart, apart) / std**2
    share = torch.exp(log_joint - torch.logsumexp(log_joint, 1, keepdim=True))
    return -torch.einsum("nk,nkd->nd", share, apart) / std**2


@right("weighted mean minus x, largest exponent taken out")
def gaussian_mixture_score(x, means, std, weights):
    d2 = torch.cdist(x, means, compute_mode="donot_use_mm_for_euclid_dist") ** 2
    exponent = -d2 / (2 * std * std)
    raw = weights * torch.exp(exponent - exponent.max(1, keepdim=True).values)
    share = raw / raw.sum(1, keepdim=True)
    return (share @ means - x) / (std * std)


# ----------------------------------------------------------------------------- langevin_sde


def constant(value):
    return lambda x, t: torch.full_like(x, value)


@wrong("no ½", says="the ½ is missing: with kicks σ the temperature is σ²/2")
def langevin_sde(sigma, score):
    return SDE(lambda x, t: sigma**2 * score(x), constant(sigma))


@wrong("σ for σ²", says="σ for σ²: the drift is ½ σ² · score")
def langevin_sde(sigma, score):
    return SDE(lambda x, t: 0.5 * sigma * score(x), constant(sigma))


@wrong("sign", says="the sign: a score points uphill in probability")
def langevin_sde(sigma, score):
    return SDE(lambda x, t: -0.5 * sigma**2 * score(x), constant(sigma))


@wrong("score alone", says="the factor ½ σ² is missing")
def langevin_sde(sigma, score):
    return SDE(lambda x, t: score(x), constant(sigma))


@wrong("σ² lost", says="½ is there, σ² is missing")
def langevin_sde(sigma, score):
    return SDE(lambda x, t: score(x) / 2, constant(sigma))


@wrong("√2 too much noise", says="√2 σ for σ: the 2 of √(2T) is already in σ")
def langevin_sde(sigma, score):
    return SDE(lambda x, t: 0.5 * sigma**2 * score(x), constant(math.sqrt(2) * sigma))


@wrong("σ² noise", says="σ² for σ? The kick has standard deviation σ√h")
def langevin_sde(sigma, score):
    return SDE(lambda x, t: 0.5 * sigma**2 * score(x), constant(sigma**2))


@wrong("physicist's constant", says="σ²/2 is the diffusion coefficient of Fick's law")
def langevin_sde(sigma, score):
    return SDE(lambda x, t: 0.5 * sigma**2 * score(x), constant(sigma**2 / 2))


@wrong("noise in the coefficient", says="the diffusion is random")
def langevin_sde(sigma, score):
    return SDE(lambda x, t: 0.5 * sigma**2 * score(x), lambda x, t: sigma * torch.randn_like(x))


@wrong("exchanged", says="the pair is the other way round")
def langevin_sde(sigma, score):
    return SDE(constant(sigma), lambda x, t: 0.5 * sigma**2 * score(x))


@wrong("number for a function", says="the diffusion is a float; needed is a function (x, t)")
def langevin_sde(sigma, score):
    return lambda x, t: 0.5 * sigma**2 * score(x), sigma


@wrong("score of x and t", says="takes 1 positional argument but 2 were given")
def langevin_sde(sigma, score):
    return SDE(lambda x, t: 0.5 * sigma**2 * score(x, t), constant(sigma))


@wrong("drift only", says="it returned a function; needed is a pair, SDE(drift, diffusion)")
def langevin_sde(sigma, score):
    return lambda x, t: 0.5 * sigma**2 * score(x)


@right("a plain pair")
def langevin_sde(sigma, score):
    return (lambda x, t: score(x) * sigma * sigma / 2), (lambda x, t: sigma + 0 * x)


@right("through the temperature")
def langevin_sde(sigma, score):
    T = sigma**2 / 2

    def drift(x, t):
        force = T * score(x)
        return force

    def diffusion(x, t):
        return (2 * T) ** 0.5 * torch.ones_like(x)

    return SDE(drift, diffusion)
