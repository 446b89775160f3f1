"""An experiment and its live monitor: what is told, and what a stop leaves behind."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vdsr_lib.experiments import RunStore, StoppedError, run_experiment
from vdsr_lib.experiments.declare import Experiment
from vdsr_lib.widgets import LiveMonitor
from vdsr_lib.widgets.content import decoded


def test_a_monitor_sees_every_run_from_step_0(experiment: Experiment, tmp_path: Path):
    watching = LiveMonitor(live=True)
    watching.seconds_between_steps = 0
    result = run_experiment(experiment, store=tmp_path, device="cpu", monitor=watching)
    assert (watching.status, watching.progress) == ("finished", 1)
    assert [run["name"] for run in watching.runs] == ["tiny", "plain"]
    for i, run in enumerate(watching.runs):
        rows = result.histories[run["name"]].validations
        assert run["state"] == "finished"
        assert run["steps"] == [row["step"] for row in rows]
        assert run["steps"][0] == 0
        measured = [row["psnr_x2"] for row in rows]
        assert run["scores"]["psnr_x2"] == pytest.approx(measured, abs=1e-3)
        assert run["baseline"]["psnr_x2"] > 0
        assert watching.past[i]["step"][-1] == 8
        frames = result.frames[run["name"]]
        np.testing.assert_array_equal(decoded(watching.frames[i]), frames.pictures[-1])
        np.testing.assert_array_equal(decoded(watching.reference), frames.reference)
        np.testing.assert_array_equal(decoded(watching.bicubic), frames.bicubic)


def test_runs_that_are_in_the_store_are_shown_as_found(
    experiment: Experiment, tmp_path: Path
):
    run_experiment(experiment, store=tmp_path, device="cpu", monitor=LiveMonitor())
    watching = LiveMonitor(live=True)
    run_experiment(experiment, store=tmp_path, device="cpu", monitor=watching)
    assert [run["state"] for run in watching.runs] == ["found", "found"]
    assert (watching.status, watching.progress) == ("finished", 1)


class Stopping(LiveMonitor):
    """A monitor whose button is pressed at the fifth step."""

    def step(self, record):
        super().step(record)
        self.stop_requested = record["step"] >= 5


def test_a_stopped_experiment_goes_on_from_where_it_was(
    experiment: Experiment, tmp_path: Path
):
    watching = Stopping(live=True)
    watching.seconds_between_steps = 0
    with pytest.raises(StoppedError, match="'tiny' was stopped"):
        run_experiment(experiment, store=tmp_path, device="cpu", monitor=watching)
    assert watching.status == "stopped"
    assert [run["state"] for run in watching.runs] == ["stopped", "waiting"]
    again = LiveMonitor(live=True)
    again.seconds_between_steps = 0
    result = run_experiment(experiment, store=tmp_path, device="cpu", monitor=again)
    assert again.past[0]["step"][0] == 6  # the first five are not made again
    whole = run_experiment(
        experiment, store=tmp_path / "other", device="cpu", monitor=LiveMonitor()
    )
    assert result.table.psnr.tolist() == whole.table.psnr.tolist()


def test_a_stopped_quick_experiment_keeps_its_temporary_folder(
    experiment: Experiment,
):
    watching = Stopping(live=True)
    watching.seconds_between_steps = 0
    with pytest.raises(StoppedError, match="if it is given store=") as caught:
        run_experiment(experiment, device="cpu", monitor=watching)
    folder = Path(re.search(r"store='(.*)'", str(caught.value))[1])
    again = LiveMonitor(live=True)
    again.seconds_between_steps = 0
    run_experiment(experiment, store=folder, device="cpu", monitor=again)
    assert again.past[0]["step"][0] == 6
    assert len(list(RunStore(folder))) == 2
    shutil.rmtree(folder)


def test_an_experiment_that_fails_says_so_in_the_monitor(
    experiment: Experiment, tmp_path: Path
):
    class Failing(LiveMonitor):
        def step(self, record):
            raise OSError("no space left on the device")

    watching = Failing(live=True)
    with pytest.raises(OSError, match="no space left"):
        run_experiment(experiment, store=tmp_path, device="cpu", monitor=watching)
    said = "OSError: no space left on the device"
    assert (watching.status, watching.problem) == ("failed", said)


def test_a_run_that_diverges_is_shown_and_the_next_one_goes_on(
    experiment: Experiment, tmp_path: Path
):
    first, second = experiment.runs("quick")
    wild = first.training.to_dict() | {"clipping": "none", "learning_rate": 1e12}
    broken = replace(first, training=type(first.training)(**wild), watch=None)
    sizes = dict.fromkeys(("quick", "classroom", "paper"), (broken, second))
    watching = LiveMonitor(live=True)
    run_experiment(
        replace(experiment, sizes=sizes),
        store=tmp_path,
        device="cpu",
        monitor=watching,
    )
    assert [run["state"] for run in watching.runs] == ["failed", "finished"]
    assert watching.runs[0]["message"].startswith("DivergedError: ")
    assert (watching.status, watching.problem) == ("finished", "")
