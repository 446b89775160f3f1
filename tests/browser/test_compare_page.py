"""The comparison on a page from disk, without network, used as a reader uses it."""

from __future__ import annotations

import re
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vdsr_lib import imresize, psnr
from vdsr_lib.images import to_luma, to_uint8
from vdsr_lib.widgets import Compare, compare

pytestmark = pytest.mark.browser

NAMES = ("HR", "bicubic", "repeated")
MODES = ("wipe", "side", "blink", "difference")


def scene(rows: int = 240, columns: int = 320) -> np.ndarray:
    """A colour picture with edges, gradients and fine texture."""
    y, x = np.mgrid[:rows, :columns].astype(float)
    rings = 127 + 110 * np.sin(((x - 170) ** 2 + (y - 120) ** 2) / 700)
    bars = 255 * ((x // 12 + y // 16) % 2)
    noise = np.random.default_rng(0).normal(0, 12, (rows, columns))
    planes = (rings + noise, 0.6 * rings + 0.4 * bars, 255 - y)
    return np.stack([np.clip(p, 0, 255) for p in planes], axis=-1).astype(np.uint8)


def enlarged(picture: np.ndarray, scale: float) -> np.ndarray:
    """Bicubic down and up, plane by plane."""
    planes = [
        imresize(imresize(plane / 255, 1 / scale), shape=plane.shape)
        for plane in np.moveaxis(picture, -1, 0)
    ]
    return to_uint8(np.stack(planes, axis=-1).clip(0, 1))


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    true = scene()
    small = true[1::4, 1::4]
    repeated = np.repeat(np.repeat(small, 4, axis=0), 4, axis=1)
    return {"HR": true, "bicubic": enlarged(true, 4), "repeated": repeated}


@pytest.fixture(scope="module")
def widget(pictures: dict[str, np.ndarray]) -> Compare:
    return compare(pictures, reference="HR", border=4)


@pytest.fixture(scope="module")
def page_file(widget: Compare, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "compare.html"
    widget.to_html(path, title="Two ways to enlarge")
    return path


@pytest.fixture(scope="module")
def series_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A series over scales with a curve each, luma."""
    true = to_luma(scene())
    scales = [1.5, 2, 3, 4]
    series = [to_luma(enlarged(scene(), scale)) for scale in scales]
    curve = [psnr(true, picture) for picture in series]
    path = tmp_path_factory.mktemp("pages") / "series.html"
    compare(
        {"HR": true, "bicubic": series},
        reference="HR",
        frames={"scale": scales},
        curves={"bicubic": curve},
    ).to_html(path, title="From scale 1.5 to 4")
    return path


def drawn(page: Any, selector: str) -> np.ndarray:
    """The pixels of a canvas, (H, W, 3)."""
    url = page.evaluate(
        "(selector) => document.querySelector(selector).toDataURL('image/png')",
        selector,
    )
    picture = Image.open(BytesIO(b64decode(url.split(",")[1])))
    return np.asarray(picture.convert("RGB"))


def facts(page: Any, name: str) -> dict[str, str]:
    """What the card of a picture says."""
    card = page.locator(".vc-card").filter(
        has=page.locator(".vc-name", has_text=re.compile(f"^{name}$"))
    )
    rows = card.locator(".vc-fact:not([hidden])").all()
    return {
        row.locator(".vc-what").inner_text(): row.locator(".vc-much").inner_text()
        for row in rows
    }


def middle(page: Any, along: float = 0.5, down: float = 0.5) -> tuple[float, float]:
    """A place on the stage, as shares of its width and height."""
    box = page.locator(".vc-stage").first.bounding_box()
    return box["x"] + box["width"] * along, box["y"] + box["height"] * down


def test_the_stage_shows_the_very_pixels_on_both_sides(visit, page_file, pictures):
    page = visit(page_file).page
    page.mouse.move(0, 0)
    page.evaluate("still()")
    rows, columns = pictures["HR"].shape[:2]
    shown = drawn(page, ".vc-canvas")
    scale = int(state_scale(page))
    assert shown.shape[0] == rows * scale
    left = (shown.shape[1] - columns * scale) // 2
    shown = shown[:, left : left + columns * scale]
    wanted = {
        name: np.kron(pictures[name], np.ones((scale, scale, 1), np.uint8))
        for name in ("bicubic", "repeated")
    }
    edge = columns * scale // 2
    np.testing.assert_array_equal(shown[:, :edge], wanted["bicubic"][:, :edge])
    np.testing.assert_array_equal(shown[:, edge:], wanted["repeated"][:, edge:])


def state_scale(page: Any) -> float:
    """The scale that the page says it shows."""
    return float(page.locator(".vc-zoom-value").first.inner_text().rstrip("\u00d7"))


def test_wipe_by_mouse_anywhere(visit, page_file):
    opened = visit(page_file)
    page = opened.page
    page.mouse.move(*middle(page, 0.8, 0.2))
    page.mouse.down()
    page.mouse.move(*middle(page, 0.25, 0.6), steps=5)
    page.mouse.up()
    page.evaluate("still()")
    assert page.evaluate("trait('split')") == pytest.approx(0.25, abs=0.01)
    handle = page.get_by_role("slider", name="Divider")
    assert handle.get_attribute("aria-valuenow") == "25"
    assert handle.get_attribute("aria-valuetext") == "25 % bicubic, 75 % repeated"
    opened.shoot("compare-wipe")


def test_wipe_by_keyboard(visit, page_file):
    page = visit(page_file).page
    page.get_by_role("slider", name="Divider").focus()
    for key, split in [
        ("ArrowLeft", 0.49), ("Shift+ArrowRight", 0.59), ("PageDown", 0.49),
        ("Home", 0), ("ArrowLeft", 0), ("End", 1), ("ArrowDown", 0.99),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert page.evaluate("trait('split')") == pytest.approx(split)


def test_any_two_pictures_can_be_chosen_and_swapped(visit, page_file):
    page = visit(page_file).page
    page.get_by_label("Left").select_option("HR")
    page.get_by_role("button", name="Swap the two pictures").click()
    assert (page.evaluate("trait('left')"), page.evaluate("trait('right')")) == (
        "repeated",
        "HR",
    )
    page.locator(".vc-stage").focus()
    page.keyboard.press("2")
    page.keyboard.press("Shift+Digit3")
    assert (page.evaluate("trait('left')"), page.evaluate("trait('right')")) == (
        "repeated",
        "bicubic",
    )


def test_the_loupe_follows_the_pointer_pixel_by_pixel(visit, page_file, pictures):
    page = visit(page_file).page
    page.mouse.move(*middle(page, 0.4, 0.3))
    page.evaluate("still()")
    row, column = page.evaluate("trait('point')")
    times = page.evaluate("trait('magnification')")
    for i, name in enumerate(NAMES):
        loupe = drawn(page, f".vc-card:nth-child({i + 1}) canvas")
        rows, columns = loupe.shape[:2]
        top, left = round((rows - times) / 2), round((columns - times) / 2)
        for dy, dx in [(0, 0), (1, 0), (0, -2), (-3, 4)]:
            block = loupe[
                top + dy * times : top + (dy + 1) * times,
                left + dx * times : left + (dx + 1) * times,
            ][2:-2, 2:-2]
            assert (block == pictures[name][row + dy, column + dx]).all()
        said = facts(page, name)
        assert said["RGB"] == " ".join(map(str, pictures[name][row, column]))
        assert said["luma"] == str(to_luma(pictures[name])[row, column])


def test_keys_move_the_loupe_and_say_so(visit, page_file):
    page = visit(page_file).page
    row, column = page.evaluate("trait('point')")
    page.locator(".vc-stage").focus()
    for key in ("ArrowRight", "Shift+ArrowDown", "ArrowUp"):
        page.keyboard.press(key)
    assert page.evaluate("trait('point')") == [row + 9, column + 1]
    status = page.get_by_role("status")
    status.get_by_text(f"x {column + 1}, y {row + 9}").wait_for(state="attached")
    assert "repeated" in status.inner_text()


def test_wheel_zooms_to_32_about_the_pointer_once_the_stage_has_focus(visit, page_file):
    opened = visit(page_file)
    page = opened.page
    page.mouse.move(*middle(page, 0.3, 0.4))
    page.mouse.wheel(0, -120)
    page.evaluate("still()")
    assert (
        page.evaluate("trait('zoom')") == 0
    )  # before a click, the wheel scrolls the page
    page.mouse.click(*middle(page, 0.3, 0.4))
    page.evaluate("still()")
    before = page.evaluate("trait('point')")
    zoom = before_turn = 0
    while zoom < 32:
        page.mouse.wheel(0, -120)
        page.wait_for_function(f"trait('zoom') > {before_turn}")
        zoom = before_turn = page.evaluate("trait('zoom')")
    page.mouse.wheel(0, -120)
    page.evaluate("still()")
    assert page.evaluate("trait('zoom')") == 32
    page.mouse.move(*middle(page, 0.3, 0.4))
    page.evaluate("still()")
    assert np.abs(np.subtract(page.evaluate("trait('point')"), before)).max() <= 1
    opened.shoot("compare-zoom-32")
    for _ in range(14):
        page.mouse.wheel(0, 120)
    page.wait_for_function("trait('zoom') === 0")


def test_two_fingers_zoom_and_pan(visit, page_file):
    page = visit(page_file, has_touch=True).page
    x, y = middle(page)
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x + dx, "y": y + dy, "id": i} for i, (dx, dy) in
                  enumerate(places)]  # fmt: skip
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", (-20, 0), (20, 0))
    for spread in (40, 60, 80):
        fingers("touchMove", (-spread, 0), (spread, 0))
    fingers("touchEnd")
    page.wait_for_function("trait('zoom') > 3")
    page.evaluate("still()")
    zoom = page.evaluate("trait('zoom')")
    assert 3 < zoom == pytest.approx(state_scale(page), abs=0.06)
    centre = page.evaluate("trait('centre')")
    fingers("touchStart", (-40, 0), (40, 0))
    for moved in (10, 20, 30):
        fingers("touchMove", (-40, moved), (40, moved))
    fingers("touchEnd")
    page.wait_for_function(f"trait('centre')[1] < {centre[1]}")


PHONE = {
    "viewport": {"width": 390, "height": 500},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}


@pytest.mark.parametrize("selector", [".vc-stage", ".vc-chart"])
def test_a_finger_that_scrolls_the_page_changes_nothing(visit, series_file, selector):
    opened = visit(series_file, **PHONE)
    told = "['split', 'point', 'frame', 'centre', 'zoom'].map((name) => trait(name))"
    before = opened.page.evaluate(told)
    opened.page.locator(selector).scroll_into_view_if_needed()
    top = opened.page.evaluate("scrollY")
    opened.drag_page(selector)
    assert opened.page.evaluate("scrollY") > top + 50
    assert opened.page.evaluate(told) == before


def test_a_finger_drags_the_divider_and_moves_the_frame(visit, series_file):
    page = visit(series_file, **PHONE).page
    x, y = middle(page, 0.3, 0.4)
    touch = page.context.new_cdp_session(page)
    for kind, at in [("Start", x), ("Move", x + 30), ("Move", x + 60), ("End", None)]:
        points = [] if at is None else [{"x": at, "y": y}]
        event = {"type": f"touch{kind}", "touchPoints": points}
        touch.send("Input.dispatchTouchEvent", event)
    page.evaluate("still()")
    picture = page.evaluate("trait('size')")[1]  # it lies in the stage's middle
    share = 0.5 + (x + 60 - middle(page)[0]) / picture
    assert page.evaluate("trait('split')") == pytest.approx(share, abs=0.02)
    page.locator(".vc-chart > svg").scroll_into_view_if_needed()
    chart = page.locator(".vc-chart > svg").bounding_box()
    page.touchscreen.tap(chart["x"] + chart["width"] - 12, chart["y"] + 60)
    page.wait_for_function("trait('frame') === 3")


@pytest.mark.parametrize("mode", MODES)
def test_a_tap_moves_the_loupe_and_zoom_goes_there(visit, page_file, mode):
    """Without a drag, a second finger or a pointer that hovers."""
    page = visit(page_file, **PHONE).page
    page.locator(f"button[data-mode={mode}]").tap()
    page.evaluate("still()")
    page.locator(".vc-stage").scroll_into_view_if_needed()
    down = 0.1 if mode == "side" else 0.3  # on the first of the pictures
    before = page.evaluate("trait('point')")
    page.touchscreen.tap(*middle(page, 0.35, down))
    page.evaluate("still()")
    row, column = point = page.evaluate("trait('point')")
    assert point != before
    for _ in range(8):
        page.get_by_role("button", name="Zoom in").tap()
        page.evaluate("still()")
    top, left, height, width = page.evaluate("trait('region')")
    assert width < 100
    assert top <= row < top + height
    assert left <= column < left + width


def test_side_by_side_moves_together(visit, page_file):
    opened = visit(page_file)
    page = opened.page
    page.get_by_role("button", name="Side by side").click()
    page.mouse.click(*middle(page, 0.2, 0.5))
    for _ in range(3):
        page.keyboard.press("+")
    page.evaluate("still()")
    centre = page.evaluate("trait('centre')")
    page.mouse.move(*middle(page, 0.8, 0.5))
    page.mouse.down()
    page.mouse.move(*middle(page, 0.75, 0.5), steps=4)
    page.mouse.up()
    page.evaluate("still()")
    assert page.evaluate("trait('centre')")[0] > centre[0]
    tags = page.locator(".vc-tag:visible")
    assert tags.all_inner_texts() == list(NAMES)
    page.mouse.move(0, 0)
    page.evaluate("still()")
    shown = drawn(page, ".vc-canvas")
    first, second = shown[:, :40], shown[:, -40:]
    assert first.std() > 5  # there are pictures in all the tiles
    assert second.std() > 5
    opened.shoot("compare-side")


def test_blink_changes_by_itself_pauses_and_flips(visit, page_file):
    opened = visit(page_file, clock=True)
    page = opened.page
    page.get_by_role("button", name="Blink").click()
    page.evaluate("still()")
    tag = page.locator(".vc-tag:visible")
    page.get_by_role("button", name="Pause").wait_for()
    before = tag.inner_text()
    other = {"bicubic": "repeated", "repeated": "bicubic"}
    page.clock.fast_forward(900)
    page.locator(".vc-tag:visible", has_text=other[before]).wait_for()
    page.get_by_role("button", name="Pause").click()
    page.evaluate("still()")
    still = tag.inner_text()
    page.clock.fast_forward(5000)
    page.evaluate("still()")
    assert tag.inner_text() == still
    page.get_by_role("button", name="Show the other picture").click()
    page.evaluate("still()")
    assert tag.inner_text() != still
    opened.shoot("compare-blink")


def test_blink_stands_still_for_who_asks_for_less_motion(visit, page_file):
    page = visit(page_file, reduced_motion="reduce").page
    page.get_by_role("button", name="Blink").click()
    page.evaluate("still()")
    page.get_by_role("button", name="Play").wait_for()


def test_difference_is_signed_and_its_bar_is_in_levels(visit, tmp_path):
    true = np.full((40, 60), 100, np.uint8)
    other = true.copy()
    other[:, :20], other[:, 40:] = 92, 108
    path = tmp_path / "difference.html"
    compare({"true": true, "other": other}, reference="true", mode="difference",
            limit=8).to_html(path)  # fmt: skip
    opened = visit(path)
    page = opened.page
    page.mouse.move(0, 0)
    page.evaluate("still()")
    shown = drawn(page, ".vc-canvas")
    row = shown[shown.shape[0] // 2]
    places = [len(row) // 6, len(row) // 2, 5 * len(row) // 6]
    dark, same, bright = (row[i].tolist() for i in places)
    assert same == [0xF7, 0xF7, 0xF7]
    assert dark == [0x05, 0x30, 0x61]  # the ends of ColorBrewer's RdBu
    assert bright == [0x67, 0x00, 0x1F]
    ends = page.locator(".vc-ends span").all_inner_texts()
    assert ends == ["\u22128", "\u22124", "0", "+4", "+8"]
    assert page.locator(".vc-tag:visible").inner_text() == "other \u2212 true"
    assert page.get_by_label("Picture").locator("option").first.is_disabled()
    page.get_by_label("Range").select_option("16")
    page.evaluate("still()")
    assert drawn(page, ".vc-canvas")[4, 4].tolist() != dark
    opened.shoot("compare-difference")


def test_psnr_of_the_region_in_view_is_pythons(visit, page_file, pictures):
    page = visit(page_file).page
    lumas = {name: to_luma(picture) for name, picture in pictures.items()}
    whole = psnr(lumas["HR"], lumas["bicubic"], border=4)
    assert facts(page, "bicubic")["in view"] == f"{whole:.2f} dB"
    assert facts(page, "bicubic")["whole"].startswith(f"{whole:.2f} dB / 0.")
    page.locator(".vc-stage").click(position={"x": 300, "y": 200})
    for presses in (4, 2, 2):
        for _ in range(presses):
            page.keyboard.press("+")
        page.evaluate("still()")
        top, left, height, width = page.evaluate("trait('region')")
        assert 0 < height * width < lumas["HR"].size
        seen = page.locator(".vc-canvas").bounding_box()
        middle_x, middle_y = page.evaluate("trait('centre')")
        scale = page.evaluate("trait('zoom')")
        assert left + width / 2 == pytest.approx(middle_x, abs=1)
        assert top + height / 2 == pytest.approx(middle_y, abs=1)
        assert width == pytest.approx(seen["width"] / scale, abs=1)
        assert height == pytest.approx(seen["height"] / scale, abs=1)
        part = np.s_[top : top + height, left : left + width]
        for name in ("bicubic", "repeated"):
            expected = psnr(lumas["HR"][part], lumas[name][part])
            said = facts(page, name)["in view"]
            assert float(said.removesuffix(" dB")) == pytest.approx(expected, abs=0.01)
    best = max(NAMES[1:], key=lambda name: float(facts(page, name)["in view"][:-3]))
    assert page.locator(".vc-card:has(.vc-best) .vc-name").all_inner_texts() == [best]


def test_the_picture_follows_the_loupe_that_leaves_the_view(visit, page_file):
    page = visit(page_file).page
    stage = page.locator(".vc-stage")
    for key in (*"+++++", *["Shift+ArrowLeft"] * 12, *["Shift+ArrowUp"] * 9):
        stage.press(key)
    page.evaluate("still()")
    row, column = page.evaluate("trait('point')")
    top, left, height, width = page.evaluate("trait('region')")
    assert width < 200
    assert top <= row + 4 < top + height  # four pixels are the border
    assert left <= column + 4 < left + width


@pytest.mark.parametrize(("count", "level"), [(30, 40), (10, 3)])
def test_the_range_holds_all_but_a_few_differences(visit, tmp_path, count, level):
    true = np.full((50, 80), 100, np.uint8)  # half a percent are 20 pixels
    other = true - 3
    other.ravel()[:count] = 140
    compare(
        {"true": true, "other": other}, reference="true", mode="difference"
    ).to_html(tmp_path / "range.html")
    page = visit(tmp_path / "range.html").page
    option = page.get_by_label("Range").locator("option").first
    assert option.inner_text() == f"\u00b1{level} (automatic)"
    assert page.locator(".vc-ends span").last.inner_text() == f"+{level}"


def test_a_curve_is_read_between_its_points_and_not_in_its_gaps(visit, tmp_path):
    true = to_luma(scene())
    compare(
        {"HR": true, "dark": [true // d for d in (2, 3, 4)]},
        frames={"epoch": [1, 3, 9]},
        curves={"line": ([0, 2, 10], [0, 8, 16]), "gap": ([1, 2, 9], [5, None, 7])},
    ).to_html(tmp_path / "between.html")
    page = visit(tmp_path / "between.html").page
    for frame, said in enumerate(
        [["4.00", "5.00"], ["9.00", "none"], ["15.00", "7.00"]]
    ):
        page.get_by_role("slider", name="epoch").fill(str(frame))
        page.evaluate("still()")
        assert page.locator(".vc-key b").all_inner_texts() == said
        hidden = page.locator(".vc-spot").nth(1).get_attribute("visibility")
        assert hidden == ("hidden" if frame == 1 else "visible")


def test_a_page_that_is_hidden_keeps_its_region(visit, page_file):
    """A kernel takes whole numbers: without room there would be none."""
    opened = visit(page_file)
    page = opened.page
    before = page.evaluate("trait('region')")
    place = page.locator(".vdsr-compare").locator("..")
    place.evaluate("node => { node.style.display = 'none'; }")
    page.set_viewport_size({"width": 1000, "height": 900})
    page.evaluate("still()")
    assert page.evaluate("trait('region')") == before
    place.evaluate("node => { node.style.display = ''; }")
    page.evaluate("still()")
    assert page.evaluate("trait('region')") == before
    assert page.locator(".vc-canvas").bounding_box()["width"] > 300


def test_frames_slide_play_and_follow_the_curve(visit, series_file):
    opened = visit(series_file, clock=True)
    page = opened.page
    slider = page.get_by_role("slider", name="scale")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.evaluate("still()")
    assert page.evaluate("trait('frame')") == 1
    assert slider.get_attribute("aria-valuetext") == "scale 2"
    spot = page.locator(".vc-spot").first
    before = float(spot.get_attribute("cx"))
    reading = page.locator(".vc-key b").first.inner_text()
    assert facts(page, "bicubic")["whole"].startswith(f"{reading} dB")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("trait('frame') === 3")
    page.get_by_role("button", name="Pause").click()
    page.evaluate("still()")
    frame = page.evaluate("trait('frame')")
    page.clock.fast_forward(5000)
    page.evaluate("still()")
    assert page.evaluate("trait('frame')") == frame
    chart = page.locator(".vc-chart > svg").bounding_box()
    page.mouse.click(chart["x"] + chart["width"] - 12, chart["y"] + 60)
    page.evaluate("still()")
    assert page.evaluate("trait('frame')") == 3
    assert float(spot.get_attribute("cx")) > before
    assert page.locator(".vc-key b").first.inner_text() != reading
    opened.shoot("compare-frames")
    page.locator(".vc-stage").focus()
    page.keyboard.press("[")
    assert page.evaluate("trait('frame')") == 2


def test_curves_and_their_keys_are_told_apart_without_colour(visit, tmp_path):
    true = to_luma(scene())
    curves = {f"depth {d}": [-d, d, 3 - d] for d in range(6)}
    compare(
        {"HR": true, "dark": [true // d for d in (2, 3, 4)]},
        frames={"scale": [2, 3, 4]},
        curves=curves,
    ).to_html(tmp_path / "six.html")
    opened = visit(tmp_path / "six.html")
    dashes = """(selector) => [...document.querySelectorAll(selector)]
      .map((line) => getComputedStyle(line).strokeDasharray)"""
    lines = opened.page.evaluate(dashes, ".vc-chart > svg .vc-line")
    assert len(set(lines)) == 6
    assert opened.page.evaluate(dashes, ".vc-key .vc-line") == lines
    reading = opened.page.locator(".vc-key b").nth(1)
    assert reading.inner_text() == "\u22121.00"  # as the axis writes it
    opened.shoot("compare-six-curves")


def test_other_pictures_may_come_while_the_frames_play(visit, series_file):
    opened = visit(series_file, clock=True)
    page = opened.page
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("trait('frame') === 1")
    one, many = page.evaluate("trait('series')")
    two = {"series": [one, many[:2]], "frame_labels": ["1.5", "2"]}
    opened.tell(**two, frame_x=[1.5, 2], frame=1)
    page.clock.fast_forward(1000)
    page.wait_for_function("trait('frame') === 0")  # there is no third one
    opened.tell(series=[one, many[:1]], frame_labels=[], frame_x=[], frame=0)
    page.clock.fast_forward(10_000)
    assert page.evaluate("trait('frame')") == 0


def test_labels_and_readings_are_as_long_as_they_need_to_be(visit, tmp_path):
    true = to_luma(scene())
    labels = ["twenty layers, residual", "two", "twenty layers, not residual"]
    compare(
        {"HR": true, "dark": [true // d for d in (2, 3, 4)]},
        frames={"network": labels},
        curves={"loss": [0.0123, 0.0119, 0.0117]},
        curve_label="loss",
    ).to_html(tmp_path / "labels.html")
    page = visit(tmp_path / "labels.html").page
    assert page.locator(".vc-key b").inner_text() == "0.01230"
    chart = page.locator(".vc-chart > svg").bounding_box()
    for text in labels:
        box = page.locator("svg text", has_text=text).first.bounding_box()
        assert box["x"] >= chart["x"]
        assert box["x"] + box["width"] <= chart["x"] + chart["width"]


def test_the_range_that_was_given_is_named(visit, tmp_path):
    true = to_luma(scene())
    compare(
        {"HR": true, "dark": true // 2}, reference="HR", mode="difference", limit=10
    ).to_html(tmp_path / "ten.html")
    page = visit(tmp_path / "ten.html").page
    box = page.get_by_label("Range")
    shown = "(box) => box.selectedOptions[0].textContent"
    assert box.evaluate(shown) == "\u00b110"
    ends = page.locator(".vc-ends span")
    assert ends.all_inner_texts() == ["\u221210", "\u22125", "0", "+5", "+10"]
    box.select_option("0")
    page.evaluate("still()")
    assert box.evaluate(shown).endswith("(automatic)")


@pytest.mark.parametrize("side", [1, 9])
def test_few_pixels_are_magnified_as_far_as_it_goes(visit, tmp_path, side):
    few = to_luma(scene())[:side, :side]
    compare({"a": few, "b": few // 2}).to_html(tmp_path / "few.html")
    page = visit(tmp_path / "few.html").page
    stage = page.locator(".vc-stage")
    for key in "+-":  # nor is it made smaller: all of it is seen
        assert state_scale(page) == 32
        stage.press(key)
        page.evaluate("still()")
    assert state_scale(page) == 32


def test_a_page_that_is_made_smaller_keeps_the_pictures_size(visit, tmp_path):
    """At half the page's size, a pixel of the screen is two of the page."""
    true = to_luma(scene(300, 400))
    compare({"a": true, "b": true // 2}).to_html(tmp_path / "half.html")
    page = visit(tmp_path / "half.html", device_scale_factor=0.5).page
    assert page.locator(".vc-canvas").bounding_box()["height"] > 500
    assert page.evaluate("trait('region')") == [0, 0, 300, 400]


def test_a_magnified_page_is_drawn_with_the_pixels_that_it_then_has(visit, page_file):
    """The text column is as wide as before, in the page's own pixels."""
    page = visit(page_file, viewport={"width": 1600, "height": 900}).page
    screen = page.context.new_cdp_session(page)
    for ratio in (1.25, 1, 1.25):
        metrics = {"width": round(1600 / ratio), "height": 900, "mobile": False}
        screen.send(
            "Emulation.setDeviceMetricsOverride",
            {**metrics, "deviceScaleFactor": ratio},
        )
        page.wait_for_function(f"devicePixelRatio === {ratio}")
        page.evaluate("still()")
        drawn, room = page.locator(".vc-canvas").evaluate(
            "node => [node.width, node.clientWidth]"
        )
        assert drawn == ratio * room


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_every_mode_in_both_themes_and_widths(visit, series_file, scheme, width):
    opened = visit(
        series_file,
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
        device_scale_factor=2 if width == 400 else 1,
    )
    page = opened.page
    page.locator(f".vdsr-compare[data-theme={scheme}]").wait_for()
    for mode in MODES:
        page.locator(f"button[data-mode={mode}]").click()
        page.evaluate("still()")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{mode} is cut off: {wide} pixels wide"
        assert page.evaluate("tooPale()") == []
        opened.shoot(f"compare-{mode}-{scheme}-{width}")


def test_a_damaged_picture_says_so_on_the_page(visit, page_file, tmp_path):
    broken = re.sub(
        r'("path":\["pixels",0\],"encoding":"base64","data":"|"data":")iVBOR',
        r"\1AAAAA",
        page_file.read_text("utf-8"),
        count=1,
    )
    assert broken != page_file.read_text("utf-8")
    path = tmp_path / "broken.html"
    path.write_text(broken, "utf-8")
    opened = visit()
    opened.page.goto(path.as_uri())
    alert = opened.page.get_by_role("alert")
    alert.wait_for()
    assert "cannot be decoded" in alert.inner_text()


def test_without_scripts_the_static_picture_stays(visit, page_file, widget):
    opened = visit(java_script_enabled=False)
    opened.page.goto(page_file.as_uri())
    image = opened.page.get_by_role("img", name=widget.description)
    assert image.is_visible()
    assert image.bounding_box()["width"] > 500
    opened.shoot("compare-no-scripts")


def test_closing_leaves_nothing_behind(visit, page_file):
    page = visit(page_file, clock=True).page
    page.get_by_role("button", name="Blink").click()
    page.evaluate("still()")
    page.evaluate("closeWidget('split', 0.1)")
    page.clock.fast_forward(5000)
    assert page.evaluate("leftBehind()") == [0, 0, 0]


def test_keyboard_alone_reaches_everything(visit, series_file):
    reached = visit(series_file).tab_stops()
    names = " | ".join(reached)
    for wanted in ("Wipe", "Side by side", "Swap", "Zoom in", "Fit", "Divider", "Play",
                   "scale", "Loupe", "Keys and gestures", "Arrow keys"):  # fmt: skip
        assert wanted in names
    assert [name for name, outlined in reached.items() if not outlined] == []


def test_the_mode_and_scale_are_seen_in_the_reader_s_own_colours(visit, page_file):
    page = visit(page_file, forced_colors="active").page
    assert page.evaluate("backgrounds('button[data-mode]')") == 2
    page.get_by_role("button", name="Difference").click()
    page.evaluate("still()")
    style = "(node) => getComputedStyle(node).backgroundImage"
    assert page.locator(".vc-ramp").evaluate(style).startswith("linear-gradient")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_divider_keeps_its_rim_in_the_reader_s_own_colours(
    visit, page_file, scheme
):
    """It stands on a picture: one colour alone is lost where that is as dark."""
    opened = visit(page_file, forced_colors="active", color_scheme=scheme)
    divider = opened.page.locator(".vc-divider")
    colour = divider.evaluate("(node) => getComputedStyle(node).backgroundColor")
    rim = divider.evaluate("(node) => getComputedStyle(node).boxShadow")
    assert colour == "rgb(255, 255, 255)"
    assert rim.startswith("rgba(0, 0, 0")
    opened.shoot(f"compare-forced-{scheme}")
