"""The JSON of a recording: strict, readable, rounded and read back."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from vdsr_lib.experiments.layout import (
    columns,
    history_columns,
    read_history,
    readable,
    rounded_rows,
)
from vdsr_lib.training import History

CONTENT = {
    "short": {"a": 1, "b": [1.5, None]},
    "long": {"numbers": list(range(100)), "nested": {"text": 'x"é' * 30, "t": True}},
    "rows": [{"name": "n" * 90, "value": 1}, {"name": "m", "value": None}],
    "empty": [{}, [], ""],
    "deep": [[[1, 2], [3]], {"a": {"b": list(range(60))}}],
}


@pytest.mark.parametrize("value", [CONTENT, [], {}, [CONTENT, 3], "text", 1.0, None])
def test_what_is_written_is_strict_json_of_the_same_value(value):
    text = readable(value)
    assert json.loads(text) == value
    assert text.endswith("\n")


def test_columns_and_rows_are_one_line_each():
    lines = readable(CONTENT).splitlines()
    assert lines[0] == "{"
    assert ' "short": {"a": 1, "b": [1.5, null]},' in lines
    (numbers,) = (line for line in lines if "numbers" in line)
    assert numbers.strip() == f'"numbers": {list(range(100))},'
    assert sum('"value"' in line for line in lines) == 2
    assert all(line.count(" ") for line in lines[1:-1])


@pytest.mark.parametrize("bad", [math.nan, math.inf, {"a": [1.0, -math.inf]}])
def test_nan_is_refused(bad):
    with pytest.raises(ValueError, match=r"[Oo]ut of range float"):
        readable(bad)


def test_numbers_are_rounded_to_what_they_are_good_for():
    row = {
        "epoch": 3,
        "loss": 2.578731913,
        "gradient_norm": 1234.5678,
        "clipped_share": 0.33429730,
        "seconds": 96.747916,
        "learning_rate": 0.001,
        "psnr_x2": 29.06101162,
        "other": "text",
    }
    found = {name: values[0] for name, values in columns([row]).items()}
    assert found == {
        "epoch": 3,
        "loss": 2.579,
        "gradient_norm": 1235.0,
        "clipped_share": 0.334,
        "seconds": 96.75,
        "learning_rate": 0.001,
        "psnr_x2": 29.061,
        "other": "text",
    }
    assert columns([{"a": 1.0}, {"b": math.nan}]) == {"a": [1.0, None], "b": [None] * 2}
    assert columns([]) == {}


def test_a_history_comes_back():
    rows = [
        {"epoch": 1, "step": 4, "loss": 2.5, "seconds": 1.0, "psnr_x2": 30.0},
        {"epoch": 2, "step": 8, "loss": math.nan, "seconds": 1.25, "psnr_x2": 30.5},
        {"epoch": 3, "step": 9, "loss": 2.25, "seconds": 0.25},  # not validated
    ]
    curve = [
        {"epoch": 0, "step": 0, "psnr_x2": 29.0},
        *({n: row[n] for n in ("epoch", "step", "psnr_x2")} for row in rows[:2]),
    ]
    before = History(rows, curve, finished=True, precision="float32")
    kept = history_columns(before)
    assert list(kept) == ["epoch", "step", "loss", "seconds"]  # scores once, not twice
    after = read_history(
        json.loads(readable(kept)), columns(curve), finished=True, precision="float32"
    )
    pd.testing.assert_frame_equal(after.to_frame(), before.to_frame(), check_like=True)
    assert after.validations == before.validations
    assert (after.finished, after.precision) == (True, "float32")


def test_a_trace_comes_back_with_its_holes():
    steps = [
        {"step": 1, "loss": 2.57873, "gradient_norm": 1234.5678, "clipped_share": 0.0},
        {"step": 2, "loss": math.inf, "gradient_norm": 5e5, "clipped_share": 0.25},
    ]
    rows = [{"epoch": 1, "step": 2, "loss": math.inf}]
    before = History(rows, [], finished=False, precision="float32", steps=steps)
    kept = json.loads(readable(columns(before.steps)))
    assert kept == {
        "step": [1, 2],
        "loss": [2.579, None],
        "gradient_norm": [1235.0, 500000.0],
        "clipped_share": [0.0, 0.25],
    }
    after = read_history(
        history_columns(before), {}, finished=False, precision="float32", trace=kept
    )
    assert after.steps[0] == {name: values[0] for name, values in kept.items()}
    assert math.isnan(after.steps[1]["loss"])
    assert after.steps[1]["gradient_norm"] == 5e5


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        read_history({"epoch": [1, 2], "step": [1]}, {}, finished=True, precision="")


def test_a_table_keeps_its_holes_and_its_types():
    table = pd.DataFrame(
        {
            "run": ["a", "b"],
            "scale": [2, 2.5],
            "psnr": [37.123456, math.nan],
            "share": [math.nan, 0.5],
            "flag": [True, False],
            "steps": np.array([3, 4]),
        }
    )
    first, second = rounded_rows(table)
    assert first == {"run": "a", "scale": 2.0, "psnr": 37.1235} | {
        "flag": True,
        "steps": 3,
    }
    assert second["psnr"] is None
    assert second["share"] == 0.5
