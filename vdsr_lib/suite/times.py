"""How long each cell of each lesson takes, here the last time or on another machine.

``seconds.json`` beside this file holds what one run on two CPU cores took, so that the
first run on a new machine can say how long it will be. A maintainer renews it from a
run's report: ``python -m vdsr_lib.suite.times results/claims.json``.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from vdsr_lib._files import write_atomically
from vdsr_lib.suite.lessons import Lesson

__all__ = ["earlier_times", "expected_times", "keep", "typical_times"]

_SHIPPED = Path(__file__).with_name("seconds.json")
Times = dict[str, list[float]]


def earlier_times(claims_json: Path, profile: str) -> Times:
    """Read the seconds of each cell from the report of an earlier run.

    Parameters
    ----------
    claims_json : pathlib.Path
        It need not exist.
    profile : str
        Times of another profile are of no use.

    Returns
    -------
    dict
        Lesson number to seconds, of the lessons that ran to their end; empty when
        there is no such report, or it is damaged.
    """
    try:
        report = json.loads(claims_json.read_text("utf-8"))
        if report["profile"] != profile:
            return {}
        times = {
            entry["lesson"]: [float(second) for second in entry["cell_seconds"]]
            for entry in report["lessons"]
            if entry["status"] == "ran"
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {n: each for n, each in times.items() if each and math.isfinite(sum(each))}


def typical_times(profile: str) -> Times:
    """Return the seconds of each cell that ship with the course.

    Parameters
    ----------
    profile : str
        "quick", "classroom" or "paper".

    Returns
    -------
    dict
        Lesson number to seconds; empty for a profile that nobody has timed.
    """
    shipped: dict[str, Times] = json.loads(_SHIPPED.read_text("utf-8"))
    return shipped.get(profile, {})


def expected_times(
    lessons: Sequence[Lesson], *known: Mapping[str, list[float]]
) -> Times:
    """Return what each cell of these lessons is expected to take.

    Parameters
    ----------
    lessons : sequence of Lesson
        Those that will run.
    *known : mapping
        Lesson number to the seconds of its cells; the first that fits a lesson counts.
        One of another number of cells tells at least the lesson's whole.

    Returns
    -------
    dict
        Lesson number to one positive number a cell. Seconds; for lessons that nobody
        has timed the average of the other cells, or 1.
    """
    expected = {each.number: _of_one(each, known) for each in lessons}
    timed = [second for seconds in expected.values() for second in seconds]
    average = sum(timed) / len(timed) if timed else 1.0
    return {
        each.number: expected[each.number] or [average] * each.code_cells
        for each in lessons
    }


def _of_one(lesson: Lesson, known: Sequence[Mapping[str, list[float]]]) -> list[float]:
    """Return the seconds of a lesson's cells; empty when nothing is known of them."""
    found = [seconds for each in known if (seconds := each.get(lesson.number))]
    for seconds in found:
        if len(seconds) == lesson.code_cells:
            return [max(second, 1e-3) for second in seconds]
    if not found:
        return []
    return [max(sum(found[0]), 1e-3) / lesson.code_cells] * lesson.code_cells


def keep(claims_json: Path, target: Path = _SHIPPED) -> Path:
    """Write the times of a run's lessons where `typical_times` reads them.

    Parameters
    ----------
    claims_json : pathlib.Path
        Of a run on a machine that did nothing else. Lessons that it did not run to
        their end, and other profiles, stay as they are.
    target : pathlib.Path
        Default: the shipped file.

    Returns
    -------
    pathlib.Path
    """
    profile = json.loads(claims_json.read_text("utf-8"))["profile"]
    times = json.loads(target.read_text("utf-8")) if target.is_file() else {}
    own = times.get(profile, {}) | earlier_times(claims_json, profile)
    rounded = {n: [round(x, 1) for x in own[n]] for n in sorted(own)}
    lines = ",\n".join(f'  "{n}": {json.dumps(each)}' for n, each in rounded.items())
    rest = {name: value for name, value in times.items() if name != profile}
    blocks = [f'"{profile}": {{\n{lines}\n }}']
    blocks += [f'"{name}": {json.dumps(value)}' for name, value in rest.items()]
    return write_atomically(target, "{\n " + ",\n ".join(blocks) + "\n}\n")


if __name__ == "__main__":
    print(keep(Path(sys.argv[1])))
