"""The network of the direct way: one atom at a time, which sees its three numbers and the time."""

from typing import Any

from torch import Tensor, nn

from helpers.models.mlp import time_features


class ResidualBlock(nn.Module):
    """h + W₂ gelu(W₁ gelu(h))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.GELU(), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)
        )

    def forward(self, h: Tensor) -> Tensor:
        return h + self.body(h)


class AtomMLP(nn.Module):
    """net(x, t, cond): coordinates (B, N, 3) and times (B,) to something shaped like x.

    3 → 128 → 128 for the atom, 128 sines and cosines of the time → 128 → 128 added to it, four
    residual blocks, 128 → 128 → 3: 199 043 parameters. Every atom goes through it alone; cond
    is taken and not looked at, so that it stands where a network that sees the crystal would.
    """

    def __init__(self, width: int = 128, blocks: int = 4) -> None:
        super().__init__()
        self.width = width
        self.atom = nn.Sequential(nn.Linear(3, width), nn.GELU(), nn.Linear(width, width))
        self.time = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.out = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 3))

    def forward(self, x: Tensor, t: Tensor, cond: Any = None) -> Tensor:
        # Up to 200 radians per unit of t: neighbours in a table of 200 times differ by one.
        when = self.time(time_features(t, self.width, highest=200.0))
        return self.out(self.blocks(self.atom(x) + when[:, None]))
