"""What the suite found: ``claims.json`` for programs, ``report.html`` for readers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vdsr_lib._files import write_atomically
from vdsr_lib.suite.facts import report_facts
from vdsr_lib.suite.lessons import Outcome
from vdsr_lib.suite.memory import memory_limit, too_large
from vdsr_lib.suite.page import report_page
from vdsr_lib.suite.verdicts import BAD, CLAIM_BROKEN, Verdict, exit_code

__all__ = ["Report", "table", "write_report"]


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
    faults : sequence of str
        A sentence for each page of the edition that could not be made.
    jobs : int
        How many lessons ran at a time.
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
    faults: Sequence[str] = ()
    jobs: int = 1

    @property
    def exit_code(self) -> int:
        """The exit status of the suite; see `vdsr_lib.suite.verdicts.exit_code`.

        A kernel that held too much memory counts as a claim that fails, and so does
        a page that could not be made.
        """
        code = exit_code(self.outcomes, self.rows)
        return code or (CLAIM_BROKEN if self.too_large or self.faults else 0)

    @property
    def memory_limit(self) -> int | None:
        """The bytes that a kernel may hold here; see `vdsr_lib.suite.memory`."""
        return memory_limit(self.profile, self.machine)

    @property
    def too_large(self) -> dict[str, str]:
        """The lessons whose kernels held more, each with a sentence."""
        return too_large(self.outcomes, self.memory_limit)

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
        parts += [f"lesson {number}, {text}" for number, text in self.too_large.items()]
        return "; ".join([*parts, *self.faults]) + "."


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
    facts = report_facts(report, output_dir)
    text = json.dumps(facts, indent=1, ensure_ascii=False)
    data = write_atomically(output_dir / "claims.json", text + "\n")
    page = write_atomically(output_dir / "report.html", report_page(report, facts))
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
