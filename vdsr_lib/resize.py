"""MATLAB's bicubic ``imresize``: the one resampling that the paper's numbers rest on.

Super-resolution papers make their low-resolution pictures with MATLAB. Other
libraries differ in the cubic kernel, in antialiasing, in the borders or in rounding,
and each difference moves PSNR by more than many papers claim to gain. One dimension
is resized at a time, as a product with a sparse matrix that is built once and kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sized
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch.nn import functional as F  # noqa: N812

__all__ = ["imresize"]

Image = TypeVar("Image", NDArray[Any], torch.Tensor)

_KERNEL_WIDTH = 4.0  # the cubic kernel is zero outside [-2, 2]
_STRIP = 64  # columns multiplied at once; their transposed copy fits a CPU's cache
_MOST_TAPS = 100_000_000  # weights of one axis; far above any picture


class _Axis(NamedTuple):
    """How one dimension is resized; the key under which its weights are kept."""

    length: int
    new_length: int
    scale: float
    antialias: bool


def imresize(
    image: Image,
    scale: float | None = None,
    *,
    shape: tuple[int, int] | None = None,
    antialias: bool = True,
) -> Image:
    """Resize images bicubically, as MATLAB's ``imresize(image, scale, 'bicubic')``.

    Parameters
    ----------
    image : ndarray (H, W) or (H, W, C), or Tensor (..., H, W)
        uint8 in [0, 255], or float32 or float64 of any finite values. A tensor may
        lie on any device and need not be contiguous; gradients do not flow through.
    scale : float, optional
        Factor of both dimensions. As in MATLAB the new size is
        ``ceil(scale * H), ceil(scale * W)``.
    shape : tuple of int, optional
        New height and width, in pixels, instead of `scale`; each dimension then has
        its own factor, the new length over the old.
    antialias : bool
        Stretch the kernel by ``1 / scale`` when shrinking, as MATLAB does unless it
        is told not to. It makes no difference when enlarging.

    Returns
    -------
    ndarray or Tensor
        The type, dtype and device of `image`. Floats may leave the input's range: the
        cubic kernel overshoots at edges. uint8 is rounded half up and saturated after
        each of the two dimensions, as MATLAB does.

    Raises
    ------
    TypeError
        If `image` is neither array nor tensor, or of another dtype; if `scale` is no
        number, or `shape` no pair.
    ValueError
        If `image` is empty, has too few or too many dimensions, or holds NaN or
        infinity; if `scale` or `shape` is missing, doubled, not finite, or not
        positive.

    Notes
    -----
    Keys, "Cubic convolution interpolation for digital image processing", 1981, with
    a = -1/2. The dimension with the smaller factor goes first, rows before columns;
    beyond its edges a picture continues as its mirror image (older releases of MATLAB
    repeat the edge pixel instead, and pictures made with them differ there). Float32
    is computed in float32, uint8 in float64.

    Examples
    --------
    >>> import numpy as np
    >>> imresize(np.array([[0, 0, 255, 255]], np.uint8), shape=(1, 2))
    array([[ 14, 241]], dtype=uint8)
    """
    _check_image(image)
    rows = 0 if isinstance(image, np.ndarray) else image.ndim - 2
    height, width = (int(length) for length in image.shape[rows : rows + 2])
    new_shape, factors = _new_shape((height, width), scale, shape)
    axes = {
        rows: _Axis(height, new_shape[0], factors[0], antialias),
        rows + 1: _Axis(width, new_shape[1], factors[1], antialias),
    }
    order = sorted(axes, key=lambda axis: axes[axis].scale)
    steps = [(axis, axes[axis]) for axis in order]
    if isinstance(image, np.ndarray):
        return _resize_array(image, steps)
    if _on_cpu(image):
        return torch.from_numpy(_resize_array(image.detach().numpy(), steps))
    return _resize_tensor(image, steps)


def _on_cpu(image: torch.Tensor) -> bool:
    """Tell whether NumPy and SciPy can see the tensor's memory."""
    return image.device.type == "cpu"


def _check_image(image: NDArray[Any] | torch.Tensor) -> None:
    """Refuse what cannot be resized, or would be resized to nonsense."""
    if not isinstance(image, (np.ndarray, torch.Tensor)):
        raise TypeError(
            f"image must be a NumPy array or a torch tensor, got {type(image).__name__}"
        )
    if str(image.dtype).removeprefix("torch.") not in {"uint8", "float32", "float64"}:
        raise TypeError(f"image must be uint8, float32 or float64, got {image.dtype}")
    shape = tuple(image.shape)
    if isinstance(image, np.ndarray) and image.ndim not in (2, 3):
        raise ValueError(f"an array must be (H, W) or (H, W, C), got shape {shape}")
    if image.ndim < 2:
        raise ValueError(f"a tensor must be (..., H, W), got shape {shape}")
    if 0 in shape:
        raise ValueError(f"image is empty: its shape is {shape}")
    if not _all_finite(image):
        raise ValueError("image holds NaN or infinity: replace them before resizing")


def _all_finite(image: NDArray[Any] | torch.Tensor) -> bool:
    """Look for NaN and infinity; CPU tensors through NumPy, which starts no threads."""
    if isinstance(image, torch.Tensor) and _on_cpu(image):
        image = image.detach().numpy()
    if isinstance(image, np.ndarray):
        return image.dtype == np.uint8 or bool(np.isfinite(image).all())
    return bool(torch.isfinite(image).all())


def _new_shape(
    old: tuple[int, int], scale: float | None, shape: tuple[int, int] | None
) -> tuple[tuple[int, int], tuple[float, float]]:
    """Return the new height and width, and the factor of each, as MATLAB has them."""
    if (scale is None) == (shape is None):
        raise ValueError("give either scale or shape, and not both")
    if shape is not None:
        if not isinstance(shape, Sized):
            raise TypeError(f"shape must be two positive integers, got {shape!r}")
        if len(shape) != 2 or any(n < 1 or not float(n).is_integer() for n in shape):
            raise ValueError(f"shape must be two positive integers, got {shape}")
        height, width = int(shape[0]), int(shape[1])
        return (height, width), (height / old[0], width / old[1])
    try:
        factor = float(scale)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(
            f"scale must be a number, got {scale!r}; shape gives each side its own"
        ) from None
    if not (math.isfinite(factor) and factor > 0):
        raise ValueError(f"scale must be a positive finite number, got {scale}")
    if math.isinf(factor * max(old)):
        raise ValueError(f"cannot resize at {scale}: choose a scale nearer to 1")
    return (math.ceil(factor * old[0]), math.ceil(factor * old[1])), (factor, factor)


def _resize_array(image: NDArray[Any], steps: list[tuple[int, _Axis]]) -> NDArray[Any]:
    """Resize a CPU image one dimension at a time by sparse products."""
    resized = image
    for axis, step in steps:
        if step.new_length == step.length and step.scale == 1:
            continue
        before, after = resized.shape[:axis], resized.shape[axis + 1 :]
        table = resized.reshape(math.prod(before), step.length, math.prod(after))
        resized = _resize_middle(table, step).reshape(*before, step.new_length, *after)
    return np.array(resized, order="C") if resized is image else resized


def _resize_middle(table: NDArray[Any], step: _Axis) -> NDArray[Any]:
    """Resize the middle axis of (outer, n, inner), in strips that stay in the cache."""
    outer, _, inner = table.shape
    exact = table.dtype == np.uint8
    matrix = _matrix(step, "float64" if exact else table.dtype.name)
    resized = np.empty((outer, step.new_length, inner), table.dtype)
    stride = max(1, _STRIP // inner)
    for start in range(0, outer, stride):
        strip = table[start : start + stride].transpose(1, 0, 2)
        product = matrix @ strip.reshape(step.length, -1).astype(
            matrix.dtype, copy=False
        )
        if exact:
            product = np.floor(product.clip(0, 255) + 0.5)
        ahead = product.reshape(step.new_length, -1, inner)
        resized[start : start + stride] = ahead.transpose(1, 0, 2)
    return resized


@torch.no_grad()
def _resize_tensor(image: torch.Tensor, steps: list[tuple[int, _Axis]]) -> torch.Tensor:
    """Resize on the tensor's device, by weighted sums of gathered rows.

    Sums, not products of matrices: TF32 and autocast would round those to 10 bits.
    """
    for axis, step in steps:
        if step.new_length == step.length and step.scale == 1:
            continue
        dtype = torch.float64 if image.dtype == torch.uint8 else image.dtype
        taps, weights = _device_taps(step, dtype, image.device)
        ahead = image.movedim(axis, 0)  # (n, ...)
        table = ahead.reshape(step.length, -1).to(dtype)  # (n, rest)
        resized = F.embedding_bag(
            taps, table, per_sample_weights=weights, mode="sum"
        )  # (m, rest)
        if image.dtype == torch.uint8:
            resized = (resized.clamp(0, 255) + 0.5).floor().to(torch.uint8)
        image = resized.reshape(-1, *ahead.shape[1:]).movedim(0, axis)
    return image.clone(memory_format=torch.contiguous_format)


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evaluate Keys' kernel with a = -1/2."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


@lru_cache(maxsize=64)
def _taps(step: _Axis) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return which pixels each new pixel is made of, and their weights, (m, taps)."""
    kernel: Callable[[NDArray[np.float64]], NDArray[np.float64]] = _cubic
    width = _KERNEL_WIDTH
    if step.antialias and step.scale < 1:
        kernel, width = partial(_stretched, scale=step.scale), width / step.scale
    if (width + 2) * step.new_length > _MOST_TAPS:  # perhaps infinitely many
        raise ValueError(
            f"cannot resize {step.length} pixels to {step.new_length} "
            f"at scale {step.scale:g}: choose a scale nearer to 1"
        )
    count = math.ceil(width) + 2
    # MATLAB counts pixels from 1, so that a pixel's centre is at its number.
    centres = np.arange(1, step.new_length + 1) / step.scale
    centres += 0.5 * (1 - 1 / step.scale)
    pixels = np.floor(centres - width / 2)[:, None] + np.arange(count)
    weights = kernel(centres[:, None] - pixels)
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = (pixels.astype(np.int64) - 1) % (2 * step.length)
    taps = np.minimum(mirrored, 2 * step.length - 1 - mirrored)
    used = weights.any(axis=0)
    return taps[:, used], weights[:, used]


def _stretched(x: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Evaluate the kernel that also filters: wider and lower by `scale`."""
    return scale * _cubic(scale * x)


@lru_cache(maxsize=64)
def _matrix(step: _Axis, dtype: str) -> sparse.csr_array:
    """Return the weights as a sparse (m, n) matrix; mirrored pixels are folded in."""
    taps, weights = _taps(step)
    rows = np.repeat(np.arange(step.new_length), taps.shape[1])
    entries = (weights.ravel(), (rows, taps.ravel()))
    matrix = sparse.csr_array(entries, shape=(step.new_length, step.length))
    matrix.eliminate_zeros()
    return matrix.astype(dtype)


@lru_cache(maxsize=64)
def _device_taps(
    step: _Axis, dtype: torch.dtype, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `_taps` on a device, usable in and out of inference mode."""
    taps, weights = _taps(step)
    with torch.inference_mode(mode=False):
        return (
            torch.from_numpy(taps).to(device),
            torch.from_numpy(weights).to(device, dtype),
        )
