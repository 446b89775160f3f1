"""Figures of learning: they draw the numbers and pixels that they were given."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image

from vdsr_lib import figures

CURVES = {
    "rate 0.1": {"residual": ([0, 1], [30.0, 31.0]), "plain": ([0, 1], [12.0, 20.0])},
    "rate 0.01": {"residual": ([0, 1], [30.0, 30.5]), "plain": ([0, 1], [12.0, 25.0])},
}


def drawn(figure) -> np.ndarray:
    """The figure as pixels, at its nominal size."""
    stream = BytesIO()
    figure.savefig(stream, dpi=100)
    return np.asarray(Image.open(stream).convert("RGB"))


def test_panels_draw_the_numbers_in_one_colour_a_label():
    figure = figures.panels(CURVES, xlabel="step", ylabel="PSNR (dB)")
    assert [axes.get_title() for axes in figure.axes] == list(CURVES)
    for axes, (_, lines) in zip(figure.axes, CURVES.items(), strict=True):
        for line, (x, y) in zip(axes.lines, lines.values(), strict=True):
            np.testing.assert_array_equal(line.get_xdata(), x)
            np.testing.assert_array_equal(line.get_ydata(), y)
    colours = [[line.get_color() for line in axes.lines] for axes in figure.axes]
    assert colours[0] == colours[1]
    assert len(set(colours[0])) == 2
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert figure.axes[0].get_ylabel() == "PSNR (dB)"
    assert figure.get_supxlabel() == "step"


@pytest.mark.parametrize(("logarithmic", "scale"), [(True, "log"), (False, "linear")])
def test_panels_share_an_axis_that_may_be_logarithmic(logarithmic, scale):
    options = {"xlabel": "step", "ylabel": "gradient norm"}
    figure = figures.panels(CURVES, logarithmic=logarithmic, **options)
    assert [axes.get_yscale() for axes in figure.axes] == [scale, scale]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_the_papers_curves_are_dashed_in_the_same_colour():
    figure = figures.panels(
        CURVES,
        xlabel="epoch",
        ylabel="PSNR (dB)",
        paper={"rate 0.1": {"residual": ([0, 1], [33.0, 36.0])}},
        level=("bicubic", 33.66),
    )
    paper, ours = figure.axes[0].lines[:2]
    assert paper.get_linestyle() == "--"
    assert ours.get_linestyle() == "-"
    assert to_hex(paper.get_color()) == to_hex(ours.get_color())
    assert figure.axes[1].lines[-1].get_ydata()[0] == 33.66
    legend = [text.get_text() for text in figure.legends[0].texts]
    assert legend == ["residual", "plain", "dashed, hollow: the paper", "bicubic 33.66"]


@pytest.mark.parametrize("count", [2, 16, 17, 80, 2000])
def test_curves_and_their_keys_are_told_apart_without_colour(count):
    """Green and purple are both grey to who sees no red and no green."""
    places = np.arange(count)
    runs = {f"run {i}": (places, places + i) for i in range(7)}
    for figure in (
        figures.panels({"x2": runs}, xlabel="step", ylabel="dB"),
        figures.traces({"loss": runs}),
        figures.convergence(runs, xlabel="step", ylabel="dB"),
    ):
        drawn_lines = [
            line
            for line in figure.axes[0].lines
            if len(line.get_xdata()) and line.get_linestyle() != "None"
        ]
        marked = [
            places[start::step]
            for start, step in (line.get_markevery() or (0, 1) for line in drawn_lines)
        ]
        assert all(2 <= len(marks) <= 16 for marks in marked)
        if count >= 80:
            assert len(set(np.concatenate(marked))) == sum(map(len, marked))
        shapes = [line.get_marker() for line in drawn_lines]
        assert len({*shapes} - {"", "None"}) == 7
        keys = [line.get_marker() for line in figure.legends[0].get_lines()]
        assert keys == shapes


def test_the_markers_of_long_curves_lie_above_all_lines():
    """What oscillates as fast as a gradient's norm buries those of the curves below."""
    runs = {f"run {i}": (range(200), 5 + (-1.0) ** np.arange(200)) for i in range(3)}
    for figure in (
        figures.panels({"x2": runs}, xlabel="step", ylabel="dB", paper={"x2": runs}),
        figures.traces({"loss": runs}),
        figures.convergence(runs, xlabel="step", ylabel="dB"),
    ):
        lines = [line for line in figure.axes[0].lines if len(line.get_xdata())]
        marks = [line for line in lines if line.get_linestyle() == "None"]
        assert len(marks) == len(lines) / 2 >= 3
        highest = max(line.zorder for line in {*lines} - {*marks})
        assert all(each.zorder > highest for each in marks)
        assert "_markers" not in [text.get_text() for text in figure.findobj(Text)]


def test_shares_are_told_apart_without_colour():
    values = {name: [i, 4 * i, 40.0] for i, name in enumerate("abc")}
    for figure in (
        figures.histogram(values, xlabel="levels"),
        figures.gradient_histogram(values),
    ):
        styles = [patch.get_linestyle() for patch in figure.axes[0].patches[1::2]]
        assert len(set(styles)) == 3


def test_the_paper_alone_needs_no_word_about_dashes():
    figure = figures.panels({}, xlabel="x", ylabel="y", paper=CURVES)
    legend = [text.get_text() for text in figure.legends[0].texts]
    assert legend == ["residual", "plain"]
    assert len(figure.axes) == 2


def test_panels_can_be_cut_and_need_a_curve():
    figure = figures.panels(CURVES, xlabel="x", ylabel="y", ylim=(20, 40))
    assert figure.axes[1].get_ylim() == (20, 40)
    with pytest.raises(ValueError, match="no curve"):
        figures.panels({"empty": {}}, xlabel="x", ylabel="y")


def test_histogram_counts_shares_in_bins_of_four_around_zero():
    values = {"residual": np.array([-2.5, -1.0, 0.0, 1.9, 3.0]), "picture": [16, 235]}
    figure = figures.histogram(values, xlabel="levels")
    stairs = [patch.get_data() for patch in figure.axes[0].patches]
    for counts, label in zip(stairs[::2], values, strict=True):
        shares, edges = counts.values, counts.edges
        assert shares.sum() == pytest.approx(1)
        assert -2 in edges
        assert 2 in edges
        assert (np.diff(edges) == 4).all()
        inside = np.asarray(values[label])
        middle = shares[list(edges).index(-2)]
        assert middle == pytest.approx(np.mean((inside >= -2) & (inside < 2)))
    assert figure.axes[0].get_yscale() == "log"


@pytest.mark.parametrize("values", [{}, {"a": []}, {"a": [1.0, np.nan]}])
def test_histogram_refuses_what_cannot_be_counted(values):
    with pytest.raises(ValueError, match="needs values, all of them finite"):
        figures.histogram(values, xlabel="levels")


def test_nothing_is_left_out_where_labels_outnumber_the_palette():
    many = {f"run {i}": ([0, 1], [30.0, 30.0 + i]) for i in range(9)}
    figure = figures.panels({"x2": many}, xlabel="step", ylabel="dB")
    assert len(figure.axes[0].lines) == 9
    assert len(figure.legends[0].texts) == 9
    values = {name: y for name, (_, y) in many.items()}
    for drawn_figure in (
        figures.histogram(values, xlabel="levels"),
        figures.gradient_histogram(values),
    ):
        assert len(drawn_figure.axes[0].patches) == 2 * 9


def test_filmstrip_shows_each_picture_in_its_place_and_range():
    grey = {
        title: np.full((30, 40), level, np.uint8)
        for title, level in (("step 0", 0), ("step 8", 128), ("original", 255))
    }
    backwards = dict(zip(grey, [*grey.values()][::-1], strict=True))
    rows = {"residual": (grey, {"step 0": "12.00 dB"}), "plain": (backwards, {})}
    figure = figures.filmstrip(rows)
    page = drawn(figure)
    for axes, level in zip(figure.axes, (0, 128, 255, 255, 128, 0), strict=True):
        box = axes.get_position()
        row = round((1 - (box.y0 + box.y1) / 2) * page.shape[0])
        column = round((box.x0 + box.x1) / 2 * page.shape[1])
        assert page[row, column].tolist() == [level] * 3
    assert [axes.get_title() for axes in figure.axes[:3]] == list(grey)
    assert figure.axes[0].get_xlabel() == "12.00 dB"
    assert figure.axes[3].get_title() == figure.axes[1].get_xlabel() == ""
    assert [text.get_text() for text in figure.texts] == ["residual", "plain"]


@pytest.mark.parametrize(
    "rows",
    [
        {},
        {"a": ({}, {})},
        {"a": ({"1": np.zeros((2, 2))}, {}), "b": ({"2": np.zeros((2, 2))}, {})},
        {"a": ({"1": np.zeros((2, 2)), "2": np.zeros((2, 3))}, {})},
    ],
)
def test_filmstrip_refuses_rows_that_do_not_match(rows):
    with pytest.raises(ValueError, match="same titles in each row"):
        figures.filmstrip(rows)
