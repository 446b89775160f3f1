"""What the widget "your own picture" does with a picture, without any widget.

Enlarge it, or shrink it first and restore it, which gives a reference to be held
against; watched, so that a page can show how far it is, and can stop it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from vdsr_lib.devices import resolve_device
from vdsr_lib.errors import PictureError
from vdsr_lib.images import Picture, to_luma
from vdsr_lib.inference import super_resolve
from vdsr_lib.metrics import psnr, ssim
from vdsr_lib.resize import imresize
from vdsr_lib.upscaling import upscale

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TASKS", "Enlarged", "Order", "enlarge", "on_white", "shrunk"]

TASKS = ("enlarge", "restore")
"""What can be done: enlarge the picture, or shrink it first and restore it."""

_SSIM_PIXELS = 4_000_000  # SSIM of more takes seconds and gigabytes
_WINDOW = 1024  # side of the detail that is compared of a large result, in pixels
_WHOLE = 1_500_000  # pixels of a result that is compared as a whole
_BICUBIC = 0.05  # the share of the work before the network begins

Watch = Callable[[float], None]


@dataclass(frozen=True)
class Order:
    """What is to be done.

    Parameters
    ----------
    picture : Picture
        The reader's.
    scale : float
        In [1.1, 8].
    task : {"enlarge", "restore"}
        See `TASKS`.
    model : str
        What the network is called, for captions.
    network : torch.nn.Module or None
        From luma to luma; None for bicubic alone.
    device : str
        As for `devices.resolve_device`.
    max_pixels : int or None
        A larger result is refused.
    """

    picture: Picture
    scale: float
    task: str = "enlarge"
    model: str = "bicubic"
    network: nn.Module | None = None
    device: str = "auto"
    max_pixels: int | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the result."""
        height, width = self.picture.pixels.shape[:2]
        if self.task == "restore":
            height, width = _sides(height, width, self.scale, math.floor)
        return _sides(height, width, 1 / self.scale, math.ceil)

    @property
    def operations(self) -> float:
        """Roughly how many multiplications the network needs."""
        weights = sum(p.numel() for p in self.network.parameters() if p.ndim == 4) if (
            self.network is not None
        ) else 0  # fmt: skip
        return float(math.prod(self.shape)) * weights


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
            pictures["original"] = _coloured(self.truth[part])
        else:
            rows = _nearest(top, height, shape[0], self.source.pixels.shape[0])
            columns = _nearest(left, width, shape[1], self.source.pixels.shape[1])
            pixels = _cut(self.source, np.ix_(rows, columns))
            pictures["original pixels"] = _coloured(pixels)
        pictures["bicubic"] = _coloured(self.bicubic[part])
        if self.order.network is not None:
            pictures[self.order.model] = _coloured(_cut(self.result, part))
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


def enlarge(order: Order, watch: Watch = lambda _: None) -> Enlarged:
    """Do what is asked, telling how far it is.

    Parameters
    ----------
    order : Order
        What is asked.
    watch : callable
        Called often, with a share of the work in [0, 1]. Whatever it raises ends the
        work and goes through to the caller.

    Returns
    -------
    Enlarged
        Its ``result`` is what `upscale` gives for ``source``, bit for bit.

    Raises
    ------
    PictureError
        If the picture is too small to be shrunk.
    ValueError
        If the scale, the task or the device is wrong, the result would be too large,
        or the network gives NaN.
    """
    if order.task not in TASKS:
        raise ValueError(f"task must be one of {', '.join(TASKS)}, got {order.task!r}")
    start = time.perf_counter()
    watch(0.0)
    source, truth = order.picture, None
    if order.task == "restore":
        source, truth = shrunk(order.picture, order.scale)
    options: dict[str, Any] = {"device": order.device, "max_pixels": order.max_pixels}
    plain = upscale(source, order.scale, model="bicubic", **options)
    result = plain
    if order.network is not None:
        watch(_BICUBIC)
        with _watched(order, watch) as network:
            result = upscale(source, order.scale, model=network, **options)
    made = {"bicubic": plain} | ({order.model: result} if order.network else {})
    scores = {} if truth is None else _scores(truth, made, order.scale)
    watch(1.0)
    seconds = time.perf_counter() - start
    return Enlarged(order, source, result, on_white(plain), truth, scores, seconds)


def shrunk(picture: Picture, scale: float) -> tuple[Picture, NDArray[np.uint8]]:
    """Shrink a picture as the paper does, bicubically with antialiasing.

    Parameters
    ----------
    picture : Picture
        Opacity is shown on white first.
    scale : float
        In [1.1, 8].

    Returns
    -------
    small : Picture
        In 8 bits, as a small picture is in life.
    truth : (H, W) or (H, W, 3) array of uint8
        The original, cropped at the right and the bottom to the size that `upscale`
        makes of `small`.

    Raises
    ------
    PictureError
        If nothing would be left.
    """
    pixels = on_white(picture)
    height, width = pixels.shape[:2]
    small = _sides(height, width, scale, math.floor)
    if 0 in small:
        raise PictureError(
            f"{picture.name} has {width} x {height} pixels, too few to be shrunk by "
            f"{scale:g}: take a smaller scale or a larger picture"
        )
    rows, columns = _sides(*small, 1 / scale, math.ceil)
    truth = pixels[:rows, :columns]
    return Picture(imresize(truth, shape=small), None, picture.name), truth


def on_white(picture: Picture) -> NDArray[np.uint8]:
    """Show a picture's opacity on white.

    Parameters
    ----------
    picture : Picture
        With or without opacity.

    Returns
    -------
    (H, W) or (H, W, 3) array of uint8
        The very pixels where there is no opacity.
    """
    return _cut(picture, np.s_[:, :])


def _cut(picture: Picture, part: Any) -> NDArray[np.uint8]:
    """Cut a part out, and show its opacity on white."""
    pixels: NDArray[np.uint8] = picture.pixels[part]
    if picture.alpha is None:
        return pixels
    share = picture.alpha[part].astype(np.float32) / 255  # (h, w)
    if pixels.ndim == 3:
        share = share[..., np.newaxis]
    blended = np.rint(255 + share * (pixels.astype(np.float32) - 255))
    return np.asarray(blended.astype(np.uint8))


def _coloured(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give grey three channels: its luma then fills the range that the paper's has."""
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., np.newaxis], 3, axis=2)  # (H, W, 3)
    return np.ascontiguousarray(pixels)


def _nearest(start: int, count: int, large: int, small: int) -> NDArray[np.intp]:
    """Return which of `small` pixels lies under each of a run of `large` ones."""
    middles = (np.arange(start, start + count) + 0.5) * (small / large)
    return np.minimum(middles.astype(np.intp), small - 1)


def _sides(
    height: int, width: int, divisor: float, rounding: Callable[[float], int]
) -> tuple[int, int]:
    """Divide both sides; a hair's breadth from a whole number counts as whole."""
    hair = 1e-9 if rounding is math.floor else -1e-9
    return rounding(height / divisor + hair), rounding(width / divisor + hair)


def _scores(
    truth: NDArray[np.uint8], made: dict[str, Picture], scale: float
) -> dict[str, tuple[float, float | None]]:
    """Return PSNR and SSIM of each result under the paper's protocol."""
    luma = to_luma(_coloured(truth))
    border = min(math.ceil(scale), (min(luma.shape) - 1) // 2)
    small = luma.size <= _SSIM_PIXELS and min(luma.shape) - 2 * border >= 11
    scores: dict[str, tuple[float, float | None]] = {}
    for name, picture in made.items():
        other = to_luma(_coloured(picture.pixels))
        decibels = float(psnr(luma, other, border=border))
        alike = float(ssim(luma, other, border=border)) if small else None
        scores[name] = decibels, alike
    return scores


@contextmanager
def _watched(order: Order, watch: Watch) -> Iterator[nn.Module]:
    """Give the network for a while, reporting after each of its convolutions."""
    network = order.network or nn.Identity()
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    total = max(1, len(layers)) * _count_tiles(network, order.shape, order.device)
    done = 0

    def report(*_: Any) -> None:
        nonlocal done
        done += 1
        watch(min(1.0, _BICUBIC + (1 - _BICUBIC) * done / total))

    hooks = [layer.register_forward_hook(report) for layer in layers]
    try:
        yield network
    finally:
        for hook in hooks:
            hook.remove()


class _Counter(nn.Module):
    """Sees as far as a network, changes nothing, and counts its tiles."""

    def __init__(self, receptive_field: int | None) -> None:
        super().__init__()
        self.tiles = 0
        if receptive_field is not None:
            self.receptive_field = receptive_field

    def forward(self, window: torch.Tensor) -> torch.Tensor:
        """Return the tile as it is."""
        self.tiles += 1
        return window  # (1, 1, h, w)


def _count_tiles(network: nn.Module, shape: tuple[int, int], device: str) -> int:
    """Return how many tiles `super_resolve` cuts a picture into."""
    counter = _Counter(getattr(network, "receptive_field", None))
    blank = torch.zeros(1, device=resolve_device(device)).expand(1, 1, *shape)
    super_resolve(counter, blank)
    return counter.tiles
