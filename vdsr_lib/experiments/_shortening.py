"""What makes runs short below full size: fewer patches, fewer and smaller epochs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vdsr_lib.experiments.sizes import Size
from vdsr_lib.training import TrainingConfig

__all__ = ["apart", "glimpse", "miniature", "sparse"]


def apart(size: Size) -> int | None:
    """Return the step between patches: less than the whole picture where time is short.

    At `paper` the patches touch, as the paper has them.
    """
    part = {"quick": 3, "classroom": 2, "paper": None}[size.profile]
    return part and part * (2 * size.depth + 1)


def sparse(size: Size, times: int = 1) -> int | None:
    """Return the step between patches that leaves about an eighth of them.

    The eight orientations make up for it: an epoch lasts minutes, not an hour. At
    `paper` all patches are there.
    """
    return 3 * times * (2 * size.depth + 1) if size.profile == "classroom" else None


def glimpse(size: Size) -> dict[str, Any]:
    """Return what makes a run short: six short epochs, measured on few pixels.

    The rate falls after every second one: single steps at 0.1 still move the PSNR at
    scale 2 by some tenths of a decibel, and the end would be luck.
    """
    return {
        "training": TrainingConfig.paper(epochs=6, drop_every=2),
        "validate": replace(size.validate, scales=(3,), crop=64),
        "test": (replace(size.validate, crop=128),),
    }


def miniature() -> TrainingConfig:
    """Return the paper's recipe in three epochs: two at rate 0.1, one at 0.01."""
    return TrainingConfig.paper(epochs=3, drop_every=2)
