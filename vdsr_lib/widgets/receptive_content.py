"""What the receptive-field explorer holds, in traits, in a picture and in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vdsr_lib.images import crop_to_multiple, degrade, to_luma, to_uint8
from vdsr_lib.inference import super_resolve
from vdsr_lib.metrics import psnr
from vdsr_lib.receptive import central_share, effective_field
from vdsr_lib.widgets.content import decoded, most_different, png_bytes

__all__ = ["described", "field_picture", "pack_fields"]

_COLUMNS = 5  # depths in the static picture


def pack_fields(
    networks: Mapping[int, nn.Module],
    picture: NDArray[np.uint8],
    *,
    scale: float,
    places: int,
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Apply networks to a picture, measure their fields, and return the traits.

    Parameters
    ----------
    networks : mapping of int to torch.nn.Module
        By depth.
    picture : (H, W) or (H, W, 3) array of uint8
        The true picture.
    scale : float
        In [1.1, 8].
    places : int
        Output pixels to average over.

    Returns
    -------
    dict
        ``depths``, growing; ``sides``; ``pixels``, PNG files of the original, the
        input and each depth's output, as 8-bit luma; ``fields``, for each depth side x
        side numbers as little-endian float32; ``shares``; ``psnr`` and ``bicubic`` in
        dB; ``places``, ``scale``, ``size`` [H, W], and the first ``point``.
    (H, W) array of float64
        The input, in [16/255, 235/255].

    Raises
    ------
    ValueError, TypeError
        As `receptive_field_explorer`.
    """
    if not networks:
        raise ValueError("there is no network to look through: give at least one")
    true = crop_to_multiple(to_luma(np.asarray(picture)), scale)  # (H, W)
    ilr = np.asarray(degrade(true, scale), dtype=np.float64)  # (H, W)
    depths = sorted(networks)
    source = torch.from_numpy(ilr)[None, None].float()  # (1, 1, H, W)
    lumas = [true, to_uint8(ilr)]
    fields = []
    for depth in depths:
        output = super_resolve(networks[depth], source)[0, 0]  # (H, W)
        lumas.append(to_uint8(output.nan_to_num(0).clamp(0, 1).numpy()))
        fields.append(effective_field(networks[depth], ilr, places))
    border = int(np.ceil(scale))
    scores = [float(psnr(true, luma, border=border)) for luma in lumas[1:]]
    if not np.isfinite(scores).all():
        raise ValueError(
            "the picture is restored exactly, so that its PSNR is infinite: give one "
            "with some detail"
        )
    content = {
        "depths": [int(depth) for depth in depths],
        "sides": [field.shape[0] for field in fields],
        "pixels": [png_bytes(luma) for luma in lumas],
        "fields": [field.astype("<f4").tobytes() for field in fields],
        "shares": [central_share(field).tolist() for field in fields],
        "psnr": scores[1:],
        "bicubic": scores[0],
        "places": places,
        "scale": float(scale),
        "size": list(true.shape),
    }
    content["point"] = _first_point(content)
    return content, ilr


def described(content: Mapping[str, Any]) -> str:
    """Say in words what the explorer shows.

    Parameters
    ----------
    content : mapping
        ``depths``, ``sides``, ``shares``, ``psnr``, ``bicubic``, ``places``, ``scale``.

    Returns
    -------
    str
    """
    rows = zip(
        content["depths"], content["sides"], content["shares"], content["psnr"],
        strict=True,
    )  # fmt: skip
    phrases = [
        f"depth {depth} sees {side} by {side} pixels, gradient: {_within(share)}, "
        f"output {score:.2f} dB"
        for depth, side, share, score in rows
    ]
    return (
        f"Receptive fields at scale {content['scale']:g}, measured at "
        f"{content['places']} places: {'; '.join(phrases)}. Bicubic has "
        f"{content['bicubic']:.2f} dB."
    )


def field_picture(content: Mapping[str, Any]) -> tuple[bytes, int, int]:
    """Draw, depth by depth, what is seen, how it counts, and what is made of it.

    Parameters
    ----------
    content : mapping
        The traits of a `ReceptiveField`.

    Returns
    -------
    (bytes, int, int)
        A PNG file, and the nominal width and height in pixels to show it at.
    """
    from vdsr_lib.figures.receptive import SeenField, receptive_fields
    from vdsr_lib.figures.style import to_png

    picks = _picked(len(content["depths"]))
    row, column = content["point"]
    luma = [decoded(content["pixels"][i]) for i in (1, *(i + 2 for i in picks))]
    columns = {}
    for i, output in zip(picks, luma[1:], strict=True):
        side = content["sides"][i]
        field = np.frombuffer(content["fields"][i], "<f4").reshape(side, side)
        columns[f"depth {content['depths'][i]}"] = SeenField(
            field,
            output,
            _within(content["shares"][i]),
            f"{content['psnr'][i]:.2f} dB",
        )
    figure = receptive_fields(
        columns, luma[0], (row, column), f"bicubic {content['bicubic']:.2f} dB"
    )
    return to_png(figure)


def _within(shares: list[float]) -> str:
    """Return, in words, the smallest central square with 95 % of a field."""
    if not shares[-1]:
        return "no gradient anywhere"
    side = 2 * int(np.argmax(np.asarray(shares) >= 0.95)) + 1
    return f"95 % within {side} \N{MULTIPLICATION SIGN} {side}"


def _picked(count: int) -> list[int]:
    """Choose at most five depths, evenly, the first and the last among them."""
    if count <= _COLUMNS:
        return list(range(count))
    return [round(i * (count - 1) / (_COLUMNS - 1)) for i in range(_COLUMNS)]


def _first_point(content: Mapping[str, Any]) -> tuple[int, int]:
    """Find a pixel where the outputs differ much, and whose square is inside."""
    rows, columns = content["size"]
    radius = max(content["sides"]) // 2
    names = [str(i) for i in range(len(content["pixels"]) - 1)]
    series = [[i + 1] for i in range(len(names))]
    row, column = most_different(
        {
            "names": names,
            "series": series,
            "pixels": content["pixels"],
            "reference": "",
            "size": content["size"],
        }
    )
    return (
        min(max(row, radius), rows - 1 - radius),
        min(max(column, radius), columns - 1 - radius),
    )
