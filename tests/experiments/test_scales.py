"""Gains, doses and pictures by scale: against networks whose answers are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio
from torch import nn

from vdsr_lib import paper
from vdsr_lib.experiments import EXPERIMENTS
from vdsr_lib.experiments.scales import (
    dose_by_scale,
    gain_by_scale,
    pictures_by_scale,
    printed_gains,
)
from vdsr_lib.images import degrade, to_uint8
from vdsr_lib.widgets import compare

CPU = {"device": "cpu"}


class Knowing(nn.Module):
    """It was told the original, and adds a multiple of the true residual."""

    def __init__(self, hr: np.ndarray, dose: float) -> None:
        super().__init__()
        self.register_buffer("hr", torch.tensor(hr / 255)[None, None].float())
        self.dose = dose

    def forward(self, ilr: torch.Tensor) -> torch.Tensor:
        return ilr + self.dose * (self.hr - ilr)  # (1, 1, H, W)


@pytest.fixture
def hr() -> np.ndarray:
    """A smooth wave with grain, 60 x 60, within luma's range."""
    rows, columns = np.mgrid[:60, :60]
    grain = np.random.default_rng(0).normal(0, 10, rows.shape)
    luma = 125 + 50 * np.sin(rows / 4) + 30 * np.cos(columns / 3) + grain
    return luma.clip(16, 235).astype(np.uint8)


def test_gains_are_skimages_scores_less_those_of_bicubic(hr: np.ndarray):
    nets = {"half": Knowing(hr, 0.5), "none": Knowing(hr, 0.0)}
    gains = gain_by_scale(nets, {"it": hr}, (3, 1.5, 2), **CPU)
    assert gains.index.tolist() == [1.5, 2, 3]
    assert gains.columns.tolist() == ["half", "none"]
    for scale, border in ((1.5, 2), (2, 2), (3, 3)):
        ilr = degrade(hr, scale)
        inner = np.s_[border:-border, border:-border]
        shown = to_uint8(ilr + 0.5 * (hr / 255 - ilr))
        after = peak_signal_noise_ratio(hr[inner], shown[inner])
        before = peak_signal_noise_ratio(hr[inner], to_uint8(ilr)[inner])
        assert gains.loc[scale, "half"] == pytest.approx(after - before, abs=0.01)
        assert gains.loc[scale, "none"] == pytest.approx(0, abs=0.01)
    # Half of the error is left, a quarter of its square: 6.02 dB, less the rounding.
    assert gains.loc[3, "half"] == pytest.approx(6.02, abs=0.1)


def test_gains_are_means_over_pictures_and_of_their_middles(hr: np.ndarray):
    images = {"it": hr, "turned": np.ascontiguousarray(hr[::-1])}
    net = {"same": nn.Sequential(nn.Conv2d(1, 1, 1, bias=True))}
    with torch.no_grad():
        net["same"][0].weight.fill_(1.02)
        net["same"][0].bias.fill_(-0.01)
    both = gain_by_scale(net, images, (2,), **CPU).loc[2, "same"]
    each = [
        gain_by_scale(net, {n: i}, (2,), **CPU).loc[2, "same"]
        for n, i in images.items()
    ]
    assert both == pytest.approx(np.mean(each))
    cut = hr[14:46, 14:46]
    middles = gain_by_scale(net, {"it": hr}, (2,), crop=32, **CPU)
    pd.testing.assert_frame_equal(middles, gain_by_scale(net, {"it": cut}, (2,), **CPU))


@pytest.mark.parametrize("given", [0.25, 0.8, 1.0, 2.0, 5.0])
def test_the_dose_undoes_what_a_network_got_wrong(hr: np.ndarray, given: float):
    doses = dose_by_scale({"it": Knowing(hr, given)}, {"it": hr}, (4, 2.5), **CPU)
    assert doses.index.tolist() == [2.5, 4]
    np.testing.assert_allclose(doses["it"], 1 / given, rtol=1e-4)


def test_the_dose_is_that_of_numpys_regression_over_all_pictures(hr: np.ndarray):
    """An average over four neighbours as a network; lstsq finds the factor."""
    net = nn.Conv2d(1, 1, 3, padding=1, padding_mode="replicate", bias=False)
    kernel = torch.tensor([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4
    with torch.no_grad():
        net.weight.copy_(kernel)
    images = {"one": hr, "two": hr[:45, :40]}
    true, predicted = [], []
    for image in images.values():
        cropped = image[: image.shape[0] // 2 * 2]
        ilr = degrade(cropped, 2)
        around = np.pad(ilr, 1, "edge")
        mean = (
            around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:]
        )
        true.append((cropped / 255 - ilr).ravel())
        predicted.append((mean / 4 - ilr).ravel())
    column = np.concatenate(predicted)[:, None]
    (expected,), *_ = np.linalg.lstsq(column, np.concatenate(true))
    found = dose_by_scale({"blur": net}, images, [2], **CPU).loc[2, "blur"]
    assert found == pytest.approx(expected, rel=1e-3)
    assert found < 0  # it blurs, so the right thing is the opposite


def test_a_network_that_changes_nothing_has_no_dose(hr: np.ndarray):
    doses = dose_by_scale({"none": nn.Identity()}, {"it": hr}, [3], **CPU)
    assert np.isnan(doses.loc[3, "none"])


def test_measuring_leaves_networks_where_and_as_they_were(hr: np.ndarray):
    net = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Dropout(0.5)).train()
    before = [parameter.clone() for parameter in net.parameters()]
    gain_by_scale({"net": net}, {"it": hr}, [2], **CPU)
    dose_by_scale({"net": net}, {"it": hr}, [2], **CPU)
    assert net.training
    for old, new in zip(before, net.parameters(), strict=True):
        assert torch.equal(old, new)


def test_a_network_of_nan_has_no_gain_and_no_dose_and_its_pictures_are_black(hr):
    lost = nn.Conv2d(1, 1, 1)
    with torch.no_grad():
        lost.weight.fill_(torch.nan)
    for measured in (gain_by_scale, dose_by_scale):
        assert measured({"it": lost}, {"it": hr}, [2, 3], **CPU)["it"].isna().all()
    made = pictures_by_scale({"it": lost}, hr, [2, 3], side=48)["it"]
    assert not np.stack(made).any()


def test_pictures_are_what_bicubic_and_the_networks_make_of_the_middle(hr: np.ndarray):
    middle = hr[6:54, 6:54]
    nets = {"all of it": Knowing(middle, 1.0), "nothing": nn.Identity()}
    scales = [1.5, 2, 3]
    found = pictures_by_scale(nets, hr, scales, side=48)
    assert list(found) == ["original", "bicubic", "all of it", "nothing"]
    np.testing.assert_array_equal(found["original"], middle)
    for place, scale in enumerate(scales):
        ilr = to_uint8(degrade(middle, scale))
        np.testing.assert_array_equal(found["bicubic"][place], ilr)
        np.testing.assert_array_equal(found["all of it"][place], middle)
        assert np.abs(found["nothing"][place].astype(int) - ilr).max() <= 1
    shown = compare(found, reference="original", frames={"scale": scales}, border=3)
    assert shown.frame_labels == ["1.5", "2", "3"]


def test_pictures_that_cannot_be_made_are_refused(hr: np.ndarray):
    net = {"it": nn.Identity()}
    with pytest.raises(ValueError, match="scale 4 does not divide side=50"):
        pictures_by_scale(net, hr, [4], side=50)
    with pytest.raises(
        ValueError, match="60 x 60 pixels: give a larger one, or a side"
    ):
        pictures_by_scale(net, hr, [2], side=62)
    with pytest.raises(ValueError, match="may not be called 'bicubic'"):
        pictures_by_scale({"bicubic": nn.Identity()}, hr, [2], side=48)


def test_measures_of_nothing_are_refused(hr: np.ndarray):
    net = {"it": nn.Identity()}
    for measure in (gain_by_scale, dose_by_scale):
        with pytest.raises(ValueError, match="no network to measure"):
            measure({}, {"it": hr}, [2], **CPU)
        with pytest.raises(ValueError, match="picture"):
            measure(net, {}, [2], **CPU)
        with pytest.raises(ValueError, match=r"scale must be in \[1.1, 8\], got 9"):
            measure(net, {"it": hr}, [9], **CPU)


def test_printed_gains_are_the_papers_table_less_its_last_column():
    gains = printed_gains()
    runs = [run.name for run in EXPERIMENTS["table2"].runs("paper")]
    assert gains.columns.tolist() == runs
    assert gains.index.tolist() == [2, 3, 4]
    # Table 2: 28.13 less 33.66, 33.27 less 30.39, 28.43 less 28.42.
    assert gains.loc[2, "x4"] == pytest.approx(-5.53)
    assert gains.loc[3, "x2, x3, x4"] == pytest.approx(2.88)
    assert gains.loc[4, "x2"] == pytest.approx(0.01)
    assert gains.size + 3 == len(paper.table("table2"))
