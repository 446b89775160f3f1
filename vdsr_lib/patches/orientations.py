"""The flips and rotations of a square patch, as maps from pixels to pixels."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch

__all__ = ["Augmentation", "orientation_count", "orientation_maps"]

Augmentation: TypeAlias = bool | Literal["flips"]
"""Each patch as it is (False), in all 8 orientations (True), or in the 4 that need no
quarter turn: as it is, mirrored, upside down, and both ("flips")."""

_CHOSEN: dict[Augmentation, slice] = {
    False: slice(1),
    True: slice(None),
    "flips": slice(None, None, 2),
}


def orientation_count(augment: Augmentation) -> int:
    """Return in how many orientations an epoch holds each patch.

    Parameters
    ----------
    augment : bool or "flips"
        Which orientations: all 8, none but its own, or the 4 flips.

    Returns
    -------
    int
        1, 8 or 4.

    Raises
    ------
    ValueError
        If `augment` is something else.
    """
    if augment not in _CHOSEN:
        raise ValueError(f"augment must be True, False or 'flips', got {augment!r}")
    return len(range(8)[_CHOSEN[augment]])


def orientation_maps(side: int, augment: Augmentation = True) -> torch.Tensor:
    """Return, for each orientation, the flat pixel that each flat pixel comes from.

    Parameters
    ----------
    side : int
        Of the patch, in pixels.
    augment : bool or "flips"
        Which orientations.

    Returns
    -------
    torch.Tensor
        (1, 8 or 4, side * side) int64; the first row is the patch as it is.

    Raises
    ------
    ValueError
        If `augment` is something else.
    """
    orientation_count(augment)
    pixels = torch.arange(side * side, device="cpu").view(side, side)
    turned = [torch.rot90(pixels, quarter) for quarter in range(4)]
    turned += [each.flip(1) for each in turned]
    maps = torch.stack([each.flatten() for each in turned])  # (8, p * p)
    return maps[_CHOSEN[augment]].clone()
