"""How fast `vdsr_lib.imresize` is, against a textbook port of MATLAB's and torch's.

    python benchmarks/resize.py [--device cuda]

Each picture goes down by 2 and up again by 2. The textbook port computes its weights
anew at each call and loops over rows and columns in Python, as the ports do that come
with super-resolution repositories. Torch's own antialiased ``interpolate`` is another
function (its borders differ), and shows what compiled code takes. The three run in
turn, so that a slow moment of the machine falls on all of them. The table gives our
median time, and how many times as long the others take.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable

import torch
from torch.nn import functional as F  # noqa: N812

from vdsr_lib import imresize

Resize = Callable[[torch.Tensor, float], torch.Tensor]
CASES = {
    "512 x 512": ((512, 512), 21),
    "2048 x 2048": ((2048, 2048), 5),
    "64 pictures of 512 x 512": ((64, 512, 512), 3),
}


def textbook(images: torch.Tensor, scale: float) -> torch.Tensor:
    """Resize as MATLAB does, a row and then a column at a time."""
    if images.ndim > 2:
        return torch.stack([textbook(image, scale) for image in images])
    for _ in range(2):  # rows, then columns
        images = textbook_rows(images, scale).T
    return images.contiguous()


def textbook_rows(image: torch.Tensor, scale: float) -> torch.Tensor:
    """Make each new row from the old rows that its kernel reaches."""
    length = image.shape[0]
    squeeze = min(scale, 1.0)
    reach = math.ceil(2 / squeeze)
    margin = reach + 2
    mirrored = torch.cat([image[:margin].flip(0), image, image[-margin:].flip(0)])
    rows = []
    for new in range(math.ceil(scale * length)):
        centre = (new + 0.5) / scale - 0.5
        first = math.floor(centre) - reach
        near = torch.arange(first, first + 2 * reach + 2)
        weights = cubic((near - centre) * squeeze).to(image.dtype)
        weights /= weights.sum()
        rows.append(weights @ mirrored[first + margin : first + margin + len(near)])
    return torch.stack(rows)


def cubic(x: torch.Tensor) -> torch.Tensor:
    """Evaluate the cubic kernel with a = -1/2."""
    x = x.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, torch.zeros_like(x)))


def torchs(images: torch.Tensor, scale: float) -> torch.Tensor:
    """Call torch's interpolation, which wants four dimensions."""
    batch = images.reshape(-1, 1, *images.shape[-2:])  # (B, 1, H, W)
    return F.interpolate(batch, scale_factor=scale, mode="bicubic", antialias=True)


def milliseconds(resize: Resize, images: torch.Tensor) -> float:
    """Time one way down and up."""
    start = time.perf_counter()
    resize(resize(images, 0.5), 2)
    if images.is_cuda:
        torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    """Print a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    device = torch.device(parser.parse_args().device)
    ways: dict[str, Resize] = {"ours": imresize, "textbook": textbook, "torch": torchs}
    print(f"torch {torch.__version__}, {device}, {torch.get_num_threads()} threads")
    print(f"{'float32, down and up by 2':26}", *(f"{name:>11}" for name in ways))
    for label, (shape, rounds) in CASES.items():
        images = torch.rand(shape, device=device)
        named = {
            name: way
            for name, way in ways.items()
            if not (name == "textbook" and (device.type != "cpu" or len(shape) > 2))
        }
        taken: dict[str, list[float]] = {name: [] for name in named}
        for turn in range(rounds + 1):
            for name, way in named.items():
                duration = milliseconds(way, images)
                if turn:  # the first builds weights and starts threads
                    taken[name].append(duration)
        medians = {name: statistics.median(values) for name, values in taken.items()}
        ratios = (
            f"{medians[name] / medians['ours']:9.1f} x" if name in medians else " " * 11
            for name in ("textbook", "torch")
        )
        print(f"{label:26} {medians['ours']:8.2f} ms", *ratios)


if __name__ == "__main__":
    main()
