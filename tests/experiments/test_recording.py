"""Recording: what is written of a store's finished runs, and what is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from vdsr_lib.datasets import load_images
from vdsr_lib.errors import DataError, RunError
from vdsr_lib.evaluation import evaluate, means
from vdsr_lib.experiments import (
    Experiment,
    Material,
    Pictures,
    Recording,
    Run,
    RunStore,
    Watch,
    get_experiment,
    make_run,
    making,
    merging,
    record_experiment,
    recording,
    scoring,
    shipping,
)
from vdsr_lib.experiments import material as material_module
from vdsr_lib.experiments.telling import command_for, cost_text
from vdsr_lib.training import History, Silent, TrainingConfig
from vdsr_lib.weights import load_model, read_card


@pytest.fixture
def measured(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two tiny pictures stand for Set5; Set14 is not on this machine."""
    sets = {str(pictures.parent / "absent"): "Set14", str(pictures): "Set5"}
    monkeypatch.setattr(shipping, "MEASURED_SETS", sets)
    monkeypatch.setattr(shipping, "_JUDGED", str(pictures))
    return pictures


@pytest.fixture
def ablation(run: Run) -> Experiment:
    """Three tiny runs under the names of real ones: the weights of the first ship."""
    watch = Watch("embedded-test", "camera", 2, (104, 196, 16, 20))
    first = replace(run, name="T91", watch=watch, factors={"data": "T91"})
    second = replace(run, name="T91 + augmentation", augment=True)
    third = replace(run, name="291", repeat=1)
    runs = (first, second, third)
    return Experiment("ablation", "Tiny", "none", dict.fromkeys(PROFILES, runs))


PROFILES = ("quick", "classroom", "paper")


@pytest.fixture
def store(ablation: Experiment, material: Material, tmp_path: Path) -> RunStore:
    """The first two runs of three, trained."""
    kept = RunStore(tmp_path / "runs")
    for run in ablation.runs("paper")[:2]:
        make_run(run, store=kept, material=material, monitor=Silent())
    return kept


def record(experiment: Experiment, store: RunStore, folder: Path, **more: Any):
    places = {"output": folder / "recorded", "weights": folder / "weights"}
    return record_experiment(experiment, store=store, device="cpu", **(places | more))


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_runs_without_test_pictures_are_recorded_twice_with_an_empty_table(
    run: Run, material: Material, tmp_path: Path
) -> None:
    untested = replace(run, test=())
    own = Experiment("own", "Tiny", "none", dict.fromkeys(PROFILES, (untested,)))
    kept = RunStore(tmp_path / "runs")
    made = make_run(untested, store=kept, material=material, monitor=Silent())
    for store in (kept, RunStore(tmp_path / "none")):  # the second time from the file
        recording = record(own, store, tmp_path).recording
        assert recording.table.empty
        assert {"run", "dataset", "scale", "psnr"} <= set(recording.table)
        assert recording.record["runs"]["tiny"]["key"] == made.record["key"]
        assert len(recording.curve("tiny")) == len(made.history.validations)


def test_what_was_finished_is_recorded_and_the_rest_named_with_its_cost(
    ablation, store, measured, tmp_path
):
    done = record(ablation, store, tmp_path / "a")
    read = Recording.read(done.path)
    assert list(read.record["runs"]) == ["T91", "T91 + augmentation"]
    assert read.record["missing"] == {"291": cost_text(ablation.runs("paper")[2])}
    assert read.record["missing"]["291"].startswith("not run (about ")
    assert set(read.table.run) == {"T91", "T91 + augmentation"}
    assert "profile paper, seed 0" in read.provenance
    assert "2 of 3 runs trained in" in read.provenance
    entry = read.record["runs"]["T91 + augmentation"]
    assert entry["command"] == (
        'vdsr experiments run ablation --profile paper --only "T91 + augmentation"'
    )
    assert "platform" not in entry["provenance"]["machine"]
    assert {"cpu", "commit", "torch"} <= entry["provenance"]["machine"].keys()


def test_recording_twice_gives_the_same_bytes_and_measures_once(
    ablation, store, measured, tmp_path, monkeypatch
):
    record(ablation, store, tmp_path / "a")
    first = contents(tmp_path / "a")
    monkeypatch.setattr(scoring, "evaluate", None)
    record(ablation, store, tmp_path / "a")
    record(ablation, store, tmp_path / "b")
    assert sorted(first) == [
        "recorded/ablation.json",
        "recorded/ablation/T91.png",
        "weights/vdsr-t91.safetensors",
    ]
    assert contents(tmp_path / "a") == contents(tmp_path / "b") == first


def test_the_histories_are_those_of_the_store(ablation, store, measured, tmp_path):
    read = Recording.read(record(ablation, store, tmp_path).path)
    run = ablation.runs("paper")[0]
    kept = store.load(run.key(), run.declaration()).history
    found = read.histories["T91"]
    assert found.finished
    assert found.precision == kept.precision
    for ours, theirs in zip(found.epochs, kept.epochs, strict=True):
        assert ours.keys() == theirs.keys()
        for name in ("loss", "gradient_norm"):
            assert ours[name] == pytest.approx(theirs[name], rel=5e-4)
        for name in ("clipped_share", "psnr_x2"):
            assert ours[name] == pytest.approx(theirs[name], abs=5.1e-4)
        assert ours["seconds"] == pytest.approx(theirs["seconds"], abs=0.0051)
    assert [row["step"] for row in found.validations] == [0, 8]
    assert read.curve("T91").psnr_x2[0] == pytest.approx(
        kept.validations[0]["psnr_x2"], abs=5.1e-4
    )


def test_frames_of_a_free_picture_come_along_and_of_no_other(
    ablation, store, measured, tmp_path
):
    read = Recording.read(record(ablation, store, tmp_path).path)
    run = ablation.runs("paper")[0]
    kept = store.load(run.key(), run.declaration()).frames
    assert list(read.frames) == ["T91"]  # the other one watches a folder's picture
    frames = read.frames["T91"]
    assert frames.steps == kept.steps == (0, 8)
    np.testing.assert_array_equal(frames.pictures, kept.pictures)
    np.testing.assert_array_equal(frames.reference, kept.reference)
    np.testing.assert_array_equal(frames.bicubic, kept.bicubic)


def test_a_later_store_adds_to_what_was_recorded(
    ablation, store, measured, material, tmp_path
):
    record(ablation, store, tmp_path)
    before = Recording.read(tmp_path / "recorded" / "ablation.json")
    other = RunStore(tmp_path / "other")
    last = ablation.runs("paper")[2]
    make_run(last, store=other, material=material, monitor=Silent())
    whole = Recording.read(record(ablation, other, tmp_path).path)
    assert list(whole.record["runs"]) == ["T91", "T91 + augmentation", "291"]
    assert whole.record["missing"] == {}
    assert whole.record["runs"]["T91"] == before.record["runs"]["T91"]
    assert (
        list(whole.table.run) == ["T91"] * 2 + ["T91 + augmentation"] * 2 + ["291"] * 2
    )
    assert list(whole.frames) == ["T91"]
    text = (tmp_path / "recorded" / "ablation.json").read_bytes()
    record(ablation, store, tmp_path)  # back to the first store: nothing is lost
    assert (tmp_path / "recorded" / "ablation.json").read_bytes() == text


def test_a_run_that_another_experiment_recorded_is_named_with_the_place(
    ablation, store, measured, material, tmp_path
):
    """By what it is, not by its name; its own file holds what it holds."""
    record(ablation, store, tmp_path)
    first, second, third = ablation.runs("paper")
    runs = (second, replace(first, name="the same"), replace(third, name="free"))
    decay = Experiment("decay", "Tiny", "none", dict.fromkeys(PROFILES, runs))
    kept = RunStore(tmp_path / "other")
    make_run(third, store=kept, material=material, monitor=Silent())
    read = Recording.read(record(decay, kept, tmp_path).path)
    assert list(read.record["runs"]) == ["free"]
    assert read.record["missing"] == {
        "T91 + augmentation": "recorded in ablation: T91 + augmentation",
        "the same": "recorded in ablation: T91",
    }
    again = Recording.read(record(ablation, store, tmp_path).path)
    assert again.record["missing"] == {"291": "recorded in decay: free"}
    alone = record(ablation, store, tmp_path / "alone").recording
    assert alone.record["missing"] == {"291": cost_text(third)}


@pytest.fixture
def declare(ablation: Experiment) -> Callable[..., Experiment]:
    """The same runs, measured on other pictures."""

    def declared(*datasets: str) -> Experiment:
        test = tuple(Pictures(name, (2,)) for name in datasets)
        runs = tuple(replace(run, test=test) for run in ablation.runs("paper"))
        return replace(ablation, sizes=dict.fromkeys(PROFILES, runs))

    return declared


def hide_the_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the embedded test pictures be absent from now on."""
    load = material_module.load_images

    def without(name: str):
        if name == "embedded-test":
            raise DataError("embedded-test is not here")
        return load(name)

    monkeypatch.setattr(material_module, "load_images", without)


def test_what_was_measured_before_is_not_said_of_a_run_made_anew(
    ablation, store, measured, material, tmp_path, monkeypatch, declare
):
    """On a set that is absent today: the weights of the new run may be others."""
    both = declare(str(measured), "embedded-test")
    record(both, store, tmp_path)
    machine = {"cpu": "A", "device": "cpu", "torch": "2", "commit": "later"}
    monkeypatch.setattr(making, "describe_machine", lambda _: machine)
    other = RunStore(tmp_path / "other")
    again = ablation.runs("paper")[1]
    make_run(again, store=other, material=material, monitor=Silent())
    hide_the_embedded(monkeypatch)
    whole = record(both, other, tmp_path).recording
    assert whole.record["runs"][again.name]["not_measured"] == ["embedded-test"]
    rows = whole.table.groupby("run")["dataset"].agg(list)
    assert rows[again.name] == [str(measured)]
    assert rows["T91"] == [str(measured), "embedded-test"]


def test_a_set_that_is_absent_is_named_and_what_was_measured_before_is_kept(
    store, measured, tmp_path, monkeypatch, declare
):
    monkeypatch.setenv("VDSR_DATA_DIR", str(tmp_path / "nothing"))
    both = declare(str(measured), "embedded-test")
    whole = Recording.read(record(both, store, tmp_path).path)
    assert "not_measured" not in whole.record["runs"]["T91"]
    entry = whole.record["runs"]["T91"]
    hide_the_embedded(monkeypatch)
    again = Recording.read(record(both, store, tmp_path).path)
    assert again.record["runs"]["T91"] == entry  # nothing is missing, nothing is lost
    pd.testing.assert_frame_equal(again.table, whole.table)
    assert len(whole.table) == 4
    fresh = record(both, store, tmp_path / "new").recording
    assert fresh.record["runs"]["T91"]["not_measured"] == ["embedded-test"]
    assert set(fresh.table["dataset"]) == {str(measured)}
    with pytest.raises(DataError, match="vdsr data fetch urban100"):
        record(declare("urban100"), store, tmp_path / "none")


def test_what_was_declared_otherwise_is_forgotten(ablation, store, measured, tmp_path):
    record(ablation, store, tmp_path)
    first, *rest = ablation.runs("paper")
    changed = replace(first, training=replace(first.training, max_steps=7))
    sizes = dict.fromkeys(PROFILES, (changed, *rest))
    none = RunStore(tmp_path / "none")
    for place in (none, store):
        whole = record(replace(ablation, sizes=sizes), place, tmp_path).recording
        assert list(whole.record["runs"]) == ["T91 + augmentation"]
        assert list(whole.record["missing"]) == ["T91", "291"]
    sizes = dict.fromkeys(PROFILES, (changed,))
    with pytest.raises(RunError, match=r"none of the 1 runs of ablation at paper"):
        record(replace(ablation, sizes=sizes), none, tmp_path)


def test_of_two_sets_that_are_absent_one_was_measured_before():
    made = {"provenance": {"date": "today"}}
    rows = [("a", "set14", 32.0), ("a", "set5", 36.0), ("b", "set14", 31.0)]
    table = pd.DataFrame(rows, columns=["run", "dataset", "psnr"])
    earlier = Recording({"runs": {"a": dict(made)}}, table)
    entries = {"a": {**made, "not_measured": ["set14", "b100"]}}
    (kept,) = merging._measured_before(entries, earlier)
    assert kept.values.tolist() == [["a", "set14", 32.0]]
    assert entries["a"]["not_measured"] == ["b100"]


def test_a_run_that_diverged_is_recorded_without_weights(
    run, material, measured, tmp_path
):
    wild = replace(run.training, clipping="none", learning_rate=1e6)
    runs = (replace(run, name="T91", training=wild),)
    experiment = Experiment("ablation", "Wild", "none", dict.fromkeys(PROFILES, runs))
    store = RunStore(tmp_path / "runs")
    make_run(runs[0], store=store, material=material, monitor=Silent())
    done = record(experiment, store, tmp_path)
    read = Recording.read(done.path)
    assert done.weights == {}
    assert read.record["runs"]["T91"]["outcome"] == "diverged"
    assert np.isnan(read.table.psnr).all()
    assert np.isfinite(read.table.bicubic).all()
    assert not read.histories["T91"].epochs[-1]["loss"] < 1e9
    assert not read.histories["T91"].finished
    made = store.load(runs[0].key(), runs[0].declaration())
    where = {"store": store, "material": material, "made_by": ""}
    with pytest.raises(ValueError, match="'T91' diverged: it has no weights to ship"):
        shipping.ship(runs[0], made, tmp_path / "t91.safetensors", **where)


def test_a_trace_is_recorded_and_read_of_a_run_that_diverged_too(
    run, material, measured, tmp_path
):
    """How it explodes: each step up to the one that failed, and which that was."""
    kept = replace(run.training, trace=True)
    wild = replace(kept, clipping="none", learning_rate=0.3)
    recipes = {"T91": kept, "291": wild, "plain": run.training}
    runs = tuple(replace(run, name=n, training=each) for n, each in recipes.items())
    experiment = Experiment("ablation", "Wild", "none", dict.fromkeys(PROFILES, runs))
    store = RunStore(tmp_path / "runs")
    made = {
        each.name: make_run(each, store=store, material=material, monitor=Silent())
        for each in runs
    }
    path = record(experiment, store, tmp_path).path
    read = Recording.read(path)
    assert list(json.loads(path.read_text())["traces"]) == ["T91", "291"]
    assert read.histories["plain"].steps == []
    steps = read.histories["T91"].steps
    assert [row["step"] for row in steps] == list(range(1, 9))
    for ours, theirs in zip(steps, made["T91"].history.steps, strict=True):
        assert ours["gradient_norm"] == pytest.approx(theirs["gradient_norm"], rel=5e-4)
    failed = read.histories["291"].steps[-1]["step"]
    assert f"diverged at step {failed} " in read.record["runs"]["291"]["message"]
    assert 1 < failed < 8
    before = path.read_bytes()  # and what was recorded stays when the store is gone
    record(experiment, RunStore(tmp_path / "none"), tmp_path)
    assert path.read_bytes() == before


def test_nothing_to_record_is_a_sentence(ablation, tmp_path):
    with pytest.raises(
        RunError, match=r"none of the 3 runs of ablation at paper is in"
    ):
        record(ablation, RunStore(tmp_path / "none"), tmp_path)
    assert not (tmp_path / "recorded").exists()
    with pytest.raises(RunError, match=r"'vdsr .* --profile paper --seed 3' makes th"):
        record_experiment("ablation", seed=3, store=tmp_path, output=tmp_path / "out")


def test_another_size_is_not_mixed_in(ablation, store, measured, tmp_path):
    record(ablation, store, tmp_path)
    with pytest.raises(RunError, match="holds profile paper, seed 0; give another"):
        record(ablation, store, tmp_path, profile="quick")
    with pytest.raises(RunError, match="holds profile paper, seed 0; give another"):
        record(ablation, store, tmp_path, seed=1)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of data/."""
    folder = tmp_path / "data"
    monkeypatch.setattr(recording, "data_file", folder.joinpath)
    return folder


def test_weights_go_where_their_recording_goes(
    ablation, store, measured, shipped, tmp_path
):
    """Who writes a recording elsewhere does not replace the weights that ship."""
    places = {"store": store, "device": "cpu"}
    mine = record_experiment(ablation, output=tmp_path / "out", **places)
    assert mine.weights["T91"] == tmp_path / "out" / "weights" / "vdsr-t91.safetensors"
    assert not shipped.exists()
    ours = record_experiment(ablation, **places)
    assert ours.path == shipped / "recorded" / "ablation.json"
    assert ours.weights["T91"] == shipped / "weights" / "vdsr-t91.safetensors"


def test_only_runs_of_the_papers_size_ship(ablation, store, measured, shipped):
    with pytest.raises(RunError, match=r"give another --output for profile quick"):
        record_experiment(ablation, "quick", store=store, device="cpu")
    assert not shipped.exists()


def test_a_large_recording_is_two_files_that_are_read_as_one(
    ablation, store, measured, tmp_path, monkeypatch
):
    whole = Recording.read(record(ablation, store, tmp_path / "a").path)
    size = (tmp_path / "a" / "recorded" / "ablation.json").stat().st_size
    monkeypatch.setattr(recording, "LARGEST", size - 1)
    path = record(ablation, store, tmp_path / "b").path
    assert path.stat().st_size < size
    assert (path.parent / "ablation" / "histories.json").is_file()
    parts = Recording.read(path)
    assert parts.histories == whole.histories
    assert parts.record == whole.record


def test_a_recording_whose_second_file_was_written_alone_is_read(
    ablation, store, measured, material, tmp_path, monkeypatch
):
    """A full disk, say, between the two: the old one is not damaged by a run more."""
    monkeypatch.setattr(recording, "LARGEST", 1)
    path = record(ablation, store, tmp_path).path
    before, text = Recording.read(path), path.read_text("utf-8")
    make_run(ablation.runs("paper")[2], store=store, material=material)
    record(ablation, store, tmp_path)
    path.write_text(text, "utf-8")
    found = Recording.read(path)
    assert found.record == before.record
    assert found.histories == before.histories
    record(ablation, store, tmp_path)
    assert "291" in Recording.read(path).histories


def test_a_recording_without_its_second_file_is_refused(
    ablation, store, measured, tmp_path, monkeypatch
):
    """Copied alone it had no histories, and a KeyError for those who looked."""
    monkeypatch.setattr(recording, "LARGEST", 1)
    path = record(ablation, store, tmp_path).path
    (path.parent / "ablation" / "histories.json").unlink()
    with pytest.raises(RunError, match=r"not a recorded experiment: .*histories\.json"):
        Recording.read(path)


def test_names_that_differ_in_signs_alone_have_each_their_frames(
    ablation, store, measured, material, tmp_path
):
    """One file for both would show the frames of the other."""
    first = ablation.runs("paper")[0]
    slower = replace(first.training, learning_rate=0.01)
    runs = (
        replace(first, name="rate <1"),
        replace(first, name="rate >1", training=slower),
    )
    both = replace(ablation, sizes=dict.fromkeys(PROFILES, runs))
    for run in runs:
        make_run(run, store=store, material=material, monitor=Silent())
    read = Recording.read(record(both, store, tmp_path).path)
    for run in runs:
        kept = store.load(run.key(), run.declaration()).frames
        frames = read.frames[run.name]
        np.testing.assert_array_equal(frames.pictures[-1], kept.pictures[-1])
    last = [read.frames[run.name].pictures[-1] for run in runs]
    assert (last[0] != last[1]).any()


def test_figure_3_fits_into_files_that_git_may_hold(tmp_path):
    """48 runs of 80 epochs, with as many digits as they will have: 250 KB a file."""
    rng, runs = np.random.default_rng(0), get_experiment("figure3").runs("paper")
    record, curves, histories = {}, {}, {}
    for run in runs:
        names = ("loss", "gradient_norm", "clipped_share", "seconds")
        rows = [
            {"epoch": e, "step": 1977 * e, "learning_rate": 0.0001}
            | {name: 100 * rng.uniform() for name in names}
            for e in range(1, 81)
        ]
        scores = [
            {"epoch": e, "step": 1977 * e}
            | {f"psnr_x{scale}": 10 + 30 * rng.uniform() for scale in (2, 3, 4)}
            for e in range(81)
        ]
        machine = {"cpu": "C" * 40, "torch": "2.13.0", "commit": "0" * 40}
        machine |= {"device": "cpu"}
        record[run.name] = {
            "key": run.key(),
            "declaration": run.declaration(),
            "factors": dict(run.factors),
            "provenance": {
                "machine": machine,
                "precision": "p" * 40,
                "seconds": 1.0,
                "date": "2026-01-01",
            },
            "command": command_for("figure3", "paper", run.name),
            "outcome": "finished",
        }
        curves[run.name] = pd.DataFrame(scores)
        histories[run.name] = History(rows, scores, True)
    rows = [
        {"run": run.name, "scale": s, "psnr": 33.3333} for run in runs for s in "234"
    ]
    head = {"experiment": "figure3", "profile": "paper", "seed": 0}
    made = Recording({**head, "runs": record}, pd.DataFrame(rows), curves, histories)
    path = recording._write(made, tmp_path / "figure3.json")
    sizes = [file.stat().st_size for file in tmp_path.rglob("*.json")]
    assert len(sizes) == 2
    assert max(sizes) < 250_000
    assert Recording.read(path).histories.keys() == histories.keys()


def test_the_folder_that_ships_is_known_by_any_name(tmp_path, monkeypatch):
    """Named or not, it takes runs of the paper's size, whose weights ship too."""
    monkeypatch.setattr(recording, "data_file", tmp_path.joinpath)
    monkeypatch.chdir(tmp_path)
    ships = (Path("recorded"), tmp_path / "weights")
    assert recording._folders("paper", "recorded", None) == ships
    for name in (None, "recorded", tmp_path / "weights" / ".." / "recorded"):
        with pytest.raises(RunError, match="is for runs at profile paper"):
            recording._folders("quick", name, None)
    other = (Path("other"), Path("other") / "weights")
    assert recording._folders("quick", "other", None) == other


# --- weights --------------------------------------------------------------------------


def test_weights_ship_with_all_that_is_known_of_them(
    ablation, store, measured, tmp_path
):
    done = record(ablation, store, tmp_path)
    path = done.weights["T91"]
    card, run = read_card(path), ablation.runs("paper")[0]
    assert path.name == "vdsr-t91.safetensors"
    assert card["key"] == run.key()
    assert card["training"] == run.recipe().to_dict()
    assert card["architecture"] == run.architecture
    assert card["steps"] == 8
    assert "8 steps of 4 patches" in card["recipe"]
    assert card["data"] == f"{measured}, x2: 32 patches of 12 x 12"
    assert card["scales"] == [2.0, 3.0]
    assert list(card["scores"]) == list(card["ssim"]) == ["Set5"]
    assert card["command"].startswith("vdsr experiments run ablation --profile paper")
    assert card["check"] == "vdsr evaluate --model vdsr-t91 --data set5"
    made = store.load(run.key(), run.declaration()).record["provenance"]
    assert card["commit"] == made["machine"]["commit"]
    platform = made["machine"].pop("platform")
    assert platform
    assert card["machine"] == made["machine"]
    for name in ("seconds", "date", "precision"):
        assert card[name] == made[name]
    assert {"protocol", "terms"} <= card.keys()


@pytest.mark.parametrize("which", ["Set5", "validation"])
def test_pictures_that_decide_on_the_digits_are_asked_for_before_the_measuring(
    run, material, measured, tmp_path, monkeypatch, which
):
    """And not at all once their scores are in the store."""
    run = replace(run, name="T91")
    if which == "Set5":
        monkeypatch.setattr(shipping, "_JUDGED", "embedded-test")
    else:
        few = Pictures("embedded-test", (2,), crop=32, count=1)
        run = replace(run, validate=few)
    experiment = Experiment("ablation", "Tiny", "none", dict.fromkeys(PROFILES, (run,)))
    store = RunStore(tmp_path / "runs")
    make_run(run, store=store, material=material, monitor=Silent())

    def elsewhere(dataset, *args, **options):
        if dataset == "embedded-test":
            raise DataError("embedded-test is not here")
        return load_images(dataset, *args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(material_module, "load_images", elsewhere)
        patched.setattr(scoring, "evaluate", lambda *_, **__: pytest.fail("measured"))
        with pytest.raises(DataError, match="embedded-test is not here"):
            record(experiment, store, tmp_path)
    assert not (tmp_path / "recorded").exists()

    assert list(record(experiment, store, tmp_path).weights) == ["T91"]
    monkeypatch.setattr(material_module, "load_images", elsewhere)
    assert list(record(experiment, store, tmp_path).weights) == ["T91"]


def test_a_network_of_one_scale_is_checked_and_measured_at_that_scale(
    store, measured, tmp_path, declare
):
    one = declare(str(measured))  # at x2 alone
    path = record(one, store, tmp_path).weights["T91"]
    assert read_card(path)["check"].endswith("--data set5 --scales 2")
    (run, *_) = one.runs("paper")
    assert shipping._scales(replace(run, test=(), scales=(3, 4))) == (3, 4)


def test_the_cards_scores_are_those_of_the_stored_weights(
    ablation, store, measured, tmp_path, material
):
    path = record(ablation, store, tmp_path).weights["T91"]
    card = read_card(path)
    assert card["float16"]["used"]
    model, images = load_model(path), material.images(str(measured))
    scores = means(evaluate(model, images, (2, 3), precision="float32"))
    for scale in (2, 3):
        assert card["scores"]["Set5"][f"x{scale}"] == pytest.approx(
            scores.psnr[scale], abs=1e-4
        )
        assert card["ssim"]["Set5"][f"x{scale}"] == pytest.approx(
            scores.ssim[scale], abs=1e-4
        )
    (run, *_) = ablation.runs("paper")
    crops = evaluate(model, material.measured(run.validate), (2,), precision="float32")
    assert card["validation"] == {
        "pictures": "Set5 (middle 32 x 32)",
        "psnr": {"x2": pytest.approx(means(crops).psnr[2], abs=1e-4)},
    }


def test_half_the_digits_are_kept_where_they_cost_nothing_and_all_elsewhere(
    ablation, store, measured, tmp_path, monkeypatch
):
    light = record(ablation, store, tmp_path / "a").weights["T91"]
    monkeypatch.setattr(shipping, "FLOAT16_LIMIT", -1.0)
    exact = record(ablation, store, tmp_path / "b").weights["T91"]
    assert not read_card(exact)["float16"]["used"]
    run = ablation.runs("paper")[0]
    model = store.load(run.key(), run.declaration()).model
    whole, half = load_model(exact).state_dict(), load_model(light).state_dict()
    for name, tensor in model.state_dict().items():
        assert torch.equal(whole[name], tensor)
        assert torch.equal(half[name], tensor.half().float())


def test_the_loss_is_measured_on_validation_pictures_and_on_set5(
    ablation, store, measured, tmp_path, monkeypatch
):
    """Half the weights are spoilt here: the loss must be seen, and be the true one."""
    halved = shipping._halved

    def spoilt(model):
        copy = halved(model)
        with torch.no_grad():
            next(copy.parameters()).mul_(1.5)
            list(copy.parameters())[-1].add_(0.05)
        return copy

    monkeypatch.setattr(shipping, "_halved", spoilt)
    path = record(ablation, store, tmp_path).weights["T91"]
    loss = read_card(path)["float16"]
    assert not loss["used"]
    assert len(loss["loss in dB"]) == 3  # Set5 x2, x3; validation x2
    run = ablation.runs("paper")[0]
    model = store.load(run.key(), run.declaration()).model
    images = Material(torch.device("cpu")).images(str(measured))
    exact = means(evaluate(model, images, (2, 3), precision="float32")).psnr
    worse = means(evaluate(spoilt(model), images, (2, 3), precision="float32")).psnr
    for scale in (2, 3):
        assert loss["loss in dB"][f"Set5 x{scale}"] == pytest.approx(
            exact[scale] - worse[scale], abs=1e-4
        )
        assert exact[scale] - worse[scale] > 0.002
        # All digits ship, and the card says what these score.
        scores = read_card(path)["scores"]["Set5"]
        assert scores[f"x{scale}"] == pytest.approx(exact[scale], abs=1e-4)


def test_one_mean_beyond_the_limit_is_enough_and_the_card_scores_what_ships(
    ablation, store, measured, tmp_path, monkeypatch
):
    halved = shipping._halved

    def spoilt(model):
        copy = halved(model)
        with torch.no_grad():
            list(copy.parameters())[-1].add_(0.02)
        return copy

    monkeypatch.setattr(shipping, "_halved", spoilt)
    monkeypatch.setattr(shipping, "FLOAT16_LIMIT", 1e3)
    light = read_card(record(ablation, store, tmp_path / "a").weights["T91"])
    losses = light["float16"]["loss in dB"]
    assert light["float16"]["used"]
    least, *_, most = sorted(losses.values())
    monkeypatch.setattr(shipping, "FLOAT16_LIMIT", (least + most) / 2)
    exact = read_card(record(ablation, store, tmp_path / "b").weights["T91"])
    assert not exact["float16"]["used"]
    for scale in ("x2", "x3"):
        lost = exact["scores"]["Set5"][scale] - light["scores"]["Set5"][scale]
        assert lost == pytest.approx(losses[f"Set5 {scale}"], abs=2e-4)
        assert lost > 0.01
    lost = exact["validation"]["psnr"]["x2"] - light["validation"]["psnr"]["x2"]
    assert lost == pytest.approx(losses["Set5 (middle 32 x 32) x2"], abs=2e-4)


def test_the_recipe_is_one_sentence():
    srcnn = get_experiment("srcnn").runs("paper")[0]
    assert shipping._recipe(srcnn, 109_440) == (
        "80 epochs (109,440 steps of 16 patches), ADAM at 0.001, warmed up over 0.5 "
        "epochs, falling to 0 along a cosine, nothing clipped, weight decay 0, initial "
        "weights after He, weights averaged, 0.999 of them kept at each step"
    )
    slow = replace(srcnn, training=TrainingConfig.srcnn(drop_every=60))
    assert shipping._recipe(slow, 10) == (
        "80 epochs (10 steps of 64 patches), SGD at 0.0001, divided by 10 every 60 "
        "epochs, the last layer at 0.1 of it, nothing clipped, weight decay 0, initial "
        "weights after He"
    )
    vdsr = get_experiment("table3").runs("paper")[0]
    assert shipping._recipe(vdsr, 541_920) == (
        "80 epochs (541,920 steps of 64 patches), SGD at 0.1, divided by 10 every "
        "20 epochs, clipping adjustable with theta 0.0001, weight decay 0.0001"
    )
    never = replace(vdsr, training=replace(vdsr.training, drop_every=80))
    assert "at 0.1, clipping" in shipping._recipe(never, 1)  # of 80 epochs
    assert shipping._shown(vdsr.validate) == "bsd500-test (24 pictures, middle 96 x 96)"
    assert shipping._shown(Pictures("b100")) == "B100"
    scores = pd.Series({2: 37.527149, 1.5: 0.9})
    assert shipping.by_scale(scores) == {"x2": 37.5271, "x1.5": 0.9}
    assert shipping._data(vdsr, 433_536) == (
        "T91 + BSD200, x2, x3, x4: 433,536 patches of 41 x 41, in 8 flips and rotations"
    )


# --- words ----------------------------------------------------------------------------


def test_a_command_is_one_that_a_shell_takes():
    import shlex

    command = command_for("table1", "paper", "residual, rate 0.1", 2)
    assert shlex.split(command) == [
        *("vdsr", "experiments", "run", "table1", "--profile", "paper"),
        *("--only", "residual, rate 0.1", "--seed", "2"),
    ]
    assert command_for("ablation", "paper", "T91").endswith("--only T91")


def test_an_experiment_of_ones_own_has_no_command(
    run: Run, material: Material, tmp_path: Path
):
    """The command line knows the experiments of the catalogue alone."""
    own = Experiment("own", "Tiny", "none", dict.fromkeys(PROFILES, (run,)))
    kept = RunStore(tmp_path / "runs")
    with pytest.raises(
        RunError, match=r"of own at paper is in .*run_experiment\(own, .* mak"
    ):
        record(own, kept, tmp_path)
    make_run(run, store=kept, material=material, monitor=Silent())
    [entry] = record(own, kept, tmp_path).recording.record["runs"].values()
    assert entry["command"] == 'run_experiment(own, "paper", only="tiny")'


def test_the_cost_of_the_papers_network_by_hand():
    """9,920 steps of 64 patches of 41x41 at 530 GFLOP/s, and 81 validations."""
    (run,) = (r for r in get_experiment("ablation").runs("paper") if r.name == "T91")
    training = 9_920 * 64 * 41 * 41 * (6 * 664_704 - 2 * 576)
    validating = 81 * 24 * 3 * 96 * 96 * 2 * 664_704
    hours = (training / 530e9 + validating / 110e9) / 3600
    text = cost_text(run)
    assert text.startswith("not run (about ")
    assert float(text.split()[3]) == pytest.approx(hours, abs=0.06)


def test_an_srcnn_of_another_shape_has_a_cost_too():
    """An experiment of one's own may hold 9-3-5, whose rate nobody has measured."""
    run = get_experiment("srcnn").runs("paper")[0]
    other = replace(run, architecture={**run.architecture, "kernels": [9, 3, 5]})
    assert cost_text(other).startswith("not run (about ")


def test_a_recording_is_laid_out_to_be_read(ablation, store, measured, tmp_path):
    path = record(ablation, store, tmp_path).path
    lines = path.read_text().splitlines()
    assert len(lines) < 250
    content = json.loads("\n".join(lines))
    psnr = content["curves"]["T91"]["psnr_x2"]
    assert sum(json.dumps(psnr) in line for line in lines) == 1
    rows = [line for line in lines if line.strip().startswith('{"run": ')]
    assert len(rows) == len(content["table"]) == 4


def test_runs_of_several_machines_are_each_named(ablation, store, measured, tmp_path):
    """Two runs were made elsewhere, on another day: neither stands for the other."""
    done = record(ablation, store, tmp_path)
    first, second = (
        run["provenance"] for run in done.recording.record["runs"].values()
    )
    first["machine"] |= {"cpu": "Old", "torch": "2.13.0"}
    second["machine"] |= {"cpu": "New", "torch": "2.14.0"}
    first["date"], second["date"] = "2026-11-24T03:00:00", "2026-11-20T03:00:00"
    first["precision"], second["precision"] = "bfloat16", "float32"
    said = done.recording.provenance
    assert "; Old (bfloat16), torch 2.13.0 and New (float32), torch 2.14.0, " in said
    assert "2026-11-20 to 2026-11-24; 2 of 3 runs trained in" in said


def test_runs_of_another_seed_are_joined_with_those_recorded_before(
    ablation, tmp_path, monkeypatch
):
    """Made of entries alone: what is declared is known by its key for that seed."""
    first, second, third = ablation.runs("paper")

    def holding(run: Run, seed: int) -> Recording:
        entries = {run.name: {"key": run.key(seed), "provenance": {}}}
        head = {"profile": "paper", "seed": seed}
        table = pd.DataFrame({"run": [run.name], "dataset": ["set5"]})
        return Recording(
            {**head, "runs": entries}, table, {run.name: table}, {run.name: History()}
        )

    (tmp_path / "before.json").touch()
    before = holding(first, 3)
    monkeypatch.setattr(Recording, "read", lambda _: before)
    found = merging.earlier_recording(
        tmp_path / "before.json", ablation.runs("paper"), "paper", 3
    )
    assert found is before
    whole = merging.merged(holding(third, 3), before, ablation, {})
    assert list(whole.record["runs"]) == [first.name, third.name]
    assert list(whole.record["missing"]) == [second.name]
    assert list(whole.table.run) == [first.name, third.name]
    alone = merging.merged(holding(third, 4), before, ablation, {})
    assert list(alone.record["runs"]) == [third.name]
