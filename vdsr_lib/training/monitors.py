"""Who watches a training: the progress bar, and the stop that ends it in good order."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Protocol

from vdsr_lib._bars import progress_bar, skip_to
from vdsr_lib.training.config import TrainingConfig
from vdsr_lib.training.history import History, Row, score_texts

__all__ = ["Interruption", "Monitor", "ProgressBar", "Silent", "tell"]


class Monitor(Protocol):
    """What `train` tells while it runs, and how it is told to stop.

    Attributes
    ----------
    stop_requested : bool
        Set to True at any time, from any thread: training ends after the current
        step, writes its checkpoint and returns its history.

    Notes
    -----
    A monitor may also have ``note(line)``, which is given the precision and the
    warnings, and ``seconds_between_steps`` (0.1 if absent): `step` is called no more
    often than that, because each call waits for a GPU. 0 asks for every step. The
    last step, at the run's end or before a stop, is told in any case.

    These, too, are called where a monitor has them: ``look(model, row, baseline=)``
    at each validation, with the network in evaluation mode, ``epoch``, ``step`` and
    the scores, and bicubic's scores or None; ``fail(error)`` with the exception that
    ends a training, before `finish`. `run_experiment` also calls ``begin_runs(names,
    costs)`` before the first run, ``begin_run(name)`` before each, ``watch(camera)``
    with the `Camera` of a run that watches a detail, and ``end_runs(error)`` after
    all, with None if nothing went wrong.
    """

    stop_requested: bool

    def __init__(self) -> None:
        """Take what a monitor of another kind may need."""

    def start(self, config: TrainingConfig, total_steps: int) -> None:
        """Training begins, or goes on."""

    def step(self, record: Row) -> None:
        """Take a step's ``epoch``, ``step``, ``learning_rate``, ``loss``,
        ``gradient_norm`` and ``clipped_share``.
        """  # noqa: D205

    def epoch(self, record: Row) -> None:
        """Take the row of an epoch that is over, with its validation."""

    def finish(self, history: History) -> None:
        """Training is over, for whatever reason."""


class Silent:
    """A monitor that says nothing; the base of others."""

    def __init__(self) -> None:
        self.stop_requested = False

    def start(self, config: TrainingConfig, total_steps: int) -> None:  # noqa: ARG002
        """Forget an earlier wish to stop."""
        self.stop_requested = False

    def step(self, record: Row) -> None:
        """Do nothing."""

    def epoch(self, record: Row) -> None:
        """Do nothing."""

    def finish(self, history: History) -> None:
        """Do nothing."""

    def note(self, line: str) -> None:
        """Do nothing."""


class ProgressBar(Silent):
    """One bar over all steps: a widget in a notebook, a line in a terminal."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: Any = None
        self._scores: Row = {}

    def start(self, config: TrainingConfig, total_steps: int) -> None:
        """Open the bar, and forget the scores of an earlier run."""
        super().start(config, total_steps)
        self._scores = {}
        self._bar = progress_bar(total=total_steps, unit="step", dynamic_ncols=True)
        self._bar.set_description(f"epoch 1/{config.epochs}")
        self._epochs = config.epochs

    def step(self, record: Row) -> None:
        """Move the bar and show the loss."""
        if not self._bar.n:  # what came before the first step was made earlier
            skip_to(self._bar, record["step"] - 1)
        self._bar.set_description(
            f"epoch {record['epoch']}/{self._epochs}", refresh=False
        )
        self._bar.set_postfix(
            {"loss": f"{record['loss']:.4g}", **self._scores}, refresh=False
        )
        self._bar.update(record["step"] - self._bar.n)

    def epoch(self, record: Row) -> None:
        """Show the validation's scores from now on."""
        self._scores = score_texts(record)
        self.step(record)

    def finish(self, history: History) -> None:  # noqa: ARG002
        """Close the bar; it stays to be read."""
        if self._bar is not None:
            self._bar.close()

    def note(self, line: str) -> None:
        """Write a line above the bar."""
        self._bar.write(line)


def tell(monitor: Monitor | None, what: str, *news: Any, **more: Any) -> None:
    """Call a method of a monitor, if it has it.

    Parameters
    ----------
    monitor : Monitor or None
        Who watches; None for nobody.
    what : str
        The method's name.
    *news, **more
        What it is called with.
    """
    method = getattr(monitor, what, None)
    if method is not None:
        method(*news, **more)


class Interruption:
    """A context in which Ctrl-C, or a notebook's stop button, only asks for a stop.

    The second Ctrl-C raises KeyboardInterrupt as ever. In other threads than the
    main one, which signals never reach, the context does nothing.

    Attributes
    ----------
    requested : bool
        Whether Ctrl-C was pressed.
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: Any = None

    def __enter__(self) -> Interruption:
        """Take the signal over."""
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signal back."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        """Note the first Ctrl-C; let the second one through."""
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
