"""A data set as one file: the luma of its pictures, and nothing that must be decoded.

A pack is a ZIP archive, ``t91.luma.zip``, of grey PNG files that any program opens,
with TERMS.txt and a table, ``pack.json``: of each picture the file that it came from
with its sha256, and the sha256 of its luma. It is for machines that get one file
rather than hundreds, where no JPEG decoder shall stand between the pictures and the
numbers: the luma is the same bits everywhere. Colour is lost, which neither training
nor the paper's measures look at.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdsr_lib._files import DAMAGED_ARCHIVE
from vdsr_lib.datasets.catalogue import Source
from vdsr_lib.errors import DataError, PictureError
from vdsr_lib.images import read_picture

__all__ = ["FORMAT", "TABLE", "luma_digest", "member", "pack_path", "read_pack"]

FORMAT = "vdsr-lib luma 1"
"""What ``pack.json`` has under "format"."""

TABLE = "pack.json"
"""The name of the table in the archive."""


def pack_path(source: Source, root: Path) -> Path:
    """Return where the pack of a data set belongs.

    Parameters
    ----------
    source : Source
        The data set.
    root : pathlib.Path
        The data folder.

    Returns
    -------
    pathlib.Path
        ``root/t91.luma.zip``; whether it is there is not checked.
    """
    return root / f"{source.name}.luma.zip"


def member(file: str) -> str:
    """Return the name that a picture's luma has in the archive.

    Parameters
    ----------
    file : str
        The picture's file, such as ``t1.bmp``.

    Returns
    -------
    str
        ``t1.bmp.png``.
    """
    return f"{file}.png"


def luma_digest(luma: NDArray[np.uint8]) -> str:
    """Return the checksum that a pack holds of a picture.

    Parameters
    ----------
    luma : (H, W) array of uint8
        In [0, 255].

    Returns
    -------
    str
        The sha256 of its values, row by row, in 64 hexadecimal digits.
    """
    return hashlib.sha256(np.ascontiguousarray(luma).tobytes()).hexdigest()


def read_pack(source: Source, path: Path) -> list[NDArray[np.uint8]]:
    """Return the luma of a data set's pictures from its pack, all of it checked.

    Parameters
    ----------
    source : Source
        The data set, as it is declared today.
    path : pathlib.Path
        Its pack.

    Returns
    -------
    list of (H, W) array of uint8
        In the order of ``source.files``: what `vdsr_lib.images.to_luma` gave, in
        [16, 235], or in [0, 255] of a file that was grey.

    Raises
    ------
    DataError
        If the file is no pack, is damaged, is of another format, or was made of other
        pictures than those that are declared.
    """
    again = f"make it again with 'vdsr data pack {source.name}'"
    try:
        with zipfile.ZipFile(path) as archive:
            table = json.loads(archive.read(TABLE))
            _check(table, source)
            return [_luma(archive, entry) for entry in table["pictures"]]
    except (*DAMAGED_ARCHIVE, TypeError, PictureError) as error:
        what = error.args[0] if isinstance(error, KeyError) else error
        raise DataError(f"{path} is no pack of {source.name} ({what}): {again}") from (
            error
        )


def _check(table: Mapping[str, Any], source: Source) -> None:
    """Refuse the table of a pack that was made of something else."""
    if table["format"] != FORMAT:
        raise ValueError(f"its format is {table['format']!r}, not {FORMAT!r}")
    packed = [(entry["file"], entry["sha256"]) for entry in table["pictures"]]
    if packed != [(file.name, file.sha256) for file in source.files]:
        raise ValueError("it was made of other pictures than are declared")


def _luma(archive: zipfile.ZipFile, entry: Mapping[str, str]) -> NDArray[np.uint8]:
    """Read one picture, and compare it with its checksum."""
    name = member(entry["file"])
    luma = read_picture(archive.read(name), name=name).pixels
    if luma.ndim != 2 or luma_digest(luma) != entry["luma"]:
        raise ValueError(f"{name} has the wrong sha256")
    return luma
