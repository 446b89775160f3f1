"""Charts of the lessons: training curves, dots on a line, the bicubic kernel."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike

from vdsr_lib.figures._parts import (
    CYCLE,
    HOLLOW,
    MARKERS,
    chart,
    draw_curve,
    draw_level,
    xy,
)
from vdsr_lib.figures.style import COLOURS, styled, whole_ticks

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Table: TypeAlias = pd.DataFrame | Mapping[str, Mapping[str, float]]

__all__ = ["convergence", "dots", "kernel"]


@styled
def convergence(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    xlabel: str,
    ylabel: str,
    reference_lines: Mapping[str, float] | None = None,
    paper: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    ylim: tuple[float, float] | None = None,
) -> Figure:
    """Draw how PSNR (or a loss) goes with epochs or steps, beside the paper's curves.

    Parameters
    ----------
    curves : mapping of str to (x, y)
        Label -> the measured curve. Values that are not finite leave gaps. Colours
        and markers go by the order of the labels.
    xlabel, ylabel : str
        What the axes show, with the unit: ``"PSNR on Set5 x2 (dB)"``.
    reference_lines : mapping of str to float, optional
        Label -> a value to draw as a dotted level line, such as bicubic's.
    paper : mapping of str to (x, y), optional
        Label -> the paper's curve, dashed, thin and with hollow markers. It takes
        the colour of the measured curve of the same label when there is one.
    ylim : (float, float), optional
        Limits of the vertical axis; by default everything is in view.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no curve at all, a curve is empty, or its x and y differ in
        length.
    """
    printed = dict(paper or {})
    if not curves and not printed:
        raise ValueError("there is no curve to draw: give at least one")
    labels = list(dict.fromkeys([*curves, *printed]))
    figure, axes = chart()
    for label, curve in printed.items():
        points = xy(f"curve {label!r}", curve)
        name = None if label in curves else f"{label} (paper)"
        draw_curve(axes, points, labels.index(label), paper=True, label=name)
    for label, curve in curves.items():
        points = xy(f"curve {label!r}", curve)
        draw_curve(axes, points, labels.index(label), label=label)
    if any(label in curves for label in printed):
        name = "dashed, hollow: paper"
        axes.plot([], [], "--o", color="#555555", lw=1.3, label=name, **HOLLOW)
    whole_ticks(axes)
    if ylim is not None:
        axes.set_ylim(*ylim)
    for name, value in (reference_lines or {}).items():
        draw_level(axes, f"{name} {value:.2f}", value)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    figure.legend(loc="outside right upper")
    return figure


@styled
def dots(
    rows: Table,
    *,
    xlabel: str,
    rings: tuple[str, Table] | None = None,
    number: str = "{:+.3f}",
) -> Figure:
    """Draw a dot for each number of a table, and print the numbers beside them.

    It serves costs, which differ by orders of magnitude: the dots show the large
    ones, the printed numbers the small ones.

    Parameters
    ----------
    rows : pandas.DataFrame, or mapping of str to (mapping of str to float)
        Row label -> series label -> value; all rows have the same series. NaN, where
        nothing was measured, has no dot, and a dash in place of its number. Of a table
        the columns are the series; those of an axis named "scale" get a times sign.
    xlabel : str
        What the numbers are, with the unit.
    rings : (str, table), optional
        Name and values of what to compare with, drawn as rings at the height of the
        dots. Rows and series that are not in `rows` are left out.
    number : str, default "{:+.3f}"
        How a number is printed.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no row, the rows differ in their series, or these are more than 7.
    """
    rows = _mapping(rows)
    ring_name, ring_table = rings or ("", {})
    known = _mapping(ring_table)
    series = _series(rows)
    figure, axes = chart(height=1.0 + 0.55 * len(rows))
    axes.axvline(0, color="#555555", linewidth=1)
    for i, name in enumerate(series):
        heights = np.arange(len(rows)) + 0.26 * (i - (len(series) - 1) / 2)
        values = [row[name] for row in rows.values()]
        axes.plot(values, heights, MARKERS[i], color=CYCLE[i], label=name)
        ringed = [known.get(row, {}).get(name, np.nan) for row in rows]
        axes.plot(ringed, heights, "o", mfc="none", mec=CYCLE[i], ms=9.5, mew=1.1)
        _column(axes, name, [_number(value, number) for value in values], i)
    if known:
        axes.plot([], [], "o", mfc="none", mec="#333333", ms=9, label=ring_name)
    axes.set_yticks(range(len(rows)), [textwrap.fill(row, 34) for row in rows])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(xlabel)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0.2)
    return figure


@styled
def kernel(
    curve: tuple[ArrayLike, ArrayLike],
    samples: tuple[ArrayLike, ArrayLike],
    *,
    xlabel: str,
    ylabel: str = "weight",
) -> Figure:
    """Draw an interpolation kernel and the weights that one output pixel takes.

    Parameters
    ----------
    curve : (x, y)
        The kernel, densely sampled.
    samples : (x, weights)
        Distance of each input pixel from the output pixel's centre, and its weight.

    xlabel, ylabel : str
        What the axes show, with the unit.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If `curve` or `samples` is empty or its parts differ in length.
    """
    (x, y), (places, weights) = xy("curve", curve), xy("samples", samples)
    figure, axes = chart(height=3.4)
    axes.axhline(0, color="#555555", linewidth=1)
    axes.plot(x, y, color=COLOURS["blue"], label="kernel")
    axes.vlines(places, 0, weights, color=COLOURS["vermilion"], linewidth=1.5)
    axes.plot(places, weights, "o", color=COLOURS["vermilion"], label="weights used")
    for place, weight in zip(places, weights, strict=True):
        axes.annotate(
            f"{weight:+.3f}".replace("-", "\N{MINUS SIGN}"),
            (place, weight),
            (7 if place >= 0 else -7, 4 if weight >= 0 else -14),
            textcoords="offset points",
            ha="left" if place >= 0 else "right",
            fontsize=9,
        )
    axes.margins(y=0.18)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.legend(loc="upper left")
    return figure


def _mapping(table: Table) -> Mapping[str, Mapping[str, float]]:
    """Return a table as row label -> series label -> value."""
    if isinstance(table, Mapping):
        return table
    sign = "\N{MULTIPLICATION SIGN}" if table.columns.name == "scale" else ""
    named = table.rename(index=str, columns=lambda column: f"{sign}{column}")
    return cast("Mapping[str, Mapping[str, float]]", named.to_dict("index"))


def _series(rows: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return the series that all rows share."""
    if not rows:
        raise ValueError("there is no row to draw: give at least one")
    first, series = next((name, list(row)) for name, row in rows.items())
    for name, row in rows.items():
        if set(row) != set(series) or not series:
            raise ValueError(
                f"rows must share their series, but {first!r} has {series} and "
                f"{name!r} has {list(row)}"
            )
    if len(series) > len(MARKERS):
        raise ValueError(
            f"a row has at most {len(MARKERS)} series, got {len(series)}: draw them in "
            "several figures"
        )
    return series


def _number(value: float, form: str) -> str:
    """Return a number as text; a dash, which is no minus, where there is none."""
    return "\N{EN DASH}" if math.isnan(value) else form.format(value)


def _column(axes: Axes, name: str, texts: Sequence[str], index: int) -> None:
    """Print a series' numbers as a column at the right of the chart."""
    style: dict[str, Any] = {
        "xycoords": axes.get_yaxis_transform(),
        "textcoords": "offset points",
        "ha": "right",
        "va": "center",
        "fontsize": 9.5,
        "annotation_clip": False,
    }
    place = (56 + 50 * index, 0)
    axes.annotate(name, (1, -0.75), place, weight="bold", **style)
    for row, text in enumerate(texts):
        axes.annotate(text.replace("-", "\N{MINUS SIGN}"), (1, row), place, **style)
