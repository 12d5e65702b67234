"""Chapter 06: borrowed representations – and how to judge the code that borrows them."""

import torch

from helpers.course.exercise import Slip, exercise
from helpers.course.judge import call, compare, returned, tensor_like

CHAPTER = "06 REPA"


def cosine_per_atom(a, b):
    """The cosine of the angle between the features of each atom, shape (B, N).

    a, b : tensors (B, N, F), the features of N atoms each of B crystals
    Where one of the two is all zeros, as at padding, the cosine is 0.
    """
    lengths = a.norm(dim=-1) * b.norm(dim=-1)
    return (a * b).sum(-1) / lengths.clamp(min=1e-12)


def linear_probe(x, y, penalty):
    """The pair (weight, bias) that makes |x weight + bias - y|^2 + penalty |weight|^2 smallest.

    x       : tensor (n, F), the features of n atoms
    y       : tensor (n, K), what is to be read off them
    penalty : positive number; the bias is not penalised
    weight has the shape (F, K), bias the shape (K,).
    """
    mean, bias = x.mean(0), y.mean(0)
    z = x - mean
    square = z.T @ z + penalty * torch.eye(z.shape[1], dtype=z.dtype)
    weight = torch.linalg.solve(square, z.T @ (y - bias))
    return weight, bias - mean @ weight


def retrieval_rate(query, library):
    """The share of queries whose most similar row of the library, by cosine, is their own.

    query, library : tensors (n, F); row i of the library belongs to query i
    """
    query = query / query.norm(dim=1, keepdim=True)
    library = library / library.norm(dim=1, keepdim=True)
    nearest = (query @ library.T).argmax(1)
    own = torch.arange(len(query), device=query.device)
    return (nearest == own).float().mean()


def time_window(t, low, high):
    """How strongly to align at times t: a constant where low <= t < high, 0 elsewhere.

    t         : tensor (B,), between 0 (data) and 1 (noise)
    low, high : numbers, 0 <= low < high <= 1
    The constant is such that the mean over uniform times between 0 and 1 is 1.
    """
    inside = (t >= low) & (t < high)
    return inside.to(t.dtype) / (high - low)


def repa_loss(hidden, projector, encode, clean, noisy, mask):
    """The alignment loss of each crystal, (B,): 1 - the mean cosine over its real atoms.

    hidden    : tensor (B, N, H), a hidden layer of the network that saw the noisy crystals
    projector : function (B, N, H) -> (B, N, F), learned together with the network
    encode    : function crystals -> features (B, N, F), the frozen teacher
    clean     : the crystals without noise, as encode takes them
    noisy     : the crystals that the network saw
    mask      : tensor (B, N), True for atoms, False for padding
    No gradient may reach the teacher.
    """
    target = encode(clean).detach()
    cosine = torch.nn.functional.cosine_similarity(projector(hidden), target, dim=-1)
    return 1 - (cosine * mask).sum(1) / mask.sum(1)


# ---------------------------------------------------------------------------------------------
# The judges.

_A = torch.tensor([[[3.0, 4.0], [1.0, 0.0], [2.0, -1.0]], [[0.5, 0.5], [-2.0, 1.0], [0.0, 0.0]]])
_B = torch.tensor([[[4.0, 3.0], [0.0, 2.0], [-4.0, 2.0]], [[3.0, 3.0], [1.0, 1.0], [1.0, 2.0]]])
_COSINE = torch.tensor(
    [[24 / 25, 0.0, -1.0], [1.0, -1 / 10**0.5, 0.0]], dtype=torch.float64
)  # by hand
_WHICH = [f"crystal {b + 1}, atom {n + 1}" for b in range(2) for n in range(3)]


@exercise(
    cosine_per_atom,
    todo="the dot product of each atom's two rows, over the product of their lengths",
    hints=(
        "Everything happens along the last axis: `.sum(-1)`, `.norm(dim=-1)`.",
        "cos = a·b / (|a| |b|).",
        "Zeros have no direction: `.clamp(min=1e-12)` on the product of the lengths avoids 0/0.",
    ),
)
def judge_cosine_per_atom(cosine):
    """Angles worked out by hand, scales that must not matter, and the atom of zeros."""
    got = call(cosine, _A, _B)
    if isinstance(got, torch.Tensor) and got.numel() == 1:
        raise Slip("it returned one number; every atom has a cosine of its own, (B, N)")
    if isinstance(got, torch.Tensor) and got.shape == (2,):
        raise Slip("it returned one number for each crystal; every atom has its own, (B, N)")
    if isinstance(got, torch.Tensor) and got.shape == (2, 2):
        raise Slip(
            "it returned the shape {measured}, expected {expected}: the sum runs over the "
            "features, the last axis, not over the atoms",
            (2, 2),
            (2, 3),
        )
    if isinstance(got, torch.Tensor) and got.isnan().any():
        raise Slip("the atom of zeros gives nan: 0/0 at padding; keep the lengths away from zero")
    got = tensor_like(got, _A[..., 0])
    a, b = _A.double(), _B.double()
    la, lb = a.norm(dim=-1), b.norm(dim=-1)
    safe = (la * lb).clamp(min=1e-12)
    compare(
        "the cosine is",
        got,
        _COSINE,
        {
            "the dot product alone, not divided by the lengths": (a * b).sum(-1),
            "divided by the length of a only": (a * b).sum(-1) / la.clamp(min=1e-12),
            "divided by the length of b only": (a * b).sum(-1) / lb.clamp(min=1e-12),
            "divided by the squares of the lengths": (a * b).sum(-1) / safe**2,
            "the sign is lost: opposite directions have the cosine −1": _COSINE.abs(),
            "that is 1 − cosine": 1 - _COSINE,
            "the sign?": -_COSINE,
            "the angle itself? Needed is its cosine": torch.acos(_COSINE.clamp(-1, 1)),
            "lengths in the sum norm? They are roots of sums of squares": (a * b).sum(-1)
            / (a.abs().sum(-1) * b.abs().sum(-1)).clamp(min=1e-12),
        },
        where=_WHICH,
        atol=1e-5,
    )
    yield "one cosine for each atom, between −1 and 1, and 0 at padding"
    scaled = returned(cosine, 10 * _A, 0.01 * _B, like=_A[..., 0])
    compare("with features ten times as long the cosine is", scaled, got, where=_WHICH, atol=1e-5)
    yield "the lengths of the features do not matter"


def _probe_inputs():
    g = torch.Generator().manual_seed(61)
    x = torch.randn(40, 3, generator=g) * torch.tensor([1.0, 2.0, 0.5])
    x = x + torch.tensor([2.0, -1.0, 0.5])
    truth = torch.tensor([[1.0, 0.0], [0.5, -1.0], [-2.0, 3.0]])
    y = x @ truth + torch.tensor([3.0, -2.0]) + 0.3 * torch.randn(40, 2, generator=g)
    return x, y


def _ridge(x, y, penalty):
    """Ridge with a free bias by another road: as least squares with extra rows √penalty."""
    n, f = x.shape
    rows = torch.cat([torch.cat([x, x.new_ones(n, 1)], 1), x.new_zeros(f, f + 1)])
    rows[n:, :f] = penalty**0.5 * torch.eye(f, dtype=x.dtype)
    found = torch.linalg.lstsq(rows, torch.cat([y, y.new_zeros(f, y.shape[1])])).solution
    return found[:f], found[f]


@exercise(
    linear_probe,
    todo="centre x and y, solve (zᵀz + penalty 1) weight = zᵀ(y − ȳ), then find the bias",
    hints=(
        "With the means taken off, the bias is gone: z = x − x̄, and y − ȳ.",
        "Set the derivative to zero: (zᵀz + penalty·1) weight = zᵀ(y − ȳ). torch.linalg.solve.",
        "At the mean of x the probe says the mean of y: bias = ȳ − x̄ weight.",
    ),
)
def judge_linear_probe(probe):
    """A twin by least squares with extra rows, and the limits of a small and a large penalty."""
    x, y = _probe_inputs()
    got = call(probe, x, y, 5.0)
    if got is None:
        tensor_like(got, y)
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        raise Slip(f"it returned a {type(got).__name__}; needed is the pair (weight, bias)")
    if isinstance(got[0], torch.Tensor) and got[0].shape == (2, 3):
        raise Slip(
            "the weight has the shape {measured}, expected {expected}: transposed",
            (2, 3),
            (3, 2),
        )
    weight = tensor_like(got[0], torch.zeros(3, 2), "the weight")
    bias = tensor_like(got[1], torch.zeros(2), "the bias")
    x64, y64 = x.double(), y.double()
    z, c = x64 - x64.mean(0), y64 - y64.mean(0)
    eye = torch.eye(3, dtype=torch.float64)

    def solved(penalty, rows=z, said=c):
        return torch.linalg.solve(rows.T @ rows + penalty * eye, rows.T @ said)

    right, right_bias = _ridge(x64, y64, 5.0)
    where = [f"feature {i + 1}, target {k + 1}" for i in range(3) for k in range(2)]
    compare(
        "the weight is",
        weight,
        right,
        {
            "x and y are not centred: the weight has to make up for the bias": solved(5, x64, y64),
            "only y is centred; x has a mean as well": solved(5, x64, c),
            "the penalty is missing": solved(0),
            "the penalty enters squared": solved(25),
            "the penalty is multiplied by the number of atoms": solved(5 * len(x)),
            "the penalty is divided by the number of atoms": solved(5 / len(x)),
            "the penalty has the wrong sign": solved(-5),
            "the penalty is added to every entry, not to the diagonal": torch.linalg.solve(
                z.T @ z + 5, z.T @ c
            ),
            "half of the penalty": solved(2.5),
            "twice the penalty": solved(10),
            "zᵀ(y − ȳ) alone; it is not yet divided by zᵀz + penalty": z.T @ c,
            "the sign?": -right,
        },
        where=where,
        rtol=1e-3,
        atol=1e-4,
    )
    yield "the weight solves the normal equations, penalty included"
    compare(
        "the bias is",
        bias,
        right_bias,
        {
            "ȳ alone: that is right only if x has mean zero": y64.mean(0),
            "the part x̄ weight has the wrong sign": y64.mean(0) + x64.mean(0) @ right,
            "it is missing": torch.zeros(2),
        },
        where=["target 1", "target 2"],
        rtol=1e-3,
        atol=1e-4,
    )
    yield "at the mean of x it says the mean of y"
    mute = tensor_like(call(probe, x, y, 1e9)[0], torch.zeros(3, 2), "the weight")
    compare("with a huge penalty the weight is", mute, torch.zeros(3, 2), atol=1e-4)
    yield "a huge penalty silences it"


def _own(query, library, sign=1.0):
    return ((sign * query @ library.T).argmax(1) == torch.arange(len(query))).double().mean()


@exercise(
    retrieval_rate,
    todo="cosines of all queries with all rows, the largest of each query, is it its own?",
    hints=(
        "Divide every row by its length; then `query @ library.T` holds all cosines, (n, n).",
        "`.argmax(1)` gives each query the number of its most similar row.",
        "Compare with torch.arange(n), and take the mean of the comparison as floats.",
    ),
)
def judge_retrieval_rate(rate):
    """Noisy copies with known answers, lengths that must not matter, and the direction."""
    g = torch.Generator().manual_seed(62)
    # Rows of very different lengths: the longest would win every dot product.
    lengths = torch.logspace(0, 0.5, 30)[:, None]
    library = lengths * torch.nn.functional.normalize(torch.randn(30, 5, generator=g), dim=1)
    query = library / lengths + 0.2 * torch.randn(30, 5, generator=g)
    q, lib = (torch.nn.functional.normalize(v.double(), dim=1) for v in (query, library))
    want = _own(q, lib)
    got = call(rate, query, library)
    if isinstance(got, torch.Tensor) and got.shape == (30,):
        raise Slip("it returned one answer for each query; needed is their share, one number")
    if got is None:
        tensor_like(got, torch.zeros(()))
    got = torch.as_tensor(got)
    if got.numel() != 1:
        raise Slip(
            "it returned {measured} numbers, expected {expected}: a share of the queries",
            str(got.numel()),
            "1",
        )
    far = (torch.cdist(query.double(), library.double()).argmin(1) == torch.arange(30)).double()
    compare(
        "of 30 queries the share that find their own row is",
        got.double().reshape(()),
        want,
        {
            "the dot product: long rows win. Divide by the lengths": _own(
                query.double(), library.double()
            ),
            "distances instead of cosines: lengths count there": far.mean(),
            "the least similar row is taken: argmax, not argmin": _own(q, lib, -1.0),
            "a number of queries; needed is their share": 30 * want,
            "in percent; needed is a share between 0 and 1": 100 * want,
            "the share that miss; needed is the share that find": 1 - want,
            "the other way round: for each row the most similar query": _own(lib, q),
            "the mean of the largest cosines; needed is how often the largest is its own": (
                q @ lib.T
            )
            .amax(1)
            .mean(),
            "the mean cosine with its own row; needed is how often that one is largest": (q * lib)
            .sum(1)
            .mean(),
        },
        rtol=1e-5,
    )
    yield "the share of queries that are most similar to their own row"
    same = torch.as_tensor(call(rate, library, library)).double().reshape(())
    compare("a library asked for itself finds the share", same, 1.0)
    other = torch.as_tensor(call(rate, library, library.roll(1, 0))).double().reshape(())
    compare("a library with its rows moved on by one finds the share", other, 0.0)
    yield "all of them for the library itself, none when its rows are moved on"


_TIMES = torch.tensor([0.05, 0.2, 0.3, 0.49, 0.6, 0.95])


@exercise(
    time_window,
    todo="1 where low <= t < high, else 0; divided by the share of the times inside",
    hints=(
        "Two comparisons, joined with &: `(t >= low) & (t < high)`.",
        "`.to(t.dtype)` makes numbers of true and false.",
        "A window of width ¼ is open for a quarter of the times: inside it has to count four.",
    ),
)
def judge_time_window(window):
    """Values inside and outside, the mean over all times, and where the window stands."""
    for low, high in ((0.25, 0.5), (0.0, 0.5), (0.5, 1.0), (0.0, 1.0)):
        value = call(window, _TIMES, low, high)
        if isinstance(value, torch.Tensor) and value.dtype == torch.bool:
            raise Slip("it returned true and false; weights are numbers: .to(t.dtype), and scaled")
        got = tensor_like(value, _TIMES, "it")
        inside = ((_TIMES >= low) & (_TIMES < high)).double()
        width = high - low
        clock = 1 - _TIMES
        turned = ((clock >= low) & (clock < high)).double()
        compare(
            f"for the window from {low:g} to {high:g} the weight is",
            got,
            inside / width,
            {
                "1 inside: then a narrow window aligns less in all. Divide by its width": inside,
                "multiplied by the width; divide": inside * width,
                "the clock is reversed: t = 0 is data": turned / width,
                "the clock is reversed, and the width is missing": turned,
                "that is the outside of the window": (1 - inside) / width,
                "divided by the mean of this batch: the weight then depends on the other "
                "times drawn; use the width": inside / inside.mean().clamp(min=1e-9),
                "1 everywhere: low and high are not used": torch.ones(6),
                "open on one side: t < high only": (_TIMES < high).double() / width,
                "open on one side: t ≥ low only": (_TIMES >= low).double() / width,
                "the square of the width": inside / width**2,
            },
            where=[f"t = {t:g}" for t in _TIMES.tolist()],
        )
    yield "1 / width inside the window, 0 outside"
    many = (torch.arange(4000) + 0.5) / 4000
    for low, high in ((0.1, 0.3), (0.5, 1.0)):
        mean = returned(window, many, low, high, like=many).mean()
        compare("over all times the mean weight is", float(mean), 1.0, rtol=2e-3)
    yield "over all times its mean is 1, whatever the window"


_MASK = torch.tensor([[True, True, True], [True, False, False]])
_PLACES = torch.tensor([[[0.1, 0.4], [0.5, 0.9], [0.8, 0.2]], [[0.3, 0.6], [0.0, 0.0], [0.0, 0.0]]])


class _Scene:
    """A small network's hidden layer, a projector and a teacher, all of known numbers."""

    def __init__(self, width=4, hidden=3):
        g = torch.Generator().manual_seed(63)
        self.hidden = torch.randn(2, 3, hidden, generator=g, requires_grad=True)
        self.project = torch.randn(hidden, width, generator=g, requires_grad=True)
        self.teach = torch.randn(2, width, generator=g, requires_grad=True)
        self.clean = _PLACES.clone()
        self.noisy = _PLACES.flip(-1) * torch.tensor([1.0, -0.5]) + 0.3
        self.asked, self.projected = [], 0

    def projector(self, h):
        self.projected += 1
        return torch.tanh(h @ self.project)

    def encode(self, crystals):
        self.asked.append(crystals.detach().clone())
        return torch.sin(5 * crystals @ self.teach) + 2.0

    def run(self, loss, mask=_MASK):
        value = loss(self.hidden, self.projector, self.encode, self.clean, self.noisy, mask)
        if value is None:
            tensor_like(value, torch.zeros(2))
        return value


def _cosines(projected, target):
    p, q = projected.detach().double(), target.detach().double()
    return (p * q).sum(-1) / (p.norm(dim=-1) * q.norm(dim=-1))


@exercise(
    repa_loss,
    todo="features of the clean crystals, no gradient; 1 − the mean cosine over the real atoms",
    hints=(
        "The teacher sees the clean crystals: `encode(clean).detach()`.",
        "Compare it with projector(hidden), atom by atom: cosine_similarity(..., dim=-1).",
        "The mean over real atoms only: (cosine * mask).sum(1) / mask.sum(1). Then 1 − that.",
    ),
)
def judge_repa_loss(loss):
    """What the teacher is shown, the value, and where the gradient goes."""
    scene = _Scene()
    try:
        value = scene.run(loss)
    except RuntimeError as error:
        if not scene.projected and "match" in str(error):
            raise Slip(
                "the widths do not fit, {measured} against {expected}: the hidden layer has to "
                "go through the projector first",
                "3",
                "4",
            ) from None
        raise
    if not scene.asked:
        raise Slip("the teacher is never asked: encode(clean)")
    if any(torch.equal(x, scene.noisy) for x in scene.asked):
        raise Slip(
            "the teacher is shown the noisy crystals: it has never seen such, and what it says of "
            "them the network can see for itself. Its target is the clean one"
        )
    if not scene.projected:
        raise Slip("the projector is not used: the hidden layer speaks another language")
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        raise Slip("it returned one number; every crystal has a loss of its own, (B,)")
    if isinstance(value, torch.Tensor) and value.shape == (2, 3):
        raise Slip("it returned a number for each atom; take the mean over a crystal's real atoms")
    got = tensor_like(value, torch.zeros(2))
    target = scene.encode(scene.clean)
    projected = scene.projector(scene.hidden)
    cosine, real = _cosines(projected, target), _MASK.double()
    mean = (cosine * real).sum(1) / real.sum(1)
    off = (projected - target).detach().double()
    flat = _cosines((projected * real[..., None]).flatten(1), (target * real[..., None]).flatten(1))
    compare(
        "the loss is",
        got,
        1 - mean,
        {
            "the sign: that is the cosine itself, which training would make small": mean,
            "the sign: 1 + cosine is smallest when all points the wrong way": 1 + mean,
            "minus the cosine, without the 1": -mean,
            "padding counts: the mean runs over all N places": 1 - cosine.mean(1),
            "padding counts in the number of atoms": 1 - (cosine * real).sum(1) / 3,
            "the sum over the atoms; take the mean": ((1 - cosine) * real).sum(1),
            "a mean squared error: it depends on the size of the features": (
                off.square().mean(-1) * real
            ).sum(1)
            / real.sum(1),
            "a squared distance: it depends on the size of the features": (
                off.square().sum(-1) * real
            ).sum(1)
            / real.sum(1),
            "the dot product, not divided by the lengths": 1
            - ((projected * target).detach().double().sum(-1) * real).sum(1) / real.sum(1),
            "all atoms as one long vector: then large atoms count more, and padding "
            "or another number of atoms changes it": 1 - flat,
            "the square of the cosine? Opposite is not aligned": 1
            - (cosine.square() * real).sum(1) / real.sum(1),
        },
        where=["crystal 1, three atoms", "crystal 2, one atom and padding"],
        atol=1e-5,
    )
    yield "1 − the mean cosine over the real atoms, with the teacher's view of the clean crystal"
    if not value.requires_grad:
        raise Slip("the loss knows no gradient: only the teacher's side may be detached")
    reached = torch.autograd.grad(
        value.sum(), [scene.hidden, scene.project, scene.teach], allow_unused=True
    )
    sizes = [0.0 if g is None else float(g.abs().sum()) for g in reached]
    if sizes[2] > 0:
        raise Slip(
            "the gradient in the teacher has the size {measured}, expected {expected}: it would "
            "learn to be easy to copy. Detach its features",
            sizes[2],
            0.0,
        )
    if sizes[0] == 0:
        raise Slip("no gradient reaches the hidden layer: it is the one that has to move")
    if sizes[1] == 0:
        raise Slip("no gradient reaches the projector: it has to learn the translation")
    yield "the gradient reaches network and projector, and not the teacher"
