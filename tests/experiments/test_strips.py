"""Film strips: frames in one PNG, and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vdsr_lib.errors import RunError
from vdsr_lib.experiments.frames import Frames
from vdsr_lib.experiments.strips import read_strip, some_frames, write_strip


@pytest.fixture
def frames() -> Frames:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (6, 5, 7), dtype=np.uint8)
    return Frames((0, 10, 20, 40), pictures[:4], pictures[4], pictures[5])


def test_frames_come_back_to_the_bit(frames: Frames, tmp_path: Path):
    path = write_strip(frames, tmp_path / "new" / "strip.png")
    read = read_strip(path, frames.steps)
    assert read.steps == frames.steps
    for name in ("pictures", "reference", "bicubic"):
        np.testing.assert_array_equal(getattr(read, name), getattr(frames, name))


def test_the_strip_is_a_picture_that_begins_with_the_original(frames, tmp_path):
    path = write_strip(frames, tmp_path / "strip.png")
    with Image.open(path) as picture:
        assert (picture.mode, picture.size) == ("L", (7 * 6, 5))
        row = np.asarray(picture)
    np.testing.assert_array_equal(row[:, :7], frames.reference)
    np.testing.assert_array_equal(row[:, 7:14], frames.bicubic)
    np.testing.assert_array_equal(row[:, -7:], frames.pictures[-1])


def test_some_frames_and_always_the_first_and_the_last(frames: Frames):
    some = some_frames(frames, [20, 30])
    assert some.steps == (0, 20, 40)
    np.testing.assert_array_equal(some.pictures, frames.pictures[[0, 2, 3]])
    np.testing.assert_array_equal(some.reference, frames.reference)
    assert some_frames(frames, []).steps == (0, 40)


@pytest.mark.parametrize("steps", [(), (0, 1, 2), (0,) * 41])
def test_another_number_of_frames_is_refused(frames, tmp_path, steps):
    path = write_strip(frames, tmp_path / "strip.png")
    with pytest.raises(RunError, match=r"strip\.png holds no frames"):
        read_strip(path, steps)


def test_no_picture_is_refused(tmp_path: Path):
    (tmp_path / "strip.png").write_text("no picture")
    with pytest.raises(RunError, match=r"strip\.png holds no frames"):
        read_strip(tmp_path / "strip.png", (0,))
    with pytest.raises(RunError, match=r"absent\.png holds no frames"):
        read_strip(tmp_path / "absent.png", (0,))
