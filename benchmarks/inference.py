"""How long a network takes over a picture: ours against the textbook call, in one run.

    python benchmarks/inference.py [--threads 1] [--device cuda] [--sizes 512x512]

The textbook call is ``model(ilr)`` without gradients, in float32, in the default
layout, on the whole picture. Ours is `vdsr_lib.inference.super_resolve`: as it chooses
by itself, and held to float32. They take turns. The arithmetic of the convolutions is
counted, and set against the rate of a large matrix product in the same precision. On a
machine that other programs keep busy, `--threads 1` gives processor time. On a GPU the
textbook's float32 is TF32, torch's default in convolutions, and ours is not;
`--autotune` lets cuDNN try its algorithms for each size, which the library does not.
"""

from __future__ import annotations

import argparse
import statistics

import torch
from measuring import in_turn, product_rate, say_machine
from torch import nn

from vdsr_lib.devices import resolve_device
from vdsr_lib.inference import evaluation_precision, super_resolve
from vdsr_lib.models import SRCNN, VDSR


def textbook(model: nn.Module, ilr: torch.Tensor) -> torch.Tensor:
    """Call the model as tutorials do."""
    with torch.no_grad():
        return model(ilr)


def operations(model: nn.Module, pixels: int) -> float:
    """Return the floating-point operations of a forward pass."""
    layers = [each for each in model.modules() if isinstance(each, nn.Conv2d)]
    return 2.0 * pixels * sum(layer.weight.numel() for layer in layers)


def measure(
    name: str, model: nn.Module, ilr: torch.Tensor, options: argparse.Namespace
) -> None:
    """Print the lines of one network and one size."""
    device, chosen = ilr.device, evaluation_precision(model)
    tile = options.tile
    ways = {
        "textbook": lambda: textbook(model, ilr),
        "float32": lambda: super_resolve(model, ilr, precision="float32", tile=tile),
        "ours": lambda: super_resolve(model, ilr, tile=tile),
    }
    times = in_turn(ways, device, rounds=options.rounds, count=options.count)
    work = operations(model, ilr.numel())
    size = f"{ilr.shape[3]} x {ilr.shape[2]}"
    print(f"\n{name}, {size}, {work / 1e9:,.0f} GFLOP; ours in {chosen}")
    for way, taken in times.items():
        median = statistics.median(taken)
        dtype = chosen.dtype if way == "ours" else torch.float32
        share = work / median / product_rate(dtype, device)
        pairs = zip(times["textbook"], taken, strict=True)
        ratio = statistics.median(slow / fast for slow, fast in pairs)
        print(
            f"{way:10}{median:9.4f} s, fastest {min(taken):.4f} s, "
            f"{work / median / 1e9:7.0f} GFLOP/s, {share:4.0%} of the product rate, "
            f"{ratio:.2f} times as fast as the textbook"
        )


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=["256x256", "512x512"])
    parser.add_argument("--networks", nargs="+", default=["VDSR", "SRCNN"])
    parser.add_argument("--depth", type=int, default=20, help="of VDSR")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=1, help="calls a round")
    parser.add_argument("--threads", type=int, help="of a CPU; default: all cores")
    parser.add_argument("--tile", type=int, help="side of our tiles, 0 for none")
    parser.add_argument("--autotune", action="store_true", help="cuDNN's, on a GPU")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    device = resolve_device(options.device)
    say_machine(device)
    networks = {"VDSR": lambda: VDSR(options.depth), "SRCNN": lambda: SRCNN((9, 5, 5))}
    torch.backends.cudnn.benchmark = options.autotune
    for name in options.networks:
        model = networks[name]().to(device).eval()
        for size in options.sizes:
            width, height = map(int, size.split("x"))
            ilr = torch.rand(1, 1, height, width, device=device)
            measure(name, model, ilr, options)


if __name__ == "__main__":
    main()
