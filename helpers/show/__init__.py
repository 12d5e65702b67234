"""Figures, animations and things to move, each with words for readers who cannot see them.

Importing this room sets the course's style, so that plain ``plt.subplots()`` draws in it too.
"""

from helpers.show.figure import show
from helpers.show.style import COLORS, new_figure, use

use()

__all__ = ["COLORS", "new_figure", "show", "use"]
