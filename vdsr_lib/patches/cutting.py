"""Patches from pictures: luma, degraded as a whole, and cut on one grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from vdsr_lib.images import crop_to_multiple, degrade, to_luma
from vdsr_lib.images.degradation import check_scales
from vdsr_lib.images.reading import require_pictures

__all__ = ["Images", "cut_patches"]

Images: TypeAlias = Mapping[str, NDArray[np.uint8]] | Sequence[NDArray[np.uint8]]


def cut_patches(
    images: Images, scales: Sequence[float], *, patch_size: int, stride: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Cut the patches of pictures, each degraded by each scale.

    Parameters
    ----------
    images, scales, patch_size, stride
        As for `PatchSet.from_images`, which documents the errors too.

    Returns
    -------
    ilr, hr : torch.Tensor
        (N, 1, p, p) float32 on the CPU.
    scales : torch.Tensor
        (N,) float32.
    """
    if patch_size < 1 or stride < 1:
        raise ValueError(
            f"patch_size and stride must be at least 1, got {patch_size}, {stride}"
        )
    factors = check_scales(scales)
    lumas = _lumas(images)
    grids = [_grid(luma, s, patch_size, stride) for luma in lumas for s in factors]
    count = sum(rows * columns for rows, columns in grids)
    if count == 0:
        raise ValueError(
            f"no patch of {patch_size}x{patch_size} pixels could be cut from "
            f"{len(lumas)} pictures at {len(factors)} scales: give larger "
            "pictures, a smaller patch_size, or at least one of each"
        )
    planes = np.empty((2, count, patch_size, patch_size), np.float32)  # ILR, HR
    start = 0
    for (luma, scale), grid in zip(product(lumas, factors), grids, strict=True):
        stop = start + grid[0] * grid[1]
        if stop > start:
            _cut(luma, scale, stride, planes[:, start:stop])
        start = stop
    marks = [float(s) for _, s in product(lumas, factors)]
    sizes = [rows * columns for rows, columns in grids]
    each = torch.from_numpy(np.repeat(np.array(marks, np.float32), sizes))  # (N,)
    ilr, hr = torch.from_numpy(planes).unsqueeze(2)  # (N, 1, p, p) each
    return ilr, hr, each


def _lumas(images: Any) -> list[NDArray[np.uint8]]:
    """Return the luma of each picture; an error names the picture."""
    require_pictures(images)
    named = images if isinstance(images, Mapping) else dict(enumerate(images))
    lumas = []
    for name, image in named.items():
        try:
            lumas.append(to_luma(image))
        except (TypeError, ValueError) as error:
            raise type(error)(f"picture {name}: {error}") from error
    return lumas


def _grid(
    luma: NDArray[np.uint8], scale: float, patch_size: int, stride: int
) -> tuple[int, int]:
    """Return how many rows and columns of patches a picture gives at a scale."""
    if min(luma.shape) < max(patch_size, scale):
        return 0, 0
    height, width = crop_to_multiple(luma, scale).shape
    rows, columns = (max(0, (n - patch_size) // stride + 1) for n in (height, width))
    return rows, columns


def _cut(
    luma: NDArray[np.uint8], scale: float, stride: int, planes: NDArray[np.float32]
) -> None:
    """Fill `planes`, (2, n, p, p), with the ILR and HR patches of one picture.

    NumPy copies on this thread alone; torch would wake all threads for each picture.
    """
    side = planes.shape[-1]
    hr = crop_to_multiple(luma, scale) / np.float32(255)  # (H, W)
    for target, plane in zip(planes, (degrade(hr, scale), hr), strict=True):
        windows = sliding_window_view(plane, (side, side))[::stride, ::stride]
        target.reshape(windows.shape)[...] = windows  # (rows, columns, p, p)
