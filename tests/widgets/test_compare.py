"""The comparison widget without a browser: its traits, its output, its fallback."""

from __future__ import annotations

import re
from io import BytesIO

import numpy as np
import pytest
from matplotlib.colors import rgb_to_hsv, to_rgb
from PIL import Image
from traitlets import TraitError

import vdsr_lib
from vdsr_lib import figures
from vdsr_lib.widgets import Compare, compare
from vdsr_lib.widgets.fallback import alternative_text
from vdsr_lib.widgets.pictured import page_source

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    """A smooth grey picture of 60 x 80 pixels."""
    y, x = np.mgrid[:60, :80]
    return (90 + 40 * np.sin(x / 5) + 40 * np.cos(y / 7)).astype(np.uint8)


@pytest.fixture(scope="module")
def pictures(scene) -> dict[str, np.ndarray]:
    return {"HR": scene, "flat": scene * 0 + 90, "near": scene // 8 * 8}


@pytest.fixture
def widget(pictures) -> Compare:
    return compare(pictures, reference="HR")


def test_it_is_exported_and_says_what_it_holds(widget):
    assert vdsr_lib.compare is compare
    assert repr(widget) == "Compare(HR, flat, near)  # 60 x 80, against HR"


def test_it_begins_with_the_first_and_the_last_estimate(widget, pictures):
    assert (widget.left, widget.right) == ("flat", "near")
    two = compare({"HR": pictures["HR"], "flat": pictures["flat"]}, reference="HR")
    assert (two.left, two.right) == ("HR", "flat")
    free = compare(pictures)
    assert (free.left, free.right) == ("HR", "near")
    assert widget.centre == (40.0, 30.0)


def test_the_view_may_be_chosen_at_the_start(pictures):
    widget = compare(pictures, mode="difference", left="near", zoom=8, point=(3, 4))
    assert (widget.mode, widget.left, widget.zoom) == ("difference", "near", 8)
    assert widget.point == (3, 4)
    with pytest.raises(TypeError, match="knows no 'colour'; the view is set with mode"):
        compare(pictures, colour="red")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("left", "bicubic", "left must be one of HR, flat, near, got 'bicubic'"),
        ("frame", 3, r"frame must be in \[0, 0\], got 3"),
        ("point", (60, 0), r"picture of 60 x 80, got \(60, 0\)"),
        ("mode", "swipe", "mode"),
        ("zoom", 33, "zoom"),
        ("split", 1.5, "split"),
        ("magnification", 7, "magnification"),
    ],
)
def test_a_view_that_cannot_be_is_refused(widget, name, value, says):
    before = getattr(widget, name)
    with pytest.raises((ValueError, TraitError), match=says):
        setattr(widget, name, value)
    assert getattr(widget, name) == before


def test_other_pictures_keep_the_view(widget, pictures, scene):
    widget.set_trait("zoom", 8.0)
    widget.point = (5, 6)
    widget.left, widget.right = "near", "HR"
    changed = []
    widget.observe(lambda change: changed.append(change["name"]))
    widget.show({**pictures, "new": scene // 2}, reference="HR", border=4)
    assert widget.names == ["HR", "flat", "near", "new"]
    assert (widget.left, widget.right) == ("near", "HR")
    assert (widget.zoom, widget.point) == (8.0, (5, 6))
    assert {"pixels", "names", "scores", "description"} <= set(changed)


def test_pictures_of_another_size_start_a_new_view(widget, scene):
    widget.zoom, widget.point = 8.0, (59, 79)
    widget.show({"a": scene[:20, :30], "b": scene[20:40, :30]})
    assert (widget.zoom, widget.size) == (0, [20, 30])
    assert (widget.left, widget.right) == ("a", "b")
    assert widget.point[0] < 20


def test_a_refused_change_leaves_the_widget_as_it_was(widget, scene):
    before = widget.get_state()
    with pytest.raises(ValueError, match="at least two"):
        widget.show({"alone": scene})
    assert widget.get_state() == before


def test_the_output_carries_the_widget_and_a_picture_with_words(
    widget, carries_a_picture_with_words
):
    carries_a_picture_with_words(widget)
    png, width, height = widget._static()
    assert Image.open(BytesIO(png)).size == (2 * width, 2 * height)


@pytest.mark.parametrize("size", [(9, 9), (1, 1), (1, 80), (60, 1)])
def test_the_smallest_pictures_are_shown_too(pictures, size):
    small = {name: p[: size[0], : size[1]] for name, p in pictures.items()}
    data, _ = compare(small, reference="HR")._repr_mimebundle_()
    assert {WIDGET, "image/png"} <= set(data)


def test_a_closed_widget_shows_nothing(widget):
    widget.close()
    assert widget._repr_mimebundle_ is None or widget._repr_mimebundle_() is None


def test_the_words_name_pictures_and_scores(widget):
    decibels, likeness = widget.scores[2][0]
    assert widget.description.startswith(
        "Comparison of HR, flat and near, 80 by 60 pixels. PSNR and SSIM against HR: "
    )
    assert f"near {decibels:.2f} dB and {likeness:.4f}." in widget.description


def test_the_words_tell_how_a_series_goes(scene):
    series = compare(
        {"HR": scene, "net": [scene // 2, scene]},
        reference="HR",
        frames={"epoch": [1, 9]},
    )
    assert "at epoch 1 to 9" in series.description
    assert re.search(r"net \d+\.\d\d dB and \d\.\d{4} to identical", series.description)
    nothing = alternative_text(
        {"names": ["a", "b"], "size": [2, 3], "reference": "", "frame_labels": []}
    )
    assert nothing == "Comparison of a and b, 3 by 2 pixels."


def spy_on(monkeypatch, name):
    """Replace a figure by itself, and keep what it was called with."""
    calls = []
    original = getattr(figures, name)

    def spy(*args, **kwargs):
        calls.append((args, kwargs))
        return original(*args, **kwargs)

    monkeypatch.setattr(figures, name, spy)
    return calls


def test_the_static_picture_shows_the_very_pixels(widget, pictures, monkeypatch):
    calls = spy_on(monkeypatch, "comparison")
    widget.to_png()
    shown, reference = calls[0][0]
    assert reference == "HR"
    assert list(shown) == list(pictures)
    for name, array in pictures.items():
        np.testing.assert_array_equal(shown[name], array)
    widget.to_png()
    assert len(calls) == 1  # drawn once
    widget.show(pictures, reference="flat")
    widget.to_png()
    assert len(calls) == 2


def test_the_static_picture_is_of_what_is_shown_now(scene):
    """The place of its pixels in memory does not name it: others take that."""
    small = {"HR": scene[:12, :12], "flat": scene[:12, :12] * 0}
    widget = compare(small, reference="HR")
    before, place = widget.to_png(), id(widget.pixels)
    for level in range(255):  # until a list stands where the first one stood
        widget.show({**small, "flat": small["flat"] + level})
        if id(widget.pixels) == place:
            break
    now = widget.to_png()
    assert now != before
    widget.reference = "HR"
    assert widget.to_png() != now  # with scores


def test_the_static_picture_of_a_series_shows_its_ends_and_its_curves(
    scene, monkeypatch
):
    grids, charts = (
        spy_on(monkeypatch, "comparison"),
        spy_on(monkeypatch, "convergence"),
    )
    frames = [scene // (6 - i) for i in range(5)]
    widget = compare(
        {"HR": scene, "net": frames},
        reference="HR",
        frames={"epoch": [0, 1, 2, 5, 9]},
        curves={"net": [1, 2, np.nan, 4, 5]},
    )
    widget.to_png()
    assert list(grids[0][0][0]) == [
        "HR",
        "net, epoch 0",
        "net, epoch 2",
        "net, epoch 9",
    ]
    assert charts[0][1] == {"xlabel": "epoch", "ylabel": "PSNR (dB)"}
    many = {f"net {k}": [frame // (k + 1) for frame in frames] for k in range(3)}
    compare({"HR": scene, **many}, reference="HR", frames=[0, 1, 2, 3, 4]).to_png()
    assert len(grids[1][0][0]) == 7  # the truth, and three times first and last


def test_a_series_of_truths_is_shown_at_its_last_frame(scene, monkeypatch):
    calls = spy_on(monkeypatch, "comparison")
    truths = [scene, scene[::-1].copy()]
    series = {"HR": truths, "net": [scene // 2, scene // 3]}
    compare(series, reference="HR", frames=["a", "b"]).to_png()
    shown = calls[0][0][0]
    np.testing.assert_array_equal(shown["HR"], truths[1])
    np.testing.assert_array_equal(shown["net"], scene // 3)


def test_a_page_of_its_own_asks_for_nothing(widget, tmp_path):
    page = widget.to_html(tmp_path / "page.html", title="Look & see")
    assert (tmp_path / "page.html").read_text("utf-8") == page
    assert "<title>Look &amp; see</title>" in page
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)
    assert f'alt="{widget.description}"' in page


def test_all_that_a_page_needs_is_in_the_state(widget):
    entry = widget.get_manager_state(widgets=[widget])["state"][widget.model_id]
    state = entry["state"]
    assert "/* The page side of `Compare`" in state["_esm"]
    assert ".vdsr-compare" in state["_css"]
    paths = [buffer["path"] for buffer in entry["buffers"]]
    assert paths == [["pixels", 0], ["pixels", 1], ["pixels", 2]]
    for name in Compare.VIEW:
        assert name in state


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_colours_are_the_figures_in_their_order(theme):
    """A label that is third in both is green in both; the sixth is grey here."""
    light, dark = page_source("tokens.css").split('[data-theme="dark"]')
    tokens = re.findall(r"--vd-c[0-4]: (#\w+)", light if theme == "light" else dark)
    hues = [rgb_to_hsv(to_rgb(c))[0] for c in (*tokens, *figures.COLOURS.values())]
    assert len(tokens) == 5
    np.testing.assert_allclose(hues[:5], hues[5:10], atol=0.02)
