"""How many floating-point operations a device makes in a second, measured."""

from __future__ import annotations

import re
import time
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from vdsr_lib.devices import choose_precision, resolve_device
from vdsr_lib.inference import super_resolve
from vdsr_lib.models import build
from vdsr_lib.patches import PatchSet
from vdsr_lib.training import Silent, StuckAtBicubicWarning, TrainingConfig, train
from vdsr_lib.training.history import Row

__all__ = ["Rate", "measure_rate"]

_VDSR = {"name": "VDSR", "depth": 10, "width": 64, "residual": True}
_BATCH = 64
_TRAINING_SECONDS, _MEASURING_SECONDS = 0.8, 0.3
_BURST, _HARMLESS = 64, 1e-6
_PICTURE = 160  # side of the picture that the network is used on


@dataclass(frozen=True)
class Rate:
    """Floating-point operations a second, as `vdsr_lib.experiments.cost` counts them.

    Parameters
    ----------
    training : float
        In training steps, in the precision that the library chooses.
    measuring : float
        In using the network on whole pictures, in float32.
    precision : str
        In which arithmetic training ran.
    """

    training: float
    measuring: float
    precision: str

    def __str__(self) -> str:
        """Return for example ``412 GFLOP/s (bfloat16, channels_last, AMX-BF16)``."""
        return f"{self.speed} ({self.precision})"

    @property
    def speed(self) -> str:
        """The rate of training, for people: ``412 GFLOP/s``."""
        speed = self.training / 1e9
        return f"{speed:,.0f} GFLOP/s" if speed >= 10 else f"{speed:.1f} GFLOP/s"


def measure_rate(
    device: str | torch.device = "auto",
    network: str = "VDSR",
    *,
    precision: str = "auto",
) -> Rate:
    """Train a network of the paper for about a second, and time its steps.

    Measured once in a process for each device, network and precision: `train` itself
    on 64 patches a step, so that all that the library does to be fast is in it. The
    fastest step counts: the machine as it is when nothing else runs on it.

    Parameters
    ----------
    device : str or torch.device
        As for `vdsr_lib.devices.resolve_device`.
    network : str
        ``"VDSR"``, depth 10 on patches of 21x21, or ``"SRCNN 9-1-5"`` with any other
        sides of filters, on patches of 33x33. They matter: 9-5-5 makes four times
        as many operations a second as 9-1-5, most of whose time goes into moving maps.
    precision : {"auto", "bfloat16", "float32"}
        Of the training.

    Returns
    -------
    Rate

    Raises
    ------
    ValueError
        If there is no such device, network or precision.
    KeyboardInterrupt
        If Ctrl-C was pressed meanwhile.
    """
    _measured_network(network)
    return _measured(resolve_device(device), network, precision)


def _measured_network(network: str) -> tuple[dict[str, Any], int]:
    """Return the architecture that is measured, and the side of its patches."""
    if network == "VDSR":
        return _VDSR, 21
    if not re.fullmatch(r"SRCNN \d+(-\d+)+", network):
        raise ValueError(
            "network must be VDSR, or SRCNN with its sides as in 'SRCNN 9-1-5', got "
            f"{network!r}"
        )
    kernels = [int(side) for side in network.split(" ")[1].split("-")]
    widths = [64] + [32] * (len(kernels) - 2)
    return {"name": "SRCNN", "kernels": kernels, "widths": widths}, 33


@cache
def _measured(device: torch.device, network: str, precision: str) -> Rate:
    from vdsr_lib.experiments.cost import pixel_cost

    architecture, side = _measured_network(network)
    model = build(architecture, generator=torch.Generator()).to(device)
    cost = pixel_cost(architecture)
    stepping = _step_seconds(model, side, device, precision)
    using = _picture_seconds(model, device)
    return Rate(
        _BATCH * side**2 * cost.training / stepping,
        _PICTURE**2 * cost.forward / using,
        str(choose_precision(device, precision)),
    )


class _Stopwatch(Silent):
    """Notes when each step was told of, and stops the training after a while.

    Parameters
    ----------
    together : int
        How many steps are timed as one. A GPU tells of its steps in bursts, many at
        a time and some while after they were made.
    """

    seconds_between_steps = 0.0

    def __init__(self, together: int) -> None:
        super().__init__()
        self.ends: list[float] = []
        self._together = together

    def step(self, record: Row) -> None:  # noqa: ARG002
        """Note the time."""
        self.ends.append(time.perf_counter())
        passed = self.ends[-1] - self.ends[0]
        enough = len(self.ends) > 2 * self._together
        self.stop_requested = enough and passed > _TRAINING_SECONDS

    def seconds(self) -> float:
        """Return the fastest step; the first one, which sets things up, is left out."""
        pairs = zip(self.ends, self.ends[self._together :], strict=False)
        return min(after - before for before, after in pairs) / self._together


def _step_seconds(
    model: torch.nn.Module, side: int, device: torch.device, precision: str
) -> float:
    """Return the seconds of a training step on made-up patches."""
    generator = torch.Generator().manual_seed(0)
    hr = torch.rand(_BATCH**2, 1, side, side, generator=generator)
    patches = PatchSet(0.9 * hr, hr, torch.full((len(hr),), 2.0)).to(device)
    watch = _Stopwatch(1 if device.type == "cpu" else _BURST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StuckAtBicubicWarning)
        train(
            model,
            patches,
            # So low that nothing moves: thousands of steps on noise might diverge.
            TrainingConfig.paper(
                batch_size=_BATCH, epochs=10**6, learning_rate=_HARMLESS
            ),
            monitor=watch,
            device=device,
            precision=precision,
        )
    if not watch.stop_requested:  # stopped by somebody else
        raise KeyboardInterrupt
    return watch.seconds()


def _picture_seconds(model: torch.nn.Module, device: torch.device) -> float:
    """Return the seconds of using a network on one picture, in float32."""
    picture = torch.full((1, 1, _PICTURE, _PICTURE), 0.5, device=device)
    times: list[float] = []
    while sum(times[1:]) < _MEASURING_SECONDS:  # the first sets things up
        start = time.perf_counter()
        luma = super_resolve(model, picture, precision="float32")
        luma.sum().item()  # waits for a GPU
        times.append(time.perf_counter() - start)
    return min(times[1:])
