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


def random_curve(count, *, capacity):
    """Return random losses, and the points that a trace makes of them."""
    losses = np.random.default_rng(count).uniform(0.5, 1.5, count)
    trace = Trace(capacity=capacity)
    for step, loss in enumerate(losses, 1):
        trace.add(row(step, loss=loss))
    return losses, trace.columns()


@pytest.mark.parametrize("count", [7, 8, 9, 16, 17, 33, 100])
def test_a_long_curve_keeps_the_mean_of_every_reading(count):
    """Each point stands for equally many readings, so the weighted mean is exact."""
    losses, points = random_curve(count, capacity=8)
    width = next(2**k for k in range(9) if count // 2**k <= 8)  # 8 full points
    expected = [losses[i : i + width].mean() for i in range(0, count, width)]
    assert len(points["loss"]) == math.ceil(count / width) <= 9
    np.testing.assert_allclose(points["loss"], expected, rtol=1e-3)
    steps = np.arange(1, count + 1)
    places = [steps[i : i + width].mean() for i in range(0, count, width)]
    np.testing.assert_allclose(points["step"], places, rtol=1e-3)


def test_one_spike_among_many_readings_survives_in_few_points():
    count, trace = 120_001, Trace()
    for step in range(1, count + 1):
        loss = {40_000: 1000.0, 80_000: 1e-6}.get(step, 1.0)
        trace.add(row(step, loss=loss))
    points = trace.columns()
    assert len(points["step"]) <= 241
    assert points["readings"] == 512
    assert len(json.dumps(points)) < 20_000
    for part, extreme, at in (("high", max, 40_000), ("low", min, 80_000)):
        values = points[part]["loss"]
        assert extreme(values) == {"high": 1000.0, "low": 1e-6}[part]
        place = values.index(extreme(values))
        assert points["step"][place] == pytest.approx(at, abs=256)
        others = values[:place] + values[place + 1 :]
        assert set(others) == {1.0}
    assert max(points["loss"]) == pytest.approx(1 + 999 / 512, rel=1e-3)


@pytest.mark.parametrize("count", [5, 17, 100])
def test_extremes_are_those_of_the_readings_behind_a_point(count):
    losses, points = random_curve(count, capacity=4)
    width = points["readings"]
    for i in range(len(points["step"])):
        behind = losses[i * width : (i + 1) * width]
        assert points["low"]["loss"][i] == pytest.approx(behind.min(), rel=1e-3)
        assert points["high"]["loss"][i] == pytest.approx(behind.max(), rel=1e-3)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize("lost", [math.nan, math.inf])
def test_a_reading_that_is_no_number_hides_no_extreme_wherever_it_stands(place, lost):
    """Its point has no mean; lowest and highest are those of the numbers beside it."""
    losses = [4.0, 2.0, 3.0]
    losses.insert(place, lost)
    trace = Trace(["loss"], capacity=2)
    for step, loss in enumerate([*losses, 1.0, 1.0, 1.0, 1.0], 1):
        trace.add({"step": step, "loss": loss})
    columns = trace.columns()
    assert columns["readings"] == 4
    assert columns["loss"] == [None, 1.0]
    assert (columns["low"]["loss"], columns["high"]["loss"]) == ([2.0, 1.0], [4.0, 1.0])


def test_a_point_without_any_number_has_no_extremes():
    trace = Trace(["loss"], capacity=2)
    for step in range(1, 5):
        trace.add({"step": step, "loss": math.nan if step < 3 else 5.0})
    columns = trace.columns()
    assert columns["low"]["loss"] == columns["high"]["loss"] == [None, 5.0]


def test_infinities_of_both_signs_are_a_gap():
    """Their sum has no value, at which the mean of a point stopped the training."""
    trace = Trace(["loss"], capacity=2)
    for step, loss in enumerate((math.inf, -math.inf, 1.0, 3.0), 1):
        trace.add({"step": step, "loss": loss})
    assert trace.columns()["loss"] == [None, 2.0]


def test_steps_far_from_the_beginning_are_told_apart():
    trace = Trace()
    for step in (1_234_567, 1_234_568):
        trace.add(row(step))
    assert trace.columns()["step"] == [1_234_567, 1_234_568]


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
        Trace(capacity=capacity)


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


def test_many_validations_keep_their_extremes_their_ends_and_few_points():
    course = Course(Clock())
    course.start(total=3000, epochs=1)
    for step in range(3000):
        decibels = 50.0 if step == 777 else 30 + step / 3000
        course.look(step, {"psnr_x2": decibels}, {"psnr_x2": 30.0})
    entry = course.runs[0]
    assert len(entry["steps"]) == len(entry["scores"]["psnr_x2"]) <= 241
    assert max(entry["band"]["high"]["psnr_x2"]) == 50
    assert entry["ends"] == {"psnr_x2": [30.0, 31.0]}
    assert entry["seen"] == 2999
    assert len(json.dumps(entry)) < 20_000


def test_few_validations_are_kept_as_they_were():
    course = Course(Clock())
    course.start(total=3, epochs=1)
    course.look(1, {"psnr_x2": 30.0}, {})
    assert course.runs[0]["band"] == {}


def test_the_curves_of_many_trainings_stay_few_points_together():
    course = Course(Clock())
    names = [f"run {i}" for i in range(200)]
    course.lay_out(names, [1.0] * 200)
    for _ in names:
        course.advance()
        course.start(total=500, epochs=1)
        for step in range(500):
            course.step(row(step))
        course.finish(finished=True)
    lengths = [len(curves["step"]) for curves in course.past]
    assert min(lengths) >= 13
    assert sum(lengths) <= 200 * 31


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
