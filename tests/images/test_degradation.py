"""The degradation, against MATLAB's own output and the published Bicubic scores."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vdsr_lib.images import LUMA_RANGE, check_scale, crop_to_multiple, degrade

LOW, HIGH = 16 / 255, 235 / 255


@pytest.fixture
def luma():
    return np.random.default_rng(0).integers(16, 236, (24, 36), np.uint8)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_ilr_is_matlabs(oracles, scale):
    matlab = np.load(oracles / "matlab_imresize_butterfly.npz")
    expected = matlab[f"butterfly_{scale}_up"].clip(LOW, HIGH)
    found = degrade(matlab[f"butterfly_{scale}_hr"], scale)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [2, 3, 4, 1.1, 1.7, 2.5, 8])
def test_arrays_and_tensors_agree(luma, scale):
    array = degrade(luma / 255, scale)
    batch = torch.from_numpy(luma / 255).expand(2, 1, -1, -1)
    tensor = degrade(batch, scale)
    assert tensor.shape == (2, 1, 24, 36)
    np.testing.assert_allclose(tensor[1, 0].numpy(), array, rtol=0, atol=1e-12)


def test_eight_bits_mean_the_same_as_fractions(luma):
    np.testing.assert_array_equal(degrade(luma, 3), degrade(luma / 255, 3))
    tensor = degrade(torch.from_numpy(luma), 3)
    assert tensor.dtype == torch.float32
    np.testing.assert_allclose(tensor, degrade(luma, 3), atol=1e-6)


@pytest.mark.parametrize("default", [torch.float64, torch.bfloat16])
def test_eight_bit_tensors_give_float32_whatever_torchs_default_is(luma, default):
    eight = torch.from_numpy(luma)
    expected = degrade(eight, 3)
    torch.set_default_dtype(default)
    try:
        found = degrade(eight, 3)
    finally:
        torch.set_default_dtype(torch.float32)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_dtypes_are_kept(luma, dtype):
    hr = (luma / 255).astype(dtype)
    assert degrade(hr, 2).dtype == dtype
    assert degrade(torch.from_numpy(hr), 2).numpy().dtype == dtype


def test_the_low_resolution_picture_is_not_rounded_to_eight_bits():
    """A slow ramp stays a ramp; 8 bits in between would make it a staircase."""
    ramp = np.linspace(0.4, 0.41, 64) * np.ones((64, 1))
    inner = degrade(ramp, 2)[8:-8, 8:-8]
    np.testing.assert_allclose(inner, ramp[8:-8, 8:-8], rtol=0, atol=1e-12)


def test_the_result_is_clamped_to_studio_range():
    assert LUMA_RANGE == (LOW, HIGH)
    stripes = np.tile([0.0, 0, 0, 1, 1, 1], (12, 4))
    for ilr in (degrade(stripes, 2), degrade(torch.from_numpy(stripes), 2).numpy()):
        assert ilr.min() == LOW
        assert ilr.max() == HIGH


@pytest.mark.parametrize("scale", [1.1, 1.3, 1.5, 2.2, 2.5, 3.7, 7.9, 2, 3, 5])
@pytest.mark.parametrize("shape", [(11, 11), (37, 50), (1, 1), (64, 1)])
def test_any_scale_keeps_the_size_and_a_constant(scale, shape):
    ilr = degrade(np.full(shape, 0.5), scale)
    assert ilr.shape == shape
    np.testing.assert_allclose(ilr, 0.5, atol=1e-12)


@pytest.mark.parametrize("scale", [1.3, 2, 2.5, 3.7, 4])
def test_nothing_shifts_whatever_the_size(scale):
    """A straight ramp comes back where it was, also far from the top left corner."""
    ramp = np.linspace(0.2, 0.8, 101) * np.ones((101, 1))
    for hr in (ramp, ramp.T):
        inner = (slice(20, -20),) * 2
        np.testing.assert_allclose(degrade(hr, scale)[inner], hr[inner], atol=1e-3)


def test_the_low_resolution_size_is_rounded_up(monkeypatch):
    """At 21 pixels and scale 1.4 it is 15, though in floating point 21 / 1.4 > 15."""
    from vdsr_lib.images import degradation

    shapes = []

    def spy(image, *, shape):
        shapes.append(shape)
        return np.zeros(shape)

    monkeypatch.setattr(degradation, "imresize", spy)
    degrade(np.zeros((21, 42)), 1.4)
    degrade(np.zeros((10, 12)), 4)
    assert shapes == [(15, 30), (21, 42), (3, 3), (10, 12)]


@pytest.mark.parametrize("scale", [1.1, 2, 3, 8, np.float64(2.5), np.int64(4)])
def test_usable_scales(scale):
    found = check_scale(scale)
    assert found == scale
    assert type(found) is float


@pytest.mark.parametrize("scale", [0, 1, -2, 1.09, 8.01, float("nan"), float("inf")])
@pytest.mark.parametrize(
    "use",
    [
        check_scale,
        lambda scale: degrade(np.zeros((8, 8)), scale),
        lambda scale: crop_to_multiple(np.zeros((8, 8)), scale),
    ],
)
def test_unusable_scales(use, scale):
    with pytest.raises(ValueError, match=rf"^scale must be in \[1.1, 8\], got {scale}"):
        use(scale)


@pytest.mark.parametrize("scale", ["2", None, True, [2], 2j])
def test_a_scale_is_a_number(scale):
    with pytest.raises(TypeError, match=r"scale must be a number in \[1.1, 8\]"):
        check_scale(scale)


@pytest.mark.parametrize(
    ("shape", "scale", "expected"),
    [
        ((10, 11), 3, (9, 9)),
        ((12, 8), 4, (12, 8)),
        ((10, 11, 3), 4, (8, 8, 3)),
        ((10, 11), 2.5, (10, 11)),
        ((10, 11), 2.0, (10, 10)),
    ],
)
def test_cropping_to_a_multiple(shape, scale, expected):
    image = np.arange(np.prod(shape)).reshape(shape)
    cropped = crop_to_multiple(image, scale)
    assert cropped.shape == expected
    np.testing.assert_array_equal(cropped, image[: expected[0], : expected[1]])


def test_cropping_a_tensor_takes_its_last_axes():
    image = torch.arange(2 * 3 * 10 * 11).reshape(2, 3, 10, 11)
    cropped = crop_to_multiple(image, 3)
    assert torch.equal(cropped, image[..., :9, :9])


def test_cropping_a_picture_to_nothing_is_refused():
    with pytest.raises(ValueError, match=r"3 x 9 pixels is too small for scale 4"):
        crop_to_multiple(np.zeros((3, 9)), 4)


@pytest.mark.parametrize(
    ("hr", "error", "message"),
    [
        (np.zeros((8, 8, 3)), ValueError, r"luma of shape \(H, W\), got \(8, 8, 3\)"),
        (np.zeros((0, 8)), ValueError, r"rows and columns, got shape \(0, 8\)"),
        (torch.zeros(8), ValueError, r"rows and columns, got shape \(8,\)"),
        (np.full((8, 8), 128.0), ValueError, "divide a picture in 0 to 255 by 255"),
        (torch.full((8, 8), torch.nan), ValueError, "NaN or infinity"),
        (np.zeros((8, 8), int), TypeError, "got int64"),
    ],
)
def test_what_is_no_luma_is_refused(hr, error, message):
    with pytest.raises(error, match=message):
        degrade(hr, 2)
