"""Many runs one after another on one device, within a time, going on where it ended.

One after another in one process. A large GPU has room for several such processes side
by side (docs/full_scale.md), each with runs of its own. Who has several devices spreads
runs over them instead (`vdsr_lib.experiments.cluster`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, cast

import torch

from vdsr_lib.devices import resolve_device
from vdsr_lib.experiments.catalogue import get_experiment
from vdsr_lib.experiments.choosing import narrowed
from vdsr_lib.experiments.cost import run_cost
from vdsr_lib.experiments.declare import Run
from vdsr_lib.experiments.material import Material
from vdsr_lib.experiments.progress import ExperimentBar
from vdsr_lib.experiments.running import StoppedError, make_run
from vdsr_lib.experiments.store import FinishedRun, RunStore
from vdsr_lib.training import Monitor
from vdsr_lib.training.monitors import tell

__all__ = ["BY_VALUE", "Sweep", "Task", "make_all", "require_budget", "tasks_of"]

BY_VALUE = (
    "srcnn",  # the other network of Table 3
    "ablation:T91",  # the paper's training; five experiments share it
    "table1",
    "mirrored",  # the reading of Table 1 that fits Figure 4
    "overlap",  # another one that fits its first epochs
    "clipping_start",  # minutes, where all of `clipping` takes a day of a CPU core
    "clipping",
    "schedules",
    "table2",
    "mirrored_scales",  # does the same reading fit Table 2?
    "table3",  # the weights that everybody uses
    "ablation",
    "figure3",
    "modern",
    "side_by_side",
    "shallow",
    "decay",
)
"""All experiments, or runs of them, in the order in which they are worth making."""


@dataclass(frozen=True)
class Task:
    """A run to be made, and the experiment that first asked for it.

    Parameters
    ----------
    experiment : str
        Its name.
    run : Run
        What to train.
    key : str
        The run's, with the seed.
    """

    experiment: str
    run: Run
    key: str

    def __str__(self) -> str:
        return f"{self.experiment}: {self.run.name}"


@dataclass(frozen=True)
class Sweep:
    """How far it came.

    Parameters
    ----------
    made : tuple of Task
        Those that were made now, finished or diverged.
    left : tuple of Task
        Those that were not reached. The first may have begun.
    interrupted : bool
        Whether Ctrl-C or the monitor ended it, and not the time.
    failed : tuple of Task
        Those that ended with an error; another call tries them again.
    """

    made: tuple[Task, ...]
    left: tuple[Task, ...]
    interrupted: bool = False
    failed: tuple[Task, ...] = ()


Outcome = FinishedRun | Exception
"""What a task came to."""


def tasks_of(
    names: Iterable[str] = BY_VALUE, profile: str = "paper", seed: int = 0
) -> list[Task]:
    """Return the runs of some experiments, in their order, each of them once.

    Parameters
    ----------
    names : iterable of str
        Experiments; after a colon some of an experiment's runs, as for
        `run_experiment`: ``"ablation:T91"``, ``"clipping:adjustable*"``.
    profile : {"quick", "classroom", "paper"}
        The size.
    seed : int
        Of the runs.

    Returns
    -------
    list of Task
        A run that several experiments share stands where it comes first.

    Raises
    ------
    ValueError
        If there is no such experiment, run or profile.
    """
    tasks: dict[str, Task] = {}
    for text in names:
        name, colon, only = text.partition(":")
        chosen = narrowed(get_experiment(name), profile, only if colon else None)
        for run in chosen.runs(profile):
            tasks.setdefault(run.key(seed), Task(name, run, run.key(seed)))
    return list(tasks.values())


def require_budget(budget: float | None) -> None:
    """Refuse a time in which nothing can be made.

    Parameters
    ----------
    budget : float or None
        Seconds; None for no limit.

    Raises
    ------
    ValueError
        If it is not above 0.
    """
    if budget is not None and not budget > 0:
        raise ValueError(f"budget must be above 0 seconds, got {budget}")


def make_all(
    tasks: Sequence[Task],
    seed: int = 0,
    *,
    store: RunStore,
    device: str | torch.device = "auto",
    budget: float | None = None,
    monitor: Monitor | None = None,
    told: Callable[[Task, Outcome], object] = lambda *_: None,
    clock: Callable[[], float] = time.monotonic,
) -> Sweep:
    """Make runs that a store does not hold, one after another, until the time is up.

    A run that the time cuts short keeps its checkpoint; the next call goes on from
    there. A run that fails, for whatever reason, is told, and the next one begins:
    time on a device that is lent is not to be lost. Nothing is measured on test
    pictures, which need not be here: `run_experiment` and `record_experiment` do that
    for runs that are finished.

    Parameters
    ----------
    tasks : sequence of Task
        What `tasks_of` gives.
    seed : int
        The one that the tasks were made with.
    store : RunStore
        Where runs are looked for and kept.
    device : str or torch.device
        "auto" takes a GPU if there is one.
    budget : float, optional
        Seconds. When they are over the run at work ends after its step, and no other
        begins; reading pictures and cutting patches is not cut short. All runs are
        made if not given.
    monitor : Monitor, optional
        Who watches; a bar over all runs if not given.
    told : callable
        Is given each task that was tried, and the run, or the error that ended it.
    clock : callable
        Returns seconds.

    Returns
    -------
    Sweep

    Raises
    ------
    ValueError
        If `budget` is not above 0, or there is no such device.
    DataError
        If pictures to train or validate with are absent; nothing has been trained.
    LabError
        If no run can be kept in `store`; nothing has been trained.
    """
    require_budget(budget)
    end = None if budget is None else clock() + budget
    missing = [task for task in tasks if task.key not in store]
    material = Material(resolve_device(device))
    material.require(tuple(task.run for task in missing), tests=False)
    if missing:
        store.require_writable()
    costs = [run_cost(task.run).operations for task in missing]
    with ExperimentBar(costs) if monitor is None else nullcontext(monitor) as watcher:
        deadline = _Deadline(watcher, clock, end)
        return _in_turn(missing, seed, store, material, deadline, told)


def _in_turn(
    tasks: Sequence[Task],
    seed: int,
    store: RunStore,
    material: Material,
    monitor: _Deadline,
    told: Callable[[Task, Outcome], object],
) -> Sweep:
    """Make one run after another; tell how far it came when one is stopped."""
    made: list[Task] = []
    failed: list[Task] = []
    for tried, task in enumerate(tasks):
        left = tuple(tasks[tried:])
        if monitor.is_over():
            return Sweep(tuple(made), left, failed=tuple(failed))
        monitor.begin_run(str(task))
        outcome = _outcome(task.run, seed, store, material, monitor)
        if isinstance(outcome, StoppedError):
            return Sweep(tuple(made), left, not monitor.is_over(), tuple(failed))
        (failed if isinstance(outcome, Exception) else made).append(task)
        told(task, outcome)
        late = isinstance(outcome, FinishedRun) and outcome.history.stop_asked
        if late and left[1:]:  # the stop came after the run's last step
            return Sweep(tuple(made), left[1:], not monitor.is_over(), tuple(failed))
        del outcome  # an error holds on to the tensors of what failed
    return Sweep(tuple(made), (), failed=tuple(failed))


def _outcome(
    run: Run, seed: int, store: RunStore, material: Material, monitor: _Deadline
) -> Outcome:
    """Make one run, and return it or what prevented it."""
    watcher = cast("Monitor", monitor)
    try:
        return make_run(run, seed, store=store, material=material, monitor=watcher)
    except Exception as error:
        return error


class _Deadline:
    """A monitor that asks for a stop when the time is up; all else goes to another."""

    def __init__(
        self, monitor: Monitor, clock: Callable[[], float], end: float | None
    ) -> None:
        self._monitor, self._clock, self._end = monitor, clock, end

    @property
    def stop_requested(self) -> bool:
        """Whether the time is up, or the other monitor wants a stop."""
        return self._monitor.stop_requested or self.is_over()

    def is_over(self) -> bool:
        """Whether the time is up."""
        return self._end is not None and self._clock() >= self._end

    def begin_run(self, name: str) -> None:
        """Tell the other monitor which run comes, if it listens."""
        tell(self._monitor, "begin_run", name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._monitor, name)
