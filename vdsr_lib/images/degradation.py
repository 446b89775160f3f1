"""From a sharp picture to the blurred one that a network starts from.

The degradation is the paper's: MATLAB's antialiased bicubic ``imresize`` down by the
scale and up again. Every deviation costs: see the lesson on protocols.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vdsr_lib.images.colour import Image, require_unit_range
from vdsr_lib.resize import imresize

__all__ = [
    "LUMA_RANGE",
    "check_scale",
    "check_scales",
    "crop_to_multiple",
    "degrade",
]

LUMA_RANGE = (16 / 255, 235 / 255)
"""Black and white of BT.601 studio-range luma, as fractions of 255."""

_SMALLEST_SCALE, _LARGEST_SCALE = 1.1, 8


def check_scale(scale: object) -> float:
    """Return a scale factor, refused unless it is a number in [1.1, 8].

    Parameters
    ----------
    scale : float
        How many times larger the result is, along each side.

    Returns
    -------
    float
        `scale`.

    Raises
    ------
    ValueError
        If it lies outside [1.1, 8] or is NaN.
    TypeError
        If it is not a real number.
    """
    if isinstance(scale, (bool, np.bool_)) or not isinstance(scale, Real):
        raise TypeError(f"scale must be a number in [1.1, 8], got {scale!r}")
    value = float(scale)
    if not _SMALLEST_SCALE <= value <= _LARGEST_SCALE:
        raise ValueError(f"scale must be in [1.1, 8], got {value:g}")
    return value


def check_scales(scales: Iterable[object]) -> list[float]:
    """Return several scale factors, each checked as `check_scale` does.

    Parameters
    ----------
    scales : iterable of float
        Each in [1.1, 8].

    Returns
    -------
    list of float
        `scales`.

    Raises
    ------
    ValueError
        If one lies outside [1.1, 8] or is NaN.
    TypeError
        If one is not a real number, or `scales` is a number itself.
    """
    if isinstance(scales, Real):
        raise TypeError(
            f"scales must be several, as a tuple or list, got {scales!r}: give one "
            f"scale as ({float(scales):g},)"
        )
    return [check_scale(scale) for scale in scales]


def crop_to_multiple(image: Image, scale: float) -> Image:
    """Crop a picture at the right and the bottom to a multiple of the scale.

    Parameters
    ----------
    image : (H, W) or (H, W, C) array, or (..., H, W) torch.Tensor
        Any dtype and range.
    scale : float
        In [1.1, 8]. With a fractional scale no crop makes both sizes whole, and the
        picture is returned as it is; `degrade` takes it so.

    Returns
    -------
    array or torch.Tensor
        A view, not a copy.

    Raises
    ------
    ValueError
        If the picture is smaller than the scale, so that nothing would be left, or
        the scale is out of range.
    TypeError
        If the scale is not a number.

    Notes
    -----
    Step 2 of the usual protocol (``modcrop`` in the authors' MATLAB code).
    """
    factor = check_scale(scale)
    height, width = _size(image)
    if not factor.is_integer():
        return image
    step = int(factor)
    rows, columns = height - height % step, width - width % step
    if 0 in (rows, columns):
        raise ValueError(
            f"a picture of {height} x {width} pixels is too small for scale {step}: "
            f"give one of at least {step} x {step}"
        )
    if isinstance(image, torch.Tensor):
        return image[..., :rows, :columns]
    return image[:rows, :columns]


def degrade(hr: Image, scale: float) -> Image:
    """Return the interpolated low-resolution picture (ILR) of a luma picture.

    Bicubic with antialiasing down by `scale`, not rounded to 8 bits, bicubic up to
    the size it came from, and clamped to [16/255, 235/255].

    Parameters
    ----------
    hr : (H, W) array or (..., H, W) torch.Tensor
        High-resolution luma: float32 or float64 in [0, 1], or uint8, which is divided
        by 255.
    scale : float
        In [1.1, 8]. For an integer scale crop `hr` with `crop_to_multiple` first.
        A size that is not a multiple goes down to ceil(size / scale), and both ways
        then use the ratio of the two sizes, so that nothing shifts.

    Returns
    -------
    array or torch.Tensor
        The ILR, of the shape of `hr`, in [16/255, 235/255]. A float dtype is kept;
        uint8 gives float64 for an array, float32 for a tensor.

    Raises
    ------
    ValueError
        If the scale or the shape is wrong, or `hr` leaves [0, 1] by far or holds NaN.
    TypeError
        If `hr` is of another dtype, or the scale is not a number.

    Notes
    -----
    Kim et al. 2016, section 5, as the authors' code does it; training pairs and
    evaluation use the same.
    """
    factor = check_scale(scale)
    if not isinstance(hr, torch.Tensor):
        hr = np.asarray(hr)
        if hr.ndim != 2:
            raise ValueError(f"hr must be a luma of shape (H, W), got {hr.shape}")
    height, width = _size(hr)
    require_unit_range(hr, "hr")
    if hr.dtype in (np.uint8, torch.uint8):
        # float32, where torch would divide in whatever its default is.
        hr = (hr.float() if isinstance(hr, torch.Tensor) else hr) / 255
    # 1e-9 keeps 21 / 1.4 = 15.000000000000002 from asking for a sixteenth pixel.
    small = [math.ceil(side / factor - 1e-9) for side in (height, width)]
    lr = imresize(hr, shape=(small[0], small[1]))  # (..., h, w)
    ilr = imresize(lr, shape=(height, width))  # (..., H, W)
    low, high = LUMA_RANGE
    if isinstance(ilr, torch.Tensor):
        return ilr.clamp(low, high)
    clamped: NDArray[Any] = np.clip(ilr, low, high)
    return clamped


def _size(image: Any) -> tuple[int, int]:
    """Return height and width of an (H, W[, C]) array or a (..., H, W) tensor."""
    shape = tuple(image.shape)
    if len(shape) < 2 or 0 in shape:
        raise ValueError(f"a picture must have rows and columns, got shape {shape}")
    height, width = shape[-2:] if isinstance(image, torch.Tensor) else shape[:2]
    return int(height), int(width)
