"""All that is recorded at the paper's size, found by what a run is, not by its file.

One run stands in several experiments: the T91 network of depth 20 is a column of Table
2, a point of Figure 3 and a row of the ablation. Whichever of them recorded it, all
find it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vdsr_lib._files import data_file
from vdsr_lib.experiments.catalogue import EXPERIMENTS
from vdsr_lib.experiments.declare import Run
from vdsr_lib.experiments.results import Recording
from vdsr_lib.experiments.telling import command_for, cost_text
from vdsr_lib.weights import read_card

__all__ = ["Found", "Known"]


@dataclass(frozen=True)
class Found:
    """What is recorded of one run.

    Parameters
    ----------
    name : str
        Its name where it was recorded.
    recording : Recording
        The experiment in which it was.
    """

    name: str
    recording: Recording

    @property
    def entry(self) -> dict[str, Any]:
        """Its part of the record: key, declaration, outcome, provenance, command."""
        entry: dict[str, Any] = self.recording.record["runs"][self.name]
        return entry

    @property
    def steps(self) -> int:
        """Training steps that it took."""
        return int(self.recording.histories[self.name].epochs[-1]["step"])

    @property
    def absent(self) -> str:
        """What a score that it lacks is told as: "diverged", or "not measured"."""
        outcome: str = self.entry["outcome"]
        return "not measured" if outcome == "finished" else outcome

    def psnr(self, scale: float) -> float | None:
        """Return its PSNR on Set5, in dB, or None if that was not measured."""
        table = self.recording.table
        rows = table[(table["run"] == self.name) & (table["dataset"] == "set5")]
        values = rows[rows["scale"] == scale]["psnr"].dropna()
        return float(values.iloc[0]) if len(values) else None

    def at_epoch(self, epoch: int, column: str) -> float | None:
        """Return a score of its curve after an epoch, or None if there is none."""
        curve = self.recording.curve(self.name)
        rows = curve[curve["epoch"] == epoch]
        return float(rows[column].iloc[-1]) if len(rows) and column in rows else None


class Known:
    """The recorded runs and the shipped weights.

    Parameters
    ----------
    recordings : iterable of Recording
        One for each experiment that has any.
    cards : mapping of str to dict
        The model cards of shipped weights, by name.
    """

    def __init__(
        self, recordings: Iterable[Recording], cards: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.recordings = list(recordings)
        self.cards = dict(cards)
        self._runs: dict[str, Found] = {}
        for recording in self.recordings:
            for name, entry in recording.record["runs"].items():
                self._runs.setdefault(entry["key"], Found(name, recording))

    @classmethod
    def shipped(cls) -> Known:
        """Return what ships with the project.

        Returns
        -------
        Known

        Raises
        ------
        RunError
            If a recording is damaged.
        WeightsError
            If a weights file is damaged.
        """
        names = sorted(EXPERIMENTS)  # whatever order others gave them
        files = [data_file("recorded", f"{name}.json") for name in names]
        weights = sorted(data_file("weights").glob("*.safetensors"))
        return cls(
            [Recording.read(file) for file in files if file.is_file()],
            {Path(file).stem: read_card(file) for file in weights},
        )

    @property
    def runs(self) -> list[Found]:
        """Every recorded run, once."""
        return list(self._runs.values())

    def find(self, run: Run, seed: int = 0) -> Found | None:
        """Return what is recorded of a run, whichever experiment recorded it."""
        return self._runs.get(run.key(seed))

    def how(self, experiment: str, run: Run) -> str:
        """Return the command that made a run, or what it would cost, as Markdown."""
        found = self.find(run)
        if found is not None:
            return f"`{found.entry['command']}`"
        command = command_for(experiment, "paper", run.name)
        return f"{cost_text(run)}: `{command}`"
