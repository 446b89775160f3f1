"""The live monitor on a page from disk: what needs no kernel, or one that is played."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from vdsr_lib.training import History, TrainingConfig
from vdsr_lib.widgets import LiveMonitor
from vdsr_lib.widgets.content import png_bytes

pytestmark = pytest.mark.browser


def row(step: int, loss: float) -> dict[str, float]:
    """A step as `train` reports it."""
    return {
        "epoch": 1, "step": step, "learning_rate": 0.1,
        "loss": loss, "gradient_norm": 2 * loss, "clipped_share": 0.5,
    }  # fmt: skip


def course(count: int, *, over: bool = True) -> LiveMonitor:
    """An experiment of some trainings, at its end or in its first training."""
    watching = LiveMonitor(live=True)
    watching.begin_runs([f"depth {k}" for k in range(count)], [1] * count)
    for k in range(count):
        watching.begin_run(f"depth {k}")
        watching.start(TrainingConfig.paper(), 40)
        for step in range(1, 41):
            watching.step(row(step, (k + 1) * 0.9**step))
        scores = {"psnr_x2": 30.0 + k, "psnr_box": 20.0 + k}
        watching.look(None, {"step": 40, **scores}, baseline=scores)
        if not over:
            return watching
        watching.finish(History(finished=True))
    watching.end_runs(None)
    return watching


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Twelve trainings that are over, and one that runs."""
    folder = tmp_path_factory.mktemp("monitors")
    course(12).to_html(folder / "over.html")
    course(2, over=False).to_html(folder / "running.html")
    return {path.stem: path for path in folder.iterdir()}


def test_twelve_trainings_are_told_apart_without_colour(visit, pages):
    opened = visit(pages["over"])
    dashes = """(selector) => [...document.querySelectorAll(selector)]
      .map((line) => getComputedStyle(line).strokeDasharray)"""
    for chart in range(1, 5):
        plot = f".vm-chart:nth-child({chart}) .vm-plot .vm-line path"
        lines = opened.page.evaluate(dashes, plot)
        assert len(set(lines)) == 12
        assert opened.page.evaluate(dashes, ".vm-run path") == lines
    opened.shoot("monitor-twelve")


def test_a_score_is_called_what_it_is(visit, pages):
    page = visit(pages["over"]).page
    choice = page.get_by_label("PSNR of")
    assert choice.locator("option").all_inner_texts() == ["\u00d72", "box"]
    choice.select_option("box")
    page.evaluate("still()")
    heading = page.locator(".vm-head > span").nth(1).inner_text()
    assert heading == "PSNR box (dB), bicubic 20.00"


def test_a_finger_reads_the_curves(visit, pages):
    page = visit(pages["over"], has_touch=True).page
    touch = page.context.new_cdp_session(page)
    box = page.locator(".vm-plot").first.bounding_box()

    def finger(kind: str, *across: float) -> None:
        places = [{"x": box["x"] + share * box["width"], "y": box["y"] + 60}
                  for share in across]  # fmt: skip
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})
        page.evaluate("still()")

    readings = []
    finger("touchStart", 0.3)
    for across in (0.5, 0.7):
        assert page.locator(".vm-cursor").count() == 4
        readings.append(page.locator(".vm-reading").first.inner_text())
        finger("touchMove", across)
    assert readings[0] != readings[1]
    finger("touchEnd")
    assert page.locator(".vm-cursor").count() == 0


def test_stop_pressed_by_key_keeps_the_focus_until_the_curves_take_it(
    visit_alive, pages
):
    opened = visit_alive(pages["running"])
    page = opened.page
    stop = page.get_by_role("button", name="Stop")
    stop.focus()
    page.keyboard.press("Enter")
    opened.tell(status="stopping")
    assert page.locator(".vm-state").inner_text() == "stopping after this step"
    assert stop.get_attribute("aria-disabled") == "true"
    assert stop.evaluate("node => node === document.activeElement")
    opened.tell(status="stopped")
    slider = page.get_by_role("slider", name="Read the curves")
    assert slider.evaluate("node => node === document.activeElement")


def test_nobody_is_asked_to_stop_where_nobody_hears(visit, pages):
    page = visit(pages["running"]).page
    assert page.get_by_role("button", name="Stop").count() == 0
    assert "left" not in page.locator(".vm-time").inner_text()


SAVED = "was running when this was saved"


def test_a_page_made_while_it_ran_does_not_say_that_it_runs(visit, pages):
    opened = visit(pages["running"])
    page = opened.page
    assert page.locator(".vm-state").inner_text() == SAVED
    states = page.locator(".vm-run small").all_inner_texts()
    assert states == ["unfinished", "not begun"]
    page.get_by_role("group", name=f"A training that {SAVED}.").wait_for()
    assert page.locator(".vm-says").inner_text() == ""
    opened.tell(status="stopping")
    assert page.locator(".vm-state").inner_text() == SAVED


def test_a_kernel_that_goes_away_takes_the_training_along(visit_alive, pages):
    opened = visit_alive(pages["running"])
    page = opened.page
    states = page.locator(".vm-run small")
    assert page.locator(".vm-state").inner_text() == "running"
    assert states.all_inner_texts() == ["running", "waiting"]
    opened.tell(layout={"comm_live": False})
    page.evaluate(
        """() => {
      const { model } = document.querySelector(".vdsr-widget").vdsr;
      for (const hear of model.handlers.get("comm_live_update")) hear();
    }"""
    )
    page.evaluate("still()")
    gone = "was running when its kernel went away"
    assert page.locator(".vm-state").inner_text() == gone
    assert states.all_inner_texts() == ["unfinished", "not begun"]
    assert page.locator(".vm-says").inner_text() == f"The training {gone}."
    assert page.get_by_role("button", name="Stop").count() == 0


def test_silence_is_told(visit_alive, pages):
    opened = visit_alive(pages["running"], clock=True)
    page = opened.page
    time = page.locator(".vm-time")
    for milliseconds, silence in [
        (59_000, ""), (2_000, ", last heard of 1 min ago"),
        (120_000, ", last heard of 3 min ago"),
    ]:  # fmt: skip
        page.clock.run_for(milliseconds)
        page.evaluate("still()")
        assert re.sub("^.* left|^.* is left", "", time.inner_text()) == silence
    opened.tell(now=page.evaluate("({ ...trait('now'), step: 41 })"))
    assert "last heard" not in time.inner_text()


def test_why_an_experiment_ended_is_said_once(visit, pages):
    opened = visit(pages["over"])
    page = opened.page
    runs = page.evaluate("trait('runs')")
    runs[3] |= {"state": "failed", "message": "ValueError: no pixels"}
    opened.tell(runs=runs, problem="ValueError: no pixels")
    alerts = page.locator("[role=alert]:visible")
    assert alerts.all_inner_texts() == ["depth 3: ValueError: no pixels"]
    opened.tell(problem="OSError: the disk is full")
    assert alerts.all_inner_texts()[1:] == ["OSError: the disk is full"]


def test_a_second_training_tells_its_quarters_too(visit_alive, pages):
    opened = visit_alive(pages["over"], clock=True)
    page = opened.page
    says = page.locator(".vm-says")
    for state, said in [
        ({"status": "running", "progress": 1}, "Training has begun."),
        ({"progress": 0.1}, "Training has begun."),
        ({"progress": 0.3, "left": 600}, "30 percent, about 10 minutes left"),
    ]:
        page.clock.fast_forward(30_000)
        opened.tell(**state)
        assert says.inner_text() == said


@pytest.fixture(scope="module")
def long_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of many readings, with one spike in the loss and one in the PSNR."""
    watching = LiveMonitor(live=True)
    watching.start(TrainingConfig.paper(), 4000)
    for step in range(1, 4001):
        spikes = step == 1970
        watching.step(row(step, 1000.0 if spikes else 1.0))
        scores = {"psnr_x2": 60.0 if spikes else 30.0}
        watching._course.look(step, scores, {"psnr_x2": 29.0})
    watching.finish(History(finished=True))
    path = tmp_path_factory.mktemp("long") / "long.html"
    watching.to_html(path)
    return path


def test_one_spike_among_many_readings_is_drawn_and_read(visit, long_page):
    opened = visit(long_page)
    page = opened.page
    notes = page.locator(".vm-notes").inner_text()
    assert notes.startswith("A point is the mean of up to 32 readings; ")
    top = "(part) => document.querySelector(part).getBBox().y"
    for chart in (1, 2):
        lines = f".vm-chart:nth-child({chart}) .vm-chosen"
        line = page.evaluate(top, f"{lines} path:not(.vm-band)")
        assert page.evaluate(top, f"{lines} .vm-band") < line - 20
    slider = page.get_by_role("slider", name="Read the curves")
    slider.focus()
    page.keyboard.press("Home")
    for _ in range(5):
        page.keyboard.press("PageUp")  # to the middle
    page.evaluate("still()")
    readings = page.locator(".vm-reading:visible").all_inner_texts()
    assert readings[:2] == ["32.2 (1 to 1000)", "30.94 (30.00 to 60.00)"]
    assert "32.2 (1 to 1000)" in slider.get_attribute("aria-valuetext")
    opened.resize(400)
    for head in page.locator(".vm-head:visible").all():
        assert head.evaluate("(node) => node.scrollWidth <= node.clientWidth")
    opened.shoot("monitor-spike-400")


def test_more_points_than_a_call_has_arguments_are_drawn(visit, pages):
    opened = visit(pages["over"])
    page = opened.page
    page.evaluate(
        """() => {
      const step = Array.from({ length: 200_000 }, (_, i) => i);
      const loss = step.map((i) => 1 + (i % 7));
      const [first] = trait("past");
      setState({ past: [{ ...first, step, loss }, ...trait("past").slice(1)] });
    }"""
    )
    page.evaluate("still()")
    assert page.locator("[role=alert]:visible").count() == 0
    assert page.locator(".vm-plot text", has_text="100,000").count() == 4


def test_no_detail_that_is_gone_keeps_its_memory(visit, tmp_path):
    watching = course(1)
    details = [png_bytes(np.full((8, 8), grey, np.uint8)) for grey in (0, 99, 200)]
    watching.bicubic, watching.reference, *watching.frames = details
    watching.to_html(tmp_path / "page.html")
    page = visit().page
    page.add_init_script("countAddresses()")
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_function("document.querySelector('[data-drawn=yes]')")
    for _ in range(3):  # as the network renders it, again
        page.evaluate(
            "setState({ frames: [new DataView(trait('frames')[0].buffer.slice(0))] })"
        )
        page.evaluate("still()")
        assert page.evaluate("addressesAlive()") == 3
    for image in page.locator(".vm-details img").all():
        assert image.evaluate("(node) => node.naturalWidth") == 8
    page.evaluate("closeWidget('notes', [])")
    assert page.evaluate("addressesAlive()") == 0


def test_progress_and_choice_are_seen_in_the_reader_s_own_colours(visit, pages):
    page = visit(pages["over"], forced_colors="active").page
    assert page.evaluate("backgrounds('.vm-bar, .vm-fill')") == 2
    outline = "(node) => getComputedStyle(node).outlineStyle"
    chosen = page.locator(".vm-run[aria-pressed=true]")
    assert chosen.evaluate(outline) == "solid"
    other = page.locator(".vm-run[aria-pressed=false]").first
    assert other.evaluate(outline) == "none"
