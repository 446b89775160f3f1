"""PSNR and SSIM as super-resolution papers compute them, on scikit-image's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["SSIM_WINDOW", "psnr", "psnr_and_ssim", "ssim"]

SSIM_WINDOW = 11
"""Pixels a side of the window in which SSIM is measured."""


def psnr(
    reference: Array,
    estimate: Array,
    *,
    border: int = 0,
    data_range: float | None = None,
) -> float:
    """Return the peak signal-to-noise ratio of two pictures.

    Parameters
    ----------
    reference, estimate : (H, W) or (H, W, 3) array
        Both uint8, or both float in [0, 1]. With `data_range` given any real dtype
        and range will do, also mixed ones.
    border : int
        Pixels left out at each side: the scale, in the usual protocol.
    data_range : float, optional
        The peak. By default 255 for uint8 and 1.0 for float.

    Returns
    -------
    float
        10 log10(peak^2 / mean squared error) in dB; infinite for equal pictures.

    Raises
    ------
    ValueError
        If the shapes differ, the border leaves nothing, a value is NaN or infinite,
        `data_range` is not above 0, or float pictures leave [0, 1] by more than 1 and
        none is given.
    TypeError
        If the pictures are not arrays, the border is no whole number, or the dtypes
        imply no common range (one uint8, one float) and no `data_range` is given.

    Notes
    -----
    Kim et al. 2016, section 5: on 8-bit luma, `border` equal to the scale.
    """
    from skimage.metrics import peak_signal_noise_ratio

    first, second, peak = _prepare(reference, estimate, border, data_range)
    with np.errstate(divide="ignore"):
        return float(peak_signal_noise_ratio(first, second, data_range=peak))


def ssim(
    reference: Array,
    estimate: Array,
    *,
    border: int = 0,
    data_range: float | None = None,
) -> float:
    """Return the mean structural similarity of two pictures.

    Parameters
    ----------
    reference, estimate : (H, W) or (H, W, 3) array
        As for `psnr`. Of colour pictures the mean over the channels is taken.
    border : int
        Pixels left out at each side, before the windows are laid.
    data_range : float, optional
        The peak. By default 255 for uint8 and 1.0 for float.

    Returns
    -------
    float
        In [-1, 1]; 1 for equal pictures.

    Raises
    ------
    ValueError
        As `psnr`, and if less than 11 x 11 pixels are left inside the border.
    TypeError
        As `psnr`.

    Notes
    -----
    Wang et al. 2004, as in the authors' MATLAB code ``ssim_index``: Gaussian window
    of 11 x 11 pixels with sigma 1.5, K = (0.01, 0.03), population covariances, and
    the mean over the windows that lie wholly inside the picture.
    """
    from skimage.metrics import structural_similarity

    first, second, peak = _prepare(reference, estimate, border, data_range)
    height, width = first.shape[:2]
    if min(height, width) < SSIM_WINDOW:
        raise ValueError(
            f"SSIM needs {SSIM_WINDOW} x {SSIM_WINDOW} pixels inside the border, "
            f"got {height} x {width}"
        )
    return float(
        structural_similarity(
            first,
            second,
            win_size=SSIM_WINDOW,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=peak,
            channel_axis=-1 if first.ndim == 3 else None,
        )
    )


def psnr_and_ssim(
    reference: NDArray[np.uint8], estimate: NDArray[np.uint8], *, border: int = 0
) -> tuple[float | None, float | None]:
    """Return both scores as far as there are any, for what is shown to a reader.

    Parameters
    ----------
    reference, estimate : (H, W) array of uint8
        Luma.
    border : int
        Pixels left out at each side.

    Returns
    -------
    tuple of (float or None, float or None)
        PSNR in dB, None where the pictures are equal; SSIM, 1 there, and None where
        they are smaller than its window of 11 x 11.

    Raises
    ------
    ValueError
        If the shapes differ or the border leaves nothing.
    """
    decibels = psnr(reference, estimate, border=border)
    if not np.isfinite(decibels):
        return None, 1.0
    if min(reference.shape) - 2 * border < SSIM_WINDOW:
        return decibels, None
    return decibels, ssim(reference, estimate, border=border)


def _prepare(
    reference: Array, estimate: Array, border: int, data_range: float | None
) -> tuple[Array, Array, float]:
    """Return both pictures as shaved float64 arrays, and the peak value."""
    pictures = {"reference": reference, "estimate": estimate}
    for name, picture in pictures.items():
        _require_picture(picture, name)
    if reference.shape != estimate.shape:
        raise ValueError(
            f"reference and estimate must have one shape, got {reference.shape} and "
            f"{estimate.shape}"
        )
    peak = _peak(reference, estimate, data_range)
    first, second = (
        _shave(picture, border).astype(np.float64) for picture in pictures.values()
    )
    return first, second, peak


def _require_picture(picture: Array, name: str) -> None:
    """Refuse what is not a real-valued, finite picture."""
    if not isinstance(picture, np.ndarray):
        raise TypeError(
            f"{name} must be a NumPy array, got {type(picture).__name__}; a tensor "
            "becomes one with tensor.squeeze().cpu().numpy()"
        )
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] != 3):
        raise ValueError(
            f"{name} must have the shape (H, W) or (H, W, 3), got {picture.shape}"
        )
    if picture.dtype.kind not in "uif":
        raise TypeError(f"{name} must be uint8 or float in [0, 1], got {picture.dtype}")
    if picture.dtype.kind == "f" and not np.isfinite(picture).all():
        raise ValueError(f"{name} holds NaN or infinite values")


def _peak(reference: Array, estimate: Array, data_range: float | None) -> float:
    """Return the peak value: the one given, else the one that the dtypes imply."""
    if data_range is not None:
        if not 0 < data_range < np.inf:
            raise ValueError(f"data_range must be a positive number, got {data_range}")
        return float(data_range)
    dtypes = (reference.dtype, estimate.dtype)
    if all(dtype == np.uint8 for dtype in dtypes):
        return 255.0
    if any(dtype.kind != "f" for dtype in dtypes):
        raise TypeError(
            f"reference is {dtypes[0]} and estimate {dtypes[1]}: give both as uint8 or "
            "both as float in [0, 1], or state data_range"
        )
    for name, picture in (("reference", reference), ("estimate", estimate)):
        if picture.size and (picture.min() < -1 or picture.max() > 2):
            raise ValueError(
                f"{name} holds floats from {picture.min():g} to {picture.max():g}, not "
                "in [0, 1]: divide by 255, or state data_range=255"
            )
    return 1.0


def _shave(picture: Array, border: int) -> Array:
    """Leave out `border` pixels at each of the four sides."""
    if isinstance(border, bool) or not isinstance(border, (int, np.integer)):
        raise TypeError(f"border must be a whole number of pixels, got {border!r}")
    height, width = picture.shape[:2]
    if border < 0 or 2 * border >= min(height, width):
        raise ValueError(
            f"border must be at least 0 and leave a pixel of {height} x {width}, got "
            f"{border}"
        )
    return picture[border : height - border, border : width - border]
