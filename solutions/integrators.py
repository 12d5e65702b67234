"""Chapter 01: one step of an ODE, one step of an SDE, two SDEs – and how to judge them."""

import math

import torch

from helpers.course.exercise import Slip, exercise
from helpers.course.judge import compare, pair, returned, trials, untouched
from helpers.course.laws import noise_law
from helpers.noise import SDE

CHAPTER = "01 Integrators"


def euler_step(drift, x, t, h):
    """The state one Euler step later, of the ODE dx/dt = drift(x, t).

    drift : function (x, t) -> tensor shaped like x, the velocity [length / time]
    x     : tensor, any shape, mostly (particles, dimensions) [length]
    t, h  : numbers, the time now and the step [time]
    """
    return x + h * drift(x, t)


def heun_step(drift, x, t, h):
    """The state one Heun step later: Euler's step, but with the mean of two velocities.

    drift : function (x, t) -> tensor shaped like x, the velocity [length / time]
    x     : tensor, any shape, mostly (particles, dimensions) [length]
    t, h  : numbers, the time now and the step [time]
    """
    here = drift(x, t)
    there = drift(x + h * here, t + h)
    return x + h * (here + there) / 2


def brownian_motion(sigma):
    """The SDE of free Brownian motion, dx = sigma dW, as a pair (drift, diffusion).

    sigma : number, the strength of the kicks [length / sqrt(time)]
    Both parts are functions (x, t) -> tensor shaped like x.
    """

    def drift(x, t):
        return torch.zeros_like(x)

    def diffusion(x, t):
        return torch.full_like(x, sigma)

    return SDE(drift, diffusion)


def ornstein_uhlenbeck(theta, sigma):
    """The SDE of a particle on a spring, dx = -theta x dt + sigma dW, as (drift, diffusion).

    theta : number, how fast the spring pulls back [1 / time]
    sigma : number, the strength of the kicks [length / sqrt(time)]
    Both parts are functions (x, t) -> tensor shaped like x.
    """

    def drift(x, t):
        return -theta * x

    def diffusion(x, t):
        return torch.full_like(x, sigma)

    return SDE(drift, diffusion)


def euler_maruyama_step(sde, x, t, h):
    """The state one Euler-Maruyama step later: Euler's step plus one random kick.

    sde  : pair (drift, diffusion) of functions (x, t) -> tensor shaped like x
    x    : tensor, any shape, mostly (particles, dimensions) [length]
    t, h : numbers, the time now and the step [time]
    Every particle and every dimension gets its own standard normal number.
    """
    drift, diffusion = sde
    z = torch.randn_like(x)
    return x + h * drift(x, t) + diffusion(x, t) * h**0.5 * z


def exact_ou_step(theta, sigma, x, h):
    """The state of the Ornstein-Uhlenbeck process a time h later, exact for every h.

    theta : number, how fast the spring pulls back, > 0 [1 / time]
    sigma : number, the strength of the kicks [length / sqrt(time)]
    x     : tensor, any shape, mostly (particles, dimensions) [length]
    h     : number, the step, as long as you like [time]
    Mean: x exp(-theta h).  Variance: sigma^2 / (2 theta) (1 - exp(-2 theta h)).
    """
    decay = math.exp(-theta * h)
    spread = math.sqrt(sigma**2 / (2 * theta) * (1 - decay**2))
    return decay * x + spread * torch.randn_like(x)


# ---------------------------------------------------------------------------------------------
# The judges. `step` and `make` are the reader's functions.

_X = torch.tensor([[1.0, -2.0], [0.5, 3.0], [2.0, 0.25]])  # (3, 2)
_OTHER_SHAPES = (torch.tensor([1.5]), torch.linspace(-1.0, 2.0, 24).reshape(4, 3, 2))
_T = torch.tensor(0.3)  # `simulate` hands over the time as a tensor without axes


def affine_drift(x, t):
    """An affine field that depends on place and time: a reader who forgets either is seen."""
    return -1.5 * x + 2 * t + 1


def _judge_euler(move, t, h, slips=None):
    """Compare `move(x, t, h)` with Euler's step in the field `affine_drift`, slip by slip."""
    x = _X.double()
    f = affine_drift(x, t)
    once_more = affine_drift(x + h * f, t + h)
    implicit = (x + h * (2 * (t + h) + 1)) / (1 + 1.5 * h)
    compare(
        "one step leads to",
        move(_X, t, h),
        x + h * f,
        {
            "the increment misses the factor h?": x + f,
            "h is multiplied twice?": x + h * h * f,
            "only the increment; the old x is missing?": h * f,
            "the sign of the drift?": x - h * f,
            "the drift is taken at the new point, not at x and t?": x + h * once_more,
            "the drift is taken at the new point, but at the old time?": x
            + h * affine_drift(x + h * f, t),
            "that is the implicit step; Euler takes the drift at x and t": implicit,
            "the drift is asked at time 0, not at t?": x + h * affine_drift(x, 0),
            "the drift is asked at t + h, not at t?": x + h * affine_drift(x, t + h),
            "the drift is missing?": x,
            **(slips or {}),
        },
        where=[f"from x = {value:g}, t = {t:g}, h = {h:g}" for value in x.flatten().tolist()],
    )


@exercise(
    euler_step,
    todo="where is the particle a time h later, if its velocity did not change?",
    hints=(
        "In a short time h a velocity v carries a particle the distance h · v.",
        "The velocity is `drift(x, t)`, at the place and the time before the step.",
        "Give back the new place, not only the distance: `x + ...`",
    ),
)
def judge_euler_step(step):
    """One step in an affine field, any shape, and the limit of many short steps."""

    def move(x, t, h):
        return returned(step, affine_drift, x, t, h, like=x)

    for x in trials(_X, *_OTHER_SHAPES):
        move(x, _T.to(x.device), 0.1)
    _judge_euler(move, 0.5, 0.2)
    yield "one step equals x + h · drift(x, t), for x of any shape"
    x, n = torch.tensor([1.0]), 200
    for k in range(n):
        x = returned(step, lambda x, t: -x, x, k / n, 1 / n, like=x)
    compare("200 steps of dx/dt = −x lead to", x, math.exp(-1), rtol=5e-3)
    yield "200 short steps of dx/dt = −x end at 1/e"


@exercise(
    heun_step,
    todo="ask for the velocity twice, here and where Euler would land, and use the mean",
    hints=(
        "First do what Euler does: the velocity here, and the place it would lead to.",
        "Ask for the velocity there, and there the time is t + h.",
        "Step from the old x with the mean of the two velocities: `x + h * (here + there) / 2`.",
    ),
)
def judge_heun_step(step):
    """One step in a curved field, where the related methods differ, and the order of the error."""

    def drift(x, t):
        return x**2 / 2 - x + 2 * t**2 + 1

    def move(x, t, h):
        return returned(step, drift, x, t, h, like=x)

    for x in trials(_X, *_OTHER_SHAPES):
        move(x, _T.to(x.device), 0.1)
    x, t, h = _X.double(), 0.5, 0.2
    k1 = drift(x, t)
    k2 = drift(x + h * k1, t + h)
    compare(
        "one step leads to",
        move(_X, t, h),
        x + h * (k1 + k2) / 2,
        {
            "that is Euler's step; the second velocity is missing?": x + h * k1,
            "the ½ of the mean is missing?": x + h * (k1 + k2),
            "the second velocity is asked at time t, not t + h?": x
            + h * (k1 + drift(x + h * k1, t)) / 2,
            "the second velocity is asked at x, not where Euler would land?": x
            + h * (k1 + drift(x, t + h)) / 2,
            "the second velocity is asked at x + drift, without h?": x
            + h * (k1 + drift(x + k1, t + h)) / 2,
            "only the second velocity is used; take the mean of both": x + h * k2,
            "the old and the new place are averaged, not the two velocities?": x + h * k1 / 2,
            "the velocity is asked at the middle of the two places; "
            "Heun takes the mean of two velocities": x + h * drift(x + h * k1 / 2, t + h / 2),
            "h is multiplied twice?": x + h * h * (k1 + k2) / 2,
            "the mean misses the factor h?": x + (k1 + k2) / 2,
            "the second step starts from the predicted place, not from x?": x
            + h * k1
            + h * (k1 + k2) / 2,
            "only the increment; the old x is missing?": h * (k1 + k2) / 2,
            "the sign of the velocity?": x - h * (k1 + k2) / 2,
        },
        where=[f"from x = {value:g}, t = {t:g}, h = {h:g}" for value in x.flatten().tolist()],
    )
    yield "one step uses the mean of the two velocities, for x of any shape"

    def error(n):
        y = torch.ones(1, dtype=torch.float64)
        for k in range(n):
            y = returned(step, lambda x, t: x * math.cos(t), y, k / n, 1 / n, like=y)
        return abs(float(y) - math.exp(math.sin(1)))

    # Readers may compute in float32, so the steps stay long and the errors well above 1e-6.
    compare("halving h divides the error by", error(8) / error(16), 4.0, rtol=0.15)
    yield "halving h divides the error by 4: second order"


def _coefficients(make, parameters, x, t):
    """Drift and diffusion of `make(*parameters)` at (x, t), as float64; random ones are refused."""
    drift, diffusion = pair(make(*parameters))
    many = torch.ones(1000, 2)
    values = []
    t = torch.tensor(t, device=x.device)
    for name, part in (("drift", drift), ("diffusion", diffusion)):
        values.append(returned(part, x, t, like=x, what=f"the {name}, called as (x, t),"))
        untouched(part, x, t, what=f"the {name}")
        again = [returned(part, many, t, like=many, what=f"the {name}") for _ in range(2)]
        # The same place twice, and a thousand particles at one place: one and the same number.
        scatter = float(torch.stack(again).std())
        if scatter > 1e-4:
            raise Slip(
                f"the {name} is random: at one place it scatters by {{measured}}, expected "
                "{expected}. The step draws the noise; drawn here too, it would come in twice",
                scatter,
                0.0,
            )
    return values


@exercise(
    brownian_motion,
    todo="two inner functions drift(x, t) and diffusion(x, t), then return SDE(drift, diffusion)",
    hints=(
        "In dx = drift dt + diffusion dW a free particle has no drift: zeros, shaped like x.",
        "The diffusion is the number σ for every particle: `torch.full_like(x, sigma)`.",
        "No random numbers here. The step multiplies the diffusion by the noise it draws.",
    ),
)
def judge_brownian_motion(make):
    """Zero drift and the coefficient σ itself, shaped like x and not random."""
    sigmas = (0.5, 3.0)
    for x in trials(_X, *_OTHER_SHAPES):
        for sigma in sigmas:
            drift, diffusion = _coefficients(make, (sigma,), x, 0.7)
            if float(diffusion.abs().max()) < 1e-9 and float((drift - sigma).abs().max()) < 1e-5:
                raise Slip(
                    "the diffusion is {measured}, expected {expected}: the pair is the other way "
                    "round, SDE(drift, diffusion)",
                    0.0,
                    sigma,
                )
            compare(
                "the drift is",
                drift,
                torch.zeros_like(drift),
                {
                    "the drift holds σ; that is the diffusion's part": torch.full_like(
                        drift, sigma
                    ),
                    "a drift that grows with x pushes the particle; free motion has none": x,
                    "that spring belongs to the Ornstein-Uhlenbeck process": -x,
                },
                where=[f"σ = {sigma:g}, x = {value:g}" for value in x.flatten().tolist()],
            )
    yield "no drift anywhere, for x of any shape"
    _compare_diffusion(
        [_coefficients(make, (sigma,), _X, 0.7)[1][0, 0] for sigma in sigmas],
        [(f"σ = {sigma:g}", sigma) for sigma in sigmas],
    )
    yield "the diffusion is σ for every particle, and no random number"


def _compare_diffusion(measured, cases, slips=None):
    sigma = torch.tensor([value for _, value in cases], dtype=torch.float64)
    compare(
        "the diffusion is",
        torch.stack(measured),
        sigma,
        {
            "σ² for σ? The kick has standard deviation σ√h": sigma**2,
            "σ²/2 is the diffusion coefficient of Fick's law; here it is σ": sigma**2 / 2,
            "√σ for σ?": sigma**0.5,
            "σ is not used?": torch.ones_like(sigma),
            "√(2σ) for σ?": (2 * sigma) ** 0.5,
            "there is no noise": torch.zeros_like(sigma),
            **(slips or {}),
        },
        where=[name for name, _ in cases],
    )


@exercise(
    ornstein_uhlenbeck,
    todo="as in brownian_motion, but with a spring that pulls back to 0",
    hints=(
        "The spring pulls towards 0: for x > 0 the drift is negative.",
        "The drift is −θ x. The diffusion is the same as for Brownian motion.",
        "`-theta * x` and `torch.full_like(x, sigma)`, each inside its function (x, t).",
    ),
)
def judge_ornstein_uhlenbeck(make):
    """The spring −θ x and the coefficient σ itself, shaped like x and not random."""
    cases = ((0.25, 0.5), (2.0, 3.0))
    for x in trials(_X, *_OTHER_SHAPES):
        drifts, springs, diffusions = [], [], []
        for theta, sigma in cases:
            drift, diffusion = _coefficients(make, (theta, sigma), x, 0.7)
            spring = -theta * x.double()
            flat, pulled = float((drift - sigma).abs().max()), (diffusion - spring).abs().max()
            if flat < 1e-5 and float(pulled) < 1e-5:
                raise Slip(
                    "the diffusion is {measured}, expected {expected}: the pair is the other way "
                    "round, SDE(drift, diffusion)",
                    float(diffusion.flatten()[0]),
                    sigma,
                )
            drifts.append(drift.flatten())
            springs.append(spring.flatten())
            diffusions.append(diffusion.flatten()[0])
        spring = torch.cat(springs)
        place = x.double().flatten().repeat(2)
        springy, kicky = torch.tensor(cases, dtype=torch.float64).repeat_interleave(x.numel(), 0).T
        compare(
            "the drift is",
            torch.cat(drifts),
            spring,
            {
                "the sign of the drift? This spring pushes away from 0": -spring,
                "θ is missing?": -place,
                "x is missing; the spring pulls harder farther out": -springy,
                "divided by θ instead of multiplied?": -place / springy,
                "θ² for θ?": spring * springy,
                "σ in the place of θ?": -kicky * place,
                "there is no spring": 0 * place,
            },
            where=[f"θ = {a:g}, x = {b:g}" for a, b in zip(springy, place, strict=True)],
        )
    yield "the drift is −θ x, for x of any shape"
    theta, sigma = torch.tensor(cases, dtype=torch.float64).T
    _compare_diffusion(
        diffusions,
        [(f"θ = {theta:g}, σ = {sigma:g}", sigma) for theta, sigma in cases],
        {
            "σ/√(2θ) is the spread at equilibrium; the kick takes σ itself": sigma
            / (2 * theta) ** 0.5,
            "σ²/2θ is the variance at equilibrium; the kick takes σ itself": sigma**2 / (2 * theta),
            "√2 σ for σ?": 2**0.5 * sigma,
            "θ in the place of σ?": theta,
            "θ does not belong to the kick": theta * sigma,
        },
    )
    yield "the diffusion is σ for every particle, and no random number"


def _constant(value):
    def coefficient(x, t):
        return torch.full_like(x, value)

    return coefficient


@exercise(
    euler_maruyama_step,
    todo="Euler's step, plus a kick of standard deviation diffusion · √h",
    hints=(
        "Unpack the pair first: `drift, diffusion = sde`. Then take Euler's step.",
        "The variance of a kick grows like h, so its standard deviation grows like √h.",
        "One standard normal number for each entry of x: `torch.randn_like(x)`.",
        "The kick is `diffusion(x, t) * h**0.5 * torch.randn_like(x)`.",
    ),
)
def judge_euler_maruyama_step(step):
    """Euler without noise, then the law of the kick: independence, mean, kurtosis, size."""
    for x in trials(_X, *_OTHER_SHAPES):
        returned(step, SDE(affine_drift, _constant(0.7)), x, _T.to(x.device), 0.1, like=x)
    many = torch.ones(10_000, 2)

    def silent(x, t, h):
        return returned(step, SDE(affine_drift, _constant(0.0)), x, t, h, like=x)

    scatter = float(silent(many, 0.5, 0.25).std())
    if scatter > 1e-4:
        raise Slip(
            "with σ = 0 the particles still scatter by {measured}, expected {expected}: "
            "the kick is not multiplied by the diffusion?",
            scatter,
            0.0,
        )
    f = affine_drift(_X.double(), 0.5)
    _judge_euler(silent, 0.5, 0.2, {"√h on the drift? It takes h": _X.double() + 0.2**0.5 * f})
    yield "without noise it is Euler's step"

    def kicks(diffusion, h, drift=0.0, t=0.5):
        sde = SDE(_constant(drift), diffusion)
        return returned(step, sde, many, t, h, like=many) - many - h * drift

    noise_law(lambda: kicks(_constant(2.0), 0.25))
    yield "every particle and dimension gets its own normal kick, new at each call"

    def growing(x, t):
        return x * (1 + t)  # 1.5 at x = 1, t = 0.5

    cases = ((1.0, 0.01), (3.0, 0.01), (2.0, 0.25), (1.5, 0.25))
    measured = [float(kicks(_constant(sigma), h).std()) for sigma, h in cases[:3]]
    measured.append(float(kicks(growing, 0.25, drift=4.0).std()))
    sigma, h = torch.tensor(cases, dtype=torch.float64).T

    def elsewhere(value):
        return torch.tensor([1.0, 3.0, 2.0, value], dtype=torch.float64) * h**0.5

    compare(
        "the kick has standard deviation",
        measured,
        sigma * h**0.5,
        {
            "√h, not h?": sigma * h,
            "the factor √h is missing?": sigma,
            "the kick is not multiplied by the diffusion?": h**0.5,
            "σ² for σ?": sigma**2 * h**0.5,
            "√(2h) for √h? The 2 belongs to Langevin's temperature": sigma * (2 * h) ** 0.5,
            "the diffusion is taken at the new point, not at x?": elsewhere(3.0),
            "the diffusion is asked at time 0, not at t?": elsewhere(1.0),
            "the diffusion is asked at t + h, not at t?": elsewhere(1.75),
        },
        where=[f"diffusion = {a:g}, h = {b:g}" for a, b in cases],
        rtol=5 / math.sqrt(2 * many.numel()),
    )
    yield "the kick has standard deviation σ√h"


@exercise(
    exact_ou_step,
    todo="the mean decays by exp(-theta h); add a kick that has the exact variance",
    hints=(
        "Two parts: the mean, `x * math.exp(-theta * h)`, and a normal kick around it.",
        "The kick's variance is σ²/(2θ) · (1 − e^(−2θh)): 0 for h = 0, σ²/(2θ) for long times.",
        "The kick is the square root of the variance times `torch.randn_like(x)`.",
    ),
)
def judge_exact_ou_step(step):
    """The decay without noise, then the law of the kick for short and long steps."""
    for x in trials(_X, *_OTHER_SHAPES):
        returned(step, 0.7, 0.4, x, 0.3, like=x)
    many = torch.ones(10_000, 2)
    cases = ((0.7, 1.0, 0.6), (0.25, 3.0, 1.0), (2.0, 0.5, 1.5), (1.5, 2.0, 8.0))
    where = [f"θ = {a:g}, σ = {b:g}, h = {c:g}" for a, b, c in cases]
    theta, sigma, h = torch.tensor(cases, dtype=torch.float64).T
    silent = [returned(step, a, 0.0, many, c, like=many) for a, _, c in cases]
    scatter = float(silent[0].std())
    if scatter > 1e-4:
        raise Slip(
            "with σ = 0 the particles still scatter by {measured}, expected {expected}: "
            "the kick is not multiplied by σ?",
            scatter,
            0.0,
        )
    decay = torch.exp(-theta * h)
    compare(
        "the mean of particles from x = 1 is",
        [float(x.mean()) for x in silent],
        decay,
        {
            "1 − θh is Euler's factor; exact is e^(−θh)": 1 - theta * h,
            "the sign in the exponent?": 1 / decay,
            "θ is missing in the exponent?": torch.exp(-h),
            "h is missing in the exponent?": torch.exp(-theta),
            "2θh for θh? That is the decay of the variance": decay**2,
            "1/(1 + θh) is the implicit step's factor; exact is e^(−θh)": 1 / (1 + theta * h),
            "the old x is missing; there is only the kick?": 0 * decay,
            "the mean does not decay?": decay**0,
        },
        where=where,
    )
    for a, _, c in cases[:2]:
        x = returned(step, a, 0.0, _X, c, like=_X)
        compare("without noise the step leads to", x, _X.double() * math.exp(-a * c))
    yield "the mean decays like e^(−θh), for long steps too"

    def kicks(a, b, c):
        return returned(step, a, b, many, c, like=many) - many * math.exp(-a * c)

    noise_law(lambda: kicks(0.5, 2.0, 0.5))
    yield "every particle and dimension gets its own normal kick, new at each call"
    variance = sigma**2 / (2 * theta) * (1 - decay**2)
    compare(
        "the kick has standard deviation",
        [float(kicks(*case).std()) for case in cases],
        variance**0.5,
        {
            "σ√h is Euler-Maruyama's kick; exact needs 1 − e^(−2θh)": sigma * h**0.5,
            "1 − e^(−θh) for 1 − e^(−2θh)?": (variance / (1 + decay)) ** 0.5,
            "the square root is missing? This is the variance": variance,
            "σ² for σ?": sigma * variance**0.5,
            "the division by 2θ is missing?": (variance * 2 * theta) ** 0.5,
            "θ for 2θ in the denominator?": (2 * variance) ** 0.5,
            "that is the spread at equilibrium; the factor 1 − e^(−2θh) is missing?": sigma
            / (2 * theta) ** 0.5,
            "1 − e^(−2θh) stands outside the square root?": sigma
            / (2 * theta) ** 0.5
            * (1 - decay**2),
            "the kick is not multiplied by σ?": variance**0.5 / sigma,
            "the kick decays as if it had come before the step?": sigma * h**0.5 * decay,
        },
        where=where,
        rtol=5 / math.sqrt(2 * many.numel()),
    )
    yield "the kick has variance σ²/(2θ) · (1 − e^(−2θh))"
