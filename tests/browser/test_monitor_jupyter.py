"""The live monitor in a real JupyterLab, and in a lesson that papermill has run."""

from __future__ import annotations

import json
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
other = LiveMonitor(scene)
short = run(other, max_steps=60)"""
GROWN = """() => {
  const curves = [...document.querySelectorAll('.vm-line path')]
    .map((path) => path.getAttribute('d').split('L').length);
  return curves.length === 4 && Math.min(...curves) >= 3;  // two validations, too
}"""
BROKEN = """\
def validate(model):
    raise ValueError("this picture has no pixels")

torch.manual_seed(0)
train(VDSR(3, 8), patches, TrainingConfig.paper(max_steps=4, validate_every=2),
      validate=validate, monitor=LiveMonitor(), device="cpu")"""


def notebook(*sources: str) -> Any:
    """A notebook with these cells."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def step(page: Any) -> int:
    """The step that a running monitor shows."""
    text = page.locator(".vm-facts").first.inner_text()
    return int(text.split(" of ")[0].removeprefix("step ").replace(",", ""))


def test_it_draws_while_the_kernel_trains_and_its_button_stops_it(open_lab):
    opened, lab = open_lab(notebook(SETUP, LONG, AFTER, SHORT), "monitor.ipynb")
    page = opened.page
    lab.begin("notebook:run-all-cells")
    page.locator(".vdsr-monitor[data-status=running]").wait_for(timeout=90_000)
    page.wait_for_function("document.querySelector('.vm-facts').innerText[0] === 's'")
    before = step(page)
    page.wait_for_function(GROWN)
    assert step(page) > before
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


def test_an_exception_is_shown_in_the_monitor_and_by_the_cell(open_lab):
    opened, lab = open_lab(notebook(SETUP, BROKEN), "broken.ipynb")
    page = opened.page
    lab.begin("notebook:run-all-cells")
    page.locator(".vdsr-monitor[data-status=failed]").wait_for(timeout=90_000)
    alert = page.locator(".vm-alert")
    assert alert.inner_text() == "ValueError: this picture has no pixels"
    assert alert.get_attribute("role") == "alert"
    assert "ValueError" in page.locator(".jp-OutputArea-output pre").last.inner_text()
    opened.shoot("monitor-failed-1280")


def test_where_no_server_can_be_asked_it_says_which_button_to_press(open_lab):
    hidden = "import vdsr_lib.widgets.monitor as m\nm.kernel_id = lambda: ''\n"
    opened, lab = open_lab(notebook(SETUP, hidden + LONG, AFTER), "blind.ipynb")
    page = opened.page
    lab.begin("notebook:run-all-cells")
    page.locator(".vdsr-monitor[data-status=running]").wait_for(timeout=90_000)
    page.wait_for_function("document.querySelector('.vm-facts').innerText[0] === 's'")
    page.get_by_role("button", name="Stop").click()
    page.locator(".vm-hint:visible").wait_for()
    assert "the notebook's own stop button" in page.locator(".vm-hint").inner_text()
    assert page.locator(".vm-state").inner_text() == "running"  # not "stopping"
    opened.shoot("monitor-hint-1280")
    lab.begin("notebook:interrupt-kernel")
    page.locator(".vdsr-monitor[data-status=stopped]").wait_for(timeout=60_000)
    assert lab.ask("(finished, after > 0)") == [False, True]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A lesson with a monitor as papermill leaves it."""
    papermill = pytest.importorskip("papermill")
    folder = tmp_path_factory.mktemp("monitored")
    nbformat.write(notebook(SETUP, SHORT), folder / "lesson.ipynb")
    papermill.execute_notebook(
        folder / "lesson.ipynb",
        folder / "run.ipynb",
        kernel_name="python3",
        progress_bar=False,
        cwd=folder,
    )
    return nbformat.read(folder / "run.ipynb", as_version=4)


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
    page = (opened := visit(color_scheme=scheme)).page
    page.context.set_offline(True)
    page.goto(path.as_uri())
    page.wait_for_function(
        "performance.getEntriesByName('vdsr-monitor:painted').length"
    )
    root = page.locator(".vdsr-monitor")
    assert root.get_attribute("data-theme") == scheme
    assert root.get_attribute("aria-label").startswith("One training, finished")
    assert page.get_by_role("button", name="Stop").count() == 0
    page.evaluate("still()")
    opened.shoot(f"monitor-lesson-{scheme}-1280")
    page.set_viewport_size({"width": 400, "height": 900})
    page.evaluate("still()")
    opened.shoot(f"monitor-lesson-{scheme}-400")
    wide = page.evaluate(
        "[...document.querySelectorAll('.vdsr-monitor *')]"
        ".filter((n) => n.getBoundingClientRect().right > innerWidth + 1).length"
    )
    assert wide == 0  # nothing is cut off
    colours = "getComputedStyle(document.querySelector('.vm-%s')).color"
    assert page.evaluate(colours % "title") != page.evaluate(colours % "time")
