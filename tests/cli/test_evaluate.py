"""``vdsr evaluate``: the printed table, the file of it, and mistakes."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from vdsr_lib.cli import app
from vdsr_lib.datasets import load_images
from vdsr_lib.evaluation import evaluate, means
from vdsr_lib.models import VDSR
from vdsr_lib.weights import save_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "pictures"
    place.mkdir()
    random = np.random.default_rng(0)
    for name in ("one", "two"):
        small = random.integers(0, 256, (12, 14, 3), dtype=np.uint8)
        Image.fromarray(small).resize((42, 36)).save(place / f"{name}.png")
    return place


def vdsr(*arguments: object) -> str:
    """Run the command in this process; return its output, raise its error."""
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result.stdout


def lines(text: str) -> pd.DataFrame:
    """Read the printed table, whose columns are two spaces or more apart."""
    return pd.read_csv(io.StringIO(text), sep=r"\s+", skiprows=1)


def test_means_of_a_folder(folder: Path) -> None:
    text = vdsr("--model", "bicubic", "--data", folder, "--scales", "2,2.5")
    assert text.startswith(f"{folder}, 2 pictures: mean PSNR/SSIM of bicubic\n")
    table = lines(text)
    expected = means(evaluate("bicubic", load_images(folder), (2, 2.5)))
    assert list(table.columns) == ["scale", "measured", "seconds"]
    assert table.scale.tolist() == [2, 2.5]
    assert table.measured.tolist() == [
        f"{row.psnr:.2f}/{row.ssim:.4f}" for row in expected.itertuples()
    ]


def test_each_picture_on_request_and_in_a_file(folder: Path, tmp_path: Path) -> None:
    weights = save_model(
        VDSR(3, 8), tmp_path / "w.safetensors", card={"recipe": "none"}
    )
    file = tmp_path / "new" / "scores.csv"
    options = ["--scales", "2", "--pictures", "--csv", file, "--device", "cpu"]
    other = folder.rename(tmp_path / "others")
    shutil.copytree(other, folder)
    text = vdsr("--model", weights, "--data", folder, "--data", other, *options)
    assert text.count("one") == 2
    table = pd.read_csv(file)
    assert table.image.tolist() == ["one", "two"] * 2
    assert table.data.tolist() == [str(folder)] * 2 + [str(other)] * 2


def test_a_file_of_scores_is_replaced_on_request_alone(folder, tmp_path) -> None:
    file = tmp_path / "scores.csv"
    file.write_text("precious")
    options = ["--model", "bicubic", "--data", folder, "--scales", "2", "--csv", file]
    with pytest.raises(ValueError, match=r"scores\.csv exists: choose another name"):
        vdsr(*options)
    assert file.read_text() == "precious"
    vdsr(*options, "--force")
    assert pd.read_csv(file).image.tolist() == ["one", "two"]


def test_what_a_card_records_stands_beside_what_is_measured(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the set's name, however it is written; another set has no record."""
    card = {"scores": {"Pictures": {"x2": 30.126}}, "ssim": {"Pictures": {"x2": 0.9}}}
    weights = save_model(VDSR(3, 8), tmp_path / "w.safetensors", card=card)
    assert "recorded" not in vdsr("--model", weights, "--data", folder)
    monkeypatch.chdir(folder.parent)
    table = lines(vdsr("--model", weights, "--data", "pictures", "--scales", "2"))
    assert table.recorded.tolist() == ["30.13/0.9000"]
    assert list(table.columns) == ["scale", "measured", "recorded", "seconds"]


@pytest.mark.parametrize(
    "scores", [{"Pictures": 30.1}, {"Pictures": {"x2": "good"}}, {"x2": {}}, [30.1], 7]
)
def test_a_card_may_state_scores_in_another_way(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scores: object
) -> None:
    card = {"scores": scores, "ssim": scores}
    weights = save_model(VDSR(3, 8), tmp_path / "w.safetensors", card=card)
    monkeypatch.chdir(folder.parent)
    text = vdsr("--model", weights, "--data", "pictures", "--scales", "2")
    assert list(lines(text).columns) == ["scale", "measured", "seconds"]


def test_float32_unless_another_precision_is_asked_for(folder, tmp_path) -> None:
    network = VDSR(3, 8, generator=torch.Generator().manual_seed(0))
    network.body[-1].weight.data *= 100  # far from bicubic, so that rounding shows
    weights = save_model(network, tmp_path / "w.safetensors", card={})
    options = ["--model", weights, "--data", folder, "--scales", "2", "--csv"]
    files = [tmp_path / f"{name}.csv" for name in ("plain", "exact", "coarse")]
    vdsr(*options, files[0])
    vdsr(*options, files[1], "--precision", "float32")
    vdsr(*options, files[2], "--precision", "bfloat16")
    plain, exact, coarse = (pd.read_csv(file).psnr.tolist() for file in files)
    assert plain == exact
    assert plain != coarse


def test_the_tile_is_passed_on(folder, monkeypatch) -> None:
    given = {}

    def spy(*arguments, **options):
        given.update(options)
        return evaluate(*arguments, **options)

    monkeypatch.setattr("vdsr_lib.evaluation.evaluate", spy)
    vdsr("--model", "bicubic", "--data", folder, "--scales", "2", "--tile", "64")
    assert given["tile"] == 64


@pytest.mark.datasets
def test_set5_beside_the_paper(real_data) -> None:
    text = vdsr("--model", "bicubic", "--data", "set5")
    head, titles, *rows = text.splitlines()
    assert head.endswith("bicubic, beside the paper's Table 3")
    assert "paper's Bicubic" in titles
    assert [row.split()[:3] for row in rows] == [
        ["2", "33.66/0.9299", "33.66/0.9299"],
        ["3", "30.39/0.8682", "30.39/0.8682"],
        ["4", "28.42/0.8104", "28.42/0.8104"],
    ]


@pytest.mark.slow
def test_authors_files_are_read(folder: Path, oracles: Path) -> None:
    for name in ("VDSR_Adam.mat", "SRCNN_915_T91_x2.mat"):
        options = ["--data", folder, "--scales", "2", "--device", "cpu"]
        assert "2 pictures" in vdsr("--model", oracles / name, *options)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--scales", "two"], "--scales must be like 2,3,4, got 'two'"),
        (["--csv", str(Path(__file__).parent)], "is a folder: give the name of a file"),
        (["--csv", f"{__file__}/a.csv"], "a.csv cannot be written (Not a directory)"),
        (["--scales", "9"], "scale must be in [1.1, 8], got 9"),
        (["--data", "set6"], "set6"),
        (["--model", "nobody"], "no weights are named 'nobody'"),
        (["--tile", "31"], "--tile must be 0, or 32 or more, got 31"),
        (["--tile", "-8"], "--tile must be 0, or 32 or more, got -8"),
    ],
)
def test_mistakes_end_in_one_sentence(mistake, options, expected) -> None:
    assert expected in mistake("evaluate", "--model", "bicubic", *options)


def test_what_was_used_is_named_once_for_each_file(monkeypatch):
    from vdsr_lib.cli._networks import what_was_used

    def ships(name: str, *, scale: float) -> Path:
        return Path(f"{name}-x{min(scale, 3):g}.safetensors")

    monkeypatch.setattr("vdsr_lib.weights.weights_file", ships)
    assert what_was_used("srcnn", (2, 3, 4)) == "srcnn-x2, srcnn-x3"
    assert what_was_used("bicubic", (2, 3)) == "bicubic"
    assert what_was_used("mine/net.safetensors", (2,)) == "mine/net.safetensors"
