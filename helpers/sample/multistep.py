"""Second order at one call a step: remember the last prediction."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from helpers.noise.paths import Path
from helpers.noise.predictions import Pred
from helpers.sample.reverse import Step


def multistep(
    denoiser: Callable[..., Any],
    path: Path,
    eta: float = 0.0,
    generator: torch.Generator | None = None,
) -> Step:
    """A step that extrapolates x̂₀ from the last two predictions; in flat space.

    eta = 0 is DPM-Solver++(2M), order 2, and its first step is DDIM's; eta = 1 is the SDE version,
    and its first step is DDPM's ancestral step. The step remembers: make a new one for each run
    (one that does not start where the last one ended starts anew).
    Raises ValueError for eta not in [0, 1].
    Source: Lu et al., DPM-Solver++ (2022), algorithm 2 and appendix.
    """
    if not 0 <= eta <= 1:
        raise ValueError(f"eta = {eta}: need 0 (no new noise) to 1")
    last: dict[str, Any] = {"time": None}

    def advance(x: Tensor, t: Tensor, s: Tensor) -> Tensor:
        (a_t, s_t), (a_s, s_s) = path.at(t), path.at(s)
        here: Pred = denoiser(x, t)
        x0 = here.x0
        to_data = float(s_s) == 0
        if not to_data and last["time"] is not None and float(last["time"][1]) == float(t):
            past = last["time"][0]
            lam = [0.5 * path.schedule.log_snr(u) for u in (past, t, s)]
            ratio = (lam[2] - lam[1]) / (lam[1] - lam[0])
            if bool(torch.isfinite(ratio)) and float(path.schedule.alpha(past)) > 1e-8:
                x0 = x0 + 0.5 * ratio * (here.x0 - last["x0"])
        last.update(time=(t, s), x0=here.x0)
        # The equation for log SNR, exact for a constant x̂₀: what is left of x_t, and new noise.
        q = a_t * s_s / (a_s * s_t)  # e^(−Δλ)
        keep = s_s / s_t * q ** (eta**2)
        x = keep * x + (a_s - keep * a_t) * x0
        if eta > 0 and not to_data:
            x = x + s_s * (1 - q ** (2 * eta**2)).sqrt() * path.space.noise(x, generator)
        return x

    return advance
