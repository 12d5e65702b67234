"""Ligands out of a trained network: for a pocket, alone, or from the joint network."""

from typing import NamedTuple

import torch
from torch import Tensor

from helpers.matter.graphs import Graphs, batch_index, graph_mean
from helpers.models.diffsbdd import PocketDenoiser
from helpers.sample.pocket import (
    Predict,
    Way,
    centre,
    centred,
    denoise_from,
    normal,
    write_known,
)


class Drawn(NamedTuple):
    """Ligands in Å with one-hot kinds, and what they looked like at the times that were kept."""

    ligand: Graphs
    frames: list[Graphs]
    times: list[float]


def told(denoiser: PocketDenoiser, batch: Tensor, pocket: Graphs, known: bool = True) -> Predict:
    """What `denoise_from` asks, for ligand states (M, 3 + K) in these encoded pockets.

    With known=False the ligands hear nothing of the pocket and keep their centre at the origin.
    """
    n = pocket.n_graphs
    hears = torch.full((n,), known, device=batch.device)

    def predict(z: Tensor, t: Tensor) -> Tensor:
        state, times = Graphs(z[:, :3], z[:, 3:], batch), t.to(z).expand(n)
        eps = denoiser(state, pocket, times, hears)[0]
        return eps if known else centre(eps, batch, n)

    return predict


def in_frame(denoiser: PocketDenoiser, pocket: Graphs) -> tuple[Graphs, Tensor]:
    """The pocket in the model's units about its centroid, and that centroid (B, 3) in Å."""
    middle = graph_mean(pocket.x, pocket.batch, pocket.n_graphs)
    state = pocket._replace(
        x=(pocket.x - middle[pocket.batch]) / denoiser.scales.x, h=pocket.h / denoiser.scales.h
    )
    return state, middle


def read_back(denoiser: PocketDenoiser, way: Way, batch: Tensor, middle: Tensor) -> Drawn:
    """The end of a way and its kept states as ligands in Å, in the frame of the pockets."""

    def graphs(z: Tensor) -> Graphs:
        found = denoiser.decode(Graphs(z[:, :3], z[:, 3:], batch))
        return found._replace(x=found.x + middle[batch])

    frames = [graphs(z) for z in way.states]
    return Drawn(graphs(way.end), frames, way.times)


def draw(
    denoiser: PocketDenoiser,
    pocket: Graphs,
    sizes: Tensor,
    generator: torch.Generator | None = None,
    *,
    n_steps: int = 100,
    known: bool = True,
    keep: int = 0,
) -> Drawn:
    """One ligand with sizes (B,) atoms for each pocket (Å), in the pocket's frame.

    With known=False ligands are drawn alone and put with their centre into the pocket's.
    """
    state, middle = in_frame(denoiser, pocket)
    batch = batch_index(sizes).to(pocket.x.device)
    like = torch.empty(len(batch), 3 + denoiser.kinds, device=pocket.x.device)
    noise = normal(generator) if known else centred(batch, len(sizes), generator)
    way = denoise_from(
        noise(like), told(denoiser, batch, state, known), denoiser.schedule, noise,
        n_steps=n_steps, keep=keep,
    )  # fmt: skip
    return read_back(denoiser, way, batch, middle)


def draw_jointly(
    denoiser: PocketDenoiser,
    pocket: Graphs,
    sizes: Tensor,
    generator: torch.Generator | None = None,
    *,
    n_steps: int = 100,
    resample: int = 1,
) -> Drawn:
    """The same from a joint network: the pocket is written in, noisy, at each step.

    At the end ligand and pocket are moved together so that the pocket is where it was.
    """
    state, middle = in_frame(denoiser, pocket)
    ligand_of = batch_index(sizes).to(pocket.x.device)
    m, n, k = len(ligand_of), len(sizes), denoiser.kinds
    of = torch.cat([ligand_of, pocket.batch])
    is_pocket = torch.arange(len(of), device=of.device) >= m
    # One tensor for both: coordinates, the ligand's kinds, the pocket's roles.
    real = torch.ones(len(of), 3 + k + denoiser.sites, device=of.device)
    real[:m, 3 + k :], real[m:, 3 : 3 + k] = 0, 0
    known = torch.zeros_like(real)
    known[m:, :3], known[m:, 3 + k :] = state.x, state.h
    free = centred(of, n, generator)

    def noise(z: Tensor) -> Tensor:
        return free(z) * real

    def predict(z: Tensor, t: Tensor) -> Tensor:
        ligand = Graphs(z[:m, :3], z[:m, 3 : 3 + k], ligand_of)
        around = Graphs(z[m:, :3], z[m:, 3 + k :], pocket.batch)
        a, b = denoiser(ligand, around, t.to(z).expand(n))
        eps = torch.zeros_like(z)
        eps[:m, : 3 + k] = a
        eps[m:, :3], eps[m:, 3 + k :] = b[:, :3], b[:, 3:]
        return centre(eps, of, n)

    way = denoise_from(
        noise(known), predict, denoiser.schedule, noise, n_steps=n_steps, resample=resample,
        mend=write_known(known, is_pocket, noise, of),
    )  # fmt: skip
    shift = graph_mean(way.end[m:, :3], pocket.batch, n)
    end = torch.cat([way.end[:m, :3] - shift[ligand_of], way.end[:m, 3 : 3 + k]], -1)
    return read_back(denoiser, way._replace(end=end, states=[]), ligand_of, middle)
