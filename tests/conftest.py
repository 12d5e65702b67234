"""Every test runs torch on one thread: two workers then fit two cores, and sums repeat exactly."""

import os
import signal
from collections.abc import Iterator

import pytest
import torch

torch.set_num_threads(1)
# A shell starts what runs in its background deaf to interrupts; some tests send one to themselves.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def the_environment_is_put_back() -> Iterator[None]:
    """A command that a test calls sets variables for its process, which here is the worker."""
    before = settings()
    yield
    for name in settings().keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


def settings() -> dict[str, str]:
    """The environment, but for what pytest itself keeps there."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
