"""Writing pictures: what is read back, by Pillow, is what was written."""

from __future__ import annotations

import errno

import numpy as np
import pytest
from PIL import Image

from vdsr_lib.errors import PictureError
from vdsr_lib.images import read_picture, write_picture, writing

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (13, 17, 3), np.uint8)
GREY = RANDOM.integers(0, 256, (13, 17), np.uint8)
ALPHA = RANDOM.integers(0, 256, (13, 17), np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".tif", ".tiff", ".bmp"])
@pytest.mark.parametrize("pixels", [RGB, GREY], ids=["colour", "grey"])
def test_lossless_formats_keep_every_value(tmp_path, suffix, pixels):
    path = write_picture(tmp_path / f"out{suffix}", pixels)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
    np.testing.assert_array_equal(read_picture(path).pixels, pixels)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("pixels", [RGB, GREY], ids=["colour", "grey"])
def test_alpha_is_put_back(tmp_path, suffix, pixels):
    path = write_picture(str(tmp_path / f"out{suffix}"), pixels, ALPHA)
    with Image.open(path) as image:
        found = np.asarray(image)
    np.testing.assert_array_equal(found, np.dstack([pixels, ALPHA]))
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels, pixels)
    np.testing.assert_array_equal(picture.alpha, ALPHA)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
def test_jpeg_comes_near_also_in_colour_detail(tmp_path, suffix):
    """Alternating red and blue columns: halved chroma would make them one purple."""
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, 0::2, 0] = stripes[:, 1::2, 2] = 255
    path = write_picture(tmp_path / f"out{suffix}", stripes)
    with Image.open(path) as image:
        assert image.format == "JPEG"
        assert np.abs(np.asarray(image).astype(int) - stripes).mean() < 10


def test_the_folder_is_made_and_the_file_replaced(tmp_path):
    path = tmp_path / "new" / "folder" / "out.png"
    write_picture(path, RGB)
    write_picture(path, GREY)
    assert [file.name for file in path.parent.iterdir()] == ["out.png"]
    assert not read_picture(path).is_colour


def test_a_view_with_strides_is_written_as_it_looks(tmp_path):
    path = write_picture(tmp_path / "out.png", RGB[::-2, ::3])
    np.testing.assert_array_equal(read_picture(path).pixels, RGB[::-2, ::3])


@pytest.mark.parametrize("name", ["out.webp", "out", "out.png.txt"])
def test_an_unknown_suffix_is_refused(tmp_path, name):
    with pytest.raises(PictureError, match=rf"{name} .*must end in .png, .tif"):
        write_picture(tmp_path / name, RGB)


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_alpha_is_not_dropped_silently(tmp_path, suffix):
    with pytest.raises(PictureError, match=r"holds no alpha; choose .png or .tif"):
        write_picture(tmp_path / f"out{suffix}", RGB, ALPHA)


def test_floats_are_refused(tmp_path):
    with pytest.raises(TypeError, match="to_uint8 makes one of floats"):
        write_picture(tmp_path / "out.png", RGB / 255)


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    path = write_picture(tmp_path / "out.png", RGB)

    def fail(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fail)
        with pytest.raises(PictureError, match=r"out.png .*No space left on device"):
            write_picture(path, GREY)
    assert [file.name for file in tmp_path.iterdir()] == ["out.png"]
    np.testing.assert_array_equal(read_picture(path).pixels, RGB)


def test_a_folder_in_the_way_is_named(tmp_path):
    (tmp_path / "out.png").mkdir()
    with pytest.raises(PictureError, match=r"out.png cannot be written: "):
        write_picture(tmp_path / "out.png", RGB)


def test_a_side_too_long_for_jpeg_is_named(tmp_path):
    with pytest.raises(PictureError, match=r"long.jpg cannot be written: "):
        write_picture(tmp_path / "long.jpg", np.zeros((1, 70_000), np.uint8))


def test_every_suffix_has_a_format_that_pillow_writes():
    Image.init()
    assert set(writing._FORMATS.values()) <= set(Image.SAVE)


def test_a_side_that_jpeg_cannot_hold_is_named(tmp_path):
    longest = np.zeros((1, 65_500), np.uint8)
    write_picture(tmp_path / "longest.jpg", longest)
    longer = np.zeros((65_501, 1), np.uint8)
    with pytest.raises(PictureError, match=r"JPEG holds no side above 65,500.*\.png"):
        write_picture(tmp_path / "longer.jpg", longer)
    assert [path.name for path in tmp_path.iterdir()] == ["longest.jpg"]
