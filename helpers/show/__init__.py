"""Figures, animations and things to move, each with words for readers who cannot see them.

Importing this room sets the course's style, so that plain ``plt.subplots()`` draws in it too.
"""

from helpers.show.animate import animate
from helpers.show.charts import error_orders, fan_panels, trajectories_with_histogram
from helpers.show.figure import show
from helpers.show.style import COLORS, legend_below, new_figure, use

use()

__all__ = [
    "COLORS",
    "animate",
    "error_orders",
    "fan_panels",
    "legend_below",
    "new_figure",
    "show",
    "trajectories_with_histogram",
    "use",
]
