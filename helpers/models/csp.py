"""Crystal structure prediction: train a joint denoiser, and make structures for compositions."""

from typing import NamedTuple

import torch
from torch import Tensor

from helpers.learn import Trained, stratified_times, train
from helpers.matter import Crystals, take
from helpers.models.crystals import CrystalNet
from helpers.models.joint import JointDenoiser, joint_loss
from helpers.sample import ancestral, denoise, fields, langevin, step, trajectory
from helpers.sample.reverse import Step


class Recipe(NamedTuple):
    """How large the network is and how it is trained."""

    hidden: int = 64
    layers: int = 3
    largest: int = 3  # |k|² of the finest wave
    n_steps: int = 2400
    batch: int = 128
    lr: float = 8e-3
    decay: float = 0.99


#: About 80 seconds on one processor core.
SMALL = Recipe()
#: For the published training split and a GPU, where small operations set the pace: tens of
#: minutes by their number; not yet timed.
FULL = Recipe(256, 5, 6, 60_000, 512, 1e-3, 0.999)


def train_joint(
    training: Crystals,
    recipe: Recipe = SMALL,
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    checkpoint: str | None = None,
) -> Trained:
    """A new joint denoiser, fitted to crystals of one size: `Trained` with it as its model.

    With `checkpoint`, a file, a run that was stopped goes on where it was last saved. Raises the
    errors of `train` and `joint_loss`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = CrystalNet(recipe.hidden, recipe.layers, recipe.largest, lattice_head=True)
    data = Crystals(*(column.to(device) for column in training))
    joint = JointDenoiser(net, training).to(device)

    def loss(generator: torch.Generator) -> Tensor:
        size = (recipe.batch,)
        rows = torch.randint(len(data.cell), size, generator=generator, device=device)
        t = stratified_times(recipe.batch, generator=generator, device=device)
        return joint_loss(joint, take(data, rows), t, generator)

    return train(
        joint,
        loss,
        recipe.n_steps,
        lr=recipe.lr,
        decay=recipe.decay,
        seed=seed,
        checkpoint=checkpoint,
    )


def joint_step(
    joint: JointDenoiser,
    species: Tensor,
    corrections: int = 5,
    snr: float = 0.2,
    generator: torch.Generator | None = None,
) -> Step:
    """step(state, t, s): Langevin corrections of the positions, then ancestral steps of both."""
    correct = fields(frac=langevin(joint.torus, snr, generator))
    predict = fields(
        frac=ancestral(joint.torus, generator=generator),
        cell=ancestral(joint.flat, generator=generator),
    )
    return step(joint, *[correct] * corrections, predict, cond=species)


def predict_structures(
    joint: JointDenoiser,
    species: Tensor,
    n_steps: int = 50,
    corrections: int = 5,
    snr: float = 0.2,
    generator: torch.Generator | None = None,
) -> list[Crystals]:
    """One crystal for each row of elements (B, N), all times from noise to the last, which is
    the result: n_steps + 2 batches. `n_steps` (`corrections` + 1) + 1 network calls.

    Raises ValueError when n_steps < 1.
    """
    if n_steps < 1:
        raise ValueError(f"n_steps = {n_steps}: need at least one step from noise to data")
    times = torch.linspace(1, 0, n_steps + 1, dtype=torch.float64)
    advance = joint_step(joint, species, corrections, snr, generator)
    states = list(trajectory(advance, joint.prior(species, generator), times))
    # The torus ends at σ = 0.02 cells; one look takes the rest of the noise off.
    last = step(joint, fields(frac=denoise(joint.torus)), cond=species)
    with torch.no_grad():
        states.append(last(states[-1], times[-1], times[-1]))
    return [joint.decode(state, species) for state in states]
