"""The suite's report as plain data, for programs and for the page."""

from __future__ import annotations

import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vdsr_lib.suite.lessons import Outcome, read_notebook

if TYPE_CHECKING:
    from vdsr_lib.suite.report import Report

__all__ = ["report_facts"]


def report_facts(report: Report, output_dir: Path) -> dict[str, Any]:
    """Return a report as plain data.

    Parameters
    ----------
    report : Report
        What there is to say.
    output_dir : pathlib.Path
        Links are relative to it.

    Returns
    -------
    dict
        What ``claims.json`` holds; its key "format" is 2.
    """
    return {
        "format": 2,
        "exit_code": report.exit_code,
        "summary": report.headline,
        "profile": report.profile,
        "device": report.device,
        "seed": report.seed,
        "jobs": report.jobs,
        "started": report.started,
        "seconds": round(report.seconds, 3),
        "memory_limit_bytes": report.memory_limit,
        "machine": report.machine,
        "lessons": [_lesson(each, report, output_dir) for each in report.outcomes],
        "claims": _claims(report, output_dir),
    }


def _lesson(outcome: Outcome, report: Report, output_dir: Path) -> dict[str, Any]:
    """Return what is known of one lesson as plain data."""
    number = outcome.lesson.number
    return {
        "lesson": number,
        "title": outcome.lesson.title,
        "about": outcome.lesson.about,
        "status": outcome.status,
        "message": outcome.message,
        "seconds": round(outcome.seconds, 3),
        "cpu_seconds": round(outcome.cpu_seconds, 1),
        "peak_memory_bytes": outcome.peak_memory,
        "too_large": report.too_large.get(number, ""),
        "cell_numbers": outcome.cell_numbers,
        "cell_seconds": [round(second, 3) for second in outcome.cell_seconds],
        "cell_peak_memory_bytes": outcome.cell_memory,
        "notebook": _relative(outcome.notebook, output_dir),
        "html": _relative(report.editions.get(number), output_dir),
    }


def _claims(report: Report, output_dir: Path) -> list[dict[str, Any]]:
    """Return the verdicts as plain data, each with a link to the cell that measured."""
    pages = {
        outcome.lesson.number: (
            _relative(report.editions[outcome.lesson.number], output_dir),
            _cell_ids(outcome.notebook),
        )
        for outcome in report.outcomes
        if outcome.notebook and outcome.lesson.number in report.editions
    }
    rows = []
    for row in report.rows:
        page, cells = pages.get(row.lesson, (None, {}))
        cell = cells.get(row.execution_count)
        link = f"{page}#cell-id={cell}" if cell else None
        rows.append(_plain(asdict(row)) | {"link": link})
    return rows


def _cell_ids(notebook: Path) -> dict[int | None, str]:
    """Return the ids of the executed cells by the number that each shows."""
    cells = read_notebook(notebook).cells
    return {c.execution_count: c.id for c in cells if c.get("execution_count")}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Write NaN and infinity, which JSON does not have, as words."""
    value = row["measured"]
    if isinstance(value, float) and not math.isfinite(value):
        return row | {"measured": str(value)}
    return row


def _relative(path: Path | None, output_dir: Path) -> str | None:
    """Return a path as a link from the report."""
    if path is None:
        return None
    return os.path.relpath(path, output_dir).replace(os.sep, "/")
