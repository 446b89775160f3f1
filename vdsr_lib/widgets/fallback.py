"""The picture that a comparison leaves where no widget can be shown."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vdsr_lib.widgets.content import decoded

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

__all__ = ["alternative_text", "static_picture"]

_MOST = 8  # pictures in the grid
_CHART = 2.8  # inches: the pictures are what is looked at


def static_picture(content: Mapping[str, Any]) -> tuple[bytes, int, int]:
    """Draw magnified crops of all pictures with their scores, and the curves.

    Parameters
    ----------
    content : mapping
        The traits of a comparison: ``names``, ``pixels``, ``series``, ``reference``,
        ``border``, ``frame_title``, ``frame_labels``, ``curves``, ``curve_label``.

    Returns
    -------
    (bytes, int, int)
        A PNG file, and the nominal width and height in pixels to show it at.
    """
    from vdsr_lib import figures
    from vdsr_lib.figures.style import DPI

    reference = content["reference"] or None
    shown = _chosen(content)
    crops = 2 if len(shown) <= 4 else 1
    drawings = [
        figures.comparison(shown, reference, crops=crops, border=content["border"])
    ]
    if any(y is not None for curve in content["curves"] for y in curve["y"]):
        curves = {
            c["name"]: (c["x"], np.array(c["y"], float))  # NaN for None
            for c in content["curves"]
        }
        chart = figures.convergence(
            curves, xlabel=content["frame_title"], ylabel=content["curve_label"]
        )
        chart.set_figheight(_CHART)
        drawings.append(chart)
    sheet = _stacked([_drawn(figure) for figure in drawings])
    stream = BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    nominal = 100 / DPI
    return (
        stream.getvalue(),
        round(sheet.width * nominal),
        round(sheet.height * nominal),
    )


def alternative_text(content: Mapping[str, Any]) -> str:
    """Say in words what a comparison shows, for readers who cannot see it.

    Parameters
    ----------
    content : mapping
        As for `static_picture`, with ``size`` and ``scores``.

    Returns
    -------
    str
        One or two sentences: names, size, frames, and each picture's PSNR and SSIM.
    """
    names, reference = content["names"], content["reference"]
    rows, columns = content["size"]
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    text = f"Comparison of {listed}, {columns} by {rows} pixels"
    labels = content["frame_labels"]
    if len(labels) > 1:
        text += f", at {content['frame_title']} {labels[0]} to {labels[-1]}"
    if not reference:
        return f"{text}."
    phrases = []
    for name, frames in zip(names, content["scores"], strict=True):
        if name != reference:
            first, last = _spoken(*frames[0]), _spoken(*frames[-1])
            phrases.append(f"{name} {first if first == last else f'{first} to {last}'}")
    return f"{text}. PSNR and SSIM against {reference}: {', '.join(phrases)}."


def _spoken(psnr: float | None, ssim: float | None) -> str:
    """Return a picture's scores in words."""
    if psnr is None:
        return "identical"
    return f"{psnr:.2f} dB" + ("" if ssim is None else f" and {ssim:.4f}")


def _chosen(content: Mapping[str, Any]) -> dict[str, NDArray[np.uint8]]:
    """Return caption -> picture: of series the first, a middle and the last frame."""
    labels, title = content["frame_labels"], content["frame_title"]
    series = dict(zip(content["names"], content["series"], strict=True))
    last = len(labels) - 1
    moving = [name for name, frames in series.items() if len(frames) > 1]
    if content["reference"] in moving:
        picks = [last]  # the truth itself changes: crops of one frame belong together
    else:
        still = len(series) - len(moving)
        many = still + 3 * len(moving) > _MOST
        picks = sorted({0, last} if many else {0, last // 2, last})
    shown = {}
    for name, frames in series.items():
        if name not in moving:
            shown[name] = decoded(content["pixels"][frames[0]])
            continue
        for i in picks:
            one = name == content["reference"] or len(picks) == 1
            caption = name if one else f"{name}, {title} {labels[i]}"
            shown[caption] = decoded(content["pixels"][frames[i]])
    return shown


def _drawn(figure: Figure) -> Image:
    """Render a figure."""
    from PIL import Image

    from vdsr_lib.figures.style import to_png

    return Image.open(BytesIO(to_png(figure)[0])).convert("RGB")


def _stacked(drawings: list[Image]) -> Image:
    """Put pictures below one another on white."""
    from PIL import Image

    size = max(d.width for d in drawings), sum(d.height for d in drawings)
    sheet, top = Image.new("RGB", size, "white"), 0
    for drawing in drawings:
        sheet.paste(drawing, (0, top))
        top += drawing.height
    return sheet
