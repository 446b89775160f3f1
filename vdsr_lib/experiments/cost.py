"""What a run costs, counted before it starts: floating-point operations.

Only convolutions are counted, a multiplication and an addition as two operations; all
else that a network does is below a hundredth of that. What a device makes of them in a
second is measured in `vdsr_lib.experiments.rate`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import nn

from vdsr_lib._files import data_file
from vdsr_lib.datasets import EMBEDDED, composites, load_images
from vdsr_lib.errors import DataError
from vdsr_lib.experiments.declare import Pictures, Run
from vdsr_lib.experiments.rate import measure_rate
from vdsr_lib.images import crop_to_multiple
from vdsr_lib.models import build
from vdsr_lib.patches import orientation_count

__all__ = ["Cost", "PixelCost", "picture_sizes", "pixel_cost", "run_cost"]

Sizes: TypeAlias = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class PixelCost:
    """Floating-point operations of a network for one pixel.

    Parameters
    ----------
    forward : float
        Of using it.
    training : float
        Of a training step: forward, and both gradients.
    """

    forward: float
    training: float


@dataclass(frozen=True)
class Cost:
    """What a run costs, whatever the device.

    Parameters
    ----------
    network : str
        "VDSR", or "SRCNN 9-1-5" with the sides of its filters.
    steps : int
        Training steps.
    training : float
        Floating-point operations of all steps.
    measuring : float
        Floating-point operations of validations and final tests.
    uncounted : tuple of str
        Data sets whose measurement is left out, because their sizes are not known.
    """

    network: str
    steps: int
    training: float
    measuring: float
    uncounted: tuple[str, ...] = ()

    @property
    def operations(self) -> float:
        """Floating-point operations in all."""
        return self.training + self.measuring

    def seconds(self, device: str | torch.device = "auto") -> float:
        """Return how long the run would take, from a rate that is measured here.

        Parameters
        ----------
        device : str or torch.device
            As for `vdsr_lib.devices.resolve_device`.

        Returns
        -------
        float
            Seconds of this machine when nothing else runs on it. The first call for a
            device takes about a second to measure it.

        Raises
        ------
        ValueError
            If there is no such device.
        """
        rate = measure_rate(device, self.network)
        return self.training / rate.training + self.measuring / rate.measuring


def pixel_cost(architecture: Mapping[str, Any]) -> PixelCost:
    """Count the operations of a network for one pixel.

    Parameters
    ----------
    architecture : mapping
        What `vdsr_lib.models.build` takes.

    Returns
    -------
    PixelCost
        Training is three times forward, less the gradient of the first layer's
        input, which nobody asks for: 2.99 times for VDSR, 2.35 times for SRCNN 9-1-5.

    Raises
    ------
    ValueError
        If there is no such network.
    """
    return _pixel_cost(json.dumps(dict(architecture)))


def picture_sizes(dataset: str) -> Sizes:
    """Return height and width of the pictures of a data set, if need be unseen.

    Parameters
    ----------
    dataset : str
        What `vdsr_lib.load_images` takes. The sizes of all downloadable sets ship
        with the project, so that a cost is known before a download.

    Returns
    -------
    sequence of (int, int)
        In pixels.

    Raises
    ------
    DataError
        If they are not known and the set is not here.
    """
    name, known = dataset.lower(), _shipped_sizes()
    if name not in known and name in EMBEDDED:
        known[name] = _read_sizes(name)  # they never change
    return known[name] if name in known else _read_sizes(dataset)


def run_cost(run: Run, sizes: Callable[[str], Sizes] = picture_sizes) -> Cost:
    """Count what a run costs, from its declaration and the sizes of its pictures.

    Parameters
    ----------
    run : Run
        Any run.
    sizes : callable
        Returns the sizes of a data set's pictures, as `picture_sizes` does.

    Returns
    -------
    Cost
        Without the patches, which take seconds to cut, and without SSIM.

    Raises
    ------
    DataError
        If the sizes of the training pictures are not known.
    """
    config, pixel = run.training, pixel_cost(run.architecture)
    epoch = _patches(run, sizes) // config.batch_size
    steps = config.total_steps(epoch)
    seen = steps * config.batch_size * run.patch_size**2
    validations = -(-steps // (config.validate_every or max(1, epoch)))
    measured, uncounted = 0, []
    once = ((pictures, 1) for pictures in run.test)
    for pictures, times in ((run.validate, validations + 1), *once):
        try:
            measured += times * _pixels(pictures, sizes)
        except DataError:
            uncounted.append(pictures.dataset)
    return Cost(
        _rated_as(run.architecture),
        steps,
        float(seen * pixel.training),
        float(measured * pixel.forward),
        tuple(dict.fromkeys(uncounted)),
    )


def _rated_as(architecture: Mapping[str, Any]) -> str:
    """Return the name under which `measure_rate` knows such networks."""
    if architecture["name"] == "VDSR":
        return "VDSR"
    return "SRCNN " + "-".join(map(str, architecture["kernels"]))


@cache
def _pixel_cost(architecture: str) -> PixelCost:
    network = build(json.loads(architecture), generator=torch.Generator())
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    forward = [2.0 * layer.weight.numel() for layer in layers]  # size is kept
    return PixelCost(sum(forward), 3 * sum(forward) - forward[0])


@cache
def _shipped_sizes() -> dict[str, Sizes]:
    """Return ``data/picture_sizes.json``; a name for several sets has those of all."""
    text = data_file("picture_sizes.json").read_text(encoding="utf-8")
    sizes: dict[str, Sizes] = {
        name: [(height, width) for height, width in pairs]
        for name, pairs in json.loads(text).items()
    }
    for name, composite in composites().items():
        if all(part.name in sizes for part in composite.parts):
            sizes[name] = [
                size for part in composite.parts for size in sizes[part.name]
            ]
    return sizes


def _read_sizes(dataset: str) -> Sizes:
    return [(i.shape[0], i.shape[1]) for i in load_images(dataset).values()]


def _patches(run: Run, sizes: Callable[[str], Sizes]) -> int:
    """Count a run's examples, as `vdsr_lib.PatchSet.from_images` cuts them."""
    side, stride, count = run.patch_size, run.stride or run.patch_size, 0
    for dataset in run.train_on:
        for size in sizes(dataset):
            for height, width in _cropped(size, run.scales):
                if min(height, width) >= side:
                    rows, columns = (height - side, width - side)
                    count += (rows // stride + 1) * (columns // stride + 1)
    return count * orientation_count(run.augment)


def _pixels(pictures: Pictures, sizes: Callable[[str], Sizes]) -> int:
    """Count the pixels that go through a network when pictures are measured."""
    side, count = pictures.crop, 0
    for height, width in pictures.chosen(list(sizes(pictures.dataset))):
        size = (min(height, side or height), min(width, side or width))
        count += sum(h * w for h, w in _cropped(size, pictures.scales))
    return count


def _cropped(
    size: tuple[int, int], scales: Iterable[float]
) -> Iterable[tuple[int, int]]:
    """Yield what is left of a size when it is cropped to a multiple of each scale."""
    blank = np.broadcast_to(np.uint8(0), size)
    for scale in scales:
        if min(size) >= scale:
            height, width = crop_to_multiple(blank, scale).shape
            yield height, width
