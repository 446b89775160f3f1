"""How much memory a lesson's kernel may take, so that a class can be planned for.

A course runs one kernel a student, on a shared host. So the suite watches the peak of
each kernel, and names the lesson, and the cell in it, that takes more than promised.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vdsr_lib.suite.lessons import Outcome

__all__ = ["LIMITS", "memory_limit", "too_large"]

LIMITS = {"quick": 900_000_000}
"""Bytes that a lesson's kernel may hold at its peak; other profiles have no limit."""


def memory_limit(profile: str, machine: Mapping[str, Any]) -> int | None:
    """Return the bytes that a kernel may hold.

    Parameters
    ----------
    profile : {"quick", "classroom", "paper"}
    machine : mapping
        As `vdsr_lib.devices.describe_machine` gives it.

    Returns
    -------
    int or None
        None where nothing is promised: at the longer profiles, with a GPU, whose
        libraries alone take gigabytes of the host's memory, and with a build of torch
        for GPUs, which loads some of those libraries on any machine.
    """
    build = str(machine.get("torch", "")).partition("+")[2]
    small = machine.get("device", "cpu") == "cpu" and build in {"", "cpu"}
    return LIMITS.get(profile) if small else None


def too_large(outcomes: Iterable[Outcome], limit: int | None) -> dict[str, str]:
    """Say which kernels held more than they may.

    Parameters
    ----------
    outcomes : iterable of Outcome
        The lessons that were run.
    limit : int or None
        As `memory_limit` returns it.

    Returns
    -------
    dict of str to str
        Lesson number to a sentence that names the cell; empty when all is well.
    """
    if limit is None:
        return {}
    return {
        outcome.lesson.number: _sentence(outcome, limit)
        for outcome in outcomes
        if outcome.peak_memory > limit
    }


def _sentence(outcome: Outcome, limit: int) -> str:
    """Name the first cell after which the kernel had held too much."""
    taken = zip(outcome.cell_numbers, outcome.cell_memory, strict=True)
    where = next((f"cell {n}" for n, peak in taken if peak > limit), "after its cells")
    peak, allowed = round(outcome.peak_memory / 1e6), round(limit / 1e6)
    return f"{where}: its kernel held {peak:,} MB, and {allowed:,} MB are promised"
