"""Writing a weights file: tensors, model card and checksum, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from vdsr_lib._files import from_home, write_atomically
from vdsr_lib.errors import WeightsError
from vdsr_lib.models import SRCNN, VDSR, build

__all__ = ["save_model"]

METADATA_KEY = "model_card"  # one alone: safetensors writes several in random order
CARD_FORMAT = 1
_INSTEAD = "; save its state_dict(), as with safetensors.torch.save_file"
STORED_TYPES = {torch.float32: "F32", torch.float16: "F16"}


def save_model(
    model: nn.Module,
    path: str | os.PathLike[str],
    *,
    card: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Path:
    """Write a network's weights and its model card into one safetensors file.

    Parameters
    ----------
    model : VDSR or SRCNN
        On any device, in any memory layout.
    path : path-like
        Ends in ``.safetensors``. A file that was there is replaced in one step.
    card : mapping, optional
        Where the weights come from; anything that JSON can hold. Customary fields:
        ``recipe`` (how they were trained), ``data`` (the training pictures),
        ``scores`` (what `available_models` shows: ``{"Set5 x2": 37.53}``),
        ``commit``. The field ``architecture`` is filled in from `model`.
    dtype : torch.dtype
        How the weights are stored: ``torch.float32``, or ``torch.float16`` for half
        the size; they are float32 again once loaded.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    TypeError
        If `model` is not a network of this library but a subclass or another, or
        wrapped by torch.compile or DistributedDataParallel, or has other layers than
        its architecture says (exchanged, dilated, parametrized); or `card` is not a
        mapping. Save the ``state_dict()`` of such a network.
    ValueError
        If the suffix or `dtype` is another, or the card holds what JSON cannot.
    WeightsError
        If a weight is NaN or infinite in the stored precision; nothing is written.
    OSError
        If the file cannot be written; no partial file stays.
    """
    path = from_home(path, WeightsError)
    if type(model) is not VDSR and type(model) is not SRCNN:  # nor a subclass
        kind = type(model).__name__
        raise TypeError(f"save_model takes a plain VDSR or SRCNN, got {kind}{_INSTEAD}")
    _require_own_layers(model)
    if path.suffix != ".safetensors":
        raise ValueError(f"a weights file ends in .safetensors, got {str(path)!r}")
    if dtype not in STORED_TYPES:
        raise ValueError(f"dtype must be torch.float32 or torch.float16, got {dtype}")
    tensors = {
        name: tensor.detach().to("cpu", dtype).contiguous()
        for name, tensor in model.state_dict().items()
    }
    check_finite(tensors, path, "not written")
    full_card = _full_card(card or {}, model.architecture)
    return write_atomically(path, pack(tensors, full_card))


def pack(tensors: Mapping[str, torch.Tensor], card: Mapping[str, Any]) -> bytes:
    """Return the content of a weights file: tensors, card and checksum."""
    wrapped = {"format": CARD_FORMAT, "sha256": checksum(tensors), "card": card}
    try:
        text = json.dumps(wrapped, allow_nan=False, default=_plain_number)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the model card must fit into JSON: {error}") from None
    content: bytes = safetensors.torch.save(dict(tensors), {METADATA_KEY: text})
    return content


def check_finite(tensors: Mapping[str, torch.Tensor], path: Path, outcome: str) -> None:
    """Raise a WeightsError that names the file and the first bad tensor."""
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            kind = str(tensor.dtype).removeprefix("torch.")
            raise WeightsError(
                f"{path}: {name} holds NaN or infinite values in {kind}; {outcome}"
            )


def checksum(tensors: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 of the weights as stored, in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + b"\0")
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()


def _full_card(card: Mapping[str, Any], architecture: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(card, Mapping):
        raise TypeError(f"the model card must be a mapping, got {card!r}")
    if card.get("architecture", architecture) != architecture:
        raise ValueError(
            f"the model card says {card['architecture']}, the model is {architecture}"
        )
    return {**card, "architecture": architecture}


def _require_own_layers(model: VDSR | SRCNN) -> None:
    """Refuse a network that its architecture does not describe: nothing loads it."""
    with torch.device("meta"):  # shapes without memory
        described = build(model.architecture)
    wanted, found = _parts(described), _parts(model)
    if strangers := sorted(dict(wanted.items() ^ found.items())):
        raise TypeError(
            f"save_model takes a plain {type(model).__name__}, and the layers of this "
            f"one were changed: {', '.join(strangers)}{_INSTEAD}"
        )


def _parts(network: nn.Module) -> dict[str, Any]:
    """Return by name the shapes of a network's tensors, and its layers in words.

    A dilation, or the slope of a leaky ReLU, is in no tensor.
    """
    parts: dict[str, Any] = {
        name: tuple(tensor.shape) for name, tensor in network.state_dict().items()
    }
    for name, layer in network.named_modules():
        if not any(True for _ in layer.children()):
            parts[name] = repr(layer).replace("inplace=True", "")  # of a plain ReLU
    return parts


def _plain_number(value: Any) -> Any:
    """Turn a NumPy or 0-dim torch number into Python's, for JSON."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{value!r} is neither text nor a number, list or mapping")
