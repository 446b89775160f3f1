"""What an exercise is: the right function, cases to try it on, and usual mistakes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["Case", "Exercise", "call", "call_report"]


class Case(NamedTuple):
    """One thing to try a function on.

    Parameters
    ----------
    given : str
        The arguments in words, as the reader is told them.
    arguments : tuple
        The arguments themselves. Every call gets a copy of its own.
    """

    given: str
    arguments: tuple[Any, ...]


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function with all arguments.

    Parameters
    ----------
    function : callable
        A reader's, the right one, or a mistaken one.
    *arguments
        Of a case.

    Returns
    -------
    object
        What the function returned.
    """
    return function(*arguments)


def call_report(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function that only returns what its author has written down.

    Such a reader's function needs no argument; the right one computes the answer.

    Parameters
    ----------
    function : callable
        A reader's, the right one, or a mistaken one.
    *arguments
        Of a case; left out where the function can do without.

    Returns
    -------
    object
        What the function returned.
    """
    try:
        inspect.signature(function).bind()
    except TypeError:
        return function(*arguments)
    return function()


@dataclass(frozen=True)
class Exercise:
    """One task of an assignment that a program can check.

    Parameters
    ----------
    right : callable
        What the reader's function must do: the library's, or an independent way.
    cases : callable
        Returns the cases; made when they are needed, from a handful of pixels.
    mistakes : mapping of str to callable
        What goes wrong, as the end of "This is what comes out when ...", and a
        function that does so.
    hints : tuple of str
        Up to three, each saying more than the one before.
    tolerance : float
        How far a number that is not whole may be off: times its size where that is
        above 1. Not under 1e-7: an answer in float32 is right, too.
    run : callable
        ``run(function, *arguments)`` calls it and returns what is compared.

    Notes
    -----
    A mistake is only named where it changes the result, so a mistake and the right
    function may agree on some of the cases, but not on all.
    """

    right: Callable[..., Any]
    cases: Callable[..., Iterable[Case]]
    mistakes: Mapping[str, Callable[..., Any]]
    hints: tuple[str, ...]
    tolerance: float = 1e-5
    run: Callable[..., Any] = field(default=call)
