"""Reading pictures: each kind of file, and each kind of mishap.

Expected values are those that were put in; the files are written by Pillow, by
tifffile, and for 16-bit PNG by the few lines below, never by the library.
"""

from __future__ import annotations

import os
import re
import struct
import threading
import warnings
import zlib
from io import BytesIO

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from vdsr_lib.errors import PictureError
from vdsr_lib.images import MAX_PIXELS, Picture, read_picture

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (13, 17, 3), np.uint8)
GREY = RANDOM.integers(0, 256, (13, 17), np.uint8)
ALPHA = RANDOM.integers(0, 256, (13, 17), np.uint8)
WIDE_RGB = RANDOM.integers(0, 65536, (13, 17, 3), np.uint16)
WIDE_GREY = RANDOM.integers(0, 65536, (13, 17), np.uint16)
WIDE_ALPHA = RANDOM.integers(0, 65536, (13, 17), np.uint16)
PNG_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by the number of bands


def encode(image: Image.Image | np.ndarray, kind: str, **options) -> bytes:
    """The content of a file, by Pillow."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png(
    samples: np.ndarray, bits: int = 16, transparent: tuple = (), width: int = 0
) -> bytes:
    """A PNG file by hand, from the specification: no filter, one chunk of data.

    Of fewer than 8 bits the samples are packed, and `width` is the picture's.
    """

    def chunk(name: bytes, content: bytes) -> bytes:
        body = name + content
        return (
            struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
        )

    height = samples.shape[0]
    bands = 1 if samples.ndim == 2 else samples.shape[2]
    header = (width or samples.shape[1], height, bits, PNG_COLOUR_TYPES[bands], 0, 0, 0)
    rows = samples.astype(f">u{max(1, bits // 8)}").reshape(height, -1)
    content = b"".join(b"\0" + row.tobytes() for row in rows)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", *header)),
            chunk(b"tRNS", struct.pack(f">{len(transparent)}H", *transparent))
            if transparent
            else b"",
            chunk(b"IDAT", zlib.compress(content)),
            chunk(b"IEND", b""),
        ]
    )


def tiff(samples: np.ndarray, **options) -> bytes:
    """A TIFF file, by tifffile."""
    stream = BytesIO()
    tifffile.imwrite(stream, samples, **options)
    return stream.getvalue()


def narrowed(wide: np.ndarray) -> np.ndarray:
    """16 bits in 8: 65535 becomes 255, so one step is 257."""
    return np.floor(wide / 257 + 0.5).astype(np.uint8)


def assert_holds(picture: Picture, pixels: np.ndarray, alpha: np.ndarray | None = None):
    np.testing.assert_array_equal(picture.pixels, pixels)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags.c_contiguous
    assert picture.pixels.flags.writeable
    if alpha is None:
        assert picture.alpha is None
    else:
        np.testing.assert_array_equal(picture.alpha, alpha)
        assert picture.alpha.dtype == np.uint8


class TestEightBits:
    @pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
    @pytest.mark.parametrize("pixels", [RGB, GREY], ids=["colour", "grey"])
    def test_colour_and_grey(self, kind, pixels):
        assert_holds(read_picture(encode(pixels, kind)), pixels)

    @pytest.mark.parametrize("kind", ["JPEG", "WEBP", "JPEG2000", "AVIF"])
    def test_lossy_kinds_come_near(self, kind):
        smooth = np.add.outer(np.arange(40), np.arange(50)).astype(np.uint8)
        colour = np.dstack([smooth, smooth + 30, 200 - smooth])
        try:
            content = encode(colour, kind, quality=95)
        except (KeyError, OSError) as error:
            pytest.skip(f"this Pillow writes no {kind}: {error}")
        found = read_picture(content).pixels
        assert np.abs(found.astype(int) - colour).mean() < 4

    def test_grey_jpeg_stays_grey(self):
        assert not read_picture(encode(GREY, "JPEG")).is_colour

    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_alpha_is_kept_aside(self, kind):
        with_alpha = encode(np.dstack([RGB, ALPHA]), kind)
        assert_holds(read_picture(with_alpha), RGB, ALPHA)
        with_alpha = encode(np.dstack([GREY, ALPHA]), kind)
        assert_holds(read_picture(with_alpha), GREY, ALPHA)

    def test_a_picture_in_two_tones(self):
        tones = GREY > 127
        content = encode(Image.fromarray(tones), "PNG")
        assert_holds(read_picture(content), np.where(tones, 255, 0))

    @pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF", "BMP"])
    def test_a_palette_becomes_colour(self, kind):
        indices = Image.fromarray(GREY % 4, "L").convert("P")
        colours = [(10, 20, 30), (200, 0, 0), (0, 200, 0), (250, 251, 252)]
        indices.putpalette([value for colour in colours for value in colour])
        pixels = np.array(colours, np.uint8)[GREY % 4]
        assert_holds(read_picture(encode(indices, kind)), pixels)

    @pytest.mark.parametrize("transparency", [2, bytes([255, 128, 0])])
    def test_a_palette_with_transparency(self, transparency):
        indices = Image.fromarray(GREY % 3, "L").convert("P")
        indices.putpalette([10, 20, 30, 200, 0, 0, 0, 200, 0])
        picture = read_picture(encode(indices, "PNG", transparency=transparency))
        opacity = transparency if isinstance(transparency, bytes) else b"\xff\xff\0"
        expected = np.frombuffer(opacity, np.uint8)[GREY % 3]
        np.testing.assert_array_equal(picture.alpha, expected)
        np.testing.assert_array_equal(picture.pixels[..., 1][GREY % 3 == 2], 200)

    def test_one_transparent_colour(self):
        content = encode(RGB, "PNG", transparency=tuple(RGB[3, 4].tolist()))
        expected = np.where(np.equal(RGB, RGB[3, 4]).all(-1), 0, 255)
        assert_holds(read_picture(content), RGB, expected)
        content = encode(GREY, "PNG", transparency=int(GREY[3, 4]))
        expected = np.where(np.equal(GREY, GREY[3, 4]), 0, 255)
        assert_holds(read_picture(content), GREY, expected)

    @pytest.mark.parametrize("bits", [1, 2, 4])
    def test_one_transparent_grey_of_few_bits(self, bits):
        """As optimisers write icons; in 8 bits the level has another number."""
        levels = (RANDOM.integers(0, 2**bits, (8, 16)) | 1).astype(np.uint8)
        levels[:4] = 0
        ones = np.unpackbits(levels[..., np.newaxis], axis=-1)[..., 8 - bits :]
        packed = np.packbits(ones.reshape(8, -1), axis=-1)  # (8, 16 * bits / 8)
        content = png(packed, bits, transparent=(1,), width=16)
        expected = np.where(levels == 1, 0, 255)
        assert_holds(read_picture(content), levels * (255 // (2**bits - 1)), expected)

    def test_cmyk(self):
        """Without black ink, cyan, magenta and yellow are what RGB lacks."""
        inks = np.dstack([255 - RGB, np.zeros_like(GREY)])
        content = encode(Image.fromarray(inks, "CMYK"), "TIFF")
        assert_holds(read_picture(content), RGB)

    def test_cmyk_jpeg_is_not_a_negative(self):
        white = Image.new("CMYK", (16, 16), (0, 0, 0, 0))
        assert read_picture(encode(white, "JPEG")).pixels.min() > 250

    def test_one_pixel(self):
        for kind in ("PNG", "BMP", "TIFF", "GIF", "JPEG"):
            picture = read_picture(encode(np.array([[77]], np.uint8), kind))
            assert picture.pixels.shape[:2] == (1, 1)
            assert np.abs(picture.pixels.astype(int) - 77).max() <= 1


class TestSixteenBits:
    def test_grey(self):
        assert_holds(read_picture(png(WIDE_GREY)), narrowed(WIDE_GREY))
        assert_holds(read_picture(encode(WIDE_GREY, "TIFF")), narrowed(WIDE_GREY))
        for byteorder in "<>":
            content = tiff(WIDE_GREY, byteorder=byteorder)
            assert_holds(read_picture(content), narrowed(WIDE_GREY))

    def test_colour_png_is_exact_in_both_bytes(self):
        assert_holds(read_picture(png(WIDE_RGB)), narrowed(WIDE_RGB))

    def test_every_value_is_rounded_exactly(self):
        every = np.arange(65536, dtype=np.uint16).reshape(256, 256)
        assert_holds(read_picture(png(every)), narrowed(every))
        colour = np.dstack([every, every.T, every[::-1]])
        assert_holds(read_picture(png(colour)), narrowed(colour))

    def test_png_with_alpha(self):
        colour = np.dstack([WIDE_RGB, WIDE_ALPHA])
        expected = narrowed(WIDE_RGB), narrowed(WIDE_ALPHA)
        assert_holds(read_picture(png(colour)), *expected)
        grey = np.dstack([WIDE_GREY, WIDE_ALPHA])
        expected = narrowed(WIDE_GREY), narrowed(WIDE_ALPHA)
        assert_holds(read_picture(png(grey)), *expected)

    def test_png_with_one_transparent_colour(self):
        """One that only its lower bytes tell from its neighbours."""
        wide = np.full((2, 2, 3), 0x1234, np.uint16)
        wide[0, 1] = 0x1235
        content = png(wide, transparent=(0x1235,) * 3)
        assert_holds(read_picture(content), narrowed(wide), [[255, 0], [255, 255]])
        content = png(wide[..., 0], transparent=(0x1235,))
        expected = narrowed(wide[..., 0]), [[255, 0], [255, 255]]
        assert_holds(read_picture(content), *expected)

    @pytest.mark.parametrize("byteorder", "<>")
    @pytest.mark.parametrize("compression", [None, "zlib"])
    @pytest.mark.parametrize("planar", ["contig", "separate"])
    def test_colour_tiff(self, byteorder, compression, planar):
        samples = WIDE_RGB if planar == "contig" else np.moveaxis(WIDE_RGB, -1, 0)
        content = tiff(
            samples,
            photometric="rgb",
            planarconfig=planar,
            byteorder=byteorder,
            compression=compression,
        )
        assert_holds(read_picture(content), narrowed(WIDE_RGB))

    def test_tiff_with_alpha(self):
        samples = np.dstack([WIDE_RGB, WIDE_ALPHA])
        content = tiff(samples, photometric="rgb", extrasamples=["unassalpha"])
        expected = narrowed(WIDE_RGB), narrowed(WIDE_ALPHA)
        assert_holds(read_picture(content), *expected)

    def test_tiff_where_zero_is_white(self):
        content = tiff(WIDE_GREY, photometric="miniswhite")
        assert_holds(read_picture(content), narrowed(65535 - WIDE_GREY))

    def test_twelve_bits_tiff_by_hand(self):
        """Two samples of 12 bits in three bytes; 4095 is white."""
        samples = np.array([[0, 4095, 2048, 1], [4094, 16, 300, 77]])
        packed = b"".join(
            int(first << 12 | second).to_bytes(3, "big")
            for first, second in samples.reshape(-1, 2).tolist()
        )
        tags = {256: 4, 257: 2, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 2}
        tags[279] = len(packed)
        content = b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed
        content += struct.pack("<H", len(tags))
        for tag, value in tags.items():
            content += struct.pack("<HHII", tag, 4, 1, value)
        content += struct.pack("<I", 0)
        expected = np.floor(samples / 4095 * 255 + 0.5)
        assert_holds(read_picture(content), expected)

    def test_pgm(self):
        body = WIDE_GREY.astype(">u2").tobytes()
        content = b"P5 17 13 65535\n" + body
        assert_holds(read_picture(content), narrowed(WIDE_GREY))


class TestFloats:
    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    @pytest.mark.parametrize("colour", [True, False])
    def test_fractions(self, dtype, colour):
        fractions = (RGB if colour else GREY).astype(dtype) / dtype(255)
        content = tiff(fractions, photometric="rgb" if colour else "minisblack")
        assert_holds(read_picture(content), RGB if colour else GREY)

    @pytest.mark.parametrize("byteorder", "<>")
    @pytest.mark.parametrize("compression", [None, "zlib"])
    def test_either_byte_order(self, byteorder, compression):
        """A mask too: 1.0 with its bytes exchanged is all but 0, and so in range."""
        for samples in (GREY, np.where(GREY > 99, 255, 0).astype(np.uint8)):
            fractions = samples.astype(np.float32) / np.float32(255)
            content = tiff(fractions, byteorder=byteorder, compression=compression)
            assert_holds(read_picture(content), samples)

    def test_tiff_where_zero_is_white(self):
        fractions = GREY.astype(np.float32) / np.float32(255)
        content = tiff(fractions, photometric="miniswhite")
        assert_holds(read_picture(content), 255 - GREY)

    @pytest.mark.parametrize("dtype", [np.float32, np.uint16])
    def test_colours_multiplied_by_their_opacity_are_refused(self, dtype):
        """Taken as they are they would be too dark; 8 bits Pillow divides."""
        samples = np.zeros((4, 13, 17), dtype)
        options = {"photometric": "rgb", "planarconfig": "separate"}
        content = tiff(samples, extrasamples=["assocalpha"], **options)
        with pytest.raises(PictureError, match=r"supported \(colours multiplied by"):
            read_picture(content)
        content = tiff(samples, extrasamples=["unassalpha"], **options)
        assert read_picture(content).alpha is not None

    @pytest.mark.parametrize("colour", [True, False])
    @pytest.mark.parametrize(
        ("value", "text"), [(812.5, "0 to 812.5"), (-3, "-3 to 0"), (np.nan, "nan")]
    )
    def test_other_ranges_are_refused(self, colour, value, text):
        samples = np.zeros((5, 6, 3) if colour else (5, 6), np.float32)
        samples[2, 3] = value
        content = tiff(samples, photometric="rgb" if colour else "minisblack")
        with pytest.raises(PictureError, match=rf"floats from {text}.*scale them to"):
            read_picture(content)

    def test_integers_without_a_fixed_range_are_refused(self):
        for dtype in (np.int16, np.int32, np.uint32):
            content = tiff(np.arange(30, dtype=dtype).reshape(5, 6))
            with pytest.raises(PictureError, match=r"from 0 to 29.*8 or 16 bits"):
                read_picture(content)

    def test_signed_bytes_are_not_taken_for_unsigned_ones(self):
        content = tiff(np.array([[-128, -1], [0, 127]], np.int8))
        with pytest.raises(
            PictureError, match=r"signed 8-bit integers.*no fixed range"
        ):
            read_picture(content)

    @pytest.mark.parametrize(
        ("samples", "options", "kind"),
        [
            (np.zeros((9, 6, 5), np.float32), {"planarconfig": "contig"}, "(9, 6, 5)"),
            (np.zeros((9, 6), np.complex64), {}, "complex64"),
            (np.zeros((9, 6), np.uint64), {}, "uint64"),
        ],
    )
    def test_an_unsupported_kind_is_named(self, samples, options, kind):
        content = tiff(samples, photometric="minisblack", **options)
        with pytest.raises(PictureError, match=rf"supported \(.*{re.escape(kind)}"):
            read_picture(content)

    def test_a_compression_without_a_decoder_is_named(self):
        content = tiff(RGB.astype(np.float32) / 255, photometric="rgb")
        tag = struct.pack("<HHI", 259, 3, 1)  # compression: none
        assert content.count(tag) == 1
        value = content.index(tag) + len(tag)
        lzw = content[:value] + struct.pack("<H", 5) + content[value + 2 :]
        with pytest.raises(PictureError, match=r"supported \(.*LZW.*save it as a grey"):
            read_picture(lzw)


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("kind", ["PNG", "TIFF"])
    def test_the_picture_stands_upright(self, orientation, kind):
        exif = Image.Exif()
        exif[0x0112] = orientation
        content = encode(np.dstack([RGB, ALPHA]), kind, exif=exif)
        pillows = np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(content))))
        assert pillows.shape[:2] == ((13, 17) if orientation < 5 else (17, 13))
        assert_holds(read_picture(content), pillows[..., :3], pillows[..., 3])

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("wide", [WIDE_RGB, WIDE_RGB.astype(np.float32) / 65535])
    def test_sixteen_bits_and_floats_too(self, orientation, wide):
        tag = (274, "H", 1, orientation, True)
        content = tiff(wide, photometric="rgb", extratags=[tag])
        exif = Image.Exif()
        exif[0x0112] = orientation
        upright = ImageOps.exif_transpose(
            Image.open(BytesIO(encode(narrowed(WIDE_RGB), "PNG", exif=exif)))
        )
        assert_holds(read_picture(content), np.asarray(upright))

    def test_a_phones_jpeg(self):
        exif = Image.Exif()
        exif[0x0112] = 6  # the camera was held upright: turn clockwise
        left_half_white = np.zeros((16, 32), np.uint8)
        left_half_white[:, :16] = 255
        picture = read_picture(encode(left_half_white, "JPEG", exif=exif))
        assert picture.pixels.shape == (32, 16)
        assert picture.pixels[:14].min() > 240
        assert picture.pixels[-14:].max() < 15

    @pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff"])
    def test_damaged_exif_does_no_harm(self, exif):
        content = encode(GREY, "JPEG", exif=exif)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow may warn
            assert read_picture(content).pixels.shape == GREY.shape

    def test_an_unknown_orientation_is_taken_as_upright(self):
        exif = Image.Exif()
        exif[0x0112] = 99
        assert_holds(read_picture(encode(RGB, "PNG", exif=exif)), RGB)


class TestSeveralFrames:
    @pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP"])
    def test_the_first_is_taken(self, kind):
        frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
        options = {"lossless": True} if kind == "WEBP" else {}
        content = encode(
            frames[0], kind, save_all=True, append_images=frames[1:], **options
        )
        assert_holds(read_picture(content), np.full((6, 8, 3), (255, 0, 0)))


class TestPixelLimit:
    def test_the_default_is_64_million(self):
        assert MAX_PIXELS == 64_000_000

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"])
    def test_the_limit_counts_pixels(self, kind):
        content = encode(RGB, kind)
        assert read_picture(content, max_pixels=13 * 17).pixels.shape == RGB.shape
        with pytest.raises(PictureError, match=r"17 x 13 pixels, above the limit of 2"):
            read_picture(content, max_pixels=13 * 17 - 1)

    def test_a_tiff_that_pillow_cannot_read_is_measured_too(self):
        content = tiff(RGB.astype(np.float32) / 255, photometric="rgb")
        with pytest.raises(PictureError, match="above the limit of 100"):
            read_picture(content, max_pixels=100)

    @pytest.mark.parametrize("side", [8_001, 30_000, 2**31 - 1])
    def test_a_bomb_is_not_decoded(self, side, monkeypatch):
        """Its data are garbage: decoding would fail in another way."""
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
        bomb = bytearray(png(GREY, bits=8))
        bomb[16:24] = struct.pack(">II", side, side)
        bomb[29:33] = struct.pack(">I", zlib.crc32(bomb[12:29]))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(PictureError, match="above the limit of 64,000,000"):
                read_picture(bytes(bomb))

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP"])
    def test_a_larger_limit_needs_no_setting_of_pillow(self, kind, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for limit in (1000, None):
                picture = read_picture(encode(RGB, kind), max_pixels=limit)
                assert picture.pixels.shape == RGB.shape
        assert Image.MAX_IMAGE_PIXELS == 10

    def test_where_pillow_itself_insists_the_way_out_is_named(self, monkeypatch):
        content = encode(RGB, "TIFF")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
        with pytest.raises(PictureError, match=r"PIL.Image.MAX_IMAGE_PIXELS = None"):
            read_picture(content)

    @pytest.mark.parametrize("limit", [0, -5, float("nan")])
    def test_a_limit_is_positive(self, limit):
        with pytest.raises(ValueError, match="max_pixels must be at least 1, or None"):
            read_picture(b"", max_pixels=limit)

    def test_threads_do_not_disturb_one_another(self):
        content, outcomes = encode(RGB, "PNG"), []

        def read(limit: int) -> None:
            for _ in range(20):
                try:
                    outcomes.append((limit, read_picture(content, max_pixels=limit)))
                except PictureError:
                    outcomes.append((limit, None))

        threads = [threading.Thread(target=read, args=(n,)) for n in (220, 221) * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(outcomes) == 120
        assert all((limit == 221) == (found is not None) for limit, found in outcomes)


class TestMishaps:
    def test_there_is_no_such_file(self, tmp_path):
        with pytest.raises(PictureError, match=r"absent.png does not exist"):
            read_picture(tmp_path / "absent.png")

    def test_a_folder(self, tmp_path):
        with pytest.raises(PictureError, match="is a folder: give one picture file"):
            read_picture(tmp_path)

    def test_a_pipe_is_not_waited_for(self, tmp_path):
        if not hasattr(os, "mkfifo"):
            pytest.skip("this system has no named pipes")
        os.mkfifo(tmp_path / "pipe.png")
        with pytest.raises(PictureError, match="not an ordinary file"):
            read_picture(tmp_path / "pipe.png")

    def test_a_name_that_cannot_be(self):
        for name in ("a\0b.png", "x" * 5000):
            with pytest.raises(
                PictureError, match=r"no usable file name|does not exist"
            ):
                read_picture(name)

    def test_an_empty_file(self, tmp_path):
        (tmp_path / "empty.png").touch()
        with pytest.raises(PictureError, match=r"empty.png is empty \(0 bytes\)"):
            read_picture(tmp_path / "empty.png")

    @pytest.mark.skipif(os.name == "nt", reason="permissions differ")
    def test_a_file_that_may_not_be_read(self, tmp_path, monkeypatch):
        path = tmp_path / "secret.png"
        path.write_bytes(encode(RGB, "PNG"))

        def refuse(*_arguments, **_options):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(type(path), "open", refuse)
        with pytest.raises(PictureError, match=r"secret.png may not be read"):
            read_picture(path)

    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (b"just some words", "of a known kind: give a PNG"),
            (b"\n<!DOCTYPE html><title>404</title>", "a web page"),
            (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
            (b"PK\x03\x04....", "a ZIP archive"),
            (b"%PDF-1.7", "a PDF document"),
            (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
        ],
    )
    def test_what_is_no_picture_is_called_by_its_name(self, content, kind):
        with pytest.raises(
            PictureError, match=f"the picture is not a picture .*{kind}"
        ):
            read_picture(content)

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "GIF", "WEBP"])
    def test_a_file_cut_off_in_the_middle(self, kind, tmp_path):
        content = encode(RGB.repeat(8, 0).repeat(8, 1), kind)
        path = tmp_path / f"half.{kind.lower()}"
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(PictureError, match=r"half\.\w+ is cut off or damaged, get"):
            read_picture(path)

    def test_the_name_that_was_given_is_used(self, tmp_path):
        path = tmp_path / "upload-7f3a.tmp"
        path.touch()
        for source in (path, b""):
            with pytest.raises(PictureError, match=r"^holiday.jpg is empty"):
                read_picture(source, name="holiday.jpg")

    def test_too_little_memory(self, monkeypatch):
        from vdsr_lib.images import reading

        def fail(*_arguments):
            raise MemoryError

        monkeypatch.setattr(reading, "decode", fail)
        with pytest.raises(PictureError, match="does not fit into memory"):
            read_picture(encode(RGB, "PNG"))


SAMPLES = {
    "png": encode(RGB, "PNG"),
    "wide-png": png(WIDE_RGB),
    "wide-grey-alpha-png": png(np.dstack([WIDE_GREY, WIDE_ALPHA])),
    "jpeg": encode(RGB, "JPEG"),
    "gif": encode(Image.fromarray(RGB).quantize(16), "GIF"),
    "bmp": encode(RGB, "BMP"),
    "tiff": encode(RGB, "TIFF", compression="tiff_lzw"),
    "wide-tiff": tiff(WIDE_RGB, photometric="rgb"),
    "float-tiff": tiff(RGB.astype(np.float32) / 255, photometric="rgb"),
    "webp": encode(RGB, "WEBP"),
    "ppm": encode(RGB, "PPM"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("content", SAMPLES.values(), ids=SAMPLES)
class TestAnyDamage:
    """Whatever is wrong, there is a picture or one sentence, never another error."""

    def attempt(self, content: bytes) -> None:
        try:
            picture = read_picture(content, max_pixels=1_000_000)
        except PictureError as error:
            assert str(error).startswith("the picture ")  # noqa: PT017
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert picture.pixels.size > 0

    def test_cut_off_anywhere(self, content):
        for length in range(0, len(content), max(1, len(content) // 60)):
            self.attempt(content[:length])

    def test_bytes_changed_anywhere(self, content):
        random = np.random.default_rng(7)
        for _ in range(100):
            damaged = bytearray(content)
            start = int(random.integers(0, min(len(content), 200)))
            damaged[start : start + 3] = random.bytes(3)
            self.attempt(bytes(damaged))


class TestPicture:
    def test_a_path_as_text_and_the_name(self, tmp_path):
        path = tmp_path / "my holiday.v2.png"
        path.write_bytes(encode(RGB, "PNG"))
        assert read_picture(str(path)).name == "my holiday.v2"
        assert read_picture(path.read_bytes()).name == "picture"
        assert read_picture(bytearray(path.read_bytes()), name="x").name == "x"

    def test_it_says_what_it_is(self):
        picture = Picture(RGB, ALPHA, "sea")
        assert repr(picture) == "Picture('sea', 17 x 13 pixels, RGB with alpha)"
        assert repr(Picture(GREY)) == "Picture('picture', 17 x 13 pixels, grey)"

    def test_it_cannot_be_changed(self):
        with pytest.raises(AttributeError):
            Picture(RGB).pixels = GREY

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ((RGB / 255,), TypeError, "pixels must be an array of uint8, got float64"),
            ((RGB.tolist(),), TypeError, "got list"),
            ((RGB, ALPHA / 255), TypeError, "alpha must be an array of uint8"),
            ((RGB, ALPHA[1:]), ValueError, r"alpha must be \(13, 17\)"),
            ((np.dstack([RGB, ALPHA]),), ValueError, r"got \(13, 17, 4\)"),
            ((RGB[:0],), ValueError, r"got \(0, 17, 3\)"),
        ],
    )
    def test_it_holds_nothing_else(self, arguments, error, message):
        with pytest.raises(error, match=message):
            Picture(*arguments)
