"""Scores: in true float32, measured once, and laid out with the run that scored."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import torch

from vdsr_lib import devices
from vdsr_lib.evaluation import evaluate, means
from vdsr_lib.experiments import scoring
from vdsr_lib.experiments.declare import Pictures
from vdsr_lib.experiments.scoring import measure, score_run
from vdsr_lib.experiments.store import FinishedRun, RunStore
from vdsr_lib.models import VDSR
from vdsr_lib.training import History


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


def test_a_run_is_measured_once_and_its_rows_say_what_was_measured(
    monkeypatch, material, pictures, run, tmp_path
) -> None:
    calls = []
    monkeypatch.setattr(
        scoring, "measure", lambda *given: calls.append(given) or measure(*given)
    )
    run = replace(run, test=(Pictures(str(pictures), (2, 3)), run.validate))
    record = {"key": run.key(), "outcome": "finished", "provenance": {"seconds": 7.5}}
    network = VDSR(3, 8, generator=torch.Generator().manual_seed(0))
    made = FinishedRun(record, History(), network, None)
    store = RunStore(tmp_path)
    tables = score_run(run, made, store, material)
    for first, again in zip(tables, score_run(run, made, store, material), strict=True):
        pd.testing.assert_frame_equal(first, again)
    assert calls == [(network, each, material) for each in run.test]
    for found, chosen in zip(tables, run.test, strict=True):
        exact = means(measure(network, chosen, material))
        bicubic = means(evaluate("bicubic", material.measured(chosen), chosen.scales))
        assert found.psnr.tolist() == exact.psnr.tolist()
        assert found.ssim.tolist() == exact.ssim.tolist()
        assert found.bicubic.tolist() == bicubic.psnr.tolist()
        assert found.scale.tolist() == list(chosen.scales)
        labels = ["run", "network", "dataset", "outcome", "seconds"]
        said = ("tiny", "residual", str(pictures), "finished", 7.5)
        assert set(found[labels].itertuples(index=False, name=None)) == {said}
    failed = replace(made, model=None, record={**record, "outcome": "diverged"})
    for found in score_run(run, failed, store, material):
        assert found[["psnr", "ssim"]].isna().all(axis=None)
        assert found.outcome.eq("diverged").all()
        assert found.bicubic.notna().all()
