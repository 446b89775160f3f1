"""The paper's first claim on its own data: the residual net learns at once."""

from __future__ import annotations

import pytest
import torch

from vdsr_lib.datasets import load_images
from vdsr_lib.evaluation import Validator, validator
from vdsr_lib.models import VDSR
from vdsr_lib.patches import PatchSet
from vdsr_lib.training import TrainingConfig, train

pytestmark = [pytest.mark.slow, pytest.mark.datasets]


@pytest.fixture(scope="module")
def validate(real_data) -> Validator:
    """Set5 at scale 2, to look at."""
    return validator(load_images("set5"), (2,), "cpu")


@pytest.fixture(scope="module")
def patches(real_data) -> PatchSet:
    """T91 at scale 2 in patches as large as ten layers see, as in Table 1."""
    patches = PatchSet.from_images(load_images("t91"), (2,), patch_size=21)
    assert len(patches) == 11_121
    return patches


@pytest.fixture(autouse=True)
def one_thread():
    """Use all cores here, unlike the other tests of this folder."""


def scores(patches: PatchSet, validate: Validator, *, residual: bool) -> list[float]:
    """T91's first epoch at the paper's rate of 0.1: Set5's PSNR, twice."""
    history = train(
        VDSR(10, residual=residual, generator=torch.Generator().manual_seed(0)),
        patches,
        TrainingConfig.paper(max_steps=172, validate_every=86),
        validate=validate,
        device="cpu",
    )
    found = [row["psnr_x2"] for row in history.validations]
    print(f"residual={residual}, Set5 x2 every 86 steps: {found}")  # shown by -s
    assert [row["step"] for row in history.validations] == [86, 172]
    return found


def test_the_residual_net_is_far_above_bicubic_after_one_epoch(patches, validate):
    """35.77 dB when written; bicubic has 33.66 (the run recorded in table1: 35.71)."""
    assert validate.baseline["psnr_x2"] == pytest.approx(33.66, abs=0.005)
    found = scores(patches, validate, residual=True)
    assert max(found) > 35.3, found


def test_the_non_residual_net_is_far_below_bicubic_after_one_epoch(patches, validate):
    """18.3 dB at best when written (the recorded run: 24.82; the paper's: 27.42)."""
    found = scores(patches, validate, residual=False)
    assert max(found) < 30.0, found
