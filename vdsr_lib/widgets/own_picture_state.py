"""What the page for one's own picture knows: its traits, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import traitlets as t

from vdsr_lib.errors import LabError
from vdsr_lib.widgets.background import Latest
from vdsr_lib.widgets.compare import Compare
from vdsr_lib.widgets.enlarged import Enlarged
from vdsr_lib.widgets.orders import TASKS
from vdsr_lib.widgets.pictured import Pictured

__all__ = ["OwnPictureState"]


class OwnPictureState(Pictured):
    """The state of `OwnPicture`: the picture, the choices, how far the work is.

    Parameters
    ----------
    **traits
        As below.

    Attributes
    ----------
    scale : float
        In [1.1, 4].
    model, device : str
        One of the values in ``models`` and ``devices``.
    task : str
        "enlarge" or "restore".
    detail : tuple of float
        (down, across) in [0, 1]: where the compared detail of a large result lies.
    stage : str
        "empty", "ready", "working" or "done".
    progress : float
        Share of the work done, in [0, 1].
    problem : str
        One sentence, or empty.
    enlarged : Enlarged or None
        The latest result.
    """

    comparison: Compare
    box: Any
    enlarged: Enlarged | None = None
    _work: Latest

    needs_kernel = t.Bool(True).tag(sync=True)
    limits = t.Dict().tag(sync=True)
    limits_text = t.Unicode().tag(sync=True)
    models: t.List[Any] = t.List().tag(sync=True)
    devices: t.List[Any] = t.List().tag(sync=True)
    samples = t.List(t.Unicode()).tag(sync=True)
    thumbnails = t.List(t.Bytes()).tag(sync=True)

    name = t.Unicode().tag(sync=True)
    size = t.List(t.Int(), [0, 0]).tag(sync=True)
    kind = t.Unicode().tag(sync=True)
    preview = t.Bytes().tag(sync=True)

    scale = t.Float(2, min=1.1, max=4).tag(sync=True)
    model = t.Unicode("bicubic").tag(sync=True)
    device = t.Unicode("auto").tag(sync=True)
    task = t.Enum(TASKS, "enlarge").tag(sync=True)
    detail = t.Tuple(t.Float(), t.Float(), default_value=(0.5, 0.5)).tag(sync=True)

    stage = t.Enum(("empty", "ready", "working", "done"), "empty").tag(sync=True)
    progress = t.Float(0, min=0, max=1).tag(sync=True)
    problem = t.Unicode().tag(sync=True)
    status = t.Unicode().tag(sync=True)
    target = t.List(t.Int(), [0, 0]).tag(sync=True)
    window = t.List(t.Float(), [0.0, 0.0, 1.0, 1.0]).tag(sync=True)

    @t.validate("model")
    def _offered(self, proposal: Any) -> str:
        """Refuse a model that is not offered."""
        known = [choice["value"] for choice in self.models]
        if known and proposal["value"] not in known:
            raise ValueError(
                f"model must be one of {', '.join(known)}, got {proposal['value']!r}"
            )
        return str(proposal["value"])

    def cancel(self) -> None:
        """Stop the work; the page says so once it has ended."""
        self._work.cancel()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the work has ended.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Returns
        -------
        bool
            Whether it has.
        """
        return self._work.wait(timeout)

    def _say(self, stage: str, status: str, *, progress: float | None = None) -> None:
        """Say where the work stands.

        What is wrong stays until the reader's next step: it may have nothing to do
        with this work, such as a file that was refused meanwhile.
        """
        with self.hold_sync():
            self.stage, self.status = stage, status
            if progress is not None:
                self.progress = progress

    def _tell(self, error: Exception) -> None:
        """Show the error that ended the work."""
        rest = "done" if self.enlarged is not None else "ready"
        with self.hold_sync():
            self._say(rest if any(self.size) else "empty", "", progress=0.0)
            self._refuse(error)

    def _refuse(self, error: Exception) -> None:
        """Show an error: a sentence of ours as it is, another with its kind."""
        ours = isinstance(error, LabError | ValueError)
        text = str(error) if ours else f"{type(error).__name__}: {error}"
        if isinstance(error, MemoryError):
            text = "the memory does not suffice: take a smaller scale or picture"
        self.problem = text
        self.send({"do": "refused"})

    def __repr__(self) -> str:
        """Return the picture, the choices and the size of the result."""
        if not any(self.size):
            return "OwnPicture(no picture yet)"
        rows, columns = self.size
        made = (
            f"  # {self.target[1]} x {self.target[0]}" if self.stage == "done" else ""
        )
        return (
            f"OwnPicture({self.name}, {columns} x {rows}, x{self.scale:g} by "
            f"{self.model}){made}"
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Show both widgets, and leave the result's picture for who cannot see them."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            view = "application/vnd.jupyter.widget-view+json"
            bundle[0][view] = {**bundle[0][view], "model_id": self.box.model_id}
        return bundle

    def _draw(self) -> tuple[bytes, int, int]:
        """Draw the comparison."""
        return self.comparison._draw()

    def _drawing_key(self) -> Hashable:
        """Return the comparison's."""
        return self.comparison._drawing_key()
