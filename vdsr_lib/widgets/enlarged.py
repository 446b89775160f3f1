"""What came of enlarging a picture: shown in part, kept as a file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vdsr_lib.images import Picture
from vdsr_lib.widgets.orders import Order, coloured, cut_on_white

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Enlarged"]

_WINDOW = 1024  # side of the detail that is compared of a large result, in pixels
_WHOLE = 1_500_000  # pixels of a result that is compared as a whole


@dataclass(frozen=True)
class Enlarged:
    """What came of it.

    Parameters
    ----------
    order : Order
        What was asked.
    source : Picture
        What was enlarged: the reader's picture, or its shrunk copy.
    result : Picture
        By the network that was asked for, or bicubic.
    bicubic : (H, W) or (H, W, 3) array of uint8
        The same by bicubic interpolation, opacity shown on white.
    truth : array of uint8 or None
        What the result should be, where the picture was shrunk first.
    scores : dict of str to (float, float or None)
        PSNR in dB and SSIM of the luma against `truth`, by name; empty without it. No
        SSIM above four megapixels.
    seconds : float
        The time it took.
    """

    order: Order
    source: Picture
    result: Picture
    bicubic: NDArray[np.uint8]
    truth: NDArray[np.uint8] | None
    scores: dict[str, tuple[float, float | None]]
    seconds: float

    def summary(self) -> str:
        """Return what was made, in how long, and how good it is where that is known.

        Returns
        -------
        str
        """
        rows, columns = self.bicubic.shape[:2]
        text = f"{columns} \u00d7 {rows} pixels in {self.seconds:.1f} s."
        for name, (decibels, alike) in self.scores.items():
            similar = "" if alike is None else f" / {alike:.4f}"
            text += f" {name}: {decibels:.2f} dB{similar}."
        return text

    def window(self, detail: tuple[float, float]) -> tuple[int, int, int, int]:
        """Return the part of the result that a page compares.

        Parameters
        ----------
        detail : (float, float)
            Where its middle is wanted, down and across, in [0, 1].

        Returns
        -------
        tuple of int
            (top, left, height, width): all of a result of up to 1.5 megapixels, else
            1,024 x 1,024 at most.
        """
        shape = self.bicubic.shape[:2]
        if math.prod(shape) <= _WHOLE:
            return 0, 0, shape[0], shape[1]
        spans = []
        for length, share in zip(shape, detail, strict=True):
            side = min(_WINDOW, length)
            start = round(min(max(share * length - side / 2, 0), length - side))
            spans.append((start, side))
        (top, height), (left, width) = spans
        return top, left, height, width

    def comparison(self, window: tuple[int, int, int, int]) -> dict[str, Any]:
        """Return what `compare` is to show.

        Parameters
        ----------
        window : tuple of int
            (top, left, height, width) of the part of the result.

        Returns
        -------
        dict
            ``pictures``, all in colour, opacity on white; ``reference``; ``border``.
        """
        shape = self.bicubic.shape[:2]
        top, left, height, width = window
        part = np.s_[top : top + height, left : left + width]
        pictures: dict[str, NDArray[np.uint8]] = {}
        if self.truth is not None:
            pictures["original"] = coloured(self.truth[part])
        else:
            rows = _nearest(top, height, shape[0], self.source.pixels.shape[0])
            columns = _nearest(left, width, shape[1], self.source.pixels.shape[1])
            pixels = cut_on_white(self.source, np.ix_(rows, columns))
            pictures["original pixels"] = coloured(pixels)
        pictures["bicubic"] = coloured(self.bicubic[part])
        if self.order.network is not None:
            pictures[self.order.model] = coloured(cut_on_white(self.result, part))
        border = min(math.ceil(self.order.scale), (min(height, width) - 1) // 2)
        reference = "original" if self.truth is not None else None
        return {"pictures": pictures, "reference": reference, "border": border}

    def png(self) -> bytes:
        """Return the result as a PNG file, opacity included.

        Returns
        -------
        bytes
            Of the pixels that `upscale` gives, bit for bit.
        """
        from PIL import Image

        pixels = self.result.pixels
        if self.result.alpha is not None:
            pixels = np.dstack([pixels, self.result.alpha])  # (H, W, 2 or 4)
        stream = BytesIO()
        level = 6 if pixels.size < 2e7 else 1  # a large one would take a minute
        Image.fromarray(pixels).save(stream, "PNG", compress_level=level)
        return stream.getvalue()

    def file_name(self) -> str:
        """Return a name for the file: picture, scale and model.

        Returns
        -------
        str
        """
        stem = Path(self.order.picture.name).stem or "picture"
        plain = (c if c.isalnum() else "-" for c in self.order.model)
        return f"{stem}_x{self.order.scale:g}_{''.join(plain).strip('-')}.png"


def _nearest(start: int, count: int, large: int, small: int) -> NDArray[np.intp]:
    """Return which of `small` pixels lies under each of a run of `large` ones."""
    middles = (np.arange(start, start + count) + 0.5) * (small / large)
    return np.minimum(middles.astype(np.intp), small - 1)
