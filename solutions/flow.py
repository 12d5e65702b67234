"""Chapter 05: lines, velocities and the flow along them – and how to judge them."""

import math

import torch

from helpers.course.exercise import Slip, exercise
from helpers.course.judge import call, compare, returned, tensor_like

CHAPTER = "05 Flow matching"


def linear_path(noise, data, u):
    """The point at time u on the straight line from noise (u = 0) to data (u = 1).

    noise, data : tensors (B, D), the two ends of each line
    u           : tensor (B, 1), between 0 and 1
    """
    return (1 - u) * noise + u * data


def velocity_target(noise, data, u):
    """The velocity dx/du of the point at time u on the line from noise to data.

    noise, data : tensors (B, D), the two ends of each line
    u           : tensor (B, 1), between 0 and 1
    """
    return data - noise


def cfm_loss(net, noise, data):
    """The conditional flow-matching loss, one number.

    net         : function (x, u) -> tensor like x, with u a tensor (B,)
    noise, data : tensors (B, D), the two ends of each line
    Every line gets a time u of its own, uniform between 0 and 1. The loss is the
    mean, over lines and dimensions, of (net(x_u, u) - dx_u/du)^2.
    """
    u = torch.rand(len(data), device=data.device)
    x = (1 - u[:, None]) * noise + u[:, None] * data
    return (net(x, u) - (data - noise)).square().mean()


def integrate_flow(velocity, x, n_steps):
    """The points at u = 1, from points x at u = 0, by n_steps Euler steps of dx/du = velocity.

    velocity : function (x, u) -> tensor like x, with u a tensor (B,)
    x        : tensor (B, D), noise
    n_steps  : whole number; each step asks the velocity once, at its beginning
    """
    for i in range(n_steps):
        u = torch.full((len(x),), i / n_steps, device=x.device)
        x = x + velocity(x, u) / n_steps
    return x


def marginal_velocity(x, u, means, std, weights):
    """The mean of data - noise over all lines through x at time u.

    The data are the mixture sum_k weights[k] N(means[k], std^2 I), the noise is
    N(0, I), and the pairs are independent.
    x       : tensor (n, D), where the velocity is asked for
    u       : tensor (n, 1), between 0 and 1
    means   : tensor (K, D), the centres of the modes
    std     : number, the width of all modes
    weights : tensor (K,), positive, with sum 1
    """
    var = (u * std) ** 2 + (1 - u) ** 2  # of x_u within a mode, (n, 1)
    apart = x[:, None] - u[:, None] * means  # (n, K, D)
    log_share = weights.log() - apart.square().sum(-1) / (2 * var)
    share = log_share.softmax(-1)  # whose line is it? (n, K)
    slope = (u * std**2 - (1 - u)) / var  # (n, 1)
    return (share[..., None] * (means + slope[:, None] * apart)).sum(1)


def read_velocity(v, x, u):
    """What a velocity tells: the triple (data, noise, score) at the point x and time u.

    v : tensor (B, D), the mean of data - noise over all lines through x
    x : tensor (B, D), x = (1 - u) noise + u data, with noise from N(0, I)
    u : tensor (B, 1), above 0 and below 1
    """
    noise = x - u * v
    return x + (1 - u) * v, noise, -noise / (1 - u)


def torus_velocity(noise, data):
    """The velocity dx/du of the shortest way from noise to data, without its common part.

    noise, data : tensors (B, N, 3), fractional coordinates of N atoms, in [0, 1)
    Each coordinate takes the shorter way round its circle, at most 1/2. Then the
    mean over the atoms of a crystal is taken off: a crystal that moves as a whole
    stays the same crystal.
    """
    way = data - noise
    way = way - way.round()
    return way - way.mean(-2, keepdim=True)


# ---------------------------------------------------------------------------------------------
# The judges.

_NOISE = torch.tensor([[0.7, -0.4], [-1.2, 0.9], [0.3, -1.6]])  # (3, 2)
_DATA = torch.tensor([[2.0, 1.5], [0.5, -3.0], [-2.5, 0.25]])
_U = torch.tensor([[0.1], [0.4], [0.8]])
_AT = [f"u = {value:g}" for value in _U.flatten().tolist() for _ in range(2)]
_MANY = 20_000


@exercise(
    linear_path,
    todo="a share of the noise and a share of the data; the shares add up to 1",
    hints=(
        "At u = 0 the point is the noise, at u = 1 it is the data.",
        "Half way, at u = 1/2, it is the mean of the two.",
        "`(1 - u) * noise + u * data`",
    ),
)
def judge_linear_path(path):
    """The share of each end on its own, and that the point moves at a steady pace."""
    u, zero = _U.double(), torch.zeros_like(_DATA)
    for name, noise, data, want, other in (
        ("noise", _NOISE, zero, 1 - u, u),
        ("data", zero, _DATA, u, 1 - u),
    ):
        compare(
            f"the share of the {name} is",
            returned(path, noise, data, _U, like=_DATA) / (noise + data).double(),
            want.expand(3, 2),
            {
                "the clock is reversed: u = 0 is noise, u = 1 is data": other.expand(3, 2),
                "no roots: powers add up on chapter 03's path, here the shares do": want.expand(
                    3, 2
                )
                ** 0.5,
                "the clock is reversed, and there are no roots here": other.expand(3, 2) ** 0.5,
                "squared?": want.expand(3, 2) ** 2,
                "it is missing?": torch.zeros(3, 2),
                "it has no share, it stands there as a whole": torch.ones(3, 2),
                "the sign?": -want.expand(3, 2),
                "an arc, cos and sin of πu/2? That is chapter 03's cosine path": torch.sin(
                    math.pi / 2 * want
                ).expand(3, 2),
            },
            where=_AT,
        )
    yield "the noise has the share 1 − u and the data have the share u"
    ends = torch.tensor([[0.0], [1.0], [0.5]])
    compare(
        "at u = 0, 1 and ½ the point is",
        returned(path, _NOISE, _DATA, ends, like=_DATA),
        torch.stack([_NOISE[0], _DATA[1], (_NOISE[2] + _DATA[2]) / 2]),
    )
    yield "it begins at the noise, ends at the data, and is half way at ½"


@exercise(
    velocity_target,
    todo="differentiate the point on the line with respect to u",
    hints=(
        "The point is (1 − u) noise + u data. What is its derivative with respect to u?",
        "It is the way from one end to the other: the clock runs for one unit of time.",
        "`data - noise`: on a straight line at a steady pace u does not matter.",
    ),
)
def judge_velocity_target(target):
    """The closed form, and that it is the derivative of the line."""
    u, noise, data = _U.double(), _NOISE.double(), _DATA.double()
    way = data - noise
    x = noise + u * way
    got = returned(target, _NOISE, _DATA, _U, like=_DATA)
    compare(
        "the velocity is",
        got,
        way,
        {
            "the sign: this flows from data to noise, on a clock that is reversed": -way,
            "that is x_u − noise, the way so far; the velocity is the whole way": u * way,
            "that is data − x_u, the way that is left": (1 - u) * way,
            "that is noise − x_u, and backwards": -u * way,
            "that is the point x_u itself": x,
            "that is the data; prediction of the data comes later": data,
            "that is the noise": noise,
            "divided by u? The way is gone in one unit of time": way / u,
            "divided by 1 − u? That belongs to data − x_u": way / (1 - u),
            "the sum of the ends instead of their difference?": data + noise,
            "only its direction? The velocity is as long as the way": way
            / way.norm(dim=1, keepdim=True),
            "half of it": way / 2,
        },
        where=_AT,
    )
    yield "it is data − noise"
    later = returned(target, _NOISE, _DATA, _U + 0.1, like=_DATA)
    compare("a little later the same velocity is", later, got, where=_AT)
    yield "it is the same all along the line"


def _one_number(value):
    if value is None:
        tensor_like(value, torch.zeros(()))
    if isinstance(value, (int, float)):
        raise Slip("the loss is a plain number; training needs a tensor that knows its gradient")
    if not isinstance(value, torch.Tensor):
        tensor_like(value, torch.zeros(()), "the loss")
    if value.numel() != 1:
        raise Slip(
            "the loss has {measured} numbers, expected {expected}: take the mean",
            str(value.numel()),
            "1",
        )
    return float(tensor_like(value.reshape(()), torch.zeros(()), "the loss"))


@exercise(
    cfm_loss,
    todo="a time for each line, the points x_u, then the mean squared error of the velocity",
    hints=(
        "One time for each line: `u = torch.rand(len(data), device=data.device)`.",
        "The points want u with a second axis, u[:, None]; the network wants u as it is.",
        "Compare net(x, u) with data − noise: `.square().mean()`.",
    ),
)
def judge_cfm_loss(loss):
    """What the network is shown, and the loss of networks whose error is known."""
    noise = torch.randn(_MANY, 2)
    data = 3 + torch.randn(_MANY, 2)
    way = data - noise
    shown = []

    def silent(x, u):
        shown.append((x.detach().clone(), torch.as_tensor(u).clone()))
        return torch.zeros_like(x)

    value = _one_number(call(loss, silent, noise, data))
    if not shown:
        raise Slip("the network is never asked")
    x, u = shown[0]
    if u.numel() == 1 or (u.shape == (_MANY,) and len(u.unique()) == 1):
        raise Slip(
            "the batch has {measured} time, expected {expected}, one for each line: with one time "
            "for the whole batch loss and gradient get much noisier",
            "1",
            str(_MANY),
        )
    if u.shape != (_MANY,):
        raise Slip(
            "the network gets times of shape {measured}, expected {expected}",
            tuple(u.shape),
            (_MANY,),
        )
    if not u.is_floating_point():
        raise Slip("the times are whole numbers; u runs from 0 to 1, torch.rand draws it")
    low, high = float(u.min()), float(u.max())
    for name, found, limit in (("smallest", low, 0.0), ("largest", high, 1.0)):
        if (found - limit) * (1 if limit else -1) > 0:
            raise Slip(
                f"the {name} time is {{measured}}, expected {{expected}}: randn for rand? "
                "u is uniform between 0 and 1",
                found,
                limit,
            )
    # The mean and variance of uniform times, with five standard errors.
    compare("the mean time is", float(u.mean()), 0.5, atol=5 / math.sqrt(12 * _MANY), rtol=0)
    compare(
        "the variance of the times is",
        float(u.double().var()),
        1 / 12,
        atol=5 * math.sqrt(1 / 180 / _MANY),
        rtol=0,
    )
    yield "every line has a time of its own, uniform from 0 to 1"
    line = noise.double() + u.double()[:, None] * way.double()
    back = data.double() - u.double()[:, None] * way.double()
    off = (x.double() - line).abs().max()
    if off > 1e-4:
        if (x.double() - back).abs().max() < 1e-4:
            raise Slip(
                "the network sees noise where u is near {measured}, expected {expected}: the clock "
                "of the points is reversed",
                1,
                0,
            )
        where = int((x.double() - line).abs().sum(1).argmax())
        raise Slip(
            "a point x_u lies {measured} away from its line, expected {expected}: build it from "
            "the noise and data that were handed in, with the same u that the network gets",
            float((x[where].double() - line[where]).norm()),
            0.0,
        )
    yield "the points lie on their lines"
    share = float(way.double().square().mean())
    compare(
        "for a network that says 0 the loss comes out as",
        value,
        share,
        {
            "summed over dimensions; take the mean": 2 * share,
            "summed over all; take the mean": 2 * _MANY * share,
            "a factor ½ too many": share / 2,
            "the square is missing?": float(way.double().abs().mean()),
            "the root of it?": math.sqrt(share),
            "the target is the data?": float(data.double().square().mean()),
            "the target is the noise?": float(noise.double().square().mean()),
            "the target is the point x_u?": float(line.square().mean()),
            "the target is u (data − noise)? The velocity is the whole way": float(
                (u.double()[:, None] * way).square().mean()
            ),
            "the target is (1 − u)(data − noise)? The velocity is the whole way": float(
                ((1 - u.double())[:, None] * way).square().mean()
            ),
            "the target is data + noise?": float((data + noise).double().square().mean()),
        },
        rtol=1e-3,
    )
    compare(
        "for a network that knows data − noise it comes out as",
        _one_number(call(loss, lambda x, u: way, noise, data)),
        0.0,
        {
            "the sign of the target: it flows from data to noise": 4 * share,
        },
        atol=1e-5,
        rtol=1e-3,
    )
    yield "the target is data − noise, the loss its mean squared error"
    weight = torch.ones((), requires_grad=True)
    learns = call(loss, lambda x, u: weight * x, noise, data)
    if not learns.requires_grad:
        raise Slip("the loss knows no gradient: is it detached, or made under no_grad?")
    yield "it can be trained: the gradient reaches the network"


@exercise(
    integrate_flow,
    todo="n_steps Euler steps of length 1 / n_steps, beginning at u = 0",
    hints=(
        "An Euler step: x + h · velocity, with h = 1 / n_steps.",
        "Step number i begins at u = i / n_steps, a fraction and not the counter itself.",
        "The velocity wants one time for each point: `torch.full((len(x),), i / n_steps)`.",
    ),
)
def judge_integrate_flow(integrate):
    """The times that are asked, then three flows whose Euler solution is known."""
    x, n = _DATA, 8
    asked = []

    def steady(y, u):
        asked.append(u)
        return torch.full_like(y, 2.0)

    got = returned(integrate, steady, x, n, like=x)
    if not asked:
        raise Slip("the velocity is never asked")
    for u in asked:
        if not isinstance(u, torch.Tensor) or u.shape != (3,):
            shape = tuple(u.shape) if isinstance(u, torch.Tensor) else type(u).__name__
            raise Slip(
                "the velocity gets a u of shape {measured}, expected {expected}: one time for "
                "each point, torch.full((len(x),), ...)",
                shape,
                (3,),
            )
    if any(bool((u != u[0]).any()) for u in asked):
        raise Slip("the points of one step are at different times: all move together")
    if len(asked) != n:
        raise Slip(
            "the velocity is asked {measured} times, expected {expected}, once for each step",
            str(len(asked)),
            str(n),
        )
    times = torch.tensor([float(u[0]) for u in asked], dtype=torch.float64)
    i = torch.arange(n, dtype=torch.float64)
    compare(
        f"in {n} steps, the velocity is asked at u =",
        times,
        i / n,
        {
            "whole numbers: the network was trained on u between 0 and 1": i,
            "whole numbers: the network was trained on u between 0 and 1, and its clock starts "
            "at 0": i + 1,
            "the wrong end: it starts at u = 1, the data, and runs backwards": 1 - i / n,
            "the wrong end, and every step looks at its end": 1 - (i + 1) / n,
            "each step looks at its end; Euler looks at its beginning": (i + 1) / n,
            "n_steps points make one step fewer: linspace includes both ends": i / (n - 1),
            "each step looks at its middle; Euler looks at its beginning": (i + 0.5) / n,
            "the time stands still": torch.zeros(n),
        },
        where=[f"step {k + 1}" for k in range(n)],
    )
    yield "the clock runs from 0 in steps of 1 / n_steps"
    start = x.double()
    compare(
        "a steady velocity of 2 leads from 2.0 to",
        got,
        start + 2,
        {
            "the factor 1 / n_steps is missing?": start + 2 * n,
            "the sign: u rises, so x + h v": start - 2,
            "the steps are 1 / (n_steps − 1) long?": start + 2 * n / (n - 1),
            "the steps are 1 / (n_steps + 1) long?": start + 2 * n / (n + 1),
            "only the last step counts?": start + 2 / n,
            "only the way is returned; the old x is missing?": torch.full_like(start, 2.0),
            "√h for h?": start + 2 * math.sqrt(n),
            "it has not moved": start,
        },
    )
    yield "a steady velocity moves a point by exactly itself"
    grown = returned(integrate, lambda y, u: y, x, n, like=x)
    compare(
        "the velocity v = x leads from 2.0 to",
        grown,
        start * (1 + 1 / n) ** n,
        {
            "the velocity is always taken at the start?": 2 * start,
            "more than Euler: there is one call for each step, at its beginning": start * math.e,
        },
        rtol=1e-5,
    )
    yield "each step starts where the last one ended"
    one = returned(integrate, lambda y, u: y - u[:, None], x, 1, like=x)
    compare("with one step and v = x − u, from 2.0 to", one, 2 * start)
    yield "one step is enough to be right with one step"


# A mixture without symmetry, and places around it.
_MEANS = torch.tensor([[2.0, 0.5], [-1.0, 1.5], [0.5, -2.0]])
_WEIGHTS = torch.tensor([0.5, 0.3, 0.2])
_STD = 0.4
_X = torch.tensor([[1.0, 0.2], [-0.5, 0.9], [0.3, -1.1], [0.0, 0.1], [1.4, 1.2], [-0.8, -0.4]])
_UX = torch.tensor([[0.5], [0.6], [0.75], [0.2], [0.4], [0.9]])


def _velocity_of(x, u, means, std, weights, **change):
    """The closed form in float64, mode by mode, with one part changed to play a slip."""
    x, u, means, weights = (v.double() for v in (x, u, means, weights))
    var = change.get("var", u**2 * std**2 + (1 - u) ** 2)
    above, below = torch.zeros_like(x), torch.zeros_like(u)
    for m, w in zip(means, weights, strict=True):
        d = x - change.get("scale", u) * m
        p = torch.exp(-d.square().sum(1, keepdim=True) * change.get("half", 0.5) / var)
        p = p * (w if change.get("weigh", True) else 1.0)
        p = torch.ones_like(p) if change.get("even") else p
        gain_data = change.get("gain_data", u * std**2 / var)
        gain_noise = change.get("gain_noise", (1 - u) / var)
        centre = m if change.get("centre", True) else 0 * m
        above = above + p * (centre + (gain_data - gain_noise) * d)
        below = below + p
    return above / below


@exercise(
    marginal_velocity,
    todo="each mode's share in x, and each mode's own mean of data - noise; then their mean",
    hints=(
        "In mode k, x_u = (1 − u) noise + u data is normal: mean u means[k], variance "
        "(1 − u)² + u² std². With the weights that gives the shares, as in chapter 02.",
        "In mode k, with d = x − u means[k]: the mean of the data is means[k] + u std² d / "
        "variance, the mean of the noise is (1 − u) d / variance.",
        "Take the shares from a softmax of log weights − |d|² / (2 variance), over the modes.",
        "The answer is the sum over modes of share × (mean of the data − mean of the noise).",
    ),
)
def judge_marginal_velocity(velocity):
    """One Gaussian at published values, a mixture in closed form, the ends, and far away."""

    def ask(x, u, means=_MEANS, std=_STD, weights=_WEIGHTS):
        return returned(velocity, x, u, means, std, weights, like=x)

    u = torch.tensor([[0.0], [0.25], [0.5], [0.75], [1.0]])
    d, x, m, s = u.double(), torch.ones(5, 1), torch.full((1, 1), 2.0), 0.5
    var = d**2 * s**2 + (1 - d) ** 2
    apart = 1 - 2 * d
    compare(
        "with one mode N(2, ½²), the velocity at x = 1 is",
        ask(x, u, m, s, torch.ones(1)),
        2 + (d * s**2 - (1 - d)) / var * apart,
        {
            "the sign: it flows from noise to data": -(2 + (d * s**2 - (1 - d)) / var * apart),
            "the clock is reversed: u = 1 is data": 2
            + ((1 - d) * s**2 - d) / ((1 - d) ** 2 * s**2 + d**2) * (1 - 2 * (1 - d)),
            "that is the mean of the data, without the noise": 2 + d * s**2 / var * apart,
            "that is minus the mean of the noise; the data are missing": -(1 - d) / var * apart,
            "the noise goes the wrong way: data − noise": 2 + (d * s**2 + (1 - d)) / var * apart,
            "x − 2 for x − 2u: at time u a mode sits at u times its centre": 2
            + (d * s**2 - (1 - d)) / var * (1 - 2) * torch.ones_like(d),
            "std for std² in front of x − u mean": 2 + (d * s - (1 - d)) / var * apart,
            "the data's own spread in a mode is missing": 2 - (1 - d) / var * apart,
            "every mode moves with its centre alone: what of where in the mode x is?": 2
            + 0 * apart,
            "the variance is that of the data and the noise without their shares": 2
            + (d * s**2 - (1 - d)) / (s**2 + 1) * apart,
            "the variance is (1 − u)² alone": 2
            + (d * s**2 - (1 - d)) / ((1 - d) ** 2).clamp(min=1e-9) * apart,
            "1 − u for (1 − u)²? Variances take squares": 2
            + (d * s**2 - (1 - d)) / (d * s**2 + 1 - d) * apart,
            "std, (1 − u) + u std, for the variance": 2
            + (d * s**2 - (1 - d)) / (1 - d + d * s) * apart,
        },
        where=[f"u = {value:g}" for value in u.flatten().tolist()],
    )
    yield "one mode: the published values 1.00, 1.41, 2.00, 2.15, 1.00"
    x, u = _X, _UX
    d = u.double()

    def slip(**change):
        return _velocity_of(x, u, _MEANS, _STD, _WEIGHTS, **change)

    var = d**2 * _STD**2 + (1 - d) ** 2
    apart = x.double()[:, None] - d[:, None] * _MEANS.double()
    nearest = apart.square().sum(-1).argmin(1)
    slope = (d * _STD**2 - (1 - d)) / var
    pick = torch.arange(len(x))
    compare(
        "with three modes the velocity is",
        ask(x, u),
        slip(),
        {
            "only the nearest mode counts? All lines through x do": _MEANS.double()[nearest]
            + slope * apart[pick, nearest],
            "all modes count alike? Near modes have more lines through x": slip(even=True),
            "the weights of the modes are missing in the shares": slip(weigh=False),
            "the shares take x − mean, but at time u a mode sits at u · mean": _mixed(
                x, u, far=True
            ),
            "the shares take the width std; at time u a mode is wider": _mixed(x, u, narrow=True),
            "the ½ in the exponent is missing": slip(half=1.0),
            "the sign in the exponent: far modes must count less": slip(half=-0.5),
            "the modes are summed; a mean needs shares that add up to 1": _mixed(x, u, sum_up=True),
            "std for the variance in the exponent": _mixed(x, u, root=True),
        },
        where=[
            f"x = {a:g}, u = {b:g}"
            for (a, _), b in zip(x.tolist(), u.tolist(), strict=True)
            for b in b * 2
        ],
        rtol=1e-3,
        atol=1e-4,
    )
    yield "three modes: each with its share of the lines through x"
    far = torch.tensor([[40.0, -30.0]])
    edge = call(velocity, far, torch.tensor([[0.95]]), _MEANS, _STD, _WEIGHTS)
    if isinstance(edge, torch.Tensor) and bool(torch.isnan(edge).any()):
        raise Slip(
            "far away the velocity is {measured}, expected {expected}: every exp() vanishes there, "
            "0/0; a softmax of the exponents does not",
            "nan",
            "a number",
        )
    yield "finite far away, where every exp() vanishes"


def _mixed(x, u, far=False, narrow=False, sum_up=False, root=False):
    """The right velocity of each mode, joined by wrong shares."""
    x, u, means, w = (v.double() for v in (x, u, _MEANS, _WEIGHTS))
    var = u**2 * _STD**2 + (1 - u) ** 2
    apart = x[:, None] - u[:, None] * means
    d2 = (x[:, None] - means if far else apart).square().sum(-1)
    spread = torch.full_like(var, _STD**2) if narrow else var.sqrt() if root else var
    raw = w * torch.exp(-d2 / (2 * spread))
    share = raw if sum_up else raw / raw.sum(1, keepdim=True)
    slope = (u * _STD**2 - (1 - u)) / var
    return (share[..., None] * (means + slope[:, None] * apart)).sum(1)


@exercise(
    read_velocity,
    todo="solve x = (1 - u) noise + u data and v = data - noise for both; score = -noise / (1 - u)",
    hints=(
        "Two equations, x = (1 − u) noise + u data and v = data − noise, and two unknowns.",
        "Go along the line: from x, the data are a time 1 − u ahead, the noise a time u behind.",
        "The noise enters x with the factor 1 − u, so score = −noise / (1 − u).",
    ),
)
def judge_read_velocity(read):
    """All three forms from known ends, each with its slips, and a Gaussian's score."""
    u, noise, data = _U.double(), _NOISE.double(), _DATA.double()
    v = data - noise
    x = noise + u * v
    parts = call(read, v.float(), x.float(), _U)
    if not isinstance(parts, (tuple, list)) or len(parts) != 3:
        given = "nothing" if parts is None else f"something of type {type(parts).__name__}"
        if isinstance(parts, (tuple, list)):
            given = f"a {type(parts).__name__} of {len(parts)}"
        if parts is None:
            raise Slip("it returned nothing: is the `return` missing?")
        raise Slip(f"it returned {given}; needed is the triple (data, noise, score)")
    got = [
        tensor_like(part, _DATA, f"the {name}")
        for name, part in zip(("data", "noise", "score"), parts, strict=True)
    ]
    others = {"the noise stands in its place": noise, "that is the data": data, "that is x": x}
    compare(
        "the data are",
        got[0],
        data,
        {
            "x + v: from x to the data it is a time 1 − u, not 1": x + v,
            "x + u v: u is the time since the noise": x + u * v,
            "the sign: with v the way leads to the data": x - (1 - u) * v,
            "that is v": v,
            **others,
        },
        where=_AT,
    )
    compare(
        "the noise is",
        got[1],
        noise,
        {
            "x − v: from the noise to x it is a time u, not 1": x - v,
            "x − (1 − u) v: from the noise to x it is a time u": x - (1 - u) * v,
            "the sign: against v the way leads to the noise": x + u * v,
            "that is −v": -v,
            "the data stand in its place": data,
            **others,
        },
        where=_AT,
    )
    yield "data and noise lie where the line through x with velocity v begins and ends"
    compare(
        "the score is",
        got[2],
        -noise / (1 - u),
        {
            "the sign: a score points away from the noise": noise / (1 - u),
            "it is not divided by 1 − u, the noise scale": -noise,
            "divided by u? The noise has the scale 1 − u": -noise / u,
            "(1 − u)² for 1 − u?": -noise / (1 - u) ** 2,
            "multiplied by 1 − u instead of divided": -noise * (1 - u),
            "that is −v": -v,
        },
        where=_AT,
        rtol=1e-3,
    )
    yield "the score is −noise / (1 − u)"


@exercise(
    torus_velocity,
    todo="the difference, the shorter way round, then less its mean over the atoms",
    hints=(
        "The shorter way: take the nearest whole number off each difference, d − d.round().",
        "The mean over the atoms is .mean(-2, keepdim=True): one vector for each crystal.",
        "First the shorter way, then the mean: the other order leaves a common motion behind.",
    ),
)
def judge_torus_velocity(velocity):
    """Many crystals in closed form, and that moving one as a whole changes nothing."""
    g = torch.Generator().manual_seed(5)
    many = torch.rand(2, 60, 4, 3, generator=g)
    raw = many[1].double() - many[0].double()
    short = raw - raw.round()

    def free(v, dim=-2):
        return v - v.mean(dim, keepdim=True)

    compare(
        "the velocity is",
        returned(velocity, many[0], many[1], like=many[0]),
        free(short),
        {
            "the sign: it flows from noise to data": -free(short),
            "the long way round: take the nearest whole number off the difference": free(raw),
            "the common motion is still in it: take off the mean over the atoms": short,
            "neither the shorter way nor the mean over the atoms?": raw,
            "wrapped into 0 … 1; the shorter way lies between −½ and ½": free(raw - raw.floor()),
            "wrapped into 0 … 1, and the common motion is still in it": raw - raw.floor(),
            "first the mean, then the shorter way? Then a common motion is left": (
                free(raw) - free(raw).round()
            ),
            "the mean is over the coordinates; it belongs over the atoms": free(short, -1),
            "the mean is over the whole batch; each crystal has its own": free(short, 0),
            "one mean over everything; each crystal has its own": short - short.mean(),
            "the distance without its sign?": short.abs(),
        },
        where=[
            f"noise {a:.2f}, data {b:.2f}"
            for a, b in zip(many[0].flatten().tolist(), many[1].flatten().tolist(), strict=True)
        ],
        atol=1e-5,
    )
    yield "each atom takes the shorter way, and the crystal as a whole stays where it is"
    moved = torch.remainder(many + torch.tensor([0.3, 0.6, 0.05]), 1.0)
    compare(
        "with noise and data both moved by the same vector, the velocity changes by",
        returned(velocity, moved[0], moved[1], like=moved[0])
        - returned(velocity, many[0], many[1], like=many[0]),
        torch.zeros_like(many[0]),
        atol=1e-5,
    )
    yield "moving the whole crystal changes nothing"
