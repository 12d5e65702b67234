"""What the performance page measures: for each topic its rows and its peers."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import crystals, families, minimum_image, samplers, scores, simulate
from benchmarks.rows import Row


@dataclass(frozen=True)
class Topic:
    """A name, which also marks the topic's place on the page, a measurement, and who else runs.

    `note` stands above the table: what only the code knows of the run, such as its seeds.
    """

    name: str
    measure: Callable[[], list[Row]]
    peers: tuple[str, ...] = ()
    note: str = ""


def seeds(trained: range) -> str:
    """Which trainings a table's brackets span."""
    return (
        f"{len(trained)} trainings, seeds {trained.start} to {trained.stop - 1}; "
        "in brackets the least and the most."
    )


TOPICS = (
    Topic("simulate", simulate.measure, ("torchsde",)),
    Topic("scores", scores.measure),
    Topic("samplers", samplers.measure, ("diffusers", "torchcfm")),
    Topic("families", families.measure, note=seeds(families.SEEDS)),
    Topic("crystals", crystals.measure, note=seeds(crystals.SEEDS)),
    Topic("minimum_image", minimum_image.measure, ("ase", "pymatgen")),
)
