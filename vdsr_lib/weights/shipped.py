"""The weights that ship with the project, by name."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vdsr_lib._files import data_file, from_home
from vdsr_lib.devices import resolve_device
from vdsr_lib.errors import WeightsError, did_you_mean
from vdsr_lib.inference import placed
from vdsr_lib.models import SRCNN, VDSR, build
from vdsr_lib.weights.families import FAMILIES, best_of, short_names
from vdsr_lib.weights.loading import load_file, read_file_card

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "available_models",
    "load_model",
    "network_on",
    "networks_on",
    "read_card",
    "weights_file",
]


def load_model(
    name_or_path: str | os.PathLike[str],
    device: str | torch.device = "cpu",
    *,
    scale: float | None = None,
) -> VDSR | SRCNN:
    """Make a trained network from shipped weights or from a file.

    Parameters
    ----------
    name_or_path : str or path-like
        The name of shipped weights (`available_models` lists them), or the path of a
        file that `save_model` wrote. "vdsr" and "srcnn" mean the best of theirs, by
        the validation pictures.
    device : str or torch.device
        Where the network goes: "cpu", "cuda", "auto", ...
    scale : float, optional
        For "srcnn", which is another network for each scale.

    Returns
    -------
    VDSR or SRCNN
        In float32, in evaluation mode.

    Raises
    ------
    WeightsError
        If the name is unknown (the text lists the known ones), or the file is absent,
        foreign, damaged, or does not fit its own card. No code in it is ever run.
    ValueError
        If there is no such device, or the scale is not above 0.
    """
    return load_file(weights_file(name_or_path, scale=scale), device)


def network_on(
    model: nn.Module | str | os.PathLike[str],
    device: str | torch.device = "auto",
    *,
    scale: float | None = None,
) -> nn.Module | None:
    """Return the network that an argument `model` means, on a device.

    Parameters
    ----------
    model : torch.nn.Module, str or path-like
        A network, which is copied if it lies on another device; or "bicubic"; or what
        `load_model` takes.
    device : str or torch.device
        As for `devices.resolve_device`.
    scale : float, optional
        At which it is to be used, for "srcnn".

    Returns
    -------
    torch.nn.Module or None
        None for "bicubic", which needs no network.

    Raises
    ------
    WeightsError
        As for `load_model`.
    ValueError
        If there is no such device, also for "bicubic".
    TypeError
        If `model` is none of these, such as a class or a state_dict.
    """
    where = resolve_device(device)
    if isinstance(model, str) and model == "bicubic":
        return None
    if not isinstance(model, nn.Module):
        if not isinstance(model, (str, os.PathLike)):
            raise TypeError(
                "model must be a network, or the name or file of weights, got "
                f"{type(model).__name__}"
            )
        model = load_model(model, scale=scale)
    return placed(model, where)


def networks_on(
    model: nn.Module | str | os.PathLike[str],
    scales: Iterable[float],
    device: str | torch.device = "auto",
) -> dict[float, nn.Module | None]:
    """Return the network that an argument `model` means at each of some scales.

    Parameters
    ----------
    model, device
        As for `network_on`.
    scales : iterable of float
        At which it is to be used.

    Returns
    -------
    dict of float to (torch.nn.Module or None)
        The same one at each scale, unless `model` is a name that means several.

    Raises
    ------
    WeightsError, ValueError, TypeError
        As for `network_on`.
    """
    scales = list(scales)
    if isinstance(model, str) and model in FAMILIES:
        files = {scale: weights_file(model, scale=scale) for scale in scales}
        networks = {file: network_on(file, device) for file in set(files.values())}
        return {scale: networks[file] for scale, file in files.items()}
    return dict.fromkeys(scales, network_on(model, device))


def read_card(
    name_or_path: str | os.PathLike[str], *, scale: float | None = None
) -> dict[str, Any]:
    """Return the model card of shipped weights or of a file.

    Parameters
    ----------
    name_or_path : str or path-like
        As for `load_model`.
    scale : float, optional
        As for `load_model`.

    Returns
    -------
    dict
        ``architecture``, and what was given when the weights were saved. Those that
        ship have ``data``, ``recipe``, ``scores`` (dB), ``ssim``, ``validation``,
        ``steps``, ``seconds``, ``machine``, ``commit``, and the ``command`` that makes
        them again.

    Raises
    ------
    WeightsError
        As for `load_model`.
    """
    return read_file_card(weights_file(name_or_path, scale=scale))


def weights_file(
    name_or_path: str | os.PathLike[str], *, scale: float | None = None
) -> Path:
    """Return the file that a name or path means.

    Parameters
    ----------
    name_or_path : str or path-like
        As for `load_model`.
    scale : float, optional
        As for `load_model`.

    Returns
    -------
    pathlib.Path
        A path is returned as it is, whether or not there is a file.

    Raises
    ------
    WeightsError
        If no weights have the name.
    ValueError
        If the scale is not above 0.
    """
    if scale is not None and not 0 < scale < math.inf:
        raise ValueError(f"scale must be a number above 0, got {scale}")
    path = from_home(name_or_path, WeightsError)
    is_name = isinstance(name_or_path, str) and name_or_path == path.name == path.stem
    if not is_name or not path.name:
        return path
    shipped = data_file("weights", f"{path.name}.safetensors")
    if shipped.is_file():
        return shipped
    best = best_of(path.name, _shipped_files(), scale)
    if best is not None:
        return best
    if path.is_file():
        return path
    raise WeightsError(_unknown(path.name))


def available_models() -> pd.DataFrame:
    """List the weights that ship with the project.

    Returns
    -------
    pandas.DataFrame
        One row a file, sorted by name: ``name`` (what `load_model` takes), ``short``
        (the short name that means it too, or empty), ``network``, ``parameters``,
        ``data``, ``scores`` (text, "Set5 x2 37.53, ..."). No row where nothing is
        shipped.

    Raises
    ------
    WeightsError
        If a shipped file is damaged.
    """
    import pandas as pd

    columns = ["name", "short", "network", "parameters", "data", "scores"]
    short = short_names(_shipped_files())
    rows = [_describe(p) | {"short": short.get(p, "")} for p in _shipped_files()]
    return pd.DataFrame(rows, columns=columns)


def _shipped_files() -> list[Path]:
    return sorted(data_file("weights").glob("*.safetensors"))


def _unknown(name: str) -> str:
    """Return the sentence for a name that no shipped weights have."""
    if name == "bicubic":
        return "bicubic is no network: give model='bicubic' to upscale or evaluate"
    files = _shipped_files()
    names = ["bicubic", *(path.stem for path in files), *short_names(files).values()]
    listed = "; ".join(map(_one_line, files)) or "none yet"
    return (
        f"no weights are named {name!r}{did_you_mean(name, names)}. Shipped: {listed}. "
        "The path of a .safetensors file works too, and model='bicubic' needs no "
        "weights"
    )


def _one_line(path: Path) -> str:
    """Return a name with the scores on the first set of its card, Set5 as a rule."""
    row, scores = _describe(path), read_file_card(path).get("scores", {})
    first = ", ".join(_flat(dict(list(scores.items())[:1])))
    return f"{row['name']} ({first or row['network']})"


def _describe(path: Path) -> dict[str, Any]:
    card = read_file_card(path)
    with torch.device("meta"):  # shapes without memory
        network = build(card["architecture"])
    return {
        "name": path.stem,
        "network": str(network).partition("  #")[0],
        "parameters": network.parameter_count,
        "data": str(card.get("data", "")),
        "scores": ", ".join(_flat(card.get("scores", {}))),
    }


def _flat(scores: Any, prefix: str = "") -> list[str]:
    """Write scores, nested or not, as "Set5 x2 37.53"."""
    if isinstance(scores, Mapping):
        return [
            text
            for key, value in scores.items()
            for text in _flat(value, f"{prefix}{key} ")
        ]
    return [
        f"{prefix}{scores:.2f}" if isinstance(scores, float) else f"{prefix}{scores}"
    ]
