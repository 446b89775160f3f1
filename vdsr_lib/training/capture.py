"""A piece of GPU work that is recorded once and replayed with a single call.

A training step of VDSR is some 250 kernels of a few microseconds each: a
host that starts them one by one keeps a large GPU waiting. CUDA records them as one
graph, which the driver starts as a whole. What is recorded reads and writes the same
memory every time, so whatever changes from step to step must lie in tensors.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch

from vdsr_lib.training.processes import Processes

__all__ = ["CudaGraph", "Graph", "graph_for", "put_back"]

WARM_UP = 3
"""How often `Graph.capture` may run the work for real: libraries choose their
algorithms and allocate in the first runs, which cannot be recorded."""


class Graph(Protocol):
    """Work that was recorded, as `CudaGraph` does it; tests have one of their own."""

    def capture(self, work: Callable[[], object]) -> None:
        """Run the work up to `WARM_UP` times, then record it without running it.

        Parameters
        ----------
        work : callable
            Takes nothing, and asks the GPU for nothing.
        """

    def replay(self) -> None:
        """Do what was recorded, on what its tensors hold now."""


class CudaGraph:
    """A CUDA graph.

    Notes
    -----
    Its replays go to the stream that is current when `replay` is called, in the order
    of the calls, so that copies before and after them need no waiting.
    """

    def __init__(self) -> None:
        self._graph: Any = None

    def capture(self, work: Callable[[], object]) -> None:
        """Warm the work up on a stream of its own, and record it.

        Parameters
        ----------
        work : callable
            Takes nothing, and asks the GPU for nothing.

        Raises
        ------
        RuntimeError
            If the work cannot be recorded, for instance because it waits for the GPU.
        """
        before = torch.cuda.current_stream()
        # Of the present GPU. Torch's own, if none is given, is that of the first one
        # that ever recorded; and it stays the current one after a failure.
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(before)
        try:
            with _collector_at_rest(), torch.cuda.stream(stream):
                for _ in range(WARM_UP):
                    work()
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph, stream=stream):
                    work()
        finally:
            before.wait_stream(stream)
        self._graph = graph

    def replay(self) -> None:
        """Start the recorded work."""
        self._graph.replay()


def graph_for(processes: Processes) -> Graph | None:
    """Return a graph where steps can be recorded.

    Parameters
    ----------
    processes : Processes
        With whom a run is shared.

    Returns
    -------
    Graph or None
        None on anything but a CUDA GPU, and where several processes share the run:
        each step then waits for the others, and is started by the host.
    """
    alone_on_gpu = processes.device.type == "cuda" and processes.size == 1
    return CudaGraph() if alone_on_gpu else None


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Let nothing of the GPU be freed by chance while it records: that would fail."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def put_back(tensors: Iterable[torch.Tensor]) -> Iterator[None]:
    """Let tensors change inside the context, and restore their values after it.

    Parameters
    ----------
    tensors : iterable of torch.Tensor
        Restored in place: whoever holds them sees the values of before.

    Yields
    ------
    None
    """
    kept = [(tensor, tensor.clone()) for tensor in tensors]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value in kept:
                tensor.copy_(value)
