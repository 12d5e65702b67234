"""Chapter 07: three corruptions, their samplers, guidance – and how to judge them."""

import math

import torch
from torch import nn

from helpers.course.exercise import Slip, exercise
from helpers.course.judge import call, compare, returned, tensor_like, untouched
from helpers.course.laws import correlation, noise_law

CHAPTER = "07 Inside MatterGen"


def corrupt_positions(frac, n_atoms, t):
    """Noisy positions: a wrapped normal around each atom, narrower in crystals of more atoms.

    frac    : tensor (B, N, 3), fractional coordinates in [0, 1)
    n_atoms : tensor (B,), how many of the N places hold an atom; the others mean nothing
    t       : tensor (B,), between 0 and 1
    The standard deviation is sigma(t) / n_atoms^(1/3), and sigma(t) grows geometrically
    from 0.01 at t = 0 to 5 at t = 1. Returns a tensor shaped like frac, in [0, 1).
    """
    sigma = 0.01 * 500**t / n_atoms ** (1 / 3)  # (B,)
    return (frac + sigma[:, None, None] * torch.randn_like(frac)) % 1.0 % 1.0


def corrupt_lattice(cell, n_atoms, t):
    """A noisy cell on its way to a cube of usual density.

    cell    : tensor (B, 3, 3), symmetric [Å]
    n_atoms : tensor (B,), atoms in each cell
    t       : tensor (B,), between 0 and 1
    With alpha = exp(-1/2 * integral of beta from 0 to t), beta(t) = 0.1 + 19.9 t, the mean is
    alpha * cell + (1 - alpha) * edge * identity, where edge^3 = n_atoms / 0.0577 [Å^3]. The noise
    is symmetric; each of its entries has variance (1 - alpha^2) * (0.5 * n_atoms^(1/3))^2.
    """
    alpha = torch.exp(-0.5 * (0.1 * t + 19.9 * t**2 / 2))[:, None, None]
    size = n_atoms[:, None, None] ** (1 / 3)
    cube = size / 0.0577 ** (1 / 3) * torch.eye(3, device=cell.device)
    z = torch.randn_like(cell)
    z = z.triu() + z.triu(1).mT  # six numbers, three of them twice
    return alpha * cell + (1 - alpha) * cube + (1 - alpha**2).sqrt() * 0.5 * size * z


def absorb_elements(species, t, mask):
    """Elements, each replaced by the mask with probability t, independently of all others.

    species : tensor (B, N) of whole numbers, the elements; 0 is an empty place and stays 0
    t       : tensor (B,), between 0 and 1
    mask    : whole number, the class that says nothing
    Returns a tensor like species.
    """
    gone = torch.rand(species.shape, device=species.device) < t[:, None]
    return torch.where(gone & (species != 0), mask, species)


def unmask_step(logits, species, t, s, mask):
    """One step back, from time t to an earlier s: some masked atoms get their element.

    logits  : tensor (B, N, K), the network's opinion of each atom, one number for each class
    species : tensor (B, N) of whole numbers below K; `mask` is one of them
    t, s    : numbers, 0 <= s < t <= 1. At time t an atom is masked with probability t, so of
              those masked at t the share s / t is masked still at s.
    A revealed atom is drawn from the softmax of its logits, and is never the mask. An atom that
    has its element keeps it. Returns a tensor like species.
    """
    logits = logits.clone()
    logits[..., mask] = -math.inf
    drawn = torch.multinomial(logits.softmax(-1).flatten(0, 1), 1).view(species.shape)
    reveal = torch.rand(species.shape, device=species.device) < 1 - s / t
    return torch.where((species == mask) & reveal, drawn, species)


def fractional_score(score, cell):
    """The derivative of log p by fractional coordinates, from that by Cartesian ones.

    score : tensor (B, N, 3), d log p / d (positions in Å), as rows
    cell  : tensor (B, 3, 3), lattice vectors as rows: positions in Å = frac @ cell
    Returns a tensor shaped like score.
    """
    return score @ cell.mT


def corrector_step_size(score, noise, snr):
    """The step h of a Langevin move x + h score + sqrt(2 h) noise, one number for a batch.

    score, noise : tensors (B, N, 3); each crystal's length is that of its 3 N numbers
    snr          : number, the wanted ratio of signal to noise
    h makes h |score| equal to snr sqrt(2 h) |noise|, with the mean length over the batch for
    both. Returns a tensor with one number.
    """
    signal = score.flatten(1).norm(dim=1).mean()
    kick = noise.flatten(1).norm(dim=1).mean()
    return 2 * (snr * kick / signal) ** 2


def predictor_corrector(predict, correct, x, times):
    """From noise to data: at every level first correct, then predict; at the end the mean.

    predict : function (x, t, s) -> (a draw at the earlier time s, the mean of that draw)
    correct : function (x, t) -> x, a move that stays at time t
    x       : tensor, the state at times[0]
    times   : list of falling numbers, the last one is the end
    Returns the mean of the last prediction, without its noise.
    """
    for t, s in zip(times[:-1], times[1:], strict=True):
        x = correct(x, t)
        x, mean = predict(x, t, s)
    return mean


def guide(unconditional, conditional, w):
    """A prediction with a steering wheel: w = 0 does not steer, w = 1 is the conditional one.

    unconditional, conditional : tensors of one shape, two answers of the same network
    w                          : number, the weight; above 1 it exaggerates the difference
    """
    return unconditional + w * (conditional - unconditional)


def count_parameters_of(network):
    """How many numbers training may change, by part: {name of the part: count}.

    network : torch.nn.Module
    A part is what comes before the first point in a parameter's name, such as "blocks" for
    "blocks.0.weight". What two parts share is counted once; buffers are not counted.
    """
    rows = [(name.split(".")[0], p.numel()) for name, p in network.named_parameters()]
    return {part: sum(n for name, n in rows if name == part) for part, _ in rows}


# ---------------------------------------------------------------------------------------------
# The judges.

_ROWS = 1000  # crystals of each kind
_SLOTS = 8
_N = torch.tensor([1, 3, 8])
_T = torch.tensor([0.45, 0.3, 0.5])
_KINDS = [f"n = {n}, t = {t:g}" for n, t in zip(_N.tolist(), _T.tolist(), strict=True)]


def _rows(values):
    """Each of three values for _ROWS crystals in a row."""
    return values.repeat_interleave(_ROWS)


def _spread(x):
    """Root of the mean square of each kind of crystal, (3,)."""
    return x.reshape(3, -1).square().mean(1).sqrt()


@exercise(
    corrupt_positions,
    todo="sigma(t) for each crystal, narrower by the cube root of n_atoms; noise; wrap",
    hints=(
        "Geometric growth: σ(t) = σ_min (σ_max / σ_min)^t, here 0.01 · 500^t.",
        "One σ for each crystal. To multiply (B, N, 3) it needs the shape (B, 1, 1): "
        "`sigma[:, None, None]`.",
        "The noise is `torch.randn_like(frac)`, and the sum goes back into [0, 1) with `% 1.0`.",
    ),
)
def judge_corrupt_positions(corrupt):
    """The spread for three sizes and times, the law of one kick, and the torus."""
    frac = torch.full((3 * _ROWS, _SLOTS, 3), 0.5)
    n, t = _rows(_N), _rows(_T)

    def move():
        return returned(corrupt, frac, n, t, like=frac) - 0.5

    moved = move()
    sigma, size = 0.01 * 500 ** _T.double(), _N.double()
    right = sigma * size ** (-1 / 3)

    def folded(std):
        """The spread of a normal of this width, folded into one cell, as seen from its middle."""
        k = torch.arange(1, 40, dtype=torch.float64)
        c = torch.exp(-2 * (math.pi * k) ** 2 * std[:, None] ** 2)
        return (1 / 12 + (c * (-1) ** k / (math.pi * k) ** 2).sum(1)).sqrt()

    compare(
        "the noise has the standard deviation",
        _spread(moved),
        folded(right),
        {
            "it does not depend on the number of atoms; divide by its cube root": folded(sigma),
            "multiplied by the cube root of the number of atoms; divide": folded(
                sigma * size ** (1 / 3)
            ),
            "the square root of the number of atoms? A volume has a cube root": folded(
                sigma / size**0.5
            ),
            "divided by the number of atoms itself; take its cube root": folded(sigma / size),
            "by the places, not the atoms: empty places count for nothing": folded(
                sigma * _SLOTS ** (-1 / 3)
            ),
            "σ grows evenly here; it should grow by equal factors in equal times": folded(
                (0.01 + 4.99 * _T.double()) * size ** (-1 / 3)
            ),
            "the clock is reversed: t = 0 has the least noise": folded(
                0.01 * 500 ** (1 - _T.double()) * size ** (-1 / 3)
            ),
            "a standard deviation multiplies the noise, not a variance": folded(
                sigma**2 * size ** (-2 / 3)
            ),
            "all crystals get the time of the first one": folded(sigma[0] * size ** (-1 / 3)),
            "5^t for 500^t? The factor is σ_max / σ_min": folded(
                0.01 * 5 ** _T.double() * size ** (-1 / 3)
            ),
        },
        where=_KINDS,
        rtol=0.025,
        atol=1e-4,
    )
    yield "σ(t) from 0.01 to 5 by equal factors, divided by the cube root of the atoms"
    kind = slice(_ROWS, 2 * _ROWS)  # narrow enough not to be wrapped
    noise_law(lambda: move()[kind].reshape(-1, 3))
    compare(
        "two atoms of a crystal have kicks with correlation",
        correlation(moved[kind, 0], moved[kind, 1]),
        0.0,
        {"one kick for the whole crystal, which moves none of its atoms": 1.0},
        atol=5 / math.sqrt(3 * _ROWS),
    )
    yield "every atom has its own normal kick"
    edge = torch.full_like(frac, 0.98)
    wide = returned(corrupt, edge, n, torch.full_like(t, 0.9), like=frac)
    if float(wide.min()) < 0 or float(wide.max()) >= 1:
        worst = float(wide.max()) if float(wide.max()) >= 1 else float(wide.min())
        raise Slip(
            "a coordinate comes out as {measured}, expected {expected}: it is not wrapped into "
            "the cell",
            worst,
            worst % 1,
        )
    rim = float(((wide < 1e-3) | (wide > 1 - 1e-3)).double().mean())
    if rim > 0.1:
        raise Slip(
            "with much noise the share of coordinates that lie on a face is {measured}, expected "
            "{expected}: cut off there? An atom that leaves must enter on the other side",
            rim,
            0.002,
        )
    compare(
        "with much noise the mean coordinate is",
        float(wide.mean()),
        0.5,
        atol=5 / math.sqrt(12 * wide.numel()),
        rtol=0,
    )
    compare(
        "with much noise the variance of a coordinate is",
        float(wide.var()),
        1 / 12,
        atol=5 * math.sqrt(1 / 180 / wide.numel()),
        rtol=0,
    )
    untouched(lambda x: corrupt(x, n, t), frac, what="it")
    yield "with much noise the atoms are anywhere in the cell, and nowhere else"


_CELL = torch.tensor([[4.0, 0.6, -0.3], [0.6, 5.0, 0.4], [-0.3, 0.4, 6.5]])
_LN = torch.tensor([1, 8, 4])
_LT = torch.tensor([0.3, 0.2, 0.5])
_LKINDS = [f"n = {n}, t = {t:g}" for n, t in zip(_LN.tolist(), _LT.tolist(), strict=True)]
_LROWS = 6000
_DIAGONAL = torch.eye(3, dtype=torch.bool)


@exercise(
    corrupt_lattice,
    todo="alpha from the integral; the mean between cell and cube; symmetric noise",
    hints=(
        "The integral of 0.1 + 19.9 t is 0.1 t + 19.9 t²/2.",
        "One number for each crystal, shape (B, 1, 1). The cube is "
        "(n_atoms / 0.0577)^(1/3) · torch.eye(3).",
        "Symmetric with equal variances: draw `z = torch.randn_like(cell)`, keep `z.triu()` and "
        "mirror the part above the diagonal, `+ z.triu(1).mT`.",
        "The noise is scaled by √(1 − α²) · 0.5 · n_atoms^(1/3).",
    ),
)
def judge_corrupt_lattice(corrupt):
    """Means and variances of six kinds of entries, and the symmetry of the noise."""
    cell = _CELL.expand(3 * _LROWS, 3, 3).contiguous()
    n, t = _LN.repeat_interleave(_LROWS), _LT.repeat_interleave(_LROWS)

    def draw():
        return returned(corrupt, cell, n, t, like=cell).reshape(3, _LROWS, 3, 3)

    got = draw()
    skew = float((got - got.mT).abs().max())
    if skew > 1e-4:
        raise Slip(
            "an entry and its mirror image differ by {measured}, expected {expected}: the noise "
            "must be symmetric, or cells turn in space",
            skew,
            0.0,
        )
    yield "the cell stays symmetric"
    size = _LN.double()[:, None, None]
    time = _LT.double()[:, None, None]
    grown = 0.1 * time + 19.9 * time**2 / 2
    eye, c = torch.eye(3, dtype=torch.float64), _CELL.double()

    def mean_of(alpha, edge, other=None):
        other = 1 - alpha if other is None else other
        return alpha * c + other * edge * eye

    alpha = torch.exp(-grown / 2)
    edge = (size / 0.0577) ** (1 / 3)
    std = (1 - alpha**2).sqrt() * 0.5 * size ** (1 / 3)
    found, right = got.mean(1), mean_of(alpha, edge)
    names = [f"entry {i}, {j}; {kind}" for kind in _LKINDS for i in range(3) for j in range(3)]
    # Five standard errors of each mean; what is off by more than a slip's own error is named.
    unit = (5 * got.std(1) / math.sqrt(_LROWS)).clamp(min=1e-4)
    rate = 0.1 + 19.9 * time
    _compare_means(
        found,
        right,
        unit,
        names,
        {
            "it drifts to zero: at the end a cell would have no volume": alpha * c + 0 * right,
            "the cube does not know how many atoms it holds": mean_of(alpha, 0.0577 ** (-1 / 3)),
            "the cube's volume stands where its edge should: the cube root is missing": mean_of(
                alpha, size / 0.0577
            ),
            "√(1 − α²) for 1 − α: that is the share of the noise": mean_of(
                alpha, edge, (1 - alpha**2).sqrt()
            ),
            "1 − α² for 1 − α": mean_of(alpha, edge, 1 - alpha**2),
            "the mean edge is added to every entry; a cube is diagonal": alpha * c
            + (1 - alpha) * edge
            + 0 * right,
            "twice the integral: is a ½ missing, before it or in 19.9 t²/2?": mean_of(
                torch.exp(-grown), edge
            ),
            "β(t) for its integral": mean_of(torch.exp(-rate / 2), edge),
            "the whole cube is added, not its share 1 − α": alpha * c + edge * eye,
            "times the density for divided by it": mean_of(alpha, (size * 0.0577) ** (1 / 3)),
            "the clock is reversed: t = 0 is the clean cell": mean_of(
                torch.exp(-(0.1 * (1 - time) + 19.9 * (1 - time) ** 2 / 2) / 2), edge
            ),
        },
    )
    yield "the mean goes from the cell to a cube of usual density"
    noise = got - right[:, None]
    on = noise[..., _DIAGONAL].square().mean((1, 2)).sqrt()
    off = noise[..., ~_DIAGONAL].square().mean((1, 2)).sqrt()
    want = std.flatten()
    root = math.sqrt(2)
    small = (1 - alpha**2).sqrt().flatten()
    both = torch.stack([on, off], 1)

    def pair(a, b=None):
        return torch.stack([a, a if b is None else b], 1)

    compare(
        "the noise has the standard deviation",
        both,
        pair(want),
        {
            "(z + zᵀ)/2 makes the entries off the diagonal too small": pair(want, want / root),
            "(z + zᵀ)/√2 makes the diagonal too large": pair(want * root, want),
            "it does not grow with the number of atoms": pair(small * 0.5),
            "the ½ Å is missing": pair(want * 2),
            "1 − α² is the variance; its root multiplies the noise": pair(want * small),
            "1 − α for √(1 − α²)": pair(want / small * (1 - alpha.flatten())),
            "n^(2/3), a variance, for n^(1/3)": pair(want * _LN.double() ** (1 / 3)),
            "there is no noise": pair(0 * want),
            "noise on the diagonal only: angles change, too": pair(want, 0 * want),
        },
        where=[f"{place} the diagonal; {k}" for k in _LKINDS for place in ("on", "off")],
        rtol=5 / math.sqrt(2 * 3 * _LROWS),
    )
    upper = torch.triu(torch.ones(3, 3)) > 0
    compare(
        "two different entries have noise with correlation",
        correlation(noise[0][:, upper][:, [0, 0, 1]], noise[0][:, upper][:, [3, 5, 2]]),
        0.0,
        {"one number for all entries": 1.0},
        atol=5 / math.sqrt(3 * _LROWS),
    )
    noise_law(lambda: (draw() - right[:, None])[1][:, upper][:, [1, 2]])
    yield "six independent normal numbers, all of one width"


def _compare_means(found, right, unit, names, slips):
    """Pass where all means are right within `unit`, five of their standard errors; else a Slip,
    with its name where one of the slips explains all of them."""
    wrong = (found - right).abs() > unit
    if not bool(wrong.any()):
        return
    first = int(wrong.flatten().nonzero()[0])
    fits = (
        why
        for why, value in slips.items()
        if bool(((found - value).abs() <= 1.5 * unit + 0.01 * value.abs()).all())
    )
    why = next(fits, "")
    raise Slip(
        f"the mean, in Å, is {{measured}}, expected {{expected}} ({names[first]})"
        + (f": {why}" if why else ""),
        float(found.flatten()[first]),
        float(right.flatten()[first]),
    )


def _classes(value, like, what="it"):
    """`value` as a tensor of whole numbers shaped like `like`, on the CPU; Slip otherwise."""
    if isinstance(value, torch.Tensor) and value.shape == like.shape:
        if value.is_floating_point():
            raise Slip(f"{what} returned floats; elements are whole numbers, like species")
        if value.dtype == torch.bool:
            raise Slip(f"{what} returned True and False; needed are the elements")
        return value.detach().cpu()
    try:
        return tensor_like(value, like.float(), what).long()
    except Slip as slip:
        raise Slip(str(slip).replace("like x", "like species")) from None


_MASK = 9  # the class of the mask in the judges; elements are 1 … 8


@exercise(
    absorb_elements,
    todo="one random number for each atom; below t the mask, otherwise the element",
    hints=(
        "`torch.rand(species.shape)` is below t with probability t.",
        "t has the shape (B,), one for each crystal: compare with `t[:, None]`.",
        "`torch.where(gone & (species != 0), mask, species)` leaves empty places alone.",
    ),
)
def judge_absorb_elements(absorb):
    """Shares at three times, independence, and what must stay."""
    species = torch.randint(1, 9, (3 * _ROWS, 6))
    species[:, 4:] = 0
    times = torch.tensor([0.2, 0.5, 0.9])
    t = _rows(times)
    got = _classes(call(absorb, species, t, _MASK), species)
    empty = got[:, 4:]
    if bool((empty != 0).any()):
        raise Slip(
            "an empty place becomes {measured}, expected {expected}: where there is no atom there "
            "is nothing to mask",
            str(int(empty[empty != 0][0])),
            "0",
        )
    atoms, were = got[:, :4], species[:, :4]
    gone = atoms == _MASK
    other = (~gone & (atoms != were)).nonzero()
    if len(other):
        i, j = other[0].tolist()
        found = int(atoms[i, j])
        why = (
            "absorbed is absorbed: no element turns into another one"
            if found
            else "0 is an empty place; the mask is a class of its own"
        )
        raise Slip(
            f"element {int(were[i, j])} becomes {{measured}}, expected {{expected}}: {why}",
            str(found),
            f"{int(were[i, j])} or the mask, {_MASK}",
        )
    share = gone.double().reshape(3, -1).mean(1)
    d = times.double()
    compare(
        "the share of masked atoms is",
        share,
        d,
        {
            "the clock is reversed: at t = 0 nothing is masked": 1 - d,
            "all crystals get the time of the first one": d[:1].expand(3),
            "one time for all? each crystal has its own": d.mean().expand(3),
            "t² for t": d**2,
            "√t for t": d**0.5,
            "1 − α of the cell's clock? Elements are masked at an even rate": 1
            - torch.exp(-(0.1 * d + 19.9 * d**2 / 2) / 2),
            "nothing is masked": 0 * d,
            "randn for rand? The number to compare with is uniform": torch.special.ndtr(d),
            "all is masked": 0 * d + 1,
        },
        where=[f"t = {v:g}" for v in times.tolist()],
        atol=5 * 0.5 / math.sqrt(4 * _ROWS),
        rtol=0,
    )
    yield "at time t the share t is masked"
    flips = gone.double()[_ROWS : 2 * _ROWS]
    compare(
        "the fates of two atoms of one crystal have correlation",
        correlation(flips[:, 0], flips[:, 1]),
        0.0,
        {"one random number for the whole crystal: all of its atoms or none": 1.0},
        atol=5 / math.sqrt(_ROWS),
    )
    across = gone.double()[_ROWS : 2 * _ROWS : 2], gone.double()[_ROWS + 1 : 2 * _ROWS : 2]
    compare(
        "the fates of atoms of two crystals have correlation",
        correlation(*across),
        0.0,
        {"all crystals get the same random numbers": 1.0},
        atol=5 / math.sqrt(2 * _ROWS),
    )
    yield "every atom for itself; the others keep their element, empty places stay empty"


@exercise(
    unmask_step,
    todo="no mask among the logits; draw; of the masked atoms reveal the share 1 - s / t",
    hints=(
        "Forbid the mask: give its logit the value −∞ before the softmax, on a copy.",
        "`torch.multinomial(p, 1)` draws a class for each row of p; rows are atoms: "
        "`p.flatten(0, 1)`.",
        "A masked atom is revealed with probability 1 − s/t. All others stay as they are.",
    ),
)
def judge_unmask_step(step):
    """What may change, how often, into what; the last step; extreme logits."""
    k = 5
    mask = 4
    many = 3000
    species = torch.randint(0, 4, (many, 4))
    species[:, :3] = mask
    level = torch.tensor([1.0, 0.0, 2.0, -1.0, 4.0])
    logits = level.expand(many, 4, k).contiguous()
    t, s = 0.8, 0.5
    given = logits.clone()
    got = _classes(step(given, species.clone(), t, s, mask), species)
    if not torch.equal(given, logits):
        raise Slip(
            "it changes the logits that it was given, to {measured} from {expected}: work on a "
            "copy",
            float(given[0, 0, mask]),
            float(level[mask]),
        )
    kept = got[:, 3] == species[:, 3]
    if not bool(kept.all()):
        again = got[:, 3] == mask
        i = int((again if bool(again.any()) else ~kept).nonzero()[0])
        why = (
            "it is masked again; backwards in time masks only go"
            if bool(again.any())
            else "only masked atoms change"
        )
        raise Slip(
            f"an atom that has the element {{expected}} becomes {{measured}}: {why}",
            str(int(got[i, 3])),
            str(int(species[i, 3])),
        )
    yield "atoms that have their element keep it"
    hidden = got[:, :3]
    still = float((hidden == mask).double().mean())
    p = level.double().softmax(0)
    clean = level.double()[:4].softmax(0)
    stay = s / t
    leak = float(p[mask])
    compare(
        "of the masked atoms, the share that is masked still is",
        still,
        stay,
        {
            "the mask's own logit takes part: it must be −∞ before the softmax": stay
            + (1 - stay) * leak,
            "s for s / t: masked at t is given": s,
            "t − s for 1 − s / t": 1 - (t - s),
            "turned round: s / t is the share that stays": 1 - stay,
            "and the mask's own logit takes part; turned round, too": 1 - stay + stay * leak,
            "all are revealed at once": 0.0,
            "nothing is revealed": 1.0,
            "all are revealed, and the mask is drawn as if it were an element": leak,
            "1 − s for 1 − s / t, and so": 1 - (1 - s),
            "(s / t)²": stay**2,
        },
        atol=5 * 0.5 / math.sqrt(3 * many),
        rtol=0,
    )
    yield "of the masked atoms the share s / t stays masked, whatever the mask's logit"
    shown = hidden[hidden != mask]
    shares = torch.stack([(shown == c).double().mean() for c in range(4)])
    top = torch.zeros(4, dtype=torch.float64)
    top[2] = 1
    compare(
        "of the revealed atoms, the share of class 0, 1, 2, 3 is",
        shares,
        clean,
        {
            "always the likeliest class: draw from the softmax instead": top,
            "all classes alike: the logits play no part": torch.full((4,), 0.25),
            "logits for probabilities: the softmax is missing": (level[:4].clamp(min=0) / 3),
            "the softmax of the softmax": clean.softmax(0),
            "the sign of the logits": (-level.double()[:4]).softmax(0),
        },
        where=[f"class {c}" for c in range(4)],
        atol=5 * 0.5 / math.sqrt(len(shown)),
        rtol=0,
    )
    yield "their elements follow the softmax of the logits"
    pair = hidden[(hidden[:, 0] != mask) & (hidden[:, 1] != mask)]
    same = float((pair[:, 0] == pair[:, 1]).double().mean())
    compare(
        "two atoms with the same logits agree in the share",
        same,
        float(clean.square().sum()),
        {"one draw for the whole crystal": 1.0},
        atol=5 * 0.5 / math.sqrt(len(pair)),
        rtol=0,
    )
    flags = (hidden != mask).double()
    compare(
        "the fates of two masked atoms have correlation",
        correlation(flags[:, 0], flags[:, 1]),
        0.0,
        {"one random number for the whole crystal: all of its atoms or none": 1.0},
        atol=5 / math.sqrt(many),
    )
    last = _classes(step(logits.clone(), species.clone(), t, 0.0, mask), species)
    if bool((last == mask).any()):
        raise Slip(
            "after the last step, to s = 0, the share {measured} is masked, expected {expected}",
            float((last == mask).double().mean()),
            0.0,
        )
    yield "every atom for itself, and at s = 0 no mask is left"


@exercise(
    fractional_score,
    todo="the chain rule: which matrix leads from Cartesian derivatives to fractional ones?",
    hints=(
        "Positions in Å are frac @ cell. If one fractional coordinate k grows by df, the position "
        "moves by df times row k of the cell.",
        "So d log p / d frac_k = Σ_j cell[k, j] · score[j]. Which matrix product is that, for "
        "rows?",
        "`score @ cell.mT`. A displacement goes the other way, with the inverse.",
    ),
)
def judge_fractional_score(function):
    """Rows of known products, then the derivative of a Gaussian in a skewed cell."""
    cell = torch.tensor(
        [
            [[4.0, 0.0, 0.0], [1.0, 5.0, 0.0], [-0.5, 1.5, 6.0]],
            [[2.0, 0.3, -0.2], [0.1, 3.0, 0.4], [0.0, -0.6, 4.0]],
        ]
    )
    g = torch.Generator().manual_seed(7)
    frac, centre = torch.rand(2, 5, 3, generator=g), torch.rand(2, 5, 3, generator=g)
    away = (frac - centre).double() @ cell.double()
    score = -away  # of exp(−|x − x0|²/2), x in Å
    c = cell.double()
    compare(
        "the fractional score is",
        returned(function, score.float(), cell, like=score),
        score @ c.mT,
        {
            "the transpose is missing: score @ cell is made for positions": score @ c,
            "that is how a displacement changes, with the inverse; a derivative goes the other "
            "way": score @ c.inverse(),
            "the inverse, transposed: that leads from fractional to Cartesian": score
            @ c.inverse().mT,
            "the lengths of the edges only; the cell is skewed": score * c.norm(dim=-1)[:, None],
            "the diagonal of the cell only; the cell is skewed": score
            * c.diagonal(dim1=-2, dim2=-1)[:, None],
            "this is the Cartesian score still": score,
            "the sign": -score @ c.mT,
            "L Lᵀ for Lᵀ: was the score taken for a fractional one?": score @ c @ c.mT,
            "the first crystal's cell for all": score @ c[0].mT,
        },
        where=[f"crystal {b}, atom {i}, {x}" for b in (0, 1) for i in range(5) for x in "abc"],
    )
    yield "the chain rule, in skewed cells, each crystal with its own"
    tiny = 1e-4 * torch.randn(2, 5, 3, generator=g)
    work = (score * (tiny.double() @ c)).sum((1, 2))
    by = returned(function, score.float(), cell, like=score)
    compare(
        "score times a small move, the change of log p, is in fractional numbers",
        (by * tiny.double()).sum((1, 2)) * 1e4,
        work * 1e4,
        rtol=1e-3,
    )
    yield "score times displacement, the change of log p, is the same in both"


@exercise(
    corrector_step_size,
    todo="solve h |score| = snr sqrt(2 h) |noise| for h, with mean lengths",
    hints=(
        "Square both sides: h² |score|² = 2 h snr² |noise|². Divide by h.",
        "The length of a crystal: all of its numbers in one row, `score.flatten(1).norm(dim=1)`.",
        "Mean first, then divide: `2 * (snr * kick / signal) ** 2`.",
    ),
)
def judge_corrector_step_size(size):
    """Known lengths, then how the step scales, then what the mean is taken of."""
    score = torch.zeros(2, 3, 3)
    noise = torch.zeros(2, 3, 3)
    score[0, 0], score[1] = torch.tensor([3.0, 0.0, 4.0]), torch.full((3, 3), 1.0)  # 5 and 3
    noise[0, 1], noise[1, 2] = torch.tensor([0.0, 2.0, 0.0]), torch.tensor([0.0, 4.0, 0.0])
    snr, a, b = 0.4, 4.0, 3.0  # mean lengths: signal 4, noise 3
    ratio = b / a
    each = [2 / 5, 4 / 3]

    def ask(x, z, r):
        value = call(size, x, z, r)
        if isinstance(value, torch.Tensor) and value.numel() == 2:
            raise Slip(
                "it returned {measured} numbers, expected {expected}: the mean length over the "
                "batch is missing",
                "2",
                "1",
            )
        if isinstance(value, float):
            return value
        if isinstance(value, torch.Tensor) and value.numel() == 1:
            value = value.reshape(())
        return float(tensor_like(value, torch.zeros(())))

    compare(
        "the step is",
        ask(score, noise, snr),
        2 * (snr * ratio) ** 2,
        {
            "the ratio is upside down: a strong score needs a small step": 2 * (snr / ratio) ** 2,
            "the square is missing; √(2h), the factor of the kick?": 2 * snr * ratio,
            "snr is outside of the square": 2 * snr * ratio**2,
            "the factor 2 is missing: the kick is √(2h)": (snr * ratio) ** 2,
            "the 2 is inside the square": (2 * snr * ratio) ** 2,
            "½ for 2": (snr * ratio) ** 2 / 2,
            "the ratio of noise to signal, snr below the line": 2 * (ratio / snr) ** 2,
            "snr is missing": 2 * ratio**2,
            "the mean of the ratios; first the mean lengths, then one ratio": 2
            * (snr * sum(each) / 2) ** 2,
            "the mean of the steps of the crystals; first the mean lengths": 2
            * snr**2
            * sum(r**2 for r in each)
            / 2,
            "the length of the whole batch at once": 2 * snr**2 * 20 / 34,
            "lengths of atoms; each crystal has one length for all its numbers": 2
            * (snr * (6 / 6) / ((5 + 3 * math.sqrt(3)) / 6)) ** 2,
            "the lengths squared, mean of 34/2 and 20/2": 2 * (snr * 10 / 17) ** 2,
        },
    )
    yield "2 (snr · noise / signal)², with lengths averaged over the batch"
    base = ask(score, noise, snr)
    for words, value, factor in (
        ("ten times the score", ask(10 * score, noise, snr), 0.01),
        ("twice the noise", ask(score, 2 * noise, snr), 4.0),
        ("half the snr", ask(score, noise, snr / 2), 0.25),
    ):
        compare(f"{words} changes the step by the factor", value / base, factor)
    h = base
    compare(
        "the move's signal over its noise is",
        h * a / (math.sqrt(2 * h) * b),
        snr,
    )
    yield "the move has the signal-to-noise ratio that was asked for"


@exercise(
    predictor_corrector,
    todo="for each pair of neighbouring times: correct at t, then predict from t to s",
    hints=(
        "Neighbouring times: `zip(times[:-1], times[1:])`.",
        "Inside: `x = correct(x, t)`, then `x, mean = predict(x, t, s)`.",
        "After the loop return `mean`: noise that is drawn last is never taken off again.",
    ),
)
def judge_predictor_corrector(sampler):
    """Who is called when and with what, and what comes out."""
    times = [1.0, 0.7, 0.3, 0.0]
    start = torch.tensor([1.0, -2.0])
    log: list[tuple[str, tuple[float, ...]]] = []

    def predict(x, *ts):
        log.append(("predict", tuple(float(t) for t in ts)))
        mean = 0.5 * x + float(ts[0]) + 2 * float(ts[-1])
        return mean + 1, mean

    def correct(x, *ts):
        log.append(("correct", tuple(float(t) for t in ts)))
        return 0.6 * x + float(ts[0])

    value = call(sampler, predict, correct, start, times)
    if isinstance(value, tuple) and len(value) == 2:
        raise Slip("it returned the draw and its mean; needed is the mean alone")
    got = tensor_like(value, start)
    pairs = list(zip(times[:-1], times[1:], strict=True))
    right = [e for t, s in pairs for e in (("correct", (t,)), ("predict", (t, s)))]

    def calls(kind):
        return [ts for name, ts in log if name == kind]

    for kind, words in (("predict", "predictor"), ("correct", "corrector")):
        wanted = len(times) - 1
        if len(calls(kind)) != wanted:
            why = ""
            if kind == "correct" and len(calls(kind)) == wanted + 1:
                why = (
                    "also after the last step? The noise of a corrector at the end stays in the "
                    "answer"
                )
            elif kind == "correct" and not calls(kind):
                why = "it is never asked"
            elif len(calls(kind)) == wanted - 1:
                why = "one step is left out"
            elif len(calls(kind)) > wanted:
                why = "steps are pairs of neighbouring times, one fewer than times"
            raise Slip(
                f"for four times, the {words} is called {{measured}} times, expected {{expected}}"
                + (f": {why}" if why else ""),
                str(len(calls(kind))),
                str(wanted),
            )
    kinds = [name for name, _ in log]
    if kinds == ["predict", "correct"] * 3:
        raise Slip(
            "at every level the predictor comes before the corrector, so that the last thing is "
            "a corrector's noise: correct first"
        )
    if kinds != [name for name, _ in right]:
        raise Slip("predictor and corrector do not take turns: at each level correct, then predict")
    yield "at every level first the corrector, then the predictor, none after the end"
    compare(
        "the predictor goes from t to s =",
        [v for pair in calls("predict") for v in pair],
        [v for pair in pairs for v in pair],
        {"backwards: it goes from t to an earlier s": [v for t, s in pairs for v in (s, t)]},
    )
    compare(
        "the corrector stays at t =",
        [ts[0] for ts in calls("correct")],
        [t for t, _ in pairs],
        {"x is at time t still, not at s": [s for _, s in pairs]},
    )
    draw = chained = ignored = start.double()
    mean = draw
    for t, s in pairs:
        mean = 0.5 * (0.6 * draw + t) + t + 2 * s
        draw = mean + 1
        chained = 0.5 * (0.6 * chained + t) + t + 2 * s
        ignored = 0.5 * ignored + t + 2 * s + 1
    compare(
        "the result is",
        got,
        mean,
        {
            "the draw, with its noise; return the mean of the last step": draw,
            "the mean is carried on at every step, so that no noise is left": chained,
            "what the corrector returns is dropped": ignored - 1,
            "what the corrector returns is dropped, and the noise stays in": ignored,
            "the start comes back": start.double(),
        },
    )
    yield "each step starts where the last one ended; the answer is the mean, without noise"


@exercise(
    guide,
    todo="start at the unconditional answer and go w times the way to the conditional one",
    hints=(
        "w = 0 must give the unconditional answer, w = 1 the conditional one.",
        "The difference conditional − unconditional is what the condition changes.",
        "`unconditional + w * (conditional - unconditional)`",
    ),
)
def judge_guide(function):
    """The two limits by name, then beyond."""
    u = torch.tensor([[0.5, -1.0, 2.0], [0.0, 3.0, -2.0]])
    c = torch.tensor([[1.5, 0.0, 1.0], [-1.0, 3.5, 2.0]])
    a, b = u.double(), c.double()

    def slips(w):
        return {
            "the sign: this steers away from the condition": a - w * (b - a),
            "the roles are exchanged: w = 0 is unconditional, w = 1 conditional": b + w * (a - b),
            "the other convention, (1 + w) conditional − w unconditional: there w = 0 is "
            "conditional": (1 + w) * b - w * a,
            "the whole conditional answer is added, not the difference": a + w * b,
            "w times the conditional answer; the unconditional part is missing": w * b,
            "only the difference; the unconditional answer is missing": w * (b - a),
            "the weights do not add up to 1": a + w * b - a * 0.5 * w,
            "w has no effect": b,
            "the condition has no effect": a,
            "w² for w": a + w**2 * (b - a),
            "starts at the conditional answer": b + w * (b - a) if w else b,
            "the mean of both, whatever w": (a + b) / 2,
        }

    for w, words in ((2.0, "with w = 2"), (0.0, "with w = 0"), (1.0, "with w = 1")):
        want = a + w * (b - a)
        compare(
            f"{words} the answer is",
            returned(function, u, c, w, like=u),
            want,
            slips(w),
            where=[f"unconditional {x:g}, conditional {y:g}" for x, y in zip(
                a.flatten().tolist(), b.flatten().tolist(), strict=True)],
        )  # fmt: skip
    yield "w = 0 does not steer, w = 1 is the conditional answer, w = 2 goes as far again"
    same = returned(function, u, u, 3.5, like=u)
    compare("where both answers agree, with w = 3.5 the result is", same, a)
    compare(
        "with w = 0.5 the answer is",
        returned(function, u, c, 0.5, like=u),
        (a + b) / 2,
        {"is w made a whole number?": a},
    )
    yield "where both agree, guidance changes nothing"


class _Toy(nn.Module):
    """A network with everything that a count may trip over."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 4)  # 40
        self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))  # 60
        self.norm = nn.BatchNorm1d(4)  # 8, and 9 in buffers
        self.frozen = nn.Linear(4, 2)  # 10
        self.head = nn.Linear(4, 10, bias=False)  # shares its 40 with embed
        self.scale = nn.Parameter(torch.ones(7))
        self.register_buffer("waves", torch.zeros(100))
        self.silent = nn.SiLU()
        self.head.weight = self.embed.weight
        self.frozen.weight.requires_grad_(False)


@exercise(
    count_parameters_of,
    todo="go through the parameters and their names; add up by the first part of the name",
    hints=(
        "`network.named_parameters()` gives (name, parameter), each parameter once.",
        'The part is `name.split(".")[0]`, the count `parameter.numel()`.',
        "Add up in a dict: `counts[part] = counts.get(part, 0) + ...`.",
    ),
)
def judge_count_parameters_of(count):
    """A network with shared, frozen, bare and buffered numbers, and one with a known sum."""
    toy = _Toy()
    value = count(toy)
    if value is None:
        raise Slip("it returned nothing: is the `return` missing?")
    if isinstance(value, int):
        raise Slip("it returned one number; needed is a dict, {part: count}")
    if not isinstance(value, dict):
        raise Slip(f"it returned a {type(value).__name__}; needed is a dict, {{part: count}}")
    if any("." in str(name) for name in value):
        raise Slip(
            "it has {measured} parts, expected {expected}: a part is what stands before the first "
            "point, add up the rest",
            str(len(value)),
            "5",
        )
    found = {str(k): int(v) for k, v in value.items() if int(v)}
    want = {"embed": 40, "blocks": 60, "norm": 8, "frozen": 10, "scale": 7}
    whys = {
        ("head", 40): "what embed and head share is counted twice",
        ("waves", 100): "a buffer is no parameter: training does not change it",
        ("norm", 17): "the running means of a normalisation are buffers",
        ("blocks", 48): "the biases are left out",
        ("blocks", 3): "that counts the layers",
        ("blocks", 6): "that counts the tensors; take numel() of each",
        ("blocks", 24): "that is len(), the rows of each; take numel()",
        ("blocks", 20): "only one of the blocks: they overwrite each other, add up",
        ("blocks", 4): "only the last tensor of each part: they overwrite each other, add up",
        ("embed", 2): "that counts the axes; take numel()",
        ("frozen", 2): "frozen parameters are left out; they are there all the same",
    }
    for (name, number), why in whys.items():
        if found.get(name) == number and number != want.get(name):
            raise Slip(
                f'the part "{name}" has {{measured}} parameters, expected {{expected}}: {why}',
                str(number),
                str(want.get(name, 0)),
            )
    for name, number in want.items():
        if found.get(name, 0) != number:
            why = ""
            if name == "scale" and not found.get(name):
                why = ": parameters that belong to no module inside are left out"
            raise Slip(
                f'the part "{name}" has {{measured}} parameters, expected {{expected}}{why}',
                str(found.get(name, 0)),
                str(number),
            )
    extra = sorted(set(found) - set(want))
    if extra:
        raise Slip(f'there is a part "{extra[0]}" too many, with {{measured}} parameters, expected '
                   "{expected}", str(found[extra[0]]), "0")  # fmt: skip
    yield "parts add up over layers, weights and biases; shared once; no buffers"
    plain = nn.Sequential(nn.Linear(3, 5), nn.SiLU(), nn.Linear(5, 2))
    value = count(plain)
    total = sum(value.values()) if isinstance(value, dict) else value
    compare("a perceptron of 3, 5 and 2 units has parameters", float(total), 32.0)
    yield "3·5 + 5 + 5·2 + 2 = 32 for a perceptron"
