"""The page for one's own picture, with a kernel that answers when the test wants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vdsr_lib.widgets import own_picture

pytestmark = pytest.mark.browser

KERNEL = """() => {
  const { model } = document.querySelector(".vdsr-widget").vdsr;
  window.sent = [];
  model.kernel = {};
  model.send = (content) => sent.push(content);
  window.answer = (content, bytes = []) => {
    const buffers = [new DataView(new Uint8Array(bytes).buffer)];
    for (const hear of model.handlers.get("msg:custom")) hear(content, buffers);
  };
}"""
PIECE = 2**20


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "own.html"
    own_picture(model="bicubic").to_html(path)
    return path


@pytest.fixture
def opened(visit: Callable[..., Any], page_file: Path) -> Any:
    """The page; it sends into `sent`, and `answer()` is what the kernel says."""
    opened = visit(clock=True)  # or patience would end while the test waits
    opened.page.goto(page_file.as_uri())
    opened.page.wait_for_function("document.querySelector('.vdsr-widget').vdsr")
    opened.page.evaluate(KERNEL)
    return opened


def choose(page: Any, name: str, size: int) -> str:
    """Choose a file; return the id under which its first piece is sent."""
    content = {"name": name, "mimeType": "image/png", "buffer": b"x" * size}
    page.locator("input[type=file]").set_input_files(content)
    page.wait_for_function(f"sent.at(-1)?.name === '{name}'")
    return str(page.evaluate("sent.at(-1).id"))


def test_the_slider_is_not_moved_back_while_it_is_dragged(opened):
    page = opened.page
    slider = page.get_by_role("slider", name="Scale")
    box = slider.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.3, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, y, steps=4)
    wanted = float(slider.input_value())
    assert wanted > 2.5
    opened.tell(stage="working", progress=0.3)
    assert float(slider.input_value()) == wanted
    number = page.get_by_role("spinbutton", name="Scale, as a number")
    assert float(number.input_value()) == wanted
    assert page.evaluate("trait('scale')") == 2
    page.mouse.up()
    assert page.evaluate("trait('scale')") == wanted
    opened.tell(scale=1.5)  # from elsewhere
    assert float(slider.input_value()) == 1.5


def test_no_key_that_moves_the_detail_waits_for_the_kernel(opened):
    page = opened.page
    opened.tell(window=[0.4, 0.4, 0.2, 0.2])
    page.locator(".vo-thumb").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    assert page.evaluate("trait('detail')") == pytest.approx([0.55, 0.6])
    for _ in range(9):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")  # from the edge, not from beyond it
    assert page.evaluate("trait('detail')") == pytest.approx([0.55, 0.85])


def test_an_answer_to_an_earlier_upload_moves_no_later_one(opened):
    page = opened.page
    first = choose(page, "first.png", 3 * PIECE)
    second = choose(page, "second.png", 3 * PIECE)
    page.evaluate("(id) => answer({ do: 'more', id, received: 2 ** 20 })", first)
    page.evaluate("(id) => answer({ do: 'more', id, received: 2 ** 20 })", second)
    page.wait_for_function("sent.at(-1).offset > 0")
    page.evaluate("still()")
    pieces = page.evaluate("sent.map(({ name, offset }) => [name, offset])")
    assert pieces == [["first.png", 0], ["second.png", 0], ["second.png", PIECE]]


def test_a_download_that_nobody_answers_can_be_cancelled(opened):
    page = opened.page
    save = page.get_by_role("button", name="Download PNG")
    save.click()
    page.evaluate("still()")
    status = page.locator(".vo-status")
    assert status.inner_text().strip() == "Writing the PNG ..."
    page.get_by_role("button", name="Cancel").click()
    page.evaluate("still()")
    assert "pixels in" in status.inner_text()
    save.click()
    old, new = page.evaluate("sent.map(({ id }) => id)")
    with page.expect_download() as download:
        for name, bytes_ in (old, [1, 2]), (new, [3, 4]):
            page.evaluate(
                """([id, bytes]) => answer(
                  { do: "file", id, name: "a.png", size: 2, offset: 0 }, bytes)""",
                [name, bytes_],
            )
    assert Path(download.value.path()).read_bytes() == bytes([3, 4])


@pytest.fixture
def saved(visit: Callable[..., Any], page_file: Path) -> Callable[[], Any]:
    """Open the page without a kernel, as in a notebook that is opened again."""

    def open_page() -> Any:
        opened = visit()
        opened.page.goto(page_file.as_uri())
        opened.page.wait_for_function("document.querySelector('.vdsr-widget').vdsr")
        return opened

    return open_page


ALONE = "No kernel is behind this widget"


@pytest.mark.parametrize("stage", ["done", "working"])  # as it was saved
def test_without_a_kernel_it_is_said_that_the_cell_must_be_run(saved, stage):
    page = (opened := saved()).page
    opened.tell(stage=stage)
    alert = page.locator(".vdsr-own").get_by_role("alert")
    assert not alert.is_visible()
    go = page.get_by_role("button", name="Enlarge", exact=True).last
    go.click()
    page.evaluate("still()")
    assert alert.inner_text().startswith(ALONE)
    assert "Run its cell in the notebook again." in alert.inner_text()


def test_without_a_kernel_no_step_is_silent(saved):
    page = saved().page
    alert = page.locator(".vdsr-own").get_by_role("alert")
    file = {"name": "a.png", "mimeType": "image/png", "buffer": b"x"}
    for step in (
        lambda: page.get_by_role("button", name="Download PNG").click(),
        lambda: page.locator("input[type=file]").set_input_files(file),
        lambda: page.get_by_role("button", name="Take the sample coffee").click(),
        lambda: page.get_by_role("button", name="Shrink first").click(),
    ):
        step()
        page.evaluate("still()")
        assert alert.inner_text().startswith(ALONE)
        alert.evaluate("(node) => { node.hidden = true; }")  # until it is said again


def test_a_kernel_that_goes_away_is_missed(saved):
    page = (opened := saved()).page
    page.evaluate(
        "document.querySelector('.vdsr-widget').vdsr.model.widget_manager = {}"
    )
    alert = page.locator(".vdsr-own").get_by_role("alert")
    go = page.get_by_role("button", name="Enlarge", exact=True).last
    go.click()
    page.evaluate("still()")
    assert not alert.is_visible()
    opened.tell(layout={"comm_live": False})
    go.click()
    page.evaluate("still()")
    assert alert.inner_text().startswith(ALONE)


def test_a_screen_reader_is_not_told_each_percent(opened):
    page = opened.page
    opened.tell(stage="working", status="Enlarging by bicubic ...")
    for share in (0.1, 0.2):
        opened.tell(progress=share)
        assert page.locator(".vo-status").inner_text() == (
            f"Enlarging by bicubic ... {round(100 * share)} %"
        )
        assert page.get_by_role("status").inner_text() == "Enlarging by bicubic ..."


def test_a_button_that_starts_the_work_keeps_the_focus(opened):
    page = opened.page
    go = page.get_by_role("button", name="Enlarge", exact=True).last
    go.focus()
    page.keyboard.press("Enter")
    opened.tell(stage="working")
    assert go.evaluate("node => node === document.activeElement")
    page.keyboard.press("Enter")
    assert page.evaluate("sent") == [{"do": "enlarge"}]  # once: it rests


def test_no_picture_that_is_gone_keeps_its_memory(visit, page_file):
    page = (opened := visit()).page
    page.add_init_script("countAddresses()")
    page.goto(page_file.as_uri())
    page.wait_for_function("document.querySelector('.vdsr-widget').vdsr")
    samples = len(page.evaluate("trait('samples')"))
    assert samples > 1
    assert page.evaluate("addressesAlive()") == samples + 1  # and the preview
    copy = "setState({ preview: new DataView(trait('preview').buffer.slice(0)) })"
    for _ in range(3):  # another picture
        page.evaluate(copy)
        page.evaluate("still()")
    assert page.evaluate("addressesAlive()") == samples + 1
    opened.tell(samples=page.evaluate("trait('samples').slice(1)"))
    assert page.evaluate("addressesAlive()") == samples
    assert page.locator(".vo-thumb img").evaluate("(i) => i.naturalWidth") > 0
    page.evaluate("closeWidget('name', 'another')")
    assert page.evaluate("addressesAlive()") == 0


def test_the_page_is_named_and_its_choice_seen_in_the_reader_s_own_colours(
    visit, page_file
):
    page = visit(forced_colors="active").page
    page.goto(page_file.as_uri())
    page.wait_for_function("document.querySelector('.vdsr-widget').vdsr")
    assert page.title() == "Your own picture"
    assert page.evaluate("backgrounds('.vo-group button')") == 2
    assert page.evaluate("backgrounds('.vo-bar, .vo-bar > div')") == 2


def test_the_square_keeps_its_rim_in_the_reader_s_own_colours(visit, page_file):
    opened = visit(forced_colors="active")
    page = opened.page
    page.goto(page_file.as_uri())
    page.wait_for_function("document.querySelector('.vdsr-widget').vdsr")
    opened.tell(window=[0.4, 0.4, 0.2, 0.2])
    style = (
        "(node) => [getComputedStyle(node)].map((s) => [s.borderColor, s.boxShadow])"
    )
    ((colour, rim),) = page.locator(".vo-detail").evaluate(style)
    assert colour == "rgb(255, 255, 255)"
    assert rim.startswith("rgb(0, 0, 0")
    opened.shoot("own-forced")
