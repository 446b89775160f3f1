"""The folder where finished runs are kept, so that none is ever made twice.

A run's folder is named by its key. While it trains, the folder holds its checkpoint;
when it is over, ``model.safetensors``, ``history.json``, ``frames.npz`` where a detail
was watched, and, written last, ``record.json``: a run with a record is finished.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vdsr_lib._files import from_home, require_writable, write_atomically
from vdsr_lib.datasets import identify
from vdsr_lib.errors import RunError
from vdsr_lib.experiments.frames import Frames
from vdsr_lib.experiments.layout import require_names, require_provenance
from vdsr_lib.training import History

if TYPE_CHECKING:
    import pandas as pd

    from vdsr_lib.experiments.declare import Pictures
    from vdsr_lib.models import SRCNN, VDSR

__all__ = ["FinishedRun", "RunStore", "default_store"]


def default_store() -> Path:
    """Return the folder of this user's runs.

    Returns
    -------
    pathlib.Path
        The environment variable ``VDSR_RUNS_DIR``, else ``runs`` in the user's cache
        folder (``~/.cache/vdsr_lib/runs`` on Linux). It may not exist yet.

    Raises
    ------
    RunError
        If the folder begins with the home (``~name``) of nobody.
    """
    if named := os.environ.get("VDSR_RUNS_DIR"):
        return from_home(named, RunError)
    import pooch

    return Path(pooch.os_cache("vdsr_lib")) / "runs"


@dataclass(frozen=True)
class FinishedRun:
    """What is kept of a run.

    Parameters
    ----------
    record : dict
        ``key``, ``declaration`` (all that determined it), ``outcome`` ("finished" or
        "diverged"), ``message`` (why it diverged), ``patches`` (how many, and their
        fingerprint) and ``provenance``: machine, precision, seconds, date.
    history : History
        Its first validation is that of step 0, before any training.
    model : VDSR or SRCNN or None
        The trained network on the CPU; None if the run diverged.
    frames : Frames or None
        The watched detail at each validation.
    """

    record: dict[str, Any]
    history: History
    model: VDSR | SRCNN | None
    frames: Frames | None


class RunStore:
    """The finished runs in a folder.

    Parameters
    ----------
    folder : path-like, optional
        Made when the first run is written; `default_store` if not given.

    Raises
    ------
    RunError
        If the folder begins with the home (``~name``) of nobody.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.folder = default_store() if folder is None else from_home(folder, RunError)

    def __repr__(self) -> str:
        return f"RunStore({str(self.folder)!r})  # {len(list(iter(self)))} runs"

    def __iter__(self) -> Iterator[str]:
        """Yield the keys of the finished runs."""
        for record in sorted(self.folder.glob("*/record.json")):
            yield record.parent.name

    def __contains__(self, key: str) -> bool:
        return (self.path(key) / "record.json").is_file()

    def path(self, key: str) -> Path:
        """Return the folder of a run, finished or not."""
        return self.folder / key

    def require_writable(self) -> None:
        """Refuse a folder in which no run can be kept: before one is made.

        Raises
        ------
        LabError
            If nothing can be written there.
        """
        require_writable(self.folder / "KEY" / "record.json", named=self.folder)

    def save(self, run: FinishedRun) -> None:
        """Write a finished run; it exists from the moment its record is there.

        Parameters
        ----------
        run : FinishedRun
            Its record holds the ``key``.

        Raises
        ------
        OSError
            If the disk is full; the run then counts as not finished.
        """
        folder = self.path(run.record["key"])
        run.history.save(folder / "history.json")
        if run.frames is not None:
            run.frames.save(folder / "frames.npz")
        if run.model is not None:
            from vdsr_lib.weights import save_model

            card = {"recipe": run.record["declaration"], **run.record["provenance"]}
            save_model(run.model, folder / "model.safetensors", card=card)
        _write_json(folder / "record.json", run.record)

    def load(self, key: str, declaration: Mapping[str, Any]) -> FinishedRun:
        """Read a finished run.

        Parameters
        ----------
        key : str
            Of a run that is in the store.
        declaration : mapping
            What the run must have been determined by.

        Returns
        -------
        FinishedRun

        Raises
        ------
        RunError
            If a file is missing or damaged, or record or weights are of another run.
        """
        folder = self.path(key)
        try:
            record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
            declared = json.loads(json.dumps(declaration))
            if record["declaration"] != declared:
                raise ValueError("record.json is of another run")
            require_names(
                record, ("key", "outcome", "message", "patches", "provenance")
            )
            require_provenance(record["provenance"])
            if record["key"] != key:
                raise ValueError("record.json is of another run")
            history = History.load(folder / "history.json")
            frames = folder / "frames.npz"
            return FinishedRun(
                record,
                history,
                None if record["outcome"] == "diverged" else _model(folder, declared),
                Frames.load(frames) if record["declaration"]["watch"] else None,
            )
        except (OSError, ValueError, KeyError, TypeError, RunError) as error:
            raise RunError(
                f"the run in {folder} cannot be used ({error}): delete that folder, "
                "and the run is made again"
            ) from error

    def save_scores(
        self, key: str, pictures: Pictures, scores: pd.DataFrame, *, half: bool = False
    ) -> None:
        """Keep a run's scores on test pictures beside the run.

        Parameters
        ----------
        key : str
            Of a finished run.
        pictures : Pictures
            What was measured.
        scores : pandas.DataFrame
            What ``evaluate`` returned.
        half : bool
            Whether they are those of the weights rounded to float16.
        """
        rows = scores.to_dict(orient="records")
        _write_json(self._scores_path(key, pictures, half), rows)

    def load_scores(
        self, key: str, pictures: Pictures, *, half: bool = False
    ) -> pd.DataFrame | None:
        """Return a run's scores on test pictures, or None if there are none yet.

        Parameters
        ----------
        key : str
            Of a finished run.
        pictures : Pictures
            What was measured.
        half : bool
            As for `save_scores`.

        Returns
        -------
        pandas.DataFrame or None

        Raises
        ------
        RunError
            If the file is damaged.
        """
        import pandas as pd

        path = self._scores_path(key, pictures, half)
        if not path.is_file():
            return None
        try:
            table = pd.DataFrame(json.loads(path.read_text(encoding="utf-8")))
            require_names(table, ("image", "scale", "psnr", "ssim", "seconds"))
            return table
        except ValueError as error:
            raise RunError(
                f"{path} is damaged ({error}): delete it, and it is measured again"
            ) from error

    def _scores_path(self, key: str, pictures: Pictures, half: bool) -> Path:
        scales = "-".join(f"{scale:g}" for scale in pictures.scales)
        crop = f"_crop{pictures.crop}" if pictures.crop else ""
        count = f"_{pictures.count}" if pictures.count else ""
        dataset = identify(pictures.dataset)
        if not re.fullmatch(r"[\w-]+", dataset):  # a folder: no file name
            dataset = hashlib.sha256(dataset.encode()).hexdigest()[:16]
        stored = "_float16" if half else ""
        name = f"{dataset}{count}_x{scales}{crop}{stored}.json"
        return self.path(key) / "scores" / name


def _model(folder: Path, declared: Mapping[str, Any]) -> VDSR | SRCNN:
    """Read the network of a run; refuse one that another declaration made."""
    from vdsr_lib.weights import load_model, read_card

    path = folder / "model.safetensors"
    if read_card(path).get("recipe") != declared:
        raise ValueError(f"{path.name} is of another run")
    return load_model(path)


def _write_json(path: Path, content: Any) -> None:
    def plain(value: Any) -> Any:
        if isinstance(value, np.generic):
            return value.item()
        raise TypeError(f"{type(value).__name__} does not fit into JSON")

    text = json.dumps(content, indent=1, default=plain)
    write_atomically(path, text + "\n")
