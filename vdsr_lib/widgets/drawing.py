"""Figures as PNG files, for a widget's static picture."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["png_of"]

_DPI = 200  # twice the nominal resolution, as `figures.show`


def png_of(figure: Figure) -> tuple[bytes, int, int]:
    """Draw a figure.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Of any size.

    Returns
    -------
    (bytes, int, int)
        A PNG file, and the nominal width and height in pixels to show it at.
    """
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=_DPI)
    width, height = figure.get_size_inches() * 100
    return stream.getvalue(), round(width), round(height)
