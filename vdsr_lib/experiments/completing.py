"""Scores that a model card lacks, because their pictures were elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vdsr_lib.errors import DataError, WeightsError
from vdsr_lib.evaluation import means
from vdsr_lib.experiments.declare import Pictures
from vdsr_lib.experiments.material import Material
from vdsr_lib.experiments.scoring import measure
from vdsr_lib.experiments.shipping import MEASURED_SETS, by_scale
from vdsr_lib.weights import load_model, read_card, save_model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["complete_card", "lacking"]


def lacking(card: Mapping[str, Any]) -> dict[str, str]:
    """Return the benchmark sets that a card has no scores of.

    Parameters
    ----------
    card : mapping
        A model card, with its ``scores``.

    Returns
    -------
    dict of str to str
        The name of a data set, and how a card names it.
    """
    have = card["scores"]
    return {name: shown for name, shown in MEASURED_SETS.items() if shown not in have}


def complete_card(path: Path, material: Material) -> dict[str, pd.DataFrame]:
    """Measure weights on the benchmark sets that their card lacks, and write it.

    Parameters
    ----------
    path : pathlib.Path
        Weights with a card, as `ship` wrote them. The weights stay as they are.
    material : Material
        The pictures, and the device.

    Returns
    -------
    dict of str to pandas.DataFrame
        By set, as a card names it: the means that were added, PSNR in dB and SSIM by
        scale. A set whose pictures are not here is left out; empty if none was added,
        and then nothing is written.

    Raises
    ------
    WeightsError
        If there is no such file, or it is damaged, or its card is not one of `ship`.
    """
    card, model = read_card(path), load_model(path)
    if absent := {"scores", "ssim", "scales", "float16"} - card.keys():
        names = ", ".join(sorted(absent))
        raise WeightsError(f"{path}: no card of weights that ship, without {names}")
    dtype = torch.float16 if card["float16"]["used"] else torch.float32
    added: dict[str, pd.DataFrame] = {}
    for name, shown in lacking(card).items():
        try:
            table = means(measure(model, Pictures(name, card["scales"]), material))
        except DataError:
            continue  # not on this machine
        added[shown] = table
        for part, column in {"scores": table.psnr, "ssim": table.ssim}.items():
            every = card[part] | {shown: by_scale(column)}
            card[part] = {n: every[n] for n in MEASURED_SETS.values() if n in every}
        save_model(model, path, card=card, dtype=dtype)
    return added
