"""The curves, the pace and the course behind a live monitor."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from vdsr_lib.widgets.course import Course
from vdsr_lib.widgets.traces import Pace, Trace, short


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def row(step, loss=1.0, norm=2.0, share=0.5):
    """A step as `train` reports it."""
    return {
        "epoch": 1, "step": step, "learning_rate": 0.1,
        "loss": loss, "gradient_norm": norm, "clipped_share": share,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123456, 0.1235), (123456.0, 123500.0), (0.0, 0.0), (-2.0, -2.0)],
)
def test_numbers_are_short(value, text):
    assert short(value) == text


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_none(lost):
    assert short(lost) is None


def test_a_short_curve_keeps_every_reading():
    trace = Trace()
    for step in range(1, 6):
        trace.add(row(step, loss=step / 10))
    columns = trace.columns()
    assert columns["step"] == [1, 2, 3, 4, 5]
    assert columns["loss"] == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert columns["clipped_share"] == [0.5] * 5


@pytest.mark.parametrize("count", [7, 8, 9, 16, 17, 33, 100])
def test_a_long_curve_keeps_the_mean_of_every_reading(count):
    """Each point stands for equally many readings, so the weighted mean is exact."""
    losses = np.random.default_rng(count).uniform(0.5, 1.5, count)
    trace = Trace(capacity=8)
    for step, loss in enumerate(losses, 1):
        trace.add(row(step, loss=loss))
    points = trace.columns()
    width = next(2**k for k in range(9) if count // 2**k <= 8)  # 8 full points
    expected = [losses[i : i + width].mean() for i in range(0, count, width)]
    assert len(points["loss"]) == math.ceil(count / width) <= 9
    np.testing.assert_allclose(points["loss"], expected, rtol=1e-3)
    steps = np.arange(1, count + 1)
    places = [steps[i : i + width].mean() for i in range(0, count, width)]
    np.testing.assert_allclose(points["step"], places, rtol=1e-3)


def test_a_lost_reading_is_a_gap():
    trace = Trace()
    trace.add(row(1))
    trace.add(row(2, loss=math.nan, norm=math.inf))
    columns = trace.columns()
    assert columns["loss"] == [1, None]
    assert columns["gradient_norm"] == [2, None]
    json.dumps(columns, allow_nan=False)


@pytest.mark.parametrize("capacity", [0, 1, 7])
def test_a_capacity_that_cannot_be_halved_is_refused(capacity):
    with pytest.raises(ValueError, match=f"even and at least 2, got {capacity}"):
        Trace(capacity)


def test_the_time_left_follows_from_what_is_done():
    clock = Clock()
    pace = Pace(clock)
    assert pace.left(0.0) is None
    clock.now += 10
    assert pace.left(0.005) is None  # too early to say
    clock.now += 10
    assert pace.left(0.25) == pytest.approx(60)  # 20 s for a quarter
    assert pace.left(1.0) == 0
    assert pace.elapsed == 20


def test_what_an_earlier_training_did_took_no_time_here():
    clock = Clock()
    pace = Pace(clock)
    pace.left(0.5)  # goes on from the middle
    clock.now += 30
    assert pace.left(0.75) == pytest.approx(30)


def test_a_training_alone_goes_from_waiting_to_finished():
    course = Course(Clock())
    course.start(total=4, epochs=2)
    assert course.entry["state"] == "running"
    course.step(row(2))
    moment = course.moment()
    assert moment["progress"] == 0.5
    assert moment["trace"]["step"] == [2]
    assert moment["now"] == {
        "epoch": 1, "step": 2, "learning_rate": 0.1, "loss": 1, "gradient_norm": 2,
        "clipped_share": 0.5, "total": 4, "epochs": 2, "current": 0,
    }  # fmt: skip
    assert course.finish(finished=True) == "finished"
    assert course.past[0]["step"] == [2]
    assert course.progress == 1
    course.start(total=4, epochs=2)  # the next one
    assert [run["name"] for run in course.runs] == ["training", "training 2"]


def test_a_stopped_training_says_so_and_keeps_its_place():
    course = Course(Clock())
    course.start(total=10, epochs=1)
    course.step(row(3))
    assert course.finish(finished=False) == "stopped"
    assert course.progress == pytest.approx(0.3)


def test_validations_are_kept_once_with_bicubic_s_scores():
    course = Course(Clock())
    course.start(total=10, epochs=1)
    course.look(0, {"psnr_x2": 30.12345}, {"psnr_x2": 30.0, "ssim_x2": 0.9})
    course.look(5, {"psnr_x2": math.nan}, {"psnr_x2": 30.0})
    course.look(5, {"psnr_x2": 31.0}, {"psnr_x2": 30.0})  # the same step again
    course.look(7, {}, {})  # nothing was measured
    entry = course.runs[0]
    assert entry["steps"] == [0, 5]
    assert entry["scores"] == {"psnr_x2": [30.123, None]}
    assert entry["baseline"] == {"psnr_x2": 30.0}


def test_an_experiment_moves_by_what_its_runs_cost():
    clock = Clock()
    course = Course(clock)
    course.lay_out(["there", "short", "long"], [0.0, 1.0, 3.0])
    course.begin()
    course.advance()  # "there" is in the store: it never starts
    course.advance()
    assert [run["state"] for run in course.runs] == ["found", "waiting", "waiting"]
    course.start(total=10, epochs=1)
    course.step(row(5))
    assert course.progress == pytest.approx(0.125)
    course.finish(finished=True)
    assert course.progress == pytest.approx(0.25)
    course.advance()
    assert course.progress == pytest.approx(0.25)
    course.start(total=10, epochs=1)
    course.fail("failed", "DivergedError: it diverged")
    course.finish(finished=False)
    assert course.runs[2]["message"] == "DivergedError: it diverged"
    course.end(done=True)
    assert course.progress == 1
    assert [run["state"] for run in course.runs] == ["found", "finished", "failed"]


def test_an_experiment_that_was_stopped_keeps_its_place():
    course = Course(Clock())
    course.lay_out(["a", "b"], [1.0, 1.0])
    course.begin()
    course.advance()
    course.start(total=10, epochs=1)
    course.step(row(5))
    course.finish(finished=False)
    course.end(done=False)
    assert course.progress == pytest.approx(0.25)
    assert [run["state"] for run in course.runs] == ["stopped", "waiting"]


def test_runs_that_workers_make_move_the_whole():
    course = Course(Clock())
    course.lay_out(["a", "b"], [1.0, 3.0])
    course.begin()
    course.spread([1.0, 0.5])
    assert course.progress == pytest.approx(0.625)
    course.end(done=True)
    assert [run["state"] for run in course.runs] == ["found", "found"]


def test_what_is_handed_out_does_not_change_afterwards():
    course = Course(Clock())
    course.start(total=10, epochs=1)
    before = course.rest()
    course.look(1, {"psnr_x2": 30.0}, {})
    course.notes.append("bfloat16")
    assert before["runs"][0]["steps"] == []
    assert before["notes"] == []
