"""What `simulate` costs beside drawing the same normals: `python -m benchmarks.simulate`.

Times from one machine mean little on another, so everything is a ratio to the draws alone, taken
in turns within one process: 10 000 Ornstein–Uhlenbeck particles, 1 000 steps, one thread. On the
CPU the clock is the CPU time of this process, which other programs disturb least.
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from helpers.noise import OrnsteinUhlenbeck
from helpers.sample import simulate

PROCESS = OrnsteinUhlenbeck(theta=0.7, sigma=1.3)
H = 0.01
DRAWS = "the draws alone"


def contenders(
    n_particles: int, n_steps: int, device: str = "cpu"
) -> dict[str, Callable[[], object]]:
    """The runs to compare, the draws first; each is one call without arguments."""
    x0 = torch.zeros(n_particles, device=device)
    buffer = torch.empty_like(x0)
    sde = PROCESS.sde()

    def draws() -> None:
        for _ in range(n_steps):
            buffer.normal_()

    return {
        DRAWS: draws,
        "simulate, keep='last'": lambda: simulate(sde, x0, H, n_steps),
        "simulate, keep=10": lambda: simulate(sde, x0, H, n_steps, keep=10),
        "simulate, keep='all'": lambda: simulate(sde, x0, H, n_steps, keep="all"),
    }


class _ForTorchsde(torch.nn.Module):
    noise_type = "diagonal"
    sde_type = "ito"

    def f(self, t: Tensor, x: Tensor) -> Tensor:
        return -PROCESS.theta * x

    def g(self, t: Tensor, x: Tensor) -> Tensor:
        return torch.full_like(x, PROCESS.sigma)


def torchsde_run(n_particles: int, n_steps: int) -> Callable[[], object]:
    """The same run by torchsde's Euler–Maruyama with its default Brownian motion, last state."""
    import torchsde  # only needed here

    x0, times = torch.zeros(n_particles, 1), torch.tensor([0.0, n_steps * H])
    return lambda: torchsde.sdeint(_ForTorchsde(), x0, times, dt=H, method="euler")


def cuda_time() -> float:
    """Seconds once the GPU has finished everything that was asked of it."""
    torch.cuda.synchronize()
    return time.perf_counter()


def seconds(
    runs: dict[str, Callable[[], object]],
    repeats: int,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, list[float]]:
    """Times of each run, `repeats` of them, taken in turns after one round to warm up."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for round_ in range(repeats + 1):
        for name, run in runs.items():
            start = clock()
            run()
            if round_:
                taken[name].append(clock() - start)
    return taken


def best_ratios(taken: dict[str, list[float]]) -> dict[str, float]:
    """Best time over the best time of the draws: what is left when nothing else disturbs."""
    floor = min(taken[DRAWS])
    return {name: min(times) / floor for name, times in taken.items()}


def table(taken: dict[str, list[float]]) -> str:
    """Each run's ratio to the draws: the median over the rounds, their range, and the best."""
    best = best_ratios(taken)
    lines = [f"{'':24} {'median':>7} {'range':>15} {'best/best':>10} {'seconds':>9}"]
    for name, times in taken.items():
        ratios = [a / b for a, b in zip(times, taken[DRAWS], strict=True)]
        spread = f"{min(ratios):.2f} – {max(ratios):.2f}"
        lines.append(
            f"{name:24} {statistics.median(ratios):7.2f} {spread:>15} "
            f"{best[name]:10.2f} {min(times):9.4f}"
        )
    return "\n".join(lines)


def main(n_particles: int = 10_000, n_steps: int = 1_000, repeats: int = 9) -> None:
    """Print the table for the CPU, and for CUDA where there is one."""
    torch.set_num_threads(1)
    print(f"{n_particles} particles x {n_steps} steps, ratios to the draws, {repeats} rounds")
    runs = contenders(n_particles, n_steps)
    # What storing costs by itself: the system hands out 40 MB of fresh memory page by page.
    runs["the draws, all stored"] = lambda: torch.randn(n_steps, n_particles)
    runs["torchsde, last"] = torchsde_run(n_particles, n_steps)
    print("\nCPU, one thread, CPU time\n" + table(seconds(runs, repeats)))
    if torch.cuda.is_available():
        for n in (n_particles, 100 * n_particles):
            taken = seconds(contenders(n, n_steps, "cuda"), repeats, cuda_time)
            print(f"\n{torch.cuda.get_device_name()}, {n} particles, wall time\n" + table(taken))
    else:
        print("\nno CUDA device here: nothing measured on a GPU")


if __name__ == "__main__":
    main()
