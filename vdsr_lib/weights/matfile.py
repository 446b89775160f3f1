"""MATLAB's file format, versions 5 to 7, as far as weights need it.

``scipy.io.loadmat`` runs no code either, but it trusts a file's own type numbers: one
changed byte can end the whole Python process. Here each read is checked against the
end of the data, so that a damaged file is a ValueError. The format is MathWorks'
"MAT-File Format", level 5.
"""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["parse_matlab"]

LARGEST = 2**28  # bytes, packed or not: 100 times the size of VDSR
_DEEPEST = 8  # levels of cells and structs
_COMPRESSED, _MATRIX = 15, 14
_CELL, _STRUCT, _NUMERIC, _COMPLEX = 1, 2, range(6, 16), 0x800
_INTEGERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 12: "i8", 13: "u8"}
_TYPES = _INTEGERS | {7: "f4", 9: "f8"}


def parse_matlab(content: bytes) -> dict[str, Any]:
    """Return the variables of a MATLAB file.

    Parameters
    ----------
    content : bytes
        The whole file, of version 5, 6 or 7 (7.3 is HDF5, another format).

    Returns
    -------
    dict
        By name: a numeric array (in the type it is stored in, at least two axes), a
        list for a cell array (column by column), a dict for a 1x1 struct, and None
        for everything else, such as text, objects or complex numbers.

    Raises
    ------
    ValueError
        If the content is no MATLAB file of these versions, or damaged.
    """
    if len(content) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST >> 20} MiB")
    mark = content[124:128]
    if mark not in (b"\x00\x01IM", b"\x01\x00MI"):
        raise ValueError("its header is none of MATLAB 5 to 7")
    elements = _Elements(content[128:], "<" if mark.endswith(b"IM") else ">")
    variables: dict[str, Any] = {}
    while not elements.at_end:
        kind, inner = elements.take()
        if kind == _COMPRESSED:
            kind, inner = _Elements(_unpacked(inner), elements.order).take()
        if kind == _MATRIX:
            name, value = _matrix(inner, elements.order, depth=0)
            variables[name] = value
    return variables


class _Elements:
    """The data elements that follow each other in a piece of a file."""

    def __init__(self, content: bytes, order: str) -> None:
        self.content = content
        self.order = order
        self.position = 0

    @property
    def at_end(self) -> bool:
        return self.position >= len(self.content)

    def take(self) -> tuple[int, bytes]:
        """Return the type number and the content of the next element."""
        word = self._word()
        if word >> 16:  # a small element: size, type and up to 4 bytes in 8
            return word & 0xFFFF, self._bytes(4)[: word >> 16]
        size = self._word()
        inner = self._bytes(size)
        if word != _COMPRESSED:
            self.position += -size % 8
        return word, inner

    def numbers(self) -> npt.NDArray[Any]:
        """Return the next element's numbers."""
        kind, inner = self.take()
        if kind not in _TYPES:
            raise ValueError(f"it holds an unknown type of number, {kind}")
        return np.frombuffer(inner, dtype=np.dtype(self.order + _TYPES[kind]))

    def integer(self) -> int:
        """Return the next element's only number."""
        found = self.numbers()
        if found.size == 0 or found.dtype.kind not in "iu":
            raise ValueError("it lacks a number where one belongs")
        return int(found[0])

    def text(self) -> str:
        """Return the next element's bytes as text."""
        return self.take()[1].decode("latin-1")

    def _word(self) -> int:
        return int.from_bytes(self._bytes(4), "little" if self.order == "<" else "big")

    def _bytes(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.content):
            raise ValueError("it ends too early")
        taken = self.content[self.position : end]
        self.position = end
        return taken


def _matrix(inner: bytes, order: str, depth: int) -> tuple[str, Any]:
    """Return the name and the value of an array of any class."""
    if not inner:  # MATLAB's way of writing []
        return "", np.zeros((0, 0))
    if depth > _DEEPEST:
        raise ValueError("it nests cells and structs too deeply")
    elements = _Elements(inner, order)
    flags = elements.integer()
    shape = elements.numbers().tolist()
    if len(shape) < 2 or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise ValueError(f"it holds an array of impossible shape {shape}")
    name = elements.text()
    kind = flags & 0xFF
    if kind in _NUMERIC and not flags & _COMPLEX:
        return name, _numeric(elements, shape)
    if kind == _CELL:
        return name, [_nested(elements, depth) for _ in range(math.prod(shape))]
    if kind == _STRUCT and math.prod(shape) == 1:
        return name, _struct(elements, depth)
    return name, None


def _numeric(elements: _Elements, shape: list[int]) -> npt.NDArray[Any]:
    values = elements.numbers()
    if values.size != math.prod(shape):
        raise ValueError(f"it holds {values.size} numbers for the shape {shape}")
    return values.reshape(shape, order="F")


def _struct(elements: _Elements, depth: int) -> dict[str, Any]:
    """Return the fields of a 1x1 struct; their names are padded with zero bytes."""
    length = elements.integer()
    names = elements.text()
    if length < 1 or len(names) % length:
        raise ValueError("it holds a struct with garbled field names")
    starts = range(0, len(names), length)
    fields = [names[start : start + length].partition("\0")[0] for start in starts]
    return {field: _nested(elements, depth) for field in fields}


def _nested(elements: _Elements, depth: int) -> Any:
    kind, inner = elements.take()
    if kind != _MATRIX:
        raise ValueError(f"it holds an element of type {kind} where an array belongs")
    return _matrix(inner, elements.order, depth + 1)[1]


def _unpacked(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(packed, LARGEST)
    except zlib.error as error:
        raise ValueError(f"its compressed part is damaged ({error})") from None
    if not unpacker.eof:
        raise ValueError("its compressed part is cut off, or too large")
    return content
