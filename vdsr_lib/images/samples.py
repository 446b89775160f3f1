"""From the samples in a file, of any width, to grey or RGB in 8 bits and an alpha."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
from PIL import ImageFile

from vdsr_lib.errors import PictureError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]
    Decoded: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.uint8] | None]

__all__ = ["decode", "decode_with_tifffile", "needs_tifffile"]

# Tags of TIFF and EXIF, and the values that matter here.
_BITS_PER_SAMPLE, _PHOTOMETRIC, _ORIENTATION = 258, 262, 274
_PLANAR_CONFIGURATION, _SAMPLE_FORMAT = 284, 339
_WHITE_IS_ZERO, _SEPARATE_PLANES, _MULTIPLIED, _SIGNED = 0, 2, 1, 2
_FLOAT_TOLERANCE = 1e-3
# The same samples, read with their two bytes exchanged. N is this machine's order.
_EXCHANGED = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}


def decode(
    image: ImageFile.ImageFile, reopen: Callable[[], ImageFile.ImageFile], where: str
) -> Decoded:
    """Decode a picture whose header Pillow has read.

    Parameters
    ----------
    image : PIL.ImageFile.ImageFile
        Opened, not loaded.
    reopen : callable
        Opens the same file once more: Pillow gives the two bytes of a 16-bit colour
        sample one at a time.
    where : str
        The picture's name in errors.

    Returns
    -------
    pixels : (H, W) or (H, W, 3) array of uint8
        Upright.
    alpha : (H, W) array of uint8 or None
        Opacity.

    Raises
    ------
    PictureError
        If the samples have no fixed range, or a colour mode is not supported.
    """
    samples = _sixteen_bit_colour(image, reopen)
    _widen_transparent_grey(image)
    if _rawmode(image) == "F;32BF" and image.tile[0].codec_name == "libtiff":
        _set_rawmode(image, "F;32NF")  # libtiff has put the bytes in order already
    image.load()
    if samples is not None:
        pixels, alpha = _split(samples, image.info.get("transparency"))
    elif image.mode.startswith("I"):
        pixels, alpha = _integers(image, where)
    elif image.mode == "F":
        pixels, alpha = _fractions(image, where), None
    else:
        pixels, alpha = _eight_bits(image, where)
    return _upright(pixels, alpha, _orientation(image))


def needs_tifffile(image: ImageFile.ImageFile) -> bool:
    """Return whether Pillow would misread a file: a TIFF of 16-bit colour planes.

    Parameters
    ----------
    image : PIL.ImageFile.ImageFile
        Opened, not loaded.

    Returns
    -------
    bool
        True for samples wider than 8 bits whose colours are stored plane by plane.
    """
    tags = getattr(image, "tag_v2", {})
    planar = tags.get(_PLANAR_CONFIGURATION) == _SEPARATE_PLANES
    return planar and max(tags.get(_BITS_PER_SAMPLE, (8,))) > 8


def decode_with_tifffile(
    stream: BinaryIO, where: str, check_size: Callable[[int, int], None]
) -> Decoded:
    """Decode a TIFF of a kind that Pillow does not know: float or planar colour.

    Parameters
    ----------
    stream : binary file
        The file, at its beginning.
    where : str
        The picture's name in errors.
    check_size : callable
        Called with width and height before anything is decoded.

    Returns
    -------
    pixels : (H, W) or (H, W, 3) array of uint8
        Upright.
    alpha : (H, W) array of uint8 or None
        Opacity.

    Raises
    ------
    PictureError
        If the first page is no grey or RGB picture, its compression is unknown, or
        its colours are multiplied by their opacity ("associated alpha").
    """
    import tifffile

    with tifffile.TiffFile(stream) as file:
        page: Any = file.pages[0]
        check_size(page.imagewidth, page.imagelength)
        colours = getattr(page.photometric, "name", "unknown colours")
        kind = f"{colours} {page.shape} {page.dtype}"
        known = page.axes in ("YX", "YXS", "SYX") and page.samplesperpixel <= 4
        if not known or colours not in ("MINISBLACK", "RGB"):
            raise _unsupported(where, kind)
        if _MULTIPLIED in page.extrasamples:
            raise _unsupported(where, "colours multiplied by their opacity")
        try:
            samples = np.asarray(page.asarray())
        except ValueError as error:  # a compression that needs one more package
            raise _unsupported(where, str(error)) from error
        orientation = getattr(page.tags.get(_ORIENTATION), "value", 1)
    if page.axes == "SYX":
        samples = np.moveaxis(samples, 0, -1)
    if samples.dtype.kind == "f":
        samples = _from_floats(samples, where)
    elif samples.dtype not in (np.uint8, np.uint16):
        raise _unsupported(where, kind)
    return _upright(*_split(samples), int(orientation))


def _unsupported(where: str, kind: str) -> PictureError:
    """Return the error for a kind of samples that is left to other programs."""
    return PictureError(
        f"{where} is of a kind that is not supported ({kind}): "
        "save it as a grey or RGB PNG with 8 or 16 bits"
    )


def _sixteen_bit_colour(
    image: ImageFile.ImageFile, reopen: Callable[[], ImageFile.ImageFile]
) -> Array | None:
    """Return 16-bit samples (H, W, bands), or None if the picture has none.

    Pillow keeps the upper byte of a 16-bit colour sample only. Told that the byte
    order is the other one, it keeps the lower byte: the two together are exact.
    """
    rawmode = _rawmode(image)
    if rawmode == "LA;16B":  # its four bytes a pixel pass as four bands
        _set_rawmode(image, "RGBA")
        image.load()
        four = np.asarray(image).astype(np.uint16)  # (H, W, 4)
        grey_and_alpha: Array = four[..., 0::2] << 8 | four[..., 1::2]
        return grey_and_alpha
    bands, _, width = rawmode.partition(";")
    if bands not in ("RGB", "RGBA", "RGBX") or width not in ("16B", "16L", "16N"):
        return None
    lower = reopen()
    _set_rawmode(lower, f"{bands};16{_EXCHANGED[width[-1]]}")
    samples: Array = np.asarray(image).astype(np.uint16) << 8 | np.asarray(lower)
    return samples


def _widen_transparent_grey(image: ImageFile.ImageFile) -> None:
    """Bring the transparent grey of a PNG of few bits to 8, as Pillow its samples.

    Pillow leaves it as the file has it (of 1 bit, before 12.1): a level that no sample
    has then.
    """
    step = {"1": 255, "L;2": 85, "L;4": 17}.get(_rawmode(image))
    if step and "transparency" in image.info:
        image.info["transparency"] = min(image.info["transparency"] * step, 255)


def _rawmode(image: ImageFile.ImageFile) -> str:
    """Return how Pillow will unpack the samples, such as "RGB;16B"; "" if unknown."""
    arguments = {
        str(tile.args[0] if isinstance(tile.args, tuple) and tile.args else tile.args)
        for tile in image.tile
    }
    return arguments.pop() if len(arguments) == 1 else ""


def _set_rawmode(image: ImageFile.ImageFile, rawmode: str) -> None:
    """Have Pillow unpack the samples in another way."""
    image.tile = [
        tile._replace(
            args=(rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode
        )
        for tile in image.tile
    ]


def _split(samples: Array, transparent: object = None) -> Decoded:
    """Split samples of 8 or 16 bits (H, W[, bands]) into pixels and alpha.

    `transparent` is the one colour, in the file's own samples, that is see-through.
    """
    alpha = None
    if isinstance(transparent, (int, tuple)):
        differs = np.atleast_3d(samples != np.array(transparent)).any(axis=-1)
        alpha = np.where(differs, 255, 0).astype(np.uint8)
    eight = samples if samples.dtype == np.uint8 else _narrow(samples, 65535)
    if eight.ndim == 2:
        return eight, alpha
    bands = eight.shape[-1]
    if bands in (2, 4):
        alpha = eight[..., -1]
    return (eight[..., 0] if bands < 3 else eight[..., :3]), alpha


def _narrow(samples: Array, maximum: int) -> NDArray[np.uint8]:
    """Scale integers in [0, maximum] to [0, 255], rounded."""
    wide = samples.astype(np.uint64) * 255
    return ((wide + np.uint64(maximum // 2)) // np.uint64(maximum)).astype(np.uint8)


def _integers(image: ImageFile.ImageFile, where: str) -> Decoded:
    """Return grey pixels of samples that have 9 to 16 bits."""
    samples = np.asarray(image)
    tags = getattr(image, "tag_v2", {})
    maximum = (1 << min(tags.get(_BITS_PER_SAMPLE, (16,))[0], 16)) - 1
    if image.mode == "I" and tags:  # Pillow's mode for PPM too, there 16-bit
        raise PictureError(
            f"{where} holds signed or 32-bit integers, here from {samples.min()} to "
            f"{samples.max()}, which have no fixed range: save it with 8 or 16 bits"
        )
    _, alpha = _split(samples, image.info.get("transparency"))
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        samples = maximum - samples
    return _narrow(samples, maximum), alpha


def _fractions(image: ImageFile.ImageFile, where: str) -> NDArray[np.uint8]:
    """Return grey pixels of samples that are floats."""
    pixels = _from_floats(np.asarray(image), where)
    white_is_zero = getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    return 255 - pixels if white_is_zero else pixels


def _from_floats(samples: Array, where: str) -> NDArray[np.uint8]:
    """Return floats in [0, 1] as uint8."""
    low, high = float(samples.min()), float(samples.max())
    if not (low >= -_FLOAT_TOLERANCE and high <= 1 + _FLOAT_TOLERANCE):
        raise PictureError(
            f"{where} holds floats from {low:g} to {high:g}: scale them to [0, 1] first"
        )
    rounded = np.floor(samples.astype(np.float64) * 255 + 0.5)
    return np.clip(rounded, 0, 255).astype(np.uint8)


def _eight_bits(image: ImageFile.ImageFile, where: str) -> Decoded:
    """Return pixels and alpha of a picture whose samples have 8 bits or fewer."""
    if _SIGNED in getattr(image, "tag_v2", {}).get(_SAMPLE_FORMAT, ()):
        raise PictureError(
            f"{where} holds signed 8-bit integers, which have no fixed range: save it "
            "with unsigned ones"
        )
    target = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
    if image.has_transparency_data:
        target = {"L": "LA", "RGB": "RGBA"}[target]
    if image.mode == "LAB":
        raise _unsupported(where, "CIE L*a*b* colours")
    return _split(np.asarray(image.convert(target)))


def _orientation(image: ImageFile.ImageFile) -> int:
    """Return the EXIF orientation, 1 to 8; of a TIFF, Pillow has applied it."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:
        return 1  # a damaged EXIF block does not make a picture unreadable


def _upright(
    pixels: NDArray[np.uint8], alpha: NDArray[np.uint8] | None, orientation: int
) -> Decoded:
    """Turn and mirror a picture by its EXIF orientation; what comes can be written to.

    What Pillow gives cannot, and torch would warn of it.
    """
    upright = np.require(_turn(pixels, orientation), None, ["C", "W"])
    if alpha is None:
        return upright, None
    return upright, np.require(_turn(alpha, orientation), None, ["C", "W"])


def _turn(plane: Array, orientation: int) -> Array:
    """Apply one of the eight EXIF orientations to an (H, W[, C]) array."""
    if orientation in (2, 5, 7):  # mirrored: 5 and 7 are also turned
        plane = plane[:, ::-1]
    elif orientation == 4:
        return plane[::-1]
    quarter_turns = {3: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.rot90(plane, quarter_turns)
