"""The store: one test for each way in which a run on the disk can be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vdsr_lib.errors import RunError
from vdsr_lib.experiments import Frames, Material, Pictures, Run, RunStore, make_run
from vdsr_lib.experiments.declare import Watch
from vdsr_lib.experiments.frames import Camera
from vdsr_lib.experiments.material import middle
from vdsr_lib.models import VDSR
from vdsr_lib.weights import save_model

SCORES = {"image": "a", "scale": 2, "psnr": 31.5, "ssim": 0.9, "seconds": 0.1}


@pytest.fixture
def store(run: Run, material: Material, trainer: Any, tmp_path: Path) -> RunStore:
    """A store with the tiny run in it."""
    store = RunStore(tmp_path / "runs")
    make_run(run, store=store, material=material, trainer=trainer)
    return store


def edit_record(folder: Path, **changes: Any) -> None:
    path = folder / "record.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda f: (f / "record.json").write_text("{"), "Expecting"),
        (lambda f: edit_record(f, declaration={}), "of another run"),
        (lambda f: edit_record(f, key="0" * 16), "of another run"),
        (lambda f: edit_record(f, key=None), "of another run"),
        (lambda f: edit_record(f, provenance={}), "without machine, precis"),
        (lambda f: (f / "history.json").unlink(), "history.json"),
        (lambda f: (f / "history.json").write_text("[]"), "history.json"),
        (lambda f: (f / "model.safetensors").unlink(), "model.safetensors"),
        (lambda f: (f / "model.safetensors").write_bytes(b"PK\3\4"), "model.safeten"),
        (
            lambda f: save_model(VDSR(3, 4), f / "model.safetensors", card={}),
            "model.safetensors is of another run",
        ),
        (
            lambda f: save_model(
                VDSR(3, 4), f / "model.safetensors", card={"recipe": {"depth": 3}}
            ),
            "model.safetensors is of another run",
        ),
        (lambda f: (f / "frames.npz").write_bytes(b"PK\3\4"), "frames.npz"),
        (lambda f: (f / "frames.npz").unlink(), "frames.npz"),
    ],
    ids=[
        *("record", "foreign", "other key", "no key", "half there"),
        *("history gone", "history", "model gone"),
        *("model", "model without a recipe", "foreign model", "frames", "frames gone"),
    ],
)
def test_a_damaged_run_is_refused_with_the_way_out(
    store: RunStore, run: Run, damage: Any, named: str
):
    damage(store.path(run.key()))
    with pytest.raises(RunError, match=rf"cannot be used .*{named}.*delete that fold"):
        store.load(run.key(), run.declaration())


def test_a_run_without_its_record_is_not_there(store: RunStore, run: Run):
    assert run.key() in store
    (store.path(run.key()) / "record.json").unlink()
    assert run.key() not in store
    assert list(store) == []


def test_scores_are_kept_by_what_was_measured(store: RunStore, run: Run):
    table = pd.DataFrame([SCORES | {"psnr": np.float64(31.5)}])
    store.save_scores(run.key(), Pictures("set5", (2,)), table)
    again = store.load_scores(run.key(), Pictures("set5", (2,)))
    pd.testing.assert_frame_equal(again, table)
    for other in (
        Pictures("set14", (2,)),
        Pictures("set5", (2, 3)),
        Pictures("set5", (2,), crop=64),
        Pictures("set5", (2,), count=2),
    ):
        assert store.load_scores(run.key(), other) is None


def test_two_folders_of_one_name_do_not_share_scores(store: RunStore, run: Run):
    table = pd.DataFrame([SCORES])
    store.save_scores(run.key(), Pictures("/one/set", (2,)), table)
    assert store.load_scores(run.key(), Pictures("/two/set", (2,))) is None


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"a": 1}', '[{"psnr": 31.5}]'])
def test_damaged_scores_are_named(store: RunStore, run: Run, text: str):
    pictures = Pictures("set5", (2,))
    store.save_scores(run.key(), pictures, pd.DataFrame([SCORES]))
    (path,) = (store.path(run.key()) / "scores").iterdir()
    path.write_text(text)
    with pytest.raises(RunError, match="delete it, and it is measured again"):
        store.load_scores(run.key(), pictures)


def test_repr_counts_the_runs(store: RunStore):
    assert repr(store).endswith("/runs')  # 1 runs")


def test_the_default_store_can_be_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VDSR_RUNS_DIR", "~/elsewhere")
    assert RunStore().folder == Path.home() / "elsewhere"
    monkeypatch.delenv("VDSR_RUNS_DIR")
    assert RunStore().folder.parts[-2:] == ("vdsr_lib", "runs")


def test_the_home_of_nobody_is_no_store(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(RunError, match="~nobody-here/x is no usable path"):
        RunStore("~nobody-here/x")
    monkeypatch.setenv("VDSR_RUNS_DIR", "~nobody-here/y")
    with pytest.raises(RunError, match="~nobody-here/y is no usable path"):
        RunStore()


def test_a_detail_outside_the_picture_is_refused(tmp_path: Path):
    watch = Watch("set", "small", 2, (0, 0, 16, 40))
    with pytest.raises(ValueError, match=r"leaves small, which has 32 x 32 pixels"):
        Camera(watch, np.zeros((32, 32), np.uint8), halo=3, folder=tmp_path)


def test_frames_survive_being_written(tmp_path: Path):
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (3, 4, 5), dtype=np.uint8)
    frames = Frames((0, 10, 20), pictures, pictures[0], pictures[1])
    again = Frames.load(frames.save(tmp_path / "frames.npz"))
    assert again.steps == (0, 10, 20)
    np.testing.assert_array_equal(again.pictures, pictures)
    np.testing.assert_array_equal(again.reference, pictures[0])
    np.testing.assert_array_equal(again.bicubic, pictures[1])


def test_frames_with_any_byte_changed_are_read_or_refused(tmp_path: Path):
    """A zip's readers raise whatever their decompressors do."""
    flat = np.full((1, 2, 2), 7, np.uint8)
    path = Frames((1,), flat, flat[0], flat[0]).save(tmp_path / "frames.npz")
    whole = path.read_bytes()
    refused = []
    places = range(0, len(whole), 3)
    for place in places:
        broken = bytearray(whole)
        broken[place] ^= 0x0E  # 0 becomes 14, the number of LZMA
        path.write_bytes(broken)
        try:
            Frames.load(path)
        except RunError as error:
            refused.append(str(error))
    assert len(refused) > len(places) // 4
    assert all("holds no frames" in each for each in refused)


@pytest.mark.parametrize(
    ("steps", "count", "titles"),
    [
        (
            range(0, 201, 25),
            5,
            ["step 0", "step 25", "step 50", "step 100", "step 200"],
        ),
        (range(9), 3, ["step 0", "step 4", "step 8"]),
        (range(0, 81_000, 1000), 3, ["step 0", "step 40,000", "step 80,000"]),
        ((0, 8), 5, ["step 0", "step 8"]),
    ],
)
def test_a_strip_shows_steps_that_double(steps, count: int, titles: list[str]):
    pictures = np.arange(len(steps) * 6, dtype=np.uint32).reshape(-1, 2, 3)
    pictures = (pictures % 251).astype(np.uint8)
    truth = np.full((2, 3), 7, np.uint8)
    frames = Frames(tuple(steps), pictures, truth, truth)
    shown, captions = frames.strip(count)
    assert list(shown) == [*titles, "original"]
    assert list(captions) == titles
    for title in titles:
        place = list(steps).index(int(title[5:].replace(",", "")))
        np.testing.assert_array_equal(shown[title], pictures[place])
        error = np.mean((pictures[place].astype(float) - 7) ** 2)
        assert captions[title] == f"{10 * np.log10(255**2 / error):.2f} dB"
    np.testing.assert_array_equal(shown["original"], truth)


def test_a_strip_of_one_frame_is_refused():
    picture = np.zeros((1, 2, 2), np.uint8)
    with pytest.raises(ValueError, match="count must be at least 2, got 1"):
        Frames((0,), picture, picture[0], picture[0]).strip(1)


@pytest.mark.parametrize(
    ("side", "shape"),
    [(None, (20, 31)), (10, (10, 10)), (25, (20, 25)), (99, (20, 31))],
)
def test_the_middle_of_a_picture(side: int | None, shape: tuple[int, int]):
    picture = np.arange(20 * 31).reshape(20, 31)
    cut = middle(picture, side)
    assert cut.shape == shape
    assert cut[shape[0] // 2, shape[1] // 2] == pytest.approx(picture[10, 15], abs=1)
