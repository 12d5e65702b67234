"""The trained generator that comes with the course, and how it is kept: half precision, with what
is needed to build its network again."""

from pathlib import Path
from typing import NamedTuple

import torch

from helpers.disk import save_whole
from helpers.models.blocks import Size
from helpers.models.gemnet import GemNet
from helpers.models.mattergen import MatterGen
from helpers.noise.absorbing import Absorbing
from helpers.noise.lattice import LatticeVP
from helpers.noise.wrapped import WrappedVE
from helpers.sample.joint import JointNoise

#: Made by `python -m benchmarks.mattergen --train`.
WEIGHTS = Path(__file__).parents[1] / "weights" / "mattergen.pt"


class Kept(NamedTuple):
    """A generator, the mean and spread in eV of its scalar condition, and how it was made."""

    model: MatterGen
    mean: float
    std: float
    note: str


def save_mattergen(path: str | Path, kept: Kept) -> None:
    """Write the weights in half precision, with everything that `load_mattergen` needs."""
    net, noise = kept.model.net, kept.model.noise
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    save_whole(
        {
            "size": net.size._asdict(),
            "time": net.time,
            "conditions": list(net.properties),
            "frac": [noise.frac.sigma_min, noise.frac.sigma_max],
            "cell": [noise.cell.density, noise.cell.spread],
            "species": [noise.species.classes, noise.species.n_steps],
            "scalar": [kept.mean, kept.std],
            "note": kept.note,
            "weights": {name: w.half() for name, w in kept.model.state_dict().items()},
        },
        path,
    )


def load_mattergen(path: str | Path = WEIGHTS, device: torch.device | str = "cpu") -> Kept:
    """The generator in a file, in eval mode. Raises ValueError when its weights do not belong to
    the network that the file describes."""
    state = torch.load(path, weights_only=True, map_location=device)
    noise = JointNoise(
        WrappedVE(*state["frac"]), LatticeVP(*state["cell"]), Absorbing(*state["species"])
    )
    net = GemNet(Size(**state["size"]), time=state["time"], conditions=state["conditions"])
    model = MatterGen(net, noise).to(device)
    try:
        model.load_state_dict({name: w.float() for name, w in state["weights"].items()})
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit the network it describes: {error}") from error
    mean, std = state["scalar"]
    return Kept(model.eval(), mean, std, state["note"])
