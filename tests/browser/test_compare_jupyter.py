"""The comparison in a real JupyterLab, and in a lesson that papermill has run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest

from vdsr_lib.suite.edition import lesson_html

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELLS = [
    """\
import numpy as np
from vdsr_lib import compare, psnr

y, x = np.mgrid[:160, :200]
true = (127 + 100 * np.sin(x / 9) * np.cos(y / 7)).astype(np.uint8)
frames = [true // step * step for step in (64, 32, 16, 8)]""",
    """\
w = compare({"true": true, "coarse": true // 32 * 32, "fine": true // 8 * 8},
            reference="true")
w""",
    """\
player = compare({"true": true, "net": frames}, reference="true",
                 frames={"step": [1, 2, 3, 4]},
                 curves={"net": [psnr(true, f) for f in frames]})
player""",
]


@pytest.fixture(scope="module")
def executed(papermilled: Any) -> Any:
    """A lesson with two comparisons, as papermill leaves it."""
    return papermilled(*CELLS)


def outputs(notebook: Any) -> list[Any]:
    """The outputs of the cells that show a widget."""
    return [cell.outputs[-1] for cell in notebook.cells[1:]]


def test_papermill_keeps_the_widget_its_picture_and_the_words(executed):
    states = executed.metadata.widgets["application/vnd.jupyter.widget-state+json"]
    for output in outputs(executed):
        view = output.data["application/vnd.jupyter.widget-view+json"]
        model = states["state"][view["model_id"]]
        assert "/* The page side of `Compare`" in model["state"]["_esm"]
        assert len(model["buffers"]) == len(model["state"]["pixels"])
        assert output.data["image/png"].startswith("iVBOR")
        assert output.metadata["image/png"]["alt"].startswith("Comparison of true")


def test_a_viewer_without_widgets_chooses_the_picture(executed):
    from nbconvert import HTMLExporter, MarkdownExporter

    notebook = nbformat.from_dict(json.loads(json.dumps(executed)))
    for output in outputs(notebook):
        del output.data["application/vnd.jupyter.widget-view+json"]  # as GitHub
    body, _ = HTMLExporter().from_notebook_node(notebook)
    assert body.count('src="data:image/png;base64,iVBOR') == 2
    body, _ = HTMLExporter(template_name="classic").from_notebook_node(notebook)
    assert body.count('alt="Comparison of true') == 2  # the other one writes no words
    _, resources = MarkdownExporter().from_notebook_node(executed)
    assert len([name for name in resources["outputs"] if name.endswith(".png")]) == 2
    page = lesson_html(notebook, "A lesson")
    assert page.count('alt="Comparison of true') == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_exported_lesson_is_alive_without_kernel_and_network(
    executed, visit, tmp_path, scheme
):
    notebook = nbformat.from_dict(json.loads(json.dumps(executed)))
    path = tmp_path / "lesson.html"
    path.write_text(lesson_html(notebook, "A lesson"), "utf-8")
    opened = visit(path, color_scheme=scheme)
    page = opened.page
    page.wait_for_function(
        "document.querySelectorAll('.vdsr-compare[data-drawn=yes]').length === 2"
    )
    assert page.locator(".vdsr-static:visible").count() == 0
    first, second = page.locator(".vdsr-compare").all()
    page.locator(f".vdsr-compare[data-theme={scheme}]").nth(1).wait_for()
    box = first.locator(".vc-stage").bounding_box()
    page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + 40)
    second.get_by_role("slider", name="step").fill("3")
    page.evaluate("still()")
    splits = [
        view.get_by_role("slider", name="Divider").get_attribute("aria-valuenow")
        for view in (first, second)
    ]
    assert 20 < int(splits[0]) < 40
    assert splits[1] == "50"  # two widgets on one page do not disturb each other
    assert second.locator(".vc-frame-text").inner_text() == "step 4"
    opened.shoot(f"lesson-{scheme}-1280")
    opened.resize(400)
    opened.shoot(f"lesson-{scheme}-400")


@pytest.fixture(scope="module")
def lesson(start_lab: Any, notebook: Any) -> Iterator[Any]:
    """A lesson with two comparisons, opened in JupyterLab once for all tests."""
    lab = start_lab(notebook(*CELLS), "lesson.ipynb")
    yield lab
    lab.close()


@pytest.fixture
def lab(lesson: Any, lab_page: Any) -> Iterator[tuple[Any, Any]]:
    """JupyterLab on the lesson, all cells run anew: both widgets are fresh."""
    lesson.command("notebook:run-all-cells")
    lab_page.page.wait_for_function(
        "document.querySelectorAll('.vdsr-compare[data-drawn=yes]').length === 2"
    )
    yield lab_page, lesson
    lesson.theme("light")
    lab_page.check()


def drag(page: Any, stage: Any, start: float, end: float) -> None:
    """Press at a share of the stage's width, and let go at another."""
    box = stage.bounding_box()
    page.mouse.move(box["x"] + start * box["width"], box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], box["y"] + 60, steps=4)
    page.mouse.up()


def test_in_jupyterlab_the_page_and_the_kernel_agree(lab):
    opened, session = lab
    page = opened.page
    assert page.locator(".jp-OutputArea-output img").count() == 0  # not shown twice
    first, second = page.locator(".vdsr-compare").all()
    stage = first.locator(".vc-stage")

    # Wipe by mouse and by keyboard; the other widget stays as it is.
    first.scroll_into_view_if_needed()
    drag(page, stage, 0.7, 0.25)
    session.until("abs(w.split - 0.25) < 0.02", True)
    split = session.ask("w.split")
    first.get_by_role("slider", name="Divider").focus()
    page.keyboard.press("Shift+ArrowRight")
    session.until(f"abs(w.split - {split} - 0.1) < 0.0011", True)
    assert session.ask("player.split") == 0.5

    # The loupe follows the pointer and the keys; no key edits the notebook.
    box = stage.bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.25 * box["height"])
    session.until("w.point[0] in (39, 40, 41) and w.point[1] in (99, 100, 101)", True)
    cells = session.cells
    stage.focus()
    row, column = session.ask("w.point")
    value = first.locator(".vc-much").first
    for key in ("ArrowRight", "ArrowDown", "+", "+", "b", "a", "d", "d", "Digit2"):
        page.keyboard.press(key)
    session.until("w.point", [row + 1, column + 1])
    session.until("w.right", "coarse")
    page.evaluate("still()")
    assert value.inner_text() == str(session.ask(f"int(true[{row + 1}, {column + 1}])"))
    session.until("w.zoom > 2", True)
    assert session.cells == cells

    # The PSNR of the region in view is Python's.
    page.evaluate("still()")
    session.until("w.region[2] * w.region[3] < 160 * 200", True)
    values = session.ask(
        "[psnr(*(p[w.region[0]:w.region[0] + w.region[2], "
        "w.region[1]:w.region[1] + w.region[3]] for p in (true, q)))"
        " for q in (true // 32 * 32, true // 8 * 8)]"
    )
    for name, decibels in zip(("coarse", "fine"), values, strict=True):
        card = first.locator(".vc-card").filter(has_text=name)
        said = card.locator(".vc-what:text('in view') + .vc-much").inner_text()
        assert float(said.removesuffix(" dB")) == pytest.approx(decibels, abs=0.01)

    session.ask("w.set_trait('mode', 'side')")
    page.locator(".vdsr-compare[data-mode=side]").first.wait_for()
    session.ask("w.show({'true': true, 'new': 255 - true}, reference='true')")
    first.locator(".vc-name", has_text="new").wait_for()
    page.evaluate("still()")
    assert first.locator(".vc-card").count() == 2

    second.scroll_into_view_if_needed()
    second.get_by_role("button", name="Play").click()
    session.until("player.frame >= 2", True)
    second.get_by_role("button", name="Pause").click()
    page.evaluate("still()")
    opened.shoot("jupyterlab-light", tall=1500)


def test_no_key_is_lost_when_a_busy_kernel_answers_late(lab):
    """The kernel's echo of an earlier state must not undo what came after it."""
    opened, session = lab
    page = opened.page
    stage = page.locator(".vdsr-compare .vc-stage").first
    stage.focus()
    row, column = session.ask("w.point")
    page.evaluate(
        """() => { labPanel.sessionContext.session.kernel.requestExecute(
          { code: 'import time; time.sleep(2)' }); }"""
    )
    for pause in (300, *[100] * 30):  # some before the answer, some after it
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(pause)
    session.until("w.point", [row, column - 31])


def test_in_jupyterlab_the_theme_is_followed(lab):
    opened, session = lab
    page = opened.page
    page.wait_for_function(
        "document.querySelectorAll('.vdsr-compare[data-theme=light]').length === 2"
    )
    session.theme("dark")
    page.wait_for_function(
        "document.querySelectorAll('.vdsr-compare[data-theme=dark]').length === 2"
    )
    opened.shoot("jupyterlab-dark", tall=1500)
    session.theme("light")
    page.wait_for_function(
        "document.querySelectorAll('.vdsr-compare[data-theme=light]').length === 2"
    )


def test_in_jupyterlab_a_pressed_button_shows_its_focus(lab):
    """JupyterLab's ring lies inside a button, blue on the blue of what is pressed."""
    page = lab[0].page
    wipe = page.locator(".vdsr-compare [aria-pressed=true]").first
    wipe.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    ring = wipe.evaluate("""(node) => {
      const style = getComputedStyle(node);
      return [style.outlineOffset, style.outlineWidth, style.outlineColor];
    }""")
    assert ring == ["2px", "2px", "rgb(10, 99, 189)"]  # --vd-accent
    lab[0].shoot("compare-jupyterlab-focus")


def test_two_views_of_one_widget_move_together_and_close_cleanly(lab):
    opened, session = lab
    page = opened.page
    page.evaluate(
        """() => {
      labPanel.content.activeCellIndex = 1;
      labPanel.content.mode = 'command';
    }"""
    )
    session.command("notebook:insert-cell-below")
    page.evaluate("() => labPanel.content.activeCell.model.sharedModel.setSource('w')")
    session.command("notebook:run-cell")
    page.wait_for_function(
        "document.querySelectorAll('.vdsr-compare[data-mode]').length === 3"
    )
    views = page.locator(".vdsr-compare").filter(has_text="coarse")
    views.nth(1).wait_for()
    assert views.count() == 2
    views.nth(0).get_by_role("button", name="Difference").click()
    page.wait_for_function(
        "document.querySelectorAll('.vdsr-compare[data-mode=difference]').length === 2"
    )
    session.command("notebook:delete-cell")
    page.wait_for_function("document.querySelectorAll('.vdsr-compare').length === 2")
    views.nth(0).get_by_role("button", name="Wipe").click()
    session.until("w.mode", "wipe")
