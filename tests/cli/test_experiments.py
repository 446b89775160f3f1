"""``vdsr experiments`` as a user meets it: estimates, runs, a stop, mistakes."""

from __future__ import annotations

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
from PIL import Image
from typer.testing import CliRunner

from vdsr_lib.cli import app
from vdsr_lib.cli._estimates import duration
from vdsr_lib.experiments import (
    EXPERIMENTS,
    Experiment,
    Pictures,
    Run,
    RunStore,
    catalogue,
    cost,
)
from vdsr_lib.experiments import cost as counting
from vdsr_lib.experiments.rate import Rate
from vdsr_lib.training import TrainingConfig

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def rates(monkeypatch: pytest.MonkeyPatch):
    """Machines whose rates are known: 1 GFLOP/s on the CPU, 4 in training VDSR."""

    def pretended(device: object, network: str = "VDSR", **_: object) -> Rate:
        training = 4e9 if network == "VDSR" else 1e9
        return Rate(training, measuring=1e9, precision=f"pretended {device}")

    monkeypatch.setattr(cost, "measure_rate", pretended)
    monkeypatch.setattr("vdsr_lib.experiments.measure_rate", pretended)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(2):
        rng = np.random.default_rng(seed)
        squares = rng.integers(16, 236, (6, 7, 3), dtype=np.uint8)
        Image.fromarray(squares).resize((56, 48)).save(folder / f"{seed}.png")
    return folder


@pytest.fixture
def tiny(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """An experiment of two tiny runs, and another that shares one with it."""
    run = Run(
        name="one",
        architecture={"name": "VDSR", "depth": 3, "width": 8, "residual": True},
        training=TrainingConfig.paper(epochs=2, batch_size=4, max_steps=8),
        train_on=(str(pictures),),
        scales=(2,),
        patch_size=12,
        validate=Pictures(str(pictures), (2,)),
        test=(Pictures(str(pictures), (2, 3)),),
        factors={"part": 1},
    )
    both = (run, replace(run, name="two", scales=(3,), factors={"part": 2}))
    made = {
        name: Experiment(name, title, "nowhere", dict.fromkeys(PROFILES, runs))
        for name, title, runs in (
            ("tiny", "Two tiny networks", both),
            ("half", "One of them", both[:1]),
        )
    }
    for name in list(EXPERIMENTS):
        monkeypatch.delitem(catalogue.EXPERIMENTS, name)
    for name, experiment in made.items():
        monkeypatch.setitem(catalogue.EXPERIMENTS, name, experiment)
    return made["tiny"]


PROFILES = ("quick", "classroom", "paper")


def call(*arguments: str, store: Path):
    command = ["experiments", *arguments, "--store", str(store)]
    return CliRunner().invoke(app, command)


def cells(output: str, first: str) -> list[str]:
    """The cells of the line whose first is this."""
    lines = (re.split(r"  +", line) for line in output.splitlines())
    return next(line for line in lines if line[0] == first)


def test_the_list_tells_what_is_here_and_what_is_to_do(tiny: Experiment, tmp_path):
    result = call("run", "half", store=tmp_path)
    assert result.exit_code == 0, result.output
    shown = call("--profile", "quick", "--device", "cpu", store=tmp_path).output
    assert cells(shown, "tiny")[:4] == ["tiny", "2", "1", "16"]
    assert cells(shown, "half")[:4] == ["half", "1", "1", "8"]
    assert cells(shown, "half")[5:] == ["-", "One of them"]
    assert cells(shown, "all of them")[1:4] == ["2", "1", "16"]  # the shared one once
    assert "Profile quick, at 4.0 GFLOP/s for VDSR (pretended cpu)." in shown
    assert f"Finished runs are kept in {tmp_path}." in shown
    other = call("--seed", "1", store=tmp_path).output
    assert cells(other, "tiny")[2] == "0"


def test_the_papers_experiments_are_listed_without_their_pictures(
    tmp_path, monkeypatch
):
    """The two schedules, reckoned by hand from the paper's and the sets' numbers."""
    monkeypatch.setenv("VDSR_DATA_DIR", str(tmp_path / "none"))
    shown = call("--profile", "paper", store=tmp_path)
    assert shown.exit_code == 0, shown.output
    for name, experiment in EXPERIMENTS.items():
        assert cells(shown.output, name)[1] == str(len(experiment.runs("paper")))
    training = 9_920 * 64 * 41 * 41 * (6 * 664_704 - 2 * 576)  # all three scales
    validating = 81 * 24 * 3 * 96 * 96 * 2 * 664_704  # 80 epochs and the start
    shown_days = float(cells(shown.output, "schedules")[4].removesuffix(" days"))
    days = 2 * (training / 4e9 + validating / 1e9) / 86400  # of two such networks
    assert shown_days == pytest.approx(days, rel=0.02)  # Set5 and rounding
    assert "Not counted" not in shown.output
    assert "4.0 GFLOP/s for VDSR" in shown.output
    assert "1.0 GFLOP/s for SRCNN 9-1-5 and" in shown.output
    assert "1.0 GFLOP/s for SRCNN 9-5-5" in shown.output


def test_what_is_not_counted_is_said(tmp_path, monkeypatch):
    """Of a test set whose sizes nobody knows; here, for once, they are forgotten."""
    known = {
        name: s for name, s in counting._shipped_sizes().items() if name != "urban100"
    }
    monkeypatch.setattr(counting, "_shipped_sizes", lambda: known)
    monkeypatch.setenv("VDSR_DATA_DIR", str(tmp_path / "none"))
    for words in ([], ["show", "table3"]):
        shown = call(*words, "--profile", "paper", store=tmp_path)
        assert "Not counted: the final measurement on urban100" in shown.output


def test_show_lists_the_runs_and_their_folders(tiny: Experiment, tmp_path):
    call("run", "half", store=tmp_path)
    shown = call("show", "tiny", store=tmp_path).output
    assert "tiny: Two tiny networks (nowhere)" in shown
    one, two = tiny.runs("quick")
    assert cells(shown, "one")[1:] == ["8", "1 s", "yes", one.key()]
    assert cells(shown, "two")[1:] == ["8", "1 s", "no", two.key()]
    assert (tmp_path / one.key() / "record.json").is_file()


def test_run_trains_once_and_prints_the_table(tiny: Experiment, tmp_path):
    output = tmp_path / "tiny.json"
    first = call("run", "tiny", "--output", str(output), store=tmp_path / "runs")
    assert first.exit_code == 0, first.output
    assert (
        "tiny at quick: 2 runs, 2 to make: 16 steps, about 1 s at 4.0" in first.output
    )
    assert re.search(r"run +part +dataset +scale +psnr +ssim +bicubic", first.output)
    assert len(re.findall(r"^ *(?:one|two) +[12] ", first.output, re.MULTILINE)) == 4
    assert "profile quick, seed 0" in first.output
    assert len(json.loads(output.read_text())["table"]) == 4
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "runs").rglob("*.json")}
    again = call("run", "tiny", store=tmp_path / "runs")
    assert "tiny at quick: 2 runs, 0 to make." in again.output
    after = {p: p.stat().st_mtime_ns for p in (tmp_path / "runs").rglob("*.json")}
    assert before == after


def test_some_runs_are_listed_and_made(tiny: Experiment, tmp_path):
    shown = call("show", "tiny", "--only", "t*", store=tmp_path).output
    assert re.findall(r"^(one|two) ", shown, re.MULTILINE) == ["two"]
    result = call("run", "tiny", "--only", "two", store=tmp_path)
    assert "tiny at quick: 1 run, 1 to make" in result.output
    assert set(re.findall(r"^ *(one|two) +\d", result.output, re.MULTILINE)) == {"two"}
    assert list(RunStore(tmp_path)) == [tiny.runs("quick")[1].key()]


def test_a_seed_reaches_the_runs(tiny: Experiment, tmp_path):
    one, two = tiny.runs("quick")
    call("run", "tiny", "--only", "two", "--seed", "1", store=tmp_path)
    assert list(RunStore(tmp_path)) == [two.key(1)]
    call("run", "half", "tiny:two", "--seed", "1", store=tmp_path)
    assert set(RunStore(tmp_path)) == {one.key(1), two.key(1)}
    shown = call("show", "half", "--seed", "1", store=tmp_path).output
    assert cells(shown, "one")[3:] == ["yes", one.key(1)]


def test_what_is_finished_is_recorded(tiny: Experiment, tmp_path):
    store, output = tmp_path / "runs", ("--output", str(tmp_path / "out"))
    size = ("--profile", "quick")
    none = call("record", *size, *output, store=store)
    assert none.exit_code == 1
    assert "holds no finished run at profile quick" in str(none.exception)
    call("run", "tiny", "--only", "two", store=store)
    shown = call("record", *size, *output, store=store)
    assert shown.exit_code == 0, shown.output
    assert re.search(r"^tiny: profile quick.*1 of 2 runs trained", shown.output)
    assert "  one: not run (about 1 min on one CPU core)" in shown.output
    written = json.loads((tmp_path / "out" / "tiny.json").read_text())
    assert list(written["record"]["runs"]) == ["two"]
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["tiny.json"]  # not half


def test_quick_runs_are_kept_in_the_users_store(
    tiny: Experiment, tmp_path, monkeypatch
):
    monkeypatch.setenv("VDSR_RUNS_DIR", str(tmp_path / "mine"))
    result = CliRunner().invoke(app, ["experiments", "run", "half"])
    assert result.exit_code == 0, result.output
    assert len(list(RunStore(tmp_path / "mine"))) == 1


def test_other_machines_are_not_measured_here(tiny: Experiment, tmp_path, monkeypatch):
    asked = []

    def pretended(*arguments: object, **options: object):
        asked.append(options["scheduler"])
        raise KeyboardInterrupt

    monkeypatch.setattr("vdsr_lib.experiments.run_experiment", pretended)
    result = call("run", "tiny", "--scheduler", "tcp://host:8786", store=tmp_path)
    assert asked == ["tcp://host:8786"]
    assert result.exit_code == 130
    assert re.search(r"16 steps, \S+ operations\.", result.output)
    assert "GFLOP/s" not in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "tinny"], "no experiment 'tinny' (did you mean 'tiny'?)"),
        (["run", "tiny", "--only", "tow"], "no run fits 'tow'; did you mean 'two'?"),
        (["record", "tabel"], "no experiment 'tabel'"),
        (["record", "tiny"], "none of the 2 runs of tiny at paper is in"),
        (["show", "figure9"], "no experiment 'figure9'; there are tiny, half"),
        (["--profile", "huge"], "profile must be one of quick, classroom, paper, got"),
        (["run", "tiny", "--device", "cuda:99"], "device 'cuda:99' was asked for"),
        (["run", "tiny", "--output", f"{__file__}/t.json"], "t.json cannot be written"),
        (["run", "tiny", "--scheduler", "slurm"], "scheduler must be 'local' or an"),
        (["run", "tiny", "--seed", "-1"], "seed must be an integer from 0"),
        (["--profile", "paper", "run", "tiny"], "give --profile after 'run', not"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(
    tiny: Experiment, tmp_path, monkeypatch, mistake, arguments, message
):
    monkeypatch.setenv("VDSR_RUNS_DIR", str(tmp_path))
    assert message in mistake("experiments", *arguments)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (59, "59 s"),
        (150, "2.5 min"),
        (3000, "50 min"),
        (5400, "1.5 h"),
        (86400, "24 h"),
        (4e6, "46 days"),
    ],
)
def test_times_are_rounded_to_two_digits(seconds: float, text: str):
    assert duration(seconds) == text


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_ctrl_c_ends_in_130_and_leaves_a_checkpoint(tmp_path):
    """The real program on a real experiment, stopped when its first run has begun."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "vdsr_lib", "experiments", "run", "shallow"),
            *("--store", str(tmp_path), "--device", "cpu"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    until = time.monotonic() + 120
    while not list(tmp_path.glob("*/training/checkpoint.safetensors")):
        assert time.monotonic() < until
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    shown, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert re.search(r"shallow at quick: 2 runs, 2 to make: [\d,]+ steps, about", shown)
    assert "was stopped; what it had learnt is in" in said
    assert "the same call goes on from there" in said
    assert "Traceback" not in said


# --- many runs, within a time ---------------------------------------------------------


@pytest.fixture
def long(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """The two tiny runs, made long: 400 epochs."""
    config = TrainingConfig.paper(epochs=400, batch_size=4, validate_every=1000)
    runs = tuple(replace(run, training=config) for run in tiny.runs("quick"))
    made = Experiment("long", "Two long", "nowhere", dict.fromkeys(PROFILES, runs))
    monkeypatch.setitem(catalogue.EXPERIMENTS, "long", made)
    return made


def test_several_experiments_are_made_in_turn_and_shared_runs_once(
    tiny: Experiment, tmp_path
):
    result = call("run", "half", "tiny", store=tmp_path)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].startswith("2 runs at quick, 2 to make: 16 steps, about 1 s at 4.0")
    made = [line for line in lines if " steps in " in line]
    assert [line.partition(": 8 steps in ")[0] for line in made] == [
        "half: one",
        "tiny: two",
    ]
    assert all(re.search(r"; x2 \d+\.\d\d dB on /", line) for line in made)
    assert f"The runs are in {tmp_path}." in lines
    assert not list(tmp_path.glob("*/scores"))  # nothing is measured
    again = call("run", "tiny:tw*", "half", store=tmp_path).output
    assert again.startswith("2 runs at quick, 0 to make.\n")
    assert "All are made: 'vdsr experiments run NAME' prints a table." in again
    table = call("run", "tiny:two", store=tmp_path).output  # one name: its table
    assert re.search(r"^ *two +2 ", table, re.MULTILINE)


def test_all_means_all_in_the_order_of_value(tiny: Experiment, tmp_path, monkeypatch):
    monkeypatch.setattr("vdsr_lib.experiments.BY_VALUE", ("tiny:two", "half"))
    shown = call("run", "--all", store=tmp_path).output
    assert re.findall(r"^(\w+: \w+): ", shown, re.MULTILINE) == [
        "tiny: two",
        "half: one",
    ]


def test_a_budget_ends_with_75_a_checkpoint_and_what_is_left(
    long: Experiment, tmp_path
):
    result = call("run", "long", "--budget", "1.5", store=tmp_path)
    assert result.exit_code == 75, result.output
    assert re.search(
        r"vdsr: the budget is over; 2 runs left, from 'long: one' on \([\d,]+ steps, "
        r"about .*\): the same command goes on",
        result.output,
    )
    (checkpoint,) = tmp_path.glob("*/training/checkpoint.safetensors")
    assert checkpoint.parent.parent.name == long.runs("quick")[0].key()
    before = checkpoint.read_bytes()
    assert call("run", "long", "--budget", "1.5", store=tmp_path).exit_code == 75
    assert checkpoint.read_bytes() != before  # it went on


def test_a_run_that_fails_ends_with_1_when_the_others_are_made(
    tiny: Experiment, tmp_path
):
    training = tmp_path / tiny.runs("quick")[0].key() / "training"
    training.mkdir(parents=True)
    (training / "checkpoint.safetensors").write_bytes(b"half a checkpoint")
    result = call("run", "half", "tiny", "--budget", "600", store=tmp_path)
    assert result.exit_code == 1, result.output
    assert re.search(r"^half: one: failed: .* is damaged", result.output, re.MULTILINE)
    assert re.search(r"^tiny: two: 8 steps in ", result.output, re.MULTILINE)
    assert (
        "vdsr: 1 run failed, to be tried again by the same command; 'vdsr experiments "
        "run NAME:RUN' alone shows where"
    ) in result.output
    assert "All are made" not in result.output


def test_a_run_that_fails_does_not_hide_those_that_are_left(long: Experiment, tmp_path):
    """75 says: call again. Only when nothing else is left does a failure end that."""
    training = tmp_path / long.runs("quick")[0].key() / "training"
    training.mkdir(parents=True)
    (training / "checkpoint.safetensors").write_bytes(b"half a checkpoint")
    result = call("run", "long", "--budget", "1.5", store=tmp_path)
    assert result.exit_code == 75, result.output
    assert "long: one: failed: " in result.output
    assert "the budget is over; 1 run left, from 'long: two' on" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "give the name of an experiment, or --all"),
        (["run", "tiny", "--all"], "give names or --all, not both"),
        (["run", "tiny", "--budget", "0"], "budget must be above 0 seconds, got 0"),
        (["run", "tiny", "--budget", "nan"], "budget must be above 0 seconds, got nan"),
        (["run", "tiny", "half", "--only", "one"], "with more, write NAME:RUN"),
        (["run", "tiny:one", "--only", "two"], "give the runs once: as NAME:RUN, or"),
        (["run", "tiny:one", "--only", "two", "--budget", "9"], "give the runs once"),
        (["run", "tiny", "half", "--scheduler", "local"], "--scheduler goes with one"),
        (["run", "--all", "--output", "x.json"], "--output goes with one experiment"),
        (["run", "tiny", "tinny"], "no experiment 'tinny' (did you mean 'tiny'?)"),
        (["run", "tiny", "--only", "", "--budget", "9"], "no run fits ''; there are"),
        (["run", "tiny:", "half"], "no run fits ''; there are 'one', 'two'"),
        (["run", "tiny:"], "no run fits ''; there are 'one', 'two'"),
    ],
)
def test_a_mistake_about_many_runs(
    tiny: Experiment, tmp_path, monkeypatch, mistake, arguments, message
):
    """It is named before the machine is measured and the runs are counted."""
    monkeypatch.setattr("vdsr_lib.experiments.BY_VALUE", ("tiny",))
    monkeypatch.setenv("VDSR_RUNS_DIR", str(tmp_path))
    assert message in mistake("experiments", *arguments, silent=True)
