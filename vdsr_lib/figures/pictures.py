"""Pictures beside one another: magnified crops with their scores, and differences.

The crops are drawn pixel by pixel: each pixel of the picture becomes a square of
exactly `zoom` by `zoom` nominal pixels, without any smoothing, so that what is seen is
what was computed.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vdsr_lib.figures.style import COLOURS, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Box", "comparison", "difference", "differing_boxes"]

_WIDTH = 880  # nominal pixels across a figure: what a notebook column can show
_LEAST = 176  # of it, for the whole picture
_GAP = 10
_MARGIN = 3
_FONT = 9.5  # points, at 100 nominal pixels an inch:
_LINE, _LETTER = 16, 7.2  # nominal pixels of a line's height and a letter's width
_CAPTION = 126  # nominal pixels that a line of scores takes
_LARGEST = 240  # side of a crop when the zoom is ours to choose
_COLUMNS = 4  # pictures in one row of crops, at most
_BOX_COLOURS = (COLOURS["orange"], COLOURS["sky"], COLOURS["purple"])


class Box(NamedTuple):
    """A rectangle of a picture, in pixels.

    Parameters
    ----------
    top, left : int
        Its top left corner, counted from 0.
    height, width : int
        Its size.
    """

    top: int
    left: int
    height: int
    width: int

    def cut(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Cut this rectangle out of a picture.

        Parameters
        ----------
        picture : (H, W) or (H, W, 3) array of uint8

        Returns
        -------
        ndarray
            A view of `height` x `width` pixels.
        """
        bottom, right = self.top + self.height, self.left + self.width
        return picture[self.top : bottom, self.left : right]


@styled
def comparison(
    pictures: Mapping[str, NDArray[Any]],
    reference: str | None = None,
    *,
    crops: int | Sequence[tuple[int, int, int, int]] = 1,
    crop_size: int = 48,
    zoom: int | None = None,
    border: int = 0,
) -> Figure:
    """Show one picture whole, and the same magnified crops of all of them.

    Parameters
    ----------
    pictures : mapping of str to ndarray
        Caption -> picture, all of one size: uint8, or float in [0, 1] (rounded and
        clipped to 8 bits); grey (H, W) or colour (H, W, 3).
    reference : str, optional
        The caption of the true picture. It is shown whole, and the others get their
        PSNR and SSIM against it, as in the paper (section 4.1 and its code): over
        the 8-bit luma, peak 255. Without it the first picture is shown whole.
    crops : int or sequence of (top, left, height, width), default 1
        Rectangles to magnify, or how many to choose where the pictures differ most.
    crop_size : int, default 48
        Side of a chosen crop in pixels.
    zoom : int, optional
        Nominal pixels for each pixel of a crop; by default the largest that fits.
    border : int, default 0
        Pixels to shave from each side before scoring; the paper shaves `scale`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no picture, the sizes differ, a value is not finite or out of
        range, the reference is not among them, or a crop leaves the picture.
    """
    shown = _to_8bit(pictures)
    whole = _reference(shown, reference)
    boxes = _boxes(shown, whole, crops, crop_size)
    scores = _scores(shown, reference, border)
    aspect = shown[whole].shape[1] / shown[whole].shape[0]
    layout = _best_layout(boxes, scores, aspect, zoom)
    sheet = _Sheet(layout)
    sheet.draw_whole(shown[whole], f"{whole}, whole")
    for index, (name, picture) in enumerate(shown.items()):
        for which in range(len(boxes)):
            sheet.draw_crop(picture, index, which, layout.captions[name])
    return sheet.figure


@styled
def difference(
    reference: NDArray[Any],
    estimates: Mapping[str, NDArray[Any]],
    *,
    limit: float | None = None,
) -> Figure:
    """Show where and by how much estimates differ from the true picture.

    Parameters
    ----------
    reference : ndarray
        The true picture: uint8 or float in [0, 1], (H, W) or (H, W, 3).
    estimates : mapping of str to ndarray
        Caption -> estimate of the same size and value range rules.
    limit : float, optional
        The difference, in 8-bit levels, of the strongest colour. By default 99.5 %
        of the differences lie within it.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each estimate: ``estimate - reference`` of the luma in 8-bit
        levels, blue where the estimate is too dark, red where it is too bright.

    Raises
    ------
    ValueError
        As for `comparison`, or if `limit` is not positive.
    """
    if limit is not None and not limit > 0:
        raise ValueError(f"limit must be positive, in 8-bit levels; got {limit}")
    shown = _to_8bit({"": reference, **estimates})
    true = _luma(shown.pop(""))
    maps = {name: _luma(array) - true for name, array in shown.items()}
    if limit is None:
        largest = np.abs(np.stack(list(maps.values())))
        limit = max(1.0, float(np.ceil(np.quantile(largest, 0.995))))
    figure, axes = _panels(len(maps), true.shape)
    for axis, (name, levels) in zip(axes, maps.items(), strict=True):
        image = axis.imshow(levels, cmap="RdBu_r", vmin=-limit, vmax=limit)
        rms = float(np.sqrt(np.mean(levels**2)))
        axis.set_title(f"{name}\nroot mean square {rms:.2f} levels")
        axis.set_axis_off()
    bar = figure.colorbar(image, ax=list(axes), shrink=0.85, aspect=30, pad=0.015)
    bar.set_label("error (8-bit levels)")
    return figure


def differing_boxes(
    pictures: Sequence[NDArray[Any]],
    reference: NDArray[Any] | None = None,
    *,
    count: int = 1,
    size: int = 48,
) -> list[Box]:
    """Find the squares in which pictures differ most, well apart from one another.

    Parameters
    ----------
    pictures : sequence of ndarray
        uint8 pictures of one size, (H, W) or (H, W, 3).
    reference : ndarray, optional
        What they are compared with; by default their mean.
    count : int, default 1
        How many squares to return; fewer come back if no more fit.
    size : int, default 48
        Side of a square in pixels, limited to the picture's own.

    Returns
    -------
    list of Box
        The square with the largest mean absolute difference first.
    """
    from scipy.ndimage import uniform_filter

    lumas = np.stack([_luma(picture) for picture in pictures])
    target = lumas.mean(axis=0) if reference is None else _luma(reference)
    height, width = target.shape
    tall, wide = min(size, height), min(size, width)
    spread = np.abs(lumas - target).mean(axis=0)
    mean = uniform_filter(spread, (tall, wide), mode="constant")
    # mean[i, j] belongs to the square whose top left corner is (i - tall // 2, ...).
    corners = mean[
        tall // 2 : tall // 2 + height - tall + 1,
        wide // 2 : wide // 2 + width - wide + 1,
    ].copy()
    boxes: list[Box] = []
    while len(boxes) < count and corners.max() > -np.inf:
        top, left = (int(i) for i in np.unravel_index(corners.argmax(), corners.shape))
        boxes.append(Box(top, left, tall, wide))
        above, beside = max(0, top - 2 * tall), max(0, left - 2 * wide)
        corners[above : top + 2 * tall, beside : left + 2 * wide] = -np.inf
    return boxes


class _Layout:
    """Where everything goes in a comparison, in nominal pixels, at one zoom."""

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
        self.room = _WIDTH - 2 * _MARGIN - self.columns * self.pitch
        inner = blocks * self.block - self.head - _GAP
        across = min(round(inner * aspect), max(self.room, _LEAST))
        self.whole = max(1, round(across / aspect)), max(1, across)
        self.height = blocks * self.block - _GAP + 2 * _MARGIN
        self.width = _WIDTH - self.room + self.whole[1]

    def corner(self, index: int, which: int) -> tuple[int, int]:
        """Return the top and left of the crop `which` of the picture `index`."""
        row, column = divmod(index, self.columns)
        top = _MARGIN + row * self.block + self.head + which * (self.tall + _GAP)
        left = _MARGIN + self.whole[1] + _GAP + column * self.pitch
        return top, left + (self.pitch - _GAP - self.wide) // 2


def _best_layout(
    boxes: Sequence[Box], scores: Mapping[str, str], aspect: float, zoom: int | None
) -> _Layout:
    """Return the layout with the largest zoom that leaves room for the whole picture.

    A zoom that the caller asks for is taken as it is, and the figure grows if need be.
    """
    if zoom is not None and zoom < 1:
        raise ValueError(f"zoom must be at least 1, got {zoom}")
    side = max(max(box.height, box.width) for box in boxes)
    for candidate in [zoom] if zoom else range(max(1, _LARGEST // side), 0, -1):
        layout = _Layout(boxes, scores, aspect, candidate)
        if layout.room >= _LEAST:
            return layout
    return layout


class _Sheet:
    """A figure whose axes cover whole nominal pixels."""

    def __init__(self, layout: _Layout) -> None:
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


def _panels(count: int, shape: tuple[int, ...]) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` panels in rows of three for pictures of `shape`."""
    from matplotlib.figure import Figure

    columns = min(count, 3)
    rows = -(-count // columns)
    wide = min(3.8, (_WIDTH / 100 - 1) / columns)
    tall = wide * shape[0] / shape[1] + 0.75
    figure = Figure(figsize=(wide * columns + 1, tall * rows))
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for empty in axes[count:]:
        empty.set_axis_off()
    return figure, axes[:count]


def _to_8bit(pictures: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.uint8]]:
    """Check pictures of one size and return them as 8-bit ones."""
    if not pictures:
        raise ValueError("there is no picture to show: give at least one")
    checked = {name: _one_to_8bit(name, array) for name, array in pictures.items()}
    sizes = {name: array.shape[:2] for name, array in checked.items()}
    first, size = next(iter(sizes.items()))
    for name, other in sizes.items():
        if other != size:
            raise ValueError(
                f"pictures must have one size, but {first!r} has {size} and "
                f"{name!r} has {other}: crop or resize them first"
            )
    return checked


def _one_to_8bit(name: str, picture: NDArray[Any]) -> NDArray[np.uint8]:
    """Return one picture as uint8, (H, W) or (H, W, 3)."""
    array = np.asarray(picture)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3):
        raise ValueError(
            f"picture {name!r} must be (H, W) or (H, W, 3), got shape {array.shape}"
        )
    if array.dtype == np.uint8:
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(
            f"picture {name!r} must be uint8, or float in [0, 1], got {array.dtype}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"picture {name!r} has values that are not finite")
    if array.min() < -1 or array.max() > 2:
        raise ValueError(
            f"picture {name!r} has float values from {array.min():.4g} to "
            f"{array.max():.4g}: bring them to [0, 1]"
        )
    rounded: NDArray[np.uint8] = np.floor(np.clip(array, 0, 1) * 255 + 0.5).astype(
        np.uint8
    )  # halves up, as images.to_uint8 does, without importing torch
    return rounded


def _reference(pictures: Mapping[str, NDArray[np.uint8]], name: str | None) -> str:
    """Return the caption of the picture to show whole."""
    if name is None:
        return next(iter(pictures))
    if name not in pictures:
        raise ValueError(
            f"the reference {name!r} is not among the pictures: {', '.join(pictures)}"
        )
    return name


def _boxes(
    pictures: Mapping[str, NDArray[np.uint8]],
    whole: str,
    crops: int | Sequence[tuple[int, int, int, int]],
    size: int,
) -> list[Box]:
    """Return the rectangles to magnify, chosen or checked."""
    if isinstance(crops, int):
        if crops < 1:
            raise ValueError(f"crops must be at least 1, got {crops}")
        others = [array for name, array in pictures.items() if name != whole]
        target = pictures[whole]
        return differing_boxes(others or [target], target, count=crops, size=size)
    height, width = pictures[whole].shape[:2]
    boxes = [Box(*crop) for crop in crops]
    if not boxes:
        raise ValueError("crops is empty: give a rectangle or a number")
    for box in boxes:
        inside = box.top + box.height <= height and box.left + box.width <= width
        if min(box.top, box.left) < 0 or min(box.height, box.width) < 1 or not inside:
            raise ValueError(
                f"crop {tuple(box)} (top, left, height, width) leaves the picture of "
                f"{height} x {width}"
            )
    return boxes


def _scores(
    pictures: Mapping[str, NDArray[np.uint8]], reference: str | None, border: int
) -> dict[str, str]:
    """Return a line for each picture: its PSNR and SSIM against the reference."""
    if reference is None:
        return dict.fromkeys(pictures, "")
    from vdsr_lib.metrics import psnr, ssim

    true = _luma(pictures[reference]).astype(np.uint8)
    lines = {}
    for name, picture in pictures.items():
        luma = _luma(picture).astype(np.uint8)
        decibels = psnr(true, luma, border=border)
        alike = f"{decibels:.2f} dB / {ssim(true, luma, border=border):.4f}"
        lines[name] = alike if np.isfinite(decibels) else "identical"
    return {**lines, reference: "PSNR / SSIM"}


def _luma(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the 8-bit luma as float: the picture's own when it is grey."""
    if picture.ndim == 3:
        from vdsr_lib.images import rgb_to_luma

        picture = rgb_to_luma(picture)
    return picture.astype(np.float64)
