"""What the page for one's own picture does, held against `upscale` and the paper."""

from __future__ import annotations

import math
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from vdsr_lib.errors import PictureError
from vdsr_lib.images import Picture, to_luma
from vdsr_lib.metrics import psnr
from vdsr_lib.models import VDSR
from vdsr_lib.upscaling import upscale
from vdsr_lib.widgets.enlarged import Enlarged
from vdsr_lib.widgets.enlarging import enlarge
from vdsr_lib.widgets.orders import Order, on_white, shrunk


@pytest.fixture(scope="module")
def network() -> VDSR:
    torch.manual_seed(0)
    net = VDSR(3, 8)
    with torch.no_grad():
        net.body[-1].weight.mul_(300)  # far from bicubic, so that a mix-up shows
    return net.eval()


def picture(height: int, width: int, *, alpha: bool = False, grey: bool = False):
    rng = np.random.default_rng(height * width)
    shape = (height, width) if grey else (height, width, 3)
    pixels = rng.integers(0, 256, shape, dtype=np.uint8)
    veil = rng.integers(0, 256, (height, width), dtype=np.uint8) if alpha else None
    return Picture(pixels, veil, "noise")


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("scale", [1.1, 2, 2.55, 4])
def test_the_result_and_the_file_are_upscale_bit_for_bit(network, scale, alpha, grey):
    given = picture(17, 23, alpha=alpha, grey=grey)
    made = enlarge(Order(given, scale, "enlarge", "net", network, "cpu"))
    expected = upscale(given, scale, model=network, device="cpu")
    np.testing.assert_array_equal(made.result.pixels, expected.pixels)
    with Image.open(BytesIO(made.png())) as file:
        samples = np.asarray(file)
    wanted = expected.pixels
    if alpha:
        wanted = np.dstack([expected.pixels, expected.alpha])
    np.testing.assert_array_equal(samples, wanted)
    assert made.order.shape == expected.pixels.shape[:2]
    assert made.truth is None
    assert made.scores == {}


@pytest.mark.parametrize("scale", [1.1, 1.3, 2, 2.5, 3, 3.7, 4])
@pytest.mark.parametrize("size", [(40, 41), (57, 64)])
def test_what_was_shrunk_comes_back_to_the_size_of_the_truth(scale, size):
    given = picture(*size)
    small, truth = shrunk(given, scale)
    made = enlarge(Order(given, scale, "restore"))
    assert made.result.pixels.shape == truth.shape
    assert made.order.shape == truth.shape[:2]
    height, width = truth.shape[:2]
    assert 0 <= size[0] - height < math.ceil(scale)
    assert 0 <= size[1] - width < math.ceil(scale)
    assert small.pixels.shape[0] == math.floor(size[0] / scale + 1e-9)
    np.testing.assert_array_equal(truth, given.pixels[:height, :width])


def test_scores_are_those_of_the_paper_s_protocol(network):
    given = picture(48, 60)
    made = enlarge(Order(given, 3, "restore", "net", network, "cpu"))
    for name, pixels in (("bicubic", made.bicubic), ("net", made.result.pixels)):
        expected = psnr(to_luma(given.pixels), to_luma(pixels), border=3)
        assert made.scores[name][0] == pytest.approx(expected, abs=1e-9)
    assert made.scores["net"][0] != made.scores["bicubic"][0]


def test_a_comparison_shows_pixels_bicubic_and_network(network):
    given = picture(10, 12)
    made = enlarge(Order(given, 2, "enlarge", "net", network, "cpu"))
    shown = made.comparison(made.window((0.5, 0.5)))
    assert list(shown["pictures"]) == ["original pixels", "bicubic", "net"]
    assert shown["reference"] is None
    twice = given.pixels.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(shown["pictures"]["original pixels"], twice)
    np.testing.assert_array_equal(shown["pictures"]["net"], made.result.pixels)


def test_grey_is_compared_as_colour_so_that_its_luma_is_the_paper_s(network):
    made = enlarge(Order(picture(24, 24, grey=True), 2, "restore"))
    shown = made.comparison(made.window((0, 0)))
    assert shown["reference"] == "original"
    assert all(p.ndim == 3 for p in shown["pictures"].values())


def large(rows: int, columns: int) -> Enlarged:
    blank = Picture(np.zeros((rows // 2, columns // 2), np.uint8))
    result = np.zeros((rows, columns), np.uint8)
    return Enlarged(Order(blank, 2), blank, Picture(result), result, None, {}, 0.0)


@pytest.mark.parametrize(
    ("size", "detail", "window"),
    [
        ((1000, 1500), (0.0, 0.0), (0, 0, 1000, 1500)),
        ((3000, 4000), (0.5, 0.5), (988, 1488, 1024, 1024)),
        ((3000, 4000), (0.0, 1.0), (0, 2976, 1024, 1024)),
        ((600, 4000), (0.5, 0.0), (0, 0, 600, 1024)),
    ],
)
def test_of_a_large_result_a_detail_is_compared(size, detail, window):
    made = large(*size)
    assert made.window(detail) == window
    shown = made.comparison(window)["pictures"]
    assert shown["bicubic"].shape[:2] == window[2:]
    assert shown["original pixels"].shape == shown["bicubic"].shape


@pytest.mark.parametrize("bfloat16", [None, "AMX-BF16"])
def test_progress_rises_to_one_and_hooks_are_taken_away(monkeypatch, bfloat16):
    """In float32 and in bfloat16, which has tiles of another size."""
    from vdsr_lib import devices, inference

    monkeypatch.setattr(devices, "_cpu_bfloat16", lambda: bfloat16)
    for place in ("cpu", inference._WITH_AMX):
        right = (place == "cpu") is (bfloat16 is None)
        monkeypatch.setitem(inference._WHOLE_PIXELS, place, 100)
        monkeypatch.setitem(inference._TILE, place, 16 if right else 8)
    told: list[float] = []
    network = VDSR(10, 8).eval()  # shallower ones are not used in bfloat16 unasked
    enlarge(Order(picture(16, 24), 2, "enlarge", "net", network, "cpu"), told.append)
    tiles = 2 * 3
    assert told == sorted(told)
    assert told[0] == 0
    assert told[-1] == 1
    assert told[-2] == pytest.approx(1)  # the count of tiles was right
    assert len(told) == 3 + network.depth * tiles
    assert all(not layer._forward_hooks for layer in network.modules())


def test_it_can_be_stopped_within_the_network(network):
    class StopError(Exception):
        pass

    def watch(share: float) -> None:
        if share > 0.5:
            raise StopError

    with pytest.raises(StopError):
        enlarge(Order(picture(16, 24), 2, "enlarge", "net", network, "cpu"), watch)
    assert all(not layer._forward_hooks for layer in network.modules())


def test_opacity_is_shown_on_white():
    pixels = np.full((1, 3, 3), 100, np.uint8)
    veil = np.array([[0, 128, 255]], np.uint8)
    shown = on_white(Picture(pixels, veil))
    assert shown[0, :, 0].tolist() == [255, round(255 - 155 * 128 / 255), 100]
    assert on_white(Picture(pixels)) is not None
    np.testing.assert_array_equal(on_white(Picture(pixels)), pixels)


def test_mistakes_are_sentences(network):
    with pytest.raises(PictureError, match="has 3 x 2 pixels, too few to be shrunk by"):
        enlarge(Order(picture(2, 3), 4, "restore"))
    with pytest.raises(ValueError, match="task must be one of enlarge, restore"):
        enlarge(Order(picture(8, 8), 2, "improve"))
    with pytest.raises(ValueError, match="more than the limit of 100"):
        enlarge(Order(picture(8, 8), 2, max_pixels=100))


def test_a_file_is_named_by_picture_scale_and_model(network):
    order = Order(Picture(np.zeros((4, 4), np.uint8), None, "my photo.jpeg"), 2.5)
    assert enlarge(order).file_name() == "my photo_x2.5_bicubic.png"


def test_a_network_that_is_not_convolutional_is_watched_too():
    class Same(nn.Module):
        def forward(self, ilr: torch.Tensor) -> torch.Tensor:
            return ilr

    told: list[float] = []
    made = enlarge(
        Order(picture(8, 8), 2, "enlarge", "same", Same(), "cpu"), told.append
    )
    np.testing.assert_array_equal(made.result.pixels, made.bicubic)
    assert told[-1] == 1
