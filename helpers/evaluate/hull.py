"""Energy above the hull of the phases this course ships: how much a crystal would gain by falling
apart into them.

The phases are elements and binary prototypes, relaxed with the same potential that judges. What
is missing – nearly all known compounds – could only lower the hull, so that the energies here are
lower bounds and "stable" is generous.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import linprog
from torch import Tensor

from helpers.disk import whole_file

HULL = Path(__file__).parents[1] / "weights" / "chgnet_hull.json"


class Phase(NamedTuple):
    """A compound: share of each atomic number, and its energy in eV/atom."""

    shares: dict[int, float]
    energy: float
    name: str = ""


def shares_of(species: Sequence[int]) -> dict[int, float]:
    """The share of each atomic number among the atoms; zeros are padding."""
    counts = Counter(int(z) for z in species if z > 0)
    total = sum(counts.values())
    return {z: k / total for z, k in counts.items()}


def load_hull(path: Path = HULL) -> list[Phase]:
    """The phases that `python -m benchmarks.mattergen --hull` wrote."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Phase({int(z): x for z, x in r["shares"].items()}, r["energy"], r["name"])
            for r in rows]  # fmt: skip


def save_hull(phases: Sequence[Phase], path: Path = HULL) -> None:
    """Write the phases as JSON, energies to 0.1 meV."""
    rows = [{"name": p.name, "energy": round(p.energy, 4), "shares": p.shares} for p in phases]
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part:
        part.write_text(json.dumps(rows, indent=0), encoding="utf-8")


def above_hull(phases: Sequence[Phase], species: Tensor, energy: Tensor) -> Tensor:
    """Energies (M,) in eV/atom above the hull of the phases, for species (M, N) and energies (M,)
    in eV/atom; negative for what is below them all, NaN where an element has no phase.

    The hull at a composition is the cheapest mixture of phases that has it: a linear programme.
    """
    found = torch.full_like(energy, float("nan"))
    for k, (row, e) in enumerate(zip(species.tolist(), energy.tolist(), strict=True)):
        wanted = shares_of(row)
        inside = [p for p in phases if set(p.shares) <= set(wanted)]
        if not np.isfinite(e) or not set(wanted) <= {z for p in inside for z in p.shares}:
            continue
        rows = [[p.shares.get(z, 0.0) for p in inside] for z in wanted]
        cost = [p.energy for p in inside]
        best = linprog(cost, A_eq=np.array(rows), b_eq=np.array(list(wanted.values())))
        if best.success:
            found[k] = e - float(best.fun)
    return found
