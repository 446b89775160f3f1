"""Small pictures made otherwise than the paper makes them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vdsr_lib.protocol.damage import DAMAGES, shrink_otherwise
from vdsr_lib.resize import imresize


@pytest.fixture
def luma() -> np.ndarray:
    y, x = np.mgrid[:48, :60]
    return (120 + 60 * np.sin(x / 7) * np.cos(y / 5)).astype(np.uint8)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_nothing_is_shifted_and_sizes_divide(luma, damage, scale):
    small = shrink_otherwise(luma, scale, damage)
    assert small.dtype == np.uint8
    assert small.shape == (48 // scale, 60 // scale)
    ramp = np.tile(np.arange(60, dtype=np.uint8) * 4, (48, 1))
    slope = shrink_otherwise(ramp, scale, damage)[4:-4, 4:-4].astype(float).mean(axis=0)
    middles = 4 * ((np.arange(60 // scale) + 0.5) * scale - 0.5)[4:-4]
    # An even scale has no middle pixel: picking one is half a pixel off.
    half = 2.01 if damage == "nearest pixel" and scale % 2 == 0 else 0
    assert np.abs(slope - middles).mean() <= half + {"noise": 2.5, "JPEG": 3}.get(
        damage, 1.5
    )


def test_bicubic_is_the_library_s_and_box_a_mean(luma):
    np.testing.assert_array_equal(
        shrink_otherwise(luma, 3, "bicubic"), imresize(luma, 1 / 3)
    )
    box = shrink_otherwise(luma, 3, "box average")
    assert box[2, 3] == round(float(luma[6:9, 9:12].mean()))
    assert shrink_otherwise(luma, 3, "nearest pixel")[2, 3] == luma[7, 10]


def test_a_soft_lens_is_softer_and_noise_has_its_size(luma):
    grid = np.tile(np.array([0, 0, 0, 255, 255, 255], np.uint8), (60, 10))
    box, soft = (shrink_otherwise(grid, 3, d) for d in ("box average", "soft lens"))
    assert soft.astype(float).std() < 0.5 * box.astype(float).std()
    flat = np.full((300, 300), 128, np.uint8)
    grain = shrink_otherwise(flat, 3, "noise")
    assert grain.std() == pytest.approx(5, rel=0.05)
    assert grain.mean() == pytest.approx(128, abs=0.2)  # rounded, not cut off
    one, other = (shrink_otherwise(flat, 3, "noise", seed=s) for s in (0, 1))
    assert (one != other).any()


def test_noise_ends_at_black_and_at_white():
    """Beyond them an 8-bit number begins again at its other end."""
    for grey in (0, 255):
        noisy = shrink_otherwise(np.full((60, 60), grey, np.uint8), 2, "noise")
        assert np.abs(noisy.astype(int) - grey).max() < 50
        assert (noisy == grey).mean() > 0.4  # half of the grains lie beyond


def test_the_same_noise_comes_again_and_seed_0_is_that_of_no_seed(luma):
    one, other, again = (
        shrink_otherwise(luma, 2, "noise", **how) for how in ({}, {"seed": 1}, {})
    )
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(one, shrink_otherwise(luma, 2, "noise", seed=0))
    assert (one != other).any()


@pytest.mark.parametrize("scale", [3, 5, 7])
def test_the_nearest_pixel_is_the_middle_of_an_odd_square(scale):
    squares = np.arange((4 * scale) * (6 * scale), dtype=np.uint16) % 251
    picture = squares.reshape(4 * scale, 6 * scale).astype(np.uint8)
    kept = shrink_otherwise(picture, scale, "nearest pixel")
    for row in range(4):
        for column in range(6):
            rows, columns = (slice(scale * i, scale * i + scale) for i in (row, column))
            square = picture[rows, columns]
            assert kept[row, column] == square[scale // 2, scale // 2]


def test_a_soft_lens_sees_the_picture_go_on_at_its_border(luma):
    """As its last pixels do: with more of them around it, nothing changes within."""
    wide = np.pad(luma, 30, mode="edge")
    np.testing.assert_array_equal(
        shrink_otherwise(luma, 3, "soft lens"),
        shrink_otherwise(wide, 3, "soft lens")[10:-10, 10:-10],
    )


@pytest.mark.parametrize("damage", ["box average", "soft lens"])
def test_means_are_rounded_to_the_nearest_level(damage):
    """Columns of 101, 101 and 100, whose mean is nearer to 101."""
    columns = np.tile(np.array([101, 101, 100], np.uint8), (30, 20))
    assert (shrink_otherwise(columns, 3, damage)[:, 3:-3] == 101).all()


def test_a_soft_lens_is_a_gaussian_of_0_8_small_pixels():
    """An edge, blurred by the integral of the bell, which is an error function."""
    edge = np.repeat(np.array([[0, 200]], np.uint8), 60, axis=1).repeat(30, axis=0)
    soft = shrink_otherwise(edge, 3, "soft lens")[5]
    where = np.arange(120) - 59.5
    blurred = [100 * (1 + math.erf(x / (0.8 * 3 * math.sqrt(2)))) for x in where]
    expected = np.reshape(blurred, (40, 3)).mean(axis=1)
    assert np.abs(soft - expected).max() < 1.5


def test_jpeg_is_of_quality_40():
    """Its blocks are whole steps of the standard's table, whose first entry is 16."""
    step = (16 * (5000 // 40) + 50) // 100  # Independent JPEG Group: 20 at quality 40
    assert step == 20
    flat = np.full((24 * 8, 8 * 8), 0, np.uint8)
    for grey in range(24):
        flat[8 * grey : 8 * grey + 8] = 100 + grey
    small = shrink_otherwise(np.kron(flat, np.ones((2, 2), np.uint8)), 2, "JPEG")
    # The mean of a block is kept in steps of 20 / 8 grey levels, 128 among them.
    levels = {int(128 + k * step / 8 + 0.5) for k in range(-11, -1)}
    assert set(small[4::8, 28].tolist()) == levels  # 101, 103, 106, ... 123


def test_mistakes_are_sentences(luma):
    with pytest.raises(ValueError, match="damage must be one of bicubic, box average"):
        shrink_otherwise(luma, 3, "rain")
    for scale in (5, 7, 8):  # one of the sides, both, the other one
        said = rf"\(48, 60\) is no multiple of {scale}: crop it"
        with pytest.raises(ValueError, match=said):
            shrink_otherwise(luma, scale, "bicubic")
    with pytest.raises(ValueError, match=r"scale must be in \[1\.1, 8\], got 0"):
        shrink_otherwise(luma, 0, "bicubic")
    with pytest.raises(ValueError, match=r"whole number here, got 1\.5"):
        shrink_otherwise(luma, 1.5, "bicubic")
    with pytest.raises(TypeError, match=r"luma must be uint8 in \[0, 255\], got float"):
        shrink_otherwise(luma / 255, 3, "box average")
