"""What an output pixel sees: the receptive field that is measured, not counted.

A network of depth D sees a square of 2D + 1 pixels a side (Kim et al. 2016, section
4.1). That is the most it can use. How much each of those pixels moves the output is a
gradient: the effective receptive field of Luo, Li, Urtasun and Zemel ("Understanding
the Effective Receptive Field in Deep Convolutional Neural Networks", 2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vdsr_lib.models._modes import evaluation_mode

__all__ = ["central_share", "central_side", "choose_places", "effective_field"]

Place: TypeAlias = tuple[int, int]

_BATCH = 16  # windows at once: some 100 MB at depth 20 and width 64


def effective_field(
    model: nn.Module,
    ilr: NDArray[Any] | torch.Tensor,
    places: int | Sequence[Place] = 32,
    *,
    skip: bool = False,
) -> NDArray[np.float64]:
    """Measure how strongly each input pixel moves an output pixel, on average.

    Parameters
    ----------
    model : VDSR, SRCNN or another module with a ``receptive_field``
        (B, 1, H, W) to the same. It is measured in evaluation mode, where its
        parameters are, and left as it was. One that adds its input at the end says so
        as VDSR does, with an attribute ``residual`` that is True.
    ilr : (H, W) array, or tensor on the CPU, of float
        A picture in [16/255, 235/255], as large as the receptive field at least.
    places : int or sequence of (row, column), default 32
        The output pixels to average over, or how many to take: see `choose_places`.
    skip : bool, default False
        Whether the skip connection counts, which passes the pixel itself on with a
        weight of 1. False looks at the layers alone.

    Returns
    -------
    (S, S) array of float64
        Mean over the places of ``abs(d output[r, c] / d input[r + i, c + j])``, with
        the output pixel itself in the middle; S is the side of the theoretical
        field, 2D + 1. A place near the border sees zeros outside the picture, and
        those pixels count 0.

    Raises
    ------
    ValueError
        If `ilr` is not (H, W), leaves [0, 1] by far or holds NaN, a place lies outside
        it, there is no place, it is too small for places of our choice, or `model` has
        no ``receptive_field``.
    TypeError
        If `ilr` is not float.

    Notes
    -----
    Exact: a window of S by S pixels around a place holds all that its output pixel
    depends on. At the picture's border the window ends there, so that the network's
    own padding does what it does in the whole picture.
    """
    ilr = np.asarray(ilr)
    if ilr.ndim != 2:
        raise ValueError(f"ilr must be (H, W), got shape {ilr.shape}")
    _require_float_in_unit_range(ilr)
    radius = _reach(model) // 2
    if isinstance(places, (int, np.integer)):
        places = choose_places(ilr.shape, radius, int(places))
    if not len(places):
        raise ValueError("there is no place to measure at: give at least one")
    field = np.zeros((2 * radius + 1, 2 * radius + 1))
    for ((top, left), _), windows in _windows(ilr, places, radius).items():
        middle = radius - top, radius - left
        for first in range(0, len(windows), _BATCH):
            batch = torch.from_numpy(np.stack(windows[first : first + _BATCH]))
            gradient = _gradient(model, batch[:, None], middle, skip=skip)
            total = gradient.abs().double().sum(dim=(0, 1)).cpu().numpy()  # (h, w)
            height, width = total.shape
            field[top : top + height, left : left + width] += total
    return field / len(places)


def _reach(model: nn.Module) -> int:
    """Return the side of the theoretical field."""
    field = getattr(model, "receptive_field", None)
    if field is None:
        raise ValueError(
            f"nobody knows how far {type(model).__name__} sees: give it an attribute "
            "receptive_field; models.receptive_field counts it for a chain of layers"
        )
    return int(field)


def _require_float_in_unit_range(ilr: NDArray[Any]) -> None:
    """Refuse a picture on which other ReLUs are on than on those of the training."""
    wanted = "ilr must be float in [16/255, 235/255]"
    if ilr.dtype.kind != "f":
        raise TypeError(f"{wanted}, got {ilr.dtype}")
    if ilr.size and not (ilr.min() >= -1 and ilr.max() <= 2):
        raise ValueError(f"{wanted}, got {ilr.min():g} to {ilr.max():g}")


def choose_places(shape: Sequence[int], margin: int, count: int) -> list[Place]:
    """Spread places over a picture, away from its border.

    Parameters
    ----------
    shape : (H, W)
        Of the picture.
    margin : int
        Pixels to keep from each side: the radius of the field, so that no padding is
        seen.
    count : int
        How many at most, at least 1; fewer where the grid does not divide so.

    Returns
    -------
    list of (row, column)
        On an even grid, the same at every call.

    Raises
    ------
    ValueError
        If `count` is below 1, or the picture has no pixel that far from its border.
    """
    if count < 1:
        raise ValueError(f"places must be at least 1, got {count}")
    height, width = (side - 2 * margin for side in shape)
    if min(height, width) < 1:
        raise ValueError(
            f"a field of {2 * margin + 1} pixels needs a picture at least as large, "
            f"got {shape[0]} x {shape[1]}"
        )
    down = min(height, count, max(1, round((count * height / width) ** 0.5)))
    across = min(width, max(1, count // down))
    rows = margin + (np.arange(down) + 0.5) * height / down
    columns = margin + (np.arange(across) + 0.5) * width / across
    return [(int(row), int(column)) for row in rows for column in columns]


def central_share(field: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return which share of a field lies in each square around its middle.

    Parameters
    ----------
    field : (S, S) array of float
        At least 0, S odd; as `effective_field` returns it.

    Returns
    -------
    ((S + 1) / 2,) array of float64
        In [0, 1]: element r is the share within 2r + 1 pixels a side. All 0 for a
        field that is 0 everywhere.
    """
    radius = field.shape[0] // 2
    far = np.abs(np.arange(-radius, radius + 1))
    rings = np.bincount(
        np.maximum(far[:, None], far[None, :]).ravel(), field.ravel(), radius + 1
    )
    sums = np.cumsum(rings)
    return np.asarray(sums / (sums[-1] or 1.0), dtype=np.float64)


def central_side(field: NDArray[np.float64], share: float = 1.0) -> int:
    """Return the side of the smallest central square that holds a share of a field.

    Parameters
    ----------
    field : (S, S) array of float
        As `effective_field` returns it.
    share : float, default 1.0
        In (0, 1]. 1 asks for everything that is not exactly 0.

    Returns
    -------
    int
        Pixels, odd; 0 for a field that is 0 everywhere.

    Raises
    ------
    ValueError
        If `share` is out of range.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be in (0, 1], got {share}")
    radius = field.shape[0] // 2
    if share == 1:
        rows, columns = np.nonzero(field)
        if not len(rows):
            return 0
        far = np.abs(np.concatenate([rows, columns]) - radius)
        return 2 * int(far.max()) + 1
    shares = central_share(field)
    return 2 * int(np.argmax(shares >= share)) + 1 if shares[-1] else 0


def _windows(
    ilr: NDArray[Any], places: Sequence[Place], radius: int
) -> dict[tuple[Place, tuple[int, ...]], list[NDArray[np.float32]]]:
    """Cut the window around each place; return them by place in the field and size."""
    height, width = ilr.shape
    found: dict[tuple[Place, tuple[int, ...]], list[NDArray[np.float32]]] = {}
    for row, column in places:
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(
                f"place (row, column) must lie in a picture of {height} x {width}, "
                f"got ({row}, {column})"
            )
        top, left = max(0, radius - row), max(0, radius - column)
        window = ilr[
            row - radius + top : row + radius + 1,
            column - radius + left : column + radius + 1,
        ].astype(np.float32)
        found.setdefault(((top, left), window.shape), []).append(window)
    return found


def _gradient(
    model: nn.Module, windows: torch.Tensor, middle: Place, *, skip: bool
) -> torch.Tensor:
    """Return the gradient of one output pixel of each window, (N, 1, h, w)."""
    like = next(model.parameters(), windows)
    with torch.inference_mode(False), torch.enable_grad(), evaluation_mode(model):
        # A copy: what was made in inference mode can have no gradient.
        source = windows.to(like.device, like.dtype).clone().requires_grad_()
        output = model(source)  # (N, 1, h, w)
        if getattr(model, "residual", False) and not skip:
            output = output - source  # (N, 1, h, w)
        total = output[:, 0, middle[0], middle[1]].sum()  # ()
        gradient: torch.Tensor = torch.autograd.grad(total, source)[0]
    return gradient
