"""Small pictures that were not made as the paper makes them.

The paper shrinks bicubically and stores nothing in between. Cameras blur, files are
compressed, sensors are noisy: what a network makes of those is lesson 08's question.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from vdsr_lib.images import check_scale
from vdsr_lib.resize import imresize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Luma = NDArray[np.uint8]

__all__ = ["DAMAGES", "shrink_otherwise"]


def shrink_otherwise(luma: Luma, scale: int, damage: str, *, seed: int = 0) -> Luma:
    """Shrink a luma picture by a whole number in one of several ways.

    Parameters
    ----------
    luma : (H, W) array of uint8
        Both sides multiples of `scale`.
    scale : int
        From 2 to 8.
    damage : str
        A key of `DAMAGES`.
    seed : int
        Of the noise.

    Returns
    -------
    (H / scale, W / scale) array of uint8
        Where the original's pixels lie under it: nothing is shifted, but for half an
        original pixel where the nearest one is kept at an even scale.

    Raises
    ------
    ValueError
        If the damage is unknown, the scale no whole number in range, or a side no
        multiple of it.
    TypeError
        If the picture is not uint8.
    """
    if not check_scale(scale).is_integer():
        raise ValueError(f"scale must be a whole number here, got {scale}")
    scale = int(scale)
    if damage not in DAMAGES:
        known = ", ".join(DAMAGES)
        raise ValueError(f"damage must be one of {known}, got {damage!r}")
    if luma.dtype != np.uint8:
        raise TypeError(f"luma must be uint8 in [0, 255], got {luma.dtype}")
    if any(side % scale for side in luma.shape):
        raise ValueError(f"{luma.shape} is no multiple of {scale}: crop it first")
    return DAMAGES[damage](luma, scale, np.random.default_rng(seed))


def _bicubic(luma: Luma, scale: int, _: Any = None) -> Luma:
    small: Luma = imresize(luma, 1 / scale)
    return small


def _box(luma: Luma, scale: int, _: Any) -> Luma:
    """Average squares of pixels, as a sensor of larger pixels does."""
    height, width = (side // scale for side in luma.shape)
    squares = luma.reshape(height, scale, width, scale)
    means: Luma = np.rint(squares.mean(axis=(1, 3))).astype(np.uint8)
    return means


def _gaussian(luma: Luma, scale: int, _: Any) -> Luma:
    """Blur as a soft lens does, with sigma 0.8 small pixels, then average squares."""
    from scipy.ndimage import gaussian_filter

    soft = gaussian_filter(luma.astype(float), 0.8 * scale, mode="nearest")
    return _box(np.rint(soft).astype(np.uint8), scale, None)


def _every(luma: Luma, scale: int, _: Any) -> Luma:
    """Keep the pixel nearest to the middle of each square, as careless code does."""
    first = scale // 2
    return np.ascontiguousarray(luma[first::scale, first::scale])


def _noisy(luma: Luma, scale: int, rng: np.random.Generator) -> Luma:
    small = _bicubic(luma, scale)
    grain = rng.normal(0, 5, small.shape)
    return np.rint(np.clip(small + grain, 0, 255)).astype(np.uint8)


def _jpeg(luma: Luma, scale: int, _: Any) -> Luma:
    from PIL import Image

    stream = BytesIO()
    Image.fromarray(_bicubic(luma, scale)).save(stream, "JPEG", quality=40)
    return np.asarray(Image.open(stream))


DAMAGES: dict[str, Callable[[Luma, int, np.random.Generator], Luma]] = {
    "bicubic": _bicubic,
    "box average": _box,
    "soft lens": _gaussian,
    "nearest pixel": _every,
    "noise": _noisy,
    "JPEG": _jpeg,
}
"""Ways to shrink: bicubic in 8 bits; averages of squares; a Gaussian blur of sigma 0.8
small pixels before that; the pixel in the middle of each square;
bicubic with noise of standard deviation 5; bicubic stored as JPEG of quality 40."""
