"""What counts as stuck and as diverged, in numbers."""

from __future__ import annotations

import math
import re

import pytest

from vdsr_lib.patches import PatchSet
from vdsr_lib.training import TrainingConfig, diagnosis
from vdsr_lib.training.diagnosis import (
    ReferenceLosses,
    divergence,
    is_divergent,
    is_stuck,
    recipe_faults,
    reference_losses,
    stuck_causes,
)


def row(step=200, loss=1.0, **scores):
    return {"step": step, "loss": loss, "gradient_norm": 1.0, **scores}


def test_the_references_are_the_losses_of_bicubic_and_of_black(patches, monkeypatch):
    error = (patches.ilr - patches.hr).double().square()
    energy = patches.hr.double().square()
    whole, mean = (reference_losses(patches, loss) for loss in ("sum", "mean"))
    assert whole.bicubic == pytest.approx(error.sum().item() / 144)
    assert whole.black == pytest.approx(energy.sum().item() / 144)
    assert mean.bicubic == pytest.approx(error.mean().item())
    assert mean.black == pytest.approx(energy.mean().item())
    monkeypatch.setattr(diagnosis, "_CHUNK", 25)  # 144 patches: 5 chunks and a rest
    in_chunks = reference_losses(patches, "sum")
    assert in_chunks.bicubic == pytest.approx(whole.bicubic, rel=1e-6)
    assert in_chunks.black == pytest.approx(whole.black, rel=1e-6)


@pytest.mark.parametrize(
    ("rows", "baseline", "stuck"),
    [
        ([row(psnr_x2=33.69)], {"psnr_x2": 33.66}, True),
        ([row(psnr_x2=33.72)], {"psnr_x2": 33.66}, False),
        ([row(psnr_x2=33.59)], {"psnr_x2": 33.66}, False),
        ([row(step=99, psnr_x2=33.66)], {"psnr_x2": 33.66}, False),
        ([row(step=100, psnr_x2=33.66)], {"psnr_x2": 33.66}, True),
        ([row(psnr_x2=33.66, psnr_x3=31)], {"psnr_x2": 33.66, "psnr_x3": 30.4}, False),
        # passing by: a non-residual network on its way up
        ([row(psnr_x2=27.0), row(psnr_x2=33.67)], {"psnr_x2": 33.66}, False),
        ([row(psnr_x2=33.50), row(psnr_x2=33.67)], {"psnr_x2": 33.66}, True),
        ([row(psnr_x2=33.18), row(psnr_x2=33.67)], {"psnr_x2": 33.66}, True),
        ([row(psnr_x2=33.14), row(psnr_x2=33.67)], {"psnr_x2": 33.66}, False),
        # without scores the loss tells: 0.05 dB is 1.16 %
        ([row(loss=2.023)], None, True),
        ([row(loss=2.024)], None, False),
        ([row(loss=1.96)], {"psnr_x2": 33.66}, False),
        # SSIM is in no decibels: 0.02 of it are far from bicubic
        ([row(loss=1.5, ssim_x2=0.95)], {"ssim_x2": 0.93}, False),
        ([row(loss=0.0)], None, False),
    ],
)
def test_stuck(rows, baseline, stuck):
    references = ReferenceLosses(bicubic=2.0, black=9.0)
    assert is_stuck(rows, baseline, references, explained=True) is stuck


@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1e3])
def test_a_loss_tells_the_same_in_every_unit(unit):
    """A mean over the pixels of a patch is a thousandth of the sum, far below 1."""
    references = ReferenceLosses(bicubic=2.0 * unit, black=9.0 * unit)
    for loss, stuck in ((2.023, True), (2.024, False), (1.977, False), (1.978, True)):
        rows = [row(loss=loss * unit)]
        assert is_stuck(rows, None, references, explained=True) is stuck
    perfect = ReferenceLosses(bicubic=0.0, black=9.0 * unit)
    assert not is_stuck([row(loss=unit)], None, perfect, explained=True)


def test_a_recipe_without_fault_is_given_five_times_as_long():
    """Depth 3 with Adam, seed 1, measured: it rests at bicubic, and then learns."""
    baseline = {"psnr_x2": 30.5698}
    rows = [row(step=142, psnr_x2=30.5728), row(step=284, psnr_x2=30.5764)]
    late = [*rows, row(step=500, psnr_x2=30.58)]
    references = ReferenceLosses(bicubic=1.0, black=9.0)
    for known, explained, stuck in (
        (rows[:1], True, True),
        (rows, False, False),
        ([*rows, row(step=499, psnr_x2=30.58)], False, False),
        (late, False, True),
        ([*rows, row(step=1136, psnr_x2=31.7253)], False, False),
    ):
        assert is_stuck(known, baseline, references, explained=explained) is stuck


@pytest.mark.parametrize(
    ("loss", "norm", "divergent"),
    [
        (1.0, 1.0, False),
        (8e3, 1.0, False),
        (1e4, 1.0, True),
        (math.nan, 1.0, True),
        (math.inf, 1.0, True),
        (1.0, math.nan, True),
        (1.0, math.inf, True),
    ],
)
def test_divergent(loss, norm, divergent):
    step = {"loss": loss, "gradient_norm": norm}
    assert is_divergent(step, ReferenceLosses(bicubic=0.01, black=9.0)) is divergent


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"clipping": "none"}, "nothing clips the gradient at learning rate 0.1: use"),
        ({"theta": 0.1}, "theta 0.1 (authors' code: 1e-4) lets a weight move that far"),
        ({"clipping": "value", "theta": 0.1}, "clipping='value' with theta 0.1 is too"),
        ({"clipping": "norm", "theta": 9.0}, "clipping='norm' with theta 9 is too"),
    ],
)
def test_why_a_run_diverged(changes, cause):
    failed = row(step=3, loss=math.inf) | {"epoch": 1, "learning_rate": 0.1}
    assert divergence(failed, TrainingConfig(**changes)).startswith(
        "training diverged at step 3 (epoch 1): loss inf, gradient norm 1. "
        f"Likely cause: {cause}"
    )


def test_the_worst_start_on_smooth_pictures_is_no_divergence(patches):
    """SRCNN begins at 0; where bicubic is nearly perfect that is 10,000 times worse."""
    ilr = patches.hr + 1e-4
    smooth = PatchSet(ilr, patches.hr, patches.scales)
    references = reference_losses(smooth, "sum")
    assert references.black > 1e4 * references.bicubic
    assert not is_divergent({"loss": references.black, "gradient_norm": 1}, references)


def test_on_black_pictures_a_small_loss_is_no_divergence():
    black = ReferenceLosses(bicubic=0.01, black=0.0)
    assert not is_divergent({"loss": 1e-10, "gradient_norm": 1.0}, black)
    assert is_divergent({"loss": 1e-8, "gradient_norm": 1.0}, black)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"loss": "mean"}, r"1,681 times smaller .* use loss='sum'"),
        ({"learning_rate": 1e-5}, "rate 1e-05 is far below the paper's 0.1"),
        ({"clipping": "value", "theta": 1e-6}, "no longer than 1e-07"),
        ({"clipping": "norm", "theta": 1e-6}, "no longer than 1e-07"),
        ({"weight_decay": 0.011}, "weight decay 0.011 undoes each step"),
        ({"theta": 9e-6}, "clipping='adjustable' .* no longer than 9e-06"),
        ({}, "the network is dead"),
        ({"weight_decay": 0.01}, "the network is dead"),
        ({"theta": 1e-5, "learning_rate": 1e-3}, "the network is dead"),
        ({"clipping": "value", "theta": 1e-3}, "the network is dead"),
        ({"clipping": "none", "learning_rate": 0.01}, "the network is dead"),
        # Adam makes up for what a clip has shortened
        ({"optimiser": "adam", "clipping": "value", "theta": 1e-6}, "network is dead"),
        ({"optimiser": "adam", "learning_rate": 1e-4}, "the network is dead"),
    ],
)
def test_the_likely_causes_are_named(changes, cause):
    config = TrainingConfig(**changes)
    text = stuck_causes(row(), config, 41)
    assert bool(recipe_faults(config, 41)) is ("network is dead" not in text)
    assert text.startswith("still the bicubic picture after 200 steps, loss 1. Likely")
    assert re.search(cause, text)
