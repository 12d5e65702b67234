"""What is minimised for crystals, and two recipes: the direct one and the one on the torus."""

import time
from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor, nn

from helpers.learn.losses import stratified_times
from helpers.learn.train import Trained, train
from helpers.matter import Crystal, Crystals, pack, take, wrap
from helpers.noise import Denoiser, without_translation


def masked_mse(out: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """The mean squared error per real coordinate, for (B, N, 3) and a mask (B, N).

    Padding is left out of the sum and of the count. Raises ValueError without a real atom.
    """
    n = mask.sum()
    if n == 0:
        raise ValueError("the mask has no atom: there is nothing to take a mean of")
    return ((out - target).square().sum(-1) * mask).sum() / (3 * n)


def crystal_loss(
    denoiser: Denoiser, crystals: Crystals, t: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """The ε-MSE per real coordinate at times t (B,), the mean over the atoms taken off ε.

    A crystal is the same wherever its origin lies, so the noise's common shift cannot be told
    from x_t: its best guess is zero. Leaving it out keeps the minimum and saves 1/N of the noise
    of the target. The denoiser must be of kind "eps"; raises ValueError for another.
    """
    if denoiser.kind != "eps":
        raise ValueError(f'kind = {denoiser.kind!r}: this loss is for a denoiser of kind "eps"')
    x, eps = denoiser.path.perturb(crystals.frac, t, generator)
    eps = without_translation(eps, crystals.mask)
    return masked_mse(denoiser.output(x, t, crystals), eps, crystals.mask)


def turn_axes(crystals: Crystals, generator: torch.Generator | None = None) -> Crystals:
    """The same crystals with their cell axes renumbered and reversed at random, one of 48 ways.

    Which lattice vector comes first is a choice of words, like the origin. Signs are changed for
    all three numbers of an atom and the lattice vector alike, so no distance changes; half of the
    cells become left-handed, which a network that sees C Cᵀ does not notice.
    """
    b, device = len(crystals.frac), crystals.frac.device
    order = torch.rand(b, 3, generator=generator, device=device).argsort(-1)
    sign = torch.randint(2, (b, 3), generator=generator, device=device).to(crystals.frac) * 2 - 1
    frac = crystals.frac.gather(-1, order[:, None].expand_as(crystals.frac)) * sign[:, None]
    cell = crystals.cell.gather(-2, order[:, :, None].expand_as(crystals.cell)) * sign[..., None]
    return crystals._replace(frac=wrap(frac), cell=cell)


def train_crystals(
    denoiser: Denoiser,
    structures: Sequence[Crystal],
    n_steps: int = 1400,
    *,
    batch: int = 32,
    lr: float = 6e-3,
    seed: int = 0,
) -> Trained:
    """Fit a denoiser of kind "eps" on the torus: n_steps updates, each on `batch` structures of
    every number of atoms that occurs, so that nothing is padded.

    Axes are turned at random and times stratified over [0, 1]. The rest is `train`, whose
    errors it raises, beside those of `pack` and `crystal_loss`.
    """
    by_size = sorted(structures, key=lambda c: len(c.species))
    groups = [pack(list(same)) for _, same in groupby(by_size, lambda c: len(c.species))]

    def loss(generator: torch.Generator) -> Tensor:
        total, atoms = torch.zeros(()), 0
        for group in groups:
            pick = torch.randint(len(group.frac), (batch,), generator=generator)
            t = stratified_times(batch, generator=generator)
            some = turn_axes(take(group, pick), generator)
            n = some.mask.shape[1]
            total, atoms = total + n * crystal_loss(denoiser, some, t, generator), atoms + n
        return total / atoms

    return train(denoiser, loss, n_steps, lr=lr, seed=seed)


def train_directly(
    denoiser: Denoiser,
    structures: Sequence[Crystal],
    epochs: int = 50,
    *,
    batch: int = 4,
    n_times: int = 200,
    seed: int = 0,
) -> Trained:
    """The direct way of chapter 04: padded batches, shuffled, the last one dropped; ε-MSE at one
    of n_times times a structure; AdamW with rate and decay 1e-4, gradients clipped to norm 1.

    21 structures make 5 updates an epoch, 250 in all. The denoiser itself is trained.
    """
    generator, data = torch.Generator().manual_seed(seed), pack(structures)
    optimiser = torch.optim.AdamW(denoiser.parameters(), lr=1e-4, weight_decay=1e-4)
    losses, start = [], time.process_time()
    for _ in range(epochs):
        order = torch.randperm(len(structures), generator=generator)
        for pick in order.split(batch)[: len(order) // batch]:
            some = take(data, pick)
            t = torch.randint(1, n_times + 1, (batch,), generator=generator) / n_times
            x, eps = denoiser.path.perturb(some.frac, t, generator)
            value = masked_mse(denoiser.output(x, t, some), eps, some.mask)
            optimiser.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(denoiser.parameters(), 1.0)
            optimiser.step()
            losses.append(value.detach())
    return Trained(denoiser.eval(), torch.stack(losses), time.process_time() - start)
