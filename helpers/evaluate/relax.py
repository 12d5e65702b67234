"""Forces, stress and energy from a pretrained network, and a few steps downhill for many crystals
at once.

CHGNet (Deng et al. 2023) knows the energies of the Materials Project; its weights come with its
package. One force evaluation of five atoms takes some 40 ms on one core.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from helpers.matter import Crystal, Crystals, pack, to_pymatgen, unpack, volume, wrap

GPA = 1 / 160.21766  # eV/Å³ in one GPa


class Forces(NamedTuple):
    """energy (M,) in eV/atom, force (M, N, 3) in eV/Å, stress (M, 3, 3) in eV/Å³, positive when
    the cell wants to shrink."""

    energy: Tensor
    force: Tensor
    stress: Tensor


Potential = Callable[[Crystals], Forces]


def chgnet() -> Potential:
    """The pretrained potential, frozen. About three seconds to load."""
    from chgnet.model import CHGNet

    model: Any = CHGNet.load(verbose=False, use_device="cpu")
    model.eval().requires_grad_(False)

    def evaluate(crystals: Crystals) -> Forces:
        graphs = [model.graph_converter(to_pymatgen(one)) for one in unpack(crystals)]
        said = model.predict_graph(graphs, task="efs", batch_size=4)
        said = [said] if isinstance(said, dict) else said
        energy = torch.tensor([float(one["e"]) for one in said], dtype=torch.float64)
        stress = torch.stack([torch.as_tensor(one["s"]).double() * GPA for one in said])
        force = torch.zeros(crystals.frac.shape, dtype=torch.float64)
        for row, mask, one in zip(force, crystals.mask, said, strict=True):
            row[mask] = torch.as_tensor(one["f"]).double()
        return Forces(energy, force, stress)

    return evaluate


class Relaxed(NamedTuple):
    """The last crystals, their energy and that at the start (M,) in eV/atom, the root mean square
    way of the atoms (M,) in Å without the cell's stretch, and the largest force left (M,), eV/Å;
    NaN where the potential could not be asked."""

    crystals: Crystals
    energy: Tensor
    before: Tensor
    moved: Tensor
    force: Tensor


def relax(
    crystals: Crystals, potential: Potential, n_steps: int = 10, limit: float = 0.15
) -> Relaxed:
    """The crystals after n_steps steps downhill in positions and lattice.

    Steps are Barzilai and Borwein's (1988), one size for each crystal, and no atom and no lattice
    strain times (V/N)^⅓ goes further than `limit` Å in one of them. Not a converged relaxation:
    `force` says how far from it. Costs n_steps + 1 evaluations a crystal. Raises ValueError when
    n_steps < 0 or limit is not positive.
    """
    if n_steps < 0 or not limit > 0:
        raise ValueError(f"n_steps = {n_steps}, limit = {limit}: need 0 or more, and a length")
    start = crystals._replace(cell=crystals.cell.double(), frac=crystals.frac.double())
    mask, n = start.mask, start.mask.sum(-1)
    length = (volume(start.cell) / n)[:, None, None] ** (1 / 3)
    here = potential(start)
    first, best, way = here.energy, start, torch.zeros_like(start.frac)
    now, step, old = start, torch.full_like(length, 0.02), None
    lowest, pull = here.energy, _downhill(start, here, n, length)
    force_left = _largest(here, mask)
    for _ in range(n_steps):
        if old is not None:  # ⟨Δx, Δx⟩/⟨Δx, −Δpull⟩, both of the last step
            dx, dp = old[0], old[1] - pull
            curved = (dx * dp).sum((-2, -1), keepdim=True)
            step = (dx * dx).sum((-2, -1), keepdim=True) / curved.clamp(min=1e-9)
            step = torch.where(curved > 1e-9, step, torch.full_like(step, 0.05))
        move = step * pull
        longest = move.norm(dim=-1).amax(-1)[:, None, None]
        move = move * (limit / longest.clamp(min=1e-12)).clamp(max=1.0)
        old, now = (move, pull), _moved(now, move, length)
        way = way + move[:, :-3]
        here = potential(now)
        pull = _downhill(now, here, n, length)
        better = here.energy < lowest
        best = Crystals(*(_pick(better, a, b) for a, b in zip(now, best, strict=True)))
        lowest = torch.where(better, here.energy, lowest)
        force_left = torch.where(better, _largest(here, mask), force_left)
    moved = (way.square().sum(-1) * mask).sum(-1).div(n).sqrt()
    return Relaxed(best, lowest, first, moved, force_left)


def _downhill(c: Crystals, f: Forces, n: Tensor, length: Tensor) -> Tensor:
    """Forces on the atoms and, in three more rows, on the strain as if it were a length,
    (M, N + 3, 3). Both are derivatives of the energy of all atoms."""
    strain = -volume(c.cell)[:, None, None] * f.stress / length / n[:, None, None] ** 0.5
    return torch.cat([f.force, strain], 1)


def _moved(c: Crystals, move: Tensor, length: Tensor) -> Crystals:
    n = c.mask.sum(-1)[:, None, None]
    cart = move[:, :-3]
    frac = wrap(c.frac + cart @ torch.linalg.inv(c.cell)) * c.mask[..., None]
    strain = move[:, -3:] / length / n**0.5
    strain = 0.5 * (strain + strain.mT)
    return c._replace(frac=frac, cell=c.cell @ torch.linalg.matrix_exp(strain))


def _largest(f: Forces, mask: Tensor) -> Tensor:
    return (f.force.norm(dim=-1) * mask).amax(-1)


def _pick(take: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.where(take.view(-1, *[1] * (a.ndim - 1)), a, b)


def relax_each(structures: list[Crystal], potential: Potential, n_steps: int = 10) -> Relaxed:
    """`relax` for structures of any sizes, padded to the largest."""
    return relax(pack(structures), potential, n_steps)
