"""Train the tiny network in however many processes torchrun started; keep the weights.

    torchrun --nproc-per-node=2 tests/training/spread.py FOLDER

Four runs: three steps, whole, stopped at its tenth step, and resumed from there.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from vdsr_lib.models import VDSR
from vdsr_lib.patches import PatchSet
from vdsr_lib.training import History, Silent, TrainingConfig, train

CONFIG = TrainingConfig.paper(epochs=4, batch_size=21)  # 11 and 10 for two processes


class StopAtTen(Silent):
    """Asks for a stop at the tenth step, in the first process alone."""

    seconds_between_steps = 0.0

    def step(self, record):
        self.stop_requested = record["step"] == 10


def make_patches() -> PatchSet:
    generator = torch.Generator().manual_seed(4)
    hr = torch.rand(147, 1, 9, 9, generator=generator)
    ilr = torch.nn.functional.avg_pool2d(hr, 3, 1, 1)
    return PatchSet(ilr, hr, torch.full((147,), 2.0), augment=True)


def run(name: str, folder: Path, **options) -> History:
    """Train from a start that differs between processes: the first one's counts."""
    rank = os.environ.get("RANK", "0")
    generator = torch.Generator().manual_seed(int(rank))
    model = VDSR(3, 8, generator=generator)
    options = {"monitor": Silent(), "device": "cpu", "precision": "float32", **options}
    options.setdefault("config", CONFIG)
    options.setdefault("validate", lambda _: {"psnr": 1.0})
    history = train(model, make_patches(), **options)
    save_file(model.state_dict(), folder / f"{name}{rank}.safetensors")
    history.save(folder / f"{name}{rank}.json")
    return history


if __name__ == "__main__":
    torch.set_num_threads(1)
    target = Path(sys.argv[1])
    assert run("three", target, config=replace(CONFIG, max_steps=3)).finished
    assert run("whole", target).finished
    kept = {"run_dir": target / "run", "resume": True}
    assert not run("stopped", target, monitor=StopAtTen(), **kept).finished
    assert run("resumed", target, **kept).finished
