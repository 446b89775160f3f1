"""The explorers' static figures: what is drawn is what was given."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from vdsr_lib import figures
from vdsr_lib.experiments.gradients import MAGNITUDES


def test_combinations_are_sorted_and_marked():
    values = [30.0, 28.0, 29.0, 27.5]
    figure = figures.combinations(values, ["a", "b"], ylabel="PSNR (dB)")
    top, below = figure.axes
    points = {
        line.get_label(): line.get_xydata().tolist()
        for line in top.lines
        if not line.get_label().startswith("_")
    }
    shapes = {line.get_marker() for line in top.lines if line.get_label() in points}
    assert len(shapes) == 3  # for who cannot tell the colours
    assert points["the paper's protocol"] == [[0, 30.0]]
    assert points["one switch alone"] == [[1, 29.0], [2, 28.0]]
    assert points["several switches"] == [[3, 27.5]]
    blue = [line.get_xydata().tolist() for line in below.lines[1::2]]
    assert blue == [[[2, 0], [3, 0]], [[1, 1], [3, 1]]]
    assert [label.get_text() for label in below.get_yticklabels()] == ["a", "b"]
    with pytest.raises(ValueError, match="2 switches have 4 combinations, got 3"):
        figures.combinations(values[:3], ["a", "b"], ylabel="")


def seen(side: int) -> figures.SeenField:
    field = np.full((side, side), 1e-6)
    field[side // 2, side // 2] = 1.0
    output = np.arange(2500, dtype=np.uint8).reshape(50, 50)
    return figures.SeenField(field, output, "below", "30 dB")


def test_fields_are_drawn_to_one_scale_with_their_squares():
    source = np.random.default_rng(0).integers(0, 256, (50, 50), dtype=np.uint8)
    figure = figures.receptive_fields(
        {"depth 2": seen(5), "depth 5": seen(11)}, source, (20, 25)
    )
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == 6
    for axes, side in zip(panels, [5] * 3 + [11] * 3, strict=True):
        assert axes.images[0].get_array().shape == (11, 11, 3)
        squares = [p for p in axes.patches if isinstance(p, Rectangle)]
        assert {p.get_width() for p in squares} == {side}
        assert squares[0].get_x() == (11 - side) / 2 - 0.5
    inputs = np.asarray(panels[0].images[0].get_array())[..., 0]
    np.testing.assert_array_equal(inputs, source[15:26, 20:31])
    titles = [axes.get_title() for axes in panels]
    assert titles[0] == "depth 2: 5 \N{MULTIPLICATION SIGN} 5"
    assert panels[1].get_xlabel() == "below"
    heat = np.asarray(panels[4].images[0].get_array())
    assert heat[5, 5].tolist() == [252, 253, 191]  # the top of magma
    assert heat[0, 0].tolist() == [0, 0, 4]  # a millionth: the bottom
    with pytest.raises(ValueError, match="no field to draw"):
        figures.receptive_fields({}, source, (0, 0))


def test_gradients_change_colour_at_the_bound():
    counts = [0] * (len(MAGNITUDES) + 1)
    counts[70], counts[71], counts[75] = 6, 3, 1  # up to 1e-3; from there on
    bound = 1e-3
    panels = {
        ("value", "rate 0.1"): figures.Magnitudes(
            counts, bound, "40 % clipped", "30 dB"
        ),
        ("none", "rate 0.01"): figures.Magnitudes(counts, float("inf"), "not clipped"),
    }
    figure = figures.gradient_sizes(panels, MAGNITUDES)
    first, second = (a for a in figure.axes if a.axison)
    kept, cut = (patch.get_data().values for patch in first.patches)
    assert kept.sum() == pytest.approx(60)  # per cent
    assert cut.sum() == pytest.approx(40)
    assert first.lines[0].get_xdata()[0] == pytest.approx(-3)
    assert first.texts[0].get_text() == "40 % clipped\n30 dB"
    assert not second.lines
    assert second.patches[1].get_data().values.sum() == 0
    assert [axes.get_title() for axes in figure.axes[:2]] == ["rate 0.1", "rate 0.01"]
    assert [axes.get_ylabel() for axes in (first, second)] == ["value", "none"]
    for axes in (first, second):  # each is the lowest of its column
        assert axes.xaxis.get_tick_params()["labelbottom"]
    with pytest.raises(ValueError, match="no training to draw"):
        figures.gradient_sizes({}, MAGNITUDES)
