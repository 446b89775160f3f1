"""Running an experiment: what is trained, what is found, and what a result says."""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from vdsr_lib.errors import DataError, LabError, RunError
from vdsr_lib.evaluation import evaluate, means
from vdsr_lib.experiments import (
    Experiment,
    Material,
    Pictures,
    Recording,
    RunStore,
    StoppedError,
    recorded,
    results,
    run_experiment,
)
from vdsr_lib.training import Silent


class Witness(Silent):
    """A monitor that remembers which runs trained."""

    def __init__(self) -> None:
        super().__init__()
        self.announced: list[str] = []
        self.started = 0

    def begin_run(self, name: str) -> None:
        self.announced.append(name)

    def start(self, config: Any, total_steps: int) -> None:
        self.started += 1


def test_experiment_trains_once_and_tells_the_monitor(
    experiment: Experiment, tmp_path: Path
):
    witness = Witness()
    options: dict[str, Any] = {"store": tmp_path, "monitor": witness, "device": "cpu"}
    first = run_experiment(experiment, **options)
    assert witness.announced == ["tiny", "plain"]
    assert witness.started == 2
    again = run_experiment(experiment, **options)
    assert witness.started == 2
    pd.testing.assert_frame_equal(first.table, again.table)
    assert first.record == json.loads(json.dumps(again.record))
    other = run_experiment(experiment, seed=1, **options)
    assert witness.started == 4
    assert not np.allclose(other.table.psnr, first.table.psnr, atol=1e-6)


class Late(Witness):
    """A monitor that asks for a stop, in one of two ways, after a run's last step."""

    def __init__(self, wanted: str, *, by_signal: bool) -> None:
        super().__init__()
        self.wanted, self.by_signal = wanted, by_signal

    def start(self, config: Any, total_steps: int) -> None:
        super().start(config, total_steps)
        self.stop_requested = False

    def epoch(self, record: dict[str, Any]) -> None:
        if record["step"] == 8 and self.announced[-1] == self.wanted:
            if self.by_signal:
                signal.raise_signal(signal.SIGINT)
            else:
                self.stop_requested = True


@pytest.mark.parametrize("by_signal", [True, False])
def test_a_stop_that_comes_too_late_for_a_run_stops_the_next_one(
    by_signal: bool, experiment: Experiment, tmp_path: Path
):
    """Validation at a run's end takes long at the paper's size: a stop comes then."""
    late = Late("tiny", by_signal=by_signal)
    options: dict[str, Any] = {"store": tmp_path, "device": "cpu", "monitor": late}
    with pytest.raises(StoppedError, match=r"after the run 'tiny'.*same call goes on"):
        run_experiment(experiment, **options)
    assert late.announced == ["tiny"]
    assert len(list(RunStore(tmp_path))) == 1
    result = run_experiment(experiment, **options)  # finds the first, makes the second
    assert late.started == 2
    assert set(result.models) == {"tiny", "plain"}

    last = Late("plain", by_signal=by_signal)  # and after it nothing is left to stop
    options |= {"store": tmp_path / "other", "monitor": last}
    assert set(run_experiment(experiment, **options).models) == {"tiny", "plain"}


def test_other_pictures_in_the_same_folder_are_another_run(
    experiment: Experiment, pictures: Path, tmp_path: Path
):
    folder, witness = tmp_path / "mine", Witness()
    shutil.copytree(pictures, folder)
    mine = replace(
        experiment.runs("quick")[0],
        train_on=(str(folder),),
        test=(Pictures(str(folder), (2,)),),
    )
    own = replace(experiment, sizes=dict.fromkeys(experiment.sizes, (mine,)))
    options: dict[str, Any] = {
        "store": tmp_path / "runs",
        "monitor": witness,
        "device": "cpu",
    }
    run_experiment(own, **options)
    shutil.copy(folder / "one.png", folder / "two.png")
    run_experiment(own, **options)
    assert witness.started == 2
    # The first pictures are still elsewhere, and so is the first run; its test
    # pictures are others, and it is measured again.
    elsewhere = replace(mine, train_on=(str(pictures),))
    own = replace(experiment, sizes=dict.fromkeys(experiment.sizes, (elsewhere,)))
    scores = [run_experiment(own, **options).table]
    shutil.copy(pictures / "two.png", folder / "one.png")
    scores.append(run_experiment(own, **options).table)
    assert witness.started == 2
    assert scores[0].psnr[0] != scores[1].psnr[0]


def test_quick_without_a_store_always_trains(experiment: Experiment):
    witness = Witness()
    results = [
        run_experiment(experiment, device="cpu", monitor=witness) for _ in range(2)
    ]
    assert witness.started == 4
    pd.testing.assert_frame_equal(
        results[0].table.drop(columns="seconds"),
        results[1].table.drop(columns="seconds"),
    )


def test_longer_profiles_keep_their_runs_in_the_users_store(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("VDSR_RUNS_DIR", str(tmp_path / "mine"))
    run_experiment(experiment, "classroom", device="cpu", monitor=Silent())
    assert len(list(RunStore())) == 2
    assert RunStore().folder == tmp_path / "mine"


def test_table_holds_what_evaluate_gives(
    experiment: Experiment, tmp_path: Path, pictures: Path
):
    result = run_experiment(experiment, store=tmp_path, device="cpu", monitor=Silent())
    columns = ["run", "network", "dataset", "scale", "psnr", "ssim", "bicubic"]
    assert list(result.table.columns) == [*columns, "outcome", "seconds"]
    assert list(result.table.run) == ["tiny", "tiny", "plain", "plain"]
    assert list(result.table.scale) == [2, 3, 2, 3]
    images = Material(torch.device("cpu")).images(str(pictures))
    expected = means(evaluate(result.models["plain"], images, (2, 3)))
    shown = result.table.query("run == 'plain'")
    np.testing.assert_allclose(shown.psnr, expected.psnr, atol=1e-9)
    bicubic = means(evaluate("bicubic", images, (2, 3))).psnr
    np.testing.assert_allclose(shown.bicubic, bicubic, atol=1e-9)


def test_new_test_pictures_need_no_new_training(
    experiment: Experiment, tmp_path: Path, pictures: Path
):
    witness = Witness()
    run_experiment(experiment, store=tmp_path, device="cpu", monitor=witness)
    more = tuple(
        replace(run, test=(Pictures(str(pictures), (4,)),))
        for run in experiment.runs("quick")
    )
    wider = replace(experiment, sizes=dict.fromkeys(experiment.sizes, more))
    result = run_experiment(wider, store=tmp_path, device="cpu", monitor=witness)
    assert witness.started == 2
    assert list(result.table.scale) == [4, 4]


def test_a_diverged_run_has_a_row_without_numbers(
    experiment: Experiment, tmp_path: Path
):
    wild, calm = experiment.runs("quick")
    wild = replace(
        wild,
        training=replace(wild.training, clipping="none", learning_rate=1e6),
    )
    both = replace(experiment, sizes=dict.fromkeys(experiment.sizes, (wild, calm)))
    result = run_experiment(both, store=tmp_path, device="cpu", monitor=Silent())
    row = result.table.query("run == 'tiny'").iloc[0]
    assert row.outcome == "diverged"
    assert np.isnan(row.psnr)
    assert np.isfinite(row.bicubic)
    assert list(result.models) == ["plain"]
    assert "diverged at step" in result.record["runs"]["tiny"]["message"]


def test_missing_data_are_named_before_anything_is_trained(
    experiment: Experiment, tmp_path: Path
):
    first, second = experiment.runs("quick")
    absent = replace(second, test=(Pictures(str(tmp_path / "nowhere")),))
    sizes = dict.fromkeys(experiment.sizes, (first, absent))
    witness = Witness()
    with pytest.raises(DataError, match="nowhere"):
        run_experiment(
            replace(experiment, sizes=sizes), store=tmp_path / "s", monitor=witness
        )
    assert witness.started == 0
    assert not (tmp_path / "s").exists()


def test_a_store_that_cannot_be_written_is_named_before_anything_is_trained(
    experiment: Experiment, tmp_path: Path
):
    (tmp_path / "file").write_text("no folder")
    witness = Witness()
    with pytest.raises(LabError, match=r"/file cannot be written \(Not a"):
        run_experiment(experiment, store=tmp_path / "file", monitor=witness)
    assert witness.started == 0


def test_recording_survives_being_written(experiment: Experiment, tmp_path: Path):
    result = run_experiment(experiment, device="cpu", monitor=Silent())
    path = result.write(tmp_path / "tiny.json")
    assert path.stat().st_size < 250_000
    read = Recording.read(path)
    assert read.record == json.loads(json.dumps(result.record))
    pd.testing.assert_frame_equal(read.table, result.table, atol=5.1e-5, rtol=0)
    np.testing.assert_allclose(
        read.curve("plain").psnr_x2, result.curve("plain").psnr_x2, atol=5.1e-4
    )
    assert list(read.curve("plain").step) == [0, 8]
    assert "2 runs trained in" in read.provenance
    precision = result.histories["tiny"].precision
    assert f"({precision})" in read.provenance
    assert repr(read).startswith("Recording(tiny: profile quick, seed 0; ")
    with pytest.raises(ValueError, match="no run 'third'; there are tiny, plain"):
        read.curve("third")


def test_curves_are_grouped_by_factors(experiment: Experiment, tmp_path: Path):
    runs = [
        replace(
            run,
            name=f"{run.name} {rate:g}",
            factors={**run.factors, "rate": rate},
            training=replace(run.training, learning_rate=rate),
        )
        for rate in (0.1, 0.001)
        for run in experiment.runs("quick")
    ]
    wider = replace(experiment, sizes=dict.fromkeys(experiment.sizes, tuple(runs)))
    result = run_experiment(wider, device="cpu", monitor=Silent())
    read = Recording.read(result.write(tmp_path / "r.json"))
    for either in (result, read):
        groups = either.grouped("rate", "network")
        assert list(groups) == ["rate 0.1", "rate 0.001"]
        assert list(groups["rate 0.1"]) == ["residual", "non-residual"]
        steps, decibels = groups["rate 0.001"]["residual"]
        assert steps == [0, 8]
        curve = result.curve("tiny 0.001")
        np.testing.assert_allclose(decibels, curve.psnr_x2, atol=5.1e-4)


@pytest.mark.parametrize("content", ["", "{}", '{"format": "other"}', "[1]"])
def test_a_wrong_recording_is_named(content: str, tmp_path: Path):
    path = tmp_path / "table1.json"
    path.write_text(content)
    with pytest.raises(RunError, match=r"table1\.json is not a recorded experiment"):
        Recording.read(path)


PROVENANCE = {
    "machine": {"cpu": "A", "device": "cpu", "torch": "2"},
    "precision": "float32",
    "seconds": 1.0,
    "date": "2026-01-01",
}


def a_record(**changes: Any) -> dict[str, Any]:
    """The record of one run without curve and history."""
    run = {"key": "k", "factors": {}, "outcome": "finished", "provenance": PROVENANCE}
    return {
        "experiment": "e",
        "profile": "quick",
        "seed": 0,
        "runs": {"a": run | changes},
    }


@pytest.mark.parametrize(
    ("record", "named"),
    [
        ({}, "runs"),
        ({"runs": {}}, "without experiment, profile, seed"),
        (
            {"experiment": "e", "profile": "quick", "seed": 0, "runs": {"a": {}}},
            "without key, factors, outcome, provenance",
        ),
        (a_record(provenance={}), "without machine, precision, seconds, date"),
        (a_record(provenance=PROVENANCE | {"machine": {}}), "without cpu, device"),
        (a_record(), "without a"),  # history or curve
    ],
)
def test_a_recording_without_a_part_is_named(record, named, tmp_path: Path):
    """By the reader, and not by a KeyError of those who use what it read."""
    path = tmp_path / "table1.json"
    content = {"record": record, "curves": {}, "table": [], "histories": {}}
    path.write_text(json.dumps({"format": results._FORMAT, **content}))
    with pytest.raises(RunError, match=rf"is not a recorded experiment: .*{named}"):
        Recording.read(path)


def test_no_recording_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(results, "data_file", tmp_path.joinpath)
    assert recorded("table1") is None
