"""What counts as stuck and as diverged, in numbers."""

from __future__ import annotations

import math
import re

import pytest

from vdsr_lib.training import TrainingConfig
from vdsr_lib.training.diagnosis import (
    bicubic_loss,
    is_divergent,
    is_stuck,
    stuck_causes,
)


def row(step=200, loss=1.0, **scores):
    return {"step": step, "loss": loss, "gradient_norm": 1.0, **scores}


def test_bicubics_loss_is_that_of_the_interpolated_patches(patches):
    error = (patches.ilr - patches.hr).double().square()
    assert bicubic_loss(patches, "sum") == pytest.approx(error.sum().item() / 144)
    assert bicubic_loss(patches, "mean") == pytest.approx(error.mean().item())


@pytest.mark.parametrize(
    ("rows", "baseline", "stuck"),
    [
        ([row(psnr_x2=33.69)], {"psnr_x2": 33.66}, True),
        ([row(psnr_x2=33.72)], {"psnr_x2": 33.66}, False),
        ([row(psnr_x2=33.59)], {"psnr_x2": 33.66}, False),
        ([row(step=99, psnr_x2=33.66)], {"psnr_x2": 33.66}, False),
        ([row(psnr_x2=33.66, psnr_x3=31)], {"psnr_x2": 33.66, "psnr_x3": 30.4}, False),
        # passing by: a non-residual network on its way up
        ([row(psnr_x2=27.0), row(psnr_x2=33.67)], {"psnr_x2": 33.66}, False),
        ([row(psnr_x2=33.50), row(psnr_x2=33.67)], {"psnr_x2": 33.66}, True),
        # without scores the loss tells: 0.05 dB is 1.16 %
        ([row(loss=1.01)], None, True),
        ([row(loss=0.98)], {"psnr_x2": 33.66}, False),
        ([row(loss=0.0)], None, False),
    ],
)
def test_stuck(rows, baseline, stuck):
    assert is_stuck(rows, baseline, 1.0) is stuck


@pytest.mark.parametrize(
    ("loss", "norm", "divergent"),
    [
        (1.0, 1.0, False),
        (9e3, 1.0, False),
        (2e4, 1.0, True),
        (math.nan, 1.0, True),
        (math.inf, 1.0, True),
        (1.0, math.nan, True),
        (1.0, math.inf, True),
    ],
)
def test_divergent(loss, norm, divergent):
    step = {"loss": loss, "gradient_norm": norm}
    assert is_divergent(step, reference=1.0) is divergent


def test_a_plain_grey_start_is_not_divergence(patches):
    """The non-residual network begins at 0.5: far from the picture, but no failure."""
    grey = (0.5 - patches.hr).square().sum().item() / 144
    reference = bicubic_loss(patches, "sum")
    assert not is_divergent({"loss": grey, "gradient_norm": 1.0}, reference)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"loss": "mean"}, r"1,681 times smaller .* use loss='sum'"),
        ({"learning_rate": 1e-5}, "rate 1e-05 is far below the paper's 0.1"),
        ({"clipping": "value", "theta": 1e-6}, "no longer than 1e-07"),
        ({"clipping": "norm", "theta": 1e-6}, "no longer than 1e-07"),
        ({"weight_decay": 0.5}, "weight decay 0.5 undoes each step"),
        ({}, "the network is dead"),
        ({"optimiser": "adam", "learning_rate": 1e-4}, "the network is dead"),
    ],
)
def test_the_likely_causes_are_named(changes, cause):
    text = stuck_causes(row(), TrainingConfig(**changes), 41)
    assert text.startswith("still the bicubic picture after 200 steps, loss 1. Likely")
    assert re.search(cause, text)
