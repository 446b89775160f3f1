"""The explorers on a page from disk, without network, used as a reader uses them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vdsr_lib.experiments import ClippingStudy
from vdsr_lib.images import to_luma
from vdsr_lib.models import VDSR
from vdsr_lib.protocol import SWITCHES, bicubic_psnr, combined
from vdsr_lib.widgets import (
    clipping_explorer,
    protocol_switchboard,
    receptive_field_explorer,
)

pytestmark = pytest.mark.browser

MINUS = "\N{MINUS SIGN}"


def scene(rows: int = 120, columns: int = 150) -> np.ndarray:
    """A colour picture with edges, gradients and texture."""
    y, x = np.mgrid[:rows, :columns].astype(float)
    rings = 127 + 80 * np.sin(((x - 90) ** 2 + (y - 50) ** 2) / 260)
    bars = 200 * ((x // 9 + y // 11) % 2)
    noise = np.random.default_rng(0).normal(0, 10, (rows, columns))
    planes = (rings + noise, 0.6 * rings + 0.4 * bars, 230 - y)
    return np.stack([np.clip(p, 0, 255) for p in planes], axis=-1).astype(np.uint8)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each explorer, and the widgets in `made`."""
    folder = tmp_path_factory.mktemp("explorers")
    networks = {
        depth: VDSR(depth, 6, generator=torch.Generator().manual_seed(depth))
        for depth in (3, 6, 10)
    }
    study = ClippingStudy(depth=4, width=6, steps=12, every=4, batch_size=4)
    made.update(
        switchboard=protocol_switchboard({"rings": scene(), "turned": scene()[::-1]}),
        receptive=receptive_field_explorer(networks, scene(), scale=2, places=4),
        clipping=clipping_explorer(study.grid(rates=(10.0, 0.01)), study=study),
    )
    for name, widget in made.items():
        widget.to_html(folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in made}


made: dict[str, Any] = {}


@pytest.fixture
def open_page(visit: Callable[..., Any], pages: dict[str, Path]) -> Callable[..., Any]:
    """Open an explorer's page without a network, and wait until it is drawn."""
    return lambda name, **options: visit(pages[name], **options)


def facts(page: Any) -> dict[str, str]:
    """What the table of facts says."""
    return {
        row.locator("dt").inner_text(): row.locator("dd").inner_text()
        for row in page.locator(".vk-facts > div").all()
    }


# --- the switchboard ------------------------------------------------------------------


def shown_psnr(page: Any) -> float:
    return float(page.locator(".vs-reading").inner_text().removesuffix(" dB"))


def test_switches_move_the_psnr_to_what_python_measures(open_page):
    opened = open_page("switchboard")
    page = opened.page
    page.get_by_role("combobox", name="Picture").select_option("rings")
    turned: list[str] = []
    for name, label in [
        ("full-range luma", "luma range"), ("no border crop", "border"),
        ("PSNR over RGB", "PSNR over"), ("no antialiasing", "antialiasing"),
        ("output not rounded", "output"),
    ]:  # fmt: skip
        page.get_by_role("switch", name=label).click()
        turned.append(name)
        page.evaluate("still()")
        expected = bicubic_psnr(scene(), 2, combined(turned))
        assert shown_psnr(page) == pytest.approx(expected, abs=0.0051)
        paper = bicubic_psnr(scene(), 2)
        change = page.locator(".vs-change").inner_text().split(" ")[0]
        assert float(change.replace(MINUS, "-")) == pytest.approx(
            expected - paper, abs=0.0006
        )
    opened.shoot("switchboard-all")
    page.get_by_role("button", name="Back to the paper's protocol").click()
    page.evaluate("still()")
    assert page.evaluate("trait('turned')") == [False] * 5
    assert page.locator(".vs-change").inner_text() == "the paper's protocol"


def test_scales_and_pictures_are_chosen_and_the_mean_is_a_mean(open_page):
    page = open_page("switchboard").page
    page.get_by_role("button", name="\N{MULTIPLICATION SIGN}4").click()
    page.evaluate("still()")
    each = [bicubic_psnr(p, 4) for p in (scene(), scene()[::-1])]
    assert shown_psnr(page) == pytest.approx(np.mean(each), abs=0.0051)
    last = page.locator(".vs-table tbody tr").last
    assert last.locator("td").first.inner_text() == f"{np.mean(each):.2f}"
    assert page.get_by_role("combobox").count() == 1  # nobody would answer the others
    alone = page.locator(".vs-row[data-name='no antialiasing'] .vs-cost")
    assert f"on Set5 {MINUS}0.77" in alone.inner_text()


def test_switches_by_keyboard(open_page):
    page = open_page("switchboard").page
    first = page.get_by_role("switch").first
    first.focus()
    assert first.get_attribute("aria-checked") == "false"
    page.keyboard.press("Space")
    page.evaluate("still()")
    assert first.get_attribute("aria-checked") == "true"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.evaluate("still()")
    assert page.evaluate("trait('turned')") == [True, True, False, False, False]


# --- the receptive field --------------------------------------------------------------


def stage_pixel(page: Any, column: float, row: float) -> list[int]:
    """The colour at a pixel of the picture, as the stage shows it."""
    return page.evaluate(
        """([column, row]) => {
      const canvas = document.querySelector('.vr-canvas');
      const scale = canvas.width / 150;
      const [x, y] = [column, row].map((v) => Math.floor((v + 0.5) * scale));
      return [...canvas.getContext('2d').getImageData(x, y, 1, 1).data];
    }""",
        [column, row],
    )


def test_the_depth_slider_changes_square_field_and_output(open_page):
    opened = open_page("receptive")
    page = opened.page
    slider = page.get_by_role("slider", name="Depth")
    for frame, (depth, side) in enumerate([(3, 7), (6, 13), (10, 21)]):
        slider.fill(str(frame))
        page.evaluate("still()")
        assert slider.get_attribute("aria-valuetext") == f"depth {depth}"
        assert f"depth {depth}" not in page.get_by_role("status").all_inner_texts()
        said = facts(page)
        assert said["theoretical field"] == f"{side} \N{MULTIPLICATION SIGN} {side}"
        decibels = made["receptive"].psnr[frame]
        assert said["output, whole picture"] == f"{decibels:.2f} dB"
    opened.shoot("receptive-depth-10")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("trait('frame') === 1")
    page.get_by_role("button", name="Pause").click()


def test_the_heat_map_is_the_measured_field(open_page):
    page = open_page("receptive").page
    page.get_by_role("slider", name="Depth").fill("1")
    page.evaluate("still()")
    widget = made["receptive"]
    field = np.frombuffer(widget.fields[1], "<f4").reshape(13, 13)
    shown = page.evaluate(
        """() => {
      const canvas = document.querySelectorAll('.vr-card canvas')[1];
      const zoom = canvas.width / 21;
      const data = canvas.getContext('2d');
      return Array.from({ length: 13 }, (_, i) => Array.from({ length: 13 }, (_, j) =>
        [...data.getImageData(Math.floor((j + 4.5) * zoom),
          Math.floor((i + 4.5) * zoom), 1, 1).data].slice(0, 3)));
    }"""
    )
    from matplotlib import colormaps

    share = np.clip(1 + np.log10(np.maximum(field / field.max(), 1e-9)) / 3, 0, 1)
    expected = np.asarray(colormaps["magma"](share))[..., :3] * 255
    inner = np.s_[1:-1, 1:-1]  # the square's outline covers the rim
    away = np.abs(np.asarray(shown) - expected)[inner].max()
    assert away < 12  # eleven stops of magma, not all of it


def test_click_and_keys_choose_the_pixel(open_page):
    page = open_page("receptive").page
    stage = page.locator(".vr-stage")
    box = stage.bounding_box()
    scale = box["width"] / 150
    page.mouse.click(box["x"] + 60.5 * scale, box["y"] + 40.5 * scale)
    page.evaluate("still()")
    assert page.evaluate("trait('point')") == [40, 60]
    assert facts(page)["pixel"] == "x 60, y 40"
    for key in ("ArrowRight", "Shift+ArrowDown", "ArrowUp", "]"):
        page.keyboard.press(key)
    page.evaluate("still()")
    assert page.evaluate("trait('point')") == [49, 61]
    assert page.evaluate("trait('frame')") == 1
    page.mouse.move(box["x"] + 20.5 * scale, box["y"] + 20.5 * scale)
    page.mouse.down()
    page.mouse.move(box["x"] - 30, box["y"] + 20.5 * scale, steps=3)
    page.mouse.up()
    page.evaluate("still()")
    assert page.evaluate("trait('point')") == [
        20,
        0,
    ]  # a drag past the edge stays inside
    assert page.get_by_role("button", name="this pixel").count() == 0  # needs a kernel


def test_a_finger_scrolls_the_page_or_chooses_the_pixel(visit, pages):
    phone = {"viewport": {"width": 390, "height": 500}, "device_scale_factor": 2}
    opened = visit(pages["receptive"], has_touch=True, is_mobile=True, **phone)
    page = opened.page
    before = page.evaluate("trait('point')")
    opened.drag_page(".vr-stage")
    assert page.evaluate("scrollY") > 50
    assert page.evaluate("trait('point')") == before
    page.locator(".vr-stage").scroll_into_view_if_needed()
    box = page.locator(".vr-stage").bounding_box()
    scale = box["width"] / 150
    page.touchscreen.tap(box["x"] + 60.5 * scale, box["y"] + 40.5 * scale)
    page.evaluate("still()")
    assert page.evaluate("trait('point')") == [40, 60]


def test_the_stage_shows_what_was_chosen(open_page):
    page = open_page("receptive").page
    luma = to_luma(scene())
    for label, picture in [("Original", luma), ("Bicubic input", None)]:
        page.get_by_role("button", name=label).click()
        page.evaluate("still()")
        far = (140, 5) if page.evaluate("trait('point')")[1] < 100 else (5, 110)
        shown = stage_pixel(page, *far)
        assert shown[0] == shown[1] == shown[2]
        if picture is not None:
            around = picture[far[1] - 1 : far[1] + 2, far[0] - 1 : far[0] + 2]
            assert around.min() - 3 <= shown[0] <= around.max() + 3


def test_a_page_that_is_made_small_shows_the_whole_picture(visit, pages):
    """At a quarter of the page's size, a pixel of the screen is four of the page."""
    opened = visit()
    opened.page.add_init_script(
        "Object.defineProperty(window, 'devicePixelRatio', { get: () => 0.25 });"
    )
    opened.page.goto(pages["receptive"].as_uri())
    opened.page.locator("[data-drawn=yes]").wait_for()
    assert opened.page.locator(".vr-stage").bounding_box()["width"] > 300


def test_a_field_that_python_wants_is_asked_for(visit_alive, pages):
    opened = visit_alive(pages["receptive"])
    opened.tell(average=False)
    opened.page.wait_for_function("trait('request').frame === 0")
    row, column = opened.page.evaluate("trait('point')")
    asked = opened.page.evaluate("trait('request')")
    assert (asked["row"], asked["column"]) == (row, column)


# --- clipping -------------------------------------------------------------------------


def test_rule_and_rate_choose_the_training(open_page):
    opened = open_page("clipping")
    page = opened.page
    for rule, rate in [("value", "0.01"), ("norm", "10"), ("none", "0.01")]:
        page.get_by_role("button", name=rule, exact=True).click()
        page.get_by_role("button", name=rate, exact=True).click()
        page.evaluate("still()")
        trace = made["clipping"].traces[page.evaluate("trait('chosen')")]
        assert (trace["rule"], trace["learning_rate"]) == (rule, float(rate))
        assert facts(page)["outcome"] == trace["outcome"]
        opened.shoot(f"clipping-{rule}")
    assert "None of " in page.locator(".vl-verdict").inner_text()


def test_the_psnr_says_of_which_step_it_is(open_page):
    """The first eight steps have their gradients counted, every fourth its PSNR."""
    page = open_page("clipping").page
    for rule, rate in [("value", "0.01"), ("none", "10")]:
        page.get_by_role("button", name=rule, exact=True).click()
        page.get_by_role("button", name=rate, exact=True).click()
        page.evaluate("still()")
        trace = made["clipping"].traces[page.evaluate("trait('chosen')")]
        measured = dict(trace["psnr"])
        for moment, step in enumerate(trace["steps"]):
            page.get_by_role("slider", name="Step").fill(str(moment))
            page.evaluate("still()")
            last = max(s for s in measured if s <= step)
            assert facts(page)[f"PSNR at step {last}"] == f"{measured[last]:.2f} dB"


def test_the_count_of_clipped_elements_follows_theta(open_page):
    page = open_page("clipping").page
    page.get_by_role("button", name="0.01", exact=True).click()
    page.get_by_role("slider", name="Step").fill("5")
    page.evaluate("still()")
    trace = made["clipping"].traces[page.evaluate("trait('chosen')")]
    moment = page.evaluate("trait('moment')")
    counts = np.array(trace["counts"][moment])
    total = counts.sum()
    verdict = page.locator(".vl-verdict")
    share = trace["measured"][moment]["clipped_share"]
    assert verdict.inner_text().startswith(f"{round(share * total):,} of {total:,} ")
    edges = np.array(made["clipping"].edges)
    lower = np.concatenate([[0], edges])[trace["first"] :][: len(counts)]
    for tenth in (-52, -61, -70):  # theta 10 ** -5.2, ...; the bound is 100 times that
        page.get_by_role("slider", name="Limit theta").fill(str(tenth))
        page.evaluate("still()")
        beyond = counts[lower >= 10 ** (tenth / 10) / 0.01 * (1 - 1e-6)].sum()
        assert verdict.inner_text().startswith(f"{beyond:,} of {total:,} elements")
    page.get_by_role("button", name="as trained").click()
    page.evaluate("still()")
    assert page.evaluate("trait('theta')") == 0
    assert not page.locator(".vl-training").is_visible()  # nobody would train


def test_a_gradient_that_is_no_number_is_said_to_be_none(visit, tmp_path):
    study = ClippingStudy(depth=4, width=6, steps=4, every=4, batch_size=4)
    rules = ("adjustable", "value", "norm", "none")
    traces = [study.trace(rule, 1e30, 1e30) for rule in rules]
    clipping_explorer(traces, study=study).to_html(tmp_path / "diverged.html")
    page = visit(tmp_path / "diverged.html").page
    for rule in rules:
        page.get_by_role("button", name=rule, exact=True).click()
        page.get_by_role("slider", name="Step").fill("1")
        page.evaluate("still()")
        said = "The gradient is not a number: there is nothing to clip."
        assert page.locator(".vl-verdict").inner_text() == said


# --- all of them ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["switchboard", "receptive", "clipping"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_and_widths(open_page, name, scheme):
    opened = open_page(name, color_scheme=scheme, device_scale_factor=2)
    page = opened.page
    page.locator(f".vdsr-kit[data-theme={scheme}]").wait_for()
    if name == "switchboard":
        page.get_by_role("switch").first.click()
    for width in (1280, 400):
        opened.resize(width)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{name} is cut off: {wide} pixels wide"
        assert page.evaluate("tooPale()") == []
        assert page.locator(".vdsr-static:visible").count() == 0
        opened.shoot(f"{name}-{scheme}-{width}")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (
            "switchboard",
            ["\N{MULTIPLICATION SIGN}3", "Picture", "luma range", "output"],
        ),
        ("receptive", ["Output", "Arrow keys", "Play", "Depth"]),
        ("clipping", ["norm", "0.01", "Limit theta", "Play", "Step"]),
    ],
)
def test_keyboard_alone_reaches_everything_and_shows_where_it_is(
    open_page, name, wanted
):
    opened = open_page(name)
    if name == "switchboard":
        opened.page.get_by_role("switch").first.click()
        opened.page.mouse.click(5, 5)
    reached = opened.tab_stops()
    names = " | ".join(reached)
    for text in wanted:
        assert text in names
    assert [each for each, outlined in reached.items() if not outlined] == []


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("switchboard", "\N{MULTIPLICATION SIGN}3"),
        ("receptive", "Original"),
        ("clipping", "norm"),
    ],
)
def test_a_button_that_was_pressed_by_key_keeps_the_focus(open_page, name, label):
    page = open_page(name).page
    button = page.get_by_role("button", name=label, exact=True)
    button.focus()
    page.keyboard.press("Enter")
    page.evaluate("still()")
    assert button.get_attribute("aria-pressed") == "true"
    assert button.evaluate("node => node === document.activeElement")


def test_the_way_back_keeps_the_focus_when_there_is_none(open_page):
    page = open_page("switchboard").page
    page.get_by_role("switch").first.click()
    back = page.get_by_role("button", name="Back to the paper's protocol")
    back.focus()
    page.keyboard.press("Enter")
    page.evaluate("still()")
    assert page.evaluate("trait('turned')") == [False] * 5
    assert back.get_attribute("aria-disabled") == "true"
    assert back.evaluate("node => node === document.activeElement")


@pytest.mark.parametrize("name", ["switchboard", "receptive", "clipping"])
def test_without_scripts_the_static_picture_stays(visit, pages, name):
    opened = visit(java_script_enabled=False)
    opened.page.goto(pages[name].as_uri())
    image = opened.page.get_by_role("img", name=made[name].description)
    assert image.is_visible()
    assert image.bounding_box()["width"] > 500


@pytest.mark.parametrize("name", ["switchboard", "receptive", "clipping"])
def test_closing_leaves_nothing_behind(open_page, name):
    page = open_page(name, clock=True).page
    page.evaluate("document.querySelector('.vk-play')?.click()")
    page.evaluate("closeWidget('problem', 'again')")
    page.clock.fast_forward(5000)
    assert page.evaluate("leftBehind()") == [0, 0, 0]


def test_the_order_of_switches_is_pythons(open_page):
    page = open_page("switchboard").page
    rows = page.locator(".vs-row[data-name]").all()
    assert [row.get_attribute("data-name") for row in rows] == list(SWITCHES)


# --- colours that the reader's system sets --------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_chosen_is_seen_in_the_reader_s_own_colours(open_page, scheme):
    forced = {"forced_colors": "active", "color_scheme": scheme}
    for name in ("receptive", "clipping"):
        page = open_page(name, **forced).page
        assert page.evaluate("backgrounds('.vk-group:first-of-type button')") == 2
    opened = open_page("switchboard", **forced)
    page = opened.page
    page.get_by_role("switch").first.click()
    page.evaluate("still()")
    assert page.evaluate("backgrounds('.vs-switch')") == 2
    for state in ("true", "false"):
        switch = f".vs-switch[aria-checked={state}]"
        both = f"{switch}, {switch} .vs-knob"
        assert page.evaluate("(both) => backgrounds(both)", both) == 2
    opened.shoot(f"switchboard-forced-{scheme}")


def test_a_button_that_rests_is_told_from_others_in_the_reader_s_own_colours(open_page):
    page = open_page("switchboard", forced_colors="active").page
    back = page.get_by_role("button", name="Back to the paper's protocol")
    style = "(node) => [getComputedStyle(node)].map((s) => [s.color, s.borderColor])[0]"
    resting = back.evaluate(style)
    page.get_by_role("switch").first.click()
    page.evaluate("still()")
    able = back.evaluate(style)
    assert all(one != other for one, other in zip(resting, able, strict=True))


def test_a_scale_of_colours_is_seen_in_the_reader_s_own_colours(open_page):
    page = open_page("receptive", forced_colors="active").page
    style = "(node) => getComputedStyle(node).backgroundImage"
    assert page.locator(".vr-ramp").evaluate(style).startswith("linear-gradient")


def test_no_widget_puts_a_heading_into_the_lesson(open_page):
    for name in made:
        page = open_page(name).page
        assert page.locator(".vdsr-place").get_by_role("heading").count() == 0
