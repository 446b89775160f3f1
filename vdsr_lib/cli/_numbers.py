"""Options that hold several numbers."""

from __future__ import annotations

__all__ = ["numbers"]


def numbers(option: str, text: str) -> list[float]:
    """Return the numbers of a list with commas.

    Parameters
    ----------
    option : str
        Its name, for the error: ``"--scales"``.
    text : str
        What was given: ``"2,3,4"``.

    Returns
    -------
    list of float

    Raises
    ------
    ValueError
        If a part is no number.
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{option} must be like 2,3,4, got {text!r}") from None
