"""Ligands from ligands: around a fragment that stays, and by evolution under a score."""

from collections.abc import Callable

import torch
from torch import Tensor

from helpers.matter.graphs import Graphs, batch_index, take_graphs
from helpers.models.diffsbdd import PocketDenoiser
from helpers.models.pocket_sampling import Drawn, in_frame, read_back, told
from helpers.sample.pocket import denoise_from, normal, partly_noised, survivors, write_known

Score = Callable[[Graphs], Tensor]


def grow(
    denoiser: PocketDenoiser,
    pocket: Graphs,
    fragment: Graphs,
    new: Tensor,
    generator: torch.Generator | None = None,
    *,
    n_steps: int = 100,
    resample: int = 3,
    keep: int = 0,
) -> Drawn:
    """Ligands that contain a fragment (Å, in the pocket's frame), with new (B,) atoms added.

    The fragment's atoms come first in each ligand, and at the end stand exactly where they were.
    """
    state, middle = in_frame(denoiser, pocket)
    sizes = fragment.sizes + new
    batch = batch_index(sizes).to(pocket.x.device)
    place = torch.arange(len(batch), device=batch.device)
    place = place - (sizes.cumsum(0) - sizes)[batch]  # within its ligand
    which = place < fragment.sizes[batch]
    known = torch.zeros(len(batch), 3 + denoiser.kinds, device=batch.device)
    known[which, :3] = (fragment.x - middle[fragment.batch]) / denoiser.scales.x
    known[which, 3:] = fragment.h / denoiser.scales.h
    noise = normal(generator)
    way = denoise_from(
        noise(known), told(denoiser, batch, state), denoiser.schedule, noise, n_steps=n_steps,
        resample=resample, mend=write_known(known, which, noise), keep=keep,
    )  # fmt: skip
    end = torch.where(which[:, None], known, way.end)
    return read_back(denoiser, way._replace(end=end), batch, middle)


def improve(
    denoiser: PocketDenoiser,
    pocket: Graphs,
    ligand: Graphs,
    score: Score,
    generator: torch.Generator | None = None,
    *,
    t: float = 0.3,
    population: int = 20,
    survive: int = 4,
    generations: int = 5,
    n_steps: int = 100,
) -> tuple[Graphs, Tensor]:
    """Evolution by noise and denoising of one ligand in one pocket, (best ligands, their scores).

    In each generation the `survive` best of all so far are copied to a `population`, noised to
    time t and denoised; score(ligands) (n,) says which are good, higher is better, nan is last.
    Scores (generations + 1, survive) are those of the survivors, the start included.
    Source: DiffSBDD's optimisation. Raises ValueError when more than one pocket is given.
    """
    if pocket.n_graphs != 1 or ligand.n_graphs != 1:
        raise ValueError(
            f"{ligand.n_graphs} ligands in {pocket.n_graphs} pockets: one of each is improved"
        )
    parents = take_graphs(ligand, torch.zeros(survive, dtype=torch.long))
    scores = score(parents)
    history = [scores]
    around, middle = in_frame(denoiser, take_graphs(pocket, torch.zeros(population).long()))
    noise = normal(generator)
    for _ in range(generations):
        some = take_graphs(parents, torch.arange(population) % survive)
        x = (some.x - middle[some.batch]) / denoiser.scales.x
        z = torch.cat([x, some.h / denoiser.scales.h], -1)
        way = denoise_from(
            partly_noised(z, t, denoiser.schedule, noise),
            told(denoiser, some.batch, around), denoiser.schedule, noise,
            n_steps=n_steps, t_start=t,
        )  # fmt: skip
        children = read_back(denoiser, way, some.batch, middle).ligand
        everyone = Graphs(
            torch.cat([parents.x, children.x]), torch.cat([parents.h, children.h]),
            torch.cat([parents.batch, survive + children.batch]),
        )  # fmt: skip
        known = torch.cat([scores, score(children)])
        best = survivors(known, survive, survive)
        parents, scores = take_graphs(everyone, best), known[best]
        history.append(scores)
    return parents, torch.stack(history)
