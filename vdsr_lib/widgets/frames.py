"""The frames that a comparison runs through, and the curves beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Curve", "Frames", "packed_curves", "packed_frames"]

Frames: TypeAlias = Sequence[Any] | Mapping[str, Sequence[Any]]
Curve: TypeAlias = ArrayLike | tuple[ArrayLike, ArrayLike]


def packed_frames(frames: Frames | None) -> dict[str, Any]:
    """Return the traits that name the frames.

    Parameters
    ----------
    frames : sequence, or mapping of one str to a sequence, optional
        Labels of the frames; see `pack`.

    Returns
    -------
    dict
        ``frame_title``; ``frame_labels``, a list of str; ``frame_x``, where each
        frame stands on an axis: its label where all are finite numbers that grow,
        else its position.

    Raises
    ------
    ValueError
        If the mapping has not exactly one entry, or there is no label.
    """
    title: str = "frame"
    labels: list[Any] = []
    if isinstance(frames, Mapping):
        if len(frames) != 1:
            raise ValueError(
                'frames must name one thing, such as {"epoch": [0, 1, 5]}, got '
                f"{len(frames)}: {', '.join(map(str, frames))}"
            )
        title, values = next(iter(frames.items()))
        labels = list(values)
    elif frames is not None:
        labels = list(frames)
    if frames is not None and not labels:
        raise ValueError("frames is empty: give a label for each frame")
    x = _numbers(labels)
    return {
        "frame_title": title,
        "frame_labels": [f"{label:g}" if _is_float(label) else str(label)
                         for label in labels],
        "frame_x": x or [float(i) for i in range(len(labels))],
    }  # fmt: skip


def packed_curves(
    curves: Mapping[str, Curve] | None, frame_x: Sequence[float]
) -> list[dict[str, Any]]:
    """Return the trait that holds the curves beside the frames.

    Parameters
    ----------
    curves : mapping of str to values or (x, y), optional
        Name -> a value for each frame, or a curve of its own with x in the unit of
        the frames' labels. Values that are not finite leave gaps.
    frame_x : sequence of float
        Where the frames stand on the axis.

    Returns
    -------
    list of dict
        ``name``, ``x`` and ``y`` (with None for a gap) of each curve.

    Raises
    ------
    ValueError
        If there are curves but no frames, or x and y differ in length.
    """
    if curves and len(frame_x) == 0:
        raise ValueError("curves go with frames: say with frames= what they are over")
    packed = []
    for name, curve in (curves or {}).items():
        x, y = _xy(name, curve, frame_x)
        order = np.argsort(x, kind="stable")
        values = [float(v) if math.isfinite(v) else None for v in y[order]]
        packed.append({"name": str(name), "x": x[order].tolist(), "y": values})
    return packed


def _xy(
    name: str, curve: Curve, frame_x: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a curve as two arrays of one length."""
    if isinstance(curve, tuple) and len(curve) == 2 and np.ndim(curve[0]) == 1:
        x, y = (np.asarray(part, dtype=np.float64).ravel() for part in curve)
    else:
        x = np.asarray(frame_x, dtype=np.float64)
        y = np.asarray(curve, dtype=np.float64).ravel()
    if len(x) != len(y):
        raise ValueError(
            f"curve {name!r} has {len(y)} values for {len(x)} places: give one for "
            "each frame, or a pair (x, y) of one length"
        )
    return x, y


def _is_float(label: Any) -> bool:
    """Return whether a label is a number with a fraction, to be printed shortly."""
    return isinstance(label, (float, np.floating))


def _numbers(labels: Sequence[Any]) -> list[float]:
    """Return labels as growing numbers, or nothing where they are not."""
    plain = (int, float, np.integer, np.floating)
    if not labels or not all(isinstance(label, plain) for label in labels):
        return []
    x = [float(label) for label in labels]
    grow = all(a < b for a, b in pairwise(x))
    return x if grow and all(map(math.isfinite, x)) else []
