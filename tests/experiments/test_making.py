"""One run: found in the store or trained, its provenance, and what is left of it."""

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
import pytest
import torch

from vdsr_lib.errors import RunError
from vdsr_lib.experiments import (
    Material,
    Run,
    RunStore,
    make_run,
)
from vdsr_lib.images import crop_to_multiple, degrade, to_uint8
from vdsr_lib.inference import super_resolve
from vdsr_lib.models import build
from vdsr_lib.training import DivergedError, History, Silent


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


def test_a_run_that_another_process_finishes_meanwhile_is_not_made_again(
    run: Run, material: Material, trainer: Any, tmp_path: Path, monkeypatch
):
    """Pictures and patches take a while; the other's checkpoint is gone by then."""
    store, cut = RunStore(tmp_path), material.patches

    def slowly(which: Run) -> Any:
        monkeypatch.setattr(material, "patches", cut)
        make_run(run, store=store, material=material, trainer=trainer)
        return cut(which)

    monkeypatch.setattr(material, "patches", slowly)
    made = make_run(run, store=store, material=material, trainer=trainer)
    assert len(trainer.calls) == 1
    kept = store.load(run.key(), run.declaration())
    assert made.record == kept.record
    assert made.frames.steps == kept.frames.steps
    names = {path.name for path in store.path(run.key()).iterdir()}
    assert names == {"frames.npz", "history.json", "model.safetensors", "record.json"}


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
