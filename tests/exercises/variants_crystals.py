"""Chapter 04: what readers write, wrong and right."""

# A reader may define one name again and again; so does this file.
# ruff: noqa: F811

import math

import numpy as np
import torch
from variants import right, wrong

# ------------------------------------------------------------------------------------- wrap


@wrong("remainder of -1e-9", says="the coordinate −1e-9 becomes 1.00, expected 0.00")
def wrap(frac):
    return frac % 1.0


@wrong("remainder of -1e-9: by floor", says="rounded to float32 the rest is 1.0")
def wrap(frac):
    return frac - frac.floor()


@wrong("rounded", says="is -0.250, expected 0.750 (for -0.25): that is [−½, ½)")
def wrap(frac):
    return frac - frac.round()


@wrong("sign kept", says="the sign is kept: −0.25 and 0.75 are the same place")
def wrap(frac):
    return frac.fmod(1.0)


@wrong("sign lost", says="the sign is thrown away")
def wrap(frac):
    return frac.abs() % 1.0


@wrong("clamped", says="cut off at the face")
def wrap(frac):
    return frac.clamp(0, 1)


@wrong("one cell only", says="only one lattice vector is taken away")
def wrap(frac):
    frac = torch.where(frac < 0, frac + 1, frac)
    return torch.where(frac >= 1, frac - 1, frac)


@wrong("1 stays", says="1 itself is still there: the cell is half open")
def wrap(frac):
    return torch.where((frac > 1) | (frac < 0), frac % 1.0, frac)


@wrong("nothing done", says="nothing has changed")
def wrap(frac):
    return frac.clone()


@wrong("integer part", says="cut, not wrapped: that is the whole number")
def wrap(frac):
    return frac.floor()


@wrong("mirror", says="mirrored at the faces")
def wrap(frac):
    return (frac - 2 * (frac / 2).round()).abs()


@wrong("writes into frac", says="wrap changes x itself")
def wrap(frac):
    frac %= 1.0
    return frac


@wrong("NumPy", says="it returned a NumPy array")
def wrap(frac):
    return np.mod(frac.numpy(), 1)


@right("1 replaced by 0")
def wrap(frac):
    x = frac - frac.floor()
    return torch.where(x < 1, x, torch.zeros_like(x))


@right("in float64")
def wrap(frac):
    rest = torch.remainder(frac.double(), 1.0).to(frac.dtype)
    return torch.remainder(rest, 1.0)


@right("through the circle, then rest")
def wrap(frac):
    x = frac - torch.floor(frac)
    x[x >= 1] = 0
    return x


# ------------------------------------------------------------------ fractional_to_cartesian


@wrong("columns", says="columns for rows: the lattice vectors are the ROWS of cell")
def fractional_to_cartesian(frac, cell):
    return frac @ cell.mT


@wrong("lengths", says="only the lengths of a, b, c count here")
def fractional_to_cartesian(frac, cell):
    return frac * cell.norm(dim=-1).unsqueeze(-2)


@wrong("diagonal", says="only the diagonal of cell counts here")
def fractional_to_cartesian(frac, cell):
    return frac * torch.diagonal(cell, dim1=-2, dim2=-1).unsqueeze(-2)


@wrong("inverse", says="divided instead of multiplied: that is the way back")
def fractional_to_cartesian(frac, cell):
    return frac @ torch.linalg.inv(cell)


@wrong("unchanged", says="these are the fractional coordinates")
def fractional_to_cartesian(frac, cell):
    return frac


@wrong("sum of rows", says="each coordinate times the sum of the rows")
def fractional_to_cartesian(frac, cell):
    return frac * cell.sum(-2).unsqueeze(-2)


@wrong("wrapped first", says="wrapped before: an atom outside the cell must stay outside")
def fractional_to_cartesian(frac, cell):
    return (frac % 1) @ cell


@wrong("first cell for all", says="all structures get the first cell")
def fractional_to_cartesian(frac, cell):
    return frac @ cell.reshape(-1, 3, 3)[0]


@wrong("turned round", says="mat1 and mat2 shapes cannot be multiplied")
def fractional_to_cartesian(frac, cell):
    return cell @ frac


@wrong("elementwise", says="must match the size")
def fractional_to_cartesian(frac, cell):
    return frac * cell


@wrong("transposed result", says="it returned the shape (3, 4), expected (4, 3), like frac")
def fractional_to_cartesian(frac, cell):
    return (frac @ cell).mT


@right("einsum")
def fractional_to_cartesian(frac, cell):
    return torch.einsum("...ni,...ij->...nj", frac, cell)


@right("three lattice vectors added")
def fractional_to_cartesian(frac, cell):
    a, b, c = cell.unbind(-2)
    x, y, z = frac.unsqueeze(-1).unbind(-2)
    return x * a.unsqueeze(-2) + y * b.unsqueeze(-2) + z * c.unsqueeze(-2)


# ------------------------------------------------------------------- minimum_image_distance


def grid27(like):
    n = torch.tensor([-1.0, 0.0, 1.0]).to(like)
    return torch.cartesian_prod(n, n, n)


def nearest(vectors):
    d = vectors.norm(dim=-1)
    return d.masked_fill(d < 1e-6, math.inf).amin(-1)


def rounded(frac):
    diff = frac[:, None] - frac[None]
    return diff - diff.round()


@wrong("rounding alone", says="rounding alone is right only in cells with right angles")
def minimum_image_distance(frac, cell):
    return (rounded(frac) @ cell).norm(dim=-1)


@wrong("no images", says="images are missing: the way through a face can be shorter")
def minimum_image_distance(frac, cell):
    return torch.cdist(frac @ cell, frac @ cell)


@wrong("27 images, not rounded", says="the difference is not rounded first")
def minimum_image_distance(frac, cell):
    diff = frac[:, None] - frac[None]
    return nearest((diff[:, :, None] + grid27(frac)) @ cell)


@wrong("fractional length", says="the length of fractional numbers; go to Å")
def minimum_image_distance(frac, cell):
    return rounded(frac).norm(dim=-1)


@wrong("lengths without angles", says="only the lengths of the lattice vectors are used")
def minimum_image_distance(frac, cell):
    return (rounded(frac) * cell.norm(dim=-1)).norm(dim=-1)


@wrong("rounded in Å", says="rounded in Å, with the lengths as if the cell were a box")
def minimum_image_distance(frac, cell):
    cart, length = (frac[:, None] - frac[None]) @ cell, cell.norm(dim=-1)
    return (cart - length * (cart / length).round()).norm(dim=-1)


@wrong("columns", says="columns for rows")
def minimum_image_distance(frac, cell):
    return nearest((rounded(frac)[:, :, None] + grid27(frac)) @ cell.mT)


@wrong("squared", says="the square root is missing")
def minimum_image_distance(frac, cell):
    return nearest((rounded(frac)[:, :, None] + grid27(frac)) @ cell).square()


@wrong("largest", says="the largest of the images, not the smallest")
def minimum_image_distance(frac, cell):
    return ((rounded(frac)[:, :, None] + grid27(frac)) @ cell).norm(dim=-1).amax(-1)


@wrong("one side", says="images on one side only")
def minimum_image_distance(frac, cell):
    n = torch.tensor([0.0, 1.0])
    return nearest((rounded(frac)[:, :, None] + torch.cartesian_prod(n, n, n)) @ cell)


@wrong("faces only", says="images through faces only")
def minimum_image_distance(frac, cell):
    images = grid27(frac)
    return nearest((rounded(frac)[:, :, None] + images[images.abs().sum(-1) <= 1]) @ cell)


@wrong("zero on the diagonal", says="an atom is at 0 Å from itself, but its image is")
def minimum_image_distance(frac, cell):
    return ((rounded(frac)[:, :, None] + grid27(frac)) @ cell).norm(dim=-1).amin(-1)


@wrong("infinity on the diagonal", says="infinitely far apart, expected 4.00 Å: the diagonal is")
def minimum_image_distance(frac, cell):
    d = ((rounded(frac)[:, :, None] + grid27(frac)) @ cell).norm(dim=-1).amin(-1)
    return d.fill_diagonal_(math.inf)


@wrong("shortest edge on the diagonal", says="the shortest edge; a diagonal of the cell can be")
def minimum_image_distance(frac, cell):
    d = ((rounded(frac)[:, :, None] + grid27(frac)) @ cell).norm(dim=-1).amin(-1)
    return d.fill_diagonal_(float(cell.norm(dim=-1).min()))


@wrong("vectors", says="vectors for lengths? take the norm over the last axis")
def minimum_image_distance(frac, cell):
    return rounded(frac) @ cell


@wrong("one number", says="needed is the distance of every pair")
def minimum_image_distance(frac, cell):
    return nearest((rounded(frac)[:, :, None] + grid27(frac)) @ cell).min()


@wrong("pairs listed", says="it returned the shape (6,), expected (4, 4), one distance for each")
def minimum_image_distance(frac, cell):
    d = nearest((rounded(frac)[:, :, None] + grid27(frac)) @ cell)
    return d[torch.triu_indices(len(frac), len(frac), 1).unbind()]


@wrong("nothing returned", says="it returned nothing: is the `return` missing?")
def minimum_image_distance(frac, cell):
    nearest((rounded(frac)[:, :, None] + grid27(frac)) @ cell)


@right("a loop over 125 images")
def minimum_image_distance(frac, cell):
    diff = frac[:, None] - frac[None]
    diff = diff - diff.floor()
    best = torch.full(diff.shape[:2], math.inf)
    n = torch.arange(-3.0, 3.0)
    for image in torch.cartesian_prod(n, n, n):
        d = ((diff + image) @ cell).norm(dim=-1)
        best = torch.minimum(best, d.masked_fill(d < 1e-6, math.inf))
    return best


@right("float64, shortest lattice vector on the diagonal")
def minimum_image_distance(frac, cell):
    frac, cell = frac.double(), cell.double()
    images = grid27(frac)
    d = ((rounded(frac)[:, :, None] + images) @ cell).norm(dim=-1).amin(-1)
    edges = (images @ cell).norm(dim=-1)
    return d.fill_diagonal_(float(edges[edges > 0].min()))


# ------------------------------------------------------------------------------- masked_mse


@wrong("padding in the mean", says="padding counts in the mean: divide by the real atoms")
def masked_mse(prediction, target, mask):
    return (((prediction - target) * mask[..., None]) ** 2).mean()


@wrong("mask forgotten", says="the mask is not used: padding counts as error")
def masked_mse(prediction, target, mask):
    return torch.nn.functional.mse_loss(prediction, target)


@wrong(
    "padding in the mean: zeroed inputs",
    says="padding counts in the mean: divide by the real atoms, not by all",
)
def masked_mse(prediction, target, mask):
    m = mask[..., None].float()
    return torch.nn.functional.mse_loss(prediction * m, target * m)


@wrong("divided by atoms", says="divided by the atoms: each atom has three coordinates")
def masked_mse(prediction, target, mask):
    return (((prediction - target) ** 2) * mask[..., None]).sum() / mask.sum()


@wrong("mean of means", says="an atom in a small cell counts more")
def masked_mse(prediction, target, mask):
    e2 = ((prediction - target) ** 2).mean(-1) * mask
    return (e2.sum(1) / mask.sum(1)).mean()


@wrong("sum", says="the sum; take the mean")
def masked_mse(prediction, target, mask):
    return ((prediction - target)[mask] ** 2).sum()


@wrong("mask turned round", says="the mask is turned round")
def masked_mse(prediction, target, mask):
    return ((prediction - target)[~mask] ** 2).mean()


@wrong("no square", says="the square is missing?")
def masked_mse(prediction, target, mask):
    return (prediction - target)[mask].abs().mean()


@wrong("root", says="the root of the mean")
def masked_mse(prediction, target, mask):
    return ((prediction - target)[mask] ** 2).mean().sqrt()


@wrong("half", says="a factor ½ too many")
def masked_mse(prediction, target, mask):
    return 0.5 * ((prediction - target)[mask] ** 2).mean()


@wrong("divided by structures", says="divided by the number of structures")
def masked_mse(prediction, target, mask):
    return ((prediction - target)[mask] ** 2).sum() / len(mask)


@wrong("not reduced", says="the loss has 21 numbers, expected 1: take the mean of everything")
def masked_mse(prediction, target, mask):
    return (prediction - target)[mask] ** 2


@wrong("a float", says="the loss is a plain number; training needs a tensor")
def masked_mse(prediction, target, mask):
    return ((prediction - target)[mask] ** 2).mean().item()


@wrong("detached", says="the loss does not know its gradient")
def masked_mse(prediction, target, mask):
    return ((prediction - target)[mask] ** 2).mean().detach()


@right("summed and divided")
def masked_mse(prediction, target, mask):
    m = mask.unsqueeze(-1).to(prediction)
    return (((prediction - target) * m) ** 2).sum() / (3 * m.sum())


@right("mse_loss of the picked rows")
def masked_mse(prediction, target, mask):
    return torch.nn.functional.mse_loss(prediction[mask], target[mask])


# --------------------------------------------------------------------- wrapped_normal_score


def images_of(d, reach):
    return d[..., None] + torch.arange(-reach, reach + 1).to(d)


def pull(away, sigma):
    share = torch.softmax(-(away**2) / (2 * sigma[..., None] ** 2), -1)
    return -(share * away).sum(-1) / sigma**2


@wrong("nearest image only", says="only the nearest image pulls: right while σ is small")
def wrapped_normal_score(d, sigma):
    return -(d - d.round()) / sigma**2


@wrong("no images", says="there are no images: x knows only of the x0 in its own cell")
def wrapped_normal_score(d, sigma):
    return -d / sigma**2


@wrong("right in the first cells only", says="one cell further, at d = 2.2 for d = 0.2, the score")
def wrapped_normal_score(d, sigma):
    return torch.where(d < 1, pull(images_of(d, 10), sigma), -d / sigma**2)


@wrong("three images", says="three images are too few for a σ like this")
def wrapped_normal_score(d, sigma):
    return pull(images_of(d - d.round(), 1), sigma)


@wrong("seven images", says="seven images are too few for a σ like this")
def wrapped_normal_score(d, sigma):
    return pull(images_of(d - d.round(), 3), sigma)


@wrong("sign", says="the sign: a score points from x back to x0")
def wrapped_normal_score(d, sigma):
    return -pull(images_of(d, 10), sigma)


@wrong("σ for σ²", says="σ for σ²: the pull is −(d + k)/σ²")
def wrapped_normal_score(d, sigma):
    return pull(images_of(d, 10), sigma) * sigma


@wrong("not divided", says="it is not divided by σ²")
def wrapped_normal_score(d, sigma):
    return pull(images_of(d, 10), sigma) * sigma**2


@wrong("ε", says="that is ε, the score times −σ")
def wrapped_normal_score(d, sigma):
    return -pull(images_of(d, 10), sigma) * sigma


@wrong("slope of p", says="the slope of p, not of log p")
def wrapped_normal_score(d, sigma):
    away, s = images_of(d, 10), sigma[..., None]
    p = torch.exp(-(away**2) / (2 * s**2)) / (math.sqrt(2 * math.pi) * s)
    return -(p * away).sum(-1) / sigma**2


@wrong("0/0", says="at d = 0.4, σ = 0.005 the score is nan, expected -16000")
def wrapped_normal_score(d, sigma):
    away = images_of(d, 10)
    p = torch.exp(-(away**2) / (2 * sigma[..., None] ** 2))
    return -(p * away).sum(-1) / p.sum(-1) / sigma**2


@wrong("0/ε", says="a small number in the denominator hides a division by 0")
def wrapped_normal_score(d, sigma):
    away = images_of(d, 10)
    p = torch.exp(-(away**2) / (2 * sigma[..., None] ** 2))
    return -(p * away).sum(-1) / (p.sum(-1) + 1e-30) / sigma**2


@wrong("no images: averaged", says="there are no images: x knows only of the x0 in its own cell")
def wrapped_normal_score(d, sigma):
    return -images_of(d, 10).mean(-1) / sigma**2


@wrong("last axis kept", says="it returned the shape (6, 21), expected (6,), like d")
def wrapped_normal_score(d, sigma):
    away = images_of(d, 10)
    share = torch.softmax(-(away**2) / (2 * sigma[..., None] ** 2), -1)
    return -(share * away) / sigma[..., None] ** 2


@right("automatic differentiation")
def wrapped_normal_score(d, sigma):
    d = d.detach().clone().requires_grad_()
    log_p = torch.logsumexp(-(images_of(d, 12) ** 2) / (2 * sigma[..., None] ** 2), -1)
    return torch.autograd.grad(log_p.sum(), d)[0]


@right("wrapped first, float64")
def wrapped_normal_score(d, sigma):
    d = (d - d.round()).double()
    return pull(images_of(d, 8), torch.as_tensor(sigma).double())


@right("waves where it is wide")
def wrapped_normal_score(d, sigma):
    m = torch.arange(1, 5).to(d)
    wide = sigma.clamp(min=0.3)[..., None]
    c = 2 * torch.exp(-2 * (math.pi * m * wide) ** 2)
    phase = 2 * math.pi * m * d[..., None]
    slope = -(2 * math.pi * m * c * phase.sin()).sum(-1) / (1 + (c * phase.cos()).sum(-1))
    narrow = pull(images_of(d - d.round(), 4), sigma.clamp(max=0.3))
    return torch.where(sigma < 0.3, narrow, slope)


# ---------------------------------------------------------------------------- uniform_prior


@wrong("normal", says="normal numbers have no end")
def uniform_prior(frac):
    return torch.randn_like(frac)


@wrong("narrow wrapped normal", says="the share of coordinates in a tenth of the cell is 0.19")
def uniform_prior(frac):
    return (0.2 * torch.randn_like(frac)) % 1.0 % 1.0


@wrong("centred", says="the cell begins at 0, not at its middle")
def uniform_prior(frac):
    return torch.rand_like(frac) - 0.5


@wrong("one place", says="all atoms sit in one place")
def uniform_prior(frac):
    return torch.full_like(frac, 0.5)


@wrong("one draw for all atoms", says="two atoms of a structure have correlation 1.00")
def uniform_prior(frac):
    return torch.rand_like(frac[..., :1, :]).expand_as(frac).clone()


@wrong("one draw for all axes", says="two axes of an atom have correlation 1.00")
def uniform_prior(frac):
    return torch.rand_like(frac[..., :1]).expand_as(frac).clone()


@wrong("one draw for all structures", says="two structures have correlation 1.00")
def uniform_prior(frac):
    return torch.rand_like(frac[:1]).expand_as(frac).clone()


@wrong("seed inside", says="two calls have correlation 1.00")
def uniform_prior(frac):
    g = torch.Generator().manual_seed(0)
    return torch.rand(frac.shape, generator=g)


@wrong("squared", says="the mean coordinate is 0.33")
def uniform_prior(frac):
    return torch.rand_like(frac) ** 2


@wrong("one atom", says="like frac")
def uniform_prior(frac):
    return torch.rand(3)


@right("a wide wrapped normal")
def uniform_prior(frac):
    return torch.randn_like(frac).mul(3).remainder(1.0).remainder(1.0)


@right("torch.rand")
def uniform_prior(frac):
    return torch.rand(frac.shape, dtype=frac.dtype, device=frac.device)


# ---------------------------------------------------------------------- torus_langevin_step


@wrong("not wrapped", says="ends outside the cell, expected 0.000: the wrapping is missing?")
def torus_langevin_step(score, frac, h):
    return frac + h * score(frac) + math.sqrt(2 * h) * torch.randn_like(frac)


@wrong("clamped", says="cut off at the face: an atom that leaves must enter on the other side")
def torus_langevin_step(score, frac, h):
    y = frac + h * score(frac) + math.sqrt(2 * h) * torch.randn_like(frac)
    return y.clamp(0, 0.999999)


@wrong("√h", says="the 2 is missing in √(2h)?")
def torus_langevin_step(score, frac, h):
    return (frac + h * score(frac) + math.sqrt(h) * torch.randn_like(frac)) % 1.0 % 1.0


@wrong("2h", says="the √ is missing?")
def torus_langevin_step(score, frac, h):
    return (frac + h * score(frac) + 2 * h * torch.randn_like(frac)) % 1.0 % 1.0


@wrong("no kick", says="there is no kick")
def torus_langevin_step(score, frac, h):
    return (frac + h * score(frac)) % 1.0 % 1.0


@wrong("sign", says="the sign? The score points uphill in probability")
def torus_langevin_step(score, frac, h):
    return (frac - h * score(frac) + math.sqrt(2 * h) * torch.randn_like(frac)) % 1.0 % 1.0


@wrong("half drift", says="a factor ½ too many")
def torus_langevin_step(score, frac, h):
    return (frac + h / 2 * score(frac) + math.sqrt(2 * h) * torch.randn_like(frac)) % 1.0 % 1.0


@wrong("2h drift", says="2h on the score? The 2 belongs to the kick")
def torus_langevin_step(score, frac, h):
    return (frac + 2 * h * score(frac) + math.sqrt(2 * h) * torch.randn_like(frac)) % 1.0 % 1.0


@wrong("no score", says="the score is missing?")
def torus_langevin_step(score, frac, h):
    return (frac + math.sqrt(2 * h) * torch.randn_like(frac)) % 1.0 % 1.0


@wrong("uniform kick", says="uniform numbers instead of normal ones?")
def torus_langevin_step(score, frac, h):
    z = math.sqrt(12) * (torch.rand_like(frac) - 0.5)
    return (frac + h * score(frac) + math.sqrt(2 * h) * z) % 1.0 % 1.0


@wrong("one kick for all", says="all particles get the same kick")
def torus_langevin_step(score, frac, h):
    z = torch.randn(3)
    return (frac + h * score(frac) + math.sqrt(2 * h) * z) % 1.0 % 1.0


@right("wrapped by hand")
def torus_langevin_step(score, frac, h):
    y = frac + h * score(frac) + torch.randn_like(frac) * (2 * h) ** 0.5
    y = y - y.floor()
    return torch.where(y < 1, y, torch.zeros_like(y))
