"""Chapter 03: corruption, losses and samplers of NCSN, DDPM and DDIM – and how to judge them."""

import math

import torch

from helpers.course.exercise import Slip, exercise
from helpers.course.judge import call, compare, returned, tensor_like
from helpers.course.laws import noise_law

CHAPTER = "03 Families"


def perturb(x0, eps, alpha_bar):
    """The noisy state x_t, straight from the data in one jump.

    x0, eps   : tensors (B, D), data and standard normal noise
    alpha_bar : tensor (B, 1), the share of the data's power that survives, between 0 and 1
    Signal and noise scale are square roots: the two *powers* add up to 1.
    """
    return alpha_bar**0.5 * x0 + (1 - alpha_bar) ** 0.5 * eps


def dsm_target(x, x0, sigma):
    """What a score network should answer at x: the score of N(x0, sigma^2 I).

    x, x0 : tensors (B, D), the noisy point x = x0 + sigma eps and the data point it came from
    sigma : tensor (B, 1), the noise level
    """
    return (x0 - x) / sigma**2


def dsm_loss(score, x0, sigma):
    """The denoising score matching loss, one number: mean of sigma^2 (score - target)^2.

    score : function (x, sigma) -> tensor like x
    x0    : tensor (B, D), data
    sigma : tensor (B, 1), one noise level for each point
    The mean runs over all points and dimensions. The weight sigma^2 makes all levels count alike.
    """
    x = x0 + sigma * torch.randn_like(x0)
    target = (x0 - x) / sigma**2
    return (sigma**2 * (score(x, sigma) - target) ** 2).mean()


def annealed_langevin_step(score, x, sigmas, i, step):
    """The points after one Langevin move at noise level i.

    score  : function (x, sigma) -> tensor like x
    x      : tensor (B, D)
    sigmas : tensor (L,), noise levels from the largest to the smallest
    i      : whole number, the level
    step   : number, the step size at the *smallest* level; it grows like sigma^2 with the level
    """
    h = step * (sigmas[i] / sigmas[-1]) ** 2
    return x + h * score(x, sigmas[i]) + (2 * h) ** 0.5 * torch.randn_like(x)


def ddpm_loss(net, x0, alpha_bars):
    """DDPM's loss, one number: mean of (net(x_t, t) - eps)^2 over points and dimensions.

    net        : function (x, t) -> tensor like x, with t a tensor (B,) of whole numbers
    x0         : tensor (B, D), data
    alpha_bars : tensor (T,), alpha_bar at t = 0 ... T-1
    Every point gets a time of its own, uniform over 0 ... T-1.
    """
    t = torch.randint(len(alpha_bars), (len(x0),), device=x0.device)
    alpha_bar = alpha_bars[t][:, None]
    eps = torch.randn_like(x0)
    x = alpha_bar**0.5 * x0 + (1 - alpha_bar) ** 0.5 * eps
    return ((net(x, t) - eps) ** 2).mean()


def ancestral_step(eps, x, t, alpha_bars):
    """DDPM's step from time t to t - 1: the mean of the posterior, plus its noise.

    eps        : tensor (B, D), the noise that the network predicts in x
    x          : tensor (B, D), the state at time t
    t          : whole number; at t = 0 the result is the sample, without noise
    alpha_bars : tensor (T,), alpha_bar at t = 0 ... T-1; before t = 0 it is 1
    """
    now = alpha_bars[t]
    before = alpha_bars[t - 1] if t > 0 else torch.ones_like(now)
    beta = 1 - now / before
    mean = (x - beta / (1 - now) ** 0.5 * eps) / (1 - beta) ** 0.5
    variance = beta * (1 - before) / (1 - now)
    return mean + variance**0.5 * torch.randn_like(x)


def ddim_step(x, eps, now, then, eta):
    """DDIM's step from (alpha, sigma) = now to (alpha, sigma) = then, any distance apart.

    x, eps    : tensors (B, D), the state and the noise that the network predicts in it
    now, then : pairs of numbers (alpha, sigma); then is nearer to the data
    eta       : number from 0 (deterministic) to 1 (as much new noise as DDPM)
    """
    (a_t, s_t), (a_s, s_s) = now, then
    x0 = (x - s_t * eps) / a_t
    variance_t_given_s = s_t**2 - (a_t / a_s * s_s) ** 2
    fresh = eta * s_s / s_t * variance_t_given_s**0.5
    kept = (s_s**2 - fresh**2) ** 0.5
    return a_s * x0 + kept * eps + fresh * torch.randn_like(x)


def convert_prediction(x, eps, alpha, sigma, dalpha, dsigma):
    """The same prediction in the other three ways: the triple (x0, score, velocity).

    x, eps         : tensors (B, D), the state and the noise predicted in it
    alpha, sigma   : tensors (B, 1), x = alpha x0 + sigma eps
    dalpha, dsigma : tensors (B, 1), their derivatives with respect to time
    """
    x0 = (x - sigma * eps) / alpha
    return x0, -eps / sigma, dalpha * x0 + dsigma * eps


# ---------------------------------------------------------------------------------------------
# The judges.

_X = torch.tensor([[1.0, -2.0], [0.5, 3.0], [2.0, 0.25]])  # (3, 2)
_EPS = torch.tensor([[0.7, 0.4], [-1.2, 0.9], [0.3, -1.6]])
_MANY = 20_000


@exercise(
    perturb,
    todo="signal times x0 plus noise times eps; alpha_bar is a power, not an amplitude",
    hints=(
        "If the data have variance 1, so should x_t: the squares of the two factors add to 1.",
        "The factor of the data is √ᾱ. What is left for the factor of the noise?",
        "`alpha_bar**0.5 * x0 + (1 - alpha_bar) ** 0.5 * eps`",
    ),
)
def judge_perturb(corrupt):
    """Both factors on their own, then the variance that must be kept."""
    a = torch.tensor([[0.9], [0.5], [0.1]])
    d = a.double()
    zero = torch.zeros_like(_X)
    where = [f"ᾱ = {v:g}" for v in a.flatten().tolist() for _ in range(2)]
    for name, x0, eps, want, other in (
        ("the data", _X, zero, d**0.5, (1 - d) ** 0.5),
        ("the noise", zero, _EPS, (1 - d) ** 0.5, d**0.5),
    ):
        source = (x0 + eps).double()
        compare(
            f"the factor of {name} is",
            returned(corrupt, x0, eps, a, like=_X) / source,
            want.expand(3, 2),
            {
                "the √ is missing? ᾱ is a power, the factor is its root": (want**2).expand(3, 2),
                "data and noise are swapped?": other.expand(3, 2),
                "swapped, and the √ is missing?": (other**2).expand(3, 2),
                "1 − √ᾱ for √(1 − ᾱ)?": (1 - d**0.5).expand(3, 2),
                "it is missing?": torch.zeros(3, 2),
                "the noise is not scaled?": torch.ones(3, 2),
            },
            where=where,
        )
    yield "data times √ᾱ, noise times √(1 − ᾱ)"
    many = torch.randn(2, _MANY, 2)
    x = returned(corrupt, many[0], many[1], torch.full((_MANY, 1), 0.3), like=many[0])
    compare("the variance of x_t is", float(x.var()), 1.0, rtol=5 * math.sqrt(1 / _MANY))
    yield "data of variance 1 keep variance 1"


def _target_slips(x, x0, sigma):
    return {
        "the sign: a score points from the noisy point back to the data": (x - x0) / sigma**2,
        "σ for σ²?": (x0 - x) / sigma,
        "the sign, and σ for σ²? That is the noise ε, not a score": (x - x0) / sigma,
        "it is not divided by σ²?": x0 - x,
        "multiplied by σ² instead of divided?": (x0 - x) * sigma**2,
        "the data point is missing?": -x / sigma**2,
        "a factor ½ too many": (x0 - x) / sigma**2 / 2,
    }


@exercise(
    dsm_target,
    todo="the gradient of log N(x; x0, sigma^2 I) with respect to x",
    hints=(
        "log N = −|x − x0|²/2σ² + a constant. Differentiate with respect to x.",
        "It points from the noisy point x back to the data point x0.",
        "`(x0 - x) / sigma**2`",
    ),
)
def judge_dsm_target(target):
    """The closed form at three levels, and that it equals −ε/σ."""
    sigma = torch.tensor([[0.5], [2.0], [0.1]])
    x = _X + sigma * _EPS
    d, d0, ds = x.double(), _X.double(), sigma.double()
    compare(
        "the target is",
        returned(target, x, _X, sigma, like=x),
        (d0 - d) / ds**2,
        _target_slips(d, d0, ds),
        where=[f"σ = {v:g}" for v in sigma.flatten().tolist() for _ in range(2)],
        rtol=1e-3,
    )
    yield "it is (x0 − x)/σ², the score of the Gaussian around the data point"
    compare(
        "x = x0 + σ ε with ε = 1 and σ = 4 has the target",
        returned(
            target,
            torch.tensor([[7.0]]),
            torch.tensor([[3.0]]),
            torch.tensor([[4.0]]),
            like=torch.zeros(1, 1),
        ),
        -0.25,
    )
    yield "it equals −ε/σ"


def _one_number(value, what="the loss"):
    if value is None:
        tensor_like(value, torch.zeros(()))
    if isinstance(value, (int, float)):
        raise Slip(f"{what} is a plain number; training needs a tensor that knows its gradient")
    if not isinstance(value, torch.Tensor):
        tensor_like(value, torch.zeros(()), what)
    if value.numel() != 1:
        raise Slip(
            f"{what} has {{measured}} numbers, expected {{expected}}: take the mean",
            value.numel(),
            1,
        )
    return float(tensor_like(value.reshape(()), torch.zeros(()), what))


@exercise(
    dsm_loss,
    todo="draw the noise, make x, compare score(x, sigma) with its target, weigh with sigma^2",
    hints=(
        "First the noisy point: x0 + sigma * randn_like(x0).",
        "The target is (x0 − x)/σ², as in the last exercise.",
        "Weigh the squared difference with sigma**2, and only then take the mean of everything.",
    ),
)
def judge_dsm_loss(loss):
    """A score that is off by a known share has a known loss at every level."""
    x0 = torch.full((_MANY, 2), 3.0)
    sigma = torch.where(torch.arange(_MANY) % 2 == 0, 0.5, 2.0)[:, None]

    def value(share):
        # With score = −share ε/σ the error is (1 − share) ε/σ, so the loss is (1 − share)².
        return _one_number(call(loss, lambda x, s: -share * (x - 3.0) / s**2, x0, sigma))

    # ε² has variance 2: five standard errors of its mean over all points and dimensions
    rtol = 5 * math.sqrt(2 / (2 * _MANY))
    compare(
        "with the exact score the loss is",
        value(1.0),
        0.0,
        {
            "the sign of the target?": 4.0,
            "σ for σ² in the target?": (0.5**2 * (1 / 0.5 - 1) ** 2 + 4 * (1 / 2 - 1) ** 2) / 2,
            "the sign of the target, and unweighted": 4 * (1 / 0.25 + 1 / 4) / 2,
        },
        atol=1e-4,
        rtol=3 * rtol,
    )
    yield "the exact score of one point has loss 0"
    unweighted = (1 / 0.25 + 1 / 4) / 2
    compare(
        "with the score 0 the loss is",
        value(0.0),
        1.0,
        {
            "the weight σ² is missing?": unweighted,
            "σ for the weight σ²?": (1 / 0.5 + 1 / 2) / 2,
            "summed over dimensions; take the mean": 2.0,
            "summed over the points; take the mean": 2.0 * _MANY,
            "a factor ½ too many": 0.5,
            "the square is missing?": math.sqrt(2 / math.pi),
            "the noise is not scaled by σ?": (0.5**2 / 0.5**2 * (1 / 0.5) ** 2 + 4 / 4 / 4) / 2,
            "there is no noise?": 0.0,
            "divided by σ² instead of multiplied?": (1 / 0.5**4 + 1 / 2**4) / 2,
        },
        rtol=rtol,
    )
    yield "every noise level counts alike, and the mean runs over points and dimensions"


@exercise(
    annealed_langevin_step,
    todo="a Langevin step with h = step (sigma_i / sigma_last)^2 and the score of level i",
    hints=(
        "A Langevin step is x + h · score + √(2h) · z.",
        "At a higher level the landscape is smoother, so h is larger: (σᵢ/σ_L)² times `step`.",
        "The smallest level is `sigmas[-1]`; ask the score at `sigmas[i]`.",
    ),
)
def judge_annealed_langevin_step(move):
    """The drift from a constant score, the level handed on, then the size and law of the kick."""
    sigmas = torch.tensor([4.0, 2.0, 1.0, 0.5])
    i, step = 1, 0.01
    ratio = float(sigmas[i] / sigmas[-1]) ** 2
    h = step * ratio
    x = torch.zeros(_MANY, 2)
    asked = []

    def pull(x, sigma):
        asked.append(float(torch.as_tensor(sigma).flatten()[0]))
        return torch.full_like(x, 50.0)

    noise_law(lambda: returned(move, lambda x, s: torch.zeros_like(x), x, sigmas, i, step, like=x))
    y = returned(move, pull, x, sigmas, i, step, like=x)
    if not asked:
        raise Slip("the score is never asked")
    compare(
        "the score is asked at level",
        asked[0],
        2.0,
        {
            "levels in the wrong order? sigmas[0] is the largest": float(sigmas[-1 - i]),
            "that is the index i, not the level sigmas[i]": float(i),
            "that is the smallest level": 0.5,
            "that is the largest level": 4.0,
        },
    )
    yield "the score is asked at level i"
    width = float(y.std())
    compare(
        "the drift in one step is",
        float(y.mean()),
        50 * h,
        {
            "h is `step` at every level; it should grow like σ²": 50 * step,
            "the ratio of the levels is upside down?": 50 * step / ratio,
            "the ratio is not squared?": 50 * step * ratio**0.5,
            "measured from the largest level, not from the smallest?": 50 * step / 4,
            "the sign? The score points uphill, towards the data": -50 * h,
            "a factor ½ too many": 25 * h,
            "√h on the drift?": 50 * h**0.5,
            "the score is not multiplied by h?": 50.0,
        },
        atol=5 * width / math.sqrt(2 * _MANY),
        rtol=1e-3,
    )
    yield "the drift is h · score with h = step · (σᵢ/σ_L)²"
    compare(
        "the kick has standard deviation",
        width,
        math.sqrt(2 * h),
        {
            "the 2 is missing in √(2h)?": math.sqrt(h),
            "the √ is missing?": 2 * h,
            "h for √(2h)?": h,
            "2√h for √(2h)?": 2 * math.sqrt(h),
            "the kick takes `step`, the drift takes h?": math.sqrt(2 * step),
            "the noise has the size of the level?": 2.0,
        },
        rtol=5 / math.sqrt(4 * _MANY),
    )
    yield "the kick is √(2h) · z"


@exercise(
    ddpm_loss,
    todo="times, noise, noisy points, then the mean squared error of the predicted noise",
    hints=(
        "One time for each point: `torch.randint(len(alpha_bars), (len(x0),))`.",
        "Pick ᾱ for each point and give it a second axis: `alpha_bars[t][:, None]`.",
        "x is √ᾱ x0 + √(1−ᾱ) ε. Compare net(x, t) with ε.",
    ),
)
def judge_ddpm_loss(loss):
    """What the network is shown, and the loss of networks whose error is known."""
    alpha_bars = torch.linspace(0.95, 0.05, 10)
    x0 = torch.full((_MANY, 2), 3.0)
    shown = []

    def silent(x, t):
        shown.append((x.detach().clone(), torch.as_tensor(t).clone()))
        return torch.zeros_like(x)

    value = _one_number(call(loss, silent, x0, alpha_bars))
    if not shown:
        raise Slip("the network is never asked")
    x, t = shown[0]
    if t.shape != (_MANY,):
        raise Slip(
            "the network gets times of shape {measured}, expected {expected}: one for each point",
            tuple(t.shape),
            (_MANY,),
        )
    if len(t.unique()) == 1:
        raise Slip(
            "the batch has {measured} different times, expected {expected}: one time for the "
            "whole batch makes the gradient many times noisier",
            1,
            10,
        )
    if t.is_floating_point():
        raise Slip("the times are fractions; this network takes the index t = 0 ... T−1")
    compare(
        "the smallest and the largest time are",
        [int(t.min()), int(t.max())],
        [0, 9],
        {
            "t runs from 1; here it starts at 0": [1, 9],
            "t = T−1 is never drawn?": [0, 8],
            "t runs from 1 to T; here from 0 to T−1": [1, 10],
        },
    )
    share = float((t == 4).double().mean())
    compare("the share of t = 4 is", share, 0.1, atol=5 * math.sqrt(0.09 / _MANY))
    yield "every point has its own time, all equally likely"
    ab = alpha_bars[t][:, None].double()
    eps = (x.double() - ab**0.5 * 3.0) / (1 - ab) ** 0.5
    compare(
        "the mean of x_t is",
        float(x.double().mean()),
        float(3.0 * (ab**0.5).mean()),
        {
            "ᾱ for √ᾱ in front of the data?": float(3.0 * ab.mean()),
            "√(1 − ᾱ) in front of the data; swapped?": float(3.0 * ((1 - ab) ** 0.5).mean()),
            "the data are not scaled down?": 3.0,
            "the data are missing?": 0.0,
        },
        atol=5 / math.sqrt(2 * _MANY),
        rtol=0,
    )
    at = t == 4
    compare(
        "at ᾱ = 0.55 the noise in x_t has std",
        float(eps[at].std()),
        1.0,
        {
            "the √ is missing in front of the noise?": 0.45**0.5,
            "√ᾱ in front of the noise; swapped?": (0.55 / 0.45) ** 0.5,
            "the noise is not scaled?": 0.45**-0.5,
            "there is no noise?": 0.0,
        },
        rtol=5 / math.sqrt(4 * int(at.sum())),
    )
    yield "x_t is √ᾱ x0 + √(1 − ᾱ) ε"
    compare(
        "with a network that says 0 the loss is",
        value,
        1.0,
        {
            "the target is x0, not the noise?": 9.0,
            "summed over dimensions; take the mean": 2.0,
            "summed over the points; take the mean": 2.0 * _MANY,
            "the square is missing?": math.sqrt(2 / math.pi),
            "the target is x_t, not the noise?": float((x.double() ** 2).mean()),
        },
        rtol=5 * math.sqrt(1 / _MANY),
    )

    def oracle(x, t):
        a = alpha_bars[t][:, None]
        return (x - a**0.5 * 3.0) / (1 - a) ** 0.5

    best = _one_number(call(loss, oracle, x0, alpha_bars))
    compare(
        "with the exact noise as answer the loss is",
        best,
        0.0,
        {
            "the sign of the target?": 4.0,
            "noise is drawn twice, once for x_t and once for the target?": 2.0,
        },
        atol=1e-4,
        rtol=5 * math.sqrt(1 / _MANY),
    )
    yield "the target is the very noise that is in x_t"


@exercise(
    ancestral_step,
    todo="beta from two neighbours of alpha_bar, the posterior's mean and its variance",
    hints=(
        "βₜ = 1 − ᾱₜ/ᾱₜ₋₁, with ᾱ = 1 before t = 0.",
        "The mean is (x − βₜ/√(1−ᾱₜ) ε)/√(1−βₜ).",
        "The variance is βₜ (1−ᾱₜ₋₁)/(1−ᾱₜ). At t = 0 that is 0: no noise in the last step.",
    ),
)
def judge_ancestral_step(step):
    """The mean with its two coefficients, the posterior variance, and the silent last step."""
    alpha_bars = torch.tensor([0.9, 0.7, 0.4, 0.1])
    t, now, before = 2, 0.4, 0.7
    beta = 1 - now / before
    many = torch.ones(_MANY, 2)
    posterior = beta * (1 - before) / (1 - now)

    def run(x, eps, t=t):
        return returned(step, eps, x, t, alpha_bars, like=x)

    if float(run(0 * many, 0 * many).std()) > 0:
        noise_law(lambda: run(0 * many, 0 * many))
    y = run(many, 0 * many)
    spread = float(y.std())
    error = 5 * spread / math.sqrt(2 * _MANY) + 1e-6
    keep = 1 / math.sqrt(1 - beta)
    compare(
        "x = 1 without predicted noise leads on average to",
        float(y.mean()),
        keep,
        {
            "1/√(1−β) is missing?": 1.0,
            "multiplied by √(1−β) instead of divided?": 1 / keep,
            "1 − β without the root?": keep**2,
            "divided by √ᾱ: that is the jump to x0, not one step": now**-0.5,
            "that is the way from t to t + 1?": (0.4 / 0.1) ** 0.5,
        },
        atol=error,
        rtol=0,
    )
    yield "x is divided by √(1 − β)"
    z = run(0 * many, many)
    compare(
        "x = 0 with predicted noise 1 leads on average to",
        float(z.mean()),
        -keep * beta / math.sqrt(1 - now),
        {
            "β without 1/√(1 − ᾱ)?": -keep * beta,
            "β/(1 − ᾱ): the root is missing?": -keep * beta / (1 - now),
            "√β for β?": -keep * math.sqrt(beta) / math.sqrt(1 - now),
            "the sign? Predicted noise is taken away": keep * beta / math.sqrt(1 - now),
            "√(1 − ᾱ): that takes away all the noise, not one step's share": -keep
            * math.sqrt(1 - now),
            "ᾱ of t − 1 for ᾱ of t?": -keep * beta / math.sqrt(1 - before),
            "the predicted noise is not used?": 0.0,
            "1/√(1−β) stands only on x; it divides the whole bracket": -beta / math.sqrt(1 - now),
        },
        atol=error,
        rtol=0,
    )
    yield "the predicted noise is taken away with β/√(1 − ᾱ)"
    compare(
        "the noise has variance",
        spread**2,
        posterior,
        {
            "β for the posterior variance? It is too wide unless the data are N(0, I)": beta,
            "√ is missing: the variance is used as a standard deviation?": posterior**2,
            "√β is missing its root: β is used as a standard deviation?": beta**2,
            "1 − ᾱ: that is all the noise in x_t": 1 - now,
            "1 − ᾱ of t − 1: that is all the noise that should be left": 1 - before,
            "upside down? (1 − ᾱₜ₋₁)/(1 − ᾱₜ) is below 1": beta * (1 - now) / (1 - before),
            "there is no noise, so the samples will be too narrow": 0.0,
        },
        rtol=5 * math.sqrt(1 / _MANY),
    )
    yield "the noise has the variance of the posterior"
    last = run(many, 0 * many, t=0)
    if float(last.std()) > 1e-4:
        raise Slip(
            "the last step, t = 0, adds noise of std {measured}, expected {expected}: "
            "the sample itself should be clean",
            float(last.std()),
            0.0,
        )
    compare(
        "at t = 0, x = 1 leads to",
        float(last.mean()),
        0.9**-0.5,
        {
            "alpha_bars[t − 1] with t = 0 is the *last* entry; before t = 0 ᾱ is 1": (0.1 / 0.9)
            ** 0.5,
            "at t = 0 there is a step to do as well": 1.0,
        },
    )
    yield "the last step adds none"


@exercise(
    ddim_step,
    todo="guess x0, then go to the new time: a_s x0 + kept eps + fresh noise",
    hints=(
        "The guess of the data is x̂0 = (x − σₜ ε)/αₜ.",
        "Without fresh noise: α_s x̂0 + σ_s ε. The same ε, at the new level.",
        "The posterior's std is σ̃ = σ_s/σₜ · √(σₜ² − (αₜ/α_s)² σ_s²). Fresh noise: η σ̃.",
        "The old ε keeps √(σ_s² − η² σ̃²), so that the total is σ_s.",
    ),
)
def judge_ddim_step(step):
    """The deterministic limit, the two weights of the noise for any eta, and their sum."""
    now, then = (0.6, 0.8), (0.7, 0.51**0.5)
    many = torch.ones(_MANY, 2)
    (a_t, s_t), (a_s, s_s) = now, then
    between = s_t**2 - (a_t / a_s * s_s) ** 2
    posterior = s_s / s_t * math.sqrt(between)

    def run(x, eps, eta):
        return returned(step, x, eps, now, then, eta, like=x)

    quiet = run(many, 0 * many, 0.0)
    if float(quiet.std()) > 1e-4:
        raise Slip(
            "with η = 0 the particles scatter by {measured}, expected {expected}: "
            "DDIM is deterministic there",
            float(quiet.std()),
            0.0,
        )
    compare(
        "with η = 0 and ε = 0, x = 1 leads to",
        float(quiet.mean()),
        a_s / a_t,
        {
            "1/αₜ is missing in x̂0?": a_s,
            "α_s is missing in front of x̂0?": 1 / a_t,
            "upside down?": a_t / a_s,
        },
    )
    compare(
        "with η = 0, x = 0 and ε = 1 lead to",
        float(run(0 * many, many, 0.0).mean()),
        s_s - a_s * s_t / a_t,
        {
            "the noise is not put back at the new level?": -a_s * s_t / a_t,
            "the noise is put back at the old level?": s_t - a_s * s_t / a_t,
            "the noise is not taken out of x̂0?": s_s,
            "the sign of the noise in x̂0?": s_s + a_s * s_t / a_t,
            "σ_s² for σ_s?": s_s**2 - a_s * s_t / a_t,
        },
    )
    yield "η = 0 is deterministic: α_s x̂0 + σ_s ε"
    for eta in (1.0, 0.5):
        y = run(many, 0 * many, eta)
        width = float(y.std())
        compare(
            f"with η = {eta:g} the fresh noise has std",
            width,
            eta * posterior,
            {
                "η² for η?": eta**2 * posterior,
                "√η for η?": eta**0.5 * posterior,
                "η is not used?": posterior,
                "√β for the posterior's std?": eta * math.sqrt(between),
                "σ_s: that is all the noise at the new level": eta * s_s,
                "the variance used as a standard deviation?": eta * posterior**2,
                "σₜ/σ_s is upside down?": eta * s_t / s_s * math.sqrt(between),
                "there is no fresh noise?": 0.0,
            },
            rtol=5 / math.sqrt(4 * _MANY),
        )
        kept = float(run(0 * many, many, eta).mean()) + a_s * s_t / a_t
        compare(
            f"with η = {eta:g} the old noise keeps the weight",
            kept,
            math.sqrt(s_s**2 - (eta * posterior) ** 2),
            {
                "σ_s as for η = 0? Old and fresh noise together must give σ_s": s_s,
                "the root is missing?": s_s**2 - (eta * posterior) ** 2,
                "weights subtracted; their squares must be": s_s - eta * posterior,
                "none of the old noise is kept?": 0.0,
            },
            atol=5 * width / math.sqrt(2 * _MANY),
            rtol=0,
        )
    noise_law(lambda: run(0 * many, 0 * many, 1.0))
    yield "for every η the old and the fresh noise add up to the level σ_s"


@exercise(
    convert_prediction,
    todo="solve x = alpha x0 + sigma eps for x0; then score and velocity",
    hints=(
        "From x = α x0 + σ ε follows x0 = (x − σ ε)/α.",
        "The score is −ε/σ.",
        "The velocity is dx/dt at fixed x0 and ε: α′ x0 + σ′ ε.",
    ),
)
def judge_convert_prediction(convert):
    """The three forms at three places."""
    a, s, da, ds = (
        torch.tensor(v)[:, None]
        for v in ([0.9, 0.6, 0.2], [0.3, 0.8, 1.1], [-0.5, -1.0, -0.7], [1.5, 0.4, 0.9])
    )
    x = a * _X + s * _EPS
    out = call(convert, x, _EPS, a, s, da, ds)
    if out is None:
        tensor_like(out, x)
    if not isinstance(out, (tuple, list)) or len(out) != 3:
        many = f" of {len(out)}" if isinstance(out, (tuple, list)) else ""
        got = f"{type(out).__name__}{many}"
        raise Slip(f"needed is a triple (x0, score, velocity), got a {got}")
    x0, e, A, S, dA, dS = (v.double() for v in (_X, _EPS, a, s, da, ds))
    X = x.double()
    compare(
        "x0 is",
        tensor_like(out[0], x, "x0"),
        x0,
        {
            "the division by α is missing?": X - S * e,
            "divided by σ instead of α?": (X - S * e) / S,
            "the sign of the noise?": (X + S * e) / A,
            "the noise is not scaled by σ?": (X - e) / A,
            "α and σ are swapped?": (X - A * e) / S,
        },
        rtol=1e-3,
    )
    yield "x0 = (x − σ ε)/α"
    compare(
        "the score is",
        tensor_like(out[1], x, "the score"),
        -e / S,
        {
            "the sign: the score points away from the noise": e / S,
            "σ² for σ?": -e / S**2,
            "multiplied by σ instead of divided?": -e * S,
            "the division by σ is missing?": -e,
            "divided by α instead of σ?": -e / A,
        },
        rtol=1e-3,
    )
    yield "the score is −ε/σ"
    compare(
        "the velocity is",
        tensor_like(out[2], x, "the velocity"),
        dA * x0 + dS * e,
        {
            "the sign? Time runs from the data to the noise": -(dA * x0 + dS * e),
            "ε − x0 is the velocity of the straight path only": e - x0,
            "derivatives swapped?": dS * x0 + dA * e,
            "α and σ themselves, not their derivatives?": X,
            "α′ x instead of α′ x0?": dA * X + dS * e,
            "the σ′ ε part is missing?": dA * x0,
        },
        rtol=1e-3,
    )
    yield "the velocity is α′ x0 + σ′ ε"
