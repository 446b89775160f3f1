"""The run folder: what is in it, what is refused, and a disk that is full."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from vdsr_lib import _files
from vdsr_lib.errors import RunError
from vdsr_lib.models import VDSR
from vdsr_lib.patches import PatchSet
from vdsr_lib.training import (
    DivergedError,
    History,
    Silent,
    TrainingConfig,
    loop,
    train,
)
from vdsr_lib.training.run_folder import Checkpoint, RunFolder

CONFIG = TrainingConfig.paper(epochs=4, batch_size=20)


def run(model, patches, folder, config=CONFIG, **options):
    given = {"monitor": Silent(), "device": "cpu", "precision": "float32"}
    return train(model, patches, config, run_dir=folder, **{**given, **options})


@pytest.fixture
def stopped(make_model, patches, recorder, tmp_path):
    """A run that was stopped at its tenth step of 28, in the second epoch."""
    folder = tmp_path / "run"
    run(make_model(), patches, folder, monitor=recorder(stop_at=10))
    return folder


def numbers(history: History) -> list[dict]:
    """Return the rows without the time that they took."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history.epochs]


def test_the_folder_holds_config_log_and_checkpoint(make_model, patches, tmp_path):
    folder = tmp_path / "deep" / "run"
    history = run(
        make_model(), patches, folder, validate=lambda _: {"psnr_x2": float("nan")}
    )
    names = {path.name for path in folder.iterdir()} - {".lock"}
    assert names == {"config.json", "history.jsonl", "checkpoint.safetensors"}
    noted = json.loads((folder / "config.json").read_text())
    assert TrainingConfig.from_dict(noted["config"]) == CONFIG
    assert noted["network"] == VDSR(3, 8).architecture
    assert noted["patches"]["fingerprint"] == patches.fingerprint()
    assert noted["machine"]["device"] == "cpu"
    assert noted["precision"] == "float32: asked for"
    lines = (folder / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [7, 14, 21, 28]
    assert json.loads(lines[0])["psnr_x2"] is None  # strict JSON has no NaN
    assert json.loads(lines[-1])["loss"] == history.epochs[-1]["loss"]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_resumed_run_ends_with_the_same_bits(
    make_model, patches, recorder, tmp_path, equal_weights, precision
):
    whole, resumed = make_model(), make_model(seed=99)
    given = {"precision": precision}
    expected = run(whole, patches, None, **given)
    run(make_model(), patches, tmp_path, monitor=recorder(stop_at=10), **given)
    history = run(resumed, patches, tmp_path, resume=True, **given)
    assert equal_weights(whole, resumed)
    assert numbers(history) == numbers(expected)
    assert history.finished


def test_a_resumed_run_states_the_precision_that_it_goes_on_in(
    make_model, patches, recorder, tmp_path
):
    run(
        make_model(),
        patches,
        tmp_path,
        monitor=recorder(stop_at=10),
        precision="bfloat16",
    )
    history = run(make_model(), patches, tmp_path, resume=True)
    assert history.precision == "float32: asked for"


def test_the_file_is_left_alone_while_a_resumed_run_goes_on(
    make_model, patches, stopped, recorder
):
    """Tensors read from a safetensors file can be windows into it."""
    path = stopped / "checkpoint.safetensors"
    kept = path.with_name("copy")
    os.link(path, kept)  # the same file, also after the name is given to another
    before = kept.read_bytes()
    run(make_model(), patches, stopped, resume=True)
    assert kept.read_bytes() == before
    assert path.read_bytes() != before


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("stop", [1, 6, 7, 8, 13, 14, 27, 28])
def test_every_place_to_stop_resumes(
    make_model, patches, recorder, tmp_path, equal_weights, stop, optimiser
):
    """Within an epoch, at its end, where the rate drops, and at the very end."""
    config = TrainingConfig.paper(
        epochs=4, batch_size=20, optimiser=optimiser, validate_every=5
    )
    scores = {"validate": lambda m: {"psnr": float(m(patches.ilr[:2]).mean())}}
    whole, resumed = make_model(), make_model(seed=99)
    expected = run(whole, patches, None, config, **scores)
    watch = recorder(stop_at=stop)
    run(make_model(), patches, tmp_path, config, monitor=watch, **scores)
    history = run(resumed, patches, tmp_path, config, resume=True, **scores)
    assert equal_weights(whole, resumed)
    assert numbers(history) == numbers(expected)
    assert history.validations == expected.validations


def test_a_checkpoint_is_written_when_the_last_one_is_old(
    make_model, patches, tmp_path, monkeypatch
):
    """A step takes ten seconds by this clock; after thirty it is time, by default."""
    now, saved, save = [0.0], [], RunFolder.save
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def noted(folder, checkpoint):
        saved.append((checkpoint.state["step"], checkpoint.state["position"]["done"]))
        save(folder, checkpoint)

    monkeypatch.setattr(RunFolder, "save", noted)
    model = make_model()
    model.register_forward_hook(lambda *_: now.append(now.pop() + 10))
    run(model, patches, tmp_path, TrainingConfig.paper(epochs=2, batch_size=20))
    assert saved == [(0, 0), (3, 3), (6, 6), (7, 0), (10, 3), (13, 6), (14, 0)]


def test_augmented_patches_resume_too(
    make_model, patches, recorder, tmp_path, equal_weights
):
    turning = PatchSet(patches.ilr, patches.hr, patches.scales, augment=True)
    config = TrainingConfig.paper(epochs=2, batch_size=64)
    whole, resumed = make_model(), make_model(seed=99)
    run(whole, turning, None, config)
    run(make_model(), turning, tmp_path, config, monitor=recorder(stop_at=25))
    run(resumed, turning, tmp_path, config, resume=True)
    assert equal_weights(whole, resumed)


def test_a_drop_after_a_warm_up_empties_the_momentum_resumed_or_not(
    make_model, patches, recorder, tmp_path, equal_weights
):
    """The rate drops from where the first epoch ended, not from where it began."""
    config = TrainingConfig.from_dict(
        {**CONFIG.to_dict(), "epochs": 2, "warm_up": 0.9, "max_steps": 8}
    )
    assert config.learning_rate_at(2) > config.learning_rate_at(1, 0.5 / 7)
    whole, resumed, kept = make_model(), make_model(seed=99), make_model()
    run(whole, patches, None, config)
    run(make_model(), patches, tmp_path, config, monitor=recorder(stop_at=4))
    run(resumed, patches, tmp_path, config, resume=True)
    assert equal_weights(whole, resumed)
    values = {**config.to_dict(), "reset_momentum": False}
    run(kept, patches, None, TrainingConfig.from_dict(values))
    assert not equal_weights(whole, kept)


def test_layers_that_draw_random_numbers_resume_too(
    patches, recorder, tmp_path, equal_weights
):
    def make() -> torch.nn.Module:
        torch.manual_seed(3)
        layers = torch.nn.Conv2d(1, 1, 3, padding=1), torch.nn.Dropout(0.5)
        return torch.nn.Sequential(*layers)

    config = TrainingConfig(  # not clipped: every step depends on what was drawn
        epochs=4, batch_size=20, clipping="none", learning_rate=1e-4
    )
    whole, resumed = make(), make()
    run(whole, patches, None, config)
    run(make(), patches, tmp_path, config, monitor=recorder(stop_at=10))
    run(resumed, patches, tmp_path, config, resume=True)
    assert equal_weights(whole, resumed)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_layer_that_is_used_twice_is_saved_and_resumed(
    patches, tmp_path, recorder, equal_weights, precision
):
    """Kim's other network, the recursive one, has its layers in common."""

    def make() -> torch.nn.Module:
        torch.manual_seed(5)
        first, last = torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.Conv2d(4, 1, 1)
        again = torch.nn.Conv2d(4, 4, 3, padding=1)
        return torch.nn.Sequential(first, again, torch.nn.ReLU(), again, last)

    whole, resumed = make(), make()
    given = {"precision": precision}
    run(whole, patches, None, **given)
    run(make(), patches, tmp_path, monitor=recorder(stop_at=10), **given)
    assert run(resumed, patches, tmp_path, resume=True, **given).finished
    assert equal_weights(whole, resumed)


def test_a_finished_run_is_returned_at_once(make_model, patches, tmp_path, recorder):
    trained, again = make_model(), make_model(seed=99)
    history = run(trained, patches, tmp_path)
    watch = recorder()
    repeated = run(again, patches, tmp_path, resume=True, monitor=watch)
    assert watch.steps == []
    assert repeated == history
    torch.testing.assert_close(again.state_dict(), trained.state_dict(), rtol=0, atol=0)


def test_resume_begins_where_there_is_nothing(make_model, patches, tmp_path):
    assert run(make_model(), patches, tmp_path / "new", resume=True).finished


def test_a_run_is_never_overwritten_unasked(make_model, patches, stopped):
    before = (stopped / "checkpoint.safetensors").read_bytes()
    with pytest.raises(RunError, match=r"run holds a run already: pass resume=True"):
        run(make_model(), patches, stopped)
    assert (stopped / "checkpoint.safetensors").read_bytes() == before


def test_a_torn_log_is_mended(make_model, patches, stopped):
    log = stopped / "history.jsonl"
    log.write_text(log.read_text() + '{"epoch": 2, "lo')
    run(make_model(), patches, stopped, resume=True)
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]


def damage(path, how: str) -> None:
    """Break a checkpoint in one way."""
    raw = bytearray(path.read_bytes())
    if how == "truncated":
        path.write_bytes(raw[: len(raw) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "one bit in the weights":
        raw[-5] ^= 1
        path.write_bytes(raw)
    elif how == "one digit in the position":
        at = raw.index(b'\\"step\\": 10')
        raw[at + 11] = ord("1")
        path.write_bytes(raw)
    elif how == "a tensor of another shape":
        with safe_open(path, framework="pt") as file:
            names, metadata = list(file.keys()), file.metadata()
            tensors = {name: file.get_tensor(name).clone() for name in names}
        name = "model.body.0.weight"  # (8, 1, 3, 3): the same bytes in another order
        tensors[name] = tensors[name].reshape(1, 8, 3, 3)
        save_file(tensors, path, metadata)
    elif how == "other tensors":
        path.unlink()
        save_file({"weight": torch.zeros(3)}, path)
    elif how == "a pickle":
        torch.save({"weight": torch.zeros(3)}, path)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("truncated", "is damaged"),
        ("empty", "is damaged"),
        ("one bit in the weights", "is damaged .its checksum is wrong"),
        ("one digit in the position", "is damaged .its checksum is wrong"),
        ("a tensor of another shape", "is damaged .its checksum is wrong"),
        ("other tensors", "is no checkpoint of a training run"),
        ("a pickle", "is damaged"),
    ],
)
def test_a_damaged_or_foreign_checkpoint_is_refused(
    make_model, patches, stopped, how, reason
):
    path = stopped / "checkpoint.safetensors"
    damage(path, how)
    broken = path.read_bytes()
    with pytest.raises(RunError, match=rf"checkpoint\.safetensors {reason}") as caught:
        run(make_model(), patches, stopped, resume=True)
    assert "choose another run_dir, or delete this one" in str(caught.value)
    assert path.read_bytes() == broken  # left as evidence


def test_the_checkpoint_of_another_run_is_refused_by_what_differs(
    make_model, patches, stopped
):
    def message(model, patches, config) -> str:
        with pytest.raises(RunError, match="is of another run") as caught:
            run(model, patches, stopped, config, resume=True)
        return str(caught.value)

    other = TrainingConfig.paper(epochs=4, batch_size=20, theta=1e-3, seed=2)
    assert (
        "config.seed was 0 and is 2; config.theta was 0.0001 and is 0.001"
        in message(make_model(), patches, other)
    )
    assert "network.depth was 3 and is 4" in message(VDSR(4, 8), patches, CONFIG)
    stranger = torch.nn.Conv2d(1, 1, 3, padding=1)  # known by its shapes alone
    assert "network.weight was None and is [1, 1, 3, 3]" in message(
        stranger, patches, CONFIG
    )
    fewer = PatchSet(patches.ilr[1:], patches.hr[1:], patches.scales[1:])
    assert "patches.count was 144 and is 143" in message(make_model(), fewer, CONFIG)


@pytest.mark.parametrize("frozen", ["before", "now"])
def test_other_parameters_to_train_are_refused(
    make_model, patches, tmp_path, recorder, frozen
):
    """Their moments are absent, or of weights that were never to move."""

    def make(is_frozen: bool) -> VDSR:
        model = make_model()
        model.body[2].requires_grad_(not is_frozen)
        return model

    run(make(frozen == "before"), patches, tmp_path, monitor=recorder(stop_at=10))
    with pytest.raises(RunError, match=r"body\.2\.bias, body\.2\.weight") as caught:
        run(make(frozen == "now"), patches, tmp_path, resume=True)
    assert "trained other parameters" in str(caught.value)


def test_the_checkpoint_is_no_pickle(stopped):
    with safe_open(stopped / "checkpoint.safetensors", "pt") as stream:
        assert set(stream.metadata()) == {"format", "state", "sha256"}
        names = set(stream.keys())
    assert {"model.body.0.weight", "update.momentum.body.0.weight"} <= names
    assert {"order", "sums", "random.cpu", "update.age"} <= names


def hold(folder, ready, release) -> None:
    """Hold a run folder in another process."""
    with RunFolder(folder, {}):
        ready.set()
        release.wait(60)


def test_a_second_process_is_refused_until_the_first_lets_go(
    make_model, patches, stopped
):
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    process = context.Process(target=hold, args=(stopped, ready, release))
    process.start()
    try:
        assert ready.wait(60)
        with pytest.raises(RunError, match=r"another process is training in .*run: "):
            run(make_model(), patches, stopped, resume=True)
    finally:
        release.set()
        process.join(60)
    assert run(make_model(), patches, stopped, resume=True).finished


def test_the_folder_is_free_again_after_a_failure(make_model, patches, tmp_path):
    config = TrainingConfig(batch_size=20, clipping="none", learning_rate=10.0)
    with pytest.raises(DivergedError):
        run(make_model(residual=False), patches, tmp_path, config)
    rows = (tmp_path / "history.jsonl").read_text().splitlines()
    assert json.loads(rows[-1])["epoch"] == 1  # the failing step is on record
    with RunFolder(tmp_path, {}):
        pass


def fail_from(monkeypatch, call: int, code: int = errno.ENOSPC) -> None:
    """Let the disk be full from the n-th flush of a file on."""
    flush, calls = os.fsync, iter(range(1, 10_000))

    def full(handle: int) -> None:
        if next(calls) >= call:
            raise OSError(code, os.strerror(code))
        flush(handle)

    monkeypatch.setattr(_files.os, "fsync", full)


@pytest.mark.parametrize("call", [1, 3, 5, 8, 11, 14, 17])
def test_a_full_disk_stops_the_run_and_the_last_checkpoint_is_good(
    make_model, patches, tmp_path, monkeypatch, equal_weights, call
):
    """Wherever in the run the disk is full: config, log, or checkpoint."""
    with monkeypatch.context() as patched:
        fail_from(patched, call)
        with pytest.raises(RunError, match=r"No space left on device.*resume=True"):
            run(make_model(), patches, tmp_path)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".partial")]
    whole, resumed = make_model(), make_model()
    run(whole, patches, None)
    assert run(resumed, patches, tmp_path, resume=True).finished
    assert equal_weights(whole, resumed)


def test_the_message_of_a_full_disk_says_what_is_good(
    make_model, patches, tmp_path, monkeypatch
):
    with monkeypatch.context() as patched:
        fail_from(patched, 11)
        with pytest.raises(RunError, match="the checkpoint of step 7 is intact"):
            run(make_model(), patches, tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="files are limited so on POSIX only")
def test_a_real_limit_on_the_size_of_files(make_model, patches, tmp_path):
    """The system itself refuses the write, as on a full disk."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, before[1]))
    try:
        with pytest.raises(RunError, match="no checkpoint was written yet"):
            run(make_model(), patches, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert run(make_model(), patches, tmp_path, resume=True).finished


def test_what_a_killed_writer_left_is_cleared_away(make_model, patches, stopped):
    killed = (
        "import os, sys; from vdsr_lib._files import write_atomically; "
        "os.fsync = lambda _: os._exit(9); write_atomically(sys.argv[1], b'half')"
    )
    command = [sys.executable, "-c", killed, stopped / "checkpoint.safetensors"]
    assert subprocess.run(command, check=False).returncode == 9
    assert len(list(stopped.glob(".partial-*"))) == 1
    (stopped / "notes.txt").write_text("mine")
    run(make_model(), patches, stopped, resume=True)
    assert not list(stopped.glob(".partial-*"))
    assert (stopped / "notes.txt").exists()


def test_a_file_in_the_place_of_the_folder_is_named(make_model, patches, tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(RunError, match=r"cannot use .*run as run_dir: "):
        run(make_model(), patches, tmp_path / "run")


def test_a_moved_folder_goes_on(make_model, patches, stopped, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.move(stopped, moved)
    assert run(make_model(), patches, moved, resume=True).finished


def test_dtypes_and_shapes_survive(tmp_path):
    tensors = {
        "a": torch.arange(5),
        "b": torch.rand(2, 3).to(torch.bfloat16),
        "c": torch.tensor(1.5, dtype=torch.float64),
        "d": torch.rand(2, 4, 3, 3).to(memory_format=torch.channels_last),
        "e": torch.zeros(0),
    }
    state = {"step": 3, "history": {"epochs": []}}
    with RunFolder(tmp_path, {"x": (1, 2)}) as folder:
        folder.begin(resume=False, provenance={})
        folder.save(Checkpoint(tensors, state))
        found = folder.begin(resume=True, provenance={})
    assert found.state == state
    for name, tensor in tensors.items():
        assert found.tensors[name].dtype == tensor.dtype
        assert torch.equal(found.tensors[name], tensor)


def test_a_history_is_saved_and_loaded(make_model, patches, tmp_path):
    history = run(make_model(), patches, None, validate=lambda _: {"psnr_x2": 30.125})
    path = history.save(tmp_path / "history.json")
    assert History.load(path) == history
    assert repr(history).startswith("History(4 epochs, 28 steps, loss 1.")
    assert ", psnr_x2 30.12)" in repr(history)
    assert repr(History()) == "History(no epoch yet)"
    for other in (b"[1, 2]", b"\x89PNG\r\n"):
        path.write_bytes(other)
        with pytest.raises(RunError, match=r"history\.json is not a training history"):
            History.load(path)
    with pytest.raises(FileNotFoundError):
        History.load(tmp_path / "absent.json")
