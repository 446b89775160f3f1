"""What several figures are made of: charts, panels, curves, level lines, legends."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdsr_lib.figures.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = [
    "CYCLE",
    "FEW",
    "MARKERS",
    "Curves",
    "chart",
    "draw_curves",
    "draw_level",
    "draw_shares",
    "key_lines",
    "panel_row",
    "xy",
]

Curves: TypeAlias = Mapping[str, tuple[ArrayLike, ArrayLike]]

CYCLE = tuple(COLOURS.values())
MARKERS = "os^DvPX"
FEW = 16  # points; a curve with so few shows each of them


def chart(height: float | None = None) -> tuple[Figure, Axes]:
    """Return an empty chart of the style's width, and of a height in inches."""
    from matplotlib.figure import Figure

    figure = Figure()
    if height is not None:
        figure.set_figheight(height)
    return figure, figure.add_subplot()


def panel_row(
    count: int, height: float, *, sharey: bool = False
) -> tuple[Figure, list[Any]]:
    """Return a figure of the style's width with empty panels side by side."""
    from matplotlib.figure import Figure

    figure = Figure()
    figure.set_figheight(height)
    return figure, list(figure.subplots(1, count, sharey=sharey, squeeze=False)[0])


def xy(
    what: str, points: tuple[ArrayLike, ArrayLike]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y as two arrays of one length; an error names what they are of."""
    x, y = (np.asarray(part, dtype=np.float64).ravel() for part in points)
    if len(x) != len(y) or len(x) == 0:
        raise ValueError(
            f"{what} has {len(x)} x and {len(y)} y values: it needs the same number of "
            "both, and at least one"
        )
    return x, y


def draw_curves(
    axes: Axes, curves: Curves, colours: Mapping[str, str], *, paper: bool = False
) -> None:
    """Draw curves by their labels' colours; the paper's are dashed and thin."""
    markers = dict(zip(colours, cycle(MARKERS), strict=False))
    style, width = ("--", 1.3) if paper else ("-", 2.0)
    for label, (x, y) in curves.items():
        marker = markers[label] if not paper and np.size(x) <= FEW else ""
        axes.plot(
            np.asarray(x),
            np.asarray(y),
            style,
            color=colours[label],
            marker=marker,
            markersize=4.5,
            linewidth=width,
        )


def draw_shares(
    axes: Axes, values: Mapping[str, NDArray[np.float64]], edges: NDArray[np.float64]
) -> None:
    """Draw histograms over one another, as shares of all values in percent."""
    for (label, array), colour in zip(values.items(), cycle(CYCLE), strict=False):
        shares = np.histogram(array, edges)[0] / array.size
        axes.stairs(shares, edges, color=colour, fill=True, alpha=0.25)
        axes.stairs(shares, edges, color=colour, linewidth=1.8, label=label)
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")


def draw_level(axes: Axes, text: str, value: float) -> None:
    """Draw a level line, with a text at its right end."""
    axes.axhline(value, color="#333333", linestyle=":", linewidth=1.5)
    axes.annotate(
        text,
        (1, value),
        (-2, 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        fontsize=9.5,
        color="#333333",
    )


def key_lines(colours: Mapping[str, str]) -> list[Line2D]:
    """Return the lines of a legend that stands for several panels."""
    from matplotlib.lines import Line2D

    return [Line2D([], [], color=colour, label=n) for n, colour in colours.items()]
