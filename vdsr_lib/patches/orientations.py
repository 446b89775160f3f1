"""The flips and rotations of a square patch, as maps from pixels to pixels."""

from __future__ import annotations

import torch

__all__ = ["ORIENTATIONS", "orientation_maps"]

ORIENTATIONS = 8
"""The flips and rotations that map a square grid of pixels onto itself."""


def orientation_maps(side: int) -> torch.Tensor:
    """Return, for each orientation, the flat pixel that each flat pixel comes from.

    Parameters
    ----------
    side : int
        Of the patch, in pixels.

    Returns
    -------
    torch.Tensor
        (8, side * side) int64; the first row is the patch as it is.
    """
    pixels = torch.arange(side * side, device="cpu").view(side, side)
    turned = [torch.rot90(pixels, quarter) for quarter in range(4)]
    turned += [each.flip(1) for each in turned]
    return torch.stack([each.flatten() for each in turned])  # (8, p * p)
