"""The live monitor in a real JupyterLab, and in a lesson that papermill has run."""

from __future__ import annotations

import json
import re
from typing import Any

import nbformat
import pytest

from vdsr_lib.suite.edition import lesson_html

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SETUP = """\
import numpy as np
import torch
from vdsr_lib import VDSR, PatchSet, TrainingConfig, train
from vdsr_lib.widgets import LiveMonitor

torch.set_num_threads(1)
y, x = np.mgrid[:96, :96]
scene = (127 + 60 * np.sin(x / 2) + 40 * np.cos(y / 3)).astype(np.uint8)
patches = PatchSet.from_images([scene] * 4, (2,), patch_size=9)


def run(monitor, **changes):
    torch.manual_seed(0)
    config = TrainingConfig.paper(**{"validate_every": 20, **changes})
    return train(VDSR(3, 8), patches, config, monitor=monitor, device="cpu")"""
LONG = """\
watching = LiveMonitor(scene)
history = run(watching, epochs=1_000_000)
finished = history.finished"""
AFTER = "after = history.epochs[-1]['step']"
SHORT = """\
other = LiveMonitor(scene)  # comments and numbers are read, too
short = run(other, max_steps=60)"""
STEP = (
    "+document.querySelector('.vm-facts').innerText"
    ".match(/^step ([\\d,]+) of/)?.[1].replaceAll(',', '')"
)  # that a running monitor shows
GROWN = """() => {
  const curves = [...document.querySelectorAll('.vm-plot path')]
    .map((path) => path.getAttribute('d').split('L').length);
  return curves.length === 4 && Math.min(...curves) >= 3;  // two validations, too
}"""
BROKEN = """\
def validate(model):
    raise ValueError("this picture has no pixels")

torch.manual_seed(0)
train(VDSR(3, 8), patches, TrainingConfig.paper(max_steps=4, validate_every=2),
      validate=validate, monitor=LiveMonitor(), device="cpu")"""


def test_it_draws_while_the_kernel_trains_and_its_button_stops_it(open_lab, notebook):
    opened, lab = open_lab(notebook(SETUP, LONG, AFTER, SHORT), "monitor.ipynb")
    page = opened.page
    lab.begin("notebook:run-all-cells")
    page.locator(".vdsr-monitor[data-status=running]").wait_for(timeout=90_000)
    page.wait_for_function(f"{STEP} > 0")
    before = page.evaluate(STEP)
    page.wait_for_function(GROWN)
    page.wait_for_function(f"{STEP} > {before}")
    assert page.locator(".vm-details img").count() == 3
    bar = page.get_by_role("progressbar", name="Progress", exact=True)
    assert 0 <= int(bar.get_attribute("aria-valuenow")) < 100
    assert page.locator(".vm-says").inner_text() == "Training has begun."
    opened.shoot("monitor-running-1280", tall=1250)

    stop = page.get_by_role("button", name="Stop")
    stop.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(
        "document.querySelectorAll('.vdsr-monitor[data-status=finished]').length === 1"
    )  # the short training, in the last cell: what came after the stop did run
    page.wait_for_function(
        "document.querySelectorAll('.vdsr-monitor[data-drawn=yes]').length === 2"
    )
    assert lab.ask("finished") is False
    assert lab.ask("watching.status") == "stopped"
    assert lab.ask("after") >= before
    assert lab.ask("after == history.epochs[-1]['step']")
    assert lab.ask("short.finished") is True
    assert page.locator(".vdsr-monitor").count() == 2  # each once, also at the end
    assert page.locator(".jp-OutputArea-output img").count() == 6  # not shown twice
    assert page.get_by_role("button", name="Stop").count() == 0
    assert page.locator(".vm-hint:visible, .vm-alert:visible").count() == 0

    chart = page.locator(".vdsr-monitor").nth(1).get_by_role("slider")
    chart.scroll_into_view_if_needed()
    chart.focus()
    page.keyboard.press("Home")
    page.evaluate("still()")
    assert chart.get_attribute("aria-valuetext").startswith("step 0")
    page.keyboard.press("End")
    page.evaluate("still()")
    assert page.locator(".vm-cursor").count() == 4
    said = chart.get_attribute("aria-valuetext")
    last = lab.ask("other.runs[0]['scores']['psnr of the detail'][-1]")
    assert f"PSNR {last:.2f}" in said
    assert said.startswith("step 60")
    opened.shoot("monitor-finished-1280", tall=2000)
    lab.theme("dark")
    page.wait_for_function(
        "document.querySelectorAll('.vdsr-monitor[data-theme=dark]').length === 2"
    )
    opened.shoot("monitor-finished-dark-1280", tall=2000)


def test_an_exception_is_shown_in_the_monitor_and_by_the_cell(open_lab, notebook):
    opened, lab = open_lab(notebook(SETUP, BROKEN), "broken.ipynb")
    page = opened.page
    lab.begin("notebook:run-all-cells")
    page.locator(".vdsr-monitor[data-status=failed]").wait_for(timeout=90_000)
    alert = page.locator(".vm-alert")
    assert alert.inner_text() == "ValueError: this picture has no pixels"
    assert alert.get_attribute("role") == "alert"
    page.locator(".jp-OutputArea-output pre", has_text="ValueError").first.wait_for()
    opened.shoot("monitor-failed-1280")


def test_where_no_server_can_be_asked_it_says_which_button_to_press(open_lab, notebook):
    hidden = "import vdsr_lib.widgets.monitor as m\nm.kernel_id = lambda: ''\n"
    opened, lab = open_lab(notebook(SETUP, hidden + LONG, AFTER), "blind.ipynb")
    page = opened.page
    lab.begin("notebook:run-all-cells")
    page.locator(".vdsr-monitor[data-status=running]").wait_for(timeout=90_000)
    page.wait_for_function(f"{STEP} > 0")
    page.get_by_role("button", name="Stop").click()
    page.locator(".vm-hint:visible").wait_for()
    assert "the notebook's own stop button" in page.locator(".vm-hint").inner_text()
    state = page.locator(".vm-state", has_text=re.compile("^running$"))
    state.wait_for()  # not "stopping"
    opened.shoot("monitor-hint-1280")
    lab.begin("notebook:interrupt-kernel")
    page.locator(".vdsr-monitor[data-status=stopped]").wait_for(timeout=60_000)
    lab.until("'after' in globals()", True)
    assert lab.ask("(finished, after > 0)") == [False, True]


def test_saved_while_it_ran_and_opened_again_it_is_said_to_have_run(
    open_lab, notebook, jupyterlab, visit, tmp_path
):
    opened, lab = open_lab(notebook(SETUP, LONG), "saved.ipynb")
    page = opened.page
    lab.begin("notebook:run-all-cells")
    state = page.locator(".vm-state")
    page.locator(".vdsr-monitor[data-status=running]").wait_for(timeout=90_000)
    page.wait_for_function(f"{STEP} > 0")
    assert state.inner_text() == "running"
    lab.command("docmanager:save")
    saved = nbformat.read(jupyterlab["work"] / "saved.ipynb", as_version=4)
    page.evaluate("labPanel.sessionContext.restartKernel()")
    page.get_by_text("was running when its kernel went away", exact=True).wait_for()

    opened, lab = open_lab(saved, "again.ipynb")
    root = page.locator(".jp-NotebookPanel:visible .vdsr-monitor")
    root.get_by_text("was running when this was saved", exact=True).wait_for()
    assert root.get_by_role("button", name="Stop").count() == 0
    assert "left" not in root.locator(".vm-time").inner_text()
    opened.shoot("monitor-saved-running-1280")

    path = tmp_path / "lesson.html"
    path.write_text(lesson_html(saved, "A lesson"), "utf-8")
    exported = visit(path).page.locator(".vdsr-monitor")
    exported.get_by_text("was running when this was saved", exact=True).wait_for()


@pytest.fixture(scope="module")
def executed(papermilled: Any) -> Any:
    """A lesson with a monitor as papermill leaves it."""
    return papermilled(SETUP, SHORT)


def test_papermill_gets_a_bar_and_then_the_picture_with_words(executed):
    *bar, output = executed.cells[1].outputs
    assert "0/60" in json.dumps(bar)  # tqdm's
    assert output.data["image/png"].startswith("iVBOR")
    assert output.metadata["image/png"]["alt"].startswith("One training, finished")
    view = output.data["application/vnd.jupyter.widget-view+json"]
    states = executed.metadata.widgets["application/vnd.jupyter.widget-state+json"]
    state = states["state"][view["model_id"]]["state"]
    assert state["status"] == "finished"
    assert state["kernel"] == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_exported_lesson_shows_the_curves_without_kernel_and_network(
    executed, visit, tmp_path, scheme
):
    path = tmp_path / "lesson.html"
    path.write_text(lesson_html(executed, "A lesson"), "utf-8")
    page = (opened := visit(path, color_scheme=scheme)).page
    root = page.locator(".vdsr-monitor")
    page.locator(f".vdsr-monitor[data-theme={scheme}]").wait_for()
    assert root.get_attribute("aria-label").startswith("One training, finished")
    assert page.get_by_role("button", name="Stop").count() == 0
    page.evaluate("still()")
    assert page.evaluate("tooPale('body')") == []
    opened.shoot(f"monitor-lesson-{scheme}-1280")
    opened.resize(640)  # two charts beside one another, as narrow as they become
    heads = page.locator(".vm-head:visible > span")
    assert "bicubic" in heads.nth(1).inner_text()
    for head in heads.all():
        assert head.evaluate("(node) => node.scrollWidth <= node.clientWidth")
    tops = [plot.bounding_box()["y"] for plot in page.locator(".vm-plot:visible").all()]
    assert tops[0] == tops[1]
    opened.shoot(f"monitor-lesson-{scheme}-640")
    opened.resize(400)
    opened.shoot(f"monitor-lesson-{scheme}-400")
    wide = page.evaluate(
        "[...document.querySelectorAll('.vdsr-monitor *')]"
        ".filter((n) => n.getBoundingClientRect().right > innerWidth + 1).length"
    )
    assert wide == 0  # nothing is cut off
    colours = "getComputedStyle(document.querySelector('.vm-%s')).color"
    assert page.evaluate(colours % "title") != page.evaluate(colours % "time")
