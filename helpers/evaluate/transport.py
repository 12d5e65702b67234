"""The exact optimal-transport distance, by POT: in a module of its own, so that only a chapter
that asks for it has to install POT.
"""

import math

import ot
import torch
from torch import Tensor

from helpers.evaluate.distances import need_clouds


def w2(x: Tensor, y: Tensor) -> float:
    """The exact W₂ distance of two clouds, by optimal transport: the root of the mean square
    length of the cheapest one-to-one move. The unit is a length; about 2000 points a second.

    Raises ValueError for shapes that do not match and for values that are not finite.
    Source: Flamary et al., POT, JMLR 22, 78 (2021).
    """
    need_clouds(x, y)
    cost = torch.cdist(x.double(), y.double()).square().cpu().numpy()
    return math.sqrt(max(0.0, float(ot.emd2([], [], cost, numItermax=2_000_000))))
