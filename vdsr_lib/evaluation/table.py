"""A table of PSNR and SSIM: picture by picture, averaged, and beside the paper's."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from vdsr_lib import paper
from vdsr_lib._bars import progress_bar
from vdsr_lib.evaluation._stages import Images, factors, named, naming, pair
from vdsr_lib.images import to_luma, to_uint8
from vdsr_lib.inference import super_resolve
from vdsr_lib.metrics import psnr, ssim
from vdsr_lib.weights import networks_on

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["beside_paper", "evaluate", "means"]


def evaluate(
    model: nn.Module | str,
    images: Images,
    scales: Iterable[float] = (2, 3, 4),
    *,
    device: str | torch.device = "auto",
    tile: int | None = None,
    precision: str = "auto",
    progress: bool = False,
) -> pd.DataFrame:
    """Measure a network, or bicubic interpolation, picture by picture.

    Parameters
    ----------
    model : torch.nn.Module or str
        A network from luma to luma, (B, 1, H, W) to the same; or "bicubic"; or what
        `load_model` takes. A network that lies on another device is copied.
    images : mapping of str to array, or sequence of arrays
        uint8 in [0, 255], colour (H, W, 3) or grey (H, W), as `load_images` gives.
    scales : iterable of float
        Each in [1.1, 8].
    device : str or torch.device
        As for `devices.resolve_device`.
    tile, precision : optional
        As for `inference.super_resolve`. "auto" moves a mean by 0.005 dB at most.
    progress : bool
        Show a progress bar.

    Returns
    -------
    pandas.DataFrame
        A row for each picture and scale: ``image``, ``scale``, ``psnr`` (dB, peak
        255), ``ssim``, and ``seconds``: what the network took from ILR to luma, or
        for bicubic the way down and up. `means` gives the paper's averages. A network
        that gives NaN gets NaN.

    Raises
    ------
    ValueError
        If there is no picture, a picture is smaller than the 11 pixels of an SSIM
        window and the shaved border, or a scale or the device is wrong.
    TypeError
        If a picture is not uint8, `images` is one picture, `scales` a number, or
        `images` or `model` of another kind.
    WeightsError
        If `model` names no weights.

    Notes
    -----
    Kim et al. 2016, section 5.3, as the authors' code does it. Fractional scales
    shave ``ceil(scale)`` pixels.
    """
    import pandas as pd

    pictures, wanted = named(images), factors(scales)
    networks = networks_on(model, wanted, device)
    rows: list[dict[str, Any]] = []
    for name, image in progress_bar(
        pictures.items(), disable=not progress, unit="picture"
    ):
        for scale in wanted:
            with naming(name, scale):
                scores = _measured(
                    networks[scale], image, scale, tile=tile, precision=precision
                )
            rows.append({"image": name, "scale": scale, **scores})
    return pd.DataFrame(rows)


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Average `evaluate`'s table over the pictures, as the paper's tables do.

    Parameters
    ----------
    table : pandas.DataFrame
        What `evaluate` returned.

    Returns
    -------
    pandas.DataFrame
        A row for each scale (the index): ``psnr``, ``ssim``, ``seconds``. A mean over
        a picture whose score is NaN is NaN.
    """
    columns = table[["psnr", "ssim", "seconds"]]
    lost = columns.isna().groupby(table.scale).any()
    return columns.groupby(table.scale).mean().mask(lost)  # pandas leaves NaN out


def beside_paper(
    table: pd.DataFrame,
    dataset: str,
    methods: Sequence[str] = ("Bicubic", "SRCNN", "VDSR"),
) -> pd.DataFrame:
    """Lay our averages beside the rows that the paper prints for a data set.

    Parameters
    ----------
    table : pandas.DataFrame
        What `evaluate` returned.
    dataset : str
        The data set's name here ("set5", "b100", ...) or in the paper ("Set5").
    methods : sequence of str
        Columns of Table 3 to show.

    Returns
    -------
    pandas.DataFrame
        A row for each scale (the index); the columns ``here``, and one for each
        method where the paper has this set and scale, hold "PSNR/SSIM" as printed:
        two and four decimals.

    Raises
    ------
    ValueError
        If Table 3 has no such method.
    """
    here = means(table)
    columns = {"here": [f"{row.psnr:.2f}/{row.ssim:.4f}" for row in here.itertuples()]}
    printed = paper.table("table3")
    for method in methods:
        if method not in (known := printed.method.unique().tolist()):
            raise ValueError(
                f"methods must be among {', '.join(known)}; got {method!r}"
            )
    printed = printed[printed.dataset.str.lower() == dataset.lower()]
    for method in methods if len(printed) else ():
        rows = printed[printed.method == method].set_index("scale")
        columns[method] = [
            f"{rows.psnr[scale]:.2f}/{rows.ssim[scale]:.4f}"
            if scale in rows.index
            else ""
            for scale in here.index
        ]
    return here[[]].assign(**columns)


def _measured(
    network: nn.Module | None, image: NDArray[Any], scale: float, **options: Any
) -> dict[str, float]:
    """Return both measures and the seconds of one picture: the whole protocol."""
    luma = to_luma(image)
    start = time.perf_counter()
    hr, ilr = pair(luma, scale)
    estimate: NDArray[Any] = ilr
    if network is not None:
        start = time.perf_counter()
        estimate = _through(network, ilr, **options)
    seconds = time.perf_counter() - start
    return {**_scores(hr, estimate, math.ceil(scale)), "seconds": seconds}


def _through(
    network: nn.Module, ilr: NDArray[np.float64], **options: Any
) -> NDArray[np.float32]:
    """Send one (H, W) picture through a network."""
    batch = torch.from_numpy(ilr)[None, None].float()  # (1, 1, H, W)
    luma = super_resolve(network, batch, **options)[0, 0]
    return np.asarray(luma.numpy())


def _scores(hr: NDArray[np.uint8], luma: NDArray[Any], border: int) -> dict[str, float]:
    """Return both measures of an estimate in [0, 1]: steps 6 to 8 of the protocol."""
    if not np.isfinite(luma).all():
        return {"psnr": math.nan, "ssim": math.nan}
    estimate = to_uint8(luma.clip(0, 1))
    return {
        "psnr": psnr(hr, estimate, border=border),
        "ssim": ssim(hr, estimate, border=border),
    }
