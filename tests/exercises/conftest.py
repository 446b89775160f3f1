"""Assignments run in this process, and wrong answers as students write them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

import pytest

from vdsr_lib.exercises import ExerciseError, check_exercise
from vdsr_lib.exercises.catalogue import get_exercise
from vdsr_lib.suite import assignments

Answers: TypeAlias = Sequence[tuple[str, Callable[..., Any]]]
STEMS = [path.stem for path in assignments.sources()]


@dataclass
class Sheet:
    """An assignment that was run from top to bottom, whatever went wrong."""

    names: dict[str, Any] = field(default_factory=dict)
    tests: dict[str, str] = field(default_factory=dict)
    points: dict[str, int] = field(default_factory=dict)
    errors: dict[int, BaseException] = field(default_factory=dict)
    failed: dict[str, BaseException] = field(default_factory=dict)

    def message(self, task: str, code: str) -> str:
        """Return what the test of a task says to this code; empty when content."""
        names = dict(self.names)
        exec(code, names)
        try:
            exec(self.tests[task], names)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return ""


def run(text: str) -> Sheet:
    """Run a notebook's code cells in one namespace."""
    sheet = Sheet()
    for number, cell in enumerate(json.loads(text)["cells"], 1):
        facts = cell["metadata"].get("nbgrader", {})
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            continue
        if facts.get("grade"):
            sheet.tests[facts["grade_id"]] = source
            sheet.points[facts["grade_id"]] = facts["points"]
        try:
            exec(compile(source, f"cell {number}", "exec"), sheet.names)
        except Exception as error:
            sheet.errors[number] = error
            if facts.get("grade"):
                sheet.failed[facts["grade_id"]] = error
    return sheet


@cache
def _solved(stem: str) -> Sheet:
    [source] = [path for path in assignments.sources() if path.stem == stem]
    return run(assignments.generate(source, "nbgrader"))


@pytest.fixture(scope="session")
def solved() -> Callable[[str], Sheet]:
    """The solution of an assignment (01, 02, ...), run once for all tests."""
    return lambda number: _solved(next(s for s in STEMS if s.startswith(number)))


@pytest.fixture
def told() -> Callable[..., None]:
    """Give an exercise the wrong answers to a mistake: all must be called by its name.

    The answers are pairs of a mistake's first words and a student's function.
    """

    def check(answers: Answers, name: str, mistake: str, given: Any = ()) -> None:
        causes = get_exercise(name).mistakes
        for start, _ in answers:
            assert sum(cause.startswith(start) for cause in causes) == 1, start
        mine = [answer for start, answer in answers if mistake.startswith(start)]
        assert mine, f"{name}: no answer errs so that {mistake!r} is what comes out"
        for answer in mine:
            with pytest.raises(ExerciseError) as caught:
                check_exercise(name, answer, given=given)
            assert f"This is what comes out when {mistake}." in str(caught.value)

    return check
