"""Which exercises there are; the modules with their cases are imported when needed."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib import import_module

from vdsr_lib.exercises.exercise import Exercise

__all__ = ["exercise_names", "get_exercise"]

_MODULES = (  # in the order of the assignments
    *("measuring", "networks", "skipping"),
    *("seeing", "stepping", "comparing_methods"),
)


@cache
def _exercises() -> dict[str, Exercise]:
    """Return all exercises by name."""
    modules = [import_module(f"vdsr_lib.exercises.{name}") for name in _MODULES]
    return {
        name: exercise
        for module in modules
        for name, exercise in module.EXERCISES.items()
    }


def exercise_names() -> tuple[str, ...]:
    """Return the names of all exercises, in the order of the assignments.

    Returns
    -------
    tuple of str
    """
    return tuple(_exercises())


def get_exercise(name: str) -> Exercise:
    """Return one exercise.

    Parameters
    ----------
    name : str
        One of `exercise_names`.

    Returns
    -------
    Exercise

    Raises
    ------
    ValueError
        If there is no such exercise; the nearest name is suggested.
    """
    if name in _exercises():
        return _exercises()[name]
    near = get_close_matches(str(name), exercise_names(), n=1)
    guess = f"did you mean {near[0]!r}?" if near else ", ".join(exercise_names())
    raise ValueError(f"there is no exercise {name!r}: {guess}")
