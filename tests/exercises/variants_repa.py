"""Chapter 06: what readers write, wrong and right."""

# A reader may define one name again and again; so does this file.
# ruff: noqa: F811

import torch
from torch.nn.functional import cosine_similarity, mse_loss, normalize
from variants import right, wrong

# -------------------------------------------------------------------------- cosine_per_atom


@wrong("dot product", says="the dot product alone, not divided by the lengths")
def cosine_per_atom(a, b):
    return (a * b).sum(-1)


@wrong("over the atoms", says="the sum runs over the features, the last axis, not over the atoms")
def cosine_per_atom(a, b):
    return cosine_similarity(a, b, dim=1)


@wrong("one for each crystal", says="one number for each crystal; every atom has its own")
def cosine_per_atom(a, b):
    return cosine_similarity(a.flatten(1), b.flatten(1), dim=-1)


@wrong("mean of all", says="it returned one number; every atom has a cosine of its own")
def cosine_per_atom(a, b):
    return cosine_similarity(a, b, dim=-1).mean()


@wrong("zero over zero", says="the atom of zeros gives nan")
def cosine_per_atom(a, b):
    return (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1))


@wrong("one length", says="divided by the length of a only")
def cosine_per_atom(a, b):
    return (a * b).sum(-1) / a.norm(dim=-1).clamp(min=1e-12)


@wrong("squared lengths", says="divided by the squares of the lengths")
def cosine_per_atom(a, b):
    lengths = a.square().sum(-1) * b.square().sum(-1)
    return (a * b).sum(-1) / lengths.clamp(min=1e-12)


@wrong("a distance", says="that is 1 − cosine")
def cosine_per_atom(a, b):
    return 1 - cosine_similarity(a, b, dim=-1)


@wrong("magnitude", says="the sign is lost: opposite directions have the cosine −1")
def cosine_per_atom(a, b):
    return cosine_similarity(a, b, dim=-1).abs()


@right("library call")
def cosine_per_atom(a, b):
    return cosine_similarity(a, b, dim=-1)


@right("unit vectors, einsum, float64")
def cosine_per_atom(a, b):
    return torch.einsum("bnf,bnf->bn", normalize(a.double(), dim=-1), normalize(b.double(), dim=-1))


# ----------------------------------------------------------------------------- linear_probe


def solved(z, c, penalty):
    return torch.linalg.solve(z.T @ z + penalty * torch.eye(z.shape[1]), z.T @ c)


@wrong("not centred", says="x and y are not centred")
def linear_probe(x, y, penalty):
    weight = solved(x, y, penalty)
    return weight, (y - x @ weight).mean(0)


@wrong("only y centred", says="only y is centred; x has a mean as well")
def linear_probe(x, y, penalty):
    return solved(x, y - y.mean(0), penalty), y.mean(0)


@wrong("no penalty", says="the penalty is missing")
def linear_probe(x, y, penalty):
    weight = solved(x - x.mean(0), y - y.mean(0), 0.0)
    return weight, y.mean(0) - x.mean(0) @ weight


@wrong("penalty squared", says="the penalty enters squared")
def linear_probe(x, y, penalty):
    weight = solved(x - x.mean(0), y - y.mean(0), penalty**2)
    return weight, y.mean(0) - x.mean(0) @ weight


@wrong("penalty times n", says="the penalty is multiplied by the number of atoms")
def linear_probe(x, y, penalty):
    weight = solved(x - x.mean(0), y - y.mean(0), penalty * len(x))
    return weight, y.mean(0) - x.mean(0) @ weight


@wrong("penalty on every entry", says="added to every entry, not to the diagonal")
def linear_probe(x, y, penalty):
    z, c = x - x.mean(0), y - y.mean(0)
    weight = torch.linalg.solve(z.T @ z + penalty, z.T @ c)
    return weight, y.mean(0) - x.mean(0) @ weight


@wrong("bias is the mean", says="ȳ alone: that is right only if x has mean zero")
def linear_probe(x, y, penalty):
    return solved(x - x.mean(0), y - y.mean(0), penalty), y.mean(0)


@wrong("bias sign", says="the part x̄ weight has the wrong sign")
def linear_probe(x, y, penalty):
    weight = solved(x - x.mean(0), y - y.mean(0), penalty)
    return weight, y.mean(0) + x.mean(0) @ weight


@wrong("transposed", says="expected (3, 2): transposed")
def linear_probe(x, y, penalty):
    weight = solved(x - x.mean(0), y - y.mean(0), penalty)
    return weight.T, y.mean(0) - x.mean(0) @ weight


@wrong("weight only", says="needed is the pair (weight, bias)")
def linear_probe(x, y, penalty):
    return solved(x - x.mean(0), y - y.mean(0), penalty)


@right("gradient descent's end, by extra rows")
def linear_probe(x, y, penalty):
    x, y = x.double(), y.double()
    n, f = x.shape
    top = torch.cat([x, torch.ones(n, 1).double()], 1)
    low = torch.cat([penalty**0.5 * torch.eye(f), torch.zeros(f, 1)], 1).double()
    found = torch.linalg.lstsq(torch.cat([top, low]), torch.cat([y, torch.zeros(f, y.shape[1])]))
    return found.solution[:f], found.solution[f]


@right("the dual form")
def linear_probe(x, y, penalty):
    z, c = x - x.mean(0), y - y.mean(0)
    weight = z.T @ torch.linalg.solve(z @ z.T + penalty * torch.eye(len(z)), c)
    return weight, y.mean(0) - x.mean(0) @ weight


# --------------------------------------------------------------------------- retrieval_rate


@wrong("dot product", says="the dot product: long rows win")
def retrieval_rate(query, library):
    return ((query @ library.T).argmax(1) == torch.arange(len(query))).float().mean()


@wrong("distances", says="distances instead of cosines")
def retrieval_rate(query, library):
    nearest = torch.cdist(query, library).argmin(1)
    return (nearest == torch.arange(len(query))).float().mean()


@wrong("least similar", says="the least similar row is taken")
def retrieval_rate(query, library):
    cosine = normalize(query, dim=1) @ normalize(library, dim=1).T
    return (cosine.argmin(1) == torch.arange(len(query))).float().mean()


@wrong("count", says="a number of queries; needed is their share")
def retrieval_rate(query, library):
    cosine = normalize(query, dim=1) @ normalize(library, dim=1).T
    return (cosine.argmax(1) == torch.arange(len(query))).float().sum()


@wrong("percent", says="in percent; needed is a share between 0 and 1")
def retrieval_rate(query, library):
    cosine = normalize(query, dim=1) @ normalize(library, dim=1).T
    return 100 * (cosine.argmax(1) == torch.arange(len(query))).float().mean()


@wrong("mean cosine", says="the mean cosine with its own row")
def retrieval_rate(query, library):
    return cosine_similarity(query, library, dim=1).mean()


@wrong("list of answers", says="it returned one answer for each query")
def retrieval_rate(query, library):
    cosine = normalize(query, dim=1) @ normalize(library, dim=1).T
    return cosine.argmax(1) == torch.arange(len(query))


@wrong("misses", says="the share that miss")
def retrieval_rate(query, library):
    cosine = normalize(query, dim=1) @ normalize(library, dim=1).T
    return (cosine.argmax(1) != torch.arange(len(query))).float().mean()


@right("one query at a time, a plain number")
def retrieval_rate(query, library):
    hits = 0
    for i in range(len(query)):
        hits += int(cosine_similarity(query[i : i + 1], library, dim=1).argmax()) == i
    return hits / len(query)


@right("distances of unit vectors")
def retrieval_rate(query, library):
    away = torch.cdist(normalize(query, dim=1), normalize(library, dim=1))
    return (away.argmin(1) == torch.arange(len(query))).double().mean()


# ------------------------------------------------------------------------------ time_window


@wrong("one inside", says="1 inside: then a narrow window aligns less in all")
def time_window(t, low, high):
    return ((t >= low) & (t < high)).to(t.dtype)


@wrong("times the width", says="multiplied by the width; divide")
def time_window(t, low, high):
    return ((t >= low) & (t < high)).to(t.dtype) * (high - low)


@wrong("clock reversed", says="the clock is reversed: t = 0 is data")
def time_window(t, low, high):
    return ((1 - t >= low) & (1 - t < high)).to(t.dtype) / (high - low)


@wrong("outside", says="that is the outside of the window")
def time_window(t, low, high):
    return ((t < low) | (t >= high)).to(t.dtype) / (high - low)


@wrong("true and false", says="it returned true and false; weights are numbers")
def time_window(t, low, high):
    return (t >= low) & (t < high)


@wrong("mean of the batch", says="divided by the mean of this batch")
def time_window(t, low, high):
    inside = ((t >= low) & (t < high)).to(t.dtype)
    return inside / inside.mean()


@wrong("one side", says="open on one side: t < high only")
def time_window(t, low, high):
    return (t < high).to(t.dtype) / (high - low)


@right("torch.where, float64")
def time_window(t, low, high):
    t = t.double()
    return torch.where((t >= low) & (t < high), 1 / (high - low), 0.0)


@right("a product of two steps")
def time_window(t, low, high):
    return (t >= low).float() * (high > t).float() / (high - low)


# -------------------------------------------------------------------------------- repa_loss


@wrong("gradient into the encoder", says="the gradient in the teacher has the size")
def repa_loss(hidden, projector, encode, clean, noisy, mask):
    cosine = cosine_similarity(projector(hidden), encode(clean), dim=-1)
    return 1 - (cosine * mask).sum(1) / mask.sum(1)


@wrong("no projector", says="the widths do not fit, 3 against 4")
def repa_loss(hidden, projector, encode, clean, noisy, mask):
    cosine = cosine_similarity(hidden, encode(clean).detach(), dim=-1)
    return 1 - (cosine * mask).sum(1) / mask.sum(1)


@wrong("no projector: cut to one width", says="the projector is not used")
def repa_loss(hidden, projector, encode, clean, noisy, mask):
    cosine = cosine_similarity(hidden, encode(clean).detach()[..., :3], dim=-1)
    return 1 - (cosine * mask).sum(1) / mask.sum(1)


@wrong("mean squared error", says="a mean squared error: it depends on the size of the features")
def repa_loss(hidden, projector, encode, clean, noisy, mask):
    off = mse_loss(projector(hidden), encode(clean).detach(), reduction="none").mean(-1)
    return (off * mask).sum(1) / mask.sum(1)


@wrong("noisy input", says="the teacher is shown the noisy crystals")
def repa_loss(hidden, projector, encode, clean, noisy, mask):
    cosine = cosine_similarity(projector(hidden), encode(noisy).detach(), dim=-1)
    return 1 - (cosine * mask).sum(1) / mask.sum(1)


@wrong("sign", says="the sign: that is the cosine itself")
def repa_loss(hidden, projector, encode, clean, noisy, mask):
    cosine = cosine_similarity(projector(hidden), encode(clean).detach(), dim=-1)
    return (cosine * mask).sum(1) / mask.sum(1)


@wrong("without the one", says="minus the cosine, without the 1")
def repa_loss(hidden, projector, encode, clean, noisy, mask):
    cosine = cosine_similarity(projector(hidden), encode(clean).detach(), dim=-1)
    return -(cosine * mask).sum(1) / mask.sum(1)


@wrong("padding counts", says="padding counts: the mean runs over all N places")
def repa_loss(hidden, projector, encode, clean, noisy, mask):
    return 1 - cosine_similarity(projector(hidden), encode(clean).detach(), dim=-1).mean(1)


@wrong("padding in the count", says="padding counts in the number of atoms")
def repa_loss(hidden, projector, encode, clean, noisy, mask):
    cosine = cosine_similarity(projector(hidden), encode(clean).detach(), dim=-1)
    return 1 - (cosine * mask).mean(1)


@wrong("one number", says="it returned one number; every crystal has a loss of its own")
def repa_loss(hidden, projector, encode, clean, noisy, mask):
    cosine = cosine_similarity(projector(hidden), encode(clean).detach(), dim=-1)
    return 1 - (cosine * mask).sum() / mask.sum()


@wrong("all detached", says="the loss knows no gradient")
def repa_loss(hidden, projector, encode, clean, noisy, mask):
    with torch.no_grad():
        cosine = cosine_similarity(projector(hidden), encode(clean), dim=-1)
        return 1 - (cosine * mask).sum(1) / mask.sum(1)


@wrong("student detached", says="no gradient reaches the hidden layer")
def repa_loss(hidden, projector, encode, clean, noisy, mask):
    cosine = cosine_similarity(projector(hidden.detach()), encode(clean).detach(), dim=-1)
    return 1 - (cosine * mask).sum(1) / mask.sum(1)


@wrong("flattened", says="all atoms as one long vector")
def repa_loss(hidden, projector, encode, clean, noisy, mask):
    real = mask[..., None]
    said, target = projector(hidden) * real, encode(clean).detach() * real
    return 1 - cosine_similarity(said.flatten(1), target.flatten(1), dim=-1)


@right("no_grad, crystal by crystal")
def repa_loss(hidden, projector, encode, clean, noisy, mask):
    with torch.no_grad():
        target = encode(clean)
    said = projector(hidden)
    each = [
        1 - cosine_similarity(p[m], f[m], dim=-1).mean()
        for p, f, m in zip(said, target, mask, strict=True)
    ]
    return torch.stack(each)


@right("half the squared distance of unit vectors")
def repa_loss(hidden, projector, encode, clean, noisy, mask):
    said = normalize(projector(hidden), dim=-1)
    target = normalize(encode(clean).detach(), dim=-1)
    half = (said - target).square().sum(-1) / 2
    return (half * mask).sum(1) / mask.sum(1)
