"""Figures of gradients and tables of gains: they show the numbers they were given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from vdsr_lib import figures

GAINS = pd.DataFrame(
    {"0.1": [0.5, np.nan], "0.01": [-1.0, 0.25]}, index=["adjustable", "none"]
)


def test_gradient_histogram_shares_every_element_but_the_zeros():
    elements = np.array([0.0, 0.0, 1e-4, -1e-4, 2e-2, -3.0, 3.0, 3.0])
    figure = figures.gradient_histogram({"first": elements}, limits={"0.1": 1e-3})
    shares, edges, _ = figure.axes[0].patches[0].get_data()
    assert shares.sum() == pytest.approx(6 / 8)
    beyond = shares[edges[:-1] >= 0.999e-3].sum()
    assert beyond == pytest.approx(np.mean(np.abs(elements) > 1e-3))
    assert figure.axes[0].get_xscale() == "log"
    assert figure.legends[0].texts[0].get_text() == "first (25% are 0)"


def test_gradient_histogram_marks_the_limits_within_the_axis():
    limits = {"rate 0.1": 1e-3, "rate 1e-4": 1.0}
    figure = figures.gradient_histogram({"g": [1e-5, 1e-4]}, limits=limits)
    axes = figure.axes[0]
    assert [line.get_xdata()[0] for line in axes.lines] == [1e-3, 1.0]
    assert [text.get_text() for text in axes.texts] == list(limits)
    assert axes.get_xlim()[1] > 1.0


@pytest.mark.parametrize(
    ("elements", "limits", "message"),
    [
        ({}, {}, "no gradient"),
        ({"g": []}, {}, "'g' needs elements"),
        ({"g": [0.0, 0.0]}, {}, "not all 0"),
        ({"g": [np.nan]}, {}, "finite"),
        ({"g": [1.0]}, {"none": 0.0}, "limits must be above 0"),
        ({"g": [1.0]}, {"none": np.inf}, "limits must be above 0 and finite"),
    ],
)
def test_gradient_histogram_refuses_what_has_no_place(elements, limits, message):
    with pytest.raises(ValueError, match=message):
        figures.gradient_histogram(elements, limits=limits)


def test_traces_give_each_quantity_its_axis_and_each_run_its_colour():
    norms = {"none": ([1, 2], [1.0, 1e9]), "adjustable": ([1, 2], [1.0, 2.0])}
    shares = {"adjustable": ([1, 2], [0.0, 0.1])}
    figure = figures.traces(
        {"norm": norms, "share": shares},
        logarithmic=["norm"],
        levels={"share": ("all", 1.0)},
    )
    left, right = figure.axes
    assert (left.get_yscale(), right.get_yscale()) == ("log", "linear")
    assert [axes.get_title() for axes in figure.axes] == ["norm", "share"]
    np.testing.assert_array_equal(left.lines[0].get_ydata(), [1.0, 1e9])
    assert left.lines[1].get_color() == right.lines[0].get_color()
    assert right.lines[1].get_ydata()[0] == 1.0
    legend = [text.get_text() for text in figure.legends[0].texts]
    assert legend == ["none", "adjustable"]


@pytest.mark.parametrize(
    ("quantities", "options", "message"),
    [
        ({}, {}, "no curve"),
        ({"norm": {}}, {}, "no curve"),
        ({"norm": {"a": ([1], [1])}}, {"logarithmic": ["nrom"]}, "no quantity 'nrom'"),
        ({"norm": {"a": ([1], [1])}}, {"levels": {"x": ("y", 1)}}, "no quantity 'x'"),
    ],
)
def test_traces_refuse_names_of_nothing(quantities, options, message):
    with pytest.raises(ValueError, match=message):
        figures.traces(quantities, **options)


def test_grid_prints_every_cell_and_colours_all_tables_on_one_scale():
    figure = figures.grid({"ours": GAINS, "paper": GAINS / 2}, colour="gain (dB)")
    ours, paper = figure.axes[:2]
    printed = [text.get_text() for text in ours.texts]
    assert printed == ["+0.50", "\N{MINUS SIGN}1.00", "not run", "+0.25"]
    assert ours.images[0].get_clim() == paper.images[0].get_clim() == (-1.0, 1.0)
    assert [text.get_text() for text in ours.get_yticklabels()] == list(GAINS.index)
    assert figure.axes[2].get_ylabel() == "gain (dB)"


def test_grid_is_red_below_zero_blue_above_and_grey_where_nothing_ran():
    image = figures.grid({"ours": GAINS}, colour="gain (dB)").axes[0].images[0]
    red, _, blue, _ = image.cmap(image.norm(-1.0))
    assert red > blue
    red, _, blue, _ = image.cmap(image.norm(1.0))
    assert blue > red
    grey = image.to_rgba(image.get_array())[1, 0]
    assert grey[0] == grey[1] == grey[2] < 1


def test_grid_prints_in_an_ink_that_can_be_read_on_every_colour():
    """WCAG AA asks for 4.5 : 1."""

    def luminance(colour: object) -> float:
        rgb = np.array(to_rgb(colour))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    shades = pd.DataFrame([np.append(np.linspace(-1, 1, 41), np.nan)])
    axes = figures.grid({"ours": shades}, colour="dB", limit=1).axes[0]
    ground = axes.images[0].to_rgba(axes.images[0].get_array())[0]
    for shade, text in zip(ground, axes.texts, strict=True):
        pair = sorted([luminance(shade[:3]), luminance(text.get_color())])
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, text.get_text()


def test_grid_says_in_words_what_has_no_number():
    words = GAINS.astype(object)
    words.loc["none", "0.1"] = "diverged\nat step 3"
    figure = figures.grid({"ours": GAINS}, colour="dB", missing={"ours": words})
    assert figure.axes[0].texts[2].get_text() == "diverged\nat step 3"


def test_a_grid_without_any_number_has_words_in_each_cell():
    """As where all runs diverged."""
    drawn = figures.grid({"a": GAINS * np.nan}, colour="dB", missing="diverged")
    assert [text.get_text() for text in drawn.axes[0].texts] == (
        ["diverged"] * GAINS.size
    )


@pytest.mark.parametrize(
    ("tables", "limit", "message"),
    [
        ({}, None, "no cell"),
        ({"a": GAINS.iloc[:0]}, None, "no cell"),
        ({"a": GAINS, "b": GAINS.iloc[::-1]}, None, "same rows"),
        ({"a": GAINS}, 0.0, "limit must be above 0"),
    ],
)
def test_grid_refuses_what_cannot_be_drawn(tables, limit, message):
    with pytest.raises(ValueError, match=message):
        figures.grid(tables, colour="dB", limit=limit)
