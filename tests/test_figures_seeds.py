"""Repeated runs and filters: the figures hold the numbers that they were given."""

from __future__ import annotations

import numpy as np
import pytest

from vdsr_lib import figures

RUNS = {"x2": ([3, 3, 3, 5, 5], [30.0, 31.0, 32.0, 33.0, 35.0])}


def lines(axes) -> dict[str, np.ndarray]:
    return {line.get_label(): np.asarray(line.get_xydata()) for line in axes.lines}


def test_every_run_is_drawn_and_the_mean_with_its_standard_error():
    axes = figures.seeds(RUNS, xlabel="depth", ylabel="PSNR (dB)").axes[0]
    np.testing.assert_array_equal(lines(axes)["one run"].T, RUNS["x2"])
    (bars,) = axes.containers
    np.testing.assert_array_equal(bars.lines[0].get_ydata(), [31.0, 34.0])
    ends = np.array([segment[:, 1] for segment in bars.lines[2][0].get_segments()])
    # s = 1 of three runs: 1 / sqrt(3); s = sqrt(2) of two: 1.
    np.testing.assert_allclose(
        ends, [[31 - 3**-0.5, 31 + 3**-0.5], [33, 35]], rtol=1e-12
    )


def test_the_papers_points_may_carry_a_guess_of_their_noise():
    points = {"x2": ([5, 6], [36.0, 36.5])}
    labels = {"xlabel": "depth", "ylabel": "PSNR (dB)"}
    plain = figures.seeds({}, paper=points, levels={"x2": 33.7}, **labels).axes[0]
    np.testing.assert_array_equal(
        lines(plain)["the paper, one run each"].T, points["x2"]
    )
    assert lines(plain)["bicubic"][:, 1].tolist() == [33.7, 33.7]
    axes = figures.seeds({}, paper=points, errors={"x2": 0.04}, **labels).axes[0]
    ends = np.array([s[:, 1] for s in axes.containers[0].lines[2][0].get_segments()])
    np.testing.assert_allclose(ends[:, 1] - ends[:, 0], 0.08)


def test_one_legend_names_what_any_panel_shows():
    runs = {"x2": ([3, 4], [30.0, 31.0]), "x3": ([3, 3], [28.0, 29.0])}
    figure = figures.seeds(
        runs,
        paper={"x3": ([3], [28.4])},
        levels={"x3": 27.0},
        xlabel="depth",
        ylabel="PSNR (dB)",
    )
    (legend,) = figure.legends
    assert sorted(text.get_text() for text in legend.get_texts()) == [
        "bicubic",
        "mean and standard error",
        "one run",
        "the paper, one run each",
    ]


def test_a_single_run_has_no_bar_and_a_diverged_one_no_point():
    runs = {"x2": ([3, 4], [30.0, np.nan])}
    axes = figures.seeds(runs, xlabel="depth", ylabel="PSNR (dB)").axes[0]
    assert len(axes.containers) == 0
    assert lines(axes)["one run"].tolist() == [[3.0, 30.0]]
    runs = {"x2": ([3, 4], [np.nan, np.nan])}  # all of them: an empty panel
    axes = figures.seeds(runs, xlabel="depth", ylabel="PSNR (dB)").axes[0]
    assert lines(axes)["one run"].tolist() == []


def test_runs_that_do_not_fit_are_refused():
    labels = {"xlabel": "x", "ylabel": "y"}
    with pytest.raises(ValueError, match="at least one panel"):
        figures.seeds({}, **labels)
    with pytest.raises(ValueError, match="'x2' has 2 x and 1 y values"):
        figures.seeds({"x2": ([1, 2], [1])}, **labels)


def test_each_filter_is_scaled_by_its_own_largest_weight():
    bank = np.stack([np.full((3, 3), 2.0), -0.1 * np.eye(3), np.zeros((3, 3))])
    axes = figures.filters({"three": bank}).axes[0]
    assert axes.get_title() == "three"
    (image,) = axes.images
    sheet = np.ma.filled(image.get_array().astype(float), np.nan)
    assert sheet.shape == (2 * 20 - 2, 2 * 20 - 2)  # 2 x 2 places of 18 + 2 pixels
    assert (sheet[:18, :18] == 1).all()
    second = sheet[:18, 20:]
    assert set(np.unique(second)) == {-1.0, 0.0}
    assert (second[:6, :6] == -1).all()
    assert (sheet[20:, :18] == 0).all()
    assert np.isnan(sheet[18:20]).all()
    assert np.isnan(sheet[20:, 20:]).all()  # the fourth place is empty
    assert image.get_clim() == (-1, 1)


def test_the_filters_of_a_network_that_diverged_are_left_white():
    banks = {"start": np.ones((2, 3, 3)), "end": np.full((2, 3, 3), np.nan)}
    start, end = (axis.images[0].get_array() for axis in figures.filters(banks).axes)
    assert np.ma.filled(start.astype(float), np.nan)[0, 0] == 1
    assert np.isnan(np.ma.filled(end.astype(float), np.nan)).all()


@pytest.mark.parametrize(
    ("banks", "message"),
    [
        ({}, "no bank of filters"),
        ({"a": np.zeros((2, 3, 4))}, r"'a' must be \(n, k, k\)"),
        ({"a": np.zeros((0, 3, 3))}, r"got shape \(0, 3, 3\)"),
        ({"a": np.full((1, 3, 3), np.inf)}, "'a' have weights that are not finite"),
        ({"a": np.array([[[np.nan]], [[1]]])}, "'a' have weights that are not finite"),
    ],
)
def test_what_is_no_bank_of_filters_is_refused(banks, message):
    with pytest.raises(ValueError, match=message):
        figures.filters(banks)
