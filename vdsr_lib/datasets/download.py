"""Get the downloadable data sets: in parallel, checked, going on after a break."""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from vdsr_lib._bars import progress_bar
from vdsr_lib._files import user_data_dir, write_atomically
from vdsr_lib.datasets.catalogue import Source, SourceFile
from vdsr_lib.datasets.embedded import EMBEDDED, embedded_path
from vdsr_lib.datasets.loading import parts_of
from vdsr_lib.datasets.transfer import Transfer, TransferError, file_is_right
from vdsr_lib.errors import DataError

__all__ = ["fetch"]

_MOST_WORKERS = 32
_SPARE_BYTES = 1 << 20
_WEB_ADDRESS = re.compile(r"https?://(\[[^\s/]+\]|[^\s/\[])[^\s/]*(/.*)?")


def fetch(
    name: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    base_url: str | None = None,
    workers: int = 8,
    progress: bool = True,
) -> list[Path]:
    """Download a data set, unless it is there; go on where an earlier call stopped.

    Files that are there and right are kept, others are replaced. Each file is
    checked by its sha256 before it gets its name, so that no partial file is ever
    seen, not even after a crash. Two processes that fetch the same set take turns.
    The terms of use are shown before the first download, and kept beside the
    pictures in TERMS.txt.

    Parameters
    ----------
    name : str
        A downloadable data set or a name for several (see `dataset_names`). An
        embedded set needs no download: its files are returned.
    data_dir : path-like, optional
        Where the sets go, one folder each; by default the environment variable
        ``VDSR_DATA_DIR``, else a cache folder of this user.
    base_url : str, optional
        A mirror that has the layout of a data folder, such as another machine that
        runs ``python -m http.server`` in its own; by default the pinned public
        repositories.
    workers : int
        How many files are downloaded at a time, in [1, 32].
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    list of pathlib.Path
        The files, in natural order.

    Raises
    ------
    DataError
        If the name is unknown, or a file cannot be had or kept: not found, wrong
        checksum, no network, server gone, disk full, folder not writable. What has
        arrived stays, and the text gives the way by hand.
    ValueError
        If `workers` or `base_url` is impossible.
    """
    _check_arguments(base_url, workers)
    if name.lower() in EMBEDDED:
        return [embedded_path(picture) for picture in EMBEDDED[name.lower()]]
    root = user_data_dir(data_dir)
    parts = parts_of(name)
    for source in parts:
        folder = root / source.name
        try:
            if wanted := _wanted(source, folder):
                _say_what_comes(source, folder, wanted)
                with _alone(folder), _staging(folder) as staging, _quiet_pooch():
                    transfer = Transfer(source, folder, staging, base_url)
                    _download(transfer, _wanted(source, folder), workers, progress)
        except DataError:
            raise
        except OSError as error:
            raise _disk_error(error, source, folder) from error
    return [root / part.name / file.name for part in parts for file in part.files]


def _check_arguments(base_url: str | None, workers: int) -> None:
    """Refuse a mirror that is no web address, and an impossible number of workers."""
    if not 1 <= workers <= _MOST_WORKERS:
        raise ValueError(f"workers must be in [1, {_MOST_WORKERS}], got {workers}")
    if base_url is not None and not _WEB_ADDRESS.fullmatch(base_url):
        raise ValueError(
            f"base_url must be http:// or https:// and a host, got {base_url!r}; for "
            "data sets that are on this machine, set VDSR_DATA_DIR to their folder"
        )


def _wanted(source: Source, folder: Path) -> list[SourceFile]:
    """Return the files that are not there, or not right."""
    return [f for f in source.files if not file_is_right(folder / f.name, f)]


def _say_what_comes(source: Source, folder: Path, wanted: list[SourceFile]) -> None:
    """Show a set's terms of use once, and refuse a disk without room for it."""
    folder.mkdir(parents=True, exist_ok=True)
    needed, free = sum(file.size for file in wanted), shutil.disk_usage(folder).free
    if free < needed + _SPARE_BYTES:
        raise DataError(
            f"{source.name} needs {_megabytes(needed)} in {folder}, where "
            f"{_megabytes(free)} are free: make room, or choose another folder with "
            "VDSR_DATA_DIR"
        )
    terms = folder / "TERMS.txt"
    if not terms.exists():
        print(source.notice, file=sys.stderr)
        write_atomically(terms, source.notice)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a data set's folder against other processes; wait for one that has it."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock")
    try:
        held = lock.acquire(timeout=0.2)
    except Timeout:
        print(f"Another process fetches {folder}: waiting for it.", file=sys.stderr)
        held = lock.acquire()
    with held:
        yield


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """Give a place for what is not complete, empty before and gone afterwards."""
    place = folder / ".partial"
    shutil.rmtree(place, ignore_errors=True)  # a killed process may have left one
    place.mkdir()
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Keep pooch from printing a line for each file.

    By a filter: pooch's logger is outside of logging's hierarchy, which therefore
    never clears what the logger remembers of its level, and ``setLevel`` comes late.
    """
    import pooch

    logger = pooch.get_logger()
    logger.addFilter(_is_grave)
    try:
        yield
    finally:
        logger.removeFilter(_is_grave)


def _is_grave(record: logging.LogRecord) -> bool:
    """Tell whether a log record is a warning or worse."""
    return record.levelno >= logging.WARNING


def _download(
    transfer: Transfer, wanted: Sequence[SourceFile], workers: int, progress: bool
) -> None:
    """Get the files, several at a time, until all came or the server is lost."""
    source = transfer.source
    here = source.size - sum(file.size for file in wanted)
    refused: dict[str, str] = {}
    with (
        progress_bar(
            total=source.size,
            initial=here,
            unit="B",
            unit_scale=True,
            desc=source.name,
            disable=not progress,
        ) as bar,
        ThreadPoolExecutor(workers) as pool,
    ):
        jobs = {pool.submit(transfer.get, file): file for file in wanted}
        try:
            for job in as_completed(jobs):
                file = jobs[job]
                try:
                    job.result()
                    bar.update(file.size)
                except TransferError as error:
                    if error.others_too:
                        raise _server_error(transfer, file, str(error)) from error
                    refused[file.name] = str(error)
        except BaseException:
            transfer.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if refused:
        raise _refused_error(transfer, refused)


def _server_error(transfer: Transfer, file: SourceFile, reason: str) -> DataError:
    """Say that the server is lost, and what remains to do."""
    return DataError(
        f"{transfer.source.name}/{file.name} could not be downloaded: {reason}; call "
        f"again later, what has arrived is kept; {_by_hand(transfer)}"
    )


def _refused_error(transfer: Transfer, refused: dict[str, str]) -> DataError:
    """Name the files that did not come, though others did."""
    named = "; ".join(f"{name}: {why}" for name, why in sorted(refused.items())[:3])
    more = f"; and {len(refused) - 3} more" if len(refused) > 3 else ""
    return DataError(
        f"{len(refused)} of the {len(transfer.source.files)} files of "
        f"{transfer.source.name} could not be downloaded ({named}{more}); the others "
        f"are kept, and a second call tries these again; {_by_hand(transfer)}"
    )


def _by_hand(transfer: Transfer) -> str:
    """Tell how to get the files without this program."""
    return f"by hand: copy the files of {transfer.source.page} to {transfer.folder}"


def _disk_error(error: OSError, source: Source, folder: Path) -> DataError:
    """Say what the disk, and not the network, has against a download."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DataError(
            f"the disk of {folder} is full: make room and fetch {source.name} again, "
            "what has arrived is kept; or choose another folder with VDSR_DATA_DIR"
        )
    what = error.strerror or str(error)
    return DataError(
        f"{source.name} cannot be kept in {folder} ({what}): choose another folder "
        "with VDSR_DATA_DIR"
    )


def _megabytes(size: int) -> str:
    """Return a length in bytes as megabytes."""
    return f"{size / 1e6:.1f} MB"
