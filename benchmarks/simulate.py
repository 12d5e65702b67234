"""What `simulate` costs beside drawing the same normals: `python -m benchmarks.simulate`.

Everything is a ratio to the draws alone, taken in turns (turns.py): 10 000 Ornstein–Uhlenbeck
particles, 1 000 steps, one thread; on CUDA also a hundred times as many.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.rows import Row, table
from benchmarks.turns import ratio_rows, seconds
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


def measure(n_particles: int = 10_000, n_steps: int = 1_000, repeats: int = 9) -> list[Row]:
    """The rows of the CPU."""
    runs = contenders(n_particles, n_steps)
    # What storing costs by itself: the system hands out 40 MB of fresh memory page by page.
    runs["the draws, all stored"] = lambda: torch.randn(n_steps, n_particles)
    runs["torchsde, last state"] = torchsde_run(n_particles, n_steps)
    return ratio_rows(seconds(runs, repeats), DRAWS)


def main(n_particles: int = 10_000, n_steps: int = 1_000, repeats: int = 9) -> None:
    """Print the table for the CPU, and for CUDA where there is one."""
    torch.set_num_threads(1)
    print(f"{n_particles} particles x {n_steps} steps, ratios to the draws, {repeats} rounds")
    print("\nCPU, one thread, CPU time\n" + table(measure(n_particles, n_steps, repeats)))
    if torch.cuda.is_available():
        for n in (n_particles, 100 * n_particles):
            taken = seconds(contenders(n, n_steps, "cuda"), repeats, cuda_time)
            rows = ratio_rows(taken, DRAWS)
            print(f"\n{torch.cuda.get_device_name()}, {n} particles, wall time\n" + table(rows))
    else:
        print("\nno CUDA device here: nothing measured on a GPU")


if __name__ == "__main__":
    main()
