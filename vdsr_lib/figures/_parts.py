"""What several figures are made of: charts, panels, curves, level lines, legends."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final, TypeAlias

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
    "HOLLOW",
    "MARKERS",
    "Curves",
    "chart",
    "draw_curves",
    "draw_level",
    "draw_shares",
    "key_lines",
    "marking",
    "panel_row",
    "xy",
]

Curves: TypeAlias = Mapping[str, tuple[ArrayLike, ArrayLike]]

CYCLE = tuple(COLOURS.values())
MARKERS = "os^DvPX"
HOLLOW: Final[dict[str, Any]] = {"markerfacecolor": "white"}
"""How the paper's curves are marked."""
FEW = 16  # points; a curve with so few shows each of them
_SHOWN = 8  # about so many points of a longer one


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


def marking(index: int, count: int) -> dict[str, Any]:
    """Return how the curve `index` is told apart without colour: a marker of its own.

    It stands at each of few points, and at some of many, where no other curve has one.
    """
    marker = MARKERS[index % len(MARKERS)]
    if count <= FEW:
        return {"marker": marker}
    step = -(-count // _SHOWN)
    start = index % len(MARKERS) * step // len(MARKERS)
    return {"marker": marker, "markevery": (start, step)}


def draw_curves(
    axes: Axes, curves: Curves, colours: Mapping[str, str], *, paper: bool = False
) -> None:
    """Draw curves by their labels' colours; the paper's are dashed, thin and hollow."""
    places = {label: index for index, label in enumerate(colours)}
    style, width = ("--", 1.3) if paper else ("-", 2.0)
    for label, (x, y) in curves.items():
        axes.plot(
            np.asarray(x),
            np.asarray(y),
            style,
            color=colours[label],
            markersize=4.5,
            linewidth=width,
            **marking(places[label], np.size(x)),
            **(HOLLOW if paper else {}),
        )


def draw_shares(
    axes: Axes, values: Mapping[str, NDArray[np.float64]], edges: NDArray[np.float64]
) -> None:
    """Draw histograms over one another, as shares of all values in percent."""
    looks = zip(cycle(CYCLE), cycle(("-", "--", ":", "-.")), strict=False)
    for (label, array), (colour, dash) in zip(values.items(), looks, strict=False):
        shares = np.histogram(array, edges)[0] / array.size
        axes.stairs(shares, edges, color=colour, fill=True, alpha=0.25)
        axes.stairs(shares, edges, color=colour, lw=1.8, ls=dash, label=label)
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

    return [
        Line2D([], [], color=colour, markersize=4.5, label=label, **marking(index, 0))
        for index, (label, colour) in enumerate(colours.items())
    ]
