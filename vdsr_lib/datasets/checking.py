"""What of a downloadable data set is on this machine, and whether it is right."""

from __future__ import annotations

import os
from pathlib import Path

from vdsr_lib._files import user_data_dir
from vdsr_lib.datasets.catalogue import Source, SourceFile
from vdsr_lib.datasets.loading import is_packed, parts_of
from vdsr_lib.datasets.packed import pack_path, read_pack
from vdsr_lib.datasets.transfer import file_is_right
from vdsr_lib.errors import DataError

__all__ = ["packed_parts", "presence", "verify"]


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
        contents are not looked at: `verify` does that. A pack counts as all of them.

    Raises
    ------
    DataError
        If the name is unknown.
    """
    root, here = user_data_dir(data_dir), 0
    for part in (parts := parts_of(name)):
        if is_packed(part, root):
            here += len(part.files)
        else:
            here += sum(_length(p) == file.size for p, file in _files(part, root))
    return here, sum(len(part.files) for part in parts)


def packed_parts(
    name: str, *, data_dir: str | os.PathLike[str] | None = None
) -> tuple[str, ...]:
    """Return the names of those sets that are here as a pack of their luma.

    Parameters
    ----------
    name : str
        A downloadable data set or a name for several.
    data_dir : path-like, optional
        As in `presence`.

    Returns
    -------
    tuple of str
        Empty where the pictures themselves are here, or nothing is.

    Raises
    ------
    DataError
        If the name is unknown.
    """
    root = user_data_dir(data_dir)
    return tuple(part.name for part in parts_of(name) if is_packed(part, root))


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
        ``"missing"``. Of a set that is here as a pack: the pack.

    Raises
    ------
    DataError
        If the name is unknown, or a file is there but cannot be read.
    """
    root = user_data_dir(data_dir)
    found: dict[str, list[str]] = {"right": [], "wrong": [], "missing": []}
    for part in parts_of(name):
        if is_packed(part, root):
            path = pack_path(part, root)
            found["right" if _is_right_pack(part, path) else "wrong"].append(path.name)
            continue
        for path, file in _files(part, root):
            found[_state(path, file)].append(f"{part.name}/{file.name}")
    return found


def _is_right_pack(source: Source, path: Path) -> bool:
    """Tell whether a pack can be read, and is of the pictures that are declared."""
    try:
        read_pack(source, path)
    except DataError:
        return False
    return True


def _state(path: Path, file: SourceFile) -> str:
    """Return what a file is, "right", "wrong" or "missing"."""
    try:
        right = file_is_right(path, file)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from error
    return "right" if right else "wrong" if path.exists() else "missing"


def _files(source: Source, root: Path) -> list[tuple[Path, SourceFile]]:
    """Return where each file of a data set belongs, and what it should be."""
    return [(root / source.name / file.name, file) for file in source.files]


def _length(path: Path) -> int | None:
    """Return a file's length in bytes, or None where there is none to be seen."""
    try:
        return path.stat().st_size
    except OSError:
        return None
