"""A path from data to noise: a schedule (how much noise) in a space (where)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from helpers.noise.schedules import Schedule
from helpers.noise.spaces import Euclidean, Space, Torus


def pad(t: Tensor, x: Tensor) -> Tensor:
    """Times (B,) with axes of length 1 appended, so that they multiply x (B, ...).

    A time without axes comes back as it is: float64 beside a float32 x promotes nothing, and
    small differences of scales keep their digits. Raises ValueError for any other shape.
    """
    if t.ndim == 0:
        return t
    if t.ndim == x.ndim and all(n == 1 for n in t.shape[1:]):
        return t.to(x)
    if t.ndim != 1 or t.shape[0] != x.shape[0]:
        raise ValueError(
            f"times of shape {tuple(t.shape)} for states of shape {tuple(x.shape)}: need one time "
            f"in all, or one for each state, shape ({x.shape[0]},)"
        )
    return t.reshape(-1, *(1,) * (x.ndim - 1)).to(x)


@dataclass(frozen=True)
class Path:
    """x_t = α(t) x₀ + σ(t) ε in a space."""

    schedule: Schedule
    space: Space = Euclidean()

    def at(self, t: Tensor | float) -> tuple[Tensor, Tensor]:
        """(α, σ) at time t, each shaped like t."""
        t = t if isinstance(t, Tensor) else torch.tensor(t, dtype=torch.float64)
        return self.schedule.alpha(t), self.schedule.sigma(t)

    def perturb(
        self, x0: Tensor, t: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """x_t and ε, both shaped like x0, for t without axes or of shape (B,).

        ε is −σ ∇ log p(x_t | x₀): the added noise in flat space, its wrapped version on a torus.
        """
        a, s = self.at(pad(t, x0))
        z = self.space.noise(x0, generator)
        x = self.space.shift(a * x0, s * z)
        if isinstance(self.space, Torus):
            return x, -s * self.space.kernel_score(x, a * x0, s)
        return x, z  # the same number there, without dividing by a small σ

    def prior(self, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw at the noise end, t = 1, shaped like `like`."""
        one = torch.ones((), dtype=torch.float64)
        return self.space.prior(like, self.schedule.sigma(one), generator)
