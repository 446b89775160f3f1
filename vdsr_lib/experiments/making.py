"""One run of an experiment: found in the store, or trained and put there."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vdsr_lib.devices import describe_machine
from vdsr_lib.errors import RunError
from vdsr_lib.experiments.declare import Run
from vdsr_lib.experiments.frames import Camera, Frames
from vdsr_lib.experiments.material import Material
from vdsr_lib.experiments.store import FinishedRun, RunStore
from vdsr_lib.models import SRCNN, VDSR, build
from vdsr_lib.training import DivergedError, History, Monitor, train
from vdsr_lib.training.monitors import tell

__all__ = ["StoppedError", "make_run", "untrained"]

_FRAME = "frame"  # the key under which a validation's row names its frame


class StoppedError(RunError):
    """A run was stopped before its end; the same call goes on from its checkpoint."""


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
    model = untrained(run, seed).to(material.device)
    machine = describe_machine(material.device)  # now: files may change while it runs
    observer = _Observer(run, model, material, folder)
    tell(monitor, "watch", observer.camera)
    start = observer(model)  # before the first step
    row = {"epoch": 0, "step": 0, **start}
    tell(monitor, "look", model, row, baseline=observer.baseline)
    patches = material.patches(run)
    if key in store:  # another process has finished it while this one prepared
        _clear(folder)
        return store.load(key, declaration)
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
    _clear(folder)
    return made


def untrained(run: Run, seed: int = 0) -> VDSR | SRCNN:
    """Return the network that a run starts from, to hold the trained one against it.

    Parameters
    ----------
    run : Run
        One of an experiment's runs.
    seed : int
        The experiment's, 0 or above.

    Returns
    -------
    VDSR or SRCNN
        On the CPU.

    Raises
    ------
    ValueError
        If the seed is below 0.
    """
    generator = torch.Generator().manual_seed(run.recipe(seed).seed)
    return build(run.architecture, generator=generator).eval()


def _clear(folder: Path) -> None:
    """Remove checkpoint and single frames of a run that is finished."""
    for leftover in ("training", "frames"):
        shutil.rmtree(folder / leftover, ignore_errors=True)


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


def _provenance(history: History, machine: Mapping[str, Any]) -> dict[str, Any]:
    """Return where, when, how fast and in which arithmetic a run was made."""
    seconds = sum(row.get("seconds", 0.0) for row in history.epochs)
    return {
        "machine": dict(machine),
        "precision": history.precision,
        "seconds": round(seconds, 1),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
