"""The receptive-field explorer: what networks of several depths see around a pixel."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import traitlets as t
from numpy.typing import NDArray
from torch import nn

from vdsr_lib.receptive import effective_field
from vdsr_lib.widgets.asking import Asking
from vdsr_lib.widgets.pictured import checked_frame, checked_point, page_source
from vdsr_lib.widgets.receptive_content import described, field_picture, pack_fields

__all__ = ["ReceptiveField", "receptive_field_explorer"]

_PARTS = tuple(f"receptive_{part}.js" for part in ("colours", "page", "stage"))


def receptive_field_explorer(
    networks: Mapping[int, nn.Module],
    picture: NDArray[np.uint8],
    *,
    scale: float = 2,
    point: tuple[int, int] | None = None,
    places: int = 24,
) -> ReceptiveField:
    """Explore what a network sees of a picture, depth by depth.

    Parameters
    ----------
    networks : mapping of int to torch.nn.Module
        Depth -> a trained network, shallow or deep, in any order: VDSR, SRCNN, or
        another module from (1, 1, H, W) to the same with a ``receptive_field``.
    picture : (H, W) or (H, W, 3) array of uint8
        The true picture, larger than the largest receptive field. Its luma is cropped
        to a multiple of the scale, shrunk and enlarged again, and given to each
        network. Some 200 x 200 pixels suit; the page grows with it.
    scale : float, default 2
        In [1.1, 8].
    point : (row, column), optional
        The output pixel to begin with; by default where the networks differ most.
    places : int, default 24
        Output pixels over which each effective field is averaged.

    Returns
    -------
    ReceptiveField
        Shows itself when it is the value of a cell. For each depth it holds the
        output, the theoretical square and the measured field, so that an exported
        page works without a kernel; with one, it also measures the field of the very
        pixel that the reader chooses.

    Raises
    ------
    ValueError
        If there is no network, the picture is smaller than a receptive field, or the
        scale or the point is out of range.
    TypeError
        If the picture is not uint8.

    See Also
    --------
    vdsr_lib.receptive.effective_field : What is measured, and how.
    """
    content, ilr = pack_fields(networks, picture, scale=scale, places=places)
    if point is not None:
        content["point"] = tuple(point)
    widget = ReceptiveField(**content)
    widget.hold(networks, ilr)
    return widget


class ReceptiveField(Asking):
    """The receptive-field explorer; `receptive_field_explorer` makes one.

    Every attribute may be set from Python, and follows what the reader does.

    Parameters
    ----------
    **traits
        What it holds (see `pack_fields` in ``widgets/receptive_content.py``) and what
        is chosen.

    Attributes
    ----------
    frame : int
        Index, in `depths`, of the depth on show.
    point : tuple of int
        (row, column) of the output pixel whose field is shown.
    view : str
        What the stage shows: "output", "input" (bicubic) or "original".
    average : bool
        Whether the field shown is the mean over many places, or that of `point` alone,
        which only a kernel can measure.
    depths, sides : list of int
        The networks' depths, and the sides of their theoretical fields in pixels.
    shares : list of list of float
        For each depth the share of the mean field within 1, 3, 5, ... pixels a side.
    psnr : list of float
        PSNR of each output in dB, `scale` pixels shaved; ``bicubic`` is the input's.
    """

    _esm = page_source("tools.js", "kit.js", *_PARTS, "receptive_field.js")
    _css = page_source("tokens.css", "kit.css", "receptive_field.css")
    _title = "What a network sees"

    depths = t.List(t.Int()).tag(sync=True)
    sides = t.List(t.Int()).tag(sync=True)
    pixels = t.List(t.Bytes()).tag(sync=True)
    fields = t.List(t.Bytes()).tag(sync=True)
    shares: t.List[Any] = t.List().tag(sync=True)
    psnr = t.List(t.Float()).tag(sync=True)
    bicubic = t.Float().tag(sync=True)
    places = t.Int().tag(sync=True)
    scale = t.Float(2.0).tag(sync=True)
    size = t.List(t.Int(), [1, 1]).tag(sync=True)
    own_field = t.Bytes(b"").tag(sync=True)
    own_for = t.List(t.Int()).tag(sync=True)

    frame = t.Int(0, min=0).tag(sync=True)
    point = t.Tuple(t.Int(), t.Int(), default_value=(0, 0)).tag(sync=True)
    view = t.Enum(("output", "input", "original"), "output").tag(sync=True)
    average = t.Bool(True).tag(sync=True)

    @t.validate("frame")
    def _existing(self, proposal: Any) -> int:
        """Refuse a frame that is not there."""
        return checked_frame(proposal["value"], len(self.depths))

    @t.validate("point")
    def _inside(self, proposal: Any) -> tuple[int, int]:
        """Refuse a point outside the picture."""
        return checked_point(proposal["value"], self.size)

    def hold(self, networks: Mapping[int, nn.Module], ilr: NDArray[Any]) -> None:
        """Keep what fields of single pixels are measured with.

        Parameters
        ----------
        networks : mapping of int to torch.nn.Module
            By depth.
        ilr : (H, W) array of float
            The networks' input.
        """
        self._networks, self._ilr = dict(networks), ilr

    def answer(self, *, frame: int, row: int, column: int) -> None:  # type: ignore[override]
        """Measure the field of one output pixel.

        Parameters
        ----------
        frame : int
            Index of the depth.
        row, column : int
            The output pixel.
        """
        network = self._networks[self.depths[frame]]
        field = effective_field(network, self._ilr, [(row, column)])
        with self.hold_sync():
            self.own_field = field.astype("<f4").tobytes()
            self.own_for = [frame, row, column]

    def __repr__(self) -> str:
        """Return the depths and what they see."""
        seen = ", ".join(
            f"{d}: {s}" for d, s in zip(self.depths, self.sides, strict=True)
        )
        return f"ReceptiveField({self.size[0]} x {self.size[1]})  # depth: side {seen}"

    def _draw(self) -> tuple[bytes, int, int]:
        """Draw what each network sees, weighs and makes around the point."""
        return field_picture({n: getattr(self, n) for n in _DRAWN})

    def _drawing_key(self) -> Hashable:
        """Return what the static picture depends on."""
        return tuple(self.pixels), self.point

    @t.observe("depths", "psnr")
    def _describe(self, _change: Any) -> None:
        """Keep the words in step with what is shown."""
        if len(self.psnr) == len(self.depths) == len(self.shares):
            self.description = described({n: getattr(self, n) for n in _SAID})


_DRAWN = (
    *("depths", "sides", "pixels", "fields", "shares"),
    *("psnr", "bicubic", "point"),
)
_SAID = ("depths", "sides", "shares", "psnr", "bicubic", "places", "scale")
