"""What ``--model`` may name: bicubic, shipped weights, a file of ours or theirs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

__all__ = ["network_named", "what_was_used"]


def network_named(name: str) -> nn.Module | str:
    """Return the network that ``--model`` means, or a name that means several or none.

    Parameters
    ----------
    name : str
        "bicubic", the name of shipped weights, a .safetensors file, or a .mat file of
        the authors of VDSR or SRCNN.

    Returns
    -------
    torch.nn.Module or str
        On the CPU; "bicubic" and, where several networks ship under it, "srcnn" as
        they are.

    Raises
    ------
    WeightsError
        If there are no such weights, or the file holds none.
    """
    from vdsr_lib.weights import import_matconvnet, import_srcnn, load_model

    if name == "bicubic":
        return name
    if name == "srcnn":
        load_model(name, scale=2)  # or say now that there is none
        return name
    if Path(name).suffix.lower() != ".mat":
        return load_model(name)
    from vdsr_lib.errors import WeightsError

    try:
        return import_matconvnet(name)
    except WeightsError as no_vdsr:
        try:
            return import_srcnn(name)
        except WeightsError:
            raise no_vdsr from None


def what_was_used(name: str, scales: Iterable[float]) -> str:
    """Return the names of the weights that ``--model`` meant, or a file as it is given.

    Parameters
    ----------
    name : str
        As for `network_named`. "vdsr" and "srcnn" mean the best of theirs.
    scales : iterable of float
        Where they were used.

    Returns
    -------
    str
        Such as ``"vdsr-t91"``, or ``"srcnn-915-x2, srcnn-915-x3"``.
    """
    from vdsr_lib.weights import weights_file

    if name == "bicubic" or name != Path(name).stem:
        return name
    files = (weights_file(name, scale=scale) for scale in scales)
    return ", ".join(dict.fromkeys(file.stem for file in files))
