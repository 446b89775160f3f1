"""Races: where a run stood at the leader's steps and time, against sums by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from vdsr_lib.experiments import (
    ExperimentResult,
    Frames,
    get_experiment,
    race,
    race_curves,
    race_frames,
)
from vdsr_lib.training import History


def frames(steps: tuple[int, ...]) -> Frames:
    pictures = np.stack([np.full((4, 4), step, np.uint8) for step in steps])
    reference = np.full((4, 4), 200, np.uint8)
    return Frames(steps, pictures, reference, reference // 2)


@pytest.fixture
def result() -> ExperimentResult:
    """The leader takes 2 s a step and 10 steps; the rival 0.5 s and 30 steps."""
    seconds = {"leader": 20.0, "rival": 15.0}
    curves = {
        "leader": pd.DataFrame({"step": [0, 5, 10], "psnr_x3": [28.0, 27.0, 30.0]}),
        "rival": pd.DataFrame({"step": [0, 10, 20, 30], "psnr_x3": [8.0, 9, 10, 20]}),
    }
    runs = {name: {"provenance": {"seconds": s}} for name, s in seconds.items()}
    taken = {"leader": frames((0, 5, 10)), "rival": frames((0, 8, 16, 24, 30))}
    return ExperimentResult({"runs": runs}, pd.DataFrame(), curves, frames=taken)


def test_a_race_is_read_at_the_leaders_steps_and_time(result: ExperimentResult):
    table = race(result, "leader")
    assert table.index.name == "run"
    assert table.columns.tolist() == ["step_seconds", "same_steps", "same_time"]
    assert table.step_seconds.to_dict() == {"leader": 2.0, "rival": 0.5}
    assert table.loc["leader"].tolist() == [2.0, 30.0, 30.0]
    # 10 steps are a measurement; 20 s are 40 steps, and the rival ended at 30.
    assert table.loc["rival"].tolist() == [0.5, 9.0, 20.0]
    # The other way round: 15 s are 7.5 steps of the leader, half way from 27 to 30.
    assert race(result, "rival").loc["leader", "same_time"] == pytest.approx(28.5)


def test_the_curves_are_the_same_over_steps_and_over_seconds(result):
    panels = race_curves(result)
    by_step = panels["over training steps"]
    by_time = panels["over seconds of training"]
    np.testing.assert_array_equal(by_step["rival"][0], [0, 10, 20, 30])
    np.testing.assert_array_equal(by_time["rival"][0], [0, 5, 10, 15])
    np.testing.assert_array_equal(by_step["leader"][1], by_time["leader"][1])


def test_frames_of_the_rival_are_those_of_the_same_step_and_time(result):
    pictures, steps = race_frames(result, "leader", "rival")
    assert steps == [0, 5, 10]
    shown = {name: np.asarray(p)[..., 0, 0].tolist() for name, p in pictures.items()}
    rivals = ["rival, same steps", "rival, same time"]
    assert list(shown) == ["original", "bicubic", *rivals, "leader"]
    assert shown["leader"] == [0, 5, 10]
    assert shown["rival, same steps"] == [0, 8, 16]  # the first at or after 0, 5, 10
    assert shown["rival, same time"] == [0, 24, 30]  # 0, 20 and 40 steps; it has 30
    assert shown["original"] == 200
    assert shown["bicubic"] == 100


def test_a_step_that_a_quotient_of_times_misses_by_rounding_is_that_step(result):
    """10 steps in 1.1 s and 30 in 1.1 s: 5 of them are 15, and a little more."""
    for run in result.record["runs"].values():
        run["provenance"]["seconds"] = 1.1
    result.frames["rival"] = frames((0, 15, 30))
    assert 5 * (1.1 / 10) / (1.1 / 30) > 15
    pictures, _ = race_frames(result, "leader", "rival")
    assert pictures["rival, same time"][:, 0, 0].tolist() == [0, 15, 30]


@pytest.mark.parametrize("seen", [1, 2], ids=["at its start", "later"])
def test_a_run_that_diverged_has_no_standing_and_shows_black_at_its_end(result, seen):
    """Wherever it was measured before: its last score is not where it ended."""
    result.record["runs"]["leader"]["outcome"] = "diverged"
    result.histories["leader"] = History([{"epoch": 1, "step": 8}])
    result.curves["leader"] = result.curves["leader"].iloc[:seen]
    result.frames["leader"] = frames((0, 5)[:seen])
    table = race(result, "leader")
    assert table.loc["leader", ["same_steps", "same_time"]].isna().all()
    assert table.step_seconds["leader"] == 20 / 8
    assert table.same_steps["rival"] == pytest.approx(8.8)  # after eight steps
    pictures, steps = race_frames(result, "leader", "rival")
    assert steps == [*(0, 5)[:seen], 8]
    assert pictures["leader"][:, 0, 0].tolist() == [*(0, 5)[:seen], 0]
    over = race_curves(result)["over seconds of training"]["leader"][0]
    np.testing.assert_allclose(over, [0, 12.5][:seen])
    turned, _ = race_frames(result, "rival", "leader")
    assert not turned["leader, same steps"][-1].any()


def test_a_run_without_frames_or_of_no_such_name_is_refused(result):
    del result.frames["rival"]
    with pytest.raises(ValueError, match="the run 'rival' kept no frames"):
        race_frames(result, "leader", "rival")
    with pytest.raises(ValueError, match="no run 'winner'; there are leader, rival"):
        race(result, "winner")


@pytest.mark.parametrize("profile", ["quick", "classroom", "paper"])
def test_bicubic_is_known_on_the_pictures_that_the_curves_are_drawn_from(profile):
    # Else the level in the figure, and the distance from it at the start, are those of
    # other pictures: at full size the curves are BSDS500's, and Set5 is the test.
    for run in get_experiment("side_by_side").runs(profile):
        assert replace(run.test[0], scales=run.validate.scales) == run.validate
        assert run.test[0].scales == (2, 3, 4)
    assert run.test[-1].dataset == ("set5" if profile == "paper" else "embedded-test")
