"""Variants of the assignments: other parameters, so that a copied number is wrong."""

from __future__ import annotations

import random
from collections.abc import Mapping

__all__ = ["VALUES", "untried", "variant"]

_PICTURES = ("astronaut", "camera", "chelsea", "coffee", "coins")
_SCALES = (2, 3, 4)

VALUES: dict[str, dict[str, tuple[object, ...]]] = {
    "01": {"picture": _PICTURES, "scale": _SCALES},
    "02": {"depth": tuple(range(7, 21)), "width": (16, 24, 32, 40, 48, 64)},
    "03": {"picture": _PICTURES, "scale": _SCALES, "rate": (0.1, 0.01)},
    "04": {"picture": _PICTURES, "scratch": tuple(range(7, 30, 2))},
    "05": {
        "theta": (0.0001, 0.0002, 0.0005, 0.001),
        "rate": (0.1, 0.05, 0.01),
        "patch": (21, 31, 41, 51),
    },
    "06": {"picture": _PICTURES, "scale": _SCALES},
}
"""Assignment (its number) -> parameter -> values with which every solution is right."""


def variant(number: str, seed: int) -> dict[str, object]:
    """Draw an assignment's parameters.

    Parameters
    ----------
    number : str
        Of the assignment, ``"01"`` to ``"06"``.
    seed : int
        Of the variant: the same seed draws the same values on any machine.

    Returns
    -------
    dict of str to object
        New values for the cell tagged ``parameters``; empty for other assignments.
    """
    drawn = random.Random(f"variant {seed} of {number}")  # noqa: S311
    values = VALUES.get(number, {})
    return {name: drawn.choice(values[name]) for name in sorted(values)}


def untried(values: Mapping[str, object]) -> dict[str, list[str]]:
    """Say which assignments no solution was tried for with these values.

    Parameters
    ----------
    values : mapping of str to object
        Parameters set by hand.

    Returns
    -------
    dict of str to list of str
        Parameter -> numbers of the assignments that have it, and not this value of it
        in `VALUES`. Parameters with nothing to say are left out.
    """
    found = {
        name: [n for n, own in VALUES.items() if name in own and value not in own[name]]
        for name, value in values.items()
    }
    return {name: numbers for name, numbers in found.items() if numbers}
