"""What a network predicts, and how to read it.

Every target in use is a linear mix of clean data and noise, and so is the noisy state,

    target = c₀ x₀ + c₁ ε          x_t = α x₀ + σ ε,

so two equations give back x₀ and ε, and from them everything else.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from helpers.noise.paths import Path, pad
from helpers.noise.schedules import Schedule

KINDS = ("eps", "x0", "score", "v", "edm")


class Pred(NamedTuple):
    """One prediction, written in the four usual ways, each shaped like x."""

    x0: Tensor  # E[x₀ | x_t]
    eps: Tensor  # E[ε | x_t]
    score: Tensor  # ∇ log p_t(x_t) = −ε/σ
    v: Tensor  # α′x₀ + σ′ε: the velocity dx/dt of the probability flow


def mix(
    kind: str, schedule: Schedule, t: Tensor, data_std: float | None = None
) -> tuple[Tensor, Tensor]:
    """(c₀, c₁) of the target `kind` at time t, each shaped like t.

    "edm" is Karras et al.'s target for any schedule: (σ x₀/s − α s ε)/√(α²s² + σ²) with s the
    standard deviation of the data. It has variance 1 and is uncorrelated with x_t at every t.
    Raises ValueError for an unknown kind, and for "edm" without data_std.
    """
    if kind == "eps":
        return torch.zeros_like(t), torch.ones_like(t)
    if kind == "x0":
        return torch.ones_like(t), torch.zeros_like(t)
    if kind == "score":
        return torch.zeros_like(t), -1 / schedule.sigma(t)
    if kind == "v":
        return schedule.dalpha(t), schedule.dsigma(t)
    if kind == "edm" and data_std is not None:
        a, s = schedule.alpha(t), schedule.sigma(t)
        total = marginal_std(schedule, t, data_std)
        return s / (data_std * total), -a * data_std / total
    if kind == "edm":
        raise ValueError('kind "edm" scales by the data: data_std must be given')
    raise ValueError(f"kind = {kind!r}: need one of {', '.join(KINDS)}")


def marginal_std(schedule: Schedule, t: Tensor, data_std: float) -> Tensor:
    """√(α² s² + σ²), the standard deviation of x_t for data of standard deviation s."""
    return ((schedule.alpha(t) * data_std) ** 2 + schedule.sigma(t) ** 2).sqrt()


def read(
    out: Tensor,
    x: Tensor,
    t: Tensor,
    schedule: Schedule,
    kind: str,
    data_std: float | None = None,
) -> Pred:
    """A network output of the given kind at (x, t), written in the four usual ways."""
    t = pad(t, x)
    a, s = schedule.alpha(t), schedule.sigma(t)
    c0, c1 = mix(kind, schedule, t, data_std)
    # Cramer's rule for  out = c₀ x₀ + c₁ ε,  x = α x₀ + σ ε.
    det = a * c1 - s * c0
    x0 = (c1 * x - s * out) / det
    eps = (a * out - c0 * x) / det
    d0, d1 = mix("v", schedule, t)
    return Pred(x0, eps, -eps / s, d0 * x0 + d1 * eps)


class Denoiser(nn.Module):
    """A network net(x, t) or net(x, t, cond) together with the meaning of its output.

    `kind` says what it predicts (see `mix`). With `data_std` the state is divided by its own
    standard deviation √(α²s² + σ²) before the network sees it, so that inputs have size 1 at
    every t; with kind="edm" the output has size 1 too, and the pair is the preconditioning of
    Karras et al. (2022), table 1. The network gets t with shape (B,).
    Raises ValueError for an unknown kind, a data_std that is not positive, and "edm" without it.
    """

    def __init__(
        self,
        net: Callable[..., Tensor],
        path: Path,
        kind: str = "eps",
        data_std: float | None = None,
    ) -> None:
        super().__init__()
        if data_std is not None and not data_std > 0:
            raise ValueError(f"data_std = {data_std}: the spread of the data must be positive")
        mix(kind, path.schedule, torch.tensor(0.5), data_std)  # an unknown kind stops here
        self.net, self.path, self.kind, self.data_std = net, path, kind, data_std

    def output(self, x: Tensor, t: Tensor, cond: Any = None) -> Tensor:
        """What the network says about x (B, ...) at times t () or (B,), shaped like x."""
        if self.data_std is None:
            scaled = x
        else:
            scaled = x / marginal_std(self.path.schedule, pad(t, x), self.data_std)
        times = t.to(x).expand(len(x))
        return self.net(scaled, times) if cond is None else self.net(scaled, times, cond)

    def target(self, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """What the network should say: c₀ x₀ + c₁ ε, shaped like x0."""
        c0, c1 = mix(self.kind, self.path.schedule, pad(t, x0), self.data_std)
        return c0 * x0 + c1 * eps

    def forward(self, x: Tensor, t: Tensor, cond: Any = None) -> Pred:
        """The prediction at x (B, ...) and t () or (B,), in the four usual ways."""
        out = self.output(x, t, cond)
        return read(out, x, t, self.path.schedule, self.kind, self.data_std)


def guide(
    denoiser: Callable[..., Pred], w: float, null: Any = None
) -> Callable[[Tensor, Tensor, Any], Pred]:
    """A denoiser with guidance: w = 0 ignores cond, w = 1 uses it, w > 1 exaggerates it.

    All four forms are moved alike and stay one prediction, because reading is affine.
    Source: Ho and Salimans (2022); their weight is ours minus 1.
    """

    def guided(x: Tensor, t: Tensor, cond: Any) -> Pred:
        without, within = denoiser(x, t, null), denoiser(x, t, cond)
        return Pred(*(u + w * (c - u) for u, c in zip(without, within, strict=True)))

    return guided
