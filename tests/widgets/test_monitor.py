"""The live monitor without a browser: its traits, its callbacks, its output."""

from __future__ import annotations

import json
import math
import re
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from vdsr_lib.experiments import StoppedError
from vdsr_lib.images import crop_to_multiple, degrade, to_luma, to_uint8
from vdsr_lib.metrics import psnr
from vdsr_lib.models import VDSR
from vdsr_lib.patches import PatchSet
from vdsr_lib.training import DivergedError, History, TrainingConfig, train
from vdsr_lib.widgets import LiveMonitor, cells, monitor
from vdsr_lib.widgets.content import decoded
from vdsr_lib.widgets.pictured import page_source

WIDGET = "application/vnd.jupyter.widget-view+json"


class Clock:
    """A clock that goes on by a fixed time at each reading."""

    def __init__(self, tick: float = 0.0) -> None:
        self.now, self.tick = 0.0, tick

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


def row(step, loss=1.0):
    """A step as `train` reports it."""
    return {
        "epoch": 1, "step": step, "learning_rate": 0.1,
        "loss": loss, "gradient_norm": 2.0, "clipped_share": 0.5,
    }  # fmt: skip


def record_changes(watched):
    """Return a list that grows by (trait, value) with each change."""
    changes = []
    watched.observe(lambda change: changes.append((change["name"], change["new"])))
    return changes


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    """A smooth grey picture of 61 x 80 pixels."""
    y, x = np.mgrid[:61, :80]
    return (90 + 40 * np.sin(x / 2) + 40 * np.cos(y / 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def patches(scene) -> PatchSet:
    """Pairs of 9 x 9 pixels, 70 of them."""
    return PatchSet.from_images([scene] * 2, (2,), patch_size=9)


def trained(patches, watching, **changes):
    """Train a tiny network under a monitor."""
    torch.manual_seed(0)
    config = TrainingConfig.paper(**{"max_steps": 6, "validate_every": 2, **changes})
    return train(VDSR(3, 8), patches, config, monitor=watching, device="cpu")


def test_a_training_leaves_its_curves_in_the_traits(patches):
    watching = LiveMonitor(live=True, clock=Clock(1.0))
    history = trained(patches, watching)
    assert watching.status == "finished"
    assert watching.progress == 1
    assert watching.left is None
    [entry], [curves] = watching.runs, watching.past
    assert entry["state"] == "finished"
    assert curves["step"][-1] == 6
    assert set(curves["step"]) <= {1, 2, 3, 4, 5, 6}
    assert all(value > 0 for value in curves["loss"])
    assert (watching.now["step"], watching.now["total"]) == (6, 6)
    assert watching.notes == [history.precision]
    assert entry["scores"] == {}  # nothing validates
    json.dumps(watching.get_state(watching.keys), default=lambda _: "bytes")


def test_the_last_point_is_drawn_however_seldom_steps_are_told(patches):
    watching = LiveMonitor(live=True)
    watching.seconds_between_steps = 1e9
    history = trained(patches, watching, batch_size=10, validate_every=None)
    assert [row["step"] for row in history.epochs] == [6]  # of the 7 in an epoch
    assert watching.past[0]["step"] == [6]
    assert watching.now["epoch"] == 1


def test_the_page_is_told_at_most_four_times_a_second():
    clock = Clock()
    watching = LiveMonitor(live=True, clock=clock)
    watching.start(TrainingConfig.paper(), 1000)
    told = []
    watching.observe(lambda _: told.append(clock.now), "now")
    for step in range(1, 1001):  # ten seconds of training, a hundred steps in each
        clock.now += 0.01
        watching.step(row(step))
    assert 36 <= len(told) <= 40
    for moment in told:
        assert sum(moment <= other < moment + 0.999 for other in told) <= 4
    watching.finish(History(finished=True))
    assert watching.past[0]["step"][-1] == pytest.approx(1000, abs=8)


def test_the_time_left_and_the_progress_are_told():
    clock = Clock()
    watching = LiveMonitor(live=True, clock=clock)
    watching.start(TrainingConfig.paper(), 100)
    for step in range(1, 51):
        clock.now += 1
        watching.step(row(step))
    assert watching.progress == 0.5
    assert watching.elapsed == 50
    assert watching.left == pytest.approx(50)


def test_validations_draw_scores_beside_bicubic_s(patches):
    watching = LiveMonitor(live=True)
    scores = iter([30.5, 30.75, 31.0])

    def validate(model):
        assert not model.training
        return {"psnr_x2": next(scores), "ssim_x2": 0.9}

    torch.manual_seed(0)
    config = TrainingConfig.paper(max_steps=6, validate_every=2)
    known = {"psnr_x2": 30.0, "ssim_x2": 0.8}
    model = VDSR(3, 8)
    train(
        model, patches, config, validate=validate, baseline=known,
        monitor=watching, device="cpu",
    )  # fmt: skip
    [entry] = watching.runs
    assert entry["steps"] == [2, 4, 6]
    assert entry["scores"] == {"psnr_x2": [30.5, 30.75, 31.0]}
    assert entry["baseline"] == {"psnr_x2": 30.0}
    assert watching.frames == [b""]


def test_a_picture_that_is_given_is_watched(patches, scene):
    box = (8, 16, 24, 32)
    watching = LiveMonitor(scene, scale=2, box=box, live=True)
    trained(patches, watching)
    luma = crop_to_multiple(to_luma(scene), 2)
    true, given = luma[8:32, 16:48], to_uint8(degrade(luma, 2))[8:32, 16:48]
    np.testing.assert_array_equal(decoded(watching.reference), true)
    np.testing.assert_array_equal(decoded(watching.bicubic), given)
    [entry] = watching.runs
    shown = decoded(watching.frames[0])
    [decibels] = entry["scores"].values()
    assert entry["steps"] == [2, 4, 6]
    assert decibels[-1] == pytest.approx(psnr(true, shown), abs=1e-3)
    [level] = entry["baseline"].values()
    assert level == pytest.approx(psnr(true, given), abs=5e-3)


def test_the_middle_is_watched_if_no_box_is_given(scene):
    assert monitor._middle((400, 300, 3)) == (144, 94, 112, 112)
    assert monitor._middle(scene.shape) == (2, 0, 56, 80)
    assert monitor._middle((5, 5)) == (2, 2, 1, 1)


@pytest.mark.parametrize(
    ("options", "says"),
    [({"box": (50, 0, 24, 24)}, "leaves the picture"), ({"scale": 0}, "scale")],
)
def test_a_picture_that_cannot_be_watched_is_refused_before_training(
    scene, options, says
):
    with pytest.raises(ValueError, match=says):
        LiveMonitor(scene, **options)


def test_several_trainings_are_drawn_over_one_another(patches):
    watching = LiveMonitor(live=True)
    watching.begin_run("first")
    trained(patches, watching, max_steps=2)
    trained(patches, watching, max_steps=2)
    assert [run["name"] for run in watching.runs] == ["first", "training 2"]
    assert [run["state"] for run in watching.runs] == ["finished"] * 2
    assert all(curves["step"] for curves in watching.past)


# ------------------------------------------------------------------------ stopping


def test_the_button_stops_the_training_it_was_pressed_for(patches):
    class Pressed(LiveMonitor):
        def step(self, record):
            super().step(record)
            if record["step"] == 3:
                self._hear(self, {"do": "stop", "turn": self.turn}, [])
                assert self.status == "stopping"

    watching = Pressed(live=True)
    watching.seconds_between_steps = 0
    history = trained(patches, watching, max_steps=None, epochs=1000)
    assert not history.finished
    assert history.epochs[-1]["step"] == 3  # everything until then is there
    assert watching.status == watching.runs[0]["state"] == "stopped"
    assert watching.past[0]["step"] == [1, 2, 3]


def test_a_press_for_another_training_is_not_heard():
    watching = LiveMonitor(live=True)
    watching.start(TrainingConfig.paper(), 10)
    watching._hear(watching, {"do": "stop", "turn": watching.turn - 1}, [])
    watching._hear(watching, {"do": "something"}, [])
    watching._hear(watching, "stop", [])
    assert not watching.stop_requested
    watching.finish(History(finished=True))
    watching._hear(watching, {"do": "stop", "turn": watching.turn}, [])
    assert not watching.stop_requested


def test_a_new_training_forgets_the_old_wish_to_stop(patches):
    watching = LiveMonitor(live=True)
    watching.stop_requested = True
    assert trained(patches, watching, max_steps=2).finished


def test_a_wish_between_two_runs_of_an_experiment_is_kept():
    watching = LiveMonitor(live=True)
    watching.begin_runs(["a", "b"], [1, 1])
    watching.begin_run("a")
    watching.stop_requested = True
    watching.start(TrainingConfig.paper(), 10)
    assert watching.stop_requested
    assert watching.status == "stopping"


# ------------------------------------------------------------------------ exceptions


def test_an_exception_is_shown_and_raised(patches):
    watching = LiveMonitor(live=True)
    watching.seconds_between_steps = 0

    def broken(_model):
        raise ZeroDivisionError("no picture to divide by")

    config = TrainingConfig.paper(max_steps=4, validate_every=2)
    with pytest.raises(ZeroDivisionError):
        train(
            VDSR(3, 8), patches, config, validate=broken,
            monitor=watching, device="cpu",
        )  # fmt: skip
    assert watching.status == "failed"
    said = "ZeroDivisionError: no picture to divide by"
    assert watching.runs[0]["message"] == said
    assert watching.past[0]["step"] == [1, 2]


def test_a_divergence_is_shown_with_its_reason(patches):
    watching = LiveMonitor(live=True)
    watching.seconds_between_steps = 0
    with pytest.raises(DivergedError):
        trained(patches, watching, clipping="none", learning_rate=1e9, max_steps=50)
    assert watching.status == "failed"
    assert watching.runs[0]["message"].startswith("DivergedError: ")
    json.dumps(watching.past, allow_nan=False)


def test_an_interruption_is_a_stop():
    watching = LiveMonitor(live=True)
    watching.start(TrainingConfig.paper(), 10)
    watching.fail(KeyboardInterrupt())
    watching.finish(History())
    assert (watching.status, watching.runs[0]["message"]) == ("stopped", "")


@pytest.mark.parametrize(
    ("error", "status", "problem"),
    [
        (None, "finished", ""),
        (StoppedError("stopped"), "stopped", ""),
        (KeyboardInterrupt(), "stopped", ""),
        (OSError("the disk is full"), "failed", "OSError: the disk is full"),
        (RuntimeError(), "failed", "RuntimeError"),
    ],
)
def test_an_experiment_ends_as_it_went(error, status, problem):
    watching = LiveMonitor(live=True)
    watching.begin_runs(["a"], [1.0])
    watching.begin_run("a")
    watching.start(TrainingConfig.paper(), 10)
    watching.finish(History(finished=error is None))
    assert watching.status == "running"  # its end is still to come
    watching.end_runs(error)
    assert (watching.status, watching.problem) == (status, problem)
    assert problem in watching.description


def test_a_callback_that_fails_is_not_swallowed(patches, scene, monkeypatch):
    watching = LiveMonitor(scene, live=True)

    def broken(_picture):
        raise OSError("no room for a picture")

    monkeypatch.setattr(monitor, "png_bytes", broken)
    with pytest.raises(OSError, match="no room"):
        trained(patches, watching)
    assert watching.status == "failed"


# ------------------------------------------------------------------------ the output


def test_while_it_runs_the_output_is_the_widget_alone():
    watching = LiveMonitor(live=True)
    watching.start(TrainingConfig.paper(), 10)
    data, _ = watching._repr_mimebundle_()
    assert WIDGET in data
    assert "image/png" not in data


def test_afterwards_it_carries_a_picture_with_words(
    patches, scene, carries_a_picture_with_words
):
    watching = LiveMonitor(scene, live=True)
    trained(patches, watching)
    assert repr(watching) == "LiveMonitor(finished)  # 1 run"
    carries_a_picture_with_words(watching)
    png, width, height = watching._static()
    picture = Image.open(BytesIO(png))
    assert picture.size == (2 * width, 2 * height)
    assert np.asarray(picture.convert("L")).std() > 10  # all curves, and the detail


def test_its_picture_tells_trainings_apart_without_colour():
    from vdsr_lib.widgets.monitor_picture import _drawing

    steps = list(range(40))
    run = {"scores": {"psnr": steps}, "steps": steps, "baseline": {}, "band": {}}
    facts = {
        "runs": [{"name": f"training {i}", **run} for i in range(4)],
        "past": [{"step": steps, "loss": [i + 1 for _ in steps]} for i in range(4)],
        "frames": [b""] * 4,
        "score": "psnr",
    }
    for axes in _drawing(facts).axes:
        assert len({line.get_marker() for line in axes.lines} - {"", "None"}) == 4


def test_its_picture_holds_a_spike_among_many_readings():
    from vdsr_lib.widgets.monitor_picture import _drawing

    watching = LiveMonitor(live=True)
    watching.start(TrainingConfig.paper(), 5000)
    for step in range(1, 5001):
        watching.step(row(step, loss=500.0 if step == 1234 else 1.0))
        decibels = {"psnr": 90.0 if step == 1234 else 30.0}
        watching._course.look(step, decibels, {})
    watching.finish(History(finished=True))
    for axes, highest in zip(_drawing(watching._facts()).axes, (500, 90), strict=True):
        assert max(line.get_ydata().max() for line in axes.lines) < highest / 2
        [band] = axes.collections
        assert band.get_paths()[0].vertices[:, 1].max() == highest
    assert "PSNR 30.00 to 30.00 dB" in watching.description


def test_the_words_tell_how_each_training_went(patches):
    watching = LiveMonitor(live=True, clock=Clock(0.5))
    watching.begin_run("gentle")
    history = trained(patches, watching, max_steps=4)
    words = watching.description
    assert words.startswith("One training, finished after ")
    first, last = watching.past[0]["loss"][0], watching.past[0]["loss"][-1]
    assert f"gentle: loss {first:.3g} to {last:.3g}." in words
    assert history.finished
    watching.begin_run("broken")
    watching.start(TrainingConfig.paper(), 10)
    watching.fail(ValueError("why"))
    watching.finish(History())
    assert watching.description.startswith("2 trainings, failed after ")


def test_nothing_to_draw_is_drawn_too():
    watching = LiveMonitor(live=True)
    watching.start(TrainingConfig.paper(), 10)
    watching.step(row(1, loss=math.nan))
    watching.finish(History())
    assert watching.to_png().startswith(b"\x89PNG")


def test_a_page_of_its_own_holds_the_curves(patches, tmp_path):
    watching = LiveMonitor(live=True)
    trained(patches, watching)
    page = watching.to_html(tmp_path / "page.html")
    assert "<title>Training</title>" in page
    assert "The page side of `LiveMonitor`" in page


# ------------------------------------------------------------------------ where it is


class Bar:
    """A progress bar that only writes down what it is told."""

    def __init__(self, calls: list, *made_with) -> None:
        self.calls = calls
        calls.append(("made", *made_with))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.calls.append(("closed", kind))

    def __getattr__(self, name):
        return lambda *given: self.calls.append((name, *given))


@pytest.fixture
def bar(monkeypatch) -> list:
    """What the bars of a monitor are told."""
    calls: list = []
    for name in ("ProgressBar", "ExperimentBar"):
        monkeypatch.setattr(monitor, name, lambda *given: Bar(calls, *given))
    return calls


def test_outside_a_notebook_it_is_a_progress_bar(patches, bar):
    watching = LiveMonitor()
    changes = record_changes(watching)
    trained(patches, watching)
    told = [name for name, *_ in bar]
    assert told[:3] == ["made", "start", "note"]
    assert told[-1] == "finish"
    assert {"step", "epoch"} <= set(told)
    assert len([name for name, _ in changes if name == "now"]) == 1  # at the end
    assert watching.runs[0]["state"] == "finished"


def test_while_it_draws_there_is_no_bar(patches, bar):
    trained(patches, LiveMonitor(live=True))
    assert bar == []


def test_outside_a_notebook_an_experiment_has_one_bar(bar):
    watching = LiveMonitor()
    watching.begin_runs(["a", "b"], [1.0, 2.0])
    for name in "ab":
        watching.begin_run(name)
        watching.start(TrainingConfig.paper(), 10)
        watching.step(row(10))
        watching.finish(History(finished=True))
    watching.spread([1.0, 1.0], 0)
    watching.end_runs(None)
    assert bar[0] == ("made", [1.0, 2.0])
    each = ["begin_run", "start", "step", "finish"]
    assert [name for name, *_ in bar[1:]] == [*each, *each, "spread", "closed"]
    assert bar[-1] == ("closed", None)
    assert watching.status == "finished"


def as_if_in(monkeypatch, request):
    """Let a cell of some kind run."""
    monkeypatch.setattr(cells, "_request", lambda: request)
    shown = []

    class Handle:
        def update(self, thing):
            shown.append(("update", thing.status))

    def display(thing, *, display_id):
        assert display_id
        shown.append(("display", thing.status))
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)
    return shown


def cell(name, asks=True):
    """The request of a cell that a person runs, or papermill."""
    return {"header": {"msg_id": name}, "content": {"allow_stdin": asks}}


def test_in_a_notebook_it_draws_and_leaves_its_picture_in_the_same_output(
    patches, monkeypatch, bar
):
    shown = as_if_in(monkeypatch, cell("one"))
    watching = LiveMonitor()
    trained(patches, watching)
    assert shown == [("display", "running"), ("update", "finished")]
    assert bar == []
    trained(patches, watching)  # in the same cell: no second output
    assert shown[2:] == [("update", "finished")]
    monkeypatch.setattr(cells, "_request", lambda: cell("two"))
    trained(patches, watching)
    assert shown[3:] == [("display", "running"), ("update", "finished")]


def test_under_papermill_a_bar_runs_and_the_picture_comes_at_the_end(
    patches, monkeypatch, bar
):
    shown = as_if_in(monkeypatch, cell("one", asks=False))
    trained(patches, LiveMonitor())
    assert shown == [("display", "finished")]
    assert (bar[3][0], bar[-1][0]) == ("step", "finish")


def test_outside_a_kernel_nobody_looks():
    assert cells.running_cell() == ""
    assert not cells.someone_looks()
    assert cells.kernel_id() == ""


@pytest.mark.parametrize(
    ("file", "known"),
    [("/run/kernel-0a-1b.json", "0a-1b"), ("/run/connection.json", "")],
)
def test_the_kernel_is_known_by_its_connection_file(monkeypatch, file, known):
    monkeypatch.setattr("ipykernel.connect.get_connection_file", lambda: file)
    assert cells.kernel_id() == known


# ------------------------------------------------------------------------ colours


def luminance(colour):
    """Relative luminance of "#rrggbb" (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_is_computed_as_wcag_does():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize(
    ("theme", "pages"), [("light", ["#ffffff"]), ("dark", ["#111111", "#17191c"])]
)
def test_colours_have_the_contrast_of_level_aa(theme, pages):
    """Text 4.5, what must be told apart 3 (success criteria 1.4.3 and 1.4.11)."""
    begin = "{" if theme == "light" else '[data-theme="dark"] {'
    tokens = {}
    for name in ("tokens.css", "monitor.css"):
        css = page_source(name).partition(begin)[2].partition("}")[0]
        tokens |= dict(re.findall(r"--v[md]-([\w-]+): (#\w{6});", css))
    assert {"fg", "muted", "accent", "c0", "c5", "alert", "hint-fg"} <= set(tokens)
    for page in pages:
        assert all(contrast(tokens[n], page) >= 4.5 for n in ("fg", "muted"))
        graphic = ("accent", "edge", "c0", "c1", "c2", "c3", "c4", "c5")
        assert all(contrast(tokens[name], page) >= 3 for name in graphic)
    for name in ("alert", "hint"):
        assert contrast(tokens[f"{name}-fg"], tokens[name]) >= 4.5
    assert contrast(tokens["muted"], tokens["raised"]) >= 4.5
