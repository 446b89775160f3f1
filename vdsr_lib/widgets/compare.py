"""`compare`: any number of pictures, looked at closely, in one widget.

The Python class only holds the state; ``compare.js`` draws it. All of it is in synced
traits, so that a saved notebook or an exported page works without a kernel.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import traitlets as t

from vdsr_lib.widgets.content import Pictures, first_view, pack
from vdsr_lib.widgets.fallback import alternative_text, static_picture
from vdsr_lib.widgets.frames import Curve, Frames, packed_curves
from vdsr_lib.widgets.pictured import (
    Pictured,
    checked_frame,
    checked_point,
    page_source,
)

__all__ = ["Compare", "compare"]

_PARTS = tuple(
    f"compare_{part}.js"
    for part in ("pictures", "layout", "state", "page", "stage", "cards", "frames")
)


def compare(
    pictures: Pictures,
    *,
    reference: str | None = None,
    frames: Frames | None = None,
    curves: Mapping[str, Curve] | None = None,
    curve_label: str = "PSNR (dB)",
    border: int = 0,
    **view: Any,
) -> Compare:
    """Compare pictures in a notebook: wipe, side by side, blink, difference, loupe.

    Parameters
    ----------
    pictures : mapping of str to ndarray, or to a series of ndarray
        Name -> picture, at least two, all of one size: uint8, or float in [0, 1]
        (rounded and clipped to 8 bits); luma (H, W) or colour (H, W, 3). With
        `frames` a picture may be a series: a list of pictures or an array with one
        more axis in front, as many as there are frames.
    reference : str, optional
        The name of the true picture. The others get their PSNR and SSIM against it,
        over the 8-bit luma with peak 255 (Kim et al. 2016, section 5), for the whole
        picture and for what is in view; and the difference is taken against it.
    frames : sequence, or mapping of one str to a sequence, optional
        Labels of the frames that a slider runs through, such as
        ``{"epoch": [0, 1, 5, 20]}``.
    curves : mapping of str to values or (x, y), optional
        Name -> one value for each frame, or a finer curve with x in the unit of the
        frames' labels; drawn below the slider, with a marker that moves along. The
        colours are those of `figures.convergence` where both have the same names in
        the same order.
    curve_label : str, default "PSNR (dB)"
        What the curves show.
    border : int, default 0
        Pixels left out of the scores at each side; the paper leaves out `scale`.
    **view
        What to begin with: ``mode`` ("wipe", "side", "blink" or "difference"),
        ``left`` and ``right`` (names), ``split``, ``zoom``, ``centre``, ``point``,
        ``frame``, ``limit``, ``magnification``, ``description``. See `Compare`.

    Returns
    -------
    Compare
        Shows itself when it is the value of a cell.

    Raises
    ------
    ValueError
        If there are fewer than two pictures, one is empty, not finite, out of range
        or of another size, a series or a curve does not fit the frames, the
        reference is not among the pictures, or the border leaves nothing.
    TypeError
        If `pictures` is not a mapping of arrays, or a name in `view` is unknown.

    Notes
    -----
    The output also holds a static picture with alternative text, which shows where
    no widget can: on GitHub, in a notebook that is not trusted, in print. papermill
    saves the widget's state in the notebook; JupyterLab does so when "Save Widget
    State Automatically" is on in its settings. Without it, a notebook of one's own
    that is opened again says "model not found" there: run its cells once more.

    Examples
    --------
    >>> import numpy as np
    >>> true = np.arange(400, dtype=np.uint8).reshape(20, 20)
    >>> compare({"true": true, "darker": true // 2, "flat": true * 0}, reference="true")
    Compare(true, darker, flat)  # 20 x 20, against true
    """
    unknown = sorted(set(view) - set(Compare.VIEW))
    if unknown:
        raise TypeError(
            f"compare() knows no {unknown[0]!r}; the view is set with "
            f"{', '.join(Compare.VIEW)}"
        )
    content = _content(pictures, reference, frames, curves, curve_label, border)
    return Compare(**{**first_view(content), **content, **view})


class Compare(Pictured):
    """The comparison widget; `compare` makes one.

    Its static picture shows magnified crops of all pictures, with their scores; of
    series the first, a middle and the last frame, and the curves below.

    Every attribute may be set from Python, and follows what the reader does.

    Parameters
    ----------
    **traits
        What it holds (see `pack` in ``widgets/content.py``) and how it is looked at.

    Attributes
    ----------
    mode : str
        "wipe", "side" (side by side), "blink" or "difference".
    left, right : str
        Names of the two pictures that are wiped or blinked between; the difference
        is ``right`` minus the reference, or minus ``left`` without one.
    split : float
        Where the divider of the wipe stands, 0 (left edge) to 1.
    zoom : float
        Nominal screen pixels for one of the picture, up to 32; 0 fits it whole.
    centre : tuple of float
        (x, y) of the picture's point in the middle of the view, in pixels.
    point : tuple of int
        (row, column) of the pixel in the middle of the loupe.
    magnification : int
        Of the loupe: 4, 8, 16 or 32.
    frame : int
        Index of the frame on show.
    limit : int
        Levels at the ends of the difference's colour bar; 0 chooses them so that
        99.5 % of the differences lie within.
    region : tuple of int
        (top, left, height, width) of what the page scores as "in view": written by
        the page, border left out.
    scores : list
        For each name and frame, PSNR in dB (None: identical) and SSIM of the whole
        picture.
    """

    VIEW = (
        "mode", "left", "right", "split", "zoom", "centre", "point", "magnification",
        "frame", "limit", "description",
    )  # fmt: skip

    _esm = page_source("tools.js", *_PARTS, "compare.js")
    _css = page_source("tokens.css", "compare.css")

    names = t.List(t.Unicode()).tag(sync=True)
    pixels = t.List(t.Bytes()).tag(sync=True)
    colour = t.List(t.Bool()).tag(sync=True)
    series = t.List(t.List(t.Int())).tag(sync=True)
    size = t.List(t.Int(), [1, 1]).tag(sync=True)
    reference = t.Unicode().tag(sync=True)
    border = t.Int().tag(sync=True)
    scores: t.List[Any] = t.List().tag(sync=True)
    frame_title = t.Unicode("frame").tag(sync=True)
    frame_labels = t.List(t.Unicode()).tag(sync=True)
    frame_x = t.List(t.Float()).tag(sync=True)
    curves: t.List[Any] = t.List().tag(sync=True)
    curve_label = t.Unicode("PSNR (dB)").tag(sync=True)

    mode = t.Enum(("wipe", "side", "blink", "difference"), "wipe").tag(sync=True)
    left = t.Unicode().tag(sync=True)
    right = t.Unicode().tag(sync=True)
    split = t.Float(0.5, min=0, max=1).tag(sync=True)
    zoom = t.Float(0, min=0, max=32).tag(sync=True)
    centre = t.Tuple(t.Float(), t.Float(), default_value=(0.5, 0.5)).tag(sync=True)
    point = t.Tuple(t.Int(), t.Int(), default_value=(0, 0)).tag(sync=True)
    magnification = t.Enum((4, 8, 16, 32), 8).tag(sync=True)
    frame = t.Int(0, min=0).tag(sync=True)
    limit = t.Int(0, min=0, max=255).tag(sync=True)
    region = t.Tuple(*[t.Int()] * 4, default_value=(0, 0, 0, 0)).tag(sync=True)

    _title = "Comparison"

    @t.validate("left", "right")
    def _known(self, proposal: Any) -> str:
        """Refuse a name that no picture has."""
        name = str(proposal["value"])
        if self.names and name not in self.names:
            raise ValueError(
                f"{proposal['trait'].name} must be one of {', '.join(self.names)}, "
                f"got {name!r}"
            )
        return name

    @t.validate("frame")
    def _existing(self, proposal: Any) -> int:
        """Refuse a frame that is not there."""
        return checked_frame(proposal["value"], len(self.frame_labels))

    @t.validate("point")
    def _inside(self, proposal: Any) -> tuple[int, int]:
        """Refuse a point outside the picture."""
        return checked_point(proposal["value"], self.size)

    def show(
        self,
        pictures: Pictures,
        *,
        reference: str | None = None,
        frames: Frames | None = None,
        curves: Mapping[str, Curve] | None = None,
        curve_label: str = "PSNR (dB)",
        border: int = 0,
    ) -> None:
        """Show other pictures in this widget, in all its views at once.

        The view stays where it is as far as the new pictures allow: the two chosen
        names, the zoom and the loupe, unless they are of another size.

        Parameters
        ----------
        pictures, reference, frames, curves, curve_label, border
            As for `compare`.

        Raises
        ------
        ValueError, TypeError
            As `compare`; the widget is then unchanged.
        """
        content = _content(pictures, reference, frames, curves, curve_label, border)
        view = first_view(content)
        if {self.left, self.right} <= set(content["names"]):
            view["left"], view["right"] = self.left, self.right
        if content["size"] == self.size:
            view["centre"], view["point"] = self.centre, self.point
        else:
            view["zoom"] = 0
        view["frame"] = min(self.frame, max(0, len(content["frame_labels"]) - 1))
        with self.hold_sync(), self.hold_trait_notifications():
            for name, value in {**content, **view}.items():
                setattr(self, name, value)

    def __repr__(self) -> str:
        """Return names, size and reference."""
        rows, columns = self.size
        facts = [f"{rows} x {columns}"]
        if len(self.frame_labels) > 1:
            facts.append(f"{len(self.frame_labels)} frames")
        if self.reference:
            facts.append(f"against {self.reference}")
        return f"Compare({', '.join(self.names)})  # {', '.join(facts)}"

    def _draw(self) -> tuple[bytes, int, int]:
        """Draw magnified crops of all pictures, with scores, and the curves."""
        drawn = {name: getattr(self, name) for name in ("pixels", *_STATIC)}
        return static_picture(drawn)

    def _drawing_key(self) -> Hashable:
        """Return what the static picture depends on."""
        return tuple(self.pixels), str([getattr(self, name) for name in _STATIC])


_STATIC = (
    "names", "series", "reference", "border", "frame_title", "frame_labels",
    "curves", "curve_label",
)  # fmt: skip


def _content(
    pictures: Pictures,
    reference: str | None,
    frames: Frames | None,
    curves: Mapping[str, Curve] | None,
    curve_label: str,
    border: int,
) -> dict[str, Any]:
    """Return the traits that do not depend on what the reader looks at."""
    content = pack(pictures, reference=reference, frames=frames, border=border)
    content["curves"] = packed_curves(
        curves, content["frame_x"] if content["frame_labels"] else []
    )
    content["curve_label"] = curve_label
    content["description"] = alternative_text(content)
    return content
