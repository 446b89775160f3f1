"""What several figures are made of: charts, panels, curves, level lines, legends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    "HOLLOW",
    "MARKERS",
    "Curves",
    "chart",
    "draw_curve",
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
HOLLOW: Final[dict[str, Any]] = {"markerfacecolor": "white"}
"""How the paper's curves are marked."""
_FEW = 16  # points; a curve with so few shows each of them
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


def _marking(index: int, count: int) -> dict[str, Any]:
    """Return how the curve `index` is told apart without colour: a marker of its own.

    It stands at each of few points, and at some of many: not at those of another curve,
    where there are enough.
    """
    marker = MARKERS[index % len(MARKERS)]
    if count <= _FEW:
        return {"marker": marker}
    step = -(-count // _SHOWN)
    start = index % len(MARKERS) * step // len(MARKERS)
    return {"marker": marker, "markevery": (start, step)}


def draw_curve(
    axes: Axes,
    points: tuple[ArrayLike, ArrayLike],
    index: int,
    *,
    paper: bool = False,
    **look: Any,
) -> None:
    """Draw the curve `index` in its colour; the paper's is dashed, thin and hollow.

    The markers of a long curve lie above all lines: a noisy one would bury them.
    """
    x, y = map(np.asarray, points)
    look |= {"color": CYCLE[index % len(CYCLE)], **_marking(index, x.size)}
    look |= {"ls": "--", "lw": 1.3, **HOLLOW} if paper else {}
    axes.plot(x, y, **look)
    if "markevery" in look:
        above = {"ls": "none", "zorder": 2.5, "label": "_markers"}
        edge = {} if paper else {"mec": "white", "mew": 0.8, "ms": 6.5}
        axes.plot(x, y, **look | above | edge)


def draw_curves(
    axes: Axes, curves: Curves, labels: Iterable[str], *, paper: bool = False
) -> None:
    """Draw the curves of a panel, by their places among the `labels` of all."""
    places = {label: index for index, label in enumerate(labels)}
    for label, points in curves.items():
        draw_curve(axes, points, places[label], paper=paper, lw=2.0, ms=4.5)


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
        Line2D([], [], color=colour, markersize=4.5, label=label, **_marking(index, 0))
        for index, (label, colour) in enumerate(colours.items())
    ]
