"""Figures of learning: curves panel by panel, distributions, and frames in a strip."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vdsr_lib.figures._parts import (
    CYCLE,
    HOLLOW,
    Curves,
    chart,
    draw_curves,
    draw_shares,
    key_lines,
    panel_row,
)
from vdsr_lib.figures.style import styled, whole_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    Pictures: TypeAlias = Mapping[str, NDArray[np.uint8]]

__all__ = ["filmstrip", "histogram", "panels"]

_STRIP_WIDTH, _GAP, _TITLE, _LABEL = 880, 6, 22, 26  # nominal pixels
_DPI = 100


@styled
def panels(
    curves: Mapping[str, Curves],
    *,
    xlabel: str,
    ylabel: str,
    paper: Mapping[str, Curves] | None = None,
    level: tuple[str, float] | None = None,
    ylim: tuple[float, float] | None = None,
    logarithmic: bool = False,
) -> Figure:
    """Draw the same few curves in several panels, all on one scale.

    Parameters
    ----------
    curves : mapping of str to (mapping of str to (x, y))
        Panel's title -> curve's label -> the curve. A label has one colour and one
        marker in all panels.
    xlabel, ylabel : str
        What the axes show, with the unit.
    paper : the same, optional
        The paper's curves, dashed, thin and with hollow markers, in the colour of the
        same label.
    level : (str, float), optional
        Name and value of a level line, such as bicubic's PSNR.
    ylim : (float, float), optional
        Limits of the vertical axis; by default everything is in view.
    logarithmic : bool
        Whether the vertical axis is.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no panel or no curve.
    """
    printed = paper or {}
    titles = list(dict.fromkeys([*curves, *printed]))
    every = [panel for kind in (curves, printed) for panel in kind.values()]
    labels = list(dict.fromkeys(label for panel in every for label in panel))
    if not labels:
        raise ValueError("there is no curve to draw: give at least one")
    colour = dict(zip(labels, cycle(CYCLE), strict=False))
    figure, row = panel_row(len(titles), height=3.7, sharey=True)
    for axes, title in zip(row, titles, strict=True):
        draw_curves(axes, printed.get(title, {}), labels, paper=True)
        draw_curves(axes, curves.get(title, {}), labels)
        axes.set_title(title)
        whole_ticks(axes)
        if level is not None:
            axes.axhline(level[1], color="#333333", linestyle=":", linewidth=1.5)
    row[0].set_ylabel(ylabel)
    if logarithmic:
        row[0].set_yscale("log")
    figure.supxlabel(xlabel, fontsize=10.5)
    if ylim is not None:
        row[0].set_ylim(*ylim)
    _key(figure, colour, level, dashed=bool(printed and curves))
    return figure


@styled
def histogram(
    values: Mapping[str, ArrayLike], *, xlabel: str, ylabel: str = "share of pixels"
) -> Figure:
    """Draw how the values of pictures are distributed, on a logarithmic scale.

    Parameters
    ----------
    values : mapping of str to array
        Label -> values of any shape, in 8-bit levels; each is counted in bins of
        four levels.
    xlabel, ylabel : str
        What the axes show, with the unit.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is nothing to count, or a value is not finite.
    """
    arrays = {label: np.asarray(v, np.float64).ravel() for label, v in values.items()}
    if not arrays or any(
        a.size == 0 or not np.isfinite(a).all() for a in arrays.values()
    ):
        raise ValueError("every label needs values, all of them finite")
    lowest = 4 * np.floor(min(a.min() for a in arrays.values()) / 4) - 2
    highest = max(a.max() for a in arrays.values()) + 4
    edges = np.arange(lowest, highest + 4, 4)  # one bin is centred on 0
    figure, axes = chart(height=3.6)
    axes.set(xlabel=xlabel, ylabel=ylabel, yscale="log")
    draw_shares(axes, arrays, edges)
    axes.legend(loc="upper right")
    return figure


@styled
def filmstrip(rows: Mapping[str, tuple[Pictures, Mapping[str, str]]]) -> Figure:
    """Show pictures in rows, frame by frame, each pixel as it is.

    Parameters
    ----------
    rows : mapping of str to (mapping of str to (h, w) array of uint8, mapping)
        Row's label -> the row's pictures by their titles, and by the same titles a
        line to write below them, such as the PSNR; frames without one have none. All
        rows have the same titles, and all pictures the same size.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no picture, or titles or sizes differ.
    """
    from matplotlib.figure import Figure

    titles, shape = _one_layout(rows)
    wide = (_STRIP_WIDTH - _LABEL) // len(titles) - _GAP
    tall = round(wide * shape[0] / shape[1])
    step = tall + _GAP + _TITLE
    height = _TITLE + len(rows) * step
    figure = Figure((_STRIP_WIDTH / _DPI, height / _DPI))
    figure.set_layout_engine("none")
    for line, (label, (frames, captions)) in enumerate(rows.items()):
        bottom = height - _TITLE - line * step - tall
        middle = (bottom + tall / 2) / height
        figure.text(0.012, middle, label, rotation=90, va="center", ha="center")
        for column, (title, picture) in enumerate(frames.items()):
            left = _LABEL + column * (wide + _GAP)
            place = np.array([left, bottom, wide, tall], dtype=float)
            place /= (_STRIP_WIDTH, height, _STRIP_WIDTH, height)
            axes = figure.add_axes(tuple(place))
            axes.imshow(picture, vmin=0, vmax=255, aspect="auto")
            axes.set(xticks=[], yticks=[])
            if line == 0:
                axes.set_title(title, pad=4)
            axes.set_xlabel(captions.get(title, ""), labelpad=3, fontsize=9.5)
    return figure


def _key(
    figure: Figure,
    colour: Mapping[str, str],
    level: tuple[str, float] | None,
    *,
    dashed: bool,
) -> None:
    """Write one legend above all panels."""
    from matplotlib.lines import Line2D

    lines = key_lines(colour)
    if dashed:
        name = "dashed, hollow: the paper"
        line = Line2D([], [], color="#555555", ls="--", lw=1.3, label=name, **HOLLOW)
        line.set(marker="o", markersize=4.5)
        lines += [line]
    if level is not None:
        name = f"{level[0]} {level[1]:.2f}"
        lines += [Line2D([], [], color="#333333", ls=":", lw=1.5, label=name)]
    figure.legend(handles=lines, loc="outside upper center", ncols=len(lines))


def _one_layout(
    rows: Mapping[str, tuple[Pictures, Mapping[str, str]]],
) -> tuple[list[str], tuple[int, int]]:
    """Return the titles and the size that all rows share."""
    titles = [list(frames) for frames, _ in rows.values()]
    shapes = {
        picture.shape for frames, _ in rows.values() for picture in frames.values()
    }
    if not shapes or any(each != titles[0] for each in titles) or len(shapes) > 1:
        raise ValueError(
            f"a strip needs pictures of one size under the same titles in each row, "
            f"got titles {titles} and sizes {sorted(shapes)}"
        )
    height, width = next(iter(shapes))
    return titles[0], (height, width)
