"""Clocks and rates that the benchmarks share."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from vdsr_lib.devices import describe_machine


def seconds(work: Callable[[], object], device: torch.device, count: int = 1) -> float:
    """Time `count` calls, and return the seconds of one (of one thread: its own)."""
    clock = time.perf_counter
    if device.type == "cpu" and torch.get_num_threads() == 1:
        clock = time.process_time
    start = clock()
    for _ in range(count):
        work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (clock() - start) / count


def in_turn(
    ways: dict[str, Callable[[], object]],
    device: torch.device,
    *,
    rounds: int,
    count: int = 1,
) -> dict[str, list[float]]:
    """Time some ways in turn, so that a slow moment falls on all; warm up first."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, work in ways.items():
            taken = seconds(work, device, count)
            if turn:
                times[name].append(taken)
    return times


def product_rate(dtype: torch.dtype, device: torch.device) -> float:
    """Return the FLOP/s of the best of some large square matrix products."""
    side = 8192 if device.type == "cuda" else 2048
    one, other = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    best = min(seconds(lambda: one @ other, device, 5) for _ in range(4))
    return 2 * side**3 / best


def say_machine(device: torch.device) -> None:
    """Print what ran, on what."""
    machine = describe_machine(device)
    print(f"{machine['cpu']}, {machine['cores']} cores, device {machine['device']}")
    clock = "processor time" if torch.get_num_threads() == 1 else "time"
    if device.type != "cpu":
        clock = "time"
    print(f"torch {machine['torch']}, {torch.get_num_threads()} threads, {clock}")


def say_kernels(work: Callable[[], object], device: torch.device, count: int) -> None:
    """Print the kernels, or the operations of a CPU, that take most of a call."""
    from torch.profiler import ProfilerActivity, profile

    on_gpu = device.type == "cuda"
    activity = ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU
    with profile(activities=[activity]) as record:
        seconds(work, device, count)
    attribute = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    rows = [
        (getattr(each, attribute) / count, each.count / count, each.key)
        for each in record.key_averages()
    ]
    whole, launches = (sum(row[place] for row in rows) for place in (0, 1))
    print(f"one call of ours: {launches:.0f} launches, {whole:.0f} us of the device")
    for taken, times, name in sorted(rows, reverse=True)[:20]:
        print(f"{taken:9.1f} us {taken / whole:5.1%} {times:6.1f} x  {name[:90]}")
