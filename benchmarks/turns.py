"""Times taken in turns within one process, and their ratios.

Times from one machine mean little on another, and a busy machine spoils them. What takes part in
a comparison therefore runs in turns, round after round; a ratio is formed within each round, and
told as the median over the rounds. On the CPU the clock is the CPU time of this process, which
other programs disturb least.
"""

import time
from collections.abc import Callable

from benchmarks.rows import Row, Spread, quartiles

Runs = dict[str, Callable[[], object]]
Times = dict[str, list[float]]


def seconds(runs: Runs, repeats: int, clock: Callable[[], float] = time.process_time) -> Times:
    """Times of each run, `repeats` of them, taken in turns after one round to warm up."""
    taken: Times = {name: [] for name in runs}
    for round_ in range(repeats + 1):
        for name, run in runs.items():
            start = clock()
            run()
            if round_:
                taken[name].append(clock() - start)
    return taken


def ratio(taken: Times, name: str, base: str) -> Spread:
    """The time of one run over that of another in the same round, with its quartiles."""
    return quartiles([a / b for a, b in zip(taken[name], taken[base], strict=True)])


def ratio_rows(taken: Times, base: str, **about: str | int) -> list[Row]:
    """A row for each run: its ratio to `base`, and the median of its milliseconds.

    `about` puts columns of its own in front, the same in every row.
    """
    return [
        {
            **about,
            "run": name,
            f"time / {base}": ratio(taken, name, base),
            "ms": 1e3 * quartiles(times).middle,
        }
        for name, times in taken.items()
    ]
