"""PSNR and SSIM of a network under the paper's protocol, to the printed digit.

Luma in 8 bits, cropped to a multiple of the scale; down and up with MATLAB's
``imresize``; clamped; through the network; rounded to 8 bits; `scale` pixels shaved
from each side; compared. `vdsr_lib.protocol` shows what each deviation costs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import nn

from vdsr_lib import paper
from vdsr_lib.devices import resolve_device
from vdsr_lib.images import check_scale, crop_to_multiple, degrade, to_luma, to_uint8
from vdsr_lib.inference import super_resolve
from vdsr_lib.metrics import psnr, ssim
from vdsr_lib.weights import networks_on

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Luma: TypeAlias = NDArray[np.uint8]

__all__ = ["Validator", "beside_paper", "evaluate", "means", "validator"]

Images: TypeAlias = "Mapping[str, NDArray[np.uint8]] | Sequence[NDArray[np.uint8]]"


def evaluate(
    model: nn.Module | str,
    images: Images,
    scales: Iterable[float] = (2, 3, 4),
    *,
    device: str | torch.device = "auto",
    tile: int | None = None,
    precision: str = "float32",
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
        As for `inference.super_resolve`; float32 by default.
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
        If a picture is not uint8.
    WeightsError
        If `model` names no weights.

    Notes
    -----
    Kim et al. 2016, section 5.1, as the authors' code does it. Fractional scales
    shave ``ceil(scale)`` pixels.
    """
    import pandas as pd
    from tqdm.auto import tqdm

    named, factors = _named(images), _factors(scales)
    networks = networks_on(model, factors, device)
    rows: list[dict[str, Any]] = []
    for name, image in tqdm(named.items(), disable=not progress, unit="picture"):
        for scale in factors:
            with _naming(name, scale):
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
        A row for each scale (the index): ``psnr``, ``ssim``, ``seconds``.
    """
    return table.groupby("scale", sort=True)[["psnr", "ssim", "seconds"]].mean()


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
    """
    here = means(table)
    columns = {"here": [f"{row.psnr:.2f}/{row.ssim:.4f}" for row in here.itertuples()]}
    printed = paper.table("table3")
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


def validator(
    images: Images,
    scales: Iterable[float] = (2, 3, 4),
    device: str | torch.device = "auto",
) -> Validator:
    """Prepare pictures for measuring a network again and again, as in training.

    Parameters
    ----------
    images : mapping of str to array, or sequence of arrays
        As for `evaluate`.
    scales : iterable of float
        Each in [1.1, 8].
    device : str or torch.device
        Where the pictures wait: best where the network is.

    Returns
    -------
    Validator
        Call it with a network.

    Raises
    ------
    ValueError, TypeError
        As `evaluate`.
    """
    where = resolve_device(device)
    named, factors = _named(images), _factors(scales)
    pictures: dict[str, tuple[_Prepared, ...]] = {}
    baseline: dict[str, float] = {}
    for scale in factors:
        pairs = [_pair(to_luma(image), scale) for image in named.values()]
        border = math.ceil(scale)
        key = f"psnr_x{scale:g}"
        pictures[key] = tuple(
            _Prepared(
                torch.from_numpy(_shaved(hr, border).copy()).to(where),
                torch.from_numpy(ilr)[None, None].to(where, torch.float32),
                border,
            )
            for hr, ilr in pairs
        )
        bicubic = [psnr(hr, to_uint8(ilr), border=border) for hr, ilr in pairs]
        baseline[key] = float(np.mean(bicubic))
    return Validator(pictures, baseline)


@dataclass(frozen=True)
class _Prepared:
    """A picture ready for a network: the truth without its border, and the ILR."""

    hr: torch.Tensor  # (h, w), uint8
    ilr: torch.Tensor  # (1, 1, H, W), float32
    border: int


@dataclass(frozen=True, repr=False)
class Validator:
    """Mean PSNR of a network on prepared pictures; made by `validator`.

    Parameters
    ----------
    pictures : dict
        The prepared pictures of each key.
    baseline : dict of str to float
        Bicubic's own PSNR under the same keys, in dB: below it a network is worse
        than no network.
    """

    pictures: dict[str, tuple[_Prepared, ...]]
    baseline: dict[str, float]

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """Return the mean PSNR for each scale, in dB, as `evaluate` would.

        Parameters
        ----------
        model : torch.nn.Module
            Runs in float32 and evaluation mode where its parameters are, and is left
            as it was.

        Returns
        -------
        dict of str to float
            ``{"psnr_x2": 36.1, ...}``; NaN for a network that gives NaN.
        """
        return {
            key: float(np.mean([_prepared_psnr(model, each) for each in prepared]))
            for key, prepared in self.pictures.items()
        }

    def __repr__(self) -> str:
        count = len(next(iter(self.pictures.values())))
        bicubic = ", ".join(
            f"{key} {value:.2f}" for key, value in self.baseline.items()
        )
        return f"Validator({count} pictures)  # bicubic: {bicubic} dB"


def _prepared_psnr(model: nn.Module, prepared: _Prepared) -> float:
    luma = super_resolve(model, prepared.ilr)[0, 0]  # (H, W)
    if not bool(luma.isfinite().all()):
        return math.nan
    estimate = _shaved(to_uint8(luma.clamp(0, 1)), prepared.border)
    difference = estimate.int() - prepared.hr.int()
    squared = float(difference.square().sum(dtype=torch.int64)) / difference.numel()
    return 10 * math.log10(255**2 / squared) if squared else math.inf


def _shaved(picture: Any, border: int) -> Any:
    """Leave out `border` pixels at each side of an (H, W) picture."""
    height, width = picture.shape
    return picture[border : height - border, border : width - border]


@contextmanager
def _naming(name: str, scale: float) -> Iterator[None]:
    """Put the picture's name before what is wrong with it."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"picture {name!r} at scale {scale:g}: {error}") from error


def _measured(
    network: nn.Module | None, image: NDArray[Any], scale: float, **options: Any
) -> dict[str, float]:
    """Return both measures and the seconds of one picture: the whole protocol."""
    luma = to_luma(image)
    start = time.perf_counter()
    hr, ilr = _pair(luma, scale)
    estimate: NDArray[Any] = ilr
    if network is not None:
        start = time.perf_counter()
        estimate = _through(network, ilr, **options)
    seconds = time.perf_counter() - start
    return {**_scores(hr, estimate, math.ceil(scale)), "seconds": seconds}


def _pair(luma: Luma, scale: float) -> tuple[Luma, NDArray[np.float64]]:
    """Return the truth and its ILR: steps 2 to 4 of the protocol."""
    hr = crop_to_multiple(luma, scale)
    return hr, degrade(hr, scale)


def _through(
    network: nn.Module, ilr: NDArray[np.float64], **options: Any
) -> NDArray[np.float32]:
    """Send one (H, W) picture through a network."""
    batch = torch.from_numpy(ilr)[None, None].float()  # (1, 1, H, W)
    luma = super_resolve(network, batch, **options)[0, 0]
    return np.asarray(luma.numpy())


def _scores(hr: Luma, luma: NDArray[Any], border: int) -> dict[str, float]:
    """Return both measures of an estimate in [0, 1]: steps 6 to 8 of the protocol."""
    if not np.isfinite(luma).all():
        return {"psnr": math.nan, "ssim": math.nan}
    estimate = to_uint8(luma.clip(0, 1))
    return {
        "psnr": psnr(hr, estimate, border=border),
        "ssim": ssim(hr, estimate, border=border),
    }


def _named(images: Images) -> dict[str, NDArray[np.uint8]]:
    """Return the pictures by name; numbers where there are no names."""
    if not isinstance(images, Mapping):
        images = {str(number): image for number, image in enumerate(images)}
    if not images:
        raise ValueError("there is no picture to evaluate on: images is empty")
    return dict(images)


def _factors(scales: Iterable[float]) -> list[float]:
    """Return the checked scales; whole ones as integers, to be printed so."""
    factors = [check_scale(scale) for scale in scales]
    if not factors:
        raise ValueError("there is no scale to evaluate at: scales is empty")
    return [int(factor) if factor.is_integer() else factor for factor in factors]
