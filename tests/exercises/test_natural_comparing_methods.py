"""Assignment 6: each named mistake, as a student makes it, is called by its name.

The answers share no line with the mistakes of the exercises.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vdsr_lib.exercises.comparing_methods import EXERCISES
from vdsr_lib.paper import table
from vdsr_lib.resize import imresize

_BLACK, _WHITE = 16 / 255, 235 / 255


def _large(small: Any, hr: Any) -> Any:
    return imresize(small, shape=hr.shape)


def _aliased(hr: Any, scale: int) -> Any:
    small = imresize(hr, 1 / scale, antialias=False)
    return np.clip(_large(small, hr), _BLACK, _WHITE)


def _stored(hr: Any, scale: int) -> Any:
    small = np.round(255 * imresize(hr, 1 / scale)).clip(0, 255) / 255
    return np.clip(_large(small, hr), _BLACK, _WHITE)


def _score(scores: Any, scale: int, trained: str) -> float:
    [psnr] = scores.psnr[
        (scores.training_scales == trained) & (scores.test_scale == scale)
    ]
    return float(psnr)


def _errors(references: Any, estimates: Any, border: int) -> list[float]:
    errors = []
    for reference, estimate in zip(references, estimates, strict=True):
        error = reference.astype(float) - estimate
        height, width = error.shape
        inside = error[border : height - border, border : width - border]
        errors.append(float(np.mean(inside**2)))
    return errors


def _psnrs(references: Any, estimates: Any, border: int) -> list[float]:
    errors = _errors(references, estimates, border)
    return [20 * math.log10(255 / math.sqrt(error)) for error in errors]


def _of_mean_error(references: Any, estimates: Any, scale: int) -> float:
    errors = _errors(references, estimates, scale)
    return 10 * math.log10(255**2 / statistics.mean(errors))


def _best_test(validation: Any, test: Any) -> tuple[int, float]:
    pairs = zip(test, range(1, len(validation) + 1), strict=True)
    score, epoch = max(pairs)
    return epoch, score


def _index(validation: Any, test: Any) -> tuple[int, float]:
    best = validation.index(max(validation))
    return best, test[best]


def _lead(scores: Any, better: str, worse: str, column: str = "psnr") -> dict[str, Any]:
    keys = ["dataset", "scale"]
    one, other = (
        scores[scores.method == method].set_index(keys)[column]
        for method in (better, worse)
    )
    lead = (one - other).reset_index()
    return {name: part[column].mean() for name, part in lead.groupby("dataset")}


def _lead_at_2(scores: Any, better: str, worse: str) -> dict[str, Any]:
    return _lead(scores.query("scale == 2"), better, worse)


def _largest_lead_over_bicubic() -> tuple[str, float]:
    lead = _lead(table("table3").query("scale == 3"), "VDSR", "Bicubic")
    best = max(lead, key=lambda name: lead[name])
    return best, round(lead[best], 2)


GIVEN = {"largest-gain": (3,)}

ANSWERS: dict[str, list[tuple[str, Callable[..., Any]]]] = {
    "small-size": [
        ("the sizes are rounded down", lambda h, w, s: (h // s, w // s)),
        (
            "the sizes are rounded to the nearest",
            lambda h, w, s: tuple(np.rint(np.array([h, w]) / s).astype(int)),
        ),
        (
            "width and height are exchanged",
            lambda h, w, s: (math.ceil(w / s), math.ceil(h / s)),
        ),
    ],
    "network-input": [
        ("the picture is shrunk without antialiasing", _aliased),
        (
            "bicubic's overshoot is not clamped",
            lambda hr, scale: _large(imresize(hr, 1 / scale), hr),
        ),
        (
            "the values are clamped to [0, 1]",
            lambda hr, scale: _large(imresize(hr, 1 / scale), hr).clip(0, 1),
        ),
        ("the small picture is rounded to 8 bits", _stored),
        ("the picture is not shrunk at all", lambda hr, _: hr),
    ],
    "one-for-all": [
        (
            "the sign is turned around",
            lambda t, s: _score(t, s, str(s)) - _score(t, s, "2+3+4"),
        ),
        (
            "the network of all scales is compared with that of scale 2",
            lambda t, s: _score(t, s, "2+3+4") - _score(t, s, "2"),
        ),
        ("the score itself is returned", lambda t, s: _score(t, s, "2+3+4")),
    ],
    "mean-psnr": [
        ("the errors of all pictures are averaged first", _of_mean_error),
        (
            "the border is not left out",
            lambda r, e, _: statistics.mean(_psnrs(r, e, border=0)),
        ),
        ("the median is taken", lambda r, e, s: statistics.median(_psnrs(r, e, s))),
    ],
    "chosen-epoch": [
        ("the epoch is chosen on the test pictures", _best_test),
        ("the last epoch is taken", lambda v, test: (len(v), test[-1])),
        ("epochs are counted from 0", _index),
        (
            "the validation score is reported",
            lambda v, _: (v.index(max(v)) + 1, max(v)),
        ),
    ],
    "gain": [
        ("the sign is turned around", lambda t, b, w: _lead(t, w, b)),
        ("only scale 2 is counted", _lead_at_2),
        ("SSIM is compared", lambda t, b, w: _lead(t, b, w, column="ssim")),
    ],
    "largest-gain": [
        ("VDSR is compared with bicubic", _largest_lead_over_bicubic),
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
