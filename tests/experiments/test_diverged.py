"""Runs that diverged, in words, in tables and as networks: real ones, and by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vdsr_lib.evaluation import evaluate
from vdsr_lib.experiments import (
    Experiment,
    ExperimentResult,
    Run,
    run_experiment,
    scores_by_step,
    tell_diverged,
    trained_networks,
)
from vdsr_lib.training import History


@pytest.fixture
def result(run: Run, tmp_path: Path) -> ExperimentResult:
    """Of one network that was trained, and of one whose rate was far too high."""
    wild = replace(run.training, clipping="none", learning_rate=1e9)
    lost = replace(run, name="wild", training=wild, factors={"network": "wild"})
    sizes = dict.fromkeys(("quick", "classroom", "paper"), (run, lost))
    two = Experiment("two", "A tame and a wild network", "none", sizes)
    return run_experiment(two, device="cpu", store=tmp_path)


def test_a_network_that_diverged_scores_nan_and_the_others_are_themselves(
    result, capsys
):
    step = result.histories["wild"].epochs[-1]["step"]
    capsys.readouterr()
    networks = trained_networks(result)
    assert f"The run 'wild' diverged at step {step}. " in capsys.readouterr().out
    assert list(networks) == ["tiny", "wild"]
    assert networks["tiny"] is result.models["tiny"]
    assert "wild" not in result.models
    assert networks["wild"].architecture == networks["tiny"].architecture
    picture = np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)
    scores = {n: evaluate(net, [picture], (2,)) for n, net in networks.items()}
    assert scores["wild"][["psnr", "ssim"]].isna().all(axis=None)
    assert scores["tiny"][["psnr", "ssim"]].notna().all(axis=None)


def by_hand(ends: dict[str, list[float]], lost: dict[str, int]) -> ExperimentResult:
    """Two measurements an epoch; a run that is lost ends at a step of its own."""
    runs, curves, histories = {}, {}, {}
    for name, scores in ends.items():
        outcome = "diverged" if name in lost else "finished"
        runs[name] = {"outcome": outcome, "message": ""}
        rows = [
            {"epoch": (place + 1) // 2, "step": 10 * place, "psnr_x2": score}
            for place, score in enumerate(scores)
        ]
        last = {"epoch": 1, "step": lost[name]} if name in lost else rows[-1]
        curves[name] = pd.DataFrame(rows)
        histories[name] = History([last], rows)
    record = {"runs": runs}
    return ExperimentResult(record, pd.DataFrame(), curves, histories)


def test_each_run_that_diverged_is_told_in_one_sentence_or_two(capsys):
    made = by_hand({"a": [30.0], "b": [29.0], "c": [29.0]}, {"b": 3, "c": 3})
    made.record["runs"]["b"]["message"] = "training diverged at step 3 (epoch 1)"
    made.record["runs"]["c"]["message"] = None  # no step is made up
    tell_diverged(made)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("The run 'b' diverged at step 3. What is measured of it")
    assert first.endswith("no claim about it holds.")
    assert second.startswith("The run 'c' diverged. What is measured of it")


def test_nothing_is_said_where_nothing_diverged(capsys):
    tell_diverged(by_hand({"a": [30.0], "b": [29.0]}, {}))
    assert capsys.readouterr().out == ""


def test_scores_stand_side_by_side_with_nan_from_where_a_run_diverged():
    made = by_hand({"a": [30.0, 31, 32, 33], "b": [29.0, 30]}, {"b": 17})
    table = scores_by_step(made, "psnr_x2")
    assert table.index.names == ["epoch", "step"]
    assert table.index.tolist() == [(0, 0), (1, 10), (1, 20), (2, 30)]  # all of a's
    assert table.a.dropna().tolist() == [30.0, 31.0, 32.0, 33.0]
    assert table.b.dropna().tolist() == [29.0, 30.0]


def test_runs_that_diverged_together_have_nan_too():
    """Where all end at one step nothing else says that there should be more."""
    made = by_hand({"a": [30.0, 31], "b": [29.0, 30]}, {"a": 17, "b": 17})
    table = scores_by_step(made, "psnr_x2")
    assert table.index.tolist() == [(0, 0), (1, 10), (1, 17)]
    assert table.loc[1, 17].isna().all()


def test_a_step_that_was_measured_and_then_diverged_is_there_once():
    made = by_hand({"a": [30.0, 31], "b": [29.0, 30]}, {"b": 10})
    table = scores_by_step(made, "psnr_x2")
    assert table.index.tolist() == [(0, 0), (1, 10)]
    assert np.isnan(table.b.iloc[-1])
