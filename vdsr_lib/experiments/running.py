"""Make the runs of an experiment that do not exist yet, and lay out what they gave."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import torch

from vdsr_lib.devices import resolve_device
from vdsr_lib.experiments.catalogue import get_experiment
from vdsr_lib.experiments.choosing import narrowed
from vdsr_lib.experiments.cost import run_cost
from vdsr_lib.experiments.declare import Experiment, Run
from vdsr_lib.experiments.making import StoppedError, make_run
from vdsr_lib.experiments.material import Material
from vdsr_lib.experiments.progress import ExperimentBar
from vdsr_lib.experiments.results import ExperimentResult
from vdsr_lib.experiments.scoring import score_run
from vdsr_lib.experiments.store import FinishedRun, RunStore
from vdsr_lib.training import Monitor
from vdsr_lib.training.monitors import tell

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["StoppedError", "make_run", "run_experiment"]


def run_experiment(
    name: str | Experiment,
    profile: str = "quick",
    *,
    only: str | Iterable[str] | None = None,
    device: str | torch.device = "auto",
    seed: int = 0,
    store: str | os.PathLike[str] | RunStore | None = None,
    monitor: Monitor | None = None,
    scheduler: str | None = None,
) -> ExperimentResult:
    """Make those runs of an experiment that do not exist yet; return what all gave.

    Parameters
    ----------
    name : str or Experiment
        One of ``experiments.EXPERIMENTS``, or an experiment of your own.
    profile : {"quick", "classroom", "paper"}
        The size.
    only : str or iterable of str, optional
        Names of runs, or patterns such as ``"residual*"``: make and lay out these
        alone, as if the experiment had no others.
    device : str or torch.device
        "auto" takes a GPU if there is one.
    seed : int
        Decides initial weights and the order of the patches.
    store : path-like or RunStore, optional
        The folder of finished runs. If not given, `quick` works in a temporary folder
        that is thrown away, so that a lesson always trains before the reader's eyes;
        the longer profiles keep their runs in this user's own (`default_store`).
    monitor : Monitor, optional
        Who watches each run, for example a ``LiveMonitor()``; one progress bar over
        all of them if not given. Of runs that a scheduler spreads it is told the
        names only (``begin_run``).
    scheduler : str, optional
        Make each missing run a task of dask.distributed: "local" for workers on this
        machine, one a CPU core or GPU, or the address of a scheduler, such as
        ``"tcp://10.0.0.1:8786"``, whose workers share the store's folder. Needs the
        extra ``cluster``. One run after another, here, if not given.

    Returns
    -------
    ExperimentResult

    Raises
    ------
    ValueError
        If there is no such experiment, profile, run, device or kind of scheduler.
    DataError
        If a data set is absent; nothing has been trained then.
    LabError
        If no run can be kept in `store`; nothing has been trained then.
    StoppedError
        If a run was stopped, or a stop came too late for one and others are left: call
        again to go on from there. A temporary folder is kept then, and the text says
        where.
    RunError
        If the store holds a damaged run, or the scheduler or its workers do not
        answer. A run that diverges is a result and raises nothing.
    """
    whole = get_experiment(name) if isinstance(name, str) else name
    experiment = narrowed(whole, profile, only)
    runs = experiment.runs(profile)
    if scheduler is not None:
        from vdsr_lib.experiments.cluster import check_scheduler, spread

        check_scheduler(scheduler)
    # With a scheduler the workers train; here the results are only laid out.
    material = Material(resolve_device("cpu" if scheduler else device))
    material.require(runs)
    finished: dict[str, FinishedRun] = {}
    tables: list[pd.DataFrame] = []
    with _opened(store, profile) as opened, ExitStack() as stack:
        costs = _costs(runs, seed, opened, material)
        if any(costs) and scheduler is None:
            opened.require_writable()
        watcher = monitor or stack.enter_context(ExperimentBar(costs))
        stack.enter_context(_announced(watcher, runs, costs))
        if scheduler is not None:
            spread(
                runs,
                seed,
                store=opened,
                scheduler=scheduler,
                device=device,
                monitor=watcher,
            )
        for number, run in enumerate(runs, 1):
            if scheduler is None:
                tell(watcher, "begin_run", run.name)
            made = make_run(run, seed, store=opened, material=material, monitor=watcher)
            if made.history.stop_asked and any(costs[number:]):
                raise StoppedError(
                    f"stopped after the run {run.name!r}, which is finished and kept "
                    f"in {opened.folder}: the same call goes on with the others"
                )
            finished[run.name] = made
            tables += score_run(run, made, opened, material)
    return ExperimentResult.of(experiment, profile, seed, finished, tables)


@contextmanager
def _announced(
    monitor: Monitor, runs: tuple[Run, ...], costs: list[float]
) -> Iterator[None]:
    """Tell a monitor which runs come, and when all are over."""
    tell(monitor, "begin_runs", [run.name for run in runs], costs)
    try:
        yield
    except BaseException as error:
        tell(monitor, "end_runs", error)
        raise
    tell(monitor, "end_runs", None)


def _costs(
    runs: tuple[Run, ...], seed: int, store: RunStore, material: Material
) -> list[float]:
    """Return what each run costs, in operations; 0 if it is there already."""

    def sizes(dataset: str) -> list[tuple[int, int]]:
        images = material.images(dataset).values()
        return [(image.shape[0], image.shape[1]) for image in images]

    return [
        0.0 if run.key(seed) in store else run_cost(run, sizes).operations
        for run in runs
    ]


@contextmanager
def _opened(
    store: str | os.PathLike[str] | RunStore | None, profile: str
) -> Iterator[RunStore]:
    """Give the store that was asked for, or the one that suits the profile."""
    if isinstance(store, RunStore):
        yield store
    elif store is not None or profile != "quick":
        yield RunStore(store)
    else:
        folder = tempfile.mkdtemp(prefix="vdsr-runs-")
        try:
            yield RunStore(folder)
        except StoppedError as error:  # what was learnt is kept
            raise StoppedError(f"{error}, if it is given store={folder!r}") from None
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)
