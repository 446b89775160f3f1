"""Figures of gradients: how large their elements are, and how that goes with steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import cycle
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdsr_lib.figures.style import COLOURS, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Curves: TypeAlias = Mapping[str, tuple[ArrayLike, ArrayLike]]

__all__ = ["gradient_histogram", "traces"]

_CYCLE = tuple(COLOURS.values())
_MARKERS = "os^DvPX"
_FEW = 16  # points; a curve with so few shows each of them
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
        limit is not above 0.
    """
    from matplotlib.figure import Figure

    arrays = {name: _sizes(name, array) for name, array in elements.items()}
    marks = dict(limits or {})
    if not arrays:
        raise ValueError("there is no gradient to draw: give at least one")
    if any(not mark > 0 for mark in marks.values()):
        raise ValueError(f"limits must be above 0, got {marks}")
    edges = _edges([*arrays.values(), np.array([*marks.values()])])
    figure = Figure()
    figure.set_figheight(3.8)
    axes = figure.add_subplot()
    for (name, sizes), colour in zip(arrays.items(), cycle(_CYCLE), strict=False):
        shares = np.histogram(sizes, edges)[0] / sizes.size
        label = f"{name} ({np.mean(sizes == 0):.0%} are 0)"
        axes.stairs(shares, edges, color=colour, fill=True, alpha=0.25)
        axes.stairs(shares, edges, color=colour, linewidth=1.8, label=label)
    axes.set(xscale="log", xlabel=xlabel, ylabel="share of the elements")
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
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
    from matplotlib.figure import Figure

    lines = dict(levels or {})
    labels = list(dict.fromkeys(n for curves in quantities.values() for n in curves))
    if not labels:
        raise ValueError("there is no curve to draw: give at least one")
    if unknown := sorted({*logarithmic, *lines} - set(quantities)):
        known = ", ".join(quantities)
        raise ValueError(f"no quantity {unknown[0]!r} is drawn; there are {known}")
    figure = Figure()
    figure.set_figheight(3.7)
    row = figure.subplots(1, len(quantities), squeeze=False)[0]
    for axes, (name, curves) in zip(row, quantities.items(), strict=True):
        if name in logarithmic:
            axes.set_yscale("log")
        axes.set_title(name)
        for label, (x, y) in curves.items():
            place = labels.index(label)
            marker = _MARKERS[place % len(_MARKERS)] if np.size(x) <= _FEW else ""
            colour = _CYCLE[place % len(_CYCLE)]
            axes.plot(np.asarray(x), np.asarray(y), marker=marker, ms=4.5, color=colour)
        if name in lines:
            _level(axes, *lines[name])
    figure.supxlabel(xlabel, fontsize=10.5)
    _legend(figure, labels)
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


def _level(axes: Axes, name: str, value: float) -> None:
    """Draw a named level line, the name written at its right end."""
    axes.axhline(value, color="#333333", linestyle=":", linewidth=1.5)
    axes.annotate(
        name,
        (1, value),
        (-2, 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        fontsize=9.5,
        color="#333333",
    )


def _legend(figure: Figure, labels: list[str]) -> None:
    """Write one legend above all panels."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=_CYCLE[i % len(_CYCLE)], label=name)
        for i, name in enumerate(labels)
    ]
    figure.legend(
        handles=handles, loc="outside upper center", ncols=min(4, len(labels))
    )
