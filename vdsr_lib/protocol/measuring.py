"""Bicubic interpolation of one picture, measured under any protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np

from vdsr_lib.images import (
    LUMA_RANGE,
    check_scale,
    crop_to_multiple,
    restore_colour,
    to_luma,
    to_uint8,
)
from vdsr_lib.metrics import psnr
from vdsr_lib.protocol.switches import PAPER, Protocol
from vdsr_lib.resize import imresize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["Pair", "bicubic_pair", "bicubic_psnr"]

_FULL_RANGE: Final = np.array([0.299, 0.587, 0.114])  # BT.601, as JPEG stores it


class Pair(NamedTuple):
    """What PSNR and SSIM compare, shaved as the protocol says.

    Parameters
    ----------
    reference : (h, w) or (h, w, 3) array of float
        The true picture, whole numbers in [0, 255].
    estimate : array of the same shape
        Bicubic's estimate in [0, 255]: whole numbers if the protocol rounds, and
        beyond the range by its overshoot if it neither rounds nor clamps.
    """

    reference: Array
    estimate: Array


def bicubic_pair(image: Array, scale: int, protocol: Protocol = PAPER) -> Pair:
    """Shrink a picture, enlarge it bicubically, and return what is to be compared.

    Parameters
    ----------
    image : (H, W, 3) or (H, W) array of uint8
        The true picture. A grey one is its own luma, whatever `protocol` says of
        the luma's range and the channels.
    scale : int
        In 2 to 8.
    protocol : Protocol
        By default the paper's.

    Returns
    -------
    Pair

    Raises
    ------
    ValueError
        If the scale is no whole number in range, or the picture is too small.
    TypeError
        If the picture is not uint8.
    """
    if not check_scale(scale).is_integer():
        raise ValueError(f"scale must be a whole number here, got {scale}")
    image = crop_to_multiple(np.asarray(image), scale)
    luma = _luma(image, protocol)  # (H, W)
    estimate = _interpolated(luma, int(scale), protocol)  # (H, W), in [0, 1]
    true = luma
    if protocol.channels == "rgb" and image.ndim == 3:
        true, estimate = image, _with_colour(image, estimate, int(scale), protocol)
    levels = to_uint8(estimate) if protocol.round_output else estimate * 255.0
    border = int(scale) if protocol.shave else 0
    if min(true.shape[:2]) <= 2 * border:
        raise ValueError(
            f"a picture of {true.shape[0]} x {true.shape[1]} pixels is too small for "
            f"scale {scale}: {border} are shaved from each side, and nothing is left"
        )
    inside = np.s_[border : true.shape[0] - border, border : true.shape[1] - border]
    return Pair(true[inside].astype(np.float64), levels[inside].astype(np.float64))


def bicubic_psnr(image: Array, scale: int, protocol: Protocol = PAPER) -> float:
    """Measure bicubic interpolation on one picture.

    Parameters
    ----------
    image, scale, protocol
        As for `bicubic_pair`, which says what is refused.

    Returns
    -------
    float
        PSNR in dB, peak 255.
    """
    return psnr(*bicubic_pair(image, scale, protocol), data_range=255)


def _luma(image: Array, protocol: Protocol) -> Array:
    """Return the 8-bit luma in the protocol's range."""
    luma = to_luma(image)  # whatever is not uint8 is refused
    if protocol.luma == "studio" or image.ndim == 2:
        return luma
    return np.asarray(to_uint8(image @ _FULL_RANGE / 255))


def _interpolated(luma: Array, scale: int, protocol: Protocol) -> Array:
    """Return the luma shrunk and enlarged again, in [0, 1]."""
    height, width = luma.shape
    resize = _RESIZERS[protocol.resize]
    small = resize(luma / 255, (height // scale, width // scale))
    if protocol.low_resolution_8bit:
        small = to_uint8(small) / 255
    large = resize(small, (height, width))
    if not protocol.clamp:
        return large
    return np.clip(large, *(LUMA_RANGE if protocol.luma == "studio" else (0, 1)))


def _with_colour(image: Array, luma: Array, scale: int, protocol: Protocol) -> Array:
    """Join an interpolated luma with bicubic chroma; RGB in [0, 1], 8-bit steps."""
    if protocol.luma == "full":
        luma = LUMA_RANGE[0] + luma * (LUMA_RANGE[1] - LUMA_RANGE[0])
    height, width = luma.shape
    small = imresize(image, shape=(height // scale, width // scale))
    return restore_colour(luma, small) / 255


def _matlab(image: Array, shape: tuple[int, int]) -> Array:
    return imresize(image, shape=shape)


def _matlab_aliased(image: Array, shape: tuple[int, int]) -> Array:
    return imresize(image, shape=shape, antialias=False)


def _opencv(image: Array, shape: tuple[int, int]) -> Array:
    """Resize as ``cv2.resize(..., interpolation=INTER_CUBIC)`` does an 8-bit picture.

    torch's ``interpolate`` has the same kernel, borders and pixel positions.
    """
    import torch

    levels = torch.from_numpy(np.asarray(to_uint8(image), dtype=np.float64))
    resized = torch.nn.functional.interpolate(
        levels[None, None], size=shape, mode="bicubic", align_corners=False
    )  # (1, 1, h, w)
    return np.asarray(to_uint8(resized[0, 0].numpy() / 255)) / 255


def _pillow(image: Array, shape: tuple[int, int]) -> Array:
    """Resize an 8-bit picture with Pillow, which rounds after each dimension."""
    from PIL import Image

    picture = Image.fromarray(np.asarray(to_uint8(image)))
    resized = picture.resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(resized) / 255


_RESIZERS: Final[dict[str, Callable[[Array, tuple[int, int]], Array]]] = {
    "matlab": _matlab,
    "matlab, no antialiasing": _matlab_aliased,
    "opencv": _opencv,
    "pillow": _pillow,
}
