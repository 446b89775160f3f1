"""How long one training step takes: ours against the textbook loop, in one run.

    python benchmarks/training_step.py [--data t91] [--depth 20] [--device cuda]

The textbook loop is what public ports of VDSR do: a DataLoader over a TensorDataset,
float32 in the default layout, `clip_grad_norm_`, `torch.optim.SGD`, and the loss
fetched at each step. Ours is the step that `vdsr_lib.train` makes. They take turns,
so that a slow moment of the machine falls on both. Each step's arithmetic is counted
(forward, and twice that for backward) and set against the rate of a large matrix
product, measured here in the same precision. On a machine that other programs keep
busy, `--threads 1` gives ratios of processor time, in which no thread waits for
another. On a GPU torch computes float32 convolutions in TF32 by default, so there the
textbook's are; its share is that of the product in true float32 nevertheless.
`--autotune` lets cuDNN try its algorithms, for both; `--kernels` says what the time
of our step goes to.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator

import torch
from measuring import in_turn, product_rate, say_kernels, say_machine
from torch.utils.data import DataLoader, TensorDataset

from vdsr_lib.datasets import load_images
from vdsr_lib.devices import choose_precision
from vdsr_lib.models import VDSR
from vdsr_lib.patches import PatchSet
from vdsr_lib.training import TrainingConfig
from vdsr_lib.training.processes import join_processes
from vdsr_lib.training.step import Step
from vdsr_lib.training.steps import Steps, steps_for

SIDE = 41


def textbook(
    depth: int, patches: PatchSet, batch_size: int, device: torch.device
) -> Callable[[], None]:
    """Return a function that makes one step of a port's training loop."""
    model = VDSR(depth).to(device)
    optimiser = torch.optim.SGD(model.parameters(), 0.1, 0.9, weight_decay=1e-4)
    criterion = torch.nn.MSELoss(reduction="sum")
    pairs = TensorDataset(patches.ilr.cpu(), patches.hr.cpu())
    loader = DataLoader(pairs, batch_size, shuffle=True, drop_last=True)

    def forever() -> Iterator[list[torch.Tensor]]:
        while True:
            yield from loader

    batches = forever()

    def step() -> None:
        ilr, hr = (tensor.to(device) for tensor in next(batches))
        optimiser.zero_grad()
        loss = criterion(model(ilr), hr) / batch_size
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.4)
        optimiser.step()
        loss.item()

    return step


def ours(
    depth: int, patches: PatchSet, batch_size: int, precision: str
) -> tuple[Callable[[], None], Steps]:
    """Return a function that makes one step as `train` does, and what makes it."""
    choice = choose_precision(patches.device, precision)
    model = VDSR(depth).to(patches.device)
    model.to(memory_format=choice.memory_format)
    config = TrainingConfig.paper(batch_size=batch_size)
    processes = join_processes(patches.device)
    made = Step(model, patches, config, processes=processes, precision=choice)
    count = patches.steps_per_epoch(batch_size)
    steps = steps_for(made, processes, per_epoch=count, batch_size=batch_size)
    generator, left, made_any = torch.Generator().manual_seed(0), 0, False

    def step() -> None:
        nonlocal left, made_any
        if not left:
            order = patches.order(generator)[: count * batch_size].view(count, -1)
            if made_any:
                steps.take(wait=True)
            made_any = True
            steps.begin(order, [config.learning_rate] * count, 0)
            left = count
        steps.make()
        steps.take()
        left -= 1

    return step, steps


def some_patches(data: str | None, batch_size: int) -> PatchSet:
    """Return the patches of a set of pictures, or as many of noise as T91 gives."""
    if data is not None:
        return PatchSet.from_images(load_images(data), (2, 3, 4), patch_size=SIDE)
    hr = torch.rand(124 * batch_size, 1, SIDE, SIDE)
    ilr = (hr + 0.05 * torch.randn_like(hr)).clamp(16 / 255, 235 / 255)
    return PatchSet(ilr, hr, torch.full((len(hr),), 2.0))


def step_flops(depth: int, batch_size: int) -> float:
    """Return the floating-point operations of a step: forward, and twice backward."""
    multiplications = sum(layer.numel() for layer in VDSR(depth).parameters())
    return 3 * 2 * multiplications * SIDE**2 * batch_size


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--data", help="such as t91, at x2, x3, x4; default: noise")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", help="of ours")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="a round; default 1 (GPU: 20)")
    parser.add_argument("--threads", type=int, help="of a CPU; default: all cores")
    parser.add_argument("--autotune", action="store_true", help="cuDNN's, on a GPU")
    parser.add_argument("--kernels", action="store_true", help="of our step, by time")
    options = parser.parse_args()

    if options.threads:
        torch.set_num_threads(options.threads)
    torch.backends.cudnn.benchmark = options.autotune
    device = join_processes(options.device).device
    choice = choose_precision(device, options.precision)
    count = options.steps or (20 if device.type == "cuda" else 1)
    patches = some_patches(options.data, options.batch_size).to(device)
    made, steps = ours(options.depth, patches, options.batch_size, options.precision)
    loops = {
        "textbook": textbook(options.depth, patches, options.batch_size, device),
        "ours": made,
    }
    dtypes = {"textbook": torch.float32, "ours": choice.dtype}
    times = in_turn(loops, device, rounds=options.rounds, count=count)
    say_machine(device)
    print(f"ours in {choice}" + (f"; {steps.manner}" if steps.manner else ""))
    work = step_flops(options.depth, options.batch_size)
    print(
        f"one step: VDSR of depth {options.depth}, {options.batch_size} patches of "
        f"{SIDE}x{SIDE}, {work / 1e9:.0f} GFLOP"
    )
    print(
        f"{'':10}{'seconds':>10}{'fastest':>10}{'GFLOP/s':>10}{'of product rate':>18}"
    )
    for name, taken in times.items():
        median = statistics.median(taken)
        rate = work / median
        share = rate / product_rate(dtypes[name], device)
        print(
            f"{name:10}{median:10.4f}{min(taken):10.4f}{rate / 1e9:10.0f}{share:18.0%}"
        )
    pairs = zip(times["textbook"], times["ours"], strict=True)
    ratios = [slow / fast for slow, fast in pairs]
    print(f"ours is {statistics.median(ratios):.2f} times as fast (median of rounds)")
    per_epoch = patches.steps_per_epoch(options.batch_size)
    hours = 80 * per_epoch * statistics.median(times["ours"]) / 3600
    print(
        f"{options.data or 'noise'}: {len(patches):,} patches, {per_epoch} steps an "
        f"epoch; the paper's 80 epochs take {80 * per_epoch:,} of our steps, "
        f"{hours:.2f} hours"
    )
    if options.kernels:
        say_kernels(made, device, count)


if __name__ == "__main__":
    main()
