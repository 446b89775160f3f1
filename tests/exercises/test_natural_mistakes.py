"""Wrong answers as students write them: each is caught, and its cause is the one told.

The functions are written out, and share no line with the mistakes of the exercises.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from skimage.metrics import structural_similarity
from torch.nn import functional as F  # noqa: N812 - its usual name

from vdsr_lib.exercises import ExerciseError, check_exercise
from vdsr_lib.exercises.comparing import in_words
from vdsr_lib.images import crop_to_multiple, degrade, rgb_to_luma, to_uint8
from vdsr_lib.resize import imresize


def _error(reference: Any, estimate: Any, border: int) -> Any:
    height, width = reference.shape
    inside = np.s_[border : height - border, border : width - border]
    return reference[inside].astype(float) - estimate[inside].astype(float)


def _psnr(reference: Any, estimate: Any, border: int) -> float:
    return float(
        10 * np.log10(255**2 / np.mean(_error(reference, estimate, border) ** 2))
    )


def _peak_of_one(reference: Any, estimate: Any, border: int) -> float:
    return float(10 * np.log10(1 / np.mean(_error(reference, estimate, border) ** 2)))


def _twenty_of_squares(reference: Any, estimate: Any, border: int) -> float:
    return 2 * _psnr(reference, estimate, border)


def _mean_before_square(reference: Any, estimate: Any, border: int) -> float:
    return float(
        10 * np.log10(255**2 / np.mean(_error(reference, estimate, border)) ** 2)
    )


def _kernel(x: Any) -> Any:
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def _from_the_rim(length: int, scale: float, i: int) -> Any:
    weights = _kernel(min(scale, 1) * ((i + 0.5) / scale - np.arange(length)))
    return weights / weights.sum()


def _always_stretched(length: int, scale: float, i: int) -> Any:
    weights = _kernel(scale * ((i + 0.5) / scale - 0.5 - np.arange(length)))
    return weights / weights.sum()


def _in_two_units(rgb: Any, scale: int) -> float:
    hr = crop_to_multiple(rgb_to_luma(rgb), scale)
    return _psnr(hr, degrade(hr, scale), scale)


def _uncropped(rgb: Any, scale: int) -> float:
    hr = rgb_to_luma(rgb)
    return _psnr(hr, to_uint8(degrade(hr, scale)), scale)


def _in_full_range(rgb: Any, scale: int) -> float:
    red, green, blue = np.moveaxis(rgb.astype(float), -1, 0)
    luma = np.floor(0.299 * red + 0.587 * green + 0.114 * blue + 0.5)
    hr = crop_to_multiple(luma.astype(np.uint8), scale)
    return _psnr(hr, to_uint8(degrade(hr, scale)), scale)


def _clipped_to_black_and_white(rgb: Any, scale: int) -> float:
    hr = crop_to_multiple(rgb_to_luma(rgb), scale)
    small = imresize(hr / 255, 1 / scale)
    wide = np.clip(imresize(small, shape=hr.shape), 0, 1)
    return _psnr(hr, np.floor(255 * wide + 0.5), scale)


def _with_another_k1(reference: Any, estimate: Any, border: int) -> float:
    one, other = (
        x[border:-border, border:-border].astype(float) for x in (reference, estimate)
    )
    how: dict[str, Any] = {"gaussian_weights": True, "sigma": 1.5, "data_range": 255}
    found: float = structural_similarity(
        one, other, use_sample_covariance=False, K1=0.02, **how
    )
    return found


def _target_left_as_it_is(ilr: Any, hr: Any, quarters: int, mirror: bool) -> Any:
    for _ in range(quarters):
        ilr = ilr.transpose(-1, -2).flip(-2)
    return (ilr.flip(-1) if mirror else ilr), hr


def _batch_and_channel(ilr: Any, hr: Any, quarters: int, mirror: bool) -> Any:
    both = [x.rot90(quarters) for x in (ilr, hr)]
    return [x.flip(-1) for x in both] if mirror else both


def _clockwise(ilr: Any, hr: Any, quarters: int, mirror: bool) -> Any:
    both = torch.stack((ilr, hr))
    for _ in range(quarters):
        both = both.flip(-2).transpose(-1, -2)
    return both.flip(-1) if mirror else both


def _padded_once(layers: Any, ilr: Any) -> Any:
    half = sum(weight.shape[-1] // 2 for weight, _ in layers)
    x = F.pad(ilr, [half] * 4, mode="replicate")
    for weight, bias in layers[:-1]:
        x = F.conv2d(x, weight, bias).relu()
    return F.conv2d(x, *layers[-1])


def _padding_forgotten(layers: Any, ilr: Any) -> Any:
    x = ilr
    for weight, bias in layers[:-1]:
        x = F.conv2d(x, weight, bias).relu()
    return ilr + F.conv2d(x, *layers[-1])


def _no_nine(depth: int, width: int) -> list[float]:
    inner = math.sqrt(2 / width)
    return [math.sqrt(2), *[inner] * (depth - 2), inner / 1000]


def _no_root(depth: int, width: int) -> list[float]:
    inner = 2 / (9 * width)
    return [2 / 9, *[inner] * (depth - 2), inner / 1000]


def _not_in_levels(ilr: Any, residual: Any) -> Any:
    return np.floor(np.clip(ilr + residual, 0, 255) + 0.5).astype(np.uint8)


def _level_counts(psnrs: Any, level: float) -> int | None:
    for epoch in range(1, len(psnrs) + 1):
        if min(psnrs[epoch - 1 :]) >= level:
            return epoch
    return None


def _last_below(psnrs: Any, level: float) -> int:
    return max((e for e, v in enumerate(psnrs, 1) if v <= level), default=0)


def _zeros_around_the_picture(network: Any, ilr: Any, tile: int) -> Any:
    margin = network.receptive_field // 2
    height, width = ilr.shape[-2:]
    wide, result = F.pad(ilr, [margin] * 4), torch.empty_like(ilr)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            low, right = min(height, top + tile), min(width, left + tile)
            piece = wide[..., top : low + 2 * margin, left : right + 2 * margin]
            done = network(piece)[..., margin:-margin, margin:-margin]
            result[..., top:low, left:right] = done
    return result


def _rate_in_momentum(weight: Any, gradient: Any, momentum: Any, rate: float) -> Any:
    clipped = gradient.clamp(-1e-4 / rate, 1e-4 / rate)
    momentum = 0.9 * momentum + rate * (clipped + 1e-4 * weight)
    return weight - momentum, momentum


def _limit_of_theta(weight: Any, gradient: Any, momentum: Any, rate: float) -> Any:
    momentum = 0.9 * momentum + gradient.clamp(-1e-4, 1e-4) + 1e-4 * weight
    return weight - rate * momentum, momentum


def _clip_after_the_step(weight: Any, gradient: Any, momentum: Any, rate: float) -> Any:
    momentum = 0.9 * momentum + gradient + 1e-4 * weight
    return weight - (rate * momentum).clamp(-1e-4, 1e-4), momentum


def _step_on(weights: list[Any], loss: Any, velocity: Any) -> None:
    slopes = torch.autograd.grad(loss, weights)
    with torch.no_grad():
        for weight, slope, speed in zip(weights, slopes, velocity, strict=True):
            speed.mul_(0.9).add_(slope.clamp(-1e-3, 1e-3))
            weight.sub_(0.1 * speed)


def _with_the_half(network: Any, ilr: Any, hr: Any, velocity: Any) -> None:
    loss = 0.5 * (network(ilr) - hr).square().sum() / len(hr)
    _step_on(list(network.parameters()), loss, velocity)


def _with_the_root(network: Any, ilr: Any, hr: Any, velocity: Any) -> None:
    loss = ((network(ilr) - hr).square().sum() / len(hr)).sqrt()
    _step_on(list(network.parameters()), loss, velocity)


def _without_the_biases(network: Any, ilr: Any, hr: Any, velocity: Any) -> None:
    loss = (network(ilr) - hr).square().sum() / len(hr)
    each = zip(network.parameters(), velocity, strict=True)
    moved = [(weight, speed) for weight, speed in each if weight.dim() > 1]
    _step_on([weight for weight, _ in moved], loss, [speed for _, speed in moved])


@pytest.mark.parametrize(
    ("name", "answer", "told"),
    [
        ("psnr", _peak_of_one, "the peak is 1"),
        ("psnr", _twenty_of_squares, "20 log10 is taken of a ratio of squares"),
        ("psnr", _mean_before_square, "the mean is taken before the square"),
        ("bicubic-row", _from_the_rim, "the half pixel is not taken off again"),
        ("bicubic-row", _always_stretched, "the kernel is squeezed when enlarging"),
        ("bicubic-score", _in_two_units, "the estimate is still in 0 to 1"),
        ("bicubic-score", _uncropped, "the luma is not cropped"),
        ("bicubic-score", _in_full_range, "luma spans 0 to 255"),
        (
            "bicubic-score",
            _clipped_to_black_and_white,
            "the estimate is clamped to 0 to 255",
        ),
        ("ssim", _with_another_k1, "K1 is 0.02"),
        (
            "layer-parameters",
            lambda i, o, k: i * o * k * k + 1,
            "there is one bias for the whole layer",
        ),
        ("srcnn-forward", _padded_once, "only the picture is padded"),
        ("vdsr-forward", _padding_forgotten, "nothing is padded"),
        ("first-weights", _no_nine, "the 9 pixels of the kernel are not counted"),
        ("first-weights", _no_root, "the root is missing"),
        ("add-back", _not_in_levels, "the sum is not multiplied by 255"),
        ("lasting-epoch", _level_counts, "a value at the level itself"),
        ("lasting-epoch", _last_below, "the last epoch that is not above"),
        (
            "next-layer",
            lambda s, j, k, t: (s + t * (k - 1), j * t),
            "the layer's own stride stands for the jump",
        ),
        (
            "patch-count",
            lambda h, w, s, p: -(-(h - h % s) // p) * -(-(w - w % s) // p),
            "a patch that is not whole is counted",
        ),
        ("turned-pair", _target_left_as_it_is, "the input alone is turned"),
        ("turned-pair", _batch_and_channel, "the batch and its channel are turned"),
        ("turned-pair", _clockwise, "the patches are turned to the right"),
        ("exact-tiles", _zeros_around_the_picture, "zeros are put around the picture"),
        ("update", _rate_in_momentum, "the rate is multiplied into the momentum"),
        ("update", _limit_of_theta, "the limit is theta, not theta / rate"),
        ("update", _clip_after_the_step, "the step is clipped instead"),
        ("training-loop", _with_the_half, "the paper's factor 1/2 is kept"),
        ("training-loop", _with_the_root, "the root of the error is taken"),
        ("training-loop", _without_the_biases, "the biases stay where they are"),
    ],
)
def test_a_natural_mistake_is_caught_and_called_by_its_name(
    name: str, answer: Callable[..., Any], told: str
) -> None:
    with pytest.raises(ExerciseError) as caught:
        check_exercise(name, answer)
    assert f"This is what comes out when {told}" in str(caught.value)


def _after_the_last_fall(psnrs: Any, level: float) -> int | None:
    falls = (e for e in range(1, len(psnrs)) if psnrs[e] < psnrs[e - 1])
    start = max(falls, default=0)
    return next((e + 1 for e in range(start, len(psnrs)) if psnrs[e] > level), None)


def _two_in_a_row(psnrs: Any, level: float) -> int | None:
    above = [value > level for value in psnrs]
    for epoch in range(1, len(psnrs)):
        if above[epoch - 1] and above[epoch] and above[-1]:
            return epoch
    return len(psnrs) if above[-1] else None


@pytest.mark.parametrize("answer", [_after_the_last_fall, _two_in_a_row])
def test_to_last_is_neither_to_rise_nor_to_be_above_twice(
    answer: Callable[..., Any],
) -> None:
    with pytest.raises(ExerciseError, match="lasting-epoch: not yet; 3 of 4 cases"):
        check_exercise("lasting-epoch", answer)


def _neighbours_at_both_sides(s: int, j: int, k: int, t: int) -> tuple[int, int]:
    return s + 2 * j * (k // 2), j * t


def _neighbours_in_all_layers(layers: Any) -> int:
    side = jump = 1
    for kernel, stride, dilation in layers:
        side += 2 * jump * dilation * (kernel // 2)
        jump *= stride
    return side


def _looked_up_by_its_value(psnrs: Any, level: float) -> int | None:
    for value in reversed(psnrs):
        if value <= level:
            epoch: int = psnrs.index(value) + 2
            return epoch if epoch <= len(psnrs) else None
    return 1


def _ahead_or_behind(scores: Any, better: str, worse: str) -> dict[str, float]:
    wide = scores.pivot_table("psnr", ["dataset", "scale"], "method")
    gains: dict[str, float] = (wide[better] - wide[worse]).groupby("dataset").mean()
    return {name: abs(gain) for name, gain in gains.items()}


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("next-layer", _neighbours_at_both_sides),  # right for an odd kernel
        ("receptive-field", _neighbours_in_all_layers),  # likewise
        ("lasting-epoch", _looked_up_by_its_value),  # right if no value comes twice
        ("gain", _ahead_or_behind),  # right for a method that is ahead
    ],
)
def test_an_answer_that_is_right_in_most_cases_is_wrong(
    name: str, answer: Callable[..., Any]
) -> None:
    with pytest.raises(ExerciseError, match=r"not yet; [1-4] of [345] cases are right"):
        check_exercise(name, answer)


def _loss_by_the_side(predicted: Any, ilr: Any, hr: Any) -> Any:
    return (ilr + predicted - hr).square().sum() / hr.shape[-1]


def _slope_by_the_side(predicted: Any, ilr: Any, hr: Any) -> Any:
    return 2 * (ilr + predicted - hr) / hr.shape[-1]


def _from_the_output(side: int, jump: int, kernel: int, stride: int) -> Any:
    return (side - 1) * stride + kernel, jump * stride


def _the_last_stride_alone(layers: Any) -> int:
    side = before = 1
    for kernel, stride, dilation in layers:
        side += before * dilation * (kernel - 1)
        before = stride
    return side


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("residual-loss", _loss_by_the_side),
        ("loss-slope", _slope_by_the_side),
        ("next-layer", _from_the_output),
        ("next-layer", lambda s, j, k, t: (s + j * (k - t), j * t)),
        ("receptive-field", _the_last_stride_alone),
        (
            "patch-count",
            lambda h, w, s, p: round((h - h % s) / p) * round((w - w % s) / p),
        ),
    ],
)
def test_a_mistake_is_not_called_by_the_name_of_another(
    name: str, answer: Callable[..., Any]
) -> None:
    """Small numbers coincide: of 2 x 2 pixels, the side and the factor are both 2."""
    with pytest.raises(ExerciseError, match="not yet") as caught:
        check_exercise(name, answer)
    assert "This is what comes out when" not in str(caught.value)


def test_the_last_layers_deviation_is_small_and_counts_all_the_same() -> None:
    """It is 6e-5 at width 64, where the tolerance of other numbers is 1e-5."""

    def bias_counted(depth: int, width: int) -> list[float]:
        inner = math.sqrt(2 / (9 * width))
        last = math.sqrt(2 / (9 * width + 1)) / 1000
        return [math.sqrt(2) / 3, *[inner] * (depth - 2), last]

    with pytest.raises(ExerciseError, match="first-weights: not yet"):
        check_exercise("first-weights", bias_counted)


def test_where_none_is_right_nothing_is_said_of_return() -> None:
    with pytest.raises(ExerciseError) as caught:
        check_exercise("lasting-epoch", lambda psnrs, level: 4)
    assert "ends without return" not in str(caught.value)
    assert in_words(None, 4, 0) == ("None", "4")
    assert in_words(4, None, 0) == ("4", "None: the function ends without return")


def test_a_pandas_series_is_called_one() -> None:
    """Written out, it has the numbers that were expected, and no word that differs."""
    series = pd.Series({"Set5": 0.5, "Set14": 0.25})
    expected = {"Set5": 0.5, "Set14": 0.25}
    assert in_words(expected, series, 0)[1] == "a pandas Series of 2 values"
