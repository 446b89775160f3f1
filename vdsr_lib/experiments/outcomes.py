"""How runs came out, laid out in tables and curves as the figures take them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from vdsr_lib.experiments.gradients import GradientTrace
    from vdsr_lib.experiments.results import Recording

    Course = dict[str, tuple[tuple[int, ...], list[float]]]

__all__ = ["courses", "end_table", "gain_table"]


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
        cell[run["factors"][rows]] = _end(run["outcome"], run.get("message") or "")
    return pd.DataFrame(words).fillna("not run")


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


def _end(outcome: str, message: str) -> str:
    """Return the outcome, with the step where the message names one."""
    step = re.search(r"at step (\d+)", message)
    return f"{outcome}, step {step[1]}" if outcome != "finished" and step else outcome
