"""What the page for one's own picture offers to choose from: models and devices."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from vdsr_lib.errors import WeightsError
from vdsr_lib.images import Picture, read_picture
from vdsr_lib.widgets.orders import on_white

if TYPE_CHECKING:
    from torch import nn

__all__ = ["as_picture", "device_choices", "kind_of", "model_choices", "thumbnail"]

Choice = dict[str, str]


def as_picture(
    picture: Any, samples: Mapping[str, Picture], max_pixels: int
) -> Picture:
    """Return the picture that a caller means.

    Parameters
    ----------
    picture : path-like, array, Picture or None
        None, or the name of a sample, takes a sample; arrays are uint8, grey, RGB or
        RGBA.
    samples : mapping of str to Picture
        The first one is taken for None.
    max_pixels : int
        A larger file is refused.

    Returns
    -------
    Picture

    Raises
    ------
    PictureError, TypeError, ValueError
        As `read_picture` and `Picture`.
    """
    if picture is None:
        return next(iter(samples.values()))
    if isinstance(picture, Picture):
        return picture
    if isinstance(picture, np.ndarray):
        if picture.ndim == 3 and picture.shape[2] == 4:
            return Picture(picture[..., :3], picture[..., 3])
        return Picture(picture)
    if picture in samples:
        return samples[picture]
    return read_picture(picture, max_pixels=max_pixels)


def model_choices(networks: Mapping[str, nn.Module]) -> tuple[list[Choice], str]:
    """Return the models on offer: bicubic, the given networks, the shipped weights.

    Parameters
    ----------
    networks : mapping of str to torch.nn.Module
        Given by the caller; a name here hides shipped weights of that name.

    Returns
    -------
    choices : list of dict
        ``value``, ``label`` and ``about`` (a line for the reader).
    problem : str
        A sentence if the shipped weights cannot be listed, else empty.
    """
    from vdsr_lib.weights import available_models

    choices = [_choice("bicubic", "no network, for comparison")]
    choices += [_choice(n, str(net).split("\n")[0]) for n, net in networks.items()]
    problem = ""
    try:
        for row in available_models().itertuples():
            if row.name not in networks:
                scores = f"PSNR in dB on test sets: {row.scores!s}"
                about = [str(row.network), scores if row.scores else ""]
                choices.append(_choice(str(row.name), "; ".join(filter(None, about))))
    except WeightsError as error:
        problem = str(error)
    return choices, problem


def device_choices() -> list[Choice]:
    """Return the devices on offer: automatic, the CPU, every GPU.

    Returns
    -------
    list of dict
        ``value``, ``label`` and ``about``.
    """
    from vdsr_lib.devices import resolve_device

    found = [_choice("auto", f"here: {resolve_device('auto')}"), _choice("cpu", "")]
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_name(index)
            found.append(_choice(f"cuda:{index}", about))
    if torch.backends.mps.is_available():
        found.append(_choice("mps", "the GPU of this Mac"))
    return found


def kind_of(picture: Picture) -> str:
    """Return what kind of picture it is, in words.

    Parameters
    ----------
    picture : Picture
        Any.

    Returns
    -------
    str
        Such as ``"colour with transparency"``.
    """
    veiled = " with transparency" if picture.alpha is not None else ""
    return ("grey" if picture.pixels.ndim == 2 else "colour") + veiled


def thumbnail(picture: Picture, side: int) -> bytes:
    """Return a small copy for the page, opacity on white.

    Parameters
    ----------
    picture : Picture
        Of any size.
    side : int
        Its longer side at most, in pixels.

    Returns
    -------
    bytes
        A PNG file.
    """
    image = Image.fromarray(on_white(picture))
    image.thumbnail((side, side), reducing_gap=3.0)
    stream = BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _choice(value: str, about: str) -> Choice:
    label = f"{value} ({about})" if value == "auto" else value
    return {"value": value, "label": label, "about": about}
