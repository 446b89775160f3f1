"""Tables and curves of outcomes: by hand, from runs that are written down here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vdsr_lib import figures
from vdsr_lib.experiments import GradientTrace, Recording, get_experiment
from vdsr_lib.experiments.outcomes import (
    courses,
    end_table,
    full_table,
    gain_table,
    missing_costs,
    step_courses,
)
from vdsr_lib.experiments.telling import cost_text
from vdsr_lib.training import History

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
    turned = gain_table(table, "learning_rate", "clipping")
    pd.testing.assert_frame_equal(turned, gains.T)


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


# --- at full scale, where some runs are recorded and some are not ---------------------

KEYS = "clipping", "learning_rate"


@pytest.fixture
def some() -> Recording:
    """Three of the twelve runs of "clipping_start": better, worse, and diverged."""
    ends = {
        "adjustable, rate 0.1": (31.5, "finished", ""),
        "norm, rate 0.1": (29.75, "finished", ""),
        "none, rate 0.01": (np.nan, "diverged", "diverged at step 4 (epoch 1)"),
    }
    declared = {run.name: run for run in get_experiment("clipping_start").runs("paper")}
    runs, rows = {}, []
    for name, (psnr, outcome, message) in ends.items():
        factors = dict(declared[name].factors)
        runs[name] = entry(*factors.values(), outcome, message)
        for scale in (2, 3):
            row = {"run": name, **factors, "scale": scale, "bicubic": 30.5}
            rows.append(row | {"psnr": psnr + (scale == 2)})
    norms = {"adjustable, rate 0.1": [2.0, 5.0], "none, rate 0.01": [2.0, np.nan]}
    histories = {
        name: History(
            [{"step": 2}],
            steps=[
                {"step": step, "gradient_norm": norm, "clipped_share": 0.5}
                for step, norm in enumerate(norms.get(name, ()), 1)
            ],
        )
        for name in ends
    }
    head = {"experiment": "clipping_start", "profile": "paper", "seed": 0, "runs": runs}
    return Recording(head, pd.DataFrame(rows), histories=histories)


def test_every_declared_run_has_a_cell_in_words(some: Recording):
    words = full_table("clipping_start", some, *KEYS, scale=3)
    assert words.index.tolist() == ["adjustable", "value", "norm", "none"]
    assert words.columns.tolist() == [0.1, 0.01, 0.001]
    assert (words.index.name, words.columns.name) == ("clipping", "learning rate")
    assert words.loc["adjustable"].tolist() == ["+1.00", "not run", "not run"]
    assert words.loc["norm", 0.1] == "-0.75"
    assert words.loc["none"].tolist() == ["not run", "diverged, step 4", "not run"]
    assert (words == "not run").sum().sum() == 9
    other = full_table("clipping_start", some, *KEYS, scale=2)
    assert other.loc["norm", 0.1] == "+0.25"
    turned = full_table("clipping_start", some, *KEYS[::-1], scale=3)
    pd.testing.assert_frame_equal(turned, words.T)


def test_a_run_that_was_not_measured_at_a_scale_is_told_as_finished(some: Recording):
    """Its pictures were absent: no "+nan", and no KeyError where nothing has a row."""
    table = some.table.query("run != 'norm, rate 0.1' or scale == 2")
    apart = replace(some, table=table)
    apart.record["runs"]["norm, rate 0.1"]["message"] = None
    words = full_table("clipping_start", apart, *KEYS, scale=3)
    assert words[0.1].tolist() == ["+1.00", "not run", "finished", "not run"]
    words = full_table("clipping_start", apart, *KEYS, scale=4)
    assert words[0.1].tolist() == ["finished", "not run", "finished", "not run"]
    beside = table.assign(clipping=table["clipping"].replace("none", "norm"))
    words = full_table("clipping_start", replace(some, table=beside), *KEYS, scale=3)
    assert words.loc["norm", 0.1] == "finished"  # a gap of the gains


def test_nothing_recorded_is_not_run_everywhere():
    words = full_table("clipping_start", None, *KEYS, scale=3)
    assert words.shape == (4, 3)
    assert (words == "not run").all(axis=None)


def test_what_is_missing_is_named_with_its_cost_or_its_place(some: Recording):
    runs = get_experiment("clipping_start").runs("paper")
    every = missing_costs("clipping_start", None)
    assert every == {run.name: cost_text(run) for run in runs}
    left = {"value, rate 0.1": "recorded in decay: the same"}
    some.record["missing"] = left
    assert missing_costs("clipping_start", some) == left


def test_gradients_of_recorded_steps_are_drawn_a_panel_a_rule(some: Recording):
    assert step_courses(None, *KEYS) == {}
    lines = step_courses(some, *KEYS)
    assert list(lines) == ["adjustable", "none"]  # the other one kept no trace
    assert lines["adjustable"] == {"learning rate 0.1": ([1, 2], [2.0, 5.0])}
    steps, norms = lines["none"]["learning rate 0.01"]
    assert steps == [1, 2]
    assert norms[0] == 2.0
    assert np.isnan(norms[1])
    shares = step_courses(some, *KEYS, quantity="clipped_share")
    assert shares["adjustable"] == {"learning rate 0.1": ([1, 2], [0.5, 0.5])}
    turned = step_courses(some, *KEYS[::-1])
    assert list(turned) == ["0.1", "0.01"]
    assert turned["0.1"] == {"clipping adjustable": ([1, 2], [2.0, 5.0])}
    axes = {"xlabel": "step", "ylabel": "gradient norm", "logarithmic": True}
    assert len(figures.panels(lines, **axes).axes) == 2
