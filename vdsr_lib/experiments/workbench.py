"""A small network, patches and pictures to try things on by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from vdsr_lib.datasets import load_images
from vdsr_lib.evaluation import Validator, validator
from vdsr_lib.experiments.material import middle
from vdsr_lib.models import VDSR
from vdsr_lib.patches import PatchSet

__all__ = ["Workbench", "workbench"]


@dataclass(frozen=True)
class Workbench:
    """What a step by hand needs.

    Parameters
    ----------
    network : VDSR
        With its first weights.
    patches : PatchSet
        As large as the network sees, well apart from one another.
    batches : sequence of torch.Tensor
        Examples, (64,) int64 each, for ``patches.batch``: one epoch in random order.
    measure : Validator
        Gives the mean PSNR at scale 3 (dB, ``"psnr_x3"``) on the middles of the test
        pictures; ``measure.baseline`` has bicubic's.
    """

    network: VDSR
    patches: PatchSet
    batches: Sequence[torch.Tensor]
    measure: Validator


def workbench(seed: int = 0, *, depth: int = 5, crop: int = 80) -> Workbench:
    """Lay out a small network with the embedded pictures, on the CPU.

    Parameters
    ----------
    seed : int
        Decides the first weights and the order of the patches.
    depth : int
        Of the network, at least 2; its width is 64.
    crop : int
        Side, in pixels, of the middle of each test picture that is measured.

    Returns
    -------
    Workbench

    Raises
    ------
    ValueError
        If `depth` is below 2 or `crop` too small to be measured.
    """
    draw = torch.Generator().manual_seed(seed)
    network = VDSR(depth, generator=draw)
    side = network.receptive_field
    train = load_images("embedded-train")
    patches = PatchSet.from_images(train, patch_size=side, stride=3 * side)
    batches = torch.split(patches.order(draw), 64)[: patches.steps_per_epoch(64)]
    tests = load_images("embedded-test")
    middles = {name: middle(image, crop) for name, image in tests.items()}
    return Workbench(network, patches, batches, validator(middles, (3,), "cpu"))
