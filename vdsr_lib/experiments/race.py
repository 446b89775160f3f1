"""Two ways to compare runs that cost differently: at equal steps, at equal time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from vdsr_lib.experiments.frames import Frames
    from vdsr_lib.experiments.results import ExperimentResult, Recording

__all__ = ["race", "race_curves", "race_frames"]


def race(result: Recording, leader: str, *, score: str = "psnr_x3") -> pd.DataFrame:
    """Say where each run stood when the leader was done.

    Parameters
    ----------
    result : Recording or ExperimentResult
        Of runs that were trained on one machine.
    leader : str
        Name of the run whose steps and whose time count.
    score : str, default "psnr_x3"
        A column of the runs' curves.

    Returns
    -------
    pandas.DataFrame
        Index ``run``; columns ``step_seconds`` (of training, evenly shared among a
        run's steps), ``same_steps`` and ``same_time``: the score when the run had made
        as many steps as the leader, and when it had taken as long. Between two
        validations a straight line is drawn; a run that ended sooner has its last, and
        one that diverged NaN.

    Raises
    ------
    ValueError
        If there is no run of the leader's name.
    KeyError
        If a curve has no such score.
    """
    import pandas as pd

    result.curve(leader)  # refuses a name that there is not
    steps, pace = _last_step(result, leader), _pace(result)
    rows = {}
    for name, curve in result.curves.items():
        in_time = steps * pace[leader] / pace[name]
        reached = np.interp([steps, in_time], curve["step"], curve[score])
        if _diverged(result, name):
            reached = np.full(2, np.nan)
        rows[name] = [pace[name], *reached]
    columns = ["step_seconds", "same_steps", "same_time"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return table.rename_axis("run")


def race_curves(
    result: Recording, *, score: str = "psnr_x3"
) -> dict[str, dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]]:
    """Return the curves over steps and over time, as `figures.panels` takes them.

    Parameters
    ----------
    result : Recording or ExperimentResult
        As for `race`.
    score : str, default "psnr_x3"
        A column of the runs' curves.

    Returns
    -------
    dict of str to (dict of str to (x, y))
        Panels "over training steps" and "over seconds of training".

    Raises
    ------
    KeyError
        If a curve has no such score.
    """
    pace = _pace(result)
    panels = {"over training steps": 1.0, "over seconds of training": None}
    return {
        title: {
            name: (
                curve["step"].to_numpy(float) * (unit or pace[name]),
                curve[score].to_numpy(float),
            )
            for name, curve in result.curves.items()
        }
        for title, unit in panels.items()
    }


def race_frames(
    result: ExperimentResult, leader: str, rival: str
) -> tuple[dict[str, NDArray[np.uint8]], list[int]]:
    """Return the watched detail step by step, the rival at equal steps and equal time.

    Parameters
    ----------
    result : ExperimentResult
        Of runs that watch the same detail.
    leader, rival : str
        Names of two runs.

    Returns
    -------
    pictures : dict of str to array of uint8
        What `vdsr_lib.compare` takes: "original" and "bicubic", (h, w); "RIVAL, same
        steps", "RIVAL, same time" and "LEADER", (n, h, w), 8-bit luma. Of the rival
        each frame is the first that it took at that step or time, or its last. A run
        that diverged ends with a black one, at the step at which it did.
    steps : list of int
        The leader's steps, one a frame.

    Raises
    ------
    ValueError
        If one of them kept no frames.
    """
    if missing := [name for name in (leader, rival) if name not in result.frames]:
        raise ValueError(f"the run {missing[0]!r} kept no frames")
    ours, theirs = (_to_the_end(result, name) for name in (leader, rival))
    pace, steps = _pace(result), np.asarray(ours.steps)
    moments = {"steps": steps, "time": steps * pace[leader] / pace[rival]}
    pictures = {"original": ours.reference, "bicubic": ours.bicubic}
    for word, wanted in moments.items():
        places = np.searchsorted(theirs.steps, wanted - 1e-6)
        last = len(theirs.steps) - 1
        pictures[f"{rival}, same {word}"] = theirs.pictures[np.minimum(places, last)]
    return pictures | {leader: ours.pictures}, steps.tolist()


def _pace(result: Recording) -> dict[str, float]:
    """Return the seconds of a training step of each run."""
    runs = result.record["runs"]
    return {
        name: runs[name]["provenance"]["seconds"] / _last_step(result, name)
        for name in result.curves
    }


def _diverged(result: Recording, name: str) -> bool:
    return bool(result.record["runs"][name].get("outcome") == "diverged")


def _last_step(result: Recording, name: str) -> int:
    """Return how many steps a run made, the one at which it diverged among them."""
    if _diverged(result, name):
        return int(result.histories[name].epochs[-1]["step"])
    return int(result.curves[name]["step"].iloc[-1])


def _to_the_end(result: Recording, name: str) -> Frames:
    """Return a run's frames; if it diverged, with a black one where it did."""
    taken = result.frames[name]
    if not _diverged(result, name):
        return taken
    black = np.zeros_like(taken.pictures[:1])  # (1, h, w)
    return replace(
        taken,
        steps=(*taken.steps, _last_step(result, name)),
        pictures=np.concatenate([taken.pictures, black]),
    )
