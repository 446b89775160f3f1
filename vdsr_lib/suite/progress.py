"""A progress bar over lessons and cells, in seconds where an earlier run told them."""

from __future__ import annotations

import json
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vdsr_lib.suite.lessons import Lesson, Outcome

__all__ = ["Progress", "earlier_times"]

_FORMAT = "{desc} |{bar}| {percentage:3.0f}% {elapsed} so far, {remaining} left"


class Progress:
    """One bar for all lessons, on standard error, where that is a terminal.

    Parameters
    ----------
    lessons : sequence of Lesson
        Those that will run, at least one.
    times : dict, optional
        Lesson number to the seconds of each cell in an earlier run; the time left is
        a better guess with it. Without it every cell counts alike.
    show : bool, optional
        Default: only on a terminal.
    """

    def __init__(
        self,
        lessons: Sequence[Lesson],
        times: dict[str, list[float]] | None = None,
        *,
        show: bool | None = None,
    ) -> None:
        from tqdm import tqdm

        known = times or {}
        if not all(len(known.get(x.number, ())) == x.code_cells for x in lessons):
            known = {lesson.number: [1.0] * lesson.code_cells for lesson in lessons}
        self._weights = known
        self._lesson = lessons[0]
        self._drawn = 0.0
        self._bar: Any = tqdm(
            total=sum(sum(known[lesson.number]) for lesson in lessons),
            bar_format=_FORMAT,
            disable=None if show is None else not show,
            smoothing=0,
            file=sys.stderr,
            leave=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def begin(self, lesson: Lesson) -> None:
        """Name the lesson that runs now."""
        self._lesson = lesson
        self._describe(0)

    def cell_done(self, done: int) -> None:
        """Count one more cell of the lesson, `done` in all."""
        weights = self._weights[self._lesson.number]
        self._bar.update(weights[min(done, len(weights)) - 1])
        self._describe(done)

    def wait(self) -> None:
        """Let the clock go on, twice a second, while a cell takes its time."""
        if time.monotonic() - self._drawn > 0.5:
            self._drawn = time.monotonic()
            self._bar.refresh()

    def end(self, outcome: Outcome) -> None:
        """Count the cells that were not run, so that the bar comes out right."""
        weights = self._weights[self._lesson.number]
        self._bar.update(sum(weights[len(outcome.cell_seconds) :]))

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.write(text, file=sys.stdout)

    def _describe(self, done: int) -> None:
        lesson = self._lesson
        title = textwrap.shorten(lesson.title, 28, placeholder=" ...")
        text = f"{lesson.number} {title}, cell {done}/{lesson.code_cells}"
        self._bar.set_description_str(text)


def earlier_times(claims_json: Path, profile: str) -> dict[str, list[float]]:
    """Read the seconds of each cell from the report of an earlier run.

    Parameters
    ----------
    claims_json : pathlib.Path
        It need not exist.
    profile : str
        Times of another profile are of no use.

    Returns
    -------
    dict
        Lesson number to seconds; empty when there is no such report.
    """
    try:
        report = json.loads(claims_json.read_text("utf-8"))
        if report["profile"] != profile:
            return {}
        return {entry["lesson"]: entry["cell_seconds"] for entry in report["lessons"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
