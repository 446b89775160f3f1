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

__all__ = ["FORMATS", "Inbox", "Limits", "in_pieces"]

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


class Inbox:
    """Files as they come from a page, one after the other.

    Parameters
    ----------
    limits : Limits
        What each must keep to.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._content: bytearray | None = None  # of the file that is on its way
        self._size = 0
        self.name = ""
        """The latest file's; of a path, the last part is kept."""
        self.received = 0
        """How many bytes of it have arrived; 0 once it was refused."""

    def take(self, facts: Mapping[str, Any], piece: bytes) -> bytes | None:
        """Take a piece.

        Parameters
        ----------
        facts : mapping
            ``name``, ``size`` and ``offset``, in bytes; the offset 0 begins another
            file.
        piece : bytes
            Not empty.

        Returns
        -------
        bytes or None
            The whole file, once the last piece is there. None, too, for what follows
            on a piece that was refused.

        Raises
        ------
        PictureError
            If the file is empty or too large, a piece is missing, or there is more
            than was announced; the file is then forgotten.
        """
        offset = int(facts["offset"])
        if offset == 0:
            self._begin(_plain(str(facts["name"])), int(facts["size"]))
        content, self._content, self.received = self._content, None, 0
        if content is None:
            return None
        end = offset + len(piece)
        if offset != len(content) or not piece or end > self._size:
            raise PictureError(
                f"{self.name} did not arrive whole ({len(content):,} of "
                f"{self._size:,} bytes): choose it again"
            )
        content += piece
        self.received = end
        if end == self._size:
            return bytes(content)
        self._content = content
        return None

    def _begin(self, name: str, size: int) -> None:
        """Forget the file that was on its way, and expect another."""
        self._content, self.received = None, 0
        self._limits.check_file(name, size)
        self.name, self._size, self._content = name, size, bytearray()


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
    """Return a number of bytes in words: ``"0.4 MB"``, ``"20 MB"``."""
    return f"{_short(size / 1e6)} MB"


def megapixels(count: float) -> str:
    """Return a number of pixels in words: ``"0.3 megapixels"``."""
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
