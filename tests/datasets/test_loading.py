"""Data sets in memory: by name, from any folder, or a sentence that says why not."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vdsr_lib import datasets
from vdsr_lib.datasets import identify, load_images
from vdsr_lib.datasets.loading import fetch_command
from vdsr_lib.errors import DataError
from vdsr_lib.images import to_luma

RNG = np.random.default_rng(0)


def save(path: Path, shape: tuple[int, ...] = (5, 7, 3)) -> np.ndarray:
    """Write a random picture and return its pixels."""
    pixels = RNG.integers(0, 256, shape, dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def test_the_names():
    assert datasets.dataset_names() == (
        *("embedded-train", "embedded-test", "t91", "bsd200", "set5", "set14"),
        *("b100", "urban100", "bsd500-test", "291"),
    )


# --- folders ----------------------------------------------------------------------


def test_a_folder_gives_its_pictures_in_natural_order(tmp_path: Path):
    pixels = {name: save(tmp_path / f"{name}.png") for name in ("t10", "t2", "T1")}
    images = load_images(tmp_path)
    assert list(images) == ["T1", "t2", "t10"]
    for name, image in images.items():
        np.testing.assert_array_equal(image, pixels[name])
    assert list(load_images(str(tmp_path))) == list(images)


def test_grey_stays_grey_and_alpha_is_left_out(tmp_path: Path):
    grey = save(tmp_path / "grey.png", (4, 6))
    rgba = save(tmp_path / "rgba.png", (4, 6, 4))
    images = load_images(tmp_path)
    np.testing.assert_array_equal(images["grey"], grey)
    np.testing.assert_array_equal(images["rgba"], rgba[..., :3])
    assert {image.dtype for image in images.values()} == {np.dtype(np.uint8)}


def test_other_files_hidden_files_and_folders_below_are_passed_over(tmp_path: Path):
    save(tmp_path / "a.JPG")
    save(tmp_path / "below" / "b.png")
    (tmp_path / "TERMS.txt").write_text("none")
    (tmp_path / ".half.png").write_bytes(b"half")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "folder.png" / "x").touch()
    with pytest.raises(DataError, match=r"folder\.png is a folder"):
        load_images(tmp_path)
    (tmp_path / "folder.png" / "x").unlink()
    (tmp_path / "folder.png").rmdir()
    assert list(load_images(tmp_path)) == ["a"]


def test_files_that_differ_in_the_suffix_only_keep_it(tmp_path: Path):
    for name in ("a.png", "a.bmp", "b.png"):
        save(tmp_path / name)
    assert list(load_images(tmp_path)) == ["a.bmp", "a.png", "b"]


def test_no_picture_takes_the_name_of_another_one(tmp_path: Path):
    """Of a.png.jpg the suffix leaves a.png, which is here."""
    names = ("a.png", "a.bmp", "a.png.jpg", "b.png", "b.png.png", "c.png.bmp")
    for name in names:
        save(tmp_path / name)
    found = list(load_images(tmp_path))
    assert found == ["a.bmp", "a.png", "a.png.jpg", "b", "b.png.png", "c.png"]


@pytest.mark.skipif(os.name != "posix", reason="names are Unicode there")
def test_a_name_that_is_no_utf8_can_be_printed_and_identified(tmp_path: Path):
    """As an old ZIP archive leaves it: 0xE4 is an umlaut in Latin-1."""
    save(tmp_path / "a.png")
    try:
        (tmp_path / "a.png").rename(tmp_path / os.fsdecode(b"H\xe4user.png"))
    except OSError:
        pytest.skip("this file system wants UTF-8")
    (name,) = load_images(tmp_path)
    assert name == r"H\udce4user"
    assert name.encode()
    assert identify(str(tmp_path)).startswith("folder ")


def test_every_bad_file_is_named(tmp_path: Path):
    save(tmp_path / "good.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "page.jpg").write_text("<html>not found</html>")
    with pytest.raises(DataError) as caught:
        load_images(tmp_path)
    text = str(caught.value)
    assert text.startswith("2 of 3 pictures cannot be read: ")
    assert f"{tmp_path / 'empty.png'} is empty" in text
    assert f"{tmp_path / 'page.jpg'} is not a picture but a web page" in text
    assert "good" not in text
    assert "\n" not in text


def test_a_folder_without_pictures(tmp_path: Path):
    (tmp_path / "readme.txt").touch()
    with pytest.raises(DataError, match=r"folder .* holds no picture \(\.avif, \.bmp"):
        load_images(tmp_path)


def test_a_file_instead_of_a_folder(tmp_path: Path):
    save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png is a file: give the folder"):
        load_images(tmp_path / "a.png")


def test_neither_a_set_nor_a_folder():
    with pytest.raises(DataError, match="no data set or folder 'st5'") as caught:
        load_images("st5")
    assert "(did you mean 'set5'?): the data sets are embedded-train, " in str(
        caught.value
    )


@pytest.mark.parametrize("name", ["a" * 5000, "~nobody-of-that-name/pictures"])
def test_a_name_that_no_folder_can_have(name: str):
    with pytest.raises(DataError, match=f"^{name[:20]}.* is no usable name"):
        load_images(name)
    assert identify(name) == name


def test_a_path_is_a_folder_and_never_a_set(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"\(the text 'set5' is a data set, a path is"):
        load_images(Path("set5"))


def test_an_empty_name_is_not_the_working_directory():
    with pytest.raises(DataError, match="the name of the data set or folder is empty"):
        load_images("")


def test_a_name_wins_over_a_folder_which_a_dot_reaches(tmp_path, monkeypatch):
    save(tmp_path / "set5" / "mine.png")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="data set set5 is not in"):
        load_images("set5", data_dir=tmp_path / "elsewhere")
    assert list(load_images("./set5")) == ["mine"]
    assert list(load_images(Path("set5"))) == ["mine"]


# --- downloadable sets ------------------------------------------------------------


def test_a_missing_set_says_where_it_looked_and_how_to_get_it(tmp_path: Path):
    with pytest.raises(DataError) as caught:
        load_images("set5", data_dir=tmp_path)
    assert str(caught.value) == (
        f"the data set set5 is not in {tmp_path / 'set5'}: get it with 'vdsr data "
        f"fetch set5 --data-dir {tmp_path}', or set VDSR_DATA_DIR to the folder that "
        "holds it"
    )


def test_the_environment_says_where_the_sets_are(tmp_path: Path, monkeypatch):
    there = tmp_path / "there"
    monkeypatch.setenv("VDSR_DATA_DIR", str(there))
    with pytest.raises(DataError, match=f"{there / 'b100'}: .*'vdsr data fetch b100'"):
        load_images("b100")


def fill(folder: Path, name: str, length: int = 0) -> None:
    """Put files of the declared lengths, and of no content, into a set's place."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in datasets.sources()[name].files:
        with (folder / file.name).open("wb") as stream:
            stream.truncate(length or file.size)


def test_an_incomplete_set_names_what_it_lacks(tmp_path: Path):
    fill(tmp_path / "set14", "set14")
    for name in ("baboon", "comic", "lenna", "man"):
        (tmp_path / "set14" / f"{name}.bmp").unlink()
    with pytest.raises(
        DataError,
        match=r"set14 in .* lacks baboon\.bmp, comic\.bmp, lenna\.bmp and 1 more files"
        ": get the rest with 'vdsr data fetch set14 --data-dir .*'",
    ):
        load_images("Set14", data_dir=tmp_path)


def test_a_file_of_the_wrong_length_is_named(tmp_path: Path):
    fill(tmp_path / "set5", "set5")
    (tmp_path / "set5" / "head_GT.bmp").write_bytes(b"BM")
    with pytest.raises(DataError, match=r"damaged, head_GT\.bmp not .* repair it with"):
        load_images("set5", data_dir=tmp_path)


def test_damage_of_the_same_length_is_a_picture_error_that_names_the_file(tmp_path):
    fill(tmp_path / "set5", "set5")  # zeros only
    with pytest.raises(DataError, match=r"5 of 5 .*baby_GT\.bmp is not a picture"):
        load_images("set5", data_dir=tmp_path)


def test_a_composite_names_the_part_that_is_missing(tmp_path: Path):
    fill(tmp_path / "t91", "t91")
    with pytest.raises(DataError, match=r"bsd200 is not in .*'vdsr data fetch bsd200 "):
        load_images("291", data_dir=tmp_path)


# --- the real sets ----------------------------------------------------------------

# How many pictures, and the shape of one, read with another program (`file`).
REAL = {
    "t91": (91, "t1", (176, 197, 3)),
    "bsd200": (200, "2092", (321, 481, 3)),
    "set5": (5, "butterfly_GT", (256, 256, 3)),
    "set14": (14, "bridge", (512, 512)),
    "b100": (100, "3096", (321, 481, 3)),
    "bsd500-test": (200, "2018", (481, 321, 3)),
}


@pytest.mark.datasets
@pytest.mark.parametrize("name", REAL)
def test_the_real_sets(real_data: Path, name: str):
    count, one, shape = REAL[name]
    images = load_images(name, data_dir=real_data)
    assert len(images) == count
    assert images[one].shape == shape
    assert {image.dtype for image in images.values()} == {np.dtype(np.uint8)}
    grey = {key for key, image in images.items() if image.ndim == 2}
    assert grey == ({"bridge"} if name == "set14" else set())


@pytest.mark.datasets
def test_a_real_picture_has_the_pixels_that_pillow_reads(real_data: Path):
    image = load_images("set5", data_dir=real_data)["woman_GT"]
    with Image.open(real_data / "set5" / "woman_GT.bmp") as opened:
        np.testing.assert_array_equal(image, np.asarray(opened))


@pytest.mark.datasets
def test_the_291_are_all_there_in_order(real_data: Path):
    images = load_images("291", data_dir=real_data)
    assert len(images) == 291
    assert list(images)[:2] == ["t1", "t2"]
    assert list(images)[91:93] == ["2092", "8049"]


@pytest.mark.datasets
def test_all_of_berkeley_is_481_by_321_and_no_picture_is_in_two_parts(real_data: Path):
    parts = [
        load_images(n, data_dir=real_data) for n in ("bsd200", "b100", "bsd500-test")
    ]
    shapes = {frozenset(i.shape[:2]) for part in parts for i in part.values()}
    assert shapes == {frozenset({321, 481})}
    assert len({name for part in parts for name in part}) == 500


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Return 16 x 16 means of a picture's luma, of mean 0 and length 1."""
    luma = to_luma(image).astype(float)
    rows = [part.mean(0) for part in np.array_split(luma, 16)]
    cells = [part.mean(1) for part in np.array_split(np.array(rows), 16, axis=1)]
    flat = np.array(cells).ravel() - np.mean(cells)
    return flat / np.linalg.norm(flat)


@pytest.mark.datasets
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("bsd200", "302003"), ("set5", "woman_GT")),
        (("set5", "head_GT"), ("set14", "face")),
    ],
)
def test_the_overlaps_that_the_datasheet_names_are_real(real_data, one, other):
    left, right = (
        thumbnail(load_images(name, data_dir=real_data)[picture])
        for name, picture in (one, other)
    )
    assert left @ right > 0.97
    baby = thumbnail(load_images("set5", data_dir=real_data)["baby_GT"])
    assert max(abs(left @ baby), abs(right @ baby)) < 0.7  # what unrelated ones reach


def test_a_folder_is_identified_by_what_is_in_it(tmp_path: Path):
    one, other = tmp_path / "one", tmp_path / "other"
    save(one / "a.png")
    shutil.copytree(one, other)
    (one / "notes.txt").write_text("no picture")
    found = identify(str(one))
    assert found == identify(str(other))  # wherever it is
    save(other / "a.png")
    changed = identify(str(other))
    (one / "a.png").rename(one / "b.png")
    assert len({found, changed, identify(str(one))}) == 3


@pytest.mark.parametrize("name", ["set5", "Set5", "291", "embedded-test", "/no/where"])
def test_a_known_set_and_an_absent_folder_go_by_their_names(name: str):
    assert identify(name) == name.lower()


def test_a_folder_without_pictures_goes_by_its_path(tmp_path: Path):
    assert identify(str(tmp_path)) == str(tmp_path)


def test_files_are_read_once_to_identify_them(tmp_path: Path, monkeypatch):
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    read: list[str] = []
    real = Path.read_bytes
    monkeypatch.setattr(
        Path, "read_bytes", lambda path: read.append(path.name) or real(path)
    )
    first = identify(str(tmp_path))
    assert identify(str(tmp_path)) == first
    assert read == ["a.png", "b.png"]
    save(tmp_path / "b.png", (6, 7, 3))
    assert identify(str(tmp_path)) != first
    assert read == ["a.png", "b.png", "b.png"]


def test_the_command_for_a_folder_with_a_space_can_be_copied(tmp_path: Path):
    command = fetch_command("set5", tmp_path / "my data")
    assert shlex.split(command)[-2:] == ["--data-dir", str(tmp_path / "my data")]
    assert fetch_command("set5", tmp_path).endswith(f"--data-dir {tmp_path}")
