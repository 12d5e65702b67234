"""The networks and samplers of chapter 03 on the cross: the settings that circulate, and ours."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from benchmarks.five_modes import LAW, N, Sampler, start
from helpers.learn import Trained, denoising_loss, stratified_times, train
from helpers.models import TimeMLP
from helpers.noise import VE, BetaTable, Cosine, Denoiser, Path, grid, noise_grid
from helpers.sample import (
    ancestral,
    ddim,
    denoise,
    edm_heun,
    langevin,
    multistep,
    reverse_heun,
    sample,
    step,
)


@dataclass(frozen=True)
class Recipe:
    """How one network is trained."""

    path: Path
    kind: str = "edm"
    data_std: float | None = 1.6  # None: inputs as they are
    gain: float = 4.0
    lr: float = 1e-2
    n_steps: int = 1500
    batch: int = 512
    stratified: bool = True
    steady: bool = False  # the learning rate stays, and no average is taken
    hidden: int = 96
    n_features: int = 32
    first_layer: float = 1.0  # factor on the first layer's weights of x before training

    def denoiser(self) -> Denoiser:
        net = TimeMLP(hidden=self.hidden, gain=self.gain, n_features=self.n_features)
        with torch.no_grad():
            first = net.body[0]
            assert isinstance(first, nn.Linear)
            first.weight[:, :2] *= self.first_layer
        return Denoiser(net, self.path, self.kind, self.data_std)

    def times(self, generator: torch.Generator) -> Tensor:
        schedule = self.path.schedule
        if isinstance(schedule, BetaTable):
            i = torch.randint(schedule.n_steps, (self.batch,), generator=generator)
            return (i + 1) / schedule.n_steps
        if self.stratified:
            return stratified_times(self.batch, generator=generator)
        return torch.rand(self.batch, generator=generator)

    def train(self, seed: int) -> Trained:
        torch.manual_seed(seed)
        denoiser = self.denoiser()

        def loss(generator: torch.Generator) -> Tensor:
            t = self.times(generator)
            # Score matching is weighted by σ², as in NCSN.
            weight = self.path.schedule.sigma(t) ** 2 if self.kind == "score" else None
            x0 = LAW.sample(self.batch, generator)
            return denoising_loss(denoiser, x0, t, weight, generator=generator)

        if self.steady:
            return train(
                denoiser,
                loss,
                self.n_steps,
                lr=self.lr,
                warmup=0.0,
                decay=0.0,
                seed=seed,
                fall=False,
            )
        return train(denoiser, loss, self.n_steps, lr=self.lr, seed=seed)


# The settings that circulate, and ours. All networks: three hidden layers of 96.
COMMON = Recipe(
    Path(BetaTable.linear(50, 1e-4, 0.035)),
    "eps",
    None,
    gain=1.0,
    lr=1e-3,
    n_steps=900,
    batch=384,
    stratified=False,
    steady=True,
)
COMMON_NCSN = replace(COMMON, path=Path(VE(0.07, 1.0)), kind="score")
NCSN = Recipe(Path(VE(0.01, 12.8)))
DDPM = Recipe(Path(Cosine()))


def enlarged(recipe: Recipe, updates: int | None) -> Recipe:
    """The chapter's FULL; the settings that circulate stay what they are."""
    if recipe.steady:
        return recipe
    return replace(recipe, hidden=256, n_steps=10_000 if updates is None else updates)


def run_annealed(n_levels: int, n_moves: int, snr: float, lowest: float, end: bool) -> Sampler:
    """Langevin at geometric levels from the top of the path down, and at the end x̂₀ or nothing."""

    def run(den: Denoiser, generator: torch.Generator) -> Tensor:
        schedule = den.path.schedule
        top = float(schedule.ratio(torch.ones((), dtype=torch.float64)))
        u = torch.linspace(0, 1, n_levels, dtype=torch.float64)
        times = schedule.time_of(top * (lowest / top) ** u)
        times = torch.cat([times, times[-1:]])  # each level is a step that stays where it is
        moves = [langevin(den.path, snr, generator)] * n_moves
        x = sample(step(den, *moves), start(den, generator), times)
        return sample(step(den, denoise(den.path)), x, times[-2:]) if end else x

    return run


def run_ddpm(n: int, widen: float = 0.5) -> Sampler:
    return lambda den, g: sample(
        step(den, ancestral(den.path, widen, g)), start(den, g), _times(den, n)
    )


def run_ddim(n: int) -> Sampler:
    return lambda den, g: sample(step(den, ddim(den.path)), start(den, g), _times(den, n))


def run_multistep(n: int, eta: float) -> Sampler:
    return lambda den, g: sample(multistep(den, den.path, eta, g), start(den, g), _times(den, n))


def run_heun(n: int) -> Sampler:
    return lambda den, g: sample(edm_heun(den, den.path), start(den, g), _times(den, n))


def run_flow(n: int) -> Sampler:
    return lambda den, g: sample(reverse_heun(den, den.path), start(den, g), _times(den, n))


def _times(den: Denoiser, n: int) -> Tensor:
    if isinstance(den.path.schedule, VE):
        return noise_grid(den.path.schedule, n, den.path.schedule.sigma_max, 0.05)
    return grid(n)


def from_unit_noise(n: int, eta: float) -> Sampler:
    """As the common settings do: from N(0, I), wherever the noising ended."""

    def run(den: Denoiser, g: torch.Generator) -> Tensor:
        update = ddim(den.path) if eta == 0 else ancestral(den.path, 0.0, g)
        return sample(step(den, update), torch.randn(N, 2, generator=g), grid(n))

    return run
