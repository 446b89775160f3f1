"""Read a picture file of any usual kind, or say in one sentence why not.

Pillow does the decoding. Its own guard against decompression bombs is a setting of
the whole process, which threads would fight over, so the size is checked here between
opening the header and decoding; and only harmless formats are tried: Pillow would
start another program for PostScript.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import numpy as np
from PIL import Image, ImageFile

from vdsr_lib._files import from_home
from vdsr_lib.errors import PictureError
from vdsr_lib.images.picture import Picture
from vdsr_lib.images.samples import decode, decode_with_tifffile, needs_tifffile

if TYPE_CHECKING:
    from vdsr_lib.images.samples import Decoded

__all__ = ["MAX_PIXELS", "read_picture"]

MAX_PIXELS = 64_000_000
"""Largest picture read unless told otherwise, in pixels: 8,000 x 8,000."""

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM")
_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WRONG_KINDS = {
    b"<": "a web page or other text in angle brackets",
    b"version https://git-lfs": "a Git LFS pointer and not the file itself",
    b"PK\x03\x04": "a ZIP archive",
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript document",
}


Source: TypeAlias = str | os.PathLike[str] | bytes
Opener: TypeAlias = Callable[[], BinaryIO]


class _UnknownTiffError(Exception):
    """A TIFF file of a kind that Pillow does not know."""


def require_pictures(images: object) -> None:
    """Raise TypeError for a name, or for one picture, where pictures are wanted.

    A string is a sequence too, of letters, and so is a picture, of its rows: both would
    be taken for pictures.
    """
    if isinstance(images, (str, os.PathLike)):
        raise TypeError(
            "images must be pictures, by name or in a sequence: "
            f"load_images({str(images)!r}) reads a set or folder"
        )
    shape = np.shape(images) if isinstance(images, np.ndarray) else (0,) * 4
    if len(shape) < 3 or (len(shape) == 3 and shape[2] == 3):
        raise TypeError(
            "images must be several, by name or in a sequence, got one array of shape "
            f"{shape}: give a picture alone as [picture]"
        )


def read_picture(
    source: Source, *, max_pixels: int | None = MAX_PIXELS, name: str | None = None
) -> Picture:
    """Read a picture: PNG, JPEG, BMP, GIF, TIFF, WebP, AVIF, JPEG 2000 or PPM.

    Parameters
    ----------
    source : path-like or bytes
        A file, or the content of one.
    max_pixels : int or None
        A picture of more pixels is refused before it is decoded. None: no limit.
    name : str, optional
        What to call the picture, in the result and in errors; by default the file's.

    Returns
    -------
    Picture
        Upright (the EXIF orientation is applied) and in 8 bits. Grey stays grey;
        palette and CMYK become RGB, without colour management; a transparent colour
        becomes alpha. 16-bit samples are divided by 257 and rounded; float samples
        must lie in [0, 1]. Of an animation or a file of several pages: the first.

    Raises
    ------
    PictureError
        If the file is absent, empty, no picture, cut off or damaged, too large, or
        of a kind that has no fixed range (floats outside [0, 1], signed or 32-bit
        integers).
    ValueError
        If `max_pixels` is below 1.
    """
    _check_limit(max_pixels)
    if isinstance(source, (bytes, bytearray, memoryview)):
        where, label = name or "the picture", name or "picture"
        content = bytes(source)
        opener: Opener = lambda: BytesIO(content)  # noqa: E731
    else:
        path = from_home(source, PictureError)
        where, label = name or str(path), name or path.stem
        _require_file(path, where)
        opener = lambda: path.open("rb")  # noqa: E731
    try:
        pixels, alpha = _read(opener, where, max_pixels)
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(
            f"{where} is above the limit that Pillow has for the whole process, "
            "whatever max_pixels says: set PIL.Image.MAX_IMAGE_PIXELS = None once, "
            "before any thread reads pictures"
        ) from error
    except PermissionError as error:
        raise PictureError(f"{where} may not be read: permission denied") from error
    except MemoryError as error:
        raise PictureError(f"{where} does not fit into memory: make it smaller") from (
            error
        )
    except Exception as error:
        raise PictureError(
            f"{where} is cut off or damaged, get the file again ({_cause(error)})"
        ) from error
    return Picture(pixels, alpha, label)


def _read(opener: Opener, where: str, max_pixels: int | None) -> Decoded:
    """Return pixels and alpha of the file that `opener` opens."""

    def check_size(width: int, height: int) -> None:
        if max_pixels is not None and width * height > max_pixels:
            raise PictureError(
                f"{where} has {width:,} x {height:,} pixels, above the limit of "
                f"{max_pixels:,}: shrink it, or pass a larger max_pixels"
            )

    with ExitStack() as stack:

        def open_header() -> ImageFile.ImageFile:
            return _open_header(stack.enter_context(opener()), where)

        try:
            image = open_header()
        except _UnknownTiffError:
            image = None
        if image is None or needs_tifffile(image):
            stream = stack.enter_context(opener())
            return decode_with_tifffile(stream, where, check_size)
        check_size(*image.size)
        return decode(image, open_header, where)


def _open_header(stream: BinaryIO, where: str) -> ImageFile.ImageFile:
    """Let Pillow read the header, as ``PIL.Image.open``, without its size check."""
    prefix = stream.read(32)
    if not prefix:
        raise PictureError(f"{where} is empty (0 bytes): get the file again")
    Image.init()
    failure: Exception | None = None
    for name in _FORMATS:
        factory, accept = Image.OPEN.get(name, (None, None))
        if factory is None or accept is None or accept(prefix) is not True:
            continue
        stream.seek(0)
        try:
            return factory(stream, "")
        except (SyntaxError, IndexError, TypeError, struct.error) as error:
            failure = error
    if prefix.startswith(_TIFF_SIGNATURES):
        raise _UnknownTiffError from failure
    raise failure or PictureError(_not_a_picture(prefix, where))


def _not_a_picture(prefix: bytes, where: str) -> str:
    """Say that a file is no picture, and what it seems to be."""
    for start, kind in _WRONG_KINDS.items():
        if prefix.lstrip().startswith(start):
            return f"{where} is not a picture but {kind}"
    return (
        f"{where} is not a picture of a known kind: give a PNG, JPEG, BMP, GIF, TIFF, "
        "WebP, AVIF, JPEG 2000 or PPM file"
    )


def _require_file(path: Path, where: str) -> None:
    """Refuse a path that is no ordinary file."""
    try:
        if path.is_file():
            return
        kind = "a folder" if path.is_dir() else "not an ordinary file"
        present = path.exists()
    except (OSError, ValueError) as error:  # a name too long, or with a null in it
        raise PictureError(f"{where} is no usable file name ({error})") from error
    if not present:
        raise PictureError(f"{where} does not exist: check the name and the folder")
    raise PictureError(f"{where} is {kind}: give one picture file")


def _check_limit(max_pixels: int | None) -> None:
    """Refuse a pixel limit that is no positive number."""
    if max_pixels is not None and not max_pixels >= 1:
        raise ValueError(f"max_pixels must be at least 1, or None, got {max_pixels}")


def _cause(error: Exception) -> str:
    """Return the first line of an error's text, or else its kind."""
    return str(error).partition("\n")[0] or type(error).__name__
