"""Where the project's own files are, and how a file is written whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
import zipfile
import zlib
from pathlib import Path
from uuid import uuid4

from vdsr_lib.errors import DataError, LabError

try:
    from lzma import LZMAError
except ImportError:  # a Python built without it, whose zipfile reads nothing so packed
    LZMAError = RuntimeError  # type: ignore[assignment, misc]

__all__ = [
    "DAMAGED_ARCHIVE",
    "PARTIAL",
    "data_file",
    "from_home",
    "notebooks_dir",
    "require_writable",
    "user_data_dir",
    "write_atomically",
]

PARTIAL = ".partial-"
"""How the name of a file begins while it is being written."""

DAMAGED_ARCHIVE = (
    *(OSError, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, LZMAError),
)
"""What reading a damaged zip file raises: one bit can claim another compression."""

_PACKAGE = Path(__file__).resolve().parent


def _shipped(name: str) -> Path:
    """Return a shipped folder: inside an installed wheel, or beside the package."""
    inside = _PACKAGE / f"_{name}"
    return inside if inside.is_dir() else _PACKAGE.parent / name


def data_file(*parts: str) -> Path:
    """Return the path of a file that ships with the project under ``data/``.

    Parameters
    ----------
    *parts : str
        Path components below ``data/``, for example ``"paper", "table3.csv"``.

    Returns
    -------
    pathlib.Path
        In a checkout ``<root>/data/...``; in an installed wheel the copy in the
        package. Whether the file exists is not checked.
    """
    return _shipped("data").joinpath(*parts)


def notebooks_dir() -> Path:
    """Return the folder of the generated lessons.

    Returns
    -------
    pathlib.Path
        ``<root>/notebooks`` in a checkout, the copy in the package in a wheel.
    """
    return _shipped("notebooks")


def user_data_dir(data_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder that holds the downloaded data sets.

    Parameters
    ----------
    data_dir : path-like, optional
        Wins over everything when given.

    Returns
    -------
    pathlib.Path
        `data_dir`, else the environment variable ``VDSR_DATA_DIR``, else the cache
        folder of this user (``~/.cache/vdsr_lib`` on Linux). It may not exist yet.

    Raises
    ------
    DataError
        If the folder begins with the home (``~name``) of nobody.
    """
    if data_dir is None:
        data_dir = os.environ.get("VDSR_DATA_DIR") or _cache_folder()
    return from_home(data_dir, DataError)


def from_home(path: str | os.PathLike[str], kind: type[LabError] = LabError) -> Path:
    """Return a path with the home that a ``~`` in front of it means.

    Everything that takes a path from a reader passes it through here.

    Parameters
    ----------
    path : path-like
        A file or a folder; it may not exist.
    kind : type
        The class of the error.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    LabError
        Of this kind, if it begins with the home (``~name``) of nobody.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise kind(f"{path} is no usable path ({error})") from error


def _cache_folder() -> Path:
    import pooch

    return Path(pooch.os_cache("vdsr_lib"))


def require_writable(
    path: str | os.PathLike[str], *, named: str | os.PathLike[str] | None = None
) -> None:
    """Refuse a place where no file can be written: before the work, not after it.

    Parameters
    ----------
    path : path-like
        The file that is to be written later. Nothing is made, not even its folder: a
        nameless file is tried in the nearest folder that exists.
    named : path-like, optional
        What the reader asked for, where that is another: the folder of the file.

    Raises
    ------
    LabError
        If `path` is a folder, or nothing can be written there.
    """
    path = from_home(path)
    if path.is_dir():
        raise LabError(f"{path} is a folder: give the name of a file")
    if _is_device(path):
        return
    try:
        places = (
            _followed(path).absolute().parents
        )  # none of them, on a drive that is not there
        place = next((p for p in places if p.exists()), path.parent)
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise LabError(
            f"{named or path} cannot be written ({error.strerror}): "
            "choose another place"
        ) from error


def write_atomically(path: str | os.PathLike[str], content: bytes | str) -> Path:
    """Write a file so that it is there whole or not at all, even if killed.

    The content goes to a temporary file in the same folder, is flushed to the disk,
    and takes the final name in one step.

    Parameters
    ----------
    path : path-like
        The file to write. Its folder is made when absent. A device or a pipe, such as
        ``/dev/null``, is written to as it is; of a symbolic link the file that it leads
        to.
    content : bytes or str
        Text is encoded as UTF-8.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written; it names `path`. No
        partial file stays, and a file that was there before is unchanged.
    """
    path = from_home(path)
    raw = content.encode() if isinstance(content, str) else content
    try:
        if _is_device(path):  # root could put a file in its place
            path.write_bytes(raw)
        else:
            _replace(_followed(path), raw)
    except OSError as error:
        if error.errno is None:
            raise
        number, reason = error.errno, error.strerror
        if isinstance(error, FileExistsError):  # a file where its folder should be
            number, reason = errno.ENOTDIR, os.strerror(errno.ENOTDIR)
        # The reader knows the file that was asked for, not the temporary one.
        raise OSError(number, reason, str(path)) from error
    return path


def _followed(path: Path) -> Path:
    """Return the file that a symbolic link leads to, whether it is there or not."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _is_device(path: Path) -> bool:
    """Whether something is there that is neither file nor folder."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _replace(path: Path, raw: bytes) -> None:
    """Write a temporary file in the same folder, and give it the final name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{PARTIAL}{uuid4().hex}")
    try:
        # Not by mkstemp, whose files are private: what to share instead, the umask,
        # cannot be asked for without changing it under other threads' hands.
        with temporary.open("xb") as stream:
            stream.write(raw)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
