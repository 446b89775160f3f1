"""Write the finished runs of an experiment down, for those who cannot run it.

What is recorded is what was measured, and nothing else: runs that nobody has made yet
are named with what they would cost, those that another experiment recorded with the
place. Recording the same runs twice gives the same bytes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vdsr_lib._files import data_file, from_home, write_atomically
from vdsr_lib.datasets import EMBEDDED
from vdsr_lib.devices import resolve_device
from vdsr_lib.errors import DataError, RunError
from vdsr_lib.experiments.catalogue import get_experiment
from vdsr_lib.experiments.declare import Experiment, Run
from vdsr_lib.experiments.layout import readable
from vdsr_lib.experiments.material import Material
from vdsr_lib.experiments.merging import (
    earlier_recording,
    merged,
    recorded_elsewhere,
)
from vdsr_lib.experiments.results import ExperimentResult, Recording
from vdsr_lib.experiments.scoring import score_run
from vdsr_lib.experiments.shipping import require_pictures, ship, weights_name
from vdsr_lib.experiments.store import FinishedRun, RunStore
from vdsr_lib.experiments.strips import some_frames, write_strip
from vdsr_lib.experiments.telling import command_for

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LARGEST", "SHOWN_EPOCHS", "Recorded", "record_experiment"]

SHOWN_EPOCHS = (0, 1, 2, 5, 10, 20, 40, 80)
"""After these epochs the watched detail is kept."""

LARGEST = 240_000
"""Characters of a recording's file; above that, histories have a file of their own."""

_FREE = ("CC0", "public domain")  # terms under which a detail may be published


@dataclass(frozen=True)
class Recorded:
    """What was written.

    Parameters
    ----------
    path : pathlib.Path
        The JSON file.
    recording : Recording
        Its content.
    weights : dict of str to pathlib.Path
        The weights that were written, by the run's name.
    """

    path: Path
    recording: Recording
    weights: dict[str, Path] = field(default_factory=dict)


def record_experiment(
    name: str | Experiment,
    profile: str = "paper",
    *,
    seed: int = 0,
    store: str | os.PathLike[str] | RunStore | None = None,
    output: str | os.PathLike[str] | None = None,
    weights: str | os.PathLike[str] | None = None,
    device: str | torch.device = "auto",
) -> Recorded:
    """Write down those runs of an experiment that are finished.

    Parameters
    ----------
    name : str or Experiment
        One of ``experiments.EXPERIMENTS``, or an experiment of your own.
    profile : {"quick", "classroom", "paper"}
        The size; what ships with the project has the paper's.
    seed : int
        Of the runs.
    store : path-like or RunStore, optional
        Where the finished runs are; `default_store` if not given. Nothing is trained.
    output : path-like, optional
        The folder of ``NAME.json`` and of the frames; ``data/recorded`` if not given,
        which is for the paper's size alone. Runs that an earlier file there holds, and
        the store does not, stay in it.
    weights : path-like, optional
        The folder of the weights; if not given ``data/weights``, or ``weights`` in
        `output` where that is given.
    device : str or torch.device
        Where scores are measured that the store does not hold yet. A test set whose
        pictures are not here is named in the run's ``not_measured``.

    Returns
    -------
    Recorded

    Raises
    ------
    ValueError
        If there is no such experiment, profile or device.
    RunError
        If no run is finished, one in the store is damaged, or runs of another size
        than the paper's would go to ``data/recorded``.
    DataError
        If none of a run's test pictures are here, or weights ship and Set5 or the
        validation pictures, which decide on their digits, are not. Nothing has been
        measured then.
    """
    experiment = get_experiment(name) if isinstance(name, str) else name
    kept = store if isinstance(store, RunStore) else RunStore(store)
    runs = experiment.runs(profile)
    folder, place = _folders(profile, output, weights)
    path = folder / f"{experiment.name}.json"
    finished = {
        run.name: kept.load(run.key(seed), run.declaration(seed))
        for run in runs
        if run.key(seed) in kept
    }
    earlier = earlier_recording(path, runs, profile, seed)
    if not finished and earlier is None:
        maker = command_for(experiment.name, profile, seed=seed)
        raise RunError(
            f"none of the {len(runs)} runs of {experiment.name} at {profile} is in "
            f"{kept.folder}: '{maker}' makes them"
        )
    material = Material(resolve_device(device), verified=True)
    ships = {
        run.name: (run, called)
        for run in runs
        if (called := weights_name(experiment.name, run.name))
        and run.name in finished
        and finished[run.name].model is not None
    }
    for run, _ in ships.values():
        require_pictures(run, run.key(seed), kept, material)
    fresh = _fresh(experiment, profile, seed, finished, (kept, material))
    whole = merged(fresh, earlier, experiment, recorded_elsewhere(path))
    shipped = {
        name: ship(
            run,
            finished[name],
            place / f"{called}.safetensors",
            store=kept,
            material=material,
            made_by=command_for(experiment.name, profile, name, seed),
        )
        for name, (run, called) in ships.items()
    }
    return Recorded(_write(whole, path), whole, shipped)


def _folders(
    profile: str,
    output: str | os.PathLike[str] | None,
    weights: str | os.PathLike[str] | None,
) -> tuple[Path, Path]:
    """Return where recordings and weights go: what ships is of the paper's size."""
    shipped = data_file("recorded")
    folder = shipped if output is None else from_home(output, RunError)
    ships = folder.resolve() == shipped.resolve()
    if ships and profile != "paper":
        raise RunError(
            f"{folder} is for runs at profile paper: give another --output for profile "
            f"{profile}"
        )
    beside = data_file("weights") if ships else folder / "weights"
    return folder, beside if weights is None else from_home(weights, RunError)


def _fresh(
    experiment: Experiment,
    profile: str,
    seed: int,
    finished: Mapping[str, FinishedRun],
    where: tuple[RunStore, Material],
) -> ExperimentResult:
    """Lay out what the store holds, measured on its test pictures."""
    store, material = where
    tables: list[pd.DataFrame] = []
    absent: dict[str, list[str]] = {}
    for run in experiment.runs(profile):
        if run.name in finished:
            measured, absent[run.name] = _measurable(run, material)
            tables += score_run(measured, finished[run.name], store, material)
    result = ExperimentResult.of(experiment, profile, seed, finished, tables)
    for run in experiment.runs(profile):
        if run.name in finished:
            entry = _published(result.record["runs"][run.name])
            entry["command"] = command_for(experiment.name, profile, run.name, seed)
            if absent[run.name]:
                entry["not_measured"] = absent[run.name]
            if called := weights_name(experiment.name, run.name):
                entry["weights"] = called
            result.record["runs"][run.name] = entry
            frames = result.frames.pop(run.name, None)
            if frames is not None and _may_be_shown(run):
                steps = _shown_steps(finished[run.name])
                result.frames[run.name] = some_frames(frames, steps)
    return result


def _measurable(run: Run, material: Material) -> tuple[Run, list[str]]:
    """Return a run with those test sets that are here, and the names of the others."""
    here, absent, reason = [], [], None
    for pictures in run.test:
        try:
            material.images(pictures.dataset)
        except DataError as error:
            absent.append(pictures.dataset)
            reason = reason or error
        else:
            here.append(pictures)
    if reason is not None and not here:
        raise reason
    return replace(run, test=tuple(here)), absent


def _published(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's record without what says nothing to another reader."""
    provenance = dict(entry["provenance"])
    machine = provenance["machine"]
    provenance["machine"] = {n: v for n, v in machine.items() if n != "platform"}
    return {**entry, "provenance": provenance}


def _may_be_shown(run: Run) -> bool:
    """Whether the terms of the watched picture allow a detail to be published."""
    if run.watch is None:
        return False
    pictures = {each.name: each for each in EMBEDDED.get(run.watch.dataset, ())}
    picture = pictures.get(run.watch.picture)
    return picture is not None and picture.terms in _FREE


def _shown_steps(made: FinishedRun) -> list[int]:
    """Return the step of the last frame in each epoch that is shown."""
    last = {row["epoch"]: row["step"] for row in made.history.validations}
    return [step for epoch, step in last.items() if epoch in SHOWN_EPOCHS]


def _write(recording: Recording, path: Path) -> Path:
    """Write the file, and one film strip for each run that watched a detail."""
    strips: dict[str, Any] = {}
    taken: set[str] = set()
    for name, frames in recording.frames.items():
        slug = re.sub(r"[^\w.-]+", "_", name)
        while slug.casefold() in taken:  # of names that differ in other signs alone
            slug += "_"
        taken.add(slug.casefold())
        strip = write_strip(frames, path.with_suffix("") / f"{slug}.png")
        watch = recording.record["runs"][name]["declaration"]["watch"]
        strips[name] = {
            "file": strip.relative_to(path.parent).as_posix(),
            "picture": watch["picture"],
            "steps": list(frames.steps),
        }
    text = recording.text(frames=strips)
    if len(text) > LARGEST:
        kept_apart = path.with_suffix("") / "histories.json"
        histories = json.loads(text)["histories"]
        write_atomically(kept_apart, readable(histories))
        place = kept_apart.relative_to(path.parent).as_posix()
        text = recording.text(frames=strips, histories={}, histories_in=place)
    return write_atomically(path, text)
