"""Scores are measured in true float32, also where bfloat16 would be taken."""

from __future__ import annotations

import pandas as pd
import torch

from vdsr_lib import devices
from vdsr_lib.evaluation import evaluate
from vdsr_lib.experiments.declare import Pictures
from vdsr_lib.experiments.scoring import measure
from vdsr_lib.models import VDSR


def test_scores_are_those_of_float32(monkeypatch, material, pictures) -> None:
    monkeypatch.setattr(devices, "_cpu_bfloat16", lambda: "AMX-BF16")
    network = VDSR(10, 8, generator=torch.Generator().manual_seed(0))
    network.body[-1].weight.data *= 100  # far from bicubic, so that rounding shows
    chosen = Pictures(str(pictures), (2,), crop=32)
    columns = ["image", "scale", "psnr", "ssim"]
    found = measure(network, chosen, material)[columns]
    images = material.measured(chosen)
    tables = {
        kind: evaluate(network, images, (2,), device="cpu", precision=kind)[columns]
        for kind in ("float32", "auto")
    }
    pd.testing.assert_frame_equal(found, tables["float32"], check_exact=True)
    assert (tables["auto"].psnr != tables["float32"].psnr).any()
