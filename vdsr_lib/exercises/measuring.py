"""Assignment 1: luma, crop, PSNR, a row of bicubic weights, SSIM, the protocol."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vdsr_lib.datasets import load_images
from vdsr_lib.exercises.exercise import Case, Exercise, call_report
from vdsr_lib.images import crop_to_multiple, degrade, rgb_to_luma, to_uint8
from vdsr_lib.metrics import psnr, ssim
from vdsr_lib.protocol import MISTAKES, Protocol, bicubic_psnr
from vdsr_lib.resize import imresize

__all__ = ["EXERCISES"]

Array: TypeAlias = NDArray[Any]


def _noise(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def _full_range(rgb: Array) -> Array:
    return np.floor(rgb @ [0.299, 0.587, 0.114] + 0.5).astype(np.uint8)


def _unrounded_luma(rgb: Array) -> Array:
    return (16 + rgb @ [65.481, 128.553, 24.966] / 255).astype(np.uint8)


def _luma_cases() -> list[Case]:
    colours = "black, white, red, green, blue"
    pixels = [[[0] * 3, [255] * 3, [255, 0, 0], [0, 255, 0], [0, 0, 255]]]
    grey = np.full((2, 3, 3), 100, np.uint8)
    return [
        Case(f"five pixels: {colours}", (np.array(pixels, np.uint8),)),
        Case("a picture of 2 x 3 in the grey (100, 100, 100)", (grey,)),
        Case("a picture of 20 x 30 random colours", (_noise(20, 30, 3),)),
    ]


def _crop_cases() -> list[Case]:
    shapes = ((7, 11, 2), (8, 12, 4), (10, 9, 4), (5, 8, 3))
    return [
        Case(f"a picture of {h} x {w}, scale {s}", (_noise(h, w), s))
        for h, w, s in shapes
    ]


def _middle(picture: Array, scale: int) -> Array:
    height, width = picture.shape
    top, left = height % scale // 2, width % scale // 2
    rows, columns = height - height % scale, width - width % scale
    return picture[top : top + rows, left : left + columns]


def _from_the_top(picture: Array, scale: int) -> Array:
    return picture[picture.shape[0] % scale :, picture.shape[1] % scale :]


def _by_slices(picture: Array, scale: int) -> Array:
    return picture[: -(picture.shape[0] % scale), : -(picture.shape[1] % scale)]


def _right(reference: Array, estimate: Array, border: int) -> float:
    return psnr(reference, estimate, border=border)


def _decibels(error: Array, peak: float = 255.0) -> float:
    return float(10 * np.log10(peak**2 / np.mean(np.square(error))))


def _floats(reference: Array, estimate: Array, border: int) -> tuple[Array, Array]:
    height, width = reference.shape
    inside = np.s_[border : height - border, border : width - border]
    return reference[inside].astype(float), estimate[inside].astype(float)


def _wrapped(reference: Array, estimate: Array, border: int) -> float:
    one, other = (x.astype(np.uint8) for x in _floats(reference, estimate, border))
    return _decibels((one - other).astype(float))


def _wrapped_square(reference: Array, estimate: Array, border: int) -> float:
    one, other = (x.astype(np.uint8) for x in _floats(reference, estimate, border))
    return float(10 * np.log10(255**2 / np.mean((one - other) ** 2)))


def _short_square(reference: Array, estimate: Array, border: int) -> float:
    one, other = (x.astype(np.int16) for x in _floats(reference, estimate, border))
    return float(10 * np.log10(255**2 / np.mean((one - other) ** 2)))


def _own_peak(reference: Array, estimate: Array, border: int) -> float:
    one, other = _floats(reference, estimate, border)
    return _decibels(one - other, peak=one.max())


def _one_corner(reference: Array, estimate: Array, border: int) -> float:
    error = reference.astype(float) - estimate.astype(float)
    return _decibels(error[border:, border:])


def _unsquared_peak(reference: Array, estimate: Array, border: int) -> float:
    one, other = _floats(reference, estimate, border)
    return float(10 * np.log10(255 / np.mean((one - other) ** 2)))


def _peak_of_one(reference: Array, estimate: Array, border: int) -> float:
    one, other = _floats(reference, estimate, border)
    return _decibels(one - other, peak=1.0)


def _mean_first(reference: Array, estimate: Array, border: int) -> float:
    one, other = _floats(reference, estimate, border)
    return _decibels(np.mean(one - other))


def _natural(reference: Array, estimate: Array, border: int) -> float:
    return psnr(reference, estimate, border=border) * float(np.log(10))


def _empty(reference: Array, estimate: Array, border: int) -> float:
    inside = np.s_[border:-border, border:-border]
    error = reference[inside].astype(float) - estimate[inside].astype(float)
    return _decibels(error) if error.size else float("nan")


def _pairs(side: int = 0) -> list[Case]:
    """Return pairs of pictures, at least `side` pixels high inside the border."""
    flat = np.full((12 + side, 16 + side), 100, np.uint8)
    brighter = flat + np.uint8(5)
    framed = brighter.copy()
    framed[:3], framed[-3:], framed[:, :3], framed[:, -3:] = 0, 255, 0, 255
    ramp = np.tile(np.arange(40, 220, 6, dtype=np.uint8), (20 + side, 1))
    noisy = np.clip(ramp + np.random.default_rng(1).normal(0, 9, ramp.shape), 0, 255)
    stripes = np.full_like(flat, 80)
    stripes[:, ::4] = 30
    size = f"{flat.shape[0]} x {flat.shape[1]}"
    return [
        Case(
            f"100 everywhere and 105 everywhere, {size}, border 0", (flat, brighter, 0)
        ),
        Case("105 everywhere and 100 everywhere, border 2", (brighter, flat, 2)),
        Case(
            "100 everywhere, and 105 with a frame of 3 wrong pixels, border 3",
            (flat, framed, 3),
        ),
        Case(
            "a grey ramp and the same with noise, border 2",
            (ramp, noisy.astype(np.uint8), 2),
        ),
        Case(
            "230 everywhere, and stripes of 80 and 30, border 0",
            (np.full_like(flat, 230), stripes, 0),
        ),
    ]


def _cubic(x: Array) -> Array:
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def _row(length: int, scale: float, i: int) -> Array:
    """Return a row of weights: what the library makes of single bright pixels."""
    new = round(length * scale)
    row: Array = imresize(np.eye(length), shape=(new, length))[i]  # (length,)
    return row


def _row_with(
    length: int,
    scale: float,
    i: int,
    *,
    shift: float = 0.5,
    back: float = 0.5,
    widest: float = 1.0,
    stretch: bool = True,
    normalise: bool = True,
) -> Array:
    centre = (i + shift) / scale - back
    factor = min(scale, widest) if stretch else 1
    weights = _cubic(factor * (centre - np.arange(length)))
    return weights / weights.sum() if normalise else weights


def _row_cases() -> list[Case]:
    given = ((20, 3, 31), (30, 1 / 3, 5), (24, 1 / 2, 6), (16, 2, 15), (32, 3 / 4, 9))
    words = {3: "3", 1 / 3: "1/3", 1 / 2: "1/2", 2: "2", 3 / 4: "3/4"}
    return [
        Case(f"{n} old pixels, scale {words[s]}, new pixel {i}", (n, s, i))
        for n, s, i in given
    ]


def _ssim(reference: Array, estimate: Array, border: int) -> float:
    return ssim(reference, estimate, border=border)


def _ssim_with(reference: Array, estimate: Array, border: int, **how: Any) -> float:
    from skimage.metrics import structural_similarity

    one, other = _floats(reference, estimate, border)
    paper = {
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
        "data_range": 255.0,
    }
    return float(structural_similarity(one, other, **{**paper, **how}))


def _ssim_cases() -> list[Case]:
    dark, other = _noise(2, 32, 32) // 32
    return [
        *(_pairs(side=20)[i] for i in (3, 2)),
        Case("random values from 0 to 7, twice, 32 x 32, border 2", (dark, other, 2)),
    ]


def _score(rgb: Array, scale: int) -> float:
    return bicubic_psnr(rgb, scale)


def _mistaken(name: str) -> Callable[..., float]:
    return partial(bicubic_psnr, protocol=MISTAKES[name].protocol)


def _luma_score(luma: Array, scale: int) -> float:
    hr = crop_to_multiple(luma, scale)
    return psnr(hr, to_uint8(degrade(hr, scale)), border=scale)


def _channel_scores(rgb: Array, scale: int) -> list[float]:
    return [_luma_score(rgb[..., channel], scale) for channel in range(3)]


def _over_colours(rgb: Array, scale: int) -> float:
    errors = [10 ** (-score / 10) for score in _channel_scores(rgb, scale)]
    return float(-10 * np.log10(np.mean(errors)))


def _full_range_score(rgb: Array, scale: int) -> float:
    return _luma_score(_full_range(rgb), scale)


def _uncropped_score(rgb: Array, scale: int) -> float:
    hr = rgb_to_luma(rgb)
    return psnr(hr, to_uint8(degrade(hr, scale)), border=scale)


def _in_two_units(rgb: Array, scale: int) -> float:
    hr = crop_to_multiple(rgb_to_luma(rgb), scale)
    one, other = hr.astype(float), degrade(hr, scale)
    return psnr(one, other, border=scale, data_range=255)


def _aliased(rgb: Array, scale: int) -> float:
    other = replace(
        MISTAKES["no border crop"].protocol,
        shave=True,
        resize="matlab, no antialiasing",
    )
    return bicubic_psnr(rgb, scale, other)


def _score_cases() -> list[Case]:
    bars = np.zeros((36, 43, 3), np.uint8)
    bars[:, np.arange(43) % 10 < 5] = 255
    pictures = load_images("embedded-test")
    face = pictures["astronaut"][60:152, 180:275]
    cup = pictures["coffee"][100:201, 200:310]
    return [
        Case("a detail of 'astronaut', 92 x 95, scale 2", (face, 2)),
        Case("the same detail, scale 4", (face, 4)),
        Case("a detail of 'coffee', 101 x 110, scale 3", (cup, 3)),
        Case("black and white bars 5 pixels wide, 36 x 43, scale 3", (bars, 3)),
    ]


def _measured(picture: str, scale: int) -> float:
    return round(bicubic_psnr(load_images("embedded-test")[picture], scale), 2)


def _measured_cases(picture: str, scale: int) -> list[Case]:
    return [Case(f"the whole picture {picture!r}, scale {scale}", (picture, scale))]


def _measured_with(picture: str, scale: int, *, name: str) -> float:
    image = load_images("embedded-test")[picture]
    return round(bicubic_psnr(image, scale, MISTAKES[name].protocol), 2)


def _measured_full(picture: str, scale: int) -> float:
    rgb = load_images("embedded-test")[picture]
    return round(_full_range_score(rgb, scale), 2)


_UNROUNDED = "the estimate is not rounded to 8 bits before it is measured"
_FULL = (
    "luma spans 0 to 255 (full range, as in JPEG, Pillow and OpenCV) instead of "
    "BT.601's 16 to 235"
)

EXERCISES: dict[str, Exercise] = {
    "luma": Exercise(
        rgb_to_luma,
        _luma_cases,
        {
            _FULL: _full_range,
            "fractions are cut off instead of rounded": _unrounded_luma,
            "red and blue are exchanged": lambda rgb: rgb_to_luma(rgb[..., ::-1]),
        },
        (
            "What does your line give for black? It must be 16, not 0.",
            "The three weights 65.481, 128.553 and 24.966 add up to 219 = 235 - 16.",
            "y = 16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255",
        ),
    ),
    "crop": Exercise(
        crop_to_multiple,
        _crop_cases,
        {
            "the crop is taken from the middle": _middle,
            "rows and columns are cut off at the top and at the left": _from_the_top,
            "a slice ends at -0: picture[:-0] is empty, where nothing is to be cut": (
                _by_slices
            ),
            "both sides are cut by the remainder of the height": lambda p, s: p[
                : p.shape[0] - p.shape[0] % s, : p.shape[1] - p.shape[0] % s
            ],
        },
        (
            "height % scale is the number of rows that are too many.",
            "Keep the rows up to height - height % scale, and the columns likewise.",
            "picture[:rows, :columns] with rows = height - height % scale",
        ),
    ),
    "psnr": Exercise(
        _right,
        _pairs,
        {
            "uint8 values are subtracted: 100 - 105 is 251 there": _wrapped,
            "uint8 values are subtracted and squared without leaving uint8": (
                _wrapped_square
            ),
            "differences are squared in int16, which ends at 32,767: 200 * 200 is "
            "more": _short_square,
            "the border is not left out": lambda r, e, border: psnr(r, e),  # noqa: ARG005
            "the border is left out at the top and the left only": _one_corner,
            "the peak is the brightest pixel that happens to be there, not 255": (
                _own_peak
            ),
            "the peak is 1, that of values in 0 to 1: these end at 255": _peak_of_one,
            "the peak is not squared": _unsquared_peak,
            "20 log10 is taken of a ratio of squares; 20 goes with 255 / RMSE": (
                lambda r, e, border: 2 * psnr(r, e, border=border)
            ),
            "the mean is taken before the square: errors of both signs cancel": (
                _mean_first
            ),
            "the logarithm is the natural one, not that of base 10": _natural,
            "a slice ends at -0: picture[0:-0] is empty, border 0 must work too": (
                _empty
            ),
        },
        (
            "Begin by turning both pictures into floats; then shave; then measure.",
            "picture[border : height - border] works for border 0 as well, where "
            "picture[border:-border] does not.",
            "10 * np.log10(255**2 / mse), where mse is the mean of the squared "
            "differences inside the border",
        ),
    ),
    "bicubic-row": Exercise(
        _row,
        _row_cases,
        {
            "the kernel is not stretched when shrinking: no antialiasing": partial(
                _row_with, stretch=False
            ),
            "a new pixel is put at i / scale: centres are half a pixel off": partial(
                _row_with, shift=0.0, back=0.0
            ),
            "the half pixel is not taken off again: old pixel j has its centre at "
            "j + 0.5, too": partial(_row_with, back=0.0),
            "the kernel is squeezed when enlarging; it is only stretched, and only "
            "when shrinking": partial(_row_with, widest=math.inf),
            "the weights are not divided by their sum": partial(
                _row_with, normalise=False
            ),
        },
        (
            "Pixel i covers the stretch from i to i + 1, so its centre is at i + 0.5. "
            "Where is that in the old picture, whose pixel j has its centre at "
            "j + 0.5?",
            "The centre is at (i + 0.5) / scale - 0.5. When shrinking, the distances "
            "are multiplied by scale before cubic() sees them, which makes the kernel "
            "wider.",
            "weights = cubic(min(scale, 1) * (centre - np.arange(length))), and then "
            "they are divided by their sum",
        ),
        tolerance=1e-6,
    ),
    "ssim": Exercise(
        _ssim,
        _ssim_cases,
        {
            "the window is scikit-image's default, a flat one of 7 x 7": partial(
                _ssim_with, gaussian_weights=False, use_sample_covariance=True
            ),
            "the window is flat instead of Gaussian": partial(
                _ssim_with, gaussian_weights=False
            ),
            "covariances are divided by n - 1 (use_sample_covariance)": partial(
                _ssim_with, use_sample_covariance=True
            ),
            "the data range is 1 although the pictures span 0 to 255": partial(
                _ssim_with, data_range=1.0
            ),
            "K1 is 0.02; it is 0.01 by default, as in Wang et al.": partial(
                _ssim_with, K1=0.02
            ),
            "the border is not left out": lambda r, e, border: ssim(r, e),  # noqa: ARG005
        },
        (
            "Read the notes in help(structural_similarity): it says how to match "
            "Wang et al. (2004), whose settings the papers use.",
            "Three options differ from the defaults: gaussian_weights, sigma and "
            "use_sample_covariance; the data range is a fourth argument.",
            "gaussian_weights=True, sigma=1.5, use_sample_covariance=False, "
            "data_range=255, on the shaved pictures",
        ),
    ),
    "bicubic-score": Exercise(
        _score,
        _score_cases,
        {
            _FULL: _full_range_score,
            "the picture is shrunk without antialiasing": _aliased,
            "PSNR is measured over RGB instead of luma": _over_colours,
            "the PSNR of red, green and blue is averaged; only luma is measured": (
                lambda rgb, scale: float(np.mean(_channel_scores(rgb, scale)))
            ),
            "the border is not left out": _mistaken("no border crop"),
            "the luma is not cropped to a multiple of the scale": _uncropped_score,
            "the estimate is still in 0 to 1, as degrade returns it, and the original "
            "in 0 to 255": _in_two_units,
            "the estimate is clamped to 0 to 255; luma ends at 16 and 235, and bicubic "
            "overshoots both": partial(bicubic_psnr, protocol=Protocol(clamp=False)),
            _UNROUNDED: _mistaken("output not rounded"),
            "the small picture is rounded to 8 bits": _mistaken(
                "low resolution stored as 8 bits"
            ),
        },
        (
            "Five steps: luma, crop, degrade, to_uint8, psnr.",
            "degrade wants the cropped luma and gives floats; to_uint8 brings them "
            "back to 8 bits before psnr, whose border is the scale.",
            "hr = my_crop(my_luma(rgb), scale); "
            "my_psnr(hr, to_uint8(degrade(hr, scale)), scale)",
        ),
    ),
    "measured-score": Exercise(
        _measured,
        _measured_cases,
        {
            _FULL: _measured_full,
            "the border is not left out": partial(
                _measured_with, name="no border crop"
            ),
        },
        (
            "Run your my_score on the whole picture in a cell of your own.",
            "load_images('embedded-test')[picture] is the picture.",
            "Write the number that my_score printed, with two decimals.",
        ),
        tolerance=2e-4,
        run=call_report,
    ),
}
