"""Several processes that train one model: torchrun starts them, Lightning Fabric connects them.

    torchrun --nproc-per-node=4 -m benchmarks.perov5 --full

Each process holds a copy of the model and draws examples of its own; before each update the
gradients are averaged, so that the copies stay equal. N processes therefore see N times as many
examples in each update, and the learning rate is not changed for it. A process has the GPU of its
number on its machine, or is a process on the CPU where there is none.
"""

import os
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

T = TypeVar("T")
#: Between the seeds of two processes: far enough that seed 0, 1, 2, … of other runs stay apart.
STRIDE = 1_000_003
#: How long the others wait while the first evaluates; if one dies, torchrun ends them all at once.
PATIENCE = timedelta(hours=12)


class Alone:
    """One process: it has no one to wait for, and nothing is averaged. `device` is where it trains,
    `rank` its number among `size` processes."""

    rank, size = 0, 1

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def first(self, make: Callable[[], T]) -> T:
        """What `make` returns in the first process; the others wait and are handed a copy.

        Only the first calls it: to read, to evaluate, to print and to write. Tensors in what it
        returns should be on the CPU.
        """
        return make()

    def start(self, model: nn.Module) -> None:
        """Give all processes the weights that the model has in the first."""

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a tensor over all processes, without a gradient."""
        return value.detach()

    def average(self, weights: Iterable[nn.Parameter]) -> None:
        """Replace the gradients by their means over all processes."""

    def gather(self, stream: Tensor) -> Tensor:
        """The states of all processes' generators, (N, n), where one alone has (n,)."""
        return stream

    def mine(self, streams: Tensor) -> Tensor:
        """This process's part of what `gather` made, (n,).

        Raises ValueError when another number of processes made it.
        """
        streams = torch.atleast_2d(streams)
        if len(streams) != self.size:
            raise ValueError(
                f"the run was saved by {len(streams)} process(es), and now there are {self.size}: "
                "start as many as then, delete the file or name another"
            )
        return streams[self.rank].clone()  # in memory of its own: torch reads it as aligned words


class Together(Alone):
    """One of the processes that torchrun started, connected to the others by Fabric."""

    def __init__(self, kind: str) -> None:
        fabric, ddp = _fabric()
        self.size, here = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
        # The strategy brings the connection. Its wrapper of the model is not used: the losses of
        # the course hold the model itself.
        self.fabric: Any = fabric(
            accelerator=kind,
            devices=here,
            num_nodes=self.size // here,
            strategy=ddp(timeout=PATIENCE),
        )
        self.fabric.launch()
        self.rank = self.fabric.global_rank
        super().__init__(self.fabric.device)

    def first(self, make: Callable[[], T]) -> T:
        return self.fabric.broadcast(make() if self.rank == 0 else None)

    def start(self, model: nn.Module) -> None:
        cpu = {name: value.cpu() for name, value in model.state_dict().items()}
        model.load_state_dict(self.first(lambda: cpu))

    def mean(self, value: Tensor) -> Tensor:
        return self.fabric.all_reduce(value.detach().clone(), reduce_op="mean")

    def average(self, weights: Iterable[nn.Parameter]) -> None:
        # A weight that this process's examples did not touch has gradient zero here: it may have
        # another elsewhere, and what is sent must have the same length everywhere.
        moving = [w for w in weights if w.requires_grad]
        grads = [torch.zeros_like(w) if w.grad is None else w.grad for w in moving]
        flat = self.mean(torch.cat([grad.flatten() for grad in grads]))
        for w, grad in zip(moving, flat.split([len(g.flatten()) for g in grads]), strict=True):
            w.grad = grad.view_as(w)

    def gather(self, stream: Tensor) -> Tensor:
        table = torch.zeros(self.size, len(stream), dtype=stream.dtype, device=self.device)
        table[self.rank] = stream.to(self.device)
        return self.fabric.all_reduce(table, reduce_op="sum").cpu()


def join(device: torch.device | str | None = None) -> Alone:
    """This process and those that train with it: alone, unless torchrun started several.

    `device` is where the model is or will be, by default a GPU where there is one. Call it before
    a model is made for a GPU, which is then the process's own: `join().device`. One process alone
    needs no further package. Raises ModuleNotFoundError when several have no Lightning Fabric, and
    ValueError when the model is on another process's GPU.
    """
    wish = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if not ("TORCHELASTIC_RUN_ID" in os.environ and int(os.environ["WORLD_SIZE"]) > 1):
        return Alone(wish)
    team = _together(wish.type)
    if wish.index is not None and wish != team.device:
        raise ValueError(
            f"the model is on {wish}, but process {team.rank} of {team.size} trains on "
            f"{team.device}: make it on join().device"
        )
    return team


@cache
def _together(kind: str) -> Together:
    """Connected once in a process."""
    return Together(kind)


def _fabric() -> tuple[Any, Any]:
    """Fabric and its strategy of equal copies; imported only here, as it takes seconds."""
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.strategies import DDPStrategy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{error}: training in several processes needs Lightning Fabric. "
            "pip install 'noise-to-crystals[several]'"
        ) from error
    return Fabric, DDPStrategy
