"""What a live monitor shows: its traits, its place in the output, its picture."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import anywidget
import traitlets as t

from vdsr_lib.widgets.cells import running_cell
from vdsr_lib.widgets.monitor_picture import static_picture
from vdsr_lib.widgets.pictured import Pictured

__all__ = ["MonitorState"]

_OVER = ("finished", "stopped", "failed")


class MonitorState(Pictured):
    """The state of `LiveMonitor`: trainings, curves, and how far they are.

    Parameters
    ----------
    **traits
        As below.

    Attributes
    ----------
    status : str
        "waiting", "running", "stopping", "finished", "stopped" or "failed".
    runs, past, frames, notes : list
        As in `Course`: the trainings, their curves once they are over, the detail as
        each last rendered it (PNG), and lines such as the arithmetic.
    trace, now, progress, elapsed, left
        As `Course.moment` returns them: the training that runs.
    reference, bicubic : bytes
        The true detail and what the network is given, as PNG.
    problem : str
        An error that ended everything.
    description : str
        The alternative text.
    chosen : int
        Training whose values and detail are shown; -1 follows the present one.
    score : str
        Score that is drawn; empty for the first.
    """

    _shown: tuple[str, Any] = ("", None)  # cell and handle of the output

    status = t.Enum(("waiting", "running", "stopping", *_OVER), "waiting").tag(
        sync=True
    )
    runs: t.List[Any] = t.List().tag(sync=True)
    past: t.List[Any] = t.List().tag(sync=True)
    frames = t.List(t.Bytes()).tag(sync=True)
    notes = t.List(t.Unicode()).tag(sync=True)
    trace: t.Dict[str, Any] = t.Dict().tag(sync=True)
    now: t.Dict[str, Any] = t.Dict().tag(sync=True)
    progress = t.Float(0, min=0, max=1).tag(sync=True)
    elapsed = t.Float(0, min=0).tag(sync=True)
    left = t.Float(None, allow_none=True).tag(sync=True)
    reference = t.Bytes().tag(sync=True)
    bicubic = t.Bytes().tag(sync=True)
    problem = t.Unicode().tag(sync=True)
    description = t.Unicode("A training that has not begun.").tag(sync=True)
    chosen = t.Int(-1, min=-1).tag(sync=True)
    score = t.Unicode().tag(sync=True)
    kernel = t.Unicode().tag(sync=True)  # which one the page may interrupt
    turn = t.Int(0).tag(sync=True)  # which training a press of the button meant

    def __repr__(self) -> str:
        """Return the state, and how many trainings there are."""
        count = len(self.runs)
        return f"LiveMonitor({self.status})  # {count} run{'' if count == 1 else 's'}"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Show the widget; once the training is over, leave a picture beside it."""
        if self.status in _OVER:
            return super()._repr_mimebundle_(**kwargs)
        return anywidget.AnyWidget._repr_mimebundle_(self, **kwargs)

    def _draw(self) -> tuple[bytes, int, int]:
        return static_picture(self._facts())

    def _drawing_key(self) -> Hashable:
        return self.turn, self.status, self.score

    def _facts(self) -> dict[str, Any]:
        """Return what the static picture and its words need."""
        names = ("runs", "past", "frames", "reference", "bicubic", "elapsed", "problem")
        return {name: getattr(self, name) for name in (*names, "status", "score")}

    def _show(self, *, update: bool) -> None:
        """Appear in the running cell, or bring what stands there up to date."""
        if not (cell := running_cell()):
            return
        from IPython.display import display

        if self._shown[0] != cell:
            self._shown = cell, display(self, display_id=True)
        elif update:
            self._shown[1].update(self)
