"""The report as a page: for a reader who reads nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vdsr_lib.suite.report import Report

__all__ = ["duration", "report_page"]

_SIGNS = {"holds": "✓", "fails": "✗", "missing": "?", "unknown": "?", "not judged": "○"}
_MEANINGS = {
    "holds": "the number is as its rule asks",
    "fails": "it is not",
    "missing": "the lesson should have measured it, and did not",
    "unknown": "the lesson measured what nobody has declared",
    "not judged": "it needs a longer training than this profile makes",
}
_SIZES = {
    "quick": "At the profile quick the networks are smaller than the paper's and take "
    "the first few hundred of its 9,960 training steps, on photographs that come with "
    "scikit-image. So most rules ask for an order (which one is ahead, what diverges, "
    "what stays exact); the paper's own values are asked for at the profile paper.",
    "classroom": "At the profile classroom the networks are smaller than the paper's "
    "and take about a tenth of its training, on photographs that come with "
    "scikit-image. So most rules ask for an order; the paper's own values are asked "
    "for at the profile paper.",
    "paper": "At the profile paper the networks, the pictures and the length of the "
    "training are the paper's own, and so are most of the values asked for.",
}


def report_page(report: Report, facts: dict[str, Any]) -> str:
    """Return a report as a single HTML page.

    Parameters
    ----------
    report : Report
        What there is to say.
    facts : dict
        The same as plain data, from `report_facts`.

    Returns
    -------
    str
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["duration"] = duration
    environment.filters["tight"] = _tight
    shown = [
        (row, fact["link"])
        for row, fact in zip(report.rows, facts["claims"], strict=True)
    ]
    by_lesson = {
        outcome.lesson.number: [
            (row, link) for row, link in shown if row.lesson == outcome.lesson.number
        ]
        for outcome in report.outcomes
    }
    return environment.get_template("report.html.j2").render(
        report=report,
        facts=facts,
        by_lesson=by_lesson,
        counts=Counter(row.verdict for row in report.rows),
        signs=_SIGNS,
        meanings=_MEANINGS,
        size=_SIZES[report.profile],
    )


def _tight(text: str) -> str:
    """Keep a unit on the line of its number."""
    return text.replace(" dB", "\N{NO-BREAK SPACE}dB")


def duration(seconds: float) -> str:
    """Return a time ready to read: ``"41 s"``, ``"3 min 05 s"``.

    Parameters
    ----------
    seconds : float
        Not negative.

    Returns
    -------
    str
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
