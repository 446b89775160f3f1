"""What an experiment gave, and how that is written down for those who cannot run it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vdsr_lib._files import data_file, write_atomically
from vdsr_lib.errors import RunError

if TYPE_CHECKING:
    import pandas as pd

    from vdsr_lib.experiments.declare import Experiment
    from vdsr_lib.experiments.frames import Frames
    from vdsr_lib.experiments.store import FinishedRun
    from vdsr_lib.models import SRCNN, VDSR
    from vdsr_lib.training import History

__all__ = ["ExperimentResult", "Recording", "recorded"]

_FORMAT = "vdsr-lib experiment 1"


@dataclass(frozen=True, repr=False)
class Recording:
    """The numbers of an experiment: its table and its curves.

    Parameters
    ----------
    record : dict
        ``experiment``, ``profile``, ``seed``, and for each run its ``runs`` entry: key,
        factors, declaration, outcome, provenance (machine, precision, seconds, date).
    table : pandas.DataFrame
        A row for each run, test set and scale: ``run``, the run's factors, ``dataset``,
        ``scale``, ``psnr`` (dB), ``ssim``, ``bicubic`` (dB), ``outcome``, ``seconds``
        (of training). A run that diverged has NaN.
    curves : dict of str to pandas.DataFrame
        What `curve` returns, by the run's name.
    """

    record: dict[str, Any]
    table: pd.DataFrame
    curves: dict[str, pd.DataFrame] = field(default_factory=dict)

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
        """Write record, table and curves as one JSON file, whole or not at all.

        Parameters
        ----------
        path : path-like
            For example ``data/recorded/table1.json``.

        Returns
        -------
        pathlib.Path
            `path`.
        """
        content = {
            "format": _FORMAT,
            "record": self.record,
            "table": json.loads(self.table.to_json(orient="records")),
            "curves": {name: _columns(curve) for name, curve in self.curves.items()},
        }
        return write_atomically(path, json.dumps(content, indent=1) + "\n")

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Recording:
        """Read what `write` wrote.

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
        import pandas as pd

        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            if content["format"] != _FORMAT:
                raise ValueError(f"its format is {content['format']!r}")
            curves = {n: pd.DataFrame(c) for n, c in content["curves"].items()}
            return cls(content["record"], pd.DataFrame(content["table"]), curves)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(f"{path} is not a recorded experiment: {error}") from error

    @property
    def provenance(self) -> str:
        """One line: profile, seed, device, arithmetic, torch, date, training time."""
        each = [run["provenance"] for run in self.record["runs"].values()]
        machine, seconds = each[-1]["machine"], sum(one["seconds"] for one in each)
        device = machine["device"]
        name = machine["cpu"] if device == "cpu" else device
        return (
            f"profile {self.record['profile']}, seed {self.record['seed']}; {name} "
            f"({each[-1]['precision']}), torch {machine['torch']}, "
            f"{each[-1]['date'][:10]}; {len(each)} runs trained in {_duration(seconds)}"
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.record['experiment']}: {self.provenance})"


@dataclass(frozen=True, repr=False)
class ExperimentResult(Recording):
    """All that an experiment gave.

    Parameters
    ----------
    record, table, curves
        As in `Recording`.
    histories : dict of str to History
        By the run's name. Its first validation is that of step 0.
    models : dict of str to VDSR or SRCNN
        The trained networks, on the CPU; without those that diverged.
    frames : dict of str to Frames
        The watched detail at each validation, of the runs that watch one.
    """

    histories: dict[str, History] = field(default_factory=dict)
    models: dict[str, VDSR | SRCNN] = field(default_factory=dict)
    frames: dict[str, Frames] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        experiment: Experiment,
        profile: str,
        seed: int,
        finished: Mapping[str, FinishedRun],
        tables: Sequence[pd.DataFrame],
    ) -> ExperimentResult:
        """Put the result together from its runs and their scores."""
        import pandas as pd

        runs = {
            run.name: finished[run.name].record
            | {"name": run.name, "factors": dict(run.factors)}
            for run in experiment.runs(profile)
        }
        head = {"experiment": experiment.name, "profile": profile, "seed": seed}
        return cls(
            head | {"runs": runs},
            pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(),
            {n: pd.DataFrame(run.history.validations) for n, run in finished.items()},
            {name: run.history for name, run in finished.items()},
            {n: run.model for n, run in finished.items() if run.model is not None},
            {n: run.frames for n, run in finished.items() if run.frames is not None},
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


def _columns(curve: pd.DataFrame) -> dict[str, list[float | None]]:
    """Return a curve as JSON holds it: numbers to four decimals, None for NaN."""
    return {
        str(name): [None if v != v else round(v, 4) for v in column.tolist()]
        for name, column in curve.items()
    }


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
