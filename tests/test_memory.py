"""A training and a measurement take the memory that they need, and give it back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# What a lesson's kernel does at `quick`: networks of depth 10 and width 64 learn from
# 64 patches of 21 x 21 pixels a step and are measured on a picture of 512 x 512. A
# forward pass that keeps what gradients need would hold 1.2 GB for that picture alone.
WORK = """
import sys
import numpy as np
import torch

torch.set_num_threads(int(sys.argv[1]))

from vdsr_lib import VDSR, PatchSet, evaluate
from vdsr_lib.training import Silent, TrainingConfig, train

def megabytes(key):
    with open("/proc/self/status") as status:
        return next(int(x.split()[1]) for x in status if x.startswith(key)) / 1000

pictures = np.random.default_rng(0).integers(0, 256, (2, 512, 512), dtype=np.uint8)
patches = PatchSet.from_images({"noise": pictures[0]}, (2,), patch_size=21)
recipe = TrainingConfig.paper(max_steps=2)
before, held = megabytes("VmRSS"), []
for residual in (True, False, True):
    network = VDSR(depth=10, residual=residual)
    train(network, patches, recipe, monitor=Silent(), device="cpu")
    evaluate(network, {"noise": pictures[1]}, (2,), device="cpu")
    held.append(megabytes("VmRSS"))
print(megabytes("VmHWM") - before, held[-1] - held[0])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_training_and_measuring_stay_within_bounds() -> None:
    """Measured with bfloat16: a peak of 242 MB; two more networks leave 7 MB."""
    done = subprocess.run(
        [sys.executable, "-c", WORK, "1"],
        capture_output=True, text=True, check=True, timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    peak, grown = map(float, done.stdout.split())
    assert peak < 600
    assert grown < 60
