"""The errors that a reader of the course can meet, each one a plain sentence.

Every class also derives from the built-in error that it is a kind of, so that
``except ValueError`` keeps working for callers who do not know this module. The
command line prints the sentence of a `LabError` alone, without a traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "ClaimError",
    "DataError",
    "LabError",
    "PictureError",
    "RunError",
    "WeightsError",
    "did_you_mean",
    "shortened",
]

_LONGEST = 4000  # characters of a message


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


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint at the name that was probably meant.

    Parameters
    ----------
    name : str
        What was given, in upper or lower case.
    known : iterable of str
        The names that there are.

    Returns
    -------
    str
        ``" (did you mean 'set5'?)"``; empty where none is near.
    """
    names = {each.lower(): each for each in known}
    close = get_close_matches(name.lower(), list(names), n=1)
    return f" (did you mean {names[close[0]]!r}?)" if close else ""


def shortened(message: str) -> str:
    """Return a message that a terminal and a page can hold.

    Parameters
    ----------
    message : str
        Of any length: a library may put into it whatever it was given.

    Returns
    -------
    str
        At most some 4,000 characters: of a longer one the middle is left out.
    """
    lost = len(message) - _LONGEST
    if lost <= 0:
        return message
    half = _LONGEST // 2
    gap = f" ... ({lost:,} characters are left out) ... "
    return f"{message[:half]}{gap}{message[-half:]}"
