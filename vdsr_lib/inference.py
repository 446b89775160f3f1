"""Run a network over luma pictures of any size, in bounded memory, exactly.

A network sees no further than its receptive field. So a picture may be cut into tiles
that overlap by it, and the joined result is the one of the whole picture: not a blend
and without seams, up to the rounding of float32.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn

from vdsr_lib.devices import (
    AMX,
    Precision,
    choose_precision,
    exact_convolutions,
    resolve_device,
)
from vdsr_lib.models._modes import evaluation_mode

__all__ = ["evaluation_precision", "placed", "super_resolve"]

# A network of width 64 needs about 1 kB for a pixel of a tile.
_WHOLE_PIXELS = {"cpu": 2**19, "cuda": 2**21, "mps": 2**20}
_TILE = {"cpu": 512, "cuda": 1024, "mps": 512}
# In bfloat16 a CPU's tiles are sized for its cache, against the overlap that they
# compute twice. With AMX a core waits for its memory, and small tiles pay (512 x 512,
# depth 20: 0.71 s of one core in tiles of 171, 1.07 s whole). Without it, in AVX512 or
# none, a core computes: a pixel costs the same in all tiles up to about 512 x 384, a
# fifth more in whole pictures, so the fewest such tiles are best (1024 x 768: 5.8 s in
# tiles of 342 x 384, 6.2 s in 256 x 256, 6.5 s in 256 x 192 and 6.2 s whole).
_WITH_AMX, _WITHOUT_AMX = "cpu, bfloat16, AMX", "cpu, bfloat16"
_WHOLE_PIXELS |= {_WITH_AMX: 2**16, _WITHOUT_AMX: 512 * 384}
_TILE |= {_WITH_AMX: 192, _WITHOUT_AMX: 384}


def super_resolve(
    model: nn.Module,
    ilr: torch.Tensor,
    *,
    tile: int | None = None,
    precision: str = "auto",
) -> torch.Tensor:
    """Apply a network to luma pictures, in tiles where they are large.

    Parameters
    ----------
    model : torch.nn.Module
        Takes (B, 1, H, W) to the same shape. It runs where its parameters are, in
        evaluation mode, and is left as it was.
    ilr : torch.Tensor
        Float, (B, 1, H, W), in [16/255, 235/255]; on any device.
    tile : int, optional
        Side of a tile in pixels, without the overlap; 0 never cuts. By default
        pictures above half a megapixel on a CPU (2 on a CUDA GPU) are cut into tiles
        of at most 512 (1024) pixels, if the model has a ``receptive_field``; on a CPU
        in bfloat16 those above 512 x 384, into tiles of at most 384, and with AMX
        those above 256 x 256, into tiles of at most 192.
    precision : {"auto", "bfloat16", "float32"}
        "auto": bfloat16 where the device has instructions for it and the network
        ``survives_bfloat16``, else float32. See `evaluation_precision`. float32 is
        true float32, never TF32.

    Returns
    -------
    torch.Tensor
        (B, 1, H, W), dtype and device of `ilr`; about its range, not clipped. NaN
        where the network gives NaN. No gradient.

    Raises
    ------
    TypeError
        If `ilr` is not float, or the model returns anything but a tensor.
    ValueError
        If `ilr` has another shape, `tile` is negative, `precision` is unknown, tiles
        are asked of a model without ``receptive_field``, or the model changes the
        size.

    Notes
    -----
    Zero padding at a picture's true border is part of the network and is kept: tiles
    overlap inside the picture only.
    """
    if ilr.ndim != 4 or ilr.shape[1] != 1 or 0 in ilr.shape:
        raise ValueError(f"ilr must be (B, 1, H, W), got {tuple(ilr.shape)}")
    if not ilr.is_floating_point():
        kind = str(ilr.dtype).removeprefix("torch.")
        raise TypeError(f"ilr must be float in [16/255, 235/255], got {kind}")
    like = next(model.parameters(), ilr)
    chosen = evaluation_precision(model, precision)
    result = torch.empty_like(ilr)
    with (
        evaluation_mode(model),
        exact_convolutions(),
        torch.inference_mode(),
        chosen.autocast(),
    ):
        for piece in _pieces(model, ilr, tile, _tiling(chosen)):
            window = ilr[..., piece.seen_rows, piece.seen_columns]  # (B, 1, h, w)
            # Not contiguous(): one channel counts as any layout and stays as it is.
            # This layout takes 0.7 of the time of the default one on a CPU.
            window = window.to(
                like.device, like.dtype, memory_format=torch.channels_last
            )
            output = model(window)
            if not isinstance(output, torch.Tensor):
                raise TypeError(
                    f"{type(model).__name__} returns a {type(output).__name__}, one "
                    "picture is wanted: (B, 1, H, W)"
                )
            if output.shape != window.shape:
                raise ValueError(
                    f"the network turns {tuple(window.shape)} into "
                    f"{tuple(output.shape)}: it must keep the size"
                )
            kept = output[..., piece.kept_rows, piece.kept_columns]
            result[..., piece.rows, piece.columns] = kept.to(result)
    return result


def evaluation_precision(model: nn.Module, precision: str = "auto") -> Precision:
    """Choose the arithmetic in which a network is used, where its parameters are.

    bfloat16 takes a tenth of float32's time on a core that has AMX. On Set5 the public
    VDSR weights score 37.547, 33.666 and 31.311 dB in it, and 37.547, 33.665 and 31.310
    in float32; no mean of theirs differs by more than 0.002 dB (of a network of ours:
    0.005), no picture by more than 0.0045 (0.0081) dB, no pixel by more than 3 of 255.

    Parameters
    ----------
    model : torch.nn.Module
        With ``survives_bfloat16`` True, as a residual `VDSR` of depth 10 and more has
        it, "auto" may take bfloat16.
    precision : {"auto", "bfloat16", "float32"}
        Anything but "auto" is obeyed, also where it is slow or coarse.

    Returns
    -------
    Precision

    Raises
    ------
    ValueError
        If `precision` is none of the three.
    """
    like = next(model.parameters(), torch.empty(0))
    survives = getattr(model, "survives_bfloat16", False)
    if precision == "auto" and not (survives and like.dtype == torch.float32):
        exact = choose_precision(like.device, "float32")
        return replace(
            exact, reason="bfloat16 is for residual VDSRs of depth 10 and more"
        )
    return choose_precision(like.device, precision)


def placed(model: nn.Module, device: str | torch.device = "auto") -> nn.Module:
    """Return a network on a device, without moving the one that was given.

    Parameters
    ----------
    model : torch.nn.Module
        Any network.
    device : str or torch.device
        As for `devices.resolve_device`.

    Returns
    -------
    torch.nn.Module
        `model` itself where it is there already (or has no parameters), else a copy.

    Raises
    ------
    ValueError
        If there is no such device.
    """
    where = resolve_device(device)
    here = next((parameter.device for parameter in model.parameters()), where)
    if here.type == where.type and where.index in (None, here.index):
        return model
    return copy.deepcopy(model).to(where)


class _Piece(NamedTuple):
    """One tile: where it lies, what the network sees, what is kept of its output."""

    rows: slice
    columns: slice
    seen_rows: slice
    seen_columns: slice
    kept_rows: slice
    kept_columns: slice


def _tiling(precision: Precision) -> str:
    """Return the key of the sizes, in `_WHOLE_PIXELS` and `_TILE`, for an arithmetic.

    It is the arithmetic that decides: float32 on a CPU with AMX does not use it.
    """
    if precision.device_type != "cpu" or precision.dtype is not torch.bfloat16:
        return precision.device_type
    return _WITH_AMX if precision.reason == AMX else _WITHOUT_AMX


def _pieces(
    model: nn.Module, ilr: torch.Tensor, tile: int | None, tiling: str
) -> Iterator[_Piece]:
    """Yield the tiles of a picture, row by row; the whole picture if it is not cut."""
    height, width = ilr.shape[-2:]
    field = getattr(model, "receptive_field", None)
    if tile is not None and tile < 0:
        raise ValueError(f"tile must be a number of pixels or 0, got {tile}")
    if tile and field is None:
        raise ValueError(
            f"tile={tile} needs to know how far {type(model).__name__} sees: give it "
            "an attribute receptive_field, or leave tile out"
        )
    if tile is None and (field is None or ilr[:, 0].numel() <= _WHOLE_PIXELS[tiling]):
        tile = 0
    side = _TILE[tiling] if tile is None else tile or max(height, width)
    halo = (field or 1) // 2
    for rows, seen_rows, kept_rows in _spans(height, side, halo):
        for columns, seen_columns, kept_columns in _spans(width, side, halo):
            yield _Piece(
                rows, columns, seen_rows, seen_columns, kept_rows, kept_columns
            )


def _spans(length: int, side: int, halo: int) -> list[tuple[slice, slice, slice]]:
    """Cut a length into equal parts of at most `side`, each with its surroundings."""
    count = math.ceil(length / side)
    cuts = [index * length // count for index in range(count + 1)]
    spans = []
    for start, stop in pairwise(cuts):
        first, last = max(0, start - halo), min(length, stop + halo)
        kept = slice(start - first, stop - first)
        spans.append((slice(start, stop), slice(first, last), kept))
    return spans
