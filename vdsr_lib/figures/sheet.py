"""The sheet of a comparison: where captions, the whole picture and crops go."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vdsr_lib.figures.crops import Box
from vdsr_lib.figures.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["WIDTH", "Layout", "Sheet", "best_layout"]

WIDTH = 880  # nominal pixels across a figure: what a notebook column can show
_LEAST = 176  # of it, for the whole picture
_GAP = 10
_MARGIN = 3
_FONT = 9.5  # points, at 100 nominal pixels an inch:
_LINE, _LETTER = 16, 7.2  # nominal pixels of a line's height and a letter's width
_CAPTION = 126  # nominal pixels that a line of scores takes
_LARGEST = 240  # side of a crop when the zoom is ours to choose
_COLUMNS = 4  # pictures in one row of crops, at most
_BOX_COLOURS = (COLOURS["orange"], COLOURS["sky"], COLOURS["purple"])


class Layout:
    """Where everything goes in a comparison, in nominal pixels, at one zoom.

    Parameters
    ----------
    boxes : sequence of Box
        The crops of each picture.
    scores : mapping of str to str
        Each picture's name -> the line under it in its caption.
    aspect : float
        Width over height of the pictures.
    zoom : int
        Nominal pixels for each pixel of a crop.
    """

    def __init__(
        self, boxes: Sequence[Box], scores: Mapping[str, str], aspect: float, zoom: int
    ) -> None:
        self.boxes, self.zoom = list(boxes), zoom
        blocks = -(-len(scores) // _COLUMNS)
        self.columns = -(-len(scores) // blocks)  # five are three and two
        self.tall = zoom * max(box.height for box in boxes)
        self.wide = zoom * max(box.width for box in boxes)
        self.pitch = max(self.wide, _CAPTION) + _GAP
        letters = int((self.pitch - _GAP) / _LETTER)
        self.captions = {
            name: f"{textwrap.fill(name, letters)}\n{score}".rstrip()
            for name, score in scores.items()
        }
        lines = 1 + max(text.count("\n") for text in self.captions.values())
        self.head = 8 + _LINE * lines
        self.block = self.head + len(boxes) * (self.tall + _GAP)
        self.room = WIDTH - 2 * _MARGIN - self.columns * self.pitch
        inner = blocks * self.block - self.head - _GAP
        across = min(round(inner * aspect), max(self.room, _LEAST))
        self.whole = max(1, round(across / aspect)), max(1, across)
        self.height = blocks * self.block - _GAP + 2 * _MARGIN
        self.width = WIDTH - self.room + self.whole[1]

    def corner(self, index: int, which: int) -> tuple[int, int]:
        """Return the top and left of the crop `which` of the picture `index`."""
        row, column = divmod(index, self.columns)
        top = _MARGIN + row * self.block + self.head + which * (self.tall + _GAP)
        left = _MARGIN + self.whole[1] + _GAP + column * self.pitch
        return top, left + (self.pitch - _GAP - self.wide) // 2


def best_layout(
    boxes: Sequence[Box], scores: Mapping[str, str], aspect: float, zoom: int | None
) -> Layout:
    """Return the layout with the largest zoom that leaves room for the whole picture.

    A zoom that the caller asks for is taken as it is, and the figure grows if need be.

    Parameters
    ----------
    boxes : sequence of Box
        The crops of each picture.
    scores : mapping of str to str
        Each picture's name -> the line under it in its caption.
    aspect : float
        Width over height of the pictures.
    zoom : int or None
        The zoom to take; None for the largest that fits.

    Returns
    -------
    Layout

    Raises
    ------
    ValueError
        If `zoom` is less than 1.
    """
    if zoom is not None and zoom < 1:
        raise ValueError(f"zoom must be at least 1, got {zoom}")
    side = max(max(box.height, box.width) for box in boxes)
    for candidate in [zoom] if zoom else range(max(1, _LARGEST // side), 0, -1):
        layout = Layout(boxes, scores, aspect, candidate)
        if layout.room >= _LEAST:
            return layout
    return layout


class Sheet:
    """A figure whose axes cover whole nominal pixels.

    Parameters
    ----------
    layout : Layout
        Where the axes go.
    """

    def __init__(self, layout: Layout) -> None:
        from matplotlib.figure import Figure

        self.layout = layout
        self.figure = Figure(figsize=(layout.width / 100, layout.height / 100))
        self.figure.set_layout_engine("none")

    def axes(self, top: int, left: int, height: int, width: int) -> Axes:
        """Return empty axes that cover a rectangle given in nominal pixels."""
        all_height, all_width = self.layout.height, self.layout.width
        axes = self.figure.add_axes(
            (
                left / all_width,
                1 - (top + height) / all_height,
                width / all_width,
                height / all_height,
            )
        )
        axes.set(xticks=[], yticks=[])
        return axes

    def draw_whole(self, picture: NDArray[np.uint8], caption: str) -> None:
        """Draw a picture smoothly at the left, with a frame around each crop."""
        from matplotlib.patches import Rectangle

        boxes = self.layout.boxes
        axes = self.axes(_MARGIN + self.layout.head, _MARGIN, *self.layout.whole)
        axes.imshow(_rgb(picture), aspect="auto", interpolation="antialiased")
        axes.set_axis_off()
        axes.set_title(caption, pad=5, fontsize=_FONT)
        for box, colour in zip(boxes, _colours(len(boxes)), strict=True):
            for edge, thickness in (("white", 4.0), (colour, 2.0)):
                corner = (box.left - 0.5, box.top - 0.5)
                frame = Rectangle(corner, box.width, box.height, fill=False)
                frame.set(edgecolor=edge, linewidth=thickness)
                axes.add_patch(frame)

    def draw_crop(
        self, picture: NDArray[np.uint8], index: int, which: int, caption: str
    ) -> None:
        """Draw one magnified crop, each pixel as a square, framed in its colour."""
        box, zoom = self.layout.boxes[which], self.layout.zoom
        corner = self.layout.corner(index, which)
        axes = self.axes(*corner, box.height * zoom, box.width * zoom)
        axes.imshow(_rgb(box.cut(picture)), aspect="auto", interpolation="nearest")
        colour = _colours(len(self.layout.boxes))[which]
        for spine in axes.spines.values():
            spine.set(color=colour, linewidth=1.5, visible=True)
        if which == 0:
            axes.set_title(caption, pad=5, fontsize=_FONT)


def _colours(count: int) -> list[str]:
    """Return a frame colour for each crop."""
    return [_BOX_COLOURS[i % len(_BOX_COLOURS)] for i in range(count)]


def _rgb(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture as colour: through a grey colour map some levels move by 1."""
    return np.stack([picture] * 3, axis=-1) if picture.ndim == 2 else picture
