"""Every combination of five mistakes, measured without doing anything twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from vdsr_lib.metrics import psnr
from vdsr_lib.protocol.measuring import bicubic_pair
from vdsr_lib.protocol.switches import MISTAKES, PAPER, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["SWITCHES", "combined", "switch_costs"]

_PAPER: Final = asdict(PAPER)

SWITCHES: Final = (
    "full-range luma",
    "PSNR over RGB",
    "no antialiasing",
    "no border crop",
    "output not rounded",
)
"""The names, in `MISTAKES`, of the mistakes that can be made together."""


def combined(mistakes: Iterable[str] = ()) -> Protocol:
    """Return the paper's protocol with several mistakes made at once.

    Parameters
    ----------
    mistakes : iterable of str
        Names in `SWITCHES`; none gives the paper's protocol.

    Returns
    -------
    Protocol
        With a single name, that of `MISTAKES`.

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    changes: dict[str, Any] = {}
    for name in mistakes:
        if name not in SWITCHES:
            raise ValueError(
                f"mistakes must be among {', '.join(SWITCHES)}; got {name!r}"
            )
        turned = asdict(MISTAKES[name].protocol)
        changes |= {key: turned[key] for key in turned if turned[key] != _PAPER[key]}
    return Protocol(**changes)


def switch_costs(image: Array, scale: int) -> NDArray[np.float64]:
    """Measure bicubic interpolation of one picture under all 32 combinations.

    Parameters
    ----------
    image : (H, W, 3) or (H, W) array of uint8
        The true picture.
    scale : int
        In 2 to 8.

    Returns
    -------
    (32,) array of float64
        PSNR in dB, peak 255. Bit ``i`` of the index says whether switch ``i`` of
        `SWITCHES` is turned: element 0 is the paper's protocol, element 3 has
        full-range luma and is measured over RGB.

    Raises
    ------
    ValueError, TypeError
        As `bicubic_pair`.
    """
    scores = np.empty(2 ** len(SWITCHES))
    for picked in range(8):  # luma range, channels, antialiasing: a pair each
        names = [name for i, name in enumerate(SWITCHES[:3]) if picked >> i & 1]
        whole = combined([*names, *SWITCHES[3:]])  # neither shaved nor rounded
        true, estimate = bicubic_pair(image, scale, whole)
        rounded = np.floor(estimate + 0.5)  # none of the eight leaves [0, 255]
        for i, levels in enumerate((rounded, estimate)):
            for j, border in enumerate((int(scale), 0)):
                index = picked + 8 * j + 16 * i
                scores[index] = psnr(true, levels, border=border, data_range=255)
    return scores
