"""What a program can check of an assignment's source."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from vdsr_lib.errors import LabError
from vdsr_lib.exercises import exercise_names, get_exercise
from vdsr_lib.suite.assignments import generate, regions
from vdsr_lib.suite.notebooks import read_source
from vdsr_lib.suite.style_code import CODE_CHECKS, Problem, in_words

__all__ = ["check_assignment"]

_BORROWED = ("_lines", "_python", "_boilerplate", "_figures")
_STUB = ("# YOUR CODE HERE", "raise NotImplementedError()", "YOUR ANSWER HERE")
_LEAK = 24  # characters: a line this long is no accident


def check_assignment(source: Path) -> list[str]:
    """Check the source of one assignment.

    Parameters
    ----------
    source : pathlib.Path
        A ``py:percent`` file with solutions.

    Returns
    -------
    list of str
        ``"file:cell N: what is wrong"``, cells counted from 1; ``"file: ..."`` for
        what concerns the whole assignment.
    """
    try:
        found = list(_stubs(source))
    except LabError as error:
        return [str(error)]
    cells = read_source(source).cells
    checks: list[Callable[[list[Any]], Iterator[Problem]]]
    checks = [_frame, _tasks, _marked, _tests, _leaks]
    checks += [each for each in CODE_CHECKS if each.__name__ in _BORROWED]
    found += [problem for check in checks for problem in check(cells)]
    return in_words(source, found)


def _frame(cells: list[Any]) -> Iterator[Problem]:
    """Want a title, the minutes, and the parameters."""
    if not cells[0].source.startswith("# "):
        yield 1, "does not begin with a # title"
    minutes = re.search(r"(\d+)\s+(# )?minutes", cells[0].source)
    if not minutes or not 45 <= int(minutes[1]) <= 90:
        yield 1, "does not say how many minutes, 45 to 90, the assignment takes"
    if not any("parameters" in cell.metadata.get("tags", []) for cell in cells):
        yield 0, "has no cell tagged 'parameters'"


def _tasks(cells: list[Any]) -> Iterator[Problem]:
    """Want 5 to 8 tasks, at least one of them an open question."""
    tasks = [c.metadata["task"] for c in cells if "task" in c.metadata]
    tests = [c.metadata["test"] for c in cells if "test" in c.metadata]
    answers = [c.metadata["answer"] for c in cells if "answer" in c.metadata]
    if not 5 <= len(tasks + answers) <= 8:
        yield 0, f"has {len(tasks + answers)} tasks; an assignment has 5 to 8"
    if not answers:
        yield 0, "has no open question; one cell has answer='name'"
    for name in sorted(set(tasks) ^ set(tests)):
        yield 0, f"has not both a task and a test named {name!r}"
    if len({*tasks, *answers}) < len(tasks + answers):
        yield 0, "gives one name to two tasks"
    if len({*tests}) < len(tests):
        yield 0, "tests one task in two cells: nbgrader knows a test by its name"


def _marked(cells: list[Any]) -> Iterator[Problem]:
    """Want one solution in every task and answer, and none elsewhere."""
    for number, cell in enumerate(cells, 1):
        count = cell.source.count("### BEGIN SOLUTION")
        wanted = int("task" in cell.metadata or "answer" in cell.metadata)
        if count != wanted:
            yield number, f"has {count} solutions marked; expected {wanted}"
        if "HIDDEN TESTS" in cell.source and "test" not in cell.metadata:
            yield number, "hides tests, and is no test cell"
        graded = "test" in cell.metadata or "answer" in cell.metadata
        if graded and not int(cell.metadata.get("points", 0)) > 0:
            yield number, "is graded, and has no points"


def _tests(cells: list[Any]) -> Iterator[Problem]:
    """Want each test to begin with the self-check, with hints, and to hide a test."""
    for number, cell in enumerate(cells, 1):
        name = cell.metadata.get("test")
        if name is None:
            continue
        if not cell.source.startswith(f'check_exercise("{name}", '):
            yield number, f"does not begin with check_exercise({name!r}, ...)"
        if name not in exercise_names():
            yield number, f"names no known exercise: {name!r}"
        elif len(get_exercise(name).hints) != 3:
            yield number, f"belongs to {name!r}, which has not three hints"
        if "### BEGIN HIDDEN TESTS" not in cell.source:
            yield number, "has no hidden test"


def _leaks(cells: list[Any]) -> Iterator[Problem]:
    """Find a solution that stands, line by line, in what the student is given."""
    given: set[str] = set()
    secret: dict[int, list[str]] = {}
    for number, cell in enumerate(cells, 1):
        for part, line in regions(cell.source, "SOLUTION", f"cell {number}"):
            if part == "inside" and len(line.strip()) >= _LEAK:
                secret.setdefault(number, []).append(line.strip())
            elif part == "outside":
                given.add(line.strip())
    for number, lines in secret.items():
        if given.issuperset(lines):
            yield number, f"has a solution that stands elsewhere: {lines[0][:40]}"


def _stubs(source: Path) -> Iterator[Problem]:
    """Prove that the student's notebook is the solution minus the marked code.

    Compares the two finished notebooks, cell by cell: what stays has the same lines
    in the same order, and what goes was marked. That the stub raises, the run shows.
    """
    student, marked = (
        json.loads(generate(source, kind))["cells"] for kind in ("student", "nbgrader")
    )
    for number, (stub, whole) in enumerate(zip(student, marked, strict=True), 1):
        text, solution = "".join(stub["source"]), "".join(whole["source"])
        kept = [line for line in text.split("\n") if line.strip() not in _STUB]
        if "\n".join(kept).rstrip() != _without_marked(solution).rstrip():
            yield number, "differs between student and solution beyond the marks"
        if stub["cell_type"] == "code":
            yield from _parses(number, text)


def _without_marked(text: str) -> str:
    """Return the lines that no pair of markers encloses."""
    pattern = r"^[^\n]*### BEGIN (SOLUTION|HIDDEN TESTS)[^\n]*\n.*?### END \1[^\n]*\n?"
    return re.sub(pattern, "", text, flags=re.S | re.M)


def _parses(number: int, text: str) -> Iterator[Problem]:
    try:
        ast.parse(text)
    except SyntaxError as error:
        yield number, f"is no Python once the solution is gone: {error}"
