"""The course of one training or many, as a live monitor shows it; no Jupyter here."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vdsr_lib.widgets.traces import Pace, Trace, short

__all__ = ["Course"]

_ROOM = 6000  # points of all trainings' curves, about


class Course:
    """What is known of trainings that are being made, and of those that are over.

    Parameters
    ----------
    clock : callable
        Returns seconds.

    Attributes
    ----------
    runs : list of dict
        For each training: ``name``; ``state``: "waiting", "running", "finished",
        "found" (it was in the store), "stopped" or "failed"; ``message``, why it
        failed; ``steps`` and ``scores`` of its validations, a list for each score, and
        ``band``, where they are means: ``readings``, ``low`` and ``high``, as in
        `Trace.columns`; ``seen``, the step of its last validation (-1: none);
        ``ends``, the first and the last reading of each score; ``baseline``,
        bicubic's scores.
    past : list of dict
        The curves of each training that is over, empty for the others.
    frames : list of bytes
        For each training the detail as it was last rendered, empty if never.
    notes : list of str
        Lines to keep.
    is_whole : bool
        Whether this is an experiment, whose runs were laid out.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.runs: list[dict[str, Any]] = []
        self.past: list[dict[str, Any]] = []
        self.frames: list[bytes] = []
        self.notes: list[str] = []
        self._shares: list[float] = []
        self._present: int | None = None
        self._looks: Trace | None = None
        self.begin()

    @property
    def is_whole(self) -> bool:
        """Whether the runs were laid out."""
        return bool(self._shares)

    @property
    def present(self) -> int:
        """Number of the run that is made now; one is added where there is none."""
        if self._present is None:
            count = len(self.runs)
            self.add(f"training {count + 1}" if count else "training")
        return int(self._present or 0)

    @property
    def entry(self) -> dict[str, Any]:
        """The entry of the run that is made now."""
        return self.runs[self.present]

    @property
    def _room(self) -> int:
        """How many points a curve may have, so that all together stay few."""
        return max(24, min(240, _ROOM // max(1, len(self.runs)) // 2 * 2))

    def begin(self) -> None:
        """Start the clock."""
        self._pace = Pace(self._clock)
        self._trace, self._last = Trace(), dict[str, Any]()
        self._total, self._epochs = 1, 1
        self._part = self._spread = 0.0

    def lay_out(self, names: Sequence[str], costs: Sequence[float]) -> None:
        """Forget what was, and lay out the runs of an experiment.

        Parameters
        ----------
        names : sequence of str
            Of the runs.
        costs : sequence of float
            What each costs, in any unit; 0 for one that exists already.
        """
        whole = sum(costs) or 1.0
        self.runs, self.past, self.frames, self.notes = [], [], [], []
        for name in names:
            self.add(name)
        self._shares, self._present = [cost / whole for cost in costs], None

    def add(self, name: str) -> None:
        """Add a training, the one that is made now."""
        entry = {"name": name, "state": "waiting", "message": ""}
        parts = ("scores", "band", "ends", "baseline")
        empty: dict[str, Any] = {part: {} for part in parts}
        self._present, self._looks = len(self.runs), None
        self.runs.append({**entry, "steps": [], "seen": -1, **empty})
        self.past.append({})
        self.frames.append(b"")

    def advance(self) -> None:
        """Go to the next of the runs that were laid out."""
        if self._present is not None and self.entry["state"] == "waiting":
            self.entry["state"] = "found"
        self._present = 0 if self._present is None else self._present + 1
        self._part, self._looks = 0.0, None

    def start(self, total: int, epochs: int) -> None:
        """Start the present run.

        Parameters
        ----------
        total, epochs : int
            Its steps and epochs.
        """
        self.entry["state"] = "running"
        self._total, self._epochs = max(1, total), epochs
        self._trace, self._last, self._part = Trace(capacity=self._room), {}, 0.0

    def step(self, row: Mapping[str, Any]) -> None:
        """Take a step's row, as `Monitor.step` gets it."""
        self._trace.add(row)
        self._part, self._last = row["step"] / self._total, dict(row)

    def look(
        self, step: int, scores: Mapping[str, float], baseline: Mapping[str, float]
    ) -> None:
        """Take a validation.

        Parameters
        ----------
        step : int
            Steps made before it; one that is not later than the last is left out.
        scores, baseline : mapping of str to float
            In dB, the network's and bicubic's. The latter may hold more.
        """
        entry = self.entry
        if not scores or entry["seen"] >= step:
            return
        if self._looks is None:
            self._looks = Trace(list(scores), capacity=self._room, written=_decibels)
        self._looks.add({"step": step, **scores})
        columns = self._looks.columns()
        entry["seen"], entry["steps"] = int(step), columns["step"]
        entry["scores"] = {name: columns[name] for name in self._looks.names}
        band = ("readings", "low", "high")
        entry["band"] = {name: columns[name] for name in band if name in columns}
        entry["baseline"] = {n: short(v) for n, v in baseline.items() if n in scores}
        for name, value in scores.items():
            if (decibels := _decibels(value)) is not None:
                first, _ = entry["ends"].get(name, (decibels, None))
                entry["ends"][name] = [first, decibels]

    def fail(self, state: str, message: str) -> None:
        """Say that the present run ended as "stopped" or "failed", and why."""
        self.entry.update(state=state, message=message)

    def finish(self, *, finished: bool, steps: int = 0) -> str:
        """Close the present run and return its state.

        Parameters
        ----------
        finished : bool
            Whether it made all its steps.
        steps : int
            How many it made; the last ones may not have been told.

        Returns
        -------
        str
        """
        state = self.entry["state"]
        if state == "running":
            state = "finished" if finished else "stopped"
        self.entry["state"] = state
        self._part = 1.0 if finished else self._part
        if self._last:
            self._last["step"] = max(self._last["step"], steps)
        self.past[self.present] = self._trace.columns()
        self._trace = Trace()
        if not self.is_whole:
            self._present = None
        return str(state)

    def spread(self, parts: Sequence[float]) -> None:
        """Take how much of each run is done, where workers make several at a time."""
        pairs = zip(self._shares, parts, strict=True)
        self._spread = sum(share * part for share, part in pairs)

    def end(self, *, done: bool) -> None:
        """Close an experiment.

        Parameters
        ----------
        done : bool
            Whether nothing ended it before its time.
        """
        for run in self.runs:
            if done and run["state"] == "waiting":
                run["state"] = "found"
        self._part = 1.0 if done else self.progress
        self._shares, self._present = [], None

    @property
    def progress(self) -> float:
        """The part of all the work that is done, in [0, 1]."""
        done = self._part
        if self.is_whole:
            index = self._present or 0
            done = sum(self._shares[:index]) + self._part * self._shares[index]
        return min(1.0, max(done, self._spread))

    def moment(self) -> dict[str, Any]:
        """Return what changes with each step.

        Returns
        -------
        dict
            ``trace``, the curves of the present run; ``now``, its last row, ``total``
            steps, ``epochs`` and ``current``, its number; ``progress``; ``elapsed``
            and ``left``, seconds (None: unknown).
        """
        numbers = {
            name: short(value) if isinstance(value, float) else int(value)
            for name, value in self._last.items()
        }
        sizes = {"total": self._total, "epochs": self._epochs}
        return {
            "trace": self._trace.columns(),
            "now": {**numbers, **sizes, "current": self._present or 0},
            "progress": self.progress,
            "elapsed": self._pace.elapsed,
            "left": self._pace.left(self.progress),
        }

    def rest(self) -> dict[str, Any]:
        """Return copies of ``runs``, ``past``, ``frames`` and ``notes``."""
        names = ("runs", "past", "frames", "notes")
        return {name: copy.deepcopy(getattr(self, name)) for name in names}


def _decibels(value: float) -> float | None:
    """Return a score to a thousandth of a decibel, None if it is not finite."""
    return round(float(value), 3) if math.isfinite(value) else None
