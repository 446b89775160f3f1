"""Runs that differ by chance alone: every one of them, their mean, and its error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdsr_lib.figures._parts import panel_row, xy
from vdsr_lib.figures.style import COLOURS, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Points: TypeAlias = tuple[ArrayLike, ArrayLike]

__all__ = ["seeds"]

_GREY = "#555555"


@styled
def seeds(
    runs: Mapping[str, Points],
    *,
    xlabel: str,
    ylabel: str,
    paper: Mapping[str, Points] | None = None,
    errors: Mapping[str, float] | None = None,
    levels: Mapping[str, float] | None = None,
) -> Figure:
    """Draw repeated measurements panel by panel, with the standard error of the mean.

    Parameters
    ----------
    runs : mapping of str to (x, y)
        Panel's title -> a point for each run; runs of one setting share their x.
        Each is drawn, and for each x their mean with a bar of one standard error
        (of n runs with the standard deviation s it is s / sqrt(n)) to both sides.
        One run alone has no bar. Values that are not finite are left out.
    xlabel, ylabel : str
        What the axes show, with the unit. Each panel has a vertical axis of its own.
    paper : mapping of str to (x, y), optional
        The paper's points, one a setting, dashed.
    errors : mapping of str to float, optional
        Panel's title -> a standard deviation to draw as a bar at each of the paper's
        points.
    levels : mapping of str to float, optional
        Panel's title -> the height of bicubic's dotted line.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no panel, or the x and y of one differ in length.
    """
    printed = dict(paper or {})
    titles = list(dict.fromkeys([*runs, *printed]))
    if not titles:
        raise ValueError("there is nothing to draw: give at least one panel")
    figure, row = panel_row(len(titles), height=3.6)
    for axes, title in zip(row, titles, strict=True):
        if title in printed:
            _draw_paper(axes, _points(title, printed[title]), (errors or {}).get(title))
        if title in runs:
            _draw_runs(axes, _points(title, runs[title]))
        if title in (levels or {}):
            height = (levels or {})[title]
            axes.axhline(height, color="#333333", ls=":", lw=1.5, label="bicubic")
        axes.set_title(title)
        axes.xaxis.get_major_locator().set_params(integer=True)
    figure.axes[0].set_ylabel(ylabel)
    figure.supxlabel(xlabel, fontsize=10.5)
    pairs = [zip(*axes.get_legend_handles_labels(), strict=True) for axes in row]
    named = {label: handle for panel in pairs for handle, label in panel}
    figure.legend(
        [*named.values()], [*named], loc="outside upper center", ncols=len(named)
    )
    return figure


def _points(
    title: str, points: Points
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a panel's points as two arrays of one length, the finite ones."""
    x, y = xy(f"panel {title!r}", points)
    good = np.isfinite(y)
    return x[good], y[good]


def _draw_runs(
    axes: Axes, points: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> None:
    """Draw every run, and the means with their standard errors."""
    x, y = points
    places = np.unique(x)
    groups = [y[x == place] for place in places]
    means = [group.mean() for group in groups]
    bars = [g.std(ddof=1) / len(g) ** 0.5 if len(g) > 1 else np.nan for g in groups]
    blue = COLOURS["blue"]
    axes.plot(x, y, "o", color=blue, mfc="none", ms=4, label="one run")
    if max(map(len, groups), default=0) > 1:
        axes.errorbar(
            places,
            means,
            bars,
            color=blue,
            capsize=4,
            label="mean and standard error",
        )


def _draw_paper(
    axes: Axes,
    points: tuple[NDArray[np.float64], NDArray[np.float64]],
    error: float | None,
) -> None:
    """Draw the paper's points, one run each, with the noise that they may have."""
    name = "the paper, one run each"
    if error is None:
        axes.plot(*points, "--", color=_GREY, lw=1.3, marker=".", label=name)
        return
    style: dict[str, Any] = {
        "color": _GREY,
        "ls": "--",
        "lw": 1.3,
        "marker": ".",
        "capsize": 3,
    }
    label = f"{name}, and our guess of its noise"
    axes.errorbar(*points, error, elinewidth=1, label=label, **style)
