"""Write a picture file, whole or not at all."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from vdsr_lib._files import from_home, write_atomically
from vdsr_lib.errors import PictureError
from vdsr_lib.images.picture import Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_target", "write_picture"]

_FORMATS = {
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}
_WITH_ALPHA = ("PNG", "TIFF")
_LONGEST_JPEG = 65_500  # libjpeg's own limit of a side, in pixels


def write_picture(
    path: str | os.PathLike[str],
    pixels: NDArray[np.uint8],
    alpha: NDArray[np.uint8] | None = None,
) -> Path:
    """Write a picture; the suffix says the format.

    Parameters
    ----------
    path : path-like
        Ends in .png, .tif, .tiff or .bmp (lossless), or .jpg, .jpeg (quality 95, full
        chroma). The folder is made when absent; a file of that name is replaced.
    pixels : (H, W) or (H, W, 3) array of uint8
        Grey or RGB, in [0, 255].
    alpha : (H, W) array of uint8, optional
        Opacity; PNG and TIFF can hold one.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    PictureError
        If the suffix is unknown, the format cannot hold the picture, or the file
        cannot be written; what was there before is then unchanged.
    TypeError, ValueError
        If the arrays are not as `Picture` wants them.
    """
    path = from_home(path, PictureError)
    picture = Picture(pixels, alpha, path.stem)
    kind = check_target(path, alpha=alpha is not None)
    height, width = picture.pixels.shape[:2]
    if kind == "JPEG" and max(height, width) > _LONGEST_JPEG:
        raise PictureError(
            f"{path} cannot be written: JPEG holds no side above {_LONGEST_JPEG:,} "
            f"pixels, and this picture has {width:,} x {height:,}; choose .png or .tif"
        )
    try:
        return write_atomically(path, _encode(picture, kind))
    except OSError as error:
        cause = error.strerror or str(error)
        raise PictureError(f"{path} cannot be written: {cause}") from error


def check_target(path: str | os.PathLike[str], *, alpha: bool = False) -> str:
    """Say before the work, not after it, whether a file name will do.

    Parameters
    ----------
    path : path-like
        As for `write_picture`. The disk is not looked at.
    alpha : bool
        Whether opacity is to be written too.

    Returns
    -------
    str
        The format: "PNG", "TIFF", "BMP" or "JPEG".

    Raises
    ------
    PictureError
        If the suffix is unknown, or the format holds no alpha.
    """
    kind = _FORMATS.get(Path(path).suffix.lower())
    if kind is None:
        known = ", ".join(_FORMATS)
        raise PictureError(f"{path} cannot be written: its name must end in {known}")
    if alpha and kind not in _WITH_ALPHA:
        raise PictureError(
            f"{path} cannot be written: {kind} holds no alpha; choose .png or .tif, or "
            "leave the alpha out"
        )
    return kind


def _encode(picture: Picture, kind: str) -> bytes:
    """Return the content of the file."""
    samples: NDArray[np.uint8] = picture.pixels
    if picture.alpha is not None:
        samples = np.dstack([picture.pixels, picture.alpha])  # (H, W, 2 or 4)
    image = Image.fromarray(np.ascontiguousarray(samples))
    stream = BytesIO()
    image.save(stream, kind, **_OPTIONS.get(kind, {}))
    return stream.getvalue()
