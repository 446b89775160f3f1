"""A progress bar over lessons and cells, and an honest word about the time left."""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

from vdsr_lib.suite.lessons import Lesson, Outcome
from vdsr_lib.suite.times import expected_times

__all__ = ["Progress", "roughly"]

_FORMAT = "{desc} |{bar}| {percentage:3.0f}% {elapsed} so far{postfix}"
_TRUSTED = 10.0  # seconds that must have passed until this machine's own pace counts


class Progress:
    """One bar for all lessons, on standard error, where that is a terminal.

    A cell that trains for a minute counts as much as a minute of others, and moves the
    bar while it runs. The time left is what the cells to come are expected to take, at
    the pace that this machine has shown so far.

    Parameters
    ----------
    lessons : sequence of Lesson
        Those that will run, at least one.
    *known : mapping
        Lesson number to the seconds of each cell, in an earlier run or elsewhere; see
        `vdsr_lib.suite.times.expected_times`. A lesson that nobody has timed counts
        cell by cell, and nothing is said about the time left.
    show : bool, optional
        Default: only on a terminal.

    Attributes
    ----------
    total : float
        What all cells are expected to take: seconds, if the lessons were timed.
    is_timed : bool
        Whether all of them were.
    """

    def __init__(
        self,
        lessons: Sequence[Lesson],
        *known: Mapping[str, list[float]],
        show: bool | None = None,
    ) -> None:
        from tqdm import tqdm

        self._expected = expected_times(lessons, *known)
        self.is_timed = all(any(x.number in times for times in known) for x in lessons)
        self._lesson = lessons[0]
        self._cell = 0.0  # what the cell that runs now is expected to take
        self._over = 0.0  # what the cells that are over were expected to take
        self._took = 0.0  # what they took
        self._drawn = self._begun = time.monotonic()
        self.total = sum(sum(cells) for cells in self._expected.values())
        self._bar: Any = tqdm(
            total=self.total,
            bar_format=_FORMAT,
            disable=None if show is None else not show,
            file=sys.stderr,
            leave=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def begin(self, lesson: Lesson) -> None:
        """Name the lesson that runs now."""
        self._lesson = lesson
        self._turn(0)

    def cell_done(self, done: int) -> None:
        """Count one more cell of the lesson, `done` in all."""
        self._count(self._cell)
        self._turn(done)

    def wait(self) -> None:
        """Let clock and bar go on, twice a second, while a cell takes its time."""
        if time.monotonic() - self._drawn > 0.5:
            self._draw()

    def end(self, outcome: Outcome) -> None:
        """Count the cells that were not run, so that the bar comes out right."""
        cells = self._expected[self._lesson.number]
        self.total -= sum(cells[len(outcome.cell_seconds) :])
        self._count(0.0)
        self._draw()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.write(text, file=sys.stdout)

    @property
    def seconds_left(self) -> float:
        """What the cells to come are expected to take on this machine."""
        return max(0.0, self.total - self._over - self._within()) * self._pace()

    def _turn(self, done: int) -> None:
        """Begin with the cell after the first `done` of the lesson."""
        lesson, cells = self._lesson, self._expected[self._lesson.number]
        self._cell = cells[done] if done < len(cells) else 0.0
        title = textwrap.shorten(lesson.title, 28, placeholder=" ...")
        text = f"{lesson.number} {title}, cell {done}/{lesson.code_cells}"
        self._bar.set_description_str(text, refresh=False)
        self._draw()

    def _count(self, expected: float) -> None:
        """Note that a cell is over that was expected to take so long."""
        now = time.monotonic()
        self._took += now - self._begun
        self._over += expected
        self._begun, self._cell = now, 0.0

    def _pace(self) -> float:
        """Return by how much this machine is slower than the expected times."""
        running = time.monotonic() - self._begun
        shown = (self._took + _TRUSTED) / (self._over + _TRUSTED)
        # A cell that outlasts its time shows a slower pace before it ends.
        late = (self._took + running + _TRUSTED) / (self._over + self._cell + _TRUSTED)
        return max(shown, late)

    def _within(self) -> float:
        """Return how much of the running cell's expected time is over; never all."""
        running = time.monotonic() - self._begun
        return min(running / self._pace(), 0.95 * self._cell)

    def _draw(self) -> None:
        """Draw the bar as things stand."""
        self._drawn = time.monotonic()
        self._bar.total = self.total
        self._bar.n = min(self.total, self._over + self._within())
        left = f"about {roughly(self.seconds_left)} left" if self.is_timed else ""
        self._bar.set_postfix_str(left)


def roughly(seconds: float) -> str:
    """Return a time that is only known roughly: ``"20 s"``, ``"4 min"``.

    Parameters
    ----------
    seconds : float
        Not negative.

    Returns
    -------
    str
        To ten seconds below a minute and a half, then to minutes.
    """
    if seconds < 85:
        return f"{max(10, 10 * round(seconds / 10))} s"
    return f"{round(seconds / 60)} min"
