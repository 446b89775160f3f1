"""The best linear filter: against lstsq, another code for one scale, a known answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate

from vdsr_lib.evaluation import evaluate, means
from vdsr_lib.experiments import best_filter, texture
from vdsr_lib.experiments.linear import LinearNetwork, best_linear
from vdsr_lib.images import degrade


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    """Textures that never repeat, of two sizes that no scale here divides evenly."""
    random = np.random.default_rng(0)
    drawn = [texture(None, side, generator=random) for side in (47, 53)]
    return {"one": drawn[0], "two": drawn[1]}


def squares(net: LinearNetwork, pictures: dict[str, np.ndarray], scale: int) -> float:
    """Sum the squared error where the filter sees no border."""
    edge, total = net.receptive_field // 2, 0.0
    for picture in pictures.values():
        rows, columns = (side - side % scale for side in picture.shape)
        hr = picture[:rows, :columns]
        ilr = degrade(hr, scale)
        kernel = net.kernel[0, 0].double().numpy()
        made = ilr + correlate(ilr - 0.5, kernel, mode="constant")
        inner = np.s_[edge : rows - edge, edge : columns - edge]
        total += float(np.square(hr / 255 - made)[inner].sum())
    return total


def test_for_several_scales_it_is_the_one_that_lstsq_finds(pictures):
    """lstsq takes the windows of both scales in one heap, and no ridge."""
    seen, wanted = [], []
    for picture in pictures.values():
        for scale in (2, 4):
            rows, columns = (side - side % scale for side in picture.shape)
            ilr = degrade(picture[:rows, :columns], scale)
            for y in range(1, rows - 1):
                for x in range(1, columns - 1):
                    seen.append((ilr[y - 1 : y + 2, x - 1 : x + 2] - 0.5).ravel())
                    wanted.append(picture[y, x] / 255 - ilr[y, x])
    expected = np.linalg.lstsq(np.array(seen), np.array(wanted))[0]
    (net,) = best_linear(pictures, [(2, 4)], size=3).values()
    np.testing.assert_allclose(net.kernel.ravel(), expected, rtol=1e-2, atol=2e-3)


@pytest.mark.parametrize("size", [1, 5])
def test_for_one_scale_it_is_as_good_as_the_filter_of_lesson_04(pictures, size: int):
    cropped = {n: p[: len(p) // 3 * 3, : len(p) // 3 * 3] for n, p in pictures.items()}
    (net,) = best_linear(cropped, [(3,)], size=size).values()
    other = LinearNetwork(best_filter(cropped.values(), 3, size))
    ours, theirs = (squares(each, cropped, 3) for each in (net, other))
    assert 0.98 * theirs < ours <= theirs * (1 + 1e-9)  # its ridge is larger


def test_each_set_is_best_on_its_own_scales_and_a_mixture_lies_between(pictures):
    nets = best_linear(pictures, [(2,), [4], (2, 4)], size=5)
    assert list(nets) == [(2,), (4,), (2, 4)]
    left = {
        key: [squares(net, pictures, s) for s in (2, 4)] for key, net in nets.items()
    }
    assert left[2,][0] < left[2, 4][0] < left[4,][0]
    assert left[4,][1] < left[2, 4][1] < left[2,][1]
    assert sum(left[2, 4]) < min(sum(left[2,]), sum(left[4,]))


def test_it_can_be_measured_as_a_network(pictures):
    (net,) = best_linear(pictures, [(3,)], size=7, crop=45).values()
    before = means(evaluate("bicubic", pictures, (3,))).psnr[3]
    assert means(evaluate(net, pictures, (3,), device="cpu")).psnr[3] > before + 0.5
    assert repr(net) == "LinearNetwork(7 x 7)  # 49 weights, no ReLU"


def test_the_network_adds_what_scipys_correlation_predicts():
    weights = np.random.default_rng(0).normal(size=(5, 5))
    net = LinearNetwork(weights)
    ilr = np.random.default_rng(1).uniform(0.1, 0.9, (9, 12))
    expected = ilr + correlate(ilr - 0.5, weights, mode="mirror")
    made = net(torch.tensor(ilr)[None, None].float())
    assert made.shape == (1, 1, 9, 12)
    np.testing.assert_allclose(made[0, 0], expected, atol=1e-5)
    even = torch.full((1, 1, 8, 8), 0.5)
    assert torch.equal(net(even), even)


def test_of_each_picture_the_middle_is_learnt_from(pictures):
    middles = {name: p[len(p) // 2 - 15 :][:31] for name, p in pictures.items()}
    middles = {n: m[:, m.shape[1] // 2 - 15 :][:, :31] for n, m in middles.items()}
    (cropped,) = best_linear(pictures, [(3,)], size=3, crop=31).values()
    (expected,) = best_linear(middles, [(3,)], size=3).values()
    assert torch.equal(cropped.kernel, expected.kernel)


@pytest.mark.parametrize(("side", "size"), [(3, 5), (7, 5), (3, 3)])
def test_a_picture_too_small_for_the_filter_teaches_nothing(pictures, side, size):
    """7 pixels, cropped to a multiple of 4, are smaller than a filter of 5."""
    small = {**pictures, "small": pictures["one"][:side, :side]}
    (net,) = best_linear(small, [(4,)], size=size).values()
    (expected,) = best_linear(pictures, [(4,)], size=size).values()
    assert torch.equal(net.kernel, expected.kernel)
    with pytest.raises(ValueError, match=f"as large as the filter of {size} x {size}"):
        best_linear({"small": small["small"]}, [(4,)], size=size)


def test_a_picture_as_large_as_the_filter_is_learnt_from(pictures):
    (net,) = best_linear({"it": pictures["one"][:5, :5]}, [(2.5,)], size=5).values()
    assert net.kernel.abs().max() > 0


def test_nothing_is_random(pictures):
    first, again = (best_linear(pictures, [(2, 3)], size=3)[2, 3] for _ in range(2))
    assert torch.equal(first.kernel, again.kernel)


def test_what_makes_no_sense_is_refused(pictures):
    with pytest.raises(ValueError, match="size must be odd and at least 1, got 4"):
        best_linear(pictures, [(2,)], size=4)
    with pytest.raises(ValueError, match="a set of scales is empty"):
        best_linear(pictures, [(2,), ()])
    with pytest.raises(ValueError, match="no picture is as large as the filter"):
        best_linear(pictures, [(2,)], size=55)
    with pytest.raises(ValueError, match=r"scale must be in \[1.1, 8\], got 1"):
        best_linear(pictures, [(1,)], size=3)
    for shape in ((2, 2), (3, 5), (3,)):
        with pytest.raises(ValueError, match="w odd"):
            LinearNetwork(np.zeros(shape))
