"""The protocol switchboard: five choices of measuring, and what they do to the PSNR."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import traitlets as t
from numpy.typing import NDArray

from vdsr_lib.datasets import load_images
from vdsr_lib.protocol import MISTAKES, SWITCHES, switch_costs
from vdsr_lib.widgets.asking import Asking
from vdsr_lib.widgets.pictured import page_source
from vdsr_lib.widgets.switchboard_content import described, switchboard_picture

__all__ = ["ProtocolSwitchboard", "protocol_switchboard"]

_OTHERS = ("embedded-test", "embedded-train", "set5", "set14")
_SCALES = (2, 3, 4, 5, 6, 8)

# What a switch says on its two sides: as the paper has it, and as it is often done.
_SIDES = {
    "full-range luma": ("luma range", "16 to 235", "0 to 255"),
    "PSNR over RGB": ("PSNR over", "luma", "RGB"),
    "no antialiasing": ("antialiasing", "on", "off"),
    "no border crop": ("border", "left out", "measured"),
    "output not rounded": ("output", "8 bits", "floats"),
}


def protocol_switchboard(
    images: Mapping[str, NDArray[np.uint8]] | str = "embedded-test",
    scales: Iterable[int] = (2, 3, 4),
    *,
    turned: Iterable[str] = (),
    scale: int | None = None,
    others: Sequence[str] = _OTHERS,
) -> ProtocolSwitchboard:
    """Turn the choices of the evaluation protocol, and see bicubic's PSNR move.

    All 32 combinations are measured beforehand, so that the widget works in a page
    without a kernel.

    Parameters
    ----------
    images : mapping of str to uint8 array, or str
        Name -> picture, (H, W, 3) or (H, W); or the name of a data set.
    scales : iterable of int
        Each in 2 to 8.
    turned : iterable of str
        Switches that are turned at first: names in `vdsr_lib.protocol.SWITCHES`.
    scale : int, optional
        The scale to begin with; by default the first.
    others : sequence of str
        Data sets that a reader may choose where a kernel runs.

    Returns
    -------
    ProtocolSwitchboard
        Shows itself when it is the value of a cell.

    Raises
    ------
    ValueError
        If there is no picture or scale, or a switch or a scale is unknown.
    DataError
        If the data set is not here.
    """
    collection = images if isinstance(images, str) else "these pictures"
    pictures = load_images(images) if isinstance(images, str) else dict(images)
    scales = [int(each) for each in scales]
    if not pictures or not scales:
        raise ValueError("there is nothing to measure: give a picture and a scale")
    unknown = sorted(set(turned) - set(SWITCHES))
    if unknown:
        raise ValueError(
            f"turned must name switches among {', '.join(SWITCHES)}; got {unknown[0]!r}"
        )
    first = scales[0] if scale is None else scale
    if first not in scales:
        raise ValueError(f"scale must be one of {scales}, got {scale}")
    widget = ProtocolSwitchboard(
        switches=[_switch(name) for name in SWITCHES],
        turned=[name in set(turned) for name in SWITCHES],
        collections=list(dict.fromkeys([collection, *others])),
        collection=collection,
        names=list(pictures),
        decibels={str(each): _measured(pictures, each) for each in scales},
        scale=first,
        more_scales=[each for each in _SCALES if each not in scales],
    )
    widget.hold(pictures)
    return widget


class ProtocolSwitchboard(Asking):
    """The protocol switchboard; `protocol_switchboard` makes one.

    Every attribute may be set from Python, and follows what the reader does.

    Parameters
    ----------
    **traits
        What was measured, and what is chosen.

    Attributes
    ----------
    turned : list of bool
        Which of the five switches are turned away from the paper's protocol, in the
        order of `vdsr_lib.protocol.SWITCHES`.
    scale : int
        Of the interpolation.
    picture : str
        The picture whose PSNR is shown large; empty for the mean over all.
    names : list of str
        The pictures.
    decibels : dict
        Scale (as str) -> for each picture the PSNR under all 32 combinations in dB, as
        `vdsr_lib.protocol.switch_costs` orders them.
    collection : str
        The name of the data set.
    """

    _esm = page_source("tools.js", "kit.js", "protocol_switchboard.js")
    _css = page_source("tokens.css", "kit.css", "protocol_switchboard.css")
    _title = "The protocol, switch by switch"

    switches: t.List[Any] = t.List().tag(sync=True)
    turned = t.List(t.Bool(), [False] * len(SWITCHES)).tag(sync=True)
    names = t.List(t.Unicode()).tag(sync=True)
    decibels: t.Dict[str, Any] = t.Dict().tag(sync=True)
    scale = t.Int(2).tag(sync=True)
    more_scales = t.List(t.Int()).tag(sync=True)
    picture = t.Unicode().tag(sync=True)
    collection = t.Unicode().tag(sync=True)
    collections = t.List(t.Unicode()).tag(sync=True)

    @property
    def psnr(self) -> float:
        """The PSNR on show, in dB: of `picture`, or the mean over all."""
        index = sum(1 << i for i, on in enumerate(self.turned) if on)
        column = [row[index] for row in self.decibels[str(self.scale)]]
        if self.picture:
            return float(column[self.names.index(self.picture)])
        return float(np.mean(column))

    def hold(self, pictures: Mapping[str, NDArray[np.uint8]]) -> None:
        """Keep the pictures, to measure them at other scales.

        Parameters
        ----------
        pictures : mapping of str to uint8 array
            By name.
        """
        self._own = self.collection, dict(pictures)
        self._pictures = dict(pictures)

    def answer(self, *, collection: str, scale: int) -> None:  # type: ignore[override]
        """Measure another data set, or another scale.

        Parameters
        ----------
        collection : str
            A name in `collections`.
        scale : int
            In 2 to 8.
        """
        if collection == self.collection:
            measured = {**self.decibels, str(scale): _measured(self._pictures, scale)}
            with self.hold_sync():
                self.decibels, self.scale = measured, scale
                self.more_scales = [s for s in self.more_scales if s != scale]
            return
        own, pictures = self._own
        pictures = dict(pictures) if collection == own else load_images(collection)
        measured = {str(scale): _measured(pictures, scale)}
        self._pictures = pictures
        with self.hold_sync():
            self.names, self.picture, self.collection = list(pictures), "", collection
            self.decibels, self.scale = measured, scale
            self.more_scales = [each for each in _SCALES if each != scale]

    @t.validate("turned")
    def _five(self, proposal: Any) -> list[bool]:
        """Refuse a list of another length."""
        if len(proposal["value"]) != len(SWITCHES):
            raise ValueError(
                f"turned must say True or False for each of {len(SWITCHES)} switches, "
                f"got {len(proposal['value'])}"
            )
        return list(proposal["value"])

    @t.validate("scale")
    def _measured_at(self, proposal: Any) -> int:
        """Refuse a scale at which nothing was measured."""
        scale = int(proposal["value"])
        if self.decibels and str(scale) not in self.decibels:
            raise ValueError(
                f"scale must be one of {', '.join(self.decibels)}, got {scale}"
            )
        return scale

    @t.validate("picture")
    def _known(self, proposal: Any) -> str:
        """Refuse a picture that is not there."""
        name = str(proposal["value"])
        if name and self.names and name not in self.names:
            raise ValueError(
                f"picture must be empty or one of {', '.join(self.names)}, got {name!r}"
            )
        return name

    @t.observe("decibels", "collection", "scale")
    def _describe(self, _change: Any) -> None:
        """Keep the words in step with what was measured."""
        if self.switches and str(self.scale) in self.decibels:
            self.description = described({n: getattr(self, n) for n in _SAID})

    def __repr__(self) -> str:
        """Return what is measured, and the PSNR on show."""
        on = [
            name for name, turned in zip(SWITCHES, self.turned, strict=True) if turned
        ]
        return (
            f"ProtocolSwitchboard({', '.join(on) or 'the paper'})  # bicubic, "
            f"{self.collection}, scale {self.scale}: {self.psnr:.2f} dB"
        )

    def _draw(self) -> tuple[bytes, int, int]:
        """Draw all 32 combinations at the scale on show, sorted by their PSNR."""
        return switchboard_picture({n: getattr(self, n) for n in _SAID})

    def _drawing_key(self) -> Hashable:
        """Return what the static picture depends on."""
        return self.collection, self.scale, str(self.decibels)


_SAID = ("switches", "decibels", "scale", "collection", "names")


def _switch(name: str) -> dict[str, Any]:
    """Return what the page says of a switch."""
    mistake = MISTAKES[name]
    what, paper, turned = _SIDES[name]
    return {
        "name": name,
        "what": what,
        "paper": paper,
        "turned": turned,
        "where": mistake.where,
        "set5": {str(scale): cost for scale, cost in mistake.set5.items()},
    }


def _measured(
    pictures: Mapping[str, NDArray[np.uint8]], scale: int
) -> list[list[float]]:
    """Return the PSNR of each picture under each combination, to 0.1 mdB."""
    rows = []
    for name, picture in pictures.items():
        costs = np.round(switch_costs(picture, scale), 4)
        if not np.isfinite(costs).all():
            raise ValueError(
                f"bicubic interpolation restores {name!r} exactly at scale {scale}: "
                "its PSNR is infinite; give a picture with some detail"
            )
        rows.append(costs.tolist())
    return rows
