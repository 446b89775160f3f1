"""A picture as the laboratory holds it: 8 bits, upright, its alpha kept aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Picture"]


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """A picture in 8 bits.

    Parameters
    ----------
    pixels : (H, W) or (H, W, 3) array of uint8
        Grey, or RGB, in [0, 255].
    alpha : (H, W) array of uint8, optional
        Opacity in [0, 255], 255 being opaque; None where the file has none.
    name : str
        A label: the file's name without its suffix.

    Raises
    ------
    TypeError
        If an array is not uint8.
    ValueError
        If a shape is wrong.
    """

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None
    name: str = "picture"

    def __post_init__(self) -> None:
        shape = np.shape(self.pixels)
        for what, array in (("pixels", self.pixels), ("alpha", self.alpha)):
            if array is not None and getattr(array, "dtype", None) != np.uint8:
                kind = getattr(array, "dtype", type(array).__name__)
                raise TypeError(
                    f"{what} must be an array of uint8, got {kind}; to_uint8 makes "
                    "one of floats in [0, 1]"
                )
        if 0 in shape or not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)):
            raise ValueError(f"pixels must be (H, W) or (H, W, 3), got {shape}")
        if self.alpha is not None and self.alpha.shape != shape[:2]:
            raise ValueError(
                f"alpha must be {shape[:2]} as the pixels are, got {self.alpha.shape}"
            )

    @property
    def is_colour(self) -> bool:
        """Whether the pixels are RGB."""
        return self.pixels.ndim == 3

    def __repr__(self) -> str:
        height, width = self.pixels.shape[:2]
        kind = "RGB" if self.is_colour else "grey"
        alpha = "" if self.alpha is None else " with alpha"
        return f"Picture({self.name!r}, {width} x {height} pixels, {kind}{alpha})"
