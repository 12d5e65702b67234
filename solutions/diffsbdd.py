"""Chapter 08: a molecule for a pocket – sums, symmetry, noise and steps, and how to judge them."""

import math

import torch

from helpers.course.exercise import Slip, exercise
from helpers.course.judge import call, compare, returned, tensor_like, untouched

CHAPTER = "08 A molecule for a pocket"


def scatter_mean(values, index, n):
    """The mean of the values of each molecule, a tensor (n, D).

    values : tensor (M, D), one row for each atom of all molecules together
    index  : tensor (M,) of whole numbers, which of the n molecules an atom belongs to
    n      : number of molecules; one without atoms gets zeros
    The rows of one molecule need not stand together.
    """
    total = values.new_zeros(n, values.shape[1]).index_add(0, index, values)
    count = torch.bincount(index, minlength=n)
    return total / count.clamp(min=1)[:, None]


def remove_mean(x, index, n):
    """The atoms x (M, 3), each molecule moved so that its centre is the origin.

    x     : tensor (M, 3), Å, the atoms of all molecules together
    index : tensor (M,) of whole numbers, which of the n molecules an atom belongs to
    n     : number of molecules
    """
    total = x.new_zeros(n, 3).index_add(0, index, x)
    mean = total / torch.bincount(index, minlength=n)[:, None]
    return x - mean[index]


def egnn_layer(x, h, i, j, phi_e, phi_x, phi_h):
    """New places (M, 3) and features (M, H) after one round of messages, as a pair.

    x, h  : tensors (M, 3) and (M, H), places and features of the points
    i, j  : tensors (E,) of whole numbers: point i[k] hears point j[k]
    phi_e : function (h_i, h_j, d2) -> message m (E, H), with the squared distance d2 (E, 1)
    phi_x : function m -> (E, 1), how strongly the pair pushes
    phi_h : function (h, sum of the messages heard) -> new features (M, H)
    Each pair moves point i by (x_i - x_j) / (d + 1) * phi_x(m), and the moves are summed.
    """
    away = x[i] - x[j]
    d2 = away.square().sum(-1, keepdim=True)
    m = phi_e(h[i], h[j], d2)
    move = torch.zeros_like(x).index_add(0, i, away / (d2.sqrt() + 1) * phi_x(m))
    heard = m.new_zeros(len(x), m.shape[1]).index_add(0, i, m)
    return x + move, phi_h(h, heard)


def polynomial_gamma(t, s):
    """gamma = log(sigma^2 / alpha^2) of the schedule "polynomial_2", a tensor like t.

    t : tensor of times, 0 = data, 1 = noise
    s : precision, a small number; alpha^2 = (1 - 2 s) (1 - t^2)^2 + s, and
        alpha^2 + sigma^2 = 1
    """
    alpha2 = (1 - 2 * s) * (1 - t**2) ** 2 + s
    return torch.log((1 - alpha2) / alpha2)


def back_step(z, eps, a_s, s_s, a_t, s_t, noise):
    """z_s from z_t: a draw from q(z_s | z_t, x) with x read off the predicted noise.

    z        : tensor (M, D), the state at time t
    eps      : tensor (M, D), the noise that the network finds in it
    a_s, s_s : numbers, alpha and sigma at the earlier time s
    a_t, s_t : numbers, alpha and sigma at the time t
    noise    : tensor (M, D), fresh standard normal numbers
    With a = a_t / a_s and var = s_t^2 - a^2 s_s^2, the step from s to t is z_t = a z_s + noise
    of variance var.
    """
    a = a_t / a_s
    var = s_t**2 - a**2 * s_s**2
    mean = z / a - var / (a * s_t) * eps
    return mean + math.sqrt(var) * s_s / s_t * noise


def write_fragment(z, fragment, which, a_s, s_s, noise):
    """The state z at time s with the known atoms put in, as they look at that time.

    z        : tensor (M, D), what the sampler made
    fragment : tensor (M, D), clean; only the rows of known atoms mean something
    which    : tensor (M,) of booleans, True for known atoms
    a_s, s_s : numbers, alpha and sigma at time s
    noise    : tensor (M, D), fresh standard normal numbers
    """
    known = a_s * fragment + s_s * noise
    return torch.where(which[:, None], known, z)


def lj_loss(d, r_min, t, largest):
    """The weighted Lennard-Jones term of each pair of atoms, a tensor like d.

    d       : tensor (E,), distances, Å
    r_min   : tensor (E,), the distance at which the pair is happiest, energy -1 there, Å
    t       : tensor (E,), times, 0 = data, 1 = noise
    largest : number, the weight at the data; it falls in a straight line to zero at the noise
    The energy is cut at 3: more than that never counts.
    """
    sixth = (r_min / d) ** 6
    return largest * (1 - t) * (sixth**2 - 2 * sixth).clamp(max=3.0)


def clip_limit(norms):
    """What the next gradient is clipped to: 1.5 mean + 2 standard deviations, a number.

    norms : list of numbers, the norms of all gradients so far, the latest last
    Only the last 50 count (all of them while there are fewer). The standard deviation is
    that of these numbers themselves: divide by their number.
    """
    last = torch.tensor(norms[-50:], dtype=torch.float64)
    return float(1.5 * last.mean() + 2 * last.std(correction=0))


# ---------------------------------------------------------------------------------------------
# The judges.

_INDEX = torch.tensor([0, 2, 0, 1, 2, 0, 2, 2])  # molecules of 3, 1 and 4 atoms, mixed
_X = torch.tensor(
    [
        [1.0, 0.5, -2.0], [4.0, -1.0, 0.25], [0.5, 2.5, 1.0], [-3.0, 1.5, 2.0],
        [2.0, 3.0, -0.75], [-1.5, 0.75, 4.0], [3.5, -2.5, 1.25], [0.25, 1.0, -1.5],
    ]
)  # fmt: skip
_OF = [f"molecule {m}" for m in range(3) for _ in range(3)]
_ATOMS = [f"atom {a}" for a in range(8) for _ in range(3)]


def _means(x, index, n):
    """Means by a loop over the molecules: the slow way, for the judges only."""
    rows = [x[index == k].double() for k in range(n)]
    return torch.stack([r.mean(0) if len(r) else torch.zeros(x.shape[1]).double() for r in rows])


@exercise(
    scatter_mean,
    todo="add the rows of each molecule up, count them, divide",
    hints=(
        "Two questions for each molecule: what do its rows add up to, and how many are there?",
        "`torch.zeros(n, D).index_add(0, index, values)` adds row k of values to row index[k].",
        "`torch.bincount(index, minlength=n)` counts the atoms of each molecule.",
        "Divide by the count, and by 1 where there is no atom: `.clamp(min=1)[:, None]`.",
    ),
)
def judge_scatter_mean(mean):
    """Means of three molecules whose atoms are mixed, an empty one, and one atom alone."""
    want = _means(_X, _INDEX, 3)
    total = torch.zeros(3, 3).double().index_add(0, _INDEX, _X.double())
    count = torch.tensor([[3.0], [1.0], [4.0]]).double()
    cut = torch.stack([part.double().mean(0) for part in (_X[:3], _X[3:4], _X[4:])])
    compare(
        "the mean is",
        returned(mean, _X, _INDEX, 3, like=want.float()),
        want,
        {
            "that is the sum: divide by the number of atoms": total,
            "that is the mean over all atoms of all molecules": _X.double().mean(0).expand(3, 3),
            "divided by the mean size; each molecule has its own": total / count.mean(),
            "divided by the largest size: that is padding": total / count.max(),
            "divided by the number of molecules": total / 3,
            "divided by the number of all atoms": total / 8,
            "divided by one more than the number of atoms": total / (count + 1),
            "are the atoms of a molecule taken from one stretch of the list? They may stand "
            "anywhere, index says whose they are": cut,
            "only the last atom of each molecule counts? `out[index] = values` overwrites; "
            "index_add adds": _X[torch.tensor([5, 3, 7])].double(),
            "only the last atom counts: `out[index] += values` adds once for each molecule, and "
            "then divides; index_add adds all": _X[torch.tensor([5, 3, 7])].double() / count,
        },
        where=_OF,
    )
    yield "three molecules of 3, 1 and 4 atoms, in mixed order"
    value = call(mean, _X, _INDEX, 5)
    if isinstance(value, torch.Tensor) and bool(value.isnan().any()):
        raise Slip(
            "for a molecule without atoms it gives {measured}, expected {expected}: 0/0; divide "
            "by at least 1",
            "nan",
            "0",
        )
    compare(
        "with two molecules that have no atoms, the means are",
        tensor_like(value, torch.zeros(5, 3)),
        _means(_X, _INDEX, 5),
    )
    yield "a molecule without atoms gets zeros"
    wide = torch.arange(16.0).reshape(8, 2)
    compare(
        "for values with two columns the mean is",
        returned(mean, wide, _INDEX, 3, like=torch.zeros(3, 2)),
        _means(wide, _INDEX, 3),
    )
    yield "any number of columns"


@exercise(
    remove_mean,
    todo="the mean of each molecule, given back to its atoms by [index], taken off",
    hints=(
        "The means (n, 3) are those of the exercise before.",
        "`mean[index]` has one row for each atom: the mean of its own molecule.",
        "`x - mean[index]`",
    ),
)
def judge_remove_mean(remove):
    """Closed form, twice is once, and how much noise is left in 3(N − 1) directions."""
    mean = _means(_X, _INDEX, 3)
    x = _X.double()
    count = torch.tensor([[3.0], [1.0], [4.0]]).double()
    compare(
        "a coordinate becomes",
        returned(remove, _X, _INDEX, 3, like=_X),
        x - mean[_INDEX],
        {
            "the mean of all atoms is taken off; each molecule has its own": x - x.mean(0),
            "the sum is taken off, not the mean": x - (mean * count)[_INDEX],
            "the mean is added; take it off": x + mean[_INDEX],
            "that is the mean itself": mean[_INDEX],
            "the mean is over x, y and z of each atom; it belongs over the atoms": x
            - x.mean(1, keepdim=True),
            "one mean for x, y and z together; the centre is a point": x
            - mean.mean(1, keepdim=True)[_INDEX],
            "the first atom is put into the origin, not the centre": x
            - x[torch.tensor([0, 3, 1])][_INDEX],
            "only half of the mean is taken off": x - mean[_INDEX] / 2,
            "nothing is taken off": x,
        },
        where=_ATOMS,
    )
    yield "every molecule has its centre at the origin"
    moved = _X + torch.tensor([[5.0, -3, 2], [0.5, 0, 8], [-7, 1, 1]])[_INDEX]
    compare(
        "with the molecules moved, each by a vector of its own, a coordinate becomes",
        returned(remove, moved, _INDEX, 3, like=_X),
        x - mean[_INDEX],
        atol=1e-5,
    )
    yield "where a molecule stood before makes no difference"
    n, atoms = 500, 4
    index = torch.arange(n).repeat_interleave(atoms)
    left = returned(remove, torch.randn(n * atoms, 3), index, n, like=torch.zeros(n * atoms, 3))
    square = left.square().sum(1).reshape(n, atoms).sum(1)  # χ² with 9 degrees of freedom
    compare(
        "the mean squared length of noise on four atoms is",
        float(square.mean()),
        9.0,
        atol=5 * math.sqrt(18 / n),
        rtol=0,
    )
    yield "noise of 4 atoms keeps 9 = 3 (4 − 1) of its 12 directions"


_PX = torch.tensor([[0.0, 0.0, 0.0], [1.5, 0.0, 0.0], [0.25, -1.25, 0.5], [2.0, 1.0, -1.0]])
_PH = torch.tensor([[0.5, -1.0], [1.0, 0.25], [-0.75, 0.5], [0.1, 0.9]])
_I = torch.tensor([0, 0, 1, 2, 3, 3])  # not all pairs, and nobody hears twice as many
_J = torch.tensor([1, 2, 0, 0, 1, 2])


def _phi_e(h_i, h_j, d2):
    return torch.cat([h_i + 2 * h_j, d2 / 10], -1).sin()


def _phi_x(m):
    return 0.3 + m[:, :1] - 0.5 * m[:, 2:3]


def _phi_h(h, heard):
    return h + heard[:, :2] * heard[:, 2:3]


def _layer(x, h, i, j, **slip):
    """The layer by loops over pairs and points, for the judges only, with slips on demand."""
    x, h = x.double(), h.double()
    move, heard = torch.zeros_like(x), torch.zeros(len(x), 3).double()
    for a, b in zip(i.tolist(), j.tolist(), strict=True):
        away = (x[a] - x[b])[None]
        d2 = away.square().sum(-1, keepdim=True)
        told = slip.get("told", lambda d2, p, q: d2)(d2, x[a], x[b])
        m = _phi_e(h[a][None], h[b][None], told)
        over = slip.get("over", lambda d2: d2.sqrt() + 1)(d2)
        place = b if slip.get("sender") else a
        move[place] += (slip.get("sign", 1) * away / over * _phi_x(m))[0]
        heard[b if slip.get("sender_heard") else place] += m[0]
    if slip.get("mean"):
        many = torch.bincount(i, minlength=len(x))[:, None]
        move, heard = move / many, heard / many
    return x + move, _phi_h(h, heard)


@exercise(
    egnn_layer,
    todo="differences, squared distances, messages; their sums at the point that hears",
    hints=(
        "What of two places stays the same when the molecule is turned or moved? Only that may "
        "enter a message. And along what may a point move, so that the move turns, too?",
        "`away = x[i] - x[j]` and `d2 = away.square().sum(-1, keepdim=True)`: the network may "
        "know places only through these.",
        "`m = phi_e(h[i], h[j], d2)`, and each pair pushes by `away / (d2.sqrt() + 1) * phi_x(m)`.",
        "Sum at the hearer: `torch.zeros_like(x).index_add(0, i, push)`.",
        "Return the pair `(x + move, phi_h(h, heard))`.",
    ),
)
def judge_egnn_layer(layer):
    """What the messages are told, a closed form, and the symmetries one by one."""
    told = []

    def spy(h_i, h_j, d2):
        told.append(d2)
        return _phi_e(h_i, h_j, d2)

    def run(x=_PX, h=_PH, i=_I, j=_J, phi_e=_phi_e, phi_x=_phi_x):
        pair = call(layer, x, h, i, j, phi_e, phi_x, _phi_h)
        if pair is None:
            raise Slip("it returned nothing: is the `return` missing?")
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            given = type(pair).__name__
            raise Slip(f"it returned a {given}; needed is the pair (places, features)")
        return tensor_like(pair[0], x, "the place"), tensor_like(pair[1], h, "the feature")

    def still(m):
        return torch.zeros(len(m), 1, dtype=m.dtype)

    run(phi_e=spy)
    if not told:
        raise Slip("phi_e is never asked: messages are what it says of each pair")
    if any(part.ndim != 2 or part.shape[1] != 1 for part in told):
        raise Slip(
            "phi_e gets a d2 of shape {measured}, expected {expected}: one number for each pair, "
            "keepdim=True",
            tuple(told[0].shape),
            (6, 1),
        )
    said = torch.cat(told)
    if len(said) != 6:
        raise Slip(
            "phi_e is asked about {measured} pairs, expected {expected}", str(len(said)), "6"
        )
    x = _PX.double()
    d2 = (x[_I] - x[_J]).square().sum(-1, keepdim=True)
    near, far = x[_I], x[_J]
    compare(
        "phi_e is told",
        said,
        d2,
        {
            "that is the distance; its square is wanted": d2.sqrt(),
            "that is x_i · x_j, which depends on where the origin lies: absolute coordinates leak "
            "into the messages": (near * far).sum(-1, keepdim=True),
            "that is |x_i|²: absolute coordinates leak into the messages": near.square().sum(
                -1, keepdim=True
            ),
            "that is |x_j|²: absolute coordinates leak into the messages": far.square().sum(
                -1, keepdim=True
            ),
            "that is |x_i|² + |x_j|², the distance from the origin: absolute coordinates leak "
            "into the messages": (near.square() + far.square()).sum(-1, keepdim=True),
            "that is x_i − x_j along one axis: it changes when the molecule turns": (near - far)[
                :, :1
            ],
            "the sum of the differences without their squares? It changes when the molecule "
            "turns": (near - far).sum(-1, keepdim=True),
            "the sum of |x_i − x_j| along the axes? It changes when the molecule turns": (
                (near - far).abs().sum(-1, keepdim=True)
            ),
        },
        where=[f"pair {a}, {b}" for a, b in zip(_I.tolist(), _J.tolist(), strict=True)],
    )
    yield "messages are told the squared distance and nothing else of the places"
    places = [f"point {a}" for a in range(4) for _ in range(3)]
    feature = [f"point {a}" for a in range(4) for _ in range(2)]
    right = _layer(_PX, _PH, _I, _J)
    for at in (torch.zeros(3), torch.tensor([3.0, -2.0, 5.0])):
        compare(
            "with the molecule moved away, the features are" if at.any() else "the features are",
            run(_PX + at)[1],
            right[1],
            {
                "that is the mean of the messages; they are summed": _layer(
                    _PX, _PH, _I, _J, mean=True
                )[1],
                "the messages are summed where they come from, at j; they are heard at i": _layer(
                    _PX, _PH, _I, _J, sender_heard=True
                )[1],
                "they have not changed: phi_h makes the new ones": _PH.double(),
            },
            where=feature,
            rtol=1e-3,
        )
    yield "features change by the sum of what is heard"
    got, want = run()[0], right[0]
    compare(
        "the coordinates are",
        got,
        want,
        {
            "x_j − x_i: the sign, or the order, of the difference": 2 * x - want,
            "the division by d + 1 is missing: far pairs push as hard as they like": _layer(
                _PX, _PH, _I, _J, over=lambda d2: 1
            )[0],
            "divided by d; d + 1 keeps it finite where two points meet": _layer(
                _PX, _PH, _I, _J, over=lambda d2: d2.sqrt()
            )[0],
            "divided by d² + 1 instead of d + 1": _layer(_PX, _PH, _I, _J, over=lambda d2: d2 + 1)[
                0
            ],
            "the moves are summed at j; it is i that hears": _layer(_PX, _PH, _I, _J, sender=True)[
                0
            ],
            "that is the mean of the moves; they are summed": _layer(_PX, _PH, _I, _J, mean=True)[
                0
            ],
            "that is the move alone; the new place is x plus it": want - x,
            "they have not moved": x,
        },
        where=places,
        rtol=1e-3,
    )
    yield "places change along the differences"
    c, s = math.cos(0.7), math.sin(0.7)
    turn = torch.tensor([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    turn = turn @ torch.tensor([[1.0, 0, 0], [0, c, -s], [0, s, c]])
    for name, move in (
        ("turned", lambda p: p @ turn.to(p)),
        ("mirrored", lambda p: p * torch.tensor([-1.0, 1.0, 1.0]).to(p)),
        ("moved", lambda p: p + torch.tensor([3.0, -2.0, 5.0]).to(p)),
    ):
        compare(
            f"with the molecule {name}, the coordinates are",
            run(move(_PX))[0],
            move(got),
            {"they are not turned with it, absolute coordinates leak in": got},
            where=places,
            rtol=1e-3,
            atol=1e-4,
        )
    yield "turned, mirrored or moved, the answer turns, mirrors or moves along"
    order = torch.tensor([4, 1, 5, 0, 3, 2])
    compare(
        "with the pairs in another order, the coordinates are",
        run(i=_I[order], j=_J[order])[0],
        got,
    )
    compare("with phi_x = 0, the coordinates are", run(phi_x=still)[0], x)
    yield "the order of the pairs makes no difference"


_T = torch.tensor([0.0, 0.1, 0.2, 0.5, 0.8, 0.9, 1.0])


@exercise(
    polynomial_gamma,
    todo="alpha^2 from the formula, sigma^2 from 1 - alpha^2, then the logarithm of their ratio",
    hints=(
        "γ compares the power of the noise with that of the signal. First find the signal's.",
        "`alpha2 = (1 - 2 * s) * (1 - t**2) ** 2 + s`; sigma² is what is left: `1 - alpha2`.",
        "`torch.log((1 - alpha2) / alpha2)`: noise over signal, so it grows with t.",
    ),
)
def judge_polynomial_gamma(gamma):
    """Published values, the ends at two precisions, and which end has which sign."""
    t = _T.double()

    def form(s, base=lambda t: (1 - t**2) ** 2, keep=True):
        a2 = ((1 - 2 * s) if keep else 1) * base(t) + s
        return torch.log((1 - a2).clamp(min=1e-9) / a2)

    for s in (5e-4, 1e-5):
        right = form(s)
        plain = (1 - t**2) ** 2
        compare(
            f"with precision {s:g}, gamma comes out as",
            returned(gamma, _T.double(), s, like=_T.double()),
            right,
            {
                "the ends are swapped: that is log SNR, which falls; gamma = log(sigma²/alpha²) "
                "grows": -right,
                "that is log(sigma/alpha); gamma has the squares": right / 2,
                "that is the ratio sigma²/alpha² itself; take its logarithm": right.exp(),
                "that is the SNR; take the logarithm of sigma²/alpha²": (-right).exp(),
                "the clock is reversed: t = 0 is the data": form(
                    s, lambda t: (1 - (1 - t) ** 2) ** 2
                ),
                "1 − t² is not squared: that would be alpha, without precision": form(
                    s, lambda t: 1 - t**2
                ),
                "(1 − t)² for (1 − t²)²: the square belongs to t": form(s, lambda t: (1 - t) ** 2),
                "the logarithm to base 10?": right / math.log(10),
                "that is alpha²": (1 - 2 * s) * plain + s,
                "that is sigma²": 1 - (1 - 2 * s) * plain - s,
            },
            where=[f"t = {v:g}" for v in _T.tolist()],
        )
    yield "the published ends: ∓7.60 at precision 5e−4, ∓11.51 at 1e−5"
    yield "it grows: much signal at t = 0, much noise at t = 1"


_Z = torch.tensor([[0.8, -1.1], [2.0, 0.4], [-0.6, 1.7]])
_EPS = torch.tensor([[0.5, -0.25], [1.5, 1.0], [-1.25, 0.75]])
_N0 = torch.tensor([[1.0, -2.0], [0.5, 0.25], [-0.75, 1.25]])
_STEPS = ((0.98, 0.9), (0.9, 0.55), (0.6, 0.25))  # α at s and at t


@exercise(
    back_step,
    todo="a and var of the step from s to t; then the mean, and noise of the right width",
    hints=(
        "First the step up, from s to t: how much signal does it keep, how much noise does it add?",
        "`a = a_t / a_s`, `var = s_t**2 - a**2 * s_s**2`.",
        "The mean: z / a − var / (a · s_t) · eps.",
        "The width of what is left open is √var · s_s / s_t: less than √var, for z_t is known.",
    ),
)
def judge_back_step(step):
    """Mean and width at three places of a schedule, and the law of an exact denoiser."""
    zero = torch.zeros_like(_Z)
    for a_s, a_t in _STEPS:
        s_s, s_t = math.sqrt(1 - a_s**2), math.sqrt(1 - a_t**2)
        a = a_t / a_s
        var = s_t**2 - a**2 * s_s**2
        z, eps = _Z.double(), _EPS.double()
        mean = z / a - var / (a * s_t) * eps
        x = (z - s_t * eps) / a_t
        where = [f"α_s = {a_s:g}, α_t = {a_t:g}"] * 6
        compare(
            "without fresh noise z_s is",
            returned(step, _Z, _EPS, a_s, s_s, a_t, s_t, zero, like=_Z),
            mean,
            {
                "(z − ε)/a: the noise has a factor of its own, var/s_t": (z - eps) / a,
                "(z − ε)/a_t: the noise has a factor of its own, var/s_t": (z - eps) / a_t,
                "that is x̂, all the way to the data": x,
                "that is a_s x̂; the noise that stays is missing": a_s * x,
                "that is DDIM's step: all noise stays, only weaker": a_s * x + s_s * eps,
                "the sign of ε": z / a + var / (a * s_t) * eps,
                "var/s_t is not divided by a": z / a - var / s_t * eps,
                "√var for var in front of ε": z / a - math.sqrt(var) / (a * s_t) * eps,
                "var is not divided by s_t": z / a - var / a * eps,
                "z is multiplied by a; going back it is divided": z * a - var / (a * s_t) * eps,
                "var is s_t² − s_s²: the factor a² is missing": z / a
                - (s_t**2 - s_s**2) / (a * s_t) * eps,
                "s and t are swapped": z * a - (s_s**2 - s_t**2 / a**2) / (s_s / a) * eps,
            },
            where=where,
        )
        width = math.sqrt(var) * s_s / s_t
        compare(
            "the fresh noise is multiplied by",
            (returned(step, _Z, _EPS, a_s, s_s, a_t, s_t, _N0, like=_Z) - mean) / _N0.double(),
            torch.full((3, 2), width).double(),
            {
                "that is √var: z_t is known, so less is open, by s_s/s_t": torch.full(
                    (3, 2), math.sqrt(var)
                ),
                "that is var; take its root, and s_s/s_t": torch.full((3, 2), var),
                "that is s_s, all the noise at s": torch.full((3, 2), s_s),
                "the fresh noise is missing": zero,
                "the square: width for variance": torch.full((3, 2), width**2),
                "s_t/s_s for s_s/s_t": torch.full((3, 2), math.sqrt(var) * s_t / s_s),
            },
            where=where,
        )
    yield "mean and width of q(z_s | z_t, x)"
    n, (a_s, a_t) = 40_000, _STEPS[1]
    s_s, s_t = math.sqrt(1 - a_s**2), math.sqrt(1 - a_t**2)
    x = 1.5 * torch.ones(n, 1)
    eps = torch.randn(n, 1)
    z = call(step, a_t * x + s_t * eps, eps, a_s, s_s, a_t, s_t, torch.randn(n, 1))
    compare(
        "with the true noise, the mean of z_s is", float(z.mean()), a_s * 1.5, atol=5 * s_s / n**0.5
    )
    compare(
        "with the true noise, the deviation of z_s is",
        float(z.std()),
        s_s,
        atol=5 * s_s / math.sqrt(2 * n),
    )
    yield "with the true noise, z_s has the mean α_s x and the deviation σ_s"


@exercise(
    write_fragment,
    todo="noise the fragment to time s, and put its rows in where which is True",
    hints=(
        "The network knows only states whose atoms are all equally noisy. Make the fragment so.",
        "At time s the fragment looks like `a_s * fragment + s_s * noise`.",
        "`torch.where(which[:, None], known, z)`",
    ),
)
def judge_write_fragment(write):
    """Known and new rows, each with its slips."""
    which = torch.tensor([True, False, True])
    a_s, s_s = 0.8, 0.6
    z, f, e = _Z.double(), _EPS.double(), _N0.double()
    known = a_s * f + s_s * e
    mask = which[:, None]
    where = [
        f"atom {k}, {'known' if w else 'new'}" for k, w in enumerate(which.tolist()) for _ in "xy"
    ]
    compare(
        "the state is",
        returned(write, _Z, _EPS, which, a_s, s_s, _N0, like=_Z),
        torch.where(mask, known, z),
        {
            "the known atoms are clean among noisy ones: at time s they must have its noise": (
                torch.where(mask, f, z)
            ),
            "the known atoms are shrunk by a_s and have no noise": torch.where(mask, a_s * f, z),
            "the known atoms have noise and are not shrunk by a_s": torch.where(
                mask, f + s_s * e, z
            ),
            "a_s and s_s are swapped": torch.where(mask, s_s * f + a_s * e, z),
            "which is turned round: the new atoms were overwritten": torch.where(mask, z, known),
            "all atoms were overwritten, the new ones too": known,
            "known and new are added up; they replace each other": torch.where(mask, known + z, z),
            "the known atoms have the noise s_s²": torch.where(mask, a_s * f + s_s**2 * e, z),
            "the noise is put on the new atoms as well; they have theirs": torch.where(
                mask, known, z + s_s * e
            ),
            "nothing was put in": z,
        },
        where=where,
    )
    yield "known atoms look as they do at time s, new ones stay"
    untouched(lambda *args: write(*args), _Z, _EPS, which, a_s, s_s, _N0)
    yield "z itself is left alone"


@exercise(
    lj_loss,
    todo="the energy from (r_min/d)^6, cut at 3, times a weight that falls from t = 0 to t = 1",
    hints=(
        "Three factors of their own: the energy of a pair, its ceiling, and a weight that knows t.",
        "`sixth = (r_min / d) ** 6`; the energy is sixth² − 2 sixth: −1 at d = r_min.",
        "Cut it from above: `.clamp(max=3.0)`.",
        "The weight is `largest * (1 - t)`: near the data x̂ is a molecule, near the noise it "
        "is not.",
    ),
)
def judge_lj_loss(loss):
    """Energy, weight and ceiling, each on its own."""
    d = torch.tensor([1.32, 1.5, 1.8, 2.5, 4.0])
    r = torch.tensor([1.5, 1.5, 1.4, 1.6, 1.5])
    dd, rr = d.double(), r.double()
    q = (rr / dd) ** 6
    energy = q**2 - 2 * q
    zero = torch.zeros(5)
    compare(
        "at t = 0 with weight 1, a pair costs",
        returned(loss, d, r, zero, 1.0, like=d),
        energy,
        {
            "the weight is zero at the data: it is turned round, it must be largest at t = 0": 0
            * q,
            "that is 4 [(r/d)¹² − (r/d)⁶]: there r is where the energy is zero, here it is where "
            "it is least": (4 * (q**2 - q)).clamp(max=3),
            "the factor 2 of the attraction is missing": q**2 - q,
            "the sign: bonds would be pushed apart": -energy,
            "the powers are 6 and 3; they are 12 and 6": q - 2 * q**0.5,
            "each pair counts twice": 2 * energy,
            "the repulsion alone; attraction is missing": (q**2).clamp(max=3),
            "the square of the energy?": energy**2,
            "r_min and d are swapped": ((1 / q) ** 2 - 2 / q).clamp(max=3),
            "cut from below at zero; it is cut from above at 3": energy.clamp(min=0),
        },
        where=[f"d = {a:g} Å" for a in d.tolist()],
    )
    yield "the energy is −1 at the best distance"
    t = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])
    best = torch.full((5,), 1.5)
    td = t.double()
    compare(
        "at the best distance with largest = 0.001, a pair costs",
        1000 * returned(loss, best, best, t, 0.001, like=d),
        -(1 - td),
        {
            "the weight is turned round: it is largest at the data, t = 0": -td,
            "the weight does not depend on t": -torch.ones(5).double(),
            "the weight falls like (1 − t)²; a straight line is wanted": -((1 - td) ** 2),
            "the weight is missing": -1000 * torch.ones(5).double(),
            "largest is missing in the weight": -1000 * (1 - td),
        },
        where=[f"t = {a:g}, in thousandths" for a in t.tolist()],
    )
    yield "its weight falls from the data to the noise"
    close = torch.tensor([1.2, 1.0, 0.5, 0.1, 0.02])
    q = (1.5 / close.double()) ** 6
    raw = q**2 - 2 * q
    compare(
        "for atoms that overlap, a pair costs",
        returned(loss, close, best, zero, 1.0, like=d),
        torch.full((5,), 3.0).double(),
        {
            "it is not cut: one overlap outweighs everything": raw,
            "cut from below; cut it from above, clamp(max=3.0)": raw.clamp(min=3.0),
            "cut at 3 before the minus 2 (r/d)⁶?": (q**2).clamp(max=3.0) - 2 * q,
            "cut at another height": torch.full((5,), 1.0).double(),
        },
        where=[f"d = {a:g} Å" for a in close.tolist()],
    )
    yield "overlaps cost 3 and not more"


@exercise(
    clip_limit,
    todo="mean and standard deviation of the last 50 norms, 1.5 of one and 2 of the other",
    hints=(
        "What is usual? Mean and spread of the recent norms say it, and only of those.",
        "The last 50 of a list: `norms[-50:]`.",
        "`.std(correction=0)` divides by their number.",
        "`1.5 * mean + 2 * std`",
    ),
)
def judge_clip_limit(limit):
    """Short, long and jumping histories."""

    def ask(norms):
        value = limit(list(norms))
        if value is None:
            raise Slip("it returned nothing: is the `return` missing?")
        if isinstance(value, torch.Tensor) and value.numel() != 1:
            raise Slip(
                "it returned {measured} numbers, expected {expected}", str(value.numel()), "1"
            )
        if isinstance(value, bool) or not isinstance(value, (int, float, torch.Tensor)):
            raise Slip(f"it returned something of type {type(value).__name__}; needed is a number")
        return float(value)

    many = [50.0] * 100 + [1.0, 4.0] * 25
    every = torch.tensor(many, dtype=torch.float64)
    compare(
        "after a hundred old norms of 50 and fifty of 1 and 4, the limit is",
        ask(many),
        6.75,
        {
            "all norms count; only the last 50 do": float(
                1.5 * every.mean() + 2 * every.std(correction=0)
            ),
            "the first 50 count; the last do": 75.0,
            "1.5 standard deviations and 2 means: they are swapped": 7.25,
            "the standard deviation is missing": 3.75,
            "the mean counts once, not 1.5 times": 5.5,
            "one standard deviation, not two": 5.25,
            "that is the largest norm": 4.0,
            "the variance for the standard deviation": 8.25,
            "divided by 49: the standard deviation is that of these numbers themselves": 3.75
            + 3 * math.sqrt(50 / 49),
            "the last one counts alone": 6.0,
        },
        rtol=1e-6,
    )
    yield "only the last 50 norms count"
    compare(
        "after norms of 2, 2, 2 and 8, the limit is",
        ask([2.0, 2.0, 2.0, 8.0]),
        1.5 * 3.5 + 2 * math.sqrt(6.75),
        {
            "the standard deviation is missing": 5.25,
            "one standard deviation, not two": 5.25 + math.sqrt(6.75),
            "the variance for the standard deviation": 5.25 + 2 * 6.75,
            "the mean counts once, not 1.5 times": 3.5 + 2 * math.sqrt(6.75),
            "that is the largest norm": 8.0,
            "divided by their number less one: the standard deviation is that of these numbers "
            "themselves": 5.25 + 6,
            "the median for the mean": 3 + 2 * math.sqrt(6.75),
            "divided by 50 while there are fewer": 1.5 * 14 / 50
            + 2 * math.sqrt(76 / 50 - (14 / 50) ** 2),
        },
    )
    yield "fewer than 50 are taken as they are"
    compare("after a single norm of 3000, the limit is", ask([3000.0]), 4500.0)
    yield "one norm alone gives a limit, too"
