"""How long making and drawing patches takes: ours against the textbook way.

    python benchmarks/patch_set.py [--data 291] [--batches 100] [--device cuda]

The textbook way cuts one patch at a time into a list of arrays, stacks the list, and
draws batches through a DataLoader that turns and flips each patch in Python. Both
degrade the pictures with the same function. Ports that write all eight orientations
to HDF5 need eight times the memory shown, on a disk. Pictures are read beforehand.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from vdsr_lib.datasets import load_images
from vdsr_lib.images import crop_to_multiple, degrade, to_luma
from vdsr_lib.patches import PatchSet

SIDE, SCALES, BATCH = 41, (2, 3, 4), 64
Pictures = dict[str, NDArray[np.uint8]]


class TextbookPatches(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """A list of patch pairs, each turned when it is asked for."""

    def __init__(self, images: Pictures) -> None:
        ilrs, hrs = [], []
        for image in images.values():
            for scale in SCALES:
                hr = crop_to_multiple(to_luma(image), scale).astype(np.float32) / 255
                ilr = degrade(hr, scale)
                for top in range(0, hr.shape[0] - SIDE + 1, SIDE):
                    for left in range(0, hr.shape[1] - SIDE + 1, SIDE):
                        where = np.s_[top : top + SIDE, left : left + SIDE]
                        hrs.append(hr[where].copy())
                        ilrs.append(ilr[where].copy())
        self.ilr, self.hr = np.stack(ilrs), np.stack(hrs)
        self.generator = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self.hr)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        ilr, hr = self.ilr[index], self.hr[index]
        turns, flip = self.generator.integers(4), self.generator.integers(2)
        pair = [np.rot90(plane, turns) for plane in (ilr, hr)]
        if flip:
            pair = [np.fliplr(plane) for plane in pair]
        ilr, hr = (np.ascontiguousarray(plane)[None] for plane in pair)
        return torch.from_numpy(ilr), torch.from_numpy(hr)


def draw_textbook(patches: TextbookPatches, batches: int, device: str) -> None:
    """Draw some batches through a DataLoader."""
    loader = iter(DataLoader(patches, BATCH, shuffle=True, drop_last=True))
    for _ in range(batches):
        for tensor in next(loader):
            tensor.to(device)


def draw_ours(patches: PatchSet, batches: int) -> None:
    """Draw as many of ours, in all eight orientations."""
    drawn = patches.batches(BATCH, torch.Generator().manual_seed(0))
    for _, _ in zip(range(batches), drawn, strict=False):
        pass
    if patches.device.type == "cuda":
        torch.cuda.synchronize()


def now() -> tuple[float, float]:
    """Return the time of day's clock, and of this process's."""
    return time.perf_counter(), time.process_time()


def row(name: str, ours: float, textbook: float) -> str:
    """Return a line of the table."""
    return f"{name:32}{ours:10.2f}{textbook:10.2f}{textbook / ours:8.1f}"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="291", help="291, t91, embedded-train, ...")
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    images = dict(load_images(options.data))

    clock = [now()]
    ours = PatchSet.from_images(images, SCALES, augment=True, device=options.device)
    clock.append(now())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    theirs = TextbookPatches(images)
    clock.append(now())
    draw_ours(ours, options.batches)
    clock.append(now())
    draw_textbook(theirs, options.batches, options.device)
    clock.append(now())
    if not np.array_equal(ours.hr[:, 0].cpu().numpy(), theirs.hr):
        raise SystemExit("the two ways cut different patches")

    print(f"{options.data}: {len(images)} pictures, {ours}")
    print(f"{'':32}{'ours':>10}{'textbook':>10}{'ratio':>8}")
    for kind, column in (("", 0), (" of processor", 1)):
        build, rebuild, draw, redraw = np.diff([times[column] for times in clock])
        print(row(f"build, seconds{kind}", build, rebuild))
        each, other = (1e3 * taken / options.batches for taken in (draw, redraw))
        print(row(f"draw a batch, ms{kind}", each, other))
    print(f"peak memory after building ours: {peak:.0f} MB")


if __name__ == "__main__":
    main()
