"""Chapter 07: what readers write, wrong and right."""

# A reader may define one name again and again; so does this file.
# ruff: noqa: F811

import math
from collections import Counter

import torch
from variants import right, wrong

# ------------------------------------------------------------------------ corrupt_positions


def spread(t):
    return 0.01 * 500**t


def shake(frac, sigma):
    return (frac + sigma[:, None, None] * torch.randn_like(frac)) % 1.0 % 1.0


@wrong("no atoms", says="it does not depend on the number of atoms; divide by its cube root")
def corrupt_positions(frac, n_atoms, t):
    return shake(frac, spread(t))


@wrong("times cube root", says="multiplied by the cube root of the number of atoms; divide")
def corrupt_positions(frac, n_atoms, t):
    return shake(frac, spread(t) * n_atoms ** (1 / 3))


@wrong("square root", says="the square root of the number of atoms? A volume has a cube root")
def corrupt_positions(frac, n_atoms, t):
    return shake(frac, spread(t) / n_atoms**0.5)


@wrong("no root", says="divided by the number of atoms itself; take its cube root")
def corrupt_positions(frac, n_atoms, t):
    return shake(frac, spread(t) / n_atoms)


@wrong("places", says="by the places, not the atoms: empty places count for nothing")
def corrupt_positions(frac, n_atoms, t):
    return shake(frac, spread(t) * frac.shape[1] ** (-1 / 3))


@wrong("even growth", says="σ grows evenly here; it should grow by equal factors in equal times")
def corrupt_positions(frac, n_atoms, t):
    return shake(frac, (0.01 + t * (5 - 0.01)) / n_atoms ** (1 / 3))


@wrong("reversed", says="the clock is reversed: t = 0 has the least noise")
def corrupt_positions(frac, n_atoms, t):
    return shake(frac, spread(1 - t) / n_atoms ** (1 / 3))


@wrong("variance", says="a standard deviation multiplies the noise, not a variance")
def corrupt_positions(frac, n_atoms, t):
    return shake(frac, (spread(t) / n_atoms ** (1 / 3)) ** 2)


@wrong("one time", says="all crystals get the time of the first one")
def corrupt_positions(frac, n_atoms, t):
    return shake(frac, spread(t[:1]) / n_atoms ** (1 / 3))


@wrong("5^t", says="5^t for 500^t? The factor is σ_max / σ_min")
def corrupt_positions(frac, n_atoms, t):
    return shake(frac, 0.01 * 5**t / n_atoms ** (1 / 3))


@wrong("one kick", says="one kick for the whole crystal, which moves none of its atoms")
def corrupt_positions(frac, n_atoms, t):
    sigma = spread(t) / n_atoms ** (1 / 3)
    return (frac + sigma[:, None, None] * torch.randn_like(frac[:, :1])) % 1.0 % 1.0


@wrong("not wrapped", says="it is not wrapped into the cell")
def corrupt_positions(frac, n_atoms, t):
    sigma = spread(t) / n_atoms ** (1 / 3)
    return frac + sigma[:, None, None] * torch.randn_like(frac)


@wrong("cut off", says="the share of coordinates that lie on a face is")
def corrupt_positions(frac, n_atoms, t):
    sigma = spread(t) / n_atoms ** (1 / 3)
    return (frac + sigma[:, None, None] * torch.randn_like(frac)).clamp(0, 1 - 1e-6)


@wrong("rand", says="rand instead of randn?")
def corrupt_positions(frac, n_atoms, t):
    sigma = spread(t) / n_atoms ** (1 / 3)
    move = math.sqrt(3) * torch.rand_like(frac)
    return (frac + sigma[:, None, None] * move) % 1.0 % 1.0


@wrong("nothing comes back", says="it returned nothing")
def corrupt_positions(frac, n_atoms, t):
    frac + spread(t)[:, None, None] * torch.randn_like(frac)


@right("logarithms, floor, float64")
def corrupt_positions(frac, n_atoms, t):
    log_sigma = math.log(0.01) + t.double() * math.log(500) - n_atoms.log() / 3
    x = frac + log_sigma.exp().view(-1, 1, 1) * torch.randn(frac.shape, dtype=torch.float64)
    x = x - x.floor()
    return torch.where(x < 1, x, torch.zeros_like(x))


# -------------------------------------------------------------------------- corrupt_lattice


def alpha_of(t, factor=-0.5):
    return torch.exp(factor * (0.1 * t + 19.9 * t**2 / 2))[:, None, None]


def cube(n_atoms):
    return (n_atoms[:, None, None] / 0.0577) ** (1 / 3) * torch.eye(3)


def mirrored(cell):
    z = torch.randn_like(cell)
    return z.triu() + z.triu(1).mT


def scale(alpha, n_atoms):
    return (1 - alpha**2).sqrt() * 0.5 * n_atoms[:, None, None] ** (1 / 3)


@wrong("free noise", says="the noise must be symmetric, or cells turn in space")
def corrupt_lattice(cell, n_atoms, t):
    a = alpha_of(t)
    return a * cell + (1 - a) * cube(n_atoms) + scale(a, n_atoms) * torch.randn_like(cell)


@wrong("to zero", says="it drifts to zero: at the end a cell would have no volume")
def corrupt_lattice(cell, n_atoms, t):
    a = alpha_of(t)
    return a * cell + scale(a, n_atoms) * mirrored(cell)


@wrong("one cube", says="the cube does not know how many atoms it holds")
def corrupt_lattice(cell, n_atoms, t):
    a = alpha_of(t)
    return a * cell + (1 - a) * cube(n_atoms * 0 + 1) + scale(a, n_atoms) * mirrored(cell)


@wrong("volume", says="the cube root is missing")
def corrupt_lattice(cell, n_atoms, t):
    a = alpha_of(t)
    box = n_atoms[:, None, None] / 0.0577 * torch.eye(3)
    return a * cell + (1 - a) * box + scale(a, n_atoms) * mirrored(cell)


@wrong("share of noise", says="√(1 − α²) for 1 − α: that is the share of the noise")
def corrupt_lattice(cell, n_atoms, t):
    a = alpha_of(t)
    noise = scale(a, n_atoms) * mirrored(cell)
    return a * cell + (1 - a**2).sqrt() * cube(n_atoms) + noise


@wrong("1 − α²", says="1 − α² for 1 − α")
def corrupt_lattice(cell, n_atoms, t):
    a = alpha_of(t)
    return a * cell + (1 - a**2) * cube(n_atoms) + scale(a, n_atoms) * mirrored(cell)


@wrong("every entry", says="the mean edge is added to every entry; a cube is diagonal")
def corrupt_lattice(cell, n_atoms, t):
    a = alpha_of(t)
    edge = (n_atoms[:, None, None] / 0.0577) ** (1 / 3)
    return a * cell + (1 - a) * edge + scale(a, n_atoms) * mirrored(cell)


@wrong("twice: β t", says="twice the integral: is a ½ missing")
def corrupt_lattice(cell, n_atoms, t):
    a = torch.exp(-0.5 * (0.1 + 19.9 * t) * t)[:, None, None]
    return a * cell + (1 - a) * cube(n_atoms) + scale(a, n_atoms) * mirrored(cell)


@wrong("β", says="β(t) for its integral")
def corrupt_lattice(cell, n_atoms, t):
    a = torch.exp(-0.5 * (0.1 + 19.9 * t))[:, None, None]
    return a * cell + (1 - a) * cube(n_atoms) + scale(a, n_atoms) * mirrored(cell)


@wrong("twice: no half", says="twice the integral: is a ½ missing")
def corrupt_lattice(cell, n_atoms, t):
    a = alpha_of(t, -1.0)
    return a * cell + (1 - a) * cube(n_atoms) + scale(a, n_atoms) * mirrored(cell)


@wrong("whole cube", says="the whole cube is added, not its share 1 − α")
def corrupt_lattice(cell, n_atoms, t):
    a = alpha_of(t)
    return a * cell + cube(n_atoms) + scale(a, n_atoms) * mirrored(cell)


@wrong("reversed", says="the clock is reversed: t = 0 is the clean cell")
def corrupt_lattice(cell, n_atoms, t):
    a = alpha_of(1 - t)
    return a * cell + (1 - a) * cube(n_atoms) + scale(a, n_atoms) * mirrored(cell)


@wrong("half the sum", says="(z + zᵀ)/2 makes the entries off the diagonal too small")
def corrupt_lattice(cell, n_atoms, t):
    a, z = alpha_of(t), torch.randn_like(cell)
    return a * cell + (1 - a) * cube(n_atoms) + scale(a, n_atoms) * (z + z.mT) / 2


@wrong("sum over root", says="(z + zᵀ)/√2 makes the diagonal too large")
def corrupt_lattice(cell, n_atoms, t):
    a, z = alpha_of(t), torch.randn_like(cell)
    return a * cell + (1 - a) * cube(n_atoms) + scale(a, n_atoms) * (z + z.mT) / math.sqrt(2)


@wrong("noise without size", says="it does not grow with the number of atoms")
def corrupt_lattice(cell, n_atoms, t):
    a = alpha_of(t)
    noise = (1 - a**2).sqrt() * 0.5 * mirrored(cell)
    return a * cell + (1 - a) * cube(n_atoms) + noise


@wrong("no half Å", says="the ½ Å is missing")
def corrupt_lattice(cell, n_atoms, t):
    a = alpha_of(t)
    return a * cell + (1 - a) * cube(n_atoms) + 2 * scale(a, n_atoms) * mirrored(cell)


@wrong("variance", says="1 − α² is the variance; its root multiplies the noise")
def corrupt_lattice(cell, n_atoms, t):
    a = alpha_of(t)
    noise = (1 - a**2).sqrt() * scale(a, n_atoms) * mirrored(cell)
    return a * cell + (1 - a) * cube(n_atoms) + noise


@wrong("diagonal noise", says="noise on the diagonal only: angles change, too")
def corrupt_lattice(cell, n_atoms, t):
    a = alpha_of(t)
    noise = scale(a, n_atoms) * torch.diag_embed(torch.randn(len(cell), 3))
    return a * cell + (1 - a) * cube(n_atoms) + noise


@wrong("no noise", says="there is no noise")
def corrupt_lattice(cell, n_atoms, t):
    a = alpha_of(t)
    return a * cell + (1 - a) * cube(n_atoms)


@right("both parts of a full matrix, weighed")
def corrupt_lattice(cell, n_atoms, t):
    a, z, eye = alpha_of(t.double()), torch.randn_like(cell).double(), torch.eye(3)
    z = (1 - eye) * (z + z.mT) / math.sqrt(2) + eye * z
    limit = (n_atoms.double() / 0.0577).pow(1 / 3).view(-1, 1, 1) * eye
    width = torch.sqrt(1 - a.square()) * (n_atoms.double() / 8).pow(1 / 3).view(-1, 1, 1)
    return limit + a * (cell - limit) + width * z


# -------------------------------------------------------------------------- absorb_elements


def gone(species, t):
    return torch.rand(species.shape) < t[:, None]


@wrong("reversed", says="the clock is reversed: at t = 0 nothing is masked")
def absorb_elements(species, t, mask):
    return torch.where(gone(species, 1 - t) & (species != 0), mask, species)


@wrong("empty places", says="where there is no atom there is nothing to mask")
def absorb_elements(species, t, mask):
    return torch.where(gone(species, t), mask, species)


@wrong("zero for mask", says="0 is an empty place; the mask is a class of its own")
def absorb_elements(species, t, mask):
    return torch.where(gone(species, t), 0, species)


@wrong("any element", says="absorbed is absorbed: no element turns into another one")
def absorb_elements(species, t, mask):
    other = torch.randint(1, mask, species.shape)
    return torch.where(gone(species, t) & (species != 0), other, species)


@wrong("whole crystals", says="one random number for the whole crystal: all of its atoms or none")
def absorb_elements(species, t, mask):
    out = torch.rand(len(species), 1) < t[:, None]
    return torch.where(out & (species != 0), mask, species)


@wrong("crystals in pairs", says="all crystals get the same random numbers")
def absorb_elements(species, t, mask):
    u = torch.rand(len(species) // 2, species.shape[1]).repeat_interleave(2, 0)
    return torch.where((u < t[:, None]) & (species != 0), mask, species)


@wrong("one time", says="all crystals get the time of the first one")
def absorb_elements(species, t, mask):
    return torch.where((torch.rand(species.shape) < t[0]) & (species != 0), mask, species)


@wrong("squared", says="t² for t")
def absorb_elements(species, t, mask):
    return torch.where(gone(species, t**2) & (species != 0), mask, species)


@wrong("cell's clock", says="1 − α of the cell's clock? Elements are masked at an even rate")
def absorb_elements(species, t, mask):
    late = 1 - torch.exp(-0.5 * (0.1 * t + 19.9 * t**2 / 2))
    return torch.where(gone(species, late) & (species != 0), mask, species)


@wrong("randn", says="randn for rand? The number to compare with is uniform")
def absorb_elements(species, t, mask):
    out = torch.randn(species.shape) < t[:, None]
    return torch.where(out & (species != 0), mask, species)


@wrong("floats", says="it returned floats; elements are whole numbers, like species")
def absorb_elements(species, t, mask):
    out = (gone(species, t) & (species != 0)).float()
    return out * mask + (1 - out) * species


@wrong("only who", says="it returned True and False; needed are the elements")
def absorb_elements(species, t, mask):
    return gone(species, t) & (species != 0)


@right("masked_fill of survivors")
def absorb_elements(species, t, mask):
    stays = torch.bernoulli((1 - t)[:, None].expand(species.shape)).bool()
    return species.masked_fill(~stays & species.bool(), mask)


# ------------------------------------------------------------------------------ unmask_step


def drawn_from(logits, shape):
    return torch.multinomial(logits.softmax(-1).flatten(0, 1), 1).view(shape)


def barred(logits, mask):
    logits = logits.clone()
    logits[..., mask] = -math.inf
    return logits


@wrong("leak", says="the mask's own logit takes part: it must be −∞ before the softmax")
def unmask_step(logits, species, t, s, mask):
    reveal = torch.rand(species.shape) < 1 - s / t
    return torch.where((species == mask) & reveal, drawn_from(logits, species.shape), species)


@wrong("given logits changed", says="it changes the logits that it was given")
def unmask_step(logits, species, t, s, mask):
    logits[..., mask] = -math.inf
    reveal = torch.rand(species.shape) < 1 - s / t
    return torch.where((species == mask) & reveal, drawn_from(logits, species.shape), species)


@wrong("s stays", says="s for s / t: masked at t is given")
def unmask_step(logits, species, t, s, mask):
    drawn = drawn_from(barred(logits, mask), species.shape)
    reveal = torch.rand(species.shape) < 1 - s
    return torch.where((species == mask) & reveal, drawn, species)


@wrong("t − s", says="t − s for 1 − s / t")
def unmask_step(logits, species, t, s, mask):
    drawn = drawn_from(barred(logits, mask), species.shape)
    reveal = torch.rand(species.shape) < t - s
    return torch.where((species == mask) & reveal, drawn, species)


@wrong("turned round", says="turned round: s / t is the share that stays")
def unmask_step(logits, species, t, s, mask):
    drawn = drawn_from(barred(logits, mask), species.shape)
    reveal = torch.rand(species.shape) < s / t
    return torch.where((species == mask) & reveal, drawn, species)


@wrong("all at once", says="all are revealed at once")
def unmask_step(logits, species, t, s, mask):
    return torch.where(species == mask, drawn_from(barred(logits, mask), species.shape), species)


@wrong("known atoms drawn anew", says="only masked atoms change")
def unmask_step(logits, species, t, s, mask):
    drawn = drawn_from(barred(logits, mask), species.shape)
    reveal = torch.rand(species.shape) < 1 - s / t
    return torch.where(reveal, drawn, species)


@wrong("masked again", says="it is masked again; backwards in time masks only go")
def unmask_step(logits, species, t, s, mask):
    drawn = drawn_from(barred(logits, mask), species.shape)
    reveal = torch.rand(species.shape) < 1 - s / t
    return torch.where(reveal, drawn, torch.full_like(species, mask))


@wrong("argmax", says="always the likeliest class: draw from the softmax instead")
def unmask_step(logits, species, t, s, mask):
    reveal = torch.rand(species.shape) < 1 - s / t
    return torch.where((species == mask) & reveal, barred(logits, mask).argmax(-1), species)


@wrong("any class", says="all classes alike: the logits play no part")
def unmask_step(logits, species, t, s, mask):
    drawn = torch.randint(0, mask, species.shape)
    reveal = torch.rand(species.shape) < 1 - s / t
    return torch.where((species == mask) & reveal, drawn, species)


@wrong("sign of logits", says="the sign of the logits")
def unmask_step(logits, species, t, s, mask):
    drawn = drawn_from(barred(-logits, mask), species.shape)
    reveal = torch.rand(species.shape) < 1 - s / t
    return torch.where((species == mask) & reveal, drawn, species)


@wrong("crystal at once", says="one random number for the whole crystal: all of its atoms or none")
def unmask_step(logits, species, t, s, mask):
    drawn = drawn_from(barred(logits, mask), species.shape)
    reveal = torch.rand(len(species), 1) < 1 - s / t
    return torch.where((species == mask) & reveal, drawn, species)


@wrong("one draw", says="one draw for the whole crystal")
def unmask_step(logits, species, t, s, mask):
    drawn = drawn_from(barred(logits, mask)[:, :1], species[:, :1].shape)
    reveal = torch.rand(species.shape) < 1 - s / t
    return torch.where((species == mask) & reveal, drawn, species)


@right("one draw from the whole posterior")
def unmask_step(logits, species, t, s, mask):
    allowed = torch.arange(logits.shape[-1]) != mask
    p = logits.masked_fill(~allowed, -1e9).softmax(-1)
    posterior = (1 - s / t) * p
    posterior[..., mask] = s / t
    drawn = torch.distributions.Categorical(probs=posterior).sample()
    return torch.where(species == mask, drawn, species)


# ------------------------------------------------------------------------- fractional_score


@wrong("no transpose", says="the transpose is missing: score @ cell is made for positions")
def fractional_score(score, cell):
    return score @ cell


@wrong("inverse", says="that is how a displacement changes, with the inverse")
def fractional_score(score, cell):
    return score @ torch.linalg.inv(cell)


@wrong("inverse transposed", says="that leads from fractional to Cartesian")
def fractional_score(score, cell):
    return score @ torch.linalg.inv(cell).mT


@wrong("lengths", says="the lengths of the edges only; the cell is skewed")
def fractional_score(score, cell):
    return score * cell.norm(dim=-1)[:, None]


@wrong("diagonal", says="the diagonal of the cell only; the cell is skewed")
def fractional_score(score, cell):
    return score * cell.diagonal(dim1=-2, dim2=-1)[:, None]


@wrong("nothing", says="this is the Cartesian score still")
def fractional_score(score, cell):
    return score


@wrong("sign", says="the sign")
def fractional_score(score, cell):
    return -score @ cell.mT


@wrong("metric", says="was the score taken for a fractional one?")
def fractional_score(score, cell):
    return score @ cell @ cell.mT


@wrong("first cell", says="the first crystal's cell for all")
def fractional_score(score, cell):
    return score @ cell[0].T


@right("sums by name")
def fractional_score(score, cell):
    return torch.einsum("bnj,bkj->bnk", score, cell)


# ---------------------------------------------------------------------- corrector_step_size


def length(x):
    return x.flatten(1).norm(dim=1)


@wrong("upside down", says="the ratio is upside down: a strong score needs a small step")
def corrector_step_size(score, noise, snr):
    return 2 * (snr * length(score).mean() / length(noise).mean()) ** 2


@wrong("no square", says="the square is missing")
def corrector_step_size(score, noise, snr):
    return 2 * snr * length(noise).mean() / length(score).mean()


@wrong("snr outside", says="snr is outside of the square")
def corrector_step_size(score, noise, snr):
    return 2 * snr * (length(noise).mean() / length(score).mean()) ** 2


@wrong("no 2", says="the factor 2 is missing: the kick is √(2h)")
def corrector_step_size(score, noise, snr):
    return (snr * length(noise).mean() / length(score).mean()) ** 2


@wrong("2 inside", says="the 2 is inside the square")
def corrector_step_size(score, noise, snr):
    return (2 * snr * length(noise).mean() / length(score).mean()) ** 2


@wrong("snr below", says="the ratio of noise to signal, snr below the line")
def corrector_step_size(score, noise, snr):
    return 2 * (length(noise).mean() / length(score).mean() / snr) ** 2


@wrong("no snr", says="snr is missing")
def corrector_step_size(score, noise, snr):
    return 2 * (length(noise).mean() / length(score).mean()) ** 2


@wrong("mean of ratios", says="the mean of the ratios; first the mean lengths, then one ratio")
def corrector_step_size(score, noise, snr):
    return 2 * (snr * (length(noise) / length(score)).mean()) ** 2


@wrong("mean of steps", says="the mean of the steps of the crystals; first the mean lengths")
def corrector_step_size(score, noise, snr):
    return (2 * (snr * length(noise) / length(score)) ** 2).mean()


@wrong("each its own", says="the mean length over the batch is missing")
def corrector_step_size(score, noise, snr):
    return 2 * (snr * length(noise) / length(score)) ** 2


@wrong("whole batch", says="the length of the whole batch at once")
def corrector_step_size(score, noise, snr):
    return 2 * (snr * noise.norm() / score.norm()) ** 2


@wrong("atoms", says="lengths of atoms; each crystal has one length for all its numbers")
def corrector_step_size(score, noise, snr):
    return 2 * (snr * noise.norm(dim=-1).mean() / score.norm(dim=-1).mean()) ** 2


@wrong("no square: the kick", says="√(2h), the factor of the kick")
def corrector_step_size(score, noise, snr):
    h = 2 * (snr * length(noise).mean() / length(score).mean()) ** 2
    return (2 * h).sqrt()


@right("roots of sums, as a float")
def corrector_step_size(score, noise, snr):
    def mean_length(x):
        return sum(math.sqrt(float((row**2).sum())) for row in x) / len(x)

    return 2.0 * snr**2 * mean_length(noise) ** 2 / mean_length(score) ** 2


# ---------------------------------------------------------------------- predictor_corrector


@wrong("corrector last", says="at every level the predictor comes before the corrector")
def predictor_corrector(predict, correct, x, times):
    for t, s in zip(times[:-1], times[1:], strict=True):
        x, _ = predict(x, t, s)
        x = correct(x, s)
    return x


@wrong("corrector after the end", says="also after the last step?")
def predictor_corrector(predict, correct, x, times):
    for t, s in zip(times[:-1], times[1:], strict=True):
        x = correct(x, t)
        x, mean = predict(x, t, s)
    return correct(mean, s)


@wrong("noise kept", says="the draw, with its noise; return the mean of the last step")
def predictor_corrector(predict, correct, x, times):
    for t, s in zip(times[:-1], times[1:], strict=True):
        x, _ = predict(correct(x, t), t, s)
    return x


@wrong("mean carried on", says="the mean is carried on at every step")
def predictor_corrector(predict, correct, x, times):
    for t, s in zip(times[:-1], times[1:], strict=True):
        _, x = predict(correct(x, t), t, s)
    return x


@wrong("no corrector", says="it is never asked")
def predictor_corrector(predict, correct, x, times):
    for t, s in zip(times[:-1], times[1:], strict=True):
        x, mean = predict(x, t, s)
    return mean


@wrong("corrector at s", says="x is at time t still, not at s")
def predictor_corrector(predict, correct, x, times):
    for t, s in zip(times[:-1], times[1:], strict=True):
        x = correct(x, s)
        x, mean = predict(x, t, s)
    return mean


@wrong("clock backwards", says="backwards: it goes from t to an earlier s")
def predictor_corrector(predict, correct, x, times):
    for t, s in zip(times[:-1], times[1:], strict=True):
        x = correct(x, t)
        x, mean = predict(x, s, t)
    return mean


@wrong("one step less", says="one step is left out")
def predictor_corrector(predict, correct, x, times):
    for k in range(len(times) - 2):
        x = correct(x, times[k])
        x, mean = predict(x, times[k], times[k + 1])
    return mean


@wrong("corrections dropped", says="what the corrector returns is dropped")
def predictor_corrector(predict, correct, x, times):
    for t, s in zip(times[:-1], times[1:], strict=True):
        correct(x, t)
        x, mean = predict(x, t, s)
    return mean


@wrong("both", says="it returned the draw and its mean; needed is the mean alone")
def predictor_corrector(predict, correct, x, times):
    for t, s in zip(times[:-1], times[1:], strict=True):
        x = correct(x, t)
        x, mean = predict(x, t, s)
    return x, mean


@right("by index")
def predictor_corrector(predict, correct, x, times):
    both = (x, x)
    for k in range(1, len(times)):
        both = predict(correct(both[0], times[k - 1]), times[k - 1], times[k])
    return both[1]


# ------------------------------------------------------------------------------------ guide


@wrong("sign", says="the sign: this steers away from the condition")
def guide(unconditional, conditional, w):
    return unconditional - w * (conditional - unconditional)


@wrong("difference turned round", says="the roles are exchanged: w = 0 is unconditional")
def guide(unconditional, conditional, w):
    return conditional + w * (unconditional - conditional)


@wrong("other convention", says="the other convention, (1 + w) conditional − w unconditional")
def guide(unconditional, conditional, w):
    return (1 + w) * conditional - w * unconditional


@wrong("whole added", says="the whole conditional answer is added, not the difference")
def guide(unconditional, conditional, w):
    return unconditional + w * conditional


@wrong("times w", says="w times the conditional answer; the unconditional part is missing")
def guide(unconditional, conditional, w):
    return w * conditional


@wrong("difference", says="only the difference; the unconditional answer is missing")
def guide(unconditional, conditional, w):
    return w * (conditional - unconditional)


@wrong("no w", says="w has no effect")
def guide(unconditional, conditional, w):
    return conditional


@wrong("no condition", says="the condition has no effect")
def guide(unconditional, conditional, w):
    return unconditional


@wrong("squared", says="w² for w")
def guide(unconditional, conditional, w):
    return unconditional + w**2 * (conditional - unconditional)


@wrong("mean", says="the mean of both, whatever w")
def guide(unconditional, conditional, w):
    return (unconditional + conditional) / 2


@wrong("whole w", says="is w made a whole number?")
def guide(unconditional, conditional, w):
    return unconditional + int(w) * (conditional - unconditional)


@right("lerp")
def guide(unconditional, conditional, w):
    return torch.lerp(unconditional, conditional, w)


@right("weights that add up to one, in place")
def guide(unconditional, conditional, w):
    return conditional.mul_(w).add_(unconditional.mul_(1 - w))


# ---------------------------------------------------------------------- count_parameters_of


def part(name):
    return name.split(".")[0]


@wrong("shared twice", says="what embed and head share is counted twice")
def count_parameters_of(network):
    counts = {n: p.numel() for n, p in network.named_parameters(recurse=False)}
    for name, child in network.named_children():
        counts[name] = sum(p.numel() for p in child.parameters())
    return counts


@wrong("buffers", says="a buffer is no parameter: training does not change it")
def count_parameters_of(network):
    counts = Counter()
    for tensors in (network.named_parameters(), network.named_buffers()):
        for name, x in tensors:
            counts[part(name)] += x.numel() if part(name) != "norm" or x.ndim else 0
    return counts


@wrong("trainable only", says="frozen parameters are left out; they are there all the same")
def count_parameters_of(network):
    counts = Counter()
    for name, p in network.named_parameters():
        counts[part(name)] += p.numel() if p.requires_grad else 0
    return counts


@wrong("weights only", says="the biases are left out")
def count_parameters_of(network):
    counts = Counter()
    for name, p in network.named_parameters():
        counts[part(name)] += p.numel() if "bias" not in name else 0
    return counts


@wrong("tensors", says="that counts the tensors; take numel() of each")
def count_parameters_of(network):
    return Counter(part(name) for name, _ in network.named_parameters())


@wrong("rows", says="that is len(), the rows of each; take numel()")
def count_parameters_of(network):
    counts = Counter()
    for name, p in network.named_parameters():
        counts[part(name)] += len(p)
    return counts


@wrong("overwritten", says="only the last tensor of each part: they overwrite each other, add up")
def count_parameters_of(network):
    return {part(name): p.numel() for name, p in network.named_parameters()}


@wrong("every name", says="a part is what stands before the first point, add up the rest")
def count_parameters_of(network):
    return {name: p.numel() for name, p in network.named_parameters()}


@wrong("one number", says="it returned one number; needed is a dict, {part: count}")
def count_parameters_of(network):
    return sum(p.numel() for p in network.parameters())


@wrong("children only", says="parameters that belong to no module inside are left out")
def count_parameters_of(network):
    seen, counts = set(), {}
    for name, child in network.named_children():
        own = [p for p in child.parameters() if id(p) not in seen]
        seen.update(id(p) for p in own)
        counts[name] = sum(p.numel() for p in own)
    return counts


@right("a counter, shapes multiplied")
def count_parameters_of(network):
    counts = Counter()
    for name, p in network.named_parameters():
        counts[name.partition(".")[0]] += math.prod(p.shape)
    return counts
