"""Tiny runs on tiny pictures, and a trainer that only pretends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vdsr_lib.experiments.declare import Experiment, Pictures, Run, Watch
from vdsr_lib.experiments.material import Material
from vdsr_lib.images import write_picture
from vdsr_lib.training import History, TrainingConfig


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two different, textured pictures of 48x56 pixels."""
    folder = tmp_path_factory.mktemp("pictures")
    rows, columns = np.mgrid[:48, :56]
    grain = np.random.default_rng(0).normal(0, 12, rows.shape)
    for name, wave in (("one", 5), ("two", 9)):
        luma = 128 + 50 * np.sin(rows / wave) + 40 * np.cos(columns * rows / 90) + grain
        write_picture(folder / f"{name}.png", luma.clip(16, 235).astype(np.uint8))
    return folder


@pytest.fixture
def run(pictures: Path) -> Run:
    """A network of depth 3 and width 8, eight steps of four patches."""
    return Run(
        name="tiny",
        architecture={"name": "VDSR", "depth": 3, "width": 8, "residual": True},
        training=TrainingConfig.paper(epochs=2, batch_size=4, max_steps=8),
        train_on=(str(pictures),),
        scales=(2,),
        patch_size=12,
        validate=Pictures(str(pictures), (2,), crop=32),
        watch=Watch(str(pictures), "one", 2, (8, 10, 16, 20)),
        test=(Pictures(str(pictures), (2, 3)),),
        factors={"network": "residual"},
    )


@pytest.fixture
def experiment(run: Run) -> Experiment:
    """Two tiny runs at every profile."""
    from dataclasses import replace

    plain = {**run.architecture, "residual": False}
    other = replace(
        run, name="plain", architecture=plain, factors={"network": "non-residual"}
    )
    sizes = dict.fromkeys(("quick", "classroom", "paper"), (run, other))
    return Experiment("tiny", "Two tiny networks", "none", sizes)


@pytest.fixture
def material() -> Material:
    """What tiny runs work with, on the CPU."""
    return Material(torch.device("cpu"))


class PretendTrainer:
    """Validates twice and says that it trained; counts how often it was called."""

    def __init__(self, *, finished: bool = True) -> None:
        self.calls: list[dict[str, Any]] = []
        self.finished = finished

    def __call__(
        self,
        model: torch.nn.Module,
        patches: Any,
        config: TrainingConfig,
        **options: Any,
    ) -> History:
        self.calls.append({"model": model, "patches": patches, "config": config})
        self.calls[-1] |= options
        history = History(finished=self.finished, precision="pretended")
        for step in (4, 8):
            scores = options["validate"](model)
            row = {"epoch": step // 4, "step": step}
            history.validations.append(row | scores)
            history.epochs.append(row | {"seconds": 1.5} | scores)
        return history


@pytest.fixture
def trainer() -> PretendTrainer:
    """A trainer that finishes."""
    return PretendTrainer()


@pytest.fixture
def stopped_trainer() -> PretendTrainer:
    """A trainer that is stopped before the end."""
    return PretendTrainer(finished=False)
