"""Scores that a model card lacks, because their pictures were elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vdsr_lib._files import require_writable
from vdsr_lib.errors import DataError, WeightsError
from vdsr_lib.evaluation import means
from vdsr_lib.experiments.declare import Pictures
from vdsr_lib.experiments.material import Material
from vdsr_lib.experiments.scoring import measure
from vdsr_lib.experiments.shipping import MEASURED_SETS, by_scale
from vdsr_lib.weights import load_model, read_card, save_model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["complete_card"]


def complete_card(
    path: Path, material: Material
) -> tuple[dict[str, pd.DataFrame], dict[str, DataError]]:
    """Measure weights on the benchmark sets that their card lacks, and write it.

    Parameters
    ----------
    path : pathlib.Path
        Weights with a card, as `ship` wrote them. The weights stay as they are.
    material : Material
        The pictures, and the device.

    Returns
    -------
    added : dict of str to pandas.DataFrame
        By set, as a card names it: the means that were added, PSNR in dB and SSIM by
        scale. Empty if there was none, and then nothing is written.
    refused : dict of str to DataError
        Why a set is lacking still: its pictures are absent, or damaged.

    Raises
    ------
    WeightsError
        If there is no such file, or it is damaged, or its card is not one of `ship`,
        or other weights took its place while these were measured.
    LabError
        If there is a set to measure, and the file cannot be written; nothing has been
        measured then.
    """
    card, model = read_card(path), load_model(path)
    if absent := {"scores", "ssim", "scales", "float16"} - card.keys():
        names = ", ".join(sorted(absent))
        raise WeightsError(f"{path}: no card of weights that ship, without {names}")
    dtype = torch.float16 if card["float16"]["used"] else torch.float32
    added: dict[str, pd.DataFrame] = {}
    refused: dict[str, DataError] = {}
    for name, shown in MEASURED_SETS.items():
        if shown in card["scores"]:
            continue
        try:
            material.images(name)
            require_writable(path)  # before the hours that measuring may take
            table = means(measure(model, Pictures(name, card["scales"]), material))
        except DataError as error:
            refused[shown] = error
            continue
        added[shown] = table
        card = _card_of(path, model)  # another process may have added to it since
        for part, column in {"scores": table.psnr, "ssim": table.ssim}.items():
            every = card[part] | {shown: by_scale(column)}
            card[part] = {n: every[n] for n in MEASURED_SETS.values() if n in every}
        save_model(model, path, card=card, dtype=dtype)
    return added, refused


def _card_of(path: Path, model: nn.Module) -> dict[str, Any]:
    """Return the card of weights as it is now, if they are still the same weights."""
    now, before = load_model(path).state_dict(), model.state_dict()
    if now.keys() != before.keys() or any(
        not torch.equal(now[name], tensor) for name, tensor in before.items()
    ):
        raise WeightsError(f"{path} was replaced while it was measured: begin again")
    return read_card(path)
