"""What a live monitor keeps of a training: curves of bounded length, and its pace.

Nothing here needs Jupyter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["Pace", "Trace", "short"]

CURVES = ("loss", "gradient_norm", "clipped_share")
"""What a training measures at each step, in the order in which it is drawn."""


def short(value: float) -> float | None:
    """Return a number with four digits, or None if it is not finite.

    Parameters
    ----------
    value : float
        Any.

    Returns
    -------
    float or None
        What JSON can hold, in few letters.
    """
    return float(f"{value:.4g}") if math.isfinite(value) else None


class Trace:
    """Curves over steps that never grow beyond some points.

    Each point is the mean of equally many readings. When the curves are full, pairs
    of points become one, so that a curve is as fine as it can be at any length.

    Parameters
    ----------
    capacity : int, default 240
        Points of a curve, an even number.

    Raises
    ------
    ValueError
        If `capacity` is odd or below 2.
    """

    def __init__(self, capacity: int = 240) -> None:
        if capacity < 2 or capacity % 2:
            raise ValueError(f"capacity must be even and at least 2, got {capacity}")
        self._capacity = capacity
        self._width = 1  # readings in a full point
        self._points: list[list[float]] = []  # step and each curve, means
        self._open: list[list[float]] = []  # readings of the next point

    def add(self, row: Mapping[str, Any]) -> None:
        """Take a step's ``step``, ``loss``, ``gradient_norm`` and ``clipped_share``."""
        self._open.append([float(row[name]) for name in ("step", *CURVES)])
        if len(self._open) < self._width:
            return
        self._points.append(_mean(self._open))
        self._open = []
        if len(self._points) > self._capacity:
            self._open = [self._points.pop()] * self._width
            pairs = zip(self._points[::2], self._points[1::2], strict=True)
            self._points = [_mean(pair) for pair in pairs]
            self._width *= 2

    def columns(self) -> dict[str, list[float | None]]:
        """Return ``step`` and the curves, as JSON can hold them."""
        rows = self._points + ([_mean(self._open)] if self._open else [])
        names = ("step", *CURVES)
        return {name: [short(row[i]) for row in rows] for i, name in enumerate(names)}


class Pace:
    """How long it still takes, from the time that the part done so far took.

    Parameters
    ----------
    clock : callable
        Returns seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._from: float | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began

    def left(self, part: float) -> float | None:
        """Return the seconds that are left when `part` of the work is done.

        Parameters
        ----------
        part : float
            In [0, 1], all that is done. What was done at the first call, by an
            earlier training that goes on now, took no time here.

        Returns
        -------
        float or None
            None as long as a hundredth of the work is not done yet.
        """
        if self._from is None:
            self._from, self._began_at = part, self._clock()
        done = part - self._from
        if done < 0.01:
            return None
        return (self._clock() - self._began_at) * max(0.0, 1 - part) / done


def _mean(rows: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean of each column."""
    return [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]
