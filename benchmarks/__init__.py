"""Measurements behind the course's numbers; `python -m benchmarks` writes the page of them."""
