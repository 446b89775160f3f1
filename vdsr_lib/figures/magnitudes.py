"""Gradients by size, training by training, with the clip marked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vdsr_lib.figures.style import COLOURS, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Magnitudes", "gradient_sizes"]


class Magnitudes(NamedTuple):
    """One training's panel in the figure.

    Parameters
    ----------
    counts : sequence of int
        Elements by size, as `vdsr_lib.experiments.GradientTrace` has them: one more
        than there are edges.
    bound : float
        Where elements are clipped; infinite where none is marked.
    note, outcome : str
        What to write in the panel, and after its title.
    """

    counts: Sequence[int]
    bound: float
    note: str
    outcome: str = ""


@styled
def gradient_sizes(
    panels: Mapping[tuple[str, str], Magnitudes], edges: Sequence[float]
) -> Figure:
    """Draw how large the elements of gradients are, on a logarithmic axis.

    Parameters
    ----------
    panels : mapping of (row, column) to Magnitudes
        Titles of the panel's row and column -> what it shows. Elements beyond the
        bound are drawn in another colour.
    edges : sequence of float
        Of the bins, growing.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no panel.
    """
    from matplotlib.figure import Figure

    if not panels:
        raise ValueError("there is no training to draw: give at least one")
    rows = list(dict.fromkeys(row for row, _ in panels))
    columns = list(dict.fromkeys(column for _, column in panels))
    figure = Figure((8.8, 0.6 + 1.35 * len(rows)))
    grid = figure.subplots(
        len(rows), len(columns), sharex=True, sharey=True, squeeze=False
    )
    places = np.log10(np.asarray(edges, dtype=float))
    used = [i for panel in panels.values() for i, n in enumerate(panel.counts) if n]
    low = max(-8.0, places[max(0, min(used) - 1)])
    high = min(4.0, places[min(len(places) - 1, max(used))] + 0.3)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            axes = grid[i][j]
            axes.set_xlim(low, high)
            if i == 0:
                axes.set_title(column)
            if (row, column) not in panels:
                axes.set_axis_off()
                continue
            _panel(axes, panels[row, column], places)
            if not any((row, before) in panels for before in columns[:j]):
                axes.set_ylabel(row)
            if not any((below, column) in panels for below in rows[i + 1 :]):
                axes.tick_params(labelbottom=True)  # the lowest of its column
    grid[0][0].set_ylim(0, 1.55 * grid[0][0].get_ylim()[1])  # room for the words
    figure.supxlabel("size of a gradient's element, power of ten", fontsize=10.5)
    return figure


def _panel(axes: Axes, panel: Magnitudes, places: np.ndarray) -> None:
    """Draw one histogram, in two colours at the bound."""
    counts = np.asarray(panel.counts, dtype=float)
    share = 100 * counts[1:-1] / max(1.0, counts.sum())
    bound = math.log10(panel.bound) if math.isfinite(panel.bound) else math.inf
    beyond = places[:-1] >= bound - 1e-9
    for mask, colour in ((~beyond, "blue"), (beyond, "vermilion")):
        axes.stairs(
            np.where(mask, share, 0),
            places,
            fill=True,
            color=COLOURS[colour],
            alpha=0.8,
        )
    if math.isfinite(bound):
        axes.axvline(bound, color=COLOURS["vermilion"], linewidth=1.4, ymax=0.66)
    axes.set_yticks([])
    axes.grid(visible=False, axis="y")
    text = f"{panel.note}\n{panel.outcome}".rstrip()
    axes.text(
        0.02,
        0.95,
        text,
        transform=axes.transAxes,
        va="top",
        fontsize=9,
        linespacing=1.35,
    )
