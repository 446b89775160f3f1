"""Assignment 1: each named mistake, as a student makes it, is called by its name.

The answers share no line with the mistakes of the exercises.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from vdsr_lib.datasets import load_images
from vdsr_lib.exercises.measuring import EXERCISES
from vdsr_lib.images import crop_to_multiple, degrade, rgb_to_luma, to_uint8
from vdsr_lib.resize import imresize

pytestmark = pytest.mark.filterwarnings(
    "ignore:Mean of empty slice", "ignore:invalid value encountered"
)


def _luma(red: Any, green: Any, blue: Any) -> Any:
    return 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255


def _channels(rgb: Any) -> Any:
    return np.moveaxis(rgb.astype(float), -1, 0)


def _rounded(values: Any) -> Any:
    return np.floor(values + 0.5).astype(np.uint8)


def _full_range(rgb: Any) -> Any:
    red, green, blue = _channels(rgb)
    return _rounded(0.299 * red + 0.587 * green + 0.114 * blue)


def _exchanged(rgb: Any) -> Any:
    blue, green, red = _channels(rgb)
    return _rounded(_luma(red, green, blue))


def _middle(picture: Any, scale: int) -> Any:
    rows, columns = (side // scale * scale for side in picture.shape)
    top, left = (picture.shape[0] - rows) // 2, (picture.shape[1] - columns) // 2
    return picture[top : top + rows, left : left + columns]


def _last_rows(picture: Any, scale: int) -> Any:
    rows, columns = (side // scale * scale for side in picture.shape)
    height, width = picture.shape
    return picture[height - rows :, width - columns :]


def _minus_nothing(picture: Any, scale: int) -> Any:
    more_rows, more_columns = (side % scale for side in picture.shape)
    return picture[:-more_rows, :-more_columns]


def _one_remainder(picture: Any, scale: int) -> Any:
    more = picture.shape[0] % scale
    return picture[: len(picture) - more, : picture.shape[1] - more]


def _inside(picture: Any, border: int) -> Any:
    height, width = picture.shape[:2]
    return picture[border : height - border, border : width - border]


def _error(reference: Any, estimate: Any, border: int) -> Any:
    return _inside(reference, border).astype(float) - _inside(estimate, border)


def _mse(reference: Any, estimate: Any, border: int) -> Any:
    return np.mean(_error(reference, estimate, border) ** 2)


def _psnr(reference: Any, estimate: Any, border: int) -> float:
    return float(20 * np.log10(255 / np.sqrt(_mse(reference, estimate, border))))


def _uint8_difference(reference: Any, estimate: Any, border: int) -> float:
    error = _inside(reference, border) - _inside(estimate, border)
    return float(10 * np.log10(255**2 / np.mean(error.astype(float) ** 2)))


def _uint8_square(reference: Any, estimate: Any, border: int) -> float:
    error = _inside(reference, border) - _inside(estimate, border)
    return float(10 * np.log10(255**2 / (error * error).mean()))


def _int16_square(reference: Any, estimate: Any, border: int) -> float:
    error = _inside(reference, border).astype("int16") - _inside(estimate, border)
    return float(10 * np.log10(255**2 / np.mean(error**2)))


def _first_corner(reference: Any, estimate: Any, border: int) -> float:
    return _psnr(reference[border:, border:], estimate[border:, border:], 0)


def _largest_value(reference: Any, estimate: Any, border: int) -> float:
    peak = int(reference.max())
    return float(10 * np.log10(peak**2 / _mse(reference, estimate, border)))


def _mean_before_square(reference: Any, estimate: Any, border: int) -> float:
    error = np.mean(_error(reference, estimate, border))
    return float(10 * np.log10(255**2 / error**2))


def _to_minus_zero(reference: Any, estimate: Any, border: int) -> float:
    one, other = (x[border:-border, border:-border] for x in (reference, estimate))
    mse = np.mean((one.astype(float) - other.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / mse))


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


def _never_stretched(length: int, scale: float, i: int) -> Any:
    weights = _kernel(np.arange(length) + 0.5 - (i + 0.5) / scale)
    return weights / np.sum(weights)


def _corner_to_corner(length: int, scale: float, i: int) -> Any:
    weights = _kernel((i / scale - np.arange(length)) * min(1, scale))
    return weights / np.sum(weights)


def _not_divided(length: int, scale: float, i: int) -> Any:
    return _kernel(min(1, scale) * (np.arange(length) + 0.5 - (i + 0.5) / scale))


def _similarity(reference: Any, estimate: Any, border: int, **how: Any) -> float:
    one, other = (_inside(x, border).astype(float) for x in (reference, estimate))
    found: float = structural_similarity(one, other, **how)
    return found


_WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def _unshaved_similarity(reference: Any, estimate: Any, border: int) -> float:
    return _similarity(reference, estimate, 0 * border, data_range=255, **_WANG)


def _enlarged(small: Any, hr: Any) -> Any:
    return np.clip(imresize(small, shape=hr.shape), 16 / 255, 235 / 255)


def _score_of(hr: Any, scale: int) -> float:
    return _psnr(
        hr, _rounded(255 * _enlarged(imresize(hr / 255, 1 / scale), hr)), scale
    )


def _full_range_score(rgb: Any, scale: int) -> float:
    hr = crop_to_multiple(_full_range(rgb), scale)
    return _score_of(hr, scale)


def _aliased_score(rgb: Any, scale: int) -> float:
    hr = crop_to_multiple(rgb_to_luma(rgb), scale)
    small = imresize(hr / 255, 1 / scale, antialias=False)
    return _psnr(hr, _rounded(255 * _enlarged(small, hr)), scale)


def _channel_by_channel(rgb: Any, scale: int) -> tuple[Any, Any]:
    hr = crop_to_multiple(rgb, scale)
    large = np.empty_like(hr)
    for channel in range(3):
        large[..., channel] = to_uint8(degrade(hr[..., channel], scale))
    return hr, large


def _score_of_colours(rgb: Any, scale: int) -> float:
    return _psnr(*_channel_by_channel(rgb, scale), scale)


def _mean_score_of_colours(rgb: Any, scale: int) -> float:
    hr, large = _channel_by_channel(rgb, scale)
    scores = [_psnr(hr[..., c], large[..., c], scale) for c in range(3)]
    return sum(scores) / 3


def _unshaved_score(rgb: Any, scale: int) -> float:
    hr = crop_to_multiple(rgb_to_luma(rgb), scale)
    return _psnr(hr, to_uint8(degrade(hr, scale)), 0)


def _uncropped_score(rgb: Any, scale: int) -> float:
    hr = rgb_to_luma(rgb)
    return _psnr(hr, to_uint8(degrade(hr, scale)), scale)


def _score_in_two_units(rgb: Any, scale: int) -> float:
    hr = crop_to_multiple(rgb_to_luma(rgb), scale)
    return _psnr(hr, degrade(hr, scale), scale)


def _clipped_to_black_and_white(rgb: Any, scale: int) -> float:
    hr = crop_to_multiple(rgb_to_luma(rgb), scale)
    small = imresize(hr / 255, 1 / scale)
    wide = np.clip(imresize(small, shape=hr.shape), 0, 1)
    return _psnr(hr, np.floor(255 * wide + 0.5), scale)


def _unrounded_score(rgb: Any, scale: int) -> float:
    hr = crop_to_multiple(rgb_to_luma(rgb), scale)
    return _psnr(hr, 255 * degrade(hr, scale), scale)


def _small_in_eight_bits(rgb: Any, scale: int) -> float:
    hr = crop_to_multiple(rgb_to_luma(rgb), scale)
    small = _rounded(255 * np.clip(imresize(hr / 255, 1 / scale), 0, 1))
    return _psnr(hr, _rounded(255 * _enlarged(small / 255, hr)), scale)


def _of_coffee(score: Callable[[Any, int], float]) -> float:
    return round(score(load_images("embedded-test")["coffee"], 3), 2)


GIVEN = {"measured-score": ("coffee", 3)}

ANSWERS: dict[str, list[tuple[str, Callable[..., Any]]]] = {
    "luma": [
        ("luma spans 0 to 255", _full_range),
        ("fractions are cut off", lambda x: _luma(*_channels(x)).astype(np.uint8)),
        ("red and blue are exchanged", _exchanged),
    ],
    "crop": [
        ("the crop is taken from the middle", _middle),
        ("rows and columns are cut off at the top", _last_rows),
        ("a slice ends at -0", _minus_nothing),
        ("both sides are cut by the remainder of the height", _one_remainder),
    ],
    "psnr": [
        ("uint8 values are subtracted: ", _uint8_difference),
        ("uint8 values are subtracted and squared", _uint8_square),
        ("differences are squared in int16", _int16_square),
        ("the border is not left out", lambda r, e, b: _psnr(r, e, 0 * b)),
        ("the border is left out at the top and the left only", _first_corner),
        ("the peak is the brightest pixel", _largest_value),
        ("the peak is 1", lambda r, e, b: float(-10 * np.log10(_mse(r, e, b)))),
        (
            "the peak is not squared",
            lambda r, e, b: float(10 * np.log10(255 / _mse(r, e, b))),
        ),
        (
            "20 log10 is taken of a ratio of squares",
            lambda r, e, b: float(20 * np.log10(255**2 / _mse(r, e, b))),
        ),
        ("the mean is taken before the square", _mean_before_square),
        (
            "the logarithm is the natural one",
            lambda r, e, b: float(10 * np.log(255**2 / _mse(r, e, b))),
        ),
        ("a slice ends at -0", _to_minus_zero),
    ],
    "bicubic-row": [
        ("the kernel is not stretched when shrinking", _never_stretched),
        ("a new pixel is put at i / scale", _corner_to_corner),
        ("the half pixel is not taken off again", _from_the_rim),
        ("the kernel is squeezed when enlarging", _always_stretched),
        ("the weights are not divided by their sum", _not_divided),
    ],
    "ssim": [
        ("the window is scikit-image's default", partial(_similarity, data_range=255)),
        (
            "the window is flat instead of Gaussian",
            partial(_similarity, data_range=255, use_sample_covariance=False),
        ),
        (
            "covariances are divided by n - 1",
            partial(_similarity, data_range=255, gaussian_weights=True, sigma=1.5),
        ),
        ("the data range is 1", partial(_similarity, data_range=1, **_WANG)),
        ("K1 is 0.02", partial(_similarity, data_range=255, K1=0.02, **_WANG)),
        ("the border is not left out", _unshaved_similarity),
    ],
    "bicubic-score": [
        ("luma spans 0 to 255", _full_range_score),
        ("the picture is shrunk without antialiasing", _aliased_score),
        ("PSNR is measured over RGB", _score_of_colours),
        ("the PSNR of red, green and blue is averaged", _mean_score_of_colours),
        ("the border is not left out", _unshaved_score),
        ("the luma is not cropped", _uncropped_score),
        ("the estimate is still in 0 to 1", _score_in_two_units),
        ("the estimate is clamped to 0 to 255", _clipped_to_black_and_white),
        ("the estimate is not rounded", _unrounded_score),
        ("the small picture is rounded to 8 bits", _small_in_eight_bits),
    ],
    "measured-score": [
        ("luma spans 0 to 255", lambda: _of_coffee(_full_range_score)),
        ("the border is not left out", lambda: _of_coffee(_unshaved_score)),
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
