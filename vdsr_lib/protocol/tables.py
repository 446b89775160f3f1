"""Bicubic interpolation of whole sets: scores, costs of mistakes, the paper's row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from vdsr_lib.metrics import psnr, ssim
from vdsr_lib.paper import table
from vdsr_lib.protocol.measuring import bicubic_pair, bicubic_psnr
from vdsr_lib.protocol.switches import MISTAKES, PAPER, Mistake, Protocol

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["beside_table3", "bicubic_scores", "costs", "published_costs"]


def bicubic_scores(
    images: Mapping[str, Array],
    scales: Iterable[int] = (2, 3, 4),
    protocol: Protocol = PAPER,
) -> pd.DataFrame:
    """Measure bicubic interpolation on a set of pictures.

    Parameters
    ----------
    images : mapping of str to uint8 array
        Name -> picture, (H, W, 3) or (H, W).
    scales : iterable of int
        Each in 2 to 8.
    protocol : Protocol
        By default the paper's.

    Returns
    -------
    pandas.DataFrame
        Columns ``image``, ``scale``, ``psnr`` (dB), ``ssim``; a row for each picture
        at each scale.

    Raises
    ------
    ValueError
        As `bicubic_pair`, and if there is no picture.
    """
    import pandas as pd

    if not images:
        raise ValueError("there is no picture to measure: give at least one")
    rows = []
    for scale in scales:
        for name, image in images.items():
            pair = bicubic_pair(image, scale, protocol)
            decibels = psnr(*pair, data_range=255)
            likeness = ssim(*pair, data_range=255)
            rows.append((name, scale, decibels, likeness))
    return pd.DataFrame(rows, columns=["image", "scale", "psnr", "ssim"])


def costs(
    images: Mapping[str, Array],
    scales: Iterable[int] = (2, 3, 4),
    *,
    mistakes: Mapping[str, Mistake] | None = None,
) -> pd.DataFrame:
    """Measure what each deviation from the paper's protocol changes.

    Parameters
    ----------
    images, scales
        As for `bicubic_scores`.
    mistakes : mapping of str to Mistake
        By default all of `MISTAKES`.

    Returns
    -------
    pandas.DataFrame
        A row for each mistake, a column for each scale: bicubic's mean PSNR under
        the mistake minus that under the paper's protocol, in dB. Negative: the
        mistake makes the same pictures look worse.

    Raises
    ------
    ValueError
        As `bicubic_scores`.
    """
    if not images:
        raise ValueError("there is no picture to measure: give at least one")
    scales = list(scales)

    def mean(scale: int, protocol: Protocol) -> float:
        each = [bicubic_psnr(image, scale, protocol) for image in images.values()]
        return float(np.mean(each))

    right = {scale: mean(scale, PAPER) for scale in scales}
    chosen = MISTAKES if mistakes is None else mistakes
    changes = {
        name: [mean(scale, mistake.protocol) - right[scale] for scale in scales]
        for name, mistake in chosen.items()
    }
    return _cost_table(changes, scales)


def published_costs() -> pd.DataFrame:
    """Return what the mistakes change on Set5, as an independent evaluator found.

    Returns
    -------
    pandas.DataFrame
        As that of `costs`: dB, a row for each of `MISTAKES`, columns 2, 3, 4.
    """
    changes = {name: list(mistake.set5.values()) for name, mistake in MISTAKES.items()}
    return _cost_table(changes, [2, 3, 4])


def beside_table3(
    sets: Mapping[str, Mapping[str, Array]], scales: Iterable[int] = (2, 3, 4)
) -> pd.DataFrame:
    """Measure bicubic interpolation and put it beside the paper's Table 3.

    Parameters
    ----------
    sets : mapping of str to (mapping of str to uint8 array)
        Name of a data set as the paper writes it ("Set5", "Set14", "B100",
        "Urban100") -> its pictures by name.
    scales : iterable of int
        Of 2, 3, 4.

    Returns
    -------
    pandas.DataFrame
        A row for each ``dataset`` and ``scale`` (the index), with ``psnr`` and
        ``psnr_printed`` in dB, ``ssim`` and ``ssim_printed``. Without sets it has no
        row. NaN where the paper printed nothing.

    Raises
    ------
    ValueError
        As `bicubic_scores`.
    """
    import pandas as pd

    bicubic = table("table3").query("method == 'Bicubic'")
    printed = bicubic.set_index(["dataset", "scale"])[["psnr", "ssim"]]
    scales = list(scales)
    means = {
        name: bicubic_scores(images, scales).groupby("scale")[["psnr", "ssim"]].mean()
        for name, images in sets.items()
    }
    ours = pd.concat(means, names=["dataset", "scale"]) if means else printed.iloc[:0]
    named = {"psnr": "psnr_printed", "ssim": "ssim_printed"}
    beside = ours.join(printed.rename(columns=named))
    return beside[["psnr", "psnr_printed", "ssim", "ssim_printed"]]


def _cost_table(changes: dict[str, list[float]], scales: list[int]) -> pd.DataFrame:
    """Return changes by mistake and scale as a table with named axes."""
    import pandas as pd

    plain = pd.DataFrame.from_dict(changes, orient="index", columns=scales)
    return plain.rename_axis(index="mistake", columns="scale")
