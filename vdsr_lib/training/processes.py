"""One training spread over several processes, as torchrun starts them.

Each process holds all patches and takes its share of every batch. Distributed data
parallelism averages the gradients before the clip, so that clip and update see what
one process alone would see.
"""

from __future__ import annotations

import atexit
import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from vdsr_lib.devices import resolve_device

__all__ = ["Processes", "join_processes"]


@dataclass(frozen=True)
class Processes:
    """The processes that train together, seen from one; alone without torchrun.

    Parameters
    ----------
    device : torch.device
        Where this process computes: under torchrun each takes a GPU of its own.
    rank : int
        The number of this process, from 0.
    size : int
        How many there are.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes, validates and reports."""
        return self.rank == 0

    def share(self, examples: torch.Tensor) -> torch.Tensor:
        """Return this process's part of a batch."""
        return examples[self.rank :: self.size]

    def wrap(self, model: nn.Module) -> nn.Module:
        """Return the module to call in training: its gradients are averaged."""
        if self.size == 1:
            return model
        ids = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=ids)

    def mean(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the mean of a tensor over the processes; it may be changed."""
        if self.size > 1:
            dist.all_reduce(tensor)
            tensor /= self.size
        return tensor

    def any(self, flag: bool) -> bool:
        """Say whether any process raised its flag, so that all stop at one step."""
        if self.size == 1:
            return flag
        raised = torch.tensor(float(flag))  # on the CPU: no GPU is waited for
        dist.all_reduce(raised)
        return bool(raised > 0)

    def from_first(self, value: Any) -> Any:
        """Return what the first process has."""
        if self.size == 1:
            return value
        held = [value]
        dist.broadcast_object_list(held, src=0, device=torch.device("cpu"))
        return held[0]


def join_processes(device: str | torch.device = "auto") -> Processes:
    """Join the processes that torchrun started, if it did.

    Parameters
    ----------
    device : str or torch.device
        As for `vdsr_lib.devices.resolve_device`. With "auto" or "cuda" each process
        of a host takes the GPU of its local rank.

    Returns
    -------
    Processes
        Of size 1 outside torchrun.

    Raises
    ------
    ValueError
        If the device is not there, for instance more processes than GPUs.
    """
    resolved = resolve_device(device)
    if not (dist.is_available() and dist.is_torchelastic_launched()):
        return Processes(resolved)
    if str(resolved) == "cuda":
        resolved = resolve_device(f"cuda:{os.environ['LOCAL_RANK']}")
        torch.cuda.set_device(resolved)
    if not dist.is_initialized():
        on_gpu = resolved.type == "cuda"
        dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo")
        # Left at the exit only: one cannot join a second time under torchrun.
        atexit.register(dist.destroy_process_group)
    return Processes(resolved, dist.get_rank(), dist.get_world_size())
