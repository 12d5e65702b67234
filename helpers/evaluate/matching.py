"""Does a generated crystal match the true one? The published protocol, and one that can say no."""

from typing import NamedTuple

import torch
from torch import Tensor

from helpers.evaluate.estimates import Estimate, mean_of
from helpers.matter import Crystals, minimum_distance, to_pymatgen, unpack, volume


class Tolerances(NamedTuple):
    """What two crystals may differ by: lengths by the share ltol, angles by angle_tol degrees, and
    the atoms by stol (V/N)^⅓ in the root of the mean square. Volumes are made equal first."""

    ltol: float
    stol: float
    angle_tol: float


#: With these the field reports match rates (Jiao et al. 2023); they accept much.
PUBLISHED = Tolerances(0.3, 0.5, 10.0)
#: With these uniformly random perovskites never match, and halves of two structures neither.
STRICT = Tolerances(0.1, 0.2, 5.0)


class Match(NamedTuple):
    """The share of pairs that match, the mean distance of those that do, in units of (V/N)^⅓, and
    all distances (M,), NaN without a match."""

    rate: Estimate
    rmse: Estimate
    distances: Tensor

    def __str__(self) -> str:
        rate = Estimate(100 * self.rate.value, 100 * self.rate.error)
        return f"match {rate} %, RMSE {self.rmse}"


def match_rate(generated: Crystals, truth: Crystals, tolerances: Tolerances = PUBLISHED) -> Match:
    """How often generated structure k matches true structure k, and how well where it does.

    A generated structure that is not valid (see `valid`) counts as no match. The mean distance,
    the literature's RMSE, is over matched pairs only: it can rise because more match; its error
    is NaN for fewer than two matches. About 25 ms a pair.
    Raises ValueError when the two differ in number or a pair has different compositions.
    Source: Jiao et al., DiffCSP (2023), §5.1; Ong et al. (2013) for the matcher.
    """
    if len(generated.cell) != len(truth.cell) or len(truth.cell) < 2:
        raise ValueError(
            f"{len(generated.cell)} generated and {len(truth.cell)} true structures: need one for "
            "one, and at least two pairs"
        )
    same = _composition(generated) == _composition(truth)
    if not bool(same.all()):
        k = int(same.logical_not().any(-1).nonzero()[0])
        raise ValueError(f"pair {k} differs in its composition: a match needs the same elements")
    from pymatgen.analysis.structure_matcher import StructureMatcher  # takes a second to import

    matcher = StructureMatcher(**tolerances._asdict())
    made, true = unpack(generated), unpack(truth)
    distances = torch.full((len(truth.cell),), float("nan"), dtype=torch.float64)
    for k in valid(generated).nonzero().flatten().tolist():
        found = matcher.get_rms_dist(to_pymatgen(made[k]), to_pymatgen(true[k]))
        if found is not None:
            distances[k] = float(found[0])
    hit = ~distances.isnan()
    several = int(hit.sum()) > 1
    nothing = Estimate(float(distances[hit].mean()), float("nan"))
    return Match(mean_of(hit.double()), mean_of(distances[hit]) if several else nothing, distances)


def valid(crystals: Crystals) -> Tensor:
    """Which structures (M,) are finite, have atoms more than 0.5 Å apart, counted with their
    images, and a volume of at least 0.1 Å³. A sanity floor, not physics: no bond is that short.

    Source: Xie et al., CDVAE (2022), §5.
    """
    atoms = crystals.frac.isfinite().all(-1) | ~crystals.mask
    fine = crystals.cell.isfinite().flatten(1).all(-1) & atoms.all(-1)
    fine &= volume(crystals.cell.nan_to_num()) >= 0.1
    rows = fine.nonzero().flatten()
    if len(rows):
        frac, cell, mask = crystals.frac[rows], crystals.cell[rows], crystals.mask[rows]
        fine[rows] = minimum_distance(frac, cell, mask) > 0.5
    return fine


def length_error(generated: Crystals, truth: Crystals) -> Estimate:
    """The mean relative error of V^⅓, the length of the cell; the matcher does not see it.

    Raises ValueError when the two differ in number.
    """
    if len(generated.cell) != len(truth.cell):
        raise ValueError(
            f"{len(generated.cell)} generated and {len(truth.cell)} true cells: need one for one"
        )
    ratio = (volume(generated.cell) / volume(truth.cell)).double() ** (1 / 3)
    return mean_of((ratio - 1).abs())


def _composition(crystals: Crystals) -> Tensor:
    return crystals.species.sort(-1, descending=True).values
