"""Tables as figures: each cell printed, and coloured by how far it is above zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from vdsr_lib.figures.style import styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

__all__ = ["grid"]

_COLOURS = "RdBu"  # red below zero, blue above it; the number is printed in any case
_BLANK = "#dddddd"  # where there is no number


@styled
def grid(
    tables: Mapping[str, pd.DataFrame],
    *,
    colour: str,
    limit: float | None = None,
    number: str = "{:+.2f}",
    missing: Mapping[str, pd.DataFrame] | str = "not run",
    side_by_side: bool = False,
) -> Figure:
    """Draw tables of gains, such as "better than bicubic by so many decibels".

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Title -> the table. All have the same rows, and side by side or not they are
        coloured on one scale that is white at 0.
    colour : str
        What the numbers are, with the unit: it stands beside the colour bar.
    limit : float, optional
        The number of the strongest colour; by default the largest absolute value.
    number : str, default "{:+.2f}"
        How a number is printed.
    missing : str, or mapping of str to pandas.DataFrame
        What is printed where a table has NaN: one text, or for each title a table of
        texts of the same shape.
    side_by_side : bool
        Whether the tables stand in one row, not below one another.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no table, one is empty, the rows differ, or `limit` is not above 0.
    """
    from matplotlib.figure import Figure

    _check(tables)
    reach = limit if limit is not None else _largest(tables)
    if not reach > 0:
        raise ValueError(f"limit must be above 0, got {reach}")
    count, rows = len(tables), len(next(iter(tables.values())))
    shape = (1, count) if side_by_side else (count, 1)
    figure = Figure()
    figure.set_figheight(shape[0] * (0.95 + 0.42 * rows))
    every = figure.subplots(*shape, squeeze=False).ravel().tolist()
    for axes, (title, table) in zip(every, tables.items(), strict=True):
        words = missing if isinstance(missing, str) else missing[title]
        image = _draw(axes, table, reach)
        _print(axes, image, table, number, words)
        axes.set_title(title)
    for axes in every[1:] if side_by_side else ():
        axes.set_yticklabels([])
        axes.set_ylabel("")
    bar = figure.colorbar(image, ax=every, shrink=0.9, aspect=18, pad=0.015)
    bar.set_label(colour)
    return figure


def _check(tables: Mapping[str, pd.DataFrame]) -> None:
    """Refuse tables that cannot stand beside one another."""
    if not tables or any(table.empty for table in tables.values()):
        raise ValueError("there is no cell to draw: give at least one table")
    first = next(iter(tables.values()))
    for title, table in tables.items():
        if list(table.index) != list(first.index):
            raise ValueError(
                f"tables must have the same rows, but {title!r} has "
                f"{list(table.index)} and the first {list(first.index)}"
            )


def _largest(tables: Mapping[str, pd.DataFrame]) -> float:
    """Return the largest absolute value of all tables."""
    sizes = [
        np.nanmax(np.abs(table.to_numpy(float)), initial=0) for table in tables.values()
    ]
    return max(float(max(sizes)), 1e-9)


def _draw(axes: Axes, table: pd.DataFrame, reach: float) -> AxesImage:
    """Colour the cells and name rows and columns."""
    from matplotlib import colormaps

    palette = colormaps[_COLOURS].with_extremes(bad=_BLANK)
    values = np.ma.masked_invalid(table.to_numpy(float))
    image = axes.imshow(values, palette, vmin=-reach, vmax=reach, aspect="auto")
    axes.set_xticks(range(table.shape[1]), [str(name) for name in table.columns])
    axes.set_yticks(range(table.shape[0]), [str(name) for name in table.index])
    axes.set(xlabel=table.columns.name or "", ylabel=table.index.name or "")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for edge in np.arange(0.5, table.shape[1] - 1):
        axes.axvline(edge, color="white", linewidth=2)
    for edge in np.arange(0.5, table.shape[0] - 1):
        axes.axhline(edge, color="white", linewidth=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image


def _print(
    axes: Axes,
    image: AxesImage,
    table: pd.DataFrame,
    number: str,
    missing: pd.DataFrame | str,
) -> None:
    """Write each cell's number, or what stands in its place."""
    values = table.to_numpy(float)
    colours = image.to_rgba(np.ma.masked_invalid(values))  # (rows, columns, 4)
    # By WCAG's luminance: what is brighter than 0.18 contrasts more with black.
    bright = colours[..., :3] ** 2.2 @ [0.2126, 0.7152, 0.0722] > 0.18
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value):
            text = missing if isinstance(missing, str) else missing.iat[row, column]
        else:
            text = number.format(value).replace("-", "\N{MINUS SIGN}")
        ink = "black" if bright[row, column] else "white"
        axes.text(column, row, str(text), ha="center", va="center", color=ink)
