"""The picture that a live monitor leaves where no widget can be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vdsr_lib.figures._parts import draw_curve
from vdsr_lib.figures.style import styled, to_png
from vdsr_lib.widgets.content import decoded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["alternative_text", "static_picture"]


def static_picture(facts: Mapping[str, Any]) -> tuple[bytes, int, int]:
    """Draw the loss and the PSNR of all trainings, and the detail of the last.

    Parameters
    ----------
    facts : mapping
        Traits of a `LiveMonitor`: ``runs``, ``past``, ``frames``, ``reference``,
        ``bicubic`` and ``score``.

    Returns
    -------
    (bytes, int, int)
        A PNG file, and the nominal width and height in pixels to show it at.
    """
    return to_png(_drawing(facts))


def alternative_text(facts: Mapping[str, Any]) -> str:
    """Say in words how the trainings went, for readers who cannot see the curves.

    Parameters
    ----------
    facts : mapping
        As for `static_picture`, with ``status``, ``elapsed`` and ``problem``.

    Returns
    -------
    str
        How many trainings there are and how they ended, then each one's loss and PSNR
        at its first and last reading.
    """
    runs, score = facts["runs"], _drawn_score(facts)
    count = "One training" if len(runs) == 1 else f"{len(runs)} trainings"
    text = f"{count}, {facts['status']} after {_duration(facts['elapsed'])}."
    for run, curves in zip(runs, facts["past"], strict=True):
        phrases = []
        if loss := _ends(curves.get("loss", [])):
            phrases.append(f"loss {loss[0]:.3g} to {loss[1]:.3g}")
        if decibels := run["ends"].get(score):
            phrases.append(f"PSNR {decibels[0]:.2f} to {decibels[1]:.2f} dB")
        if run["state"] not in ("finished", facts["status"]):
            phrases.append(run["state"])
        if phrases:
            text += f" {run['name']}: {', '.join(phrases)}."
    level = next((r["baseline"].get(score) for r in runs if r["baseline"]), None)
    text += f" Bicubic: {level:.2f} dB." if level is not None else ""
    return " ".join(f"{text} {facts['problem']}".split())


def _drawn_score(facts: Mapping[str, Any]) -> str:
    """Return the name of the score that is drawn: the chosen one, or the first."""
    names = [name for run in facts["runs"] for name in run["scores"]]
    return facts["score"] if facts["score"] in names else next(iter(names), "")


@styled
def _drawing(facts: Mapping[str, Any]) -> Figure:
    """Draw charts in one row, the detail below."""
    from matplotlib.figure import Figure

    score, details = _drawn_score(facts), _details(facts)
    figure = Figure()
    heights = [3.3, 3.0] if details else [3.3]
    figure.set_figheight(sum(heights))
    rows = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    charts = rows[0].subgridspec(1, 2 if score else 1)
    loss = figure.add_subplot(charts[0])
    _draw_loss(loss, facts)
    if score:
        _draw_score(figure.add_subplot(charts[1]), facts, score)
    lines, names = loss.get_legend_handles_labels()
    if len(names) > 1:
        columns = min(3, len(names))
        figure.legend(lines, names, loc="outside upper center", ncols=columns)
    strip = rows[-1].subgridspec(1, max(1, len(details)))
    for i, (title, png) in enumerate(details.items()):
        axes = figure.add_subplot(strip[i])
        axes.imshow(decoded(png), cmap="gray", vmin=0, vmax=255)
        axes.set(xticks=[], yticks=[], title=title)
    return figure


def _details(facts: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the detail as bicubic, as the last training renders it, and the truth."""
    made = [
        (run["name"], frame)
        for run, frame in zip(facts["runs"], facts["frames"], strict=True)
        if frame
    ]
    if not made:
        return {}
    name, frame = made[-1]
    title = "network" if len(facts["runs"]) == 1 else name
    return {"bicubic": facts["bicubic"], title: frame, "original": facts["reference"]}


def _draw_loss(axes: Axes, facts: Mapping[str, Any]) -> None:
    """Draw the losses on a logarithmic axis."""
    for i, (run, curves) in enumerate(zip(facts["runs"], facts["past"], strict=True)):
        if curves:
            steps, values = (np.array(curves[n], float) for n in ("step", "loss"))
            draw_curve(axes, (steps, values), i, ms=4, label=run["name"])
            _draw_band(axes, steps, curves, "loss")
    axes.set(xlabel="step", ylabel="loss")
    if any(np.nanmax(line.get_ydata(), initial=0) > 0 for line in axes.lines):
        axes.set_yscale("log")


def _draw_score(axes: Axes, facts: Mapping[str, Any], score: str) -> None:
    """Draw the PSNR at each validation, and bicubic's."""
    for i, run in enumerate(facts["runs"]):
        values = np.array(run["scores"].get(score, []), float)  # NaN for None
        draw_curve(axes, (run["steps"][: len(values)], values), i, ms=4)
        _draw_band(axes, run["steps"], run["band"], score)
        if (level := run["baseline"].get(score)) is not None and i == 0:
            axes.axhline(level, color="#333333", linestyle=":", linewidth=1.5)
            note = f"dotted: bicubic {level:.2f} dB"
            axes.set_title(note, loc="right", fontsize=9.5)
    axes.set(xlabel="step", ylabel=f"{_spoken(score)} (dB)")


def _draw_band(axes: Axes, steps: Any, band: Mapping[str, Any], name: str) -> None:
    """Draw from the lowest to the highest reading behind each point of a curve."""
    if "low" in band and name in band["low"]:
        low, high = (np.array(band[part][name], float) for part in ("low", "high"))
        axes.fill_between(steps, low, high, color=axes.lines[-1].get_color(), alpha=0.2)


def _spoken(score: str) -> str:
    """Return a score's name as it is written: ``psnr_x2`` is "PSNR, x2"."""
    return score.replace("psnr", "PSNR").replace("_x", ", x")


def _ends(values: list[float | None]) -> tuple[float, float] | None:
    """Return the first and the last number of a curve."""
    known = [value for value in values if value is not None]
    return (known[0], known[-1]) if known else None


def _duration(seconds: float) -> str:
    """Return a time in words."""
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    return (
        f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole / 3600:.1f} h"
    )
