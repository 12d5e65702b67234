"""One dial that makes every training in the course shorter, for tests and for slow machines."""

import os


def budget(n: int) -> int:
    """`n` steps (epochs, samples), scaled by the environment variable COURSE_BUDGET, at least 1.

    Without the variable, `n` itself.
    Raises ValueError when `n` is not positive or COURSE_BUDGET is no number with 0 < number <= 1.
    """
    if n < 1:
        raise ValueError(f"a budget counts steps and needs at least 1, got {n}")
    wish = os.environ.get("COURSE_BUDGET", "").strip()
    if not wish:
        return n
    try:
        share = float(wish)
    except ValueError:
        share = float("nan")
    if not 0 < share <= 1:
        raise ValueError(f"COURSE_BUDGET is {wish!r}: it must be a number above 0 and at most 1")
    return max(1, round(n * share))
