"""The review's points: complete, and held against measurements."""

from __future__ import annotations

import pytest

from vdsr_lib.claims import hold_against_review, review_points
from vdsr_lib.errors import ClaimError


def test_every_point_has_both_texts():
    points = review_points()
    assert len(points) == 15
    assert points.index.is_unique
    assert points.notna().all(axis=None)
    assert (points != "").all(axis=None)
    assert list(points.columns) == ["review", "paper"]


def test_verdicts_stand_beside_the_measurements():
    table = hold_against_review(
        {"channels": ("1 in, 1 out", True), "SRCNN: layers": ("3", False)}
    )
    assert list(table.columns) == [
        "the review",
        "paper and code",
        "measured here",
        "verdict",
    ]
    assert table.index.tolist() == review_points().index.tolist()
    assert table.loc["SRCNN: layers"].tolist()[2:] == ["3", "differs"]
    assert table.loc["channels", "verdict"] == "agrees"
    assert (table.verdict == "open").sum() == 13
    assert table.loc["loss", "measured here"] == "not measured"


def test_a_point_of_ones_own_is_refused():
    with pytest.raises(ClaimError, match=r"no point 'colour'; there are SRCNN: layers"):
        hold_against_review({"colour": ("none", True)})
