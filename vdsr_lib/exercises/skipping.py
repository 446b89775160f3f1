"""Assignment 3: the residual, its loss and gradient, and how to read a curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vdsr_lib.exercises.exercise import Case, Exercise, call_report
from vdsr_lib.images import to_uint8
from vdsr_lib.paper import table
from vdsr_lib.training.step import training_loss

__all__ = ["EXERCISES"]

Array: TypeAlias = NDArray[Any]


def _batch(batch: int, side: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the layers predict, ILR and HR, (B, 1, p, p) each."""
    generator = torch.Generator().manual_seed(seed)
    hr = torch.rand(batch, 1, side, side, generator=generator)
    noise = torch.randn(batch, 1, side, side, generator=generator)
    guess = torch.randn(batch, 1, side, side, generator=generator)
    return guess / 20, (hr + noise / 10).clamp(0, 1), hr


def _batch_cases() -> list[Case]:
    return [
        Case(f"a batch of shape ({b}, 1, {p}, {p})", _batch(b, p, b))
        for b, p in ((1, 3), (2, 2), (4, 5))
    ]


def _pair_cases() -> list[Case]:
    return [Case(given, arguments[1:]) for given, arguments in _batch_cases()]


def _loss(predicted: Tensor, ilr: Tensor, hr: Tensor) -> Tensor:
    return training_loss(ilr + predicted, hr, batch_size=len(hr))


def _slope(predicted: Tensor, ilr: Tensor, hr: Tensor) -> Tensor:
    predicted.requires_grad_()
    return torch.autograd.grad(_loss(predicted, ilr, hr), predicted)[0]


def _restored(ilr: Array, residual: Array) -> Array:
    return np.asarray(to_uint8(np.clip(ilr + residual, 0, 1)))


def _restore_cases() -> list[Case]:
    ilr = np.array([[0.2, 0.5, 0.8], [0.1, 0.9, 0.4]])
    small = np.array([[0.011, -0.03, 0.02], [0.001, -0.017, 0.0]])
    large = np.array([[-0.31, 0.1, 0.4], [-0.22, 0.21, 0.0]])
    return [
        Case(f"ILR {ilr.tolist()}, residual {small.tolist()}", (ilr, small)),
        Case(f"ILR {ilr.tolist()}, residual {large.tolist()}", (ilr, large)),
    ]


def _wrapped(ilr: Array, residual: Array) -> Array:
    return np.floor((ilr + residual) * 255 + 0.5).astype(np.int64).astype(np.uint8)


def _cut_off(ilr: Array, residual: Array) -> Array:
    levels: Array = (np.clip(ilr + residual, 0, 1) * 255).astype(np.uint8)
    return levels


def _in_the_unit(ilr: Array, residual: Array) -> Array:
    levels: Array = np.floor(np.clip(ilr + residual, 0, 255) + 0.5).astype(np.uint8)
    return levels


def _unexplained(ilr: Array, hr: Array) -> float:
    return float(np.var(hr - ilr) / np.var(hr))


def _share_cases() -> list[Case]:
    y = np.linspace(0.1, 0.9, 48).reshape(6, 8)
    x = y + 0.02 * np.sin(np.arange(48)).reshape(6, 8)
    return [
        Case("a ramp from 0.1 to 0.9 and an ILR that is off by 0.02 at most", (x, y)),
        Case("the same, and the ILR is brighter by 0.05 everywhere", (x + 0.05, y)),
    ]


def _lasting(psnrs: Sequence[float], level: float) -> int | None:
    below = [epoch for epoch, value in enumerate(psnrs, 1) if value <= level]
    first = max(below, default=0) + 1
    return first if first <= len(psnrs) else None


def _first_above(psnrs: Sequence[float], level: float) -> int | None:
    above = (epoch for epoch, value in enumerate(psnrs, 1) if value > level)
    return next(above, None)


def _from_zero(psnrs: Sequence[float], level: float) -> int | None:
    epoch = _lasting(psnrs, level)
    return None if epoch is None else epoch - 1


def _level_counts(psnrs: Sequence[float], level: float) -> int | None:
    return _lasting(psnrs, float(np.nextafter(level, -math.inf)))


def _last_below(psnrs: Sequence[float], level: float) -> int:
    return max((e for e, v in enumerate(psnrs, 1) if v <= level), default=0)


def _curve_cases() -> list[Case]:
    curves = (
        ([31, 34, 35, 31, 36, 35], 33.66),
        ([34, 35, 36], 33.66),
        ([20, 30, 33.66, 34], 33.66),
        ([34, 35, 30], 33.66),
    )
    return [Case(f"the curve {c} and the level {v}", (c, v)) for c, v in curves]


def _curve(rate: float) -> list[float]:
    """Return the non-residual curve of the paper's Figure 4, epochs 1 to 80."""
    rows = table("figure4")
    rows = rows[(rows.network == "non-residual") & (rows.learning_rate == rate)]
    return list(rows.sort_values("epoch").psnr)


def _reading(rate: float) -> tuple[tuple[int, ...], int | None]:
    return (20, 40, 60), _lasting(_curve(rate), 33.66)


def _reading_first(rate: float) -> tuple[tuple[int, ...], int | None]:
    return (20, 40, 60), _first_above(_curve(rate), 33.66)


EXERCISES: dict[str, Exercise] = {
    "residual-target": Exercise(
        lambda ilr, hr: hr - ilr,
        _pair_cases,
        {
            "the sign is turned around: ILR minus HR": lambda ilr, hr: ilr - hr,
            "the absolute value is taken: an edge needs dark and bright": (
                lambda ilr, hr: (hr - ilr).abs()
            ),
            "the target is the picture itself": lambda ilr, hr: hr,  # noqa: ARG005
        },
        (
            "What must be added to the ILR to get the original?",
            "ilr + target must be hr.",
            "target = hr - ilr",
        ),
    ),
    "add-back": Exercise(
        _restored,
        _restore_cases,
        {
            "the residual is clipped to [0, 1] before the addition, which loses "
            "everything negative": lambda i, r: _restored(i, np.clip(r, 0, 1)),
            "values beyond 0 or 255 wrap around: clip before astype": _wrapped,
            "fractions are cut off instead of rounded": _cut_off,
            "the sum is not multiplied by 255: white is 1.0 before and 255 after": (
                _in_the_unit
            ),
            "the residual is taken for stored with 0.5 added to it": (
                lambda i, r: _restored(i, r - 0.5)
            ),
        },
        (
            "Three steps in this order: add, clip, round.",
            "astype(np.uint8) cuts fractions off and wraps around; so clip to "
            "[0, 255] and add 0.5 before it.",
            "np.floor(np.clip((ilr + residual) * 255, 0, 255) + 0.5).astype(np.uint8)",
        ),
    ),
    "residual-loss": Exercise(
        _loss,
        _batch_cases,
        {
            "the error is averaged over the pixels, too (as MSELoss does): the "
            "gradient is then p * p times smaller": lambda f, x, y: (
                (x + f - y).square().mean()
            ),
            "the error is summed over the batch, too": lambda f, x, y: (
                (x + f - y).square().sum()
            ),
            "the paper's factor 1/2 is kept; the authors' code has none": (
                lambda f, x, y: _loss(f, x, y) / 2
            ),
            "the prediction is compared with the picture instead of the residual": (
                lambda f, x, y: _loss(f, torch.zeros_like(x), y)
            ),
        },
        (
            "A sum over the pixels of each patch, a mean over the patches.",
            "The residual that the layers should predict is hr - ilr; len(hr) is the "
            "number of patches.",
            "(predicted - (hr - ilr)).square().sum() / len(hr)",
        ),
    ),
    "loss-slope": Exercise(
        _slope,
        _batch_cases,
        {
            "the factor 2 from the square is missing": lambda f, x, y: (
                (f - (y - x)) / len(y)
            ),
            "the division by the batch is missing": lambda f, x, y: 2 * (f - (y - x)),
            "the sign is turned around": lambda f, x, y: 2 * ((y - x) - f) / len(y),
            "the loss is averaged over the pixels, too": lambda f, x, y: (
                2 * (f - (y - x)) / y.numel()
            ),
        },
        (
            "Differentiate (f - r)**2 with respect to f, for one pixel.",
            "That is 2 (f - r). The loss divides by the number of patches, and so does "
            "its slope.",
            "2 * (predicted - (hr - ilr)) / len(hr)",
        ),
    ),
    "unexplained": Exercise(
        _unexplained,
        _share_cases,
        {
            "squares are averaged without taking off the mean: that is no variance": (
                lambda x, y: float(np.mean((y - x) ** 2) / np.mean(y**2))
            ),
            "standard deviations are divided instead of variances": (
                lambda x, y: float(np.std(y - x) / np.std(y))
            ),
            "the explained share is returned": lambda x, y: 1 - _unexplained(x, y),
        },
        (
            "Variance of what is left, over variance of what there was.",
            "np.var takes the mean off by itself.",
            "np.var(hr - ilr) / np.var(hr)",
        ),
        tolerance=1e-7,
    ),
    "lasting-epoch": Exercise(
        _lasting,
        _curve_cases,
        {
            "the first epoch above the level is taken, although the curve falls back": (
                _first_above
            ),
            "epochs are counted from 0": _from_zero,
            "the last epoch that is not above the level is returned; the answer is the "
            "one after it": _last_below,
            "a value at the level itself counts as above it": _level_counts,
        },
        (
            "Look from the end: which is the last epoch that is NOT above the level?",
            "The answer is the epoch after that one. Epochs count from 1, and a curve "
            "that ends below gives None.",
            "below = [e for e, v in enumerate(psnrs, 1) if v <= level]; the answer is "
            "max(below, default=0) + 1, or None if that is beyond the last epoch",
        ),
    ),
    "curve-reading": Exercise(
        _reading,
        lambda rate: [Case(f"the non-residual curve at rate {rate:g}", (rate,))],
        {
            "the first calmer epochs are named; the question is after which": (
                lambda rate: ((21, 41, 61), _reading(rate)[1])
            ),
            "the end of the curve is named as a drop; the rate drops three times": (
                lambda rate: ((20, 40, 60, 80), _reading(rate)[1])
            ),
            "the first epoch above bicubic is named, although the curve falls back": (
                _reading_first
            ),
        },
        (
            "Look where the leaps become smaller all at once: three times, at equal "
            "distances.",
            "What happens to the learning rate every 20 epochs? For the second "
            "number call your my_lasting_epoch.",
            "The drops are at 20, 40 and 60; the second number is "
            "my_lasting_epoch(curve, 33.66).",
        ),
        run=call_report,
    ),
}
