"""What an experiment gave, and how that is written down for those who cannot run it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vdsr_lib._files import data_file, from_home, write_atomically
from vdsr_lib.errors import RunError
from vdsr_lib.experiments.declare import TABLE
from vdsr_lib.experiments.layout import (
    columns,
    history_columns,
    read_history,
    readable,
    require_names,
    require_provenance,
    rounded_rows,
)
from vdsr_lib.experiments.strips import read_strip

if TYPE_CHECKING:
    import pandas as pd

    from vdsr_lib.experiments.declare import Experiment
    from vdsr_lib.experiments.frames import Frames
    from vdsr_lib.experiments.store import FinishedRun
    from vdsr_lib.models import SRCNN, VDSR
    from vdsr_lib.training import History

__all__ = ["ExperimentResult", "Recording", "recorded"]

_FORMAT = "vdsr-lib experiment 2"
_HEAD = ("experiment", "profile", "seed", "runs")
_RUN = ("key", "factors", "outcome", "provenance")


@dataclass(frozen=True, repr=False)
class Recording:
    """The numbers of an experiment: its table and its curves.

    Parameters
    ----------
    record : dict
        ``experiment``, ``profile``, ``seed``, and for each run its ``runs`` entry: key,
        factors, declaration, outcome, provenance (machine, precision, seconds, date).
        What ships with the project has also ``missing``: the other runs, by name, each
        with what it would cost, or with the recording of another experiment that has
        it.
    table : pandas.DataFrame
        A row for each run, test set and scale: ``run``, the run's factors, ``dataset``,
        ``scale``, ``psnr`` (dB), ``ssim``, ``bicubic`` (dB), ``outcome``, ``seconds``
        (of training). A run that diverged has NaN.
    curves : dict of str to pandas.DataFrame
        What `curve` returns, by the run's name.
    histories : dict of str to History
        By the run's name: loss, gradient norm, share clipped, seconds and scores of
        each epoch, and of each step where the run kept a trace. Its first validation
        is that of step 0.
    frames : dict of str to Frames
        The watched detail at some validations, of the runs that watch one.
    """

    record: dict[str, Any]
    table: pd.DataFrame
    curves: dict[str, pd.DataFrame] = field(default_factory=dict)
    histories: dict[str, History] = field(default_factory=dict)
    frames: dict[str, Frames] = field(default_factory=dict)

    def curve(self, run: str) -> pd.DataFrame:
        """Return how a run went.

        Parameters
        ----------
        run : str
            Its name.

        Returns
        -------
        pandas.DataFrame
            A row for each validation, that of step 0 first: ``epoch``, ``step``, and
            the scores, ``psnr_x2`` (dB) and the like.

        Raises
        ------
        ValueError
            If there is no such run.
        """
        if run not in self.curves:
            raise ValueError(f"no run {run!r}; there are {', '.join(self.curves)}")
        return self.curves[run]

    def grouped(
        self, outer: str, inner: str, *, x: str = "step", y: str = "psnr_x2"
    ) -> dict[str, dict[str, tuple[list[float], list[float]]]]:
        """Return the curves by two factors of the runs, as `figures.panels` takes them.

        Parameters
        ----------
        outer, inner : str
            Factors, for example ``"learning_rate"`` and ``"network"``. Of runs that
            share both, the last is taken.
        x, y : str
            Columns of the curves.

        Returns
        -------
        dict of str to (dict of str to (list, list))
            ``{"learning rate 0.1": {"residual": (steps, decibels), ...}, ...}``.

        Raises
        ------
        KeyError
            If a run has no such factor, or a curve no such column.
        """
        groups: dict[str, dict[str, tuple[list[float], list[float]]]] = {}
        for name, run in self.record["runs"].items():
            value, curve = run["factors"][outer], self.curves[name]
            shown = f"{value:g}" if isinstance(value, float) else str(value)
            panel = groups.setdefault(f"{outer.replace('_', ' ')} {shown}", {})
            panel[str(run["factors"][inner])] = curve[x].tolist(), curve[y].tolist()
        return groups

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write record, table, curves and histories as one JSON file.

        Parameters
        ----------
        path : path-like
            For example ``data/recorded/table1.json``. It is there whole or not at all.

        Returns
        -------
        pathlib.Path
            `path`. Frames are pictures, and stay out of it.
        """
        return write_atomically(path, self.text())

    def text(self, **more: Any) -> str:
        """Return what `write` writes.

        Parameters
        ----------
        **more
            Added to the file's contents, or put in place of what `write` writes.

        Returns
        -------
        str
            JSON, laid out to be read.
        """
        curves = {n: c.to_dict("records") for n, c in self.curves.items()}
        content = {
            "format": _FORMAT,
            "record": self.record,
            "table": rounded_rows(self.table),
            "curves": {name: columns(rows) for name, rows in curves.items()},
            "histories": {n: history_columns(h) for n, h in self.histories.items()},
        }
        traces = {n: columns(h.steps) for n, h in self.histories.items() if h.steps}
        return readable(content | ({"traces": traces} if traces else {}) | more)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Recording:
        """Read what `write` wrote, and the frames that were recorded beside it.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        Recording

        Raises
        ------
        RunError
            If the file is absent or holds something else.
        """
        path = from_home(path, RunError)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != _FORMAT:
                raise ValueError(f"its format is {content['format']!r}")
            return _from_content(content, path.parent)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(f"{path} is not a recorded experiment: {error}") from error

    @property
    def provenance(self) -> str:
        """One line: profile, seed, devices, arithmetic, torch, dates, training time."""
        each = [run["provenance"] for run in self.record["runs"].values()]
        devices = " and ".join(dict.fromkeys(map(_device, each)))
        dates = sorted({one["date"][:10] for one in each})
        days = " to ".join(dict.fromkeys((dates[0], dates[-1])))
        seconds = sum(one["seconds"] for one in each)
        lacking = len(self.record.get("missing", ()))
        count = f"{len(each)} of {len(each) + lacking}" if lacking else f"{len(each)}"
        runs = "run" if count == "1" else "runs"
        return (
            f"profile {self.record['profile']}, seed {self.record['seed']}; {devices}, "
            f"{days}; {count} {runs} trained in {_duration(seconds)}"
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.record['experiment']}: {self.provenance})"


@dataclass(frozen=True, repr=False)
class ExperimentResult(Recording):
    """All that an experiment gave.

    Parameters
    ----------
    record, table, curves, histories, frames
        As in `Recording`, with a frame at each validation.
    models : dict of str to VDSR or SRCNN
        The trained networks, on the CPU; without those that diverged.
    """

    models: dict[str, VDSR | SRCNN] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        experiment: Experiment,
        profile: str,
        seed: int,
        finished: Mapping[str, FinishedRun],
        tables: Sequence[pd.DataFrame],
    ) -> ExperimentResult:
        """Put the result together from those of its runs that are finished."""
        import pandas as pd

        runs = {
            run.name: finished[run.name].record
            | {"name": run.name, "factors": dict(run.factors)}
            for run in experiment.runs(profile)
            if run.name in finished
        }
        head = {"experiment": experiment.name, "profile": profile, "seed": seed}
        return cls(
            head | {"runs": runs},
            pd.concat(tables, ignore_index=True) if tables else _empty(),
            {n: pd.DataFrame(run.history.validations) for n, run in finished.items()},
            {name: run.history for name, run in finished.items()},
            {n: run.frames for n, run in finished.items() if run.frames is not None},
            {n: run.model for n, run in finished.items() if run.model is not None},
        )


def recorded(name: str) -> Recording | None:
    """Return an experiment's run at full scale, if one ships with the project.

    Parameters
    ----------
    name : str
        An experiment's name.

    Returns
    -------
    Recording or None
        What ``data/recorded/<name>.json`` holds; None where there is no such file yet.

    Raises
    ------
    RunError
        If the file is damaged.
    """
    path = data_file("recorded", f"{name}.json")
    return Recording.read(path) if path.is_file() else None


def _from_content(content: dict[str, Any], folder: Path) -> Recording:
    """Make a recording of a file's content; its frames lie below `folder`."""
    import pandas as pd

    record, curves = content["record"], content["curves"]
    require_names(record, _HEAD)
    for entry in record["runs"].values():
        require_names(entry, _RUN)
        require_provenance(entry["provenance"])
    table = pd.DataFrame(content["table"]) if content["table"] else _empty()
    for scores in {"psnr", "ssim", "bicubic"} & set(table):
        table[scores] = table[scores].astype(float)
    kept = content["histories"]
    if place := content.get("histories_in"):  # it may be newer, and have runs more
        kept = json.loads((folder / place).read_text("utf-8"))
    for parts in (curves, kept):
        require_names(parts, record["runs"])
    histories = {
        name: read_history(
            kept[name],
            curves[name],
            finished=record["runs"][name]["outcome"] == "finished",
            precision=record["runs"][name]["provenance"]["precision"],
            trace=content.get("traces", {}).get(name),
        )
        for name in record["runs"]
    }
    frames = {
        name: read_strip(folder / strip["file"], strip["steps"])
        for name, strip in content.get("frames", {}).items()
    }
    shown = {name: pd.DataFrame(curve) for name, curve in curves.items()}
    return Recording(record, table, shown, histories, frames)


def _empty() -> pd.DataFrame:
    """Return the table of runs without test pictures: the columns of others, no row."""
    import pandas as pd

    return pd.DataFrame(columns=list(TABLE))


def _device(provenance: Mapping[str, Any]) -> str:
    """Return for example ``Xeon (bfloat16), torch 2.13.0``."""
    machine = provenance["machine"]
    name = machine["cpu"] if machine["device"] == "cpu" else machine["device"]
    return f"{name} ({provenance['precision']}), torch {machine['torch']}"


def _duration(seconds: float) -> str:
    if seconds >= 2 * 3600:
        return f"{seconds / 3600:.1f} h"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
