"""A training run through picture by picture, its curve beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vdsr_lib.widgets.compare import Compare, compare
from vdsr_lib.widgets.frames import Curve

if TYPE_CHECKING:
    from vdsr_lib.experiments.frames import Frames

__all__ = ["epoch_player"]


def epoch_player(
    frames: Mapping[str, Frames],
    *,
    curves: Mapping[str, Curve] | None = None,
    curve_label: str = "PSNR on the test pictures (dB)",
    **view: Any,
) -> Compare:
    """Compare a watched detail as networks rendered it while they learnt.

    Parameters
    ----------
    frames : mapping of str to Frames
        Network -> its frames, such as ``{"residual": result.frames["residual, rate
        0.1"]}``: of the same detail. Only steps that all networks have are shown.
    curves : mapping of str to (steps, values), optional
        Drawn below the slider, with a marker that moves along.
    curve_label : str, default "PSNR on the test pictures (dB)"
        What the curves show.
    **view
        As for `compare`.

    Returns
    -------
    Compare
        The original, which the others are scored against, bicubic, and each network.

    Raises
    ------
    ValueError
        If there is no network, the networks share no step, or their details differ.
    """
    if not frames:
        raise ValueError("there are no frames to play: give those of one network")
    first = next(iter(frames.values()))
    steps = [
        step
        for step in first.steps
        if all(step in taken.steps for taken in frames.values())
    ]
    if not steps:
        raise ValueError(f"{', '.join(frames)} have no step in common")
    for name, taken in frames.items():
        if taken.reference.tobytes() != first.reference.tobytes():
            raise ValueError(f"{name} watched another detail than {next(iter(frames))}")
    series = {
        name: [taken.pictures[taken.steps.index(step)] for step in steps]
        for name, taken in frames.items()
    }
    names = list(frames)
    pair = {"left": names[-1] if len(names) > 1 else "bicubic", "right": names[0]}
    return compare(
        {"original": first.reference, "bicubic": first.bicubic, **series},
        reference="original",
        frames={"step": steps},
        curves=curves,
        curve_label=curve_label,
        **{**pair, **view},
    )
