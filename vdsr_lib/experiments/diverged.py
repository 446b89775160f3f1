"""What a lesson does about runs that diverged: say so, and go on with NaN.

A network that diverged has no weights that are numbers. So all that is measured of it
is NaN, which no claim holds by.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from vdsr_lib.experiments.outcomes import ending
from vdsr_lib.models import SRCNN, VDSR, build

if TYPE_CHECKING:
    import pandas as pd

    from vdsr_lib.experiments.results import ExperimentResult, Recording

__all__ = ["scores_by_step", "tell_diverged", "trained_networks"]


def tell_diverged(recording: Recording) -> None:
    """Print a sentence for each run that diverged, and nothing where none did.

    Parameters
    ----------
    recording : Recording
        A result, or a recorded one.
    """
    for name, run in recording.record["runs"].items():
        if run["outcome"] == "diverged":
            _, _, step = ending("diverged", run.get("message") or "").partition(", ")
            print(
                f"The run {name!r} diverged{step and f' at {step}'}. What is measured "
                "of it from here on is no number (NaN), and no claim about it holds."
            )


def trained_networks(result: ExperimentResult) -> dict[str, VDSR | SRCNN]:
    """Return the network of each run, and tell which diverged.

    Parameters
    ----------
    result : ExperimentResult
        What `run_experiment` gave.

    Returns
    -------
    dict of str to (VDSR or SRCNN)
        By the run's name, in the order of the runs. One that diverged has its
        architecture and NaN for each weight, so that a lesson can go on: it scores NaN.
    """
    tell_diverged(result)
    return {
        name: result.models[name]
        if name in result.models
        else _without_numbers(build(run["declaration"]["architecture"]))
        for name, run in result.record["runs"].items()
    }


def scores_by_step(recording: Recording, score: str) -> pd.DataFrame:
    """Return a score of all runs at each validation, side by side.

    Parameters
    ----------
    recording : Recording
        A result, or a recorded one.
    score : str
        A column of the curves, for example ``"psnr_x2"``.

    Returns
    -------
    pandas.DataFrame
        Index ``epoch``, ``step``, in rising order; a column for each run. NaN where a
        run was not measured: one that diverged has NaN from then on, in one row at
        least. (That row is the step at which it diverged, if no other run went on.)

    Raises
    ------
    KeyError
        If a curve has no such score.
    """
    import pandas as pd

    measured = {
        name: curve.set_index(["epoch", "step"])[score]
        for name, curve in recording.curves.items()
    }
    table = pd.concat(measured, axis=1).sort_index()
    for name, run in recording.record["runs"].items():
        if run["outcome"] == "diverged":
            last = recording.histories[name].epochs[-1]
            end = last["epoch"], last["step"]
            if end >= table.index[-1]:
                table.loc[end, name] = math.nan
    return table.sort_index()


@torch.no_grad()
def _without_numbers(network: VDSR | SRCNN) -> VDSR | SRCNN:
    """Make every weight NaN."""
    for weight in network.parameters():
        weight.fill_(math.nan)
    return network.eval()
