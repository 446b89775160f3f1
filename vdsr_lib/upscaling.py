"""Enlarge a picture: the luma by a network, the colour and the opacity bicubically.

Kim et al. 2016, section 5.3: the network sees the luma alone, because the eye hardly
sees the detail of colour.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import nn

from vdsr_lib.images import (
    LUMA_RANGE,
    Picture,
    check_scale,
    read_picture,
    rgb_to_ycbcr,
    to_uint8,
    ycbcr_to_rgb,
)
from vdsr_lib.inference import super_resolve
from vdsr_lib.resize import imresize
from vdsr_lib.weights import network_on

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane: TypeAlias = NDArray[np.float32]

__all__ = ["MAX_RESULT_PIXELS", "upscale"]

MAX_RESULT_PIXELS = 256_000_000
"""Largest result made unless told otherwise, in pixels: 16,000 x 16,000."""

_BAND = 256  # rows put into colour at once


def upscale(
    image: str | os.PathLike[str] | NDArray[np.uint8] | Picture,
    scale: float,
    *,
    model: nn.Module | str = "vdsr",
    device: str | torch.device = "auto",
    tile: int | None = None,
    precision: str = "auto",
    max_pixels: int | None = MAX_RESULT_PIXELS,
) -> Any:
    """Enlarge a picture of any kind by any scale.

    Parameters
    ----------
    image : path-like, array or Picture
        A picture file; or uint8 in [0, 255], grey (H, W), RGB (H, W, 3) or RGBA
        (H, W, 4); or what `read_picture` returned.
    scale : float
        In [1.1, 8]. The result has ``ceil(scale * H)`` rows and as many columns.
    model : torch.nn.Module or str
        A network from luma to luma; or "bicubic", which needs no weights; or what
        `load_model` takes.
    device : str or torch.device
        As for `devices.resolve_device`.
    tile, precision : optional
        As for `inference.super_resolve`. Large pictures are cut into tiles by
        themselves, and the result is that of the whole picture.
    max_pixels : int or None
        A larger result is refused before anything is computed. None: no limit. About
        20 bytes of memory are needed for each pixel.

    Returns
    -------
    Picture or array
        A `Picture` for a file or a `Picture`, with its name; an array for an array.
        uint8; grey stays grey, and opacity is enlarged bicubically.

    Raises
    ------
    PictureError
        If the file is not a picture, or is damaged.
    WeightsError
        If `model` names no weights; the text lists those that there are.
    ValueError
        If the scale or the shape is wrong, the result would be larger than
        `max_pixels`, or the network gives NaN.
    TypeError
        If an array is not uint8, or `image` or `model` is of another kind.

    Notes
    -----
    Grey values fill [0, 255] while luma fills [16, 235]: a grey picture is brought
    into the range that networks are trained on, and back.
    """
    picture = _as_picture(image)
    factor = check_scale(scale)
    height, width = picture.pixels.shape[:2]
    # 1e-9 keeps 50 * 1.1 = 55.00000000000001 from asking for a 56th pixel.
    shape = (math.ceil(height * factor - 1e-9), math.ceil(width * factor - 1e-9))
    if max_pixels is not None and math.prod(shape) > max_pixels:
        raise ValueError(
            f"{picture.name} would become {shape[1]} x {shape[0]} pixels, more than "
            f"the limit of {max_pixels:,}: take a smaller scale, or raise max_pixels"
        )
    network = network_on(model, device, scale=factor)
    pixels = _enlarged(picture.pixels, shape, network, tile=tile, precision=precision)
    alpha = None if picture.alpha is None else imresize(picture.alpha, shape=shape)
    if isinstance(image, np.ndarray):
        return pixels if alpha is None else np.dstack([pixels, alpha])
    return Picture(pixels, alpha, picture.name)


def _as_picture(image: str | os.PathLike[str] | NDArray[np.uint8] | Picture) -> Picture:
    """Read a file; split the opacity from an RGBA array."""
    if isinstance(image, Picture):
        return image
    if isinstance(image, (str, bytes, os.PathLike)):
        return read_picture(image)
    if not isinstance(image, np.ndarray):
        raise TypeError(
            f"image must be a file, an array or a Picture, got {type(image).__name__}"
        )
    if image.ndim == 3 and image.shape[2] == 4:
        return Picture(image[..., :3], image[..., 3])
    return Picture(image)


def _enlarged(
    pixels: NDArray[np.uint8],
    shape: tuple[int, int],
    network: nn.Module | None,
    **options: Any,
) -> NDArray[np.uint8]:
    """Enlarge grey or RGB pixels."""
    low, high = LUMA_RANGE
    unit = pixels.astype(np.float32) / 255  # (H, W[, 3])
    planes = rgb_to_ycbcr(unit) if unit.ndim == 3 else low + (high - low) * unit
    luma = imresize(planes if planes.ndim == 2 else planes[..., 0], shape=shape)
    luma = luma.clip(low, high)
    if network is not None:
        luma = _through(network, luma, **options)
    if unit.ndim == 2:
        return np.asarray(to_uint8(((luma - low) / (high - low)).clip(0, 1)))
    chroma = [imresize(planes[..., channel], shape=shape) for channel in (1, 2)]
    return _in_colour([luma, *chroma])


def _through(network: nn.Module, ilr: Plane, **options: Any) -> Plane:
    """Send one (H, W) picture through a network, and refuse what is no picture."""
    luma = super_resolve(network, torch.from_numpy(ilr)[None, None], **options)
    if not bool(luma.isfinite().all()):
        raise ValueError(
            f"the network {type(network).__name__} gives NaN or infinity: its training "
            "diverged, take other weights"
        )
    return np.asarray(luma[0, 0].clamp(0, 1).numpy())


def _in_colour(planes: list[Plane]) -> NDArray[np.uint8]:
    """Turn Y, Cb, Cr planes (H, W) into RGB, a band at a time to save memory."""
    height, width = planes[0].shape
    rgb = np.empty((height, width, 3), np.uint8)
    for start in range(0, height, _BAND):
        rows = slice(start, start + _BAND)
        band = np.stack([plane[rows] for plane in planes], axis=-1)  # (rows, W, 3)
        rgb[rows] = to_uint8(ycbcr_to_rgb(band))
    return rgb
