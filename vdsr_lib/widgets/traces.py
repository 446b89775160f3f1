"""What a live monitor keeps of a training: curves of bounded length, and its pace.

Nothing here needs Jupyter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

__all__ = ["Pace", "Trace", "short"]

CURVES = ("loss", "gradient_norm", "clipped_share")
"""What a training measures at each step, in the order in which it is drawn."""

_Point = tuple[list[float], list[float], list[float]]  # mean, lowest, highest


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
    """Curves over steps that never grow beyond some points, and lose no extreme.

    Each point is the mean of equally many readings, with the lowest and the highest of
    them. When the curves are full, pairs of points become one, so that a curve is as
    fine as it can be at any length.

    Parameters
    ----------
    names : sequence of str, optional
        Of the curves; by default what a training measures at each step.
    capacity : int, default 240
        Points of a curve, an even number.
    written : callable, default `short`
        Writes a reading as JSON can hold it.

    Raises
    ------
    ValueError
        If `capacity` is odd or below 2.
    """

    def __init__(
        self,
        names: Sequence[str] = CURVES,
        *,
        capacity: int = 240,
        written: Callable[[float], float | None] = short,
    ) -> None:
        if capacity < 2 or capacity % 2:
            raise ValueError(f"capacity must be even and at least 2, got {capacity}")
        self.names = tuple(names)
        self._capacity, self._written = capacity, written
        self._width = 1  # readings in a full point
        self._points: list[_Point] = []
        self._open: list[_Point] = []  # readings of the next point

    def add(self, row: Mapping[str, Any]) -> None:
        """Take a row with a ``step`` and a reading of each curve."""
        values = [float(row.get(name, math.nan)) for name in ("step", *self.names)]
        self._open.append((values, values, values))
        if len(self._open) < self._width:
            return
        self._points.append(_joined(self._open))
        self._open = []
        if len(self._points) > self._capacity:
            self._open = [self._points.pop()] * self._width
            pairs = zip(self._points[::2], self._points[1::2], strict=True)
            self._points = [_joined(pair) for pair in pairs]
            self._width *= 2

    def columns(self) -> dict[str, Any]:
        """Return the curves as JSON can hold them.

        Returns
        -------
        dict
            ``step`` and each curve, lists of numbers, None for one that is not
            finite: a mean with one such reading is none. Where a point stands for
            several readings, also ``readings``, how many, and ``low`` and ``high``, the
            extremes of each curve, of those readings that are finite.
        """
        points = self._points + ([_joined(self._open)] if self._open else [])
        mean, low, high = (
            {
                name: [self._written(point[part][i]) for point in points]
                for i, name in enumerate(self.names, 1)
            }
            for part in range(3)
        )
        columns = {"step": [round(point[0][0], 1) for point in points], **mean}
        if self._width > 1:
            columns |= {"readings": self._width, "low": low, "high": high}
        return columns


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


def _joined(points: Sequence[_Point]) -> _Point:
    """Make one point of several that stand for equally many readings."""
    means, lows, highs = zip(*points, strict=True)
    return (
        [_mean(column) for column in zip(*means, strict=True)],
        [min(_finite(column), default=math.nan) for column in zip(*lows, strict=True)],
        [max(_finite(column), default=math.nan) for column in zip(*highs, strict=True)],
    )


def _mean(values: Sequence[float]) -> float:
    # Infinities of both signs have no sum, and math.fsum raises an error at them.
    whole = len(_finite(values)) == len(values)
    return fmean(values) if whole else math.nan


def _finite(values: Sequence[float]) -> list[float]:
    # Python's min and max return a NaN that comes first, and overlook any other.
    return [value for value in values if math.isfinite(value)]
