"""A widget that can be asked for more where a kernel runs."""

from __future__ import annotations

from typing import Any

import traitlets as t

from vdsr_lib.errors import LabError
from vdsr_lib.widgets.pictured import Pictured

__all__ = ["Asking", "sentence"]


class Asking(Pictured):
    """A widget whose page may ask the kernel for what was not computed beforehand.

    The page writes a request; a subclass answers it in `answer`, by setting traits.
    What goes wrong is shown in the widget and raised, never swallowed. In a page
    without a kernel nobody asks, since its controls for that are not shown.

    Parameters
    ----------
    **traits
        As a subclass has them.

    Attributes
    ----------
    request : dict
        What is asked for: the arguments of `answer`, and ``number``, which tells one
        request from the next.
    busy : bool
        Whether the kernel is at work on it.
    problem : str
        Why the last request could not be answered, in a sentence; else empty.
    """

    request: t.Dict[str, Any] = t.Dict().tag(sync=True)
    busy = t.Bool(False).tag(sync=True)
    problem = t.Unicode().tag(sync=True)

    def answer(self, **request: Any) -> None:
        """Answer a request by setting traits."""
        raise NotImplementedError

    @t.observe("request")
    def _asked(self, change: Any) -> None:
        """Take a request, if it is one."""
        wanted = {k: v for k, v in change["new"].items() if k != "number"}
        if wanted:
            self._take(wanted)

    def _take(self, wanted: dict[str, Any]) -> None:
        """Answer at once."""
        self.busy, self.problem = True, ""
        self._work(wanted)

    def _work(self, wanted: dict[str, Any]) -> None:
        """Answer, and show what went wrong."""
        try:
            self.answer(**wanted)
        except Exception as error:
            self.problem = sentence(error)
            if not isinstance(error, (LabError, ValueError)):
                raise
        finally:
            self.busy = False


def sentence(error: BaseException) -> str:
    """Return what to tell a reader of an error.

    Parameters
    ----------
    error : BaseException
        A `LabError` and a ValueError are sentences already.

    Returns
    -------
    str
    """
    if isinstance(error, (LabError, ValueError)):
        return str(error)
    return f"This should not have happened: {type(error).__name__}: {error}"
