"""Every combination of a few switches, sorted by what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vdsr_lib.figures.style import COLOURS, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["combinations"]


@styled
def combinations(
    values: Sequence[float], names: Sequence[str], *, ylabel: str
) -> Figure:
    """Draw a value for each combination of switches, and below which are turned.

    Parameters
    ----------
    values : sequence of float
        Two to the power of the number of names: bit ``i`` of the index says whether
        switch ``i`` is turned. The first is what the others are compared with.
    names : sequence of str
        Of the switches.
    ylabel : str
        What the values are, with the unit.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the number of values does not fit.
    """
    from matplotlib.figure import Figure

    if len(values) != 2 ** len(names):
        raise ValueError(
            f"{len(names)} switches have {2 ** len(names)} combinations, got "
            f"{len(values)} values"
        )
    heights = np.asarray(values, dtype=float)
    order = np.argsort(-heights, kind="stable")
    single = np.isin(order, [1 << i for i in range(len(names))])
    places = np.arange(len(order))
    figure = Figure((8.8, 4.6))
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    top.axhline(heights[0], color="#333333", linestyle=":", linewidth=1.2)
    shown = heights[order]
    top.vlines(places, heights[0], shown, color="#BBBBBB", linewidth=1.5)
    for mask, colour, marker, label in (
        (~single & (order != 0), "blue", "o", "several switches"),
        (single, "vermilion", "D", "one switch alone"),
        (order == 0, "black", "s", "the paper's protocol"),
    ):
        top.plot(places[mask], shown[mask], marker, color=COLOURS[colour], label=label)
    top.set_ylabel(ylabel)
    top.legend(loc="lower left", frameon=True, framealpha=1, edgecolor="#DDDDDD")
    top.tick_params(axis="x", length=0)
    for row in range(len(names)):
        on = (order >> row & 1).astype(bool)
        below.plot(places[~on], np.full((~on).sum(), row), "o", color="#DDDDDD", ms=5)
        below.plot(places[on], np.full(on.sum(), row), "o", color=COLOURS["blue"], ms=7)
    below.set_yticks(range(len(names)), names)
    below.set_ylim(len(names) - 0.4, -0.6)
    below.grid(visible=False)
    below.set_xticks([])
    below.set_xlabel("the combinations; blue: the switch is turned", labelpad=6)
    return figure
