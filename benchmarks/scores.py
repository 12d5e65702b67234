"""What a score costs: closed form against automatic differentiation, one thread.

    python -m benchmarks.scores

CPU time in turns (turns.py). Prints a table, writes nothing.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import jacrev, vmap

from benchmarks.rows import Row, table
from benchmarks.turns import ratio_rows, seconds
from helpers.noise import GaussianMixture, cross

Score = Callable[[Tensor], Tensor]
CLOSED = "closed form"


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


def compare(law: GaussianMixture, n: int, rounds: int = 9) -> list[Row]:
    """The rows for n points, once all ways have given the same scores."""
    x = law.sample(n, torch.Generator().manual_seed(0))
    ways = {
        CLOSED: law.score,
        "gradient of the sum": by_gradient_of_the_sum(law),
        "per-sample Jacobians": by_jacobians(law),
    }
    for f in ways.values():
        torch.testing.assert_close(f(x), law.score(x), rtol=1e-3, atol=1e-3)
    # Often enough that a round takes longer than the clock's own grain.
    repeats = range(max(3, 20_000 // n))
    runs = {name: lambda f=f: [f(x) for _ in repeats] for name, f in ways.items()}
    rows = ratio_rows(seconds(runs, rounds), CLOSED, points=n)
    return [{**row, "ms": float(row["ms"]) / len(repeats)} for row in rows]  # type: ignore[arg-type]


def measure() -> list[Row]:
    """The rows for few and for many points."""
    return [row for n in (1_000, 10_000) for row in compare(cross(), n)]


def main() -> None:
    torch.set_num_threads(1)
    print(table(measure()))


if __name__ == "__main__":
    main()
