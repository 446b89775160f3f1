"""What the widget "your own picture" is asked to do, and the pictures for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from vdsr_lib.errors import PictureError
from vdsr_lib.images import Picture
from vdsr_lib.resize import imresize

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TASKS", "Order", "coloured", "cut_on_white", "on_white", "shrunk"]

TASKS = ("enlarge", "restore")
"""What can be done: enlarge the picture, or shrink it first and restore it."""


@dataclass(frozen=True)
class Order:
    """What is to be done.

    Parameters
    ----------
    picture : Picture
        The reader's.
    scale : float
        In [1.1, 8].
    task : {"enlarge", "restore"}
        See `TASKS`.
    model : str
        What the network is called, for captions.
    network : torch.nn.Module or None
        From luma to luma; None for bicubic alone.
    device : str
        As for `devices.resolve_device`.
    max_pixels : int or None
        A larger result is refused.
    """

    picture: Picture
    scale: float
    task: str = "enlarge"
    model: str = "bicubic"
    network: nn.Module | None = None
    device: str = "auto"
    max_pixels: int | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the result."""
        height, width = self.picture.pixels.shape[:2]
        if self.task == "restore":
            height, width = _sides(height, width, self.scale, math.floor)
        return _sides(height, width, 1 / self.scale, math.ceil)

    @property
    def operations(self) -> float:
        """Roughly how many multiplications the network needs."""
        weights = sum(p.numel() for p in self.network.parameters() if p.ndim == 4) if (
            self.network is not None
        ) else 0  # fmt: skip
        return float(math.prod(self.shape)) * weights


def shrunk(picture: Picture, scale: float) -> tuple[Picture, NDArray[np.uint8]]:
    """Shrink a picture as the paper does, bicubically with antialiasing.

    Parameters
    ----------
    picture : Picture
        Opacity is shown on white first.
    scale : float
        In [1.1, 8].

    Returns
    -------
    small : Picture
        In 8 bits, as a small picture is in life.
    truth : (H, W) or (H, W, 3) array of uint8
        The original, cropped at the right and the bottom to the size that `upscale`
        makes of `small`.

    Raises
    ------
    PictureError
        If nothing would be left.
    """
    pixels = on_white(picture)
    height, width = pixels.shape[:2]
    small = _sides(height, width, scale, math.floor)
    if 0 in small:
        raise PictureError(
            f"{picture.name} has {width} x {height} pixels, too few to be shrunk by "
            f"{scale:g}: take a smaller scale or a larger picture"
        )
    rows, columns = _sides(*small, 1 / scale, math.ceil)
    truth = pixels[:rows, :columns]
    return Picture(imresize(truth, shape=small), None, picture.name), truth


def on_white(picture: Picture) -> NDArray[np.uint8]:
    """Show a picture's opacity on white.

    Parameters
    ----------
    picture : Picture
        With or without opacity.

    Returns
    -------
    (H, W) or (H, W, 3) array of uint8
        The very pixels where there is no opacity.
    """
    return cut_on_white(picture, np.s_[:, :])


def cut_on_white(picture: Picture, part: Any) -> NDArray[np.uint8]:
    """Cut a part out, and show its opacity on white.

    Parameters
    ----------
    picture : Picture
        With or without opacity.
    part : index
        What NumPy takes for rows and columns.

    Returns
    -------
    (h, w) or (h, w, 3) array of uint8
        The very pixels where there is no opacity.
    """
    pixels: NDArray[np.uint8] = picture.pixels[part]
    if picture.alpha is None:
        return pixels
    share = picture.alpha[part].astype(np.float32) / 255  # (h, w)
    if pixels.ndim == 3:
        share = share[..., np.newaxis]
    blended = np.rint(255 + share * (pixels.astype(np.float32) - 255))
    return np.asarray(blended.astype(np.uint8))


def coloured(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give grey three channels: its luma then fills the range that the paper's has.

    Parameters
    ----------
    pixels : (H, W) or (H, W, 3) array of uint8
        In [0, 255].

    Returns
    -------
    (H, W, 3) array of uint8
        Contiguous.
    """
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., np.newaxis], 3, axis=2)  # (H, W, 3)
    return np.ascontiguousarray(pixels)


def _sides(
    height: int, width: int, divisor: float, rounding: Callable[[float], int]
) -> tuple[int, int]:
    """Divide both sides; a hair's breadth from a whole number counts as whole."""
    hair = 1e-9 if rounding is math.floor else -1e-9
    return rounding(height / divisor + hair), rounding(width / divisor + hair)
