"""What a finished run scores on its test pictures, measured once and kept."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch import nn

from vdsr_lib.evaluation import evaluate, means
from vdsr_lib.experiments.declare import Pictures, Run
from vdsr_lib.experiments.material import Material
from vdsr_lib.experiments.store import FinishedRun, RunStore

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["measure", "score_run"]


def score_run(
    run: Run, made: FinishedRun, store: RunStore, material: Material
) -> list[pd.DataFrame]:
    """Return a run's mean scores on each of its test sets, beside bicubic's.

    Parameters
    ----------
    run : Run
        With its test pictures.
    made : FinishedRun
        What `make_run` returned for it.
    store : RunStore
        Where scores are looked for and kept.
    material : Material
        The pictures.

    Returns
    -------
    list of pandas.DataFrame
        One for each test set, with the columns of `Recording.table`.
    """
    tables = []
    for pictures in run.test:
        bicubic = means(material.bicubic(pictures))
        table = bicubic[["psnr", "ssim"]] * math.nan  # what a diverged run scores
        if made.model is not None:
            scores = store.load_scores(made.record["key"], pictures)
            if scores is None:
                scores = measure(made.model, pictures, material)
                store.save_scores(made.record["key"], pictures, scores)
            table = means(scores)[["psnr", "ssim"]]
        table = table.assign(bicubic=bicubic.psnr).reset_index()
        labels = {"run": run.name, **run.factors, "dataset": pictures.dataset}
        for place, (label, value) in enumerate(labels.items()):
            table.insert(place, label, value)
        seconds = made.record["provenance"]["seconds"]
        tables.append(table.assign(outcome=made.record["outcome"], seconds=seconds))
    return tables


def measure(model: nn.Module, pictures: Pictures, material: Material) -> pd.DataFrame:
    """Measure a network on pictures, in true float32.

    Parameters
    ----------
    model : torch.nn.Module
        From luma to luma.
    pictures : Pictures
        Which ones, and whether their middle is enough.
    material : Material
        Where they come from, and the device.

    Returns
    -------
    pandas.DataFrame
        As `evaluate` returns it.
    """
    return evaluate(
        model,
        material.measured(pictures),
        pictures.scales,
        device=material.device,
        precision="float32",
    )
