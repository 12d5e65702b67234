"""Chapter 08: what readers write, wrong and right."""

# A reader may define one name again and again; so does this file.
# ruff: noqa: F811

import math

import torch
from variants import right, wrong

# ----------------------------------------------------------------------------- scatter_mean


def _sums(values, index, n):
    return torch.zeros(n, values.shape[1]).index_add(0, index, values)


@wrong("sum", says="that is the sum: divide by the number of atoms")
def scatter_mean(values, index, n):
    return _sums(values, index, n)


@wrong("mean of all", says="that is the mean over all atoms of all molecules")
def scatter_mean(values, index, n):
    return values.mean(0).expand(n, -1)


@wrong("mean size", says="divided by the mean size; each molecule has its own")
def scatter_mean(values, index, n):
    return _sums(values, index, n) / (len(index) / n)


@wrong("padded", says="divided by the largest size: that is padding")
def scatter_mean(values, index, n):
    return _sums(values, index, n) / index.bincount().max()


@wrong("all atoms", says="divided by the number of all atoms")
def scatter_mean(values, index, n):
    return _sums(values, index, n) / len(index)


@wrong("plus one", says="divided by one more than the number of atoms")
def scatter_mean(values, index, n):
    return _sums(values, index, n) / (torch.bincount(index, minlength=n) + 1)[:, None]


@wrong("overwrites", says="`out[index] = values` overwrites")
def scatter_mean(values, index, n):
    out = torch.zeros(n, values.shape[1])
    for k, row in zip(index.tolist(), values, strict=True):
        out[k] = row
    return out


@wrong("adds once", says="`out[index] += values` adds once for each molecule")
def scatter_mean(values, index, n):
    out = torch.zeros(n, values.shape[1])
    for k, row in zip(index.tolist(), values, strict=True):
        out[k] = row
    return out / torch.bincount(index, minlength=n)[:, None]


@wrong("one stretch", says="are the atoms of a molecule taken from one stretch of the list?")
def scatter_mean(values, index, n):
    parts = values.split(index.bincount(minlength=n).tolist())
    return torch.stack([part.mean(0) for part in parts])


@wrong("0/0", says="for a molecule without atoms it gives nan, expected 0: 0/0")
def scatter_mean(values, index, n):
    return _sums(values, index, n) / torch.bincount(index, minlength=n)[:, None]


@wrong("one row for each atom", says="it returned the shape (8, 3), expected (3, 3)")
def scatter_mean(values, index, n):
    return (_sums(values, index, n) / torch.bincount(index, minlength=n)[:, None])[index]


@right("a loop over molecules")
def scatter_mean(values, index, n):
    out = torch.zeros(n, values.shape[1])
    for k in range(n):
        if (index == k).any():
            out[k] = values[index == k].mean(0)
    return out


@right("scatter_reduce")
def scatter_mean(values, index, n):
    out = torch.zeros(n, values.shape[1], dtype=values.dtype)
    where = index[:, None].expand_as(values)
    return out.scatter_reduce(0, where, values, "mean", include_self=False)


@right("one-hot matrix, float64")
def scatter_mean(values, index, n):
    belongs = (index[None] == torch.arange(n)[:, None]).double()
    return belongs @ values.double() / belongs.sum(1, keepdim=True).clamp(min=1)


# ------------------------------------------------------------------------------ remove_mean


def _mean(x, index, n):
    return _sums(x, index, n) / torch.bincount(index, minlength=n)[:, None]


@wrong("mean of all", says="the mean of all atoms is taken off; each molecule has its own")
def remove_mean(x, index, n):
    return x - x.mean(0)


@wrong("sum", says="the sum is taken off, not the mean")
def remove_mean(x, index, n):
    return x - _sums(x, index, n)[index]


@wrong("added", says="the mean is added; take it off")
def remove_mean(x, index, n):
    return x + _mean(x, index, n)[index]


@wrong("the mean itself", says="that is the mean itself")
def remove_mean(x, index, n):
    return _mean(x, index, n)[index]


@wrong("wrong axis", says="the mean is over x, y and z of each atom; it belongs over the atoms")
def remove_mean(x, index, n):
    return x - x.mean(1, keepdim=True)


@wrong("one number", says="one mean for x, y and z together; the centre is a point")
def remove_mean(x, index, n):
    return x - _mean(x, index, n).mean(1, keepdim=True)[index]


@wrong("first atom", says="the first atom is put into the origin, not the centre")
def remove_mean(x, index, n):
    first = torch.stack([x[index == k][0] for k in range(n)])
    return x - first[index]


@wrong("nothing", says="nothing is taken off")
def remove_mean(x, index, n):
    return x


@wrong("one row for each molecule", says="it returned the shape (3, 3), expected (8, 3)")
def remove_mean(x, index, n):
    return _mean(x, index, n)


@right("a loop, in place on a copy")
def remove_mean(x, index, n):
    x = x.clone()
    for k in range(n):
        x[index == k] -= x[index == k].mean(0)
    return x


@right("a projection matrix")
def remove_mean(x, index, n):
    same = (index[:, None] == index[None]).double()
    return x.double() - (same / same.sum(1, keepdim=True)) @ x.double()


# ------------------------------------------------------------------------------- egnn_layer


def _egnn(x, h, i, j, phi_e, phi_x, phi_h, told=None, over=None, sign=1):
    away = x[i] - x[j]
    d2 = away.square().sum(-1, keepdim=True)
    m = phi_e(h[i], h[j], d2 if told is None else told(x[i], x[j]))
    by = d2.sqrt() + 1 if over is None else over(d2)
    move = torch.zeros_like(x).index_add(0, i, sign * away / by * phi_x(m))
    heard = torch.zeros(len(x), m.shape[1]).index_add(0, i, m)
    return x + move, phi_h(h, heard)


@wrong("dot product", says="that is x_i · x_j, which depends on where the origin lies")
def egnn_layer(*args):
    return _egnn(*args, told=lambda p, q: (p * q).sum(-1, keepdim=True))


@wrong("own place", says="that is |x_i|²: absolute coordinates leak into the messages")
def egnn_layer(*args):
    return _egnn(*args, told=lambda p, q: p.square().sum(-1, keepdim=True))


@wrong("other's place", says="that is |x_j|²: absolute coordinates leak into the messages")
def egnn_layer(*args):
    return _egnn(*args, told=lambda p, q: q.square().sum(-1, keepdim=True))


@wrong("distance from the origin", says="that is |x_i|² + |x_j|², the distance from the origin")
def egnn_layer(*args):
    return _egnn(*args, told=lambda p, q: (p**2 + q**2).sum(-1, keepdim=True))


@wrong("one axis", says="that is x_i − x_j along one axis: it changes when the molecule turns")
def egnn_layer(*args):
    return _egnn(*args, told=lambda p, q: (p - q)[:, :1])


@wrong("no squares", says="the sum of the differences without their squares?")
def egnn_layer(*args):
    return _egnn(*args, told=lambda p, q: (p - q).sum(-1, keepdim=True))


@wrong("city blocks", says="the sum of |x_i − x_j| along the axes?")
def egnn_layer(*args):
    return _egnn(*args, told=lambda p, q: (p - q).abs().sum(-1, keepdim=True))


@wrong("distance", says="that is the distance; its square is wanted")
def egnn_layer(*args):
    return _egnn(*args, told=lambda p, q: (p - q).norm(dim=-1, keepdim=True))


@wrong("all three numbers", says="phi_e gets a d2 of shape (6, 3), expected (6, 1)")
def egnn_layer(*args):
    return _egnn(*args, told=lambda p, q: p - q)


@wrong("sign", says="x_j − x_i: the sign, or the order, of the difference")
def egnn_layer(*args):
    return _egnn(*args, sign=-1)


@wrong("no division", says="the division by d + 1 is missing")
def egnn_layer(*args):
    return _egnn(*args, over=lambda d2: 1)


@wrong("over d", says="divided by d; d + 1 keeps it finite where two points meet")
def egnn_layer(*args):
    return _egnn(*args, over=lambda d2: d2.sqrt())


@wrong("over d²", says="divided by d² + 1 instead of d + 1")
def egnn_layer(*args):
    return _egnn(*args, over=lambda d2: d2 + 1)


@wrong("move alone", says="that is the move alone; the new place is x plus it")
def egnn_layer(x, *args):
    place, h = _egnn(x, *args)
    return place - x, h


@wrong("not moved", says="they have not moved")
def egnn_layer(x, *args):
    return x, _egnn(x, *args)[1]


@wrong("features stay", says="they have not changed: phi_h makes the new ones")
def egnn_layer(x, h, *args):
    return _egnn(x, h, *args)[0], h


@wrong("mean", says="that is the mean of the messages; they are summed")
def egnn_layer(x, h, i, j, phi_e, phi_x, phi_h):
    away = x[i] - x[j]
    d2 = away.square().sum(-1, keepdim=True)
    m = phi_e(h[i], h[j], d2)
    move = torch.zeros_like(x).index_add(0, i, away / (d2.sqrt() + 1) * phi_x(m))
    many = torch.bincount(i, minlength=len(x))[:, None]
    return x + move, phi_h(h, torch.zeros(len(x), m.shape[1]).index_add(0, i, m) / many)


@wrong("summed at the sender", says="the messages are summed where they come from, at j")
def egnn_layer(x, h, i, j, phi_e, phi_x, phi_h):
    away = x[i] - x[j]
    d2 = away.square().sum(-1, keepdim=True)
    m = phi_e(h[i], h[j], d2)
    move = torch.zeros_like(x).index_add(0, i, away / (d2.sqrt() + 1) * phi_x(m))
    return x + move, phi_h(h, torch.zeros(len(x), m.shape[1]).index_add(0, j, m))


@wrong("moves at the sender", says="the moves are summed at j; it is i that hears")
def egnn_layer(x, h, i, j, phi_e, phi_x, phi_h):
    away = x[i] - x[j]
    d2 = away.square().sum(-1, keepdim=True)
    m = phi_e(h[i], h[j], d2)
    move = torch.zeros_like(x).index_add(0, j, away / (d2.sqrt() + 1) * phi_x(m))
    return x + move, phi_h(h, torch.zeros(len(x), m.shape[1]).index_add(0, i, m))


@wrong("places only", says="it returned a Tensor; needed is the pair (places, features)")
def egnn_layer(*args):
    return _egnn(*args)[0]


@right("a loop over the pairs")
def egnn_layer(x, h, i, j, phi_e, phi_x, phi_h):
    places, heard = x.clone(), 0
    for k in range(len(i)):
        a, b = int(i[k]), int(j[k])
        away = (x[a] - x[b])[None]
        m = phi_e(h[a][None], h[b][None], (away**2).sum(-1, keepdim=True))
        places[a] = places[a] + (away / (away.norm() + 1) * phi_x(m))[0]
        heard = heard + torch.eye(len(x))[a][:, None] * m
    return places, phi_h(h, heard)


# ------------------------------------------------------------------------- polynomial_gamma


def _alpha2(t, s):
    return (1 - 2 * s) * (1 - t**2) ** 2 + s


@wrong("swapped", says="the ends are swapped: that is log SNR, which falls")
def polynomial_gamma(t, s):
    a2 = _alpha2(t, s)
    return torch.log(a2 / (1 - a2))


@wrong("not squared", says="that is log(sigma/alpha); gamma has the squares")
def polynomial_gamma(t, s):
    a2 = _alpha2(t, s)
    return torch.log((1 - a2).sqrt() / a2.sqrt())


@wrong("no logarithm", says="that is the ratio sigma²/alpha² itself; take its logarithm")
def polynomial_gamma(t, s):
    a2 = _alpha2(t, s)
    return (1 - a2) / a2


@wrong("SNR", says="that is the SNR; take the logarithm of sigma²/alpha²")
def polynomial_gamma(t, s):
    a2 = _alpha2(t, s)
    return a2 / (1 - a2)


@wrong("clock", says="the clock is reversed: t = 0 is the data")
def polynomial_gamma(t, s):
    a2 = _alpha2(1 - t, s)
    return torch.log((1 - a2) / a2)


@wrong("square forgotten", says="1 − t² is not squared")
def polynomial_gamma(t, s):
    a2 = (1 - 2 * s) * (1 - t**2) + s
    return torch.log((1 - a2) / a2)


@wrong("(1 − t)²", says="(1 − t)² for (1 − t²)²: the square belongs to t")
def polynomial_gamma(t, s):
    a2 = (1 - 2 * s) * (1 - t) ** 2 + s
    return torch.log((1 - a2) / a2)


@wrong("base 10", says="the logarithm to base 10?")
def polynomial_gamma(t, s):
    a2 = _alpha2(t, s)
    return torch.log10((1 - a2) / a2)


@wrong("alpha²", says="that is alpha²")
def polynomial_gamma(t, s):
    return _alpha2(t, s)


@wrong("no precision", says="it returned nan or infinity")
def polynomial_gamma(t, s):
    a2 = (1 - t**2) ** 2
    return torch.log((1 - a2) / a2)


@right("minus logit")
def polynomial_gamma(t, s):
    return -torch.logit((1 - 2 * s) * (1 - t * t).square() + s)


# -------------------------------------------------------------------------------- back_step


def _parts(a_s, s_s, a_t, s_t):
    a = a_t / a_s
    return a, s_t**2 - a**2 * s_s**2


def _width(a_s, s_s, a_t, s_t):
    return _parts(a_s, s_s, a_t, s_t)[1] ** 0.5 * s_s / s_t


@wrong("claim", says="(z − ε)/a: the noise has a factor of its own, var/s_t")
def back_step(z, eps, a_s, s_s, a_t, s_t, noise):
    return (z - eps) * a_s / a_t + _width(a_s, s_s, a_t, s_t) * noise


@wrong("claim, to the data", says="(z − ε)/a_t: the noise has a factor of its own, var/s_t")
def back_step(z, eps, a_s, s_s, a_t, s_t, noise):
    return (z - eps) / a_t + _width(a_s, s_s, a_t, s_t) * noise


@wrong("to the data", says="that is x̂, all the way to the data")
def back_step(z, eps, a_s, s_s, a_t, s_t, noise):
    return (z - s_t * eps) / a_t


@wrong("DDIM", says="that is DDIM's step: all noise stays, only weaker")
def back_step(z, eps, a_s, s_s, a_t, s_t, noise):
    return a_s * (z - s_t * eps) / a_t + s_s * eps


@wrong("clean and new noise", says="that is a_s x̂; the noise that stays is missing")
def back_step(z, eps, a_s, s_s, a_t, s_t, noise):
    return a_s * (z - s_t * eps) / a_t + s_s * noise


@wrong("sign", says="the sign of ε")
def back_step(z, eps, a_s, s_s, a_t, s_t, noise):
    a, var = _parts(a_s, s_s, a_t, s_t)
    return z / a + var / (a * s_t) * eps + _width(a_s, s_s, a_t, s_t) * noise


@wrong("no 1/a", says="var/s_t is not divided by a")
def back_step(z, eps, a_s, s_s, a_t, s_t, noise):
    a, var = _parts(a_s, s_s, a_t, s_t)
    return z / a - var / s_t * eps + _width(a_s, s_s, a_t, s_t) * noise


@wrong("root of var", says="√var for var in front of ε")
def back_step(z, eps, a_s, s_s, a_t, s_t, noise):
    a, var = _parts(a_s, s_s, a_t, s_t)
    return z / a - var**0.5 / (a * s_t) * eps + _width(a_s, s_s, a_t, s_t) * noise


@wrong("times a", says="z is multiplied by a; going back it is divided")
def back_step(z, eps, a_s, s_s, a_t, s_t, noise):
    a, var = _parts(a_s, s_s, a_t, s_t)
    return z * a - var / (a * s_t) * eps + _width(a_s, s_s, a_t, s_t) * noise


@wrong("a² lost", says="var is s_t² − s_s²: the factor a² is missing")
def back_step(z, eps, a_s, s_s, a_t, s_t, noise):
    a, var = a_t / a_s, s_t**2 - s_s**2
    return z / a - var / (a * s_t) * eps + var**0.5 * s_s / s_t * noise


@wrong("too wide", says="that is √var: z_t is known, so less is open, by s_s/s_t")
def back_step(z, eps, a_s, s_s, a_t, s_t, noise):
    a, var = _parts(a_s, s_s, a_t, s_t)
    return z / a - var / (a * s_t) * eps + var**0.5 * noise


@wrong("s_s as width", says="that is s_s, all the noise at s")
def back_step(z, eps, a_s, s_s, a_t, s_t, noise):
    a, var = _parts(a_s, s_s, a_t, s_t)
    return z / a - var / (a * s_t) * eps + s_s * noise


@wrong("variance as width", says="the square: width for variance")
def back_step(z, eps, a_s, s_s, a_t, s_t, noise):
    a, var = _parts(a_s, s_s, a_t, s_t)
    return z / a - var / (a * s_t) * eps + _width(a_s, s_s, a_t, s_t) ** 2 * noise


@wrong("no noise", says="the fresh noise is missing")
def back_step(z, eps, a_s, s_s, a_t, s_t, noise):
    a, var = _parts(a_s, s_s, a_t, s_t)
    return z / a - var / (a * s_t) * eps


@right("with x̂, as a mean of two")
def back_step(z, eps, a_s, s_s, a_t, s_t, noise):
    x = (z - s_t * eps) / a_t
    a, var = _parts(a_s, s_s, a_t, s_t)
    mean = (a * s_s**2 * z + a_s * var * x) / s_t**2
    return mean + _width(a_s, s_s, a_t, s_t) * noise


# --------------------------------------------------------------------------- write_fragment


@wrong("clean", says="the known atoms are clean among noisy ones")
def write_fragment(z, fragment, which, a_s, s_s, noise):
    return torch.where(which[:, None], fragment, z)


@wrong("no noise", says="the known atoms are shrunk by a_s and have no noise")
def write_fragment(z, fragment, which, a_s, s_s, noise):
    return torch.where(which[:, None], a_s * fragment, z)


@wrong("not shrunk", says="the known atoms have noise and are not shrunk by a_s")
def write_fragment(z, fragment, which, a_s, s_s, noise):
    return torch.where(which[:, None], fragment + s_s * noise, z)


@wrong("scales swapped", says="a_s and s_s are swapped")
def write_fragment(z, fragment, which, a_s, s_s, noise):
    return torch.where(which[:, None], s_s * fragment + a_s * noise, z)


@wrong("turned round", says="which is turned round: the new atoms were overwritten")
def write_fragment(z, fragment, which, a_s, s_s, noise):
    return torch.where(which[:, None], z, a_s * fragment + s_s * noise)


@wrong("all", says="all atoms were overwritten, the new ones too")
def write_fragment(z, fragment, which, a_s, s_s, noise):
    return a_s * fragment + s_s * noise


@wrong("added", says="known and new are added up; they replace each other")
def write_fragment(z, fragment, which, a_s, s_s, noise):
    return z + which[:, None] * (a_s * fragment + s_s * noise)


@wrong("variance", says="the known atoms have the noise s_s²")
def write_fragment(z, fragment, which, a_s, s_s, noise):
    return torch.where(which[:, None], a_s * fragment + s_s**2 * noise, z)


@wrong("nothing", says="nothing was put in")
def write_fragment(z, fragment, which, a_s, s_s, noise):
    return z


@wrong("in place", says="it changes x itself")
def write_fragment(z, fragment, which, a_s, s_s, noise):
    z[which] = (a_s * fragment + s_s * noise)[which]
    return z


@right("by indexing a copy")
def write_fragment(z, fragment, which, a_s, s_s, noise):
    z = z.clone()
    z[which] = a_s * fragment[which] + s_s * noise[which]
    return z


# ---------------------------------------------------------------------------------- lj_loss


def _energy(d, r_min):
    return (r_min / d) ** 12 - 2 * (r_min / d) ** 6


@wrong("weight turned round: zero", says="the weight is zero at the data: it is turned round")
def lj_loss(d, r_min, t, largest):
    return largest * t * _energy(d, r_min).clamp(max=3)


@wrong("weight constant", says="the weight does not depend on t")
def lj_loss(d, r_min, t, largest):
    return largest * _energy(d, r_min).clamp(max=3)


@wrong("weight squared", says="the weight falls like (1 − t)²; a straight line is wanted")
def lj_loss(d, r_min, t, largest):
    return largest * (1 - t) ** 2 * _energy(d, r_min).clamp(max=3)


@wrong("no largest", says="largest is missing in the weight")
def lj_loss(d, r_min, t, largest):
    return (1 - t) * _energy(d, r_min).clamp(max=3)


@wrong("σ for r_min", says="there r is where the energy is zero, here it is where it is least")
def lj_loss(d, r_min, t, largest):
    q = (r_min / d) ** 6
    return largest * (1 - t) * (4 * (q**2 - q)).clamp(max=3)


@wrong("no 2", says="the factor 2 of the attraction is missing")
def lj_loss(d, r_min, t, largest):
    q = (r_min / d) ** 6
    return largest * (1 - t) * (q**2 - q).clamp(max=3)


@wrong("sign", says="the sign: bonds would be pushed apart")
def lj_loss(d, r_min, t, largest):
    return -largest * (1 - t) * _energy(d, r_min).clamp(max=3)


@wrong("twice", says="each pair counts twice")
def lj_loss(d, r_min, t, largest):
    return 2 * largest * (1 - t) * _energy(d, r_min).clamp(max=3)


@wrong("cut from below", says="cut from below at zero; it is cut from above at 3")
def lj_loss(d, r_min, t, largest):
    return largest * (1 - t) * _energy(d, r_min).clamp(min=0)


@wrong("not cut", says="it is not cut: one overlap outweighs everything")
def lj_loss(d, r_min, t, largest):
    return largest * (1 - t) * _energy(d, r_min)


@wrong("repulsion only", says="the repulsion alone; attraction is missing")
def lj_loss(d, r_min, t, largest):
    return largest * (1 - t) * ((r_min / d) ** 12).clamp(max=3)


@wrong("swapped", says="r_min and d are swapped")
def lj_loss(d, r_min, t, largest):
    return largest * (1 - t) * _energy(r_min, d).clamp(max=3)


@right("minimum of two, as a square")
def lj_loss(d, r_min, t, largest):
    energy = ((r_min / d) ** 6 - 1) ** 2 - 1
    return (largest - largest * t) * torch.minimum(energy, torch.tensor(3.0))


# ------------------------------------------------------------------------------- clip_limit


def _std(x):
    x = torch.tensor(x, dtype=torch.float64)
    return float(x.std(correction=0))


@wrong("all norms", says="all norms count; only the last 50 do")
def clip_limit(norms):
    return 1.5 * sum(norms) / len(norms) + 2 * _std(norms)


@wrong("first 50", says="the first 50 count; the last do")
def clip_limit(norms):
    norms = norms[:50]
    return 1.5 * sum(norms) / len(norms) + 2 * _std(norms)


@wrong("swapped", says="1.5 standard deviations and 2 means: they are swapped")
def clip_limit(norms):
    norms = norms[-50:]
    return 2 * sum(norms) / len(norms) + 1.5 * _std(norms)


@wrong("no deviation", says="the standard deviation is missing")
def clip_limit(norms):
    norms = norms[-50:]
    return 1.5 * sum(norms) / len(norms)


@wrong("sample deviation", says="divided by 49: the standard deviation is that of these numbers")
def clip_limit(norms):
    last = torch.tensor(norms[-50:])
    return float(1.5 * last.mean() + 2 * last.std())


@wrong("the last one", says="the last one counts alone")
def clip_limit(norms):
    return 1.5 * norms[-1]


@wrong("variance", says="the variance for the standard deviation")
def clip_limit(norms):
    norms = norms[-50:]
    return 1.5 * sum(norms) / len(norms) + 2 * _std(norms) ** 2


@wrong("one deviation", says="one standard deviation, not two")
def clip_limit(norms):
    norms = norms[-50:]
    return 1.5 * sum(norms) / len(norms) + _std(norms)


@wrong("nothing comes back", says="it returned nothing")
def clip_limit(norms):
    sum(norms[-50:])


@right("by hand, without torch")
def clip_limit(norms):
    last = norms[max(0, len(norms) - 50) :]
    mean = sum(last) / len(last)
    return 1.5 * mean + 2 * math.sqrt(sum((v - mean) ** 2 for v in last) / len(last))
