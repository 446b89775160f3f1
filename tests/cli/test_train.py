"""``vdsr train`` as a user meets it: trains, stops, goes on, saves, refuses."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from vdsr_lib.cli import app
from vdsr_lib.errors import LabError
from vdsr_lib.experiments import get_experiment
from vdsr_lib.models import build
from vdsr_lib.training import TrainingConfig
from vdsr_lib.weights import load_model, read_card


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """A folder with two small pictures of blurred squares."""
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(2):
        rng = np.random.default_rng(seed)
        squares = rng.integers(0, 256, (9, 11, 3), dtype=np.uint8)
        Image.fromarray(squares).resize((66, 54)).save(folder / f"{seed}.png")
    return folder


def options(pictures: Path, *more: str) -> list[str]:
    return ["train", "--depth", "3", "--width", "4", *common(pictures), *more]


def common(pictures: Path) -> list[str]:
    return [
        *("--data", str(pictures), "--validate", str(pictures), "--scales", "2"),
        *("--batch-size", "32", "--device", "cpu", "--precision", "float32"),
    ]


def call(*arguments: str):
    return CliRunner().invoke(app, arguments)


def test_it_trains_and_writes_weights_with_their_card(pictures, tmp_path):
    output = tmp_path / "net.safetensors"
    result = call(
        *options(pictures, "--epochs", "2", "--output", str(output), "--seed", "3")
    )
    assert result.exit_code == 0, result.output
    assert "VDSR(depth=3, width=4, residual=True)  # 225 parameters" in result.output
    assert "126 patches of 7x7, scales 2" in result.output
    assert re.search(r"epoch +step +learning_rate +loss .*psnr_x2", result.output)
    card = read_card(output)
    assert card["recipe"]["epochs"] == 2
    assert card["recipe"]["seed"] == 3
    assert card["data"] == str(pictures)
    assert 10 < card["scores"]["psnr_x2"] < 60
    assert card["precision"] == "float32: asked for"
    assert load_model(output).depth == 3


def test_a_score_without_bounds_costs_no_weights(pictures, tmp_path):
    """The PSNR of a picture of one grey may be infinite, which JSON cannot hold."""
    grey = tmp_path / "grey"
    grey.mkdir()
    Image.fromarray(np.full((48, 48), 128, np.uint8)).save(grey / "grey.png")
    output = tmp_path / "net.safetensors"
    more = ("--max-steps", "1", "--learning-rate", "1e-6", "--output", str(output))
    result = call(*options(pictures, "--validate", str(grey), *more))
    assert result.exit_code == 0, result.output
    assert "inf" in result.output
    assert read_card(output)["scores"] == {}
    assert load_model(output).depth == 3


def test_the_card_names_the_device_that_trained(pictures, tmp_path, monkeypatch):
    """Where there is a GPU too, "auto" is another than the one that was asked for."""
    asked: list[object] = []
    monkeypatch.setattr(
        "vdsr_lib.devices.describe_machine",
        lambda device=None: asked.append(device) or {"commit": None},
    )
    output = tmp_path / "net.safetensors"
    result = call(*options(pictures, "--max-steps", "1", "--output", str(output)))
    assert result.exit_code == 0, result.output
    assert asked == ["cpu"]


def test_a_rank_without_torchrun_is_no_rank(pictures, tmp_path, monkeypatch):
    """Some cluster managers set it; each process then trains alone, and must save."""
    monkeypatch.setenv("RANK", "1")
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    output = tmp_path / "net.safetensors"
    result = call(*options(pictures, "--max-steps", "1", "--output", str(output)))
    assert result.exit_code == 0, result.output
    assert f"weights: {output}" in result.output
    assert load_model(output).depth == 3


def test_the_network_and_its_recipe_are_chosen(pictures):
    result = call(
        *("train", *common(pictures), "--network", "srcnn", "--max-steps", "1"),
        *("--patch-size", "15", "--validate", "none", "--batch-size", "2"),
    )
    assert result.exit_code == 0, result.output
    assert "SRCNN(kernels=(9, 1, 5)" in result.output
    assert "0.0001" in result.output  # the rate of SRCNN's recipe
    assert "psnr" not in result.output
    review = call(*options(pictures, "--recipe", "review", "--max-steps", "1"))
    assert re.search(r" 1 +1 +0\.01 ", review.output)
    plain = call(*options(pictures, "--no-residual", "--augment", "--max-steps", "1"))
    assert "residual=False" in plain.output
    assert "x 8 orientations" in plain.output
    flipped = call(*options(pictures, "--flips", "--max-steps", "1"))
    assert "x 4 orientations" in flipped.output


class PlannedError(Exception):
    """Ends the command where the training would begin."""


def planned(monkeypatch, *arguments: str):
    """Return what a command would train: network, patches, recipe."""

    def stop(model, patches, config, **_):
        raise PlannedError(model, patches, config)

    monkeypatch.setattr("vdsr_lib.training.train", stop)
    caught = call(*arguments).exception
    assert isinstance(caught, PlannedError), caught
    return caught.args


@pytest.mark.parametrize("kernels", ["915", "955"])
def test_a_command_trains_an_srcnn_as_those_that_ship(pictures, monkeypatch, kernels):
    """Recipe, initial weights and patches are those of the experiment `srcnn`."""
    shape = "-".join(kernels)
    runs = get_experiment("srcnn").runs("paper")
    run = next(each for each in runs if each.name == f"SRCNN {shape}, x3")
    model, patches, config = planned(
        monkeypatch,
        *("train", *common(pictures), "--network", f"srcnn-{kernels}"),
        *("--recipe", "modern", "--scales", "3", "--stride", "14"),
        *("--batch-size", "16"),
    )
    assert config == run.training
    generator = torch.Generator().manual_seed(0)
    wanted = build(run.architecture, generator=generator)
    assert str(model) == str(wanted)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, wanted.state_dict()[name], rtol=0, atol=0)
    assert patches.patch_size == run.patch_size
    assert run.stride == 14
    assert len(patches) == 2 * 2 * 3  # of 66 x 54 pixels: at 0, 14, 28 and at 0, 14


def test_a_modern_vdsr(pictures, monkeypatch):
    _, _, config = planned(monkeypatch, *options(pictures, "--recipe", "modern"))
    assert config == TrainingConfig.modern(batch_size=32)


def test_what_is_given_takes_the_place_of_the_recipes_numbers(pictures, monkeypatch):
    given = {"epochs": 7, "max_steps": 5, "learning_rate": 0.2, "seed": 4}
    given |= {"clipping": "value", "theta": 0.3}
    named = [(f"--{name}".replace("_", "-"), str(v)) for name, v in given.items()]
    _, _, config = planned(monkeypatch, *options(pictures, *sum(named, ())))
    assert config == TrainingConfig.paper(batch_size=32, **given)


def test_what_is_learnt_goes_on_gently(pictures, monkeypatch):
    """By its name: the network, its patches; by default Adam at a tenth of its rate."""
    given = ("train", *common(pictures), "--start", "srcnn-915-x2")
    model, patches, config = planned(monkeypatch, *given)
    shipped = load_model("srcnn-915-x2")
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, shipped.state_dict()[name])
    assert patches.patch_size == 33
    gentle = TrainingConfig.modern(batch_size=32, learning_rate=1e-4, epochs=10)
    assert config == gentle
    _, _, config = planned(monkeypatch, *given, "--learning-rate", "0.5")
    assert config == replace(gentle, learning_rate=0.5)
    _, _, config = planned(monkeypatch, *given, "--epochs", "80")
    assert config == replace(gentle, epochs=80)
    _, _, config = planned(monkeypatch, *given, "--recipe", "paper")
    assert config == TrainingConfig.paper(batch_size=32)


def test_a_file_goes_on_and_its_card_says_from_what(pictures, tmp_path):
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    made = options(pictures, "--max-steps", "3", "--output", str(first))
    assert call(*made).exit_code == 0
    go_on = ["train", *common(pictures), "--start", str(first), "--max-steps", "2"]
    result = call(*go_on, "--output", str(second))
    assert result.exit_code == 0, result.output
    sha256 = hashlib.sha256(first.read_bytes()).hexdigest()
    assert read_card(second)["start"] == {"weights": str(first), "sha256": sha256}
    assert "start" not in read_card(first)
    before, after = load_model(first), load_model(second)
    apart = [
        (a - b).abs().max()
        for a, b in zip(before.parameters(), after.parameters(), strict=True)
    ]
    assert 0 < max(apart) < 1e-3  # two steps of Adam, at 1e-4 at most


def test_a_run_goes_on_where_its_weights_have_been_moved(
    pictures, tmp_path, monkeypatch
):
    """What is in the file counts, as on another machine, and ~ is the home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    first, moved = tmp_path / "first.safetensors", tmp_path / "moved.safetensors"
    made = options(pictures, "--max-steps", "1", "--output", str(first))
    assert call(*made).exit_code == 0
    run = ["train", *common(pictures), "--run-dir", "~/run", "--resume"]
    run += ["--max-steps", "2"]
    assert call(*run, "--start", str(first)).exit_code == 0
    first.rename(moved)
    result = call(*run, "--start", str(moved))
    assert result.exit_code == 0, result.exception


def test_a_start_that_came_to_nothing_is_not_a_later_runs(pictures, tmp_path):
    run = ["--run-dir", str(tmp_path / "run"), "--max-steps", "1"]
    wrong = ["train", "--data", str(tmp_path / "none"), *run, "--start", "vdsr"]
    assert call(*wrong).exit_code != 0
    assert call(*options(pictures, *run)).exit_code == 0
    result = call(*options(pictures, *run, "--resume"))
    assert result.exit_code == 0, result.exception


def test_a_run_goes_on_with_the_weights_it_began_with_alone(pictures, tmp_path):
    """A checkpoint holds weights of its own: others at --start would go unheard."""
    weights = [str(tmp_path / f"{n}.safetensors") for n in (1, 2)]
    for n, file in enumerate(weights):
        made = ("--max-steps", "1", "--seed", str(n), "--output", file)
        assert call(*options(pictures, *made)).exit_code == 0
    folder = ["--run-dir", str(tmp_path / "run"), "--resume", "--max-steps", "2"]
    common_ = ["train", *common(pictures), *folder]
    assert call(*common_, "--start", weights[0]).exit_code == 0
    assert call(*common_, "--start", weights[0]).exit_code == 0
    said = str(call(*common_, "--start", weights[1]).exception)
    assert f"holds a run that began with {weights[0]}: give the same" in said
    said = str(call(*options(pictures, *folder)).exception)
    assert f"holds a run that began with {weights[0]}: give the same" in said
    for foreign in ("{", "[1]", "{}", '{"sha256": "1"}'):
        (tmp_path / "run/start.json").write_text(foreign)
        said = str(call(*common_, "--start", weights[0]).exception)
        assert f"{tmp_path / 'run/start.json'} is damaged" in said
    fresh = ["--run-dir", str(tmp_path / "fresh"), "--resume", "--max-steps", "2"]
    assert call(*options(pictures, *fresh)).exit_code == 0
    said = str(
        call("train", *common(pictures), *fresh, "--start", weights[0]).exception
    )
    assert "holds a run that began with fresh weights: give the same --start" in said


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--start", "vdsr", "--depth", "3"], "--depth is for fresh weights"),
        (["--start", "vdsr", "--network", "srcnn"], "--network is for fresh weights"),
        (["--start", "bicubic"], "needs the weights of one network, got 'bicubic'"),
        (["--start", "srcnn"], "each scale: name one of srcnn-915-x2, srcnn-915-x3"),
        (["--start", "vdsr-morden"], "vdsr-modern"),
        (["--start", __file__], "test_train.py"),
    ],
)
def test_weights_that_cannot_be_gone_on_from_are_named(
    pictures, uncut, mistake, more, message
):
    assert message in mistake("train", *common(pictures), *more)


def test_the_same_command_with_resume_is_idempotent(pictures, tmp_path):
    folder, output = tmp_path / "run", tmp_path / "net.safetensors"
    command = options(pictures, "--epochs", "2", "--run-dir", str(folder), "--resume")
    assert call(*command).exit_code == 0
    assert call(*command, "--output", str(output)).exit_code == 0
    first = output.read_bytes()
    assert call(*command, "--output", str(output)).exit_code == 0
    assert output.read_bytes() == first


def test_weights_that_are_there_are_replaced_on_request_alone(pictures, tmp_path):
    """Hours of training are in them; the mistake is named before new ones begin."""
    output = tmp_path / "net.safetensors"
    output.write_bytes(b"precious")
    command = options(pictures, "--max-steps", "1", "--output", str(output))
    refused = call(*command)
    assert f"{output} exists: choose another name" in str(refused.exception)
    assert output.read_bytes() == b"precious"
    assert "patches" not in refused.output
    begun = ("--resume", "--run-dir", str(tmp_path / "not yet"))
    assert "exists: choose another" in str(call(*command, *begun).exception)
    assert call(*command, "--force").exit_code == 0
    assert load_model(output).depth == 3


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--resume"], "--resume needs the --run-dir"),
        (["--output", "net.pt"], "--output must end in .safetensors, got net.pt"),
        (["--output", f"{__file__}/w.safetensors"], "w.safetensors cannot be written"),
        (["--scales", "2;3"], "--scales must be like 2,3,4, got '2;3'"),
        (["--scales", "9"], "scale must be in [1.1, 8], got 9"),
        (["--network", "edsr"], "must be one of vdsr, srcnn, srcnn-915, srcnn-935, "),
        (["--network", "srcnn"], "--depth is VDSR's: srcnn has three layers of its"),
        (["--recipe", "adam"], "must be paper, review, srcnn, modern, got 'adam'"),
        (["--augment", "--flips"], "an epoch has --augment or --flips, not both"),
        (["--stride", "0"], "patch_size and stride must be at least 1, got 7, 0"),
        (["--theta", "0"], "theta must be a number above 0, got 0.0"),
        (["--depth", "1"], "depth must be at least 2, got 1"),
        (["--patch-size", "0"], "patch_size and stride must be at least 1, got 0"),
        (["--seed", str(2**64)], "seed must be an integer from 0 to"),
        (["--device", "cuda:99"], "device 'cuda:99'"),
        (["--data", "nowhere"], "nowhere"),
        (["--batch-size", "9999"], "batch_size must be between 1 and the 126 patches"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(pictures, mistake, more, message):
    assert message in mistake(*options(pictures, *more))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--device", "cuda:99"], "device 'cuda:99'"),
        (["--precision", "float8"], "precision must be one of"),
        (["--validate", "nowhere"], "nowhere"),
        (["--run-dir", __file__], "config.json cannot be written (Not a directory)"),
    ],
)
def test_a_mistake_is_named_before_patches_are_cut(pictures, uncut, more, message):
    """Patches of a large set take a minute: nobody waits it out for a wrong word."""
    result = call(*options(pictures, *more))
    assert message in str(result.exception)


@pytest.fixture
def uncut(monkeypatch):
    """Cutting patches fails the test."""
    from vdsr_lib.patches import PatchSet

    def cut(*_, **__):
        pytest.fail("patches were cut")

    monkeypatch.setattr(PatchSet, "from_images", cut)


@pytest.mark.parametrize("file", ["config.json", "checkpoint.safetensors"])
def test_a_folder_with_a_run_is_refused_before_patches_are_cut(
    pictures, uncut, tmp_path, file
):
    (tmp_path / file).write_text("of a run")
    result = call(*options(pictures, "--run-dir", str(tmp_path)))
    assert isinstance(result.exception, LabError)
    assert str(result.exception) == (
        f"{tmp_path} holds a run already: give --resume to go on with it, or another "
        "--run-dir"
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_ctrl_c_keeps_the_run_and_resume_finishes_it(pictures, tmp_path):
    """The real program, interrupted; the weights are those of an unbroken run."""
    program = [sys.executable, "-m", "vdsr_lib"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    whole, broken = tmp_path / "whole.safetensors", tmp_path / "broken.safetensors"
    steps = ["--epochs", "400", "--validate", "none"]
    folder = tmp_path / "run"
    kept = [*steps, "--run-dir", str(folder), "--resume", "--output", str(broken)]
    process = subprocess.Popen(
        [*program, *options(pictures, *kept)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    log = folder / "history.jsonl"
    until = time.monotonic() + 120
    while not (log.exists() and log.read_text()):
        assert time.monotonic() < until
        assert process.poll() is None, "it ended before it could be interrupted"
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    shown, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "stopped before the end; the same command with --resume goes on" in shown
    assert not broken.exists()
    finished = len(log.read_text().splitlines())
    assert 1 <= finished < 400
    subprocess.run([*program, *options(pictures, *kept)], check=True, env=environment)
    plain = [*steps, "--output", str(whole)]
    subprocess.run([*program, *options(pictures, *plain)], check=True, env=environment)
    for one, other in zip(
        load_model(whole).state_dict().values(),
        load_model(broken).state_dict().values(),
        strict=True,
    ):
        assert torch.equal(one, other)
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert [row["epoch"] for row in rows] == list(range(1, 401))
