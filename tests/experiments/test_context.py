"""Textures and best filters: against periodicity, an identity, and a known answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import correlate

from vdsr_lib import degrade, imresize, psnr
from vdsr_lib.experiments import best_filter, context_gains, filtered, texture
from vdsr_lib.images import to_uint8


def drawn(period: int | None, side: int = 40) -> np.ndarray:
    return texture(period, side, generator=np.random.default_rng(0))


def test_a_texture_repeats_with_its_period_and_the_other_never_does():
    tiled, free = drawn(5), drawn(None)
    np.testing.assert_array_equal(tiled[5:], tiled[:-5])
    np.testing.assert_array_equal(tiled[:, 5:], tiled[:, :-5])
    for shift in range(1, 20):
        assert (free[shift:] != free[:-shift]).mean() > 0.8
    for picture in (tiled, free):
        assert picture.dtype == np.uint8
        assert 16 <= picture.min() < picture.max() <= 235
        assert picture.mean() == pytest.approx(125, abs=3)
        assert picture.std() == pytest.approx(35, rel=0.1)


def test_both_kinds_have_detail_of_the_same_fineness():
    """Power spectrum: all of it between 0.15 and 0.3 cycles a pixel, but rounding."""
    for picture in (drawn(5), drawn(None)):
        power = np.abs(np.fft.fft2(picture - picture.mean())) ** 2
        f = np.abs(np.fft.fftfreq(40))
        radius = np.hypot(f[:, None], f[None, :])
        outside = power[(radius < 0.15 - 1e-9) | (radius > 0.3)].sum() / power.sum()
        assert outside < 0.01


def test_shrinking_by_3_leaves_about_a_fifth_of_the_contrast():
    """Lesson 04 says so of textures that repeat every 5 pixels; single ones differ."""
    random = np.random.default_rng(0)
    tiled = [texture(5, generator=random) / 255 for _ in range(24)]
    left = [imresize(picture, 1 / 3).std() / picture.std() for picture in tiled]
    assert np.mean(left) == pytest.approx(0.2, abs=0.03)
    assert max(left) < 1 / 3


@pytest.mark.parametrize("size", [1, 3, 5])
def test_the_best_filter_is_as_good_as_the_one_that_numpy_finds(size: int):
    picture = drawn(None)
    ilr = degrade(picture, 3)
    windows = np.lib.stride_tricks.sliding_window_view(ilr - 0.5, (size, size))
    edge = size // 2
    inner = slice(edge, 40 - edge)
    target = (picture / 255 - ilr)[inner, inner].ravel()
    seen = windows.reshape(-1, size**2)
    _, (least, *_), *_ = np.linalg.lstsq(seen, target, rcond=None)
    found = best_filter([picture], 3, size)
    assert found.shape == (size, size)
    # Near the minimum many filters are as good; the error is what is determined.
    left = np.square(target - seen @ found.ravel()).sum()
    assert least <= left < 1.02 * least < np.square(target).sum()


def test_context_helps_where_a_texture_repeats():
    gains = context_gains((3, 11))
    assert gains.index.tolist() == [3, 11]
    assert gains["repeats"][11] - gains["repeats"][3] > 15
    assert gains["never repeats"][11] - gains["never repeats"][3] < 2


def test_gains_are_decibels_of_the_mean_error_on_textures_never_fitted():
    """By SciPy's correlation and PSNR's formula, on the six textures after thirty."""
    random = np.random.default_rng(7)
    textures = [texture(5, generator=random) for _ in range(36)]
    best = best_filter(textures[:30], 3, 5)
    errors = {"before": [], "after": []}
    inner = np.s_[2:-2, 2:-2]  # where the filter sees the picture alone
    for picture in textures[30:]:
        ilr = degrade(picture, 3)
        better = ilr + correlate(ilr - 0.5, best)
        for name, estimate in (("before", ilr), ("after", better)):
            errors[name].append(np.square(picture / 255 - estimate)[inner].mean())
    decibels = {name: -10 * np.log10(np.mean(e)) for name, e in errors.items()}
    expected = decibels["after"] - decibels["before"]
    gain = context_gains([5], seed=7).loc[5, "repeats"]
    assert gain == pytest.approx(expected, rel=1e-9)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="at least 8 pixels and a period of at least"):
        drawn(3)
    with pytest.raises(ValueError, match="got 7 and None"):
        drawn(None, side=7)
    with pytest.raises(ValueError, match="size must be odd and at least 1, got 4"):
        best_filter([drawn(5)], 3, 4)


def test_a_filter_adds_what_it_predicts_and_none_leaves_bicubic():
    picture = drawn(5, side=60)
    plain = filtered(picture, 3, np.zeros((1, 1)))
    np.testing.assert_array_equal(plain, to_uint8(degrade(picture, 3)))
    better = filtered(picture, 3, best_filter([picture], 3, 7))
    inner = np.s_[6:-6, 6:-6]
    assert psnr(picture[inner], better[inner]) > psnr(picture[inner], plain[inner]) + 6
