"""Small pictures to try without uploading one: photographs, and drawn letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vdsr_lib.images import Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["letters", "sample_pictures"]

_SIDE = 192
_WINDOWS = {  # (top, left) of the most telling square of each photograph
    "astronaut": (20, 130),
    "camera": (70, 170),
    "chelsea": (40, 130),
    "coffee": (90, 190),
    "coins": (10, 170),
}
_TEXT = "Very deep\nsuper-\nresolution\n1 2 3 4 5 6 7 8 9"


def sample_pictures() -> dict[str, Picture]:
    """Return the sample pictures; nothing is downloaded.

    Returns
    -------
    dict of str to Picture
        RGB, 192 x 192: a square of each embedded test photograph, and `letters`.
    """
    from vdsr_lib.datasets import load_images

    photographs = load_images("embedded-test")
    samples = {
        name: photographs[name][top : top + _SIDE, left : left + _SIDE]
        for name, (top, left) in _WINDOWS.items()
    }
    samples["letters"] = letters()
    return {
        name: Picture(pixels.copy(), None, name) for name, pixels in samples.items()
    }


def letters(side: int = _SIDE) -> NDArray[np.uint8]:
    """Draw dark letters of five sizes and thin lines on white.

    Parameters
    ----------
    side : int, default 192
        Rows and columns; the drawing itself keeps its size.

    Returns
    -------
    (side, side, 3) array of uint8
        RGB in [0, 255], with smooth edges, drawn with the font that Pillow brings.
    """
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(image)
    top = 4
    for line, size in zip(_TEXT.split("\n"), (34, 26, 18, 13), strict=True):
        draw.text((6, top), line, fill=(20, 20, 20), font=ImageFont.load_default(size))
        top += size + 6
    words = "the quick brown fox jumps over a dog"
    draw.text((6, top), words, fill=(20, 20, 20), font=ImageFont.load_default(9))
    for index in range(9):
        x = 10 + 20 * index
        draw.line([(x, 140), (x + 8 * index, 186)], fill=(180, 20, 20), width=1)
    return np.asarray(image)
