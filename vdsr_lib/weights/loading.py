"""Reading a weights file without trust: checked first, and never executed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors
import torch

from vdsr_lib.devices import resolve_device
from vdsr_lib.errors import WeightsError
from vdsr_lib.models import SRCNN, VDSR, build
from vdsr_lib.weights.saving import (
    CARD_FORMAT,
    METADATA_KEY,
    STORED_TYPES,
    check_finite,
    checksum,
)

__all__ = ["explain_foreign_file", "load_file", "read_file_card"]

_PICKLE = "holds a Python pickle, which can run any code when it is loaded"
_FOREIGN = (
    (b"PK\x03\x04", f"is a zip archive such as torch.save writes: it {_PICKLE}"),
    (b"\x80", _PICKLE),
    (b"\x89HDF", "is an HDF5 file"),
    (b"MATLAB", "is a MATLAB file: read it with import_matconvnet or import_srcnn"),
    (b"\x93NUMPY", "is a NumPy array"),
)
# Bytes 4 to 8 of a safetensors file: its header's length ends, and its header begins.
_SAFETENSORS = b"\0\0\0\0{"


def load_file(
    path: str | os.PathLike[str], device: str | torch.device = "cpu"
) -> VDSR | SRCNN:
    """Make the network again that a weights file holds.

    Parameters
    ----------
    path : path-like
        A file that `save_model` wrote.
    device : str or torch.device
        Where the network goes, as for `vdsr_lib.devices.resolve_device`.

    Returns
    -------
    VDSR or SRCNN
        In float32, in evaluation mode, ready to be trained further. No random number
        is drawn.

    Raises
    ------
    WeightsError
        If the file is absent, foreign, damaged, or does not hold the network that its
        card describes; nothing in it is ever executed.
    ValueError
        If there is no such device.
    """
    path, target = Path(path), resolve_device(device)
    with _opened(path) as file:
        card, saved_checksum = _read_card(file, path)
        model = _blank(card, len(file.keys()), path)
        _check_layout(file, model, path)
        tensors = {name: file.get_tensor(name) for name in model.state_dict()}
        if checksum(tensors) != saved_checksum:
            raise WeightsError(f"{path} is damaged: its weights are not those saved")
        check_finite(tensors, path, "refused")
        weights = {
            name: tensor.to(target, torch.float32, copy=True)
            for name, tensor in tensors.items()
        }
    model.load_state_dict(weights, assign=True)
    return model.eval()


def read_file_card(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the model card of a weights file without reading its weights.

    Parameters
    ----------
    path : path-like
        A file that `save_model` wrote.

    Returns
    -------
    dict
        ``architecture`` and whatever else was given to `save_model`.

    Raises
    ------
    WeightsError
        If the file is absent, foreign or damaged, or its card describes no network.
    """
    path = Path(path)
    with _opened(path) as file:
        card, _ = _read_card(file, path)
        _blank(card, len(file.keys()), path)
    return card


def explain_foreign_file(path: Path) -> str | None:
    """Say what a file is, judged by its first bytes, where it is nothing for us.

    Parameters
    ----------
    path : pathlib.Path
        A file that exists.

    Returns
    -------
    str or None
        The rest of a sentence that begins with the file's name; None if unknown, and
        for what begins as a safetensors file, whose first bytes may be a pickle's.
    """
    with path.open("rb") as stream:
        start = stream.read(16)
    if not start:
        return "is empty"
    if start[4:9] == _SAFETENSORS:
        return None
    return next((text for magic, text in _FOREIGN if start.startswith(magic)), None)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a safetensors file, or say in one sentence why that cannot be."""
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise WeightsError(f"{path} {problem}; a weights file is wanted here")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            yield file
    except safetensors.SafetensorError as error:
        unknown = f"is no safetensors file, or a truncated one ({error})"
        problem = explain_foreign_file(path) or unknown
        raise WeightsError(f"{path} {problem}; refused, nothing was run") from None
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error}") from error


def _read_card(file: Any, path: Path) -> tuple[dict[str, Any], object]:
    """Return the model card, checked for its form, and the checksum beside it."""
    text = (file.metadata() or {}).get(METADATA_KEY)
    if text is None:
        raise WeightsError(
            f"{path} has no model card: it was not written by save_model, so nobody "
            "knows which network it belongs to"
        )
    try:
        wrapped = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: its model card is not JSON: {error}") from None
    if not isinstance(wrapped, dict) or wrapped.get("format") != CARD_FORMAT:
        raise WeightsError(
            f"{path}: its model card has a format that this version does not know; "
            "a newer vdsr_lib may"
        )
    card = wrapped.get("card")
    if not isinstance(card, dict) or not isinstance(card.get("architecture"), dict):
        raise WeightsError(f"{path}: its model card names no architecture")
    return card, wrapped.get("sha256")


def _blank(card: dict[str, Any], tensors: int, path: Path) -> VDSR | SRCNN:
    """Build the card's network without weights, which costs no memory."""
    architecture = card["architecture"]
    declared = architecture.get("depth", architecture.get("kernels"))
    layers = len(declared) if isinstance(declared, list) else declared
    if isinstance(layers, int) and 2 * layers != tensors:  # before a depth of 10**9
        raise WeightsError(
            f"{path} holds {tensors} tensors, but its model card describes a network "
            f"of {layers} layers, which has {2 * layers}"
        )
    try:
        with torch.device("meta"):
            return build(architecture)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        cause = str(error).splitlines()[0]  # torch appends its own stack
        raise WeightsError(
            f"{path}: its model card describes no network of this library: {cause}"
        ) from None


def _check_layout(file: Any, model: VDSR | SRCNN, path: Path) -> None:
    """Compare names, shapes and types with the network's, before reading a weight."""
    wanted = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    name = str(model).partition("  #")[0]
    if strangers := sorted(set(file.keys()) ^ set(wanted)):
        raise WeightsError(
            f"{path} does not fit {name}: one of them lacks {', '.join(strangers)}"
        )
    for key, shape in wanted.items():
        stored = file.get_slice(key)
        found, kind = tuple(stored.get_shape()), stored.get_dtype()
        if found != shape:
            raise WeightsError(f"{path}: {key} has shape {found}, {name} needs {shape}")
        if kind not in STORED_TYPES.values():
            raise WeightsError(f"{path}: {key} is stored as {kind}, not as F32 or F16")
