"""The protocol's switches: the right ones give the paper's row, a wrong one costs."""

from __future__ import annotations

from dataclasses import fields, replace
from math import log10

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from vdsr_lib.protocol import (
    MISTAKES,
    PAPER,
    Protocol,
    beside_table3,
    bicubic_pair,
    bicubic_psnr,
    bicubic_scores,
    costs,
    load_benchmarks,
    published_costs,
)
from vdsr_lib.resize import imresize


@pytest.fixture(scope="module")
def colours() -> np.ndarray:
    """A colour picture of 50 x 63 pixels with strong detail in every channel."""
    return np.random.default_rng(3).integers(0, 256, (50, 63, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def set5(real_data) -> dict[str, np.ndarray]:
    """Set5, read with Pillow alone."""
    paths = sorted((real_data / "set5").iterdir())
    return {path.stem: np.asarray(Image.open(path).convert("RGB")) for path in paths}


# --------------------------------------------------- against independent numbers


@pytest.mark.datasets
def test_every_mistake_costs_on_set5_what_an_independent_evaluator_measured(set5):
    table = costs(set5)
    assert list(table.index) == list(MISTAKES)
    assert list(table.columns) == [2, 3, 4]
    for name, mistake in MISTAKES.items():
        for scale, printed in mistake.set5.items():
            last_digit = 0.0005 if abs(printed) < 0.1 else 0.005
            measured = table.loc[name, scale]
            assert abs(measured - printed) <= last_digit + 1e-9, (name, scale, measured)


@pytest.mark.datasets
def test_the_papers_protocol_gives_table_3s_bicubic_row_on_set5(set5):
    measured = beside_table3({"Set5": set5})
    printed = {2: (33.66, 0.9299), 3: (30.39, 0.8682), 4: (28.42, 0.8104)}
    for scale, (decibels, likeness) in printed.items():
        row = measured.loc[("Set5", scale)]
        assert round(row.psnr, 2) == row.psnr_printed == decibels
        assert round(row.ssim, 4) == row.ssim_printed == likeness


def test_opencvs_bicubic_is_opencvs():
    # cv2 5.0.0: cv2.resize(x, ..., interpolation=cv2.INTER_CUBIC) on uint8.
    from vdsr_lib.protocol.measuring import _RESIZERS

    x = (np.arange(12 * 14).reshape(12, 14) * 37 % 256).astype(np.uint8)
    half = [
        [17, 95, 169, 115, 61, 135, 212],
        [30, 108, 182, 128, 74, 148, 225],
        [42, 120, 191, 154, 86, 160, 249],
        [54, 132, 232, 0, 98, 172, 109],
        [66, 144, 242, 12, 110, 184, 133],
        [79, 156, 254, 24, 122, 196, 146],
    ]
    double = [
        [0, 6, 24, 47, 62, 86, 103, 114],
        [0, 8, 26, 49, 64, 87, 105, 116],
        [0, 11, 29, 52, 67, 90, 108, 119],
        [4, 15, 33, 56, 71, 94, 112, 123],
        [7, 18, 36, 59, 74, 97, 115, 126],
        [9, 20, 37, 61, 76, 99, 117, 128],
    ]
    third = [[54, 180, 57, 183], [72, 198, 75, 201], [90, 243, 93, 246],
             [108, 255, 111, 255]]  # fmt: skip
    resize = _RESIZERS["opencv"]
    level = 1 / 255  # of what is in [0, 1], where no uint8 can wrap around
    np.testing.assert_allclose(resize(x / 255, (6, 7)), np.multiply(half, level))
    np.testing.assert_allclose(resize(x / 255, (4, 4)), np.multiply(third, level))
    np.testing.assert_allclose(
        resize(x[:3, :4] / 255, (6, 8)), np.multiply(double, level), atol=1.001 * level
    )  # OpenCV's fixed-point weights differ by one level in places


# ------------------------------------------------------------ against hand-made ones


@pytest.mark.parametrize("clamped", [False, True])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_papers_protocol_is_its_eight_steps(colours, scale, clamped):
    if clamped:  # black and white squares: bicubic overshoots at each of their edges
        squares = np.kron(np.indices((5, 7)).sum(0) % 2, np.ones((10, 9)))
        colours = np.repeat(255 * squares[..., None], 3, axis=-1).astype(np.uint8)
    weights = np.array([65.481, 128.553, 24.966])
    luma = np.floor(16 + colours @ weights / 255 + 0.5)
    height, width = (side - side % scale for side in luma.shape)
    luma = luma[:height, :width]
    small = imresize(luma / 255, 1 / scale)
    whole = imresize(small, float(scale))
    large = np.clip(whole, 16 / 255, 235 / 255)
    assert bool(np.abs(large - whole).max() > 0.02) == clamped
    estimate = np.floor(large * 255 + 0.5)
    inner = np.s_[scale:-scale, scale:-scale]
    wanted = peak_signal_noise_ratio(luma[inner], estimate[inner], data_range=255)
    assert bicubic_psnr(colours, scale) == pytest.approx(wanted, abs=1e-9)


def test_pillows_bicubic_is_pillows(colours):
    protocol = Protocol(luma="full", resize="pillow", clamp=False, shave=False)
    picture = Image.fromarray(colours[:, :62])
    grey = picture.convert("L")
    back = grey.resize((31, 25), Image.Resampling.BICUBIC).resize(
        grey.size, Image.Resampling.BICUBIC
    )
    error = np.abs(bicubic_pair(colours, 2, protocol).estimate - np.asarray(back))
    # convert("L") has weights of 16 bits, so that a true level may differ by one.
    assert error.max() <= 2
    assert np.mean(error > 0) < 0.02


def test_full_range_is_not_clamped_to_studio_range():
    white = np.full((24, 24, 3), 255, np.uint8)
    assert bicubic_psnr(white, 2, Protocol(luma="full")) == np.inf


def test_full_range_stretches_every_error_by_255_over_219(colours):
    flat = np.repeat(np.repeat(colours[:10, :10], 6, 0), 6, 1)  # large, rounded errors
    stretched = bicubic_psnr(flat, 2, Protocol(luma="full"))
    assert stretched - bicubic_psnr(flat, 2) == pytest.approx(
        -20 * log10(255 / 219), abs=0.01
    )


def test_the_range_of_the_luma_hardly_matters_once_colour_is_back(colours):
    in_colour = Protocol(channels="rgb")
    full = replace(in_colour, luma="full")
    assert bicubic_psnr(colours, 2, full) == pytest.approx(
        bicubic_psnr(colours, 2, in_colour), abs=0.05
    )
    rows, columns = np.mgrid[:48, :60] / 4  # smooth: hardly anything is lost
    waves = [np.sin(rows), np.cos(columns), np.sin(rows + columns)]
    smooth = (128 + 90 * np.dstack(waves)).astype(np.uint8)
    right = bicubic_psnr(smooth, 2, in_colour)
    assert 40 < right < 60
    assert bicubic_psnr(smooth, 2, full) == pytest.approx(right, abs=1)


def test_colour_is_measured_over_all_three_channels(colours):
    pair = bicubic_pair(colours, 3, Protocol(channels="rgb"))
    assert pair.reference.shape == pair.estimate.shape == (48 - 6, 63 - 6, 3)
    np.testing.assert_array_equal(pair.reference, colours[3:45, 3:60])


@pytest.mark.parametrize("grey", [0, 77, 128, 200, 255])
@pytest.mark.parametrize("switch", [{"channels": "rgb"}, {"low_resolution_8bit": True}])
def test_a_flat_grey_comes_back_as_it_was(grey, switch):
    flat = np.full((24, 30, 3), grey, np.uint8)
    pair = bicubic_pair(flat, 2, Protocol(**switch, round_output=False))
    assert np.abs(pair.estimate - pair.reference).max() < 0.5 + 1e-9
    assert bicubic_psnr(flat, 2, Protocol(**switch)) == np.inf


@pytest.mark.parametrize("axis", [0, 1])
def test_the_estimates_colour_has_no_more_detail_than_the_small_picture(axis):
    """Lines of red and of a blue as dark, one pixel wide: the small one is violet."""
    lines = np.zeros((24, 24, 3), np.uint8)
    lines[::2], lines[1::2] = (100, 0, 0), (0, 25, 153)
    if axis:
        lines = lines.transpose(1, 0, 2)
    pair = bicubic_pair(lines, 2, Protocol(channels="rgb"))
    assert np.ptp(pair.reference[..., 0]) == 100
    assert np.ptp(pair.estimate[..., 0]) < 5


def test_a_full_range_ends_at_black_and_white():
    squares = 255 * np.kron(np.indices((4, 5)).sum(0) % 2, np.ones((6, 6)))
    picture = np.repeat(squares[..., None], 3, axis=-1).astype(np.uint8)
    switches = {"luma": "full", "round_output": False}
    clamped = bicubic_pair(picture, 2, Protocol(**switches)).estimate
    assert (clamped.min(), clamped.max()) == (0, 255)
    free = bicubic_pair(picture, 2, Protocol(**switches, clamp=False)).estimate
    assert free.min() < -5
    assert free.max() > 260
    np.testing.assert_allclose(clamped, free.clip(0, 255))


def test_not_rounding_keeps_fractions_and_rounding_none(colours):
    rounded = bicubic_pair(colours, 2).estimate
    kept = bicubic_pair(colours, 2, Protocol(round_output=False)).estimate
    np.testing.assert_array_equal(rounded, np.floor(kept + 0.5))
    assert (kept != rounded).any()


@pytest.mark.parametrize(
    "switch",
    [
        {"luma": "full"},
        {"channels": "rgb"},
        {"resize": "matlab, no antialiasing"},
        {"resize": "opencv"},
        {"resize": "pillow"},
        {"low_resolution_8bit": True},
        {"clamp": False},
        {"round_output": False},
        {"shave": False},
    ],
    ids=str,
)
def test_every_switch_does_something(colours, switch):
    posters = np.kron(colours[:12, :15] // 128 * 255, np.ones((5, 5, 1), np.uint8))
    picture = np.concatenate([colours[:, :40], posters[:50, :50]], axis=1)
    assert bicubic_psnr(picture, 2, Protocol(**switch)) != bicubic_psnr(picture, 2)


def test_every_mistake_turns_the_switch_of_its_name():
    turned = {
        name: {
            field.name
            for field in fields(Protocol)
            if getattr(mistake.protocol, field.name) != getattr(PAPER, field.name)
        }
        for name, mistake in MISTAKES.items()
    }
    assert turned == {
        "PSNR over RGB": {"channels"},
        "full-range luma": {"luma"},
        "no antialiasing": {"resize", "clamp"},
        "Pillow's bicubic": {"resize", "clamp"},
        "low resolution stored as 8 bits": {"low_resolution_8bit"},
        "no border crop": {"shave"},
        "output not rounded": {"round_output"},
    }


def test_a_grey_picture_is_its_own_luma(colours):
    grey = colours[..., 0]
    for switch in ({"luma": "full", "clamp": False}, {"channels": "rgb"}):
        wanted = bicubic_psnr(grey, 2, replace(PAPER, clamp=switch.get("clamp", True)))
        assert bicubic_psnr(grey, 2, Protocol(**switch)) == wanted


# ------------------------------------------------------------------------ tables


def test_costs_are_differences_of_mean_scores(colours):
    images = {"a": colours, "b": colours[::-1, ::2]}
    chosen = {"no border crop": MISTAKES["no border crop"]}
    table = costs(images, (2, 4), mistakes=chosen)
    right = bicubic_scores(images, (2, 4))
    wrong = bicubic_scores(images, (2, 4), Protocol(shave=False))
    assert list(right.columns) == ["image", "scale", "psnr", "ssim"]
    assert list(right.image) == ["a", "b", "a", "b"]
    assert bicubic_scores(images).scale.tolist() == [2, 2, 3, 3, 4, 4]
    for row in right.itertuples():
        one, other = bicubic_pair(images[row.image], row.scale)
        likeness = structural_similarity(
            one,
            other,
            gaussian_weights=True,
            use_sample_covariance=False,
            data_range=255,
        )
        assert row.ssim == pytest.approx(likeness, rel=1e-12)
    change = wrong.groupby("scale").psnr.mean() - right.groupby("scale").psnr.mean()
    np.testing.assert_allclose(table.loc["no border crop"], change, atol=1e-12)
    assert table.shape == (1, 2)
    assert costs(images, (2, 4), mistakes={}).shape == (0, 2)


def test_published_costs_are_laid_out_as_measured_ones(colours):
    table = published_costs()
    assert table.loc["full-range luma"].tolist() == [-1.31, -1.31, -1.31]
    assert table.loc["no antialiasing", 2] == 0.71
    measured = costs({"a": colours})
    assert table.index.equals(measured.index)
    assert table.columns.equals(measured.columns)
    assert (table.index.name, table.columns.name) == ("mistake", "scale")
    assert (measured.index.name, measured.columns.name) == ("mistake", "scale")
    assert all(list(mistake.set5) == [2, 3, 4] for mistake in MISTAKES.values())


def test_beside_table3_joins_the_printed_row(colours):
    assert beside_table3({"Set5": {"a": colours}}).index.tolist() == [
        ("Set5", scale) for scale in (2, 3, 4)
    ]
    two = {"a": colours, "b": colours[:40]}
    both = beside_table3({"Set14": two}, [3]).loc[("Set14", 3)]
    scores = bicubic_scores(two, [3])
    assert both.psnr == pytest.approx(scores.psnr.sum() / 2)
    assert both.ssim == pytest.approx(scores.ssim.sum() / 2)
    table = beside_table3({"Set14": {"a": colours}}, (2, 3))
    assert list(table.index) == [("Set14", 2), ("Set14", 3)]
    assert table.loc[("Set14", 3), "psnr_printed"] == 27.55
    assert table.loc[("Set14", 3), "ssim_printed"] == 0.7742
    assert table.loc[("Set14", 3), "psnr"] == bicubic_psnr(colours, 3)
    none = beside_table3({})
    assert len(none) == 0
    assert set(none.columns) == set(table.columns)


def test_benchmarks_that_are_missing_are_explained_and_left_out(
    tmp_path, monkeypatch, colours
):
    monkeypatch.setenv("VDSR_DATA_DIR", str(tmp_path))
    said = []
    found = load_benchmarks(("Set5", "embedded-test"), explain=said.append)
    assert list(found) == ["embedded-test"]
    assert len(said) == 1
    assert said[0].startswith("Set5 is not measured: ")
    assert "vdsr data fetch set5" in said[0]


def test_benchmarks_are_fetched_only_when_asked(tmp_path, monkeypatch):
    from vdsr_lib.errors import DataError
    from vdsr_lib.protocol import benchmarks

    fetched, said = [], []

    def no_network(name):
        fetched.append(name)
        raise DataError("there is no network")

    monkeypatch.setenv("VDSR_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(benchmarks, "fetch", no_network)
    assert "embedded-test" in load_benchmarks(["embedded-test"])
    assert list(load_benchmarks("embedded-test")) == ["embedded-test"]
    assert fetched == []
    assert load_benchmarks(["Set5"], download=True, explain=said.append) == {}
    assert (fetched, said) == (["Set5"], ["Set5 is not measured: there is no network"])


# ------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("switch", "sentence"),
    [
        ({"luma": "pc"}, "luma must be one of 'studio', 'full'; got 'pc'"),
        ({"channels": "bgr"}, "channels must be one of 'luma', 'rgb'"),
        ({"resize": "PIL"}, "resize must be one of 'matlab', .* got 'PIL'"),
    ],
)
def test_an_unknown_choice_is_named(switch, sentence):
    with pytest.raises(ValueError, match=sentence):
        Protocol(**switch)


def test_fractional_scales_and_missing_pictures_are_refused(colours):
    with pytest.raises(ValueError, match=r"whole number here, got 2\.5"):
        bicubic_psnr(colours, 2.5)
    with pytest.raises(ValueError, match="scale must be in"):
        bicubic_psnr(colours, 9)
    with pytest.raises(ValueError, match="too small for scale 4"):
        bicubic_psnr(colours[:3], 4)
    with pytest.raises(ValueError, match="8 x 8 pixels is too small for scale 4: 4 ar"):
        bicubic_pair(colours[:9, :10], 4)
    with pytest.raises(ValueError, match="a picture of 12 x 8 pixels is too small"):
        bicubic_pair(colours[:13, :10], 4)
    assert bicubic_pair(colours[:12, :13], 4).reference.shape == (4, 4)
    unshaved = bicubic_pair(colours[:9, :10], 4, Protocol(shave=False))
    assert unshaved.reference.shape == (8, 8)
    for measure in (costs, bicubic_scores):
        with pytest.raises(ValueError, match="no picture to measure"):
            measure({})


@pytest.mark.parametrize("luma", ["studio", "full"])
def test_a_picture_in_floats_is_refused_whatever_the_range_of_the_luma(colours, luma):
    for image in (colours / 255, colours.astype(np.uint16)):
        with pytest.raises(TypeError, match="image must be uint8"):
            bicubic_psnr(image, 2, Protocol(luma=luma))
