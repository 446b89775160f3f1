"""One progress bar over all runs of an experiment."""

from __future__ import annotations

from typing import Any

from vdsr_lib.training import History, Silent, TrainingConfig

__all__ = ["ExperimentBar"]

_FORMAT = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"


class ExperimentBar(Silent):
    """A bar that fills once for the whole experiment, and names the run at work.

    Parameters
    ----------
    count : int
        Number of runs. Each takes an equal share of the bar.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        from tqdm.auto import tqdm

        self._bar: Any = tqdm(total=count, bar_format=_FORMAT, dynamic_ncols=True)
        self._number, self._steps = 0, 1

    def begin_run(self, name: str) -> None:
        """Name the run that comes next; the ones before it are done."""
        self._move(self._number)
        self._number += 1
        self._bar.set_description(f"run {self._number} of {self._bar.total}: {name}")

    def start(self, config: TrainingConfig, total_steps: int) -> None:  # noqa: ARG002
        """Learn how long the run is."""
        self._steps = max(1, total_steps)

    def step(self, record: dict[str, Any]) -> None:
        """Move the bar and show the loss."""
        self._bar.set_postfix_str(f"loss {record['loss']:.4g}", refresh=False)
        self._move(self._number - 1 + record["step"] / self._steps)

    def finish(self, history: History) -> None:
        """Count the run, unless it was stopped."""
        if history.finished:
            self._move(self._number)

    def __enter__(self) -> ExperimentBar:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the bar: full, unless an error ended the experiment."""
        if kind is None:
            self._bar.set_postfix_str("", refresh=False)
            self._bar.set_description(f"{self._bar.total} runs", refresh=False)
            self._move(self._bar.total)
        self._bar.close()

    def _move(self, place: float) -> None:
        self._bar.update(place - self._bar.n)
