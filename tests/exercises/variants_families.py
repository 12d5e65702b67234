"""Chapter 03: what readers write, wrong and right."""

# A reader may define one name again and again; so does this file.
# ruff: noqa: F811

import torch
from variants import right, wrong

# ---------------------------------------------------------------------------------- perturb


@wrong("no roots at all", says="the √ is missing?")
def perturb(x0, eps, alpha_bar):
    return alpha_bar * x0 + (1 - alpha_bar) * eps


@wrong("swapped", says="data and noise are swapped?")
def perturb(x0, eps, alpha_bar):
    return (1 - alpha_bar) ** 0.5 * x0 + alpha_bar**0.5 * eps


@wrong("one minus the root", says="1 − √ᾱ for √(1 − ᾱ)?")
def perturb(x0, eps, alpha_bar):
    return alpha_bar**0.5 * x0 + (1 - alpha_bar**0.5) * eps


@wrong("noise unscaled", says="the noise is not scaled?")
def perturb(x0, eps, alpha_bar):
    return alpha_bar**0.5 * x0 + eps


@wrong(
    "no noise", says="the factor of the noise is 0.000, expected 0.316 (ᾱ = 0.9): it is missing?"
)
def perturb(x0, eps, alpha_bar):
    return alpha_bar**0.5 * x0


@wrong("swapped without roots", says="swapped, and the √ is missing?")
def perturb(x0, eps, alpha_bar):
    return (1 - alpha_bar) * x0 + alpha_bar * eps


@wrong("root of the noise missing", says="the factor of the noise is 0.100, expected 0.316")
def perturb(x0, eps, alpha_bar):
    return alpha_bar**0.5 * x0 + (1 - alpha_bar) * eps


@right("in place")
def perturb(x0, eps, alpha_bar):
    x0 *= alpha_bar.sqrt()
    return x0.addcmul_(eps, torch.sqrt(1 - alpha_bar))


@right("float64")
def perturb(x0, eps, alpha_bar):
    a = alpha_bar.double()
    return a.sqrt() * x0.double() + (1 - a).sqrt() * eps.double()


# ------------------------------------------------------------------------------- dsm_target


@wrong("sign", says="the sign: a score points from the noisy point back to the data")
def dsm_target(x, x0, sigma):
    return (x - x0) / sigma**2


@wrong("sigma for its square", says="σ for σ²?")
def dsm_target(x, x0, sigma):
    return (x0 - x) / sigma


@wrong("the noise", says="That is the noise ε, not a score")
def dsm_target(x, x0, sigma):
    return (x - x0) / sigma


@wrong("not divided", says="it is not divided by σ²?")
def dsm_target(x, x0, sigma):
    return x0 - x


@wrong("multiplied", says="multiplied by σ² instead of divided?")
def dsm_target(x, x0, sigma):
    return (x0 - x) * sigma**2


@wrong("data forgotten", says="the data point is missing?")
def dsm_target(x, x0, sigma):
    return -x / sigma**2


@wrong("half", says="a factor ½ too many")
def dsm_target(x, x0, sigma):
    return (x0 - x) / (2 * sigma**2)


@right("by differentiation")
def dsm_target(x, x0, sigma):
    x = x.clone().requires_grad_()
    log_density = -((x - x0) ** 2) / (2 * sigma**2)
    return torch.autograd.grad(log_density.sum(), x)[0]


# --------------------------------------------------------------------------------- dsm_loss


@wrong("sign of the target", says="the sign of the target?")
def dsm_loss(score, x0, sigma):
    eps = torch.randn_like(x0)
    x = x0 + sigma * eps
    return (sigma**2 * (score(x, sigma) - eps / sigma) ** 2).mean()


@wrong("unweighted", says="the weight σ² is missing?")
def dsm_loss(score, x0, sigma):
    eps = torch.randn_like(x0)
    return ((score(x0 + sigma * eps, sigma) + eps / sigma) ** 2).mean()


@wrong("weight sigma", says="σ for the weight σ²?")
def dsm_loss(score, x0, sigma):
    eps = torch.randn_like(x0)
    return (sigma * (score(x0 + sigma * eps, sigma) + eps / sigma) ** 2).mean()


@wrong("summed over dimensions", says="summed over dimensions; take the mean")
def dsm_loss(score, x0, sigma):
    eps = torch.randn_like(x0)
    return (sigma**2 * (score(x0 + sigma * eps, sigma) + eps / sigma) ** 2).sum(1).mean()


@wrong("not reduced", says="take the mean")
def dsm_loss(score, x0, sigma):
    eps = torch.randn_like(x0)
    return sigma**2 * (score(x0 + sigma * eps, sigma) + eps / sigma) ** 2


@wrong("half", says="a factor ½ too many")
def dsm_loss(score, x0, sigma):
    eps = torch.randn_like(x0)
    return 0.5 * (sigma**2 * (score(x0 + sigma * eps, sigma) + eps / sigma) ** 2).mean()


@wrong("a plain number", says="a plain number; training needs a tensor")
def dsm_loss(score, x0, sigma):
    eps = torch.randn_like(x0)
    return (sigma * score(x0 + sigma * eps, sigma) + eps).square().mean().item()


@right("as an error of the noise")
def dsm_loss(score, x0, sigma):
    eps = torch.randn_like(x0)
    return (sigma * score(x0 + sigma * eps, sigma) + eps).square().mean()


# ------------------------------------------------------------------- annealed_langevin_step


def _size(sigmas, i, step):
    return step * (sigmas[i] / sigmas[-1]) ** 2


@wrong("two missing", says="the 2 is missing in √(2h)?")
def annealed_langevin_step(score, x, sigmas, i, step):
    h = _size(sigmas, i, step)
    return x + h * score(x, sigmas[i]) + h**0.5 * torch.randn_like(x)


@wrong("root missing", says="the √ is missing?")
def annealed_langevin_step(score, x, sigmas, i, step):
    h = _size(sigmas, i, step)
    return x + h * score(x, sigmas[i]) + 2 * h * torch.randn_like(x)


@wrong("levels reversed", says="levels in the wrong order? sigmas[0] is the largest")
def annealed_langevin_step(score, x, sigmas, i, step):
    sigmas = sigmas.flip(0)
    h = _size(sigmas, i, step)
    return x + h * score(x, sigmas[i]) + (2 * h) ** 0.5 * torch.randn_like(x)


@wrong("same step at all levels", says="h is `step` at every level; it should grow like σ²")
def annealed_langevin_step(score, x, sigmas, i, step):
    return x + step * score(x, sigmas[i]) + (2 * step) ** 0.5 * torch.randn_like(x)


@wrong("ratio upside down", says="the ratio of the levels is upside down?")
def annealed_langevin_step(score, x, sigmas, i, step):
    h = step * (sigmas[-1] / sigmas[i]) ** 2
    return x + h * score(x, sigmas[i]) + (2 * h) ** 0.5 * torch.randn_like(x)


@wrong("ratio not squared", says="the ratio is not squared?")
def annealed_langevin_step(score, x, sigmas, i, step):
    h = step * sigmas[i] / sigmas[-1]
    return x + h * score(x, sigmas[i]) + (2 * h) ** 0.5 * torch.randn_like(x)


@wrong("sign", says="the sign? The score points uphill")
def annealed_langevin_step(score, x, sigmas, i, step):
    h = _size(sigmas, i, step)
    return x - h * score(x, sigmas[i]) + (2 * h) ** 0.5 * torch.randn_like(x)


@wrong("shared kick", says="all particles get the same kick")
def annealed_langevin_step(score, x, sigmas, i, step):
    h = _size(sigmas, i, step)
    return x + h * score(x, sigmas[i]) + (2 * h) ** 0.5 * torch.randn(2)


@right("in place, float64")
def annealed_langevin_step(score, x, sigmas, i, step):
    h = step * float(sigmas[i]) ** 2 / float(sigmas[-1]) ** 2
    pull = score(x, sigmas[i]).double()
    x = x.double()
    x += h * pull
    x += torch.randn_like(x).mul_((2 * h) ** 0.5)
    return x


# -------------------------------------------------------------------------------- ddpm_loss


def _noisy(x0, t, alpha_bars):
    a = alpha_bars[t].reshape(-1, 1)
    eps = torch.randn_like(x0)
    return a**0.5 * x0 + (1 - a) ** 0.5 * eps, eps


@wrong("one time for the batch", says="one time for the whole batch")
def ddpm_loss(net, x0, alpha_bars):
    t = torch.randint(len(alpha_bars), (1,)).expand(len(x0))
    x, eps = _noisy(x0, t, alpha_bars)
    return ((net(x, t) - eps) ** 2).mean()


@wrong("a time without a batch axis", says="the network gets times of shape ()")
def ddpm_loss(net, x0, alpha_bars):
    t = torch.randint(len(alpha_bars), ())
    x, eps = _noisy(x0, t, alpha_bars)
    return ((net(x, t) - eps) ** 2).mean()


@wrong("target is the data", says="the target is x0, not the noise?")
def ddpm_loss(net, x0, alpha_bars):
    t = torch.randint(len(alpha_bars), (len(x0),))
    x, _ = _noisy(x0, t, alpha_bars)
    return ((net(x, t) - x0) ** 2).mean()


@wrong("noise drawn twice", says="noise is drawn twice, once for x_t and once for the target?")
def ddpm_loss(net, x0, alpha_bars):
    t = torch.randint(len(alpha_bars), (len(x0),))
    x, _ = _noisy(x0, t, alpha_bars)
    return ((net(x, t) - torch.randn_like(x0)) ** 2).mean()


@wrong("no roots", says="ᾱ for √ᾱ in front of the data?")
def ddpm_loss(net, x0, alpha_bars):
    t = torch.randint(len(alpha_bars), (len(x0),))
    a = alpha_bars[t][:, None]
    eps = torch.randn_like(x0)
    return ((net(a * x0 + (1 - a) * eps, t) - eps) ** 2).mean()


@wrong("fractional times", says="the times are fractions")
def ddpm_loss(net, x0, alpha_bars):
    t = torch.randint(len(alpha_bars), (len(x0),))
    x, eps = _noisy(x0, t, alpha_bars)
    return ((net(x, t / len(alpha_bars)) - eps) ** 2).mean()


@wrong("last time never drawn", says="t = T−1 is never drawn?")
def ddpm_loss(net, x0, alpha_bars):
    t = torch.randint(len(alpha_bars) - 1, (len(x0),))
    x, eps = _noisy(x0, t, alpha_bars)
    return ((net(x, t) - eps) ** 2).mean()


@right("torch's own loss")
def ddpm_loss(net, x0, alpha_bars):
    t = (torch.rand(len(x0)) * len(alpha_bars)).long()
    x, eps = _noisy(x0, t, alpha_bars)
    return torch.nn.functional.mse_loss(net(x, t), eps)


# --------------------------------------------------------------------------- ancestral_step


def _before(alpha_bars, t):
    return alpha_bars[t - 1] if t > 0 else torch.tensor(1.0)


def _mean(eps, x, t, alpha_bars):
    beta = 1 - alpha_bars[t] / _before(alpha_bars, t)
    return (x - beta / (1 - alpha_bars[t]) ** 0.5 * eps) / (1 - beta) ** 0.5, beta


@wrong("beta for the variance", says="β for the posterior variance?")
def ancestral_step(eps, x, t, alpha_bars):
    mean, beta = _mean(eps, x, t, alpha_bars)
    return mean + (beta**0.5 if t > 0 else 0) * torch.randn_like(x)


@wrong("variance as std", says="the variance is used as a standard deviation?")
def ancestral_step(eps, x, t, alpha_bars):
    mean, beta = _mean(eps, x, t, alpha_bars)
    variance = beta * (1 - _before(alpha_bars, t)) / (1 - alpha_bars[t])
    return mean + variance * torch.randn_like(x)


@wrong("noise at the last step", says="the last step, t = 0, adds noise of std")
def ancestral_step(eps, x, t, alpha_bars):
    mean, beta = _mean(eps, x, t, alpha_bars)
    ratio = (1 - _before(alpha_bars, t)) / (1 - alpha_bars[t]) if t > 0 else 1
    return mean + (beta * ratio) ** 0.5 * torch.randn_like(x)


@wrong("one over root missing", says="1/√(1−β) is missing?")
def ancestral_step(eps, x, t, alpha_bars):
    mean, beta = _mean(eps, x, t, alpha_bars)
    variance = beta * (1 - _before(alpha_bars, t)) / (1 - alpha_bars[t])
    return mean * (1 - beta) ** 0.5 + variance**0.5 * torch.randn_like(x)


@wrong("root of one minus alpha bar missing", says="β/(1 − ᾱ): the root is missing?")
def ancestral_step(eps, x, t, alpha_bars):
    beta = 1 - alpha_bars[t] / _before(alpha_bars, t)
    mean = (x - beta / (1 - alpha_bars[t]) * eps) / (1 - beta) ** 0.5
    variance = beta * (1 - _before(alpha_bars, t)) / (1 - alpha_bars[t])
    return mean + variance**0.5 * torch.randn_like(x)


@wrong("no noise at all", says="there is no noise, so the samples will be too narrow")
def ancestral_step(eps, x, t, alpha_bars):
    return _mean(eps, x, t, alpha_bars)[0]


@wrong("sign", says="the sign? Predicted noise is taken away")
def ancestral_step(eps, x, t, alpha_bars):
    mean, beta = _mean(-eps, x, t, alpha_bars)
    variance = beta * (1 - _before(alpha_bars, t)) / (1 - alpha_bars[t])
    return mean + variance**0.5 * torch.randn_like(x)


@wrong("reversed time", says="that is the way from t to t + 1?")
def ancestral_step(eps, x, t, alpha_bars):
    beta = 1 - alpha_bars[t + 1] / alpha_bars[t]
    mean = (x - beta / (1 - alpha_bars[t]) ** 0.5 * eps) / (1 - beta) ** 0.5
    return mean + beta**0.5 * torch.randn_like(x)


@wrong("wraps around", says="alpha_bars[t − 1] with t = 0 is the *last* entry")
def ancestral_step(eps, x, t, alpha_bars):
    now, before = alpha_bars[t], alpha_bars[t - 1]
    beta = 1 - now / before
    mean = (x - beta / (1 - now) ** 0.5 * eps) / (1 - beta) ** 0.5
    variance = (beta * (1 - before) / (1 - now)).clamp(min=0)
    return mean + variance**0.5 * torch.randn_like(x)


@right("through x0")
def ancestral_step(eps, x, t, alpha_bars):
    now, before = float(alpha_bars[t]), float(_before(alpha_bars, t))
    beta = 1 - now / before
    x0 = (x - (1 - now) ** 0.5 * eps) / now**0.5
    mean = (before**0.5 * beta * x0 + (1 - beta) ** 0.5 * (1 - before) * x) / (1 - now)
    if t == 0:
        return mean
    return mean + (beta * (1 - before) / (1 - now)) ** 0.5 * torch.randn_like(x)


# -------------------------------------------------------------------------------- ddim_step


def _spread(now, then):
    (a_t, s_t), (a_s, s_s) = now, then
    return s_s / s_t * (s_t**2 - (a_t / a_s * s_s) ** 2) ** 0.5


def _clean(x, eps, now):
    return (x - now[1] * eps) / now[0]


@wrong("eta squared", says="η² for η?")
def ddim_step(x, eps, now, then, eta):
    fresh = eta**2 * _spread(now, then)
    kept = (then[1] ** 2 - fresh**2) ** 0.5
    return then[0] * _clean(x, eps, now) + kept * eps + fresh * torch.randn_like(x)


@wrong("beta for the posterior", says="√β for the posterior's std?")
def ddim_step(x, eps, now, then, eta):
    fresh = eta * (now[1] ** 2 - (now[0] / then[0] * then[1]) ** 2) ** 0.5
    kept = (then[1] ** 2 - fresh**2) ** 0.5
    return then[0] * _clean(x, eps, now) + kept * eps + fresh * torch.randn_like(x)


@wrong("old noise kept whole", says="Old and fresh noise together must give σ_s")
def ddim_step(x, eps, now, then, eta):
    fresh = eta * _spread(now, then)
    return then[0] * _clean(x, eps, now) + then[1] * eps + fresh * torch.randn_like(x)


@wrong("weights subtracted", says="weights subtracted; their squares must be")
def ddim_step(x, eps, now, then, eta):
    fresh = eta * _spread(now, then)
    return then[0] * _clean(x, eps, now) + (then[1] - fresh) * eps + fresh * torch.randn_like(x)


@wrong("alpha missing in x0", says="1/αₜ is missing in x̂0?")
def ddim_step(x, eps, now, then, eta):
    fresh = eta * _spread(now, then)
    kept = (then[1] ** 2 - fresh**2) ** 0.5
    return then[0] * (x - now[1] * eps) + kept * eps + fresh * torch.randn_like(x)


@wrong("noise at eta 0", says="DDIM is deterministic there")
def ddim_step(x, eps, now, then, eta):
    return then[0] * _clean(x, eps, now) + then[1] * torch.randn_like(x)


@wrong("noise not put back", says="the noise is not put back at the new level?")
def ddim_step(x, eps, now, then, eta):
    return then[0] * _clean(x, eps, now) + eta * _spread(now, then) * torch.randn_like(x)


@wrong("old level", says="the noise is put back at the old level?")
def ddim_step(x, eps, now, then, eta):
    fresh = eta * _spread(now, then)
    kept = (now[1] ** 2 - fresh**2) ** 0.5
    return then[0] * _clean(x, eps, now) + kept * eps + fresh * torch.randn_like(x)


@right("as a share of the variance")
def ddim_step(x, eps, now, then, eta):
    (a_t, s_t), (a_s, s_s) = now, then
    share = eta**2 * (1 - (a_t * s_s / (a_s * s_t)) ** 2)
    noise = (1 - share) ** 0.5 * eps
    if eta > 0:
        noise = noise + share**0.5 * torch.randn_like(x)
    return a_s * (x - s_t * eps) / a_t + s_s * noise


# ----------------------------------------------------------------------- convert_prediction


@wrong("alpha missing", says="the division by α is missing?")
def convert_prediction(x, eps, alpha, sigma, dalpha, dsigma):
    x0 = x - sigma * eps
    return x0, -eps / sigma, dalpha * x0 + dsigma * eps


@wrong("score's sign", says="the sign: the score points away from the noise")
def convert_prediction(x, eps, alpha, sigma, dalpha, dsigma):
    x0 = (x - sigma * eps) / alpha
    return x0, eps / sigma, dalpha * x0 + dsigma * eps


@wrong("score over sigma squared", says="σ² for σ?")
def convert_prediction(x, eps, alpha, sigma, dalpha, dsigma):
    x0 = (x - sigma * eps) / alpha
    return x0, -eps / sigma**2, dalpha * x0 + dsigma * eps


@wrong("reversed clock", says="the sign? Time runs from the data to the noise")
def convert_prediction(x, eps, alpha, sigma, dalpha, dsigma):
    x0 = (x - sigma * eps) / alpha
    return x0, -eps / sigma, -dalpha * x0 - dsigma * eps


@wrong("straight path only", says="ε − x0 is the velocity of the straight path only")
def convert_prediction(x, eps, alpha, sigma, dalpha, dsigma):
    x0 = (x - sigma * eps) / alpha
    return x0, -eps / sigma, eps - x0


@wrong("x for x0", says="α′ x instead of α′ x0?")
def convert_prediction(x, eps, alpha, sigma, dalpha, dsigma):
    x0 = (x - sigma * eps) / alpha
    return x0, -eps / sigma, dalpha * x + dsigma * eps


@wrong("only two", says="needed is a triple (x0, score, velocity)")
def convert_prediction(x, eps, alpha, sigma, dalpha, dsigma):
    return (x - sigma * eps) / alpha, -eps / sigma


@right("from the score, in float64")
def convert_prediction(x, eps, alpha, sigma, dalpha, dsigma):
    score = -eps.double() / sigma
    x0 = (x + sigma**2 * score) / alpha
    return [x0, score, dalpha * x0 - dsigma * sigma * score]
