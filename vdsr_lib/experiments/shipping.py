"""Weights that ship with the project: stored as small as they may be, with a card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vdsr_lib.errors import DataError
from vdsr_lib.evaluation import means
from vdsr_lib.experiments.declare import Pictures, Run
from vdsr_lib.experiments.material import Material
from vdsr_lib.experiments.scoring import measure
from vdsr_lib.experiments.store import FinishedRun, RunStore
from vdsr_lib.models import SRCNN, VDSR, build
from vdsr_lib.weights import save_model

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FLOAT16_LIMIT",
    "MEASURED_SETS",
    "by_scale",
    "require_pictures",
    "ship",
    "weights_name",
]

FLOAT16_LIMIT = 0.002
"""Decibels that half the digits may cost, on every measured mean."""

MEASURED_SETS = {
    "set5": "Set5",
    "set14": "Set14",
    "b100": "B100",
    "urban100": "Urban100",
}
"""The benchmark sets whose scores stand in a card, where their pictures are here."""

_JUDGED = "set5"  # besides the validation pictures, for float16
_NAMES: Mapping[str, Mapping[str, str]] = {
    "ablation": {"T91": "vdsr-t91", "291 + augmentation": "vdsr-291"},
    "table3": {"VDSR": "vdsr-291"},
    "modern": {
        "modern": "vdsr-modern",
        "modern, 80 epochs": "vdsr-modern-80",
        "paper's recipe": "vdsr-291-short",
    },
    "srcnn": {
        f"SRCNN {'-'.join(kernels)}, x{scale}": f"srcnn-{kernels}-x{scale}"
        for kernels in ("915", "955")
        for scale in (2, 3, 4)
    },
}


def weights_name(experiment: str, run: str) -> str | None:
    """Return the name under which a run's weights ship, or None if they do not.

    Parameters
    ----------
    experiment, run : str
        Which run.

    Returns
    -------
    str or None
        What `vdsr_lib.weights.load_model` takes.
    """
    return _NAMES.get(experiment, {}).get(run)


def require_pictures(run: Run, key: str, store: RunStore, material: Material) -> None:
    """Refuse to ship a run whose deciding pictures are absent, before any is measured.

    Parameters
    ----------
    run : Run
        What was trained.
    key : str
        Its key in the store.
    store, material
        As for `ship`. Pictures whose scores the store holds are not needed.

    Raises
    ------
    DataError
        If Set5 or the validation pictures are absent; the text says how to get them.
    """
    for pictures in _deciding(run):
        scores = (store.load_scores(key, pictures, half=half) for half in (False, True))
        if any(each is None for each in scores):
            material.images(pictures.dataset)


def _deciding(run: Run) -> tuple[Pictures, Pictures]:
    """Return the pictures by which half the digits are judged."""
    return run.validate, Pictures(_JUDGED, _scales(run))


def ship(
    run: Run,
    made: FinishedRun,
    path: Path,
    *,
    store: RunStore,
    material: Material,
    made_by: str,
) -> Path:
    """Write a run's weights with their card.

    Parameters
    ----------
    run : Run
        What was trained.
    made : FinishedRun
        What it gave; its network must be there.
    path : pathlib.Path
        Ends in ``.safetensors``; the file's name is the weights' name.
    store : RunStore
        Where scores are looked for and kept.
    material : Material
        The pictures.
    made_by : str
        The command that makes the run.

    Returns
    -------
    pathlib.Path
        `path`. The weights are stored as float16 if that costs less than
        `FLOAT16_LIMIT` on the run's validation pictures and on Set5, else as float32.

    Raises
    ------
    ValueError
        If the run diverged.
    DataError
        If Set5 or the validation pictures are absent.
    """
    if made.model is None:
        raise ValueError(f"the run {run.name!r} diverged: it has no weights to ship")
    score = _Scores(made.record["key"], made.model, store, material)
    loss: dict[str, float] = {}
    for pictures in _deciding(run):
        lost = score(pictures).psnr - score(pictures, half=True).psnr
        loss |= {f"{_shown(pictures)} {n}": v for n, v in by_scale(lost).items()}
    halved = max(loss.values()) < FLOAT16_LIMIT
    card = _card(run, made, score, halved=halved)
    card["float16"] = {"loss in dB": loss, "limit": FLOAT16_LIMIT, "used": halved}
    card["command"] = made_by
    card["check"] = f"vdsr evaluate --model {path.stem} --data set5"
    if len(_scales(run)) == 1:
        card["check"] += f" --scales {_scales(run)[0]:g}"
    dtype = torch.float16 if halved else torch.float32
    return save_model(made.model, path, card=card, dtype=dtype)


class _Scores:
    """Means of a network on some pictures, measured once and kept.

    Parameters
    ----------
    key : str
        Of the network's run.
    model : VDSR or SRCNN
        As it was trained.
    store, material
        As for `ship`.
    """

    def __init__(
        self, key: str, model: VDSR | SRCNN, store: RunStore, material: Material
    ) -> None:
        self.key, self.model, self.store, self.material = key, model, store, material

    def __call__(self, pictures: Pictures, *, half: bool = False) -> pd.DataFrame:
        """Return PSNR and SSIM by scale, of the weights as float32 or float16."""
        scores = self.store.load_scores(self.key, pictures, half=half)
        if scores is None:
            model = _halved(self.model) if half else self.model
            scores = measure(model, pictures, self.material)
            self.store.save_scores(self.key, pictures, scores, half=half)
        return means(scores)


def _halved(model: VDSR | SRCNN) -> VDSR | SRCNN:
    """Return a copy of a network with its weights rounded to float16."""
    copy = build(model.architecture, generator=torch.Generator())
    weights = model.state_dict().items()
    copy.load_state_dict({name: tensor.half().float() for name, tensor in weights})
    return copy.eval()


def _card(
    run: Run, made: FinishedRun, score: _Scores, *, halved: bool
) -> dict[str, Any]:
    """Say all that is known about a network, in the order of a reader's questions."""
    record, provenance = made.record, made.record["provenance"]
    scores: dict[str, dict[str, float]] = {}
    similarity: dict[str, dict[str, float]] = {}
    for name, shown in MEASURED_SETS.items():
        try:
            table = score(Pictures(name, _scales(run)), half=halved)
        except DataError:
            continue  # not on this machine
        scores[shown] = by_scale(table.psnr)
        similarity[shown] = by_scale(table.ssim)
    validation = by_scale(score(run.validate, half=halved).psnr)
    steps = made.history.epochs[-1]["step"]
    return {
        "data": _data(run, record["patches"]["count"]),
        "recipe": _recipe(run, steps),
        "scores": scores,
        "ssim": similarity,
        "protocol": "8-bit BT.601 luma, MATLAB bicubic, border of scale pixels shaved",
        "validation": {"pictures": _shown(run.validate), "psnr": validation},
        "scales": [float(scale) for scale in _scales(run)],
        "training": record["declaration"]["training"],
        "key": record["key"],
        "steps": steps,
        "seconds": provenance["seconds"],
        "precision": provenance["precision"],
        "machine": {n: v for n, v in provenance["machine"].items() if n != "platform"},
        "commit": provenance["machine"]["commit"],
        "date": provenance["date"],
        "terms": "MIT, as the code; the training pictures are for research",
    }


def _scales(run: Run) -> tuple[float, ...]:
    """Return the scales at which a run's network is measured and used."""
    return run.test[0].scales if run.test else run.scales


def by_scale(values: pd.Series) -> dict[str, float]:
    """Return means as a card holds them.

    Parameters
    ----------
    values : pandas.Series
        One mean a scale: PSNR in dB, or SSIM.

    Returns
    -------
    dict of str to float
        ``{"x2": 37.5271}``, to four decimals.
    """
    return {f"x{scale:g}": round(float(value), 4) for scale, value in values.items()}


def _shown(pictures: Pictures) -> str:
    """Return for example ``bsd500-test (24 pictures, middle 96 x 96)``."""
    name = MEASURED_SETS.get(pictures.dataset, pictures.dataset)
    parts = [f"{pictures.count} pictures"] if pictures.count else []
    if pictures.crop:
        parts.append(f"middle {pictures.crop} x {pictures.crop}")
    return f"{name} ({', '.join(parts)})" if parts else name


def _data(run: Run, count: int) -> str:
    sets = " + ".join(
        name.upper() if name[0] in "tb" else name for name in run.train_on
    )
    side = f"{run.patch_size} x {run.patch_size}"
    turned = {False: "", True: ", in 8 flips and rotations", "flips": ", in 4 flips"}
    scales = ", ".join(f"x{scale:g}" for scale in run.scales)
    return f"{sets}, {scales}: {count:,} patches of {side}{turned[run.augment]}"


def _recipe(run: Run, steps: int) -> str:
    config = run.training
    clip = "nothing clipped"
    if config.clipping != "none":
        clip = f"clipping {config.clipping} with theta {config.theta:g}"
    rate = f"{config.optimiser.upper()} at {config.learning_rate:g}"
    if config.warm_up:
        rate += f", warmed up over {config.warm_up:g} epochs"
    if config.schedule == "cosine":
        rate += ", falling to 0 along a cosine"
    elif config.drop_every < config.epochs:
        rate += f", divided by {config.drop_divisor:g} every {config.drop_every} epochs"
    if config.last_layer_rate != 1:
        rate += f", the last layer at {config.last_layer_rate:g} of it"
    ways = [rate, clip, f"weight decay {config.weight_decay:g}"]
    if initial := run.architecture.get("initialisation"):
        ways.append(f"initial weights after {initial.title()}")
    if config.averaging:
        ways.append(f"weights averaged, {config.averaging:g} of them kept at each step")
    return (
        f"{config.epochs} epochs ({steps:,} steps of {config.batch_size} patches), "
        + ", ".join(ways)
    )
