"""How runs came out, laid out in tables and curves as the figures take them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from vdsr_lib.experiments.catalogue import get_experiment
from vdsr_lib.experiments.telling import cost_text

if TYPE_CHECKING:
    import pandas as pd

    from vdsr_lib.experiments.gradients import GradientTrace
    from vdsr_lib.experiments.results import Recording

    Course = dict[str, tuple[tuple[int, ...], list[float]]]

__all__ = [
    "courses",
    "end_table",
    "ending",
    "full_table",
    "gain_table",
    "missing_costs",
    "step_courses",
]


def gain_table(table: pd.DataFrame, rows: str, columns: str) -> pd.DataFrame:
    """Return how much better than bicubic each run is.

    Parameters
    ----------
    table : pandas.DataFrame
        `Recording.table`, or part of it: one row for each cell of the result.
    rows, columns : str
        Columns of `table` whose values name the rows and the columns of the result,
        in the order in which they appear.

    Returns
    -------
    pandas.DataFrame
        PSNR minus that of bicubic, in dB; NaN where a run diverged or is missing. Its
        axes have the columns' names, with spaces.

    Raises
    ------
    ValueError
        If two rows of `table` belong to one cell.
    """
    if table.duplicated([rows, columns]).any():
        raise ValueError(
            f"two rows of the table share {rows} and {columns}: choose one scale and "
            "one data set first, for example with table.query('scale == 3')"
        )
    gains = table.assign(gain=table.psnr - table.bicubic)
    made = gains.pivot(index=rows, columns=columns, values="gain")
    made = made.loc[table[rows].unique(), table[columns].unique()]
    return made.rename_axis(
        index=rows.replace("_", " "), columns=columns.replace("_", " ")
    )


def end_table(recording: Recording, rows: str, columns: str) -> pd.DataFrame:
    """Return in words how each run ended.

    Parameters
    ----------
    recording : Recording
        A result, or a recorded one.
    rows, columns : str
        Factors of the runs, as in `gain_table`.

    Returns
    -------
    pandas.DataFrame
        ``"finished"`` or ``"diverged, step 3"``; ``"not run"`` where there is no run.
    """
    import pandas as pd

    words: dict[object, dict[object, str]] = {}
    for run in recording.record["runs"].values():
        cell = words.setdefault(run["factors"][columns], {})
        cell[run["factors"][rows]] = ending(run["outcome"], run.get("message") or "")
    return pd.DataFrame(words).fillna("not run")


def full_table(
    name: str, recording: Recording | None, rows: str, columns: str, *, scale: float
) -> pd.DataFrame:
    """Return in words how each run stands that is declared at the paper's size.

    Parameters
    ----------
    name : str
        The experiment's.
    recording : Recording or None
        What `recorded` gives of it.
    rows, columns : str
        Factors of the runs, as in `gain_table`.
    scale : float
        Where PSNR is compared.

    Returns
    -------
    pandas.DataFrame
        ``"+0.50"``, PSNR minus that of bicubic in dB; ``"finished"`` where that was
        not measured; ``"diverged, step 3"``; or ``"not run"``. Its axes are in the
        declared order.

    Raises
    ------
    ValueError
        If there is no such experiment, or two data sets have a row at this scale.
    """
    import pandas as pd

    made = recording.record["runs"] if recording is not None else {}
    table = recording.table if recording is not None else pd.DataFrame({"scale": []})
    here = table[table["scale"] == scale]
    gains = gain_table(here, rows, columns).to_dict() if len(here) else {}
    words: dict[object, dict[object, str]] = {}
    for run in get_experiment(name).runs("paper"):
        row, column = run.factors[rows], run.factors[columns]
        text = "not run"
        if (entry := made.get(run.name)) is not None:
            text = ending(entry["outcome"], entry.get("message") or "")
            gain = gains.get(column, {}).get(row, math.nan)
            if text == "finished" and not math.isnan(gain):
                text = f"{gain:+.2f}"
        words.setdefault(column, {})[row] = text
    return pd.DataFrame(words).rename_axis(
        index=rows.replace("_", " "), columns=columns.replace("_", " ")
    )


def missing_costs(name: str, recording: Recording | None) -> dict[str, str]:
    """Return the runs at the paper's size that are not recorded.

    Parameters
    ----------
    name : str
        The experiment's.
    recording : Recording or None
        What `recorded` gives of it.

    Returns
    -------
    dict of str to str
        By the run's name: ``"not run (about 2.4 h on one CPU core)"``, or where else
        it is recorded: ``"recorded in figure3: depth 5, run 1"``.

    Raises
    ------
    ValueError
        If there is no such experiment.
    """
    if recording is not None:
        missing: dict[str, str] = recording.record.get("missing", {})
        return missing
    return {run.name: cost_text(run) for run in get_experiment(name).runs("paper")}


def step_courses(
    recording: Recording | None,
    panels: str,
    curves: str,
    *,
    quantity: str = "gradient_norm",
) -> dict[str, dict[str, tuple[list[int], list[float]]]]:
    """Return what each step of recorded runs measured, as `figures.panels` takes it.

    Parameters
    ----------
    recording : Recording or None
        A result, or what `recorded` gives.
    panels, curves : str
        Factors of the runs.
    quantity : {"gradient_norm", "clipped_share", "loss"}
        What is shown.

    Returns
    -------
    dict of str to (dict of str to (list, list))
        ``{"none": {"learning rate 0.1": (steps, values), ...}, ...}``, of those runs
        that kept a trace. What is no number is NaN.
    """
    found: dict[str, dict[str, tuple[list[int], list[float]]]] = {}
    if recording is None:
        return found
    for name, run in recording.record["runs"].items():
        if steps := recording.histories[name].steps:
            value = run["factors"][curves]
            shown = f"{value:g}" if isinstance(value, float) else str(value)
            panel = found.setdefault(str(run["factors"][panels]), {})
            panel[f"{curves.replace('_', ' ')} {shown}"] = (
                [row["step"] for row in steps],
                [float(row[quantity]) for row in steps],
            )
    return found


def courses(traces: Iterable[GradientTrace]) -> dict[str, Course]:
    """Return how gradients went, as `figures.traces` takes it.

    Parameters
    ----------
    traces : iterable of GradientTrace
        Trainings whose gradients were counted.

    Returns
    -------
    dict
        ``"gradient norm"`` and ``"clipped share"`` (in [0, 1]) -> the training's rule
        and rate -> steps and values.
    """
    names = {"gradient norm": "gradient_norm", "clipped share": "clipped_share"}
    every = list(traces)
    return {
        title: {
            f"{trace.rule}, rate {trace.learning_rate:g}": (
                trace.steps,
                [float(row[key]) for row in trace.measured],
            )
            for trace in every
        }
        for title, key in names.items()
    }


def ending(outcome: str, message: str) -> str:
    """Return how a run ended in words, with the step where the message names one.

    Parameters
    ----------
    outcome, message : str
        As a record has them.

    Returns
    -------
    str
        ``"finished"`` or ``"diverged, step 3"``.
    """
    step = re.search(r"at step (\d+)", message)
    return f"{outcome}, step {step[1]}" if outcome != "finished" and step else outcome
