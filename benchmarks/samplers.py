"""Samplers beside diffusers, flow matching beside torchcfm: `python -m benchmarks.samplers`.

One network (chapter 03's), one table of noise, as many steps. Before anything is timed, both sides
must have made the same points from the same seed. Every time is told over that of the network
alone, which no sampler with as many calls can go below. CPU time in turns (turns.py), one thread.
`make benchmark` installs torchcfm; by hand: pip install --no-deps torchcfm==1.0.7 (its other
needs, half a gigabyte, serve parts that are not used here).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.rows import Row, table
from benchmarks.turns import Runs, ratio, seconds
from helpers.learn.couplings import ot_pairs
from helpers.models import TimeMLP
from helpers.noise import BetaTable, Denoiser, Path, bridge, cross
from helpers.sample import ancestral, ddim, sample, step

ALONE = "the network alone"
STEPS = 50
PATH = Path(BetaTable.linear(STEPS, 1e-3, 0.3))
SETTINGS = dict(
    num_train_timesteps=STEPS,
    beta_start=1e-3,
    beta_end=0.3,
    beta_schedule="linear",
    clip_sample=False,
)
# diffusers forms 1 − ᾱ in float32: at the first β, 0.001, that keeps four digits.
AGREE = 1e-3
Draw = Callable[[int, int], Tensor]  # number of points, seed → points (n, 2)


def seeded(seed: int) -> torch.Generator:
    """A generator of its own for each run."""
    return torch.Generator().manual_seed(seed)


def ours(net: TimeMLP, kind: str) -> Draw:
    """This course's sampler, "DDPM" or "DDIM"."""

    def draw(n: int, seed: int) -> Tensor:
        g = seeded(seed)
        update = ancestral(PATH, 0.0, g) if kind == "DDPM" else ddim(PATH)
        start = PATH.prior(torch.empty(n, 2), g)
        return sample(step(Denoiser(net, PATH), update), start, PATH.schedule.times())  # type: ignore[attr-defined]

    return draw


def theirs(net: TimeMLP, kind: str) -> Draw:
    """diffusers' scheduler in the loop that its documentation shows."""
    from diffusers import DDIMScheduler, DDPMScheduler  # only needed here

    make = DDPMScheduler if kind == "DDPM" else DDIMScheduler

    @torch.no_grad()
    def draw(n: int, seed: int) -> Tensor:
        g, scheduler = seeded(seed), make(**SETTINGS)
        scheduler.set_timesteps(STEPS)
        x = torch.randn(n, 2, generator=g)
        for i in scheduler.timesteps:
            eps = net(x, ((i + 1) / STEPS).expand(n))
            x = scheduler.step(eps, i, x, generator=g).prev_sample
        return x

    return draw


def apart(a: Tensor, b: Tensor) -> float:
    """The root mean square of a − b in units of that of a."""
    return float((a - b).square().mean().sqrt() / a.square().mean().sqrt())


@torch.no_grad()
def only_calls(net: TimeMLP, n: int) -> None:
    """As many calls of the network, and nothing else."""
    x, t = torch.randn(n, 2), torch.full((n,), 0.5)
    for _ in range(STEPS):
        net(x, t)


def sampling(n: int, repeats: int = 9) -> list[Row]:
    """DDPM and DDIM for n points: a row each. RuntimeError where both sides do not agree."""
    torch.manual_seed(0)
    net = TimeMLP()
    rows = []
    for kind in ("DDPM", "DDIM"):
        mine, peer = ours(net, kind), theirs(net, kind)
        far = apart(mine(n, 1), peer(n, 1))
        if not far < AGREE:
            raise RuntimeError(
                f"{kind}: ours and diffusers' points differ by {far:.2g} of their size"
            )
        runs: Runs = {
            "ours": lambda mine=mine: mine(n, 1),
            "peer": lambda peer=peer: peer(n, 1),
            ALONE: lambda: only_calls(net, n),
        }
        what = f"{kind}, {STEPS} steps, {n} points"
        rows.append(row(what, "diffusers", runs, repeats))
    return rows


def row(what: str, peer: str, runs: Runs, repeats: int) -> Row:
    """One comparison: ours over the peer, and both over the network alone."""
    taken = seconds(runs, repeats)
    return {
        "run": what,
        "peer": peer,
        "ours / peer": ratio(taken, "ours", "peer"),
        "ours / network": ratio(taken, "ours", ALONE),
        "peer / network": ratio(taken, "peer", ALONE),
    }


def updates(block: int, repeats: int = 9, n_updates: int = 60) -> Row:
    """Training steps of flow matching beside torchcfm's; block 0 leaves the pairs free."""
    from torchcfm.conditional_flow_matching import (  # type: ignore[import-not-found]
        ConditionalFlowMatcher,
        ExactOptimalTransportConditionalFlowMatcher,
    )

    size, law, g = block or 512, cross(), seeded(0)
    matcher = (ExactOptimalTransportConditionalFlowMatcher if block else ConditionalFlowMatcher)(
        sigma=0.0
    )

    def mine(x0: Tensor, x1: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if block:
            x0, x1 = ot_pairs(x0, x1, block=block)
        t = torch.rand(size, generator=g)
        return t, *bridge(x0, x1, t)

    def peer(x0: Tensor, x1: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return matcher.sample_location_and_conditional_flow(x1, x0)

    def training(ready: Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]) -> None:
        net = TimeMLP(gain=4.0)
        adam = torch.optim.Adam(net.parameters(), lr=1e-2, fused=True)
        for _ in range(n_updates):
            t, x, v = ready(law.sample(size, g), torch.empty(size, 2).normal_(generator=g))
            loss = (net(x, t) - v).square().mean()
            adam.zero_grad()
            loss.backward()
            adam.step()

    fixed = mine(law.sample(size, g), torch.randn(size, 2, generator=g))
    runs: Runs = {
        "ours": lambda: training(mine),
        "peer": lambda: training(peer),
        ALONE: lambda: training(lambda x0, x1: fixed),
    }
    pairs = f"OT pairs of {block}" if block else f"free pairs, {size}"
    return row(f"flow matching, an update, {pairs}", "torchcfm", runs, repeats)


def measure(repeats: int = 9) -> list[Row]:
    """Sampling for few and many points, then the updates of flow matching."""
    rows = [row for n in (100, 4_000) for row in sampling(n, repeats)]
    return rows + [updates(block, 2 * repeats) for block in (0, 64)]


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(table(measure()))


if __name__ == "__main__":
    main()
