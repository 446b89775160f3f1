"""The embedded sets: what the wheel really ships, and no scene in both of them."""

from __future__ import annotations

import hashlib
import importlib.metadata
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from vdsr_lib.datasets import EMBEDDED, embedded, load_images
from vdsr_lib.errors import DataError
from vdsr_lib.images import crop_to_multiple, degrade, to_luma, to_uint8
from vdsr_lib.metrics import psnr

TRAIN, TEST = "embedded-train", "embedded-test"


@pytest.fixture(scope="module")
def train() -> dict[str, np.ndarray]:
    """The training pictures."""
    return load_images(TRAIN)


@pytest.fixture(scope="module")
def test() -> dict[str, np.ndarray]:
    """The test pictures."""
    return load_images(TEST)


# --- what they are ----------------------------------------------------------------


def test_sizes(train, test):
    assert sum(image.shape[0] * image.shape[1] for image in train.values()) >= 4e6
    assert len(test) == 5
    for image in [*train.values(), *test.values()]:
        assert image.dtype == np.uint8
        assert image.shape[2] == 3
        assert image.flags.c_contiguous


def test_every_file_is_shipped_by_the_wheel():
    # The list of files that the installer wrote down, not what happens to lie there.
    shipped = {
        str(file): file.hash.value
        for file in importlib.metadata.files("scikit-image")
        if file.hash is not None
    }
    for pictures in EMBEDDED.values():
        for picture in pictures:
            assert f"skimage/data/{picture.file}" in shipped


def test_nothing_is_asked_from_the_network(monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert len(load_images(TRAIN)) == 10
    assert len(load_images(TEST)) == 5


def test_the_declared_checksums_are_those_of_the_files():
    for picture in [*EMBEDDED[TRAIN], *EMBEDDED[TEST]]:
        content = embedded.embedded_path(picture).read_bytes()
        assert hashlib.sha256(content).hexdigest() == picture.sha256


def test_pixels_are_those_that_scikit_image_gives(train, test):
    from skimage import data

    for name in ("astronaut", "chelsea", "coffee"):
        np.testing.assert_array_equal(test[name], getattr(data, name)())
    for name in ("camera", "coins"):
        grey = getattr(data, name)()
        np.testing.assert_array_equal(test[name], np.stack([grey] * 3, axis=-1))
    left, right, _ = data.stereo_motorcycle()
    np.testing.assert_array_equal(train["motorcycle_left"], left)
    np.testing.assert_array_equal(train["motorcycle_right"], right)
    window = data.retina()[216:1196, 216:1196]
    np.testing.assert_array_equal(train["retina"], window)


def test_the_luma_of_every_picture_is_in_the_range_that_is_never_clamped(train, test):
    for image in [*train.values(), *test.values()]:
        luma = to_luma(image)
        assert luma.min() >= 16
        assert luma.max() <= 235


def test_the_window_of_the_retina_has_nothing_of_the_black_surround(train):
    from skimage import data

    assert (data.retina().sum(axis=2) < 60).mean() > 0.2  # it is there, and wide
    assert (train["retina"].sum(axis=2) < 60).mean() == 0


# --- no scene on both sides -------------------------------------------------------


def test_scenes_are_declared_and_disjoint():
    train, test = ({p.scene for p in EMBEDDED[name]} for name in (TRAIN, TEST))
    assert not train & test
    assert len(test) == 5
    motorcycles = {p.scene for p in EMBEDDED[TRAIN] if p.name.startswith("motorcycle")}
    assert len(motorcycles) == 1


def fingerprints(luma: np.ndarray) -> np.ndarray:
    """Return a number for the 8 x 8 block at each position, equal for equal blocks."""
    rng = np.random.default_rng(8)
    factors = rng.integers(1, 2**62, (8, 8), dtype=np.uint64)
    height, width = luma.shape[0] - 7, luma.shape[1] - 7
    total = np.zeros((height, width), dtype=np.uint64)
    for row in range(8):
        for column in range(8):
            shifted = luma[row : row + height, column : column + width]
            total += shifted.astype(np.uint64) * factors[row, column]
    return total


def shared_blocks(image: np.ndarray, other: np.ndarray) -> int:
    """Count the 8 x 8 blocks of a picture that occur anywhere in another one.

    Blocks on a grid are looked for, at every position of the other picture, so that a
    common region of 15 x 15 pixels cannot be missed. Flat blocks are left out.
    """
    luma = to_luma(image)
    grid = luma[: luma.shape[0] // 8 * 8, : luma.shape[1] // 8 * 8]
    cells = grid.reshape(grid.shape[0] // 8, 8, grid.shape[1] // 8, 8)
    lively = cells.max((1, 3)) - cells.min((1, 3)) > 8
    wanted = np.unique(fingerprints(luma)[::8, ::8][: len(lively)][lively])
    assert wanted.size > 300
    seen = fingerprints(to_luma(other)).ravel()
    place = np.searchsorted(wanted, seen).clip(max=wanted.size - 1)
    return np.unique(seen[wanted[place] == seen]).size


@pytest.mark.slow
def test_no_block_of_pixels_is_on_both_sides(train, test):
    found = {(a, b): shared_blocks(test[a], train[b]) for a in test for b in train}
    assert set(found.values()) == {0}, found


def test_a_shared_block_of_pixels_would_be_found(train, test):
    spoilt = train["ihc"].copy()
    spoilt[101:131, 203:243] = test["astronaut"][47:77, 181:221]  # of the face
    assert shared_blocks(test["astronaut"], spoilt) >= 6
    assert shared_blocks(test["astronaut"], train["ihc"]) == 0


SIZE, QUARTER = 24, 4
LIMIT = 0.9  # two different scenes reach 0.81 at most, one scene 0.98


def reduced(image: np.ndarray) -> torch.Tensor:
    """Return the luma at a quarter of the size, (1, 1, h, w)."""
    luma = torch.from_numpy(to_luma(image).astype(np.float32))[None, None]
    return functional.avg_pool2d(luma, QUARTER)


def likeness(image: np.ndarray, other: np.ndarray) -> float:
    """Return how well a tenth of one picture's patches is found in another.

    Every 24 x 24 patch of the reduced picture that is not flat is looked for at every
    position of the other one by normalised cross-correlation; the 0.9 quantile of the
    best matches is returned. A single simple edge is found anywhere: hence no maximum.
    """
    patches = functional.unfold(reduced(image), SIZE, stride=12)[0].T  # (n, 576)
    patches = patches[patches.std(dim=1) >= 8]
    patches = functional.normalize(patches - patches.mean(1, keepdim=True))
    there, count = reduced(other), SIZE**2
    mean = functional.avg_pool2d(there, SIZE, stride=1)
    variance = functional.avg_pool2d(there**2, SIZE, stride=1) - mean**2
    products = functional.conv2d(there, patches.reshape(-1, 1, SIZE, SIZE))
    scores = products / (count * variance.clamp_min(9)).sqrt()  # (1, n, h, w)
    return float(scores.amax((2, 3)).quantile(0.9))


@pytest.mark.slow
def test_no_test_picture_is_like_a_part_of_a_training_picture(train, test):
    found = {
        (one, other): likeness(test[one], train[other])
        for one in test
        for other in train
    }
    worst = max(found, key=found.__getitem__)
    assert found[worst] < LIMIT, (worst, found[worst])


def test_the_same_scene_would_be_found(train, test):
    assert likeness(train["motorcycle_left"], train["motorcycle_right"]) > LIMIT
    coffee = test["coffee"]
    smaller = np.asarray(  # a part, at 0.9 of the size, brighter, with less contrast
        functional.interpolate(
            torch.from_numpy(coffee[:300].astype(np.float32)).permute(2, 0, 1)[None],
            scale_factor=0.9,
            mode="bilinear",
        )[0].permute(1, 2, 0)
    )
    altered = np.clip(smaller * 0.8 + 40, 0, 255).astype(np.uint8)
    assert likeness(altered, coffee) > LIMIT
    assert likeness(altered, train["retina"]) < LIMIT


# --- the datasheet ----------------------------------------------------------------


def bicubic(image: np.ndarray) -> list[float]:
    """Return bicubic's PSNR at x2, x3 and x4 (Kim et al. 2016, section 5)."""
    found = []
    for scale in (2, 3, 4):
        luma = crop_to_multiple(to_luma(image), scale)
        estimate = to_uint8(degrade(luma / 255, scale))
        found.append(psnr(luma, estimate, border=scale))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", [TRAIN, TEST])
def test_the_table_of_the_datasheet_is_what_is_measured(root: Path, name: str):
    text = (root / "data" / "README.md").read_text(encoding="utf-8")
    table = text.split(f"| `{name}` | size |")[1].split("\n\n")[0]
    lines = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()]
    rows = {cells[1]: cells[2:-1] for cells in lines}
    images, means = load_images(name), []
    for picture in EMBEDDED[name]:
        size, scene, terms, *scores = rows[picture.name]
        height, width = images[picture.name].shape[:2]
        assert (size, scene, terms) == (
            f"{width} x {height}",
            picture.scene,
            picture.terms,
        )
        means.append(bicubic(images[picture.name]))
        assert [float(score) for score in scores] == pytest.approx(means[-1], abs=0.006)
    assert [float(score) for score in rows["mean"][-3:]] == pytest.approx(
        list(np.mean(means, axis=0)), abs=0.006
    )
    pixels = sum(image.shape[0] * image.shape[1] for image in images.values())
    assert rows["mean"][0] == f"{pixels / 1e6:.2f} megapixels"


# --- a damaged installation -------------------------------------------------------


def test_a_picture_that_the_installation_lacks(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(embedded, "embedded_path", lambda p: tmp_path / p.file)
    with pytest.raises(DataError, match=r"astronaut\.png cannot be read.*No such file"):
        load_images(TEST)


def test_a_picture_that_is_another_one(tmp_path: Path, monkeypatch):
    for picture in EMBEDDED[TEST]:
        (tmp_path / picture.file).write_bytes(b"another")
    monkeypatch.setattr(embedded, "embedded_path", lambda p: tmp_path / p.file)
    with pytest.raises(DataError, match=r"astronaut\.png is not the picture .* sha256"):
        load_images(TEST)


def test_no_scikit_image(monkeypatch):
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)
    with pytest.raises(DataError, match="scikit-image is not installed"):
        load_images(TEST)
