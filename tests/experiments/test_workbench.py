"""The workbench of a lesson: what lies on it, measured by other means."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vdsr_lib.datasets import load_images
from vdsr_lib.evaluation import evaluate, means
from vdsr_lib.experiments.workbench import Workbench, workbench
from vdsr_lib.models import VDSR


@pytest.fixture(scope="module")
def bench() -> Workbench:
    return workbench(3, depth=3, crop=40)


def test_the_network_has_the_first_weights_of_its_seed(bench: Workbench):
    expected = VDSR(3, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(bench.network.state_dict(), expected.state_dict())
    assert bench.network.architecture["width"] == 64


def test_patches_are_as_large_as_the_network_sees_and_do_not_touch(bench: Workbench):
    assert bench.patches.patch_size == 7 == bench.network.receptive_field
    # A grid of step 21 on each picture cropped to a multiple of 2, 3 and 4.
    expected = 0
    for image in load_images("embedded-train").values():
        for scale in (2, 3, 4):
            rows, columns = (side - side % scale for side in image.shape[:2])
            expected += ((rows - 7) // 21 + 1) * ((columns - 7) // 21 + 1)
    assert len(bench.patches) == expected


def test_the_batches_are_one_epoch_without_repetition(bench: Workbench):
    assert {len(examples) for examples in bench.batches} == {64}
    assert len(bench.batches) == len(bench.patches) // 64
    drawn = torch.cat(list(bench.batches))
    assert len(drawn.unique()) == len(drawn)
    assert 0 <= drawn.min() < drawn.max() < len(bench.patches)
    assert not torch.equal(drawn, drawn.sort().values)
    ilr, hr = bench.patches.batch(bench.batches[0])
    assert ilr.shape == hr.shape == (64, 1, 7, 7)


def test_the_measure_is_that_of_evaluate_on_the_middles(bench: Workbench):
    middles = {}
    for name, image in load_images("embedded-test").items():
        top, left = (image.shape[0] - 40) // 2, (image.shape[1] - 40) // 2
        middles[name] = image[top : top + 40, left : left + 40]
    bicubic = means(evaluate("bicubic", middles, (3,))).psnr[3]
    assert bench.measure.baseline["psnr_x3"] == pytest.approx(bicubic, abs=0.01)
    untrained = means(evaluate(bench.network, middles, (3,), device="cpu")).psnr[3]
    measured = bench.measure(bench.network)["psnr_x3"]
    assert measured == pytest.approx(untrained, abs=0.01)
    assert measured == pytest.approx(bicubic, abs=0.1)  # the last layer starts small


def test_the_same_seed_lays_out_the_same_and_another_another(bench: Workbench):
    same, other = (workbench(seed, depth=3, crop=40) for seed in (3, 4))
    assert torch.equal(torch.cat(list(same.batches)), torch.cat(list(bench.batches)))
    assert not torch.equal(other.batches[0], bench.batches[0])
    first = [next(each.network.parameters()) for each in (bench, same, other)]
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], first[2])
    # Nothing global was touched: the pictures are the same for every seed.
    assert torch.equal(other.patches.hr, bench.patches.hr)
    assert np.isclose(
        other.measure.baseline["psnr_x3"], bench.measure.baseline["psnr_x3"]
    )


def test_what_cannot_be_laid_out_is_refused():
    with pytest.raises(ValueError, match="depth"):
        workbench(depth=1)
    with pytest.raises(ValueError, match="leave a pixel of 6 x 6"):
        workbench(depth=3, crop=8)
