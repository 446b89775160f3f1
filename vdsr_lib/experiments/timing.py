"""What depth costs: seconds of a training step and of a picture, measured here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from vdsr_lib.devices import choose_precision, resolve_device
from vdsr_lib.inference import super_resolve
from vdsr_lib.models import VDSR

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["depth_costs"]


def depth_costs(
    depths: Iterable[int],
    *,
    device: str | torch.device = "auto",
    side: int = 128,
    repeats: int = 5,
    width: int = 64,
) -> pd.DataFrame:
    """Measure how long networks of several depths take for the same pixels.

    Parameters
    ----------
    depths : iterable of int
        Each at least 2.
    device : str or torch.device
        As for `vdsr_lib.devices.resolve_device`.
    side : int, default 128
        Height and width, in pixels, of the picture that all of them are given.
    repeats : int, default 5
        Rounds in which all are measured in turn, so that a busy moment does not hit
        one depth alone. A time is the median of its shares of the rounds, of the
        fastest round: a machine that changes its pace changes no share.
    width : int, default 64
        Of the networks.

    Returns
    -------
    pandas.DataFrame
        Index ``depth``; columns ``using`` and ``training``: microseconds a pixel, of
        the picture and of a step's forward and backward pass over it. Using is in
        float32, so that depths can be compared (`super_resolve` takes bfloat16 for the
        deep ones alone), training in the precision of `train`. On a CPU it is the time
        that one thread spent computing, which programs beside it do not lengthen (of
        several threads, those that wait for another would count); elsewhere it is the
        clock's.

    Raises
    ------
    ValueError
        If there is no such device, or `side` or `repeats` is below 1.
    """
    import pandas as pd

    if side < 1 or repeats < 1:
        raise ValueError(
            f"side and repeats must be at least 1, got {side} and {repeats}"
        )
    where = resolve_device(device)
    clock = time.process_time if where.type == "cpu" else time.perf_counter
    jobs = {depth: _jobs(depth, width, side, where) for depth in depths}
    calls = [(depth, *each) for depth, kinds in jobs.items() for each in kinds.items()]
    with _one_thread():
        rounds = [
            [_seconds(call, clock) for *_, call in calls]
            for _ in range(repeats + 1)  # the first time sets things up
        ]
    times = pd.DataFrame(rounds[1:])  # (repeats, calls)
    whole = times.sum(axis=1)
    typical = times.div(whole, axis=0).median() * whole.min()
    table = pd.DataFrame(index=pd.Index(list(jobs), name="depth"))
    for (depth, kind, _), seconds in zip(calls, typical, strict=True):
        table.loc[depth, kind] = seconds * 1e6 / side**2
    return table


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute with one thread on a CPU, and then with as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _jobs(
    depth: int, width: int, side: int, device: torch.device
) -> dict[str, Callable[[], object]]:
    """Return the two things to time; each waits for the device to be done."""
    precision = choose_precision(device)
    model = VDSR(depth, width, generator=torch.Generator())
    model = model.to(device)
    model.to(memory_format=precision.memory_format)  # type: ignore[call-overload]
    picture = torch.full((1, 1, side, side), 0.5, device=device)  # (1, 1, H, W)

    def use() -> float:
        return float(super_resolve(model, picture, precision="float32").sum())

    def step() -> float:
        model.zero_grad(set_to_none=True)
        with precision.autocast():
            loss = (model(picture) - picture).square().sum()
        loss.backward()
        gradient = next(model.parameters()).grad
        return 0.0 if gradient is None else float(gradient.sum())  # waits for a GPU

    return {"using": use, "training": step}


def _seconds(call: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return how long a call takes."""
    start = clock()
    call()
    return clock() - start
