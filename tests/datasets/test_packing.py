"""A set's luma in one file: the same bits as its pictures, or a sentence why not."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from vdsr_lib import datasets
from vdsr_lib.cli import app
from vdsr_lib.datasets import catalogue, load_images, pack
from vdsr_lib.errors import DataError
from vdsr_lib.experiments import Experiment, Pictures, Run, run_experiment
from vdsr_lib.images import to_luma
from vdsr_lib.protocol import benchmarks
from vdsr_lib.training import Silent, TrainingConfig

SETS = {"one": ("t2.bmp", "t10.jpg", "grey.png"), "other": ("a.png", "b.png")}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder with two declared sets: colour in three formats, and grey."""
    rng = np.random.default_rng(0)
    folder, text = tmp_path / "pictures", 'url = "https://example/{path}"\n'
    for name, files in SETS.items():
        rows = []
        for file in files:
            squares = rng.integers(0, 256, (7, 8, 3), dtype=np.uint8)
            image = Image.fromarray(squares).resize((56, 48))
            path = folder / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            (image.convert("L") if file == "grey.png" else image).save(path)
            body = path.read_bytes()
            rows.append(
                f'["{file}", {len(body)}, "{hashlib.sha256(body).hexdigest()}"]'
            )
        text += (
            f'[sets.{name}]\ntitle = "{name}"\nuse = "training"\nwhat = "squares"\n'
            'terms = "free"\nterms_note = "All may use them."\ncite = "Nobody"\n'
            'repository = "some/where"\ncommit = "c0ffee"\nfolder = "a"\n'
            f"files = [{', '.join(rows)}]\n"
        )
    text += '[composites.all]\ntitle = "All"\nuse = "training"\nwhat = "both"\n'
    text += 'parts = ["one", "other"]\n'
    declaration = tmp_path / "sources.toml"
    declaration.write_text(text)
    monkeypatch.setattr(catalogue, "data_file", lambda *_: declaration)
    for cached in (datasets.sources, datasets.composites):
        cached.cache_clear()
    yield folder
    for cached in (datasets.sources, datasets.composites):
        cached.cache_clear()


def lumas(name: str, folder: Path) -> dict[str, np.ndarray]:
    """What training sees of a set."""
    images = load_images(name, data_dir=folder)
    return {key: to_luma(image) for key, image in images.items()}


def equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    """Hold two sets against each other: names, order, pixels."""
    assert list(one) == list(other)
    for name, luma in one.items():
        np.testing.assert_array_equal(luma, other[name])


def test_a_pack_gives_the_same_names_in_the_same_order_and_the_same_luma(
    root: Path, tmp_path: Path
):
    packs = pack("all", tmp_path / "packs", data_dir=root)
    names = [path.name for path in packs]
    assert names == ["one.luma.zip", "other.luma.zip"]
    for name in ("one", "other", "all"):
        equal(lumas(name, tmp_path / "packs"), lumas(name, root))
    assert list(load_images("all", data_dir=tmp_path / "packs")) == [
        *("t2", "t10", "grey", "a", "b")
    ]
    grey = load_images("one", data_dir=tmp_path / "packs")["t10"]
    assert grey.ndim == 2  # colour is lost
    assert grey.dtype == np.uint8


def test_any_program_opens_what_a_pack_holds(root: Path, tmp_path: Path):
    (path,) = pack("one", tmp_path, data_dir=root)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        with archive.open("t2.bmp.png") as stream, Image.open(stream) as image:
            np.testing.assert_array_equal(image, lumas("one", root)["t2"])
        assert (
            "Terms of use: free. All may use them."
            in archive.read("TERMS.txt").decode()
        )
        table = json.loads(archive.read("pack.json"))
    declared = [(f.name, f.sha256) for f in datasets.sources()["one"].files]
    assert [(e["file"], e["sha256"]) for e in table["pictures"]] == declared
    luma = lumas("one", root)["t10"].tobytes()
    assert table["pictures"][1]["luma"] == hashlib.sha256(luma).hexdigest()


def test_the_same_pictures_give_the_same_file(root: Path, tmp_path: Path):
    first, second = (pack("one", tmp_path / n, data_dir=root)[0] for n in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_pictures_win_over_a_pack_also_where_some_are_missing(root: Path):
    pack("one", root, data_dir=root)
    assert load_images("one", data_dir=root)["t2"].ndim == 3
    (root / "one" / "t2.bmp").unlink()
    with pytest.raises(DataError, match=r"lacks t2\.bmp"):
        load_images("one", data_dir=root)


def test_pictures_that_are_wrong_or_absent_are_not_packed(root: Path, tmp_path: Path):
    path = root / "one" / "t2.bmp"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(DataError, match=r"t2\.bmp has the wrong .*fetch one --data"):
        pack("all", tmp_path / "packs", data_dir=root)
    path.unlink()
    with pytest.raises(
        DataError, match=r"one cannot be packed, .*t2\.bmp is not there"
    ):
        pack("all", tmp_path / "packs", data_dir=root)
    with pytest.raises(DataError, match="no downloadable data set is called 'nine'"):
        pack("nine", tmp_path / "packs", data_dir=root)
    assert not (tmp_path / "packs").exists()


def test_a_damaged_pack_is_named_and_refused(root: Path, tmp_path: Path):
    (path,) = pack("one", tmp_path, data_dir=root)
    whole = path.read_bytes()
    for place in (30, len(whole) // 2, len(whole) - 10):
        broken = bytearray(whole)
        broken[place] ^= 0xFF
        path.write_bytes(broken)
        with pytest.raises(
            DataError, match=r"one\.luma\.zip is no pack of one \(.*\): "
        ):
            load_images("one", data_dir=tmp_path)
    for content in (whole[:-40], b"", b"PK"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"make it again with 'vdsr data pack one'"):
            load_images("one", data_dir=tmp_path)


@pytest.mark.parametrize(
    "claimed", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 255]
)
def test_a_pack_that_claims_to_be_compressed_is_refused(
    root: Path, tmp_path: Path, claimed: int
):
    """One bit of the table of contents, and zlib is given a PNG to decompress."""
    (path,) = pack("one", tmp_path, data_dir=root)
    content = bytearray(path.read_bytes())
    method = content.rindex(b"PK\x01\x02") + 10
    assert content[method] == zipfile.ZIP_STORED
    content[method] = claimed
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"no pack of one \(.*\): make it again"):
        load_images("one", data_dir=tmp_path)


def test_benchmarks_that_are_here_as_packs_are_not_fetched(
    root: Path, tmp_path: Path, monkeypatch
):
    """Their pictures would win over the packs, however few of them came."""
    fetched: list[str] = []
    monkeypatch.setattr(benchmarks, "fetch", fetched.append)
    monkeypatch.setenv("VDSR_DATA_DIR", str(tmp_path / "packs"))
    pack("one", tmp_path / "packs", data_dir=root)
    found = benchmarks.load_benchmarks(["One", "embedded-test"], download=True)
    assert list(found["One"]) == ["t2", "t10", "grey"]
    assert fetched == ["embedded-test"]  # which looks for its files alone
    said: list[str] = []
    benchmarks.load_benchmarks(["all"], download=True, explain=said.append)
    assert fetched == ["embedded-test", "all"]  # a part is missing
    assert len(said) == 1


def rewritten(path: Path, **members: bytes) -> None:
    """Put other members into an archive."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content |= {name.replace("__", "."): body for name, body in members.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in content.items():
            archive.writestr(name, body)


def test_other_pixels_another_format_and_another_declaration_are_refused(
    root: Path, tmp_path: Path
):
    (path,) = pack("one", tmp_path, data_dir=root)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        table, one = json.loads(archive.read("pack.json")), archive.read("grey.png.png")
    rewritten(path, t2__bmp__png=one)
    with pytest.raises(DataError, match=r"t2\.bmp\.png has the wrong sha256"):
        load_images("one", data_dir=tmp_path)
    path.write_bytes(whole)
    rewritten(path, pack__json=json.dumps(table | {"format": "x 7"}).encode())
    with pytest.raises(DataError, match="its format is 'x 7'"):
        load_images("one", data_dir=tmp_path)
    first, *rest = table["pictures"]
    changed = {**first, "sha256": hashlib.sha256(b"another file").hexdigest()}
    for pictures in (rest, [changed, *rest], [*rest, first]):
        other = {**table, "pictures": pictures}
        rewritten(path, pack__json=json.dumps(other).encode())
        with pytest.raises(DataError, match="made of other pictures than are declared"):
            load_images("one", data_dir=tmp_path)
    rewritten(path, pack__json=b"[]")
    with pytest.raises(DataError, match="is no pack of one"):
        load_images("one", data_dir=tmp_path)


def test_presence_and_verify_know_packs(root: Path, tmp_path: Path):
    (path,) = pack("one", tmp_path, data_dir=root)
    assert datasets.presence("all", data_dir=tmp_path) == (3, 5)
    found = datasets.verify("all", data_dir=tmp_path)
    assert found["right"] == ["one.luma.zip"]
    assert found["missing"] == ["other/a.png", "other/b.png"]
    path.write_bytes(path.read_bytes()[:-4])
    assert datasets.verify("one", data_dir=tmp_path)["wrong"] == ["one.luma.zip"]


def test_the_command_packs_lists_and_verifies(root: Path, tmp_path: Path):
    def vdsr(*arguments: str | Path) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["data", *map(str, arguments)])
        return result.exit_code, result.stdout

    packs = tmp_path / "packs"
    status, text = vdsr("pack", "all", "--output", packs, "--data-dir", root)
    assert status == 0
    assert "one: 3 pictures" in text
    assert f"in {packs / 'one.luma.zip'}" in text
    assert "colour is lost" in text
    assert f"VDSR_DATA_DIR={packs}" in text
    shown = vdsr("list", "--data-dir", packs)[1]
    assert [row.split()[-2:] for row in shown.splitlines() if row[:3] == "one"] == [
        ["packed", "free"]
    ]
    assert vdsr("verify", "one", "--data-dir", packs) == (
        0,
        "one: 1 of 1 files are right\n",
    )
    (packs / "one.luma.zip").write_bytes(b"PK")
    status, text = vdsr("verify", "one", "--data-dir", packs)
    assert status == 1
    assert "wrong: one.luma.zip" in text


def test_an_experiment_gives_the_same_bits_from_a_pack_and_from_pictures(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    packs = tmp_path / "packs"
    pack("all", packs, data_dir=root)
    run = Run(
        name="tiny",
        architecture={"name": "VDSR", "depth": 3, "width": 8, "residual": True},
        training=TrainingConfig.paper(epochs=2, batch_size=4, max_steps=8),
        train_on=("one", "other"),
        scales=(2, 3),
        patch_size=12,
        augment=True,
        validate=Pictures("all", (2,), crop=32, count=2),
        test=(Pictures("other", (2, 3)),),
    )
    sizes = dict.fromkeys(("quick", "classroom", "paper"), (run,))
    experiment = Experiment("tiny", "One run", "nowhere", sizes)
    results = []
    for folder in (root, packs):
        monkeypatch.setenv("VDSR_DATA_DIR", str(folder))
        results.append(run_experiment(experiment, device="cpu", monitor=Silent()))
    one, other = results
    weights = [result.models["tiny"].state_dict() for result in results]
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name])
    prints = [r.record["runs"]["tiny"]["patches"]["fingerprint"] for r in results]
    assert prints[0] == prints[1]
    assert one.curves["tiny"].equals(other.curves["tiny"])
    scores = ["scale", "psnr", "ssim", "bicubic"]
    assert one.table[scores].equals(other.table[scores])
    assert len(one.table) == 2


@pytest.mark.datasets
@pytest.mark.parametrize("name", ["set5", "set14", "t91"])
def test_real_sets_take_less_room_and_keep_their_luma(
    real_data: Path, tmp_path: Path, name: str
):
    (path,) = pack(name, tmp_path, data_dir=real_data)
    equal(lumas(name, tmp_path), lumas(name, real_data))
    assert path.stat().st_size < 0.3 * datasets.sources()[name].size
