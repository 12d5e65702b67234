"""The small network of the toy chapters: a perceptron that sees the point and the time."""

import math

import torch
from torch import Tensor, nn


def time_features(t: Tensor, n: int, highest: float = 30.0) -> Tensor:
    """sin and cos of t at n/2 frequencies from 1 to `highest`, shape (*t.shape, n).

    Frequencies are geometric, in radians per unit of t, so that slow ones tell early from late
    and fast ones tell neighbours apart. Raises ValueError when n is odd or below 4.
    Source: Vaswani et al. (2017), §3.5.
    """
    if n < 4 or n % 2:
        raise ValueError(f"n = {n}: need an even number of features, 4 or more")
    frequencies = torch.exp(torch.linspace(0, math.log(highest), n // 2)).to(t)
    phase = t[..., None] * frequencies
    return torch.cat([phase.sin(), phase.cos()], -1)


class TimeMLP(nn.Module):
    """net(x, t): points (B, dim) and times (B,) to something shaped like x.

    Three hidden layers of 96 with SiLU; x enters multiplied by the fixed number `gain`, beside
    `n_features` sines and cosines of t. A gain above 1 lets the first layer's smooth steps be
    narrow compared with the data: at the usual initialisation a unit-sized input only meets
    functions that hardly bend.
    """

    def __init__(
        self,
        dim: int = 2,
        hidden: int = 96,
        depth: int = 3,
        gain: float = 1.0,
        n_features: int = 32,
    ) -> None:
        super().__init__()
        widths = [dim + n_features, *[hidden] * depth]
        layers: list[nn.Module] = []
        for n_in, n_out in zip(widths[:-1], widths[1:], strict=True):
            layers += [nn.Linear(n_in, n_out), nn.SiLU()]
        self.body = nn.Sequential(*layers, nn.Linear(hidden, dim))
        self.gain, self.n_features = gain, n_features

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        h = torch.cat([self.gain * x, time_features(t, self.n_features)], -1)  # (B, dim + F)
        return self.body(h)
