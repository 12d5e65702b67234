"""Chapter 02: forces, Langevin steps, Metropolis' test, scores – and how to judge them."""

import math

import torch

from helpers.course.exercise import Slip, exercise
from helpers.course.judge import (
    call,
    compare,
    returned,
    tensor_like,
    trials,
    untouched,
)
from helpers.course.laws import noise_law
from helpers.noise import SDE
from solutions.integrators import _coefficients, _compare_diffusion

CHAPTER = "02 Langevin"


def double_well_force(x):
    """The force -grad U of the double well U = (x^2 - 1.5)^2 / 4 + 0.7 y^2.

    x : tensor (..., 2), the two coordinates of each particle [length]
    Returns a tensor shaped like x [energy / length].
    """
    fx = -x[..., 0] * (x[..., 0] ** 2 - 1.5)
    fy = -1.4 * x[..., 1]
    return torch.stack([fx, fy], dim=-1)


def overdamped_langevin_step(force, x, T, h):
    """The state one step of overdamped Langevin dynamics later.

    force : function x -> tensor shaped like x, -grad U [energy / length]
    x     : tensor, any shape, mostly (particles, dimensions) [length]
    T, h  : numbers, the temperature [energy] and the step [time]
    The mobility is 1: the move is h force(x), plus a kick of variance 2 T h with
    its own standard normal number for every particle and every dimension.
    """
    z = torch.randn_like(x)
    return x + h * force(x) + math.sqrt(2 * T * h) * z


def metropolis_accept(energy, force, x, y, T, h):
    """The probability to accept the Langevin proposal x -> y as the next state.

    energy, force : functions of x; energy gives (particles,), force is like x
    x, y          : tensors (particles, dimensions), old and proposed [length]
    T, h          : numbers, the temperature [energy] and the step [time]
    It is min(1, p(y) q(x|y) / p(x) q(y|x)) with p = exp(-energy / T). q(y|x) is
    the law of one Langevin step from x: mean x + h force(x), variance 2 T h.
    Returns one number between 0 and 1 for each particle, shape (particles,).
    """
    there = (y - x - h * force(x)).square().sum(-1)
    back = (x - y - h * force(y)).square().sum(-1)
    log_ratio = (energy(x) - energy(y)) / T + (there - back) / (4 * T * h)
    return torch.exp(log_ratio).clamp(max=1)


def gaussian_mixture_score(x, means, std, weights):
    """The score grad log p of p(x) = sum_k weights[k] N(x; means[k], std^2 I).

    x       : tensor (n, D), where the score is asked for [length]
    means   : tensor (K, D), the centres of the modes [length]
    std     : number, the width that all modes share [length]
    weights : tensor (K,), positive, with sum 1
    Returns a tensor shaped like x [1 / length].
    """
    d2 = torch.cdist(means, x).square()  # (K, n)
    log_share = weights.log()[:, None] - d2 / (2 * std**2)
    share = log_share.softmax(0)  # whose point is it? columns sum to 1
    return (share.T @ means - x) / std**2


def langevin_sde(sigma, score):
    """The SDE whose equilibrium has this score, as a pair (drift, diffusion).

    sigma : number, the strength of the kicks [length / sqrt(time)]
    score : function x -> tensor shaped like x, grad log p [1 / length]
    Both parts are functions (x, t) -> tensor shaped like x.
    """

    def drift(x, t):
        return 0.5 * sigma**2 * score(x)

    def diffusion(x, t):
        return torch.full_like(x, sigma)

    return SDE(drift, diffusion)


# ---------------------------------------------------------------------------------------------
# The judges.

_X = torch.tensor([[1.0, -2.0], [0.5, 3.0], [-2.0, 0.25], [0.2, 0.1]])  # (4, 2)


@exercise(
    double_well_force,
    todo="the force is minus the gradient of U: one derivative for each coordinate",
    hints=(
        "A force points downhill: it is minus the derivative of the energy.",
        "The chain rule on ¼(x² − 1.5)²: outer derivative ½(x² − 1.5), inner derivative 2x.",
        "Put the two components side by side: `torch.stack([fx, fy], dim=-1)`.",
    ),
)
def judge_double_well_force(force):
    """Each component at points on all sides of the barrier, any shape, and the rest points."""
    for x in trials(_X, torch.tensor([1.5, -0.5]), torch.linspace(-2, 2, 24).reshape(4, 3, 2)):
        returned(force, x, like=x)
    untouched(force, _X, what="the force")
    x, y = _X.double().T
    fx, fy = -x * (x**2 - 1.5), -1.4 * y
    got = returned(force, _X, like=_X)
    if torch.allclose(got, torch.stack([-fx, -fy], -1), rtol=1e-4):
        raise Slip(
            "the force at x = 1, y = −2 has components {measured}, expected {expected}: that is "
            "the gradient, it points uphill; the force is minus the gradient",
            _pair(got[0]),
            _pair((fx[0], fy[0])),
        )
    where = [f"x = {a:g}, y = {b:g}" for a, b in _X.tolist()]
    if torch.allclose(got, torch.stack([fy, fx], -1), rtol=1e-4):
        raise Slip(
            "the force at x = 1, y = −2 has components {measured}, expected {expected}: x and y "
            "have changed places",
            _pair(got[0]),
            _pair((fx[0], fy[0])),
        )
    compare(
        "the x component of the force is",
        got[:, 0],
        fx,
        {
            "the sign: downhill is minus the gradient": -fx,
            "half of it; the inner derivative of x² is 2x, not x": fx / 2,
            "the inner derivative 2x is missing": -(x**2 - 1.5) / 2,
            "twice too much; ¼ times the outer 2 times the inner 2x is x": 2 * fx,
            "the factor ¼ of the quartic is missing": 4 * fx,
            "a quarter of it; the square and x² bring down a 2 each": fx / 4,
            "the −1.5 in the bracket is lost": -(x**3),
            "the bracket is still squared; a derivative lowers the power": fx * (x**2 - 1.5),
            "that is minus the energy, not its derivative": -0.25 * (x**2 - 1.5) ** 2,
        },
        where=where,
    )
    compare(
        "the y component of the force is",
        got[:, 1],
        fy,
        {
            "the sign: downhill is minus the gradient": -fy,
            "the derivative of y² is 2y: the factor 2 is missing": -0.7 * y,
            "y itself is missing": torch.full_like(y, -1.4),
            "there is no force along y?": 0 * y,
            "y² is still there; a derivative lowers the power": -0.7 * y**2,
            "the factor 0.7 is missing": -2 * y,
            "the factor 0.7 counts twice": 2 * 0.7 * fy,
        },
        where=where,
    )
    yield "both components equal −∂U/∂x and −∂U/∂y, for x of shape (..., 2)"
    rest = torch.tensor([[math.sqrt(1.5), 0.0], [-math.sqrt(1.5), 0.0], [0.0, 0.0]])
    compare(
        "at the wells and the saddle the force is",
        returned(force, rest, like=rest),
        torch.zeros(6),
        atol=1e-5,
    )
    yield "no force at the two wells, x = ±√1.5, and at the saddle between them"


def _pair(values):
    return "({:.3f}, {:.3f})".format(*(float(v) for v in values))


def _bent(x):
    return -1.5 * x + 0.25 * x**2 + 1


@exercise(
    overdamped_langevin_step,
    todo="follow the force for a time h, and add a kick of standard deviation √(2Th)",
    hints=(
        "Without temperature it is Euler's step along the force: `x + h * force(x)`.",
        "The kick has variance 2Th for each particle and each dimension.",
        "The kick is `math.sqrt(2 * T * h) * torch.randn_like(x)`.",
    ),
)
def judge_overdamped_langevin_step(step):
    """The mean move, the motion at T = 0, the law of the kick and its size."""
    for x in trials(_X, torch.tensor([1.5]), torch.linspace(-1, 2, 24).reshape(4, 3, 2)):
        returned(step, _bent, x, 0.4, 0.1, like=x)
    many = torch.ones(10_000, 2)
    compare(
        "at T = 0 and without a force the step leads from 1 to",
        returned(step, torch.zeros_like, many[:3], 0.0, 0.1, like=many[:3]),
        torch.ones(6),
        {"only the move is returned; the old x is missing?": torch.zeros(6)},
    )

    def kicks(T, h):
        return returned(step, torch.zeros_like, many, T, h, like=many) - many

    noise_law(lambda: kicks(0.5, 0.25))
    yield "every particle and dimension gets its own normal kick, new at each call"
    cases = ((0.3, 0.01), (3.0, 0.04), (1.7, 0.25), (0.1, 2.0))
    T, h = torch.tensor(cases, dtype=torch.float64).T
    compare(
        "the kick has standard deviation",
        [float(kicks(*case).std()) for case in cases],
        (2 * T * h).sqrt(),
        {
            "√(Th): the 2 under the root is missing?": (T * h).sqrt(),
            "T for √T? The variance is proportional to T": T * (2 * h).sqrt(),
            "h for √h? The variance is proportional to h": (2 * T).sqrt() * h,
            "the factor √h is missing?": (2 * T).sqrt(),
            "the temperature is missing?": (2 * h).sqrt(),
            "the square root is missing? This is the variance": 2 * T * h,
            "2√(Th): the 2 belongs under the root": 2 * (T * h).sqrt(),
            "√2·T·h: the root goes over all three": math.sqrt(2) * T * h,
            "√(T/2 · h)?": (T * h / 2).sqrt(),
            "√(2h/T): hotter must mean larger kicks": (2 * h / T).sqrt(),
            "T√h: take the root of 2T as well": T * h.sqrt(),
            "only √h: where is the temperature?": h.sqrt(),
        },
        where=[f"T = {a:g}, h = {b:g}" for a, b in cases],
        rtol=5 / math.sqrt(2 * many.numel()),
    )
    yield "the kick has standard deviation √(2Th)"
    T, h, f = 0.5, 0.01, 20.0

    def push(x):
        return torch.full_like(x, f)

    moved = [float((returned(step, push, many, T, h, like=many) - many).mean()) for _ in range(2)]
    compare(
        "under a constant force of 20, with T = 0.5 and h = 0.01, the mean move is",
        sum(moved) / 2,
        h * f,
        {
            "the force misses the factor h?": f,
            "the sign: this walks uphill": -h * f,
            "√h on the force? It takes h": math.sqrt(h) * f,
            "h is multiplied twice?": h * h * f,
            "the force is multiplied by T? Only the kick knows the temperature": T * h * f,
            "the force is divided by T? That would be the score": h * f / T,
            "2h for h on the force? The 2 belongs to the kick": 2 * h * f,
            "h/2 for h on the force?": h * f / 2,
            "the force is missing?": 0.0,
        },
        rtol=0,
        atol=5 * math.sqrt(2 * T * h / (2 * many.numel())),
    )
    cold = returned(step, _bent, _X, 0.0, 0.2, like=_X)
    x = _X.double()
    compare(
        "at T = 0 the step leads to",
        cold,
        x + 0.2 * _bent(x),
        {
            "the force is taken at the new point, not at x?": x + 0.2 * _bent(x + 0.2 * _bent(x)),
        },
        where=[f"from x = {value:g}, h = 0.2" for value in x.flatten().tolist()],
    )
    yield "without temperature it is Euler's step along the force, for x of any shape"


def _energy(x):
    """A valley without symmetry, so that a wrong direction shows."""
    return 0.3 * x[:, 0] ** 4 - x[:, 0] + 0.8 * x[:, 1] ** 2 + 0.5 * x[:, 0] * x[:, 1]


def _energy_force(x):
    fx = -1.2 * x[:, 0] ** 3 + 1 - 0.5 * x[:, 1]
    return torch.stack([fx, -1.6 * x[:, 1] - 0.5 * x[:, 0]], -1)


@exercise(
    metropolis_accept,
    todo="the log of p(y) q(x|y) / (p(x) q(y|x)), then exp, at most 1",
    hints=(
        "Work with logarithms: log p(y) − log p(x) is (energy(x) − energy(y)) / T.",
        "From x a Langevin step aims at x + h force(x) with variance 2Th: "
        "log q(y|x) = −|y − x − h force(x)|² / (4Th), up to a constant that cancels.",
        "For the way back exchange x and y everywhere, in the force too.",
        "Add log p(y) − log p(x) and log q(x|y) − log q(y|x); `torch.exp(...).clamp(max=1)`.",
    ),
)
def judge_metropolis_accept(accept):
    """The probability at mixed moves, its bound, and detailed balance between two points."""
    g = torch.Generator().manual_seed(1)
    T, h = 0.6, 0.3
    x = torch.randn(400, 2, generator=g)
    y = x + h * _energy_force(x) + math.sqrt(2 * T * h) * torch.randn(400, 2, generator=g)
    # Where the proposal's asymmetry counts most comes first: that is the number quoted.
    log_p, _, _ = _log_parts(x, y, T, h)
    gap = (log_p.exp().clamp(max=1) - _ratio(x, y, T, h).clamp(max=1)).abs()
    order = gap.argsort(descending=True)
    x, y = x[order], y[order]
    few = x[:5]
    for start in trials(few):
        end = y[:5].to(start.device)
        _one_each(call(accept, _energy, _energy_force, start, end, T, h), start)
    for T in (0.6, 1.4):
        got = _one_each(call(accept, _energy, _energy_force, x, y, T, h), x)
        if float(got.min()) < -1e-6:
            first = int((got < -1e-6).nonzero()[0])
            raise Slip(
                "a probability is {measured}, expected {expected}: that is the logarithm; exp() "
                "turns it into a probability?",
                float(got[first]),
                float(_ratio(x, y, T, h).clamp(max=1)[first]),
            )
        right = _ratio(x, y, T, h)
        if float(got.max()) > 1 + 1e-6 and torch.allclose(got, right, rtol=1e-3):
            first = int((got > 1 + 1e-6).nonzero()[0])
            raise Slip(
                "a probability is {measured}, expected {expected}: the min(1, …) is missing",
                float(got[first]),
                1.0,
            )
        _compare_accept(got, x, y, T, h)
    yield "the probability is min(1, p(y) q(x|y) / p(x) q(y|x)), for moves up and down"
    # What flows from x to y flows back, moves of a probability too small for float32 left out.
    ratio = _ratio(x, y, T, h)
    fair = (ratio > 1e-6) & (ratio < 1e6)
    back = _one_each(call(accept, _energy, _energy_force, y, x, T, h), x)
    flows = (got / back / ratio)[fair]
    compare("the flow x → y over the flow y → x is", flows, torch.ones(len(flows)), rtol=1e-2)
    yield "detailed balance: as much flows from x to y as from y to x"
    far = torch.tensor([[30.0, 0.0], [0.0, 0.0]])
    edge = call(accept, _energy, _energy_force, far, far.flip(0), 0.6, 0.001)
    if isinstance(edge, torch.Tensor) and bool(torch.isnan(edge).any()):
        raise Slip(
            "from far outside downhill and back the probabilities are {measured}, expected "
            "{expected}: one exp() overflows, another vanishes; multiply after taking logarithms, "
            "that is: add, and take one exp() at the end",
            " and ".join(f"{value:g}" for value in edge.flatten().tolist()),
            "1 and 0",
        )
    edge = _one_each(edge, far)
    compare("from far outside downhill and back, the probability is", edge, [1.0, 0.0])
    yield "finite for enormous differences in energy"


def _one_each(value, x):
    """The (particles,) probabilities as float64; a Slip in words for another shape."""
    if isinstance(value, torch.Tensor) and value.shape == x.shape and value.is_floating_point():
        raise Slip(
            "it returned the shape {measured}, expected {expected}, one number for each particle: "
            "sum the squares over the last axis, .sum(-1)",
            tuple(value.shape),
            (len(x),),
        )
    return tensor_like(value, x[:, 0], "it")


def _log_parts(x, y, T, h):
    x, y = x.double(), y.double()
    there = (y - x - h * _energy_force(x)).square().sum(-1)
    back = (x - y - h * _energy_force(y)).square().sum(-1)
    return (_energy(x) - _energy(y)) / T, there, back


def _ratio(x, y, T, h):
    boltzmann, there, back = _log_parts(x, y, T, h)
    return torch.exp(boltzmann + (there - back) / (4 * T * h))


def _compare_accept(got, x, y, T, h):
    boltzmann, there, back = _log_parts(x, y, T, h)
    proposal = (there - back) / (4 * T * h)
    stale = (x.double() - y.double() - h * _energy_force(x.double())).square().sum(-1)
    plain = ((y - x - _energy_force(x)).square() - (x - y - _energy_force(y)).square()).sum(-1)
    uphill = (
        (y - x + h * _energy_force(x)).square() - (x - y + h * _energy_force(y)).square()
    ).sum(-1)
    logs = {
        "the proposal's asymmetry is forgotten: q(x|y) and q(y|x) do not cancel": boltzmann,
        "the whole ratio is upside down: p(y) q(x|y) stands on top": -boltzmann - proposal,
        "the energies are exchanged: going down must help": -boltzmann + proposal,
        "the proposals are exchanged: q(x|y), the way back, stands on top": boltzmann - proposal,
        "the way back uses the force at x; it starts at y": boltzmann
        + (there - stale) / (4 * T * h),
        "2Th for 4Th: a normal law of variance v has −d²/(2v) in the exponent, and v = 2Th": (
            boltzmann + 2 * proposal
        ),
        "the T is missing under the squares: the variance is 2Th": boltzmann + proposal * T,
        "the energy difference is not divided by T": boltzmann * T + proposal,
        "the squares are not divided by the variance": boltzmann + proposal * 4 * T * h,
        "8Th for 4Th under the squares": boltzmann + proposal / 2,
        "only the proposals are compared; the energies are missing": proposal,
        "h is missing: the step aims at x + h · force(x)": boltzmann + plain / (4 * T * h),
        "the step aims at x + h · force(x), with a plus": boltzmann + uphill / (4 * T * h),
    }
    slips = {why: torch.exp(value.clamp(max=0)) for why, value in logs.items()}
    # The same slips where min(1, …) is missing as well.
    bare = {why + "; and min(1, …) is missing": torch.exp(v) for why, v in logs.items()}
    compare(
        "the acceptance probability is",
        got,
        _ratio(x, y, T, h).clamp(max=1),
        {
            **slips,
            **bare,
            "max(1, …) for min(1, …)?": _ratio(x, y, T, h).clamp(min=1),
            "every move is accepted": torch.ones_like(got),
        },
        where=[f"particle {i}, T = {T:g}, h = {h:g}" for i in range(len(x))],
        rtol=1e-3,
        atol=1e-5,
    )


def _log_density(x, means, std, weights):
    d2 = (x[:, None, :] - means).square().sum(-1)
    return torch.logsumexp(weights.log() - d2 / (2 * std**2), -1)


@exercise(
    gaussian_mixture_score,
    todo="each mode pulls with (mean − x) / std²; weigh the pulls by whose point it is",
    hints=(
        "One mode alone has the score (mean − x) / std²: a spring to its centre.",
        "Of several modes each counts by its share of the point, "
        "p(k | x) ∝ weights[k] · exp(−|x − mean|² / 2std²). The shares of a point sum to 1.",
        "`torch.cdist(means, x)` holds all distances, shape (K, n): modes down, points across.",
        "Take the shares from their logarithms: "
        "`(weights.log()[:, None] - d2 / (2 * std**2)).softmax(0)` is safe far away.",
    ),
)
def judge_gaussian_mixture_score(score):
    """One mode, several modes against automatic differentiation, and points far outside."""
    g = torch.Generator().manual_seed(2)
    means = torch.tensor([[2.0, 0.0], [-1.0, 1.0], [0.0, -1.5]])
    weights = torch.tensor([0.2, 0.5, 0.3])
    x = 1.5 * torch.randn(7, 2, generator=g)
    for start in trials(x, x[:1], torch.randn(5, 3, generator=g)):
        centres = torch.randn(3, start.shape[1], generator=g).to(start.device)
        returned(score, start, centres, 0.8, weights.to(start.device), like=start)
    untouched(score, x, means, 0.8, weights)
    # Close enough that no density is tiny: far away is judged on its own, further down.
    one, sure, near = torch.tensor([[0.3, -0.2]]), torch.ones(1), x / 3
    apart = one.double() - near.double()
    cases = (0.5, 1.7)

    def both(value):
        return torch.cat([value(s).flatten() for s in cases])

    compare(
        "for a single mode the score is",
        both(lambda s: returned(score, near, one, s, sure, like=near)),
        both(lambda s: apart / s**2),
        {
            "the sign: a score points towards the mode": both(lambda s: -apart / s**2),
            "σ for σ²: the pull is (mean − x) / σ²": both(lambda s: apart / s),
            "the division by σ² is missing": both(lambda s: apart),
            "a factor 2: the derivative of −d²/(2σ²) is −d/σ²": both(lambda s: 2 * apart / s**2),
            "a factor ½: the derivative of −d²/(2σ²) is −d/σ²": both(lambda s: apart / 2 / s**2),
            "σ⁴ for σ²?": both(lambda s: apart / s**4),
            "that is the gradient of the density; divide by the density, or take its log": both(
                lambda s: apart / s**2 * torch.exp(-apart.square().sum(-1, True) / (2 * s**2))
            ),
            "that is the gradient of the density p; the score is that of log p": both(
                lambda s: (
                    apart
                    / s**2
                    * torch.exp(-apart.square().sum(-1, True) / (2 * s**2))
                    / (2 * math.pi * s**2)
                )
            ),
        },
        where=[f"std = {s:g}" for s in cases for _ in range(x.numel())],
    )
    yield "a single mode pulls with (mean − x) / std²"
    std = 0.9
    points = x.double().requires_grad_()
    centres, w = means.double(), weights.double()
    (truth,) = torch.autograd.grad(_log_density(points, centres, std, w).sum(), points)
    away = centres - x.double()[:, None, :]  # (n, K, D)
    d2 = away.square().sum(-1)

    def by(shares):
        return (shares[..., None] * away).sum(1) / std**2

    def softmax(exponent):
        return by(exponent.softmax(-1))

    nearest = torch.nn.functional.one_hot(d2.argmin(-1), 3).double()
    raw = w * torch.exp(-d2 / (2 * std**2))
    compare(
        "for three modes the score is",
        returned(score, x, means, std, weights, like=x),
        truth,
        {
            "the responsibilities are missing: every mode pulls with its plain weight, however "
            "far it is": by(w.expand(7, 3)),
            "the weights of the modes are ignored": softmax(-d2 / (2 * std**2)),
            "all pulls are added: the shares of a point must sum to 1": by(
                torch.ones(7, 3).double()
            ),
            "the pulls are averaged alike: each mode counts by its share of the point": by(
                torch.ones(7, 3).double() / 3
            ),
            "the sign in the exponent: far modes must count less, not more": softmax(
                w.log() + d2 / (2 * std**2)
            ),
            "the ½ in the exponent is missing: −d²/(2σ²)": softmax(w.log() - d2 / std**2),
            "σ for σ² in the exponent": softmax(w.log() - d2 / (2 * std)),
            "the exponent is not divided by σ²": softmax(w.log() - d2 / 2),
            "d for d² in the exponent: a normal law has the square": softmax(
                w.log() - d2.sqrt() / (2 * std**2)
            ),
            "the weight itself stands in the exponent; there its logarithm belongs": softmax(
                w - d2 / (2 * std**2)
            ),
            "only the nearest mode pulls: between modes the shares are mixed": by(nearest),
            "the shares are not divided by their sum": by(raw),
            "the weights count twice": by((w * raw) / (w * raw).sum(-1, keepdim=True)),
            "the weights come in after the shares are normalised; they belong inside": by(
                w * (-d2 / (2 * std**2)).softmax(-1)
            ),
            "the sum of the modes' shares runs over the points, not over the modes": by(
                raw / raw.sum(0)
            ),
        },
        where=[f"point {i}, component {j}" for i in range(7) for j in range(2)],
    )
    yield "several modes: equal to the derivative of log p by automatic differentiation"
    far = torch.tensor([[60.0, 0.0], [-30.0, 45.0]])
    value = call(score, far, means, 0.5, weights)
    pull = (means.double() - far.double()[:, None, :])[[0, 1], [0, 1]] / 0.25
    if isinstance(value, torch.Tensor):
        first = float(value.flatten()[0])
        if not bool(torch.isfinite(value).all()):
            raise Slip(
                "60 lengths away from all modes the score is {measured}, expected {expected}: "
                "every exp() vanishes there, and 0/0 follows; take softmax of the logarithms",
                "nan" if math.isnan(first) else str(first),
                f"{float(pull[0, 0]):.1f}",
            )
        if float(value.abs().max()) < 1e-6:
            raise Slip(
                "60 lengths away from all modes the score is {measured}, expected {expected}: "
                "every exp() vanishes there, and a small number in the denominator hides it; take "
                "softmax of the logarithms",
                f"{abs(first):.1f}",
                f"{float(pull[0, 0]):.1f}",
            )
    compare("60 lengths away from all modes the score is", tensor_like(value, far), pull, rtol=1e-3)
    yield "finite and right far away, where every density is zero to the computer"


@exercise(
    langevin_sde,
    todo="two inner functions: the drift ½ σ² score(x), the diffusion σ",
    hints=(
        "Start from dx = −∇U dt + √(2T) dW. With p ∝ e^(−U/T) the force −∇U is T · score.",
        "Call the kicks σ = √(2T). Then T = σ²/2, and the drift is ½ σ² · score(x).",
        "The diffusion is σ for every particle: `torch.full_like(x, sigma)`. No random numbers.",
    ),
)
def judge_langevin_sde(make):
    """The drift ½σ² score, the coefficient σ, and the flow that they leave at rest."""

    def score(x):
        return -3.0 * x + 1

    sigmas = (0.6, 3.0)
    shapes = (torch.tensor([1.5]), torch.linspace(-1.0, 2.0, 24).reshape(4, 3, 2))
    for x in trials(_X, *shapes):
        drifts, pulls, diffusions = [], [], []
        for sigma in sigmas:
            drift, diffusion = _coefficients(make, (sigma, score), x, 0.7)
            right = 0.5 * sigma**2 * score(x.cpu().double())
            flat = float((drift - sigma).abs().max())
            if flat < 1e-5 and float((diffusion - right).abs().max()) < 1e-4:
                raise Slip(
                    "the diffusion is {measured}, expected {expected}: the pair is the other way "
                    "round, SDE(drift, diffusion)",
                    float(diffusion.flatten()[0]),
                    sigma,
                )
            drifts.append(drift.flatten())
            pulls.append(score(x.cpu().double()).flatten())
            diffusions.append(diffusion.flatten())
        pull = torch.stack(pulls)
        strength = torch.tensor(sigmas, dtype=torch.float64)[:, None]
        compare(
            "the drift is",
            torch.stack(drifts),
            0.5 * strength**2 * pull,
            {
                "the ½ is missing: with kicks σ the temperature is σ²/2": strength**2 * pull,
                "σ for σ²: the drift is ½ σ² · score": 0.5 * strength * pull,
                "the sign: a score points uphill in probability, and so must the drift": (
                    -0.5 * strength**2 * pull
                ),
                "the factor ½ σ² is missing": pull,
                "σ for σ², and no ½": strength * pull,
                "½ is there, σ² is missing": 0.5 * pull,
                "¼ for ½?": 0.25 * strength**2 * pull,
                "2 for ½?": 2 * strength**2 * pull,
                "√(σ²/2) for σ²/2?": strength / math.sqrt(2) * pull,
                "there is no drift": 0 * pull,
            },
            where=[f"σ = {s:g}, score = {p:g}" for s in sigmas for p in pulls[0].tolist()],
        )
        _compare_diffusion(
            [d[0] for d in diffusions],
            [(f"σ = {s:g}", s) for s in sigmas],
            {
                "√2 σ for σ: the 2 of √(2T) is already in σ": math.sqrt(2) * strength.flatten(),
                "σ/√2 for σ?": strength.flatten() / math.sqrt(2),
            },
        )
        compare(
            "the diffusion of every particle is",
            torch.stack(diffusions),
            strength.expand_as(pull),
        )
    yield "the drift is ½ σ² · score(x), for x of any shape"
    yield "the diffusion is σ for every particle, and no random number"
    # The probability current ½σ² p′ − drift·p must vanish where p is the density of the score.
    sde = make(1.3, lambda x: -(x**3))  # p ∝ exp(−x⁴/4)
    x = torch.linspace(-1.5, 1.5, 61, dtype=torch.float64)
    p = torch.exp(-(x**4) / 4)
    drift = tensor_like(sde[0](x.clone(), 0.0), x)
    spread = tensor_like(sde[1](x.clone(), 0.0), x)
    current = drift * p - 0.5 * spread**2 * (-(x**3) * p)
    compare("the largest current in equilibrium is", float(current.abs().max()), 0.0, atol=1e-5)
    yield "in equilibrium nothing flows: the density of the score is at rest"
