"""What networks of several depths see around a pixel, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vdsr_lib.figures.style import COLOURS, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["DECADES", "SeenField", "receptive_fields"]

DECADES = 3.0
"""How far below its largest value a field is still coloured, in powers of ten."""

_WIDTH, _GAP, _TITLE, _LABEL, _LINE = 880, 8, 24, 30, 22  # nominal pixels
_LARGEST = 200  # of a panel's side


class SeenField(NamedTuple):
    """One depth's column in the figure.

    Parameters
    ----------
    field : (S, S) array of float
        The effective field, as `vdsr_lib.receptive.effective_field` returns it.
    output : (H, W) array of uint8
        What the network makes of the picture.
    below_field, below_output : str
        What to write below the two.
    """

    field: NDArray[Any]
    output: NDArray[np.uint8]
    below_field: str
    below_output: str


@styled
def receptive_fields(
    columns: Mapping[str, SeenField],
    source: NDArray[np.uint8],
    point: tuple[int, int],
    below_source: str = "",
) -> Figure:
    """Show what networks see around one pixel, how it counts, and what they make of it.

    Parameters
    ----------
    columns : mapping of str to SeenField
        Title -> a network's field and output; all are drawn to one scale.
    source : (H, W) array of uint8
        The networks' input.
    point : (row, column)
        The output pixel.
    below_source : str
        What to write below the first input.

    Returns
    -------
    matplotlib.figure.Figure
        Three rows: the input within the theoretical square, the effective field on a
        logarithmic colour scale over three powers of ten, and the output.

    Raises
    ------
    ValueError
        If there is no column.
    """
    from matplotlib.figure import Figure

    if not columns:
        raise ValueError("there is no field to draw: give at least one")
    side = max(column.field.shape[0] for column in columns.values())
    wide = min(_LARGEST, (_WIDTH - _LABEL - 70) // len(columns) - _GAP)
    width = _LABEL + len(columns) * (wide + _GAP) + 70
    step = wide + _LINE + _GAP
    height = _TITLE + 3 * step
    figure = Figure((width / 100, height / 100))
    figure.set_layout_engine("none")
    labels = ("input", "how it counts", "output")
    for line, label in enumerate(labels):
        middle = height - _TITLE - line * step - wide / 2
        figure.text(
            14 / width, middle / height, label, rotation=90, ha="center", va="center"
        )
    for i, (title, column) in enumerate(columns.items()):
        own = column.field.shape[0]
        panels = (
            (_around(source, point, side), below_source if i == 0 else ""),
            (_coloured(column.field, side), column.below_field),
            (_around(column.output, point, side), column.below_output),
        )
        for line, (pixels, below) in enumerate(panels):
            left = _LABEL + i * (wide + _GAP)
            bottom = height - _TITLE - line * step - wide
            axes = figure.add_axes(
                (left / width, bottom / height, wide / width, wide / height)
            )
            _panel(axes, pixels, own, marked=line != 1)
            axes.set_xlabel(below, labelpad=3, fontsize=9.5)
            if line == 0:
                axes.set_title(f"{title}: {own} \N{MULTIPLICATION SIGN} {own}", pad=5)
    _bar(figure, width, height, (_LABEL + len(columns) * (wide + _GAP) + 4, step, wide))
    return figure


def _panel(axes: Axes, pixels: NDArray[Any], own: int, *, marked: bool) -> None:
    """Draw one square of pixels with the theoretical field's outline on it."""
    from matplotlib.patches import Rectangle

    side = pixels.shape[0]
    axes.imshow(pixels, aspect="auto", vmin=0, vmax=255)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color="#999999", linewidth=0.8)
    corner = (side - own) / 2 - 0.5
    for colour, thick in (("white", 3.0), (COLOURS["vermilion"], 1.6)):
        axes.add_patch(
            Rectangle((corner, corner), own, own, fill=False, ec=colour, lw=thick)
        )
    if marked:
        axes.plot(side // 2, side // 2, "+", color=COLOURS["vermilion"], ms=7, mew=1.5)


def _around(
    picture: NDArray[np.uint8], point: tuple[int, int], side: int
) -> NDArray[np.uint8]:
    """Cut a square around a pixel, white where the picture ends; RGB."""
    radius = side // 2
    padded = np.pad(picture, radius, constant_values=255)
    row, column = point
    cut = padded[row : row + side, column : column + side]
    return np.stack([cut] * 3, axis=-1)


def _coloured(field: NDArray[Any], side: int) -> NDArray[np.uint8]:
    """Colour a field by the logarithm of its share of the maximum; grey outside."""
    from matplotlib import colormaps

    with np.errstate(divide="ignore"):
        depth = np.log10(field / field.max()) if field.max() > 0 else field - np.inf
    share = np.clip(1 + depth / DECADES, 0, 1)
    colours = np.asarray(colormaps["magma"](share))[..., :3]
    sheet = np.full((side, side, 3), 0.91)
    first = (side - field.shape[0]) // 2
    inside = slice(first, first + field.shape[0])
    sheet[inside, inside] = colours
    return np.asarray(np.round(sheet * 255), dtype=np.uint8)


def _bar(
    figure: Figure, width: float, height: float, place: tuple[float, float, float]
) -> None:
    """Draw the colour scale at the right of the middle row."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    left, step, wide = place
    bottom = height - _TITLE - step - wide
    axes = figure.add_axes((left / width, bottom / height, 12 / width, wide / height))
    scale = ScalarMappable(LogNorm(10**-DECADES, 1), colormaps["magma"])
    bar = figure.colorbar(scale, cax=axes)
    bar.ax.set_yticks([1, 0.1, 0.01, 0.001], ["1", "0.1", "0.01", "0.001"])
    bar.ax.minorticks_off()
