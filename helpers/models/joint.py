"""Positions and cell of a crystal denoised together, for a given composition.

Positions diffuse on the torus, as in chapter 04 part B. The cell diffuses as six numbers,
log √(C Cᵀ), of which the composition's own guess, the logarithm of Σ r³, is taken off first.
Source: the division of labour is DiffCSP's (Jiao et al. 2023), §4.
"""

import torch
from torch import Tensor, nn

from helpers.matter import Crystals, cell_to_vector, radius_length, vector_to_cell
from helpers.models.crystals import CrystalNet
from helpers.noise import VE, Cosine, Path, Torus, without_translation
from helpers.noise.predictions import Pred, mix, read

State = dict[str, Tensor]
DIAGONAL = (1.0, 0.0, 0.0, 1.0, 0.0, 1.0)


class JointDenoiser(nn.Module):
    """joint(state, t, species): predictions for the positions "frac" and the cell "cell" at once.

    A state has frac (B, N, 3) and cell (B, 6), the lattice in units in which the training set
    has mean 0 and, for its lengths, variance 1. `training` only gives these units. The network
    says ε for the positions and, for the cell, what "edm" means in `mix`.
    """

    diagonal: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, net: CrystalNet, training: Crystals) -> None:
        super().__init__()
        self.net = net
        self.torus, self.flat = Path(VE(0.02, 0.5), Torus()), Path(Cosine())
        self.register_buffer("diagonal", torch.tensor(DIAGONAL))
        self.register_buffer("mean", torch.zeros(6))
        self.register_buffer("std", torch.ones(()))
        vector = self.encode(training)["cell"]  # (M, 6), in the units that are still Å
        self.mean.copy_(vector.mean(0))
        # Lengths set the scale of all six: in a set of cubic cells the others do not vary at all.
        lengths = (vector - vector.mean(0))[:, self.diagonal.bool()]
        self.std.copy_(lengths.square().mean().sqrt().clamp(min=1e-3))

    def guess(self, species: Tensor) -> Tensor:
        """The part of the six numbers that the elements alone suggest, (B, 6)."""
        return radius_length(species).log()[:, None].to(self.mean) * self.diagonal

    def encode(self, crystals: Crystals) -> State:
        """The state of clean crystals."""
        vector = cell_to_vector(crystals.cell).to(self.mean) - self.guess(crystals.species)
        return {"frac": crystals.frac.to(self.mean), "cell": (vector - self.mean) / self.std}

    def decode(self, state: State, species: Tensor) -> Crystals:
        """The crystals that a state stands for, with the elements (B, N)."""
        vector = state["cell"] * self.std + self.mean + self.guess(species)
        return Crystals(vector_to_cell(vector), state["frac"], species, species > 0)

    def output(self, state: State, t: Tensor, species: Tensor) -> tuple[Tensor, Tensor]:
        """What the network says of positions (B, N, 3) and cell (B, 6) at times t () or (B,)."""
        times = t.to(state["frac"]).expand(len(species))
        return self.net.both(state["frac"], times, self.decode(state, species))

    def forward(self, state: State, t: Tensor, species: Tensor) -> dict[str, Pred]:
        """The predictions for both fields, each in the four usual ways."""
        field, six = self.output(state, t, species)
        return {
            "frac": read(field, state["frac"], t, self.torus.schedule, "eps"),
            "cell": read(six, state["cell"], t, self.flat.schedule, "edm", 1.0),
        }

    def prior(self, species: Tensor, generator: torch.Generator | None = None) -> State:
        """Noise to start from: atoms anywhere in the cell, the cell around the guess."""
        frac = torch.empty(*species.shape, 3).to(self.mean)
        cell = torch.empty(len(species), 6).to(self.mean)
        return {
            "frac": self.torus.prior(frac, generator),
            "cell": self.flat.prior(cell, generator),
        }


def joint_loss(
    joint: JointDenoiser,
    crystals: Crystals,
    t: Tensor,
    generator: torch.Generator | None = None,
    weight: float = 0.3,
) -> Tensor:
    """The squared error of both fields at times t (B,): positions + weight · cell.

    The noise's common shift is taken off the target of the positions, which says nothing of it.
    The crystals must not be padded; raises ValueError when they are.
    """
    if not bool(crystals.mask.all()):
        raise ValueError("this loss is for crystals of one size, without padding")
    clean = joint.encode(crystals)
    x, eps = joint.torus.perturb(clean["frac"], t, generator)
    y, noise = joint.flat.perturb(clean["cell"], t, generator)
    field, six = joint.output({"frac": x, "cell": y}, t, crystals.species)
    eps = without_translation(eps)
    c0, c1 = mix("edm", joint.flat.schedule, t[:, None].to(y), 1.0)
    of_cell = (six - (c0 * clean["cell"] + c1 * noise)).square().mean()
    return (field - eps).square().mean() + weight * of_cell
