"""What the suite found: ``claims.json`` for programs, ``report.html`` for readers."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vdsr_lib._files import write_atomically
from vdsr_lib.suite.edition import lesson_html
from vdsr_lib.suite.lessons import Outcome, read_notebook
from vdsr_lib.suite.verdicts import BAD, Verdict, exit_code

__all__ = ["Report", "table", "write_editions", "write_report"]

_SIGNS = {"holds": "✓", "fails": "✗", "missing": "?", "unknown": "?", "not judged": "○"}


@dataclass(frozen=True)
class Report:
    """Everything that the suite knows at its end.

    Parameters
    ----------
    profile, device : str
        As asked for.
    seed : int
        The lessons' parameter.
    started : str
        Date and time in UTC, ISO 8601.
    seconds : float
        The whole run.
    machine : dict
        As `vdsr_lib.devices.describe_machine` gives it.
    outcomes : sequence of Outcome
        One a lesson.
    rows : sequence of Verdict
        One a claim.
    editions : dict
        Lesson number to the file of its HTML edition.
    """

    profile: str
    device: str
    seed: int
    started: str
    seconds: float
    machine: dict[str, Any]
    outcomes: Sequence[Outcome]
    rows: Sequence[Verdict]
    editions: dict[str, Path] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """The exit status of the suite; see `vdsr_lib.suite.verdicts.exit_code`."""
        return exit_code(self.outcomes, self.rows)

    @property
    def headline(self) -> str:
        """The result in one sentence."""
        counts = Counter(row.verdict for row in self.rows)
        judged = sum(counts.values()) - counts["not judged"]
        parts = [f"{counts['holds']} of {judged} claims hold"]
        parts += [f"{counts[word]} {word}" for word in BAD[1:] if counts[word]]
        if counts["fails"]:
            parts.insert(1, f"{counts['fails']} fail{'s' * (counts['fails'] == 1)}")
        if stopped := sum(outcome.status != "ran" for outcome in self.outcomes):
            few = "lesson" if stopped == 1 else "lessons"
            parts.append(f"{stopped} {few} did not run to the end")
        return "; ".join(parts) + "."


def write_editions(outcomes: Sequence[Outcome], output_dir: Path) -> dict[str, Path]:
    """Write an HTML page of every executed lesson to the folder ``html``.

    Parameters
    ----------
    outcomes : sequence of Outcome
        The lessons that were run.
    output_dir : pathlib.Path
        The suite's output folder.

    Returns
    -------
    dict
        Lesson number to the file.
    """
    pages = {}
    for outcome in outcomes:
        path = output_dir / "html" / f"{outcome.lesson.path.stem}.html"
        path.unlink(missing_ok=True)
        if outcome.notebook is not None:
            page = lesson_html(read_notebook(outcome.notebook), outcome.lesson.title)
            pages[outcome.lesson.number] = write_atomically(path, page)
    return pages


def write_report(report: Report, output_dir: Path) -> tuple[Path, Path]:
    """Write ``claims.json`` and ``report.html``.

    Parameters
    ----------
    report : Report
        What there is to say.
    output_dir : pathlib.Path
        The suite's output folder.

    Returns
    -------
    tuple of pathlib.Path
        The two files.
    """
    text = json.dumps(_facts(report, output_dir), indent=1, ensure_ascii=False)
    data = write_atomically(output_dir / "claims.json", text + "\n")
    page = write_atomically(output_dir / "report.html", _page(report, output_dir))
    return data, page


def table(rows: Sequence[Verdict]) -> str:
    """Return the verdicts as text, two lines a claim.

    Parameters
    ----------
    rows : sequence of Verdict
        One a claim.

    Returns
    -------
    str
    """
    return "\n".join(_lines(row) for row in rows)


def _lines(row: Verdict) -> str:
    """Return one verdict as two lines of text."""
    found = (
        row.measured_text if row.measured is None else f"measured {row.measured_text}"
    )
    parts = [found, f"asks for {row.rule}" if row.rule else ""]
    parts += [f"{row.source}: {row.paper}" if row.paper else row.source, row.note]
    facts = "; ".join(part for part in parts if part)
    return f"{row.verdict:<10}  {row.id}: {row.sentence}\n{'':<10}  {facts}"


def _facts(report: Report, output_dir: Path) -> dict[str, Any]:
    """Return the report as plain data."""
    lessons = [
        {
            "lesson": outcome.lesson.number,
            "title": outcome.lesson.title,
            "status": outcome.status,
            "message": outcome.message,
            "seconds": round(outcome.seconds, 3),
            "cell_seconds": [round(second, 3) for second in outcome.cell_seconds],
            "peak_memory_bytes": outcome.peak_memory,
            "notebook": _relative(outcome.notebook, output_dir),
            "html": _relative(report.editions.get(outcome.lesson.number), output_dir),
        }
        for outcome in report.outcomes
    ]
    return {
        "format": 1,
        "exit_code": report.exit_code,
        "summary": report.headline,
        "profile": report.profile,
        "device": report.device,
        "seed": report.seed,
        "started": report.started,
        "seconds": round(report.seconds, 3),
        "machine": report.machine,
        "lessons": lessons,
        "claims": [_plain(asdict(row)) for row in report.rows],
    }


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


def _page(report: Report, output_dir: Path) -> str:
    """Return the report as a single HTML page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["duration"] = duration
    environment.filters["tight"] = lambda text: text.replace(
        " dB", "\N{NO-BREAK SPACE}dB"
    )
    by_lesson = {
        outcome.lesson.number: [
            r for r in report.rows if r.lesson == outcome.lesson.number
        ]
        for outcome in report.outcomes
    }
    return environment.get_template("report.html.j2").render(
        report=report,
        facts=_facts(report, output_dir),
        by_lesson=by_lesson,
        signs=_SIGNS,
    )


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
