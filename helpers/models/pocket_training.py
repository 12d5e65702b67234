"""How the pocket models are trained: one loss for both modes, and two recipes with their sizes."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from helpers.learn import Trained, stratified_times, train
from helpers.learn.molecules import lj_energy, lj_weight, noise_mse
from helpers.matter.graphs import Graphs, random_rotations, rotated, take_graphs
from helpers.models.diffsbdd import PocketDenoiser
from helpers.noise.zerocom import remove_mean

#: Committed weights, made by `python -m benchmarks.diffsbdd`.
WEIGHTS = Path(__file__).parents[1] / "weights"
#: Covalent radii in Å of C N O F S Cl (Cordero et al. 2008): two of them make a bond length.
RADII = (0.76, 0.71, 0.66, 0.57, 1.05, 1.02)


class Recipe(NamedTuple):
    """Sizes of a network and of its training."""

    n_steps: int
    batch: int = 32
    lr: float = 8e-3
    hidden: int = 48
    layers: int = 3
    decay: float = 0.997
    n_complexes: int = 2000
    seed: int = 0


#: What the committed weights were made with.
CONDITIONAL, JOINT = Recipe(3300), Recipe(1000, batch=24)
#: For a GPU; not timed here. DiffSBDD itself has 4.8 million weights and a thousand epochs.
FULL = Recipe(200_000, batch=256, lr=1e-3, hidden=192, layers=6, decay=0.9995, n_complexes=6000)


def noisy(
    ligand: Graphs,
    pocket: Graphs,
    t: Tensor,
    denoiser: PocketDenoiser,
    generator: torch.Generator | None = None,
) -> tuple[tuple[Graphs, Tensor], tuple[Graphs, Tensor]]:
    """(noisy ligand, its noise) and the same of the pocket, which the conditional mode leaves.

    All in the model's units. Joint noise has no common shift: 3 (N − 1) directions.
    """
    parts = [ligand, pocket] if denoiser.joint else [ligand]
    draws = [
        torch.empty(len(p.x), 3 + p.h.shape[1], device=p.x.device).normal_(generator=generator)
        for p in parts
    ]
    if denoiser.joint:
        of = torch.cat([part.batch for part in parts])
        x = remove_mean(torch.cat([d[:, :3] for d in draws]), of, len(t))
        for d, own in zip(draws, x.split([len(d) for d in draws]), strict=True):
            d[:, :3] = own
    made = []
    for part, eps in zip(parts, draws, strict=True):
        a, s = (f(t)[part.batch, None] for f in (denoiser.schedule.alpha, denoiser.schedule.sigma))
        state = part._replace(x=a * part.x + s * eps[:, :3], h=a * part.h + s * eps[:, 3:])
        made.append((state, eps))
    if not denoiser.joint:
        made.append((pocket, torch.zeros(len(pocket.x), 3 + pocket.h.shape[1]).to(pocket.x)))
    return made[0], made[1]


def pocket_loss(
    denoiser: PocketDenoiser,
    ligand: Graphs,
    pocket: Graphs,
    t: Tensor,
    generator: torch.Generator | None = None,
    *,
    told: Tensor | None = None,
    lj: float = 0.0,
) -> Tensor:
    """The ε-MSE at times t (B,) for clean graphs in Å, plus Lennard-Jones of weight `lj`.

    The Lennard-Jones term looks at x̂, per atom, and fades with t.
    """
    ligand, pocket = denoiser.encode(ligand, pocket)
    (z, eps), (z_pocket, eps_pocket) = noisy(ligand, pocket, t, denoiser, generator)
    out, out_pocket = denoiser(z, z_pocket, t, told)
    loss = noise_mse(eps, out, z.batch, len(t))
    if denoiser.joint:
        loss = loss + noise_mse(eps_pocket, out_pocket, z_pocket.batch, len(t))
    if lj > 0:
        at = t[z.batch, None]
        x = (z.x - denoiser.schedule.sigma(at) * out[:, :3]) / denoiser.schedule.alpha(at)
        radius = torch.tensor(RADII).to(x)[ligand.h.argmax(-1)]
        energy = lj_energy(x * denoiser.scales.x, radius, z.batch, len(t))
        loss = loss + (lj_weight(t, lj) * energy / torch.bincount(z.batch)).mean()
    return loss


def train_pocket(
    denoiser: PocketDenoiser,
    ligand: Graphs,
    pocket: Graphs,
    recipe: Recipe = CONDITIONAL,
    *,
    null: float = 0.1,
    lj: float = 0.0,
    turn: bool = True,
    resume: str | Path | None = None,
) -> Trained:
    """Fit a denoiser to ligands in their pockets (Graphs, Å) by the recipe, on its device.

    A share `null` of the ligands is not told of its pocket, so that the network also knows
    ligands as such (joint mode: none). Each pair is turned at random unless turn=False. With
    `resume`, a file, a stopped run goes on. Errors are those of `train`.
    """
    device = next(denoiser.parameters()).device
    n = ligand.n_graphs

    def loss(generator: torch.Generator) -> Tensor:
        rows = torch.randint(n, (recipe.batch,), generator=generator, device=device)
        some, around = take_graphs(ligand, rows), take_graphs(pocket, rows)
        if turn:
            # Rotations are drawn on the CPU, from a seed of the device's generator.
            seed = int(torch.randint(2**31, (), generator=generator, device=device))
            turns = random_rotations(recipe.batch, torch.Generator().manual_seed(seed))
            some, around = rotated(some, turns.to(device)), rotated(around, turns.to(device))
        t = stratified_times(recipe.batch, generator=generator, device=device)
        told = torch.rand(recipe.batch, generator=generator, device=device) >= null
        return pocket_loss(
            denoiser, some, around, t, generator,
            told=None if denoiser.joint else told, lj=lj,
        )  # fmt: skip

    return train(
        denoiser, loss, recipe.n_steps, lr=recipe.lr, decay=recipe.decay, seed=recipe.seed,
        checkpoint=resume,
    )  # fmt: skip


def trained(name: str) -> PocketDenoiser:
    """The committed "conditional" or "joint" network, in eval mode, on the CPU.

    Raises ValueError for another name.
    """
    if name not in ("conditional", "joint"):
        raise ValueError(f'name = {name!r}: there are "conditional" and "joint"')
    denoiser = PocketDenoiser(joint=name == "joint")
    half = torch.load(WEIGHTS / f"diffsbdd_{name}.pt", weights_only=True)
    denoiser.load_state_dict({key: value.float() for key, value in half.items()})
    return denoiser.eval()
