"""A progress bar over lessons and cells, and an honest word about the time left."""

from __future__ import annotations

import heapq
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from vdsr_lib.suite.lessons import Lesson, Outcome
from vdsr_lib.suite.times import expected_times

__all__ = ["Progress", "roughly"]

_FORMAT = "{desc} |{bar}| {percentage:3.0f}% {elapsed} so far{postfix}"
_TRUSTED = 10.0  # seconds that must have passed until this machine's own pace counts


@dataclass
class _Running:
    """A lesson on its way: its cells that are over, and since when the next one runs.

    Parameters
    ----------
    lesson : Lesson
    cells : list of float
        What each of its cells is expected to take.
    begun : float
        By `time.monotonic`.
    done : int
        Cells that are over.
    """

    lesson: Lesson
    cells: list[float]
    begun: float
    done: int = 0

    @property
    def cell(self) -> float:
        """What the cell that runs now is expected to take."""
        return self.cells[self.done] if self.done < len(self.cells) else 0.0


class Progress:
    """One bar for all lessons, on standard error, where that is a terminal.

    A cell that trains for a minute counts as much as a minute of others, and moves the
    bar while it runs. The time left is what the cells to come are expected to take, at
    the pace that this machine has shown so far.

    Parameters
    ----------
    lessons : sequence of Lesson
        Those that will run, in this order, at least one.
    *known : mapping
        Lesson number to the seconds of each cell, in an earlier run or elsewhere; see
        `vdsr_lib.suite.times.expected_times`. A lesson that nobody has timed counts
        cell by cell, and nothing is said about the time left.
    jobs : int, optional
        How many of them run at a time.
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
        jobs: int = 1,
        show: bool | None = None,
    ) -> None:
        from tqdm import tqdm

        self._expected = expected_times(lessons, *known)
        self.is_timed = all(any(x.number in times for times in known) for x in lessons)
        self._waiting = list(lessons)
        self._running: list[_Running] = []
        self._jobs = jobs
        self._over = 0.0  # what the cells that are over were expected to take
        self._took = 0.0  # what they took
        self._drawn = time.monotonic()
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
        """Take note of a lesson that runs from now on."""
        self._waiting.remove(lesson)
        cells = self._expected[lesson.number]
        self._running.append(_Running(lesson, cells, time.monotonic()))
        self._draw()

    def reach(self, lesson: Lesson, done: int) -> None:
        """Take note that so many cells of a lesson are over, `done` in all."""
        running = self._find(lesson)
        if done > running.done:
            self._count(running, sum(running.cells[running.done : done]))
            running.done = done
            self._draw()

    def wait(self) -> None:
        """Let clock and bar go on, twice a second, while cells take their time."""
        if time.monotonic() - self._drawn > 0.5:
            self._draw()

    def end(self, outcome: Outcome) -> None:
        """Count the cells that were not run, so that the bar comes out right."""
        self.reach(outcome.lesson, len(outcome.cell_seconds))
        running = self._find(outcome.lesson)
        self.total -= sum(running.cells[running.done :])
        self._count(running, 0.0)
        self._running.remove(running)
        self._draw()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.write(text, file=sys.stdout)

    @property
    def is_over(self) -> bool:
        """Whether no lesson runs or waits."""
        return not (self._waiting or self._running)

    @property
    def seconds_left(self) -> float:
        """What the cells to come are expected to take on this machine."""
        pace = self._pace()
        busy = [sum(x.cells[x.done :]) - self._within(x, pace) for x in self._running]
        busy += [0.0] * (self._jobs - len(busy))
        heapq.heapify(busy)
        for lesson in self._waiting:  # each begins where a place is free first
            heapq.heapreplace(busy, busy[0] + sum(self._expected[lesson.number]))
        return max(busy) * pace

    def _find(self, lesson: Lesson) -> _Running:
        """Return what is known of a lesson on its way."""
        return next(x for x in self._running if x.lesson is lesson)

    def _count(self, running: _Running, expected: float) -> None:
        """Note that cells are over that were expected to take so long."""
        now = time.monotonic()
        self._took += now - running.begun
        self._over += expected
        running.begun = now

    def _pace(self) -> float:
        """Return by how much this machine is slower than the expected times."""
        took, over = self._took + _TRUSTED, self._over + _TRUSTED
        now = time.monotonic()
        # A cell that outlasts its time shows a slower pace before it ends.
        late = [(took + now - x.begun) / (over + x.cell) for x in self._running]
        return max([took / over, *late])

    def _within(self, running: _Running, pace: float) -> float:
        """Return how much of a running cell's expected time is over; never all."""
        return min((time.monotonic() - running.begun) / pace, 0.95 * running.cell)

    def _draw(self) -> None:
        """Draw the bar as things stand."""
        self._drawn = time.monotonic()
        pace = self._pace()
        within = sum(self._within(each, pace) for each in self._running)
        self._bar.total = self.total
        self._bar.n = min(self.total, self._over + within)
        self._bar.set_description_str(self._names(), refresh=False)
        left = f"about {roughly(self.seconds_left)} left" if self.is_timed else ""
        self._bar.set_postfix_str(left)

    def _names(self) -> str:
        """Name the lessons that run now, and the cells that they have reached."""
        titled = len(self._running) == 1
        return "; ".join(_name(each, titled=titled) for each in self._running)


def _name(running: _Running, *, titled: bool) -> str:
    """Name a lesson and its cell, with its title if there is room."""
    lesson = running.lesson
    title = textwrap.shorten(lesson.title, 28, placeholder=" ...") if titled else ""
    text = f"{lesson.number} {title}".rstrip()
    return f"{text}, cell {running.done}/{lesson.code_cells}"


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
