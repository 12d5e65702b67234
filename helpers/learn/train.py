"""One training loop for every model of the course."""

import copy
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from helpers.disk import save_whole
from helpers.learn.parallel import STRIDE, join
from helpers.learn.stopped import says_what_is_saved

Loss = Callable[[torch.Generator], Tensor]


class Trained(NamedTuple):
    """The averaged model in eval mode, the loss of every update (n_steps,), and CPU seconds."""

    model: nn.Module
    losses: Tensor
    seconds: float


def warmup_cosine(i: int, n_steps: int, warmup: float = 0.05, fall: bool = True) -> float:
    """The share of the peak learning rate at update i: a ramp, then half a cosine to zero.

    With fall=False it stays at the peak after the ramp.

    Source: Loshchilov and Hutter (2017); Goyal et al. (2017) for the ramp.
    """
    ramp = max(1, round(warmup * n_steps))
    if i < ramp:
        return (i + 1) / ramp
    if not fall:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (i - ramp) / max(1, n_steps - ramp)))


class EMA:
    """An exponential average of a model's weights, in `model`; decay 0 just follows them.

    Early on the decay is (1 + n)/(10 + n) if that is less, so that the random start is soon
    forgotten. Raises ValueError when decay is not in [0, 1).
    """

    def __init__(self, model: nn.Module, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay = {decay}: need 0 ≤ decay < 1")
        self.model = copy.deepcopy(model).requires_grad_(False)
        self.decay, self.n = decay, 0
        # Collected once: to walk through the modules takes longer than to average small weights.
        self._mine: list[Tensor] = list(self.model.parameters())
        self._theirs: list[Tensor] = list(model.parameters())
        self._buffers = list(zip(self.model.buffers(), model.buffers(), strict=True))

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards what the model's weights are now."""
        decay = min(self.decay, (1 + self.n) / (10 + self.n))
        self.n += 1
        torch._foreach_lerp_(self._mine, self._theirs, 1 - decay)
        for mine, theirs in self._buffers:
            mine.copy_(theirs)


@says_what_is_saved
def train(
    model: nn.Module,
    loss: Loss,
    n_steps: int,
    *,
    lr: float = 1e-3,
    warmup: float = 0.05,
    clip: float = 1.0,
    decay: float = 0.99,
    fall: bool = True,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    save_every: int = 200,
) -> Trained:
    """Fit `model` by n_steps of Adam on loss(generator), and return its averaged copy.

    `model` itself keeps the weights of the last update, and `losses` belong to such weights.

    The learning rate ramps up to `lr` over the first `warmup` of the run and falls to zero along
    a cosine (fall=False: it stays); gradients are clipped to norm `clip`; `decay` is that of the
    average. All noise of the loss should come from the generator it is handed, which `seed`
    starts: then a run is repeated exactly. With `checkpoint`, a file, the run is saved every
    `save_every` updates, and a later call with the same arguments goes on from there to the same
    end, bit for bit.
    A progress bar is shown unless COURSE_STATIC=1 (stored outputs stay clean).

    In N processes that torchrun started, each draws its own examples from a stream of its own, and
    an update follows the mean gradient: N times as many examples for each. `losses` are then means
    over the processes; the first process writes the checkpoint. See `helpers.learn.parallel`.

    Raises ValueError for n_steps < 1 and for a checkpoint of another run or of another number of
    processes, FloatingPointError when the loss, of any process, stops being a number, and OSError,
    in words, when the checkpoint cannot be written. An interrupt and a full memory say what is
    saved.
    """
    if n_steps < 1:
        raise ValueError(f"n_steps = {n_steps}: need at least one update")
    device = next(model.parameters()).device
    team = join(device)  # alone, unless torchrun started several processes
    team.start(model)
    generator = torch.Generator(device).manual_seed(seed + STRIDE * team.rank)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda i: warmup_cosine(i, n_steps, warmup, fall)
    )
    ema = EMA(model, decay)
    losses = torch.full((n_steps,), float("nan"))
    parts: dict[str, Any] = {
        "model": model,
        "ema": ema.model,
        "optimiser": optimiser,
        "schedule": schedule,
    }
    run = {"n_steps": n_steps, "lr": lr, "warmup": warmup, "clip": clip, "decay": decay}
    run |= {"fall": fall, "seed": seed}
    done, spent = 0, 0.0
    state = team.first(lambda: _read(checkpoint))
    if state is not None:
        if state["run"] != run:
            raise ValueError(
                f"{checkpoint} holds another run, {state['run']}, not {run}: delete it or name "
                "another file"
            )
        generator.set_state(team.mine(state["generator"]))
        for name, part in parts.items():
            part.load_state_dict(state[name])
        done, spent, ema.n = state["done"], state["seconds"], state["done"]
        losses[:done] = state["losses"][:done]

    def save() -> None:
        if checkpoint is None:
            return
        streams = team.gather(generator.get_state())
        if team.rank > 0:
            return
        state = {name: part.state_dict() for name, part in parts.items()}
        state |= {"run": run, "generator": streams, "losses": losses}
        state |= {"done": done, "seconds": spent + time.process_time() - start}
        save_whole(state, checkpoint)  # a kill or a full disk leaves the last file whole

    model.train()
    weights = list(model.parameters())
    start = time.process_time()
    quiet = os.environ.get("COURSE_STATIC") == "1" or team.rank > 0
    for i in tqdm(range(done, n_steps), initial=done, total=n_steps, disable=quiet, leave=False):
        value = loss(generator)
        # The mean over all processes: if one has no number, all see it, and all stop.
        seen = team.mean(value)
        if not bool(torch.isfinite(seen)):
            raise FloatingPointError(f"the loss is {seen.item()} at update {i}: try a lower lr")
        optimiser.zero_grad()
        value.backward()
        team.average(weights)
        nn.utils.clip_grad_norm_(weights, clip)
        optimiser.step()
        schedule.step()
        ema.update()
        losses[i] = seen
        done = i + 1
        if done % save_every == 0:
            save()
    save()
    model.eval()
    return Trained(ema.model.eval(), losses, spent + time.process_time() - start)


def _read(checkpoint: str | Path | None) -> dict[str, Any] | None:
    """What the file holds; None without one."""
    if checkpoint is None or not Path(checkpoint).exists():
        return None
    return torch.load(checkpoint, weights_only=True, map_location="cpu")
