"""What a comparison holds: exact pictures, once each, with the library's scores."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from vdsr_lib.widgets.content import most_different, pack
from vdsr_lib.widgets.frames import packed_curves, packed_frames


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    """A grey picture of 40 x 60 pixels with all levels."""
    return np.random.default_rng(3).integers(0, 256, (40, 60), dtype=np.uint8)


def opened(png: bytes) -> np.ndarray:
    """A PNG file as Pillow reads it."""
    return np.asarray(Image.open(BytesIO(png)))


def test_pictures_travel_without_loss(scene):
    colour = np.stack([scene, scene[::-1], 255 - scene], axis=-1)
    content = pack({"grey": scene, "colour": colour})
    assert content["colour"] == [False, True]
    np.testing.assert_array_equal(opened(content["pixels"][0]), scene)
    np.testing.assert_array_equal(opened(content["pixels"][1]), colour)
    assert content["size"] == [40, 60]


def test_float_pictures_are_rounded_half_up_and_clipped():
    ramp = np.array([[-0.2, 0.0, 0.5 / 255, 1.49 / 255, 1.0, 1.3]])
    content = pack({"ramp": ramp, "black": ramp * 0}, border=0)
    assert opened(content["pixels"][0]).tolist() == [[0, 0, 1, 1, 255, 255]]


def test_a_picture_that_occurs_often_travels_once(scene):
    frames = [scene // 2, scene, scene // 2]
    content = pack(
        {"truth": scene, "series": frames, "also": scene.copy()},
        frames={"epoch": [1, 2, 3]},
    )
    assert len(content["pixels"]) == 2
    assert content["series"] == [[0], [1, 0, 1], [0]]


def test_scores_are_scikit_images_over_the_shaved_picture(scene):
    noisy = np.clip(scene.astype(int) + 9, 0, 255).astype(np.uint8)
    content = pack({"noisy": noisy, "truth": scene}, reference="truth", border=3)
    inner = np.s_[3:-3, 3:-3]
    [[decibels, likeness]], [[none, one]] = content["scores"]
    assert decibels == pytest.approx(
        peak_signal_noise_ratio(scene[inner], noisy[inner], data_range=255)
    )
    assert likeness == pytest.approx(
        structural_similarity(
            scene[inner], noisy[inner], data_range=255, gaussian_weights=True,
            sigma=1.5, use_sample_covariance=False,
        )
    )  # fmt: skip
    assert (none, one) == (None, 1.0)  # the truth itself: infinite, not in JSON


def test_each_frame_is_scored_against_its_own_truth(scene):
    truths = [scene, scene[::-1]]
    content = pack(
        {"truth": truths, "fixed": scene, "same": truths},
        reference="truth",
        frames=["a", "b"],
    )
    _, fixed, same = content["scores"]
    assert fixed[0][0] is None
    assert fixed[1][0] == pytest.approx(
        peak_signal_noise_ratio(scene[::-1], scene, data_range=255)
    )
    assert same == [[None, 1.0], [None, 1.0]]


def test_a_picture_too_small_for_ssim_has_its_psnr(scene):
    tiny = scene[:10, :10]
    content = pack({"truth": tiny, "dark": tiny // 2}, reference="truth")
    decibels, likeness = content["scores"][1][0]
    assert decibels > 0
    assert likeness is None


def test_an_array_with_a_frame_axis_is_a_series(scene):
    stack = np.stack([scene, scene // 2, scene // 3])
    content = pack({"truth": scene, "net": stack}, frames={"step": [0, 10, 100]})
    assert content["series"] == [[0], [0, 1, 2]]
    colour = np.stack([stack] * 3, axis=-1)  # (3, H, W, 3)
    content = pack({"truth": scene, "net": colour}, frames=[1, 2, 3])
    assert content["series"][1] == [1, 2, 3]


@pytest.mark.parametrize(
    ("pictures", "more", "says"),
    [
        ({}, {}, "at least two pictures, got 0"),
        ({"a": (4, 4)}, {}, "at least two pictures, got 1"),
        ({"a": (4, 4), "b": (4, 5)}, {}, r"'a' has \(4, 4\) and 'b' has \(4, 5\)"),
        ({"a": (4, 4), "b": (0, 4)}, {}, "picture 'b' is empty"),
        ({"a": (4, 4), "b": (4, 4, 4)}, {}, r"'b' must be \(H, W\) or \(H, W, 3\)"),
        ({"a": (4, 4), "b": (4, 4)}, {"reference": "c"}, "'c' is not among .*: a, b"),
        ({"a": (4, 4), "b": (4, 4)}, {"border": 2}, "leave a pixel of 4 x 4, got 2"),
        ({"a": (4, 4), "b": (4, 4)}, {"border": -1}, "at least 0 .* got -1"),
        ({"a": (4, 4), "b": (4, 4)}, {"frames": [1, 2]}, "every picture is a single"),
        ({"a": (4, 4), "b": (4, 4)}, {"frames": []}, "frames is empty"),
        ({"a": (4, 4), "b": (4, 4)}, {"frames": {}}, "must name one thing"),
    ],
)
def test_bad_pictures_are_refused_in_a_sentence(pictures, more, says):
    arrays = {name: np.zeros(shape, np.uint8) for name, shape in pictures.items()}
    with pytest.raises(ValueError, match=says):
        pack(arrays, **more)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 77.0])
def test_values_out_of_range_are_named(bad):
    flat = np.zeros((4, 4))
    with pytest.raises(ValueError, match=r"'broken'.*(not finite|float values)"):
        pack({"fine": flat, "broken": np.full((4, 4), bad)})


def test_a_series_of_the_wrong_length_is_named(scene):
    with pytest.raises(ValueError, match=r"'net' is a series of 2, but frames names 3"):
        pack({"a": scene, "net": [scene, scene]}, frames=[1, 2, 3])
    with pytest.raises(ValueError, match=r"'net' is a series of 2, but frames names n"):
        pack({"a": scene, "net": [scene, scene]})


def test_a_frame_of_a_series_is_named_by_its_label(scene):
    with pytest.raises(ValueError, match="'net, epoch 20'"):
        pack({"a": scene, "net": [scene, scene / 1.0]}, frames={"epoch": [10, 20]})


def test_what_is_no_mapping_of_arrays_is_a_type_error(scene):
    with pytest.raises(TypeError, match=r"mapping of name to array.*got list"):
        pack([scene, scene])
    with pytest.raises(TypeError, match="'net' is a tensor"):
        pack({"a": scene, "net": torch.zeros(40, 60)})


def test_numeric_labels_are_places_on_the_axis():
    packed = packed_frames({"scale": [1.5, 2.0, 4.0]})
    assert packed["frame_labels"] == ["1.5", "2", "4"]
    assert packed["frame_x"] == [1.5, 2.0, 4.0]
    assert packed["frame_title"] == "scale"


@pytest.mark.parametrize("labels", [["none", "value", "norm"], [3, 1, 2], [0, 1, 1]])
def test_other_labels_stand_at_equal_distances(labels):
    packed = packed_frames(labels)
    assert packed["frame_x"] == [0.0, 1.0, 2.0]


def test_a_curve_has_a_value_a_frame_or_places_of_its_own():
    fine = ([0, 5, 10, 15], [1.0, np.nan, 3.0, np.inf])
    curves = packed_curves({"coarse": [7, 8], "fine": fine}, [0.0, 10.0])
    assert curves[0] == {"name": "coarse", "x": [0.0, 10.0], "y": [7.0, 8.0]}
    assert curves[1]["y"] == [1.0, None, 3.0, None]  # gaps, and valid JSON


def test_curves_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="'psnr' has 3 values for 2 places"):
        packed_curves({"psnr": [1, 2, 3]}, [0.0, 1.0])
    with pytest.raises(ValueError, match="curves go with frames"):
        packed_curves({"psnr": [1, 2, 3]}, [])


def test_the_loupe_begins_where_the_pictures_differ_most():
    flat = np.full((80, 90), 100, np.uint8)
    dented = flat.copy()
    dented[50:62, 20:32] = 140
    content = pack({"truth": flat, "dented": dented}, reference="truth")
    row, column = most_different(content)
    assert abs(row - 56) <= 12
    assert abs(column - 26) <= 12


@pytest.mark.parametrize("length", [1, 2, 3, 47, 48, 49, 500])
def test_the_loupe_begins_inside_pictures_of_any_size(length):
    flat = np.zeros((length, length), np.uint8)
    dotted = flat.copy()
    dotted[-1, -1] = 255
    row, column = most_different(pack({"flat": flat, "dotted": dotted}))
    assert 0 <= row < length
    assert 0 <= column < length
    if length >= 49:
        assert 24 <= row <= length - 25
        assert 24 <= column <= length - 25
