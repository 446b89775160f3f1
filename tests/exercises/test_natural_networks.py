"""Assignment 2: each named mistake, as a student makes it, is called by its name.

The answers share no line with the mistakes of the exercises.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from torch.nn import functional as F  # noqa: N812 - its usual name

from vdsr_lib.exercises.networks import EXERCISES


def _repeated(x: Any, weight: Any, bias: Any) -> Any:
    half = weight.shape[-1] // 2
    return F.conv2d(F.pad(x, [half] * 4, mode="replicate"), weight, bias)


def _filled_with_zeros(layers: Any, ilr: Any) -> Any:
    one, two, three = layers
    x = F.conv2d(ilr, *one, padding="same").relu()
    x = F.conv2d(x, *two, padding="same").relu()
    return F.conv2d(x, *three, padding="same")


def _relu_everywhere(layers: Any, ilr: Any) -> Any:
    for weight, bias in layers:
        ilr = F.relu(_repeated(ilr, weight, bias))
    return ilr


def _no_relu(layers: Any, ilr: Any) -> Any:
    for weight, bias in layers:
        ilr = _repeated(ilr, weight, bias)
    return ilr


def _srcnn(layers: Any, ilr: Any) -> Any:
    first, second, third = layers
    return _repeated(_repeated(_repeated(ilr, *first).relu(), *second).relu(), *third)


def _padded_once(layers: Any, ilr: Any) -> Any:
    half = sum(weight.shape[-1] // 2 for weight, _ in layers)
    x = F.pad(ilr, [half] * 4, mode="replicate")
    for weight, bias in layers[:-1]:
        x = F.conv2d(x, weight, bias).relu()
    return F.conv2d(x, *layers[-1])


def _shrinking(layers: Any, ilr: Any) -> Any:
    x = ilr
    for weight, bias in layers[:-1]:
        x = F.conv2d(x, weight, bias).relu()
    return F.conv2d(x, *layers[-1])


def _residual(layers: Any, ilr: Any) -> Any:
    *inner, last = layers
    x = ilr
    for weight, bias in inner:
        x = F.relu(F.conv2d(x, weight, bias, padding=1))
    return F.conv2d(x, *last, padding=1)


def _linear_residual(layers: Any, ilr: Any) -> Any:
    x = ilr
    for weight, bias in layers:
        x = F.conv2d(x, weight, bias, padding=1)
    return x + ilr


def _skips(layers: Any, ilr: Any) -> Any:
    x = ilr
    for number, (weight, bias) in enumerate(layers, 1):
        x = ilr + F.conv2d(x, weight, bias, padding=1)
        if number < len(layers):
            x = F.relu(x)
    return x


def _edge_repeated(layers: Any, ilr: Any) -> Any:
    x = ilr
    for weight, bias in layers[:-1]:
        x = F.relu(_repeated(x, weight, bias))
    return ilr + _repeated(x, *layers[-1])


def _all_weights(depth: int, width: int) -> int:
    return 9 * width + (depth - 2) * 9 * width**2 + 9 * width


def _he(*fans: int) -> list[float]:
    return [math.sqrt(2 / fan) for fan in fans]


def _outgoing(depth: int, width: int) -> list[float]:
    *most, last = _he(*[9 * width] * (depth - 1), 9)
    return [*most, 0.001 * last]


def _nines_forgotten(depth: int, width: int) -> list[float]:
    *most, last = _he(1, *[width] * (depth - 1))
    return [*most, last / 1000]


def _variances(depth: int, width: int) -> list[float]:
    inner = 2 / (9 * width)
    return [2 / 9, *[inner] * (depth - 2), inner / 1000]


GIVEN = {"counted-by-hand": (20, 64)}

ANSWERS: dict[str, list[tuple[str, Callable[..., Any]]]] = {
    "layer-parameters": [
        ("the biases are not counted", lambda i, o, k: k**2 * i * o),
        ("there is a bias for each input channel", lambda i, o, k: (k**2 * o + 1) * i),
        ("there is one bias for the whole layer", lambda i, o, k: 1 + k**2 * i * o),
        ("the kernel is counted along one side", lambda i, o, k: (k * i + 1) * o),
    ],
    "vdsr-parameters": [
        (
            "there are `depth` inner layers",
            lambda d, w: 10 * w + d * (9 * w + 1) * w + 9 * w + 1,
        ),
        (
            "there are depth - 1 inner layers",
            lambda d, w: 10 * w + (d - 1) * (9 * w + 1) * w + 9 * w + 1,
        ),
        ("the biases are not counted", _all_weights),
    ],
    "srcnn-forward": [
        ("the border is filled with zeros", _filled_with_zeros),
        ("a ReLU follows the last layer", _relu_everywhere),
        ("no ReLU stands between", _no_relu),
        ("the input is added at the end", lambda ls, x: _srcnn(ls, x) + x),
        ("only the picture is padded", _padded_once),
        ("nothing is padded", _shrinking),
    ],
    "vdsr-forward": [
        ("the input is not added at the end", _residual),
        ("a ReLU follows the last layer", lambda ls, x: _residual(ls, x).relu() + x),
        ("a ReLU follows the addition", lambda ls, x: F.relu(_residual(ls, x) + x)),
        ("the input is added after every layer", _skips),
        ("no ReLU stands between", _linear_residual),
        ("the border pixels are repeated", _edge_repeated),
        ("nothing is padded", lambda ls, x: x + _shrinking(ls, x)),
        ("nothing is padded", lambda ls, x: _shrinking(ls, x) + x),
    ],
    "multiplications": [
        (
            "biases are counted",
            lambda d, w, h, c: (_all_weights(d, w) + (d - 1) * w + 1) * h * c,
        ),
        ("the count is for one pixel", lambda d, w, *_: _all_weights(d, w)),
    ],
    "first-weights": [
        ("the last layer is drawn like", lambda d, w: _he(9, *[9 * w] * (d - 1))),
        ("the channels that go out are counted", _outgoing),
        ("the root is missing", _variances),
        ("the 9 pixels of the kernel are not counted", _nines_forgotten),
    ],
    "counted-by-hand": [
        ("there are `depth` inner layers", lambda: (739_777, 41)),
        ("the receptive field grows by 3", lambda: (665_921, 60)),
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
