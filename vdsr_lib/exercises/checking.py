"""Check a reader's function, and say in words where it goes wrong."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from numbers import Real
from textwrap import wrap
from typing import Any

from vdsr_lib.exercises.catalogue import get_exercise
from vdsr_lib.exercises.comparing import agree, in_words
from vdsr_lib.exercises.exercise import Case, Exercise, call_report

__all__ = ["ExerciseError", "check_exercise"]

_ORDINALS = ("first", "second", "third")


class ExerciseError(AssertionError):
    """An answer is not right yet; the text says for which case, and what came out."""

    def _render_traceback_(self) -> list[str]:
        """Show the text alone in a notebook: the lines of the library tell nothing."""
        return _wrapped(str(self))


class _Raised:
    """Stands for the result of a call that ended in an exception."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __str__(self) -> str:
        return f"it raised {type(self.error).__name__}: {self.error}"


def check_exercise(
    name: str, answer: Callable[..., Any], *, hint: int = 0, given: Sequence[Any] = ()
) -> None:
    """Check the function of a reader against the library's, case by case.

    Nothing is returned; what was found is printed, or raised so that a grader counts
    it.

    Parameters
    ----------
    name : str
        The exercise, such as ``"psnr"``; `exercise_names` lists them.
    answer : callable
        The reader's function. It gets copies of the arguments.
    hint : int
        1, 2 or 3 prints that hint before the check; 0 prints none.
    given : sequence
        Values that the cases are made of, for an exercise that depends on the
        assignment's parameters.

    Raises
    ------
    ExerciseError
        If the function is wrong. The text names the first case that fails (given,
        expected, got), and the mistake where the answer is just what one gives. Where
        a number was to be found, and no function to be written, the number is not
        told: only what kind of answer is expected, and which part is wrong.
    NotImplementedError
        If the function is not written yet.
    ValueError
        If there is no such exercise or hint.
    TypeError
        If `answer` is not a function, or `given` not what the exercise is made of.

    Examples
    --------
    >>> check_exercise("clip-bound", lambda theta, learning_rate: theta / learning_rate)
    clip-bound: right in all 3 cases.
    """
    exercise = get_exercise(name)
    if not callable(answer):
        raise TypeError(
            f"give the function itself, check_exercise({name!r}, my_function) without "
            f"parentheses after it; got {type(answer).__name__}"
        )
    if hint:
        print(_hint(name, exercise, hint))
    cases = _cases(name, exercise, given)
    expected = [_called(exercise, exercise.right, case) for case in cases]
    got = [_called(exercise, answer, case) for case in cases]
    wrong = [i for i in range(len(cases)) if not _same(exercise, expected[i], got[i])]
    if wrong:
        text = _report(name, exercise, cases, expected, got, wrong)
        raise ExerciseError(f"{text}\n{_offer(name, answer, exercise, hint)}")
    every = "the one case" if len(cases) == 1 else f"all {len(cases)} cases"
    print(f"{name}: right in {every}.")


def _cases(name: str, exercise: Exercise, given: Sequence[Any]) -> list[Case]:
    """Make the cases of the values that were given, or say which are wanted."""
    parameters = inspect.signature(exercise.cases)
    try:
        parameters.bind(*given)
    except TypeError:
        raise TypeError(
            f"{name!r} is made of given=({', '.join(parameters.parameters)}), got "
            f"{len(given)} of them"
        ) from None
    return list(exercise.cases(*given))


def _called(exercise: Exercise, function: Callable[..., Any], case: Case) -> Any:
    """Call a function on copies; keep what it raises as its result."""
    try:
        return exercise.run(function, *copy.deepcopy(case.arguments))
    except NotImplementedError:
        raise _not_written(function) from None
    except Exception as error:  # whatever a beginner's code may raise
        return _Raised(error)


def _not_written(function: Callable[..., Any]) -> NotImplementedError:
    """Return the error of an empty task, which a notebook shows in one sentence."""
    called = getattr(function, "__name__", "the function")
    text = (
        f"{called} is not written yet: put your code in the place of the line that "
        "raises this error, and run its cell again."
    )
    error = NotImplementedError(text)
    error.__dict__["_render_traceback_"] = lambda: _wrapped(text)
    return error


def _wrapped(text: str) -> list[str]:
    """Break long lines where a notebook's narrow column would break them badly."""
    return [
        part
        for line in text.split("\n")
        for part in wrap(line, 79, subsequent_indent=" " * _indent(line))
    ]


def _indent(line: str) -> int:
    """Return how far the further lines of a wrapped line are moved in."""
    return 12 if line.startswith("  ") else 0


def _same(exercise: Exercise, expected: Any, got: Any) -> bool:
    return not isinstance(got, _Raised) and agree(expected, got, exercise.tolerance)


def _report(
    name: str,
    exercise: Exercise,
    cases: list[Case],
    expected: list[Any],
    got: list[Any],
    wrong: list[int],
) -> str:
    """Say how many cases are right, what happened in the first other one, and why."""
    first = wrong[0]
    right = len(cases) - len(wrong)
    if isinstance(got[first], _Raised):
        wanted, found = in_words(expected[first], None, 0)[0], str(got[first])
    else:
        wanted, found = in_words(expected[first], got[first], exercise.tolerance)
    if exercise.run is call_report:
        wanted = _withheld(expected[first], got[first], exercise.tolerance)
    lines = [
        f"{name}: not yet; {right} of {len(cases)} cases are right. "
        "The first that is not:",
        f"  given     {cases[first].given}",
        f"  expected  {wanted}",
        f"  got       {found}",
    ]
    if cause := _cause(exercise, cases, expected, got, first):
        lines.append(f"This is what comes out when {cause}.")
    return "\n".join(lines)


def _withheld(expected: Any, got: Any, tolerance: float) -> str:
    """Say what kind of answer is expected, which part is wrong, and not the answer."""
    if not isinstance(expected, tuple):
        return f"{'another' if isinstance(got, Real) else 'a'} number"
    count = f"{len(expected)} values"
    if not isinstance(got, (tuple, list)) or len(got) != len(expected):
        return count
    pairs = zip(_ORDINALS, expected, got, strict=False)
    wrong = [name for name, one, two in pairs if not agree(one, two, tolerance)]
    if any(isinstance(each, bool) for each in expected):  # a wrong yes tells the no
        return count
    verb = "is" if len(wrong) == 1 else "are"
    return f"{count}; the {' and '.join(wrong)} {verb} not right"


def _cause(
    exercise: Exercise,
    cases: list[Case],
    expected: list[Any],
    got: list[Any],
    first: int,
) -> str:
    """Name the mistake that gives these answers: in all cases, else in this one."""
    likely = ""
    for cause, mistaken in exercise.mistakes.items():
        made = [_called(exercise, mistaken, case) for case in cases]
        if _same(exercise, expected[first], made[first]):
            continue
        matches = [_matches(exercise, *pair) for pair in zip(made, got, strict=True)]
        if all(matches):
            return cause
        if matches[first] and not likely:
            likely = cause
    return likely


def _matches(exercise: Exercise, made: Any, got: Any) -> bool:
    """Tell whether a mistake's result is the answer's, an exception with its words.

    Of two tensors that do not fit, the words name first what the sum names first.
    """
    if isinstance(made, _Raised) or isinstance(got, _Raised):
        return sorted(str(made).split()) == sorted(str(got).split())
    return agree(made, got, exercise.tolerance)


def _hint(name: str, exercise: Exercise, number: int) -> str:
    count = len(exercise.hints)
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"hint must be a number from 1 to {count}, got {number!r}")
    if not 1 <= number <= count:
        raise ValueError(f"{name} has the hints 1 to {count}, got hint={number}")
    text = f"Hint {number} of {count}: {exercise.hints[number - 1]}"
    return "\n".join(_wrapped(text)) + "\n"


def _offer(name: str, answer: Any, exercise: Exercise, hint: int) -> str:
    """Say how to ask for the next hint."""
    if hint >= len(exercise.hints):
        return "There is no further hint; talk it over with somebody."
    own = getattr(answer, "__name__", "")
    called = own if own.isidentifier() else "my_function"
    more = "another" if hint else "a"
    return f'For {more} hint: check_exercise("{name}", {called}, hint={hint + 1})'
