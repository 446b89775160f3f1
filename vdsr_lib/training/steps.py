"""The steps of an epoch, made one after another, and what each of them measured.

On a CPU the host makes a step and has its numbers. On a GPU the epoch's order, its
learning rates and its measurements are tables on the device, with a place that moves
on by itself: a step is then the same work every time, and can be replayed as a whole.
The host asks for one replay after another and reads, some steps later, what has been
measured, so that neither waits for the other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import torch

from vdsr_lib.training.capture import WARM_UP, Graph, graph_for, put_back
from vdsr_lib.training.processes import Processes
from vdsr_lib.training.randomness import random_states, restore_random_states
from vdsr_lib.training.step import MEASURED, Step
from vdsr_lib.training.update import Numbers

__all__ = ["DeviceSteps", "HostSteps", "Steps", "steps_for"]

_STRIDE = 16  # steps between two looks at a GPU's table
_UNREAD = 2  # looks under way: the host is at most 48 steps ahead of the GPU


class Steps(Protocol):
    """What a loop needs of either kind.

    Attributes
    ----------
    manner : str
        How steps are made, to be shown; empty where there is nothing to say.
    """

    manner: str

    def begin(self, order: torch.Tensor, rates: list[float], done: int) -> None:
        """Take the order (steps, B) and rates of an epoch; `done` steps are over."""

    def make(self) -> None:
        """Make the next step, or see to it that it will be made."""

    def take(self, *, wait: bool = False) -> list[torch.Tensor]:
        """Return what steps measured, in order, each once, as (3,) on the CPU.

        Perhaps not that of the last ones; with `wait` of all that were made.
        """


class HostSteps:
    """Steps made by the host, measured at once.

    Parameters
    ----------
    step : Step
        Makes one.
    """

    manner = ""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._measured: list[torch.Tensor] = []

    def begin(self, order: torch.Tensor, rates: list[float], done: int) -> None:
        """Take the order (steps, B) and rates of an epoch; `done` steps are over."""
        self._order, self._rates, self._place = order, rates, done

    def make(self) -> None:
        """Make the next step."""
        numbers = self._step.numbers(self._rates[self._place])
        self._measured.append(self._step(self._order[self._place], numbers))
        self._step.count()
        self._place += 1

    def take(self, *, wait: bool = False) -> list[torch.Tensor]:  # noqa: ARG002
        """Return what the steps since the last call measured."""
        taken, self._measured = self._measured, []
        return taken


class DeviceSteps:
    """Steps that read their orders from tables on the device, and write into one.

    Parameters
    ----------
    step : Step
        Makes one.
    device : torch.device
        Where the tables lie.
    per_epoch, batch_size : int
        Steps in an epoch, and examples in a step.
    graph : Graph, optional
        Records the step when the first epoch begins, and replays it. Without one, or
        if it cannot record this network, the host starts each operation.
    """

    def __init__(
        self,
        step: Step,
        *,
        device: torch.device,
        per_epoch: int,
        batch_size: int,
        graph: Graph | None = None,
    ) -> None:
        self.manner = "" if graph is None else "whole steps as a CUDA graph"
        self._step, self._device, self._graph = step, device, graph
        rows = per_epoch + WARM_UP  # a warm-up at an epoch's last step runs over
        width = len(Numbers._fields)
        self._order = torch.zeros(rows, batch_size, dtype=torch.int64, device=device)
        self._numbers = torch.zeros(rows, width, device=device)
        self._log = torch.zeros(rows, len(MEASURED), device=device)
        self._place = torch.zeros(1, dtype=torch.int64, device=device)
        self._looks: deque[_Look] = deque()
        self._go: Callable[[], object] = self._advance
        self._is_recorded = False

    def begin(self, order: torch.Tensor, rates: list[float], done: int) -> None:
        """Take the order (steps, B) and rates of an epoch; `done` steps are over."""
        table = [self._step.numbers(rate, i) for i, rate in enumerate(rates[done:])]
        self._order[: len(order)] = order
        width = len(Numbers._fields)
        rows = torch.tensor(table).reshape(len(table), width)  # (steps left, 4)
        self._numbers[done : len(rates)] = rows
        self._place.fill_(done)
        self._made = self._shown = done
        if self._graph is not None and not self._is_recorded:
            self._is_recorded = True
            self._go = self._recorded(self._graph)

    def make(self) -> None:
        """Put the next step into the device's queue."""
        self._go()
        self._step.count()
        self._made += 1
        if self._made % _STRIDE == 0:
            self._look()

    def take(self, *, wait: bool = False) -> list[torch.Tensor]:
        """Return what steps measured a while ago, or with `wait` all of them.

        Always after the same step, whoever is faster: where several processes share a
        run, all of them see a divergence at one step.
        """
        if wait:
            self._look()
        taken: list[torch.Tensor] = []
        while len(self._looks) > (0 if wait else _UNREAD):
            taken += self._looks.popleft().rows()
        return taken

    def _look(self) -> None:
        """Ask for a copy of what was measured since the last look."""
        if self._made > self._shown:
            self._looks.append(_Look(self._log[self._shown : self._made]))
            self._shown = self._made

    def _advance(self) -> None:
        """Make the step that the place points at: the same work every time."""
        examples = self._order.index_select(0, self._place)[0]  # (B,)
        numbers = self._numbers.index_select(0, self._place)[0]  # (4,)
        measured = self._step(examples, Numbers(*numbers.unbind()))  # (3,)
        self._log.index_copy_(0, self._place, measured[None].to(self._log.dtype))
        self._place += 1

    def _recorded(self, graph: Graph) -> Callable[[], object]:
        """Return the call that makes a step: a replay, if it could be recorded."""
        states = random_states(self._device)
        try:
            with put_back([*self._step.tensors(), self._log, self._place]):
                graph.capture(self._advance)
        except RuntimeError as error:
            self._step.forget()  # gradients of a step that broke off half-way
            self.manner = f"steps not captured ({_first_cause(error)})"
            return self._advance
        finally:
            restore_random_states(states, self._device)
        return graph.replay


def _first_cause(error: BaseException) -> str:
    """Return the first line of what went wrong before all that followed from it."""
    while isinstance(error.__context__, RuntimeError):
        error = error.__context__
    return (str(error).splitlines() or [type(error).__name__])[0]


class _Look:
    """A copy of some rows, on its way from the device."""

    def __init__(self, rows: torch.Tensor) -> None:
        on_gpu = rows.device.type == "cuda"
        self._event: Any = None
        self._copy = torch.empty(rows.shape, pin_memory=on_gpu)
        self._copy.copy_(rows, non_blocking=on_gpu)
        if on_gpu:
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record()

    def rows(self) -> list[torch.Tensor]:
        """Return the rows, when they are there."""
        if self._event is not None:
            self._event.synchronize()
        return list(self._copy.unbind())


def steps_for(
    step: Step, processes: Processes, *, per_epoch: int, batch_size: int
) -> Steps:
    """Return the kind of steps that suits a device.

    Parameters
    ----------
    step : Step
        Makes one.
    processes : Processes
        With whom the run is shared.
    per_epoch, batch_size : int
        Steps in an epoch, and examples in a step.

    Returns
    -------
    Steps
    """
    if processes.device.type == "cpu":
        return HostSteps(step)
    return DeviceSteps(
        step,
        device=processes.device,
        per_epoch=per_epoch,
        batch_size=batch_size,
        graph=graph_for(processes),
    )
