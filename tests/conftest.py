"""Every test runs torch on one thread: two workers then fit two cores, and sums repeat exactly."""

import torch

torch.set_num_threads(1)
