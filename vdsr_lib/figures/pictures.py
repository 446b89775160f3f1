"""Pictures beside one another: magnified crops with their scores, and differences.

The crops are drawn pixel by pixel: each pixel of the picture becomes a square of
exactly `zoom` by `zoom` nominal pixels, without any smoothing, so that what is seen is
what was computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vdsr_lib.figures.crops import choose_boxes, luma_levels, to_8bit
from vdsr_lib.figures.sheet import WIDTH, Sheet, best_layout
from vdsr_lib.figures.style import styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["comparison", "difference"]


@styled
def comparison(
    pictures: Mapping[str, NDArray[Any]],
    reference: str | None = None,
    *,
    crops: int | Sequence[tuple[int, int, int, int]] = 1,
    crop_size: int = 48,
    zoom: int | None = None,
    border: int = 0,
) -> Figure:
    """Show one picture whole, and the same magnified crops of all of them.

    Parameters
    ----------
    pictures : mapping of str to ndarray
        Caption -> picture, all of one size: uint8, or float in [0, 1] (rounded and
        clipped to 8 bits); grey (H, W) or colour (H, W, 3).
    reference : str, optional
        The caption of the true picture. It is shown whole, and the others get their
        PSNR and SSIM against it, as in the paper (section 5.3 and its code): over
        the 8-bit luma, peak 255. Without it the first picture is shown whole.
    crops : int or sequence of (top, left, height, width), default 1
        Rectangles to magnify, or how many to choose where the pictures differ most.
    crop_size : int, default 48
        Side of a chosen crop in pixels.
    zoom : int, optional
        Nominal pixels for each pixel of a crop; by default the largest that fits.
    border : int, default 0
        Pixels to shave from each side before scoring; the paper shaves `scale`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no picture, the sizes differ, a value is not finite or out of
        range, the reference is not among them, or a crop leaves the picture.
    """
    shown = to_8bit(pictures)
    whole = _reference(shown, reference)
    boxes = choose_boxes(shown, whole, crops, crop_size)
    scores = _scores(shown, reference, border)
    aspect = shown[whole].shape[1] / shown[whole].shape[0]
    layout = best_layout(boxes, scores, aspect, zoom)
    sheet = Sheet(layout)
    sheet.draw_whole(shown[whole], f"{whole}, whole")
    for index, (name, picture) in enumerate(shown.items()):
        for which in range(len(boxes)):
            sheet.draw_crop(picture, index, which, layout.captions[name])
    return sheet.figure


@styled
def difference(
    reference: NDArray[Any],
    estimates: Mapping[str, NDArray[Any]],
    *,
    limit: float | None = None,
    label: str = "error",
) -> Figure:
    """Show where and by how much estimates differ from the true picture.

    Parameters
    ----------
    reference : ndarray
        The true picture: uint8 or float in [0, 1], (H, W) or (H, W, 3).
    estimates : mapping of str to ndarray
        Caption -> estimate of the same size and value range rules.
    limit : float, optional
        The difference, in 8-bit levels, of the strongest colour. By default 99.5 %
        of the differences lie within it.
    label : str
        What the difference is: ``"residual"`` where the "estimate" is the original
        and the "true picture" a network's input. The colour bar says it, with its unit.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each estimate: ``estimate - reference`` of the luma in 8-bit
        levels, blue where the estimate is too dark, red where it is too bright.

    Raises
    ------
    ValueError
        As for `comparison`, or if `limit` is not positive.
    """
    if limit is not None and not limit > 0:
        raise ValueError(f"limit must be positive, in 8-bit levels; got {limit}")
    true = luma_levels(to_8bit({"reference": reference})["reference"])
    shown = to_8bit(estimates)
    if (size := next(iter(shown.values())).shape[:2]) != true.shape:
        raise ValueError(
            "pictures must have one size, but the reference has "
            f"{true.shape} and the estimates {size}: crop or resize them first"
        )
    maps = {name: luma_levels(array) - true for name, array in shown.items()}
    if limit is None:
        largest = np.abs(np.stack(list(maps.values())))
        limit = max(1.0, float(np.ceil(np.quantile(largest, 0.995))))
    figure, axes = _panels(len(maps), true.shape)
    for axis, (name, levels) in zip(axes, maps.items(), strict=True):
        image = axis.imshow(levels, cmap="RdBu_r", vmin=-limit, vmax=limit)
        rms = float(np.sqrt(np.mean(levels**2)))
        axis.set_title(f"{name}\nroot mean square {rms:.2f} levels")
        axis.set_axis_off()
    bar = figure.colorbar(image, ax=list(axes), shrink=0.85, aspect=30, pad=0.015)
    bar.set_label(f"{label} (8-bit levels)")
    return figure


def _panels(count: int, shape: tuple[int, ...]) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` panels in rows of three for pictures of `shape`."""
    from matplotlib.figure import Figure

    columns = min(count, 3)
    rows = -(-count // columns)
    wide = min(3.8, (WIDTH / 100 - 1) / columns)
    tall = wide * shape[0] / shape[1] + 0.75
    figure = Figure(figsize=(wide * columns + 1, tall * rows))
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for empty in axes[count:]:
        empty.set_axis_off()
    return figure, axes[:count]


def _reference(pictures: Mapping[str, NDArray[np.uint8]], name: str | None) -> str:
    """Return the caption of the picture to show whole."""
    if name is None:
        return next(iter(pictures))
    if name not in pictures:
        raise ValueError(
            f"the reference {name!r} is not among the pictures: {', '.join(pictures)}"
        )
    return name


def _scores(
    pictures: Mapping[str, NDArray[np.uint8]], reference: str | None, border: int
) -> dict[str, str]:
    """Return a line for each picture: its PSNR and SSIM against the reference."""
    if reference is None:
        return dict.fromkeys(pictures, "")
    from vdsr_lib.metrics import psnr_and_ssim

    true = luma_levels(pictures[reference]).astype(np.uint8)
    lines, heading = {}, "PSNR / SSIM"
    for name, picture in pictures.items():
        luma = luma_levels(picture).astype(np.uint8)
        decibels, alike = psnr_and_ssim(true, luma, border=border)
        lines[name] = "identical" if decibels is None else f"{decibels:.2f} dB"
        if decibels is not None and alike is not None:
            lines[name] += f" / {alike:.4f}"
        elif alike is None:
            heading = "PSNR"
    return {**lines, reference: heading}
