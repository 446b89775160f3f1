"""The claims of the lessons that ran, judged again from what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vdsr_lib.claims import Claim, judge, read_records
from vdsr_lib.claims.declared import Number
from vdsr_lib.claims.judging import quantity, rule_text
from vdsr_lib.errors import ClaimError
from vdsr_lib.suite.lessons import Outcome

__all__ = ["BAD", "CLAIM_BROKEN", "LESSON_BROKEN", "Verdict", "exit_code", "verdicts"]

BAD = ("fails", "missing", "unknown")
"""The verdicts that make the suite fail."""
CLAIM_BROKEN = 1
"""Exit status: a claim fails, is missing, or is unknown, a kernel is too large, or a
page of a lesson could not be made."""
LESSON_BROKEN = 3
"""Exit status: a lesson did not run to its end."""


@dataclass(frozen=True)
class Verdict:
    """One row of the report.

    Parameters
    ----------
    id, lesson, sentence, source, paper, unit : str
        As declared; empty for a claim that nobody declared.
    rule : str
        What the measurement must be, in words; empty where it is not judged.
    measured : float, int, bool or None
        None where nothing was recorded.
    verdict : str
        ``"holds"``, ``"fails"``, ``"missing"``, ``"unknown"`` or ``"not judged"``.
    note : str
        The lesson's remark, or why the claim is missing or unknown.
    recorded : float, int, bool or None
        The result of the recorded full-scale run.
    recorded_in : str
        Its file below ``data/recorded/``.
    execution_count : int or None
        Of the cell that measured it.
    """

    id: str
    lesson: str
    verdict: str
    measured: Number | None = None
    sentence: str = ""
    source: str = ""
    paper: str = ""
    rule: str = ""
    unit: str = ""
    note: str = ""
    recorded: Number | None = None
    recorded_in: str = ""
    execution_count: int | None = None

    @property
    def measured_text(self) -> str:
        """The measurement with its unit, or ``"not measured"``."""
        if self.measured is None:
            return "not measured"
        return quantity(self.measured, self.unit)

    @property
    def recorded_text(self) -> str:
        """The full-scale result with its unit, or ``"not run"``."""
        return quantity(self.recorded, self.unit)


def verdicts(
    claims: Mapping[str, Claim],
    outcomes: Iterable[Outcome],
    output_dir: Path,
    profile: str,
) -> list[Verdict]:
    """Judge every claim of the lessons that were run.

    Parameters
    ----------
    claims : mapping
        All declared claims.
    outcomes : iterable of Outcome
        The lessons that were run.
    output_dir : pathlib.Path
        Its folder ``claims`` holds what the lessons recorded.
    profile : {"quick", "classroom", "paper"}

    Returns
    -------
    list of Verdict
        In the order of the lessons, then of the declarations; unknown claims last.
    """
    rows = []
    for outcome in outcomes:
        number = outcome.lesson.number
        own = [claim for claim in claims.values() if claim.lesson == number]
        records, fault = _records(output_dir / "claims" / f"{number}.json", profile)
        reason = fault or outcome.message or "the lesson did not record it"
        rows += [
            _row(claim, records.pop(claim.id, None), profile, reason) for claim in own
        ]
        rows += [
            Verdict(
                name,
                number,
                "unknown",
                record["measured"],
                note="not declared in claims.toml",
                execution_count=record.get("execution_count"),
            )
            for name, record in records.items()
        ]
    return rows


def exit_code(outcomes: Iterable[Outcome], rows: Iterable[Verdict]) -> int:
    """Return the exit status of the suite.

    Parameters
    ----------
    outcomes : iterable of Outcome
        One a lesson.
    rows : iterable of Verdict
        One a claim.

    Returns
    -------
    int
        0 when all lessons ran and every judged claim holds; `LESSON_BROKEN` when a
        lesson did not run to its end, unless what stopped it is a claim it does not
        know; else `CLAIM_BROKEN`.
    """
    stopped = [o for o in outcomes if o.status != "ran"]
    if any(outcome.error != "ClaimError" for outcome in stopped):
        return LESSON_BROKEN
    broken = stopped or any(row.verdict in BAD for row in rows)
    return CLAIM_BROKEN if broken else 0


def _records(path: Path, profile: str) -> tuple[dict[str, dict[str, Any]], str]:
    """Read what a lesson recorded, and say what is wrong with it if anything is."""
    try:
        content = read_records(path)
    except ClaimError as error:
        return {}, str(error) if path.exists() else ""
    if content.get("profile") != profile:
        return {}, f"{path} was recorded at profile {content.get('profile')!r}"
    return {record["id"]: record for record in content["records"]}, ""


def _row(
    claim: Claim, record: dict[str, Any] | None, profile: str, reason: str
) -> Verdict:
    """Judge one claim, measured or not."""
    judged = profile in claim.profiles
    found = record or {}
    measured, note = found.get("measured"), found.get("note", "")
    if measured is not None:
        verdict = judge(claim, measured, profile).verdict
    else:
        verdict, note = ("missing", reason) if judged else ("not judged", "")
    return Verdict(
        id=claim.id,
        lesson=claim.lesson,
        verdict=verdict,
        measured=measured,
        sentence=claim.sentence,
        source=claim.source,
        paper=claim.paper,
        rule=rule_text(claim, profile) if judged else "",
        unit=claim.unit,
        note=note,
        recorded=claim.recorded,
        recorded_in=claim.recorded_in,
        execution_count=found.get("execution_count"),
    )
