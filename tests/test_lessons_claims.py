"""What lessons record of runs that diverged: their cells, with a result made up."""

from __future__ import annotations

from math import nan
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import pytest

from vdsr_lib import VDSR
from vdsr_lib.claims import ClaimBook
from vdsr_lib.experiments import ExperimentResult, get_experiment
from vdsr_lib.suite.notebooks import read_source, sources

RATES = [0.1, 0.01, 0.001]
NETWORKS = {"residual": [31.0, nan, 30.9], "non-residual": [25.0, 26.0, 27.0]}
CLIPPED = [[0.4, 0.4, nan], [0.4, 0.3, 0.1], [-4.0, 0.2, 0.3], [nan, nan, nan]]
SCALES = {  # gains at the scales 2, 3 and 4 by those of the training
    "x2": [0.8, 0.4, 0.1],
    "x3": [nan, nan, nan],
    "x4": [-2.0, -0.3, 0.3],
    "x2, x3": [0.6, 0.8, 0.4],
    "x2, x4": [0.6, 0.7, 0.7],
    "x3, x4": [-0.5, 0.8, 0.7],
    "x2, x3, x4": [0.3, 0.9, 0.7],
}


def recorded(claim: str, given: dict[str, Any], folder: Path) -> str:
    """The verdict of a claim, when the cell that records it is given a result."""
    (lesson,) = (path for path in sources() if path.name.startswith(claim[:2]))
    cells = [cell for cell in read_source(lesson).cells if cell.cell_type == "code"]
    (cell,) = (c.source for c in cells if f'record("{claim[3:]}"' in c.source)
    book = ClaimBook(claim[:2], "classroom", folder)
    exec(cell, {"np": np, "display": lambda shown: None, "book": book, **given})
    return book.judgements[claim].verdict


def frame(columns: dict[str, list[float]], index: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(columns, index=index)


TABLE1 = {"final": frame(NETWORKS, RATES), "bicubic": 30.0}
CLIPPING = {"gains": pd.DataFrame(CLIPPED, columns=RATES)}
TABLE2 = {"live": frame(SCALES, [2, 3, 4])}


@pytest.mark.parametrize(
    ("claim", "given"),
    [
        ("03.residual-passes-bicubic", TABLE1),
        ("05.adjustable-learns-everywhere", CLIPPING),
        ("06.no-loss-at-or-above", TABLE2),
        ("06.others-help-at-3-and-4", TABLE2),
    ],
)
def test_a_network_that_diverged_fails_the_claim_about_all(claim, given, tmp_path):
    """Its NaN is neither passed over nor counted as no loss."""
    (name,) = given.keys() - {"bicubic"}
    whole = given | {name: given[name].fillna(given.get("bicubic", 0.0) + 0.6)}
    assert recorded(claim, given, tmp_path) == "fails"
    assert recorded(claim, whole, tmp_path) == "holds"


# --- whole lessons, as far as they look at their runs ---------------------------------


def made_up(name: str, lost: set[str]) -> ExperimentResult:
    """Three measurements of each run at the paper's size; some diverge after two."""
    runs = [r for r in get_experiment(name).runs("paper") if r.factors["depth"] != 6]
    entries, rows, curves, models = {}, [], {}, {}
    for run in runs:
        outcome = "diverged" if run.name in lost else "finished"
        entries[run.name] = {"factors": dict(run.factors), "outcome": outcome}
        last = nan if run.name in lost else 37.0 + run.factors["depth"] / 100
        row = {"run": run.name, **run.factors, "bicubic": 33.7, "psnr": last}
        rows += [row | {"scale": scale} for scale in run.scales]
        epochs = [0, 1, 2] if run.name in lost else [0, 1, 2, 3]
        gain = 4.0 if run.factors.get("network") == "residual" else 0.0
        score = [33.0 + gain] * (len(epochs) - 1) + [37.0]
        curves[run.name] = pd.DataFrame(
            {"epoch": epochs, "step": epochs, "psnr_x2": score}
        )
        if run.name not in lost:
            models[run.name] = VDSR(depth=run.factors["depth"], width=2).eval()
    record = {"experiment": name, "profile": "paper", "seed": 0, "runs": entries}
    return ExperimentResult(record, pd.DataFrame(rows), curves, models=models)


def looked_at(
    lesson: str, marks: list[str], lost: set[str], folder: Path
) -> tuple[dict[str, float], list[str]]:
    """What a lesson's cells measure, and what they show, when some runs are lost."""
    (path,) = (each for each in sources() if each.name.startswith(lesson))
    shown: list[str] = []
    given: dict[str, Any] = {"profile": "paper", "device": "cpu", "seed": 0}
    given["output_dir"] = folder
    code = [c.source for c in read_source(path).cells if c.cell_type == "code"]
    exec(next(each for each in code if "ClaimBook(" in each), given)
    given |= {
        "full": None,
        "display": lambda it: shown.append(str(it)),
        "lab": SimpleNamespace(run_experiment=lambda n, *_, **__: made_up(n, lost)),
        "run_experiment": lambda n, *_, **__: made_up(n, lost),
        "result": made_up("table1", lost),
        "where": {},
    }
    for mark in marks:
        (cell,) = (each for each in code if mark in each)
        exec(cell, given)
    return {k[3:]: j.measured for k, j in given["book"].judgements.items()}, shown


LESSON_3 = [
    *('"starts-at-bicubic"', "final = ", '"leads-early-at-', "passes-bicubic"),
    *("table1-{row", 'run_experiment("shallow"', '"shallow-gap-closes"'),
]


@pytest.mark.parametrize(
    "networks",
    [["residual"], ["non-residual"], ["residual", "non-residual"]],
    ids=" and ".join,
)
def test_lesson_03_tells_which_runs_diverged(networks, tmp_path):
    lost = {f"{network}, rate 0.001" for network in networks}  # of depth 3 too
    measured, shown = looked_at("03", LESSON_3, lost, tmp_path)
    whole, _ = looked_at("03", LESSON_3, set(), tmp_path)
    assert whole["leads-early-at-low-rate"] == pytest.approx(8 / 3)
    assert whole["shallow-gap-was-wide"] == 4
    assert whole["shallow-gap-closes"] == 0
    assert measured["leads-early-at-high-rate"] == whole["leads-early-at-high-rate"]
    table = next(text for text in shown if "residual ahead by (dB)" in text)
    assert table.splitlines()[-1].split().count("diverged") == len(networks) + 1
    assert "diverged" not in table.splitlines()[-2]
    for claim in ("leads-early-at-low-rate", "shallow-gap-closes"):
        assert np.isnan(measured[claim])
    for network in ("residual", "non-residual"):
        value = measured[f"table1-{network}-low-rate"]
        assert np.isnan(value) == (network in networks)


def test_lesson_03_measures_nothing_where_no_run_lived(tmp_path):
    every = {run.name for run in get_experiment("table1").runs("paper")}
    measured, _ = looked_at("03", LESSON_3, every, tmp_path)
    assert np.isnan(measured["residual-passes-bicubic"])
    assert np.isnan(measured["plain-still-below-bicubic"])


LESSON_4 = [
    *("result = lab.run_experiment", '"deeper-is-better"', "compare(pictures"),
    *('"field-grows"', '"figure3-depth-'),
]


def test_lesson_04_takes_another_run_where_the_first_diverged(tmp_path):
    measured, shown = looked_at("04", LESSON_4, {"depth 20, run 1"}, tmp_path)
    assert shown[0].splitlines()[-1].split() == ["20", *["diverged"] * 3]
    assert "diverged" not in shown[0].splitlines()[-2]
    for claim in ("field-is-two-depths-and-one", "field-grows"):
        assert np.isfinite(measured[claim])
    assert np.isnan(measured["deeper-is-better"])
    assert np.isnan(measured["figure3-depth-20-x3"])  # of three networks, not of two
    assert np.isfinite(measured["figure3-depth-5-x3"])


def test_lesson_04_has_no_field_of_a_depth_that_always_diverged(tmp_path):
    lost = {f"depth 20, run {n}" for n in (1, 2, 3)}
    measured, _ = looked_at("04", LESSON_4, lost, tmp_path)
    for claim in ("field-is-two-depths-and-one", "field-is-used-in-part"):
        assert np.isnan(measured[claim])


def test_lesson_05_does_not_pass_over_a_nan(tmp_path):
    """Wherever it stands: Python's max keeps a NaN that comes first, and no other."""
    moved = pd.DataFrame({0.0: [1.0, nan, 0.9], 0.9: [1.0, 4.0, nan]})
    given = {"pd": pd, "my_steps": lambda _, __, momentum: moved[momentum]}
    given |= {"fresh": None, "figures": MagicMock()}
    assert recorded("05.momentum-multiplies", given, tmp_path) == "fails"
