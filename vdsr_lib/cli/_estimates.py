"""What runs cost, in words: steps, times, and the rates they were reckoned from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vdsr_lib.experiments import Cost

__all__ = ["count_of", "duration", "estimate", "rates"]


def estimate(costs: Sequence[Cost], device: str) -> str:
    """Return how long some runs take: "9,920 steps, about 21 s at ..."."""
    steps = f"{sum(cost.steps for cost in costs):,} steps"
    time = duration(sum(cost.seconds(device) for cost in costs))
    return f"{steps}, about {time} at {rates(costs, device)}"


def rates(costs: Iterable[Cost], device: str) -> str:
    """Say at which measured rates the times were reckoned."""
    from vdsr_lib.experiments import measure_rate

    networks = dict.fromkeys(cost.network for cost in costs)
    rates = {name: measure_rate(device, name) for name in networks}
    speeds = " and ".join(f"{rate.speed} for {name}" for name, rate in rates.items())
    return f"{speeds} ({next(iter(rates.values())).precision})"


def duration(seconds: float) -> str:
    """Return a time to about two digits: nobody's estimate is better."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            value = seconds / size
            return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "1 s"


def count_of(count: int) -> str:
    """Return "1 run", or "7 runs"."""
    return "1 run" if count == 1 else f"{count} runs"
