"""Chapter 04: positions in a periodic cell, scores on the torus – and how to judge them."""

import math

import torch

from helpers.course.exercise import Slip, exercise
from helpers.course.judge import call, compare, returned, tensor_like, untouched
from helpers.course.laws import correlation, noise_law

CHAPTER = "04 Crystals"


def wrap(frac):
    """The same positions, moved by whole numbers into [0, 1): 0 is inside, 1 is not.

    frac : tensor, any shape, mostly (..., atoms, 3), fractional coordinates
    Returns a tensor shaped like frac.
    """
    return frac % 1.0 % 1.0  # -1e-9 % 1.0 is rounded to 1.0, so take the rest once more


def fractional_to_cartesian(frac, cell):
    """Positions in Å: each fractional coordinate counts how much of one lattice vector to go.

    frac : tensor (..., atoms, 3), fractional coordinates
    cell : tensor (..., 3, 3); its ROWS are the lattice vectors a, b, c [Å]
    Returns a tensor shaped like frac [Å].
    """
    return frac @ cell


def minimum_image_distance(frac, cell):
    """The distance of each pair of atoms, through whatever face of the cell is shortest.

    frac : tensor (N, 3), fractional coordinates, any numbers
    cell : tensor (3, 3), lattice vectors as rows, not strongly skewed [Å]
    Returns a tensor (N, N) [Å]. Place [i, i] holds the distance of atom i to the nearest
    image of itself, not 0. It is enough to look at 27 images of the rounded difference.
    """
    diff = frac[:, None] - frac[None]  # (N, N, 3)
    diff = diff - diff.round()
    step = torch.tensor([-1.0, 0.0, 1.0]).to(frac)
    images = torch.cartesian_prod(step, step, step)  # (27, 3)
    distance = ((diff[:, :, None] + images) @ cell).norm(dim=-1)  # (N, N, 27)
    itself = torch.eye(len(frac), device=frac.device)[..., None] * (images == 0).all(-1)
    return distance.masked_fill(itself.bool(), math.inf).amin(-1)


def masked_mse(prediction, target, mask):
    """The mean squared error per coordinate of the real atoms, one number.

    prediction, target : tensors (B, N, 3); what stands at padding means nothing
    mask               : tensor (B, N) of booleans, True where there is an atom
    Every real atom counts alike, in small cells and in large ones.
    """
    return ((prediction - target)[mask] ** 2).mean()


def wrapped_normal_score(d, sigma):
    """The score of the wrapped normal: d/dx log of the sum over k of N(x + k; x0, sigma^2).

    d     : tensor, any shape, x - x0 [fractions of the cell], any numbers
    sigma : tensor that broadcasts against d, from 0.005 to 1
    k runs over enough whole numbers for every such sigma. Returns a tensor shaped like d.
    """
    away = d[..., None] + torch.arange(-10, 11).to(d)  # (..., 21), to each image of x0
    width = sigma[..., None]
    share = torch.softmax(-(away**2) / (2 * width**2), -1)  # which image was it?
    return -(share * away).sum(-1) / sigma**2


def uniform_prior(frac):
    """Fresh positions for all atoms, uniform over the cell: what noise without end leaves.

    frac : tensor (..., atoms, 3); only its shape, type and device count
    Returns a tensor shaped like frac with independent numbers in [0, 1).
    """
    return torch.rand_like(frac)


def torus_langevin_step(score, frac, h):
    """The positions one Langevin move later, inside the cell again.

    score : function frac -> tensor like frac, d log p / d frac
    frac  : tensor (..., atoms, 3), in [0, 1)
    h     : number, the step; the drift is h score, the kick has variance 2 h
    Returns a tensor shaped like frac, in [0, 1).
    """
    z = torch.randn_like(frac)
    return (frac + h * score(frac) + math.sqrt(2 * h) * z) % 1.0 % 1.0


# ---------------------------------------------------------------------------------------------
# The judges.

_TRICLINIC = torch.tensor([[4.0, 0.0, 0.0], [1.0, 5.0, 0.0], [-0.5, 1.5, 6.0]])
_FRAC = torch.tensor([[0.1, 0.2, 0.3], [0.9, 0.05, 0.5], [0.6, 0.75, 0.0], [0.25, 0.4, 0.85]])
_MANY = 20_000


def _given(function, *args, like, called):
    """`returned`, with the argument's own name in the words."""
    try:
        return returned(function, *args, like=like)
    except Slip as slip:
        raise Slip(str(slip).replace("like x", f"like {called}")) from None


@exercise(
    wrap,
    todo="take away whole numbers until every coordinate is in [0, 1)",
    hints=(
        "Moving an atom by a whole lattice vector gives the same crystal: integers may go.",
        "`frac % 1.0` or `frac - frac.floor()`: both give 0.75 for −0.25.",
        "What does float32 make of −1e-9? The rest is 0.999999999, which is rounded to 1.0. "
        "Wrap once more, or replace 1 by 0.",
    ),
)
def judge_wrap(function):
    """Values on both sides, far away, at the ends, and just below zero."""
    x = torch.tensor([[0.25, -0.25, 1.75], [-3.4, 4.3, 0.6], [1.0, -1.0, 0.0]])
    got = _given(function, x, like=x, called="frac")
    untouched(function, x, what="wrap")
    d = x.double()
    once = torch.where(d < 0, d + 1, torch.where(d >= 1, d - 1, d))
    compare(
        "the wrapped coordinate is",
        got,
        d - d.floor(),
        {
            "that is [−½, ½): right for a difference, a position goes into [0, 1)": d - d.round(),
            "the sign is kept: −0.25 and 0.75 are the same place": d.fmod(1),
            "the sign is thrown away: −0.25 is not 0.25": d.abs() % 1,
            "cut off at the face: an atom that leaves must enter on the other side": d.clamp(0, 1),
            "only one lattice vector is taken away; an atom may be further outside": once,
            "1 itself is still there: the cell is half open, 1 is the place 0": torch.where(
                (d > 1) | (d < 0), d - d.floor(), d
            ),
            "nothing has changed": d,
            "cut, not wrapped: that is the whole number": d.floor(),
            "mirrored at the faces": (d - 2 * (d / 2).round()).abs(),
        },
        where=[f"for {value:g}" for value in d.flatten().tolist()],
        atol=2e-6,
    )
    yield "−0.25 → 0.75, 1.75 → 0.75, 1 → 0, from any distance"
    tiny = torch.tensor([-1e-9, -1e-12, 1e-9])
    got = _given(function, tiny, like=tiny, called="frac")
    if float(got.max()) >= 1:
        raise Slip(
            "the coordinate −1e-9 becomes {measured}, expected {expected}: rounded to float32 the "
            "rest is 1.0, which is outside; wrap once more, or replace 1 by 0",
            1.0,
            0.0,
        )
    compare("the coordinates −1e-9 and 1e-9 become", got, [0.0, 0.0, 0.0])
    yield "never 1.0, not even for −1e-9"


@exercise(
    fractional_to_cartesian,
    todo="x a + y b + z c, for all atoms at once",
    hints=(
        "The atom sits at x·a + y·b + z·c. The lattice vectors are the rows of cell.",
        "A row of numbers times a matrix adds up its rows: that is what is needed.",
        "`frac @ cell`, also for a batch of cells.",
    ),
)
def judge_fractional_to_cartesian(function):
    """Corners of a skewed cell, positions inside, and a batch of different cells."""
    f, c = _FRAC.double(), _TRICLINIC.double()
    corner = torch.eye(3)[[0, 1, 2, 0]] * torch.tensor([[1.0], [1.0], [1.0], [2.0]])
    for frac in (corner, _FRAC):
        f = frac.double()
        compare(
            "a Cartesian coordinate is",
            _given(function, frac, _TRICLINIC, like=frac, called="frac"),
            f @ c,
            {
                "columns for rows: the lattice vectors are the ROWS of cell": f @ c.mT,
                "only the lengths of a, b, c count here, not their directions": f * c.norm(dim=-1),
                "only the diagonal of cell counts here: right for orthogonal cells": f
                * c.diagonal(),
                "divided instead of multiplied: that is the way back": f @ c.inverse(),
                "these are the fractional coordinates": f,
                "each coordinate times the sum of the rows": f * c.sum(0),
                "wrapped before: an atom outside the cell must stay outside": (f % 1) @ c,
            },
            where=[
                f"component {'xyz'[k]} at {tuple(round(v, 2) for v in row)}"
                for row in f.tolist()
                for k in range(3)
            ],
        )
    yield "x a + y b + z c, with a, b, c the rows of a skewed cell"
    frac = torch.stack([_FRAC, _FRAC.flip(0)])
    cell = torch.stack([_TRICLINIC, torch.diag(torch.tensor([2.0, 3.0, 4.0]))])
    f, c = frac.double(), cell.double()
    compare(
        "in a batch of two cells a Cartesian coordinate is",
        _given(function, frac, cell, like=frac, called="frac"),
        f @ c,
        {
            "all structures get the first cell": f @ c[0],
            "all structures get the last cell": f @ c[1],
        },
    )
    yield "a batch of structures, each with its own cell"


def _cell(a, b, c, alpha, beta, gamma):
    """Lattice vectors from lengths and angles in degrees, float64."""
    ca, cb, cg = (math.cos(math.radians(v)) for v in (alpha, beta, gamma))
    sg = math.sin(math.radians(gamma))
    y = (ca - cb * cg) / sg
    rows = [[a, 0, 0], [b * cg, b * sg, 0], [c * cb, c * y, c * math.sqrt(1 - cb**2 - y**2)]]
    return torch.tensor(rows, dtype=torch.float64)


def _all_images(frac, cell, reach=4):
    """Vectors from each atom to (2 reach + 1)³ images of each other one, (N, N, images, 3)."""
    n = torch.arange(-reach, reach + 1.0, dtype=torch.float64)
    diff = frac[:, None] - frac[None]
    return ((diff - diff.floor())[:, :, None] + torch.cartesian_prod(n, n, n)) @ cell


def _nearest(vectors):
    """The shortest length that is not zero; lengths, (N, N)."""
    distance = vectors.norm(dim=-1)
    return distance.masked_fill(distance < 1e-9, math.inf).amin(-1)


@exercise(
    minimum_image_distance,
    todo="differences, rounded; 27 images of each; the shortest length that is not itself",
    hints=(
        "All differences at once: `diff = frac[:, None] - frac[None]`, then `diff - diff.round()`.",
        "Rounding finds the nearest image in a box with right angles only. In a skewed cell add "
        "each of the 27 vectors of whole numbers −1, 0, 1, and go to Å with `@ cell`.",
        "`torch.cartesian_prod(n, n, n)` with n = [−1, 0, 1] lists the 27. Then "
        "`(diff[:, :, None] + images) @ cell` has the shape (N, N, 27, 3).",
        "On the diagonal the image (0, 0, 0) is the atom itself: put math.inf there before `amin`.",
    ),
)
def judge_minimum_image_distance(function):
    """A box, then skewed cells against all images, then the diagonal."""
    frac = torch.tensor([[0.1, 0.2, 0.3], [0.9, 0.2, 0.3], [2.1, 0.7, 0.3], [-0.4, 0.45, 0.8]])
    box = torch.diag(torch.tensor([4.0, 5.0, 6.0]))
    _compare_pairs(function, frac, box, "in a box of 4 × 5 × 6 Å two atoms are")
    yield "the way through a face of the cell is found, also for atoms outside"
    fcc = 2.025 * torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    three = torch.tensor([[0.0, 0.0, 0.0], [0.45, 0.4, 0.4], [0.5, 0.5, 0.02]])
    _compare_pairs(function, three, fcc, "in the primitive fcc cell of aluminium two atoms are")
    g = torch.Generator().manual_seed(4)
    for cell in (_cell(3.2, 3.2, 5.2, 90, 90, 120), _cell(4, 5, 6, 70, 75, 80), _SKEWED):
        many = torch.rand(12, 3, generator=g)
        _compare_pairs(function, many, cell.float(), "in a skewed cell two atoms are")
    yield "skewed cells: primitive fcc, hexagonal, triclinic, rhombohedral"
    for cell, words in (
        (box, "in a box of 4 × 5 × 6 Å an atom and its nearest own image are"),
        (_SKEWED.float(), "in a cell whose diagonal is shorter than its edges an atom and its "
         "nearest own image are"),
    ):  # fmt: skip
        got = _pairs(function, frac, cell).diagonal()
        zero, edge = torch.zeros(4), cell.norm(dim=-1).min().expand(4).double()
        if not torch.isfinite(got).all():
            raise Slip(
                words + " {measured} apart, expected {expected} Å: the diagonal is left out; an "
                "atom can overlap with its own image in a small cell",
                "infinitely far",
                f"{float(_nearest(_all_images(frac.double(), cell.double()))[0, 0]):.2f}",
            )
        compare(
            words + " apart by (Å)",
            got,
            _nearest(_all_images(frac.double(), cell.double())).diagonal(),
            {
                "an atom is at 0 Å from itself, but its image is a lattice vector away": zero,
                "the shortest edge; a diagonal of the cell can be shorter": edge,
            },
            rtol=1e-3,
        )
    yield "on the diagonal: the distance to the nearest image of the atom itself"


#: Rhombohedral, angle 112°: its body diagonal is shorter than its edges.
_SKEWED = _cell(4, 4, 4, 112, 112, 112)


def _pairs(function, frac, cell):
    """The (N, N) result as float64; infinity is allowed on the diagonal."""
    value, n = call(function, frac, cell), len(frac)
    if isinstance(value, torch.Tensor) and value.shape == (n, n) and value.is_floating_point():
        inside = value.masked_fill(torch.eye(n, dtype=torch.bool), 1.0)
        tensor_like(inside, inside)
        if torch.isnan(value).any():
            raise Slip("a distance on the diagonal is nan")
        return value.detach().cpu().double()
    if isinstance(value, torch.Tensor) and value.shape == (n, n, 3):
        raise Slip(
            "it returned the shape {measured}, expected {expected}: vectors for lengths? take "
            "the norm over the last axis",
            tuple(value.shape),
            (n, n),
        )
    if isinstance(value, torch.Tensor) and value.shape == ():
        raise Slip(
            "it returned one number, shape {measured}, expected {expected}: needed is the "
            "distance of every pair",
            (),
            (n, n),
        )
    try:
        return tensor_like(value, torch.zeros(n, n))
    except Slip as slip:
        words = str(slip).replace("like x", "one distance for each pair")
        raise Slip(words) from None


def _compare_pairs(function, frac, cell, words):
    """The distances between different atoms against all images, wrong rules by name."""
    got, n = _pairs(function, frac, cell), len(frac)
    f, c = frac.double(), cell.double()
    others = ~torch.eye(n, dtype=torch.bool)
    diff = f[:, None] - f[None]
    rounded = diff - diff.round()
    cart = diff @ c
    lengths = c.norm(dim=-1)
    right = _nearest(_all_images(f, c))
    by_27 = _nearest((diff[:, :, None] + _grid(1)) @ c)
    compare(
        words + " apart by (Å)",
        got[others],
        right[others],
        {
            "rounding alone is right only in cells with right angles; look at the neighbouring "
            "images as well": (rounded @ c).norm(dim=-1)[others],
            "images are missing: the way through a face can be shorter": cart.norm(dim=-1)[others],
            "the difference is not rounded first, so 27 images may not reach": by_27[others],
            "the length of fractional numbers; go to Å with `@ cell` first": rounded.norm(dim=-1)[
                others
            ],
            "only the lengths of the lattice vectors are used, not their angles": (
                rounded * lengths
            ).norm(dim=-1)[others],
            "rounded in Å, with the lengths as if the cell were a box": (
                cart - lengths * (cart / lengths).round()
            ).norm(dim=-1)[others],
            "columns for rows: the lattice vectors are the rows of cell": _nearest(
                (rounded[:, :, None] + _grid(1)) @ c.mT
            )[others],
            "the square root is missing: this is the squared distance": right[others] ** 2,
            "the largest of the images, not the smallest": (
                ((rounded[:, :, None] + _grid(1)) @ c).norm(dim=-1).amax(-1)[others]
            ),
            "images on one side only: each whole number must be −1, 0 and 1": _nearest(
                (rounded[:, :, None] + _grid(1)[(_grid(1) >= 0).all(-1)]) @ c
            )[others],
            "images through faces only; edges and corners lead to neighbours, too": _nearest(
                (rounded[:, :, None] + _grid(1)[_grid(1).abs().sum(-1) <= 1]) @ c
            )[others],
        },
        where=[f"atoms {i} and {j}" for i, j in others.nonzero().tolist()],
        rtol=1e-3,
    )


def _grid(reach):
    """All vectors of whole numbers up to ± reach, float64."""
    n = torch.arange(-reach, reach + 1.0, dtype=torch.float64)
    return torch.cartesian_prod(n, n, n)


@exercise(
    masked_mse,
    todo="squared errors of the real atoms only, then their mean",
    hints=(
        "The mean must not know that there are empty slots: take them out, or divide by what "
        "is left.",
        "A mask of booleans picks rows: `(prediction - target)[mask]` has shape (atoms, 3).",
        "Square it, take the mean.",
    ),
)
def judge_masked_mse(loss):
    """Known errors in cells of 1, 2 and 4 atoms, padding with and without garbage, gradients."""
    mask = torch.tensor([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1]]).bool()
    size = torch.tensor([3.0, 1.0, 0.5])[:, None, None]
    target = torch.arange(36.0).reshape(3, 4, 3) / 36
    real = size * torch.tensor([1.0, -1.0, 2.0]) * mask[..., None]  # the errors of real atoms
    for garbage, words in ((4.0, "garbage"), (0.0, "right answers")):
        error = real + garbage * ~mask[..., None]
        e2 = error.double() ** 2
        m = mask[..., None].expand(3, 4, 3)
        per_cell = torch.stack([e2[i][mask[i]].mean() for i in range(3)]).mean()
        got = call(loss, target + error, target, mask)
        compare(
            f"with {words} at the padding the loss is",
            _one_number(got),
            float(e2[m].mean()),
            {
                "padding counts in the mean: divide by the real atoms, not by all slots": float(
                    (e2 * m).mean()
                ),
                "the mask is not used: padding counts as error": float(e2.mean()),
                "divided by the atoms: each atom has three coordinates": float(3 * e2[m].mean()),
                "a mean for each cell, then their mean: an atom in a small cell counts more": float(
                    per_cell
                ),
                "the sum; take the mean": float(e2[m].sum()),
                "the mask is turned round: this is the error at the padding": float(e2[~m].mean()),
                "the square is missing?": float(e2[m].sqrt().mean()),
                "the root of the mean; the loss is the mean of squares": float(e2[m].mean().sqrt()),
                "a factor ½ too many": float(e2[m].mean() / 2),
                "divided by the number of structures": float(e2[m].sum() / 3),
            },
        )
    yield "only real atoms count, each of them alike, whatever stands at the padding"
    guess = torch.zeros(3, 4, 3, requires_grad=True)
    value = loss(guess, target, mask)
    if not value.requires_grad:
        raise Slip("the loss does not know its gradient: no .item(), .detach() or float() inside")
    (slope,) = torch.autograd.grad(value, guess)
    if float(slope[~mask].abs().max()) > 0:
        raise Slip("the loss pulls at the padding: its gradient there is not zero")
    yield "its gradient reaches the real atoms and no padding"


def _one_number(value):
    """The loss as a float; a Slip in words for everything else."""
    if isinstance(value, (int, float)):
        raise Slip("the loss is a plain number; training needs a tensor that knows its gradient")
    if isinstance(value, torch.Tensor) and value.numel() > 1:
        raise Slip(
            "the loss has {measured} numbers, expected {expected}: take the mean of everything",
            str(value.numel()),
            "1",
        )
    if isinstance(value, torch.Tensor):
        value = value.reshape(())
    return float(tensor_like(value, torch.zeros(())))


def _wrapped(d, sigma, reach=60):
    """Densities p and slopes dp/dd of N(d + k; 0, σ²), one for each k, float64 (reach ≥ |k|)."""
    away = d.double()[..., None] + torch.arange(-reach, reach + 1.0, dtype=torch.float64)
    s = torch.as_tensor(sigma).double()[..., None]
    p = torch.exp(-(away**2) / (2 * s**2)) / (math.sqrt(2 * math.pi) * s)
    return p, -away / s**2 * p


@exercise(
    wrapped_normal_score,
    todo="how likely is each image of x0, and in which direction is it?",
    hints=(
        "The score of N(x + k; x0, σ²) is −(d + k)/σ². Each image k pulls like that.",
        "Weigh the pulls by how likely it is that x came from that image: exp(−(d + k)²/2σ²), "
        "divided by the sum over all k. `softmax` does it safely.",
        "At σ = 1 images 5 cells away still count: let k run from −10 to 10.",
        "A new last axis for k: `d[..., None] + torch.arange(-10, 11)`, and `sigma[..., None]`.",
    ),
)
def judge_wrapped_normal_score(score):
    """Medium σ in closed form, period 1, the one-image limit, far from the centre, large σ."""
    d = torch.tensor([-0.45, -0.3, -0.1, 0.0, 0.2, 0.7])

    def measure(d, sigma):
        return _given(score, d, torch.tensor(sigma), like=d, called="d")

    def named(d, sigma):
        """What the usual slips give at d, σ."""
        p, slope = _wrapped(d, sigma)
        right = slope.sum(-1) / p.sum(-1)
        e, s = d.double(), sigma
        near = e - e.round()
        p3, slope3 = _wrapped(near, s, 1)
        p7, slope7 = _wrapped(near, s, 3)
        return right, {
            "only the nearest image pulls: right while σ is small, but here the images overlap "
            "and pull from both sides": -near / s**2,
            "there are no images: x knows only of the x0 in its own cell": -e / s**2,
            "the sign: a score points from x back to x0": -right,
            "σ for σ²: the pull is −(d + k)/σ²": right * s,
            "it is not divided by σ²": right * s**2,
            "three images are too few for a σ like this": slope3.sum(-1) / p3.sum(-1),
            "seven images are too few for a σ like this": slope7.sum(-1) / p7.sum(-1),
            "the slope of p, not of log p: divide by the sum of the densities": slope.sum(-1),
            "that is ε, the score times −σ": -right * s,
        }

    for s in (0.1, 0.2, 0.3):
        right, slips = named(d, s)
        compare(
            "the score is",
            measure(d, s),
            right,
            slips,
            where=[f"d = {v:g}, σ = {s:g}" for v in d.tolist()],
            rtol=1e-3,
            atol=1e-4,
        )
    yield "every image pulls, weighed by how likely it is"
    compare(
        "one cell further, at d = 2.2 for d = 0.2, the score is",
        measure(torch.tensor([2.2, -0.8]), 0.2),
        named(torch.tensor([0.2, 0.2]), 0.2)[0],
        {"d itself counts, not its place in the cell": -torch.tensor([2.2, -0.8]) / 0.04},
        rtol=1e-3,
    )
    yield "period 1: the score does not know which cell x is in"
    far = torch.tensor([0.4, -0.3, 0.05])
    value = call(score, far, torch.tensor(0.005))
    if isinstance(value, torch.Tensor) and bool(torch.isnan(value).any()):
        raise Slip(
            "at d = 0.4, σ = 0.005 the score is {measured}, expected {expected}: every exp() "
            "vanishes there, and 0/0 is left; use softmax, which takes the largest exponent out",
            "nan",
            "-16000",
        )
    compare(
        "at σ = 0.005, where one image is all, σ² times the score is",
        0.005**2 * measure(far, 0.005),
        -far,
        {
            "a small number in the denominator hides a division by 0: softmax needs none": [
                0.0,
                0.0,
                -0.05,
            ],
        },
        where=[f"d = {v:g}" for v in far.tolist()],
        rtol=1e-3,
    )
    yield "small σ: the score −d/σ² of a plain normal, finite far from the centre"
    for s in (0.5, 0.7, 1.0):
        right, slips = named(d, s)
        compare(
            "where the noise is larger than the cell the score is",
            measure(d, s),
            right,
            slips,
            where=[f"d = {v:g}, σ = {s:g}" for v in d.tolist()],
            rtol=1e-3,
            atol=2e-5,
        )
    yield "large σ: the images pull from all sides, and nothing is left"
    sigma = torch.tensor([0.05, 0.3])[:, None, None]
    x = torch.linspace(-0.5, 0.49, 24).reshape(2, 4, 3)
    p, slope = _wrapped(x, sigma.expand(2, 4, 3))
    compare(
        "for two structures, each with its own σ, the score is",
        _given(score, x, sigma, like=x, called="d"),
        slope.sum(-1) / p.sum(-1),
        rtol=1e-3,
        atol=1e-4,
    )
    yield "one σ for each structure"


@exercise(
    uniform_prior,
    todo="independent numbers, uniform in [0, 1), one for each coordinate of each atom",
    hints=(
        "A wrapped normal that is much wider than the cell is flat: no place is special.",
        "`torch.rand_like(frac)` follows shape, type and device.",
    ),
)
def judge_uniform_prior(prior):
    """Range, moments, tenths, and independence of atoms, axes and calls."""
    frac = torch.zeros(4000, 5, 3)
    x, again = (_given(prior, frac, like=frac, called="frac") for _ in range(2))
    n = x.numel()
    low, high = float(x.min()), float(x.max())
    if low < 0 or high >= 1:
        why = "normal numbers have no end: wrap them, or draw uniform ones"
        if high - low <= 1:
            why = "the cell begins at 0, not at its middle"
        raise Slip(
            "the coordinates run from {measured}, expected {expected}: " + why,
            f"{low:.1f} to {high:.1f}",
            "0.0 to 1.0",
        )
    if float(x.std()) == 0:
        raise Slip("all atoms sit in one place: nothing is random")
    for words, a, b in (
        ("two structures", x[:-1], x[1:]),
        ("two atoms of a structure", x[:, 0], x[:, 1]),
        ("two axes of an atom", x[..., 0], x[..., 1]),
        ("two calls", x, again),
    ):
        compare(
            f"the coordinates of {words} have correlation",
            correlation(a, b),
            0.0,
            {"the same numbers are used again: draw one for each coordinate": 1.0},
            atol=5 / math.sqrt(a.numel()),
        )
    yield "every coordinate is drawn on its own, new at each call"
    compare("the mean coordinate is", float(x.mean()), 0.5, atol=5 / math.sqrt(12 * n))
    compare(
        "the share of coordinates in a tenth of the cell is",
        torch.histc(x, 10, 0, 1) / n,
        [0.1] * 10,
        where=[f"from {k / 10:g} to {(k + 1) / 10:g}" for k in range(10)],
        atol=5 * math.sqrt(0.09 / n),
    )
    yield "uniform over the cell, in [0, 1)"


@exercise(
    torus_langevin_step,
    todo="a Langevin step in fractional coordinates, wrapped at the end",
    hints=(
        "It is chapter 02's step: h · score, plus a kick of standard deviation √(2h).",
        "At the end some atoms are outside the cell: wrap them.",
        "`wrap(frac + h * score(frac) + math.sqrt(2 * h) * torch.randn_like(frac))`",
    ),
)
def judge_torus_langevin_step(move):
    """The kick's law and size, the drift, the score's place, and that nothing leaves the cell."""
    middle = torch.full((_MANY, 1, 3), 0.5)
    h = 0.001

    def still(x):
        return torch.zeros_like(x)

    noise_law(lambda: _given(move, still, middle, h, like=middle, called="frac")[:, 0] - 0.5)
    compare(
        "with h = 0.001 the kick has standard deviation",
        float((_given(move, still, middle, h, like=middle, called="frac") - 0.5).std()),
        math.sqrt(2 * h),
        {
            "the 2 is missing in √(2h)?": math.sqrt(h),
            "the √ is missing?": 2 * h,
            "h for √(2h)?": h,
            "2√h for √(2h)?": 2 * math.sqrt(h),
        },
        rtol=5 / math.sqrt(2 * middle.numel()),
    )
    yield "every coordinate gets its own kick of standard deviation √(2h)"
    moved = [_given(move, lambda x: 40 + 0 * x, middle, h, like=middle, called="frac").mean()
             for _ in range(2)]  # fmt: skip
    compare(
        "with the score 40 and h = 0.001 the mean move is",
        float(sum(moved) / 2 - 0.5),
        40 * h,
        {
            "the sign? The score points uphill in probability": -40 * h,
            "the score is not multiplied by h?": 40.0 % 1 - 0.5,
            "√h on the score? It takes h": 40 * math.sqrt(h) % 1 - 0.5,
            "2h on the score? The 2 belongs to the kick": 80 * h,
            "a factor ½ too many": 20 * h,
            "the score is missing?": 0.0,
        },
        atol=5 * math.sqrt(2 * h / (2 * middle.numel())),
    )
    yield "the drift is h · score"
    edge = torch.full((_MANY, 1, 3), 0.999)
    y = call(move, still, edge, h)
    if isinstance(y, torch.Tensor) and y.shape == edge.shape and not bool(torch.isnan(y).any()):
        if bool((y.min() < 0) | (y.max() >= 1)):
            outside = float(((y < 0) | (y >= 1)).float().mean())
            raise Slip(
                "from 0.999 a share of {measured} ends outside the cell, expected {expected}: "
                "the wrapping is missing?",
                outside,
                0.0,
            )
    y = _given(move, still, edge, h, like=edge, called="frac")
    compare(
        "from 0.999 the share that ends in the first half of the cell is",
        float((y < 0.5).double().mean()),
        0.5 * math.erfc(0.001 / math.sqrt(2 * 2 * h)),
        {"cut off at the face: an atom that leaves must enter on the other side": 0.0},
        atol=5 * math.sqrt(0.25 / edge.numel()),
    )
    yield "an atom that leaves the cell enters it on the other side"
