"""Networks at any scale: their gain over bicubic, their dose, and their pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from vdsr_lib.evaluation import evaluate, means
from vdsr_lib.experiments.material import middle
from vdsr_lib.images import crop_to_multiple, degrade, to_luma, to_uint8
from vdsr_lib.inference import placed, super_resolve

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from torch import nn

    Networks = Mapping[str, nn.Module]
    Images = Mapping[str, NDArray[np.uint8]]

__all__ = ["dose_by_scale", "gain_by_scale", "pictures_by_scale", "printed_gains"]


def gain_by_scale(
    models: Networks,
    images: Images,
    scales: Iterable[float],
    *,
    crop: int | None = None,
    device: str | torch.device = "auto",
) -> pd.DataFrame:
    """Measure how much better than bicubic networks are, scale by scale.

    Parameters
    ----------
    models : mapping of str to torch.nn.Module
        Name -> network, (B, 1, H, W) ILR to the same.
    images : mapping of str to array
        uint8 in [0, 255], colour or grey.
    scales : iterable of float
        Each in [1.1, 8], whole or not.
    crop : int, optional
        Side, in pixels, of the middle of each picture that is measured; all of it if
        not given.
    device : str or torch.device
        Where the networks run.

    Returns
    -------
    pandas.DataFrame
        A row for each scale, in rising order, a column for each network: its mean
        PSNR minus that of bicubic, in dB.

    Raises
    ------
    ValueError
        If there is no network, or as `evaluate` does.
    """
    import pandas as pd

    factors, shown = list(scales), _shown(models, images, crop)
    bicubic = means(evaluate("bicubic", shown, factors)).psnr
    gains = {
        name: means(evaluate(model, shown, factors, device=device)).psnr - bicubic
        for name, model in models.items()
    }
    return pd.DataFrame(gains)


def dose_by_scale(
    models: Networks,
    images: Images,
    scales: Iterable[float],
    *,
    crop: int | None = None,
    device: str | torch.device = "auto",
) -> pd.DataFrame:
    """Measure by what a network's residual would have to be multiplied to be right.

    The factor is the regression of the true residual r on the predicted one f over all
    pixels, <r, f> / <f, f>: of all multiples of f it makes the squared error least.

    Parameters
    ----------
    models, images, scales, crop, device
        As for `gain_by_scale`.

    Returns
    -------
    pandas.DataFrame
        A row for each scale, in rising order, a column for each network. Below 1 it
        sharpens too much, above 1 too little; NaN where it changes nothing.

    Raises
    ------
    ValueError
        If there is no network or no picture, or a scale is wrong.
    """
    import pandas as pd

    shown = _shown(models, images, crop)
    if not shown:
        raise ValueError("there is no picture to measure: give at least one")
    networks = {name: placed(model, device) for name, model in models.items()}
    rows: dict[float, dict[str, float]] = {}
    for scale in sorted(scales):
        products = dict.fromkeys(networks, np.zeros(2))
        for image in shown.values():
            hr = crop_to_multiple(to_luma(image), scale)  # (H, W)
            ilr = degrade(hr, scale)  # (H, W)
            for name, network in networks.items():
                products[name] = products[name] + _products(network, ilr, hr / 255)
        rows[scale] = {
            name: float(both / own) if own else float("nan")
            for name, (both, own) in products.items()
        }
    return pd.DataFrame(rows).T.rename_axis("scale")


def pictures_by_scale(
    models: Networks,
    image: NDArray[np.uint8],
    scales: Iterable[float],
    *,
    side: int = 120,
) -> dict[str, NDArray[np.uint8] | list[NDArray[np.uint8]]]:
    """Enlarge one detail from smaller and smaller pictures of it.

    Parameters
    ----------
    models : mapping of str to torch.nn.Module
        Name -> network.
    image : (H, W, 3) or (H, W) array of uint8
        The original.
    scales : iterable of float
        Each in [1.1, 8]. Whole ones must divide `side`.
    side : int, default 120
        Of the square in the middle of the picture, in pixels.

    Returns
    -------
    dict
        As `widgets.compare` takes it: ``"original"`` is the (side, side) 8-bit luma,
        ``"bicubic"`` and each network's name a list of such pictures, one a scale. What
        a network gives as NaN is black.

    Raises
    ------
    ValueError
        If the picture is smaller than the square, a whole scale does not divide it, or
        a network is called "original" or "bicubic".
    """
    if taken := {"original", "bicubic"} & set(models):
        raise ValueError(f"a network may not be called {taken.pop()!r}: rename it")
    hr = middle(to_luma(image), side)  # (side, side)
    if hr.shape != (side, side):
        raise ValueError(
            f"the picture has {hr.shape[0]} x {hr.shape[1]} pixels: give a larger one, "
            f"or a side below {side}"
        )
    series: dict[str, list[NDArray[np.uint8]]] = {
        "bicubic": [],
        **{m: [] for m in models},
    }
    for scale in scales:
        if crop_to_multiple(hr, scale).shape != hr.shape:
            raise ValueError(f"scale {scale:g} does not divide side={side}")
        ilr = degrade(hr, scale)  # (side, side)
        series["bicubic"].append(to_uint8(ilr))
        for name, model in models.items():
            luma = np.nan_to_num(_restored(model, ilr))  # (side, side)
            series[name].append(to_uint8(luma.clip(0, 1)))
    return {"original": hr, **series}


def printed_gains() -> pd.DataFrame:
    """Return Table 2 of the paper as gains over bicubic, on Set5 at depth 20.

    Returns
    -------
    pandas.DataFrame
        A row for each test scale, 2, 3 and 4; a column for each training set, named as
        the runs of the experiment are, ``"x2, x3"``, in the order of the paper; in dB.
    """
    from vdsr_lib import paper

    table = paper.table("table2")
    order = table.training_scales.unique()
    wide = table.pivot(index="test_scale", columns="training_scales", values="psnr")
    gains = wide[order].sub(wide["bicubic"], axis=0).drop(columns="bicubic")
    names = {str(scales): "x" + str(scales).replace("+", ", x") for scales in gains}
    named = gains.rename(columns=names)
    return named.rename_axis(index="tested at", columns="trained on")


def _shown(models: Networks, images: Images, crop: int | None) -> Images:
    """Return the middles of the pictures, if there is a network to show them to."""
    if not models:
        raise ValueError("there is no network to measure: give at least one")
    return {name: middle(image, crop) for name, image in images.items()}


def _restored(model: nn.Module, ilr: NDArray[np.float64]) -> NDArray[np.float64]:
    """Send one luma picture, (H, W), through a network."""
    batch = torch.from_numpy(ilr)[None, None].float()  # (1, 1, H, W)
    output: NDArray[np.float64] = super_resolve(model, batch)[0, 0].double().numpy()
    return output  # (H, W)


def _products(
    model: nn.Module, ilr: NDArray[np.float64], hr: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return <r, f> and <f, f> of a picture's true and predicted residual."""
    # The network saw float32: what it did not change must give exactly 0.
    predicted = _restored(model, ilr) - ilr.astype(np.float32)  # (H, W)
    pairs = ((hr - ilr) * predicted).sum(), np.square(predicted).sum()
    return np.array(pairs)
