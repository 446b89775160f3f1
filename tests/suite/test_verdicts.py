"""The suite judges by itself, from what the lessons measured."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from vdsr_lib.claims import Claim, ClaimBook
from vdsr_lib.suite.lessons import Lesson, Outcome
from vdsr_lib.suite.verdicts import (
    CLAIM_BROKEN,
    LESSON_BROKEN,
    Verdict,
    exit_code,
    verdicts,
)

CLAIMS = {
    claim.id: claim
    for claim in [
        Claim("01.a", "A.", "Table 1", "relation", ("quick",), relation=">",
              threshold=3.0, unit="dB", paper="5 dB", recorded=4.5,
              recorded_in="table1.json"),
        Claim("01.b", "B.", "Table 2", "value", ("paper",), expected=1.0,
              tolerance=0.1),
        Claim("02.c", "C.", "Table 3", "relation", ("quick",), relation="equal",
              threshold=True),
    ]
}  # fmt: skip


def outcome(status: str = "ran", number: str = "01", **rest: Any) -> Outcome:
    lesson = Lesson(number, "T", Path(f"{number}_t.ipynb"), 1, 1)
    return Outcome(lesson, status=status, **rest)


def judged(
    folder: Path, records: dict[str, Any], *, result: Outcome | None = None, **head: Any
) -> list[Verdict]:
    """Judge lesson 01 from a file of records."""
    entries = [
        {"id": k, "measured": v, "note": "n", "execution_count": 7}
        for k, v in records.items()
    ]
    content = {"format": 1, "lesson": "01", "profile": "quick"} | head
    (folder / "claims").mkdir()
    text = json.dumps(content | {"records": entries})
    (folder / "claims" / "01.json").write_text(text)
    return verdicts(CLAIMS, [result or outcome()], folder, "quick")


def test_a_claim_that_holds_carries_all_its_facts(tmp_path: Path) -> None:
    first, second = judged(tmp_path, {"01.a": 3.5})
    assert first == Verdict(
        id="01.a", lesson="01", verdict="holds", measured=3.5, sentence="A.",
        source="Table 1", paper="5 dB", rule="more than 3.00 dB", unit="dB", note="n",
        recorded=4.5, recorded_in="table1.json", execution_count=7,
    )  # fmt: skip
    assert (first.measured_text, first.recorded_text) == ("3.50 dB", "4.50 dB")
    assert (second.verdict, second.measured_text) == ("not judged", "not measured")
    assert second.recorded_text == "not run"


def test_the_lessons_own_verdict_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "claims" / "01.json"
    path.parent.mkdir()
    entry = {"id": "01.a", "measured": 1.0, "note": "", "verdict": "holds"}
    head = {"profile": "quick", "verdict": "holds"}
    path.write_text(json.dumps(head | {"records": [entry]}))
    assert verdicts(CLAIMS, [outcome()], tmp_path, "quick")[0].verdict == "fails"


@pytest.mark.parametrize(
    ("measured", "verdict"), [(3.0, "fails"), ("nan", "fails"), ("inf", "holds")]
)
def test_what_is_measured_decides(
    tmp_path: Path, measured: float | str, verdict: str
) -> None:
    assert judged(tmp_path, {"01.a": measured})[0].verdict == verdict


def test_a_claim_of_another_profile_is_shown_and_not_judged(tmp_path: Path) -> None:
    row = judged(tmp_path, {"01.a": 9.0, "01.b": 77.0})[1]
    assert (row.verdict, row.measured, row.rule) == ("not judged", 77.0, "")


def test_missing_claims_say_why(tmp_path: Path) -> None:
    [row, _] = judged(tmp_path, {})
    assert (row.verdict, row.note) == ("missing", "the lesson did not record it")


def test_a_claim_behind_a_failing_cell_says_so(tmp_path: Path) -> None:
    stopped = outcome("cell failed", message="cell 3: boom")
    [row, _] = judged(tmp_path, {}, result=stopped)
    assert (row.verdict, row.note) == ("missing", "cell 3: boom")


def test_no_file_at_all_is_missing_too(tmp_path: Path) -> None:
    [row, _] = verdicts(CLAIMS, [outcome()], tmp_path, "quick")
    assert (row.verdict, row.note) == ("missing", "the lesson did not record it")


def test_records_of_another_profile_do_not_count(tmp_path: Path) -> None:
    row = judged(tmp_path, {"01.a": 9.0}, profile="paper")[0]
    assert row.verdict == "missing"
    assert "was recorded at profile 'paper'" in row.note


def test_damaged_records_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "01.json").write_text("{")
    row = verdicts(CLAIMS, [outcome()], tmp_path, "quick")[0]
    assert row.verdict == "missing"
    assert "not a file of recorded claims" in row.note


def test_what_nobody_declared_is_unknown(tmp_path: Path) -> None:
    rows = judged(tmp_path, {"01.a": 9.0, "01.zzz": 1.0, "02.c": True})
    assert [(r.id, r.verdict) for r in rows] == [
        ("01.a", "holds"),
        ("01.b", "not judged"),
        ("01.zzz", "unknown"),
        ("02.c", "unknown"),  # lesson 02's claim is not lesson 01's to record
    ]
    assert rows[2].note == "not declared in claims.toml"
    assert (rows[2].measured, rows[2].execution_count) == (1.0, 7)
    assert exit_code([outcome()], rows) == CLAIM_BROKEN


def test_only_lessons_that_were_run_are_judged(tmp_path: Path) -> None:
    rows = verdicts(CLAIMS, [outcome(number="02")], tmp_path, "quick")
    assert [row.id for row in rows] == ["02.c"]


@pytest.mark.parametrize(
    ("status", "error", "verdict", "code"),
    [
        ("ran", "", "holds", 0),
        ("ran", "", "not judged", 0),
        ("ran", "", "fails", CLAIM_BROKEN),
        ("ran", "", "missing", CLAIM_BROKEN),
        ("ran", "", "unknown", CLAIM_BROKEN),
        ("cell failed", "ClaimError", "holds", CLAIM_BROKEN),
        ("cell failed", "ValueError", "holds", LESSON_BROKEN),
        ("timed out", "", "fails", LESSON_BROKEN),
        ("kernel died", "", "holds", LESSON_BROKEN),
        ("unknown parameter", "", "missing", LESSON_BROKEN),
        ("not completed", "", "holds", LESSON_BROKEN),
    ],
)
def test_exit_codes(status: str, error: str, verdict: str, code: int) -> None:
    rows = [Verdict("01.a", "01", verdict)]
    assert exit_code([outcome(status, error=error)], rows) == code


def test_the_book_and_the_suite_agree(tmp_path: Path) -> None:
    declared = tmp_path / "claims.toml"
    declared.write_text(
        '[01.a]\nsentence="A."\nsource="s"\nkind="relation"\nrelation=">"\n'
        'threshold=3.0\nprofiles=["quick"]\n'
    )
    book = ClaimBook("01", "quick", tmp_path, declarations=declared)
    lesson_says = book.record("a", math.nan).verdict
    [suite_says] = verdicts(book.claims, [outcome()], tmp_path, "quick")
    assert lesson_says == suite_says.verdict == "fails"
