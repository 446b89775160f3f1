"""The stages of the protocol that a table and a validation share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from vdsr_lib.images import crop_to_multiple, degrade
from vdsr_lib.images.degradation import check_scales
from vdsr_lib.images.reading import require_pictures

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Images", "factors", "named", "naming", "pair", "shaved"]

Images: TypeAlias = "Mapping[str, NDArray[np.uint8]] | Sequence[NDArray[np.uint8]]"


def named(images: Images) -> dict[str, NDArray[np.uint8]]:
    """Return the pictures by name; numbers where there are no names."""
    require_pictures(images)
    if not isinstance(images, Mapping):
        images = {str(number): image for number, image in enumerate(images)}
    if not images:
        raise ValueError("there is no picture to evaluate on: images is empty")
    return dict(images)


def factors(scales: Iterable[float]) -> list[float]:
    """Return the checked scales; whole ones as integers, to be printed so."""
    factors = check_scales(scales)
    if not factors:
        raise ValueError("there is no scale to evaluate at: scales is empty")
    return [int(factor) if factor.is_integer() else factor for factor in factors]


@contextmanager
def naming(name: str, scale: float) -> Iterator[None]:
    """Put the picture's name before what is wrong with it."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"picture {name!r} at scale {scale:g}: {error}") from error


def pair(
    luma: NDArray[np.uint8], scale: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return the truth and its ILR: steps 2 to 4 of the protocol."""
    hr = crop_to_multiple(luma, scale)
    return hr, degrade(hr, scale)


def shaved(picture: Any, border: int) -> Any:
    """Leave out `border` pixels at each side of an (..., H, W) picture."""
    height, width = picture.shape[-2:]
    return picture[..., border : height - border, border : width - border]
