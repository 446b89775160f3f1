"""What context buys, without any training: the best linear filter of each size.

A convolution with one filter of w x w pixels is the simplest network there is, and
the best such filter can be computed: least squares. A texture that repeats shows what
width is worth. Shrinking folds its fine detail onto coarser patterns; a filter that
sees one period cannot tell the two apart, one that sees several can.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from vdsr_lib.experiments.linear import correlations, examples, least_squares
from vdsr_lib.images import degrade, to_uint8

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["best_filter", "context_gains", "filtered", "texture"]

_COARSEST, _FINEST = 0.15, 0.3  # cycles a pixel: below, bicubic has no difficulty
_MIDDLE, _CONTRAST = 125.0, 35.0  # 8-bit levels
_SIDE, _FITTED, _TESTED = 60, 30, 6


def texture(
    period: int | None, side: int = _SIDE, *, generator: np.random.Generator
) -> NDArray[np.uint8]:
    """Draw a random texture, one that repeats or one that does not.

    Parameters
    ----------
    period : int or None
        Side of the tile that is laid again and again, at least 4 pixels; None for a
        texture with detail of the same fineness that never repeats.
    side : int, default 60
        Height and width in pixels, at least 8.
    generator : numpy.random.Generator
        What the texture is drawn from.

    Returns
    -------
    (side, side) array of uint8
        Luma in [16, 235], with a mean of about 125 and a deviation of about 35.

    Raises
    ------
    ValueError
        If `period` is below 4 or `side` below 8.
    """
    if side < 8 or (period is not None and period < 4):
        raise ValueError(
            "a texture needs a side of at least 8 pixels and a period of at least 4 "
            f"(or None), got {side} and {period}"
        )
    drawn = period or side
    frequency = np.abs(np.fft.fftfreq(drawn))
    radius = np.hypot(frequency[:, None], frequency[None, :])  # cycles a pixel
    wanted = (radius > 0) & (radius < _FINEST)
    if period is None:
        wanted &= radius > _COARSEST
    noise = np.fft.fft2(generator.normal(size=(drawn, drawn))) * wanted
    pattern = np.fft.ifft2(noise).real
    times = -(-side // drawn)
    pattern = np.tile(pattern / pattern.std(), (times, times))[:side, :side]
    levels = np.round(_MIDDLE + _CONTRAST * pattern)
    return np.clip(levels, 16, 235).astype(np.uint8)


def best_filter(
    pictures: Iterable[NDArray[np.uint8]], scale: float, size: int
) -> NDArray[np.float64]:
    """Return the filter that predicts the residual best, in the sense of squares.

    Parameters
    ----------
    pictures : iterable of (H, W) array of uint8
        Luma, larger than `size` both ways.
    scale : float
        In [1.1, 8].
    size : int
        Side of the filter, odd: what a stack of (size - 1) / 2 linear layers of 3 x 3
        can see.

    Returns
    -------
    (size, size) array of float64
        To be correlated with the ILR less its middle grey, 0.5.

    Raises
    ------
    ValueError
        If `size` is not odd and positive.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"size must be odd and at least 1, got {size}")
    return least_squares([correlations(pictures, scale, size)], ridge=1e-6)


def context_gains(
    sizes: Iterable[int] = (3, 5, 7, 9, 11, 13, 15),
    *,
    period: int = 5,
    scale: float = 3,
    seed: int = 0,
) -> pd.DataFrame:
    """Measure how much the best filter of each size gains over bicubic.

    Parameters
    ----------
    sizes : iterable of int
        Sides of the filters, odd.
    period : int, default 5
        Of the texture that repeats, in pixels.
    scale : float, default 3
        In [1.1, 8].
    seed : int, default 0
        Of the random textures.

    Returns
    -------
    pandas.DataFrame
        Index ``size``; columns ``repeats`` and ``never repeats``: gain over bicubic
        in dB, on textures that the filters were not fitted to. Each filter is fitted
        to 30 textures of its kind, and the gain is that of the mean squared error
        over 6 others.

    Raises
    ------
    ValueError
        If a size is not odd, or `period` is below 4.
    """
    import pandas as pd

    gains: dict[str, dict[int, float]] = {}
    for name, length in {"repeats": period, "never repeats": None}.items():
        random = np.random.default_rng(seed)
        drawn = [texture(length, generator=random) for _ in range(_FITTED + _TESTED)]
        fitted, tested = drawn[:_FITTED], drawn[_FITTED:]
        gains[name] = {
            size: _gain(best_filter(fitted, scale, size), tested, scale)
            for size in sizes
        }
    return pd.DataFrame(gains).rename_axis("size")


def _gain(
    weights: NDArray[np.float64], pictures: Iterable[NDArray[np.uint8]], scale: float
) -> float:
    """Return by how many decibels a filter improves on bicubic."""
    before, after = 0.0, 0.0
    for picture in pictures:
        seen, residual = examples(picture, scale, len(weights))
        before += float(np.square(residual).sum())
        after += float(np.square(residual - seen @ weights.ravel()).sum())
    return 10 * float(np.log10(before / after))


def filtered(
    picture: NDArray[np.uint8], scale: float, weights: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Shrink a picture, enlarge it again, and add what a filter predicts.

    Parameters
    ----------
    picture : (H, W) array of uint8
        The true luma.
    scale : float
        In [1.1, 8].
    weights : (w, w) array of float
        What `best_filter` returned; a single 0 adds nothing, and leaves bicubic.

    Returns
    -------
    (H, W) array of uint8
        Beyond the border the ILR is continued by its mirror image.
    """
    from scipy.ndimage import correlate

    ilr = degrade(picture, scale)  # (H, W)
    predicted = correlate(ilr - 0.5, weights, mode="reflect")  # (H, W)
    return to_uint8(np.clip(ilr + predicted, 0, 1))
