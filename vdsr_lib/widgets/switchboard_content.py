"""The protocol switchboard in a picture and in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["described", "switchboard_picture"]


def described(content: Mapping[str, Any]) -> str:
    """Say in words what each switch does alone.

    Parameters
    ----------
    content : mapping
        ``switches``, ``decibels``, ``scale``, ``collection`` and ``names``, as the
        traits of a `ProtocolSwitchboard`.

    Returns
    -------
    str
    """
    scale = str(content["scale"])
    mean = np.mean(content["decibels"][scale], axis=0)
    costs = [
        f"{switch['name']} {mean[1 << i] - mean[0]:+.3f}"
        for i, switch in enumerate(content["switches"])
    ]
    return (
        f"Bicubic interpolation of {content['collection']} at scale {scale}, mean PSNR "
        f"over {len(content['names'])} pictures: {mean[0]:.2f} dB under the paper's "
        f"protocol. Alone, in dB: {', '.join(costs)}. All five together: "
        f"{mean[-1]:.2f} dB."
    )


def switchboard_picture(content: Mapping[str, Any]) -> tuple[bytes, int, int]:
    """Draw all combinations of the switches, sorted by the PSNR they give.

    Parameters
    ----------
    content : mapping
        As for `described`.

    Returns
    -------
    (bytes, int, int)
        A PNG file, and the nominal width and height in pixels to show it at.
    """
    from vdsr_lib.figures.combinations import combinations
    from vdsr_lib.figures.style import to_png

    mean = np.mean(content["decibels"][str(content["scale"])], axis=0)
    label = f"mean PSNR of bicubic at x{content['scale']} (dB)"
    names = [switch["name"] for switch in content["switches"]]
    return to_png(combinations(mean.tolist(), names, ylabel=label))
