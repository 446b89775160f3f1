"""The filters of a network's first layer, as pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vdsr_lib.figures.style import styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["filters"]

_ACROSS = 4  # banks in one row of the figure, at most


@styled
def filters(banks: Mapping[str, NDArray[Any]]) -> Figure:
    """Show banks of filters, each filter as a small square of its weights.

    Parameters
    ----------
    banks : mapping of str to (n, k, k) array of float
        Caption -> the filters of a layer with one input channel. Banks may differ in
        number and size of their filters.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each bank, its filters in rows in their own order. Each filter is
        scaled by its own largest weight, since only its shape is to be seen: red
        where a weight is positive, blue where it is negative, white at 0. A bank of
        NaN alone, as a network that diverged has it, is left white.

    Raises
    ------
    ValueError
        If there is no bank, or one is not (n, k, k), empty, or not finite in part.
    """
    from matplotlib.figure import Figure

    sheets = {name: _sheet(name, np.asarray(bank)) for name, bank in banks.items()}
    if not sheets:
        raise ValueError("there is no bank of filters to show: give at least one")
    across = min(len(sheets), _ACROSS)
    down = -(-len(sheets) // across)
    figure = Figure(figsize=(8.8, down * (8.8 / across + 0.3)))
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, (name, sheet) in zip(axes, sheets.items(), strict=False):
        axis.imshow(sheet, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
        axis.set_title(name, fontsize=10)
    return figure


def _sheet(name: str, bank: NDArray[Any]) -> NDArray[np.float64]:
    """Lay the filters of a bank side by side, with a gap between them (NaN)."""
    if bank.ndim != 3 or bank.shape[1] != bank.shape[2] or not bank.size:
        raise ValueError(
            f"the filters of {name!r} must be (n, k, k) with n and k at least 1, got "
            f"shape {bank.shape}"
        )
    if not (np.isfinite(bank).all() or np.isnan(bank).all()):
        raise ValueError(f"the filters of {name!r} have weights that are not finite")
    count, side, _ = bank.shape
    largest = np.abs(bank).max(axis=(1, 2), keepdims=True)  # (n, 1, 1)
    shapes = bank / np.where(largest > 0, largest, 1)  # (n, k, k)
    # Each weight becomes a block of pixels, so that the gap is thin beside 3 x 3.
    block = max(1, 18 // side)
    shapes = shapes.repeat(block, axis=1).repeat(block, axis=2)  # (n, kb, kb)
    columns = int(np.ceil(np.sqrt(count)))
    pitch = side * block + 2
    sheet = np.full((-(-count // columns) * pitch - 2, columns * pitch - 2), np.nan)
    for index, shape in enumerate(shapes):
        top, left = pitch * (index // columns), pitch * (index % columns)
        sheet[top : top + side * block, left : left + side * block] = shape
    return sheet
