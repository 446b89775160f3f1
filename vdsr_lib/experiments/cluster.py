"""The runs of an experiment as tasks of dask.distributed, on this machine or many.

Each run is one task, and what it leaves is a folder in the store, which all workers
share: the scheduler carries names and numbers, never weights. If a worker dies, the
scheduler gives its run to another, which goes on from the checkpoint in the run's
folder. This module is what the client does; `vdsr_lib.experiments.worker` is the rest.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any

import torch

from vdsr_lib._files import write_atomically
from vdsr_lib.devices import describe_machine, resolve_device
from vdsr_lib.errors import LabError, RunError
from vdsr_lib.experiments.declare import Run
from vdsr_lib.experiments.making import StoppedError
from vdsr_lib.experiments.store import RunStore
from vdsr_lib.experiments.worker import Order, carry_out, leave
from vdsr_lib.training import Monitor
from vdsr_lib.training.monitors import Interruption, tell

__all__ = ["check_scheduler", "spread"]

_ADDRESSES = ("tcp://", "tls://", "ucx://", "ws://", "wss://")
_CONNECTING = 15.0  # seconds in which a scheduler must answer
_LEAVING = 120.0  # seconds in which a run must make its step and its checkpoint
_DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


def spread(
    runs: Sequence[Run],
    seed: int = 0,
    *,
    store: RunStore,
    scheduler: str,
    device: str | torch.device = "auto",
    monitor: Monitor,
) -> None:
    """Make those runs that are not in a store yet, each as a task of Dask.

    Parameters
    ----------
    runs : sequence of Run
        The runs.
    seed : int
        The experiment's.
    store : RunStore
        In a folder that all workers see under the same path.
    scheduler : str
        "local", or the address of a scheduler.
    device : str or torch.device
        Where each worker trains. Of several GPUs a worker takes that of its number.
    monitor : Monitor
        Told the names of the runs (``begin_run``) and how far all are (``spread``) if
        it has these methods; its ``stop_requested`` is obeyed.

    Raises
    ------
    ValueError
        If `scheduler` is neither "local" nor an address, or a local device is absent.
    StoppedError
        If Ctrl-C was pressed, or the monitor asked: every run at work has written its
        checkpoint then, and nothing is left running.
    RunError
        If Dask is not installed, the scheduler does not answer, or a run failed. The
        other runs were stopped in good order then.
    """
    missing = [(n, run) for n, run in enumerate(runs) if run.key(seed) not in store]
    if not missing:
        return
    sweep = uuid.uuid4().hex[:12]
    folder = store.folder.expanduser().resolve()
    token = write_atomically(folder / f".sweep-{sweep}", "seen by every worker\n")
    try:
        with _connected(scheduler, len(missing), device) as (client, threads):
            orders = [
                Order(
                    run,
                    seed,
                    number,
                    run.key(seed),
                    str(folder),
                    str(device),
                    sweep,
                    threads,
                )
                for number, run in missing
            ]
            _Sweep(client, orders, [run.key(seed) in store for run in runs]).run(
                monitor
            )
    except KeyboardInterrupt:  # while the workers were being started
        raise _stopped(store) from None
    finally:
        token.unlink(missing_ok=True)
    lost = [run.name for _, run in missing if run.key(seed) not in store]
    if lost:
        raise RunError(
            f"the workers made {', '.join(lost)}, but not in {folder}: give a store "
            "that all of them share"
        )


def check_scheduler(scheduler: str) -> None:
    """Refuse what is no scheduler, or say how to get Dask, before anything begins.

    Parameters
    ----------
    scheduler : str
        "local", or the address of a scheduler; nobody is asked whether it answers.

    Raises
    ------
    ValueError
        If it is neither.
    RunError
        If Dask is not installed.
    """
    if scheduler != "local" and not scheduler.startswith(_ADDRESSES):
        raise ValueError(
            "scheduler must be 'local' or an address like tcp://10.0.0.1:8786, got "
            f"{scheduler!r}"
        )
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise RunError(
            "a scheduler needs dask.distributed, which is not installed here: "
            "pip install 'vdsr-lib[cluster]'"
        ) from None


class _Sweep:
    """Runs that are tasks of one scheduler, from the first to the last.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    orders : list of Order
        The runs to be made.
    done : list of bool
        For each run of the experiment, whether it was there before.
    """

    def __init__(self, client: Any, orders: list[Order], done: list[bool]) -> None:
        self._client, self._orders = client, orders
        self._parts = [float(each) for each in done]
        self._begun: set[int] = set()
        self._news: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._told: set[str] = set()

    def run(self, monitor: Monitor) -> None:
        """Hand out the runs, and wait until all are made or one has failed."""
        topic = self._orders[0].topic
        self._client.subscribe_topic(topic, lambda event: self._news.put(event[1]))
        futures = {
            self._client.submit(
                carry_out, order, key=f"{order.run.name} ({order.sweep})", pure=False
            ): order
            for order in self._orders
        }
        self._finished: set[Any] = set()
        try:
            # Noted, not raised: Dask's own callbacks could swallow an exception.
            with Interruption() as interruption:
                self._watch(futures, monitor, interruption)
        except KeyboardInterrupt:
            self._end(futures)
            raise _stopped(RunStore(self._orders[0].folder)) from None
        except BaseException:
            self._end(futures)
            raise
        with suppress(OSError, TimeoutError):  # let go of pictures and patches
            self._client.run(leave, self._orders[0].sweep)

    def _watch(
        self, futures: dict[Any, Order], monitor: Monitor, interruption: Interruption
    ) -> None:
        """Wait for all runs; the first that fails, and a stop, end the waiting."""
        if not self._client.nthreads():
            self._note(monitor, "no worker yet: waiting for one")
        while len(self._finished) < len(futures):
            self._hear(monitor)
            for future, order in futures.items():
                if future in self._finished or not future.done():
                    continue
                self._finished.add(future)
                _raise_failure(future, order)
                self._parts[order.number] = 1.0
            if monitor.stop_requested or interruption.requested:
                raise KeyboardInterrupt
            self._show(monitor)

    def _hear(self, monitor: Monitor) -> None:
        """Take the news of the workers; wait a little if there is none."""
        with suppress(Empty):
            news = self._news.get(timeout=0.2)
            while True:
                self._take(news, monitor)
                news = self._news.get_nowait()

    def _take(self, news: dict[str, Any], monitor: Monitor) -> None:
        """Take one piece of news: a run begins, is so far, or says a line."""
        number, name = news["number"], news["name"]
        if "part" in news:
            self._parts[number] = min(news["part"], 0.999)  # 1 when it is in the store
        elif "line" in news:
            self._note(monitor, news["line"])
        elif number in self._begun:
            self._note(monitor, f"{name}: its worker died; it goes on elsewhere")
        else:
            self._begun.add(number)
            tell(monitor, "begin_run", name)

    def _show(self, monitor: Monitor) -> None:
        """Let the monitor show how far all runs are."""
        at_work = sum(self._parts[n] < 1 for n in self._begun)
        tell(monitor, "spread", self._parts, at_work)

    def _note(self, monitor: Monitor, line: str) -> None:
        """Give the monitor a line that it has not had yet."""
        if line not in self._told:
            tell(monitor, "note", line)
        self._told.add(line)

    def _end(self, futures: dict[Any, Order]) -> None:
        """Ask all runs to stop after their step, and wait until they have."""
        with suppress(Exception):  # the scheduler itself may be gone
            self._client.run(leave, self._orders[0].sweep)
            until = time.monotonic() + _LEAVING
            while time.monotonic() < until and not all(f.done() for f in futures):
                time.sleep(0.1)
            self._client.cancel(list(futures))


def _raise_failure(future: Any, order: Order) -> None:
    """Raise what made a run fail, if it did, as one sentence where it is known."""
    from distributed import CancelledError, KilledWorker

    name = order.run.name
    if future.status == "cancelled" or isinstance(future.exception(), CancelledError):
        raise RunError(
            f"the scheduler went away while {name!r} was at work; start it again, and "
            "the same call goes on from the checkpoints"
        )
    error = future.exception()
    if isinstance(error, KilledWorker):
        raise RunError(
            f"{error.allowed_failures + 1} workers died one after another as they made "
            f"{name!r}: likely they have too little memory for it"
        )
    if isinstance(error, ModuleNotFoundError):
        raise RunError(
            f"a worker cannot make {name!r} ({error}): install the same vdsr_lib there"
        )
    if isinstance(error, LabError | ValueError | OSError):
        raise RunError(f"the run {name!r} failed on its worker: {error}") from error
    if error is not None:
        raise error


@contextmanager
def _connected(
    scheduler: str, count: int, device: str | torch.device
) -> Iterator[tuple[Any, int | None]]:
    """Give a client, and the threads that a run may take (None: the workers know)."""
    check_scheduler(scheduler)
    from distributed import Client, LocalCluster

    if scheduler != "local":
        try:
            client = Client(scheduler, timeout=_CONNECTING, set_as_default=False)
        except (OSError, ValueError) as error:
            raise RunError(
                f"no Dask scheduler answers at {scheduler} ({error}): start one with "
                "'dask scheduler' and workers with 'dask worker ADDRESS --nthreads 1'"
            ) from error
        with client:
            yield client, None
        return
    workers, threads = _local_size(count, device)
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            memory_limit=0,  # none: a worker killed for memory would only start again
            silence_logs=logging.CRITICAL,
            preload=[_DEAF],  # Ctrl-C is for the client, which ends them in good order
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client, threads


def _local_size(count: int, device: str | torch.device) -> tuple[int, int]:
    """Return how many workers this machine gets, and the threads of each."""
    where = resolve_device(device)
    cores = int(describe_machine("cpu")["cores"] or 1)
    places = {"cpu": cores, "cuda": torch.cuda.device_count()}.get(where.type, 1)
    workers = max(1, min(count, 1 if where.index is not None else places))
    return workers, max(1, cores // workers)


def _stopped(store: RunStore) -> StoppedError:
    return StoppedError(
        f"the experiment was stopped; finished runs and checkpoints are in "
        f"{store.folder}, and the same call goes on from there"
    )
