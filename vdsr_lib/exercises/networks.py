"""Assignment 2: counting parameters, and the forward passes of SRCNN and VDSR."""

from __future__ import annotations

import math
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from vdsr_lib.exercises.exercise import Case, Exercise, call_report
from vdsr_lib.models import VDSR

__all__ = ["EXERCISES"]

Layers: TypeAlias = list[tuple[Tensor, Tensor]]


def _layers(channels: list[int], kernels: list[int], seed: int = 0) -> Layers:
    """Return weights and biases large enough that every ReLU and skip matters."""
    generator = torch.Generator().manual_seed(seed)
    pairs = list(zip(channels, channels[1:], kernels, strict=False))
    return [
        (
            torch.randn(out, come, k, k, generator=generator) * (come * k * k) ** -0.5,
            torch.randn(out, generator=generator) / 4,
        )
        for come, out, k in pairs
    ]


def _picture(height: int, width: int, batch: int = 1, seed: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 1, height, width, generator=generator)


def _forward(
    layers: Layers,
    ilr: Tensor,
    *,
    padding: str = "constant",
    relu_between: bool = True,
    relu_last: bool = False,
) -> Tensor:
    """Run a chain of convolutions that keep the size."""
    x = ilr  # (B, 1, H, W)
    for number, (weight, bias) in enumerate(layers, 1):
        half = weight.shape[-1] // 2
        x = F.conv2d(F.pad(x, [half] * 4, mode=padding), weight, bias)  # (B, C, H, W)
        if relu_last if number == len(layers) else relu_between:
            x = x.relu()
    return x


def _vdsr(layers: Layers, ilr: Tensor) -> Tensor:
    return ilr + _forward(layers, ilr)


def _skip_everywhere(layers: Layers, ilr: Tensor) -> Tensor:
    x = ilr
    for weight, bias in layers[:-1]:
        x = (F.conv2d(x, weight, bias, padding=1) + ilr).relu()
    return F.conv2d(x, *layers[-1], padding=1) + ilr


def _unpadded(layers: Layers, ilr: Tensor) -> Tensor:
    x = ilr
    for number, (weight, bias) in enumerate(layers, 1):
        x = F.conv2d(x, weight, bias)
        x = x if number == len(layers) else x.relu()
    return x


def _padded_once(layers: Layers, ilr: Tensor) -> Tensor:
    half = sum(weight.shape[-1] // 2 for weight, _ in layers)
    return _unpadded(layers, F.pad(ilr, [half] * 4, mode="replicate"))


def _forward_cases(kernels: list[int], widths: list[int]) -> list[Case]:
    sizes = ((1, 16, 20), (2, 15, 15))
    channels = [1, *widths, 1]
    return [
        Case(
            f"{len(kernels)} layers and a batch of shape ({b}, 1, {h}, {w})",
            (_layers(channels, kernels, seed), _picture(h, w, b)),
        )
        for seed, (b, h, w) in enumerate(sizes)
    ]


def _layer_parameters(come: int, out: int, kernel: int) -> int:
    return sum(p.numel() for p in torch.nn.Conv2d(come, out, kernel).parameters())


def _vdsr_parameters(depth: int, width: int) -> int:
    return VDSR(depth, width).parameter_count


def _counted(depth: int, width: int, inner: int, bias: int = 1) -> int:
    return (
        (9 + bias) * width
        + (depth - inner) * (9 * width * width + bias * width)
        + 9 * width
        + bias
    )


def _weights(depth: int, width: int) -> int:
    return _counted(depth, width, 2, bias=0)


def _multiplications(depth: int, width: int, height: int, columns: int) -> int:
    return _weights(depth, width) * height * columns


def _deviations(
    depth: int, width: int, *, last: float = 0.001, out: bool = False
) -> list[float]:
    channels = [1, *[width] * (depth - 1), 1]
    fans = channels[1:] if out else channels[:-1]
    drawn = [math.sqrt(2 / (9 * fan)) for fan in fans]
    return [*drawn[:-1], last * drawn[-1]]


def _variances(depth: int, width: int) -> list[float]:
    *drawn, last = _deviations(depth, width, last=1.0)
    return [*[deviation**2 for deviation in drawn], last**2 / 1000]


def _without_kernel(depth: int, width: int) -> list[float]:
    return [3 * deviation for deviation in _deviations(depth, width)]


def _by_hand(depth: int, width: int) -> tuple[int, int]:
    network = VDSR(depth, width)
    return network.parameter_count, network.receptive_field


def _depth_width(*pairs: tuple[int, int]) -> list[Case]:
    return [Case(f"depth {d}, width {w}", (d, w)) for d, w in pairs]


def _layer_cases() -> list[Case]:
    return [
        Case(f"{i} channels in, {o} out, a kernel of {k} x {k}", (i, o, k))
        for i, o, k in ((1, 64, 9), (64, 32, 1), (32, 1, 5))
    ]


def _size_cases() -> list[Case]:
    return [
        Case(f"depth {d}, width {w}, a picture of {h} x {c}", (d, w, h, c))
        for d, w, h, c in ((3, 4, 5, 7), (20, 64, 256, 256))
    ]


EXERCISES: dict[str, Exercise] = {
    "layer-parameters": Exercise(
        _layer_parameters,
        _layer_cases,
        {
            "the biases are not counted": lambda i, o, k: i * o * k * k,
            "there is a bias for each input channel instead of each output": (
                lambda i, o, k: i * o * k * k + i
            ),
            "there is one bias for the whole layer; each output channel has its own": (
                lambda i, o, k: i * o * k * k + 1
            ),
            "the kernel is counted along one side only": lambda i, o, k: i * o * k + o,
        },
        (
            "Each output channel has a kernel of its own for each input channel.",
            "A kernel has kernel * kernel weights; each output channel has one bias.",
            "incoming * outgoing * kernel**2 + outgoing",
        ),
    ),
    "vdsr-parameters": Exercise(
        _vdsr_parameters,
        lambda: _depth_width((3, 8), (10, 32), (20, 64)),
        {
            "there are `depth` inner layers, besides the first and the last": (
                lambda d, w: _counted(d, w, 0)
            ),
            "there are depth - 1 inner layers": lambda d, w: _counted(d, w, 1),
            "the biases are not counted": _weights,
        },
        (
            "Of `depth` layers one is the first and one the last.",
            "The first goes from 1 channel to `width`, depth - 2 from `width` to "
            "`width`, the last from `width` to 1.",
            "my_layer_parameters(1, width, 3) + (depth - 2) * "
            "my_layer_parameters(width, width, 3) + my_layer_parameters(width, 1, 3)",
        ),
    ),
    "srcnn-forward": Exercise(
        partial(_forward, padding="replicate"),
        lambda: _forward_cases([9, 1, 5], [6, 4]),
        {
            "the border is filled with zeros, where SRCNN repeats its pixels": _forward,
            "a ReLU follows the last layer, too": partial(
                _forward, padding="replicate", relu_last=True
            ),
            "no ReLU stands between the layers": partial(
                _forward, padding="replicate", relu_between=False
            ),
            "the input is added at the end: that is VDSR's idea, not SRCNN's": (
                lambda layers, ilr: ilr + _forward(layers, ilr, padding="replicate")
            ),
            "only the picture is padded, once for all layers; the input of each layer "
            "has to be": _padded_once,
            "nothing is padded, so that the picture shrinks": _unpadded,
        },
        (
            "F.pad with mode='replicate' repeats the border pixels; how many does a "
            "kernel of 9 x 9 need at each side?",
            "kernel // 2 at each of the four sides; then F.conv2d without padding.",
            "x = F.conv2d(F.pad(x, [half] * 4, mode='replicate'), weight, bias), and "
            "x = x.relu() after every layer but the last",
        ),
        tolerance=1e-4,
    ),
    "vdsr-forward": Exercise(
        _vdsr,
        lambda: _forward_cases([3, 3, 3, 3], [5, 5, 5]),
        {
            "the input is not added at the end: no skip connection": _forward,
            "a ReLU follows the last layer, so that the residual is never negative": (
                lambda layers, ilr: ilr + _forward(layers, ilr, relu_last=True)
            ),
            "a ReLU follows the addition": lambda layers, ilr: _vdsr(
                layers, ilr
            ).relu(),
            "the input is added after every layer": _skip_everywhere,
            "no ReLU stands between the layers": lambda layers, ilr: (
                ilr + _forward(layers, ilr, relu_between=False)
            ),
            "the border pixels are repeated, where VDSR pads with zeros": (
                lambda layers, ilr: ilr + _forward(layers, ilr, padding="replicate")
            ),
            "nothing is padded, so that the prediction is smaller than the input": (
                lambda layers, ilr: ilr + _unpadded(layers, ilr)
            ),
        },
        (
            "Keep the input: it is needed again after the last layer.",
            "F.conv2d(..., padding=1) pads with zeros. A ReLU stands after every layer "
            "but the last, and after the addition there is nothing.",
            "loop over layers[:-1] with relu, then "
            "return ilr + F.conv2d(x, *layers[-1], padding=1)",
        ),
        tolerance=1e-4,
    ),
    "multiplications": Exercise(
        _multiplications,
        _size_cases,
        {
            "biases are counted; they are added, not multiplied": (
                lambda d, w, h, c: _vdsr_parameters(d, w) * h * c
            ),
            "the count is for one pixel": lambda d, w, h, c: _weights(d, w),  # noqa: ARG005
        },
        (
            "How many multiplications does one output pixel of one layer need?",
            "Every weight is used once at every pixel: padding keeps the size.",
            "number of weights (no biases) * height * columns",
        ),
    ),
    "first-weights": Exercise(
        _deviations,
        lambda: _depth_width((3, 8), (5, 64)),
        {
            "the last layer is drawn like the others": partial(_deviations, last=1.0),
            "the channels that go out are counted instead of those that come in": (
                partial(_deviations, out=True)
            ),
            "the root is missing: 2 / n is the variance": _variances,
            "the 9 pixels of the kernel are not counted, only the channels": (
                _without_kernel
            ),
        },
        (
            "He's rule: the standard deviation is sqrt(2 / fan_in).",
            "fan_in is the number of inputs of one output pixel: 9 times the channels "
            "that come in. The first layer has 9.",
            "[sqrt(2 / 9)] + [sqrt(2 / (9 * width))] * (depth - 2) + "
            "[0.001 * sqrt(2 / (9 * width))]",
        ),
        tolerance=1e-7,
    ),
    "counted-by-hand": Exercise(
        _by_hand,
        lambda depth, width: _depth_width((depth, width)),
        {
            "there are `depth` inner layers, besides the first and the last": (
                lambda d, w: (_counted(d, w, 0), 2 * d + 1)
            ),
            "the receptive field grows by 3 a layer; a 3 x 3 kernel adds 2": (
                lambda d, w: (_vdsr_parameters(d, w), 3 * d)
            ),
        },
        (
            "Your my_vdsr_parameters gives the first number.",
            "The receptive field of one 3 x 3 layer is 3; each further layer adds 2.",
            "The second number is 2 * depth + 1.",
        ),
        run=call_report,
    ),
}
