"""``vdsr upscale``: what it writes, what it says, and its exit status."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from vdsr_lib import upscaling
from vdsr_lib.cli import app
from vdsr_lib.models import SRCNN, VDSR
from vdsr_lib.weights import save_model, shipped


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def vdsr(*arguments: object) -> str:
    """Run the command in this process; return its output, raise its error."""
    result = CliRunner().invoke(app, ["upscale", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


def test_bicubic_works_at_once(photo: Path, tmp_path: Path) -> None:
    """The line that the README gives, in a fresh interpreter."""
    target = tmp_path / "new" / "out.png"
    command = [sys.executable, "-m", "vdsr_lib", "upscale", photo, target]
    done = subprocess.run(
        [*map(str, command), "--scale", "3", "--model", "bicubic"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{target}: 90 x 60 pixels, by bicubic\n"
    expected = upscaling.upscale(photo, 3, model="bicubic").pixels
    np.testing.assert_array_equal(np.asarray(Image.open(target)), expected)


def test_weights_of_a_file(photo: Path, tmp_path: Path) -> None:
    model = VDSR(3, 8)
    weights = save_model(model, tmp_path / "w.safetensors", card={"recipe": "none"})
    target = tmp_path / "out.png"
    vdsr(photo, target, "--model", weights, "--scale", 2, "--device", "cpu")
    expected = upscaling.upscale(photo, 2, model=model, device="cpu").pixels
    np.testing.assert_array_equal(np.asarray(Image.open(target)), expected)


def test_the_weights_that_a_short_name_meant_are_named(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best by their validation, at this scale; a file as it was given."""
    monkeypatch.setattr(shipped, "data_file", tmp_path.joinpath)
    for name, scales, decibels in (
        ("vdsr-t91", [2.0, 3.0], 31.0),
        ("vdsr-291", [2.0, 3.0], 31.5),
        ("srcnn-915-x2", [2.0], 30.0),
        ("srcnn-915-x3", [3.0], 28.0),
    ):
        network = VDSR(3, 8) if name.startswith("vdsr") else SRCNN((3, 1, 3), (4, 2))
        card = {"scales": scales, "validation": {"psnr": {"x2": decibels}}}
        file = save_model(
            network, tmp_path / "weights" / f"{name}.safetensors", card=card
        )
    target = tmp_path / "out.png"
    for options, used in (
        ([], "vdsr-291"),
        (["--model", "vdsr-t91"], "vdsr-t91"),
        (["--model", "srcnn"], "srcnn-915-x2"),
        (["--model", "srcnn", "--scale", 3], "srcnn-915-x3"),
        (["--model", file], str(file)),
    ):
        said = vdsr(photo, target, "--force", "--device", "cpu", *options)
        assert said.endswith(f" pixels, by {used}\n")


def test_tile_and_precision_are_passed_on(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, true = {}, upscaling.upscale

    def spy(*arguments: object, **options: object) -> object:
        given.update(options)
        return true(*arguments, **options)

    monkeypatch.setattr(upscaling, "upscale", spy)
    options = ["--model", "bicubic", "--tile", 64, "--precision", "bfloat16"]
    vdsr(photo, tmp_path / "out.png", *options)
    assert (given["tile"], given["precision"]) == (64, "bfloat16")


def test_grey_with_alpha_stays_so(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (8, 9, 2), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / "veil.png")
    vdsr(tmp_path / "veil.png", tmp_path / "out.png", "--model", "bicubic")
    with Image.open(tmp_path / "out.png") as result:
        assert (result.mode, result.size) == ("LA", (18, 16))


def test_nothing_is_replaced_without_force(photo: Path, tmp_path, mistake):
    target = tmp_path / "out.png"
    target.write_bytes(b"precious")
    said = mistake("upscale", photo, target, "--model", "bicubic")
    assert said == f"vdsr: {target} exists: choose another name, or pass --force"
    assert target.read_bytes() == b"precious"
    vdsr(photo, target, "--model", "bicubic", "--force")
    assert Image.open(target).size == (60, 40)


@pytest.mark.parametrize(
    ("target", "options", "expected"),
    [
        ("out.gif", ["--model", "bicubic"], "its name must end in .png"),
        ("photo.png/out.png", ["--model", "bicubic"], "out.png cannot be written"),
        (
            "out.png",
            ["--model", "bicubic", "--scale", "0"],
            "scale must be in [1.1, 8]",
        ),
        ("out.png", ["--model", "nobody"], "no weights are named 'nobody'"),
        ("out.png", ["--model", "absent.mat"], "absent.mat does not exist"),
        ("out.png", ["--device", "abacus", "--model", "bicubic"], "device must be"),
        ("out.png", ["--tile", "1"], "--tile must be 0, or 32 or more, got 1"),
    ],
)
def test_mistakes_end_in_one_sentence(
    photo: Path, tmp_path: Path, mistake, target, options, expected
) -> None:
    said = mistake("upscale", photo, tmp_path / target, *options)
    assert expected in said
    assert not (tmp_path / target).exists()


def test_absent_picture_is_named(tmp_path: Path, mistake) -> None:
    gone = tmp_path / "gone.png"
    said = mistake("upscale", gone, tmp_path / "o.png", "--model", "bicubic")
    assert str(gone) in said


def test_alpha_into_a_jpeg_is_refused_before_the_work(
    tmp_path: Path, monkeypatch, mistake
) -> None:
    values = np.zeros((8, 9, 4), np.uint8)
    Image.fromarray(values).save(tmp_path / "veil.png")
    monkeypatch.setattr(upscaling, "upscale", None)
    said = mistake("upscale", tmp_path / "veil.png", tmp_path / "out.jpg")
    assert "JPEG holds no alpha" in said
