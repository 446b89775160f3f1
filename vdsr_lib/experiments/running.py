"""Make the runs of an experiment that do not exist yet, and lay out what they gave."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vdsr_lib.devices import describe_machine, resolve_device
from vdsr_lib.errors import RunError
from vdsr_lib.experiments.catalogue import get_experiment
from vdsr_lib.experiments.choosing import narrowed
from vdsr_lib.experiments.cost import run_cost
from vdsr_lib.experiments.declare import Experiment, Run
from vdsr_lib.experiments.frames import Camera, Frames
from vdsr_lib.experiments.material import Material
from vdsr_lib.experiments.progress import ExperimentBar
from vdsr_lib.experiments.results import ExperimentResult
from vdsr_lib.experiments.scoring import score_run
from vdsr_lib.experiments.store import FinishedRun, RunStore
from vdsr_lib.models import build
from vdsr_lib.training import DivergedError, History, Monitor, train

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["StoppedError", "make_run", "run_experiment"]

_FRAME = "frame"  # the key under which a validation's row names its frame


class StoppedError(RunError):
    """A run was stopped before its end; the same call goes on from its checkpoint."""


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
    StoppedError
        If a run was stopped: call again to go on from its checkpoint. A temporary
        folder is kept then, and the text says where.
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
        for run in runs:
            announce = getattr(watcher, "begin_run", None)
            if announce is not None and scheduler is None:
                announce(run.name)
            made = make_run(run, seed, store=opened, material=material, monitor=watcher)
            finished[run.name] = made
            tables += score_run(run, made, opened, material)
    return ExperimentResult.of(experiment, profile, seed, finished, tables)


def make_run(
    run: Run,
    seed: int = 0,
    *,
    store: RunStore,
    material: Material,
    monitor: Monitor | None = None,
    trainer: Callable[..., History] = train,
) -> FinishedRun:
    """Return a run from the store; if it is not there, train it and put it there.

    Parameters
    ----------
    run : Run
        What to train.
    seed : int
        The experiment's.
    store : RunStore
        Where it is looked for and kept. One that was interrupted goes on.
    material : Material
        Pictures and patches, on the device that trains.
    monitor : Monitor, optional
        Who watches.
    trainer : callable
        Has `train`'s signature.

    Returns
    -------
    FinishedRun

    Raises
    ------
    StoppedError
        If it was stopped before its end.
    RunError
        If the one in the store is damaged, or another process is making it.
    """
    key, declaration = run.key(seed), run.declaration(seed)
    if key in store:
        return store.load(key, declaration)
    folder = store.path(key)
    model = build(run.architecture, generator=_generator(run, seed))
    model = model.to(material.device)
    machine = describe_machine(material.device)  # now: files may change while it runs
    observer = _Observer(run, model, material, folder)
    _tell(monitor, "watch", observer.camera)
    start = observer(model)  # before the first step
    row = {"epoch": 0, "step": 0, **start}
    _tell(monitor, "look", model, row, baseline=observer.baseline)
    patches = material.patches(run)
    history, message = _attempt(
        trainer,
        (model, patches, run.recipe(seed)),
        validate=observer,
        baseline=observer.baseline,
        run_dir=folder / "training",
        resume=True,
        monitor=monitor,
        device=material.device,
    )
    if not (message or history.finished):
        raise StoppedError(
            f"the run {run.name!r} was stopped; what it had learnt is in {folder}, and "
            "the same call goes on from there"
        )
    history.validations.insert(0, {"epoch": 0, "step": 0, **start})
    frames = observer.develop(history)
    record = {
        "key": key,
        "name": run.name,
        "declaration": declaration,
        "outcome": "diverged" if message else "finished",
        "message": message,
        "patches": {"count": len(patches), "fingerprint": patches.fingerprint()},
        "provenance": _provenance(history, machine),
    }
    made = FinishedRun(record, history, None if message else model.cpu().eval(), frames)
    store.save(made)
    for leftover in ("training", "frames"):  # checkpoint and single frames
        shutil.rmtree(folder / leftover, ignore_errors=True)
    return made


@contextmanager
def _announced(
    monitor: Monitor, runs: tuple[Run, ...], costs: list[float]
) -> Iterator[None]:
    """Tell a monitor which runs come, and when all are over."""
    _tell(monitor, "begin_runs", [run.name for run in runs], costs)
    try:
        yield
    except BaseException as error:
        _tell(monitor, "end_runs", error)
        raise
    _tell(monitor, "end_runs", None)


def _tell(monitor: Monitor | None, what: str, *news: Any, **more: Any) -> None:
    """Call a method of a monitor, if it has it."""
    method = getattr(monitor, what, None)
    if method is not None:
        method(*news, **more)


def _attempt(
    trainer: Callable[..., History], subject: tuple[Any, ...], **options: Any
) -> tuple[History, str]:
    """Train, and return the history with the reason if the run diverged."""
    try:
        return trainer(*subject, **options), ""
    except DivergedError as error:
        return error.history, str(error)


@dataclass
class _Observer:
    """Measures a network, and keeps a frame of the watched detail if there is one."""

    run: Run
    model: nn.Module
    material: Material
    folder: Path

    def __post_init__(self) -> None:
        self.measure = self.material.validator(self.run.validate)
        self.baseline: Mapping[str, float] = self.measure.baseline
        self.camera: Camera | None = None
        if watch := self.run.watch:
            self.camera = Camera(
                watch,
                self.material.images(watch.dataset)[watch.picture],
                halo=getattr(self.model, "receptive_field", 1) // 2,
                folder=self.folder / "frames",
            )

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """Return the scores, and under "frame" the number of the frame taken."""
        scores = self.measure(model)
        if self.camera is not None:
            scores[_FRAME] = float(self.camera.take(model))
        return scores

    def develop(self, history: History) -> Frames | None:
        """Take the frame numbers out of a history, and return the frames."""
        taken = {
            int(row["step"]): int(row.pop(_FRAME))
            for row in history.validations
            if _FRAME in row
        }
        for row in history.epochs:
            row.pop(_FRAME, None)
        return self.camera.develop(taken) if self.camera is not None else None


def _generator(run: Run, seed: int) -> torch.Generator:
    """Return the generator that a run's initial weights are drawn from."""
    return torch.Generator().manual_seed(run.recipe(seed).seed)


def _provenance(history: History, machine: Mapping[str, Any]) -> dict[str, Any]:
    """Return where, when, how fast and in which arithmetic a run was made."""
    seconds = sum(row.get("seconds", 0.0) for row in history.epochs)
    return {
        "machine": dict(machine),
        "precision": history.precision,
        "seconds": round(seconds, 1),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


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
