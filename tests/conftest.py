"""Every test runs torch on one thread: two workers then fit two cores, and sums repeat exactly."""

import signal

import torch

torch.set_num_threads(1)
# A shell starts what runs in its background deaf to interrupts; some tests send one to themselves.
signal.signal(signal.SIGINT, signal.default_int_handler)
