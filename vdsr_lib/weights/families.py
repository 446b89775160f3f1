"""Names that mean the best of several shipped weights: "vdsr" and "srcnn".

The best is the one with the highest PSNR on its validation pictures, as its card says;
no benchmark set has a voice. Networks for one scale compete at that scale alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vdsr_lib.errors import WeightsError
from vdsr_lib.weights.loading import read_file_card

__all__ = ["FAMILIES", "best_of", "members", "short_names"]

FAMILIES: Mapping[str, re.Pattern[str]] = {
    "vdsr": re.compile(r"vdsr-(?!modern)"),  # "vdsr-modern" is another recipe
    "srcnn": re.compile(r"srcnn-"),
}
"""Short names, and how the names of the weights begin that may be meant."""


def members(name: str, files: Iterable[Path]) -> dict[Path, dict[str, Any]]:
    """Return those shipped files that a short name may mean.

    Parameters
    ----------
    name : str
        "vdsr", "srcnn", or any other, which means none.
    files : iterable of pathlib.Path
        All that ship.

    Returns
    -------
    dict of pathlib.Path to dict
        With the card of each.

    Raises
    ------
    WeightsError
        If one of them is damaged.
    """
    pattern = FAMILIES.get(name)
    found = [f for f in files if pattern is not None and pattern.match(f.stem)]
    return {file: read_file_card(file) for file in found}


def best_of(name: str, files: Iterable[Path], scale: float | None) -> Path | None:
    """Return the file that a short name means.

    Parameters
    ----------
    name : str
        As for `members`.
    files : iterable of pathlib.Path
        All that ship.
    scale : float or None
        At which the network is to be used, above 0. Where each network is for one
        scale, those of the nearest scale are meant.

    Returns
    -------
    pathlib.Path or None
        None if nothing of that name ships.

    Raises
    ------
    WeightsError
        If each network is for one scale and no scale was given, or a file is damaged.
    """
    cards = members(name, files)
    groups: dict[tuple[float, ...], list[Path]] = {}
    for file, card in cards.items():
        groups.setdefault(tuple(card.get("scales", ())), []).append(file)
    if len(groups) > 1 and all(len(scales) == 1 for scales in groups):
        if scale is None:
            listed = ", ".join(file.stem for file in cards)
            raise WeightsError(
                f"{name!r} is one network for each scale: name one of {listed} "
                f"(upscale and evaluate find the right one for {name!r} by themselves)"
            )
        nearest = min(groups, key=lambda scales: abs(math.log(scales[0] / scale)))
        return max(groups[nearest], key=lambda file: _validated(cards[file]))
    return max(cards, key=lambda file: _validated(cards[file]), default=None)


def short_names(files: Iterable[Path]) -> dict[Path, str]:
    """Return for each file the short name that means it, where one does.

    Parameters
    ----------
    files : iterable of pathlib.Path
        All that ship.

    Returns
    -------
    dict of pathlib.Path to str
        Of networks for one scale, the best at each scale.

    Raises
    ------
    WeightsError
        If a file is damaged.
    """
    files = list(files)
    named: dict[Path, str] = {}
    for name in FAMILIES:
        for card in members(name, files).values():
            scales = card.get("scales", ())
            best = best_of(name, files, scales[0] if len(scales) == 1 else 2)
            if best is not None:
                named[best] = name
    return named


def _validated(card: Mapping[str, Any]) -> float:
    """Return the mean PSNR on the validation pictures that a card states."""
    values = card.get("validation", {}).get("psnr", {}).values()
    return sum(values) / len(values) if values else -math.inf
