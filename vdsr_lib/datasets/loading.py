"""Data sets as pictures in memory: an embedded one, a downloaded one, or a folder."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vdsr_lib._files import user_data_dir
from vdsr_lib.datasets.catalogue import Source, composites, sources
from vdsr_lib.datasets.embedded import EMBEDDED, load_embedded
from vdsr_lib.datasets.packed import pack_path, read_pack
from vdsr_lib.errors import DataError, PictureError, did_you_mean
from vdsr_lib.images import read_picture

__all__ = [
    "dataset_names",
    "fetch_command",
    "identify",
    "is_packed",
    "load_images",
    "parts_of",
]

Images: TypeAlias = dict[str, NDArray[np.uint8]]
PathLike: TypeAlias = str | os.PathLike[str]
_Named: TypeAlias = list[tuple[Path, NDArray[np.uint8]]]  # a file, and its pixels

_SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".pnm"}
    | {".ppm", ".tif", ".tiff", ".webp"}
)


def dataset_names() -> tuple[str, ...]:
    """Return the names that `load_images` knows, the embedded sets first.

    Returns
    -------
    tuple of str
        ``"embedded-train"`` and ``"embedded-test"``, which need no download, then the
        downloadable sets and the names for several of them together.
    """
    return (*EMBEDDED, *sources(), *composites())


def load_images(
    name_or_folder: PathLike, *, data_dir: PathLike | None = None
) -> Images:
    """Return the pictures of a data set, or of any folder.

    Parameters
    ----------
    name_or_folder : str or path-like
        One of `dataset_names`, in upper or lower case; or a folder, whose pictures
        are read without looking into folders below it. A name wins over a folder of
        the same name in the working directory: ``"./set5"`` is the folder.
    data_dir : path-like, optional
        Where the downloaded sets are, one folder each; by default the environment
        variable ``VDSR_DATA_DIR``, else a cache folder of this user.

    Returns
    -------
    dict of str to (H, W, 3) or (H, W) array of uint8
        Picture by name, in natural order (t2 before t10), in [0, 255]: RGB, or grey
        where the file is grey. The name is the file's without its suffix; with it
        where another file has that name or differs in nothing else. Alpha is left
        out. Where the data folder holds a set's pack instead of its pictures (see
        `datasets.pack`): the luma of them all.

    Raises
    ------
    DataError
        If the set is not there or not whole (the text gives the command that gets
        it), if there is no such set or folder, if the folder holds no picture, or if
        files cannot be read (all of them are named).
    """
    if isinstance(name_or_folder, str):
        name = name_or_folder.lower()
        if name in EMBEDDED:
            return load_embedded(name)
        if name in sources() or name in composites():
            root = user_data_dir(data_dir)
            parts = [(part, _files(part, root)) for part in parts_of(name)]
            return _joined([_downloaded(part, files, root) for part, files in parts])
    return _joined([_read(_pictures_of(name_or_folder))])


def identify(name_or_folder: str) -> str:
    """Return what tells the pictures of a data set or folder from others.

    Parameters
    ----------
    name_or_folder : str
        As for `load_images`.

    Returns
    -------
    str
        The name of a known set, in lower case: its pictures do not change. Of a
        folder a digest of its picture files, names and contents, wherever it is; its
        path if there is no such folder, or no picture in it that can be read.
    """
    if name_or_folder.lower() in dataset_names():
        return name_or_folder.lower()
    digest = hashlib.sha256()
    try:
        for path in _pictures_of(name_or_folder):
            state = path.stat()
            content = _digest(path, state.st_size, state.st_mtime_ns)
            digest.update(_encoded(f"{path.name}\0{content}\n"))
    except (DataError, OSError):
        return name_or_folder
    return f"folder {digest.hexdigest()[:16]}"


@cache
def _digest(path: Path, size: int, changed: int) -> str:  # noqa: ARG001
    """Return the sha256 of a file, read again when its size or time is another."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def parts_of(name: str) -> tuple[Source, ...]:
    """Return the downloadable data sets that a name stands for.

    Parameters
    ----------
    name : str
        A downloadable data set, or a name for several; upper or lower case.

    Returns
    -------
    tuple of Source
        One, or the parts of a composite in their order.

    Raises
    ------
    DataError
        If the name is unknown.
    """
    name = name.lower()
    if name in sources():
        return (sources()[name],)
    if name in composites():
        return composites()[name].parts
    known = [*sources(), *composites()]
    raise DataError(
        f"no downloadable data set is called {name!r}{did_you_mean(name, known)}: "
        f"there are {', '.join(known)}"
    )


def fetch_command(name: str, root: Path) -> str:
    """Return the command that gets a data set into a data folder.

    Parameters
    ----------
    name : str
        Of the set.
    root : pathlib.Path
        The data folder.

    Returns
    -------
    str
        With an option where it is another folder than that of `user_data_dir`.
    """
    if root == user_data_dir():
        return f"vdsr data fetch {name}"
    folder = f'"{root}"' if " " in str(root) else root
    return f"vdsr data fetch {name} --data-dir {folder}"


def natural_order(path: Path) -> tuple[list[tuple[int, int | str]], str]:
    """Return a sorting key that counts: t2 comes before t10."""
    parts = re.findall(r"\d+|\D+", path.name.lower())
    return [(0, int(p)) if p.isdecimal() else (1, p) for p in parts], path.name


def is_packed(source: Source, root: Path) -> bool:
    """Tell whether a set is here as a pack, and none of its pictures is.

    Parameters
    ----------
    source : Source
        The data set.
    root : pathlib.Path
        The data folder.

    Returns
    -------
    bool
        False where a picture is here too: pictures win.
    """
    lengths = (_length(root / source.name / file.name) for file in source.files)
    return pack_path(source, root).is_file() and not any(
        length is not None for length in lengths
    )


def _files(source: Source, root: Path) -> list[Path]:
    """Return a set's files, which must be here unless its pack is."""
    if is_packed(source, root):
        return [root / source.name / file.name for file in source.files]
    return _present(source, root)


def _downloaded(source: Source, files: list[Path], root: Path) -> _Named:
    """Return the pictures of a downloaded set, or their luma from its pack."""
    if not is_packed(source, root):
        return _read(files)
    return list(zip(files, read_pack(source, pack_path(source, root)), strict=True))


def _present(source: Source, root: Path) -> list[Path]:
    """Return the files of a downloaded set, refused unless each has its length."""
    folder = root / source.name
    get = fetch_command(source.name, root)
    lengths = {file: _length(folder / file.name) for file in source.files}
    here = sum(length is not None for length in lengths.values())
    if here == 0:
        raise DataError(
            f"the data set {source.name} is not in {folder}: get it with '{get}', or "
            "set VDSR_DATA_DIR to the folder that holds it"
        )
    if here < len(lengths):
        missing = [file.name for file, length in lengths.items() if length is None]
        raise DataError(
            f"the data set {source.name} in {folder} lacks {_some(missing)}: "
            f"get the rest with '{get}'"
        )
    wrong = [file.name for file, length in lengths.items() if length != file.size]
    if wrong:
        raise DataError(
            f"the data set {source.name} in {folder} is damaged, {_some(wrong)} not "
            f"being as long as declared: repair it with '{get}'"
        )
    return [folder / file.name for file in source.files]


def _length(path: Path) -> int | None:
    """Return a file's length in bytes, or None where there is no such file."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError as error:
        raise DataError(f"{path} cannot be looked at ({error.strerror})") from error


def _pictures_of(folder: PathLike) -> list[Path]:
    """Return the picture files of a folder in natural order."""
    if not str(folder):
        raise DataError("the name of the data set or folder is empty; '.' is here")
    try:
        path = Path(folder).expanduser()
        is_file, is_folder = path.is_file(), path.is_dir()
    except (OSError, RuntimeError) as error:  # too long, or the home of nobody
        raise DataError(f"{folder} is no usable name ({error})") from error
    if is_file:
        raise DataError(f"{path} is a file: give the folder that holds the pictures")
    if not is_folder:
        known, name = dataset_names(), str(folder).lower()
        hint = did_you_mean(name, known)
        if name in known:
            hint = f" (the text {name!r} is a data set, a path is always a folder)"
        raise DataError(
            f"there is no data set or folder {str(folder)!r}{hint}: the data sets are "
            f"{', '.join(known)}"
        )
    try:
        files = [p for p in path.iterdir() if _is_picture_name(p)]
    except OSError as error:
        raise DataError(f"{path} cannot be listed ({error.strerror})") from error
    if not files:
        raise DataError(
            f"the folder {path} holds no picture ({', '.join(sorted(_SUFFIXES))}); "
            "folders below it are not looked into"
        )
    return sorted(files, key=natural_order)


def _is_picture_name(path: Path) -> bool:
    """Tell whether a file looks like a picture by its name; hidden files do not."""
    return path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")


def _read(paths: Sequence[Path]) -> _Named:
    """Read the files, two at a time, and name each one that cannot be read."""
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(_pixels_or_error, paths))
    errors = [str(item) for item in found if isinstance(item, PictureError)]
    if errors:
        count = f"{len(errors)} of {len(paths)} pictures cannot be read: "
        raise DataError((count if len(paths) > 1 else "") + "; ".join(errors))
    pixels = [item for item in found if not isinstance(item, PictureError)]
    return list(zip(paths, pixels, strict=True))


def _joined(parts: Iterable[_Named]) -> Images:
    """Put the pictures of some sets together under their names."""
    pictures = [each for part in parts for each in part]
    names = _names([path for path, _ in pictures])
    return {n: pixels for n, (_, pixels) in zip(names, pictures, strict=True)}


def _pixels_or_error(path: Path) -> NDArray[np.uint8] | PictureError:
    """Return a file's pixels, or the reason why there are none."""
    try:
        return read_picture(path).pixels
    except PictureError as error:
        return error


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the files' names without suffix, or with it where two would be equal."""
    stems = Counter(path.stem for path in paths)
    taken = {path.name for path in paths}  # a.png, and a.png.jpg without its suffix
    names = [p.name if stems[p.stem] > 1 or p.stem in taken else p.stem for p in paths]
    return [_encoded(name).decode() for name in names]


def _encoded(name: str) -> bytes:
    r"""Return a name in UTF-8, also one that is none: of a file from an old archive.

    Python holds a byte that is no UTF-8 as half a character, which cannot be encoded,
    and so neither printed nor written into a table. Here it becomes ``\udce4``.
    """
    return name.encode(errors="backslashreplace")


def _some(names: Sequence[str]) -> str:
    """Name up to three files, and count the others."""
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more files"
