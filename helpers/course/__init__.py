"""What makes the notebooks a course: checks, hints, progress, explorers, one set-up call."""

from helpers.course.budget import budget
from helpers.course.check import check, hint
from helpers.course.device import device
from helpers.course.explore import explore
from helpers.course.progress import progress
from helpers.course.setup import setup

__all__ = ["budget", "check", "device", "explore", "hint", "progress", "setup"]
