"""The one bar over all runs: where it stands after each event."""

from __future__ import annotations

import pytest

from vdsr_lib.experiments.progress import ExperimentBar
from vdsr_lib.training import History, TrainingConfig


def place(bar: ExperimentBar) -> float:
    """How much of the work the bar shows as done."""
    return bar._bar.n


def train(bar: ExperimentBar, *steps: int, finished: bool = True) -> None:
    """Tell the bar what a training of 10 steps would."""
    bar.start(TrainingConfig(), 10)
    for step in steps:
        bar.step({"step": step, "loss": 0.5})
    bar.finish(History(finished=finished))


def test_the_bar_fills_by_the_costs_of_runs_and_within_them(
    capsys: pytest.CaptureFixture[str],
):
    with ExperimentBar([1, 0, 3]) as bar:
        bar.begin_run("residual, rate 0.1")
        bar.start(TrainingConfig(), 10)
        bar.step({"step": 5, "loss": 0.25})
        assert place(bar) == pytest.approx(0.125)
        bar.finish(History(finished=True))
        assert place(bar) == pytest.approx(0.25)
        bar.begin_run("found in the store")  # and not trained
        bar.begin_run("plain")
        assert place(bar) == pytest.approx(0.25)
        train(bar, 1)
        assert place(bar) == pytest.approx(1)
    written = capsys.readouterr().err
    assert "run 1 of 3: residual, rate 0.1" in written
    assert "run 3 of 3: plain" in written
    assert written.rstrip().splitlines()[-1].count("100%") >= 1


def test_runs_that_were_all_found_fill_the_bar():
    with ExperimentBar([2, 2]) as bar:
        bar.begin_run("one")
        bar.begin_run("two")
    assert place(bar) == 1


def test_a_bar_that_an_error_ends_is_not_filled():
    bar = ExperimentBar([2, 2])
    bar.begin_run("one")
    train(bar, 4, finished=False)
    bar.__exit__(RuntimeError)
    assert place(bar) == pytest.approx(0.2)


def test_a_run_that_goes_on_moves_and_does_not_count_what_was_there(
    capsys: pytest.CaptureFixture[str], clock: list[float]
):
    """tqdm waits for as much again as one update brought, and counts all as speed."""
    bar = ExperimentBar([1, 1])
    bar.begin_run("one")
    bar.start(TrainingConfig(), 1000)
    for step in (601, 602, 603):
        clock[0] += 10
        bar.step({"step": step, "loss": float(step)})
    assert "loss 603" in capsys.readouterr().err
    told = bar._bar.format_dict
    assert (told["n"] - told["initial"]) * 2000 == pytest.approx(3)
    assert told["elapsed"] == 30
    bar.finish(History(finished=True))
    bar.begin_run("two")
    bar.start(TrainingConfig(), 1000)
    clock[0] += 10
    bar.step({"step": 1, "loss": 7.0})  # this one begins, and all of it counts
    assert "loss 7" in capsys.readouterr().err
    told = bar._bar.format_dict
    assert (told["n"] - told["initial"]) * 2000 == pytest.approx(401)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that tqdm reads."""
    now = [1000.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    return now
