"""`own_picture`: a reader's own picture, enlarged, compared, and taken home as PNG.

The class holds the state; ``own_picture.js`` draws it, ``enlarging.py`` does the work
in a thread, so that the kernel can hear "cancel".
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vdsr_lib.errors import WeightsError
from vdsr_lib.images import Picture, read_picture
from vdsr_lib.weights import load_model, weights_file
from vdsr_lib.weights.families import FAMILIES
from vdsr_lib.widgets.background import CancelledError, Latest
from vdsr_lib.widgets.choices import (
    as_picture,
    device_choices,
    kind_of,
    model_choices,
    thumbnail,
)
from vdsr_lib.widgets.compare import compare
from vdsr_lib.widgets.enlarged import Enlarged
from vdsr_lib.widgets.enlarging import enlarge
from vdsr_lib.widgets.orders import Order
from vdsr_lib.widgets.own_picture_state import OwnPictureState
from vdsr_lib.widgets.pictured import page_source
from vdsr_lib.widgets.samples import sample_pictures
from vdsr_lib.widgets.uploads import Inbox, Limits, in_pieces

if TYPE_CHECKING:
    from torch import nn

__all__ = ["OwnPicture", "own_picture"]

_AT_ONCE = 4e11  # multiplications begun without being asked: some seconds on a CPU
_PIXELS_AT_ONCE = 6_000_000
_PARTS = tuple(f"own_picture_{part}.js" for part in ("page", "drawing", "files"))


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
        "bicubic", a name in `models`, or that of shipped weights; "vdsr" and "srcnn"
        mean what they mean for `upscale`. By default the first of `models`, else
        "vdsr" if its weights ship, else "bicubic".
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
    chosen["model"] = widget.model
    if model is not None:
        chosen["model"] = model if model in (models or ()) else _meant(model, scale)
    widget.begin(picture, **chosen)
    return widget


def _meant(name: str, scale: float | None = None) -> str:
    """Return the name of the weights that "vdsr" or "srcnn" means, if any ship."""
    if name not in FAMILIES:
        return name
    try:
        return weights_file(name, scale=scale).stem
    except WeightsError:
        return name


class OwnPicture(OwnPictureState):
    """The page for a picture of one's own; `own_picture` makes one.

    Parameters
    ----------
    models, limits
        As for `own_picture`.
    **traits
        Other traits of the widget, such as ``scale``.

    Attributes
    ----------
    comparison : Compare
        The widget below, which shows the result.
    """

    _title = "Your own picture"
    _esm = page_source("tools.js", *_PARTS, "own_picture.js")
    _css = page_source("tokens.css", "own_picture.css")

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
        self._inbox = Inbox(self._limits)
        self._work = Latest()
        self._quiet = False
        offered, problem = model_choices(self._networks)
        values = [choice["value"] for choice in offered]
        preferred = [*self._networks, _meant("vdsr"), *values[1:], "bicubic"]
        made: dict[str, Any] = {
            "models": offered,
            "devices": device_choices(),
            "limits": self._limits.as_dict(),
            "limits_text": self._limits.sentence(),
            "samples": list(self._samples),
            "thumbnails": [thumbnail(p, 96) for p in self._samples.values()],
            "model": next(name for name in preferred if name in values),
            "problem": problem,
        }
        super().__init__(**made | traits)
        blank = np.zeros((1, 1), np.uint8)
        self.comparison = compare({"original pixels": blank, "bicubic": blank})
        self.box = ipywidgets.VBox([self, self.comparison])
        self.on_msg(lambda _, content, buffers: self.receive(content, buffers))
        self.observe(lambda _: self.chosen(), ["scale", "model", "device", "task"])
        self.observe(lambda _: self.compare_again(), "detail")

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
            buffer), "sample" (with ``name``), "enlarge", "cancel" or "download". The
            ``id`` of a piece or a download comes back with the answers to it.
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
                    self._work.start(lambda _: self._send_file(content.get("id")))
        except Exception as error:
            self._refuse(error)  # and what runs goes on

    def chosen(self) -> None:
        """Follow a changed choice: do the work at once if it is short, else wait."""
        if self._quiet or self._picture is None:
            return
        self.enlarged, self.problem = None, ""
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
            text = "This takes a while: press Enlarge when you are ready."
            self._say("ready", text, progress=0.0)

    def start(self) -> None:
        """Begin the work in a thread; what runs is stopped."""
        self.problem = ""
        order = self._order()

        def work(check: Any) -> None:
            def watch(share: float) -> None:
                check()
                if share - self.progress >= 0.01 or share in (0.0, 1.0):
                    self.progress = share

            try:
                self.enlarged = None
                self._say("working", f"Enlarging by {self.model} ...", progress=0.0)
                self._show(enlarge(order, watch))
            except CancelledError:
                if self.stage == "working":  # else what ended it has said what is next
                    self._say("ready", "Stopped; nothing was made.", progress=0.0)
            except Exception as error:
                self._tell(error)

        self._work.start(work)

    def compare_again(self) -> None:
        """Show another detail of the result, where it is too large to show whole."""
        enlarged = self.enlarged  # another thread may take it away
        if enlarged is None:
            return
        window = enlarged.window(self.detail)
        before = self.comparison.names
        self.comparison.show(**enlarged.comparison(window))
        if self.comparison.names != before:  # another model or task: the newest pair
            self.comparison.left, self.comparison.right = self.comparison.names[-2:]
        self.description = self.comparison.description
        rows, columns = enlarged.bicubic.shape[:2]
        top, left, height, width = window
        self.window = [top / rows, left / columns, height / rows, width / columns]

    # ------------------------------------------------------------- within

    def _receive_piece(self, content: Mapping[str, Any], piece: bytes) -> None:
        """Take a piece of a file; with the last one, read the picture."""
        if content["offset"] == 0:
            self.problem = ""
        whole = self._inbox.take(content, piece)
        if self._inbox.received:
            facts = {"id": content.get("id"), "received": self._inbox.received}
            self.send({"do": "more", **facts})
        if whole is not None:
            name, most = self._inbox.name, self._limits.pixels
            self._take(read_picture(whole, max_pixels=most, name=name))
            self.chosen()

    def _take(self, picture: Picture) -> None:
        """Make a picture the one that is worked on."""
        self._work.cancel()
        self._picture, self.enlarged = picture, None
        with self.hold_sync():
            self.problem = ""
            self.name, self.size = picture.name, list(picture.pixels.shape[:2])
            self.kind, self.preview = kind_of(picture), thumbnail(picture, 360)
            self._say("ready", self.status)

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
        """Show a result, unless a choice that is changed meanwhile takes it away."""
        self.enlarged = enlarged
        self.compare_again()
        if self.enlarged is not enlarged:
            return
        with self.hold_sync():
            self.target = list(enlarged.bicubic.shape[:2])
            self._say("done", enlarged.summary(), progress=1.0)

    def _send_file(self, asked: str | None) -> None:
        """Send the PNG to the page that asked for it, in pieces."""
        try:
            if self.enlarged is None:
                raise ValueError("there is no enlarged picture yet: press Enlarge")
            name, content = self.enlarged.file_name(), self.enlarged.png()
            for facts, piece in in_pieces(name, content):
                self.send({"do": "file", "id": asked, **facts}, [piece])
        except Exception as error:
            self._refuse(error)
