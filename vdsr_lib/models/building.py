"""A network from its description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from vdsr_lib.models.srcnn import SRCNN
from vdsr_lib.models.vdsr import VDSR

__all__ = ["build"]


def build(
    architecture: Mapping[str, Any], *, generator: torch.Generator | None = None
) -> VDSR | SRCNN:
    """Make a network, with fresh weights, from its description.

    Parameters
    ----------
    architecture : mapping
        What ``model.architecture`` returned: ``"name"`` and the class's options.
        SRCNN's may add ``"initialisation"``, which says nothing about a trained one.
    generator : torch.Generator, optional
        Where the initial weights are drawn; torch's global generator if not given.

    Returns
    -------
    VDSR or SRCNN
        On torch's default device.

    Raises
    ------
    TypeError
        If an option has the wrong type.
    ValueError
        If the name is unknown, an option missing or unknown, or a value out of range.
    """
    options = dict(architecture)
    name = options.pop("name", None)
    wanted = {"VDSR": ("depth", "width", "residual"), "SRCNN": ("kernels", "widths")}
    if not isinstance(name, str) or name not in wanted:
        raise ValueError(f"the architecture must be VDSR or SRCNN, got {name!r}")
    optional = {"initialisation"} if name == "SRCNN" else set()
    if set(options) - optional != set(wanted[name]):
        raise ValueError(
            f"{name} is described by {', '.join(wanted[name])}; "
            f"got {', '.join(sorted(map(str, options))) or 'nothing'}"
        )
    if name == "VDSR":
        return VDSR(**options, generator=generator)
    return SRCNN(**options, generator=generator)
