"""Assignment 3: each named mistake, as a student makes it, is called by its name.

The answers share no line with the mistakes of the exercises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from torch.nn import functional as F  # noqa: N812 - its usual name

from vdsr_lib.exercises.skipping import EXERCISES
from vdsr_lib.paper import table

pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in cast")


def _levels(values: Any) -> Any:
    return np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)


def _first_above(psnrs: Any, level: float) -> int | None:
    for epoch, value in enumerate(psnrs, 1):
        if value > level:
            return epoch
    return None


def _counted_from_zero(psnrs: Any, level: float) -> int | None:
    for epoch in range(len(psnrs)):
        if min(psnrs[epoch:]) > level:
            return epoch
    return None


def _last_at_or_below(psnrs: Any, level: float) -> int:
    last = 0
    for epoch, value in enumerate(psnrs, 1):
        if not value > level:
            last = epoch
    return last


def _at_least(psnrs: Any, level: float) -> int | None:
    for epoch in range(1, len(psnrs) + 1):
        if min(psnrs[epoch - 1 :]) >= level:
            return epoch
    return None


def _curve() -> list[float]:
    rows = table("figure4").query("network == 'non-residual' and learning_rate == 0.1")
    return rows.sort_values("epoch").psnr.tolist()


def _lasts_from() -> int | None:
    from_zero = _counted_from_zero(_curve(), 33.66)
    return None if from_zero is None else from_zero + 1


GIVEN = {"curve-reading": (0.1,)}

ANSWERS: dict[str, list[tuple[str, Callable[..., Any]]]] = {
    "residual-target": [
        ("the sign is turned around", lambda ilr, hr: -(hr - ilr)),
        ("the absolute value is taken", lambda ilr, hr: abs(ilr - hr)),
        ("the target is the picture itself", lambda _, hr: hr.clone()),
    ],
    "add-back": [
        (
            "the residual is clipped to [0, 1] before",
            lambda ilr, residual: _levels(ilr + residual.clip(0, 1)),
        ),
        (
            "values beyond 0 or 255 wrap around",
            lambda ilr, residual: np.round(255 * (ilr + residual)).astype(np.uint8),
        ),
        (
            "fractions are cut off instead of rounded",
            lambda ilr, residual: (
                (255 * (ilr + residual)).clip(0, 255).astype(np.uint8)
            ),
        ),
        (
            "the sum is not multiplied by 255",
            lambda ilr, residual: (ilr + residual).clip(0, 255).round().astype("u1"),
        ),
        (
            "the residual is taken for stored with 0.5",
            lambda ilr, residual: _levels(ilr - 0.5 + residual),
        ),
    ],
    "residual-loss": [
        (
            "the error is averaged over the pixels",
            lambda f, ilr, hr: F.mse_loss(f, hr - ilr),
        ),
        (
            "the error is summed over the batch",
            lambda f, ilr, hr: F.mse_loss(ilr + f, hr, reduction="sum"),
        ),
        (
            "the paper's factor 1/2 is kept",
            lambda f, ilr, hr: 0.5 * (hr - ilr - f).pow(2).sum((1, 2, 3)).mean(),
        ),
        (
            "the prediction is compared with the picture",
            lambda f, _, hr: (hr - f).pow(2).sum((1, 2, 3)).mean(),
        ),
    ],
    "loss-slope": [
        (
            "the factor 2 from the square",
            lambda f, ilr, hr: (ilr + f - hr) / f.shape[0],
        ),
        ("the division by the batch", lambda f, ilr, hr: 2 * (ilr + f - hr)),
        ("the sign is turned", lambda f, ilr, hr: -2 / len(f) * (ilr + f - hr)),
        (
            "the loss is averaged over the pixels",
            lambda f, ilr, hr: 2 * (ilr + f - hr) / f.numel(),
        ),
    ],
    "unexplained": [
        (
            "squares are averaged without taking off the mean",
            lambda ilr, hr: float(((hr - ilr) ** 2).sum() / (hr**2).sum()),
        ),
        (
            "standard deviations are divided",
            lambda ilr, hr: float((ilr - hr).std() / hr.std()),
        ),
        (
            "the explained share is returned",
            lambda ilr, hr: float((hr.var() - (ilr - hr).var()) / hr.var()),
        ),
    ],
    "lasting-epoch": [
        ("the first epoch above the level is taken", _first_above),
        ("epochs are counted from 0", _counted_from_zero),
        ("the last epoch that is not above", _last_at_or_below),
        ("a value at the level itself", _at_least),
    ],
    "curve-reading": [
        ("the first calmer epochs", lambda: ((21, 41, 61), _lasts_from())),
        ("the end of the curve", lambda: ((20, 40, 60, 80), _lasts_from())),
        (
            "the first epoch above bicubic is named",
            lambda: ((20, 40, 60), _first_above(_curve(), 33.66)),
        ),
    ],
}


@pytest.mark.parametrize(
    ("name", "mistake"),
    [(name, cause) for name, each in EXERCISES.items() for cause in each.mistakes],
)
def test_each_mistake_is_called_by_its_name(
    told: Callable[..., None], name: str, mistake: str
) -> None:
    told(ANSWERS[name], name, mistake, GIVEN.get(name, ()))
