"""Assignment 6: fractional sizes, the network's input, and honest comparisons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vdsr_lib.exercises.exercise import Case, Exercise, call_report
from vdsr_lib.images import LUMA_RANGE, degrade
from vdsr_lib.metrics import psnr
from vdsr_lib.paper import table
from vdsr_lib.resize import imresize

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EXERCISES"]

Array: TypeAlias = NDArray[Any]


def _small(height: int, width: int, scale: float) -> tuple[int, int]:
    return math.ceil(height / scale - 1e-9), math.ceil(width / scale - 1e-9)


def _small_cases() -> list[Case]:
    given = ((96, 60, 3), (100, 101, 1.5), (97, 64, 2.5), (90, 45, 4))
    return [Case(f"a picture of {h} x {w}, scale {s}", (h, w, s)) for h, w, s in given]


def _input(hr: Array, scale: int, **how: Any) -> Array:
    """Shrink and enlarge, with one thing changed."""
    height, width = hr.shape
    small = imresize(
        hr, shape=(height // scale, width // scale), antialias=how.get("blur", True)
    )
    if how.get("stored"):
        small = np.floor(np.clip(small, 0, 1) * 255 + 0.5) / 255
    large = imresize(small, shape=(height, width))
    clamped: Array = np.clip(large, *how.get("limits", LUMA_RANGE))
    return clamped


def _input_cases() -> list[Case]:
    bars = np.full((24, 36), 16 / 255)
    bars[:, ::6] = bars[:, 1::6] = bars[:, 2::6] = 235 / 255
    noise = np.random.default_rng(2).uniform(16 / 255, 235 / 255, (24, 24))
    return [
        Case("random luma of 24 x 24, scale 2", (noise, 2)),
        Case("black and white bars, 24 x 36, scale 2", (bars, 2)),
        Case("random luma of 24 x 24, scale 4", (noise, 4)),
    ]


def _cell(scores: pd.DataFrame, scale: int, trained: str) -> float:
    rows = scores[(scores.test_scale == scale) & (scores.training_scales == trained)]
    return float(rows.psnr.iloc[0])


def _one_for_all(scores: pd.DataFrame, scale: int) -> float:
    return _cell(scores, scale, "2+3+4") - _cell(scores, scale, str(scale))


def _table_cases() -> list[Case]:
    scores = table("table2")
    return [
        Case(f"Table 2 of the paper and the scale {s}", (scores, s)) for s in (2, 3, 4)
    ]


def _pictures() -> tuple[list[Array], list[Array]]:
    random = np.random.default_rng(0)
    shapes, noises = ((20, 24), (30, 18), (24, 24)), (2.0, 25.0, 8.0)
    references = [random.integers(40, 200, s).astype(np.uint8) for s in shapes]
    estimates = [
        np.clip(r + random.normal(0, n, r.shape), 0, 255).astype(np.uint8)
        for r, n in zip(references, noises, strict=True)
    ]
    for estimate in estimates:
        estimate[:2], estimate[:, -2:] = 0, 0
    return references, estimates


def _mean_cases() -> list[Case]:
    references, estimates = _pictures()
    return [
        Case("three pictures with a wrong frame, scale 2", (references, estimates, 2)),
        Case("the first of them alone, scale 3", (references[:1], estimates[:1], 3)),
        Case("all three, scale 4", (references, estimates, 4)),
    ]


def _each_psnr(ones: Sequence[Array], others: Sequence[Array], border: int) -> Any:
    pairs = zip(ones, others, strict=True)
    return [psnr(one, other, border=border) for one, other in pairs]


def _mean_psnr(ones: Sequence[Array], others: Sequence[Array], scale: int) -> float:
    return float(np.mean(_each_psnr(ones, others, scale)))


def _unshaved(ones: Sequence[Array], others: Sequence[Array], scale: int) -> float:  # noqa: ARG001
    return float(np.mean(_each_psnr(ones, others, 0)))


def _of_mean_error(ones: Sequence[Array], others: Sequence[Array], scale: int) -> float:
    errors = [255**2 / 10 ** (p / 10) for p in _each_psnr(ones, others, scale)]
    return float(10 * np.log10(255**2 / np.mean(errors)))


def _median(ones: Sequence[Array], others: Sequence[Array], scale: int) -> float:
    return float(np.median(_each_psnr(ones, others, scale)))


def _chosen(validation: Sequence[float], test: Sequence[float]) -> tuple[int, float]:
    best = int(np.argmax(validation))
    return best + 1, float(test[best])


def _on_test(validation: Sequence[float], test: Sequence[float]) -> tuple[int, float]:  # noqa: ARG001
    return int(np.argmax(test)) + 1, float(max(test))


def _last(validation: Sequence[float], test: Sequence[float]) -> tuple[int, float]:
    return len(validation), float(test[-1])


def _zero_based(validation: Sequence[float], test: Sequence[float]) -> Any:
    epoch, score = _chosen(validation, test)
    return epoch - 1, score


def _reports_validation(validation: Sequence[float], test: Sequence[float]) -> Any:
    return _chosen(validation, test)[0], float(max(validation))


def _choice_cases() -> list[Case]:
    curves = (
        ([36.1, 36.8, 36.5, 36.6], [36.9, 37.0, 37.2, 37.1]),
        ([30.2, 30.1, 30.4], [31.0, 31.5, 31.2]),
    )
    return [Case(f"validation {v}, test {t}", (v, t)) for v, t in curves]


def _gains(scores: pd.DataFrame, better: str, worse: str) -> dict[str, float]:
    wide = scores.pivot_table("psnr", ["dataset", "scale"], "method")
    means = (wide[better] - wide[worse]).groupby(level="dataset").mean()
    return {str(name): float(value) for name, value in means.items()}


def _gains_x2(scores: pd.DataFrame, better: str, worse: str) -> dict[str, float]:
    return _gains(scores[scores.scale == 2], better, worse)


def _backward(scores: pd.DataFrame, better: str, worse: str) -> dict[str, float]:
    return _gains(scores, worse, better)


def _ssim_gains(scores: pd.DataFrame, better: str, worse: str) -> dict[str, float]:
    return _gains(scores.assign(psnr=scores.ssim), better, worse)


def _gain_cases() -> list[Case]:
    scores = table("table3")
    whole = [
        Case(f"Table 3 of the paper, {b} against {w}", (scores, b, w))
        for b, w in (("VDSR", "SRCNN"), ("SRCNN", "SelfEx"))
    ]
    some = scores[scores.dataset.isin(["Set5", "B100"]) & (scores.scale > 2)]
    part = "the rows of Table 3 of Set5 and B100 at scales 3 and 4, VDSR against SRCNN"
    return [*whole, Case(part, (some, "VDSR", "SRCNN"))]


def _largest(scale: int, better: str = "VDSR") -> tuple[str, float]:
    scores = table("table3")
    gains = _gains(scores[scores.scale == scale], better, "SRCNN")
    name = max(gains, key=lambda key: gains[key])
    return name, round(gains[name], 2)


def _above_bicubic(scale: int) -> tuple[str, float]:
    scores = table("table3")
    gains = _gains(scores[scores.scale == scale], "VDSR", "Bicubic")
    name = max(gains, key=lambda key: gains[key])
    return name, round(gains[name], 2)


EXERCISES: dict[str, Exercise] = {
    "small-size": Exercise(
        _small,
        _small_cases,
        {
            "the sizes are rounded down; imresize rounds up": lambda h, w, s: (
                int(h / s),
                int(w / s),
            ),
            "the sizes are rounded to the nearest; imresize rounds up": (
                lambda h, w, s: (round(h / s), round(w / s))
            ),
            "width and height are exchanged": lambda h, w, s: _small(w, h, s),
        },
        (
            "MATLAB's imresize never loses a row: what does it do with 66.7?",
            "It rounds up.",
            "math.ceil(height / scale), math.ceil(width / scale)",
        ),
    ),
    "network-input": Exercise(
        degrade,
        _input_cases,
        {
            "the picture is shrunk without antialiasing": lambda y, s: _input(
                y, s, blur=False
            ),
            "bicubic's overshoot is not clamped to [16/255, 235/255]": (
                lambda y, s: _input(y, s, limits=(-9, 9))
            ),
            "the values are clamped to [0, 1]; luma ends at 16/255 and 235/255": (
                lambda y, s: _input(y, s, limits=(0, 1))
            ),
            "the small picture is rounded to 8 bits": lambda y, s: _input(
                y, s, stored=True
            ),
            "the picture is not shrunk at all": lambda y, s: y.clip(*LUMA_RANGE),  # noqa: ARG005
        },
        (
            "Down, up, clamp: two calls of imresize and one of np.clip.",
            "imresize(hr, 1 / scale) shrinks; shape=hr.shape enlarges exactly.",
            "np.clip(imresize(imresize(hr, 1 / scale), shape=hr.shape), "
            "16 / 255, 235 / 255)",
        ),
        tolerance=1e-6,
    ),
    "one-for-all": Exercise(
        _one_for_all,
        _table_cases,
        {
            "the sign is turned around": lambda t, s: -_one_for_all(t, s),
            "the network of all scales is compared with that of scale 2": (
                lambda t, s: _cell(t, s, "2+3+4") - _cell(t, s, "2")
            ),
            "the score itself is returned, not the difference": lambda t, s: _cell(
                t, s, "2+3+4"
            ),
        },
        (
            "You need two cells of one row: the one of '2+3+4', and another.",
            "The specialist of a scale was trained on that scale alone: str(scale).",
            "row = scores[scores.test_scale == scale].set_index('training_scales'); "
            "row.psnr['2+3+4'] - row.psnr[str(scale)]",
        ),
        tolerance=1e-4,
    ),
    "mean-psnr": Exercise(
        _mean_psnr,
        _mean_cases,
        {
            "the errors of all pictures are averaged first; the tables average the "
            "decibels": _of_mean_error,
            "the border is not left out": _unshaved,
            "the median is taken": _median,
        },
        (
            "One PSNR for each picture, then their mean.",
            "The border is the scale.",
            "np.mean([psnr(r, e, border=scale) for r, e in zip(references, "
            "estimates)])",
        ),
    ),
    "chosen-epoch": Exercise(
        _chosen,
        _choice_cases,
        {
            "the epoch is chosen on the test pictures, which makes their score too "
            "good: test-set selection": _on_test,
            "the last epoch is taken": _last,
            "epochs are counted from 0": _zero_based,
            "the validation score is reported": _reports_validation,
        },
        (
            "Which of the two curves may decide, and which is only reported?",
            "Validation decides; the test score of that same epoch is reported.",
            "best = int(np.argmax(validation)); return best + 1, test[best]",
        ),
    ),
    "gain": Exercise(
        _gains,
        _gain_cases,
        {
            "the sign is turned around": _backward,
            "only scale 2 is counted": _gains_x2,
            "SSIM is compared instead of PSNR": _ssim_gains,
        },
        (
            "pivot_table gives a column for each method.",
            "Subtract two columns, then take the mean of each data set.",
            "wide = scores.pivot_table('psnr', ['dataset', 'scale'], 'method'); "
            "(wide[better] - wide[worse]).groupby('dataset').mean().to_dict()",
        ),
        tolerance=1e-4,
    ),
    "largest-gain": Exercise(
        _largest,
        lambda scale: [Case(f"Table 3, VDSR against SRCNN, scale {scale}", (scale,))],
        {"VDSR is compared with bicubic, not with SRCNN": _above_bicubic},
        (
            "my_gains gives means over the scales; here one scale alone is asked for.",
            "Filter Table 3 by the scale first.",
            "my_gains(table3[table3.scale == scale], 'VDSR', 'SRCNN')",
        ),
        tolerance=2e-3,
        run=call_report,
    ),
}
