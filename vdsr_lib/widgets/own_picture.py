"""`own_picture`: a reader's own picture, enlarged, compared, and taken home as PNG.

The class holds the state; ``own_picture.js`` draws it, ``enlarging.py`` does the work
in a thread, so that the kernel can hear "cancel".
"""

from __future__ import annotations

import math
import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets as t

from vdsr_lib.errors import LabError
from vdsr_lib.images import Picture, read_picture
from vdsr_lib.weights import load_model
from vdsr_lib.widgets.background import CancelledError, Latest
from vdsr_lib.widgets.choices import (
    as_picture,
    device_choices,
    model_choices,
    thumbnail,
)
from vdsr_lib.widgets.compare import compare
from vdsr_lib.widgets.enlarging import TASKS, Enlarged, Order, enlarge
from vdsr_lib.widgets.pictured import Pictured
from vdsr_lib.widgets.samples import sample_pictures
from vdsr_lib.widgets.uploads import Limits, Upload

if TYPE_CHECKING:
    from torch import nn

__all__ = ["OwnPicture", "own_picture"]

_HERE = Path(__file__).parent
_PIECE = 2**21  # bytes of a result in one message to the page
_AT_ONCE = 4e11  # multiplications begun without being asked: some seconds on a CPU
_PIXELS_AT_ONCE = 6_000_000


def own_picture(
    picture: str | os.PathLike[str] | np.ndarray[Any, Any] | Picture | None = None,
    *,
    scale: float = 2,
    model: str | None = None,
    models: Mapping[str, nn.Module] | None = None,
    task: str = "enlarge",
    device: str = "auto",
    limits: Limits | None = None,
) -> OwnPicture:
    """Show a page in which a reader uploads a picture, enlarges it and compares.

    Parameters
    ----------
    picture : path-like, array or Picture, optional
        What to begin with; a sample if not given. Arrays as for `upscale`.
    scale : float, default 2
        In [1.1, 4].
    model : str, optional
        "bicubic", a name in `models`, or that of shipped weights. By default the
        first of `models`, else "vdsr" if its weights ship, else "bicubic".
    models : mapping of str to torch.nn.Module, optional
        Networks of your own to choose from.
    task : {"enlarge", "restore"}
        "restore" shrinks the picture first, so that there is an original to be held
        against.
    device : str, default "auto"
        As for `devices.resolve_device`.
    limits : Limits, optional
        The largest pictures taken and made.

    Returns
    -------
    OwnPicture
        Shows itself when it is the value of a cell. The first result is there
        already, also for readers without a kernel.

    Raises
    ------
    PictureError
        If the picture cannot be read.
    ValueError
        If a choice is unknown or out of range.

    Examples
    --------
    >>> own_picture(scale=3, model="bicubic")
    OwnPicture(astronaut, 192 x 192, x3 by bicubic)  # 576 x 576
    """
    widget = OwnPicture(models=models, limits=limits)
    chosen = {"scale": scale, "task": task, "device": device}
    chosen["model"] = widget.model if model is None else model
    widget.begin(picture, **chosen)
    return widget


class OwnPicture(Pictured):
    """The page for a picture of one's own; `own_picture` makes one.

    Parameters
    ----------
    models, limits
        As for `own_picture`.
    **traits
        Other traits of the widget, such as ``scale``.

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
    comparison : Compare
        The widget below, which shows the result.
    enlarged : Enlarged or None
        The latest result.
    """

    _esm = _HERE / "own_picture.js"
    _css = _HERE / "own_picture.css"

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

    def __init__(
        self,
        *,
        models: Mapping[str, nn.Module] | None = None,
        limits: Limits | None = None,
        **traits: Any,
    ) -> None:
        import ipywidgets

        self._networks: dict[str, nn.Module] = dict(models or {})
        self._limits = limits or Limits()
        self._samples = sample_pictures()
        self._picture: Picture | None = None
        self._upload: Upload | None = None
        self._work = Latest()
        self._quiet = False
        self.enlarged: Enlarged | None = None
        offered, problem = model_choices(self._networks)
        values = [choice["value"] for choice in offered]
        preferred = [*self._networks, "vdsr", *values[1:], "bicubic"]
        super().__init__(
            **{
                "models": offered,
                "devices": device_choices(),
                "limits": self._limits.as_dict(),
                "limits_text": self._limits.sentence(),
                "samples": list(self._samples),
                "thumbnails": [thumbnail(p, 96) for p in self._samples.values()],
                "model": next(name for name in preferred if name in values),
                "problem": problem,
                **traits,
            }
        )
        blank = np.zeros((1, 1), np.uint8)
        self.comparison = compare({"original pixels": blank, "bicubic": blank})
        self.box = ipywidgets.VBox([self, self.comparison])
        self.on_msg(lambda _, content, buffers: self.receive(content, buffers))
        self.observe(lambda _: self.chosen(), ["scale", "model", "device", "task"])
        self.observe(lambda _: self.compare_again(), "detail")

    @t.validate("model")
    def _offered(self, proposal: Any) -> str:
        """Refuse a model that is not offered."""
        known = [choice["value"] for choice in self.models]
        if known and proposal["value"] not in known:
            raise ValueError(
                f"model must be one of {', '.join(known)}, got {proposal['value']!r}"
            )
        return str(proposal["value"])

    # ------------------------------------------------------------- what is done

    def begin(self, picture: Any = None, **choices: Any) -> None:
        """Take a picture and choices, and do the work before returning.

        Parameters
        ----------
        picture : path-like, array, Picture or None
            As for `own_picture`.
        **choices
            ``scale``, ``model``, ``device``, ``task``.

        Raises
        ------
        PictureError, ValueError
            As `own_picture`.
        """
        taken = as_picture(picture, self._samples, self._limits.pixels)
        self._quiet = True
        try:
            for name, value in choices.items():
                setattr(self, name, value)
            self._take(taken)
        finally:
            self._quiet = False
        self._show(enlarge(self._order()))

    def receive(self, content: Mapping[str, Any], buffers: Any = ()) -> None:
        """Do what a message of the page asks for.

        Parameters
        ----------
        content : mapping
            ``do``: "piece" (with ``name``, ``size``, ``offset`` and the bytes in the
            buffer), "sample" (with ``name``), "enlarge", "cancel" or "download".
        buffers : sequence of bytes-like
            The piece.
        """
        try:
            match content.get("do"):
                case "piece":
                    self._receive_piece(content, bytes(buffers[0]))
                case "sample":
                    self._take(self._samples[content["name"]])
                    self.chosen()
                case "enlarge":
                    self.start()
                case "cancel":
                    self.cancel()
                case "download":
                    self._work.start(lambda _: self._send_file())
        except Exception as error:
            self._tell(error)

    def chosen(self) -> None:
        """Follow a changed choice: do the work at once if it is short, else wait."""
        if self._quiet or self._picture is None:
            return
        self.enlarged = None
        try:
            order = self._order()
            self.target = list(order.shape)
            self._limits.check_result(self.name, order.shape)
        except Exception as error:
            self._work.cancel()
            self._tell(error)
            return
        if order.operations <= _AT_ONCE and math.prod(order.shape) <= _PIXELS_AT_ONCE:
            self.start()
        else:
            self._work.cancel()
            with self.hold_sync():
                self.problem, self.stage = "", "ready"
                self.status = "This takes a while: press Enlarge when you are ready."

    def start(self) -> None:
        """Begin the work in a thread; what runs is stopped."""
        order = self._order()

        def work(check: Any) -> None:
            def watch(share: float) -> None:
                check()
                if share - self.progress >= 0.01 or share in (0.0, 1.0):
                    self.progress = share

            try:
                self.enlarged = None
                with self.hold_sync():
                    self.problem, self.stage, self.progress = "", "working", 0.0
                    self.status = f"Enlarging by {self.model} ..."
                self._show(enlarge(order, watch))
            except CancelledError:
                with self.hold_sync():
                    self.stage, self.progress = "ready", 0.0
                    self.status = "Stopped; nothing was made."
            except Exception as error:
                self._tell(error)

        self._work.start(work)

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

    def compare_again(self) -> None:
        """Show another detail of the result, where it is too large to show whole."""
        if self.enlarged is None:
            return
        window = self.enlarged.window(self.detail)
        before = self.comparison.names
        self.comparison.show(**self.enlarged.comparison(window))
        if self.comparison.names != before:  # another model or task: the newest pair
            self.comparison.left, self.comparison.right = self.comparison.names[-2:]
        self.description = self.comparison.description
        rows, columns = self.enlarged.bicubic.shape[:2]
        top, left, height, width = window
        self.window = [top / rows, left / columns, height / rows, width / columns]

    # ------------------------------------------------------------- within

    def _receive_piece(self, content: Mapping[str, Any], piece: bytes) -> None:
        """Take a piece of a file; with the last one, read the picture."""
        if content["offset"] == 0:
            self.problem = ""
            self._upload = None
            name, size = str(content["name"]), int(content["size"])
            self._upload = Upload(name, size, self._limits)
        if self._upload is None:
            return  # refused with an earlier piece
        whole = self._upload.take(int(content["offset"]), piece)
        self.send({"do": "more", "received": self._upload.received})
        if whole is not None:
            name, self._upload = self._upload.name, None
            self._take(read_picture(whole, max_pixels=self._limits.pixels, name=name))
            self.chosen()

    def _take(self, picture: Picture) -> None:
        """Make a picture the one that is worked on."""
        self._work.cancel()
        grey = picture.pixels.ndim == 2
        kind = ("grey" if grey else "colour") + (
            " with transparency" if picture.alpha is not None else ""
        )
        self._picture, self.enlarged = picture, None
        with self.hold_sync():
            self.name, self.size = picture.name, list(picture.pixels.shape[:2])
            self.kind, self.preview = kind, thumbnail(picture, 360)
            self.problem, self.stage = "", "ready"

    def _order(self) -> Order:
        """Return what is to be done, by the choices."""
        if self._picture is None:
            raise ValueError("there is no picture yet: choose a file or a sample")
        network = None
        if self.model != "bicubic":
            if self.model not in self._networks:
                self._networks[self.model] = load_model(self.model)
            network = self._networks[self.model]
        most = self._limits.result_pixels
        return Order(
            self._picture, self.scale, self.task, self.model, network, self.device, most
        )

    def _show(self, enlarged: Enlarged) -> None:
        """Show a result."""
        self.enlarged = enlarged
        self.compare_again()
        rows, columns = enlarged.bicubic.shape[:2]
        text = f"{columns} \u00d7 {rows} pixels in {enlarged.seconds:.1f} s."
        for name, (decibels, alike) in enlarged.scores.items():
            similar = "" if alike is None else f" / {alike:.4f}"
            text += f" {name}: {decibels:.2f} dB{similar}."
        with self.hold_sync():
            self.target, self.status = [rows, columns], text
            self.stage, self.progress, self.problem = "done", 1.0, ""

    def _tell(self, error: Exception) -> None:
        """Show an error: a sentence of ours as it is, another with its kind."""
        ours = isinstance(error, LabError | ValueError)
        text = str(error) if ours else f"{type(error).__name__}: {error}"
        if isinstance(error, MemoryError):
            text = "the memory does not suffice: take a smaller scale or picture"
        with self.hold_sync():
            self.problem, self.status, self.progress = text, "", 0.0
            self.stage = "empty" if self._picture is None else (
                "done" if self.enlarged is not None else "ready"
            )  # fmt: skip
        self.send({"do": "refused"})

    def _send_file(self) -> None:
        """Send the PNG to the page, in pieces."""
        try:
            if self.enlarged is None:
                raise ValueError("there is no enlarged picture yet: press Enlarge")
            content, name = self.enlarged.png(), self.enlarged.file_name()
            for start in range(0, len(content), _PIECE):
                facts = {"do": "file", "name": name, "size": len(content)}
                piece = content[start : start + _PIECE]
                self.send({**facts, "offset": start}, [piece])
        except Exception as error:
            self._tell(error)

    def __repr__(self) -> str:
        """Return the picture, the choices and the size of the result."""
        if self._picture is None:
            return "OwnPicture(no picture yet)"
        rows, columns = self.size
        made = f"  # {self.target[1]} x {self.target[0]}" if self.enlarged else ""
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
