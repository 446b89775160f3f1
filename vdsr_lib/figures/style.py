"""One look for all figures, and one way to show them with alternative text."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from functools import wraps
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final, ParamSpec

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "DPI",
    "STYLE_FILE",
    "show",
    "styled",
    "to_png",
    "use_style",
    "whole_ticks",
]

DPI: Final = 200
"""Dots an inch of a figure that is shown: twice its nominal resolution."""


STYLE_FILE: Final = Path(__file__).resolve().parents[1] / "lesson.mplstyle"

# Okabe and Ito (2008), in the order of the style file's colour cycle.
COLOURS: Final = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "black": "#000000",
}

_P = ParamSpec("_P")


def use_style() -> None:
    """Make the lessons' style the default of every figure in this process.

    The figures of this package have it anyway; this is for figures that a reader
    draws. It changes matplotlib's global settings and nothing else.
    """
    import matplotlib.style

    matplotlib.style.use(STYLE_FILE)


def styled(draw: Callable[_P, Figure]) -> Callable[_P, Figure]:
    """Let a drawing function use the lessons' style, and leave the settings alone.

    Parameters
    ----------
    draw : callable
        Makes and returns a figure.

    Returns
    -------
    callable
        The same function, drawing with matplotlib's defaults plus the style file,
        whatever the caller's settings are.
    """

    @wraps(draw)
    def in_style(*args: _P.args, **kwargs: _P.kwargs) -> Figure:
        import matplotlib.style

        with matplotlib.style.context(STYLE_FILE, after_reset=True):
            return draw(*args, **kwargs)

    return in_style


def whole_ticks(axes: Axes) -> None:
    """Mark whole numbers only, below curves whose x are whole: steps, epochs.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        With its curves drawn. Where any x is a fraction, ticks stay as they are.
    """
    from matplotlib.ticker import MaxNLocator

    places = [np.asarray(line.get_xdata(), np.float64) for line in axes.lines]
    if all((x == np.round(x)).all() for x in places):
        steps = [1, 2, 2.5, 5, 10]  # matplotlib's own
        axes.xaxis.set_major_locator(MaxNLocator("auto", steps=steps, integer=True))


def show(figure: Figure, *, alt: str) -> None:
    """Show a figure in the notebook, with a text for those who cannot see it.

    The picture is a PNG of twice the nominal resolution, displayed at nominal size,
    so that it is sharp on dense screens. JupyterLab takes no alternative text from an
    output's metadata, so that the picture also stands in HTML, which has it; the PNG
    itself is for whatever shows no HTML. Outside IPython nothing happens.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure to show.
    alt : str
        What the figure shows and what one reads from it, in a sentence or two.

    Raises
    ------
    ValueError
        If `alt` is empty.
    """
    if not alt.strip():
        raise ValueError(
            "alt is empty: say in a sentence what the figure shows, for readers "
            "who cannot see it"
        )
    text = " ".join(alt.split())
    if not _in_ipython():
        return
    from IPython.display import display

    png, width, height = to_png(figure)
    image = (
        f'<img src="data:image/png;base64,{b64encode(png).decode()}" width="{width}" '
        f'alt="{escape(text)}" style="max-width: 100%; height: auto" />'
    )
    display(
        {"text/html": image, "image/png": png, "text/plain": f"[figure: {text}]"},
        metadata={"image/png": {"alt": text, "width": width, "height": height}},
        raw=True,
    )


def _in_ipython() -> bool:
    """Return whether this code runs in IPython, without importing it to find out."""
    import sys

    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return get_ipython() is not None


def to_png(figure: Figure) -> tuple[bytes, int, int]:
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
    figure.savefig(stream, format="png", dpi=DPI)
    width, height = figure.get_size_inches() * 100
    return stream.getvalue(), round(width), round(height)
