"""The best linear filter for one scale or for several: a network without ReLU."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch import nn

from vdsr_lib.experiments.material import middle
from vdsr_lib.images import check_scale, crop_to_multiple, degrade, to_luma

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Sums: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]

__all__ = ["LinearNetwork", "best_linear"]

_RIDGE = 1e-9  # of the mean variance, where examples leave a weight undetermined


class LinearNetwork(nn.Module):
    """Add to the ILR what one filter predicts of the residual.

    It is what a stack of 3 x 3 layers without ReLU and biases amounts to.

    Parameters
    ----------
    weights : (w, w) array of float
        Correlated with the ILR less its middle grey, 0.5; w is odd.

    Raises
    ------
    ValueError
        If `weights` is not square with an odd side.
    """

    def __init__(self, weights: NDArray[np.float64]) -> None:
        super().__init__()
        shape = np.shape(weights)
        if len(shape) != 2 or shape[0] != shape[1] or shape[0] % 2 == 0:
            raise ValueError(f"weights must be (w, w) with w odd, got {shape}")
        kernel = torch.as_tensor(weights, dtype=torch.float32)[None, None]
        self.kernel = nn.Parameter(kernel, requires_grad=False)  # (1, 1, w, w)
        self.receptive_field = int(shape[0])

    def forward(self, ilr: torch.Tensor) -> torch.Tensor:
        """Return the picture.

        Parameters
        ----------
        ilr : torch.Tensor
            (B, 1, H, W), about [0, 1].

        Returns
        -------
        torch.Tensor
            (B, 1, H, W); beyond the border the ILR is continued by its
            mirror image, so it must be larger than half the filter.
        """
        edge = self.receptive_field // 2
        around = nn.functional.pad(ilr - 0.5, [edge] * 4, mode="reflect")
        residual = nn.functional.conv2d(around, self.kernel)  # (B, 1, H, W)
        return ilr + residual  # (B, 1, H, W)

    def __repr__(self) -> str:
        """Return how many numbers it has."""
        side = self.receptive_field
        return f"LinearNetwork({side} x {side})  # {side**2} weights, no ReLU"


def best_linear(
    images: Mapping[str, NDArray[np.uint8]],
    training_sets: Iterable[Sequence[float]],
    *,
    size: int = 11,
    crop: int | None = None,
) -> dict[tuple[float, ...], LinearNetwork]:
    """Fit, to each set of scales, the filter with the least squared error over it.

    Parameters
    ----------
    images : mapping of str to array
        uint8 in [0, 255], colour or grey.
    training_sets : iterable of sequence of float
        Sets of scales, such as ``[(2,), (2, 3, 4)]``; the scales of a set count
        alike, up to a row or column that no multiple covers.
    size : int, default 11
        Side of the filter, odd: what a network of depth (size - 1) / 2 sees.
    crop : int, optional
        Side, in pixels, of the middle of each picture that is learnt from.

    Returns
    -------
    dict
        Each set, as a tuple -> the network. Nothing in it is random.

    Raises
    ------
    ValueError
        If `size` is not odd and positive, a set is empty, a scale is wrong, or no
        picture, cropped to a multiple of a scale, is as large as the filter.

    Notes
    -----
    The least squares of a mixture need the sum of what each scale alone needs: the
    correlations of the ILR's pixels with one another and with the residual.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"size must be odd and at least 1, got {size}")
    wanted = [tuple(scales) for scales in training_sets]
    if not all(wanted):
        raise ValueError("a set of scales is empty: give at least one scale in each")
    lumas = [middle(to_luma(image), crop) for image in images.values()]
    scales = sorted({scale for scales in wanted for scale in scales})
    sums = {
        scale: correlations(_large_enough(lumas, scale, size), scale, size)
        for scale in scales
    }
    return {
        key: LinearNetwork(least_squares([sums[s] for s in key], ridge=_RIDGE))
        for key in wanted
    }


def examples(
    hr: NDArray[np.uint8], scale: float, size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return every window of the ILR as a row, (N, w * w), and the residual, (N,)."""
    ilr = degrade(hr, scale)  # (H, W)
    windows = np.lib.stride_tricks.sliding_window_view(ilr - 0.5, (size, size))
    inner = slice(size // 2, -(size // 2) or None)
    residual = (hr / 255 - ilr)[inner, inner].ravel()  # (N,)
    return windows.reshape(-1, size**2), residual


def _large_enough(
    lumas: Iterable[NDArray[np.uint8]], scale: float, size: int
) -> list[NDArray[np.uint8]]:
    """Return what holds a window when it is cropped to a multiple of the scale."""
    least = max(size, check_scale(scale))
    cropped = [
        crop_to_multiple(luma, scale) for luma in lumas if min(luma.shape) >= least
    ]
    if not (hrs := [hr for hr in cropped if min(hr.shape) >= size]):
        raise ValueError(
            f"no picture is as large as the filter of {size} x {size} "
            f"at scale {scale:g}"
        )
    return hrs


def correlations(hrs: Iterable[NDArray[np.uint8]], scale: float, size: int) -> Sums:
    """Return the sums over all windows of pixel by pixel, and of pixel by residual."""
    gram, target = np.zeros((size**2, size**2)), np.zeros(size**2)
    for hr in hrs:
        seen, residual = examples(hr, scale, size)
        gram += seen.T @ seen
        target += seen.T @ residual
    return gram, target


def least_squares(sums: Sequence[Sums], *, ridge: float) -> NDArray[np.float64]:
    """Return the filter, (w, w), with the least squared error over all sums together.

    The ridge is a part of the mean variance.
    """
    gram, target = (sum(parts[1:], parts[0]) for parts in zip(*sums, strict=True))
    count = len(target)
    damped = gram + ridge * np.trace(gram) / count * np.eye(count)
    side = math.isqrt(count)
    return np.linalg.solve(damped, target).reshape(side, side)
