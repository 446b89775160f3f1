"""The errors that a reader of the course can meet, each one a plain sentence.

Every class also derives from the built-in error that it is a kind of, so that
``except ValueError`` keeps working for callers who do not know this module. The
command line prints the sentence of a `LabError` alone, without a traceback.
"""

from __future__ import annotations

__all__ = [
    "ClaimError",
    "DataError",
    "LabError",
    "PictureError",
    "RunError",
    "WeightsError",
]


class LabError(Exception):
    """Base class: something outside the program is wrong, and the text says what."""


class PictureError(LabError, ValueError):
    """A picture cannot be read or written; the text names the file and the cause."""


class DataError(LabError, OSError):
    """A data set is absent, incomplete or damaged; the text says how to get it."""


class WeightsError(LabError, ValueError):
    """A weights file is refused; the text names the file and what is wrong with it."""


class RunError(LabError, RuntimeError):
    """A training run cannot start, go on, or be trusted; the text says why."""


class ClaimError(LabError, ValueError):
    """A claim is unknown, recorded twice or declared wrongly."""
