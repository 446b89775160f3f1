"""Tables and curves of outcomes: by hand, from runs that are written down here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from vdsr_lib import figures
from vdsr_lib.experiments import GradientTrace, Recording
from vdsr_lib.experiments.outcomes import (
    courses,
    end_table,
    gain_table,
)

STARTED = "loss is NaN at step 3: the rate is too high; at step 9 it was over"


def entry(rule: str, rate: float, outcome: str, message: str = "") -> dict[str, Any]:
    machine = {"device": "cpu", "cpu": "a CPU", "torch": "2.13.0"}
    made = {"machine": machine, "precision": "float32", "seconds": 90.0}
    return {
        "factors": {"clipping": rule, "learning_rate": rate},
        "outcome": outcome,
        "message": message,
        "provenance": made | {"date": "2026-11-23T10:00:00+00:00"},
    }


@pytest.fixture
def table() -> pd.DataFrame:
    """Two rules at two rates, not in alphabetical or numerical order; one diverged."""
    rows = [
        ("value", 0.1, 2, 31.0, 30.5),
        ("value", 0.001, 2, 30.25, 30.5),
        ("none", 0.1, 2, np.nan, 30.5),
        ("none", 0.001, 2, 30.5, 30.5),
    ]
    names = ["clipping", "learning_rate", "scale", "psnr", "bicubic"]
    return pd.DataFrame(rows, columns=names)


@pytest.fixture
def recording(table: pd.DataFrame) -> Recording:
    """The same runs but one, as a recording keeps them."""
    runs = {
        "a": entry("value", 0.1, "finished"),
        "b": entry("value", 0.001, "finished"),
        "c": entry("none", 0.1, "diverged", STARTED),
    }
    head = {"experiment": "clipping", "profile": "paper", "seed": 0, "runs": runs}
    return Recording(head, table)


def test_gains_are_differences_in_the_order_of_the_runs(table: pd.DataFrame):
    gains = gain_table(table, "clipping", "learning_rate")
    assert gains.index.tolist() == ["value", "none"]
    assert gains.columns.tolist() == [0.1, 0.001]
    np.testing.assert_allclose(gains, [[0.5, -0.25], [np.nan, 0.0]], atol=1e-12)
    assert (gains.index.name, gains.columns.name) == ("clipping", "learning rate")


def test_a_run_that_was_not_made_leaves_a_gap(table: pd.DataFrame):
    gains = gain_table(table.drop(index=1), "clipping", "learning_rate")
    np.testing.assert_allclose(gains, [[0.5, np.nan], [np.nan, 0.0]], atol=1e-12)


def test_two_numbers_for_one_cell_are_refused(table: pd.DataFrame):
    twice = pd.concat([table, table.assign(scale=3)])
    with pytest.raises(ValueError, match=r"share clipping and learning_rate.*query"):
        gain_table(twice, "clipping", "learning_rate")
    rest = gain_table(twice.query("scale == 3"), "clipping", "learning_rate")
    assert rest.loc["value", 0.1] == pytest.approx(0.5)


def test_ends_are_told_in_words(recording: Recording):
    ends = end_table(recording, "clipping", "learning_rate")
    assert ends.loc["value"].tolist() == ["finished", "finished"]
    assert ends.loc["none"].tolist() == ["diverged, step 3", "not run"]


def test_an_end_without_a_step_or_a_message_is_told_as_well(recording: Recording):
    runs = recording.record["runs"]
    runs["c"]["message"] = None
    runs["a"]["message"] = "it went well at step 7"
    ends = end_table(recording, "clipping", "learning_rate")
    assert ends.loc["none", 0.1] == "diverged"
    assert ends.loc["value", 0.1] == "finished"


def test_words_stand_where_the_gains_have_gaps(recording: Recording):
    """The grid takes both by position, so rows and columns must be in one order."""
    keys = "clipping", "learning_rate"
    gains, ends = gain_table(recording.table, *keys), end_table(recording, *keys)
    assert ends.index.tolist() == gains.index.tolist()
    assert ends.columns.tolist() == gains.columns.tolist()
    drawn = figures.grid({"runs": gains}, colour="gain (dB)", missing={"runs": ends})
    printed = [text.get_text() for text in drawn.axes[0].texts]
    assert printed == ["+0.50", "\N{MINUS SIGN}0.25", "diverged, step 3", "+0.00"]


def trace(rule: str, rate: float, norms: list[float]) -> GradientTrace:
    rows = tuple(
        {"gradient_norm": norm, "clipped_share": norm / 100, "loss": 1.0}
        for norm in norms
    )
    return GradientTrace(rule, rate, 1e-4, tuple(range(1, 1 + len(norms))), (), rows)


def test_courses_have_a_panel_for_each_measure_and_a_curve_for_each_training():
    traces = (t for t in [trace("none", 0.1, [3, 40]), trace("norm", 1e-3, [2])])
    lines = courses(traces)
    assert lines == {
        "gradient norm": {
            "none, rate 0.1": ((1, 2), [3.0, 40.0]),
            "norm, rate 0.001": ((1,), [2.0]),
        },
        "clipped share": {
            "none, rate 0.1": ((1, 2), [0.03, 0.4]),
            "norm, rate 0.001": ((1,), [0.02]),
        },
    }
    assert len(figures.traces(lines, logarithmic=["gradient norm"]).axes) == 2
