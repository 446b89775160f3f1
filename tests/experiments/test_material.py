"""Pictures that scores are published of are the ones that everybody has."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from vdsr_lib import VDSR
from vdsr_lib.cli import app
from vdsr_lib.errors import DataError
from vdsr_lib.experiments import Material, Pictures
from vdsr_lib.experiments.declare import Run
from vdsr_lib.weights import save_model

CPU = torch.device("cpu")


@pytest.fixture
def altered(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder whose Set5 has one pixel of another colour."""
    shutil.copytree(real_data / "set5", tmp_path / "data" / "set5")
    path = tmp_path / "data" / "set5" / "bird_GT.bmp"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    monkeypatch.setenv("VDSR_DATA_DIR", str(tmp_path / "data"))
    return path


def test_what_is_published_is_not_measured_on_altered_pictures(altered: Path) -> None:
    assert len(Material(CPU).images("set5")) == 5  # to try something out
    with pytest.raises(DataError, match=r"set5/bird_GT\.bmp: not the published file"):
        Material(CPU, verified=True).images("Set5")


def test_whole_sets_and_folders_are_taken(
    real_data: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VDSR_DATA_DIR", str(real_data))
    material = Material(CPU, verified=True)
    assert len(material.images("set5")) == 5
    assert len(material.images("embedded-test")) == 5
    assert len(material.images(str(pictures))) == 2


def test_the_command_says_why_a_set_is_left_out(altered: Path, tmp_path: Path) -> None:
    card = {"scores": {}, "ssim": {}, "scales": [2], "float16": {"used": False}}
    save_model(VDSR(2, 3), tmp_path / "mine.safetensors", card=card)
    command = ["experiments", "score", "mine", "--weights", str(tmp_path)]
    result = CliRunner().invoke(app, [*command, "--device", "cpu"])
    assert "set5/bird_GT.bmp: not the published file" in " ".join(result.output.split())


def test_a_folder_that_changes_is_read_again(run: Run, tmp_path: Path) -> None:
    """In the middle of a sweep too: as the keys of runs do."""
    folder, material = tmp_path / "mine", Material(CPU)
    shutil.copytree(run.train_on[0], folder)
    mine = replace(run, train_on=(str(folder),))
    looked = Pictures(str(folder), (2,), crop=32)

    def seen() -> tuple[str, float, float]:
        return (
            material.patches(mine).fingerprint(),
            material.bicubic(looked).psnr.mean(),
            material.validator(looked).baseline["psnr_x2"],
        )

    before = seen()
    assert seen() == before
    shutil.copy(folder / "one.png", folder / "two.png")
    assert all(one != other for one, other in zip(before, seen(), strict=True))
