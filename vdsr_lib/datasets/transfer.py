"""One file from its public place to the disk, through pooch: whole and right, or not.

pooch checks the sha256 and leaves no partial file; what is added here is a second try
where that can help, and a plain reason where it cannot.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from vdsr_lib.datasets.catalogue import Source, SourceFile

if TYPE_CHECKING:
    from requests import RequestException

__all__ = ["Transfer", "TransferError", "file_is_right"]

TIMEOUT = 30.0
"""How long a silent server is waited for, in seconds."""

WAITS = (1.0, 3.0)
"""The pauses before the second and the third try, in seconds."""

_CHUNK = 1 << 16


class TransferError(Exception):
    """A file did not come.

    Parameters
    ----------
    reason : str
        Why, in a few words.
    lasting : bool
        Whether asking again at once is of no use.
    others_too : bool
        Whether the other files cannot be had either: the server is the trouble.
    """

    def __init__(
        self, reason: str, *, lasting: bool = False, others_too: bool = True
    ) -> None:
        super().__init__(reason)
        self.lasting = lasting
        self.others_too = others_too


class _StoppedError(Exception):
    """The download was called off while this file was under way."""


@dataclass(frozen=True)
class Transfer:
    """How the files of one data set get to the disk.

    Parameters
    ----------
    source : Source
        The data set.
    folder : pathlib.Path
        Where its files belong.
    staging : pathlib.Path
        An existing folder on the same disk for what is not complete yet.
    base_url : str, optional
        A mirror with the layout of a data folder: files at ``base_url/set/file``.
        None: the public address of each file.
    stop : threading.Event
        Set it to call the download off.
    """

    source: Source
    folder: Path
    staging: Path
    base_url: str | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def address(self, file: SourceFile) -> str:
        """Return where a file is asked for."""
        if self.base_url is None:
            return file.url
        return f"{self.base_url.rstrip('/')}/{self.source.name}/{quote(file.name)}"

    def get(self, file: SourceFile) -> None:
        """Download one file, trying again where that can help.

        Raises
        ------
        TransferError
            If the file does not come.
        OSError
            If the disk is full or the folder cannot be written.
        """
        for pause in (*WAITS, None):
            try:
                self._try(file)
            except TransferError as error:
                if error.lasting or pause is None or self.stop.wait(pause):
                    raise
            else:
                return

    def _try(self, file: SourceFile) -> None:
        """Ask for one file once, and put it into its place when it is right."""
        import pooch
        from requests import RequestException
        from urllib3.exceptions import LocationValueError

        downloader = pooch.HTTPDownloader(
            progressbar=_Watch(self.stop), chunk_size=_CHUNK, timeout=TIMEOUT
        )
        address = self.address(file)
        try:
            arrived = pooch.retrieve(
                address,
                known_hash=f"sha256:{file.sha256}",
                fname=file.name,
                path=self.staging,
                downloader=downloader,
            )
        except RequestException as error:
            raise _plain(error, urlsplit(address).netloc) from error
        except LocationValueError as error:  # requests lets it through: http://a..b
            raise _impossible(urlsplit(address).netloc) from error
        except ValueError as error:  # pooch: the sha256 differs
            reason = "what came has the wrong sha256"
            raise TransferError(reason, others_too=False) from error
        except _StoppedError as error:
            raise TransferError("called off", lasting=True) from error
        _put_in_place(Path(arrived), self.folder / file.name)


class _Watch:
    """What pooch takes for a progress bar: it ends a download that was called off."""

    total = 0

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def update(self, _: int) -> None:
        """Be told that a piece has arrived."""
        if self._stop.is_set():
            raise _StoppedError

    def reset(self) -> None:
        """Be told that all has arrived."""

    def close(self) -> None:
        """Be told that nothing more comes."""


def file_is_right(path: Path, file: SourceFile) -> bool:
    """Tell whether a file is there and is what was declared, by length and sha256.

    Parameters
    ----------
    path : pathlib.Path
        The file on this machine.
    file : SourceFile
        What it should be.

    Returns
    -------
    bool
        False where there is no such file.

    Raises
    ------
    OSError
        If the file is there but cannot be read.
    """
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256


def _put_in_place(arrived: Path, place: Path) -> None:
    """Give a complete file its name, with the permissions of an ordinary new file."""
    ordinary = arrived.with_name(f"{arrived.name}.mode")
    ordinary.touch()
    arrived.chmod(ordinary.stat().st_mode & 0o777)
    ordinary.unlink()
    arrived.replace(place)


def _impossible(host: str) -> TransferError:
    """Say that no host can be called so."""
    return TransferError(f"{host} is no possible address", lasting=True)


def _plain(error: RequestException, host: str) -> TransferError:
    """Say in a few words why a request failed, and whether others can succeed."""
    from requests import exceptions
    from urllib3.exceptions import ReadTimeoutError

    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        status = error.response.status_code
        answer = f"{host} answers {status} {error.response.reason}"
        if status == 429:
            return TransferError(f"{answer}: wait some minutes")
        server = status >= 500
        return TransferError(answer, lasting=not server, others_too=server)
    if isinstance(error, exceptions.InvalidURL):
        return _impossible(host)
    silent = f"{host} was silent for {TIMEOUT:g} s"
    if error.args and isinstance(error.args[0], ReadTimeoutError):  # half-way through
        return TransferError(silent)
    reasons = {
        exceptions.SSLError: f"no secure connection to {host}: it has no https, or a "
        "certificate that is not trusted here",
        exceptions.ProxyError: "the proxy refuses the connection",
        exceptions.Timeout: silent,
        exceptions.TooManyRedirects: f"{host} sends from one address to the next "
        "without end",
        exceptions.ChunkedEncodingError: f"{host} broke the connection off",
    }
    for kind, reason in reasons.items():
        if isinstance(error, kind):
            return TransferError(reason)
    return TransferError(f"{host} cannot be reached")
