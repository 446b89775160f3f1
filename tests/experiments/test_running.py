"""Running: what is trained, what is found again, and what a result says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from vdsr_lib.errors import DataError, RunError
from vdsr_lib.evaluation import evaluate, means
from vdsr_lib.experiments import (
    Experiment,
    Material,
    Pictures,
    Recording,
    Run,
    RunStore,
    make_run,
    recorded,
    run_experiment,
)
from vdsr_lib.images import crop_to_multiple, degrade, to_uint8
from vdsr_lib.inference import super_resolve
from vdsr_lib.models import build
from vdsr_lib.training import DivergedError, History, Silent


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


def test_a_finished_run_is_found_and_not_made_again(
    run: Run, material: Material, trainer: Any, tmp_path: Path
):
    store = RunStore(tmp_path)
    first = make_run(run, store=store, material=material, trainer=trainer)
    again = make_run(run, store=store, material=material, trainer=trainer)
    assert len(trainer.calls) == 1
    assert again.record == json.loads(json.dumps(first.record))
    assert again.history.to_dict() == first.history.to_dict()
    assert again.frames.steps == first.frames.steps
    np.testing.assert_array_equal(again.frames.pictures, first.frames.pictures)
    torch.testing.assert_close(
        again.model.state_dict(), first.model.state_dict(), rtol=0, atol=0
    )
    renamed = replace(run, name="other", factors={}, test=())
    make_run(renamed, store=store, material=material, trainer=trainer)
    assert len(trainer.calls) == 1
    make_run(run, 1, store=store, material=material, trainer=trainer)
    assert len(trainer.calls) == 2
    assert sorted(store) == sorted([run.key(0), run.key(1)])


def test_the_trainer_gets_what_the_run_declares(
    run: Run, material: Material, trainer: Any, tmp_path: Path
):
    make_run(run, 3, store=RunStore(tmp_path), material=material, trainer=trainer)
    (call,) = trainer.calls
    assert call["config"] == run.recipe(3)
    assert call["config"].seed == 3
    assert call["patches"].patch_size == 12
    assert len(call["patches"]) == 2 * 4 * 4  # 48x56 pixels give 4x4 patches of 12
    assert call["run_dir"] == tmp_path / run.key(3) / "training"
    assert call["resume"] is True
    assert call["model"].architecture == run.architecture
    assert call["baseline"].keys() == {"psnr_x2"}
    same = build(run.architecture, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(
        call["model"].state_dict(), same.state_dict(), rtol=0, atol=0
    )


def test_step_0_is_measured_before_any_training(
    run: Run, material: Material, trainer: Any, tmp_path: Path
):
    made = make_run(run, store=RunStore(tmp_path), material=material, trainer=trainer)
    first, *rest = made.history.validations
    assert (first["epoch"], first["step"]) == (0, 0)
    assert [row["step"] for row in rest] == [4, 8]
    bicubic = material.validator(run.validate).baseline["psnr_x2"]
    assert first["psnr_x2"] == pytest.approx(bicubic, abs=0.1)  # last layer x 0.001
    assert all("frame" not in row for row in made.history.validations)
    assert all("frame" not in row for row in made.history.epochs)


def test_a_frame_is_what_the_whole_picture_would_give(
    run: Run, material: Material, trainer: Any, tmp_path: Path
):
    network = {"name": "VDSR", "depth": 3, "width": 8, "residual": False}
    plain = replace(run, architecture=network)
    store = RunStore(tmp_path)
    made = make_run(plain, store=store, material=material, trainer=trainer)
    luma = crop_to_multiple(material.images(run.train_on[0])["one"], 2)
    ilr = torch.from_numpy(degrade(luma, 2))[None, None].float()
    whole = to_uint8(super_resolve(made.model, ilr)[0, 0].clamp(0, 1).numpy())
    np.testing.assert_array_equal(made.frames.pictures[-1], whole[8:24, 10:30])
    np.testing.assert_array_equal(made.frames.reference, luma[8:24, 10:30])
    bicubic = to_uint8(degrade(luma, 2))[8:24, 10:30]
    np.testing.assert_array_equal(made.frames.bicubic, bicubic)
    assert made.frames.steps == (0, 4, 8)


def test_provenance_says_where_when_and_how_long(
    run: Run, material: Material, trainer: Any, tmp_path: Path
):
    made = make_run(run, store=RunStore(tmp_path), material=material, trainer=trainer)
    provenance = made.record["provenance"]
    assert provenance["seconds"] == 3.0  # two epochs of 1.5
    assert provenance["precision"] == "pretended"
    assert {"cpu", "device", "torch", "commit"} <= provenance["machine"].keys()
    assert provenance["date"].endswith("+00:00")
    assert made.record["patches"]["count"] == 32
    assert made.record["declaration"] == run.declaration()


def test_provenance_is_of_the_code_that_began(
    run: Run, material: Material, trainer, tmp_path: Path, monkeypatch
):
    """A commit made while a run goes on did not train it."""
    commits = iter(["began", "ended"])

    def describe(device: object) -> dict[str, str]:
        return {"commit": next(commits)}

    def slow(*args: object, **options: object) -> object:
        next(commits)  # somebody commits
        return trainer(*args, **options)

    monkeypatch.setattr("vdsr_lib.experiments.making.describe_machine", describe)
    made = make_run(run, store=RunStore(tmp_path), material=material, trainer=slow)
    assert made.record["provenance"]["machine"] == {"commit": "began"}


def test_a_stopped_run_is_not_finished(
    run: Run, material: Material, stopped_trainer: Any, tmp_path: Path
):
    store = RunStore(tmp_path)
    with pytest.raises(RunError, match=r"'tiny' was stopped.*the same call goes on"):
        make_run(run, store=store, material=material, trainer=stopped_trainer)
    assert run.key() not in store
    assert list(store) == []


def test_a_run_that_diverges_is_a_result(run: Run, material: Material, tmp_path: Path):
    def explode(model: Any, patches: Any, config: Any, **options: Any) -> History:
        row = {"epoch": 1, "step": 3, "loss": float("nan"), "seconds": 0.1}
        raise DivergedError("training diverged at step 3", History([row]))

    store = RunStore(tmp_path)
    made = make_run(run, store=store, material=material, trainer=explode)
    assert made.record["outcome"] == "diverged"
    assert made.record["message"] == "training diverged at step 3"
    assert made.model is None
    again = store.load(run.key(), run.declaration())
    assert again.model is None
    assert np.isnan(again.history.epochs[-1]["loss"])
    assert again.frames.steps == (0,)


def test_nothing_is_left_of_checkpoint_and_single_frames(
    run: Run, material: Material, tmp_path: Path
):
    store = RunStore(tmp_path)
    make_run(run, store=store, material=material, monitor=Silent())
    names = {path.name for path in store.path(run.key()).iterdir()}
    assert names == {"frames.npz", "history.json", "model.safetensors", "record.json"}


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


def test_a_killed_experiment_goes_on_to_the_same_result(
    run: Run, material: Material, tmp_path: Path
):
    """Killed while it trains, at no chosen moment; the weights are those of one go."""
    recipe = {"epochs": 12, "drop_every": 4, "max_steps": None, "validate_every": 5}
    training = replace(run.training, **recipe)
    long = replace(run, training=training)
    whole = make_run(
        long, store=RunStore(tmp_path / "whole"), material=material, monitor=Silent()
    )
    code = (
        "import pickle, sys, time, torch\n"
        "from vdsr_lib.experiments import Material, RunStore, make_run\n"
        "from vdsr_lib.training import Silent\n"
        "class Slow(Silent):  # the kill may come late, but before the end\n"
        "    seconds_between_steps = 0\n"
        "    def step(self, record): time.sleep(0.2 if record['epoch'] > 2 else 0)\n"
        "run = pickle.loads(bytes.fromhex(sys.argv[1]))\n"
        "store = RunStore(sys.argv[2])\n"
        "make_run(run, store=store, material=Material(torch.device('cpu')),\n"
        "         monitor=Slow())"
    )
    import pickle

    store = RunStore(tmp_path / "broken")
    command = [sys.executable, "-c", code, pickle.dumps(long).hex(), str(store.folder)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    log = store.path(long.key()) / "training" / "history.jsonl"
    while not (log.is_file() and len(log.read_text().splitlines()) >= 2):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert long.key() not in store
    made = make_run(long, store=store, material=material, monitor=Silent())
    assert made.frames.steps == whole.frames.steps
    np.testing.assert_array_equal(made.frames.pictures, whole.frames.pictures)
    for name, tensor in whole.model.state_dict().items():
        torch.testing.assert_close(
            made.model.state_dict()[name], tensor, rtol=0, atol=0
        )


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


def test_no_recording_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from vdsr_lib.experiments import results

    monkeypatch.setattr(results, "data_file", tmp_path.joinpath)
    assert recorded("table1") is None
