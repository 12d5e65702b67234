"""What is minimised: squared errors at noisy points, and the times at which they are taken."""

import torch
from torch import Tensor

from helpers.noise.paths import pad
from helpers.noise.predictions import Denoiser


def denoising_loss(
    denoiser: Denoiser,
    x0: Tensor,
    t: Tensor,
    weight: Tensor | None = None,
    cond: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """The mean of weight · (output − target)² at x_t, for data x0 (B, ...) and times t (B,).

    The target is the denoiser's own kind, so this is DDPM's loss for "eps", flow matching's for
    "v" on a linear path, EDM's for "edm", and denoising score matching for "score". `weight`
    (B,) multiplies each point's error; σ² with "score" gives the "eps" loss back.
    Its minimum is not zero: what x_t does not tell of the target remains.
    """
    x, eps = denoiser.path.perturb(x0, t, generator)
    error = (denoiser.output(x, t, cond) - denoiser.target(x0, eps, t)).square()
    return error.mean() if weight is None else (pad(weight, error) * error).mean()


def dsm_loss(
    denoiser: Denoiser, x0: Tensor, t: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Denoising score matching, E σ² |score + ε/σ|², whatever the network predicts.

    Source: Vincent (2011); Song and Ermon (2019), eq. 5 and 6 with λ = σ².
    """
    x, eps = denoiser.path.perturb(x0, t, generator)
    sigma = denoiser.path.schedule.sigma(pad(t, x0))
    return (sigma * denoiser(x, t).score + eps).square().mean()


def stratified_times(
    n: int,
    t_min: float = 0.0,
    t_max: float = 1.0,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """n times in random order, one in each n-th of [t_min, t_max], shape (n,).

    Uniform like independent draws, but the share of each noise level hardly varies from batch
    to batch. Raises ValueError when n < 1 or 0 ≤ t_min < t_max ≤ 1 fails.
    Source: Kingma et al., Variational Diffusion Models (2021), appendix I.
    """
    if n < 1 or not 0 <= t_min < t_max <= 1:
        raise ValueError(
            f"n = {n}, t_min = {t_min}, t_max = {t_max}: need n ≥ 1 and 0 ≤ t_min < t_max ≤ 1"
        )
    u = torch.empty(n, device=device).uniform_(generator=generator)
    order = torch.randperm(n, generator=generator, device=device)
    return t_min + (t_max - t_min) * ((order + u) / n)
