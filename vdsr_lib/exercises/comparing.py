"""Whether an answer agrees with what was expected, and how to say that it does not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

__all__ = ["agree", "in_words"]

_FEW = 12  # numbers of an array that are written out


def agree(expected: Any, got: Any, tolerance: float) -> bool:
    """Tell whether an answer is as good as the expected one.

    Parameters
    ----------
    expected : number, str, array, tensor, or a sequence or mapping of these
        What the right function returned.
    got : object
        What the reader's function returned. A tensor may stand for an array, a
        0-dim array or tensor for a number; uint8 is never the same as float.
    tolerance : float
        For floats: times ``max(1, abs(expected))``. A whole number is met exactly.

    Returns
    -------
    bool
    """
    expected, got = _plain(expected), _plain(got)
    if isinstance(expected, np.ndarray):
        return isinstance(got, np.ndarray) and _arrays_agree(expected, got, tolerance)
    if isinstance(expected, Mapping):
        return (
            isinstance(got, Mapping)
            and set(got) == set(expected)
            and all(agree(expected[key], got[key], tolerance) for key in expected)
        )
    if isinstance(expected, (list, tuple)):
        same = isinstance(got, (list, tuple, np.ndarray)) and len(got) == len(expected)
        return same and all(
            agree(one, other, tolerance)
            for one, other in zip(expected, got, strict=True)
        )
    if isinstance(expected, bool) or not isinstance(expected, Real):
        return type(got) is type(expected) and bool(got == expected)
    if isinstance(expected, Integral):
        return _is_number(got) and bool(got == expected)
    return _is_number(got) and _close(float(expected), float(got), tolerance)


def in_words(expected: Any, got: Any, tolerance: float) -> tuple[str, str]:
    """Say what was expected, and what was got, so that the difference shows.

    Parameters
    ----------
    expected, got : object
        As for `agree`; they do not agree.
    tolerance : float
        As for `agree`.

    Returns
    -------
    tuple of str
        The two texts. Of large arrays of one shape the first pixel that differs is
        named; where kind or shape differ, both are described. None that was got is
        explained, and one that was expected is not.
    """
    expected, got = _plain(expected), _plain(got)
    if _large_and_alike(expected, got):
        where = _first_difference(expected, got, tolerance)
        if where is not None:
            place = ", ".join(map(str, where))
            kinds = (
                ("", "")
                if expected.dtype.kind == got.dtype.kind
                else (f" ({expected.dtype})", f" ({got.dtype})")
            )
            return (
                f"{_number(expected[where])}{kinds[0]} at [{place}]",
                f"{_number(got[where])}{kinds[1]} there",
            )
    return "None" if expected is None else _described(expected), _described(got)


def _plain(value: Any) -> Any:
    """Turn tensors into arrays, and arrays without dimensions into numbers."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    return value.item() if isinstance(value, np.generic) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _close(expected: float, got: float, tolerance: float) -> bool:
    if not (math.isfinite(expected) and math.isfinite(got)):
        return expected == got or (math.isnan(expected) and math.isnan(got))
    return abs(expected - got) <= tolerance * max(1.0, abs(expected))


def _arrays_agree(expected: Any, got: Any, tolerance: float) -> bool:
    if expected.shape != got.shape or expected.dtype.kind != got.dtype.kind:
        return False
    if expected.dtype.kind != "f":
        return expected.dtype == got.dtype and bool(np.array_equal(expected, got))
    return bool(np.isclose(got, expected, rtol=tolerance, atol=tolerance).all())


def _large_and_alike(expected: Any, got: Any) -> bool:
    """Tell whether both are arrays of one shape with too many numbers to write."""
    return (
        isinstance(expected, np.ndarray)
        and isinstance(got, np.ndarray)
        and expected.shape == got.shape
        and expected.size > _FEW
    )


def _first_difference(
    expected: Any, got: Any, tolerance: float
) -> tuple[int, ...] | None:
    """Return the index of the first element that differs."""
    if got.dtype.kind not in "uif":
        return None
    one, other = expected.astype(np.float64), got.astype(np.float64)
    apart = ~np.isclose(other, one, rtol=tolerance, atol=tolerance)
    if not apart.any():
        return tuple([0] * expected.ndim)  # only the kind differs
    return tuple(int(i[0]) for i in np.nonzero(apart))


def _described(value: Any) -> str:
    """Write a value out, or say what it is where it is large."""
    value = _plain(value)
    if value is None:
        return "None: the function ends without return"
    if isinstance(value, np.ndarray):
        shape = " x ".join(map(str, value.shape))
        kind = f"an array of {shape}, {value.dtype}"
        if value.size > _FEW or value.dtype.kind not in "uif":
            return kind
        numbers = ", ".join(_number(v) for v in value.ravel())
        return f"{kind}: {numbers}"
    if isinstance(value, Mapping):
        items = ", ".join(f"{k!r}: {_described(v)}" for k, v in value.items())
        return f"{{{items}}}"
    if isinstance(value, (list, tuple)):
        few = ", ".join(_described(v) for v in value[:_FEW])
        more = ", ..." if len(value) > _FEW else ""
        left, right = "()" if isinstance(value, tuple) else "[]"
        return f"{left}{few}{more}{right}"
    if type(value).__module__.startswith("pandas"):
        return f"a pandas {type(value).__name__} of {value.size} values"
    return _number(value) if _is_number(value) else repr(value)[:200]


def _number(value: Any) -> str:
    """Write a number as briefly as it can be told from others."""
    value = _plain(value)
    return f"{value:.7g}" if isinstance(value, float) else str(value)
