"""MATLAB's imresize: against MATLAB's own output, its definition, Pillow and torch."""

from __future__ import annotations

import doctest
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vdsr_lib import resize
from vdsr_lib.resize import imresize


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(20160627)


def keys_kernel(x: float) -> float:
    """Keys 1981, equation 4, a = -1/2; written branch by branch."""
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    if x <= 2:
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return 0.0


def by_definition(line: list[float], new_length: int, scale: float, antialias: bool):
    """Resize one line pixel by pixel: a kernel over an endlessly mirrored line."""
    length = len(line)
    squeeze = scale if antialias and scale < 1 else 1.0
    result = []
    for new in range(new_length):
        centre = (new + 0.5) / scale - 0.5
        reach = math.ceil(2 / squeeze) + 1
        total = weight_sum = 0.0
        for old in range(math.floor(centre) - reach, math.floor(centre) + reach + 2):
            mirrored = old
            while not 0 <= mirrored < length:
                mirrored = -1 - mirrored if mirrored < 0 else 2 * length - 1 - mirrored
            weight = keys_kernel(squeeze * (centre - old))
            total += weight * line[mirrored]
            weight_sum += weight
        result.append(total / weight_sum)
    return result


def image_by_definition(image: np.ndarray, scale: float, antialias: bool = True):
    height, width = (math.ceil(scale * n) for n in image.shape)
    columns = [by_definition(list(c), height, scale, antialias) for c in image.T]
    tall = np.array(columns).T
    return np.array([by_definition(list(r), width, scale, antialias) for r in tall])


# ---- exactness ----


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_agrees_with_matlab_to_1e_12(oracles: Path, scale: int) -> None:
    """MATLAB's own output for Set5's butterfly, published with pytorch-vdsr."""
    matlab = np.load(oracles / "matlab_imresize_butterfly.npz")
    high, low, up = (matlab[f"butterfly_{scale}_{what}"] for what in ("hr", "lr", "up"))
    np.testing.assert_allclose(imresize(high, 1 / scale), low, rtol=0, atol=1e-12)
    np.testing.assert_allclose(imresize(low, scale), up, rtol=0, atol=1e-12)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize(
    "scale",
    [0.1, 1 / 3, 0.5, 0.77, 0.95, 1, 1.1, 1.5, 2, math.pi, 8],
)
def test_is_the_definition(random, scale: float, antialias: bool) -> None:
    image = random.random((13, 9))  # at 0.95 as large, and not the same
    expected = image_by_definition(image, scale, antialias)
    np.testing.assert_allclose(
        imresize(image, scale, antialias=antialias), expected, rtol=0, atol=1e-13
    )


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (2, 3), (4, 1)])
@pytest.mark.parametrize("scale", [0.2, 0.5, 3])
def test_pictures_smaller_than_the_kernel(random, height, width, scale) -> None:
    image = random.random((height, width))
    expected = image_by_definition(image, scale)
    np.testing.assert_allclose(imresize(image, scale), expected, atol=1e-13)


def test_weights_of_factor_two_are_the_published_ones() -> None:
    """An impulse reads the weights back: the ones printed wherever MATLAB is copied."""
    impulse = np.zeros((1, 32))
    impulse[0, 16] = 1
    halved = imresize(impulse, shape=(1, 16))[0]
    expected = [-0.01171875, 0.11328125, 0.43359375, -0.03515625]
    assert halved[6:10].tolist() == expected
    doubled = imresize(impulse, shape=(1, 64))[0]
    expected = [-0.0234375, -0.0703125, 0.2265625, 0.8671875]
    assert doubled[29:33].tolist() == expected
    assert doubled[33:37].tolist() == expected[::-1]


def test_agrees_with_gnu_octave() -> None:
    """What Octave's image package prints for imresize(img, 0.5, 'bicubic', ...)."""
    image = np.arange(16.0).reshape(4, 4)
    octave = [[2.1875, 4.3125], [10.6875, 12.8125]]
    assert imresize(image, 0.5, antialias=False).tolist() == octave


@pytest.mark.parametrize(("old", "new"), [(96, 48), (90, 30), (96, 24), (40, 100)])
def test_interior_equals_pillow_and_torch(random, old: int, new: int) -> None:
    """Both know the same kernel and differ from MATLAB at the borders only."""
    image = random.random((old, old), np.float32)
    ours = imresize(image, shape=(new, new))
    pillow = np.asarray(
        Image.fromarray(image).resize((new, new), Image.Resampling.BICUBIC)
    )
    torchs = torch.nn.functional.interpolate(
        torch.from_numpy(image)[None, None],
        size=(new, new),
        mode="bicubic",
        antialias=True,
    )[0, 0].numpy()
    edge = math.ceil(2 * max(1, new / old)) + 1
    inside = np.s_[edge:-edge, edge:-edge]
    np.testing.assert_allclose(ours[inside], pillow[inside], atol=2e-6)
    np.testing.assert_allclose(ours[inside], torchs[inside], atol=5e-6)
    assert np.abs(ours - pillow).max() > 1e-3  # the borders: why this module exists


@pytest.mark.parametrize("scale", [0.13, 0.5, 1.7, 4])
def test_weights_sum_to_one(scale: float) -> None:
    flat = np.full((23, 17), 0.7)
    np.testing.assert_allclose(imresize(flat, scale), 0.7, rtol=0, atol=1e-15)


def test_enlarging_keeps_a_parabola() -> None:
    """Keys: with a = -1/2, and only then, quadratics are reproduced."""
    where = np.arange(24.0)
    image = np.tile(where**2 - 5 * where, (4, 1))
    new = imresize(image, shape=(4, 60))
    new_where = (np.arange(60) + 0.5) / 2.5 - 0.5
    inside = (new_where > 2) & (new_where < 21)
    np.testing.assert_allclose(
        new[0, inside], (new_where**2 - 5 * new_where)[inside], atol=1e-11
    )


@pytest.mark.parametrize("scale", [0.4, 0.5, 3])
def test_mirroring_and_transposing_commute(random, scale: float) -> None:
    image = random.random((20, 30))
    new = imresize(image, scale)
    np.testing.assert_allclose(imresize(image[::-1], scale), new[::-1], atol=1e-14)
    np.testing.assert_allclose(imresize(image.T, scale), new.T, atol=1e-14)


def test_scale_one_copies(random) -> None:
    image = random.random((5, 6))
    copy = imresize(image, 1)
    np.testing.assert_array_equal(copy, image)
    assert not np.shares_memory(copy, image)
    tensor = torch.from_numpy(image)
    assert imresize(tensor, shape=(5, 6)).data_ptr() != tensor.data_ptr()


# ---- sizes and order ----


@pytest.mark.parametrize(
    ("scale", "expected"),
    [(0.5, (4, 6)), (1 / 3, (3, 4)), (1.25, (9, 14)), (2, (14, 22))],
)
def test_size_is_rounded_up(scale: float, expected: tuple[int, int]) -> None:
    assert imresize(np.zeros((7, 11)), scale).shape == expected


def test_scale_keeps_its_value_though_the_size_is_rounded(random) -> None:
    """MATLAB samples at 1/scale, not at the ratio of the rounded sizes."""
    image = random.random((7, 11))
    assert not np.allclose(imresize(image, 0.5), imresize(image, shape=(4, 6)))
    even = image[:6, :10]
    np.testing.assert_array_equal(imresize(even, 0.5), imresize(even, shape=(3, 5)))


def test_smaller_factor_goes_first() -> None:
    """Visible in uint8 only, which is rounded between the dimensions."""
    image = np.random.default_rng(3).integers(0, 256, (12, 10), dtype=np.uint8)
    rounded = lambda x: np.floor(np.clip(x, 0, 255) + 0.5)  # noqa: E731
    rows, columns = (
        (lambda x: imresize(x, shape=(24, x.shape[1]))),
        (lambda x: imresize(x, shape=(x.shape[0], 5))),
    )
    columns_first = rounded(rows(rounded(columns(image.astype(float)))))
    rows_first = rounded(columns(rounded(rows(image.astype(float)))))
    assert (columns_first != rows_first).any()
    np.testing.assert_array_equal(imresize(image, shape=(24, 5)), columns_first)


# ---- uint8 ----


def test_uint8_is_rounded_half_up_and_saturated() -> None:
    """By hand: 1/2 of the way between k and k+1 gives k+1; overshoot is cut off."""
    step = np.repeat(np.array([[0, 255]], np.uint8), 8, axis=1)
    floats = imresize(step.astype(float), shape=(1, 32))
    assert floats.min() < 0
    assert floats.max() > 255
    assert (imresize(step, shape=(1, 32)) == np.floor(floats.clip(0, 255) + 0.5)).all()
    ties = np.array([[2, 2, 2, 2, 3, 3, 3, 3]], np.uint8)  # 3 pixels: the middle is 2.5
    assert imresize(ties.astype(float), shape=(1, 1)).item() == 2.5
    assert imresize(ties, shape=(1, 1)).item() == 3


def test_uint8_is_rounded_between_the_two_dimensions(random) -> None:
    image = random.integers(0, 256, (31, 29), dtype=np.uint8)
    once = np.floor(imresize(image.astype(float), 0.5).clip(0, 255) + 0.5)
    twice = imresize(image, 0.5)
    assert twice.dtype == np.uint8
    assert 0 < np.abs(twice - once).max() <= 1


@pytest.mark.parametrize("path", ["array", "accelerator"])
def test_uint8_is_computed_in_double(random, monkeypatch, path) -> None:
    """As MATLAB does: in float32 some values fall on the other side of a half."""
    image = random.integers(0, 256, (40, 10_000), dtype=np.uint8)
    exact = imresize(image.astype(float), shape=(40, 7_700)).clip(0, 255)
    single = imresize(image.astype(np.float32), shape=(40, 7_700)).clip(0, 255)
    assert (np.floor(single + 0.5) != np.floor(exact + 0.5)).any()
    if path == "array":
        resized = imresize(image, shape=(40, 7_700))
    else:
        monkeypatch.setattr(resize, "_on_cpu", lambda _: False)
        resized = imresize(torch.from_numpy(image), shape=(40, 7_700)).numpy()
    np.testing.assert_array_equal(resized, np.floor(exact + 0.5))


# ---- arrays and tensors ----


def test_colour_channels_are_resized_alone(random) -> None:
    image = random.random((12, 15, 3))
    for channel in range(3):
        np.testing.assert_array_equal(
            imresize(image, 1.3)[..., channel], imresize(image[..., channel], 1.3)
        )


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
@pytest.mark.parametrize("leading", [(), (5,), (2, 3), (2, 1, 100)])
def test_tensors_of_any_leading_shape(random, dtype, leading) -> None:
    pixels = random.integers(0, 256, (*leading, 17, 70))
    batch = torch.from_numpy(pixels).to(dtype)
    new = imresize(batch, shape=(30, 21))
    assert new.dtype == dtype
    assert new.shape == (*leading, 30, 21)
    assert new.is_contiguous()
    for image, each in zip(
        batch.reshape(-1, 17, 70), new.reshape(-1, 30, 21), strict=True
    ):
        np.testing.assert_array_equal(
            each.numpy(), imresize(image.numpy(), shape=(30, 21))
        )


def test_tensors_need_not_be_contiguous(random) -> None:
    batch = torch.from_numpy(random.random((2, 20, 30, 3))).permute(0, 3, 1, 2)
    assert not batch.is_contiguous()
    torch.testing.assert_close(imresize(batch, 0.5), imresize(batch.contiguous(), 0.5))
    wide = torch.from_numpy(random.random((20, 30)))
    torch.testing.assert_close(
        imresize(wide[::2].T, 2), imresize(wide.T[:, ::2].clone(), 2)
    )


def test_float32_keeps_its_type_and_its_digits(random) -> None:
    image = random.random((40, 50))
    new = imresize(image.astype(np.float32), 0.5)
    assert new.dtype == np.float32
    np.testing.assert_allclose(new, imresize(image, 0.5), atol=5e-7)


def test_input_is_left_alone_and_gradients_stop(random) -> None:
    image = torch.from_numpy(random.random((8, 8))).requires_grad_()
    before = image.detach().clone()
    new = imresize(image, 0.5)
    assert not new.requires_grad
    assert torch.equal(image, before)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
@pytest.mark.parametrize(
    "size",
    [
        *({"shape": shape} for shape in [(30, 21), (5, 9), (17, 70), (34, 140)]),
        {"shape": (17, 140)},  # rows stay, and come first
        {"scale": 0.99},  # as large, and not the same
    ],
    ids=str,
)
def test_path_of_accelerators_agrees(random, dtype, size) -> None:
    """The gather that runs on a GPU, here on the CPU, against the sparse product."""
    batch = torch.from_numpy(random.integers(0, 256, (2, 3, 17, 70))).to(dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resize, "_resize_array", None)
        patch.setattr(resize, "_on_cpu", lambda _: False)
        new = imresize(batch, **size)
    torch.testing.assert_close(new, imresize(batch, **size), rtol=1e-6, atol=1e-4)
    assert new.is_contiguous()


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
def test_gpu_agrees_with_cpu_whatever_the_precision_switches(random, dtype) -> None:
    batch = torch.from_numpy(random.integers(0, 256, (2, 3, 65, 70))).to(dtype)
    with torch.autocast("cuda", torch.bfloat16), torch.inference_mode():
        new = imresize(batch.cuda(), 0.5)
    assert new.is_cuda
    assert new.dtype == dtype
    torch.testing.assert_close(new.cpu(), imresize(batch, 0.5), rtol=1e-6, atol=1e-4)


def test_weights_are_built_once() -> None:
    resize._matrix.cache_clear()
    for _ in range(3):
        imresize(np.zeros((10, 14)), 0.5)
    assert resize._matrix.cache_info().misses == 2
    assert resize._matrix.cache_info().hits == 4


# ---- bad input ----


@pytest.mark.parametrize("scale", [0, -2, math.nan, math.inf])
def test_bad_scale_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match=f"scale must be .* got {scale}"):
        imresize(np.zeros((4, 4)), scale)


@pytest.mark.parametrize("shape", [(0, 4), (4, -1), (4,), (2.5, 4), (math.nan, 4)])
def test_bad_shape_is_refused(shape) -> None:
    with pytest.raises(ValueError, match="shape must be two positive integers"):
        imresize(np.zeros((4, 4)), shape=shape)


@pytest.mark.parametrize("scale", [(2, 2), 2j, "two"])
def test_a_scale_that_is_no_number_is_refused(scale) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TypeError, match="scale must be a number, got"):
        imresize(np.zeros((4, 4)), scale)


@pytest.mark.parametrize("shape", [8, 8.0, np.int64(8)])
def test_a_shape_that_is_no_pair_is_refused(shape) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TypeError, match="shape must be two positive integers, got"):
        imresize(np.zeros((4, 4)), shape=shape)


def test_scale_or_shape_must_be_given() -> None:
    for arguments in ({}, {"scale": 2, "shape": (8, 8)}):
        with pytest.raises(ValueError, match="either scale or shape"):
            imresize(np.zeros((4, 4)), **arguments)


@pytest.mark.parametrize("scale", [1e-310, 1e-9, 1e9, 1e308])
def test_absurd_scales_end_in_a_sentence_not_out_of_memory(scale: float) -> None:
    for shape in ((4, 4), (4, 1)):
        with pytest.raises(ValueError, match="choose a scale nearer to 1"):
            imresize(np.zeros(shape), scale)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (4, 4, 0)])
def test_empty_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="image is empty"):
        imresize(np.zeros(shape), 2)
    with pytest.raises(ValueError, match="image is empty"):
        imresize(torch.zeros(shape), 2)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_not_finite_image_is_refused(monkeypatch, bad: float) -> None:
    image = np.zeros((4, 4))
    image[1, 2] = bad
    for each in (image, torch.from_numpy(image)):
        with pytest.raises(ValueError, match="NaN or infinity"):
            imresize(each, 2)
    monkeypatch.setattr(resize, "_on_cpu", lambda _: False)
    with pytest.raises(ValueError, match="NaN or infinity"):
        imresize(torch.from_numpy(image), 2)


def test_other_shapes_and_types_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must be \(H, W\)"):
        imresize(np.zeros((1, 1, 4, 4)), 2)
    with pytest.raises(ValueError, match=r"must be \(\.\.\., H, W\)"):
        imresize(torch.zeros(4), 2)
    with pytest.raises(TypeError, match="uint8, float32 or float64, got int64"):
        imresize(np.zeros((4, 4), np.int64), 2)
    with pytest.raises(TypeError, match="got list"):
        imresize([[1.0]], 2)


def test_docstring_example_is_true() -> None:
    results = doctest.testmod(resize)
    assert results.attempted > 0
    assert results.failed == 0
