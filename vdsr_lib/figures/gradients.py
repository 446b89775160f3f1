"""Figures of gradients: how large their elements are, and how that goes with steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdsr_lib.figures._parts import (
    CYCLE,
    Curves,
    chart,
    draw_curves,
    draw_level,
    draw_shares,
    key_lines,
    panel_row,
)
from vdsr_lib.figures.style import styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["gradient_histogram", "traces"]

_PER_DECADE = 5  # bins
_DEEPEST = 1e-9  # decades of the largest element; what is smaller moves no weight


@styled
def gradient_histogram(
    elements: Mapping[str, ArrayLike],
    *,
    limits: Mapping[str, float] | None = None,
    xlabel: str = "size of a gradient's element",
) -> Figure:
    """Draw how large the elements of gradients are, with the clip's limits marked.

    Parameters
    ----------
    elements : mapping of str to array
        Label -> the elements of a gradient, of any shape and sign. Those that are 0
        have no place on a logarithmic axis: their share is written in the legend.
    limits : mapping of str to float, optional
        Label -> the largest size that a clip leaves, drawn as an upright line.
    xlabel : str
        What the elements are, with the unit.

    Returns
    -------
    matplotlib.figure.Figure
        The share of all elements, in five bins a decade.

    Raises
    ------
    ValueError
        If there is no gradient, an element is not finite, all elements are 0, or a
        limit is not above 0 and finite.
    """
    arrays = {name: _sizes(name, array) for name, array in elements.items()}
    marks = dict(limits or {})
    if not arrays:
        raise ValueError("there is no gradient to draw: give at least one")
    if any(not 0 < mark < np.inf for mark in marks.values()):
        raise ValueError(f"limits must be above 0 and finite, got {marks}")
    edges = _edges([*arrays.values(), np.array([*marks.values()])])
    figure, axes = chart(height=3.8)
    labelled = {
        f"{name} ({np.mean(sizes == 0):.0%} are 0)": sizes
        for name, sizes in arrays.items()
    }
    draw_shares(axes, labelled, edges)
    axes.set(xscale="log", xlabel=xlabel, ylabel="share of the elements")
    axes.set_ylim(0, 1.22 * axes.dataLim.ymax)
    _mark(axes, marks)
    figure.legend(loc="outside upper center", ncols=len(arrays))
    return figure


@styled
def traces(
    quantities: Mapping[str, Curves],
    *,
    xlabel: str = "step",
    logarithmic: Collection[str] = (),
    levels: Mapping[str, tuple[str, float]] | None = None,
) -> Figure:
    """Draw several quantities of the same runs, each in a panel with its own axis.

    Parameters
    ----------
    quantities : mapping of str to (mapping of str to (x, y))
        What a panel shows, with the unit -> run's label -> the curve. A label has one
        colour and one marker in all panels; what is not finite leaves a gap.
    xlabel : str
        What the horizontal axes show.
    logarithmic : collection of str
        The quantities whose vertical axis is logarithmic.
    levels : mapping of str to (str, float), optional
        Quantity -> name and value of a level line in its panel.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no curve, or `logarithmic` or `levels` name no quantity.
    """
    lines = dict(levels or {})
    labels = list(dict.fromkeys(n for curves in quantities.values() for n in curves))
    if not labels:
        raise ValueError("there is no curve to draw: give at least one")
    if unknown := sorted({*logarithmic, *lines} - set(quantities)):
        known = ", ".join(quantities)
        raise ValueError(f"no quantity {unknown[0]!r} is drawn; there are {known}")
    colour = dict(zip(labels, cycle(CYCLE), strict=False))
    figure, row = panel_row(len(quantities), height=3.7)
    for axes, (name, curves) in zip(row, quantities.items(), strict=True):
        if name in logarithmic:
            axes.set_yscale("log")
        axes.set_title(name)
        draw_curves(axes, curves, labels)
        if name in lines:
            draw_level(axes, *lines[name])
    figure.supxlabel(xlabel, fontsize=10.5)
    keys = key_lines(colour)
    figure.legend(handles=keys, loc="outside upper center", ncols=min(4, len(keys)))
    return figure


def _sizes(name: str, elements: ArrayLike) -> NDArray[np.float64]:
    """Return the absolute values as one row."""
    sizes = np.abs(np.asarray(elements, np.float64)).ravel()
    if not sizes.size or not np.isfinite(sizes).all() or not sizes.any():
        raise ValueError(
            f"the gradient {name!r} needs elements, all of them finite and not all 0"
        )
    return sizes


def _edges(arrays: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the edges of bins that reach from the least size to the largest."""
    every = np.concatenate(arrays)
    largest = np.log10(every.max())
    least = np.log10(max(every[every > 0].min(), every.max() * _DEEPEST))
    first = np.floor(least * _PER_DECADE)
    last = np.floor(largest * _PER_DECADE) + 1
    edges: NDArray[np.float64] = 10 ** (np.arange(first, last + 1) / _PER_DECADE)
    return edges


def _mark(axes: Axes, marks: Mapping[str, float]) -> None:
    """Draw named upright lines, the name written along each."""
    for name, value in marks.items():
        axes.axvline(value, color="#333333", linestyle=":", linewidth=1.5)
        axes.annotate(
            name,
            (value, 1),
            (3, -4),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            rotation=90,
            va="top",
            fontsize=9.5,
            color="#333333",
        )
