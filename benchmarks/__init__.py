"""Runnable measurements behind the numbers that the performance page quotes."""
