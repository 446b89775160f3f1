"""Write the luma of a data set into one file, to be carried to another machine."""

from __future__ import annotations

import json
import os
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vdsr_lib._files import from_home, user_data_dir, write_atomically
from vdsr_lib.datasets.catalogue import Source
from vdsr_lib.datasets.loading import fetch_command, load_images, parts_of
from vdsr_lib.datasets.packed import FORMAT, TABLE, luma_digest, member, pack_path
from vdsr_lib.datasets.transfer import file_is_right
from vdsr_lib.errors import DataError
from vdsr_lib.images import to_luma

__all__ = ["pack"]

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same pictures give the same bytes


def pack(
    name: str,
    output: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
) -> list[Path]:
    """Write the luma of a data set into one file for each of its parts.

    Experiments that find ``t91.luma.zip`` in the data folder where there is no folder
    ``t91`` work with it, to the same bits: of a picture, training and the paper's
    measures see the luma alone. Colour is lost, so that the pictures look grey in
    lessons and widgets.

    Parameters
    ----------
    name : str
        A downloadable data set or a name for several (see `dataset_names`).
    output : path-like
        The folder of the packs; made when absent. On the other machine it is the data
        folder (``VDSR_DATA_DIR``), beside the folders of sets that are not packed.
    data_dir : path-like, optional
        Where the pictures are; by default ``VDSR_DATA_DIR``, else a cache folder.

    Returns
    -------
    list of pathlib.Path
        The packs.

    Raises
    ------
    DataError
        If the name is unknown, the pictures are not here or not right, or a folder
        begins with the home (``~name``) of nobody.
    OSError
        If a pack cannot be written; none is there in part.
    """
    root, folder = user_data_dir(data_dir), from_home(output, DataError)
    parts = parts_of(name)
    for source in parts:
        _require_right(source, root)
    return [
        write_atomically(pack_path(source, folder), _packed(source, root))
        for source in parts
    ]


def _require_right(source: Source, root: Path) -> None:
    """Refuse pictures that are absent or differ from those that are declared."""
    get = f"'{fetch_command(source.name, root)}'"
    for file in source.files:
        path = root / source.name / file.name
        if not file_is_right(path, file):
            what = "has the wrong sha256" if path.exists() else "is not there"
            raise DataError(
                f"{source.name} cannot be packed, {path} {what}: get it with {get}"
            )


def _packed(source: Source, root: Path) -> bytes:
    """Return the archive."""
    lumas = [
        to_luma(image) for image in load_images(source.name, data_dir=root).values()
    ]
    pairs = list(zip(source.files, lumas, strict=True))
    table = {
        "format": FORMAT,
        "set": source.name,
        "pictures": [
            {"file": file.name, "sha256": file.sha256, "luma": luma_digest(luma)}
            for file, luma in pairs
        ],
    }
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:  # stored: a PNG is compressed already
        for name, content in (
            (TABLE, json.dumps(table, indent=1).encode()),
            ("TERMS.txt", source.notice.encode()),
            *((member(file.name), _png(luma)) for file, luma in pairs),
        ):
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), content)
    return stream.getvalue()


def _png(luma: NDArray[np.uint8]) -> bytes:
    """Return a grey picture as a small PNG file."""
    stream = BytesIO()
    Image.fromarray(luma).save(stream, "PNG", optimize=True)
    return stream.getvalue()
