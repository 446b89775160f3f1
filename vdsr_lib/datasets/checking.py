"""What of a downloadable data set is on this machine, and whether it is right."""

from __future__ import annotations

import os
from pathlib import Path

from vdsr_lib._files import user_data_dir
from vdsr_lib.datasets.catalogue import SourceFile
from vdsr_lib.datasets.loading import parts_of
from vdsr_lib.datasets.transfer import file_is_right
from vdsr_lib.errors import DataError

__all__ = ["presence", "verify"]


def presence(
    name: str, *, data_dir: str | os.PathLike[str] | None = None
) -> tuple[int, int]:
    """Count the files of a data set that are there with their declared length.

    Parameters
    ----------
    name : str
        A downloadable data set or a name for several (see `dataset_names`).
    data_dir : path-like, optional
        Where the sets are; by default ``VDSR_DATA_DIR``, else a cache folder.

    Returns
    -------
    here, all : int
        The number of files that are there, and of those that belong to the set. The
        contents are not looked at: `verify` does that.

    Raises
    ------
    DataError
        If the name is unknown.
    """
    found = [_length(path) == file.size for path, file in _files(name, data_dir)]
    return sum(found), len(found)


def verify(
    name: str, *, data_dir: str | os.PathLike[str] | None = None
) -> dict[str, list[str]]:
    """Compare the files of a data set with their declared length and sha256.

    Parameters
    ----------
    name : str
        A downloadable data set or a name for several.
    data_dir : path-like, optional
        As in `presence`.

    Returns
    -------
    dict of str to list of str
        The files, as ``set/file``, that are ``"right"``, ``"wrong"`` and
        ``"missing"``.

    Raises
    ------
    DataError
        If the name is unknown, or a file is there but cannot be read.
    """
    found: dict[str, list[str]] = {"right": [], "wrong": [], "missing": []}
    for path, file in _files(name, data_dir):
        try:
            right = file_is_right(path, file)
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror})") from error
        state = "right" if right else "wrong" if path.exists() else "missing"
        found[state].append(f"{path.parent.name}/{path.name}")
    return found


def _files(
    name: str, data_dir: str | os.PathLike[str] | None
) -> list[tuple[Path, SourceFile]]:
    """Return where each file of a data set belongs, and what it should be."""
    root = user_data_dir(data_dir)
    return [
        (root / part.name / file.name, file)
        for part in parts_of(name)
        for file in part.files
    ]


def _length(path: Path) -> int | None:
    """Return a file's length in bytes, or None where there is none to be seen."""
    try:
        return path.stat().st_size
    except OSError:
        return None
