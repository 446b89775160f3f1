"""The same PSNR again and again, as training asks for it, from prepared pictures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from vdsr_lib.devices import resolve_device
from vdsr_lib.evaluation._stages import Images, factors, named, naming, pair, shaved
from vdsr_lib.images import to_luma, to_uint8
from vdsr_lib.inference import super_resolve
from vdsr_lib.metrics import psnr

__all__ = ["Validator", "validator"]

_MOST_PIXELS = 2**20  # of a batch: half a gigabyte of a GPU's memory


def validator(
    images: Images,
    scales: Iterable[float] = (2, 3, 4),
    device: str | torch.device = "auto",
) -> Validator:
    """Prepare pictures for measuring a network again and again, as in training.

    Parameters
    ----------
    images : mapping of str to array, or sequence of arrays
        As for `evaluate`.
    scales : iterable of float
        Each in [1.1, 8].
    device : str or torch.device
        Where the pictures wait: best where the network is.

    Returns
    -------
    Validator
        Call it with a network.

    Raises
    ------
    ValueError, TypeError
        As `evaluate`.
    """
    where = resolve_device(device)
    originals, wanted = named(images), factors(scales)
    pictures: dict[str, tuple[_Prepared, ...]] = {}
    baseline: dict[str, float] = {}
    for scale in wanted:
        border, key = math.ceil(scale), f"psnr_x{scale:g}"
        prepared, bicubic = [], []
        for name, image in originals.items():
            with naming(name, scale):
                hr, ilr = pair(to_luma(image), scale)
                bicubic.append(psnr(hr, to_uint8(ilr), border=border))
            truth = torch.from_numpy(shaved(hr, border).copy()).to(where)
            given = torch.from_numpy(ilr)[None, None].to(where, torch.float32)
            prepared.append(_Prepared(truth, given, border))
        pictures[key] = tuple(prepared)
        baseline[key] = float(np.mean(bicubic))
    return Validator(pictures, baseline)


@dataclass(frozen=True)
class _Prepared:
    """A picture ready for a network: the truth without its border, and the ILR."""

    hr: torch.Tensor  # (h, w), uint8
    ilr: torch.Tensor  # (1, 1, H, W), float32
    border: int


@dataclass(frozen=True, repr=False)
class Validator:
    """Mean PSNR of a network on prepared pictures; made by `validator`.

    Parameters
    ----------
    pictures : dict
        The prepared pictures of each key.
    baseline : dict of str to float
        Bicubic's own PSNR under the same keys, in dB: below it a network is worse
        than no network.
    """

    pictures: dict[str, tuple[_Prepared, ...]]
    baseline: dict[str, float]

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """Return the mean PSNR for each scale, in dB, as `evaluate` would.

        Parameters
        ----------
        model : torch.nn.Module
            Runs in evaluation mode where its parameters are, in the precision that
            `inference.evaluation_precision` gives it, and is left as it was.

        Returns
        -------
        dict of str to float
            ``{"psnr_x2": 36.1, ...}``; NaN for a network that gives NaN.
        """
        prepared = [each for group in self.pictures.values() for each in group]
        batches = _batches(prepared)
        found = [_squared_errors(model, [prepared[i] for i in b]) for b in batches]
        order = [place for batch in batches for place in batch]
        sums = dict(zip(order, torch.cat(found).tolist(), strict=True))
        ratios = iter(_psnr(sums[i], e.hr.numel()) for i, e in enumerate(prepared))
        return {
            key: float(np.mean([next(ratios) for _ in group]))
            for key, group in self.pictures.items()
        }

    def __repr__(self) -> str:
        count = len(next(iter(self.pictures.values())))
        bicubic = ", ".join(
            f"{key} {value:.2f}" for key, value in self.baseline.items()
        )
        return f"Validator({count} pictures)  # bicubic: {bicubic} dB"


def _batches(prepared: Sequence[_Prepared]) -> list[list[int]]:
    """Return the places of pictures that a network is given together.

    One at a time on a CPU. Small ones leave most of a GPU idle: those of one size go
    together there, up to a million pixels.
    """
    alike: dict[object, list[list[int]]] = {}
    for place, each in enumerate(prepared):
        on_gpu = each.ilr.device.type == "cuda"
        kind = (each.ilr.shape, each.border) if on_gpu else place
        batches = alike.setdefault(kind, [[]])
        if (len(batches[-1]) + 1) * each.ilr.numel() > _MOST_PIXELS and batches[-1]:
            batches.append([])
        batches[-1].append(place)
    return [batch for batches in alike.values() for batch in batches]


def _squared_errors(model: nn.Module, batch: Sequence[_Prepared]) -> torch.Tensor:
    """Return the summed squared errors in 8 bits, (n,); -1 where the output is NaN.

    They stay on the device, and nothing asks for their values meanwhile: a GPU is
    waited for once, not for each picture.
    """
    ilr = torch.cat([each.ilr for each in batch])  # (n, 1, H, W)
    hr = torch.stack([each.hr for each in batch])  # (n, h, w)
    luma = super_resolve(model, ilr)[:, 0]  # (n, H, W)
    levels = luma.nan_to_num().clamp(0, 1) * 255  # rounded as `to_uint8` does, unseen
    estimate = shaved((levels + 0.5).floor(), batch[0].border)  # (n, h, w)
    total = (estimate.int() - hr.int()).square().sum((1, 2), dtype=torch.int64)  # (n,)
    return torch.where(luma.isfinite().flatten(1).all(1), total, -1)  # (n,)


def _psnr(squared_error: int, pixels: int) -> float:
    """Return the PSNR in dB of a summed squared error in 8 bits."""
    if squared_error < 0:
        return math.nan
    return (
        10 * math.log10(255**2 * pixels / squared_error) if squared_error else math.inf
    )
