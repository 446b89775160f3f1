"""The rectangles that a comparison magnifies, and pictures checked for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "differing_boxes"]


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

    Raises
    ------
    ValueError
        If there is no picture, their sizes differ, or `size` is below 1.
    """
    from scipy.ndimage import uniform_filter

    if not len(pictures):
        raise ValueError("there is no picture to compare: give at least one")
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    lumas = np.stack([luma_levels(picture) for picture in pictures])
    target = lumas.mean(axis=0) if reference is None else luma_levels(reference)
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


def choose_boxes(
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


def to_8bit(pictures: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.uint8]]:
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
    if not array.size:
        raise ValueError(
            f"picture {name!r} must have rows and columns, got shape {array.shape}"
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


def luma_levels(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the 8-bit luma as float: the picture's own when it is grey."""
    if picture.ndim == 3:
        from vdsr_lib.images import rgb_to_luma

        picture = rgb_to_luma(picture)
    return picture.astype(np.float64)
