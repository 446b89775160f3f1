"""Many runs within a time: their order, the stop, and going on to the same bits."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from vdsr_lib.errors import DataError, LabError
from vdsr_lib.experiments import (
    BY_VALUE,
    EXPERIMENTS,
    Experiment,
    Pictures,
    Run,
    RunStore,
    catalogue,
    make_all,
    tasks_of,
)
from vdsr_lib.training import Silent


@pytest.fixture(autouse=True)
def declared(experiment: Experiment, run: Run, monkeypatch: pytest.MonkeyPatch):
    """Two experiments: two runs, and two of which one is among those."""
    for name in list(EXPERIMENTS):
        monkeypatch.delitem(catalogue.EXPERIMENTS, name)
    other = replace(run, name="other", repeat=1)
    sizes = dict.fromkeys(("quick", "classroom", "paper"), (other, run))
    shared = Experiment("shared", "One of them, one more", "none", sizes)
    for each in (experiment, shared):
        monkeypatch.setitem(catalogue.EXPERIMENTS, each.name, each)


class Clock:
    """Moves on by a second each time that somebody looks."""

    now = 100.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def weights(store: RunStore, key: str) -> dict[str, torch.Tensor]:
    return load_file(store.path(key) / "model.safetensors")


def test_shared_runs_stand_once_where_they_come_first():
    names = [str(task) for task in tasks_of(["tiny", "shared"], "quick")]
    assert names == ["tiny: tiny", "tiny: plain", "shared: other"]
    names = [str(task) for task in tasks_of(["shared:oth*", "tiny", "shared"])]
    assert names == ["shared: other", "tiny: tiny", "tiny: plain"]
    keys = [task.key for task in tasks_of(["tiny"], "quick", seed=3)]
    assert keys == [run.key(3) for run in catalogue.EXPERIMENTS["tiny"].runs("quick")]
    with pytest.raises(ValueError, match="no run fits 'nine'"):
        tasks_of(["tiny:nine"])
    with pytest.raises(ValueError, match="no experiment 'nine'"):
        tasks_of(["nine"])


def test_all_are_made_and_told_and_those_that_are_here_are_passed_over(
    tmp_path: Path,
):
    store, told = RunStore(tmp_path), []
    options = {
        "store": store,
        "device": "cpu",
        "monitor": Silent(),
        "told": lambda task, made: told.append((str(task), made.record["outcome"])),
    }
    first = make_all(tasks_of(["tiny:plain"], "quick"), **options)
    assert [str(task) for task in first.made] == ["tiny: plain"]
    second = make_all(tasks_of(["tiny", "shared"], "quick"), **options)
    assert [str(task) for task in second.made] == ["tiny: tiny", "shared: other"]
    assert (second.left, second.interrupted) == ((), False)
    assert told == [
        (name, "finished") for name in ("tiny: plain", "tiny: tiny", "shared: other")
    ]
    assert make_all(tasks_of(["tiny"], "quick"), **options).made == ()


def test_the_time_stops_a_run_at_a_step_and_the_next_call_goes_on_to_the_same_bits(
    tmp_path: Path,
):
    tasks = tasks_of(["tiny", "shared"], "quick")
    whole, parts = RunStore(tmp_path / "whole"), RunStore(tmp_path / "parts")
    make_all(tasks, store=whole, device="cpu", monitor=Silent())
    made, calls = [], 0
    while True:  # each call looks at the clock a few times, then the time is up
        calls += 1
        clock = Clock()
        sweep = make_all(
            tasks, store=parts, device="cpu", monitor=Silent(), budget=7, clock=clock
        )
        made += [task.key for task in sweep.made]
        assert not sweep.interrupted
        assert [*sweep.made, *sweep.left][-1] == tasks[-1]
        if not sweep.left:
            break
        begun = parts.path(sweep.left[0].key)
        assert sweep.left[0].key not in parts
        if begun.is_dir():
            assert (begun / "training" / "checkpoint.safetensors").is_file()
    assert calls > len(tasks)  # some call ended in the middle of a run
    assert made == [task.key for task in tasks]
    for task in tasks:
        one, other = (weights(store, task.key) for store in (parts, whole))
        assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_no_run_begins_when_the_time_is_up(tmp_path: Path):
    tasks, names = tasks_of(["tiny"], "quick"), []

    class Listener(Silent):
        def begin_run(self, name: str) -> None:
            names.append(name)

    sweep = make_all(
        tasks,
        store=RunStore(tmp_path),
        device="cpu",
        monitor=Listener(),
        budget=0.5,
        clock=Clock(),
    )
    assert (sweep.made, sweep.left, names) == ((), tuple(tasks), [])
    with pytest.raises(ValueError, match="budget must be above 0 seconds, got 0"):
        make_all(tasks, store=RunStore(tmp_path), budget=0)


def test_a_run_that_fails_is_told_and_costs_the_others_nothing(tmp_path: Path):
    """Time on a GPU is lent: whatever is wrong with one run, the rest are made."""
    tasks = tasks_of(["tiny", "shared"], "quick")
    store, told = RunStore(tmp_path), []
    training = store.path(tasks[0].key) / "training"
    training.mkdir(parents=True)
    (training / "checkpoint.safetensors").write_bytes(b"half a checkpoint")

    class Broken(Silent):
        """A bug that the second run alone meets."""

        def begin_run(self, name: str) -> None:
            self.name = name

        def step(self, record: dict) -> None:
            if self.name == "tiny: plain":
                raise AttributeError("no such thing")

    options = {"store": store, "device": "cpu", "budget": 600}
    sweep = make_all(
        tasks,
        monitor=Broken(),
        told=lambda task, outcome: told.append((str(task), outcome)),
        **options,
    )
    assert [str(task) for task in sweep.made] == ["shared: other"]
    assert [str(task) for task in sweep.failed] == ["tiny: tiny", "tiny: plain"]
    assert (sweep.left, sweep.interrupted) == ((), False)
    assert [name for name, _ in told] == ["tiny: tiny", "tiny: plain", "shared: other"]
    assert "checkpoint.safetensors is damaged" in str(told[0][1])
    assert isinstance(told[1][1], AttributeError)
    assert told[2][1].record["outcome"] == "finished"
    again = make_all(tasks, monitor=Silent(), **options)  # the bug is mended
    assert [str(task) for task in again.made] == ["tiny: plain"]
    assert [str(task) for task in again.failed] == ["tiny: tiny"]


def test_a_store_that_cannot_be_written_is_named_before_a_run_begins(tmp_path: Path):
    (tmp_path / "file").write_text("no folder")
    told: list[object] = []
    with pytest.raises(LabError, match=r"/file cannot be written \(Not a"):
        make_all(
            tasks_of(["tiny"], "quick"),
            store=RunStore(tmp_path / "file"),
            device="cpu",
            told=lambda *outcome: told.append(outcome),
        )
    assert told == []


def test_a_wish_to_stop_is_told_from_the_time(tmp_path: Path):
    class Tired(Silent):
        seconds_between_steps = 0.0

        def step(self, record: dict) -> None:
            self.stop_requested = record["step"] >= 3

    tasks = tasks_of(["tiny"], "quick")
    store = RunStore(tmp_path)
    sweep = make_all(tasks, store=store, device="cpu", monitor=Tired(), budget=600)
    assert sweep.interrupted
    assert sweep.left == tuple(tasks)
    assert (store.path(tasks[0].key) / "training" / "checkpoint.safetensors").is_file()


def test_a_wish_to_stop_that_comes_too_late_for_a_run_stops_the_next(tmp_path: Path):
    class Late(Silent):
        def epoch(self, record):
            self.stop_requested = record["step"] == 8

    tasks = tasks_of(["tiny"], "quick")
    store = RunStore(tmp_path)
    sweep = make_all(tasks, store=store, device="cpu", monitor=Late(), budget=600)
    assert (sweep.made, sweep.left) == (tuple(tasks[:1]), tuple(tasks[1:]))
    assert sweep.interrupted
    assert tasks[0].key in store


def test_test_pictures_are_not_needed_but_all_others_are(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
):
    def declare(**changes: object) -> None:
        changed = replace(run, **changes)  # type: ignore[arg-type]
        sizes = dict.fromkeys(("quick", "classroom", "paper"), (changed,))
        experiment = Experiment("tiny", "One", "none", sizes)
        monkeypatch.setitem(catalogue.EXPERIMENTS, "tiny", experiment)

    monkeypatch.setenv("VDSR_DATA_DIR", str(tmp_path / "no data"))
    options = {"store": RunStore(tmp_path / "runs"), "device": "cpu"}
    declare(test=(Pictures("urban100"),))
    assert make_all(tasks_of(["tiny"]), **options).left == ()
    declare(train_on=("t91",))
    with pytest.raises(DataError, match="vdsr data fetch t91"):
        make_all(tasks_of(["tiny"]), **options)
    declare(validate=Pictures("set5"))
    with pytest.raises(DataError, match="vdsr data fetch set5"):
        make_all(tasks_of(["tiny"]), **options)
    assert len(list(RunStore(tmp_path / "runs"))) == 1


def test_the_order_of_value_holds_every_experiment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    assert {name.partition(":")[0] for name in BY_VALUE} == set(EXPERIMENTS)
    tasks = tasks_of()
    every = {r.key() for each in EXPERIMENTS.values() for r in each.runs("paper")}
    assert {task.key for task in tasks} == every
    assert len(tasks) == len(every)
    assert str(tasks[0]) == "srcnn: SRCNN 9-1-5, x2"
    assert str(tasks[6]) == "ablation: T91"
    assert tasks[6].key == "65feca5cd9ffedb9"  # five experiments share it
    assert {str(task) for task in tasks} >= {"table3: VDSR"}
    assert "ablation: 291 + augmentation" not in {str(task) for task in tasks}


# Refuse what only notebooks, downloads and clusters need; then make a run.
BARE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {
            *("pooch", "requests", "IPython", "ipywidgets", "anywidget", "papermill"),
            *("matplotlib", "distributed", "dask", "nbformat", "jupyter_client"),
            *("psutil", "rich"),
        }:
            raise ModuleNotFoundError(f"{name} is refused here", name=name)

sys.meta_path.insert(0, Refuse())
from dataclasses import replace
from vdsr_lib.experiments import EXPERIMENTS, Experiment, RunStore, make_all, tasks_of
from vdsr_lib.experiments import record_experiment

run = EXPERIMENTS["clipping"].runs("quick")[0]
run = replace(run, training=replace(run.training, max_steps=2), patch_size=11)
made = Experiment("bare", "t", "s", dict.fromkeys(EXPERIMENTS["srcnn"].sizes, (run,)))
EXPERIMENTS["bare"] = made
store = RunStore(sys.argv[1])
assert make_all(tasks_of(["bare"]), store=store, device="cpu").left == ()
record_experiment("bare", store=store, output=sys.argv[1] + "/out", device="cpu")
"""


def test_training_and_recording_need_no_notebook_no_downloader_and_no_cluster(
    tmp_path: Path,
):
    done = subprocess.run(
        [sys.executable, "-c", BARE, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "bare.json").is_file()
