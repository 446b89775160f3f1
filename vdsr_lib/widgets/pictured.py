"""A widget that leaves a picture behind, and a page that needs nobody.

What all widgets of the laboratory share: their output carries a static picture with
alternative text for readers who cannot run them, and each can be written as a page of
its own. The code of a page may stand in several files; it is joined here.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets as t

from vdsr_lib.widgets.pages import standalone_page

__all__ = ["Pictured", "checked_frame", "checked_point", "page_source"]

_HERE = Path(__file__).parent
_PNG = "image/png"


def page_source(*names: str) -> str:
    """Join files of this folder: the code or the style of a widget's page side.

    Parameters
    ----------
    *names : str
        File names, in the order in which they are to run.

    Returns
    -------
    str
        Their text.
    """
    return "\n".join((_HERE / name).read_text("utf-8") for name in names)


def checked_frame(frame: int, count: int) -> int:
    """Refuse a frame that is not there.

    Parameters
    ----------
    frame : int
        Its index.
    count : int
        How many there are.

    Returns
    -------
    int
        The index.

    Raises
    ------
    ValueError
        If there is no such frame. The first can always be chosen.
    """
    last = max(0, count - 1)
    if not 0 <= frame <= last:
        raise ValueError(f"frame must be in [0, {last}], got {frame}")
    return frame


def checked_point(point: Sequence[int], size: Sequence[int]) -> tuple[int, int]:
    """Refuse a point outside a picture.

    Parameters
    ----------
    point : sequence of int
        Row and column.
    size : sequence of int
        Rows and columns of the picture.

    Returns
    -------
    tuple of int
        Row and column.

    Raises
    ------
    ValueError
        If the picture has no such pixel.
    """
    (row, column), (rows, columns) = point, size
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(
            f"point (row, column) must lie in a picture of {rows} x {columns}, "
            f"got ({row}, {column})"
        )
    return row, column


class Pictured(anywidget.AnyWidget):  # type: ignore[misc]
    """A widget with a static picture and words for it in the same output.

    A subclass draws the picture in `_draw`, and says in `_drawing_key` what it depends
    on, so that it is drawn when first needed and not again.

    Parameters
    ----------
    **traits
        As a subclass has them.

    Attributes
    ----------
    description : str
        What the widget shows, in words: its accessible name, and the alternative text
        of the picture.
    """

    description = t.Unicode().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)

    def to_png(self) -> bytes:
        """Return the static picture.

        Returns
        -------
        bytes
            A PNG file, at twice its nominal resolution.
        """
        return self._static()[0]

    def to_html(
        self, path: str | Path | None = None, *, title: str | None = None
    ) -> str:
        """Return this widget, in its present state, as a page of its own.

        The page works from disk, without a kernel and without a network.

        Parameters
        ----------
        path : path-like, optional
            Where to write it too.
        title : str, optional
            The page's title and heading; by default what the widget is.

        Returns
        -------
        str
            HTML.
        """
        from vdsr_lib._files import write_atomically

        models = self.get_manager_state(widgets=[self])["state"]
        page = standalone_page(
            models[self.model_id],
            self._static(),
            alt=self.description,
            title=title or self._title,
        )
        if path is not None:
            write_atomically(path, page)
        return page

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Show the widget, and leave a picture for whoever cannot show it."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        png, width, height = self._static()
        data[_PNG] = b64encode(png).decode()
        size = {"width": width, "height": height}
        return data, {**metadata, _PNG: {"alt": self.description, **size}}

    _title = "Widget"

    def _draw(self) -> tuple[bytes, int, int]:
        """Draw the static picture: a PNG file, its nominal width and height."""
        raise NotImplementedError

    def _drawing_key(self) -> Hashable:
        """Return what the static picture depends on."""
        raise NotImplementedError

    def _static(self) -> tuple[bytes, int, int]:
        """Return the static picture and its nominal size, drawn when first needed."""
        key = self._drawing_key()
        if getattr(self, "_drawn_for", None) != key:
            self._drawn_for = key
            self._drawing = self._draw()
        return self._drawing
