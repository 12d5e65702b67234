"""Training the joint generator: what is drawn, what is minimised, what stays as it is."""

from typing import NamedTuple

import torch
from torch import Tensor

from helpers.learn import Trained, stratified_times, train
from helpers.matter import Crystals, take
from helpers.models.blocks import Size
from helpers.models.conditions import Condition, drop
from helpers.models.gemnet import SMALL, GemNet, fit_scales
from helpers.models.mattergen import SMALL_NOISE, MatterGen, joint_losses
from helpers.sample.joint import JointNoise


class Recipe(NamedTuple):
    """How large the network is and how it is trained; the weights are those of the losses."""

    size: Size = SMALL
    n_steps: int = 2000
    batch: int = 64
    lr: float = 5e-3
    decay: float = 0.99
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    drop: float = 0.2  # of the condition


#: 224 CPU seconds on one core of a busy machine.
FAST = Recipe()
#: 91 CPU seconds more there, for adapters on the frozen base.
ADAPT = FAST._replace(n_steps=1000)
#: For a GPU: hidden 256, four blocks; hours by its arithmetic, not measured.
FULL = Recipe(
    Size(256, 256, 64, 64, 16, 16, 32, 7, blocks=4, after=2, depth=2, head=2, cutoff=7.0, most=40),
    100_000, 256, 4e-4, 0.999,
)  # fmt: skip


@torch.no_grad()
def start_from_head(net: GemNet) -> None:
    """Let the embedding of a chemical system start as the sum of the frozen head's rows for its
    elements: what the adapters have to learn is then the same for all elements."""
    if "chemical_system" in net.properties:
        rows = net.head.weight[: net.size.classes]
        linear = net.properties["chemical_system"].linear
        assert isinstance(linear, torch.nn.Linear)
        linear.weight.copy_(rows.T / rows.std())
        linear.bias.zero_()


def train_mattergen(
    training: Crystals,
    recipe: Recipe = FAST,
    *,
    odds: Tensor | None = None,
    cond: Condition | None = None,
    base: MatterGen | None = None,
    time: bool = True,
    noise: JointNoise = SMALL_NOISE,
    seed: int = 0,
    device: torch.device | str = "cpu",
    checkpoint: str | None = None,
) -> Trained:
    """A joint generator fitted to crystals of symmetric cells: `Trained` with it as its model.

    `odds` (M,) are the relative frequencies at which the crystals are drawn. With `cond` the
    network is told of them, and forgets at rate recipe.drop. With `base` its weights are kept and
    only new adapters are trained. `checkpoint`, a file, makes the run resumable. Raises what
    `train` raises.
    """
    names = tuple(cond or ())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MatterGen(GemNet(recipe.size, time=time, conditions=names), noise).to(device)
    data = Crystals(*(x.to(device) for x in training))._replace(
        cell=training.cell.float().to(device), frac=training.frac.float().to(device)
    )
    chances = torch.ones(len(data.cell)) if odds is None else odds
    if base is not None:
        model.load_state_dict(base.state_dict(), strict=False)
        for name, weight in model.named_parameters():
            weight.requires_grad_(name.startswith(("net.properties", "net.adapters")))
        start_from_head(model.net)
    wanted = {name: value.to(device) for name, value in (cond or {}).items()}

    def draw(generator: torch.Generator, size: int) -> tuple[Tensor, Tensor]:
        rows = torch.multinomial(chances.to(device), size, True, generator=generator)
        return rows, stratified_times(size, generator=generator, device=device)

    def loss(generator: torch.Generator) -> Tensor:
        rows, t = draw(generator, recipe.batch)
        asked = drop({k: v[rows] for k, v in wanted.items()}, recipe.drop, generator)
        parts = joint_losses(model, take(data, rows), t, asked, generator)
        total = torch.zeros((), device=device)
        for weight, part in zip(recipe.weights, parts, strict=True):
            total = total + weight * part
        return total

    if base is None:
        generator = torch.Generator(device).manual_seed(seed)
        rows, t = draw(generator, 4 * recipe.batch)
        fit_scales(model, noise.corrupt(take(data, rows), t, generator)[0], t)
    return train(
        model, loss, recipe.n_steps, lr=recipe.lr, decay=recipe.decay, seed=seed,
        checkpoint=checkpoint,
    )  # fmt: skip
