"""Chapter 05: what readers write, wrong and right."""

# A reader may define one name again and again; so does this file.
# ruff: noqa: F811

import math

import numpy as np
import torch
from variants import right, wrong

# ------------------------------------------------------------------------------ linear_path


@wrong("clock reversed", says="the clock is reversed: u = 0 is noise, u = 1 is data")
def linear_path(noise, data, u):
    return u * noise + (1 - u) * data


@wrong("roots", says="no roots: powers add up on chapter 03's path, here the shares do")
def linear_path(noise, data, u):
    return (1 - u) ** 0.5 * noise + u**0.5 * data


@wrong("roots, clock reversed", says="the clock is reversed, and there are no roots here")
def linear_path(noise, data, u):
    return u**0.5 * noise + (1 - u) ** 0.5 * data


@wrong("arc", says="an arc, cos and sin of πu/2? That is chapter 03's cosine path")
def linear_path(noise, data, u):
    return torch.cos(math.pi / 2 * u) * noise + torch.sin(math.pi / 2 * u) * data


@wrong("noise stays", says="it has no share, it stands there as a whole")
def linear_path(noise, data, u):
    return noise + u * data


@wrong(
    "data missing", says="the share of the data is 0.000, expected 0.100 (u = 0.1): it is missing"
)
def linear_path(noise, data, u):
    return (1 - u) * noise


@wrong("squares", says="squared?")
def linear_path(noise, data, u):
    return (1 - u) ** 2 * noise + u**2 * data


@wrong("way backwards", says="the sign?")
def linear_path(noise, data, u):
    return -(1 - u) * noise + u * data


@wrong("half of everything", says="the share of the noise is 0.500, expected 0.900")
def linear_path(noise, data, u):
    return (noise + data) / 2


@wrong("a number for a tensor", says="it returned one number (float)")
def linear_path(noise, data, u):
    return float(u[0])


@right("from the noise along the way")
def linear_path(noise, data, u):
    return noise + u * (data - noise)


@right("lerp, float64")
def linear_path(noise, data, u):
    return torch.lerp(noise.double(), data.double(), u.double())


# -------------------------------------------------------------------------- velocity_target


@wrong("sign", says="the sign: this flows from data to noise, on a clock that is reversed")
def velocity_target(noise, data, u):
    return noise - data


@wrong("way so far", says="that is x_u − noise, the way so far; the velocity is the whole way")
def velocity_target(noise, data, u):
    x = (1 - u) * noise + u * data
    return x - noise


@wrong("way left", says="that is data − x_u, the way that is left")
def velocity_target(noise, data, u):
    x = (1 - u) * noise + u * data
    return data - x


@wrong("way back", says="that is noise − x_u, and backwards")
def velocity_target(noise, data, u):
    return -u * (data - noise)


@wrong("point", says="that is the point x_u itself")
def velocity_target(noise, data, u):
    return (1 - u) * noise + u * data


@wrong("data", says="that is the data; prediction of the data comes later")
def velocity_target(noise, data, u):
    return data


@wrong("noise", says="that is the noise")
def velocity_target(noise, data, u):
    return noise


@wrong("over u", says="divided by u? The way is gone in one unit of time")
def velocity_target(noise, data, u):
    return (data - noise) / u


@wrong("over 1 − u", says="divided by 1 − u? That belongs to data − x_u")
def velocity_target(noise, data, u):
    return (data - noise) / (1 - u)


@wrong("sum", says="the sum of the ends instead of their difference?")
def velocity_target(noise, data, u):
    return data + noise


@wrong("direction", says="only its direction? The velocity is as long as the way")
def velocity_target(noise, data, u):
    return torch.nn.functional.normalize(data - noise, dim=1)


@wrong("half", says="half of it")
def velocity_target(noise, data, u):
    return 0.5 * (data - noise)


@wrong("nothing comes back", says="it returned nothing")
def velocity_target(noise, data, u):
    data - noise


@right("way left over time left")
def velocity_target(noise, data, u):
    x = (1 - u) * noise + u * data
    return (data - x) / (1 - u)


@right("in place")
def velocity_target(noise, data, u):
    return data.sub_(noise)


# --------------------------------------------------------------------------------- cfm_loss


def on_line(noise, data, u):
    return noise + u[:, None] * (data - noise)


@wrong("one time", says="with one time for the whole batch loss and gradient get much noisier")
def cfm_loss(net, noise, data):
    u = torch.rand(1).expand(len(data))
    return (net(on_line(noise, data, u), u) - (data - noise)).square().mean()


@wrong(
    "one time: a number",
    says="with one time for the whole batch loss and gradient get much noisier",
)
def cfm_loss(net, noise, data):
    u = torch.rand(1)
    return (net((1 - u) * noise + u * data, u) - (data - noise)).square().mean()


@wrong("two axes", says="the network gets times of shape (20000, 1), expected (20000,)")
def cfm_loss(net, noise, data):
    u = torch.rand(len(data), 1)
    return (net((1 - u) * noise + u * data, u) - (data - noise)).square().mean()


@wrong("index", says="the times are whole numbers; u runs from 0 to 1")
def cfm_loss(net, noise, data):
    u = torch.randint(0, 1000, (len(data),))
    return (net(on_line(noise, data, u / 1000), u) - (data - noise)).square().mean()


@wrong("normal times", says="randn for rand?")
def cfm_loss(net, noise, data):
    u = torch.randn(len(data))
    return (net(on_line(noise, data, u), u) - (data - noise)).square().mean()


@wrong("early times", says="the mean time is 0.2")
def cfm_loss(net, noise, data):
    u = torch.rand(len(data)) / 2
    return (net(on_line(noise, data, u), u) - (data - noise)).square().mean()


@wrong("times near the middle", says="the variance of the times is 0.0")
def cfm_loss(net, noise, data):
    u = (torch.rand(len(data)) + torch.rand(len(data))) / 2
    return (net(on_line(noise, data, u), u) - (data - noise)).square().mean()


@wrong("reversed: points", says="the clock of the points is reversed")
def cfm_loss(net, noise, data):
    u = torch.rand(len(data))
    return (net(on_line(data, noise, u), u) - (data - noise)).square().mean()


@wrong("reversed: clock", says="the clock of the points is reversed")
def cfm_loss(net, noise, data):
    u = torch.rand(len(data))
    return (net(on_line(noise, data, u), 1 - u) - (data - noise)).square().mean()


@wrong("noise anew", says="build it from the noise and data that were handed in")
def cfm_loss(net, noise, data):
    u = torch.rand(len(data))
    x = on_line(torch.randn_like(data), data, u)
    return (net(x, u) - (data - noise)).square().mean()


@wrong("target reversed", says="the sign of the target: it flows from data to noise")
def cfm_loss(net, noise, data):
    u = torch.rand(len(data))
    return (net(on_line(noise, data, u), u) - (noise - data)).square().mean()


@wrong("target data", says="the target is the data?")
def cfm_loss(net, noise, data):
    u = torch.rand(len(data))
    return (net(on_line(noise, data, u), u) - data).square().mean()


@wrong("target way so far", says="the target is u (data − noise)? The velocity is the whole way")
def cfm_loss(net, noise, data):
    u = torch.rand(len(data))
    x = on_line(noise, data, u)
    return (net(x, u) - (x - noise)).square().mean()


@wrong("sum", says="summed over all; take the mean")
def cfm_loss(net, noise, data):
    u = torch.rand(len(data))
    return (net(on_line(noise, data, u), u) - (data - noise)).square().sum()


@wrong("sum over dimensions", says="summed over dimensions; take the mean")
def cfm_loss(net, noise, data):
    u = torch.rand(len(data))
    return (net(on_line(noise, data, u), u) - (data - noise)).square().sum(-1).mean()


@wrong("absolute value", says="the square is missing?")
def cfm_loss(net, noise, data):
    u = torch.rand(len(data))
    return (net(on_line(noise, data, u), u) - (data - noise)).abs().mean()


@wrong("no mean", says="the loss has 40000 numbers, expected 1: take the mean")
def cfm_loss(net, noise, data):
    u = torch.rand(len(data))
    return (net(on_line(noise, data, u), u) - (data - noise)).square()


@wrong("detached", says="the loss knows no gradient: is it detached, or made under no_grad?")
def cfm_loss(net, noise, data):
    u = torch.rand(len(data))
    return (net(on_line(noise, data, u), u).detach() - (data - noise)).square().mean()


@wrong("item", says="the loss is a plain number")
def cfm_loss(net, noise, data):
    u = torch.rand(len(data))
    return (net(on_line(noise, data, u), u) - (data - noise)).square().mean().item()


@right("mse_loss")
def cfm_loss(net, noise, data):
    u = torch.rand(data.shape[0])
    x = torch.lerp(noise, data, u.unsqueeze(-1))
    return torch.nn.functional.mse_loss(net(x, u), data - noise)


@right("stratified times")
def cfm_loss(net, noise, data):
    n = len(data)
    u = (torch.randperm(n) + torch.rand(n)) / n
    error = net((1 - u[:, None]) * noise + u[:, None] * data, u) + noise - data
    return (error**2).sum() / error.numel()


# --------------------------------------------------------------------------- integrate_flow


@wrong("integer time", says="whole numbers: the network was trained on u between 0 and 1")
def integrate_flow(velocity, x, n_steps):
    for i in range(n_steps):
        x = x + velocity(x, torch.full((len(x),), float(i))) / n_steps
    return x


@wrong("integer time from 1", says="between 0 and 1, and its clock starts at 0")
def integrate_flow(velocity, x, n_steps):
    for i in range(1, n_steps + 1):
        x = x + velocity(x, torch.full((len(x),), float(i))) / n_steps
    return x


@wrong("wrong end", says="the wrong end: it starts at u = 1, the data, and runs backwards")
def integrate_flow(velocity, x, n_steps):
    for i in range(n_steps):
        x = x + velocity(x, torch.full((len(x),), 1 - i / n_steps)) / n_steps
    return x


@wrong("wrong end, both", says="the wrong end, and every step looks at its end")
def integrate_flow(velocity, x, n_steps):
    for i in reversed(range(n_steps)):
        x = x - velocity(x, torch.full((len(x),), i / n_steps)) / n_steps
    return x


@wrong("end of the step", says="each step looks at its end; Euler looks at its beginning")
def integrate_flow(velocity, x, n_steps):
    for i in range(n_steps):
        x = x + velocity(x, torch.full((len(x),), (i + 1) / n_steps)) / n_steps
    return x


@wrong("middle of the step", says="each step looks at its middle; Euler looks at its beginning")
def integrate_flow(velocity, x, n_steps):
    for i in range(n_steps):
        x = x + velocity(x, torch.full((len(x),), (i + 0.5) / n_steps)) / n_steps
    return x


@wrong("linspace", says="n_steps points make one step fewer: linspace includes both ends")
def integrate_flow(velocity, x, n_steps):
    for u in torch.linspace(0, 1, n_steps):
        x = x + velocity(x, u.expand(len(x))) / n_steps
    return x


@wrong("one call too many", says="the velocity is asked 9 times, expected 8, once for each step")
def integrate_flow(velocity, x, n_steps):
    for i in range(n_steps + 1):
        x = x + velocity(x, torch.full((len(x),), i / n_steps)) / n_steps
    return x


@wrong("time without axes", says="the velocity gets a u of shape float, expected (3,)")
def integrate_flow(velocity, x, n_steps):
    for i in range(n_steps):
        x = x + velocity(x, i / n_steps) / n_steps
    return x


@wrong("clock stands", says="the time stands still")
def integrate_flow(velocity, x, n_steps):
    for _ in range(n_steps):
        x = x + velocity(x, torch.zeros(len(x))) / n_steps
    return x


@wrong("no h", says="the factor 1 / n_steps is missing?")
def integrate_flow(velocity, x, n_steps):
    for i in range(n_steps):
        x = x + velocity(x, torch.full((len(x),), i / n_steps))
    return x


@wrong("minus", says="the sign: u rises, so x + h v")
def integrate_flow(velocity, x, n_steps):
    for i in range(n_steps):
        x = x - velocity(x, torch.full((len(x),), i / n_steps)) / n_steps
    return x


@wrong("h too long", says="the steps are 1 / (n_steps − 1) long?")
def integrate_flow(velocity, x, n_steps):
    for i in range(n_steps):
        x = x + velocity(x, torch.full((len(x),), i / n_steps)) / (n_steps - 1)
    return x


@wrong("root h", says="√h for h?")
def integrate_flow(velocity, x, n_steps):
    for i in range(n_steps):
        x = x + velocity(x, torch.full((len(x),), i / n_steps)) / math.sqrt(n_steps)
    return x


@wrong("from the start", says="the velocity is always taken at the start?")
def integrate_flow(velocity, x, n_steps):
    x0 = x
    for i in range(n_steps):
        x = x + velocity(x0, torch.full((len(x),), i / n_steps)) / n_steps
    return x


@wrong("x not kept", says="only the way is returned; the old x is missing?")
def integrate_flow(velocity, x, n_steps):
    way = torch.zeros_like(x)
    for i in range(n_steps):
        way = way + velocity(x, torch.full((len(x),), i / n_steps)) / n_steps
    return way


@wrong("return inside the loop", says="the velocity is asked 1 times, expected 8")
def integrate_flow(velocity, x, n_steps):
    for i in range(n_steps):
        x = x + velocity(x, torch.full((len(x),), i / n_steps)) / n_steps
        return x


@right("a running clock, in place")
def integrate_flow(velocity, x, n_steps):
    h = 1 / n_steps
    u = torch.zeros(len(x), device=x.device)
    for _ in range(n_steps):
        x += h * velocity(x, u)
        u = u + h
    return x


@right("linspace without its end")
def integrate_flow(velocity, x, n_steps):
    for u in torch.linspace(0, 1, n_steps + 1)[:-1]:
        x = x + velocity(x, u.repeat(x.shape[0])) * (1.0 / n_steps)
    return x


# ------------------------------------------------------------------------ marginal_velocity


def in_modes(x, u, means, std):
    """x − u means (n, K, D), its squares (n, K), and the variance of x_u in a mode (n, 1)."""
    apart = x[:, None] - u[:, None] * means
    return apart, apart.square().sum(-1), (u * std) ** 2 + (1 - u) ** 2


def joined(share, means, slope, apart):
    return (share[..., None] * (means + slope[:, None] * apart)).sum(1)


@wrong("sign", says="the sign: it flows from noise to data")
def marginal_velocity(x, u, means, std, weights):
    apart, d2, var = in_modes(x, u, means, std)
    share = (weights.log() - d2 / (2 * var)).softmax(-1)
    return -joined(share, means, (u * std**2 - (1 - u)) / var, apart)


@wrong("clock", says="the clock is reversed: u = 1 is data")
def marginal_velocity(x, u, means, std, weights):
    u = 1 - u
    apart, d2, var = in_modes(x, u, means, std)
    share = (weights.log() - d2 / (2 * var)).softmax(-1)
    return joined(share, means, (u * std**2 - (1 - u)) / var, apart)


@wrong("data alone", says="that is the mean of the data, without the noise")
def marginal_velocity(x, u, means, std, weights):
    apart, d2, var = in_modes(x, u, means, std)
    share = (weights.log() - d2 / (2 * var)).softmax(-1)
    return joined(share, means, u * std**2 / var, apart)


@wrong("noise alone", says="that is minus the mean of the noise; the data are missing")
def marginal_velocity(x, u, means, std, weights):
    apart, d2, var = in_modes(x, u, means, std)
    share = (weights.log() - d2 / (2 * var)).softmax(-1)
    return joined(share, 0 * means, -(1 - u) / var, apart)


@wrong("noise added", says="the noise goes the wrong way: data − noise")
def marginal_velocity(x, u, means, std, weights):
    apart, d2, var = in_modes(x, u, means, std)
    share = (weights.log() - d2 / (2 * var)).softmax(-1)
    return joined(share, means, (u * std**2 + (1 - u)) / var, apart)


@wrong("spread of a mode forgotten", says="the data's own spread in a mode is missing")
def marginal_velocity(x, u, means, std, weights):
    apart, d2, var = in_modes(x, u, means, std)
    share = (weights.log() - d2 / (2 * var)).softmax(-1)
    return joined(share, means, -(1 - u) / var, apart)


@wrong("centres alone", says="every mode moves with its centre alone")
def marginal_velocity(x, u, means, std, weights):
    apart, d2, var = in_modes(x, u, means, std)
    share = (weights.log() - d2 / (2 * var)).softmax(-1)
    return joined(share, means, 0 * u, apart)


@wrong("std for std²", says="std for std² in front of x − u mean")
def marginal_velocity(x, u, means, std, weights):
    apart, d2, var = in_modes(x, u, means, std)
    share = (weights.log() - d2 / (2 * var)).softmax(-1)
    return joined(share, means, (u * std - (1 - u)) / var, apart)


@wrong("variances without squares", says="1 − u for (1 − u)²? Variances take squares")
def marginal_velocity(x, u, means, std, weights):
    apart, d2, _ = in_modes(x, u, means, std)
    var = u * std**2 + (1 - u)
    share = (weights.log() - d2 / (2 * var)).softmax(-1)
    return joined(share, means, (u * std**2 - (1 - u)) / var, apart)


@wrong("plain sum of variances", says="the variance is that of the data and the noise without")
def marginal_velocity(x, u, means, std, weights):
    apart, d2, _ = in_modes(x, u, means, std)
    var = std**2 + 1 + 0 * u
    share = (weights.log() - d2 / (2 * var)).softmax(-1)
    return joined(share, means, (u * std**2 - (1 - u)) / var, apart)


@wrong("nearest mode", says="only the nearest mode counts? All lines through x do")
def marginal_velocity(x, u, means, std, weights):
    apart, d2, var = in_modes(x, u, means, std)
    share = torch.nn.functional.one_hot(d2.argmin(-1), len(means)).float()
    return joined(share, means, (u * std**2 - (1 - u)) / var, apart)


@wrong("even shares", says="all modes count alike? Near modes have more lines through x")
def marginal_velocity(x, u, means, std, weights):
    apart, d2, var = in_modes(x, u, means, std)
    share = torch.full_like(d2, 1 / len(means))
    return joined(share, means, (u * std**2 - (1 - u)) / var, apart)


@wrong("weights forgotten", says="the weights of the modes are missing in the shares")
def marginal_velocity(x, u, means, std, weights):
    apart, d2, var = in_modes(x, u, means, std)
    share = (-d2 / (2 * var)).softmax(-1)
    return joined(share, means, (u * std**2 - (1 - u)) / var, apart)


@wrong("shares at the data end", says="the shares take x − mean, but at time u a mode sits at")
def marginal_velocity(x, u, means, std, weights):
    apart, _, var = in_modes(x, u, means, std)
    d2 = (x[:, None] - means).square().sum(-1)
    share = (weights.log() - d2 / (2 * var)).softmax(-1)
    return joined(share, means, (u * std**2 - (1 - u)) / var, apart)


@wrong("narrow shares", says="the shares take the width std; at time u a mode is wider")
def marginal_velocity(x, u, means, std, weights):
    apart, d2, var = in_modes(x, u, means, std)
    share = (weights.log() - d2 / (2 * std**2)).softmax(-1)
    return joined(share, means, (u * std**2 - (1 - u)) / var, apart)


@wrong("no ½", says="the ½ in the exponent is missing")
def marginal_velocity(x, u, means, std, weights):
    apart, d2, var = in_modes(x, u, means, std)
    share = (weights.log() - d2 / var).softmax(-1)
    return joined(share, means, (u * std**2 - (1 - u)) / var, apart)


@wrong("0/0 far away", says="far away the velocity is nan, expected a number")
def marginal_velocity(x, u, means, std, weights):
    apart, d2, var = in_modes(x, u, means, std)
    raw = weights * torch.exp(-d2 / (2 * var))
    share = raw / raw.sum(-1, keepdim=True)
    slope = (u * std**2 - (1 - u)) / var
    value = joined(share, means, slope, apart)
    return value


@wrong("NumPy", says="it returned a NumPy array")
def marginal_velocity(x, u, means, std, weights):
    return np.zeros(x.shape)


@right("through the means of data and noise, shares by logsumexp")
def marginal_velocity(x, u, means, std, weights):
    apart, d2, var = in_modes(x, u, means, std)
    log_joint = torch.log(weights) - 0.5 * d2 / var
    share = torch.exp(log_joint - torch.logsumexp(log_joint, 1, keepdim=True))
    data = means[None] + (u * std**2 / var)[:, None] * apart
    noise = ((1 - u) / var)[:, None] * apart
    return torch.einsum("nk,nkd->nd", share, data - noise)


@right("one mode after the other, float64")
def marginal_velocity(x, u, means, std, weights):
    x, u, means, weights = (v.double() for v in (x, u, means, weights))
    var = u**2 * std**2 + (1 - u) ** 2
    d = [x - u * m for m in means]
    logits = [
        math.log(w) - a.square().sum(1) / (2 * var[:, 0]) for a, w in zip(d, weights, strict=True)
    ]
    share = torch.stack(logits).softmax(0)
    total = torch.zeros_like(x)
    for s, m, a in zip(share, means, d, strict=True):
        total = total + s[:, None] * (m + (u * std**2 - 1 + u) / var * a)
    return total


# ---------------------------------------------------------------------------- read_velocity


@wrong("data: whole step", says="x + v: from x to the data it is a time 1 − u, not 1")
def read_velocity(v, x, u):
    return x + v, x - u * v, -(x - u * v) / (1 - u)


@wrong("data: u for 1 − u", says="x + u v: u is the time since the noise")
def read_velocity(v, x, u):
    return x + u * v, x - u * v, -(x - u * v) / (1 - u)


@wrong("data: sign", says="the sign: with v the way leads to the data")
def read_velocity(v, x, u):
    return x - (1 - u) * v, x - u * v, -(x - u * v) / (1 - u)


@wrong("exchanged", says="the noise stands in its place")
def read_velocity(v, x, u):
    noise = x - u * v
    return noise, x + (1 - u) * v, -noise / (1 - u)


@wrong("noise: whole step", says="x − v: from the noise to x it is a time u, not 1")
def read_velocity(v, x, u):
    return x + (1 - u) * v, x - v, -(x - v) / (1 - u)


@wrong("noise: 1 − u for u", says="x − (1 − u) v: from the noise to x it is a time u")
def read_velocity(v, x, u):
    noise = x - (1 - u) * v
    return x + (1 - u) * v, noise, -noise / (1 - u)


@wrong("noise: sign", says="the sign: against v the way leads to the noise")
def read_velocity(v, x, u):
    noise = x + u * v
    return x + (1 - u) * v, noise, -noise / (1 - u)


@wrong("score: sign", says="the sign: a score points away from the noise")
def read_velocity(v, x, u):
    noise = x - u * v
    return x + (1 - u) * v, noise, noise / (1 - u)


@wrong("score: not divided", says="it is not divided by 1 − u, the noise scale")
def read_velocity(v, x, u):
    noise = x - u * v
    return x + (1 - u) * v, noise, -noise


@wrong("score: over u", says="divided by u? The noise has the scale 1 − u")
def read_velocity(v, x, u):
    noise = x - u * v
    return x + (1 - u) * v, noise, -noise / u


@wrong("score: squared", says="(1 − u)² for 1 − u?")
def read_velocity(v, x, u):
    noise = x - u * v
    return x + (1 - u) * v, noise, -noise / (1 - u) ** 2


@wrong("pair", says="it returned a tuple of 2; needed is the triple (data, noise, score)")
def read_velocity(v, x, u):
    return x + (1 - u) * v, x - u * v


@wrong("one tensor", says="it returned something of type Tensor; needed is the triple")
def read_velocity(v, x, u):
    return x + (1 - u) * v


@right("through the data")
def read_velocity(v, x, u):
    data = x + (1 - u) * v
    noise = data - v
    return [data, noise, (u * data - x) / (1 - u) ** 2]


@right("the score from the velocity")
def read_velocity(v, x, u):
    score = (u * v - x) / (1 - u)
    return x + v - u * v, -score * (1 - u), score


# --------------------------------------------------------------------------- torus_velocity


@wrong("sign", says="the sign: it flows from noise to data")
def torus_velocity(noise, data):
    d = noise - data
    d = d - d.round()
    return d - d.mean(-2, keepdim=True)


@wrong("long way", says="the long way round: take the nearest whole number off the difference")
def torus_velocity(noise, data):
    d = data - noise
    return d - d.mean(-2, keepdim=True)


@wrong("common motion", says="the common motion is still in it: take off the mean over the atoms")
def torus_velocity(noise, data):
    d = data - noise
    return d - d.round()


@wrong("flat", says="neither the shorter way nor the mean over the atoms?")
def torus_velocity(noise, data):
    return data - noise


@wrong("remainder", says="wrapped into 0 … 1; the shorter way lies between −½ and ½")
def torus_velocity(noise, data):
    d = (data - noise) % 1.0
    return d - d.mean(-2, keepdim=True)


@wrong("remainder alone", says="wrapped into 0 … 1, and the common motion is still in it")
def torus_velocity(noise, data):
    return (data - noise) % 1.0


@wrong("wrong order", says="first the mean, then the shorter way? Then a common motion is left")
def torus_velocity(noise, data):
    d = data - noise
    d = d - d.mean(-2, keepdim=True)
    return d - d.round()


@wrong("mean over coordinates", says="the mean is over the coordinates; it belongs over the atoms")
def torus_velocity(noise, data):
    d = data - noise
    d = d - d.round()
    return d - d.mean(-1, keepdim=True)


@wrong("mean over the batch", says="the mean is over the whole batch; each crystal has its own")
def torus_velocity(noise, data):
    d = data - noise
    d = d - d.round()
    return d - d.mean(0, keepdim=True)


@wrong("mean of all", says="one mean over everything; each crystal has its own")
def torus_velocity(noise, data):
    d = data - noise
    d = d - d.round()
    return d - d.mean()


@wrong("distance", says="the distance without its sign?")
def torus_velocity(noise, data):
    d = data - noise
    return (d - d.round()).abs()


@right("remainder around ½")
def torus_velocity(noise, data):
    d = torch.remainder(data - noise + 0.5, 1.0) - 0.5
    return d - d.sum(1, keepdim=True) / d.shape[1]


@right("through angles")
def torus_velocity(noise, data):
    angle = 2 * math.pi * (data - noise)
    d = torch.atan2(torch.sin(angle), torch.cos(angle)) / (2 * math.pi)
    return d - d.mean(dim=1, keepdim=True)
