"""What the widget "your own picture" does with a picture, without any widget.

Enlarge it, or shrink it first and restore it, which gives a reference to be held
against; watched, so that a page can show how far it is, and can stop it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vdsr_lib.devices import resolve_device
from vdsr_lib.images import Picture, to_luma
from vdsr_lib.inference import evaluation_precision, super_resolve
from vdsr_lib.metrics import SSIM_WINDOW, psnr, ssim
from vdsr_lib.upscaling import upscale
from vdsr_lib.widgets.enlarged import Enlarged
from vdsr_lib.widgets.orders import TASKS, Order, coloured, on_white, shrunk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["enlarge"]

_SSIM_PIXELS = 4_000_000  # SSIM of more takes seconds and gigabytes
_BICUBIC = 0.05  # the share of the work before the network begins

Watch = Callable[[float], None]


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


def _scores(
    truth: NDArray[np.uint8], made: dict[str, Picture], scale: float
) -> dict[str, tuple[float, float | None]]:
    """Return PSNR and SSIM of each result under the paper's protocol."""
    luma = to_luma(coloured(truth))
    border = min(ceil(scale), (min(luma.shape) - 1) // 2)
    small = luma.size <= _SSIM_PIXELS and min(luma.shape) - 2 * border >= SSIM_WINDOW
    scores: dict[str, tuple[float, float | None]] = {}
    for name, picture in made.items():
        other = to_luma(coloured(picture.pixels))
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
    fast = evaluation_precision(network).dtype is torch.bfloat16  # has other tiles
    super_resolve(counter, blank, precision="bfloat16" if fast else "float32")
    return counter.tiles
