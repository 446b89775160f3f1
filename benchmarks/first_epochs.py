"""How fast does training start: readings of the authors' rule against Figure 4.

    python benchmarks/first_epochs.py [--epochs 2] [--rates 0.1 0.001] [--data t91]

Not a question of seconds but of steps. Depth 10, patches of 21 x 21 of T91 at x2, 64 a
step, from the same weights, with plain PyTorch; after each epoch PSNR on Set5 in dB,
beside what the paper's Figure 4 shows there. The readings: the rule as this project has
it; patches that overlap by half, four times as many; the gradient summed over the
batch, or over eight times as many patches, before the clip; a limit ten times as wide;
patches of x2, x3 and x4 together, which makes an epoch three times as long; patches
flipped, four times, or turned too, eight times; Nesterov's momentum, as the same
authors' next network has it; and other initial weights: the first layer's after its
outputs, the last one's not made smaller. About 20 s an epoch of 173 steps on one core
with AMX.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import torch
from measuring import say_machine
from torch import nn

from vdsr_lib import paper
from vdsr_lib.clipping import clip_gradients
from vdsr_lib.datasets import load_images
from vdsr_lib.devices import choose_precision
from vdsr_lib.evaluation import Validator, validator
from vdsr_lib.models import VDSR
from vdsr_lib.patches import Augmentation, PatchSet

DEPTH, SIDE, BATCH = 10, 21, 64


class Reading(NamedTuple):
    """What is otherwise: the gradient, its limit, the patches, the initial weights."""

    factor: float = 1.0
    theta: float = 1e-4
    stride: int = SIDE
    augment: Augmentation = False
    nesterov: bool = False
    scales: tuple[int, ...] = (2,)
    first: float = 1.0
    last: float = 1.0


READINGS = {
    "as here": Reading(),
    "overlap by half": Reading(stride=11),
    "gradient summed over the batch": Reading(factor=64),
    "gradient times 8": Reading(factor=8),
    "theta 0.001": Reading(theta=1e-3),
    "three scales": Reading(scales=(2, 3, 4)),
    "four flips": Reading(augment="flips"),
    "flips and rotations": Reading(augment=True),
    "Nesterov": Reading(nesterov=True),
    "first layer smaller": Reading(first=1 / 8),  # sqrt(2 / (9 * 64)), by its outputs
    "last layer larger": Reading(last=1000),
}


def curve(
    patches: PatchSet, reading: Reading, rate: float, measure: Validator, epochs: int
) -> Iterator[float]:
    """Train as the reading says, and yield PSNR (dB) after each epoch."""
    draw = torch.Generator().manual_seed(0)
    choice = choose_precision(patches.device, "auto")
    model = VDSR(DEPTH, generator=draw).to(memory_format=choice.memory_format)
    layers = [each for each in model.modules() if isinstance(each, nn.Conv2d)]
    with torch.no_grad():
        layers[0].weight.mul_(reading.first)
        layers[-1].weight.mul_(reading.last)
    optimiser = torch.optim.SGD(
        model.parameters(),
        lr=rate,
        momentum=0.9,
        weight_decay=1e-4,
        nesterov=reading.nesterov,
    )
    steps = patches.steps_per_epoch(BATCH)
    for _ in range(epochs):
        for examples in torch.split(patches.order(draw), BATCH)[:steps]:
            ilr, hr = patches.batch(examples)  # (64, 1, 21, 21)
            with choice.autocast():
                output = model(ilr)  # (64, 1, 21, 21)
            loss = (output.float() - hr).square().sum() / BATCH  # ()
            optimiser.zero_grad()
            (reading.factor * loss).backward()
            clip_gradients(
                model.parameters(),
                rule="adjustable",
                theta=reading.theta,
                learning_rate=rate,
            )
            optimiser.step()
        yield measure(model)["psnr_x2"]


def main() -> None:
    """Print a line for each reading and rate, and the paper's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rates", nargs="+", type=float, default=[0.1, 0.001])
    parser.add_argument("--readings", nargs="+", default=list(READINGS))
    parser.add_argument("--data", default="t91")
    parser.add_argument("--test", default="set5")
    options = parser.parse_args()
    torch.set_num_threads(1)
    say_machine(torch.device("cpu"))
    images = load_images(options.data)
    measure = validator(load_images(options.test), (2,), "cpu")
    printed = paper.table("figure4").query("network == 'residual'")
    for rate in options.rates:
        theirs = printed.query("learning_rate == @rate").psnr[: options.epochs]
        print(f"\nrate {rate:g}, the paper's Figure 4:", *map("{:.2f}".format, theirs))
        for name in options.readings:
            reading = READINGS[name]
            patches = PatchSet.from_images(
                images,
                reading.scales,
                patch_size=SIDE,
                stride=reading.stride,
                augment=reading.augment,
            )
            steps = patches.steps_per_epoch(BATCH)
            print(f"{name}, {steps} steps an epoch:", end="", flush=True)
            for psnr in curve(patches, reading, rate, measure, options.epochs):
                print(f" {psnr:.2f}", end="", flush=True)
            print()


if __name__ == "__main__":
    main()
