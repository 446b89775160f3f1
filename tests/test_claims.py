"""Claims: declared, recorded, judged, shown."""

from __future__ import annotations

import itertools
import json
import math
import re
from pathlib import Path
from typing import Any

import IPython
import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

from vdsr_lib.claims import Claim, ClaimBook, judge, load_claims, read_records
from vdsr_lib.claims.judging import quantity, rule_text
from vdsr_lib.errors import ClaimError

TOML = """
[03.residual-leads]
sentence = "The residual network is ahead."
source = "Table 1, rate 0.1"
paper = "36.90 against 27.42 dB"
kind = "relation"
relation = ">"
threshold = { quick = 3.0, paper = 5.0 }
unit = "dB"
profiles = ["quick", "paper"]
recorded = 9.48
recorded_in = "table1.json"

[03.final]
sentence = "It ends at 37.05 dB."
source = "Table 1"
kind = "value"
expected = 37.05
tolerance = 0.15
unit = "dB"
profiles = ["paper"]

[01.other]
sentence = "Another lesson's."
source = "protocol: none"
kind = "relation"
relation = "equal"
threshold = true
profiles = ["quick"]
"""


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    path = tmp_path / "claims.toml"
    path.write_text(TOML)
    return path


@pytest.fixture
def book(declared: Path, tmp_path: Path) -> ClaimBook:
    return ClaimBook("03", "quick", tmp_path, declarations=declared)


def claim(**rule: object) -> Claim:
    text = {"sentence": "s", "source": "t", "profiles": ("quick",)}
    return Claim(id="01.x", **(text | rule))  # type: ignore[arg-type]


def relation(sign: str, threshold: object) -> Claim:
    return claim(kind="relation", relation=sign, threshold=threshold)


# ---- the shipped file ----


def test_shipped_claims_are_well_formed() -> None:
    claims = load_claims()
    for name, entry in claims.items():
        assert name == entry.id
        assert entry.sentence.endswith("."), f"{name}: a sentence ends in a full stop"
        assert "quick" in entry.profiles or "paper" in entry.profiles


def surviving(rows: list[dict[str, Any]]) -> int:
    """Count the runs without a clip that did not diverge, of three that are there."""
    free = {row["run"]: row["outcome"] for row in rows if row["clipping"] == "none"}
    assert len(free) == 3
    return sum(outcome != "diverged" for outcome in free.values())


def losing(rows: list[dict[str, Any]]) -> int:
    """Count the cells below bicubic whose scale is at least the smallest trained on."""
    above = [row for row in rows if row["scale"] >= int(row["trained_on"][1])]
    assert len(above) == 17
    return sum(row["psnr"] < row["bicubic"] for row in above)


def shallow_lead(rows: list[dict[str, Any]]) -> float:
    """Return by how many dB the residual network of depth 3 is ahead."""
    psnr = {row["network"]: row["psnr"] for row in rows}
    return round(psnr["residual"] - psnr["non-residual"], 2)


COUNTED = {
    "03.shallow-gap-closes": shallow_lead,
    "05.no-free-run-survives": surviving,
    "06.no-loss-at-or-above": losing,
}
"""Recorded claims that are no PSNR of a table, and what finds them there."""


def test_shipped_recorded_numbers_name_a_file_that_ships(root: Path) -> None:
    for name, entry in load_claims().items():
        if entry.recorded is not None:
            assert entry.recorded_in, f"{name}: recorded without recorded_in"
        if entry.recorded_in:
            shipped = root / "data" / "recorded" / entry.recorded_in
            scores = json.loads(shipped.read_text())["table"]
            if name in COUNTED:
                assert entry.recorded == COUNTED[name](scores), name
                continue
            near = pytest.approx(entry.recorded, abs=0.006)  # two digits are printed
            assert recorded_psnr(name, scores) == near, name


RATES = {"high": 0.1, "middle": 0.01, "low": 0.001}


def recorded_psnr(name: str, rows: list[dict[str, Any]]) -> float:
    """Find the one cell of a recorded table that a claim's name means, in dB."""
    if found := re.fullmatch(r"03\.table1-(.+)-(high|middle|low)-rate", name):
        wanted = {"network": found[1], "learning_rate": RATES[found[2]]}
    else:
        found = re.fullmatch(r"06\.table2-([\d-]+)-at-(\d)", name)
        assert found, f"{name}: which cell is it?"
        trained = ", ".join(f"x{scale}" for scale in found[1].split("-"))
        wanted = {"trained_on": trained, "scale": float(found[2]), "dataset": "set5"}
    cells = [row["psnr"] for row in rows if wanted.items() <= row.items()]
    assert len(cells) == 1, f"{name}: {len(cells)} cells"
    return cells[0]


def test_a_recorded_number_of_another_cell_is_caught(root: Path) -> None:
    """Table 1 has six cells; each claim knows its own."""
    rows = json.loads((root / "data/recorded/table1.json").read_text())["table"]
    one, other = (
        recorded_psnr(f"03.table1-residual-{word}-rate", rows)
        for word in ("high", "middle")
    )
    assert one != pytest.approx(other, abs=0.006)


# ---- rules ----


@pytest.mark.parametrize(
    ("sign", "threshold", "good", "bad"),
    [
        (">", 3.0, 3.1, 3.0),
        (">=", 3.0, 3.0, 2.9),
        ("<", 3.0, 2.9, 3.0),
        ("<=", 3.0, 3.0, 3.1),
        ("equal", 41, 41, 42),
        ("equal", True, True, False),
        ("between", [1.0, 2.0], 1.0, 2.1),
        ("between", [1.0, 2.0], 2.0, 0.9),
    ],
)
def test_each_relation(sign: str, threshold: object, good: float, bad: float) -> None:
    rule = relation(sign, threshold)
    assert judge(rule, good, "quick").verdict == "holds"
    assert judge(rule, bad, "quick").verdict == "fails"


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [(37.05, "holds"), (37.2, "holds"), (36.9, "holds"), (37.21, "fails")],
)
def test_value_includes_the_ends_of_its_tolerance(
    measured: float, verdict: str
) -> None:
    # 37.2 - 37.05 is 0.15000000000000568 in binary: rounding must not decide.
    rule = claim(kind="value", expected=37.05, tolerance=0.15)
    assert judge(rule, measured, "quick").verdict == verdict


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("expected", "tolerance"),
    [(37.05, 0.15), (0.3, 1e-12), (1e9, 0.1), (1e-6, 1e-7), (0.0, 0.1), (1e-9, 30.0)],
)
def test_the_hairs_breadth_of_a_value_is_that_of_its_numbers(
    expected: float, tolerance: float, sign: int
) -> None:
    """Rounding is far below a 1e-9th of the numbers, and what is above it counts."""
    rule = claim(kind="value", expected=sign * expected, tolerance=tolerance)
    hair = 1e-9 * max(expected, tolerance)
    for end in (-1, 1):
        inside, outside = (
            sign * expected + end * (tolerance + share * hair) for share in (0.5, 2.0)
        )
        assert judge(rule, inside, "quick").verdict == "holds"
        assert judge(rule, outside, "quick").verdict == "fails"


def test_a_value_of_exactly_nothing_can_hold() -> None:
    rule = claim(kind="value", expected=0, tolerance=0)
    assert judge(rule, 0.0, "quick").verdict == "holds"
    assert judge(rule, 5e-324, "quick").verdict == "fails"


@pytest.mark.parametrize("sign", [">", ">=", "<", "<=", "equal", "between"])
def test_nan_never_holds(sign: str) -> None:
    rule = relation(sign, [0, 1] if sign == "between" else 0.0)
    assert judge(rule, math.nan, "quick").verdict == "fails"
    assert judge(
        claim(kind="value", expected=1, tolerance=9), math.nan, "quick"
    ).verdict == ("fails")


def test_infinity_can_hold_a_relation_and_never_a_value() -> None:
    assert judge(relation(">", 3.0), math.inf, "quick").verdict == "holds"
    value = claim(kind="value", expected=1.0, tolerance=9.0)
    assert judge(value, math.inf, "quick").verdict == "fails"


def test_other_profiles_are_shown_and_not_judged() -> None:
    shown = judge(relation(">", 3.0), 0.0, "paper")
    assert shown.verdict == "not judged"
    assert "not judged" in repr(shown)


def test_numbers_may_differ_by_profile(declared: Path) -> None:
    rule = load_claims(declared)["03.residual-leads"]
    assert judge(rule, 4.0, "quick").verdict == "holds"
    assert judge(rule, 4.0, "paper").verdict == "fails"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (36.9, "dB", "36.90 dB"),
        (0.95871, "", "0.959"),
        (1.5e-7, "", "1.5 \N{MULTIPLICATION SIGN} 10⁻⁷"),
        (665921, "", "665,921"),
        (True, "", "yes"),
        (False, "", "no"),
        (None, "dB", "not run"),
        (math.nan, "dB", "nan dB"),
        (-1.309, "dB", "-1.31 dB"),
        (-36.9, "dB", "-36.90 dB"),
        (-0.5, "dB", "-0.5 dB"),
        (1.0, "", "1.00"),
        (99_999.0, "", "99999.00"),
        (1e5, "", "1 \N{MULTIPLICATION SIGN} 10⁵"),
    ],
)
def test_quantity(value: float | None, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (claim(kind="value", expected=37.05, tolerance=0.15, unit="dB"),
         "37.05 dB, give or take 0.15 dB"),
        (claim(kind="value", expected=4, tolerance=0), "exactly 4"),
        (relation(">", 3.0), "more than 3.00"),
        (relation("<=", 3), "at most 3"),
        (relation(">=", 3), "at least 3"),
        (relation("<", 3), "less than 3"),
        (relation("equal", True), "exactly yes"),
        (relation("between", [1, 2]), "between 1 and 2"),
    ],
)  # fmt: skip
def test_rule_in_words(rule: Claim, text: str) -> None:
    assert rule_text(rule, "quick") == text


# ---- declarations ----


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "value"', 'kind = "guess"', "kind is 'guess'"),
        ('relation = ">"', 'relation = "=>"', "relation is '=>'"),
        ('source = "Table 1"', "", "'source' is missing"),
        ('sentence = "It ends at 37.05 dB."', 'sentence = ""', "'sentence' is missing"),
        ("expected = 37.05", "", "expected must be a number for profile 'paper'"),
        ("expected = 37.05", "expected = nan", "expected must be a number"),
        ("tolerance = 0.15", 'tolerance = "a bit"', "tolerance must be a number"),
        ("tolerance = 0.15", "tolerance = { quick = 1 }", "for profile 'paper'"),
        ("tolerance = 0.15", "tolerance = -0.15", "tolerance must not be negative"),
        ("tolerance = 0.15", "tolerence = 0.15", "unknown key 'tolerence'"),
        ('profiles = ["paper"]', 'profiles = ["papre"]', "profiles has 'papre'"),
        ("recorded = 9.48", 'recorded = "many"', "recorded must be a number"),
        ("recorded = 9.48\n", "", "recorded_in names a file"),
        ('"equal"\nthreshold = true', '"between"\nthreshold = [2, 1]', "two rising"),
        ("[01.other]", "[01.other", "not a TOML file"),
        ("[03.final]", "[03.residual-leads]", "not a TOML file"),
        ("[01.other]", "[other]", "expected a table"),
        ("[01.other]", "[1.other]", r"claim 1\.other: .* as \[03\.a-name\]"),
        ("[01.other]", '[01."an.other"]', r"as \[03\.a-name\]"),
        ('profiles = ["paper"]', "profiles = true", "profiles must be a list"),
        ('profiles = ["paper"]', 'profiles = "paper"', "profiles must be a list"),
        ('"It ends at 37.05 dB."', "37.05", "sentence must be text, got 37.05"),
        ('source = "Table 1"', "source = 1", "source must be text, got 1"),
        ('paper = "36.90 against 27.42 dB"', "paper = 9.48", "paper must be text"),
        ("quick = 3.0,", "quick = 3.0, papre = 4.0,", "threshold has 'papre'"),
        ('relation = "equal"', 'relation = "equal"\ntolerance = 0.1',
         "a relation takes no tolerance"),
        ("tolerance = 0.15", "tolerance = 0.15\nthreshold = 3",
         "a value takes no threshold"),
        ("tolerance = 0.15", 'tolerance = 0.15\nrelation = ">"',
         "a value takes no relation"),
    ],
)  # fmt: skip
def test_wrong_declarations_are_named(
    declared: Path, old: str, new: str, message: str
) -> None:
    assert old in TOML
    declared.write_text(TOML.replace(old, new))
    with pytest.raises(ClaimError, match=message) as caught:
        load_claims(declared)
    assert str(declared) in str(caught.value)


def test_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClaimError, match=r"nowhere\.toml: there is no such file"):
        load_claims(tmp_path / "nowhere.toml")
    with pytest.raises(ClaimError, match=r"cannot be read \(Is a directory\)"):
        load_claims(tmp_path)


def test_environment_names_another_file(
    declared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VDSR_CLAIMS_FILE", str(declared))
    assert list(load_claims()) == ["03.residual-leads", "03.final", "01.other"]
    monkeypatch.setenv("VDSR_CLAIMS_FILE", "absent.toml")
    assert list(load_claims(declared))  # a path that is given goes first


# ---- the book ----


def test_record_writes_what_was_measured(book: ClaimBook) -> None:
    judgement = book.record("residual-leads", 14.8, note="depth 10")
    assert judgement.verdict == "holds"
    assert bool(judgement)
    assert read_records(book.path) == {
        "format": 1,
        "lesson": "03",
        "profile": "quick",
        "records": [
            {
                "id": "03.residual-leads",
                "measured": 14.8,
                "note": "depth 10",
                "execution_count": None,
            }
        ],
    }


@pytest.mark.parametrize(
    ("measured", "kind"),
    [
        (torch.tensor(4.0), float),
        (np.float32(4.0), float),
        (np.int64(4), int),
        (np.array([4.0]), float),
        (True, bool),
        (np.bool_(True), bool),
    ],
)
def test_scalars_of_every_library_are_taken(
    book: ClaimBook, measured: object, kind: type
) -> None:
    assert type(book.record("residual-leads", measured).measured) is kind


@pytest.mark.parametrize("measured", ["4", None, [1, 2]])
def test_what_is_no_number_is_refused(book: ClaimBook, measured: object) -> None:
    with pytest.raises(TypeError, match="expected a number"):
        book.record("residual-leads", measured)
    assert read_records(book.path)["records"] == []


def test_several_numbers_are_refused(book: ClaimBook) -> None:
    with pytest.raises(TypeError, match=r"03\.residual-leads.*expected a number"):
        book.record("residual-leads", torch.zeros(3))


def test_nan_is_written_readable_and_fails(book: ClaimBook) -> None:
    assert not book.record("residual-leads", math.nan)
    json.loads(book.path.read_text(), parse_constant=pytest.fail)  # strict JSON
    [record] = read_records(book.path)["records"]
    assert math.isnan(record["measured"])


def test_unknown_claim_is_refused_and_the_known_are_named(book: ClaimBook) -> None:
    with pytest.raises(
        ClaimError, match="'residual-led' in lesson 03; known: final, res"
    ):
        book.record("residual-led", 1)
    with pytest.raises(ClaimError, match="unknown claim"):
        book.record("01.other", True)


def test_full_id_is_taken(book: ClaimBook) -> None:
    assert book.record("03.residual-leads", 4).claim.id == "03.residual-leads"


def test_recording_twice_is_refused_and_keeps_the_first(book: ClaimBook) -> None:
    book.record("residual-leads", 4)
    with pytest.raises(ClaimError, match="recorded twice"):
        book.record("residual-leads", 5)
    [record] = read_records(book.path)["records"]
    assert record["measured"] == 4


@pytest.fixture
def notebook(
    book: ClaimBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> InteractiveShell:
    """IPython itself, as in a kernel, with `record`, which counts up from 4."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    shell = InteractiveShell()
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    numbers = itertools.count(4)
    shell.user_ns["record"] = lambda: book.record("residual-leads", next(numbers))
    return shell


def test_the_cell_has_the_number_that_the_notebook_shows(
    book: ClaimBook, notebook: InteractiveShell
) -> None:
    shown = [
        notebook.run_cell(code, store_history=True).execution_count
        for code in ("1 + 1", "record()", "2 + 2")
    ]
    [record] = read_records(book.path)["records"]
    assert (shown[1], record["execution_count"]) == (2, 2)


@pytest.mark.parametrize(
    ("cells", "measured"),
    [(["record()", "record()"], 5), (["record(); record()"], None),
     (["record()", "record();"], None)],
)  # fmt: skip
def test_running_a_cell_again_replaces_its_number(
    book: ClaimBook, notebook: InteractiveShell, cells: list[str], measured: int | None
) -> None:
    results = [notebook.run_cell(code, store_history=True) for code in cells]
    [record] = read_records(book.path)["records"]
    assert record["measured"] == (measured or 4)
    error = results[-1].error_in_exec
    assert (error is None) if measured else ("recorded twice" in str(error))


def test_a_new_book_forgets_the_old_numbers(declared: Path, tmp_path: Path) -> None:
    ClaimBook("03", "quick", tmp_path, declarations=declared).record("final", 1)
    again = ClaimBook("03", "quick", tmp_path, declarations=declared)
    assert read_records(again.path)["records"] == []


def test_missing_counts_only_what_the_profile_judges(book: ClaimBook) -> None:
    assert book.missing == ["03.residual-leads"]
    book.record("residual-leads", 4)
    assert book.missing == []


@pytest.mark.parametrize(("lesson", "profile"), [("99", "quick"), ("03", "quik")])
def test_wrong_lesson_or_profile(
    declared: Path, tmp_path: Path, lesson: str, profile: str
) -> None:
    with pytest.raises(ClaimError, match="known: "):
        ClaimBook(lesson, profile, tmp_path, declarations=declared)
    assert not (tmp_path / "claims").exists()


def test_damaged_records_are_named(tmp_path: Path) -> None:
    for text in (
        *("{", "[]", '{"records": 3}'),
        *('{"records": [{"id": "x"}]}', '{"records": [{"measured": 1}]}'),
    ):
        (tmp_path / "03.json").write_text(text)
        with pytest.raises(ClaimError, match="not a file of recorded claims"):
            read_records(tmp_path / "03.json")
    with pytest.raises(ClaimError, match="no claim was recorded"):
        read_records(tmp_path / "04.json")


# ---- what the reader sees ----


def test_a_judgement_is_one_line_with_the_verdict_in_words(book: ClaimBook) -> None:
    judgement = book.record("residual-leads", 14.8)
    line = (
        "Holds. The residual network is ahead. Measured here: 14.80 dB; asked for: "
        "more than 3.00 dB; printed: 36.90 against 27.42 dB (Table 1, rate 0.1)."
    )
    assert repr(judgement) == line
    assert judgement._repr_markdown_() == line.replace("Holds.", "**Holds.**")
    html = judgement._repr_html_()
    assert "<strong>Holds.</strong> The residual network is ahead." in html
    colours = [judge(relation(">", 3), n, "quick")._repr_html_() for n in (4, 2)]
    green, red = "border-left: 0.3em solid #2e7d32", "border-left: 0.3em solid #c62828"
    assert [green in html, green in colours[0], red in colours[1]] == [True] * 3


def test_a_source_of_another_kind_is_not_announced_twice() -> None:
    rule = Claim("01.x", "S.", "protocol: step 1", "value", ("paper",))
    assert repr(judge(rule, 1, "quick")) == (
        "Not judged. S. Measured here: 1; not judged at this profile; protocol: step 1."
    )


def test_html_escapes_what_it_is_given() -> None:
    rule = Claim(
        "01.x", "a < b & c.", "s", "relation", ("quick",), relation="<", threshold=1
    )
    html = judge(rule, 0, "quick")._repr_html_()
    assert "a &lt; b &amp; c." in html


def test_the_book_shows_what_is_measured_and_what_is_not(
    declared: Path, tmp_path: Path
) -> None:
    book = ClaimBook("03", "paper", tmp_path, declarations=declared)
    book.record("final", 30.0)
    assert repr(book).splitlines() == [
        "Fails. It ends at 37.05 dB. Measured here: 30.00 dB; asked for: 37.05 dB, "
        "give or take 0.15 dB; source: Table 1.",
        "Not measured yet: The residual network is ahead.",
    ]
    assert (
        "<p>Not measured yet: The residual network is ahead.</p>" in book._repr_html_()
    )
