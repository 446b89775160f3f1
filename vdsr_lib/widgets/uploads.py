"""A file that arrives in pieces, and the limits that are checked before it is decoded.

A message from a page to a Jupyter server may have at most 10 MB, so the page cuts a
file into pieces. What they must fit into is known before the first of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vdsr_lib.errors import PictureError

__all__ = ["FORMATS", "Inbox", "Limits", "Upload", "in_pieces"]

_PIECE = 2**21  # bytes of a result in one message to the page

FORMATS = "PNG, JPEG, BMP, GIF, TIFF, WebP, AVIF, JPEG 2000 or PPM"
"""What `read_picture` reads, in words."""


@dataclass(frozen=True)
class Limits:
    """The largest pictures that are taken and made.

    Parameters
    ----------
    file_bytes : int
        Of the file.
    pixels : int
        Of the picture in it.
    result_pixels : int
        Of the enlarged picture; about 20 bytes of memory are needed for each.
    """

    file_bytes: int = 50_000_000
    pixels: int = 25_000_000
    result_pixels: int = 50_000_000

    def sentence(self) -> str:
        """Return the limits in words, for the reader to see before choosing a file.

        Returns
        -------
        str
        """
        return (
            f"{FORMATS}; at most {megabytes(self.file_bytes)} and "
            f"{megapixels(self.pixels)}, enlarged {megapixels(self.result_pixels)}"
        )

    def as_dict(self) -> dict[str, int]:
        """Return the three numbers by name, for the page.

        Returns
        -------
        dict of str to int
        """
        return asdict(self)

    def check_file(self, name: str, size: int) -> None:
        """Refuse a file by its name and size alone.

        Parameters
        ----------
        name : str
            What the reader calls it.
        size : int
            In bytes.

        Raises
        ------
        PictureError
            If it is empty or too large.
        """
        if size < 1:
            raise PictureError(f"{name} is empty (0 bytes): choose another file")
        if size > self.file_bytes:
            raise PictureError(
                f"{name} has {megabytes(size)}, above the limit of "
                f"{megabytes(self.file_bytes)}: save it smaller, or as JPEG"
            )

    def check_result(self, name: str, shape: tuple[int, int]) -> None:
        """Refuse a result by its size, before anything is computed.

        Parameters
        ----------
        name : str
            The picture's.
        shape : (int, int)
            Rows and columns of the result.

        Raises
        ------
        PictureError
            If it is too large.
        """
        if math.prod(shape) > self.result_pixels:
            raise PictureError(
                f"{name} would become {shape[1]:,} x {shape[0]:,} pixels, above the "
                f"limit of {megapixels(self.result_pixels)}: take a smaller scale"
            )


class Upload:
    """A file on its way.

    Parameters
    ----------
    name : str
        The file's name; of a path, the last part is kept.
    size : int
        In bytes, as the page announced it.
    limits : Limits
        What it must keep to.

    Raises
    ------
    PictureError
        If it is empty or too large.
    """

    def __init__(self, name: str, size: int, limits: Limits) -> None:
        self.name = _plain(name)
        self.size = size
        limits.check_file(self.name, size)
        self._content = bytearray()

    def take(self, offset: int, piece: bytes) -> bytes | None:
        """Take the next piece.

        Parameters
        ----------
        offset : int
            Where it belongs, in bytes from the file's beginning.
        piece : bytes
            Not empty.

        Returns
        -------
        bytes or None
            The whole file, once the last piece is there.

        Raises
        ------
        PictureError
            If a piece is missing, or there is more than was announced.
        """
        end = offset + len(piece)
        if offset != len(self._content) or not piece or end > self.size:
            raise PictureError(
                f"{self.name} did not arrive whole ({len(self._content):,} of "
                f"{self.size:,} bytes): choose it again"
            )
        self._content += piece
        return bytes(self._content) if end == self.size else None

    @property
    def received(self) -> int:
        """How many bytes have arrived."""
        return len(self._content)


class Inbox:
    """Files as they come from a page, one after the other.

    Parameters
    ----------
    limits : Limits
        What each must keep to.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._upload: Upload | None = None
        self.name = ""
        """The latest file's."""
        self.received = 0
        """How many bytes of it have arrived; 0 once it was refused."""

    def take(self, facts: Mapping[str, Any], piece: bytes) -> bytes | None:
        """Take a piece.

        Parameters
        ----------
        facts : mapping
            ``name``, ``size`` and ``offset``; the offset 0 begins another file.
        piece : bytes
            Its bytes.

        Returns
        -------
        bytes or None
            The whole file, once the last piece is there. None, too, for what follows
            on a piece that was refused.

        Raises
        ------
        PictureError
            As `Upload`; the file is then forgotten.
        """
        if facts["offset"] == 0:
            self._upload, self.received = None, 0
            self._upload = Upload(str(facts["name"]), int(facts["size"]), self._limits)
            self.name = self._upload.name
        upload, self._upload, self.received = self._upload, None, 0
        if upload is None:
            return None
        whole = upload.take(int(facts["offset"]), piece)
        self.received = upload.received
        if whole is None:
            self._upload = upload
        return whole


def in_pieces(name: str, content: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Cut a file into pieces that a message may hold.

    Parameters
    ----------
    name : str
        The file's.
    content : bytes
        All of it.

    Yields
    ------
    facts : dict
        ``name``, ``size`` of the whole, and ``offset``.
    piece : bytes
        At most two megabytes.
    """
    for offset in range(0, len(content), _PIECE):
        facts = {"name": name, "size": len(content), "offset": offset}
        yield facts, content[offset : offset + _PIECE]


def megabytes(size: float) -> str:
    """Return a number of bytes in words.

    Parameters
    ----------
    size : float
        In bytes.

    Returns
    -------
    str
        ``"0.4 MB"``, ``"20 MB"``.
    """
    return f"{_short(size / 1e6)} MB"


def megapixels(count: float) -> str:
    """Return a number of pixels in words.

    Parameters
    ----------
    count : float
        Pixels.

    Returns
    -------
    str
        ``"0.3 megapixels"``, ``"25 megapixels"``.
    """
    return f"{_short(count / 1e6)} megapixels"


def _short(value: float) -> str:
    """Return a number with one decimal where it is small and needs it."""
    if value >= 10:
        return f"{value:.0f}"
    return f"{value:.1f}".removesuffix(".0") if value >= 0.1 else f"{value:.2f}"


def _plain(name: str) -> str:
    """Return the last part of a name, without what cannot be printed."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(letter for letter in last if letter.isprintable()).strip()
    return shown[:120] or "picture"
