"""What a score costs: closed form against automatic differentiation, one thread.

    python -m benchmarks.scores

Times are CPU seconds, the best of several rounds taken in turn in one process, so that the
ratios hold on a busy machine. Prints a table, writes nothing.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import jacrev, vmap

from helpers.noise import GaussianMixture, cross

Score = Callable[[Tensor], Tensor]


def by_gradient_of_the_sum(law: GaussianMixture) -> Score:
    """One backward pass for all points: the points do not see each other."""

    def score(x: Tensor) -> Tensor:
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(law.log_prob(x).sum(), x)
        return gradient

    return score


def by_jacobians(law: GaussianMixture) -> Score:
    """One Jacobian for each point, batched by vmap."""
    return vmap(jacrev(lambda x: law.log_prob(x[None])[0]))


def seconds(f: Score, x: Tensor, repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        f(x)
    return (time.process_time() - start) / repeats


def compare(law: GaussianMixture, n: int, rounds: int = 7) -> dict[str, float]:
    """CPU seconds for n points by each way, the best of `rounds` interleaved rounds."""
    x = law.sample(n, torch.Generator().manual_seed(0))
    ways = {
        "closed form": law.score,
        "gradient of the sum": by_gradient_of_the_sum(law),
        "per-sample Jacobians": by_jacobians(law),
    }
    repeats = max(3, 20_000 // n)
    for f in ways.values():
        torch.testing.assert_close(f(x), law.score(x), rtol=1e-3, atol=1e-3)
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, f in ways.items():
            best[name] = min(best[name], seconds(f, x, repeats))
    return best


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'points':>7}  {'way':22s} {'ms':>9} {'ratio':>7}")
    for n in (1_000, 10_000):
        best = compare(cross(), n)
        for name, value in best.items():
            ratio = value / best["closed form"]
            print(f"{n:7d}  {name:22s} {1e3 * value:9.3f} {ratio:7.1f}")


if __name__ == "__main__":
    main()
