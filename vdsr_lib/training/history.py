"""What a training run measured, one row an epoch."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from vdsr_lib._files import from_home, write_atomically
from vdsr_lib.errors import RunError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "History", "Row", "score_texts"]

Row: TypeAlias = dict[str, Any]

COLUMNS = frozenset(
    {
        *("epoch", "step", "learning_rate", "seconds"),
        *("loss", "gradient_norm", "clipped_share"),
    }
)
"""What a row of an epoch holds, whatever is validated."""


@dataclass
class History:
    """The course of a training run.

    Parameters
    ----------
    epochs : list of dict
        One row an epoch: ``epoch`` (from 1), ``step`` (steps made so far),
        ``learning_rate``, ``loss`` (mean over the epoch's batches, of what the config's
        `loss` says), ``gradient_norm`` (mean, before the clipping), ``clipped_share``
        (mean, in [0, 1]), ``seconds`` (training alone), and what `validate` returned.
        The last row may cover part of an epoch, when `max_steps`, a stop or a
        divergence ended it.
    validations : list of dict
        One row a validation: ``epoch``, ``step``, and what `validate` returned.
    finished : bool
        False when the run was stopped before its last step, or diverged.
    precision : str
        The arithmetic, in one line.
    steps : list of dict
        Where the recipe asks for a `trace`, one row a step: ``step``, and the step's
        own ``loss``, ``gradient_norm`` and ``clipped_share``. A step that diverged is
        the last. Empty otherwise.
    stop_asked : bool
        Whether a stop was asked for while the run was made, be it too late: after the
        last step. It is not saved.
    """

    epochs: list[Row] = field(default_factory=list)
    validations: list[Row] = field(default_factory=list)
    finished: bool = False
    precision: str = ""
    steps: list[Row] = field(default_factory=list)
    stop_asked: bool = field(default=False, compare=False, repr=False)

    def __repr__(self) -> str:
        """Return where the run stands: its last row in short."""
        if not self.epochs:
            return "History(no epoch yet)"
        last = self.epochs[-1]
        scores = "".join(f", {name} {text}" for name, text in score_texts(last).items())
        state = "" if self.finished else ", not finished"
        return (
            f"History({len(self.epochs)} epochs, {last['step']:,} steps, "
            f"loss {last['loss']:.4g}{scores}{state})"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return the epochs as a table, one row each.

        Returns
        -------
        pandas.DataFrame
        """
        import pandas as pd

        return pd.DataFrame(self.epochs)

    def to_dict(self) -> dict[str, Any]:
        """Return everything JSON-ready; what is not finite becomes None."""
        values = {
            "epochs": [_plain(row) for row in self.epochs],
            "validations": [_plain(row) for row in self.validations],
            "finished": self.finished,
            "precision": self.precision,
        }
        trace = {"steps": [_plain(row) for row in self.steps]}
        return values | (trace if self.steps else {})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> History:
        """Return the history that `to_dict` described; None becomes NaN."""
        return cls(
            [_numbers(row) for row in values["epochs"]],
            [_numbers(row) for row in values["validations"]],
            bool(values["finished"]),
            str(values["precision"]),
            [_numbers(row) for row in values.get("steps", ())],
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the history as JSON, whole or not at all.

        Parameters
        ----------
        path : path-like
            The file to write.

        Returns
        -------
        pathlib.Path
            `path`.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        return write_atomically(path, json.dumps(self.to_dict(), indent=1) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> History:
        """Read a history that `save` wrote.

        Parameters
        ----------
        path : path-like
            The file to read.

        Returns
        -------
        History

        Raises
        ------
        RunError
            If the file holds something else.
        FileNotFoundError
            If it is not there.
        """
        content = from_home(path, RunError).read_bytes()
        try:
            return cls.from_dict(json.loads(content))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(f"{path} is not a training history: {error}") from error


def score_texts(row: Row) -> dict[str, str]:
    """Return the validation scores of a row as the paper's tables print them.

    Parameters
    ----------
    row : dict
        Of an epoch.

    Returns
    -------
    dict of str to str
        Keys that begin with ``psnr``, two decimals, or with ``ssim``, four.
    """
    digits = {"psnr": 2, "ssim": 4}
    return {
        key: f"{value:.{digits[key[:4]]}f}"
        for key, value in row.items()
        if key[:4] in digits
    }


def _plain(row: Row) -> Row:
    """Return a row that strict JSON can hold."""
    return {k: None if _is_lost(v) else v for k, v in row.items()}


def _is_lost(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _numbers(row: Row) -> Row:
    return {k: math.nan if v is None else v for k, v in row.items()}
