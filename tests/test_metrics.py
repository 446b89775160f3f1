"""PSNR and SSIM, against hand cases, a direct convolution, and the paper's table."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vdsr_lib.images import (
    crop_to_multiple,
    degrade,
    read_picture,
    to_luma,
    to_uint8,
)
from vdsr_lib.metrics import psnr, psnr_and_ssim, ssim


@pytest.fixture
def pair():
    random = np.random.default_rng(0)
    reference = random.integers(0, 256, (30, 41), np.uint8)
    noise = random.integers(-20, 21, reference.shape)
    return reference, np.clip(reference + noise, 0, 255).astype(np.uint8)


def direct_ssim(first: np.ndarray, second: np.ndarray, peak: float) -> float:
    """Wang et al. 2004, equations 13 to 17, window by window, as they are printed."""
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()  # (11, 11)
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    x, y = (
        np.lib.stride_tricks.sliding_window_view(image.astype(float), (11, 11))
        for image in (first, second)
    )  # (H-10, W-10, 11, 11): the valid region
    mean_x, mean_y = (x * window).sum((2, 3)), (y * window).sum((2, 3))
    from_x, from_y = x - mean_x[..., None, None], y - mean_y[..., None, None]
    variance_x = (window * from_x**2).sum((2, 3))
    variance_y = (window * from_y**2).sum((2, 3))
    covariance = (window * from_x * from_y).sum((2, 3))
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return float((luminance * structure).mean())


class TestPsnr:
    def test_one_grey_level_everywhere_is_48_13_db(self):
        """10 log10(255^2 / 1) = 48.1308 dB, the textbook's value."""
        reference = np.full((8, 8), 100, np.uint8)
        assert psnr(reference, reference + np.uint8(1)) == pytest.approx(48.1308, 1e-6)

    def test_black_against_white_is_zero_db(self):
        black, white = np.zeros((5, 5), np.uint8), np.full((5, 5), 255, np.uint8)
        assert psnr(black, white) == pytest.approx(0, abs=1e-12)

    def test_a_tenth_everywhere_is_20_db(self):
        assert psnr(np.zeros((5, 5)), np.full((5, 5), 0.1)) == pytest.approx(20)

    def test_equal_pictures_are_infinitely_good(self, pair, recwarn):
        assert psnr(pair[0], pair[0]) == math.inf
        assert not recwarn

    def test_the_formula(self, pair):
        error = np.square(np.subtract(*pair, dtype=float)).mean()
        assert psnr(*pair) == pytest.approx(10 * math.log10(255**2 / error), 1e-12)

    def test_eight_bits_and_fractions_give_one_value(self, pair):
        fractions = [picture / 255 for picture in pair]
        assert psnr(*fractions) == pytest.approx(psnr(*pair), rel=1e-12)

    def test_single_precision_is_measured_in_double(self, pair):
        fractions = [(picture / 255).astype(np.float32) for picture in pair]
        exact = psnr(*[picture.astype(np.float64) for picture in fractions])
        assert psnr(*fractions) == exact

    def test_a_border_may_leave_two_rows(self, pair):
        reference, estimate = (picture[:12] for picture in pair)
        inner = psnr(reference[5:7, 5:-5], estimate[5:7, 5:-5])
        assert psnr(reference, estimate, border=5) == inner

    def test_colour_counts_all_channels_alike(self, pair):
        colour = [np.dstack([picture] * 3) for picture in pair]
        assert psnr(*colour) == pytest.approx(psnr(*pair), rel=1e-12)

    def test_a_stated_range_joins_dtypes(self, pair):
        reference, estimate = pair
        mixed = psnr(reference, estimate.astype(np.float64), data_range=255)
        assert mixed == psnr(reference, estimate)
        wide = [picture.astype(np.uint16) * 257 for picture in pair]
        assert psnr(*wide, data_range=65535) == pytest.approx(psnr(*pair), rel=1e-12)
        narrow = [picture / 510 for picture in pair]
        assert psnr(*narrow, data_range=0.5) == pytest.approx(psnr(*pair), rel=1e-12)


class TestSsim:
    @pytest.mark.parametrize("border", [0, 2, 9])
    def test_a_direct_convolution_agrees(self, pair, border):
        inner = tuple(slice(border, side - border) for side in pair[0].shape)
        expected = direct_ssim(pair[0][inner], pair[1][inner], 255)
        assert ssim(*pair, border=border) == pytest.approx(expected, abs=1e-12)

    def test_a_direct_convolution_agrees_on_fractions(self, pair):
        first, second = (picture / 255 for picture in pair)
        expected = direct_ssim(first, second, 1)
        assert ssim(first, second) == pytest.approx(expected, abs=1e-12)

    def test_one_window_is_enough(self, pair):
        first, second = (picture[:11, :11] for picture in pair)
        expected = direct_ssim(first, second, 255)
        assert ssim(first, second) == pytest.approx(expected, abs=1e-12)

    def test_equal_pictures_score_one(self, pair):
        assert ssim(pair[0], pair[0]) == 1

    def test_two_constants_by_hand(self):
        """No structure, so (2ab + C1) / (a^2 + b^2 + C1), C1 = 2.55^2."""
        first, second = (np.full((12, 12), grey, np.uint8) for grey in (100, 120))
        expected = (2 * 100 * 120 + 6.5025) / (100**2 + 120**2 + 6.5025)
        assert ssim(first, second) == pytest.approx(expected, rel=1e-9)

    def test_colour_is_the_mean_over_channels(self, pair):
        first = np.dstack([pair[0], pair[1], pair[0]])
        second = np.dstack([pair[1], pair[0], pair[0]])
        expected = (2 * direct_ssim(*pair, 255) + 1) / 3
        assert ssim(first, second) == pytest.approx(expected, abs=1e-12)

    @pytest.mark.parametrize(("side", "border"), [(10, 0), (14, 2)])
    def test_less_than_a_window_is_refused(self, side, border):
        picture = np.zeros((side, 40), np.uint8)
        with pytest.raises(ValueError, match=r"needs 11 x 11 pixels.*got 10 x"):
            ssim(picture, picture, border=border)


@pytest.mark.parametrize("measure", [psnr, ssim])
class TestBoth:
    def test_the_border_is_left_out(self, measure, pair):
        reference, estimate = pair
        damaged = estimate.copy()
        damaged[:3] = damaged[-3:] = 0
        damaged[:, :3] = damaged[:, -3:] = 0
        expected = measure(reference[3:-3, 3:-3], estimate[3:-3, 3:-3])
        assert measure(reference, damaged, border=3) == expected
        assert measure(reference, damaged, border=2) < expected

    def test_the_order_does_not_matter(self, measure, pair):
        assert measure(*pair) == pytest.approx(measure(*pair[::-1]), rel=1e-12)

    def test_the_result_is_a_plain_number(self, measure, pair):
        assert type(measure(*pair)) is float

    def test_different_shapes_are_refused(self, measure):
        with pytest.raises(ValueError, match=r"one shape, got \(12, 12\) and \(12, 1"):
            measure(np.zeros((12, 12)), np.zeros((12, 13)))

    @pytest.mark.parametrize("border", [-1, 6, 100])
    def test_a_border_that_leaves_nothing_is_refused(self, measure, border):
        picture = np.zeros((12, 40), np.uint8)
        with pytest.raises(ValueError, match=rf"border .* of 12 x 40, got {border}$"):
            measure(picture, picture, border=border)

    @pytest.mark.parametrize("border", [1.5, "2", True, None])
    def test_a_border_is_a_whole_number(self, measure, border):
        picture = np.zeros((12, 40), np.uint8)
        with pytest.raises(TypeError, match="whole number of pixels"):
            measure(picture, picture, border=border)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    @pytest.mark.parametrize("place", [0, 1])
    def test_what_is_no_number_is_refused(self, measure, value, place):
        pair = [np.zeros((12, 12)), np.zeros((12, 12))]
        pair[place][3, 4] = value
        name = ("reference", "estimate")[place]
        with pytest.raises(ValueError, match=f"{name} holds NaN or infinite"):
            measure(*pair)

    def test_mixed_dtypes_are_refused(self, measure, pair):
        with pytest.raises(TypeError, match="reference is uint8 and estimate float64"):
            measure(pair[0], pair[1] / 255)

    def test_other_integers_need_a_range(self, measure, pair):
        wide = [picture.astype(np.uint16) for picture in pair]
        with pytest.raises(TypeError, match=r"uint16.*or state data_range"):
            measure(*wide)

    def test_floats_up_to_255_need_a_range(self, measure, pair):
        floats = [picture.astype(float) for picture in pair]
        with pytest.raises(ValueError, match="reference holds floats from 0 to 255"):
            measure(*floats)
        assert measure(*floats, data_range=255) == measure(*pair)

    def test_floats_may_overshoot_by_one_at_most(self, measure, pair):
        floats = [picture / 255 for picture in pair]
        for value, allowed in (
            (2.0, True),
            (-1.0, True),
            (2.01, False),
            (-1.01, False),
        ):
            floats[1][5, 5] = value
            if allowed:
                assert np.isfinite(measure(*floats))
                continue
            with pytest.raises(ValueError, match=r"estimate holds floats .* not in"):
                measure(*floats)

    @pytest.mark.parametrize("data_range", [0, -1, np.nan, np.inf])
    def test_a_range_is_positive(self, measure, pair, data_range):
        with pytest.raises(ValueError, match=f"positive number, got {data_range}"):
            measure(*pair, data_range=data_range)

    @pytest.mark.parametrize("shape", [(12,), (12, 12, 4), (1, 1, 12, 12)])
    def test_other_shapes_are_refused(self, measure, shape):
        picture = np.zeros(shape)
        with pytest.raises(ValueError, match=r"shape \(H, W\) or \(H, W, 3\), got"):
            measure(picture, picture)

    @pytest.mark.parametrize("dtype", [bool, complex, object])
    def test_other_kinds_of_values_are_refused(self, measure, dtype):
        picture = np.zeros((12, 12), dtype)
        with pytest.raises(TypeError, match=f"got {np.dtype(dtype)}"):
            measure(picture, picture)

    def test_a_tensor_is_told_how_to_become_an_array(self, measure):
        tensor = torch.zeros(12, 12)
        with pytest.raises(TypeError, match=r"got Tensor; .*squeeze\(\).cpu\(\)"):
            measure(tensor, tensor)


# Kim et al. 2016, Table 3, column "Bicubic".
PUBLISHED = [
    ("set5", 2, 33.66, 0.9299),
    ("set5", 3, 30.39, 0.8682),
    ("set5", 4, 28.42, 0.8104),
    ("set14", 2, 30.24, 0.8688),
    ("set14", 3, 27.55, 0.7742),
    ("set14", 4, 26.00, 0.7027),
]


@pytest.mark.datasets
@pytest.mark.parametrize(("name", "scale", "decibel", "similarity"), PUBLISHED)
def test_bicubic_scores_what_the_paper_prints(
    real_data, name, scale, decibel, similarity
):
    scores = []
    for path in sorted((real_data / name).iterdir()):
        hr = crop_to_multiple(to_luma(read_picture(path).pixels), scale)
        sr = to_uint8(degrade(hr, scale))
        scores.append((psnr(hr, sr, border=scale), ssim(hr, sr, border=scale)))
    assert len(scores) == {"set5": 5, "set14": 14}[name]
    found = np.mean(scores, axis=0)
    assert f"{found[0]:.2f} {found[1]:.4f}" == f"{decibel:.2f} {similarity:.4f}"


def test_both_scores_as_far_as_there_are_any():
    picture = np.arange(13 * 14, dtype=np.uint8).reshape(13, 14)
    other = picture ^ 1
    scores = psnr(picture, other, border=1), ssim(picture, other, border=1)
    assert psnr_and_ssim(picture, other, border=1) == scores
    assert psnr_and_ssim(picture, picture) == (None, 1.0)
    small = psnr_and_ssim(picture, other, border=2)  # 9 x 10 pixels are left
    assert small == (psnr(picture, other, border=2), None)


def test_both_scores_leave_out_the_same_border(pair):
    """An estimate that is wrong at its border alone is as good as the truth inside."""
    reference, estimate = pair
    border = psnr(reference, estimate, border=3), ssim(reference, estimate, border=3)
    assert psnr_and_ssim(reference, estimate, border=3) == border
    assert psnr_and_ssim(reference, estimate) == (psnr(*pair), ssim(*pair))
    framed = estimate.copy()
    framed[3:-3, 3:-3] = reference[3:-3, 3:-3]
    assert psnr_and_ssim(reference, framed, border=3) == (None, 1.0)
    assert psnr_and_ssim(reference, framed, border=2)[0] == psnr(
        reference, framed, border=2
    )


def test_one_side_shorter_than_a_window_leaves_psnr_alone(pair):
    for low in (10, 14):  # of 41 pixels a row
        for flipped in (False, True):
            reference, estimate = (
                each[:low].T if flipped else each[:low] for each in pair
            )
            border = (low - 10) // 2
            expected = psnr(reference, estimate, border=border)
            assert psnr_and_ssim(reference, estimate, border=border) == (expected, None)
