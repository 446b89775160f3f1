"""One piece of work at a time in a thread, which a newer one or the reader can stop.

The kernel must stay free meanwhile: it is the kernel that hears "cancel".
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable

__all__ = ["CancelledError", "Latest"]

Work = Callable[[Callable[[], None]], None]

_PATIENCE = 60.0  # seconds for which the interpreter's end waits for each thread
_running: dict[threading.Thread, threading.Event] = {}


@atexit.register
def _end() -> None:
    """Stop all work before the interpreter ends.

    A daemon thread that comes out of PyTorch after that is ended where it stands,
    within C++ code, which aborts the process.
    """
    for stop in list(_running.values()):
        stop.set()
    for thread in list(_running):
        thread.join(_PATIENCE)


class CancelledError(Exception):
    """The work was stopped; nothing is wrong."""


class Latest:
    """Runs the latest piece of work, and stops the one before it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def start(self, work: Work) -> None:
        """Stop what runs, and begin something else once that has ended.

        Parameters
        ----------
        work : callable
            Called in a thread with a function that it calls often, which raises
            `CancelledError` when the work is to end. It deals with that and with its
            own errors: nobody is there to catch them.
        """
        with self._lock:
            self._stop.set()
            before, stop = self._thread, threading.Event()
            self._stop = stop

            def check() -> None:
                if stop.is_set():
                    raise CancelledError

            def run() -> None:
                try:
                    if before is not None:
                        before.join()
                    if not stop.is_set():
                        work(check)
                finally:
                    _running.pop(thread, None)

            thread = threading.Thread(target=run, daemon=True)
            _running[thread] = stop
            try:
                thread.start()
            except RuntimeError:  # the system gives no more threads
                del _running[thread]
                raise
            self._thread = thread

    @property
    def stopping(self) -> bool:
        """Whether what was started last has been asked to end."""
        return self._stop.is_set()

    def cancel(self) -> None:
        """Ask what runs to end; it does so at its next check."""
        self._stop.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing runs.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        bool
            Whether it has ended.
        """
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()
