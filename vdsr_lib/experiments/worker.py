"""What a worker of dask.distributed does with a run that it is given."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from vdsr_lib.devices import resolve_device
from vdsr_lib.errors import RunError
from vdsr_lib.experiments.declare import Run
from vdsr_lib.experiments.making import StoppedError, make_run
from vdsr_lib.experiments.material import Material
from vdsr_lib.experiments.scoring import score_run
from vdsr_lib.experiments.store import RunStore
from vdsr_lib.training import Silent, TrainingConfig
from vdsr_lib.training.history import Row

__all__ = ["Order", "carry_out", "leave"]

_HELD = 180.0  # seconds until a dead or dying worker has let go of a run's folder

# Of this process, which may serve one sweep after another.
_left: set[str] = set()
_materials: dict[torch.device, Material] = {}
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Order:
    """A run to be made, as it is sent to a worker.

    Parameters
    ----------
    run : Run
        What to train.
    seed : int
        The experiment's.
    number : int
        Which run of the experiment it is, from 0.
    key : str
        The run's, as it is where it was asked for.
    folder : str
        The store's, absolute.
    device : str
        As for `vdsr_lib.devices.resolve_device`.
    sweep : str
        The name of the whole: what belongs together, and is stopped together.
    threads : int or None
        How many a run may take; None leaves the worker's own number.
    """

    run: Run
    seed: int
    number: int
    key: str
    folder: str
    device: str
    sweep: str
    threads: int | None = None

    @property
    def topic(self) -> str:
        """Under which the workers tell how far they are."""
        return f"vdsr-{self.sweep}"


def carry_out(order: Order) -> bool:
    """Make a run, or go on with it, and measure it; results are left in the store.

    Parameters
    ----------
    order : Order
        Which run, and where.

    Returns
    -------
    bool
        False if the sweep was stopped before the run's end.

    Raises
    ------
    RunError
        If this worker does not see the store, has several threads for tasks, or would
        make another run.
    DataError
        If a data set is absent here.
    """
    from distributed import get_worker

    worker = get_worker()
    _check(order, worker)
    with _one_at_a_time:
        if order.sweep in _left:
            return False
        if order.threads is not None:
            torch.set_num_threads(order.threads)
        store = RunStore(order.folder)
        device = _device(order.device, worker.name)
        material = _materials.setdefault(device, Material(device))
        material.require((order.run,))
        if order.run.key(order.seed) != order.key:
            raise RunError(
                f"{worker.address} would make another run of {order.run.name!r}: give "
                "its machine the same pictures and the same vdsr_lib as here"
            )
        _await_folder(store.path(order.key) / "training")
        reporter = _Reporter(order, worker)
        try:
            made = make_run(
                order.run, order.seed, store=store, material=material, monitor=reporter
            )
        except StoppedError:
            return False
        score_run(order.run, made, store, material)
        return True


def leave(sweep: str) -> None:
    """End what this worker does for a sweep: its run stops after the current step.

    Parameters
    ----------
    sweep : str
        `Order.sweep`.
    """
    _left.add(sweep)
    _materials.clear()


class _Reporter(Silent):
    """Tells the client how far a run is, and stops it when the sweep is left."""

    seconds_between_steps = 1.0

    def __init__(self, order: Order, worker: Any) -> None:
        self._order, self._worker, self._total = order, worker, 1
        super().__init__()

    @property
    def stop_requested(self) -> bool:
        """Whether the sweep was left."""
        return self._order.sweep in _left

    @stop_requested.setter
    def stop_requested(self, value: bool) -> None:
        """Do nothing: a run is not stopped alone."""

    def start(self, config: TrainingConfig, total_steps: int) -> None:  # noqa: ARG002
        """Say that the run begins, or goes on."""
        self._total = max(1, total_steps)
        self._tell({})

    def step(self, record: Row) -> None:
        """Say how much is done."""
        self._tell({"part": record["step"] / self._total, "step": record["step"]})

    def note(self, line: str) -> None:
        """Pass a line on."""
        self._tell({"line": line})

    def _tell(self, news: dict[str, Any]) -> None:
        order = self._order
        named = {"number": order.number, "name": order.run.name}
        self._worker.log_event(order.topic, named | news)


def _check(order: Order, worker: Any) -> None:
    """Refuse what would come to nothing, or to something else."""
    if not (Path(order.folder) / f".sweep-{order.sweep}").is_file():
        raise RunError(
            f"{worker.address} does not see the store in {order.folder}: give a folder "
            "that all workers share"
        )
    if worker.state.nthreads > 1:
        raise RunError(
            f"{worker.address} takes {worker.state.nthreads} tasks at a time, but a "
            "training needs its process for itself: start workers with --nthreads 1"
        )


def _device(name: str, worker_name: object) -> torch.device:
    """Return the device of this worker: of several GPUs that of its number."""
    device, count = resolve_device(name), torch.cuda.device_count()
    if str(device) == "cuda" and count > 1 and isinstance(worker_name, int):
        return torch.device("cuda", worker_name % count)
    return device


def _await_folder(folder: Path) -> None:
    """Wait until nobody trains in a folder.

    A worker that only lost its connection, and is still at work, holds the folder's
    lock until it is gone; that of a dead one is free at once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # On a timeout, making the run will say who holds it.
    with suppress(Timeout), FileLock(folder / ".lock", timeout=_HELD):
        pass
