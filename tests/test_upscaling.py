"""Colour in, colour out; every kind of picture, any scale, tiles without a trace."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from vdsr_lib.errors import PictureError, WeightsError
from vdsr_lib.images import Picture, restore_colour, rgb_to_luma, rgb_to_ycbcr
from vdsr_lib.models import VDSR
from vdsr_lib.resize import imresize
from vdsr_lib.upscaling import upscale
from vdsr_lib.weights import save_model


class Brighter(nn.Module):
    """Adds some levels of luma, and remembers what it was given."""

    def __init__(self, levels: float = 10) -> None:
        super().__init__()
        self.levels = levels
        self.seen: list[torch.Tensor] = []

    def forward(self, ilr: torch.Tensor) -> torch.Tensor:
        self.seen.append(ilr)
        return ilr + self.levels / 255


@pytest.fixture
def rgb() -> np.ndarray:
    """A smooth picture of moderate colours, which no conversion has to clip."""
    y, x = np.mgrid[:33, :41]
    waves = [np.sin(x / 4 + k) * np.cos(y / (5 + k)) for k in range(3)]
    return (128 + 45 * np.stack(waves, axis=-1)).astype(np.uint8)


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (20, 26), dtype=np.uint8)


def apart(first: np.ndarray, second: np.ndarray) -> int:
    """Return the largest difference in levels."""
    return int(np.abs(first.astype(int) - second.astype(int)).max())


def as_matlab(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Enlarge in float and round once."""
    return np.floor(imresize(image.astype(float), shape=shape).clip(0, 255) + 0.5)


# ---- kinds of pictures ----


def test_bicubic_grey_is_imresize(noise) -> None:
    """Also in the blacks and whites that luma does not have."""
    result = upscale(noise, 2.5, model="bicubic")
    assert result.dtype == np.uint8
    assert result.shape == (50, 65)
    assert apart(result, as_matlab(noise, (50, 65))) <= 1
    assert result.min() == 0
    assert result.max() == 255


def test_bicubic_colour_is_imresize_of_each_channel(rgb) -> None:
    """The conversion is linear, so it does not matter on which side it is done."""
    result = upscale(rgb, 3, model="bicubic")
    assert result.shape == (99, 123, 3)
    assert apart(result, as_matlab(rgb, (99, 123))) <= 1


def test_colour_is_put_back_as_images_does_it(rgb) -> None:
    luma = imresize(rgb_to_luma(rgb / 255), shape=(66, 82))
    expected = restore_colour(luma.clip(16 / 255, 235 / 255), rgb)
    assert apart(upscale(rgb, 2, model="bicubic"), expected) <= 1


def test_network_changes_the_luma_alone(rgb) -> None:
    plain = rgb_to_ycbcr(upscale(rgb, 2, model="bicubic")).astype(int)
    brighter = rgb_to_ycbcr(upscale(rgb, 2, model=Brighter(10))).astype(int)
    change = brighter - plain
    assert np.abs(change[..., 0] - 10).max() <= 1
    assert np.abs(change[..., 1:]).max() <= 1


def test_network_is_given_the_clamped_ilr(rgb) -> None:
    model = Brighter()
    upscale(rgb, 2, model=model)
    (ilr,) = model.seen
    assert ilr.shape == (1, 1, 66, 82)
    assert ilr.dtype == torch.float32
    expected = imresize(rgb_to_luma(rgb / 255), shape=(66, 82))
    np.testing.assert_allclose(ilr[0, 0].numpy(), expected, atol=1e-6)


def test_grey_reaches_the_network_in_the_range_of_luma() -> None:
    """Black is 16 and white is 235, as in the colour pictures it was trained on."""
    halves = np.repeat(np.array([[0, 255]], np.uint8), 30, axis=1).repeat(20, axis=0)
    model = Brighter(0)
    result = upscale(halves, 2, model=model)
    ilr = model.seen[0][0, 0] * 255
    assert ilr.min() == pytest.approx(16, abs=1e-4)
    assert ilr.max() == pytest.approx(235, abs=1e-4)
    assert {0, 255} <= set(result.ravel().tolist())


def test_grey_is_treated_as_equal_red_green_and_blue(noise) -> None:
    torch.manual_seed(1)
    model = VDSR(4, 8)
    nn.init.normal_(model.body[-1].weight, std=0.05)
    grey = upscale(noise, 2, model=model, device="cpu")
    colour = upscale(np.dstack([noise] * 3), 2, model=model, device="cpu")
    assert grey.ndim == 2
    assert apart(colour, grey[..., None]) <= 1
    assert apart(grey, upscale(noise, 2, model="bicubic")) > 3


def test_opacity_follows_bicubically(rgb, noise) -> None:
    alpha = np.random.default_rng(1).integers(0, 256, rgb.shape[:2], dtype=np.uint8)
    result = upscale(np.dstack([rgb, alpha]), 2, model=Brighter())
    assert result.shape == (66, 82, 4)
    np.testing.assert_array_equal(result[..., 3], imresize(alpha, 2))
    np.testing.assert_array_equal(result[..., :3], upscale(rgb, 2, model=Brighter()))
    picture = upscale(Picture(noise, noise, "veil"), 2, model="bicubic")
    assert picture.name == "veil"
    assert picture.pixels.shape == picture.alpha.shape == (40, 52)


def test_files_are_read(rgb, tmp_path: Path) -> None:
    file = tmp_path / "small.png"
    Image.fromarray(rgb).save(file)
    for path in (file, str(file)):
        picture = upscale(path, 2, model="bicubic")
        assert isinstance(picture, Picture)
        assert picture.name == "small"
        assert picture.alpha is None
        np.testing.assert_array_equal(picture.pixels, upscale(rgb, 2, model="bicubic"))


@pytest.mark.parametrize("scale", [1.1, 1.5, 2, math.pi, 8])
@pytest.mark.parametrize("shape", [(50, 30), (30, 50), (7, 5, 3), (1, 1), (1, 9, 3)])
def test_any_scale_and_size(scale: float, shape) -> None:
    image = np.full(shape, 77, np.uint8)
    result = upscale(image, scale, model="bicubic")
    rows, columns = (math.ceil(round(n * scale, 6)) for n in shape[:2])
    assert result.shape == (rows, columns, *shape[2:])
    assert apart(result, np.full(result.shape, 77)) == 0


# ---- networks ----


def test_tiles_and_bands_leave_no_trace(rgb, monkeypatch) -> None:
    torch.manual_seed(1)
    model = VDSR(6, 8)
    nn.init.normal_(model.body[-1].weight, std=0.05)
    whole = upscale(rgb, 3, model=model, device="cpu", tile=0)
    monkeypatch.setattr("vdsr_lib.upscaling._BAND", 7)
    tiled = upscale(rgb, 3, model=model, device="cpu", tile=20)
    assert apart(tiled, whole) <= 1
    assert (tiled != whole).mean() < 1e-3
    assert apart(whole, upscale(rgb, 3, model="bicubic")) > 3


def test_tile_and_precision_reach_the_network(rgb, monkeypatch) -> None:
    given = []

    def spy(network, ilr, **options):
        given.append(options)
        return ilr

    monkeypatch.setattr("vdsr_lib.upscaling.super_resolve", spy)
    upscale(rgb, 2, model=Brighter(), tile=20, precision="bfloat16")
    assert given == [{"tile": 20, "precision": "bfloat16"}]


def test_weights_are_found_by_their_path(rgb, tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = VDSR(3, 8)
    path = save_model(model, tmp_path / "small.safetensors", card={"recipe": "none"})
    np.testing.assert_array_equal(
        upscale(rgb, 2, model=str(path), device="cpu"),
        upscale(rgb, 2, model=model, device="cpu"),
    )


def test_unknown_weights_are_named_and_bicubic_is_offered(rgb) -> None:
    with pytest.raises(WeightsError, match=r"'nobody'.*model='bicubic' needs no"):
        upscale(rgb, 2, model="nobody")


def test_a_diverged_network_is_refused(rgb) -> None:
    with pytest.raises(ValueError, match="Brighter gives NaN or infinity"):
        upscale(rgb, 2, model=Brighter(math.nan))


def test_overshooting_networks_are_clipped(noise, rgb) -> None:
    assert (upscale(noise, 2, model=Brighter(4000)) == 255).all()
    assert (upscale(noise, 2, model=Brighter(-4000)) == 0).all()
    # Of a colour picture the luma, 0 or 1: the colours stay, as far as they can.
    assert upscale(rgb, 2, model=Brighter(4000)).min() > 190
    assert upscale(rgb, 2, model=Brighter(-4000)).max() < 70


# ---- bad input ----


@pytest.mark.parametrize("scale", [0, -3, 1, 1.05, 8.5, math.nan, math.inf])
def test_bad_scale_is_refused(noise, scale: float) -> None:
    with pytest.raises(ValueError, match=r"scale must be in \[1.1, 8\], got"):
        upscale(noise, scale, model="bicubic")


def test_too_large_a_result_is_refused_before_work_begins(noise) -> None:
    with pytest.raises(ValueError, match=r"would become 52 x 40 .* limit of 2,000"):
        upscale(noise, 2, model="nobody", max_pixels=2000)
    assert upscale(noise, 2, model="bicubic", max_pixels=40 * 52).shape == (40, 52)
    assert upscale(noise, 2, model="bicubic", max_pixels=None).shape == (40, 52)


def test_other_arrays_are_refused(noise) -> None:
    with pytest.raises(TypeError, match="uint8"):
        upscale(noise / 255, 2, model="bicubic")
    with pytest.raises(ValueError, match="pixels must be"):
        upscale(noise[None, None], 2, model="bicubic")
    with pytest.raises(ValueError, match="pixels must be"):
        upscale(noise[:0], 2, model="bicubic")


@pytest.mark.parametrize("kind", ["tensor", "list", "nothing"])
def test_what_is_neither_file_nor_array_is_refused_in_a_sentence(noise, kind) -> None:
    given = {"tensor": torch.from_numpy(noise), "list": noise.tolist(), "nothing": None}
    with pytest.raises(TypeError, match="image must be a file, an array or a Picture"):
        upscale(given[kind], 2, model="bicubic")


def test_files_that_are_no_pictures_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "poem.png"
    file.write_text("Shall I compare thee")
    with pytest.raises(PictureError, match=r"poem\.png"):
        upscale(file, 2, model="bicubic")


def test_absent_device_is_named(noise) -> None:
    with pytest.raises(ValueError, match="device must be"):
        upscale(noise, 2, model=Brighter(), device="abacus")
