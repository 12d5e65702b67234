"""The tools of the pipeline are plain scripts beside each other; here they become importable."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "book" / "_tools"))
