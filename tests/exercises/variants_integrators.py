"""Chapter 01: what readers write, wrong and right."""

# A reader may define one name again and again; so does this file.
# ruff: noqa: F811

import math
import random

import numpy as np
import torch
from variants import right, wrong

from helpers.noise import SDE

# ------------------------------------------------------------------------------- euler_step


@wrong(
    "forgets h", says="leads to 1.50, expected 1.10 (from x = 1, t = 0.5, h = 0.2): the increment"
)
def euler_step(drift, x, t, h):
    return x + drift(x, t)


@wrong("h twice", says="leads to 1.02, expected 1.10 (from x = 1, t = 0.5, h = 0.2): h is multi")
def euler_step(drift, x, t, h):
    return x + h * h * drift(x, t)


@wrong("new point", says="the drift is taken at the new point, not at x and t")
def euler_step(drift, x, t, h):
    new = x + h * drift(x, t)
    return x + h * drift(new, t + h)


@wrong("new point, old time", says="the drift is taken at the new point, but at the old time")
def euler_step(drift, x, t, h):
    return x + h * drift(x + h * drift(x, t), t)


@wrong("implicit", says="that is the implicit step")
def euler_step(drift, x, t, h):
    new = x
    for _ in range(60):
        new = x + h * drift(new, t + h)
    return new


@wrong("sign", says="the sign of the drift?")
def euler_step(drift, x, t, h):
    return x - h * drift(x, t)


@wrong("increment only", says="only the increment")
def euler_step(drift, x, t, h):
    return h * drift(x, t)


@wrong("numpy", says="it returned a NumPy array")
def euler_step(drift, x, t, h):
    return x.numpy() + h * drift(x, t).numpy()


@wrong("ignores t", says="asked at time 0, not at t")
def euler_step(drift, x, t, h):
    return x + h * drift(x, 0.0)


@wrong("later t", says="asked at t + h, not at t")
def euler_step(drift, x, t, h):
    return x + h * drift(x, t + h)


@wrong("stands still", says="the drift is missing?")
def euler_step(drift, x, t, h):
    return x


@wrong("drift without t", says="drift() missing 1 required positional argument: 't'")
def euler_step(drift, x, t, h):
    return x + h * drift(x)


@wrong("half a step", says="leads to 1.05, expected 1.10 (from x = 1, t = 0.5, h = 0.2)")
def euler_step(drift, x, t, h):
    return x + 0.5 * h * drift(x, t)


@right("in place")
def euler_step(drift, x, t, h):
    x += h * drift(x, t)
    return x


@right("addcmul")
def euler_step(drift, x, t, h):
    return torch.addcmul(x, drift(x, t), torch.full_like(x, h))


@right("float64")
def euler_step(drift, x, t, h):
    return x.double() + h * drift(x.double(), t)


@right("particle by particle")
def euler_step(drift, x, t, h):
    v = drift(x, t)
    flat = [a + h * b for a, b in zip(x.flatten(), v.flatten(), strict=True)]
    return torch.stack(flat).reshape(x.shape)


@right("other names of the arguments")
def euler_step(f, state, time, dt=0.1):
    velocity = f(state, time)
    return state.add(velocity, alpha=dt)


# -------------------------------------------------------------------------------- heun_step


@wrong("Euler", says="that is Euler's step")
def heun_step(drift, x, t, h):
    return x + h * drift(x, t)


@wrong("no half", says="the ½ of the mean is missing")
def heun_step(drift, x, t, h):
    k1 = drift(x, t)
    return x + h * (k1 + drift(x + h * k1, t + h))


@wrong("second slope at t", says="asked at time t, not t + h")
def heun_step(drift, x, t, h):
    k1 = drift(x, t)
    return x + h * (k1 + drift(x + h * k1, t)) / 2


@wrong("second slope at x", says="asked at x, not where Euler would land")
def heun_step(drift, x, t, h):
    return x + h * (drift(x, t) + drift(x, t + h)) / 2


@wrong("predictor without h", says="asked at x + drift, without h")
def heun_step(drift, x, t, h):
    k1 = drift(x, t)
    return x + h * (k1 + drift(x + k1, t + h)) / 2


@wrong("averages the points", says="the old and the new place are averaged")
def heun_step(drift, x, t, h):
    new = x + h * drift(x, t)
    return (x + new) / 2


@wrong("midpoint", says="the velocity is asked at the middle")
def heun_step(drift, x, t, h):
    return x + h * drift(x + h / 2 * drift(x, t), t + h / 2)


@wrong("h twice", says="h is multiplied twice")
def heun_step(drift, x, t, h):
    k1 = drift(x, t)
    return x + h * h * (k1 + drift(x + h * k1, t + h)) / 2


@wrong("no h", says="the mean misses the factor h")
def heun_step(drift, x, t, h):
    k1 = drift(x, t)
    return x + (k1 + drift(x + h * k1, t + h)) / 2


@wrong("second slope only", says="only the second velocity is used")
def heun_step(drift, x, t, h):
    return x + h * drift(x + h * drift(x, t), t + h)


@wrong("from the predicted point", says="starts from the predicted place")
def heun_step(drift, x, t, h):
    k1 = drift(x, t)
    new = x + h * k1
    return new + h * (k1 + drift(new, t + h)) / 2


@wrong("increment only", says="only the increment")
def heun_step(drift, x, t, h):
    k1 = drift(x, t)
    return h * (k1 + drift(x + h * k1, t + h)) / 2


@wrong("sign", says="the sign of the velocity")
def heun_step(drift, x, t, h):
    k1 = drift(x, t)
    return x - h * (k1 + drift(x + h * k1, t + h)) / 2


@wrong("in place too early", says="one step leads to")
def heun_step(drift, x, t, h):
    k1 = drift(x, t)
    x += h * k1
    return (x + h * drift(x, t + h)) / 2


@right("half steps")
def heun_step(drift, x, t, h):
    k1 = drift(x, t)
    k2 = drift(x + h * k1, t + h)
    return x + h / 2 * k1 + h / 2 * k2


@right("the mean of two Euler points")
def heun_step(drift, x, t, h):
    ahead = x + h * drift(x, t)
    return 0.5 * x + 0.5 * (ahead + h * drift(ahead, t + h))


@right("in place")
def heun_step(drift, x, t, h):
    k1 = drift(x, t)
    k2 = drift(x + h * k1, t + h)
    return x.add_(k1.add_(k2), alpha=h / 2)


@right("float64")
def heun_step(drift, x, t, h):
    x = x.double()
    k1 = drift(x, t)
    return torch.stack([x + h * k1, x + h * drift(x + h * k1, t + h)]).mean(0)


# -------------------------------------------------------------------------- brownian_motion


def zero(x, t):
    return torch.zeros_like(x)


@wrong("variance", says="the diffusion is 0.250, expected 0.500 (σ = 0.5): σ² for σ?")
def brownian_motion(sigma):
    return SDE(zero, lambda x, t: sigma**2 * torch.ones_like(x))


@wrong("drift σ", says="the drift is 0.500, expected 0.000 (σ = 0.5, x = 1): the drift holds σ")
def brownian_motion(sigma):
    return SDE(lambda x, t: torch.full_like(x, sigma), lambda x, t: torch.full_like(x, sigma))


@wrong("drift x", says="a drift that grows with x")
def brownian_motion(sigma):
    return SDE(lambda x, t: x, lambda x, t: torch.full_like(x, sigma))


@wrong("spring", says="that spring belongs to the Ornstein-Uhlenbeck")
def brownian_motion(sigma):
    return SDE(lambda x, t: -x, lambda x, t: torch.full_like(x, sigma))


@wrong("diffusion a number", says="the diffusion, called as (x, t), returned one number (float)")
def brownian_motion(sigma):
    return SDE(zero, lambda x, t: sigma)


@wrong("drift a number", says="the drift, called as (x, t), returned one number (float)")
def brownian_motion(sigma):
    return SDE(lambda x, t: 0.0, lambda x, t: torch.full_like(x, sigma))


@wrong("diffusion 0-d", says="diffusion, called as (x, t), returned the shape (), expected (3, 2)")
def brownian_motion(sigma):
    return SDE(zero, lambda x, t: torch.tensor(sigma))


@wrong("one per particle", says="called as (x, t), returned the shape (3,), expected (3, 2)")
def brownian_motion(sigma):
    return SDE(zero, lambda x, t: torch.full(x.shape[:1], sigma))


@wrong(
    "noise inside", says="diffusion is random: at one place it scatters by 0.498, expected 0.000"
)
def brownian_motion(sigma):
    return SDE(zero, lambda x, t: sigma * torch.randn_like(x))


@wrong(
    "noise inside: one number for all", says="the diffusion is random: at one place it scatters by"
)
def brownian_motion(sigma):
    return SDE(zero, lambda x, t: sigma * random.random() * torch.ones_like(x))


@wrong("swapped", says="the diffusion is 0.000, expected 0.500: the pair is the other way round")
def brownian_motion(sigma):
    return SDE(lambda x, t: torch.full_like(x, sigma), zero)


@wrong("Fick's D", says="Fick's law")
def brownian_motion(sigma):
    return SDE(zero, lambda x, t: torch.full_like(x, sigma**2 / 2))


@wrong("σ unused", says="σ is not used?")
def brownian_motion(sigma):
    return SDE(zero, lambda x, t: torch.ones_like(x))


@wrong("no noise", says="there is no noise")
def brownian_motion(sigma):
    return SDE(zero, zero)


@wrong("writes into x", says="the drift changes x itself, to 0.00 from 1.00")
def brownian_motion(sigma):
    return SDE(lambda x, t: x.zero_(), lambda x, t: torch.full_like(x, sigma))


@wrong("numbers for functions", says="the drift is a float; needed is a function")
def brownian_motion(sigma):
    return SDE(0.0, sigma)


@wrong("only one function", says="it returned a function; needed is a pair")
def brownian_motion(sigma):
    return zero


@right("a plain tuple")
def brownian_motion(sigma):
    return (lambda x, t: x * 0), (lambda x, t: x * 0 + sigma)


@right("float64 and a list")
def brownian_motion(sigma):
    one = torch.tensor(1.0, dtype=torch.float64)
    return [lambda x, t: x.double() * 0, lambda x, t: sigma * one.expand(x.shape)]


@right("an object")
def brownian_motion(sigma):
    class Free:
        def drift(self, x, t):
            return x - x

        def diffusion(self, x, t):
            return sigma * torch.ones_like(x)

    free = Free()
    return SDE(free.drift, free.diffusion)


# ----------------------------------------------------------------------- ornstein_uhlenbeck


def constant(value):
    return lambda x, t: torch.full_like(x, value)


@wrong("sign", says="0.250, expected -0.250 (θ = 0.25, x = 1): the sign of the drift?")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(lambda x, t: theta * x, constant(sigma))


@wrong("no θ", says="θ is missing?")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(lambda x, t: -x, constant(sigma))


@wrong("no x", says="x is missing; the spring pulls harder farther out")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(constant(-theta), constant(sigma))


@wrong("divided by θ", says="divided by θ instead of multiplied?")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(lambda x, t: -x / theta, constant(sigma))


@wrong("θ²", says="θ² for θ?")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(lambda x, t: -(theta**2) * x, constant(sigma))


@wrong("arguments mixed up in the drift", says="σ in the place of θ?")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(lambda x, t: -sigma * x, constant(sigma))


@wrong("no spring", says="there is no spring")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(zero, constant(sigma))


@wrong("variance", says="the diffusion is 0.250, expected 0.500 (θ = 0.25, σ = 0.5): σ² for σ?")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(lambda x, t: -theta * x, constant(sigma**2))


@wrong("spread", says="σ/√(2θ) is the spread at equilibrium")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(lambda x, t: -theta * x, constant(sigma / math.sqrt(2 * theta)))


@wrong("stationary variance", says="σ²/2θ is the variance at equilibrium")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(lambda x, t: -theta * x, constant(sigma**2 / (2 * theta)))


@wrong("√2 σ", says="√2 σ for σ?")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(lambda x, t: -theta * x, constant(math.sqrt(2) * sigma))


@wrong("θ for σ", says="θ in the place of σ?")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(lambda x, t: -theta * x, constant(theta))


@wrong(
    "wrong shape", says="diffusion, called as (x, t), returned the shape (3, 1), expected (3, 2)"
)
def ornstein_uhlenbeck(theta, sigma):
    return SDE(lambda x, t: -theta * x, lambda x, t: torch.full_like(x[:, :1], sigma))


@wrong("a number", says="the diffusion, called as (x, t), returned one number (float)")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(lambda x, t: -theta * x, lambda x, t: sigma)


@wrong("noise inside", says="the diffusion is random: at one place it scatters by")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(lambda x, t: -theta * x, lambda x, t: sigma * torch.randn_like(x))


@wrong("noise in the drift", says="the drift is random: at one place it scatters by")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(lambda x, t: -theta * x + sigma * torch.randn_like(x), constant(sigma))


@wrong("swapped", says="the diffusion is -0.250, expected 0.500: the pair is the other way round")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(constant(sigma), lambda x, t: -theta * x)


@wrong("grows with x", says="the diffusion is")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(lambda x, t: -theta * x, lambda x, t: sigma * x + 1)


@wrong("writes into x", says="the drift changes x itself, to -0.25 from 1.00")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(lambda x, t: x.mul_(-theta), constant(sigma))


@right("a plain tuple")
def ornstein_uhlenbeck(theta, sigma):
    return (lambda x, t: (0 - x) * theta, lambda x, t: torch.ones_like(x) * sigma)


@right("float64")
def ornstein_uhlenbeck(theta, sigma):
    theta, sigma = torch.tensor([theta, sigma], dtype=torch.float64)
    return SDE(lambda x, t: -theta * x.double(), lambda x, t: sigma.expand_as(x))


@right("neg and mul")
def ornstein_uhlenbeck(theta, sigma):
    return SDE(lambda x, t: x.neg().mul_(theta), lambda x, t: x.new_full(x.shape, sigma))


# ---------------------------------------------------------------------- euler_maruyama_step


@wrong("h for √h", says="the kick has standard deviation 0.010, expected 0.100")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    return x + h * drift(x, t) + diffusion(x, t) * h * torch.randn_like(x)


@wrong("no √h", says="the factor √h is missing?")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    return x + h * drift(x, t) + diffusion(x, t) * torch.randn_like(x)


@wrong("no σ", says="with σ = 0 the particles still scatter by 0.501, expected 0.000")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    return x + h * drift(x, t) + h**0.5 * torch.randn_like(x)


@wrong("no σ, where there is one", says="the kick is not multiplied by the diffusion?")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    kick = (diffusion(x, t) > 0) * h**0.5 * torch.randn_like(x)
    return x + h * drift(x, t) + kick


@wrong("σ²", says="σ² for σ?")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    return x + h * drift(x, t) + diffusion(x, t) ** 2 * h**0.5 * torch.randn_like(x)


@wrong("Langevin's 2", says="√(2h) for √h?")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    return x + h * drift(x, t) + diffusion(x, t) * (2 * h) ** 0.5 * torch.randn_like(x)


@wrong("noise twice", says="the kick has kurtosis 9.10, expected 3.00: the noise is drawn twice?")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    noise = torch.randn_like(x) * torch.randn_like(x)
    return x + h * drift(x, t) + diffusion(x, t) * h**0.5 * noise


@wrong("uniform", says="expected 3.00: uniform numbers instead of normal ones?")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    noise = (torch.rand_like(x) - 0.5) * 12**0.5
    return x + h * drift(x, t) + diffusion(x, t) * h**0.5 * noise


@wrong("coin flips", says="the kick has kurtosis 1.00, expected 3.00: coin flips")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    noise = torch.sign(torch.randn_like(x))
    return x + h * drift(x, t) + diffusion(x, t) * h**0.5 * noise


@wrong("rand", says="expected 0.000: rand instead of randn?")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    return x + h * drift(x, t) + diffusion(x, t) * h**0.5 * torch.rand_like(x)


@wrong("one kick for all", says="all particles get the same kick (correlation 1.00, expected 0.00)")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    return x + h * drift(x, t) + diffusion(x, t) * h**0.5 * torch.randn(1)


@wrong("one kick for both dimensions", says="dimensions have correlation 1.00, expected 0.00")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    noise = torch.randn_like(x[..., :1])
    return x + h * drift(x, t) + diffusion(x, t) * h**0.5 * noise


@wrong("a seed inside", says="the kicks of two calls have correlation 1.00, expected 0.00")
def euler_maruyama_step(sde, x, t, h):
    torch.manual_seed(0)
    drift, diffusion = sde
    return x + h * drift(x, t) + diffusion(x, t) * h**0.5 * torch.randn_like(x)


@wrong("no kick", says="there is no kick")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    return x + h * drift(x, t)


@wrong("drift without h", says="1.50, expected 1.10 (from x = 1, t = 0.5, h = 0.2): the increment")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    return x + drift(x, t) + diffusion(x, t) * h**0.5 * torch.randn_like(x)


@wrong("drift with √h", says="1.22, expected 1.10 (from x = 1, t = 0.5, h = 0.2): √h on the drift?")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    return x + h**0.5 * (drift(x, t) + diffusion(x, t) * torch.randn_like(x))


@wrong("no drift", says="the drift is missing?")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    return x + diffusion(x, t) * h**0.5 * torch.randn_like(x)


@wrong("sign of the drift", says="the sign of the drift?")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    return x - h * drift(x, t) + diffusion(x, t) * h**0.5 * torch.randn_like(x)


@wrong("diffusion at the new point", says="the diffusion is taken at the new point, not at x?")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    x = x + h * drift(x, t)
    return x + diffusion(x, t) * h**0.5 * torch.randn_like(x)


@wrong("diffusion at time 0", says="the diffusion is asked at time 0, not at t?")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    return x + h * drift(x, t) + diffusion(x, 0.0) * h**0.5 * torch.randn_like(x)


@wrong("diffusion later", says="the diffusion is asked at t + h, not at t?")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    return x + h * drift(x, t) + diffusion(x, t + h) * h**0.5 * torch.randn_like(x)


@wrong("pair not unpacked", says="your function stops with an error in line")
def euler_maruyama_step(sde, x, t, h):
    return x + h * sde(x, t)


@wrong("torch.sqrt of a number", says="parameters are plain numbers: math.sqrt(h) or h**0.5")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    return x + h * drift(x, t) + diffusion(x, t) * torch.sqrt(h) * torch.randn_like(x)


@right("in place")
def euler_maruyama_step(sde, x, t, h):
    drift, diffusion = sde
    f, g = drift(x, t), diffusion(x, t)
    return x.add_(f, alpha=h).addcmul_(g, torch.randn_like(x), value=math.sqrt(h))


@right("torch.normal")
def euler_maruyama_step(sde, x, t, h):
    return x + sde[0](x, t) * h + torch.normal(0.0, sde[1](x, t) * np.sqrt(h))


@right("float64 from NumPy's noise")
def euler_maruyama_step(sde, x, t, h):
    noise = torch.from_numpy(np.random.standard_normal(x.shape))
    return x + sde.drift(x, t) * h + sde.diffusion(x, t) * math.sqrt(h) * noise


@right("Gaussian by Box and Muller")
def euler_maruyama_step(sde, x, t, h):
    u, v = 1 - torch.rand_like(x), torch.rand_like(x)
    noise = torch.sqrt(-2 * torch.log(u)) * torch.cos(2 * math.pi * v)
    return x + sde.drift(x, t) * h + sde.diffusion(x, t) * math.sqrt(h) * noise


# ---------------------------------------------------------------------------- exact_ou_step


def kick(theta, sigma, h):
    return math.sqrt(sigma**2 / (2 * theta) * (1 - math.exp(-2 * theta * h)))


@wrong("Euler's factor", says="0.580, expected 0.657 (θ = 0.7, σ = 1, h = 0.6): 1 − θh is Euler's")
def exact_ou_step(theta, sigma, x, h):
    return x * (1 - theta * h) + kick(theta, sigma, h) * torch.randn_like(x)


@wrong("√h σ", says="0.771, expected 0.637 (θ = 0.7, σ = 1, h = 0.6): σ√h is Euler-Maru")
def exact_ou_step(theta, sigma, x, h):
    return x * math.exp(-theta * h) + sigma * math.sqrt(h) * torch.randn_like(x)


@wrong("e^(−θh) for e^(−2θh)", says="1 − e^(−θh) for 1 − e^(−2θh)?")
def exact_ou_step(theta, sigma, x, h):
    decay = math.exp(-theta * h)
    return x * decay + math.sqrt(sigma**2 / (2 * theta) * (1 - decay)) * torch.randn_like(x)


@wrong("no square root", says="the square root is missing? This is the variance")
def exact_ou_step(theta, sigma, x, h):
    return x * math.exp(-theta * h) + kick(theta, sigma, h) ** 2 * torch.randn_like(x)


@wrong("σ²", says="σ² for σ?")
def exact_ou_step(theta, sigma, x, h):
    return x * math.exp(-theta * h) + kick(theta, sigma**2, h) * torch.randn_like(x)


@wrong("no noise", says="there is no kick")
def exact_ou_step(theta, sigma, x, h):
    return x * math.exp(-theta * h)


@wrong("no 2θ", says="the division by 2θ is missing?")
def exact_ou_step(theta, sigma, x, h):
    decay = math.exp(-theta * h)
    return x * decay + sigma * math.sqrt(1 - decay**2) * torch.randn_like(x)


@wrong("θ for 2θ", says="θ for 2θ in the denominator?")
def exact_ou_step(theta, sigma, x, h):
    spread = math.sqrt(2) * kick(theta, sigma, h)
    return x * math.exp(-theta * h) + spread * torch.randn_like(x)


@wrong("equilibrium", says="that is the spread at equilibrium")
def exact_ou_step(theta, sigma, x, h):
    spread = sigma / math.sqrt(2 * theta)
    return x * math.exp(-theta * h) + spread * torch.randn_like(x)


@wrong("outside the root", says="stands outside the square root?")
def exact_ou_step(theta, sigma, x, h):
    spread = sigma / math.sqrt(2 * theta) * (1 - math.exp(-2 * theta * h))
    return x * math.exp(-theta * h) + spread * torch.randn_like(x)


@wrong("no σ", says="with σ = 0 the particles still scatter by")
def exact_ou_step(theta, sigma, x, h):
    return x * math.exp(-theta * h) + kick(theta, 1.0, h) * torch.randn_like(x)


@wrong("sign of the exponent", says="the sign in the exponent?")
def exact_ou_step(theta, sigma, x, h):
    return x * math.exp(theta * h) + kick(theta, sigma, h) * torch.randn_like(x)


@wrong("no θ", says="θ is missing in the exponent?")
def exact_ou_step(theta, sigma, x, h):
    return x * math.exp(-h) + kick(theta, sigma, h) * torch.randn_like(x)


@wrong("no h", says="h is missing in the exponent?")
def exact_ou_step(theta, sigma, x, h):
    return x * math.exp(-theta) + kick(theta, sigma, h) * torch.randn_like(x)


@wrong("decay of the variance", says="2θh for θh?")
def exact_ou_step(theta, sigma, x, h):
    return x * math.exp(-2 * theta * h) + kick(theta, sigma, h) * torch.randn_like(x)


@wrong("no decay", says="the mean does not decay?")
def exact_ou_step(theta, sigma, x, h):
    return x + kick(theta, sigma, h) * torch.randn_like(x)


@wrong("implicit", says="1/(1 + θh) is the implicit step's factor")
def exact_ou_step(theta, sigma, x, h):
    return x / (1 + theta * h) + kick(theta, sigma, h) * torch.randn_like(x)


@wrong("no x", says="the old x is missing")
def exact_ou_step(theta, sigma, x, h):
    return kick(theta, sigma, h) * torch.randn_like(x)


@wrong("one kick for all", says="all particles get the same kick")
def exact_ou_step(theta, sigma, x, h):
    return x * math.exp(-theta * h) + kick(theta, sigma, h) * torch.randn(())


@wrong("torch.exp of a number", says="parameters are plain numbers")
def exact_ou_step(theta, sigma, x, h):
    return x * torch.exp(-theta * h) + kick(theta, sigma, h) * torch.randn_like(x)


@wrong("sign under the root", says="math domain error")
def exact_ou_step(theta, sigma, x, h):
    spread = math.sqrt(sigma**2 / (2 * theta) * (math.exp(-2 * theta * h) - 1) - 1e-3)
    return x * math.exp(-theta * h) + spread * torch.randn_like(x)


@right("expm1")
def exact_ou_step(theta, sigma, x, h):
    variance = -(sigma**2) / (2 * theta) * math.expm1(-2 * theta * h)
    return torch.normal(x * math.exp(-theta * h), variance**0.5)


@right("in place")
def exact_ou_step(theta, sigma, x, h):
    decay = math.exp(-theta * h)
    x *= decay
    x += torch.randn(x.shape) * sigma * math.sqrt((1 - decay**2) / (2 * theta))
    return x


@right("float64, with torch's functions")
def exact_ou_step(theta, sigma, x, h):
    theta = torch.tensor(theta, dtype=torch.float64)
    decay = torch.exp(-theta * h)
    spread = sigma * ((1 - decay**2) / (2 * theta)).sqrt()
    return decay * x.double() + spread * torch.randn(x.shape, dtype=torch.float64)
