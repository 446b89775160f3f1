"""A kernel that stops printing after so many characters, and shows nothing huge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ipykernel.iostream import OutStream
from ipykernel.kernelapp import IPKernelApp

from vdsr_lib.suite.limited_kernel import OUTPUT, setting

__all__ = ["LimitedKernelApp", "LimitedStream", "bounded"]

SHOWN = 32 * 1024**2
"""Bytes of all messages (pictures, tables, tracebacks) that a kernel may send."""

_SMALL = 16 * 1024  # bytes; what tells that a cell has ended is much smaller


class LimitedStream(OutStream):
    """Standard output and error, which share one number of characters.

    Both arrive as standard output: nbgrader gives no points to a cell with anything
    on its standard error, and a warning is no mistake.

    Parameters
    ----------
    *args, **options
        As for ipykernel's ``OutStream``.
    """

    left: ClassVar[int] = setting(OUTPUT)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]
        self.name = "stdout"

    def write(self, string: str) -> int:
        """Pass text on while there is room; say so once when there is none.

        Parameters
        ----------
        string : str

        Returns
        -------
        int
            The number of characters, shown or not.
        """
        if len(string) <= LimitedStream.left:
            LimitedStream.left -= len(string)
            super().write(string)
            return len(string)
        if LimitedStream.left > 0:
            kept, LimitedStream.left = string[: LimitedStream.left], 0
            super().write(
                f"{kept}\n[nothing is shown after {setting(OUTPUT)} characters]\n"
            )
        return len(string)


class LimitedKernelApp(IPKernelApp):
    """The usual kernel, with bounded output.

    Parameters
    ----------
    **kwargs
        As for ipykernel's ``IPKernelApp``.
    """

    outstream_class = f"{__name__}.{LimitedStream.__name__}"

    def init_iopub(self, context: Any) -> None:
        """Open the channel of all output, with a bound on it.

        Parameters
        ----------
        context : zmq.Context
        """
        super().init_iopub(context)  # type: ignore[no-untyped-call]
        thread = self.iopub_thread
        thread.send_multipart = bounded(thread.send_multipart, SHOWN)


def bounded(send: Callable[..., Any], room: int) -> Callable[..., Any]:
    """Return a sender that drops large messages once there is no room for them.

    Parameters
    ----------
    send : callable
        Takes a message, a sequence of bytes.
    room : int
        Bytes of all messages together. Small ones pass even then.

    Returns
    -------
    callable
    """
    left = room

    def passing(message: Sequence[bytes], *args: Any, **options: Any) -> Any:
        nonlocal left
        size = sum(len(memoryview(part)) for part in message)
        if size > _SMALL and size > left:
            return None
        left -= size
        return send(message, *args, **options)

    return passing
