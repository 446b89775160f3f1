"""One progress bar over all runs of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vdsr_lib._bars import progress_bar, skip_to
from vdsr_lib.training import History, Silent, TrainingConfig

__all__ = ["ExperimentBar"]

_FORMAT = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"


class ExperimentBar(Silent):
    """A bar that fills once for the whole experiment, and says how long it still takes.

    Parameters
    ----------
    costs : sequence of float
        What each run costs, in any unit: 0 for one that exists already. A run's part
        of the bar is its part of the sum, so that the time left is told well although
        some runs take much longer than others.
    """

    def __init__(self, costs: Sequence[float]) -> None:
        super().__init__()
        whole = sum(costs) or 1.0
        self._shares = [cost / whole for cost in costs]
        self._bar: Any = progress_bar(
            total=1.0, bar_format=_FORMAT, dynamic_ncols=True, smoothing=0
        )
        self._number, self._steps, self._begun = 0, 1, False

    def begin_run(self, name: str) -> None:
        """Name the run that comes next; the ones before it are done."""
        self._number += 1
        self._bar.set_description(f"run {self._number} of {len(self._shares)}: {name}")
        self._move(self._reached(0.0))

    def start(self, config: TrainingConfig, total_steps: int) -> None:  # noqa: ARG002
        """Learn how long the run is."""
        self._steps, self._begun = max(1, total_steps), False

    def step(self, record: dict[str, Any]) -> None:
        """Move the bar and show the loss."""
        if not self._begun:  # what came before the first step was made earlier
            skip_to(self._bar, self._reached((record["step"] - 1) / self._steps))
            self._begun = True
        self._bar.set_postfix_str(f"loss {record['loss']:.4g}", refresh=False)
        self._move(self._reached(record["step"] / self._steps))

    def finish(self, history: History) -> None:
        """Count the run, unless it was stopped."""
        if history.finished:
            self._move(self._reached(1.0))

    def spread(self, parts: Sequence[float], at_work: int) -> None:
        """Show runs that go on at the same time.

        Parameters
        ----------
        parts : sequence of float
            How much of each run is done, in [0, 1], in the order of `costs`.
        at_work : int
            How many are being trained.
        """
        finished = sum(part >= 1 for part in parts)
        text = f"{finished} of {len(parts)} runs done, {at_work} at work"
        self._bar.set_description(text, refresh=False)
        pairs = zip(self._shares, parts, strict=True)
        self._move(sum(share * part for share, part in pairs))
        self._bar.refresh()

    def __enter__(self) -> ExperimentBar:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the bar: full, unless an error ended the experiment."""
        if kind is None:
            self._bar.set_postfix_str("", refresh=False)
            count = len(self._shares)
            words = f"{count} run{'s' * (count > 1)}"
            self._bar.set_description(words, refresh=False)
            self._move(1.0)
        self._bar.close()

    def _reached(self, part: float) -> float:
        """Return the place on the bar when so much of the present run is done."""
        before = sum(self._shares[: self._number - 1])
        return before + part * self._shares[self._number - 1]

    def _move(self, place: float) -> None:
        self._bar.update(place - self._bar.n)
