"""A torus flow for the positions of crystals, with or without a teacher for its hidden layer."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from helpers.learn import Trained, stratified_times, train
from helpers.learn.crystals import masked_mse, turn_axes
from helpers.learn.repa import Projector, alignment, listen, window_weight
from helpers.matter import Crystals, take
from helpers.models.crystals import CrystalNet
from helpers.models.torus_flow import SPEED, lines


class Recipe(NamedTuple):
    """How large the network is, how it is trained, and how it is aligned."""

    n_steps: int = 300
    batch: int = 32
    lr: float = 6e-3
    hidden: int = 64
    layers: int = 3
    largest: int = 3  # |k|² of the finest wave
    depth: int = 2  # align the output of this message layer, counted from 1
    weight: float = 0.5  # λ; without features it has no effect
    window: tuple[float, float] = (0.0, 1.0)  # the times at which the layer is aligned
    decay: float = 0.99


SMALL = Recipe()
#: For a GPU and all of Perov-5; not yet timed there.
FULL = Recipe(20_000, 256, 2e-3, 256, 5, 6, 3, 0.5, (0.0, 1.0), 0.999)


class AlignedFlow(nn.Module):
    """flow(frac, t, cond): the velocity dx/dt (B, N, 3) in cells; and `both`, its hidden layer too.

    `width` is that of the teacher's features. The projector only serves the training.
    """

    def __init__(self, recipe: Recipe = SMALL, width: int = 64) -> None:
        super().__init__()
        if not 1 <= recipe.depth <= recipe.layers:
            raise ValueError(f"depth = {recipe.depth}: the network has layers 1 to {recipe.layers}")
        self.net = CrystalNet(recipe.hidden, recipe.layers, recipe.largest)
        self.projector = Projector(recipe.hidden, width)
        self.depth = recipe.depth

    def forward(self, frac: Tensor, t: Tensor, cond: Crystals) -> Tensor:
        return SPEED * self.net(frac, t, cond)

    def both(self, frac: Tensor, t: Tensor, cond: Crystals) -> tuple[Tensor, Tensor]:
        """The velocity, and what each atom's hidden layer holds at `depth`, (B, N, hidden)."""
        with listen(self.net.layers[self.depth - 1]) as heard:
            v = self(frac, t, cond)
        return v, heard[-1]


def train_aligned(
    training: Crystals,
    features: Tensor | None = None,
    recipe: Recipe = SMALL,
    *,
    seed: int = 0,
    after: Callable[[int, AlignedFlow], None] | None = None,
    checkpoint: str | None = None,
) -> Trained:
    """A new flow, fitted to the crystals; with features (M, N, F), its hidden layer is aligned.

    features belong to the clean crystals, row by row; they are made once, before. The loss is the
    velocity's mean squared error in units of SPEED², plus λ · window(t) · (1 − cosine). Networks
    of one seed start alike and see the same batches, with a teacher or without. `after` is called
    with the number of updates done and the network before each update. Raises ValueError when the
    features do not fit the crystals, and the errors of `train`.
    """
    if features is not None and features.shape[:2] != training.mask.shape:
        raise ValueError(
            f"features {tuple(features.shape)} for crystals {tuple(training.mask.shape)}: need one "
            "row of features for each atom of each structure"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        flow = AlignedFlow(recipe, 64 if features is None else features.shape[-1])
    device = training.frac.device
    flow, done = flow.to(device), 0

    def loss(generator: torch.Generator) -> Tensor:
        nonlocal done
        if after is not None:
            after(done, flow)
        done += 1
        n = recipe.batch
        rows = torch.randint(len(training.frac), (n,), generator=generator, device=device)
        t = stratified_times(n, generator=generator, device=device)
        batch = lines(turn_axes(take(training, rows), generator), t, generator)
        if features is None:
            v, lost = flow(batch.x, t, batch.crystals), torch.zeros((), device=device)
        else:
            v, hidden = flow.both(batch.x, t, batch.crystals)
            said = flow.projector(hidden)
            cosine = alignment(said, features[rows], batch.crystals.mask)
            lost = (window_weight(t, *recipe.window) * (1 - cosine)).mean()
        return masked_mse(v, batch.v, batch.crystals.mask) / SPEED**2 + recipe.weight * lost

    return train(
        flow,
        loss,
        recipe.n_steps,
        lr=recipe.lr,
        decay=recipe.decay,
        seed=seed,
        checkpoint=checkpoint,
    )
