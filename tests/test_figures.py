"""The figures: what they draw is what they were given, to the pixel."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from vdsr_lib import figures


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    """A grey picture of 60 x 90 pixels with all levels."""
    return np.random.default_rng(1).integers(0, 256, (60, 90), dtype=np.uint8)


def drawn(figure) -> np.ndarray:
    """The figure as pixels, at its nominal size."""
    stream = BytesIO()
    figure.savefig(stream, dpi=100)
    return np.asarray(Image.open(stream).convert("RGB"))


def texts(figure) -> str:
    """All titles and annotations of a figure."""
    return "\n".join(
        text.get_text()
        for axes in figure.axes
        for text in [axes.title, *axes.texts, axes.xaxis.label, axes.yaxis.label]
    )


# ------------------------------------------------------------------ comparison


@pytest.mark.parametrize("zoom", [3, 5])
def test_a_crop_is_drawn_pixel_by_pixel(scene, zoom):
    crop = (10, 20, 12, 16)
    figure = figures.comparison(
        {"original": scene, "darker": scene // 2}, crops=[crop], zoom=zoom
    )
    page = drawn(figure)
    for axes, picture in zip(figure.axes[1:], (scene, scene // 2), strict=True):
        wanted = np.kron(picture[10:22, 20:36], np.ones((zoom, zoom), np.uint8))
        box = axes.get_position()
        left = round(box.x0 * page.shape[1])
        top = round((1 - box.y1) * page.shape[0])
        tile = page[top : top + 12 * zoom, left : left + 16 * zoom]
        inside = np.s_[2:-2, 2:-2]  # the frame covers the outermost pixels
        for channel in range(3):
            np.testing.assert_array_equal(
                tile[..., channel][inside], wanted[inside]
            )  # identical: no smoothing, no stretching of the grey range


def test_scores_are_those_of_scikit_image_over_the_shaved_luma(scene):
    noisy = np.clip(scene.astype(int) + 7, 0, 255).astype(np.uint8)
    figure = figures.comparison(
        {"true": scene, "noisy": noisy}, "true", crops=[(0, 0, 8, 8)], border=3
    )
    inner = np.s_[3:-3, 3:-3]
    decibels = peak_signal_noise_ratio(scene[inner], noisy[inner], data_range=255)
    likeness = structural_similarity(
        scene[inner], noisy[inner], data_range=255, gaussian_weights=True,
        sigma=1.5, use_sample_covariance=False,
    )  # fmt: skip
    assert f"{decibels:.2f} dB / {likeness:.4f}" in texts(figure)
    assert "true\nPSNR / SSIM" in texts(figure)


def test_colour_pictures_are_scored_on_studio_range_luma(scene):
    true = np.stack([scene, scene[::-1], scene[:, ::-1]], axis=-1)
    estimate = np.roll(true, 1, axis=1)

    def luma(rgb):  # ITU-R BT.601, as MATLAB's rgb2ycbcr documents it
        return np.round(16 + rgb @ np.array([65.481, 128.553, 24.966]) / 255)

    wanted = peak_signal_noise_ratio(luma(true), luma(estimate), data_range=255)
    figure = figures.comparison({"a": true, "b": estimate}, "a")
    assert f"{wanted:.2f} dB" in texts(figure)


def test_the_same_picture_is_called_identical(scene):
    assert "identical" in texts(figures.comparison({"a": scene, "b": scene}, "a"))


@pytest.mark.parametrize("size", [(10, 30), (1, 1), (1, 50), (50, 1)])
def test_pictures_too_small_for_ssim_have_their_psnr_alone(scene, size):
    small = scene[: size[0], : size[1]]
    page = texts(figures.comparison({"a": small, "b": small ^ 1, "c": small}, "a"))
    assert "b\n48.13 dB" in page  # 20 log10 255
    assert "a\nPSNR" in page
    assert "c\nidentical" in page


def test_without_reference_nothing_is_scored(scene):
    assert "dB" not in texts(figures.comparison({"a": scene, "b": scene // 2}))


def test_floats_are_rounded_and_clipped_as_the_protocol_does(scene):
    figure = figures.comparison(
        {"a": scene, "b": scene / 255 + 0.2 / 255}, "a", crops=[(0, 0, 9, 9)]
    )
    assert "identical" in texts(figure)


@pytest.mark.parametrize("count", [1, 2, 4, 6])
@pytest.mark.parametrize("crops", [1, 3])
def test_captions_and_pictures_stay_inside_the_figure(scene, count, crops):
    names = ["the original, as it was", *(f"picture {i}" for i in range(1, count))]
    pictures = {name: np.roll(scene, i) for i, name in enumerate(names)}
    figure = figures.comparison(pictures, names[0], crops=crops, crop_size=16)
    figure.canvas.draw()
    whole = figure.bbox
    tiles = [axes.get_tightbbox() for axes in figure.axes]
    assert len(tiles) == 1 + count * crops
    for box in tiles:
        assert box.x0 >= whole.x0
        assert box.x1 <= whole.x1
        assert box.y0 >= whole.y0
        assert box.y1 <= whole.y1
    titles = [axes.title for axes in figure.axes if axes.get_title()]
    boxes = [title.get_window_extent() for title in titles]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :]), titles[i]
    assert figure.get_figwidth() <= 8.8


def test_five_pictures_stand_in_rows_of_three_and_two(scene):
    figure = figures.comparison({str(i): scene for i in range(5)}, crop_size=20)
    tops = [round(axes.get_position().y1, 3) for axes in figure.axes[1:]]
    assert [tops.count(top) for top in dict.fromkeys(tops)] == [3, 2]


def test_a_zoom_too_large_for_the_page_widens_the_figure(scene):
    pictures = {str(i): scene for i in range(4)}
    figure = figures.comparison(pictures, crop_size=48, zoom=6)
    assert figure.get_figwidth() > 4 * 48 * 6 / 100
    assert figure.axes[0].get_position().x1 <= figure.axes[1].get_position().x0


def test_differing_boxes_are_the_brute_force_maximum_and_apart():
    rng = np.random.default_rng(5)
    true = rng.integers(0, 256, (40, 50), dtype=np.uint8)
    estimate = true.copy()
    estimate[25:31, 33:39] ^= 255
    estimate[3:8, 2:7] ^= 127
    first, second = figures.differing_boxes([estimate], true, count=2, size=6)
    error = np.abs(true.astype(float) - estimate)
    sums = {
        (top, left): error[top : top + 6, left : left + 6].sum()
        for top in range(35)
        for left in range(45)
    }
    assert max(sums, key=sums.get) == (first.top, first.left)
    assert (second.height, second.width) == (6, 6)
    assert abs(second.top - first.top) >= 12 or abs(second.left - first.left) >= 12
    assert second.top <= 7  # it touches the other change
    assert second.left <= 6


def test_boxes_of_no_pictures_are_refused():
    with pytest.raises(ValueError, match="no picture to compare"):
        figures.differing_boxes([])


def test_no_more_boxes_than_fit():
    tiny = np.zeros((5, 7), np.uint8)
    assert figures.differing_boxes([tiny], count=3, size=48) == [(0, 0, 5, 7)]


@pytest.mark.parametrize(
    ("pictures", "options", "sentence"),
    [
        ({}, {}, "there is no picture"),
        ({"a": (4, 5), "b": (4, 6)}, {}, r"'a' has \(4, 5\) and 'b' has \(4, 6\)"),
        ({"a": (4, 5, 4)}, {}, r"'a' must be \(H, W\) or \(H, W, 3\)"),
        ({"a": (4, 5)}, {"reference": "b"}, "'b' is not among the pictures: a"),
        ({"a": (4, 5)}, {"crops": [(0, 0, 5, 5)]}, "leaves the picture of 4 x 5"),
        ({"a": (4, 5)}, {"crops": [(-1, 0, 2, 2)]}, "leaves the picture"),
        ({"a": (4, 5)}, {"crops": []}, "crops is empty"),
        ({"a": (4, 5)}, {"crops": 0}, "at least 1, got 0"),
        ({"a": (4, 5)}, {"zoom": 0}, "zoom must be at least 1, got 0"),
        ({"a": (4, 5)}, {"crop_size": 0}, "size must be at least 1, got 0"),
        ({"a": (0, 5)}, {}, r"'a' must have rows and columns, got shape \(0, 5\)"),
    ],
)
def test_comparison_says_what_is_wrong(pictures, options, sentence):
    arrays = {name: np.zeros(shape, np.uint8) for name, shape in pictures.items()}
    with pytest.raises(ValueError, match=sentence):
        figures.comparison(arrays, **options)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (np.full((4, 4), 200.0), r"up to|from 200 to 200: bring them to \[0, 1\]"),
        (np.full((4, 4), np.nan), "not finite"),
        (np.zeros((4, 4), np.int64), r"uint8, or float in \[0, 1\], got int64"),
    ],
)
def test_wrong_values_are_named(value, sentence):
    with pytest.raises(ValueError, match=sentence):
        figures.comparison({"a": value})


# ------------------------------------------------------------------ difference


def test_difference_shows_signed_levels_on_one_scale(scene):
    true = np.clip(scene, 20, 230).astype(np.uint8)
    figure = figures.difference(true, {"up": true + 9, "down": true - 3}, limit=12)
    images = [axes.images[0] for axes in figure.axes[:2]]
    assert (images[0].get_array() == 9).all()
    assert (images[1].get_array() == -3).all()
    assert {image.get_clim() for image in images} == {(-12, 12)}
    red, _, blue, _ = images[0].cmap(images[0].norm(9))
    assert red > blue  # too bright is red
    assert "root mean square 9.00 levels" in texts(figure)
    assert "error (8-bit levels)" in texts(figure)


def test_a_difference_is_from_the_reference_whatever_an_estimate_is_called():
    true = np.full((4, 5), 100, np.uint8)
    figure = figures.difference(true, {"": true + 3, "other": true + 1})
    shown = [np.unique(axes.images[0].get_array()).tolist() for axes in figure.axes[:2]]
    assert shown == [[3.0], [1.0]]


@pytest.mark.parametrize(
    ("estimates", "sentence"),
    [
        ({}, "no picture to show"),
        ({"a": (4, 6)}, r"the reference has \(4, 5\) and the estimates \(4, 6\)"),
    ],
)
def test_difference_refuses_what_it_cannot_compare(estimates, sentence):
    arrays = {name: np.zeros(shape, np.uint8) for name, shape in estimates.items()}
    with pytest.raises(ValueError, match=sentence):
        figures.difference(np.zeros((4, 5), np.uint8), arrays)


def test_difference_says_what_it_is_a_difference_of(scene):
    figure = figures.difference(scene, {"a": scene}, label="residual")
    assert "residual (8-bit levels)" in texts(figure)
    assert "error" not in texts(figure)


def test_difference_chooses_a_symmetric_limit_that_holds_nearly_all(scene):
    estimate = scene.copy()
    estimate[0, 0] ^= 128
    figure = figures.difference(scene, {"a": estimate})
    low, high = figure.axes[0].images[0].get_clim()
    assert low == -high == -1
    with pytest.raises(ValueError, match="limit must be positive"):
        figures.difference(scene, {"a": scene}, limit=0)


# ---------------------------------------------------------------------- charts


def test_convergence_draws_curves_lines_and_the_paper_dashed():
    epochs = np.arange(1, 81)
    figure = figures.convergence(
        {"residual": (epochs, 36 + epochs / 80), "plain": (epochs, 20 + epochs / 8)},
        xlabel="epoch",
        ylabel="PSNR on Set5 x2 (dB)",
        reference_lines={"bicubic": 33.66},
        paper={"residual": (epochs, np.full(80, 37.05))},
    )
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_array_equal(lines["residual"].get_ydata(), 36 + epochs / 80)
    dashed = [
        line
        for line in axes.lines
        if line.get_linestyle() == "--" and len(line.get_ydata()) == 80
    ]
    assert len(dashed) == 1
    assert set(dashed[0].get_ydata()) == {37.05}
    assert dashed[0].get_color() == lines["residual"].get_color()
    level = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert list(level[0].get_ydata()) == [33.66, 33.66]
    assert "bicubic 33.66" in texts(figure)
    assert "PSNR on Set5 x2 (dB)" in texts(figure)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["residual", "plain", "dashed, hollow: paper"]


def test_a_single_point_of_the_papers_is_seen_and_is_no_measured_one():
    """A line through one point is nothing."""
    figure = figures.convergence(
        {"VDSR": ([3.0], [37.5])},
        xlabel="seconds",
        ylabel="PSNR (dB)",
        paper={"VDSR": ([0.13], [37.5])},
    )
    paper, here = figure.axes[0].lines[:2]
    assert paper.get_marker() == here.get_marker() == "o"
    assert paper.get_color() == here.get_color() == here.get_markerfacecolor()
    assert paper.get_markerfacecolor() == "white"


def test_convergence_names_a_paper_curve_without_a_measured_one():
    figure = figures.convergence(
        {}, xlabel="epoch", ylabel="dB", paper={"residual": ([1, 2], [36, 37])}
    )
    assert figure.legends[0].get_texts()[0].get_text() == "residual (paper)"


def test_convergence_marks_points_each_of_few_and_leaves_gaps_for_nan():
    figure = figures.convergence(
        {"a": ([1, 2, 3], [30, np.nan, 31]), "b": (range(40), range(40))},
        xlabel="step",
        ylabel="PSNR (dB)",
        ylim=(0, 40),
    )
    few, many = figure.axes[0].lines[:2]
    assert (few.get_marker(), few.get_markevery()) == ("o", None)
    assert many.get_marker() == "s"
    assert many.get_markevery()[1] == 5
    assert np.isnan(few.get_ydata()[1])
    assert figure.axes[0].get_ylim() == (0, 40)


@pytest.mark.parametrize(
    ("x", "whole"), [([1, 2, 3], True), ([0.0, 5.0, 20.0], True), ([1.1, 2, 3], False)]
)
@pytest.mark.parametrize("draw", [figures.convergence, figures.panels])
def test_no_tick_stands_between_two_steps(draw, x, whole):
    """Three steps had ticks at 1.25, and 20 epochs at 2.5."""
    curves = {"rate 0.1": (x, [1.0, 3.0, 2.0])}
    given = {"a panel": curves} if draw is figures.panels else curves
    [axes] = draw(given, xlabel="step", ylabel="PSNR (dB)").axes
    ticks = axes.get_xticks()
    assert bool((ticks == ticks.round()).all()) is whole


@pytest.mark.parametrize(
    ("curves", "sentence"),
    [
        ({}, "there is no curve"),
        ({"a": ([1, 2], [3])}, "'a' has 2 x and 1 y values"),
        ({"a": ([], [])}, "'a' has 0 x and 0 y values"),
    ],
)
def test_convergence_refuses_what_is_no_curve(curves, sentence):
    with pytest.raises(ValueError, match=sentence):
        figures.convergence(curves, xlabel="x", ylabel="y")


def test_dots_draw_and_print_every_number():
    rows = {"full-range luma": {"x2": -1.31, "x3": -1.25}, "rounding": {"x2": 0.015,
            "x3": 0.007}}  # fmt: skip
    figure = figures.dots(
        rows,
        xlabel="change of PSNR (dB)",
        rings=("on Set5", {"rounding": {"x2": 0.02}}),
    )
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_array_equal(lines["x2"].get_xdata(), [-1.31, 0.015])
    np.testing.assert_array_equal(lines["x3"].get_xdata(), [-1.25, 0.007])
    rings = [line for line in axes.lines if line.get_markerfacecolor() == "none"]
    ringed = [x for line in rings for x in line.get_xdata() if np.isfinite(x)]
    assert ringed == [0.02]
    for number in ("−1.310", "−1.250", "+0.015", "+0.007"):  # noqa: RUF001
        assert number in texts(figure)
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["full-range luma", "rounding"]
    assert axes.yaxis_inverted()  # the first row on top
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["x2", "x3", "on Set5"]


def test_dots_print_a_dash_where_nothing_was_measured():
    rows = {"a": {"x2": 1.0, "x3": float("nan")}, "b": {"x2": -1.0, "x3": 0.5}}
    drawn = texts(figures.dots(rows, xlabel="dB"))
    assert "\N{EN DASH}" in drawn
    assert not [text for text in drawn if "nan" in text]


def test_dots_take_tables_and_name_scales():
    import pandas as pd

    table = pd.DataFrame({2: [-1.0], 3: [0.5]}, index=["a mistake"])
    figure = figures.dots(
        table.rename_axis(columns="scale"),
        xlabel="dB",
        rings=("on Set5", (table + 1).rename_axis(columns="scale")),
    )
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    assert lines["×2"].get_xdata().tolist() == [-1.0]  # noqa: RUF001
    assert lines["×3"].get_xdata().tolist() == [0.5]  # noqa: RUF001
    rings = [line for line in axes.lines if line.get_markerfacecolor() == "none"]
    places = [line.get_xdata()[0] for line in rings if len(line.get_xdata())]
    assert sorted(places) == [0.0, 1.5]


def test_dots_refuse_rows_that_differ():
    with pytest.raises(ValueError, match=r"'a' has .*x2.* and 'b' has .*x3"):
        figures.dots({"a": {"x2": 1.0}, "b": {"x3": 1.0}}, xlabel="dB")
    with pytest.raises(ValueError, match="no row"):
        figures.dots({}, xlabel="dB")
    row = {f"x{scale}": 1.0 for scale in range(8)}
    with pytest.raises(ValueError, match="at most 7 series, got 8"):
        figures.dots({"a": row}, xlabel="dB")
    row.popitem()
    assert len(figures.dots({"a": row}, xlabel="dB").axes[0].get_legend().texts) == 7


def test_kernel_draws_the_weights_where_they_are():
    figure = figures.kernel(
        ([-1, 0, 1], [0, 1, 0]), ([-0.25, 0.75], [0.75, 0.25]), xlabel="x", ylabel="w"
    )
    points = next(
        line for line in figure.axes[0].lines if line.get_label() == "weights used"
    )
    np.testing.assert_array_equal(points.get_xydata(), [[-0.25, 0.75], [0.75, 0.25]])
    assert "+0.750" in texts(figure)
    assert "+0.250" in texts(figure)


# ----------------------------------------------------------------------- style


def test_figures_are_not_left_with_pyplot_and_settings_are_left_alone(scene):
    import matplotlib as mpl
    from matplotlib import pyplot

    before = dict(mpl.rcParams)
    figures.comparison({"a": scene})
    figures.convergence({"a": ([1], [2])}, xlabel="x", ylabel="y")
    assert pyplot.get_fignums() == []
    assert dict(mpl.rcParams) == before


def test_a_figure_looks_the_same_whatever_the_readers_settings(scene):
    import matplotlib as mpl

    plain = drawn(figures.convergence({"a": ([1, 2], [2, 3])}, xlabel="x", ylabel="y"))
    with mpl.rc_context({"font.size": 30, "axes.grid": False, "lines.linewidth": 9}):
        odd = figures.convergence({"a": ([1, 2], [2, 3])}, xlabel="x", ylabel="y")
    np.testing.assert_array_equal(plain, drawn(odd))


def test_use_style_sets_the_palette():
    import matplotlib as mpl

    with mpl.rc_context():
        figures.use_style()
        cycle = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
        assert [to_hex(colour) for colour in cycle] == [
            colour.lower() for colour in figures.COLOURS.values()
        ]
        assert mpl.rcParams["figure.constrained_layout.use"]


def test_palette_stays_apart_for_colour_blind_readers():
    # Vienot, Brettel and Mollon (1999): protanopia and deuteranopia in linear RGB.
    kinds = {
        "full": np.eye(3),
        "protanopia": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0],
                       [0.00401, -0.00401, 1]],
        "deuteranopia": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0],
                         [-0.02234, 0.02234, 1]],
    }  # fmt: skip
    from matplotlib.colors import to_rgb
    from skimage.color import rgb2lab

    linear = np.array([to_rgb(c) for c in figures.COLOURS.values()]) ** 2.2
    for name, matrix in kinds.items():
        seen = np.clip(linear @ np.array(matrix).T, 0, 1) ** (1 / 2.2)
        lab = rgb2lab(seen[None])[0]
        gaps = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
        nearest = gaps[~np.eye(len(lab), dtype=bool)].min()
        assert nearest > 10, (name, nearest)  # 2.3 can just be told apart


def contrast(colour: object) -> float:
    """Contrast with white paper, as WCAG reckons it."""
    from matplotlib.colors import to_rgb

    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05)


def test_marks_and_words_stand_out_from_the_paper():
    """WCAG AA: 3 : 1 for what is drawn, 4.5 : 1 for what is written."""
    from matplotlib.text import Text

    table = {"rounding": {"x2": 0.1, "x3": -0.1, "x4": 0.2}}
    labels = {"xlabel": "depth", "ylabel": "PSNR (dB)"}
    for figure in (
        figures.dots(table, xlabel="change (dB)"),
        figures.seeds({"x2": ([3, 3], [30.0, 31.0])}, **labels),
        figures.combinations([30.0, 29.0, 28.0, 27.0], ["a", "b"], ylabel="dB"),
    ):
        figure.draw_without_rendering()
        axes = figure.axes[0]
        assert all(contrast(line.get_color()) >= 3 for line in axes.lines)
        words = figure.findobj(Text)
        assert all(contrast(text.get_color()) >= 4.5 for text in words)


# ------------------------------------------------------------------------ show


@pytest.mark.parametrize("alt", ["", "  \n "])
def test_show_asks_for_alternative_text(alt):
    figure = figures.convergence({"a": ([1], [2])}, xlabel="x", ylabel="y")
    with pytest.raises(ValueError, match="alt is empty"):
        figures.show(figure, alt=alt)


def test_show_carries_the_text_to_the_output():
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    figure = figures.convergence({"a": ([1], [2])}, xlabel="x", ylabel="y")
    InteractiveShell.clear_instance()
    InteractiveShell.instance()
    try:
        with capture_output() as captured:
            figures.show(figure, alt="One curve,\n    'a' < \"b\".")
    finally:
        InteractiveShell.clear_instance()
    (output,) = captured.outputs
    assert output.metadata["image/png"]["alt"] == "One curve, 'a' < \"b\"."
    assert output.data["text/plain"] == "[figure: One curve, 'a' < \"b\".]"
    # JupyterLab and nbconvert's own pages read no such metadata.
    image = ElementTree.fromstring(output.data["text/html"]).attrib
    assert image["alt"] == "One curve, 'a' < \"b\"."
    source = f"data:image/png;base64,{b64encode(output.data['image/png']).decode()}"
    assert image["src"] == source
    assert int(image["width"]) == output.metadata["image/png"]["width"]
    picture = Image.open(BytesIO(output.data["image/png"]))
    size = (output.metadata["image/png"]["width"],
            output.metadata["image/png"]["height"])  # fmt: skip
    assert picture.size == (2 * size[0], 2 * size[1])


def test_outside_ipython_show_does_nothing_and_figures_bring_no_jupyter_in():
    code = (
        "import sys; from vdsr_lib import figures\n"
        "figures.show(figures.convergence({'a': ([1], [2])}, xlabel='x', ylabel='y'),"
        " alt='a curve')\n"
        "assert not {'IPython', 'ipykernel', 'ipywidgets'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
