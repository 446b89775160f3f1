"""Luma and chroma, against exact fractions, MATLAB's documented values, skimage."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr, ycbcr2rgb

from vdsr_lib.images import (
    restore_colour,
    rgb_to_luma,
    rgb_to_ycbcr,
    to_luma,
    to_uint8,
    ycbcr_to_rgb,
)
from vdsr_lib.resize import imresize

# ITU-R BT.601, 8 bits: the 100 % colour bars as every broadcast handbook prints them.
COLOUR_BARS = {
    "white": ((255, 255, 255), (235, 128, 128)),
    "yellow": ((255, 255, 0), (210, 16, 146)),
    "cyan": ((0, 255, 255), (170, 166, 16)),
    "green": ((0, 255, 0), (145, 54, 34)),
    "magenta": ((255, 0, 255), (106, 202, 222)),
    "red": ((255, 0, 0), (81, 90, 240)),
    "blue": ((0, 0, 255), (41, 240, 110)),
    "black": ((0, 0, 0), (16, 128, 128)),
}


def every_colour(red: int) -> np.ndarray:
    """All colours with this red, as a (256, 256, 3) picture."""
    green, blue = np.mgrid[:256, :256]
    return np.stack([np.full_like(green, red), green, blue], -1).astype(np.uint8)


def one_colour(colour: tuple[int, ...]) -> np.ndarray:
    return np.array(colour, np.uint8).reshape(1, 1, 3)


@pytest.mark.parametrize(("rgb", "ycbcr"), COLOUR_BARS.values(), ids=COLOUR_BARS)
def test_the_colour_bars_have_their_published_codes(rgb, ycbcr):
    assert rgb_to_ycbcr(one_colour(rgb))[0, 0].tolist() == list(ycbcr)
    assert rgb_to_luma(one_colour(rgb))[0, 0] == ycbcr[0]


def test_every_eight_bit_colour_agrees_with_scikit_image():
    """scikit-image uses MATLAB's table in floats: equal wherever no exact half is."""
    halves = 0
    for red in range(256):
        rgb = every_colour(red)
        theirs = rgb2ycbcr(rgb)
        ours = rgb_to_ycbcr(rgb)
        clear = np.abs(theirs - np.floor(theirs) - 0.5) > 1e-9
        np.testing.assert_array_equal(ours[clear], np.floor(theirs[clear] + 0.5))
        np.testing.assert_array_equal(ours[~clear], np.round(theirs[~clear] + 0.25))
        halves += (~clear).sum(axis=(0, 1))
    np.testing.assert_array_equal(halves, [194, 0, 12])


@pytest.mark.parametrize("seed", range(3))
def test_random_colours_agree_with_exact_fractions(seed):
    rgb = np.random.default_rng(seed).integers(0, 256, (10, 10, 3), np.uint8)
    table = ["65.481 128.553 24.966", "-37.797 -74.203 112", "112 -93.786 -18.214"]
    rows = [[Fraction(number) for number in row.split()] for row in table]
    for pixel, found in zip(
        rgb.reshape(-1, 3).tolist(), rgb_to_ycbcr(rgb).reshape(-1, 3), strict=True
    ):
        for row, offset, value in zip(rows, (16, 128, 128), found, strict=True):
            exact = offset + sum(w * c for w, c in zip(row, pixel, strict=True)) / 255
            assert value == floor(exact + Fraction(1, 2))


def test_an_exact_half_rounds_up():
    """65481 R + 128553 G + 24966 B = 127500 modulo 255000, found by search."""
    colours = every_colour(0)
    green, blue = np.mgrid[:256, :256]
    halves = (128553 * green + 24966 * blue) % 255000 == 127500
    assert halves.any()
    exact = 16 + (128553 * green + 24966 * blue) / 255000
    np.testing.assert_array_equal(
        rgb_to_luma(colours)[halves], np.floor(exact[halves]) + 1
    )


def test_float_pictures_agree_with_scikit_image():
    rgb = np.random.default_rng(0).random((20, 30, 3))
    np.testing.assert_allclose(rgb_to_ycbcr(rgb), rgb2ycbcr(rgb) / 255, atol=1e-14)
    np.testing.assert_allclose(rgb_to_luma(rgb), rgb2ycbcr(rgb)[..., 0] / 255, 1e-13)


def test_back_to_rgb_agrees_with_the_published_inverse():
    """As printed in public re-implementations of ycbcr2rgb, for codes in 0 to 255."""
    inverse = [
        [0.00456621, 0.00000000, 0.00625893],
        [0.00456621, -0.00153632, -0.00318811],
        [0.00456621, 0.00791071, 0.00000000],
    ]
    codes = np.random.default_rng(1).integers(16, 236, (40, 40, 3), np.uint8)
    expected = (codes.astype(float) - [16, 128, 128]) @ np.transpose(inverse)
    found = ycbcr_to_rgb(codes / 255)
    np.testing.assert_allclose(found, expected.clip(0, 1), atol=2e-6)


def test_back_to_rgb_agrees_with_scikit_image():
    codes = np.random.default_rng(2).integers(0, 256, (100, 100, 3), np.uint8)
    theirs = ycbcr2rgb(codes.astype(float)) * 255
    clear = np.abs(theirs - np.floor(theirs) - 0.5) > 1e-6
    expected = np.floor(theirs + 0.5).clip(0, 255)
    np.testing.assert_array_equal(ycbcr_to_rgb(codes)[clear], expected[clear])


@pytest.mark.parametrize("red", range(0, 256, 15))
def test_a_round_trip_of_eight_bits_moves_no_value_by_more_than_two(red):
    rgb = every_colour(red)
    back = ycbcr_to_rgb(rgb_to_ycbcr(rgb))
    assert np.abs(back.astype(int) - rgb).max() == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_round_trip_in_floats_keeps_values_and_dtype(dtype):
    rgb = np.random.default_rng(3).random((9, 7, 3)).astype(dtype)
    ycbcr = rgb_to_ycbcr(rgb)
    back = ycbcr_to_rgb(ycbcr)
    assert ycbcr.dtype == back.dtype == dtype
    np.testing.assert_allclose(back, rgb, atol=2e-6 if dtype == np.float32 else 1e-14)


def test_to_luma_takes_colour_and_keeps_grey():
    colour = every_colour(7)
    np.testing.assert_array_equal(to_luma(colour), rgb_to_luma(colour))
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(to_luma(grey), grey)


def test_restored_colour_of_a_constant_picture_is_that_colour():
    small = np.full((4, 5, 3), (200, 30, 90), np.uint8)
    luma = np.full((12, 15), rgb_to_luma(small / 255)[0, 0])
    np.testing.assert_array_equal(
        restore_colour(luma, small), np.full((12, 15, 3), (200, 30, 90))
    )


def test_restored_colour_with_bicubic_luma_is_bicubic_rgb():
    """The conversion is linear: bicubic Y, Cb, Cr are bicubic R, G, B."""
    small = np.random.default_rng(4).integers(60, 190, (8, 9, 3), np.uint8)
    large = imresize(small / 255, 2)
    restored = restore_colour(imresize(rgb_to_luma(small / 255), 2), small)
    difference = np.abs(restored.astype(int) - np.floor(255 * large + 0.5))
    assert difference[(large > 0.01).all(-1) & (large < 0.99).all(-1)].max() == 0


def test_restored_colour_takes_luma_in_eight_bits():
    small = np.random.default_rng(5).integers(0, 256, (6, 6, 3), np.uint8)
    luma = np.random.default_rng(6).integers(16, 236, (12, 18), np.uint8)
    np.testing.assert_array_equal(
        restore_colour(luma, small), restore_colour(luma / 255, small)
    )


@pytest.mark.parametrize("make", [np.asarray, torch.tensor], ids=["NumPy", "torch"])
def test_rounding_to_eight_bits_is_matlabs(make):
    """MATLAB: uint8([-3 0 0.49 0.5 1.5 2.5 254.5 255 260]) is this."""
    values = np.array([-3, 0, 0.49, 0.5, 1.5, 2.5, 254.5, 255, 260])
    found = to_uint8(make(values / 255))
    assert found.dtype in (np.uint8, torch.uint8)
    assert found.tolist() == [0, 0, 0, 1, 2, 3, 255, 255, 255]
    assert to_uint8(found) is found


@pytest.mark.parametrize("convert", [rgb_to_luma, rgb_to_ycbcr, ycbcr_to_rgb])
class TestRefusals:
    def test_grey_is_refused(self, convert):
        with pytest.raises(ValueError, match=r"must have the shape \(H, W, 3\).*\(4, "):
            convert(np.zeros((4, 4), np.uint8))

    def test_alpha_is_refused(self, convert):
        with pytest.raises(ValueError, match=r"\(4, 4, 4\)"):
            convert(np.zeros((4, 4, 4), np.uint8))

    def test_floats_up_to_255_are_refused(self, convert):
        with pytest.raises(ValueError, match="from 0 to 235; divide a picture"):
            convert(np.linspace(0, 235, 12).reshape(2, 2, 3))

    def test_nan_is_refused(self, convert):
        with pytest.raises(ValueError, match="NaN or infinity"):
            convert(np.full((2, 2, 3), np.nan))

    @pytest.mark.parametrize("dtype", [np.uint16, np.int64, bool])
    def test_other_integers_are_refused(self, convert, dtype):
        with pytest.raises(TypeError, match=f"got {np.dtype(dtype)}"):
            convert(np.zeros((2, 2, 3), dtype))


def test_to_luma_refuses_floats_and_odd_shapes():
    with pytest.raises(TypeError, match="uint8 in"):
        to_luma(np.zeros((4, 4)))
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        to_luma(np.zeros((4, 4, 2), np.uint8))


@pytest.mark.parametrize("shape", [(4, 4, 1), (4, 4, 4), (4,)])
def test_to_luma_says_which_shapes_it_takes(shape):
    with pytest.raises(ValueError, match=r"image must .*\(H, W\) or \(H, W, 3\), got"):
        to_luma(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_not_called_a_picture_in_0_to_255(bad):
    for values in (np.full((2, 2), bad), torch.full((2, 2), bad)):
        with pytest.raises(ValueError, match="NaN or infinity") as caught:
            to_uint8(values)
        assert "255" not in str(caught.value)


@pytest.mark.parametrize("make", [np.asarray, torch.tensor], ids=["NumPy", "torch"])
def test_to_uint8_refuses_what_is_no_picture(make):
    with pytest.raises(ValueError, match="divide a picture"):
        to_uint8(make([[0.5, 200.0]]))
    with pytest.raises(TypeError, match="got int32"):
        to_uint8(make(np.zeros((2, 2), np.int32)))


@pytest.mark.parametrize("make", [np.asarray, torch.tensor], ids=["NumPy", "torch"])
def test_a_picture_without_pixels_is_one_in_eight_bits_too(make):
    assert to_uint8(make(np.zeros((0, 3)))).shape == (0, 3)


@pytest.mark.parametrize("make", [np.asarray, torch.tensor], ids=["NumPy", "torch"])
@pytest.mark.parametrize("beyond", [-1.01, 2.01])
def test_floats_may_overshoot_by_one_at_most(make, beyond):
    assert to_uint8(make([-1.0, 0.5, 2.0])).tolist() == [0, 128, 255]
    with pytest.raises(ValueError, match=f"got floats from .*{beyond}"):
        to_uint8(make([0.0, 1.0, beyond]))


@pytest.mark.filterwarnings("error")
def test_a_tensor_with_a_gradient_is_rounded_without_a_warning():
    assert to_uint8(torch.ones(2, requires_grad=True)).tolist() == [255, 255]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_in_single(dtype):
    """Every number in [0, 1] that the dtype has: 255 times one does not fit into it."""
    bits = torch.arange(2**15, dtype=torch.int16)
    halved = bits.view(dtype)
    halved = halved[halved <= 1]
    assert len(halved) > 15_000
    expected = np.floor(halved.double().numpy() * 255 + 0.5)
    np.testing.assert_array_equal(to_uint8(halved), expected)
    if dtype == torch.float16:
        np.testing.assert_array_equal(to_uint8(halved.numpy()), expected)


def test_restoring_colour_refuses_what_does_not_fit():
    small = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(TypeError, match="low_resolution must be uint8, got float64"):
        restore_colour(np.zeros((8, 8)), small / 255)
    with pytest.raises(ValueError, match=r"luma must have the shape \(H, W\)"):
        restore_colour(np.zeros((8, 8, 1)), small)
    with pytest.raises(ValueError, match=r"luma must be .* floats from 0 to 235"):
        restore_colour(np.linspace(0, 235, 64).reshape(8, 8), small)
    with pytest.raises(ValueError, match=r"low_resolution must have .* got \(4, 4\)"):
        restore_colour(np.zeros((8, 8)), small[..., 0])
