"""What the clipping explorer holds, in traits, in a picture and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from vdsr_lib.experiments.gradients import GradientTrace

__all__ = ["clipping_picture", "described", "packed_trace"]

_MOST = 12  # trainings in the static picture
_SANE = 1e5  # a gradient's norm, before it has no place on the axis


def packed_trace(trace: GradientTrace) -> dict[str, Any]:
    """Return a training as strict JSON can hold it.

    Parameters
    ----------
    trace : GradientTrace
        The training.

    Returns
    -------
    dict
        Its attributes; None where a number is not finite; ``counts`` without the empty
        bins at both ends, which begin at ``first``.
    """
    used = [i for counts in trace.counts for i, n in enumerate(counts) if n]
    first, last = min(used, default=0), max(used, default=0)
    return {
        "rule": trace.rule,
        "learning_rate": trace.learning_rate,
        "theta": trace.theta,
        "steps": list(trace.steps),
        "first": first,
        "counts": [list(counts[first : last + 1]) for counts in trace.counts],
        "measured": [
            {name: _finite(value) for name, value in row.items()}
            for row in trace.measured
        ],
        "psnr": [[step, _finite(value)] for step, value in trace.psnr],
        "baseline": _finite(trace.baseline),
        "outcome": trace.outcome,
    }


def described(traces: Sequence[Mapping[str, Any]]) -> str:
    """Say in words what the explorer shows.

    Parameters
    ----------
    traces : sequence of mapping
        As `packed_trace` returns them.

    Returns
    -------
    str
    """
    phrases = []
    for trace in traces[:_MOST]:
        name = f"{trace['rule']} at rate {trace['learning_rate']:g}"
        if _one_of_several(trace, traces):
            name += f", theta {trace['theta']:g},"
        if trace["outcome"].startswith("diverged"):
            phrases.append(f"{name} {trace['outcome']}")
            continue
        last = trace["measured"][-1]["clipped_share"]
        score = trace["psnr"][-1][1] if trace["psnr"] else None
        reached = "" if score is None else f", {score:.2f} dB"
        phrases.append(f"{name} {100 * (last or 0):.0f} % clipped{reached}")
    base = traces[0]["baseline"] if traces else None
    ends = "" if base is None else f" Bicubic has {base:.2f} dB."
    return (
        "Gradients of short trainings by size, and where the clipping cuts them; "
        f"at the end: {'; '.join(phrases)}.{ends}"
    )


def clipping_picture(
    traces: Sequence[Mapping[str, Any]], edges: Sequence[float]
) -> tuple[bytes, int, int]:
    """Draw the gradients of each training at its last step, with the clip marked.

    Parameters
    ----------
    traces : sequence of mapping
        As `packed_trace` returns them; the first twelve are drawn.
    edges : sequence of float
        Of the bins.

    Returns
    -------
    (bytes, int, int)
        A PNG file, and the nominal width and height in pixels to show it at.
    """
    from vdsr_lib.figures.magnitudes import Magnitudes, gradient_sizes
    from vdsr_lib.figures.style import to_png

    panels = {}
    for trace in traces[:_MOST]:
        rule = trace["rule"]
        bound = {
            "adjustable": trace["theta"] / trace["learning_rate"],
            "value": trace["theta"],
        }.get(rule, math.inf)
        score = trace["psnr"][-1][1] if trace["psnr"] else None
        said = trace["outcome"].replace("finished", "")
        if not said and score is not None:
            said = f"{score:.2f} dB"
        limit = f"\n\N{GREEK SMALL LETTER THETA} {trace['theta']:g}"
        row = rule + limit * _one_of_several(trace, traces)
        title = (row, f"rate {trace['learning_rate']:g}")
        at = _last_number(trace)
        padded = [0] * trace["first"] + trace["counts"][at]
        panels[title] = Magnitudes(
            padded + [0] * (len(edges) + 1 - len(padded)),
            bound,
            f"step {trace['steps'][at]}: {_spoken(trace, at)}",
            said,
        )
    return to_png(gradient_sizes(panels, edges))


def _one_of_several(
    trace: Mapping[str, Any], traces: Sequence[Mapping[str, Any]]
) -> bool:
    """Tell whether the rule of a training was tried with more than one theta."""
    same = [other for other in traces[:_MOST] if other["rule"] == trace["rule"]]
    return len({other["theta"] for other in same}) > 1


def _last_number(trace: Mapping[str, Any]) -> int:
    """Return the last step whose gradients are numbers of this world, as an index."""
    sane = [
        i
        for i, row in enumerate(trace["measured"])
        if row["gradient_norm"] is not None and row["gradient_norm"] < _SANE
    ]
    return max(sane, default=0)


def _spoken(trace: Mapping[str, Any], at: int) -> str:
    """Return what the clipping did at a step."""
    last = trace["measured"][at]
    if trace["rule"] == "none":
        return "not clipped"
    if trace["rule"] == "norm":
        norm = last["gradient_norm"]
        factor = min(1.0, trace["theta"] / norm) if norm else 1.0
        return f"all \N{MULTIPLICATION SIGN} {factor:.2g}"
    return f"{100 * (last['clipped_share'] or 0):.0f} % clipped"


def _finite(value: float) -> float | None:
    """Return a number that JSON can hold."""
    return float(value) if math.isfinite(value) else None
